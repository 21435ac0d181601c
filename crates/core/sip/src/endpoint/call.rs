//! A call and where it stands.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

use super::effort::Effort;
use super::reply::{Reply, ResponseHead};
use super::session::{Early, Session};
use crate::dialog::{Dialog, dialog_key};
use crate::interface::{Because, CallKey};
use crate::sdp::{Capabilities, Direction};
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
    /// Ours: whether its INVITE made no offer, so that those who answer make one.
    pub(super) delays_offer: bool,
    /// Ours: the highest number of a request to anybody before the answer.
    pub(super) early_cseq: u32,
    /// What is left to try, where the call is ours or we have credentials for it.
    pub(super) effort: Option<Box<Effort>>,
    /// Reliable provisional responses of ours, where they are to be.
    pub(super) reliable: Option<Box<Reliable>>,
    /// Whether the other side takes UPDATE.
    pub(super) allows_update: bool,
    /// The session timer that runs, or is asked for.
    pub(super) session_timer: Option<SessionTimer>,
    /// The interval that they want at least, where that is more than ours, and how often we gave way.
    pub(super) raised_session: Duration,
    pub(super) raises: u8,
    /// A refresh that is not answered.
    pub(super) refresh: Option<Underway>,
    /// The source that it counts as half-open for.
    pub(super) half_open_from: Option<IpAddr>,
    /// Whether its user was told that it is over; what is left is to say so to the other side.
    pub(super) is_over: bool,
}

/// Where a call stands.
#[derive(Debug)]
pub(super) enum Phase {
    /// Theirs, not answered.
    Incoming(Box<Incoming>),
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
    /// The number of the INVITE.
    pub(super) cseq: u32,
    /// Our answer, where a provisional response has shown it already.
    pub(super) shown: Option<Vec<u8>>,
    /// The answer to the call, which waits for a PRACK.
    pub(super) accepting: Option<Accepting>,
}

/// Provisional responses of ours that are sent reliably ([RFC 3262 §3]): one at a time.
#[derive(Debug)]
pub(super) struct Reliable {
    /// Whether the caller requires it.
    pub(super) is_required: bool,
    pub(super) next_rseq: u32,
    /// The one that waits for its PRACK.
    pub(super) waiting: Option<Unpracked>,
    /// Those behind it.
    pub(super) queue: VecDeque<Reply>,
}

/// A reliable provisional response that is sent again until PRACK comes.
#[derive(Debug)]
pub(super) struct Unpracked {
    pub(super) rseq: u32,
    /// The number of the INVITE.
    pub(super) cseq: u32,
    pub(super) response: Vec<u8>,
    pub(super) gap: Duration,
    /// Whether it holds a session description: then the 2xx waits for it.
    pub(super) is_described: bool,
}

/// A 2xx to be sent.
#[derive(Debug)]
pub(super) struct Accepting {
    /// Its body.
    pub(super) description: Option<Vec<u8>>,
    /// The same as our offer, where they made none.
    pub(super) ours: Option<Vec<u8>>,
    /// Whether the user was told of the agreement, if there is one.
    pub(super) is_told: bool,
}

#[derive(Debug)]
pub(super) struct Outgoing {
    /// The Via of the INVITE, which CANCEL and the ACK of a refusal repeat.
    pub(super) via: String,
    pub(super) branch: String,
    /// Our offer, unless theirs is awaited.
    pub(super) offer: Option<Vec<u8>>,
    /// The callees that were heard of.
    pub(super) early: Vec<Early>,
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

/// A change of the media that we ask for.
#[derive(Debug)]
pub(super) struct Reoffer {
    pub(super) capabilities: Capabilities,
    pub(super) direction: Direction,
    pub(super) offer: Vec<u8>,
    /// The tag of whom it is for: one of several callees, before the answer.
    pub(super) remote_tag: Vec<u8>,
    /// The request that asks for it; `None` while it waits to be tried again.
    pub(super) sent: Option<Underway>,
    pub(super) tries: u8,
}

/// How long a session lasts without refresh, and who sees to it ([RFC 4028]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SessionTimer {
    pub(super) interval: Duration,
    pub(super) we_refresh: bool,
}

/// A request of ours that is not answered.
#[derive(Debug, Clone, Copy)]
pub(super) struct Underway {
    pub(super) transaction: TransactionId,
    pub(super) cseq: u32,
    pub(super) is_invite: bool,
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
    /// Whether the user was told of the agreement.
    pub(super) is_told: bool,
    /// Why the user hung up meanwhile: BYE has to wait for ACK ([RFC 3261 §15]).
    pub(super) bye: Option<Because>,
}

impl Outgoing {
    /// The highest number of a request to any of the callees.
    pub(super) fn last_number(&self) -> u32 {
        self.early.iter().map(|early| early.dialog.local_cseq).max().unwrap_or_default()
    }
}

impl Call {
    pub(super) fn new(dialog: Dialog, invite: TransactionId, phase: Phase, session: Session) -> Self {
        Self {
            dialog,
            invite,
            phase,
            session,
            unacked: None,
            reoffer: None,
            delays_offer: false,
            early_cseq: 0,
            effort: None,
            reliable: None,
            allows_update: false,
            session_timer: None,
            raised_session: Duration::ZERO,
            raises: 0,
            refresh: None,
            half_open_from: None,
            is_over: false,
        }
    }

    /// The dialog with one of the other sides, and what was agreed with it: there are several only where a call of ours
    /// was forked and nobody has answered.
    pub(super) fn side(&mut self, remote_tag: &[u8]) -> Option<(&mut Dialog, &mut Session)> {
        if let Phase::Outgoing(outgoing) = &mut self.phase {
            let mut early = outgoing.early.iter_mut();
            let early = early.find(|early| early.dialog.remote_tag == remote_tag)?;
            return Some((&mut early.dialog, &mut early.session));
        }
        (self.dialog.remote_tag == remote_tag).then_some((&mut self.dialog, &mut self.session))
    }

    /// Whether it is a dialog with somebody of this tag.
    fn is_with(&self, remote_tag: &[u8]) -> bool {
        match &self.phase {
            Phase::Outgoing(outgoing) => {
                outgoing.early.iter().any(|early| early.dialog.remote_tag == remote_tag)
            }
            Phase::Incoming(_) | Phase::Up { .. } | Phase::Leaving => self.dialog.remote_tag == remote_tag,
        }
    }
}

/// All calls.
#[derive(Debug, Default)]
pub(super) struct Calls {
    /// In boxes: half of a map's places are empty.
    live: BTreeMap<CallKey, Box<Call>>,
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

    /// The entries of all maps: none where there are no calls.
    pub(super) fn entries(&self) -> usize {
        self.live.len() + self.by_dialog.len() + self.by_invite.len() + self.half_open_by_source.len()
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
        self.live.insert(key, Box::new(call));
    }

    pub(super) fn of(&mut self, key: CallKey) -> Option<&mut Call> {
        self.live.get_mut(&key).map(|call| &mut **call)
    }

    /// A call that its user may still command.
    pub(super) fn open(&mut self, key: CallKey) -> Option<&mut Call> {
        self.of(key).filter(|call| !call.is_over)
    }

    /// The call of a dialog, by Call-ID, our tag and theirs.
    pub(super) fn find(&self, call_id: &[u8], local_tag: &[u8], remote_tag: &[u8]) -> Option<CallKey> {
        let key = *self.by_dialog.get(&dialog_key(call_id, local_tag))?;
        self.live.get(&key).filter(|call| call.is_with(remote_tag)).map(|_| key)
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
        Some(*call)
    }
}
