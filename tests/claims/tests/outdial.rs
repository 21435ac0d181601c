//! Claim 23: a host has somebody called from within the conference, talks with them in private, and brings them in or
//! lets them go. Besides: the operator.

#![expect(clippy::unwrap_used, reason = "a test that fails says where")]

use std::time::Duration;

use callbench::{CallEnd, Reception};
use partyline_claims::{HEARD_DBOV, Meeting, Party, Phone, SILENT_DBOV};

const WINDOW: Duration = Duration::from_secs(1);

/// A host and participants, in a room that may dial out.
async fn meeting(guests: usize, config: &str, ring_max: &str) -> Meeting {
    let party = Party::with_carrier(config, ring_max).await.unwrap();
    Meeting::at(party, guests, &["--dial-out", "on"]).await.unwrap()
}

/// The host keys a number, and the callee rings.
async fn rings(meeting: &Meeting, callee: &Phone) {
    meeting.host.call.send_digits("*15551234#");
    callee.call.wait_ringing().await.unwrap();
    meeting.server().wait_count("outdial", "state = 'dialling' AND ended_at IS NULL", 1).await.unwrap();
}

#[tokio::test]
async fn a_host_talks_with_a_callee_in_private_and_brings_them_in() {
    let meeting = meeting(2, "", "30s").await;
    let [guest, other] = meeting.guests.as_slice() else { panic!("two guests") };
    let callee = meeting.party.expect(Reception::Rings).unwrap();
    rings(&meeting, &callee).await;
    // The conference goes on while it rings, with its host.
    guest.wait_hears(&meeting.host).await.unwrap();
    callee.call.pick_up();
    meeting.talk_in_private(&meeting.host, &callee, &[guest, other]).await.unwrap();
    guest.wait_hears(other).await.unwrap();
    other.wait_hears(guest).await.unwrap();
    assert_eq!(meeting.server().count("conferee", "state = 'joined'").await.unwrap(), 3);
    assert_eq!(meeting.server().count("mix", "kind = 'side' AND closed_at IS NULL").await.unwrap(), 1);

    meeting.host.call.send_digits("*2");
    meeting.joined(4).await.unwrap();
    let order = meeting.server().count("conferee", "place = 4 AND role = 'participant'").await.unwrap();
    assert_eq!(order, 1, "the callee has the next order of entry");
    partyline_claims::all_hear_each_other(&[&meeting.host, guest, other, &callee]).await.unwrap();

    // From then on they are a participant like others.
    callee.call.send_digits("*6");
    guest.wait_hears_not(&callee).await.unwrap();
    callee.call.hang_up();
    meeting.joined(3).await.unwrap();
    meeting.outdial_ended("callee_left").await.unwrap();
    meeting.all_hear_each_other().await.unwrap();
    meeting.no_outdial_left(3).await.unwrap();
    let told = meeting.server().json(&["conference", "show", "board"]).unwrap();
    assert_eq!(told["outdials"][0]["to"], "5551234", "{told}");
}

#[tokio::test]
async fn a_callee_is_dropped_and_the_host_is_back() {
    let meeting = meeting(1, "", "30s").await;
    let callee = meeting.party.expect(Reception::Answers).unwrap();
    meeting.host.call.send_digits("*15551234#");
    meeting.talk_in_private(&meeting.host, &callee, &[&meeting.guests[0]]).await.unwrap();
    meeting.host.call.send_digits("*3");
    assert!(matches!(callee.call.wait_ended().await.unwrap(), CallEnd::TheyHungUp(_)));
    meeting.outdial_ended("dropped").await.unwrap();
    meeting.all_hear_each_other().await.unwrap();
    meeting.no_outdial_left(2).await.unwrap();
}

#[tokio::test]
async fn busy_refused_no_answer_and_unreachable_are_spoken_and_the_conference_is_as_before() {
    let meeting = meeting(1, "", "1s").await;
    meeting.hush().await.unwrap();
    for (reception, number, why) in [
        (Some(Reception::Refuses(486)), "5551234", "busy"),
        (Some(Reception::Refuses(603)), "5551234", "refused"),
        (Some(Reception::Rings), "5551234", "no_answer"),
        (None, "4441234", "unreachable"),
    ] {
        let callee = reception.map(|reception| meeting.party.expect(reception).unwrap());
        meeting.host.call.send_digits(&format!("*1{number}#"));
        meeting.outdial_ended(why).await.unwrap();
        meeting.host.wait_spoken_to().await.unwrap();
        meeting.host.call.wait_quieter(SILENT_DBOV, WINDOW).await.unwrap();
        let overheard = meeting.guests[0].loudest(Duration::from_secs(3)).await;
        assert!(overheard < HEARD_DBOV, "{why} is heard by others at {overheard} dBov");
        drop(callee);
        meeting.no_outdial_left(2).await.unwrap();
    }
    meeting.speak();
    meeting.all_hear_each_other().await.unwrap();
    assert_eq!(meeting.server().count("outdial", "1 = 1").await.unwrap(), 4);
}

