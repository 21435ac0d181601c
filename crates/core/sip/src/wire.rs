//! The way out: outputs, connections and the paths that messages take. It reads no message.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use crate::interface::{CallEvent, CallKey, ConnectionId, Output, TransportKind};
use crate::message::StreamBuffer;
use crate::timer::{Owner, STREAM_IDLE_MAX, STREAM_INSTEAD_MAX, Timer, Timers, TransactionId};

/// Most connections at once; one more is closed at once. Each costs a file descriptor in the shell.
pub(crate) const CONNECTIONS_MAX: usize = 4_096;

/// Most of them that one source may have opened.
pub(crate) const CONNECTIONS_PER_SOURCE_MAX: usize = 64;

/// The bit that tells connections we open from accepted ones.
const OPENED_HERE: u64 = 1 << 63;

/// Where a message goes, and which way one came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Path {
    /// Our bound address.
    pub(crate) local: SocketAddr,
    /// Theirs.
    pub(crate) remote: SocketAddr,
    /// The address of ours that they are told.
    pub(crate) advertised: SocketAddr,
    pub(crate) transport: TransportKind,
    /// The connection, on TCP and TLS.
    pub(crate) connection: Option<ConnectionId>,
    /// Whether caps for single sources do not hold for it.
    pub(crate) is_trusted: bool,
}

impl Path {
    pub(crate) fn transport(&self) -> TransportKind {
        self.transport
    }

    pub(crate) fn is_reliable(&self) -> bool {
        self.transport.is_reliable()
    }
}

/// A connection.
#[derive(Debug)]
pub(crate) struct Connection {
    /// The way that its messages take.
    pub(crate) path: Path,
    /// The name that its certificate was asked for; empty for those that were accepted, and on TCP.
    server_name: String,
    /// Whether it came up: before, nothing that was sent on it has left.
    is_up: bool,
    pub(crate) incoming: StreamBuffer,
    /// Client transactions that fail when it does.
    pub(crate) waiting: BTreeSet<TransactionId>,
    /// Calls that use it; while there are any it does not close for idleness.
    pub(crate) calls: usize,
}

/// What is counted.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) dropped: u64,
    pub(crate) overloaded: u64,
    pub(crate) refused: u64,
    pub(crate) questions: u64,
    pub(crate) foreign: u64,
    pub(crate) retransmitted: u64,
    pub(crate) connections_refused: u64,
    pub(crate) stun_answered: u64,
}

/// Outputs, connections, timers and counts: what every layer stands on.
#[derive(Debug, Default)]
pub(crate) struct Wire {
    outputs: VecDeque<Output>,
    connections: BTreeMap<ConnectionId, Connection>,
    /// Those that requests to an address may take: over TLS only where the same name was asked for.
    by_remote: BTreeMap<(TransportKind, SocketAddr, String), ConnectionId>,
    /// How many connections each source has opened.
    accepted_by_source: BTreeMap<IpAddr, usize>,
    opened: u64,
    pub(crate) timers: Timers,
    pub(crate) tally: Tally,
}

impl Wire {
    pub(crate) fn next_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    pub(crate) fn push(&mut self, output: Output) {
        self.outputs.push_back(output);
    }

    pub(crate) fn tell(&mut self, call: CallKey, event: CallEvent) {
        self.outputs.push_back(Output::Call(call, event));
    }

    /// Sends on a path; what has no connection any more is dropped and counted.
    pub(crate) fn send(&mut self, path: &Path, bytes: Vec<u8>) {
        let Some(connection) = path.connection else {
            self.outputs.push_back(Output::SendDatagram { local: path.local, remote: path.remote, bytes });
            return;
        };
        if self.connections.contains_key(&connection) {
            self.outputs.push_back(Output::SendStream { connection, bytes });
        } else {
            self.tally.dropped += 1;
        }
    }

    pub(crate) fn connection(&mut self, connection: ConnectionId) -> Option<&mut Connection> {
        self.connections.get_mut(&connection)
    }

    pub(crate) fn connections_count(&self) -> usize {
        self.connections.len()
    }

    /// The entries of all maps and of the queue: none where there is no connection, no timer and nothing to do.
    pub(crate) fn entries(&self) -> usize {
        let connections = self.connections.len() + self.by_remote.len() + self.accepted_by_source.len();
        self.outputs.len() + connections + self.timers.entries()
    }

    /// Keeps an accepted connection, or closes it where there are too many, of all or of this source.
    pub(crate) fn accept(&mut self, now: Instant, connection: ConnectionId, path: Path) {
        let source = source_of(path.remote.ip());
        let of_source = self.accepted_by_source.get(&source).copied().unwrap_or(0);
        let is_one_too_many = !path.is_trusted && of_source >= CONNECTIONS_PER_SOURCE_MAX;
        if self.connections.len() >= CONNECTIONS_MAX || is_one_too_many {
            self.tally.connections_refused += 1;
            self.outputs.push_back(Output::Disconnect { connection });
            return;
        }
        self.accepted_by_source.insert(source, of_source + 1);
        self.keep(now, connection, path, String::new());
    }

