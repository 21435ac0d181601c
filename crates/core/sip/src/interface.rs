//! The words between an endpoint and its shell: settings, what to do, what happened, what can't be done.

mod subscription;

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

pub(crate) use self::subscription::remaining;
pub use self::subscription::{
    EventBody, Notice, Refer, ReferTarget, Referral, Replaces, Subscribe, SubscriptionEnd, SubscriptionEvent,
    SubscriptionKey, SubscriptionRequest, Termination,
};
use crate::auth::{Credentials, DigestCredentials};
pub use crate::identity::{Diversion, HistoryEntry, Reason};
use crate::rules::DialogRules;
use crate::sdp::{Agreement, Capabilities};

/// How a message travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TransportKind {
    /// UDP.
    Udp,
    /// TCP.
    Tcp,
    /// TLS over TCP. The shell makes the handshake; here only what is said inside is seen.
    Tls,
}

impl TransportKind {
    /// The token in Via.
    #[must_use]
    pub const fn token(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
        }
    }

    /// The port where none is named ([RFC 3261 §19.1.2]).
    #[must_use]
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Udp | Self::Tcp => 5060,
            Self::Tls => 5061,
        }
    }

    /// Whether it keeps its bytes in order and sends them again by itself.
    #[must_use]
    pub const fn is_reliable(self) -> bool {
        !matches!(self, Self::Udp)
    }
}

/// How something came in: over which of our addresses, from where, and what the shell knows of both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// The bound address.
    pub local: SocketAddr,
    /// Theirs.
    pub remote: SocketAddr,
    /// The address that this side is told, where it is not the same for all: never an unspecified one.
    pub advertised: Option<SocketAddr>,
    /// Whether caps for single sources do not hold for it, as it brings the calls of many (a carrier, a PBX).
    pub is_trusted: bool,
}

impl Arrival {
    /// Of a source of which nothing is known.
    #[must_use]
    pub const fn new(local: SocketAddr, remote: SocketAddr) -> Self {
        Self { local, remote, advertised: None, is_trusted: false }
    }
}

/// Names a TCP connection; given by the shell, both for accepted and for opened ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId(pub u64);

/// Names a call for the life of the endpoint; never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallKey(pub u64);

/// Settings of an endpoint.
#[derive(Debug, Clone, Default)]
pub struct EndpointConfig {
    /// The product token in Server and User-Agent.
    pub user_agent: String,
    /// The local addresses that answer, with the address others should be told for each (never 0.0.0.0).
    pub listens: Vec<Listen>,
    /// Most calls at once, of which half-open ones (not confirmed by ACK) at most `half_open_max`.
    pub calls_max: usize,
    /// Most half-open calls.
    pub half_open_max: usize,
    /// Most of them from one source address, so that no single one can shut the door for all others.
    pub half_open_per_source_max: usize,
    /// Whether the address in a Contact is taken at its word. If not, requests within a call go to where the other
    /// side's came from, when its Contact names an address that is not known here: it is behind a NAT.
    pub trusts_contacts: bool,
    /// What is granted to others and asked of them.
    pub rules: DialogRules,
    /// The seed for tags, branches and the like (the shell draws it).
    pub seed: [u8; 32],
}

/// One local address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listen {
    /// How.
    pub transport: TransportKind,
    /// The bound address.
    pub local: SocketAddr,
    /// The address for Contact and Via.
    pub advertised: SocketAddr,
}

/// Whether calls are taken that are not begun yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Admission {
    /// As many as the settings allow.
    #[default]
    Open,
    /// None just now, as more come than can be served: they are refused with 480.
    Busy,
    /// None: they are refused with 503, which takes us out at a carrier.
    Closed,
}

