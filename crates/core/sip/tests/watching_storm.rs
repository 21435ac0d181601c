//! Subscriptions and referrals through a bad network: whatever is lost, doubled or late, each ends, and nothing stays.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod harness;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use harness::phone::Phone;
use harness::{UDP, Weather, World, capabilities};
use partyline_sip::endpoint::{
    Because, CallEvent, CallKey, EventBody, Notice, Refer, Subscribe, SubscriptionEvent, SubscriptionKey,
    Termination, TransportKind,
};
use partyline_sip::rules::{DialogRules, EventPackage, Referrals, SubscriptionRules};
use proptest::prelude::*;

#[derive(Debug, Clone, Copy)]
enum Deed {
    Call { by_tcp: bool },
    Answer,
    HangUp { side: usize },
    Refer { side: usize, is_reported: bool },
    Subscribe { side: usize },
    Stranger { refers: bool, number: u8, expires: u16 },
    Decide { side: usize, agrees: bool },
    Report { side: usize, status: u16 },
    Tell { side: usize },
    End { side: usize },
    Unsubscribe { side: usize },
    Wait { ms: u64 },
    Cut,
}

fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    let side = || 0..2_usize;
    let deed = prop_oneof![
        2 => any::<bool>().prop_map(|by_tcp| Deed::Call { by_tcp }),
        3 => Just(Deed::Answer),
        2 => side().prop_map(|side| Deed::HangUp { side }),
        4 => (side(), any::<bool>()).prop_map(|(side, is_reported)| Deed::Refer { side, is_reported }),
        4 => side().prop_map(|side| Deed::Subscribe { side }),
        2 => (any::<bool>(), 0..4_u8, 0..200_u16).prop_map(|(refers, number, expires)| Deed::Stranger { refers, number, expires }),
        6 => (side(), prop::bool::weighted(0.8)).prop_map(|(side, agrees)| Deed::Decide { side, agrees }),
        4 => (side(), prop::sample::select(vec![100, 180, 200, 486])).prop_map(|(side, status)| Deed::Report { side, status }),
        4 => side().prop_map(|side| Deed::Tell { side }),
        1 => side().prop_map(|side| Deed::End { side }),
        2 => side().prop_map(|side| Deed::Unsubscribe { side }),
        8 => (0..20_000_u64).prop_map(|ms| Deed::Wait { ms }),
        1 => Just(Deed::Cut),
    ];
    proptest::collection::vec(deed, 1..60)
}

fn rules() -> DialogRules {
    let (name, content_type) = ("weather".to_owned(), "text/plain".to_owned());
    let packages = vec![EventPackage { name, content_type, expires: Duration::from_secs(100) }];
    let subscriptions = SubscriptionRules { packages, max: 20, ..SubscriptionRules::default() };
    DialogRules { referrals: Referrals::Asked, subscriptions, ..DialogRules::default() }
}

/// What the users know.
struct Users {
    world: World,
    begun: Vec<CallKey>,
    /// Subscriptions of either role, by side, ours and theirs.
    known: [BTreeSet<SubscriptionKey>; 2],
    strangers: u32,
}

impl Users {
    fn calls(&self, side: usize) -> Vec<CallKey> {
        let mut calls: BTreeMap<CallKey, bool> = BTreeMap::new();
        if side == 0 {
            calls.extend(self.begun.iter().map(|call| (*call, true)));
        }
        for (call, event) in &self.world.agents[side].events {
            calls.insert(*call, !matches!(event, CallEvent::Ended(_)));
        }
        calls.into_iter().filter(|(_, is_open)| *is_open).map(|(call, _)| call).collect()
    }

    /// All subscriptions that a side has heard of.
    fn subscriptions(&self, side: usize) -> BTreeSet<SubscriptionKey> {
        let told = self.world.agents[side].subscriptions.iter().map(|(key, _)| *key);
        told.chain(self.known[side].iter().copied()).collect()
    }

    fn notice() -> Notice {
        let body = EventBody { content_type: "text/plain".to_owned(), bytes: b"rain".as_slice().into() };
        Notice { is_pending: false, body: Some(body) }
    }

