//! The four transaction machines ([RFC 3261 §17], [RFC 6026]).
//!
//! They retransmit, absorb retransmissions and give up; they know no dialogs and read no bodies. **Invariant:** a
//! transaction always has a timer running that ends it, except a server transaction that its user has not answered
//! (the user's own Timer C bounds that).

mod client;
mod server;

use std::collections::BTreeMap;
use std::time::Instant;

use client::ClientTransaction;
pub(crate) use client::{ClientOpening, Heard};
use server::ServerTransaction;
pub(crate) use server::{Acked, ServerOpening};

use crate::message::{Method, Request};
use crate::timer::{Owner, Timer, TransactionId};
use crate::wire::{Path, Wire};

/// What a transaction costs beside the bytes that it names.
const OVERHEAD: usize = 512;

#[derive(Debug)]
enum Transaction<U> {
    Server(ServerTransaction),
    Client(ClientTransaction<U>),
}

/// All transactions. `U` says what a client transaction was opened for.
#[derive(Debug)]
pub(crate) struct Transactions<U> {
    live: BTreeMap<TransactionId, Transaction<U>>,
    weights: BTreeMap<TransactionId, usize>,
    bytes: usize,
    servers: BTreeMap<Box<[u8]>, TransactionId>,
    merged: BTreeMap<Box<[u8]>, TransactionId>,
    clients: BTreeMap<Box<[u8]>, TransactionId>,
    opened: u64,
}

/// How a client transaction that its user still waits for came to its end without a response.
#[derive(Debug)]
pub(crate) struct Expired<U> {
    pub(crate) user: U,
    pub(crate) sent: Sent,
    /// Whether the transport failed, rather than that nobody answered.
    pub(crate) is_unsent: bool,
}

/// A request of ours, and the way it went.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) path: Path,
    pub(crate) request: Vec<u8>,
}

impl<U: Copy> Transactions<U> {
    pub(crate) fn new() -> Self {
        Self {
            live: BTreeMap::new(),
            weights: BTreeMap::new(),
            bytes: 0,
            servers: BTreeMap::new(),
            merged: BTreeMap::new(),
            clients: BTreeMap::new(),
            opened: 0,
        }
    }

    pub(crate) fn count(&self) -> usize {
        self.live.len()
    }

    /// The entries of all maps: none where there are no transactions.
    pub(crate) fn entries(&self) -> usize {
        let names = self.servers.len() + self.merged.len() + self.clients.len();
        self.live.len() + self.weights.len() + names
    }

    /// The bytes that all of them keep, and cost.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes note of what a transaction keeps now.
    fn weigh(&mut self, id: TransactionId) {
        let weight = self.live.get(&id).map(|transaction| match transaction {
            Transaction::Server(server) => OVERHEAD + server.weight(),
            Transaction::Client(client) => OVERHEAD + client.weight(),
        });
        let before = match weight {
            Some(weight) => self.weights.insert(id, weight),
            None => self.weights.remove(&id),
        };
        self.bytes += weight.unwrap_or(0);
        self.bytes -= before.unwrap_or(0);
    }

    fn draw_id(&mut self) -> TransactionId {
        self.opened += 1;
        TransactionId(self.opened)
    }

    /// A timer fired.
    pub(crate) fn timeout(
        &mut self,
        wire: &mut Wire,
        now: Instant,
        id: TransactionId,
        timer: Timer,
    ) -> Option<Expired<U>> {
        let (lives, expired) = match self.live.get_mut(&id)? {
            Transaction::Server(server) => (server.timeout(wire, now, id, timer), None),
            Transaction::Client(client) => client.timeout(wire, now, id, timer),
        };
        if !lives {
            self.remove(wire, id);
        }
        expired
    }

    /// Forgets a transaction at once: what still comes for it begins anew, or belongs to nothing.
    pub(crate) fn abandon(&mut self, wire: &mut Wire, id: TransactionId) {
        self.remove(wire, id);
    }

    fn remove(&mut self, wire: &mut Wire, id: TransactionId) {
        wire.timers.disarm_all(Owner::Transaction(id));
        match self.live.remove(&id) {
            Some(Transaction::Server(server)) => {
                self.servers.remove(&server.key);
                if let Some(key) = server.merge_key.filter(|key| self.merged.get(key) == Some(&id)) {
                    self.merged.remove(&key);
                }
            }
            Some(Transaction::Client(client)) => {
                self.clients.remove(&client.key);
                if let Some(kept) = client.path.connection.and_then(|connection| wire.connection(connection))
                {
                    kept.waiting.remove(&id);
                }
            }
            None => {}
        }
        self.weigh(id);
    }
}

/// What names a server transaction ([RFC 3261 §17.2.3]); ACK and CANCEL are looked up under INVITE.
pub(crate) fn server_key(request: &Request<'_>, method: Method<'_>) -> Box<[u8]> {
    let core = &request.core;
    let cseq = core.cseq.to_be_bytes();
    let pieces: [&[u8]; 7] = match core.via.branch() {
        Some(branch) => [branch, b"\0", core.via.sent_by, b"\0", method.as_bytes(), b"", b""],
        // An agent of RFC 2543: no unique branch, so what it sends is told apart by all that stays the same.
        None => [
            core.call_id,
            b"\0",
            core.via.sent_by,
            &cseq,
            method.as_bytes(),
            b"\0",
            core.from.tag().unwrap_or_default(),
        ],
    };
    let mut key = pieces.concat();
    if core.via.branch().is_some() {
        key.make_ascii_lowercase();
    }
    key.into_boxed_slice()
}

/// What two copies of one request have in common that came by different ways ([RFC 3261 §8.2.2.2]).
pub(crate) fn merge_key(request: &Request<'_>) -> Box<[u8]> {
    let core = &request.core;
    let from_tag = core.from.tag().unwrap_or_default();
    let cseq = core.cseq.to_be_bytes();
    [core.call_id, b"\0", from_tag, b"\0", &cseq, request.method.as_bytes()].concat().into_boxed_slice()
}
