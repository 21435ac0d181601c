//! The keypad's commands by every way in which telephones tell keys, and over bad ways: each key acts exactly once.

#![expect(clippy::unwrap_used, reason = "a step that fails fails the test")]

use callbench::{CallEnd, CallPlan, Damage, KeyWay};
use partyline_claims::{Party, Phone, RoomCodes, all_hear_each_other};

struct Meeting {
    party: Party,
    codes: RoomCodes,
    host: Phone,
    guest: Phone,
    other: Phone,
}

impl Meeting {
    /// A host and two guests who have keyed their codes in this way.
    async fn by(shape: fn(CallPlan) -> CallPlan) -> Self {
        let party = Party::start().await.unwrap();
        let codes = party.server.create_room("board", &["--entry", "start"]).unwrap();
        let mut phones = Vec::new();
        for (nth, code) in (1..).zip([&codes.host, &codes.participant, &codes.participant]) {
            phones.push(party.key_code_with(code, shape).await.unwrap());
            party.server.wait_count("conferee", "state = 'joined'", nth).await.unwrap();
        }
        let [host, guest, other] = phones.try_into().expect("three called");
        all_hear_each_other(&[&host, &guest, &other]).await.unwrap();
        assert_eq!(party.server.count("attempt", "1 = 1").await.unwrap(), 0, "no code was keyed wrongly");
        Self { party, codes, host, guest, other }
    }

    /// So many commands there have been, all carried out.
    async fn commanded(&self, times: i64) {
        self.party.server.wait_count("command", "1 = 1", times).await.unwrap();
        let refused = self.party.server.count("event", "kind = 'command_refused'").await.unwrap();
        assert_eq!(refused, 0, "a command was refused");
    }

    async fn mutes_and_unmutes(&self) {
        self.guest.call.send_digits("*6");
        for listener in [&self.host, &self.other] {
            listener.wait_hears_not(&self.guest).await.unwrap();
        }
        self.party.server.wait_count("conferee", "muted_by_oneself = 1 AND place = 2", 1).await.unwrap();
        self.host.wait_hears(&self.other).await.unwrap();
        self.commanded(1).await;
        self.guest.call.send_digits("*6");
        for listener in [&self.host, &self.other] {
            listener.wait_hears(&self.guest).await.unwrap();
        }
        self.commanded(2).await;
    }

    async fn locks_and_opens(&self) {
        self.host.call.send_digits("*7");
        self.party.server.wait_count("conference", "is_locked = 1", 1).await.unwrap();
        let uri = self.party.server.uri(&self.codes.participant);
        let late = self.party.call_with(&uri, |plan| plan).await.unwrap();
        assert_eq!(late.call.wait_ended().await.unwrap(), CallEnd::Refused { status: 486 });
        self.host.call.send_digits("#7");
        self.party.server.wait_count("conference", "is_locked = 0", 1).await.unwrap();
        self.commanded(4).await;
    }

    /// The host asks for the count, hears it, and changes nothing by it.
    async fn counts(&self) {
        for phone in [&self.host, &self.guest, &self.other] {
            phone.call.set_tone(None);
        }
        self.host.call.wait_quieter(-60.0, std::time::Duration::from_secs(1)).await.unwrap();
        self.host.call.send_digits("*#");
        self.host.wait_spoken_to().await.unwrap();
        self.commanded(4).await;
    }

    async fn deletes(&self) {
        self.host.call.send_digits("*4");
        self.host.wait_spoken_to().await.unwrap();
        self.host.call.send_digits("02#99");
        assert!(matches!(self.guest.call.wait_ended().await.unwrap(), CallEnd::TheyHungUp(_)));
        self.party.server.wait_count("conferee", "leave_reason = 'deleted' AND place = 2", 1).await.unwrap();
        self.host.call.send_digits("#");
        self.host.call.wait_digits_sent().await.unwrap();
        self.commanded(5).await;
        self.host.call.set_tone(Some(self.host.tone_hz));
        self.other.call.set_tone(Some(self.other.tone_hz));
        all_hear_each_other(&[&self.host, &self.other]).await.unwrap();
    }

    async fn leaves(&self) {
        self.host.call.send_digits("#9#");
        assert!(matches!(self.host.call.wait_ended().await.unwrap(), CallEnd::TheyHungUp(_)));
        self.party.server.wait_count("conferee", "leave_reason = 'keys' AND role = 'host'", 1).await.unwrap();
        assert!(self.other.call.ended().is_none());
        self.commanded(5).await;
    }
}

async fn the_keypad_works_by(shape: fn(CallPlan) -> CallPlan) {
    let meeting = Meeting::by(shape).await;
    meeting.mutes_and_unmutes().await;
    meeting.locks_and_opens().await;
    meeting.counts().await;
    meeting.deletes().await;
    meeting.leaves().await;
}

/// Shows RFC 4733 §2.5.2: packets of one key count once, each key counts.
#[tokio::test]
async fn by_telephone_events() {
    the_keypad_works_by(|plan| plan).await;
}

/// Shows RFC 6086 §4.2.2: an INFO within the call is taken for what its body says.
#[tokio::test]
async fn by_info_with_dtmf_relay() {
    the_keypad_works_by(|plan| plan.key_way(KeyWay::InfoRelay)).await;
}

#[tokio::test]
async fn by_info_with_dtmf() {
    the_keypad_works_by(|plan| plan.key_way(KeyWay::Info)).await;
}

/// Shows RFC 3261 §17.2.2: a request that comes twice is carried out once.
#[tokio::test]
async fn by_info_that_comes_twice() {
    the_keypad_works_by(|plan| plan.key_way(KeyWay::InfoRelay).damage(Damage::Doubled)).await;
}

#[tokio::test]
async fn by_tones_in_the_sound() {
    the_keypad_works_by(|plan| plan.key_way(KeyWay::Tones).without_events()).await;
}

/// Shows RFC 4733 §2.6: a key survives the loss of its first packets.
#[tokio::test]
async fn by_events_whose_first_packets_are_lost() {
    the_keypad_works_by(|plan| plan.damage(Damage::FirstLost(3))).await;
}

/// Shows RFC 4733 §2.5.1.4: one packet of the end of a key is enough.
#[tokio::test]
async fn by_events_of_which_one_end_packet_is_left() {
    the_keypad_works_by(|plan| plan.damage(Damage::OnlyLastEnd)).await;
}

#[tokio::test]
async fn by_events_whose_last_end_packets_are_lost() {
    the_keypad_works_by(|plan| plan.damage(Damage::LastEndsLost)).await;
}

#[tokio::test]
async fn by_events_whose_packets_come_twice() {
    the_keypad_works_by(|plan| plan.damage(Damage::Doubled)).await;
}

#[tokio::test]
async fn by_events_whose_packets_overtake_each_other() {
    the_keypad_works_by(|plan| plan.damage(Damage::Reordered)).await;
}

#[tokio::test]
async fn by_events_on_a_way_that_loses_doubles_and_reorders() {
    the_keypad_works_by(|plan| plan.damage(Damage::Random { seed: 1 })).await;
}
