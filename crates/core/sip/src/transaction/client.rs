//! Client transactions: INVITE ([RFC 3261 §17.1.1] with the Accepted state of [RFC 6026]) and the others (§17.1.2).

use std::time::{Duration, Instant};

use super::{Expired, Sent, Transaction, Transactions};
use crate::message::{HeaderName, Message, Method, Response, Writer, parse};
use crate::timer::{Owner, RINGING_MAX, T1, T1_64, T2, T4, Timer, TransactionId, doubled};
use crate::wire::{Path, Wire};

/// Wait for retransmissions of a refusal: "at least 32 seconds" ([RFC 3261 §17.1.1.2]).
const TIMER_D: Duration = Duration::from_secs(32);
/// How long an INVITE waits for its answer after the last provisional response: longer than any user lets it ring, and
/// then waits for what CANCEL brings. A net: a user gives up long before.
const PROCEEDING_MAX: Duration = Duration::from_secs(RINGING_MAX.as_secs() + 2 * T1_64.as_secs());

#[derive(Debug)]
pub(super) struct ClientTransaction<U> {
    pub(super) key: Box<[u8]>,
    pub(super) path: Path,
    user: U,
    request: Vec<u8>,
    state: State,
    /// Its user waits no longer than it was told to, whatever provisional responses come.
    is_given_up: bool,
}

#[derive(Debug)]
enum State {
    /// INVITE sent; the gap before its next retransmission.
    Calling(Duration),
    /// A provisional response came to the INVITE.
    InviteProceeding,
    /// It was refused; the ACK, for each retransmission of the refusal.
    InviteCompleted(Vec<u8>),
    /// It was accepted; each 2xx goes to the user.
    InviteAccepted,
    /// Another request sent; the gap before its next retransmission.
    Trying(Duration),
    /// A provisional response came to it.
    Proceeding,
    /// It was answered.
    Completed,
}

/// What a client transaction begins with.
#[derive(Debug)]
pub(crate) struct ClientOpening<'a, U> {
    pub(crate) branch: &'a str,
    pub(crate) method: Method<'a>,
    pub(crate) path: Path,
    pub(crate) request: Vec<u8>,
    pub(crate) user: U,
}

/// What a response means to the user of its transaction.
#[derive(Debug)]
pub(crate) enum Heard<U> {
    /// It belongs to no transaction.
    Stray,
    /// The transaction has dealt with it.
    Absorbed,
    /// The user should know. A refusal to INVITE has got its ACK.
    Tell(U),
}

fn client_key(branch: &[u8], method: Method<'_>) -> Box<[u8]> {
    [branch, b"\0", method.as_bytes()].concat().into_boxed_slice()
}

impl<U: Copy> Transactions<U> {
    /// Sends a request and waits for its answers.
    pub(crate) fn open_client(
        &mut self,
        wire: &mut Wire,
        now: Instant,
        opening: ClientOpening<'_, U>,
    ) -> TransactionId {
        let id = self.draw_id();
        let ClientOpening { branch, method, path, request, user } = opening;
        let owner = Owner::Transaction(id);
        let is_invite = method == Method::Invite;
        let (retransmit, give_up) = if is_invite { (Timer::A, Timer::B) } else { (Timer::E, Timer::F) };
        if !path.is_reliable() {
            wire.timers.arm(owner, retransmit, now + T1);
        }
        wire.timers.arm(owner, give_up, now + T1_64);
        // Kept on streams too: a refusal may ask for the request anew.
        let kept = request.clone();
        wire.send(&path, request);
        if let Some(connection) = path.connection.and_then(|connection| wire.connection(connection)) {
            connection.waiting.insert(id);
        }
        let state = if is_invite { State::Calling(T1) } else { State::Trying(T1) };
        let key = client_key(branch.as_bytes(), method);
        self.clients.insert(key.clone(), id);
        let client = ClientTransaction { key, path, user, request: kept, state, is_given_up: false };
        self.live.insert(id, Transaction::Client(client));
        self.weigh(id);
        id
    }

