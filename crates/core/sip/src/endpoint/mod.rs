//! A SIP user agent: calls in and calls out, over any number of local addresses.
//!
//! It knows no audio and no conferences. **Invariant:** every call that was told of ends in exactly one `Ended`.

mod abilities;
mod again;
mod call;
mod door;
mod early;
mod effort;
mod ending;
mod incoming;
mod informing;
mod itinerary;
mod notifying;
mod outgoing;
mod overtaken;
mod provisional;
mod receive;
mod referred;
mod referring;
mod refresh;
mod registering;
mod reoffer;
mod reply;
mod screen;
mod session;
mod subscribed;
mod subscriptions;
mod within;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Instant;

use abilities::Abilities;
use call::Calls;
use overtaken::Overtaken;
use registering::Registrations;
use subscriptions::Subscriptions;

use crate::auth::{Challenge, Credentials, Keyring};
pub use crate::interface::{
    Admission, Arrival, Because, CallEnd, CallError, CallEvent, CallKey, ConnectionId, Diversion,
    EndpointConfig, EndpointCounters, EventBody, FurtherHost, HistoryEntry, IncomingCall, KeyBody, Listen,
    Notice, OutgoingCall, Output, Reason, Refer, ReferTarget, Referral, Refusals, Registration,
    RegistrationEvent, RegistrationKey, Replaces, Subscribe, SubscriptionEnd, SubscriptionEvent,
    SubscriptionKey, SubscriptionRequest, Target, Termination, TransportKind,
};
use crate::locate::Located;
use crate::message::Frame;
#[cfg(doc)]
use crate::rules::DialogRules;
use crate::rules::Network;
use crate::sdp::{Agreement, Capabilities, Direction};
use crate::shunned::Shunned;
use crate::timer::Owner;
use crate::token::Tokens;
use crate::transaction::Transactions;
use crate::wire::{Path, Wire};

/// What a client transaction was opened for.
#[derive(Debug, Clone, Copy)]
enum User {
    /// A call of ours.
    Invite(CallKey),
    /// A change of a call's media by us.
    Reoffer(CallKey),
    /// The end of a call.
    Bye(CallKey),
    /// A registration of ours.
    Register(RegistrationKey),
    /// A refresh of a call's session.
    Refresh(CallKey),
    /// The acknowledgement of a reliable response, to one of the callees of a call.
    Prack(CallKey, usize),
    /// What keeps or ends a subscription of ours, or a REFER.
    Subscribe(SubscriptionKey),
    /// What a subscriber is told.
    Notify(SubscriptionKey),
    /// Nobody waits: CANCEL, the BYE of a superfluous fork, a key.
    Nobody,
}

/// The user agent.
#[derive(Debug)]
pub struct Endpoint {
    config: EndpointConfig,
    abilities: Abilities,
    tokens: Tokens,
    wire: Wire,
    transactions: Transactions<User>,
    calls: Calls,
    registrations: Registrations,
    subscriptions: Subscriptions,
    shunned: Shunned,
    /// The superfluous callees that were hung up last.
    dismissed: VecDeque<Vec<u8>>,
    overtaken: Overtaken,
    transactions_max: usize,
    admission: Admission,
}

impl Endpoint {
    /// An endpoint without calls.
    #[must_use]
    pub fn new(config: EndpointConfig) -> Self {
        // A call leaves two transactions behind for 32 s: this is enough for over a thousand short calls a second, at
        // about a kilobyte each.
        let transactions_max = config.calls_max.saturating_mul(16).saturating_add(65_536);
        let tokens = Tokens::new(config.seed);
        Self {
            abilities: Abilities::of(&config.rules),
            config,
            tokens,
            wire: Wire::default(),
            transactions: Transactions::new(),
            calls: Calls::default(),
            registrations: Registrations::default(),
            subscriptions: Subscriptions::default(),
            shunned: Shunned::default(),
            dismissed: VecDeque::new(),
            overtaken: Overtaken::default(),
            transactions_max,
            admission: Admission::Open,
        }
    }

    /// Says anew who is trusted: one's own trunks and proxies, as [`DialogRules::trusted`] has it.
    pub fn trust(&mut self, trusted: Vec<Network>) {
        self.config.rules.trusted = trusted;
    }

