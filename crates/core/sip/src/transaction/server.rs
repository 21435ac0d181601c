//! Server transactions: INVITE ([RFC 3261 §17.2.1] with the Accepted state of [RFC 6026]) and the others (§17.2.2).

use std::time::{Duration, Instant};

use super::{Transaction, Transactions};
use crate::timer::{Owner, T1, T1_64, T2, T4, Timer, TransactionId, doubled};
use crate::wire::{Path, Wire};

#[derive(Debug)]
pub(super) struct ServerTransaction {
    pub(super) key: Box<[u8]>,
    pub(super) merge_key: Option<Box<[u8]>>,
    path: Path,
    state: State,
}

#[derive(Debug)]
enum State {
    /// INVITE, not answered finally; the last provisional response.
    InviteProceeding(Vec<u8>),
    /// INVITE, refused; the refusal, and the gap before its next retransmission.
    InviteCompleted(Vec<u8>, Duration),
    /// INVITE, refused, ACK seen.
    InviteConfirmed,
    /// INVITE, answered with 2xx, which the user retransmits.
    InviteAccepted,
    /// Another request, not answered yet.
    Trying,
    /// Another request, answered.
    Completed(Vec<u8>),
}

/// What a server transaction begins with.
#[derive(Debug)]
pub(crate) struct ServerOpening {
    pub(crate) key: Box<[u8]>,
    pub(crate) merge_key: Option<Box<[u8]>>,
    pub(crate) path: Path,
    pub(crate) is_invite: bool,
}

/// What an ACK that found its transaction means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Acked {
    /// It confirms a refusal: done.
    Refusal,
    /// It belongs to the dialog.
    Accepted,
}

impl<U: Copy> Transactions<U> {
    pub(crate) fn find_server(&self, key: &[u8]) -> Option<TransactionId> {
        self.servers.get(key).copied()
    }

    /// Whether another copy of a request is being worked on.
    pub(crate) fn is_merged(&self, merge_key: &[u8]) -> bool {
        self.merged.contains_key(merge_key)
    }

    pub(crate) fn open_server(&mut self, opening: ServerOpening) -> TransactionId {
        let id = self.draw_id();
        let ServerOpening { key, merge_key, path, is_invite } = opening;
        self.servers.insert(key.clone(), id);
        if let Some(merge_key) = &merge_key {
            self.merged.insert(merge_key.clone(), id);
        }
        let state = if is_invite { State::InviteProceeding(Vec::new()) } else { State::Trying };
        self.live.insert(id, Transaction::Server(ServerTransaction { key, merge_key, path, state }));
        self.weigh(id);
        id
    }

    fn server(&mut self, id: TransactionId) -> Option<&mut ServerTransaction> {
        match self.live.get_mut(&id)? {
            Transaction::Server(server) => Some(server),
            Transaction::Client(_) => None,
        }
    }

    /// The same request came again.
    pub(crate) fn request_again(&mut self, wire: &mut Wire, id: TransactionId) {
        let Some(server) = self.server(id) else { return };
        match &server.state {
            State::InviteProceeding(response)
            | State::InviteCompleted(response, _)
            | State::Completed(response) => {
                if !response.is_empty() {
                    wire.tally.retransmitted += 1;
                    wire.send(&server.path, response.clone());
                }
            }
            State::InviteConfirmed | State::InviteAccepted | State::Trying => {}
        }
    }

    /// The user answers.
    pub(crate) fn respond(
        &mut self,
        wire: &mut Wire,
        now: Instant,
        id: TransactionId,
        status: u16,
        response: Vec<u8>,
    ) {
        let Some(server) = self.server(id) else { return };
        let is_reliable = server.path.is_reliable();
        let owner = Owner::Transaction(id);
        server.state = match &server.state {
            State::InviteProceeding(_) => match status {
                100..=199 => State::InviteProceeding(response.clone()),
                200..=299 => {
                    wire.timers.arm(owner, Timer::L, now + T1_64);
                    State::InviteAccepted
                }
                _ => {
                    if !is_reliable {
                        wire.timers.arm(owner, Timer::G, now + T1);
                    }
                    wire.timers.arm(owner, Timer::H, now + T1_64);
                    State::InviteCompleted(response.clone(), T1)
                }
            },
            State::Trying => State::Completed(if is_reliable { Vec::new() } else { response.clone() }),
            State::InviteAccepted
            | State::InviteCompleted(..)
            | State::InviteConfirmed
            | State::Completed(_) => return,
        };
        let is_over = matches!(server.state, State::Completed(_)) && is_reliable;
        if matches!(server.state, State::Completed(_)) {
            wire.timers.arm(owner, Timer::J, now + T1_64);
        }
        wire.send(&server.path, response);
        self.weigh(id);
        if is_over {
            self.remove(wire, id);
        }
    }

    /// ACK came for an INVITE. `None` where it is a retransmission, or early.
    pub(crate) fn acked(&mut self, wire: &mut Wire, now: Instant, id: TransactionId) -> Option<Acked> {
        let server = self.server(id)?;
        match server.state {
            State::InviteAccepted => Some(Acked::Accepted),
            State::InviteCompleted(..) => {
                server.state = State::InviteConfirmed;
                let is_reliable = server.path.is_reliable();
                wire.timers.disarm_all(Owner::Transaction(id));
                wire.timers.arm(Owner::Transaction(id), Timer::I, now + T4);
                if is_reliable {
                    self.remove(wire, id);
                }
                Some(Acked::Refusal)
            }
            State::InviteProceeding(_) | State::InviteConfirmed | State::Trying | State::Completed(_) => None,
        }
    }
}

impl ServerTransaction {
    /// The bytes that it keeps.
    pub(super) fn weight(&self) -> usize {
        let response = match &self.state {
            State::InviteProceeding(response)
            | State::InviteCompleted(response, _)
            | State::Completed(response) => response.len(),
            State::InviteConfirmed | State::InviteAccepted | State::Trying => 0,
        };
        2 * self.key.len() + 2 * self.merge_key.as_ref().map_or(0, |key| key.len()) + response
    }

    /// A timer fired; whether the transaction lives on.
    pub(super) fn timeout(&mut self, wire: &mut Wire, now: Instant, id: TransactionId, timer: Timer) -> bool {
        let (Timer::G, State::InviteCompleted(response, gap)) = (timer, &mut self.state) else {
            // H, I, J, L: the end.
            return false;
        };
        *gap = doubled(*gap).min(T2);
        wire.timers.arm(Owner::Transaction(id), Timer::G, now + *gap);
        wire.tally.retransmitted += 1;
        wire.send(&self.path, response.clone());
        true
    }
}