#[tokio::test]
async fn whoever_of_the_two_hangs_up_leaves_nothing_behind() {
    let mut meeting = meeting(1, "", "30s").await;
    // The callee, in private.
    let callee = meeting.party.expect(Reception::Answers).unwrap();
    meeting.host.call.send_digits("*15551234#");
    callee.wait_hears(&meeting.host).await.unwrap();
    callee.call.hang_up();
    meeting.outdial_ended("callee_left").await.unwrap();
    meeting.all_hear_each_other().await.unwrap();
    meeting.no_outdial_left(2).await.unwrap();
    // The host, while it rings: the callee's telephone is silent again.
    let callee = meeting.party.expect(Reception::Rings).unwrap();
    rings(&meeting, &callee).await;
    meeting.host.call.hang_up();
    assert!(matches!(callee.call.wait_ended().await.unwrap(), CallEnd::Cancelled(_)));
    meeting.no_outdial_left(1).await.unwrap();
    // The host, in private.
    meeting.host = meeting.party.key_code(&meeting.codes.host).await.unwrap();
    meeting.joined(2).await.unwrap();
    let callee = meeting.party.expect(Reception::Answers).unwrap();
    meeting.host.call.send_digits("*15551234#");
    callee.wait_hears(&meeting.host).await.unwrap();
    meeting.host.call.hang_up();
    assert!(matches!(callee.call.wait_ended().await.unwrap(), CallEnd::TheyHungUp(_)));
    meeting.no_outdial_left(1).await.unwrap();
    assert_eq!(meeting.server().count("outdial", "end_why = 'asker_left'").await.unwrap(), 2);
}

#[tokio::test]
async fn nobody_is_called_where_the_room_does_not_say_so_nor_at_an_emergency_number() {
    let party = Party::with_carrier("[dial_out]\ndenied = [\"5559\"]", "30s").await.unwrap();
    let meeting = Meeting::at(party, 1, &[]).await.unwrap();
    meeting.host.call.send_digits("*15551234#");
    meeting.server().wait_count("event", "refusal = 'not_offered'", 1).await.unwrap();
    meeting.server().command(&["room", "set", "board", "--dial-out", "on"]).unwrap();
    meeting.host.call.send_digits("*1112#");
    meeting.server().wait_count("event", "refusal = 'emergency'", 1).await.unwrap();
    meeting.host.call.send_digits("*15559000#");
    meeting.server().wait_count("event", "refusal = 'number_denied'", 1).await.unwrap();
    // A participant is told that only hosts do that, and nothing is asked of anybody.
    meeting.guests[0].call.send_digits("*15551234#");
    meeting.guests[0].call.wait_digits_sent().await.unwrap();
    meeting.all_hear_each_other().await.unwrap();
    assert_eq!(meeting.server().count("outdial", "1 = 1").await.unwrap(), 0);
    assert_eq!(meeting.server().count("event", "word = 'dial_out'").await.unwrap(), 3);
}

#[tokio::test]
async fn the_operator_talks_in_private_with_a_participant_and_comes_to_a_hosts_conference() {
    let party = Party::with_carrier("[dial_out]\noperator = \"700\"", "30s").await.unwrap();
    let meeting = Meeting::at(party, 1, &[]).await.unwrap();
    let guest = &meeting.guests[0];
    let operator = meeting.party.expect(Reception::Answers).unwrap();
    guest.call.send_digits("*0");
    meeting.talk_in_private(guest, &operator, &[&meeting.host]).await.unwrap();
    guest.call.send_digits("*3");
    assert!(matches!(operator.call.wait_ended().await.unwrap(), CallEnd::TheyHungUp(_)));
    meeting.all_hear_each_other().await.unwrap();
    meeting.no_outdial_left(2).await.unwrap();

    let operator = meeting.party.expect(Reception::Answers).unwrap();
    meeting.host.call.send_digits("*0");
    meeting.joined(3).await.unwrap();
    partyline_claims::all_hear_each_other(&[&meeting.host, guest, &operator]).await.unwrap();
    operator.call.hang_up();
    meeting.joined(2).await.unwrap();
    meeting.no_outdial_left(2).await.unwrap();
}

#[tokio::test]
async fn without_an_operator_the_key_says_so() {
    let meeting = Meeting::of(1, &[]).await.unwrap();
    meeting.hush().await.unwrap();
    meeting.host.call.send_digits("*0");
    meeting.host.wait_spoken_to().await.unwrap();
    meeting
        .server()
        .wait_count("event", "word = 'call_operator' AND refusal = 'not_offered'", 1)
        .await
        .unwrap();
}
