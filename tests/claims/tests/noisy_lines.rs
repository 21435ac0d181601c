//! A line that howls is told to the host, and muted where the room says so; noise behind voices is taken away where it says so.

use std::f32::consts::TAU;

use partyline_claims::Meeting;

const HOWL_HZ: f32 = 1_210.0;

/// A tone that lines make which hear themselves: one, and as loud as they get.
fn howl(seconds: usize) -> Vec<i16> {
    (0..seconds * 8_000)
        .map(|nth| (20_000.0 * (TAU * (HOWL_HZ * nth as f32 / 8_000.0).fract()).sin()) as i16)
        .collect()
}

#[tokio::test]
async fn who_howls_is_muted_where_the_room_says_so_and_the_host_hears_of_it() {
    let meeting = Meeting::of(2, &["--noisy-lines", "mute"]).await.unwrap();
    meeting.hush().await.unwrap();
    meeting.guests[0].call.say(howl(60));
    meeting.host.call.wait_hears(HOWL_HZ).await.unwrap();
    meeting
        .server()
        .wait_count("conferee", "noise = 'howl' AND muted_by_host = 1 AND place = 2", 1)
        .await
        .unwrap();
    meeting.server().wait_count("event", "kind = 'line_noisy' AND word = 'howl'", 1).await.unwrap();
    meeting.host.call.wait_hears_not(HOWL_HZ).await.unwrap();
    meeting.host.wait_spoken_to().await.unwrap();
    meeting.guests[1].call.wait_quieter(-60.0, std::time::Duration::from_secs(1)).await.unwrap();
}

#[tokio::test]
async fn who_howls_is_told_and_heard_where_the_room_says_nothing() {
    let meeting = Meeting::of(1, &[]).await.unwrap();
    meeting.hush().await.unwrap();
    meeting.guests[0].call.say(howl(60));
    meeting.server().wait_count("event", "kind = 'line_noisy' AND word = 'howl'", 1).await.unwrap();
    meeting
        .server()
        .wait_count("conferee", "noise = 'howl' AND muted_by_host = 0 AND place = 2", 1)
        .await
        .unwrap();
    meeting.host.call.wait_hears(HOWL_HZ).await.unwrap();
}

/// Hiss of −40 dBov, as of a fan near the telephone.
fn hiss(seconds: usize) -> Vec<i16> {
    let mut state = 1_u32;
    std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        ((state >> 8) as f32 / (1 << 23) as f32 * 1_135.0 - 567.5) as i16
    })
    .take(seconds * 8_000)
    .collect()
}

#[tokio::test]
async fn noise_is_taken_from_voices_from_when_the_room_says_so_until_it_says_otherwise() {
    let second = std::time::Duration::from_secs(1);
    let meeting = Meeting::of(1, &["--noise-suppression", "off"]).await.unwrap();
    meeting.hush().await.unwrap();
    meeting.guests[0].call.say(hiss(90));
    wait_louder(&meeting).await;
    let set =
        |switch| meeting.server().command(&["room", "set", "board", "--noise-suppression", switch]).unwrap();
    set("on");
    meeting.host.call.wait_quieter(-50.0, second).await.unwrap();
    set("off");
    wait_louder(&meeting).await;
    let shown = meeting.server().json(&["room", "show", "board"]).unwrap();
    assert_eq!((&shown["noise_suppression"], &shown["agc"]), (&false.into(), &true.into()));
}

/// The host hears the hiss as loud as it is.
async fn wait_louder(meeting: &Meeting) {
    let until = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while meeting.host.call.level(std::time::Duration::from_secs(1)).await < -43.0 {
        assert!(std::time::Instant::now() < until, "the host does not hear the hiss");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}
