//! A caller's telephone puts the conference on hold and comes back.

#![expect(clippy::unwrap_used, reason = "a test that fails says where")]

use std::time::Duration;

use callbench::CallEnd;
use partyline_claims::{Party, Phone, all_hear_each_other};

/// A room that hangs up after two seconds without RTP, and three callers who hear each other in it.
async fn meeting() -> (Party, [Phone; 3]) {
    let party = Party::start().await.unwrap();
    let codes = party.server.create_room("board", &["--entry", "start", "--no-rtp-max", "2s"]).unwrap();
    let phones = [
        party.key_code(&codes.host).await.unwrap(),
        party.key_code(&codes.participant).await.unwrap(),
        party.key_code(&codes.participant).await.unwrap(),
    ];
    all_hear_each_other(&[&phones[0], &phones[1], &phones[2]]).await.unwrap();
    (party, phones)
}

/// The holder is silent for longer than the room waits for RTP, stays in, and the others go on talking.
async fn away_for_a_while(party: &Party, [holder, second, third]: &[Phone; 3]) {
    second.wait_hears_not(holder).await.unwrap();
    holder.wait_hears_not(second).await.unwrap();
    let sent = holder.call.packets().await.sent;
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(holder.call.packets().await.sent, sent, "who holds sends nothing");
    assert_eq!(holder.call.ended(), None);
    assert_eq!(party.server.count("conferee", "state = 'joined'").await.unwrap(), 3);
    all_hear_each_other(&[second, third]).await.unwrap();
}

/// Shows RFC 3264 §8.4: a caller on hold sends and gets nothing until it resumes.
#[tokio::test]
async fn a_caller_on_hold_stays_in_and_hears_and_is_heard_again_afterwards() {
    let (party, phones) = meeting().await;
    let [holder, second, third] = &phones;
    holder.call.hold().await.unwrap();
    away_for_a_while(&party, &phones).await;
    holder.call.resume().await.unwrap();
    all_hear_each_other(&[holder, second, third]).await.unwrap();
}

/// Shows RFC 3264 §8.4: the unspecified address holds too.
#[tokio::test]
async fn a_caller_who_holds_as_old_telephones_do_stays_in_too() {
    let (party, phones) = meeting().await;
    let [holder, second, third] = &phones;
    holder.call.hold_by_address().await.unwrap();
    away_for_a_while(&party, &phones).await;
    holder.call.resume().await.unwrap();
    all_hear_each_other(&[holder, second, third]).await.unwrap();
}

#[tokio::test]
async fn a_caller_who_hangs_up_while_on_hold_is_out() {
    let (party, [holder, second, third]) = meeting().await;
    holder.call.hold().await.unwrap();
    holder.call.hang_up();
    assert_eq!(holder.call.wait_ended().await.unwrap(), CallEnd::WeHungUp);
    party.server.wait_count("conferee", "state = 'left' AND leave_reason = 'hung_up'", 1).await.unwrap();
    all_hear_each_other(&[&second, &third]).await.unwrap();
}
