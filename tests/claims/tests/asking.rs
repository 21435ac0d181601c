//! What a caller asks for alone: how many are here, and what the keys are.

use std::time::Duration;

use partyline_claims::Meeting;

#[tokio::test]
async fn the_count_is_told_to_who_asks_alone() {
    let meeting = Meeting::of(2, &[]).await.unwrap();
    meeting.hush().await.unwrap();
    for asker in [&meeting.host, &meeting.guests[0]] {
        asker.call.send_digits("*#");
        asker.wait_spoken_to().await.unwrap();
        asker.call.wait_quieter(-60.0, Duration::from_secs(1)).await.unwrap();
        let overheard = meeting.guests[1].loudest(Duration::from_secs(3)).await;
        assert!(overheard < -50.0, "another hears the count at {overheard} dBov");
    }
    meeting.all_hear_each_other().await.unwrap();
}

#[tokio::test]
async fn the_keys_that_are_spoken_are_those_of_the_role() {
    let meeting = Meeting::of(1, &[]).await.unwrap();
    meeting.hush().await.unwrap();
    let guest = &meeting.guests[0];
    // A participant has two options, a host eight.
    for phone in meeting.phones() {
        phone.call.send_digits("*3");
        phone.wait_spoken_to().await.unwrap();
    }
    guest.call.wait_quieter(-60.0, Duration::from_secs(1)).await.unwrap();
    assert!(meeting.host.loudest(Duration::from_secs(1)).await > -35.0, "a host has more keys");
    // Any key stops it.
    meeting.host.call.send_digits("5");
    meeting.host.call.wait_quieter(-60.0, Duration::from_secs(1)).await.unwrap();
}
