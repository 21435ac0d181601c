//! Claims 13 and 21, by ear: callers say their names at entry, and a host hears them in the roll call.

#![expect(clippy::unwrap_used, reason = "a step that fails fails the test")]

use std::time::Duration;

use partyline_claims::{Party, Phone, RoomCodes, all_hear_each_other};

/// What stands for the name of each: above the hold music, and no telephone's own tone here.
const NAMES_HZ: [f32; 2] = [2_750.0, 3_110.0];
/// The tone behind which a name is said.
const BEEP_HZ: f32 = 880.0;

struct Meeting {
    party: Party,
    codes: RoomCodes,
}

async fn meeting() -> Meeting {
    let party = Party::start().await.unwrap();
    let codes = party.server.create_room("board", &["--entry", "start", "--announce", "name"]).unwrap();
    Meeting { party, codes }
}

impl Meeting {
    /// A caller who has heard the tone, and is silent.
    async fn asked(&self, code: &str) -> Phone {
        let phone = self.party.key_code(code).await.unwrap();
        phone.call.set_tone(None);
        phone.call.wait_hears(BEEP_HZ).await.unwrap();
        phone.call.wait_hears_not(BEEP_HZ).await.unwrap();
        phone
    }

    /// One who says a name of a second, and is in when there are so many.
    async fn named(&self, code: &str, name_hz: f32, seated: i64) -> Phone {
        let phone = self.asked(code).await;
        assert_eq!(self.party.server.count("conferee", "state <> 'left'").await.unwrap(), seated - 1);
        phone.call.set_tone(Some(name_hz));
        tokio::time::sleep(Duration::from_secs(1)).await;
        phone.call.set_tone(None);
        phone.call.send_digits("#");
        self.party.server.wait_count("conferee", "state = 'joined'", seated).await.unwrap();
        self.party.server.wait_count("recorded_name", "1 = 1", seated).await.unwrap();
        phone
    }
}

#[tokio::test]
async fn a_host_hears_the_recorded_names_in_order_of_entry_and_nobody_else_does() {
    let mut meeting = meeting().await;
    let host = meeting.named(&meeting.codes.host, NAMES_HZ[0], 1).await;
    let guest = meeting.named(&meeting.codes.participant, NAMES_HZ[1], 2).await;
    for phone in [&host, &guest] {
        phone.call.set_tone(Some(phone.tone_hz));
    }
    all_hear_each_other(&[&host, &guest]).await.unwrap();
    for phone in [&host, &guest] {
        phone.call.set_tone(None);
    }
    for phone in [&host, &guest] {
        phone.call.wait_quieter(-60.0, Duration::from_secs(1)).await.unwrap();
    }

    guest.call.listen_for(&NAMES_HZ);
    host.call.send_digits("*4");
    host.call.wait_hears(NAMES_HZ[0]).await.unwrap();
    host.call.wait_hears_not(NAMES_HZ[0]).await.unwrap();
    host.call.wait_hears(NAMES_HZ[1]).await.unwrap();
    // While the name plays its key acts on whose it is.
    host.call.send_digits("1");
    meeting
        .party
        .server
        .wait_count("conferee", "muted_by_host = 1 AND role = 'participant'", 1)
        .await
        .unwrap();
    host.call.send_digits("*");
    assert_eq!(guest.call.heard_at().await, None, "the roll call is private");

    // Names outlive the process, as long as their conference is on record.
    drop((host, guest));
    meeting.party.server.kill().unwrap();
    meeting.party.server.restart().unwrap();
    assert_eq!(meeting.party.server.count("recorded_name", "1 = 1").await.unwrap(), 2);
}

#[tokio::test]
async fn who_says_nothing_or_does_not_want_to_goes_in_without_a_name() {
    let meeting = meeting().await;
    let silent = meeting.asked(&meeting.codes.host).await;
    meeting.party.server.wait_count("conferee", "state = 'joined'", 1).await.unwrap();
    // The second pound comes before the first word.
    let hurried = meeting.party.key_code(&format!("{}#", meeting.codes.participant)).await.unwrap();
    meeting.party.server.wait_count("conferee", "state = 'joined'", 2).await.unwrap();
    silent.call.set_tone(Some(silent.tone_hz));
    all_hear_each_other(&[&silent, &hurried]).await.unwrap();
    assert_eq!(meeting.party.server.count("recorded_name", "1 = 1").await.unwrap(), 0);
}

#[tokio::test]
async fn a_name_ends_by_silence_is_heard_back_and_said_again() {
    let meeting = meeting().await;
    let phone = meeting.asked(&meeting.codes.host).await;
    phone.call.set_tone(Some(NAMES_HZ[0]));
    tokio::time::sleep(Duration::from_secs(1)).await;
    phone.call.set_tone(None);
    phone.call.wait_hears(NAMES_HZ[0]).await.unwrap();
    phone.call.send_digits("*");
    phone.call.wait_hears(BEEP_HZ).await.unwrap();
    phone.call.wait_hears_not(BEEP_HZ).await.unwrap();
    phone.call.set_tone(Some(NAMES_HZ[1]));
    tokio::time::sleep(Duration::from_secs(1)).await;
    phone.call.set_tone(None);
    phone.call.wait_hears(NAMES_HZ[1]).await.unwrap();
    assert_eq!(meeting.party.server.count("conferee", "1 = 1").await.unwrap(), 0);
    phone.call.send_digits("#");
    meeting.party.server.wait_count("recorded_name", "1 = 1", 1).await.unwrap();
    phone.call.wait_hears_not(NAMES_HZ[1]).await.unwrap();
    phone.call.send_digits("*4");
    phone.call.wait_hears(NAMES_HZ[1]).await.unwrap();
}
