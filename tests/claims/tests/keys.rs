//! Keys as telephones send them: as tones in the sound, and in two ways at once.

use std::f32::consts::TAU;

use partyline_claims::{Meeting, Party, all_hear_each_other};

const RATE_HZ: f32 = 8000.0;
/// A tone and the pause behind it, in samples: 160 ms each, as a finger makes them, so that packets that are late hide none.
const PIECE: usize = 1280;
/// Half a second, in which the call is answered and the prompt begins.
const LEAD: usize = 4000;
/// Each of the two frequencies, −15 dBov.
const AMPLITUDE: f32 = 8_200.0;

/// The two frequencies of a key ([ITU-T Q.23]).
fn frequencies(key: char) -> (f32, f32) {
    let keys = ["123A", "456B", "789C", "*0#D"];
    let place = keys.iter().enumerate().find_map(|(row, keys)| Some((row, keys.find(key)?)));
    let (row, column) = place.expect("a key of a telephone");
    ([697.0, 770.0, 852.0, 941.0][row], [1209.0, 1336.0, 1477.0, 1633.0][column])
}

/// What a telephone sends that has no other way than sound.
fn tones(keys: &str) -> Vec<i16> {
    let mut samples = vec![0; LEAD];
    for key in keys.chars() {
        let (low, high) = frequencies(key);
        samples.extend((0..PIECE).map(|nth| {
            let seconds = nth as f32 / RATE_HZ;
            (AMPLITUDE * ((TAU * low * seconds).sin() + (TAU * high * seconds).sin())) as i16
        }));
        samples.extend([0; PIECE]);
    }
    samples
}

#[tokio::test]
async fn keys_as_tones_in_the_sound_enter_a_code_while_the_prompt_plays() {
    let party = Party::start().await.unwrap();
    let codes = party.server.create_room("board", &["--entry", "start"]).unwrap();
    let sound = tones(&format!("{}#", codes.host));
    let uri = party.server.uri("conference");
    let _phone = party.call_with(&uri, |plan| plan.without_events().sound(sound)).await.unwrap();
    party.server.wait_count("conferee", "state = 'joined' AND role = 'host'", 1).await.unwrap();
    assert_eq!(party.server.count("attempt", "true").await.unwrap(), 0, "no wrong code before");
}

#[tokio::test]
async fn keys_that_come_as_events_and_as_tones_count_once() {
    let party = Party::start().await.unwrap();
    let codes = party.server.create_room("board", &["--entry", "start"]).unwrap();
    let keys = format!("{}#", codes.host);
    let uri = party.server.uri("conference");
    let _phone = party.call_with(&uri, |plan| plan.sound(tones(&keys)).digits(&keys)).await.unwrap();
    party.server.wait_count("conferee", "state = 'joined' AND role = 'host'", 1).await.unwrap();
    assert_eq!(party.server.count("attempt", "true").await.unwrap(), 0, "no key came twice");
}

#[tokio::test]
async fn a_command_that_comes_as_events_and_as_tones_is_carried_out_once() {
    let meeting = Meeting::of(1, &[]).await.unwrap();
    let guest = &meeting.guests[0];
    meeting.hush().await.unwrap();
    guest.call.say(tones("*6"));
    guest.call.send_digits("*6");
    meeting.server().wait_count("conferee", "muted_by_oneself = 1", 1).await.unwrap();
    guest.wait_spoken_to().await.unwrap();
    meeting.host.call.wait_quieter(-60.0, std::time::Duration::from_secs(2)).await.unwrap();
    assert_eq!(meeting.server().count("conferee", "muted_by_oneself = 1").await.unwrap(), 1);
    assert_eq!(meeting.server().count("command", "1 = 1").await.unwrap(), 1);
}

#[tokio::test]
async fn a_command_as_tones_alone_is_carried_out_once_and_its_tones_are_not_heard() {
    let party = Party::start().await.unwrap();
    let codes = party.server.create_room("board", &["--entry", "start"]).unwrap();
    let listener = party.key_code(&codes.participant).await.unwrap();
    party.server.wait_count("conferee", "state = 'joined'", 1).await.unwrap();
    let sound = tones(&format!("{}#", codes.host));
    let uri = party.server.uri("conference");
    let host = party.call_with(&uri, |plan| plan.without_events().sound(sound)).await.unwrap();
    party.server.wait_count("conferee", "state = 'joined'", 2).await.unwrap();
    host.call.set_tone(Some(host.tone_hz));
    all_hear_each_other(&[&host, &listener]).await.unwrap();
    listener.call.set_tone(None);
    host.call.set_tone(None);
    listener.call.wait_quieter(-60.0, std::time::Duration::from_secs(1)).await.unwrap();
    host.call.say(tones("*7"));
    party.server.wait_count("conference", "is_locked = 1", 1).await.unwrap();
    assert_eq!(party.server.count("command", "1 = 1").await.unwrap(), 1);
    // At most the onset of a key, which is too short to be measured as one.
    let keys = listener.call.hears(&[1209.0, 852.0], std::time::Duration::from_millis(500)).await;
    assert!(keys.iter().all(|level| *level < -35.0), "the keys are heard at {keys:?} dBov");
}