/// What the shell must do, or should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Send a datagram.
    SendDatagram {
        /// From this bound address.
        local: SocketAddr,
        /// To this one.
        remote: SocketAddr,
        /// The bytes.
        bytes: Vec<u8>,
    },
    /// Send on a TCP connection.
    SendStream {
        /// The connection.
        connection: ConnectionId,
        /// The bytes.
        bytes: Vec<u8>,
    },
    /// Open a connection and say `handle_connected` or `handle_disconnected`; sends for it may follow at once
    /// and wait in the shell until then.
    Connect {
        /// The connection's name (drawn by the endpoint; high bit set, so that it never meets an accepted one's).
        connection: ConnectionId,
        /// TCP or TLS.
        transport: TransportKind,
        /// From this address, any port of it: others know us by it.
        local: IpAddr,
        /// To.
        remote: SocketAddr,
        /// TLS: the name or address that the other side's certificate has to bear ([RFC 5922 §4]).
        server_name: String,
    },
    /// Close a TCP connection.
    Disconnect {
        /// The connection.
        connection: ConnectionId,
    },
    /// Find where a URI is served, and say `handle_located`: a call is sent on to it.
    Locate {
        /// The call.
        call: CallKey,
        /// The URI.
        uri: String,
    },
    /// Something happened to a subscription or referral.
    Subscription(SubscriptionKey, SubscriptionEvent),
    /// Something happened to a registration.
    Registration(RegistrationKey, RegistrationEvent),
    /// Something happened to a call.
    Call(CallKey, CallEvent),
}

/// Names a registration for the life of the endpoint; never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RegistrationKey(pub u64);

/// What happens to a registration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RegistrationEvent {
    /// The registrar knows us; told again after each refresh.
    Registered {
        /// Until then.
        until: Instant,
        /// By this target.
        target: Target,
        /// The way that calls through the registrar's network have to take, for [`OutgoingCall::routes`].
        service_route: Vec<String>,
    },
    /// A request failed at all targets. It is tried again.
    Failed {
        /// The status of the last refusal; `None` where nobody answered.
        status: Option<u16>,
        /// When.
        retry_at: Instant,
    },
    /// It is taken back, as was asked for. Nothing follows.
    Unregistered,
}

/// A registration that we want ([RFC 3261 §10.2]).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// The Request-URI: the registrar's domain, without a user, e.g. `sip:provider.example`.
    pub registrar: String,
    /// Who is registered: the address of record, e.g. `sip:4930123@provider.example`.
    pub address: String,
    /// The user part of our Contact: what calls to us will have dialled.
    pub contact_user: String,
    /// Where it is sent, in the order to be tried.
    pub targets: Vec<Target>,
    /// The address that the registrar is told, where it is not the same for all.
    pub advertised: Option<SocketAddr>,
    /// TLS: the name that the other side's certificate has to bear; `None` takes the host of the registrar.
    pub server_name: Option<String>,
    /// What challenges are answered with.
    pub credentials: Vec<Credentials>,
    /// For how long we ask to be registered; the registrar decides.
    pub expires: Duration,
    /// Whether empty lines are sent so that routers on the way keep it open ([RFC 5626 §3.5.1]).
    pub keeps_alive: bool,
}

/// The two forms in which INFO carries a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyBody {
    /// `application/dtmf-relay`: the key and how long it was down.
    Relay,
    /// `application/dtmf`: the key and nothing else.
    Plain,
}

/// What happens to a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallEvent {
    /// A call comes in. The endpoint has sent 100; the user answers with `ring`, `answer` or `reject`.
    Incoming(Box<IncomingCall>),
    /// Ours: the callee rings (18x).
    Ringing,
    /// The media is agreed on, or changed, before the call is answered: early media, on either side. Where a call of
    /// ours was forked, of the callee that said so last.
    Early(Agreement),
    /// Ours: the callee answered; ACK is sent.
    Answered(Agreement),
    /// Theirs: ACK came (with the answer to a delayed offer, if we made the offer).
    Confirmed(Option<Agreement>),
    /// A re-INVITE changed the media (hold, resume, new address); the endpoint has answered it.
    Changed(Agreement),
    /// A key by SIP INFO.
    Key(char),
    /// The call is over, and gone from the endpoint. Nothing follows.
    Ended(CallEnd),
}