    /// A datagram came in on a bound address.
    pub fn handle_datagram(&mut self, now: Instant, local: SocketAddr, remote: SocketAddr, bytes: &[u8]) {
        self.handle_datagram_from(now, &Arrival::new(local, remote), bytes);
    }

    /// A datagram came in from somebody of whom more is known.
    pub fn handle_datagram_from(&mut self, now: Instant, arrival: &Arrival, bytes: &[u8]) {
        let path = self.path_of(TransportKind::Udp, arrival);
        self.receive(now, path, bytes);
    }

    /// A TCP or TLS connection was accepted on a bound address, whichever of the two it takes.
    pub fn handle_accepted(
        &mut self,
        now: Instant,
        connection: ConnectionId,
        local: SocketAddr,
        remote: SocketAddr,
    ) {
        self.handle_accepted_from(now, connection, &Arrival::new(local, remote));
    }

    /// A connection was accepted from somebody of whom more is known.
    pub fn handle_accepted_from(&mut self, now: Instant, connection: ConnectionId, arrival: &Arrival) {
        let listens = self.config.listens.iter();
        let transport = listens
            .filter(|listen| listen.local == arrival.local && listen.transport.is_reliable())
            .map(|listen| listen.transport)
            .next();
        let path = self.path_of(transport.unwrap_or(TransportKind::Tcp), arrival);
        self.wire.accept(now, connection, path);
    }

    /// A TCP connection that was asked for is up.
    pub fn handle_connected(&mut self, now: Instant, connection: ConnectionId, local: SocketAddr) {
        // Calls on it keep the bound address that they began with: that is the one others can reach.
        let _ = local;
        self.wire.is_up_now(now, connection);
    }

    /// Bytes came on a TCP connection.
    pub fn handle_stream(&mut self, now: Instant, connection: ConnectionId, bytes: &[u8]) {
        let Some(kept) = self.wire.connection(connection) else { return };
        let path = kept.path;
        kept.incoming.push(bytes);
        // Looked up anew for each frame: a message may have closed the connection.
        while let Some(frame) = self.wire.connection(connection).and_then(|kept| kept.incoming.next_frame()) {
            self.wire.touch(now, connection);
            match frame {
                Frame::Message(message) => self.receive(now, path, &message),
                Frame::KeepAlive => self.wire.send(&path, b"\r\n".to_vec()),
                Frame::Broken(head) => {
                    self.refuse_unframed(path, &head);
                    let waiting = self.wire.close(connection);
                    self.fail(now, waiting, true);
                }
            }
        }
    }

    /// A TCP connection is gone, or never came up.
    pub fn handle_disconnected(&mut self, now: Instant, connection: ConnectionId) {
        let has_left = !self.wire.was_never_up(connection);
        let waiting = self.wire.forget(connection);
        self.fail(now, waiting, has_left);
        self.registrations_lost(now, connection);
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some((owner, timer)) = self.wire.timers.take_due(now) {
            match owner {
                Owner::Transaction(id) => {
                    if let Some(expired) = self.transactions.timeout(&mut self.wire, now, id, timer) {
                        self.unanswered(now, &expired);
                    }
                }
                Owner::Call(key) => self.call_timeout(now, key, timer),
                Owner::Subscription(key) => self.subscription_timeout(now, key, timer),
                Owner::Registration(key) => self.registration_timeout(now, key, timer),
                Owner::Connection(connection) => self.connection_timeout(now, connection, timer),
            }
        }
    }

