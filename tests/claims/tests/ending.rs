//! The end of a conference by keys, and what outlasts its host.

use std::time::Duration;

use callbench::CallEnd;
use partyline_claims::{Meeting, all_hear_each_other};

#[tokio::test]
async fn a_host_drops_everybody_else_and_stays() {
    let meeting = Meeting::of(2, &[]).await.unwrap();
    meeting.hush().await.unwrap();
    meeting.host.call.send_digits("#99");
    meeting.host.wait_spoken_to().await.unwrap();
    meeting.host.call.send_digits("1");
    for guest in &meeting.guests {
        assert!(matches!(guest.call.wait_ended().await.unwrap(), CallEnd::TheyHungUp(_)));
    }
    meeting.server().wait_count("conferee", "leave_reason = 'dropped'", 2).await.unwrap();
    assert!(meeting.host.call.ended().is_none());
    assert_eq!(meeting.server().count("conference", "ended_at IS NULL").await.unwrap(), 1);
    // The conference goes on: who calls again is in it.
    meeting.host.call.set_tone(Some(meeting.host.tone_hz));
    let again = meeting.party.key_code(&meeting.codes.participant).await.unwrap();
    meeting.host.wait_hears(&again).await.unwrap();
    again.wait_hears(&meeting.host).await.unwrap();
}

#[tokio::test]
async fn a_host_ends_the_conference_for_all_and_nothing_is_left() {
    let meeting = Meeting::of(2, &[]).await.unwrap();
    meeting.host.call.send_digits("#992");
    for phone in meeting.phones() {
        assert!(matches!(phone.call.wait_ended().await.unwrap(), CallEnd::TheyHungUp(_)));
    }
    meeting.server().wait_count("conference", "ended_at IS NOT NULL AND end_why = 'ended'", 1).await.unwrap();
    assert_eq!(meeting.server().count("conferee", "state != 'left'").await.unwrap(), 0);
    meeting.server().wait_count("mix", "closed_at IS NULL", 0).await.unwrap();
    meeting.server().wait_legs(0).await.unwrap();
}

#[tokio::test]
async fn the_menu_of_the_end_can_be_left_and_is_no_participants() {
    let meeting = Meeting::of(1, &[]).await.unwrap();
    meeting.guests[0].call.send_digits("#992");
    meeting.host.call.send_digits("#99*");
    meeting.guests[0].call.wait_digits_sent().await.unwrap();
    meeting.host.call.wait_digits_sent().await.unwrap();
    // A 2 outside of the menu is only a digit.
    meeting.host.call.send_digits("2");
    meeting.host.call.wait_digits_sent().await.unwrap();
    meeting.all_hear_each_other().await.unwrap();
    assert_eq!(meeting.server().count("command", "1 = 1").await.unwrap(), 0);
}

#[tokio::test]
async fn a_conference_goes_on_after_its_host_where_they_said_so() {
    let meeting = Meeting::of(2, &["--host-leaves", "end"]).await.unwrap();
    meeting.hush().await.unwrap();
    meeting.host_keys("*8", "conference", "continues = 1").await.unwrap();
    meeting.speak();
    meeting.host.call.hang_up();
    meeting.joined(2).await.unwrap();
    let guests: Vec<_> = meeting.guests.iter().collect();
    all_hear_each_other(&guests).await.unwrap();
    assert_eq!(meeting.server().count("conference", "ended_at IS NULL").await.unwrap(), 1);
}

#[tokio::test]
async fn without_that_it_ends_with_its_host() {
    let meeting = Meeting::of(1, &["--host-leaves", "end"]).await.unwrap();
    meeting.host.call.hang_up();
    assert!(matches!(meeting.guests[0].call.wait_ended().await.unwrap(), CallEnd::TheyHungUp(_)));
    meeting.server().wait_count("conference", "end_why = 'host_left'", 1).await.unwrap();
}

#[tokio::test]
async fn a_participant_becomes_host_by_the_code_and_not_by_another() {
    let meeting = Meeting::of(1, &[]).await.unwrap();
    let guest = &meeting.guests[0];
    meeting.hush().await.unwrap();
    guest.call.send_digits("*8");
    guest.wait_spoken_to().await.unwrap();
    guest.call.send_digits(&format!("{}#", meeting.codes.participant));
    guest.call.wait_digits_sent().await.unwrap();
    guest.call.wait_quieter(-60.0, Duration::from_secs(1)).await.unwrap();
    assert_eq!(meeting.server().count("conferee", "role = 'host'").await.unwrap(), 1);
    guest.call.send_digits("*7");
    guest.wait_spoken_to().await.unwrap();
    assert_eq!(meeting.server().count("conference", "is_locked = 1").await.unwrap(), 0);

    guest.call.send_digits("*8");
    guest.wait_spoken_to().await.unwrap();
    guest.call.send_digits(&format!("{}#", meeting.codes.host));
    meeting.server().wait_count("conferee", "role = 'host'", 2).await.unwrap();
    guest.call.wait_quieter(-60.0, Duration::from_secs(1)).await.unwrap();
    guest.call.send_digits("*7");
    meeting.server().wait_count("conference", "is_locked = 1", 1).await.unwrap();
}
