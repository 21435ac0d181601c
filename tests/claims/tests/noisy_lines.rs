//! A line that howls is told to the host, and muted where the room says so.

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
