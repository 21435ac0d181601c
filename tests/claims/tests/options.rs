//! The options by telephone: how entries are told, and how loud one hears.

use std::time::Duration;

use partyline_claims::Meeting;

const QUIET_DBOV: f32 = -50.0;

#[tokio::test]
async fn a_host_changes_how_entries_are_told_while_the_conference_is_on() {
    let mut meeting = Meeting::of(1, &[]).await.unwrap();
    meeting.hush().await.unwrap();
    meeting.host_keys("*33", "conference", "announce = 'silence'").await.unwrap();
    meeting.host.call.send_digits("*");
    meeting.host.call.wait_quieter(-60.0, Duration::from_secs(2)).await.unwrap();

    let silent =
        meeting.party.key_code_with(&meeting.codes.participant, |plan| plan.sound([])).await.unwrap();
    meeting.joined(3).await.unwrap();
    let loudest = meeting.guests[0].call.level_from_now(Duration::from_secs(2)).await;
    assert!(loudest < QUIET_DBOV, "an entry is told at {loudest} dBov");
    meeting.guests.push(silent);

    meeting.host_keys("*32", "conference", "announce = 'tone'").await.unwrap();
    let told = meeting.party.key_code_with(&meeting.codes.participant, |plan| plan.sound([])).await.unwrap();
    meeting.guests[0].wait_spoken_to().await.unwrap();
    meeting.joined(4).await.unwrap();
    meeting.guests.push(told);
    meeting.host.call.send_digits("*");
    meeting.all_hear_each_other().await.unwrap();
}

#[tokio::test]
async fn a_participants_options_are_their_own_volume_and_not_the_hosts() {
    let meeting = Meeting::of(2, &[]).await.unwrap();
    let [guest, other] = meeting.guests.as_slice() else { panic!("two guests") };
    let before = guest.level_of(&meeting.host).await;
    guest.call.send_digits("*36444");
    guest.call.wait_digits_sent().await.unwrap();
    guest.call.send_digits("#");
    guest.call.wait_digits_sent().await.unwrap();
    // What is spoken goes by, in which the conference is softer still.
    let quieter = before - 9.0;
    wait_level(&meeting, 0, quieter).await;
    let others = other.level_of(&meeting.host).await;
    assert!((others - before).abs() < 1.5, "another hears {others} dBov instead of {before}");

    // Announcements are not theirs to change.
    guest.call.send_digits("*33");
    guest.call.wait_digits_sent().await.unwrap();
    guest.call.send_digits("*");
    guest.call.send_digits("*365*");
    wait_level(&meeting, 0, before).await;
    assert_eq!(meeting.server().count("conference", "announce IS NOT NULL").await.unwrap(), 0);
    assert_eq!(meeting.server().count("command", "1 = 1").await.unwrap(), 0);
}

/// Waits until a guest hears the host at this level for two seconds.
async fn wait_level(meeting: &Meeting, guest: usize, wanted_dbov: f32) {
    let mut heard = 0.0;
    for _ in 0..30 {
        let window = Duration::from_secs(2);
        heard = meeting.guests[guest].call.hears_from_now(&[meeting.host.tone_hz], window).await[0];
        if (heard - wanted_dbov).abs() < 1.5 {
            return;
        }
    }
    panic!("the host is heard at {heard} dBov instead of {wanted_dbov}");
}