    fn client(&mut self, id: TransactionId) -> Option<&mut ClientTransaction<U>> {
        match self.live.get_mut(&id)? {
            Transaction::Client(client) => Some(client),
            Transaction::Server(_) => None,
        }
    }

    /// A response came.
    pub(crate) fn heard(&mut self, wire: &mut Wire, now: Instant, response: &Response<'_>) -> Heard<U> {
        let branch = response.core.via.branch().unwrap_or_default();
        let found = self.clients.get(&client_key(branch, response.core.cseq_method)).copied();
        let Some((id, client)) = found.and_then(|id| Some((id, self.client(id)?))) else {
            return Heard::Stray;
        };
        let verdict = client.heard(wire, now, id, response.status);
        let user = client.user;
        match verdict {
            Verdict::Absorb => Heard::Absorbed,
            Verdict::Tell => Heard::Tell(user),
            Verdict::AckAndTell => {
                self.refused(wire, now, id, response.core.to_bytes);
                Heard::Tell(user)
            }
            Verdict::TellAndEnd => {
                self.remove(wire, id);
                Heard::Tell(user)
            }
        }
    }

    /// The request that a response answers, as long as nobody else has answered it.
    pub(crate) fn sent(&mut self, response: &Response<'_>) -> Option<Sent> {
        let branch = response.core.via.branch().unwrap_or_default();
        let id = *self.clients.get(&client_key(branch, response.core.cseq_method))?;
        let client = self.client(id).filter(|client| client.is_waiting())?;
        Some(Sent { path: client.path, request: client.request.clone() })
    }

    /// Sends the ACK of a refusal, and keeps it for each retransmission of the refusal.
    fn refused(&mut self, wire: &mut Wire, now: Instant, id: TransactionId, to: &[u8]) {
        let Some(client) = self.client(id) else { return };
        let ack = refusal_ack(&client.request, to);
        wire.send(&client.path, ack.clone());
        let is_reliable = client.path.is_reliable();
        client.state = State::InviteCompleted(ack);
        client.request = Vec::new();
        wire.timers.disarm_all(Owner::Transaction(id));
        wire.timers.arm(Owner::Transaction(id), Timer::D, now + TIMER_D);
        self.weigh(id);
        if is_reliable {
            self.remove(wire, id);
        }
    }

    /// An INVITE that was cancelled, or whose call is over, waits for its answer no longer than 64·T1
    /// ([RFC 3261 §9.1]).
    pub(crate) fn expect_end(&mut self, wire: &mut Wire, now: Instant, id: TransactionId) {
        if let Some(client) = self.client(id).filter(|client| client.is_waiting()) {
            client.is_given_up = true;
            wire.timers.arm(Owner::Transaction(id), Timer::B, now + T1_64);
        }
    }

    /// The transport failed under a client transaction.
    pub(crate) fn transport_failed(&mut self, wire: &mut Wire, id: TransactionId) -> Option<Expired<U>> {
        let client = self.client(id)?;
        let expired = client.is_waiting().then(|| client.expired(true));
        self.remove(wire, id);
        expired
    }
}

/// The ACK of a refusal: the INVITE's own headers with the To of the refusal ([RFC 3261 §17.1.1.3]).
fn refusal_ack(invite: &[u8], to: &[u8]) -> Vec<u8> {
    let Ok(Message::Request(invite)) = parse(invite) else { return Vec::new() };
    let (core, headers) = (&invite.core, &invite.headers);
    let mut writer = Writer::request(Method::Ack, invite.uri_bytes);
    writer.header("Via", &[headers.first(HeaderName::Via).unwrap_or_default()]);
    for route in headers.all(HeaderName::Route) {
        writer.header("Route", &[route]);
    }
    writer.header("Max-Forwards", &[b"70"]).header("From", &[core.from_bytes]).header("To", &[to]);
    writer.header("Call-ID", &[core.call_id]).header("CSeq", &[core.cseq.to_string().as_bytes(), b" ACK"]);
    writer.end(None)
}

