//! `*0`: the operator has a SIP address of their own, and is called there without a trunk.

#![expect(clippy::unwrap_used, reason = "a test that fails says where")]

use std::time::Duration;

use callbench::{CallEnd, Reception};
use partyline_claims::{HEARD_DBOV, Meeting, Party, Phone, SILENT_DBOV, all_hear_each_other};

const WINDOW: Duration = Duration::from_secs(1);

/// A host and a participant, and a desk that is called by its address.
async fn meeting(ring_max: &str) -> Meeting {
    let config =
        format!("[dial_out]\noperator = \"sip:desk@{{bench}}\"\noperator_ring_max = \"{ring_max}\"\n");
    Meeting::at(Party::with_carrier(&config, "1s").await.unwrap(), 1, &[]).await.unwrap()
}

#[tokio::test]
async fn the_operator_of_an_address_talks_in_private_with_a_participant() {
    let meeting = meeting("60s").await;
    let guest = &meeting.guests[0];
    let desk = meeting.party.expect(Reception::Rings).unwrap();
    guest.call.send_digits("*0");
    desk.call.wait_ringing().await.unwrap();
    desk.call.pick_up();
    meeting.talk_in_private(guest, &desk, &[&meeting.host]).await.unwrap();
    desk.call.hang_up();
    meeting.outdial_ended("callee_left").await.unwrap();
    meeting.all_hear_each_other().await.unwrap();
    meeting.no_outdial_left(2).await.unwrap();
    let kept = "kind = 'operator' AND number LIKE 'sip:desk@%'";
    assert_eq!(meeting.server().count("outdial", kept).await.unwrap(), 1);
}

#[tokio::test]
async fn the_operator_of_an_address_comes_into_a_hosts_conference() {
    let meeting = meeting("60s").await;
    let guest = &meeting.guests[0];
    let desk = meeting.party.expect(Reception::Answers).unwrap();
    meeting.host.call.send_digits("*0");
    meeting.joined(3).await.unwrap();
    all_hear_each_other(&[&meeting.host, guest, &desk]).await.unwrap();
    // The host goes on without them, and they are hung up with the conference.
    meeting.host.call.send_digits("#992");
    for phone in [&meeting.host, guest, &desk] {
        assert!(matches!(phone.call.wait_ended().await.unwrap(), CallEnd::TheyHungUp(_)));
    }
    meeting.no_outdial_left(0).await.unwrap();
}

/// Whoever calls the desk in vain hears so in private, and nothing is as before but for that.
async fn in_vain(meeting: &Meeting, asker: &Phone, other: &Phone, why: &str, so_far: i64) {
    asker.call.send_digits("*0");
    meeting.server().wait_count("outdial", &format!("end_why = '{why}'"), so_far).await.unwrap();
    asker.wait_spoken_to().await.unwrap();
    asker.call.wait_quieter(SILENT_DBOV, WINDOW).await.unwrap();
    let overheard = other.loudest(Duration::from_secs(3)).await;
    assert!(overheard < HEARD_DBOV, "{why} is heard by another at {overheard} dBov");
    meeting.no_outdial_left(2).await.unwrap();
}

#[tokio::test]
async fn a_busy_operator_or_one_who_does_not_answer_is_spoken_of_to_who_called() {
    let meeting = meeting("1s").await;
    let guest = &meeting.guests[0];
    meeting.hush().await.unwrap();
    for (reception, why) in [
        (Reception::Refuses(486), "busy"),
        (Reception::Refuses(603), "refused"),
        (Reception::Rings, "no_answer"),
    ] {
        for (so_far, asker, other) in [(1, &meeting.host, guest), (2, guest, &meeting.host)] {
            let desk = meeting.party.expect(reception).unwrap();
            in_vain(&meeting, asker, other, why, so_far).await;
            let end = desk.call.wait_ended().await.unwrap();
            assert!(why != "no_answer" || matches!(end, CallEnd::Cancelled(_)), "{end:?}");
        }
    }
    meeting.speak();
    meeting.all_hear_each_other().await.unwrap();
}
