//! A call and where it stands.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use super::effort::Effort;
use super::reply::ResponseHead;
use crate::dialog::{Dialog, dialog_key};
use crate::interface::{Because, CallKey};
use crate::sdp::{
    Agreement, Capabilities, Direction, Origin, SdpError, agree, answer_towards, make_offer_as,
};
use crate::timer::TransactionId;
use crate::wire::Path;

/// A call, with its dialog.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) dialog: Dialog,
    /// The transaction of the INVITE that began it.
    pub(super) invite: TransactionId,
    pub(super) phase: Phase,
    pub(super) session: Session,
    /// A 2xx of ours that waits for its ACK.
    pub(super) unacked: Option<Unacked>,
    /// A change of the media that we want and that is not answered.
    pub(super) reoffer: Option<Reoffer>,
    /// What is left to try, where the call is ours or we have credentials for it.
    pub(super) effort: Option<Box<Effort>>,
    /// The source that it counts as half-open for.
    pub(super) half_open_from: Option<IpAddr>,
    /// Whether its user was told that it is over; what is left is to say so to the other side.
    pub(super) is_over: bool,
}

/// Where a call stands.
#[derive(Debug)]
pub(super) enum Phase {
    /// Theirs, not answered.
    Incoming(Incoming),
    /// Ours, not answered.
    Outgoing(Outgoing),
    /// Answered. Ours keeps its ACK for the case that it gets lost.
    Up { ack: Vec<u8> },
    /// BYE is sent and not answered.
    Leaving,
}

#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) head: ResponseHead,
    /// Where responses go.
    pub(super) path: Path,
    pub(super) offer: Option<Vec<u8>>,
}

#[derive(Debug)]
pub(super) struct Outgoing {
    /// The Via of the INVITE, which CANCEL and the ACK of a refusal repeat.
    pub(super) via: String,
    pub(super) branch: String,
    /// Our offer, unless theirs is awaited.
    pub(super) offer: Option<Vec<u8>>,
    /// A session description from a provisional response, with the tag of who sent it.
    pub(super) early: Option<(Vec<u8>, Vec<u8>)>,
    pub(super) progress: Progress,
}

/// How far an INVITE of ours came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// Nothing was heard.
    Silent,
    /// Something was heard: it may be cancelled.
    Heard,
    /// It rings, and the user knows.
    Rang,
    /// It is cancelled.
    Cancelled,
}

/// What was offered and agreed.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) origin: Origin,
    /// What we can do; empty of codecs until the user says.
    pub(super) capabilities: Option<Capabilities>,
    /// Which way we want media to flow at most: less than both ways while we hold the other.
    pub(super) direction: Direction,
    pub(super) agreement: Option<Agreement>,
    /// The description we gave last, for deciding whether the next one is a new version.
    pub(super) described: Vec<u8>,
}

/// A change of the media that we ask for.
#[derive(Debug)]
pub(super) struct Reoffer {
    pub(super) capabilities: Capabilities,
    pub(super) direction: Direction,
    pub(super) offer: Vec<u8>,
    /// The re-INVITE's transaction; `None` while it waits to be tried again.
    pub(super) sent: Option<TransactionId>,
    pub(super) tries: u8,
}

/// A 2xx to INVITE that is sent again until ACK comes ([RFC 3261 §13.3.1.4]).
#[derive(Debug)]
pub(super) struct Unacked {
    pub(super) cseq: u32,
    pub(super) response: Vec<u8>,
    pub(super) path: Path,
    pub(super) gap: Duration,
    /// Our offer in it, whose answer the ACK brings.
    pub(super) offer: Option<Vec<u8>>,
    pub(super) is_first: bool,
    /// Why the user hung up meanwhile: BYE has to wait for ACK ([RFC 3261 §15]).
    pub(super) bye: Option<Because>,
}

/// All calls.
#[derive(Debug, Default)]
pub(super) struct Calls {
    live: BTreeMap<CallKey, Call>,
    by_dialog: BTreeMap<Box<[u8]>, CallKey>,
    by_invite: BTreeMap<TransactionId, CallKey>,
    drawn: u64,
    half_open: usize,
    half_open_by_source: BTreeMap<IpAddr, usize>,
    over: usize,
}

impl Calls {
    /// Calls whose user has not been told that they are over.
    pub(super) fn count(&self) -> usize {
        self.live.len() - self.over
    }

    /// All that are remembered, those that only wait for the answer to a BYE too.
    pub(super) fn remembered(&self) -> usize {
        self.live.len()
    }

    /// Incoming ones that no ACK has confirmed.
    pub(super) fn half_open(&self) -> usize {
        self.half_open
    }

    /// Those of them from one source.
    pub(super) fn half_open_from(&self, source: IpAddr) -> usize {
        self.half_open_by_source.get(&source).copied().unwrap_or(0)
    }