    /// When `handle_timeout` is due.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.wire.timers.next()
    }

    /// The next thing to do or know; `None` when there is nothing more.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.wire.next_output()
    }

    /// Sends 180 for an incoming call; reliably, as the rules have it. Where that is required and the caller made no
    /// offer nothing is sent: the first reliable response would have to hold ours.
    ///
    /// # Errors
    /// [`CallError`] where the call is over or answered.
    pub fn ring(&mut self, now: Instant, call: CallKey) -> Result<(), CallError> {
        self.ring_incoming(now, call)
    }

    /// Sends 183 with a session description, so that media flows before the answer. `Some` where the caller made an
    /// offer; to an offer of ours `Early` brings the agreement, and without reliable responses there is none.
    ///
    /// # Errors
    /// [`CallError`]; on `NoAgreement` the call was refused with 488 and ends.
    pub fn progress(
        &mut self,
        now: Instant,
        call: CallKey,
        capabilities: &Capabilities,
    ) -> Result<Option<Agreement>, CallError> {
        self.progress_incoming(now, call, capabilities)
    }

    /// Answers an incoming call with 200. `Some` where the caller made an offer, or the media is agreed on since
    /// [`Endpoint::progress`]; for a delayed offer `Confirmed` brings the agreement.
    ///
    /// # Errors
    /// [`CallError`]; on `NoAgreement` the call was refused with 488 and ends.
    pub fn answer(
        &mut self,
        now: Instant,
        call: CallKey,
        capabilities: &Capabilities,
    ) -> Result<Option<Agreement>, CallError> {
        self.answer_incoming(now, call, capabilities)
    }

    /// Refuses an incoming call with a status of 300 to 699 (another one becomes 480).
    ///
    /// # Errors
    /// [`CallError`] where the call is over or answered.
    pub fn reject(
        &mut self,
        now: Instant,
        call: CallKey,
        status: u16,
        because: &Because,
    ) -> Result<(), CallError> {
        self.reject_incoming(now, call, status, because)
    }

    /// Asks an incoming call for credentials: 401 or 407, as the challenge says. The call ends by that; with an answer to
    /// the challenge it comes in anew. When many are challenged they leave nothing behind.
    ///
    /// # Errors
    /// [`CallError`] where the call is over or answered.
    pub fn challenge(&mut self, now: Instant, call: CallKey, challenge: &Challenge) -> Result<(), CallError> {
        self.challenge_incoming(now, call, challenge)
    }

    /// Hangs up: BYE, or CANCEL, or a refusal, whatever ends the call in its state.
    ///
    /// # Errors
    /// [`CallError::NoCall`].
    pub fn hang_up(&mut self, now: Instant, call: CallKey, because: &Because) -> Result<(), CallError> {
        self.calls.open(call).ok_or(CallError::NoCall)?;
        self.end(now, call, CallEnd::WeHungUp, because);
        Ok(())
    }

    /// Changes the media of a call, on whichever side it began: hold ([`Direction::SendOnly`]), resume, another address.
    /// Before the answer that is done by UPDATE, where the media is agreed on and the other side allows it.
    /// `Changed` tells what holds once the other side has answered; where it refuses that is what held before. A change
    /// that crosses one of theirs is tried again.
    ///
    /// # Errors
    /// [`CallError::NoCall`]; [`CallError::WrongState`] where the call is not up, or another change is not through yet;
    /// [`CallError::Full`].
    pub fn reoffer(
        &mut self,
        now: Instant,
        call: CallKey,
        capabilities: &Capabilities,
        direction: Direction,
    ) -> Result<(), CallError> {
        self.reoffer_call(now, call, capabilities, direction)
    }

    /// Calls somebody.
    ///
    /// # Errors
    /// [`CallError::Full`]; [`CallError::WrongState`] where the target is no SIP URI, or no local address has its
    /// transport and address family.
    pub fn call(&mut self, now: Instant, outgoing: &OutgoingCall) -> Result<CallKey, CallError> {
        self.call_out(now, outgoing)
    }

    /// Registers with somebody, and stays registered until `unregister`. What becomes of it is told by
    /// [`Output::Registration`].
    ///
    /// # Errors
    /// [`CallError::Full`]; [`CallError::WrongState`] where a URI is no SIP URI, no time is asked for, or no local address
    /// has the transport and address family of any target.
    pub fn register(&mut self, now: Instant, wanted: &Registration) -> Result<RegistrationKey, CallError> {
        self.begin_registration(now, wanted)
    }

    /// Takes a registration back; `Unregistered` tells when that is done.
    ///
    /// # Errors
    /// [`CallError::NoCall`] where there is no such registration.
    pub fn unregister(&mut self, now: Instant, key: RegistrationKey) -> Result<(), CallError> {
        self.end_registration(now, key)
    }

    /// The registrar is found elsewhere now; it counts from the next failure on.
    ///
    /// # Errors
    /// [`CallError::NoCall`] where there is no such registration, [`CallError::WrongState`] for no targets.
    pub fn retarget(&mut self, key: RegistrationKey, targets: &[Target]) -> Result<(), CallError> {
        self.move_registration(key, targets)
    }

    /// The shell has found where the contact of a redirection is, in answer to [`Output::Locate`]; without any target
    /// the next contact is tried.
    pub fn handle_located(&mut self, now: Instant, call: CallKey, targets: &[Located]) {
        self.located(now, call, targets);
    }

    /// Gives a call that came in credentials for requests of ours within it: some proxies ask for them even then.
    ///
    /// # Errors
    /// [`CallError::NoCall`].
    pub fn give_credentials(&mut self, call: CallKey, credentials: &[Credentials]) -> Result<(), CallError> {
        let call = self.calls.open(call).ok_or(CallError::NoCall)?;
        call.effort.get_or_insert_default().keyring = Keyring::new(credentials);
        Ok(())
    }

    /// What others were refused so far, cheaply: for who counts it by source.
    #[must_use]
    pub const fn refusals(&self) -> Refusals {
        let tally = &self.wire.tally;
        Refusals {
            dropped: tally.foreign,
            refused: tally.refused,
            overloaded: tally.overloaded,
            questions: tally.questions,
        }
    }

    /// What the endpoint holds.
    #[must_use]
    pub fn counters(&self) -> EndpointCounters {
        let tally = &self.wire.tally;
        EndpointCounters {
            calls: self.calls.count(),
            half_open: self.calls.half_open(),
            transactions: self.transactions.count(),
            transaction_bytes: self.transactions.bytes(),
            connections: self.wire.connections_count(),
            registrations: self.registrations.count(),
            entries: self.calls.entries()
                + self.transactions.entries()
                + self.wire.entries()
                + self.subscriptions.entries()
                + self.registrations.count(),
            remembered: self.shunned.count() + self.dismissed.len() + self.overtaken.count(),
            subscriptions: self.subscriptions.count(),
            lone_dialogs: self.subscriptions.lone_count(),
            subscriptions_refused: self.subscriptions.refused,
            dropped: tally.dropped,
            overloaded: tally.overloaded,
            refused: tally.refused,
            connections_refused: tally.connections_refused,
            stun_answered: tally.stun_answered,
            retransmitted: tally.retransmitted,
        }
    }

    /// The address that the other side of a path is told.
    fn advertised(&self, path: &Path) -> SocketAddr {
        path.advertised
    }

    /// The path of what came in.
    fn path_of(&self, transport: TransportKind, arrival: &Arrival) -> Path {
        let Arrival { local, remote, advertised, is_trusted } = *arrival;
        let of_listen = || {
            let mut listens = self.config.listens.iter();
            listens.find(|listen| listen.transport == transport && listen.local == local)
        };
        let advertised = advertised.or_else(|| of_listen().map(|listen| listen.advertised)).unwrap_or(local);
        let is_trusted = is_trusted || self.trusts(remote.ip());
        Path { local, remote, advertised, transport, connection: None, is_trusted }
    }

    /// Our Contact on a path; a dialog that is to be secure all the way has a sips one ([RFC 3261 §12.1.1]).
    fn contact(&self, path: &Path, is_secured: bool) -> String {
        let address = self.advertised(path);
        match path.transport() {
            TransportKind::Udp => format!("<sip:{address}>"),
            TransportKind::Tcp => format!("<sip:{address};transport=tcp>"),
            TransportKind::Tls if is_secured => format!("<sips:{address}>"),
            TransportKind::Tls => format!("<sip:{address};transport=tls>"),
        }
    }

    /// Our Via on a path.
    fn via(&self, path: &Path, branch: &str) -> String {
        let (token, address) = (path.transport().token(), self.advertised(path));
        let rport = if path.is_reliable() { "" } else { ";rport" };
        format!("SIP/2.0/{token} {address}{rport};branch={branch}")
    }
}
