//! Records: conferences, refused tries, leftovers of a killed run, retention.

use std::time::Duration;

use partyline_conference::quality::TheirQuality;
use partyline_conference::{
    AttemptId, CallQuality, Change, CodecLabel, CommandId, ConferenceEnd, Decision, EventKind, EventSequence,
    LeaveReason, Order, RecordedName, Refusal, Role, ServiceName, Standing, WaitingKind,
};
use partyline_store::{Attempt, ConferenceFilter, Retention, Store, StoreError};

use crate::scene::{
    NOW, Scene, arrive, attendance, conferee, conference, create, end, leave, mix, mixer, reserve, seat_in,
    vru,
};

pub(crate) async fn a_conference_is_on_record_with_every_entry_and_exit(store: &dyn Store) {
    let scene = Scene::with_conference(store).await;
    scene.commit([leave(2, LeaveReason::NeverJoined)]).await.unwrap();
    let live = store.conference(conference(1)).await.unwrap().unwrap();
    assert_eq!((live.room, live.room_name.as_str(), live.code_ends.as_str()), (scene.room, "room-7", "07"));
    assert_eq!((live.mix, live.mixer, live.epoch.0, live.seated), (mix(1), mixer("m1"), 1, 1));
    assert_eq!((live.started_at, live.ended_at, live.end), (NOW, None, None));
    let [host, participant] = live.conferees.as_slice() else { panic!("{:?}", live.conferees) };
    assert_eq!(
        (host.id, host.order, host.role, host.state.as_str()),
        (conferee(1), Order(1), Role::Host, "joined")
    );
    assert_eq!((host.caller_number.as_str(), host.joined_at, host.left_at), ("5551", Some(NOW), None));
    assert_eq!((participant.state.as_str(), participant.left_at), ("left", Some(NOW)));
    assert_eq!(participant.leave_reason.as_deref(), Some("never_joined"));
    assert_eq!((participant.vru.clone(), participant.joined_at), (vru(), None));

    scene.commit([leave(1, LeaveReason::HungUp), end(1, ConferenceEnd::LastLeft)]).await.unwrap();
    let past = store.conference(conference(1)).await.unwrap().unwrap();
    assert_eq!((past.ended_at, past.end.as_deref(), past.seated), (Some(NOW), Some("last_left"), 0));
    assert_eq!((past.mixer, past.conferees.len()), (mixer("m1"), 2));
    assert_eq!(store.conference(conference(9)).await.unwrap(), None);
}

pub(crate) async fn how_a_call_sounded_is_on_record_with_its_conferee(store: &dyn Store) {
    let scene = Scene::with_conference(store).await;
    let quality = CallQuality {
        codec: CodecLabel::new("PCMU").unwrap(),
        is_secret: true,
        packets_received: 990,
        packets_sent: 1_000,
        packets_lost: 10,
        packets_late: 2,
        burst_tenths: 25,
        concealed_permyriad: 125,
        jitter_us: 1_250,
        round_trip_us: None,
        mos_hundredths: Some(412),
        theirs: Some(TheirQuality { packets_lost: 3, jitter_us: 800, mos_hundredths: 430 }),
    };
    store.note_quality(attendance(1), &quality).await.unwrap();
    let better = CallQuality { mos_hundredths: Some(420), round_trip_us: Some(40_000), ..quality };
    store.note_quality(attendance(1), &better).await.unwrap();
    store.note_quality(attendance(99), &quality).await.unwrap();
    scene.commit([leave(1, LeaveReason::HungUp)]).await.unwrap();
    let record = store.conference(conference(1)).await.unwrap().unwrap();
    let [host, participant] = record.conferees.as_slice() else { panic!("{:?}", record.conferees) };
    assert_eq!((host.quality, participant.quality), (Some(better), None));
    let plain = CallQuality { theirs: None, mos_hundredths: None, ..quality };
    store.note_quality(attendance(2), &plain).await.unwrap();
    let record = store.conference(conference(1)).await.unwrap().unwrap();
    assert_eq!(record.conferees[1].quality, Some(plain), "after they left too");
}

fn name(samples: usize, level: i16) -> RecordedName {
    RecordedName::new(vec![level; samples]).unwrap()
}

