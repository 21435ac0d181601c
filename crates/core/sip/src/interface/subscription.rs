//! The words of subscriptions ([RFC 6665]), and of the referrals that make some ([RFC 3515]).

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::CallKey;
use crate::auth::DigestCredentials;
pub use crate::referral::{ReferTarget, Replaces};
pub use crate::subscription::Termination;

/// Names a subscription or referral for the life of the endpoint; never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SubscriptionKey(pub u64);

/// A body of NOTIFY. The bytes may be shared by all that are told the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventBody {
    /// Its Content-Type.
    pub content_type: String,
    /// It.
    pub bytes: Arc<[u8]>,
}

/// What a subscriber is told.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Notice {
    /// Whether it is not decided yet that the subscriber may know.
    pub is_pending: bool,
    /// The state; `None` where there is nothing to tell.
    pub body: Option<EventBody>,
}

/// What happens to a subscription. The first that is told of one of theirs is `Requested` or `Referred`, the last of all
/// is `Ended`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SubscriptionEvent {
    /// Somebody wants to be told of a state. The user answers with `accept_subscription` or `refuse_subscription`.
    Requested(Box<SubscriptionRequest>),
    /// Somebody wants us to call somebody, or the like. The user answers with `accept_referral` or
    /// `refuse_subscription`.
    Referred(Box<Referral>),
    /// Ours: they agree.
    Granted,
    /// Ours: what they tell.
    Notified(Notice),
    /// Ours, by REFER: how far they came with it; a status of 200 or more is the last word.
    Progress {
        /// The status that they got.
        status: u16,
    },
    /// It is over. Nothing follows.
    Ended(SubscriptionEnd),
}

/// Somebody wants to subscribe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscriptionRequest {
    /// To which of the packages that the rules list.
    pub package: String,
    /// The call that it is asked within; `None` outside of calls.
    pub call: Option<CallKey>,
    /// The user part of the Request-URI, unescaped.
    pub dialled: String,
    /// The user part of From, which anybody can write.
    pub from: String,
    /// Where the request came from.
    pub source: SocketAddr,
    /// Whether that is one of our own trunks or proxies.
    pub is_trusted: bool,
    /// For how long; zero asks for a single notice.
    pub expires: Duration,
    /// Digest credentials, for whichever realms.
    pub credentials: Vec<DigestCredentials>,
}

/// Somebody sent REFER.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Referral {
    /// The call that it came within; `None` outside of calls.
    pub call: Option<CallKey>,
    /// The user part of the Request-URI, unescaped.
    pub dialled: String,
    /// The user part of From, which anybody can write.
    pub from: String,
    /// Where the request came from.
    pub source: SocketAddr,
    /// Whether that is one of our own trunks or proxies.
    pub is_trusted: bool,
    /// Who is to be called, and how.
    pub target: ReferTarget,
    /// The URI of who wants it, as they say themselves.
    pub referred_by: Option<String>,
    /// Whether they want to hear what becomes of it. If not, the referral ends with its answer.
    pub is_reported: bool,
    /// Digest credentials, for whichever realms.
    pub credentials: Vec<DigestCredentials>,
}

/// How a subscription ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SubscriptionEnd {
    /// The subscriber left.
    TheyLeft,
    /// We ended it, or refused it.
    WeEnded,
    /// All was told: a single notice, or the last report of a referral.
    Complete,
    /// Nobody refreshed it.
    Expired,
    /// The user did not say in time whether it may be.
    Undecided,
    /// Ours: refused by this status.
    Refused {
        /// The SIP status.
        status: u16,
    },
    /// Ours: the notifier ended it, for this reason; empty for none.
    TheyEnded {
        /// As the notifier wrote it.
        reason: String,
    },
    /// A referral is accepted, and nothing more will be heard of it.
    Unreported,
    /// Nobody answers, or knows of it.
    Unreachable,
}

/// A REFER of ours, within a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refer {
    /// Whom they are to call: a URI, with whatever headers it is to have.
    pub target: String,
    /// Who wants it: a URI.
    pub referred_by: Option<String>,
    /// Whether we want to hear what becomes of it.
    pub is_reported: bool,
}

/// A SUBSCRIBE of ours, within a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscribe {
    /// The package.
    pub package: String,
    /// The types of body that are understood, as Accept lists them.
    pub accept: String,
    /// For how long; it is refreshed as long as the call is up.
    pub expires: Duration,
}

/// When a subscription ends if nobody refreshes it, as it is told.
pub(crate) fn remaining(until: Instant, now: Instant) -> u64 {
    until.saturating_duration_since(now).as_secs()
}
