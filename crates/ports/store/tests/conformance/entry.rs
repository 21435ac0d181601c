//! Commits and what is seen after them: entry, waiting, seats, leaving.

use std::time::Duration;

use partyline_conference::{
    AttendanceState, Change, CommandRefusal, ConfereeState, ConferenceEnd, Controls, Decision, EventKind,
    EventSequence, Generation, LeaveReason, MixKind, Order, Refusal, Role, RoomId, RoomVersion, Standing,
    Voice, VruId, WaitingKind,
};
use partyline_store::{CommitError, RoomCommit, Store, StoreError};

use crate::scene::{
    NOW, Scene, arrive, attendance, caller, command, conferee, conference, create, end, leave, mix, mixer,
    reserve, seat,
};

pub(crate) async fn a_new_room_has_an_empty_snapshot(store: &dyn Store) {
    let scene = Scene::new(store).await;
    let snapshot = scene.snapshot_of(&[attendance(1)]).await;
    assert_eq!((snapshot.now, snapshot.room.id, snapshot.room.version), (NOW, scene.room, RoomVersion(1)));
    assert_eq!((snapshot.conference, snapshot.lobby), (None, None));
    assert!(snapshot.waiting.is_empty() && snapshot.attendances.is_empty() && snapshot.overdue.is_empty());
    assert_eq!(snapshot.mixers.len(), 2);
    assert_eq!((snapshot.account.callers, snapshot.account.callers_max), (0, None));
    let unknown = store.snapshot(RoomId::from_bits(99), NOW, &[], &[]).await;
    assert!(matches!(unknown, Err(StoreError::Unknown("room"))));
}

pub(crate) async fn who_waits_is_listed_in_order_of_arrival(store: &dyn Store) {
    let scene = Scene::new(store).await;
    let mut late = arrive(1, Role::Participant, WaitingKind::Held);
    if let Change::Arrive { at, .. } = &mut late {
        *at = NOW.after(Duration::from_secs(1));
    }
    let early = [3, 2].map(|number| arrive(number, Role::Participant, WaitingKind::Held));
    scene.commit([late].into_iter().chain(early)).await.unwrap();
    let snapshot = scene.snapshot_of(&[attendance(2), attendance(99)]).await;
    let order: Vec<_> = snapshot.waiting.iter().map(|waiting| waiting.attendance).collect();
    assert_eq!(order, [attendance(2), attendance(3), attendance(1)]);
    let known = &snapshot.attendances[&attendance(2)];
    assert_eq!((known.caller.clone(), known.generation, known.arrived_at), (caller(2), Generation(1), NOW));
    assert_eq!(known.state, AttendanceState::Waiting(WaitingKind::Held));
    let unlimited = (snapshot.account.callers, snapshot.account.callers_max);
    assert_eq!((snapshot.attendances.len(), unlimited), (1, (0, None)), "nobody counts what has no limit");
    assert_eq!(scene.view(3).await.standing, Standing::Held);
}

pub(crate) async fn a_conference_is_seen_with_its_seats_mix_and_reservation(store: &dyn Store) {
    let scene = Scene::with_conference(store).await;
    let snapshot = scene.snapshot_of(&[attendance(1)]).await;
    let live = snapshot.conference.unwrap();
    assert_eq!((live.id, live.mix.mix, live.mix.mixer.clone()), (conference(1), mix(1), mixer("m1")));
    assert_eq!((live.mix.epoch.0, live.mix.reserved, scene.reserved("m1").await), (1, 4, 4));
    assert_eq!((live.seated, live.hosts_seated, live.next_order), (2, 1, Order(3)));
    assert_eq!((live.is_locked, live.started_at, live.deadline), (false, NOW, None));
    assert_eq!(
        snapshot.attendances[&attendance(1)].state,
        AttendanceState::Seated {
            conference: conference(1),
            conferee: conferee(1),
            order: Order(1),
            state: ConfereeState::Joined,
            voice: Voice::default(),
        }
    );
    assert!(snapshot.waiting.is_empty());
}

