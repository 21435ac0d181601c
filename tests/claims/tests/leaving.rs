//! Claims 6 to 10: a conferee leaves, and the mixer frees that leg and no other.

#![expect(clippy::unwrap_used, reason = "a test that fails says where")]

use std::time::Duration;

use callbench::CallEnd;
use partyline_claims::{Party, Phone, all_hear_each_other};

/// As long as an exit tone and its way need, with room to spare.
const TONE_WINDOW: Duration = Duration::from_secs(3);

struct Meeting {
    party: Party,
    stays: Phone,
    also_stays: Phone,
    leaves: Phone,
}

/// Three callers who have heard each other and are silent now.
async fn meeting_of_three() -> Meeting {
    let party = Party::start().await.unwrap();
    let codes = party.server.create_room("standup", &["--entry", "start", "--announce", "tone"]).unwrap();
    let stays = party.key_code(&codes.host).await.unwrap();
    let also_stays = party.key_code(&codes.participant).await.unwrap();
    let leaves = party.key_code(&codes.participant).await.unwrap();
    all_hear_each_other(&[&stays, &also_stays, &leaves]).await.unwrap();
    party.server.wait_count("conferee", "state = 'joined'", 3).await.unwrap();
    for phone in [&stays, &also_stays, &leaves] {
        phone.call.set_tone(None);
    }
    stays.call.wait_quieter(-60.0, TONE_WINDOW).await.unwrap();
    Meeting { party, stays, also_stays, leaves }
}

/// The others hear an exit tone, the roster shrinks, and they go on talking.
async fn others_hear_of_it_and_go_on(meeting: &Meeting, reason: &str) {
    let server = &meeting.party.server;
    let left = format!("state = 'left' AND leave_reason = '{reason}'");
    server.wait_count("conferee", &left, 1).await.unwrap();
    assert_eq!(server.count("conferee", "state = 'joined'").await.unwrap(), 2);
    tokio::time::sleep(Duration::from_secs(1)).await;
    for phone in [&meeting.stays, &meeting.also_stays] {
        let level = phone.loudest(TONE_WINDOW).await;
        assert!(level > -40.0, "{} hears no exit tone: {level} dBov at most", phone.number);
        phone.call.set_tone(Some(phone.tone_hz));
    }
    all_hear_each_other(&[&meeting.stays, &meeting.also_stays]).await.unwrap();
    assert_eq!(server.count("conference", "ended_at IS NULL").await.unwrap(), 1);
}

#[tokio::test]
async fn claims_6_and_7_a_conferee_leaves_by_keys() {
    let meeting = meeting_of_three().await;
    meeting.leaves.call.send_digits("#9#");
    assert!(matches!(meeting.leaves.call.wait_ended().await.unwrap(), CallEnd::TheyHungUp(_)));
    others_hear_of_it_and_go_on(&meeting, "keys").await;
}

#[tokio::test]
async fn claims_6_and_8_a_conferee_leaves_by_hanging_up() {
    let meeting = meeting_of_three().await;
    meeting.leaves.call.hang_up();
    others_hear_of_it_and_go_on(&meeting, "hung_up").await;
}

#[tokio::test]
async fn claims_9_and_10_the_vru_tells_the_mixer_which_frees_that_leg_and_no_other() {
    let meeting = meeting_of_three().await;
    let leaves = |rpcs: &[String]| rpcs.iter().filter(|path| path.ends_with("Mixing/Leave")).count();
    assert_eq!(leaves(&meeting.party.server.rpcs("mixer-1").unwrap()), 0);
    meeting.party.server.wait_legs(3).await.unwrap();
    meeting.leaves.call.hang_up();
    others_hear_of_it_and_go_on(&meeting, "hung_up").await;
    assert_eq!(leaves(&meeting.party.server.rpcs("mixer-1").unwrap()), 1);
    meeting.party.server.wait_legs(2).await.unwrap();
}

