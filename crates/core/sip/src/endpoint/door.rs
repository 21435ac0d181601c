//! Who is refused before anything is kept of them: without a transaction, so that a flood costs no memory.
//!
//! A copy of a refused request gets the same answer again, with the same tag, as that is made from the request itself;
//! so the ACK of such a refusal is known by its tag ([RFC 3261 §8.2.7]).

use std::net::IpAddr;

use super::reply::{Reply, ResponseHead, response_path};
use super::{Admission, Endpoint};
use crate::message::{Method, Request};
use crate::wire::{Path, source_of};

/// Most bytes that transactions keep for retransmission; above it new requests are refused without a transaction.
const TRANSACTION_BYTES_MAX: usize = 64 * 1024 * 1024;

impl Endpoint {
    /// Tells whether calls are taken that are not begun yet. Those that are up, and what belongs to them, it does not
    /// concern.
    pub fn set_admission(&mut self, admission: Admission) {
        self.admission = admission;
    }

    /// The refusal of a request that nothing is to be kept of.
    pub(super) fn refused_at_door(&self, path: &Path, request: &Request<'_>) -> Option<Reply> {
        let is_call = request.method == Method::Invite && request.core.to.tag().is_none();
        // 503 takes the whole of us out at a carrier: only for who takes nobody's calls.
        if is_call && (self.admission == Admission::Closed || self.has_all_calls()) {
            return Some(Reply::full());
        }
        if is_call && (self.admission == Admission::Busy || self.is_crowded(path)) {
            return Some(Reply::busy());
        }
        if self.has_room_for(request) {
            None
        } else {
            Some(if is_call { Reply::busy() } else { Reply::full() })
        }
    }

    /// Answers without a transaction.
    pub(super) fn refuse_at_door(
        &mut self,
        path: Path,
        request: &Request<'_>,
        head: &ResponseHead,
        refusal: &Reply,
    ) {
        self.wire.tally.overloaded += 1;
        let tag = self.door_tag(request);
        let bytes = self.written(head, refusal, Some(&tag));
        self.wire.send(&response_path(request, path), bytes);
    }

    /// Whether an ACK belongs to a refusal at the door.
    pub(super) fn is_of_door(&self, request: &Request<'_>) -> bool {
        request.core.to.tag() == Some(self.door_tag(request).as_bytes())
    }

    /// The tag of a refusal at the door: the same for each copy of a request, and not to be guessed.
    fn door_tag(&self, request: &Request<'_>) -> String {
        let core = &request.core;
        let from_tag = core.from.tag().unwrap_or_default();
        self.tokens.tag_of(&[core.call_id, from_tag, &core.cseq.to_be_bytes()])
    }

    /// Whether one more transaction may begin. What belongs to a call finds room where strangers no longer do: the call
    /// is to be hung up, not to hang.
    fn has_room_for(&self, request: &Request<'_>) -> bool {
        let core = &request.core;
        let (to, from) = (core.to.tag().unwrap_or_default(), core.from.tag().unwrap_or_default());
        let is_known = self.calls.find(core.call_id, to, from).is_some()
            || self.subscriptions.find_lone(core.call_id, to, from).is_some();
        let share = if is_known { 2 } else { 1 };
        self.transactions.count() < self.transactions_max * share
            && self.transactions.bytes() < TRANSACTION_BYTES_MAX * share
    }

    /// Whether there are as many calls half-open as may be, of this source or of all.
    fn is_crowded(&self, source: &Path) -> bool {
        let of_source = self.calls.half_open_from(source_of(source.remote.ip()));
        self.calls.half_open() >= self.config.half_open_max
            || (!source.is_trusted && of_source >= self.config.half_open_per_source_max)
    }

    /// Whether a source is one of our own trunks and proxies.
    pub(super) fn trusts(&self, source: IpAddr) -> bool {
        self.config.rules.trusted.iter().any(|network| network.contains(source))
    }

    /// Whether new calls are taken at all, which OPTIONS asks for.
    pub(super) fn takes_no_calls(&self) -> bool {
        self.admission == Admission::Closed || self.has_all_calls()
    }

    /// Whether as many calls are up as may be.
    pub(super) fn has_all_calls(&self) -> bool {
        self.calls.count() >= self.config.calls_max
            || self.calls.remembered() >= self.config.calls_max.saturating_mul(2)
    }
}