    fn keep(&mut self, now: Instant, connection: ConnectionId, path: Path, server_name: String) {
        let path = Path { connection: Some(connection), ..path };
        // Who called us over TLS has shown no certificate for the name that a request of ours would ask for.
        if path.transport != TransportKind::Tls || !server_name.is_empty() {
            self.by_remote.insert((path.transport, path.remote, server_name.clone()), connection);
        }
        let kept = Connection {
            path,
            server_name,
            is_up: connection.0 & OPENED_HERE == 0,
            incoming: StreamBuffer::default(),
            waiting: BTreeSet::new(),
            calls: 0,
        };
        self.connections.insert(connection, kept);
        self.touch(now, connection);
    }

    /// A whole message was seen: bytes alone would let a slow sender hold a connection for ever.
    pub(crate) fn touch(&mut self, now: Instant, connection: ConnectionId) {
        self.timers.arm(Owner::Connection(connection), Timer::Idle, now + STREAM_IDLE_MAX);
    }

    /// A way to an address over a connection: one that is there, or a new one, for which the certificate has to bear
    /// the name where it is TLS. `None` where there are too many.
    pub(crate) fn stream_to(&mut self, now: Instant, path: Path, server_name: &str) -> Option<Path> {
        let name = if path.transport == TransportKind::Tls { server_name } else { "" }.to_owned();
        let key = (path.transport, path.remote, name);
        if let Some(connection) = self.by_remote.get(&key) {
            return Some(Path { connection: Some(*connection), ..path });
        }
        if self.connections.len() >= CONNECTIONS_MAX {
            self.tally.connections_refused += 1;
            return None;
        }
        let connection = ConnectionId(OPENED_HERE | self.opened);
        self.opened += 1;
        let (transport, remote, server_name) = key;
        self.keep(now, connection, path, server_name.clone());
        let local = path.local.ip();
        self.outputs.push_back(Output::Connect { connection, transport, local, remote, server_name });
        Some(Path { connection: Some(connection), ..path })
    }

    /// A connection that was asked for is up.
    pub(crate) fn is_up_now(&mut self, now: Instant, connection: ConnectionId) {
        if let Some(kept) = self.connections.get_mut(&connection) {
            kept.is_up = true;
            self.timers.disarm(Owner::Connection(connection), Timer::StreamInstead);
            self.touch(now, connection);
        }
    }

    /// A connection that is tried where datagrams would do is given up soon when it does not come up.
    pub(crate) fn hurry(&mut self, now: Instant, connection: ConnectionId) {
        if self.was_never_up(connection) {
            let owner = Owner::Connection(connection);
            self.timers.arm(owner, Timer::StreamInstead, now + STREAM_INSTEAD_MAX);
        }
    }

    /// Whether a connection never came up.
    pub(crate) fn was_never_up(&self, connection: ConnectionId) -> bool {
        self.connections.get(&connection).is_some_and(|kept| !kept.is_up)
    }

    /// Forgets a connection; answers with the client transactions that waited on it.
    pub(crate) fn forget(&mut self, connection: ConnectionId) -> BTreeSet<TransactionId> {
        let Some(gone) = self.connections.remove(&connection) else { return BTreeSet::new() };
        self.timers.disarm_all(Owner::Connection(connection));
        self.count_out(connection, source_of(gone.path.remote.ip()));
        let key = (gone.path.transport, gone.path.remote, gone.server_name);
        if self.by_remote.get(&key) == Some(&connection) {
            self.by_remote.remove(&key);
        }
        gone.waiting
    }

    fn count_out(&mut self, connection: ConnectionId, source: IpAddr) {
        if connection.0 & OPENED_HERE != 0 {
            return;
        }
        if let Some(count) = self.accepted_by_source.get_mut(&source) {
            *count -= 1;
            if *count == 0 {
                self.accepted_by_source.remove(&source);
            }
        }
    }

    /// Closes a connection.
    pub(crate) fn close(&mut self, connection: ConnectionId) -> BTreeSet<TransactionId> {
        self.outputs.push_back(Output::Disconnect { connection });
        self.forget(connection)
    }

    /// Whether a connection that was idle may go.
    pub(crate) fn is_unused(&self, connection: ConnectionId) -> bool {
        self.connections.get(&connection).is_some_and(|kept| kept.calls == 0 && kept.waiting.is_empty())
    }

    /// A call begins or ends to use a path.
    pub(crate) fn count_call(&mut self, path: &Path, is_new: bool) {
        if let Some(kept) = path.connection.and_then(|connection| self.connections.get_mut(&connection)) {
            kept.calls = if is_new { kept.calls + 1 } else { kept.calls.saturating_sub(1) };
        }
    }
}

/// What counts as one source: of IPv6 the network, as one line has all of its addresses.
pub(crate) fn source_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::from((u128::from(v6) & !u128::from(u64::MAX)).to_be_bytes()),
        v4 @ IpAddr::V4(_) => v4,
    }
}