#[tokio::test]
async fn when_the_last_conferee_leaves_the_conference_ends() {
    let party = Party::start().await.unwrap();
    let codes = party.server.create_room("pair", &["--entry", "start"]).unwrap();
    let first = party.key_code(&codes.host).await.unwrap();
    let second = party.key_code(&codes.participant).await.unwrap();
    all_hear_each_other(&[&first, &second]).await.unwrap();
    first.call.hang_up();
    party.server.wait_count("conferee", "state = 'left'", 1).await.unwrap();
    assert_eq!(party.server.count("conference", "ended_at IS NULL").await.unwrap(), 1);
    second.call.hang_up();
    party.server.wait_count("conference", "ended_at IS NOT NULL AND end_why = 'last_left'", 1).await.unwrap();
    assert_eq!(party.server.count("mix", "closed_at IS NULL").await.unwrap(), 0);
    assert_eq!(party.server.count("mixer", "reserved > 0").await.unwrap(), 0);
}

#[tokio::test]
async fn when_the_last_host_leaves_a_room_that_says_end_everybody_is_told_and_hung_up() {
    let party = Party::start().await.unwrap();
    let codes = party.server.create_room("strict", &["--entry", "start", "--host-leaves", "end"]).unwrap();
    let host = party.key_code(&codes.host).await.unwrap();
    let participant = party.key_code(&codes.participant).await.unwrap();
    all_hear_each_other(&[&host, &participant]).await.unwrap();
    host.call.hang_up();
    assert!(matches!(participant.call.wait_ended().await.unwrap(), CallEnd::TheyHungUp(_)));
    assert_eq!(party.server.conferences().await.unwrap()[0].end_why, "host_left");
}

#[tokio::test]
async fn the_others_hear_an_entry_tone() {
    let party = Party::start().await.unwrap();
    let codes = party.server.create_room("standup", &["--entry", "start", "--announce", "tone"]).unwrap();
    let first = party.key_code(&codes.host).await.unwrap();
    let second = party.key_code(&codes.participant).await.unwrap();
    all_hear_each_other(&[&first, &second]).await.unwrap();
    for phone in [&first, &second] {
        phone.call.set_tone(None);
    }
    first.call.wait_quieter(-60.0, TONE_WINDOW).await.unwrap();
    let third = party.call_with(&party.server.uri(&codes.participant), |plan| plan).await.unwrap();
    third.call.set_tone(None);
    party.server.wait_count("conferee", "state = 'joined'", 3).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let level = first.loudest(TONE_WINDOW).await;
    assert!(level > -40.0, "no entry tone: {level} dBov at most");
}

#[tokio::test]
async fn past_conferences_are_shown_with_who_came_and_how_they_left() {
    let party = Party::start().await.unwrap();
    let codes = party.server.create_room("board", &["--entry", "start"]).unwrap();
    let host = party.dial_code(&codes.host).await.unwrap();
    let guest = party.dial_code(&codes.participant).await.unwrap();
    all_hear_each_other(&[&host, &guest]).await.unwrap();
    let live = party.server.json(&["conference", "list"]).unwrap();
    assert_eq!(live.as_array().map(Vec::len), Some(1), "{live}");
    guest.call.hang_up();
    party.server.wait_count("conferee", "leave_reason = 'hung_up'", 1).await.unwrap();
    host.call.hang_up();
    party.server.wait_count("conference", "ended_at IS NOT NULL", 1).await.unwrap();

    let id = party.server.conferences().await.unwrap()[0].id.clone();
    let shown = party.server.json(&["conference", "show", &id]).unwrap();
    let conferees = shown["conferees"].as_array().unwrap();
    let numbers: Vec<&str> = conferees.iter().filter_map(|row| row["caller"].as_str()).collect();
    assert_eq!(numbers, [host.number.as_str(), guest.number.as_str()], "{shown}");
    assert!(conferees.iter().all(|row| row["leave_reason"] == "hung_up"), "{shown}");
    assert!(party.server.command(&["conference", "show", &id]).unwrap().contains(&guest.number));
}
