//! Claims 15 to 18: a locked conference lets nobody in, from the data store alone, without its mixer.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should end")]

use callbench::CallEnd;
use partyline_claims::{Party, Phone, RoomCodes, all_hear_each_other};

struct Meeting {
    party: Party,
    codes: RoomCodes,
    host: Phone,
    guest: Phone,
}

async fn meeting_of_two(settings: &[&str]) -> Meeting {
    let party = Party::start().await.unwrap();
    let codes = party.server.create_room("board", &[&["--entry", "start"], settings].concat()).unwrap();
    let host = party.key_code(&codes.host).await.unwrap();
    party.server.wait_count("conferee", "state = 'joined'", 1).await.unwrap();
    let guest = party.key_code(&codes.participant).await.unwrap();
    party.server.wait_count("conferee", "state = 'joined'", 2).await.unwrap();
    all_hear_each_other(&[&host, &guest]).await.unwrap();
    Meeting { party, codes, host, guest }
}

impl Meeting {
    async fn key(&self, keys: &str, is_locked: bool) {
        self.host.call.send_digits(keys);
        let locked = format!("is_locked = {}", u8::from(is_locked));
        self.party.server.wait_count("conference", &locked, 1).await.unwrap();
    }

    /// A caller with this code is told that the conference is locked, by the VRU itself; `tries` have been so far.
    async fn is_refused(&self, code: &str) {
        let late = self.party.call_with(&self.party.server.uri(code), |plan| plan).await.unwrap();
        assert_eq!(late.call.wait_ended().await.unwrap(), CallEnd::Refused { status: 486 });
        let number = &late.number;
        let seats = "SELECT id FROM attendance WHERE caller_number";
        let theirs = format!("attendance IN ({seats} = '{number}')");
        assert_eq!(self.party.server.count("conferee", &theirs).await.unwrap(), 0);
    }
}

#[tokio::test]
async fn claims_15_and_16_a_host_locks_by_keys_and_the_mixer_hears_nothing_of_it() {
    let meeting = meeting_of_two(&[]).await;
    let before = meeting.party.server.rpcs("mixer-1").unwrap();
    meeting.key("*7", true).await;
    meeting.is_refused(&meeting.codes.participant).await;
    // Keyed codes are refused too, by a prompt.
    let keyed = meeting.party.key_code(&meeting.codes.participant).await.unwrap();
    assert!(matches!(keyed.call.wait_ended().await.unwrap(), CallEnd::TheyHungUp(_)));
    meeting.party.server.wait_count("attempt", "refusal = 'locked'", 2).await.unwrap();
    assert_eq!(meeting.party.server.rpcs("mixer-1").unwrap(), before, "the mixer is not told");
    all_hear_each_other(&[&meeting.host, &meeting.guest]).await.unwrap();
}

#[tokio::test]
async fn claims_17_and_18_a_lock_holds_at_the_vru_with_proxy_cms_and_mixer_stopped() {
    let meeting = meeting_of_two(&["--lock", "all"]).await;
    meeting.key("*7", true).await;
    for role in ["cms-1", "cms-2", "proxy", "mixer-1"] {
        meeting.party.server.stop_role(role).unwrap();
    }
    meeting.is_refused(&meeting.codes.participant).await;
    meeting.is_refused(&meeting.codes.host).await;
}

#[tokio::test]
async fn an_unlocked_conference_lets_callers_in_again_and_hosts_pass_the_usual_lock() {
    let meeting = meeting_of_two(&[]).await;
    meeting.key("*7", true).await;
    let second_host = meeting.party.key_code(&meeting.codes.host).await.unwrap();
    meeting.party.server.wait_count("conferee", "state = 'joined'", 3).await.unwrap();
    meeting.key("#7", false).await;
    let guest = meeting.party.key_code(&meeting.codes.participant).await.unwrap();
    all_hear_each_other(&[&meeting.host, &meeting.guest, &second_host, &guest]).await.unwrap();
}

#[tokio::test]
async fn a_participant_can_not_lock() {
    let meeting = meeting_of_two(&[]).await;
    meeting.guest.call.set_tone(None);
    meeting.host.call.set_tone(None);
    meeting.guest.call.wait_quieter(-60.0, std::time::Duration::from_secs(1)).await.unwrap();
    meeting.guest.call.send_digits("*7");
    meeting.guest.wait_spoken_to().await.unwrap();
    assert_eq!(meeting.party.server.count("conference", "is_locked = 1").await.unwrap(), 0);
    assert_eq!(meeting.party.server.count("event", "kind = 'lock_changed'").await.unwrap(), 0);
}

#[tokio::test]
async fn a_lock_holds_against_callers_whose_code_was_looked_up_before_it_was_set() {
    let meeting = meeting_of_two(&[]).await;
    let uri = meeting.party.server.uri(&meeting.codes.participant);
    // Some look before the lock, some after; whoever is decided on after it stays out.
    let (late, ()) = tokio::join!(
        async {
            let mut late = Vec::new();
            for _ in 0..6 {
                late.push(meeting.party.call_with(&uri, |plan| plan).await.unwrap());
            }
            late
        },
        meeting.key("*7", true)
    );
    let mut let_in = 0;
    for phone in &late {
        let_in += i64::from(phone.call.wait_answered().await.is_ok() && phone.call.ended().is_none());
    }
    let server = &meeting.party.server;
    let locked_at = "(SELECT min(at) FROM event WHERE kind = 'lock_changed')";
    assert_eq!(server.count("conferee", &format!("placed_at > {locked_at}")).await.unwrap(), 0);
    assert_eq!(server.count("conferee", "place > 2").await.unwrap(), let_in);
    meeting.is_refused(&meeting.codes.participant).await;
}
