//! Claims 14 and 22: who is muted or deleted is chosen from a list, outside of the conference, by an operator. The command goes
//! the way that a host's keys go from the VRU on: the proxy, an interface server, the store.

#![expect(clippy::unwrap_used, reason = "a step that fails fails the test")]

use std::time::Duration;

use callbench::CallEnd;
use partyline_claims::{Meeting, Party, all_hear_each_other};

/// The order of entry of whoever has this number, as the list of the conference shows it.
fn order_of(meeting: &Meeting, number: &str) -> String {
    let shown = meeting.server().json(&["conference", "show", "board"]).unwrap();
    let rows = shown["conferees"].as_array().unwrap();
    let row = rows.iter().find(|row| row["caller"] == number && row["state"] == "joined").unwrap();
    row["order"].to_string()
}

fn commands_at_the_proxy(meeting: &Meeting) -> usize {
    let rpcs =
        meeting.server().rpcs("cms-1").unwrap().into_iter().chain(meeting.server().rpcs("cms-2").unwrap());
    rpcs.filter(|path| path.ends_with("Conferencing/Command")).count()
}

#[tokio::test]
async fn claims_11_to_14_an_operator_mutes_the_one_whom_the_list_names_and_nobody_else() {
    let meeting = Meeting::of(2, &[]).await.unwrap();
    let [muted, other] = meeting.guests.as_slice() else { panic!("two guests") };
    let order = order_of(&meeting, &muted.number);
    assert_eq!(commands_at_the_proxy(&meeting), 0);
    let done = meeting.server().json(&["conference", "mute", "board", &order]).unwrap();
    assert_eq!((done["outcome"].as_str(), done["what"].as_str()), (Some("done"), Some("mute")), "{done}");
    assert_eq!(commands_at_the_proxy(&meeting), 1);
    for listener in [&meeting.host, other] {
        listener.wait_hears_not(muted).await.unwrap();
    }
    muted.wait_hears(&meeting.host).await.unwrap();
    muted.wait_hears(other).await.unwrap();
    meeting.host.wait_hears(other).await.unwrap();
    other.wait_hears(&meeting.host).await.unwrap();
    let by_nobody_inside = "kind = 'commanded' AND attendance IS NULL";
    assert_eq!(meeting.server().count("event", by_nobody_inside).await.unwrap(), 1);
    // It holds against the one who is muted, and a repeat is no toggle.
    muted.call.send_digits("#6");
    meeting.server().wait_count("event", "kind = 'command_refused' AND refusal = 'floor'", 1).await.unwrap();
    meeting.server().command(&["conference", "mute", "board", &order]).unwrap();
    assert_eq!(meeting.server().count("conferee", "muted_by_host = 1").await.unwrap(), 1);

    meeting.server().command(&["conference", "unmute", "board", &order]).unwrap();
    meeting.all_hear_each_other().await.unwrap();
}

#[tokio::test]
async fn claims_19_to_22_an_operator_deletes_the_one_whom_the_list_names_and_the_rest_stay() {
    let meeting = Meeting::of(2, &["--deleted-stay-out", "on"]).await.unwrap();
    let [deleted, other] = meeting.guests.as_slice() else { panic!("two guests") };
    let order = order_of(&meeting, &deleted.number);
    // They are told, and hung up.
    meeting.hush().await.unwrap();
    meeting.server().command(&["conference", "delete", "board", &order]).unwrap();
    deleted.wait_spoken_to().await.unwrap();
    assert!(matches!(deleted.call.wait_ended().await.unwrap(), CallEnd::TheyHungUp(_)));
    let theirs = format!("place = {order} AND leave_reason = 'deleted'");
    meeting.server().wait_count("conferee", &theirs, 1).await.unwrap();
    assert_eq!(meeting.server().count("conferee", "state = 'joined'").await.unwrap(), 2);
    meeting.speak();
    all_hear_each_other(&[&meeting.host, other]).await.unwrap();
    // The list names them no more, and the next one has an order of their own.
    let again = meeting.server().command(&["conference", "delete", "board", &order]).unwrap_err();
    assert!(again.to_string().contains("nobody of order of entry"), "{again}");
}

#[tokio::test]
async fn claims_15_and_16_an_operator_locks_and_opens_and_the_mixer_hears_nothing_of_it() {
    let meeting = Meeting::of(1, &[]).await.unwrap();
    let before = meeting.server().rpcs("mixer-1").unwrap();
    meeting.server().command(&["conference", "lock", "board"]).unwrap();
    let uri = meeting.server().uri(&meeting.codes.participant);
    let late = meeting.party.call_with(&uri, |plan| plan).await.unwrap();
    assert_eq!(late.call.wait_ended().await.unwrap(), CallEnd::Refused { status: 486 });
    meeting.server().command(&["conference", "unlock", "board"]).unwrap();
    assert_eq!(meeting.server().rpcs("mixer-1").unwrap(), before, "the mixer is not told");
    let guest = meeting.party.key_code(&meeting.codes.participant).await.unwrap();
    all_hear_each_other(&[&meeting.host, &meeting.guests[0], &guest]).await.unwrap();
}

