//! Subscriptions and referrals within calls ([RFC 6665], [RFC 3515]): each begins once and ends once, whatever becomes of
//! its call.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use partyline_sip::endpoint::{
    Because, CallError, CallKey, Endpoint, EventBody, Notice, Refer, Subscribe, SubscriptionEvent,
    SubscriptionKey, Termination,
};
use partyline_sip::rules::{DialogRules, EventPackage, Referrals};

use crate::chance::Chance;

const PACKAGE: &str = "conference";
const CONTENT_TYPE: &str = "application/conference-info+xml";

/// What a user does about it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Deed {
    Subscribe(CallKey),
    Refer(CallKey),
    /// Says whether somebody may.
    Decide(SubscriptionKey, bool),
    /// Tells how things are.
    Tell(SubscriptionKey),
    /// Tells for the last time.
    End(SubscriptionKey),
    Leave(SubscriptionKey),
}

/// All that anybody watches, by end: whether it is a referral, and whether it is over.
#[derive(Debug, Default)]
pub(super) struct Watches(BTreeMap<(usize, SubscriptionKey), (bool, bool)>);

/// Settings with which there is something to watch, on most ends.
pub(super) fn allow(chance: &mut Chance, rules: &mut DialogRules) {
    if chance.percent(80) {
        rules.referrals = Referrals::Asked;
    }
    if chance.percent(80) {
        let (name, content_type) = (PACKAGE.to_owned(), CONTENT_TYPE.to_owned());
        let package = EventPackage { name, content_type, expires: Duration::from_secs(90) };
        rules.subscriptions.packages.push(package);
    }
}

fn notice() -> Notice {
    let body = EventBody { content_type: CONTENT_TYPE.to_owned(), bytes: b"<x/>".as_slice().into() };
    Notice { is_pending: false, body: Some(body) }
}

impl Watches {
    /// Carries a deed out, which may come too late.
    pub(super) fn take(
        &mut self,
        now: Instant,
        end: usize,
        endpoint: &mut Endpoint,
        deed: Deed,
    ) -> Result<(), String> {
        let refer = Refer { target: "sip:200@127.0.0.1".to_owned(), referred_by: None, is_reported: true };
        let subscribe = Subscribe {
            package: PACKAGE.to_owned(),
            accept: CONTENT_TYPE.to_owned(),
            expires: Duration::from_secs(70),
        };
        let done = match deed {
            Deed::Subscribe(call) => {
                let begun = endpoint.subscribe(now, call, &subscribe);
                return begun.map_or(Ok(()), |key| self.begin(end, key, false));
            }
            Deed::Refer(call) => {
                let begun = endpoint.refer(now, call, &refer);
                return begun.map_or(Ok(()), |key| self.begin(end, key, true));
            }
            Deed::Decide(key, false) => endpoint.refuse_subscription(now, key, 603, &Because::default()),
            Deed::Decide(key, true) if self.is_referral(end, key) => endpoint.accept_referral(now, key),
            Deed::Decide(key, true) => endpoint.accept_subscription(now, key, notice()),
            Deed::Tell(key) if self.is_referral(end, key) => endpoint.report(now, key, 180),
            Deed::Tell(key) => endpoint.notify(now, key, notice()),
            Deed::End(key) if self.is_referral(end, key) => endpoint.report(now, key, 200),
            Deed::End(key) => endpoint.end_subscription(now, key, Termination::NoResource, notice().body),
            Deed::Leave(key) => endpoint.unsubscribe(now, key),
        };
        match done {
            Ok(()) | Err(CallError::NoCall | CallError::WrongState) => Ok(()),
            Err(why) => Err(format!("{deed:?}: {why}")),
        }
    }

    fn is_referral(&self, end: usize, key: SubscriptionKey) -> bool {
        self.0.get(&(end, key)).is_some_and(|(is_referral, _)| *is_referral)
    }

    fn begin(&mut self, end: usize, key: SubscriptionKey, is_referral: bool) -> Result<(), String> {
        match self.0.insert((end, key), (is_referral, false)) {
            None => Ok(()),
            Some(_) => Err(format!("{key:?} of {end} begins twice")),
        }
    }

    /// Something happened; what its user does next, and how many milliseconds later at most.
    pub(super) fn tell(
        &mut self,
        chance: &mut Chance,
        end: usize,
        key: SubscriptionKey,
        event: &SubscriptionEvent,
    ) -> Result<Vec<(u64, Deed)>, String> {
        let is_asked = match event {
            SubscriptionEvent::Requested(_) => Some(false),
            SubscriptionEvent::Referred(_) => Some(true),
            _ => None,
        };
        if let Some(is_referral) = is_asked {
            self.begin(end, key, is_referral)?;
            let mut deeds = vec![(2_000, Deed::Decide(key, chance.percent(85)))];
            deeds.extend((0..chance.below(4)).map(|_| (40_000, Deed::Tell(key))));
            deeds.extend(chance.percent(60).then_some((60_000, Deed::End(key))));
            return Ok(deeds);
        }
        let Some((_, is_over)) = self.0.get_mut(&(end, key)) else {
            return Err(format!("{key:?} of {end} was never begun: {event:?}"));
        };
        if *is_over {
            return Err(format!("{event:?} after the end of {key:?} of {end}"));
        }
        *is_over = matches!(event, SubscriptionEvent::Ended(_));
        let leaves = matches!(event, SubscriptionEvent::Granted) && chance.percent(40);
        Ok(if leaves { vec![(40_000, Deed::Leave(key))] } else { Vec::new() })
    }

    /// Everything that was begun has ended.
    pub(super) fn check_the_end(&self) -> Result<(), String> {
        match self.0.iter().find(|(_, (_, is_over))| !is_over) {
            Some(((end, key), _)) => Err(format!("{key:?} of {end} never ended")),
            None => Ok(()),
        }
    }
}