pub(crate) async fn a_name_is_kept_with_its_caller_and_heard_by_the_roster(store: &dyn Store) {
    let scene = Scene::with_conference(store).await;
    assert_eq!(store.recorded_name(attendance(1)).await.unwrap(), None);
    store.keep_name(attendance(1), &name(8_000, -3)).await.unwrap();
    store.keep_name(attendance(1), &name(RecordedName::SAMPLES_MAX, i16::MIN)).await.unwrap();
    let kept = store.recorded_name(attendance(1)).await.unwrap();
    assert_eq!(
        kept,
        Some(name(RecordedName::SAMPLES_MAX, i16::MIN)),
        "the last one counts, at its longest too"
    );
    scene.commit([Change::Join { attendance: attendance(2) }]).await.unwrap();
    let roster = store.roster(conference(1)).await.unwrap();
    let names: Vec<_> = roster.iter().map(|entry| (entry.conferee, entry.has_name)).collect();
    assert_eq!(names, [(conferee(1), true), (conferee(2), false)]);
    assert_eq!(store.recorded_name(attendance(99)).await.unwrap(), None);
    // Who never came in, or has gone, has no name to keep.
    let unknown = store.keep_name(attendance(99), &name(1, 0)).await;
    assert!(matches!(unknown, Err(StoreError::Unknown(_))), "{unknown:?}");
    scene.commit([leave(2, LeaveReason::HungUp)]).await.unwrap();
    assert!(store.keep_name(attendance(2), &name(1, 0)).await.is_err());
    assert_eq!(store.recorded_name(attendance(2)).await.unwrap(), None);
}

pub(crate) async fn names_go_with_the_records_of_their_conference_and_not_before(store: &dyn Store) {
    let scene = Scene::with_conference(store).await;
    store.keep_name(attendance(1), &name(800, 1)).await.unwrap();
    store.keep_name(attendance(2), &name(800, 2)).await.unwrap();
    scene.commit([leave(2, LeaveReason::HungUp)]).await.unwrap();
    let hour = Duration::from_secs(3600);
    let kept = Retention { conferences: Some(hour), ..nothing() };
    store.purge(NOW.after(2 * hour), &kept).await.unwrap();
    assert_eq!(store.recorded_name(attendance(2)).await.unwrap(), Some(name(800, 2)), "the conference lives");
    // A restart ends the conference; its records stay as long as any.
    store.end_leftovers(NOW).await.unwrap();
    store.purge(NOW.after(hour), &kept).await.unwrap();
    assert_eq!(store.recorded_name(attendance(1)).await.unwrap(), Some(name(800, 1)));
    let before = store.purge(NOW.after(2 * hour), &kept).await.unwrap();
    // Two conferees, two names, two attendances, a conference and its mix.
    assert_eq!(before, 8);
    assert_eq!(store.recorded_name(attendance(1)).await.unwrap(), None);
}

pub(crate) async fn conferences_are_listed_by_room_and_life(store: &dyn Store) {
    let one = Scene::with_conference(store).await;
    one.commit([
        Change::LeaveAll { conference: conference(1), reason: LeaveReason::Deleted },
        end(1, ConferenceEnd::Ended),
    ])
    .await
    .unwrap();
    one.commit([create(2, "m1")]).await.unwrap();
    let other = Scene::numbered(store, 8).await;
    other.commit([create(3, "m1")]).await.unwrap();
    let list = async |room, is_live, limit| {
        let found = store.conferences(&ConferenceFilter { room, is_live, limit }).await.unwrap();
        let mut ids: Vec<_> = found.into_iter().map(|record| record.id.bits()).collect();
        ids.sort_unstable();
        ids
    };
    assert_eq!(list(None, false, 0).await, [1, 2, 3]);
    assert_eq!(list(None, true, 0).await, [2, 3]);
    assert_eq!(list(Some(one.room), false, 0).await, [1, 2]);
    assert_eq!(list(Some(one.room), true, 0).await, [2]);
    assert_eq!(list(None, false, 2).await.len(), 2);
}

pub(crate) async fn a_reported_try_is_recorded_once(store: &dyn Store) {
    let attempt = |number, refusal| Attempt {
        id: AttemptId::from_bits(number),
        at: NOW,
        refusal,
        caller_number: "5551".into(),
        dnis: "100".into(),
        source: "127.0.0.1".into(),
        vru: vru(),
        room: None,
    };
    let both = [attempt(1, Refusal::UnknownCode), attempt(2, Refusal::WrongPin)];
    store.record_attempts(&both).await.unwrap();
    store.record_attempts(&[attempt(1, Refusal::LockedOut)]).await.unwrap();
    let kept = Retention { attempts: Some(Duration::from_secs(1)), ..nothing() };
    assert_eq!(store.purge(NOW.after(Duration::from_secs(2)), &kept).await.unwrap(), 2);
}

fn nothing() -> Retention {
    Retention { conferences: None, events: None, attempts: None, commands: None }
}