#[tokio::test]
async fn an_operator_gives_a_lecture_and_ends_it_for_all() {
    let meeting = Meeting::of(2, &[]).await.unwrap();
    meeting.server().command(&["conference", "floor", "board", "lecture"]).unwrap();
    for guest in &meeting.guests {
        meeting.host.wait_hears_not(guest).await.unwrap();
        guest.wait_hears(&meeting.host).await.unwrap();
    }
    meeting.server().command(&["conference", "floor", "board", "open"]).unwrap();
    meeting.all_hear_each_other().await.unwrap();
    meeting.server().command(&["conference", "end", "board"]).unwrap();
    for phone in meeting.phones() {
        assert!(matches!(phone.call.wait_ended().await.unwrap(), CallEnd::TheyHungUp(_)));
    }
    meeting.server().wait_count("conference", "end_why = 'ended'", 1).await.unwrap();
    meeting.server().wait_legs(0).await.unwrap();
}

#[tokio::test]
async fn an_operator_admits_one_from_the_waiting_room_past_a_lock_and_turns_another_away() {
    let meeting = Meeting::of(0, &["--waiting-room", "on"]).await.unwrap();
    let admitted = meeting.party.key_code(&meeting.codes.participant).await.unwrap();
    let away = meeting.party.key_code(&meeting.codes.participant).await.unwrap();
    meeting.server().wait_count("attendance", "state = 'waiting_room'", 2).await.unwrap();
    meeting.server().command(&["conference", "lock", "board"]).unwrap();
    let shown = meeting.server().json(&["conference", "show", "board"]).unwrap();
    let waiting: Vec<_> = shown["waiting"].as_array().unwrap().iter().map(|row| &row["caller"]).collect();
    assert_eq!(waiting.len(), 2, "{shown}");
    assert!(waiting.iter().any(|number| **number == *admitted.number), "{shown}");

    meeting.server().command(&["conference", "admit", "board", &admitted.number]).unwrap();
    meeting.joined(2).await.unwrap();
    all_hear_each_other(&[&meeting.host, &admitted]).await.unwrap();
    away.wait_hears_not(&meeting.host).await.unwrap();
    // The other one by the identifier that the list shows.
    let shown = meeting.server().json(&["conference", "show", "board"]).unwrap();
    let identifier = shown["waiting"][0]["attendance"].as_str().unwrap().to_owned();
    let done = meeting.server().json(&["conference", "turn-away", "board", &identifier]).unwrap();
    assert_eq!(done["what"], "turn_away", "{done}");
    assert!(matches!(away.call.wait_ended().await.unwrap(), CallEnd::TheyHungUp(_)));
    meeting.server().wait_count("attendance", "reason = 'turned_away'", 1).await.unwrap();
    let nobody = meeting.server().command(&["conference", "admit", "board", &away.number]).unwrap_err();
    assert!(nobody.to_string().contains("nobody in the waiting room is"), "{nobody}");
    assert_eq!(meeting.server().count("conference", "is_locked = 1").await.unwrap(), 1);
}

#[tokio::test]
async fn an_operator_sends_everybody_away_but_one_and_the_mixer_lets_them_go() {
    let meeting = Meeting::of(2, &[]).await.unwrap();
    let [stays, other] = meeting.guests.as_slice() else { panic!("two guests") };
    let before = meeting.server().rpcs("mixer-1").unwrap();
    let order = order_of(&meeting, &stays.number);
    let done = meeting.server().json(&["conference", "drop-others", "board", &order]).unwrap();
    assert_eq!(done["what"], "drop_others", "{done}");
    // Neither is heard any more, nor hears anybody, from the moment on; that they hear why comes behind it.
    for gone in [&meeting.host, other] {
        stays.wait_hears_not(gone).await.unwrap();
        gone.wait_hears_not(stays).await.unwrap();
    }
    for gone in [&meeting.host, other] {
        assert!(matches!(gone.call.wait_ended().await.unwrap(), CallEnd::TheyHungUp(_)));
    }
    let after = meeting.server().rpcs("mixer-1").unwrap();
    let sets = after[before.len()..].iter().filter(|path| path.ends_with("Mixing/Set")).count();
    assert_eq!(sets, 2, "one for each: {after:?}");
    assert!(stays.call.ended().is_none());
    meeting.server().wait_count("conferee", "leave_reason = 'dropped'", 2).await.unwrap();
    meeting.server().wait_legs(1).await.unwrap();
    // Whoever was dropped may come back.
    let back = meeting.party.key_code(&meeting.codes.host).await.unwrap();
    all_hear_each_other(&[stays, &back]).await.unwrap();
}

