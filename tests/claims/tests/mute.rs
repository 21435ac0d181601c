//! Claims 11 to 13: one conferee is muted, by themselves or by a host whom the roll call has named their order of entry.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should end")]

use std::time::Duration;

use partyline_claims::{Party, Phone, all_hear_each_other};

struct Meeting {
    party: Party,
    host: Phone,
    second: Phone,
    third: Phone,
}

async fn meeting_of_three() -> Meeting {
    let party = Party::start().await.unwrap();
    let codes = party.server.create_room("board", &["--entry", "start"]).unwrap();
    let host = party.key_code(&codes.host).await.unwrap();
    party.server.wait_count("conferee", "state = 'joined'", 1).await.unwrap();
    let second = party.key_code(&codes.participant).await.unwrap();
    party.server.wait_count("conferee", "state = 'joined'", 2).await.unwrap();
    let third = party.key_code(&codes.participant).await.unwrap();
    party.server.wait_count("conferee", "state = 'joined'", 3).await.unwrap();
    all_hear_each_other(&[&host, &second, &third]).await.unwrap();
    Meeting { party, host, second, third }
}

impl Meeting {
    /// The second caller is heard by nobody and hears all; the others hear each other.
    async fn only_the_second_is_silent(&self) {
        for listener in [&self.host, &self.third] {
            listener.wait_hears_not(&self.second).await.unwrap();
        }
        self.second.wait_hears(&self.host).await.unwrap();
        self.second.wait_hears(&self.third).await.unwrap();
        self.host.wait_hears(&self.third).await.unwrap();
        self.third.wait_hears(&self.host).await.unwrap();
    }
}

#[tokio::test]
async fn a_conferee_mutes_and_unmutes_themselves() {
    let meeting = meeting_of_three().await;
    meeting.second.call.send_digits("*6");
    meeting.only_the_second_is_silent().await;
    meeting.party.server.wait_count("conferee", "muted_by_oneself = 1 AND place = 2", 1).await.unwrap();
    meeting.second.call.send_digits("*6");
    all_hear_each_other(&[&meeting.host, &meeting.second, &meeting.third]).await.unwrap();
}

#[tokio::test]
async fn claims_11_to_13_a_host_mutes_the_one_whom_the_roll_call_has_named() {
    let meeting = meeting_of_three().await;
    let phones = [&meeting.host, &meeting.second, &meeting.third];
    phones.iter().for_each(|phone| phone.call.set_tone(None));
    meeting.host.call.wait_quieter(-60.0, Duration::from_secs(1)).await.unwrap();
    meeting.host.call.send_digits("*4");
    meeting.host.wait_spoken_to().await.unwrap();
    meeting.host.call.send_digits("02#1");
    meeting.party.server.wait_count("conferee", "muted_by_host = 1 AND place = 2", 1).await.unwrap();
    assert_eq!(meeting.party.server.count("conferee", "muted_by_host = 1").await.unwrap(), 1);
    meeting.host.call.send_digits("#");
    phones.iter().for_each(|phone| phone.call.set_tone(Some(phone.tone_hz)));
    meeting.only_the_second_is_silent().await;
    // It is a host's to undo: the room does not let them.
    meeting.second.call.send_digits("#6");
    meeting.second.call.wait_digits_sent().await.unwrap();
    meeting
        .party
        .server
        .wait_count("event", "kind = 'command_refused' AND refusal = 'floor'", 1)
        .await
        .unwrap();
    meeting.only_the_second_is_silent().await;
}