pub(crate) async fn leftovers_of_a_killed_run_are_ended_and_told(store: &dyn Store) {
    let scene = Scene::with_conference(store).await;
    let open = Change::OpenLobby { mix: mix(5), mixer: mixer("m1") };
    let waits = arrive(3, Role::Participant, WaitingKind::Lobby);
    scene.commit([open, reserve(5, "m1", 2), waits]).await.unwrap();
    let before = scene.version().await;
    assert_eq!(store.end_leftovers(NOW).await.unwrap(), 1);
    assert_eq!(scene.version().await, before.next());
    let record = store.conference(conference(1)).await.unwrap().unwrap();
    assert_eq!((record.end.as_deref(), record.seated), (Some("restart"), 0));
    let snapshot = scene.snapshot().await;
    assert_eq!((snapshot.conference, snapshot.lobby, snapshot.account.callers), (None, None, 0));
    assert!(snapshot.waiting.is_empty() && store.mixers().await.unwrap().is_empty());
    let servers = store.interface_servers(&ServiceName::new("conferencing").unwrap()).await.unwrap();
    assert!(servers.is_empty() && store.vrus().await.unwrap().is_empty());
    assert_eq!(scene.view(3).await.standing, Standing::Removed(LeaveReason::VruLost));
    let told = store.events(scene.room, EventSequence(0), 100).await.unwrap().events;
    let told: Vec<_> = told.into_iter().map(|event| event.kind).collect();
    assert!(
        told.contains(&EventKind::ConferenceEnded { conference: conference(1), why: ConferenceEnd::Restart })
    );
    assert!(
        told.contains(&EventKind::CallerLeft { attendance: attendance(3), reason: LeaveReason::VruLost })
    );
    assert!(told.contains(&EventKind::ConfereeLeft {
        conference: conference(1),
        conferee: conferee(1),
        reason: LeaveReason::VruLost,
        had_joined: true
    }));
    assert_eq!(told.len(), 4);
    assert_eq!(store.end_leftovers(NOW).await.unwrap(), 0);
    assert_eq!(scene.version().await, before.next());
    assert!(Scene::numbered(store, 8).await.commit([create(2, "m1"), reserve(2, "m1", 8)]).await.is_ok());
}

pub(crate) async fn old_records_go_and_what_is_live_stays(store: &dyn Store) {
    let scene = Scene::with_conference(store).await;
    scene
        .commit([
            Change::LeaveAll { conference: conference(1), reason: LeaveReason::ConferenceEnded },
            end(1, ConferenceEnd::Ended),
        ])
        .await
        .unwrap();
    let waits = arrive(3, Role::Host, WaitingKind::Held);
    scene.commit([create(2, "m1"), waits, seat_in(2, 3, 1, Role::Host)]).await.unwrap();
    let events = vec![EventKind::CallerWaits { attendance: attendance(3) }];
    let answers = vec![(CommandId::from_bits(1), Ok(()))];
    scene.decide(Decision { events, answers, ..Decision::default() }).await.unwrap();
    let hour = Duration::from_secs(3600);
    let all =
        Retention { conferences: Some(hour), events: Some(hour), attempts: Some(hour), commands: Some(hour) };
    assert_eq!(store.purge(NOW.after(hour), &all).await.unwrap(), 0);
    assert_eq!(store.purge(NOW.after(2 * hour), &nothing()).await.unwrap(), 0);
    // Two conferees, two attendances, a conference and its mix; an event; a command.
    assert_eq!(store.purge(NOW.after(2 * hour), &all).await.unwrap(), 8);
    assert_eq!(store.conference(conference(1)).await.unwrap(), None);
    assert_eq!(store.conference(conference(2)).await.unwrap().unwrap().conferees.len(), 1);
    assert!(store.events(scene.room, EventSequence(0), 10).await.unwrap().events.is_empty());
    assert_eq!(store.answered_command(CommandId::from_bits(1)).await.unwrap(), None);
    // The sequence goes on where it was.
    scene.tell(vec![EventKind::CallerWaits { attendance: attendance(3) }]).await.unwrap();
    assert_eq!(store.events(scene.room, EventSequence(0), 10).await.unwrap().events[0].sequence.0, 2);
}

pub(crate) async fn who_left_a_live_conference_long_ago_stays_on_its_record(store: &dyn Store) {
    let scene = Scene::with_conference(store).await;
    scene.commit([leave(2, LeaveReason::HungUp)]).await.unwrap();
    let hour = Some(Duration::from_secs(3600));
    let all = Retention { conferences: hour, events: hour, attempts: hour, commands: hour };
    store.purge(NOW.after(Duration::from_secs(7200)), &all).await.unwrap();
    let record = store.conference(conference(1)).await.unwrap().unwrap();
    let states: Vec<&str> = record.conferees.iter().map(|conferee| conferee.state.as_str()).collect();
    assert_eq!(states, ["joined", "left"]);
}
