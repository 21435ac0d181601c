//! Claims 19 to 21: a host deletes one conferee, whom the roll call has named by order of entry.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should end")]

use std::time::Duration;

use callbench::CallEnd;
use partyline_claims::{Party, Phone, RoomCodes, all_hear_each_other};

struct Meeting {
    party: Party,
    codes: RoomCodes,
    host: Phone,
    second: Phone,
    third: Phone,
}

async fn meeting_of_three(settings: &[&str]) -> Meeting {
    let party = Party::start().await.unwrap();
    let codes = party.server.create_room("board", &[&["--entry", "start"], settings].concat()).unwrap();
    let host = party.key_code(&codes.host).await.unwrap();
    party.server.wait_count("conferee", "state = 'joined'", 1).await.unwrap();
    let second = party.key_code(&codes.participant).await.unwrap();
    party.server.wait_count("conferee", "state = 'joined'", 2).await.unwrap();
    let third = party.key_code(&codes.participant).await.unwrap();
    party.server.wait_count("conferee", "state = 'joined'", 3).await.unwrap();
    all_hear_each_other(&[&host, &second, &third]).await.unwrap();
    Meeting { party, codes, host, second, third }
}

impl Meeting {
    /// The host goes to an order of entry in the roll call, which is heard by nobody else.
    async fn goes_to(&self, order: u32) {
        let phones = [&self.host, &self.second, &self.third];
        phones.iter().for_each(|phone| phone.call.set_tone(None));
        self.host.call.wait_quieter(-60.0, Duration::from_secs(1)).await.unwrap();
        self.host.call.send_digits("*4");
        self.host.wait_spoken_to().await.unwrap();
        assert!(self.second.loudest(Duration::from_millis(500)).await < -50.0, "the roll call is private");
        self.host.call.send_digits(&format!("0{order}#"));
        phones.iter().for_each(|phone| phone.call.set_tone(Some(phone.tone_hz)));
    }
}

#[tokio::test]
async fn claims_19_to_21_the_one_of_that_order_is_told_hung_up_and_gone_and_the_rest_stay() {
    let meeting = meeting_of_three(&[]).await;
    meeting.goes_to(2).await;
    meeting.host.call.send_digits("99");
    assert!(matches!(meeting.second.call.wait_ended().await.unwrap(), CallEnd::TheyHungUp(_)));
    let server = &meeting.party.server;
    server
        .wait_count("conferee", "place = 2 AND state = 'left' AND leave_reason = 'deleted'", 1)
        .await
        .unwrap();
    assert_eq!(server.count("conferee", "state = 'joined'").await.unwrap(), 2);
    assert!(meeting.third.call.ended().is_none());
    meeting.host.call.send_digits("#");
    meeting.third.wait_hears(&meeting.host).await.unwrap();
    meeting.host.wait_hears(&meeting.third).await.unwrap();
    // The room lets them in again, with an order of their own.
    let again = meeting.party.key_code(&meeting.codes.participant).await.unwrap();
    server.wait_count("conferee", "place = 4 AND state = 'joined'", 1).await.unwrap();
    meeting.third.wait_hears(&again).await.unwrap();
}

#[tokio::test]
async fn the_key_that_deletes_deletes_nobody_when_pressed_once() {
    let meeting = meeting_of_three(&[]).await;
    meeting.goes_to(3).await;
    meeting.host.call.send_digits("9#");
    meeting.host.call.wait_digits_sent().await.unwrap();
    meeting.third.wait_hears(&meeting.host).await.unwrap();
    assert_eq!(meeting.party.server.count("conferee", "state = 'joined'").await.unwrap(), 3);
    assert_eq!(meeting.party.server.count("command", "1 = 1").await.unwrap(), 0);
}

#[tokio::test]
async fn a_deleted_caller_is_kept_out_where_the_room_says_so_and_others_are_not() {
    let meeting = meeting_of_three(&["--deleted-stay-out", "on"]).await;
    meeting.goes_to(2).await;
    meeting.host.call.send_digits("99");
    assert!(matches!(meeting.second.call.wait_ended().await.unwrap(), CallEnd::TheyHungUp(_)));
    let server = &meeting.party.server;
    server.wait_count("conferee", "leave_reason = 'deleted'", 1).await.unwrap();
    let number = meeting.second.number.clone();
    let again = meeting
        .party
        .key_code_with(&meeting.codes.participant, |plan| plan.from_user(number.clone()))
        .await
        .unwrap();
    assert!(matches!(again.call.wait_ended().await.unwrap(), CallEnd::TheyHungUp(_)));
    server
        .wait_count(
            "attendance",
            &format!("caller_number = '{number}' AND reason = 'deleted' AND conferee IS NULL"),
            1,
        )
        .await
        .unwrap();
    assert_eq!(server.count("conferee", "state = 'joined'").await.unwrap(), 2);
    let other = meeting.party.key_code(&meeting.codes.participant).await.unwrap();
    server.wait_count("conferee", "state = 'joined'", 3).await.unwrap();
    meeting.third.wait_hears(&other).await.unwrap();
}
