//! Subscriptions, where they stand, and the dialogs that they are in: that of a call, or one of their own.
//!
//! A subscription outlives the call whose dialog it is in ([RFC 6665 §4.4.1]): the dialog becomes one of its own then.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::reply::ResponseHead;
use crate::auth::Keyring;
use crate::dialog::{Dialog, dialog_key};
use crate::interface::{CallKey, Notice, SubscriptionKey};
use crate::subscription::{Event, REFER};
use crate::timer::TransactionId;

/// Names a dialog that no call is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct LoneKey(u64);

/// The dialog that a subscription is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    Call(CallKey),
    Lone(LoneKey),
}

/// A dialog that no call is in. It lasts as long as there are subscriptions in it.
#[derive(Debug)]
pub(super) struct Lone {
    pub(super) dialog: Dialog,
    pub(super) keyring: Keyring,
}

/// A subscription, of either side.
#[derive(Debug)]
pub(super) struct Subscription {
    pub(super) place: Place,
    pub(super) package: String,
    pub(super) id: Option<Vec<u8>>,
    pub(super) role: Role,
    /// The source that it counts for.
    pub(super) source: Option<IpAddr>,
    /// Whether its user was told that it is over; what is left is to say so to the other side.
    pub(super) is_over: bool,
}

/// Who tells whom.
#[derive(Debug)]
pub(super) enum Role {
    /// We tell.
    Notifier(Notifier),
    /// We are told.
    Subscriber(Subscriber),
}

#[derive(Debug)]
pub(super) struct Notifier {
    pub(super) stage: Stage,
    pub(super) sending: Sending,
    /// Whether there is something new to be told after it.
    pub(super) is_due: bool,
    /// What is told, until it changes.
    pub(super) notice: Notice,
    pub(super) until: Instant,
}

/// What became of the last NOTIFY: there is one at a time, so that none overtakes another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sending {
    /// It is answered, or there was none.
    Idle,
    /// It is not answered.
    Sent,
    /// They want it later.
    PutOff,
}

/// Where a subscription of theirs stands.
#[derive(Debug)]
pub(super) enum Stage {
    /// The user has not said whether it may be.
    Asked(Box<Unanswered>),
    Granted,
    /// It is over: what the last NOTIFY says, and whether that is sent.
    Ending {
        state: String,
        is_sent: bool,
    },
}

/// A request of theirs that waits for the user's word.
#[derive(Debug)]
pub(super) struct Unanswered {
    pub(super) transaction: TransactionId,
    pub(super) head: ResponseHead,
    /// For how long they ask; zero for a single notice.
    pub(super) expires: Duration,
    /// Whether they want to hear what becomes of a referral.
    pub(super) is_reported: bool,
}

#[derive(Debug)]
pub(super) struct Subscriber {
    pub(super) accept: String,
    pub(super) expires: Duration,
    pub(super) asking: Option<Asking>,
    /// Whether the user wants it to end.
    pub(super) is_leaving: bool,
}

/// The request of ours that is not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asking {
    /// The one that makes it.
    First,
    /// One that keeps it.
    Again,
    /// One that ends it.
    Leave,
}

impl Subscription {
    pub(super) fn is_referral(&self) -> bool {
        self.package == REFER
    }

    /// The value of Event.
    pub(super) fn event(&self) -> String {
        match &self.id {
            Some(id) => format!("{};id={}", self.package, String::from_utf8_lossy(id)),
            None => self.package.clone(),
        }
    }

    pub(super) fn notifier(&mut self) -> Option<&mut Notifier> {
        match &mut self.role {
            Role::Notifier(notifier) => Some(notifier),
            Role::Subscriber(_) => None,
        }
    }

    pub(super) fn subscriber(&mut self) -> Option<&mut Subscriber> {
        match &mut self.role {
            Role::Subscriber(subscriber) => Some(subscriber),
            Role::Notifier(_) => None,
        }
    }

    /// Whether a request with this Event, of a subscriber or of a notifier, is for it. The first REFER in a dialog may
    /// go without its id ([RFC 3515 §2.4.6]).
    fn is_meant(&self, event: &Event<'_>, is_of_notifier: bool) -> bool {
        let is_side = matches!(self.role, Role::Subscriber(_)) == is_of_notifier;
        let is_named = self.id.as_deref() == event.id || self.is_referral() && event.id.is_none();
        is_side && !self.is_over && self.package.as_bytes() == event.package && is_named
    }
}

/// All subscriptions.
#[derive(Debug, Default)]
pub(super) struct Subscriptions {
    live: BTreeMap<SubscriptionKey, Subscription>,
    by_place: BTreeSet<(Place, SubscriptionKey)>,
    by_source: BTreeMap<IpAddr, usize>,
    lone: BTreeMap<LoneKey, Lone>,
    by_dialog: BTreeMap<Box<[u8]>, LoneKey>,
    drawn: u64,
    /// How many were refused for lack of room.
    pub(super) refused: u64,
}

impl Subscriptions {
    pub(super) fn count(&self) -> usize {
        self.live.len()
    }