pub(crate) async fn a_seated_callers_view_says_where_to_go(store: &dyn Store) {
    let scene = Scene::with_conference(store).await;
    let Standing::Placed {
        conference: of,
        conferee: seat,
        order,
        role,
        state,
        is_alone,
        music,
        is_locked,
        controls,
        mix: to,
        aside,
    } = scene.view(2).await.standing
    else {
        panic!("the caller is not placed");
    };
    assert_eq!((of, seat, order), (conference(1), conferee(2), Order(2)));
    assert_eq!((role, state), (Role::Participant, ConfereeState::Placed));
    assert_eq!((is_alone, music, is_locked, aside), (false, true, false, None));
    assert_eq!((to.mix, to.kind, to.mixer, to.epoch.0), (mix(1), MixKind::Conference, mixer("m1"), 1));
    assert_eq!(controls, Controls { may_unmute: true, ..Controls::default() });
    assert_eq!(to.address, "mem:m1");
    scene.commit([leave(1, LeaveReason::HungUp)]).await.unwrap();
    assert!(matches!(scene.view(2).await.standing, Standing::Placed { is_alone: true, .. }));
    assert_eq!(scene.view(1).await.standing, Standing::Removed(LeaveReason::HungUp));
    assert!(store.views(&[attendance(99)]).await.unwrap().is_empty());
}

pub(crate) async fn a_decision_on_an_old_version_changes_nothing(store: &dyn Store) {
    let scene = Scene::new(store).await;
    let old = scene.version().await;
    scene.commit([arrive(1, Role::Participant, WaitingKind::Held)]).await.unwrap();
    let before = scene.snapshot().await;
    let late = Decision { changes: vec![create(1, "m1")], ..Decision::default() };
    assert!(matches!(scene.decide_on(old, late).await, Err(CommitError::Conflict)));
    assert_eq!(scene.snapshot().await, before);
    let nowhere =
        RoomCommit { room: RoomId::from_bits(99), expected: old, at: NOW, decision: Decision::default() };
    assert!(matches!(store.commit(nowhere).await, Err(CommitError::Store(StoreError::Unknown("room")))));
}

pub(crate) async fn a_second_live_conference_is_a_conflict(store: &dyn Store) {
    let scene = Scene::with_conference(store).await;
    let before = scene.snapshot().await;
    assert!(matches!(scene.commit([create(2, "m2")]).await, Err(CommitError::Conflict)));
    assert_eq!(scene.snapshot().await, before);
}

pub(crate) async fn an_empty_decision_leaves_the_version(store: &dyn Store) {
    let scene = Scene::new(store).await;
    let before = scene.version().await;
    assert_eq!(scene.decide(Decision::default()).await.unwrap(), before);
    assert_eq!(scene.version().await, before);
}

pub(crate) async fn joined_absent_and_back_keeps_the_seat(store: &dyn Store) {
    let scene = Scene::with_conference(store).await;
    let deadline = NOW.after(Duration::from_secs(30));
    scene.commit([Change::Absent { attendance: attendance(1), deadline }]).await.unwrap();
    let one = attendance(1);
    let absent = scene.snapshot_of(&[one]).await.attendances[&one].clone();
    assert_eq!(absent.deadline, Some(deadline));
    assert!(matches!(absent.state, AttendanceState::Seated { state: ConfereeState::Absent, .. }));
    assert!(matches!(scene.view(2).await.standing, Standing::Placed { is_alone: true, .. }));
    scene.commit([Change::Return { attendance: one, deadline }]).await.unwrap();
    let other = VruId::new("vru-2").unwrap();
    let again = Change::Reattend { attendance: one, generation: Generation(2), vru: other.clone() };
    scene.commit([again, Change::Join { attendance: one }]).await.unwrap();
    let back = scene.snapshot_of(&[one]).await.attendances[&one].clone();
    assert_eq!((back.generation, back.vru, back.deadline), (Generation(2), other, None));
    assert_eq!(
        back.state,
        AttendanceState::Seated {
            conference: conference(1),
            conferee: conferee(1),
            order: Order(1),
            state: ConfereeState::Joined,
            voice: Voice::default(),
        }
    );
}