    pub(super) fn draw_key(&mut self) -> CallKey {
        self.drawn += 1;
        CallKey(self.drawn)
    }

    pub(super) fn add(&mut self, key: CallKey, call: Call) {
        if let Some(source) = call.half_open_from {
            self.half_open += 1;
            *self.half_open_by_source.entry(source).or_default() += 1;
        }
        self.by_dialog.insert(dialog_key(&call.dialog.call_id, call.dialog.local_tag.as_bytes()), key);
        self.by_invite.insert(call.invite, key);
        self.live.insert(key, call);
    }

    pub(super) fn of(&mut self, key: CallKey) -> Option<&mut Call> {
        self.live.get_mut(&key)
    }

    /// A call that its user may still command.
    pub(super) fn open(&mut self, key: CallKey) -> Option<&mut Call> {
        self.live.get_mut(&key).filter(|call| !call.is_over)
    }

    /// The call of a dialog, by Call-ID, our tag and theirs.
    pub(super) fn find(&self, call_id: &[u8], local_tag: &[u8], remote_tag: &[u8]) -> Option<CallKey> {
        let key = *self.by_dialog.get(&dialog_key(call_id, local_tag))?;
        self.live.get(&key).filter(|call| call.dialog.remote_tag == remote_tag).map(|_| key)
    }

    /// The call that an INVITE began.
    pub(super) fn of_invite(&self, invite: TransactionId) -> Option<CallKey> {
        self.by_invite.get(&invite).copied()
    }

    /// Another transaction stands for the INVITE of a call now.
    pub(super) fn invited_anew(&mut self, key: CallKey, invite: TransactionId) {
        if let Some(call) = self.live.get_mut(&key) {
            self.by_invite.remove(&std::mem::replace(&mut call.invite, invite));
            self.by_invite.insert(invite, key);
        }
    }

    /// ACK came, or never will.
    pub(super) fn settle(&mut self, key: CallKey) {
        let Some(source) = self.live.get_mut(&key).and_then(|call| call.half_open_from.take()) else {
            return;
        };
        self.half_open -= 1;
        if let Some(count) = self.half_open_by_source.get_mut(&source) {
            *count -= 1;
            if *count == 0 {
                self.half_open_by_source.remove(&source);
            }
        }
    }

    /// Marks a call as over; false where it was already.
    pub(super) fn finish(&mut self, key: CallKey) -> bool {
        let Some(call) = self.live.get_mut(&key).filter(|call| !call.is_over) else { return false };
        call.is_over = true;
        self.over += 1;
        true
    }

    pub(super) fn remove(&mut self, key: CallKey) -> Option<Call> {
        self.settle(key);
        let call = self.live.remove(&key)?;
        self.over -= usize::from(call.is_over);
        self.by_invite.remove(&call.invite);
        self.by_dialog.remove(&dialog_key(&call.dialog.call_id, call.dialog.local_tag.as_bytes()));
        Some(call)
    }
}

impl Session {
    pub(super) fn new(session: u64) -> Self {
        // The number is written in decimal and some phones read it as a signed one.
        Self {
            origin: Origin { session: session >> 2, version: 1 },
            capabilities: None,
            direction: Direction::SendRecv,
            agreement: None,
            described: Vec::new(),
        }
    }

    /// Answers an offer by what we can do.
    pub(super) fn answer(&mut self, offer: &[u8]) -> Result<(Vec<u8>, Agreement), SdpError> {
        let capabilities = self.capabilities.as_ref().ok_or(SdpError::NoCodec)?;
        let (mut description, agreement) = answer_towards(offer, capabilities, self.direction, self.origin)?;
        if !self.described.is_empty() && description != self.described {
            self.origin.version += 1;
            (description, _) = answer_towards(offer, capabilities, self.direction, self.origin)?;
        }
        self.described.clone_from(&description);
        Ok((description, agreement))
    }

    /// Offers what we can do.
    pub(super) fn offer(&mut self) -> Vec<u8> {
        match self.capabilities.clone() {
            Some(capabilities) => self.offer_of(&capabilities, self.direction),
            None => Vec::new(),
        }
    }

    /// Offers something else.
    pub(super) fn offer_of(&mut self, capabilities: &Capabilities, direction: Direction) -> Vec<u8> {
        let mut description = make_offer_as(capabilities, direction, self.origin);
        if !self.described.is_empty() && description != self.described {
            self.origin.version += 1;
            description = make_offer_as(capabilities, direction, self.origin);
        }
        self.described.clone_from(&description);
        description
    }

    /// Reads the answer to an offer of ours.
    pub(super) fn agree(&self, offer: &[u8], answer: &[u8]) -> Result<Agreement, SdpError> {
        agree(offer, answer, self.capabilities.as_ref().ok_or(SdpError::NoCodec)?)
    }
}
