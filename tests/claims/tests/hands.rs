//! Raised hands and the waiting room, one by one.

use std::time::Duration;

use callbench::CallEnd;
use partyline_claims::Meeting;

#[tokio::test]
async fn in_a_lecture_the_one_who_raised_a_hand_is_let_speak_and_nobody_else() {
    let meeting = Meeting::of(2, &[]).await.unwrap();
    let [asker, other] = meeting.guests.as_slice() else { panic!("two guests") };
    meeting.hush().await.unwrap();
    meeting.host_keys("*5", "conference", "floor = 'muted'").await.unwrap();
    meeting.host_keys("*5", "conference", "floor = 'lecture'").await.unwrap();
    asker.call.wait_quieter(-60.0, Duration::from_secs(1)).await.unwrap();
    asker.call.send_digits("*9");
    let raised = "hand_raised_at IS NOT NULL AND place = 2";
    meeting.server().wait_count("conferee", raised, 1).await.unwrap();
    // The host hears of it without having asked.
    meeting.host.wait_spoken_to().await.unwrap();
    meeting.speak();
    for listener in [&meeting.host, other] {
        listener.wait_hears_not(asker).await.unwrap();
    }
    meeting.host.call.send_digits("*91");
    meeting
        .server()
        .wait_count("conferee", "hand_raised_at IS NULL AND muted_by_floor = 0 AND place = 2", 1)
        .await
        .unwrap();
    for listener in [&meeting.host, other] {
        listener.wait_hears(asker).await.unwrap();
    }
    meeting.host.wait_hears_not(other).await.unwrap();
    // Open at once.
    meeting.host.call.send_digits("#5");
    meeting.host.wait_hears(other).await.unwrap();
    meeting.all_hear_each_other().await.unwrap();
}

#[tokio::test]
async fn a_hand_can_be_lowered_by_its_owner_and_by_a_host() {
    let meeting = Meeting::of(1, &[]).await.unwrap();
    let guest = &meeting.guests[0];
    meeting.hush().await.unwrap();
    for by_host in [false, true] {
        guest.call.send_digits("*9");
        meeting.server().wait_count("conferee", "hand_raised_at IS NOT NULL", 1).await.unwrap();
        guest.wait_spoken_to().await.unwrap();
        guest.call.wait_quieter(-60.0, Duration::from_secs(1)).await.unwrap();
        if by_host {
            meeting.host.call.send_digits("*99");
        } else {
            guest.call.send_digits("*9");
        }
        meeting.server().wait_count("conferee", "hand_raised_at IS NOT NULL", 0).await.unwrap();
        guest.wait_spoken_to().await.unwrap();
        guest.call.wait_quieter(-60.0, Duration::from_secs(1)).await.unwrap();
    }
}

#[tokio::test]
async fn who_waits_to_be_admitted_hears_nobody_and_a_hosts_admission_passes_a_lock() {
    let meeting = Meeting::of(0, &["--waiting-room", "on"]).await.unwrap();
    let guest = meeting.party.key_code(&meeting.codes.participant).await.unwrap();
    // They are spoken of in the order in which they came to wait.
    meeting.server().wait_count("attendance", "state = 'waiting_room'", 1).await.unwrap();
    let turned_away = meeting.party.key_code(&meeting.codes.participant).await.unwrap();
    meeting.server().wait_count("attendance", "state = 'waiting_room'", 2).await.unwrap();
    guest.wait_hears_not(&meeting.host).await.unwrap();
    meeting.host.call.send_digits("*7");
    meeting.server().wait_count("conference", "is_locked = 1", 1).await.unwrap();
    meeting.host.call.send_digits("*91");
    meeting.joined(2).await.unwrap();
    // The next one is spoken of, and turned away.
    meeting.host.call.send_digits("9");
    assert!(matches!(turned_away.call.wait_ended().await.unwrap(), CallEnd::TheyHungUp(_)));
    meeting.server().wait_count("attendance", "reason = 'turned_away'", 1).await.unwrap();
    meeting.host.wait_hears(&guest).await.unwrap();
    guest.wait_hears(&meeting.host).await.unwrap();
    assert_eq!(meeting.server().count("conference", "is_locked = 1").await.unwrap(), 1);
}