    /// All entries of its maps: none where nothing is left.
    pub(super) fn entries(&self) -> usize {
        self.live.len() + self.by_place.len() + self.by_source.len() + self.lone.len() + self.by_dialog.len()
    }

    pub(super) fn count_from(&self, source: IpAddr) -> usize {
        self.by_source.get(&source).copied().unwrap_or(0)
    }

    pub(super) fn lone_count(&self) -> usize {
        self.lone.len()
    }

    pub(super) fn of(&mut self, key: SubscriptionKey) -> Option<&mut Subscription> {
        self.live.get_mut(&key)
    }

    /// One that its user may still command.
    pub(super) fn open(&mut self, key: SubscriptionKey) -> Option<&mut Subscription> {
        self.live.get_mut(&key).filter(|subscription| !subscription.is_over)
    }

    pub(super) fn add(&mut self, subscription: Subscription) -> SubscriptionKey {
        self.drawn += 1;
        let key = SubscriptionKey(self.drawn);
        self.by_place.insert((subscription.place, key));
        if let Some(source) = subscription.source {
            *self.by_source.entry(source).or_default() += 1;
        }
        self.live.insert(key, subscription);
        key
    }

    /// Forgets a subscription; answers with the dialog that was its own, where no other is in it.
    pub(super) fn remove(&mut self, key: SubscriptionKey) -> Option<Lone> {
        let gone = self.live.remove(&key)?;
        self.by_place.remove(&(gone.place, key));
        if let Some(source) = gone.source
            && let Some(count) = self.by_source.get_mut(&source)
        {
            *count -= 1;
            if *count == 0 {
                self.by_source.remove(&source);
            }
        }
        match gone.place {
            Place::Lone(lone) if self.within(gone.place).next().is_none() => self.remove_lone(lone),
            Place::Lone(_) | Place::Call(_) => None,
        }
    }

    fn remove_lone(&mut self, key: LoneKey) -> Option<Lone> {
        let lone = self.lone.remove(&key)?;
        self.by_dialog.remove(&dialog_key(&lone.dialog.call_id, lone.dialog.local_tag.as_bytes()));
        Some(lone)
    }

    /// Those in one dialog, the first one first.
    fn within(&self, place: Place) -> impl Iterator<Item = SubscriptionKey> {
        let range = (place, SubscriptionKey(0))..=(place, SubscriptionKey(u64::MAX));
        self.by_place.range(range).map(|(_, key)| *key)
    }

    /// The one in a dialog that a request means: SUBSCRIBE, or NOTIFY where it is of the notifier.
    pub(super) fn meant(
        &self,
        place: Place,
        event: &Event<'_>,
        is_of_notifier: bool,
    ) -> Option<SubscriptionKey> {
        self.within(place).find(|key| {
            self.live.get(key).is_some_and(|subscription| subscription.is_meant(event, is_of_notifier))
        })
    }

    /// The request that makes one of ours is sent anew under another number: a REFER is known by it.
    pub(super) fn asked_anew(&mut self, key: SubscriptionKey, cseq: Option<u32>) {
        let Some(subscription) = self.live.get_mut(&key).filter(|subscription| subscription.is_referral())
        else {
            return;
        };
        let is_first =
            subscription.subscriber().is_some_and(|subscriber| subscriber.asking == Some(Asking::First));
        if let Some(cseq) = cseq.filter(|_| is_first) {
            subscription.id = Some(cseq.to_string().into_bytes());
        }
    }

    /// A dialog for subscriptions alone.
    pub(super) fn begin_lone(&mut self, dialog: Dialog, keyring: Keyring) -> Place {
        self.drawn += 1;
        let key = LoneKey(self.drawn);
        self.by_dialog.insert(dialog_key(&dialog.call_id, dialog.local_tag.as_bytes()), key);
        self.lone.insert(key, Lone { dialog, keyring });
        Place::Lone(key)
    }

    pub(super) fn lone(&mut self, key: LoneKey) -> Option<&mut Lone> {
        self.lone.get_mut(&key)
    }

    /// The dialog without call, by Call-ID, our tag and theirs.
    pub(super) fn find_lone(&self, call_id: &[u8], local_tag: &[u8], remote_tag: &[u8]) -> Option<LoneKey> {
        let key = *self.by_dialog.get(&dialog_key(call_id, local_tag))?;
        self.lone.get(&key).filter(|lone| lone.dialog.remote_tag == remote_tag).map(|_| key)
    }

    pub(super) fn count_in(&self, place: Place) -> usize {
        self.within(place).count()
    }

    /// Whether there are any in the dialog of a call.
    pub(super) fn are_in_call(&self, call: CallKey) -> bool {
        self.within(Place::Call(call)).next().is_some()
    }

    /// A call is over: its dialog is only theirs from now on.
    pub(super) fn outlive(&mut self, call: CallKey, dialog: Dialog, keyring: Keyring) {
        let moving: Vec<_> = self.within(Place::Call(call)).collect();
        let place = self.begin_lone(dialog, keyring);
        for key in moving {
            self.by_place.remove(&(Place::Call(call), key));
            self.by_place.insert((place, key));
            if let Some(subscription) = self.live.get_mut(&key) {
                subscription.place = place;
            }
        }
    }
}
