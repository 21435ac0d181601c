//! What waits for the endpoint: bounded, and what belongs to calls before what strangers want.
//!
//! **Invariant:** neither kind keeps the other waiting for good, and a call that is up is never kept waiting by a flood
//! of new ones.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use partyline_sip::message::Urgency;
use tokio::sync::mpsc;

use super::SipInput;
use crate::clock::now;
use crate::sources::{Sources, TurnedAway};

/// Inputs of calls and connections that wait; more stay with the kernel.
const OF_CALLS_MAX: usize = 1024;
/// Datagrams of strangers that wait; more are dropped, and come again.
const STRANGE_MAX: usize = 512;
/// Inputs of calls in a row before a stranger's is looked at.
const ROW_MAX: usize = 32;

/// An input, and since when it waits.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) since: Instant,
    pub(crate) input: SipInput,
}

/// Where readers put what came in. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct InboxSender {
    of_calls: mpsc::Sender<Waiting>,
    strange: mpsc::Sender<Waiting>,
    sources: Sources,
}

/// The endpoint has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ended;

impl InboxSender {
    /// Somebody was turned away before there was anything to put in.
    pub(super) fn turned_away(&self, what: TurnedAway, source: IpAddr) {
        self.sources.note(what, source);
    }

    /// Something about a connection; waits for a place, so that a connection that says too much is read slowly.
    pub(crate) async fn send(&self, input: SipInput) -> Result<(), Ended> {
        let waiting = Waiting { since: now(), input };
        self.of_calls.send(waiting).await.map_err(|_| Ended)
    }

    /// A datagram. One of a stranger is dropped where there is no place.
    pub(crate) async fn datagram(
        &self,
        local: SocketAddr,
        remote: SocketAddr,
        bytes: Vec<u8>,
    ) -> Result<(), Ended> {
        let urgency = Urgency::of(&bytes);
        let input = SipInput::Datagram { local, remote, bytes };
        if urgency == Urgency::OfCall {
            return self.send(input).await;
        }
        match self.strange.try_send(Waiting { since: now(), input }) {
            Ok(()) => Ok(()),
            Err(mpsc::error::TrySendError::Full(_)) => {
                metrics::counter!("partyline_vru_strangers_dropped_total").increment(1);
                self.sources.note(TurnedAway::Crowded, remote.ip());
                Ok(())
            }
            Err(mpsc::error::TrySendError::Closed(_)) => Err(Ended),
        }
    }
}

/// What waits.
#[derive(Debug)]
pub(crate) struct Inbox {
    of_calls: mpsc::Receiver<Waiting>,
    strange: mpsc::Receiver<Waiting>,
    in_a_row: usize,
}

impl Inbox {
    /// An inbox; whoever is dropped is counted among the sources.
    pub(crate) fn new(sources: Sources) -> (InboxSender, Self) {
        let (of_calls, calls) = mpsc::channel(OF_CALLS_MAX);
        let (strange, strangers) = mpsc::channel(STRANGE_MAX);
        (
            InboxSender { of_calls, strange, sources },
            Self { of_calls: calls, strange: strangers, in_a_row: 0 },
        )
    }

    /// The next input; `None` when all readers have ended.
    pub(crate) async fn next(&mut self) -> Option<Waiting> {
        if self.in_a_row >= ROW_MAX {
            self.in_a_row = 0;
            if let Ok(waiting) = self.strange.try_recv() {
                return Some(waiting);
            }
        }
        tokio::select! {
            biased;
            Some(waiting) = self.of_calls.recv() => {
                self.in_a_row += 1;
                Some(waiting)
            }
            Some(waiting) = self.strange.recv() => {
                self.in_a_row = 0;
                Some(waiting)
            }
            else => None,
        }
    }

    /// How many wait, of calls and of strangers.
    pub(crate) fn lengths(&self) -> (usize, usize) {
        (self.of_calls.len(), self.strange.len())
    }
}

/// How long something has waited.
impl Waiting {
    pub(crate) fn waited(&self) -> Duration {
        now().saturating_duration_since(self.since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INVITE: &[u8] = b"INVITE sip:a@b SIP/2.0\r\nTo: <sip:a@b>\r\n\r\n";
    const BYE: &[u8] = b"BYE sip:a@b SIP/2.0\r\nTo: <sip:a@b>;tag=1\r\n\r\n";

    async fn put(sender: &InboxSender, bytes: &[u8]) {
        let address = SocketAddr::from(([127, 0, 0, 1], 5060));
        assert_eq!(sender.datagram(address, address, bytes.to_vec()).await, Ok(()));
    }

    fn is_invite(waiting: &Waiting) -> bool {
        matches!(&waiting.input, SipInput::Datagram { bytes, .. } if bytes.starts_with(b"INVITE"))
    }

    #[tokio::test]
    async fn what_belongs_to_calls_overtakes_a_flood_of_new_ones() {
        let (sender, mut inbox) = Inbox::new(Sources::default());
        for _ in 0..2 * STRANGE_MAX {
            put(&sender, INVITE).await;
        }
        for _ in 0..10 {
            put(&sender, BYE).await;
        }
        assert_eq!(inbox.lengths(), (10, STRANGE_MAX), "a flood is dropped above its bound");
        for _ in 0..10 {
            assert!(!is_invite(&inbox.next().await.unwrap()));
        }
        assert!(is_invite(&inbox.next().await.unwrap()));
    }

    #[tokio::test]
    async fn busy_calls_leave_a_turn_to_strangers() {
        let (sender, mut inbox) = Inbox::new(Sources::default());
        put(&sender, INVITE).await;
        for _ in 0..OF_CALLS_MAX {
            put(&sender, BYE).await;
        }
        let mut turn = 0;
        while !is_invite(&inbox.next().await.unwrap()) {
            turn += 1;
        }
        assert_eq!(turn, ROW_MAX);
    }

    #[tokio::test]
    async fn an_inbox_without_readers_has_an_end() {
        let (sender, mut inbox) = Inbox::new(Sources::default());
        drop(sender);
        assert!(inbox.next().await.is_none());
    }
}
