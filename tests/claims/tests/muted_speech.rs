//! Who talks while muted is told so, alone, and not again and again.

use std::f32::consts::TAU;
use std::time::Duration;

use partyline_claims::{Meeting, Phone};

/// Words of 350 ms with pauses of 150 ms, for so many seconds.
fn words(seconds: usize) -> Vec<i16> {
    (0..seconds * 8_000)
        .map(|nth| {
            let amplitude = if nth % 4_000 < 2_800 { 5_000.0 } else { 0.0 };
            (amplitude * (TAU * 310.0 * nth as f32 / 8_000.0).sin()) as i16
        })
        .collect()
}

async fn heard_nothing(phone: &Phone) {
    let loudest = phone.loudest(Duration::from_secs(9)).await;
    assert!(loudest < -50.0, "{} heard something at {loudest} dBov", phone.number);
}

#[tokio::test]
async fn who_talks_while_muted_by_a_host_is_told_once_and_nobody_else_hears_a_thing() {
    let meeting = Meeting::of(2, &[]).await.unwrap();
    let [muted, other] = meeting.guests.as_slice() else { panic!("two guests") };
    meeting.hush().await.unwrap();
    meeting.host.call.send_digits("*4");
    meeting.host.wait_spoken_to().await.unwrap();
    meeting.host.call.send_digits("02#1");
    meeting.server().wait_count("conferee", "muted_by_host = 1 AND place = 2", 1).await.unwrap();
    meeting.host.call.send_digits("#");
    for phone in meeting.phones() {
        phone.call.wait_quieter(-60.0, Duration::from_secs(2)).await.unwrap();
    }
    // They talk on after what they were told; that was long enough ago when others are heard to hear nothing.
    muted.call.say(words(60));
    muted.wait_spoken_to().await.unwrap();
    muted.call.wait_quieter(-60.0, Duration::from_secs(1)).await.unwrap();
    let again = muted.call.level_from_now(Duration::from_secs(8)).await;
    assert!(again < -50.0, "told again at {again} dBov");
    heard_nothing(&meeting.host).await;
    heard_nothing(other).await;
}
