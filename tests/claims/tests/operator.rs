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