pub(crate) async fn an_order_is_never_given_twice(store: &dyn Store) {
    let scene = Scene::with_conference(store).await;
    scene.commit([leave(2, LeaveReason::Keys)]).await.unwrap();
    let taken =
        scene.commit([arrive(3, Role::Participant, WaitingKind::Held), seat(3, 2, Role::Participant)]).await;
    assert!(matches!(taken, Err(CommitError::Store(_))));
    scene
        .commit([arrive(3, Role::Participant, WaitingKind::Held), seat(3, 3, Role::Participant)])
        .await
        .unwrap();
    assert_eq!(scene.snapshot().await.conference.unwrap().next_order, Order(4));
}

pub(crate) async fn an_ended_conference_frees_its_seats_and_all_have_left(store: &dyn Store) {
    let scene = Scene::with_conference(store).await;
    let all = Change::LeaveAll { conference: conference(1), reason: LeaveReason::ConferenceEnded };
    scene.commit([all, end(1, ConferenceEnd::Ended)]).await.unwrap();
    assert_eq!(scene.reserved("m1").await, 0);
    let snapshot = scene.snapshot().await;
    assert_eq!((snapshot.conference, snapshot.account.callers), (None, 0));
    for number in [1, 2] {
        assert_eq!(scene.view(number).await.standing, Standing::Removed(LeaveReason::ConferenceEnded));
    }
    assert!(scene.commit([create(2, "m1"), reserve(2, "m1", 8)]).await.is_ok());
}

pub(crate) async fn who_is_refused_is_told_and_on_record(store: &dyn Store) {
    let scene = Scene::new(store).await;
    let mut refused = arrive(1, Role::Participant, WaitingKind::Held);
    if let Change::Arrive { state, .. } = &mut refused {
        *state = AttendanceState::Refused(Refusal::Full);
    }
    let held = arrive(2, Role::Participant, WaitingKind::Held);
    let later = Change::Refuse { attendance: attendance(2), refusal: Refusal::Locked };
    scene.commit([refused, held, later]).await.unwrap();
    assert_eq!(scene.view(1).await.standing, Standing::Refused(Refusal::Full));
    assert_eq!(scene.view(2).await.standing, Standing::Refused(Refusal::Locked));
    assert_eq!(scene.snapshot().await.account.callers, 0);
}

pub(crate) async fn early_callers_talk_in_a_lobby_until_it_is_closed(store: &dyn Store) {
    let scene = Scene::new(store).await;
    let open = Change::OpenLobby { mix: mix(5), mixer: mixer("m2") };
    let waits = arrive(1, Role::Participant, WaitingKind::Lobby);
    scene.commit([open, reserve(5, "m2", 3), waits]).await.unwrap();
    let lobby = scene.snapshot().await.lobby.unwrap();
    assert_eq!((lobby.mix, lobby.mixer, lobby.reserved, lobby.epoch.0), (mix(5), mixer("m2"), 3, 1));
    let Standing::ConnectedForNow(to) = scene.view(1).await.standing else {
        panic!("the caller is not in the lobby");
    };
    assert_eq!((to.mix, to.kind, to.address.as_str()), (mix(5), MixKind::Lobby, "mem:m2"));
    let held = Change::Wait { attendance: attendance(1), kind: WaitingKind::Held, deadline: None };
    scene.commit([held, Change::CloseLobby { mix: mix(5) }]).await.unwrap();
    assert_eq!((scene.snapshot().await.lobby, scene.reserved("m2").await), (None, 0));
    assert_eq!(scene.view(1).await.standing, Standing::Held);
}

pub(crate) async fn a_change_that_names_what_is_not_there_writes_nothing(store: &dyn Store) {
    let scene = Scene::with_conference(store).await;
    let before = scene.snapshot_of(&[attendance(1)]).await;
    let wrong = [
        Change::Join { attendance: attendance(99) },
        Change::Leave { attendance: attendance(99), reason: LeaveReason::HungUp },
        Change::CloseLobby { mix: mix(99) },
        Change::SetLock { conference: conference(99), locked: true },
        Change::SetDeadline { conference: conference(99), deadline: None },
        seat(99, 9, Role::Participant),
        end(99, ConferenceEnd::Ended),
        // Two still sit in it.
        end(1, ConferenceEnd::Ended),
        arrive(1, Role::Host, WaitingKind::Held),
    ];
    for change in wrong {
        let lock = Change::SetLock { conference: conference(1), locked: true };
        let refused = scene.commit([lock, change.clone()]).await;
        assert!(matches!(refused, Err(CommitError::Store(_))), "{change:?}: {refused:?}");
    }
    assert_eq!(scene.snapshot_of(&[attendance(1)]).await, before);
}