/// A call that comes in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IncomingCall {
    /// The user part of the Request-URI, unescaped: what was dialled.
    pub dialled: String,
    /// The user part of To: what was dialled before anybody sent the call on, as a rule.
    pub to_user: String,
    /// The user part of From, or of P-Asserted-Identity where the source is trusted.
    pub caller: String,
    /// The display name of the same.
    pub caller_display: String,
    /// The user part of From, which anybody can write: for who does not believe the source.
    pub from: String,
    /// The display name of the same.
    pub from_display: String,
    /// Whether the caller's name is vouched for by a trusted source.
    pub is_asserted: bool,
    /// Whether the caller wants to be anonymous: `caller` and `caller_display` are then never shown to anybody.
    pub is_private: bool,
    /// Who sent the call on, the last one first.
    pub diversions: Vec<Diversion>,
    /// The targets that the call had on its way, the first one first.
    pub history: Vec<HistoryEntry>,
    /// The Call-ID.
    pub call_id: String,
    /// Where the request came from.
    pub source: SocketAddr,
    /// How.
    pub transport: TransportKind,
    /// The bound address that it came in on.
    pub bound: SocketAddr,
    /// The connection that it came on; none over UDP. Who is at its other end the shell may know from a certificate.
    pub connection: Option<ConnectionId>,
    /// The advertised address that it came in on: media is offered on its IP.
    pub local: SocketAddr,
    /// Whether it carries an offer; if not, ours goes into the 200.
    pub has_offer: bool,
    /// Digest credentials, for whichever realms; a [`Verifier`](crate::auth::Verifier) picks and judges.
    pub credentials: Vec<DigestCredentials>,
}

impl IncomingCall {
    /// The caller as others may see them; `None` where they want to be anonymous.
    #[must_use]
    pub fn shown_caller(&self) -> Option<&str> {
        (!self.is_private).then_some(self.caller.as_str())
    }

    /// Who sent the call here last, if anybody did.
    #[must_use]
    pub fn diverted_from(&self) -> Option<&str> {
        let by_history = self.history.len().checked_sub(2).and_then(|place| self.history.get(place));
        let last = self.diversions.first().map(|diversion| diversion.user.as_str());
        last.or_else(|| by_history.map(|entry| entry.user.as_str())).filter(|user| !user.is_empty())
    }

    /// What the caller dialled at first, where the way of the call tells.
    #[must_use]
    pub fn first_dialled(&self) -> Option<&str> {
        let first = self.history.first().map(|entry| entry.user.as_str());
        let first = first.or_else(|| self.diversions.last().map(|diversion| diversion.user.as_str()));
        first.filter(|user| !user.is_empty())
    }
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallEnd {
    /// They sent BYE, for these reasons.
    TheyHungUp(Vec<Reason>),
    /// They cancelled before the answer, for these reasons.
    Cancelled(Vec<Reason>),
    /// We hung up.
    WeHungUp,
    /// We rejected it.
    Rejected,
    /// We challenged it; whoever knows a secret calls again.
    Challenged,
    /// Ours: refused by this status.
    Refused {
        /// The SIP status.
        status: u16,
    },
    /// No common codec, or an answer that does not fit.
    NoAgreement,
    /// ACK never came (64·T1), or the transport failed.
    TimedOut,
}

/// What a user's command can't do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The call is over or never was.
    #[error("no such call")]
    NoCall,
    /// Not in this state.
    #[error("not now")]
    WrongState,
    /// The offer has nothing in common with our capabilities; the call was refused with 488.
    #[error("no common codec")]
    NoAgreement,
    /// As many calls as allowed are up.
    #[error("all calls are in use")]
    Full,
}

/// Why a call is hung up or rejected: becomes status, Reason and Retry-After headers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Because {
    /// The text of a `Reason: SIP;cause=…;text="…"` header (RFC 3326); empty for none.
    pub text: String,
    /// Its cause: a SIP status.
    pub cause: u16,
    /// Retry-After.
    pub retry_after: Option<Duration>,
}

