//! `**`: the keys of one's role, spoken to who asks alone.

#![expect(clippy::unwrap_used, reason = "a test that fails says where")]

use std::time::Duration;

use partyline_claims::{Meeting, Phone};

const WINDOW: Duration = Duration::from_secs(1);
/// Whoever hears less than this is not spoken to.
const UNHEARD_DBOV: f32 = -50.0;

/// While one is spoken to, the others hear nothing of it.
async fn is_spoken_to_alone(asker: &Phone, others: &[&Phone]) {
    asker.wait_spoken_to().await.unwrap();
    for other in others {
        let overheard = other.call.level_from_now(WINDOW).await;
        assert!(
            overheard < UNHEARD_DBOV,
            "{} hears {}'s help at {overheard} dBov",
            other.number,
            asker.number
        );
    }
    // That was measured while it was spoken.
    asker.wait_spoken_to().await.unwrap();
}

/// All is said by and by: for a participant in half a minute, which is longer than anything else may take.
async fn is_told_all(asker: &Phone) {
    for _ in 0..3 {
        if asker.call.wait_quieter(-60.0, WINDOW).await.is_ok() {
            return;
        }
    }
    panic!("{} is spoken to for ever", asker.number);
}

/// What is spoken ends with a key, long before it would by itself.
async fn interrupted(asker: &Phone) {
    asker.call.send_digits("5");
    asker.call.wait_quieter(-60.0, WINDOW).await.unwrap();
}

#[tokio::test]
async fn help_is_spoken_to_who_asks_alone_and_any_key_stops_it() {
    let meeting = Meeting::of(2, &[]).await.unwrap();
    let [guest, other] = meeting.guests.as_slice() else { panic!("two guests") };
    meeting.hush().await.unwrap();
    meeting.host.call.send_digits("**");
    is_spoken_to_alone(&meeting.host, &[guest, other]).await;
    interrupted(&meeting.host).await;
    guest.call.send_digits("**");
    is_spoken_to_alone(guest, &[&meeting.host, other]).await;
    interrupted(guest).await;
    // A key that means something does both: it stops what is spoken, and is carried out.
    guest.call.send_digits("**");
    guest.wait_spoken_to().await.unwrap();
    guest.call.send_digits("*6");
    meeting.server().wait_count("conferee", "muted_by_oneself = 1", 1).await.unwrap();
    guest.call.send_digits("*6");
    meeting.server().wait_count("conferee", "muted_by_oneself = 1", 0).await.unwrap();
    meeting.all_hear_each_other().await.unwrap();
    assert_eq!(meeting.server().count("command", "1 = 1").await.unwrap(), 2, "help is no command");
}

#[tokio::test]
async fn who_hears_help_is_heard_and_the_conference_goes_on() {
    let meeting = Meeting::of(2, &[]).await.unwrap();
    let [guest, other] = meeting.guests.as_slice() else { panic!("two guests") };
    guest.call.send_digits("**");
    guest.call.wait_digits_sent().await.unwrap();
    for listener in [&meeting.host, other] {
        listener.wait_hears(guest).await.unwrap();
    }
    meeting.host.wait_hears(other).await.unwrap();
    other.wait_hears(&meeting.host).await.unwrap();
    interrupted_over_the_mix(guest, &[&meeting.host, other]).await;
}

/// Nothing is spoken over the others any more.
async fn interrupted_over_the_mix(asker: &Phone, others: &[&Phone]) {
    asker.call.send_digits("5");
    for other in others {
        asker.wait_hears(other).await.unwrap();
    }
}

#[tokio::test]
async fn a_host_is_told_more_keys_than_a_participant() {
    let meeting = Meeting::of(1, &[]).await.unwrap();
    let guest = &meeting.guests[0];
    meeting.hush().await.unwrap();
    // The participant asks last, and is done first. What a host is told lasts a minute.
    for phone in [&meeting.host, guest] {
        phone.call.send_digits("**");
        phone.wait_spoken_to().await.unwrap();
    }
    is_told_all(guest).await;
    meeting.host.wait_spoken_to().await.unwrap();
    interrupted(&meeting.host).await;
}