#[tokio::test]
async fn an_operator_gives_more_time_as_long_as_the_room_lasts() {
    let meeting = Meeting::of(1, &["--conference-max", "1h"]).await.unwrap();
    let ends_by = |minutes: i64| format!("deadline = started_at + {}", minutes * 60_000);
    meeting.server().wait_count("conference", &ends_by(60), 1).await.unwrap();
    let done = meeting.server().json(&["conference", "more-time", "board"]).unwrap();
    assert!(done["until"].as_str().is_some_and(|until| until.ends_with('Z')), "{done}");
    meeting.server().wait_count("conference", &ends_by(90), 1).await.unwrap();
    meeting.server().command(&["conference", "more-time", "board", "10m"]).unwrap();
    meeting.server().wait_count("conference", &ends_by(100), 1).await.unwrap();
    let refused = meeting.server().command(&["conference", "more-time", "board", "5h"]).unwrap_err();
    assert!(refused.to_string().contains("may not last that long"), "{refused}");
    let misspelled = meeting.server().command(&["conference", "more-time", "board", "soon"]).unwrap_err();
    assert!(misspelled.to_string().contains("expected"), "{misspelled}");
    assert_eq!(meeting.server().count("conference", &ends_by(100)).await.unwrap(), 1);
    meeting.all_hear_each_other().await.unwrap();
}

#[tokio::test]
async fn an_operator_says_whether_there_is_music_and_whether_it_goes_on_without_a_host() {
    let meeting = Meeting::of(0, &["--host-leaves", "end", "--music", "off"]).await.unwrap();
    meeting.hush().await.unwrap();
    meeting.server().command(&["conference", "music", "board", "on"]).unwrap();
    meeting.host.wait_spoken_to().await.unwrap();
    meeting.server().command(&["conference", "music", "board", "off"]).unwrap();
    meeting.host.call.wait_quieter(-60.0, Duration::from_secs(2)).await.unwrap();

    let guest = meeting.party.key_code(&meeting.codes.participant).await.unwrap();
    meeting.joined(2).await.unwrap();
    meeting.server().command(&["conference", "continue", "board", "on"]).unwrap();
    meeting.host.call.hang_up();
    meeting.joined(1).await.unwrap();
    assert_eq!(meeting.server().count("conference", "ended_at IS NULL").await.unwrap(), 1);
    let other = meeting.party.key_code(&meeting.codes.participant).await.unwrap();
    all_hear_each_other(&[&guest, &other]).await.unwrap();
    // A host comes, and it is to end with them again.
    let host = meeting.party.key_code(&meeting.codes.host).await.unwrap();
    meeting.joined(3).await.unwrap();
    meeting.server().command(&["conference", "continue", "board", "off"]).unwrap();
    host.call.hang_up();
    for phone in [&guest, &other] {
        assert!(matches!(phone.call.wait_ended().await.unwrap(), CallEnd::TheyHungUp(_)));
    }
    meeting.server().wait_count("conference", "end_why = 'host_left'", 1).await.unwrap();
}

#[tokio::test]
async fn an_operator_is_told_what_can_not_be_done() {
    let party = Party::start().await.unwrap();
    let codes = party.server.create_room("board", &["--entry", "start"]).unwrap();
    let refused = |words: &[&str]| party.server.command(words).unwrap_err().to_string();
    assert!(refused(&["conference", "lock", "board"]).contains("no live conference"));
    assert!(refused(&["conference", "lock", "nowhere"]).contains("nowhere"));
    let _host = party.key_code(&codes.host).await.unwrap();
    party.server.wait_count("conferee", "state = 'joined'", 1).await.unwrap();
    assert!(refused(&["conference", "mute", "board", "9"]).contains("order of entry 9"));
    assert!(refused(&["conference", "mute", "board", "0"]).contains("0"));
    assert!(refused(&["conference", "floor", "board", "loud"]).contains("loud"));
    assert!(refused(&["conference", "more-time", "board"]).contains("needs no more time"));
    assert!(refused(&["conference", "drop-others", "board", "9"]).contains("order of entry 9"));
    assert!(refused(&["conference", "admit", "board", "555"]).contains("nobody in the waiting room"));
    for role in ["cms-1", "cms-2"] {
        party.server.stop_role(role).unwrap();
    }
    assert!(refused(&["conference", "lock", "board"]).contains("no interface server decides"));
    party.server.start_role("cms-1").unwrap();
    tokio::time::timeout(Duration::from_secs(20), async {
        while party.server.command(&["conference", "lock", "board"]).is_err() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    })
    .await
    .unwrap();
    party.server.wait_count("conference", "is_locked = 1", 1).await.unwrap();
}