/// A call that we make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutgoingCall {
    /// The Request-URI, e.g. `sip:12345678@192.0.2.1:5060`.
    pub target: String,
    /// Where it is sent.
    pub remote: SocketAddr,
    /// How.
    pub transport: TransportKind,
    /// The user part of From.
    pub from_user: String,
    /// The display name of From; empty for none.
    pub from_display: String,
    /// What we offer.
    pub capabilities: Capabilities,
    /// Whether the offer is left out, so that the callee offers (delayed offer).
    pub delays_offer: bool,
    /// What we answer to challenges with, the first that fits a realm; without any, a 401 or 407 ends the call.
    pub credentials: Vec<Credentials>,
    /// Where it is sent when the first target can't take it (503, no transport, no answer), in this order
    /// ([RFC 3263 §4.3]): other places of the same host.
    pub alternatives: Vec<Target>,
    /// Other hosts that may take the call where all places of those before can't, each under its own name.
    pub further_hosts: Vec<FurtherHost>,
    /// The way through proxies that the call is to take: values of Route, the nearest one first.
    pub routes: Vec<String>,
    /// Whether the contacts of a 3xx are tried.
    pub follows_redirects: bool,
    /// TLS: the name that the other side's certificate has to bear; `None` takes the host of the target.
    pub server_name: Option<String>,
    /// The address that the other side is told; `None` takes the one of the address called from.
    pub advertised: Option<SocketAddr>,
}

/// A further host for a call: another server for the same callee, not another place of the same server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FurtherHost {
    /// The Request-URI there. To stays what it was.
    pub target: String,
    /// Its places, the one to try first in front.
    pub places: Vec<Target>,
    /// TLS: the name that its certificate has to bear; `None` takes the host of the target.
    pub server_name: Option<String>,
    /// The address that it is told; `None` takes the one of the address called from.
    pub advertised: Option<SocketAddr>,
}

/// One place to send a request to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Target {
    /// How.
    pub transport: TransportKind,
    /// Where.
    pub remote: SocketAddr,
}

impl OutgoingCall {
    /// A plain call with an offer; the fields say more.
    #[must_use]
    pub fn new(target: &str, to: Target, capabilities: Capabilities) -> Self {
        Self {
            target: target.to_owned(),
            remote: to.remote,
            transport: to.transport,
            from_user: String::new(),
            from_display: String::new(),
            capabilities,
            delays_offer: false,
            credentials: Vec::new(),
            alternatives: Vec::new(),
            further_hosts: Vec::new(),
            routes: Vec::new(),
            follows_redirects: false,
            server_name: None,
            advertised: None,
        }
    }
}

/// What others were refused, since the endpoint began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Refusals {
    /// What was no SIP, or belonged to nothing.
    pub dropped: u64,
    /// Requests outside of calls, for what they are: broken, or nothing that is served.
    pub refused: u64,
    /// Requests, for lack of room.
    pub overloaded: u64,
    /// OPTIONS outside of calls: answered, but telling of who looks for servers.
    pub questions: u64,
}

impl Refusals {
    /// What came after an earlier look.
    #[must_use]
    pub const fn since(&self, earlier: &Self) -> Self {
        Self {
            dropped: self.dropped - earlier.dropped,
            refused: self.refused - earlier.refused,
            overloaded: self.overloaded - earlier.overloaded,
            questions: self.questions - earlier.questions,
        }
    }
}

/// What an endpoint holds and has dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EndpointCounters {
    /// Calls up or half-open.
    pub calls: usize,
    /// Of these the incoming ones that no ACK has confirmed.
    pub half_open: usize,
    /// Live transactions.
    pub transactions: usize,
    /// The bytes that they keep.
    pub transaction_bytes: usize,
    /// TCP connections.
    pub connections: usize,
    /// Registrations of ours, whether they hold or not.
    pub registrations: usize,
    /// Entries of all maps and queues that are about somebody: none where nobody calls and no timer runs, whatever went
    /// before.
    pub entries: usize,
    /// What is remembered of those who are gone: targets that did not work, callees that were hung up on, responses
    /// whose PRACK may come still. It has a bound.
    pub remembered: usize,
    /// Subscriptions, theirs and ours, and referrals.
    pub subscriptions: usize,
    /// Dialogs that only these are in.
    pub lone_dialogs: usize,
    /// Subscriptions and referrals refused for lack of room.
    pub subscriptions_refused: u64,
    /// Datagrams and messages that were no SIP or belonged to nothing, and could not be answered.
    pub dropped: u64,
    /// Requests refused for lack of room.
    pub overloaded: u64,
    /// Requests outside of calls refused for what they are.
    pub refused: u64,
    /// Connections refused for lack of room.
    pub connections_refused: u64,
    /// STUN keep-alives that were answered.
    pub stun_answered: u64,
    /// Retransmissions that we sent.
    pub retransmitted: u64,
}