pub(crate) async fn events_follow_each_other_without_a_gap_and_come_in_pages(store: &dyn Store) {
    let scene = Scene::new(store).await;
    let kinds = every_event();
    scene.tell(kinds[..5].to_vec()).await.unwrap();
    let lost = Decision { events: vec![kinds[0].clone()], ..Decision::default() };
    assert!(scene.decide_on(RoomVersion(1), lost).await.is_err());
    scene.tell(kinds[5..].to_vec()).await.unwrap();
    let page = store.events(scene.room, EventSequence(0), 4).await.unwrap();
    assert!(page.has_more);
    assert_eq!(page.events.len(), 4);
    let rest = store.events(scene.room, page.events[3].sequence, 100).await.unwrap();
    assert!(!rest.has_more);
    let all: Vec<_> = page.events.into_iter().chain(rest.events).collect();
    assert!(all.iter().map(|event| event.sequence.0).eq(1..=all.len() as u64));
    assert!(all.iter().all(|event| event.room == scene.room && event.at == NOW));
    assert_eq!(all.into_iter().map(|event| event.kind).collect::<Vec<_>>(), kinds);
}

fn every_event() -> Vec<EventKind> {
    use partyline_conference::command::Command;
    let (conference, conferee, attendance) = (conference(1), conferee(2), attendance(3));
    vec![
        EventKind::CallerWaits { attendance },
        EventKind::CallerRefused { attendance, refusal: Refusal::NoMixer },
        EventKind::CallerLeft { attendance, reason: LeaveReason::Keys },
        EventKind::ConferenceCreated { conference, mix: mix(4), mixer: mixer("m1") },
        EventKind::ConfereePlaced { conference, conferee, attendance, order: Order(1), role: Role::Host },
        EventKind::ConfereeJoined { conference, conferee, is_first: true },
        EventKind::ConfereeAbsent { conference, conferee },
        EventKind::ConfereeLeft { conference, conferee, reason: LeaveReason::NoRtp, had_joined: false },
        EventKind::ConferenceMoved { conference, mixer: mixer("m2"), epoch: partyline_conference::Epoch(2) },
        EventKind::LockChanged { conference, locked: true },
        EventKind::Commanded {
            command: Command::SetLock { locked: false }.note(),
            by: Some(attendance),
            answer: Err(CommandRefusal::NotAllowed),
        },
        EventKind::Commanded { command: Command::End.note(), by: None, answer: Ok(()) },
        EventKind::Commanded {
            command: Command::TurnAway { attendance }.note(),
            by: Some(attendance),
            answer: Err(CommandRefusal::NotThere),
        },
        EventKind::Commanded {
            command: Command::Delete { conferee }.note(),
            by: Some(attendance),
            answer: Ok(()),
        },
        EventKind::Commanded {
            command: Command::ExtendTo { until: NOW }.note(),
            by: None,
            answer: Err(CommandRefusal::TooLong),
        },
        EventKind::ConferenceEnded { conference, why: ConferenceEnd::TooLong },
    ]
}

pub(crate) async fn the_first_answer_to_a_command_stands(store: &dyn Store) {
    let scene = Scene::new(store).await;
    let answers = vec![(command(1), Ok(())), (command(2), Err(CommandRefusal::NotAllowed))];
    scene.decide(Decision { answers, ..Decision::default() }).await.unwrap();
    let again = vec![(command(1), Err(CommandRefusal::NoConference))];
    scene.decide(Decision { answers: again, ..Decision::default() }).await.unwrap();
    assert_eq!(store.answered_command(command(1)).await.unwrap(), Some(Ok(())));
    let refused = store.answered_command(command(2)).await.unwrap();
    assert_eq!(refused, Some(Err(CommandRefusal::NotAllowed)));
    assert_eq!(store.answered_command(command(3)).await.unwrap(), None);
}