enum Verdict {
    Absorb,
    Tell,
    AckAndTell,
    TellAndEnd,
}

impl<U: Copy> ClientTransaction<U> {
    /// The bytes that it keeps.
    pub(super) fn weight(&self) -> usize {
        let ack = if let State::InviteCompleted(ack) = &self.state { ack.len() } else { 0 };
        2 * self.key.len() + self.request.len() + ack
    }

    fn expired(&mut self, is_unsent: bool) -> Expired<U> {
        let sent = Sent { path: self.path, request: std::mem::take(&mut self.request) };
        Expired { user: self.user, sent, is_unsent }
    }

    fn is_waiting(&self) -> bool {
        match self.state {
            State::Calling(_) | State::InviteProceeding | State::Trying(_) | State::Proceeding => true,
            State::InviteCompleted(_) | State::InviteAccepted | State::Completed => false,
        }
    }

    fn heard(&mut self, wire: &mut Wire, now: Instant, id: TransactionId, status: u16) -> Verdict {
        let owner = Owner::Transaction(id);
        match (&self.state, status) {
            (State::Calling(_) | State::InviteProceeding, 100..=199) => {
                wire.timers.disarm(owner, Timer::A);
                if !self.is_given_up {
                    wire.timers.arm(owner, Timer::B, now + PROCEEDING_MAX);
                }
                self.state = State::InviteProceeding;
                Verdict::Tell
            }
            (State::InviteAccepted, 200..=299) => Verdict::Tell,
            (State::Calling(_) | State::InviteProceeding, 200..=299) => {
                wire.timers.disarm_all(owner);
                wire.timers.arm(owner, Timer::M, now + T1_64);
                self.state = State::InviteAccepted;
                Verdict::Tell
            }
            (State::Calling(_) | State::InviteProceeding, _) => Verdict::AckAndTell,
            (State::InviteCompleted(ack), 300..) => {
                wire.tally.retransmitted += 1;
                wire.send(&self.path, ack.clone());
                Verdict::Absorb
            }
            (State::Trying(_), 100..=199) => {
                if !self.path.is_reliable() {
                    wire.timers.arm(owner, Timer::E, now + T2);
                }
                self.state = State::Proceeding;
                Verdict::Absorb
            }
            (State::Trying(_) | State::Proceeding, 200..) => {
                wire.timers.disarm_all(owner);
                self.state = State::Completed;
                if self.path.is_reliable() {
                    return Verdict::TellAndEnd;
                }
                wire.timers.arm(owner, Timer::K, now + T4);
                Verdict::Tell
            }
            (
                State::InviteCompleted(_)
                | State::InviteAccepted
                | State::Trying(_)
                | State::Proceeding
                | State::Completed,
                _,
            ) => Verdict::Absorb,
        }
    }

    /// A timer fired: whether the transaction lives on, and whether its user waits in vain.
    pub(super) fn timeout(
        &mut self,
        wire: &mut Wire,
        now: Instant,
        id: TransactionId,
        timer: Timer,
    ) -> (bool, Option<Expired<U>>) {
        let (again, gap) = match (timer, &mut self.state) {
            (Timer::A, State::Calling(gap)) => {
                *gap *= 2;
                (Timer::A, *gap)
            }
            (Timer::E, State::Trying(gap)) => {
                *gap = doubled(*gap);
                (Timer::E, *gap)
            }
            (Timer::E, State::Proceeding) => (Timer::E, T2),
            // B, D, F, K, M: the end.
            _ => return (false, self.is_waiting().then(|| self.expired(false))),
        };
        wire.timers.arm(Owner::Transaction(id), again, now + gap);
        wire.tally.retransmitted += 1;
        wire.send(&self.path, self.request.clone());
        (true, None)
    }
}
