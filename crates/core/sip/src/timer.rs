//! Timers under the names of the RFCs, in one queue.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::interface::{CallKey, ConnectionId, RegistrationKey, SubscriptionKey};

/// The estimate of a round trip ([RFC 3261 §17.1.1.1]).
pub const T1: Duration = Duration::from_millis(500);
/// The longest gap between retransmissions of non-INVITE requests and INVITE responses.
pub const T2: Duration = Duration::from_secs(4);
/// How long a message stays in the network.
pub const T4: Duration = Duration::from_secs(5);
/// 64·T1: how long a transaction tries.
pub const T1_64: Duration = Duration::from_secs(32);
/// How long a call may ring, either way; the least that [RFC 3261 §16.6] allows Timer C, and a little more.
pub const RINGING_MAX: Duration = Duration::from_secs(185);
/// When a call is ended that nobody ended: a net under forgotten calls, far above every product limit.
pub const CALL_MAX: Duration = Duration::from_secs(24 * 3600);
/// How long a stream without traffic and without a call stays open.
pub const STREAM_IDLE_MAX: Duration = Duration::from_secs(120);

/// How long a stream that is tried because a request is too large for a datagram has to come up: a first packet that got
/// lost is sent again after a second, and somebody waits.
pub const STREAM_INSTEAD_MAX: Duration = Duration::from_millis(1_500);

/// A timer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    /// INVITE request retransmission, datagrams only.
    A,
    /// INVITE client transaction gives up.
    B,
    /// A call that rings for too long, on either side (a proxy's timer in [RFC 3261 §16.6], here the user agent's).
    C,
    /// Wait for retransmissions of the refusal of an INVITE.
    D,
    /// Non-INVITE request retransmission, datagrams only.
    E,
    /// Non-INVITE client transaction gives up.
    F,
    /// INVITE refusal retransmission.
    G,
    /// Wait for the ACK of a refusal.
    H,
    /// Wait for retransmissions of that ACK.
    I,
    /// Wait for retransmissions of a non-INVITE request.
    J,
    /// Wait for retransmissions of the response to a non-INVITE request.
    K,
    /// Wait for retransmissions of an accepted INVITE ([RFC 6026]).
    L,
    /// Wait for further 2xx of an accepted INVITE ([RFC 6026]).
    M,
    /// Wait for the first NOTIFY of a subscription of ours, or for the last one ([RFC 6665 §4.1.2.4]).
    N,
    /// A subscription that nobody has refreshed is over.
    SubscriptionExpires,
    /// A subscription of ours is to be refreshed.
    RefreshSubscription,
    /// Wait before a NOTIFY that was put off is sent anew.
    NotifyAgain,
    /// The user has not said whether a subscription or referral may be.
    AwaitDecision,
    /// Retransmission of a 2xx by the user agent ([RFC 3261 §13.3.1.4]).
    Accepted2xx,
    /// Wait for the ACK of a 2xx.
    AwaitAck,
    /// Retransmission of a reliable provisional response ([RFC 3262 §3]).
    Reliable1xx,
    /// Wait for the PRACK of one.
    AwaitPrack,
    /// A session is to be refreshed by us ([RFC 4028 §10]).
    RefreshSession,
    /// A session that nobody has refreshed is over.
    SessionExpires,
    /// Wait before a re-INVITE that crossed one of theirs is tried again ([RFC 3261 §14.1]).
    Glare,
    /// The longest call.
    Longest,
    /// When a registration is refreshed, or tried again ([RFC 3261 §10.2.4]).
    Refresh,
    /// When the way of a registration is used, so that it stays open ([RFC 5626 §4.4]).
    Ping,
    /// A stream instead of datagrams does not come up ([RFC 3261 §18.1.1]).
    StreamInstead,
    /// A stream without traffic.
    Idle,
}

/// Names a transaction for the life of the endpoint; never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TransactionId(pub(crate) u64);

/// Whose timer it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Owner {
    Transaction(TransactionId),
    Call(CallKey),
    Connection(ConnectionId),
    Registration(RegistrationKey),
    Subscription(SubscriptionKey),
}

/// All timers that run. An owner has each timer at most once.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    by_time: BTreeSet<(Instant, Owner, Timer)>,
    by_owner: BTreeMap<(Owner, Timer), Instant>,
}

impl Timers {
    /// Starts a timer, or starts it anew.
    pub(crate) fn arm(&mut self, owner: Owner, timer: Timer, at: Instant) {
        if let Some(before) = self.by_owner.insert((owner, timer), at) {
            self.by_time.remove(&(before, owner, timer));
        }
        self.by_time.insert((at, owner, timer));
    }

    pub(crate) fn disarm(&mut self, owner: Owner, timer: Timer) {
        if let Some(at) = self.by_owner.remove(&(owner, timer)) {
            self.by_time.remove(&(at, owner, timer));
        }
    }

    /// Stops all timers of one owner.
    pub(crate) fn disarm_all(&mut self, owner: Owner) {
        let mut armed = Vec::new();
        for ((_, timer), at) in self.by_owner.range((owner, Timer::A)..=(owner, Timer::Idle)) {
            armed.push((*timer, *at));
        }
        for (timer, at) in armed {
            self.by_owner.remove(&(owner, timer));
            self.by_time.remove(&(at, owner, timer));
        }
    }

    /// The entries of both its maps: none where nothing runs.
    pub(crate) fn entries(&self) -> usize {
        self.by_time.len() + self.by_owner.len()
    }

    /// When the next one is due.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.by_time.first().map(|(at, _, _)| *at)
    }

    /// Takes one that is due.
    pub(crate) fn take_due(&mut self, now: Instant) -> Option<(Owner, Timer)> {
        let (at, owner, timer) = *self.by_time.first().filter(|(at, _, _)| *at <= now)?;
        self.by_time.remove(&(at, owner, timer));
        self.by_owner.remove(&(owner, timer));
        Some((owner, timer))
    }
}

/// Twice the interval, at most T2.
pub(crate) fn doubled(interval: Duration) -> Duration {
    (interval * 2).min(T2)
}