    /// What does not fit the state is refused; that is part of the storm.
    fn perform(&mut self, deed: Deed) {
        let now = self.world.now;
        match deed {
            Deed::Call { by_tcp } => {
                self.begun.push(self.world.call(0, 1, if by_tcp { TransportKind::Tcp } else { UDP }));
            }
            Deed::Answer => {
                for call in self.calls(1) {
                    let _ = self.world.agents[1].endpoint.answer(now, call, &capabilities(4_000));
                }
            }
            Deed::HangUp { side } => {
                if let Some(call) = self.calls(side).first() {
                    self.world.agents[side].endpoint.hang_up(now, *call, &Because::default()).unwrap();
                }
            }
            Deed::Refer { side, is_reported } => {
                let wanted = Refer { target: "sip:a@b".to_owned(), referred_by: None, is_reported };
                for call in self.calls(side) {
                    let key = self.world.agents[side].endpoint.refer(now, call, &wanted);
                    self.known[side].extend(key);
                }
            }
            Deed::Subscribe { side } => {
                let (package, accept) = ("weather".to_owned(), "text/plain".to_owned());
                let wanted = Subscribe { package, accept, expires: Duration::from_secs(61) };
                for call in self.calls(side) {
                    let key = self.world.agents[side].endpoint.subscribe(now, call, &wanted);
                    self.known[side].extend(key);
                }
            }
            Deed::Stranger { refers, number, expires } => self.stranger(refers, number, expires),
            Deed::Wait { ms } => self.world.run(Duration::from_millis(ms)),
            Deed::Cut => self.world.cut(),
            Deed::Decide { side, .. }
            | Deed::Report { side, .. }
            | Deed::Tell { side }
            | Deed::End { side }
            | Deed::Unsubscribe { side } => self.command(side, deed),
        }
        self.world.drain();
    }

    /// Somebody outside of all calls, who never answers a NOTIFY; sometimes the same one again.
    fn stranger(&mut self, refers: bool, number: u8, expires: u16) {
        self.strangers += 1;
        let phone = Phone::new(&format!("stranger{number}"));
        let (method, more) = if refers {
            ("REFER", "Refer-To: <sip:c@d>\r\n".to_owned())
        } else {
            ("SUBSCRIBE", format!("Event: weather\r\nExpires: {expires}\r\n"))
        };
        let request = phone.request(method, self.strangers, &format!("s{}", self.strangers), &more, "");
        self.world.inject(phone.address, 1, request.as_bytes());
    }

    fn command(&mut self, side: usize, deed: Deed) {
        let now = self.world.now;
        for key in self.subscriptions(side) {
            let endpoint = &mut self.world.agents[side].endpoint;
            match deed {
                Deed::Decide { agrees: true, .. } => {
                    if endpoint.accept_subscription(now, key, Self::notice()).is_err() {
                        let _ = endpoint.accept_referral(now, key);
                    }
                }
                Deed::Decide { .. } => drop(endpoint.refuse_subscription(now, key, 603, &Because::default())),
                Deed::Report { status, .. } => drop(endpoint.report(now, key, status)),
                Deed::Tell { .. } => drop(endpoint.notify(now, key, Self::notice())),
                Deed::End { .. } => {
                    let _ = endpoint.end_subscription(now, key, Termination::Probation(None), None);
                }
                Deed::Unsubscribe { .. }
                | Deed::Call { .. }
                | Deed::Answer
                | Deed::HangUp { .. }
                | Deed::Refer { .. }
                | Deed::Subscribe { .. }
                | Deed::Stranger { .. }
                | Deed::Wait { .. }
                | Deed::Cut => drop(endpoint.unsubscribe(now, key)),
            }
        }
    }

    fn assert_each_ended_once(&self, side: usize) {
        let mut ended = BTreeSet::new();
        for (key, event) in &self.world.agents[side].subscriptions {
            assert!(!ended.contains(key), "{event:?} after the end of {key:?}");
            if matches!(event, SubscriptionEvent::Ended(_)) {
                ended.insert(*key);
            }
        }
        assert_eq!(self.subscriptions(side), ended);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_subscription_ends_and_nothing_stays(seed in any::<u64>(), lost in 0..60_u64, doubled in 0..30_u64, delay_ms in 0..400_u64, deeds in deeds()) {
        let weather = Weather { lost_percent: lost, doubled_percent: doubled, delay_max: Duration::from_millis(delay_ms) };
        let world = World::with_rules(2, seed, weather, &rules());
        let mut users = Users { world, begun: Vec::new(), known: [BTreeSet::new(), BTreeSet::new()], strangers: 0 };
        for deed in deeds {
            users.perform(deed);
        }
        for _ in 0..2 {
            // What only one side knows of, because all BYEs were lost, ends by what its own user does.
            for side in 0..2 {
                for call in users.calls(side) {
                    let now = users.world.now;
                    users.world.agents[side].endpoint.hang_up(now, call, &Because::default()).unwrap();
                }
            }
            users.world.run(Duration::from_secs(300));
        }
        users.world.run(Duration::from_secs(1_200));
        for side in 0..2 {
            users.assert_each_ended_once(side);
            let left = users.world.counters(side);
            prop_assert_eq!((left.calls, left.subscriptions, left.lone_dialogs), (0, 0, 0));
            prop_assert_eq!((left.transactions, left.connections), (0, 0));
            prop_assert!(users.world.agents[side].endpoint.poll_timeout().is_none(), "a timer outlives all");
        }
    }
}
