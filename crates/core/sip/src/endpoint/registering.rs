//! Registrations with others: the cycle's steps carried out, and its ears ([RFC 3261 §10.2]).

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use super::itinerary::Told;
use super::{
    CallError, Endpoint, Registration, RegistrationEvent, RegistrationKey, Target, TransportKind, User,
};
use crate::auth::Keyring;
use crate::interface::{ConnectionId, Output};
use crate::message::{Method, Response, Uri, Writer, escape_user};
use crate::registration::{Cycle, Heard, Step, granted, min_expires, retry_after, service_route};
use crate::timer::{Owner, Timer};
use crate::transaction::ClientOpening;
use crate::wire::Path;

/// Most registrations at once.
const REGISTRATIONS_MAX: usize = 1_024;
/// Most targets of one.
const TARGETS_MAX: usize = 32;
/// How often something is sent so that a router keeps the way open: for datagrams and for streams, at most; four fifths
/// of it at least ([RFC 5626 §4.4]).
const PING_DATAGRAM: Duration = Duration::from_secs(29);
const PING_STREAM: Duration = Duration::from_secs(120);

/// One registration.
#[derive(Debug)]
pub(super) struct Registering {
    wanted: Registration,
    call_id: String,
    tag: String,
    pub(super) cseq: u32,
    pub(super) keyring: Keyring,
    cycle: Cycle,
    /// The order of this round; the one in front is asked.
    targets: VecDeque<Target>,
    /// The way that the last request took by itself, before it was found too large for a datagram.
    pub(super) path: Option<Path>,
    contact: String,
    /// For how long the last request asked.
    asked: Duration,
}

/// All registrations.
#[derive(Debug, Default)]
pub(super) struct Registrations {
    live: BTreeMap<RegistrationKey, Registering>,
    drawn: u64,
}

impl Registrations {
    pub(super) fn of(&mut self, key: RegistrationKey) -> Option<&mut Registering> {
        self.live.get_mut(&key)
    }

    pub(super) fn count(&self) -> usize {
        self.live.len()
    }

    /// Those that others reach us for by this connection.
    fn on(&self, connection: ConnectionId) -> Vec<RegistrationKey> {
        let uses =
            |registering: &Registering| registering.path.and_then(|path| path.connection) == Some(connection);
        self.live.iter().filter(|(_, registering)| uses(registering)).map(|(key, _)| *key).collect()
    }
}

/// Whether a text is a SIP URI that may stand in a request as it is.
fn is_sip(text: &str) -> bool {
    Uri::parse(text.as_bytes())
        .is_ok_and(|uri| (uri.is_scheme(b"sip") || uri.is_scheme(b"sips")) && uri.headers.is_empty())
}

impl Registration {
    fn server_name(&self) -> String {
        let host = || Uri::parse(self.registrar.as_bytes()).map(|uri| uri.host_text()).unwrap_or_default();
        self.server_name.clone().unwrap_or_else(host)
    }
}

impl Endpoint {
    pub(super) fn begin_registration(
        &mut self,
        now: Instant,
        wanted: &Registration,
    ) -> Result<RegistrationKey, CallError> {
        let has_way = wanted.targets.iter().any(|to| self.local_for(to.transport, to.remote).is_some());
        if !is_sip(&wanted.registrar) || !is_sip(&wanted.address) || !has_way || wanted.expires.is_zero() {
            return Err(CallError::WrongState);
        }
        if self.registrations.count() >= REGISTRATIONS_MAX {
            return Err(CallError::Full);
        }
        self.registrations.drawn += 1;
        let key = RegistrationKey(self.registrations.drawn);
        let mut wanted = wanted.clone();
        wanted.targets.truncate(TARGETS_MAX);
        let (cycle, step) = Cycle::begin(wanted.expires, wanted.targets.len());
        let registering = Registering {
            call_id: self.tokens.call_id(),
            tag: self.tokens.tag(),
            cseq: 0,
            keyring: Keyring::new(&wanted.credentials),
            cycle,
            targets: self.shunned.last(now, wanted.targets.iter().copied()).into(),
            path: None,
            contact: String::new(),
            asked: Duration::ZERO,
            wanted,
        };
        self.registrations.live.insert(key, registering);
        self.carry_out(now, key, step);
        Ok(key)
    }

    pub(super) fn end_registration(&mut self, now: Instant, key: RegistrationKey) -> Result<(), CallError> {
        let registering = self.registrations.of(key).ok_or(CallError::NoCall)?;
        self.wire.timers.disarm_all(Owner::Registration(key));
        if let Some(step) = registering.cycle.leave(now) {
            self.carry_out(now, key, step);
        }
        Ok(())
    }

    pub(super) fn move_registration(
        &mut self,
        key: RegistrationKey,
        targets: &[Target],
    ) -> Result<(), CallError> {
        if targets.is_empty() {
            return Err(CallError::WrongState);
        }
        let registering = self.registrations.of(key).ok_or(CallError::NoCall)?;
        registering.wanted.targets = targets.iter().copied().take(TARGETS_MAX).collect();
        registering.cycle.retarget(registering.wanted.targets.len());
        Ok(())
    }

    /// Does what the cycle says; where a request can't even be sent the cycle says what then.
    fn carry_out(&mut self, now: Instant, key: RegistrationKey, mut step: Step) {
        loop {
            let expires = match step {
                Step::Ask { expires } => expires,
                Step::AskNext { expires } => {
                    if let Some(registering) = self.registrations.of(key) {
                        registering.keyring.moves_on();
                        registering.targets.pop_front();
                    }
                    expires
                }
                Step::Hold { refresh_at, .. } => return self.hold(now, key, refresh_at),
                Step::Wait { status, retry_at } => return self.wait(now, key, status, retry_at),
                Step::Over => return self.end_of_registration(key),
            };
            if self.send_register(now, key, expires) {
                return;
            }
            let lot = self.tokens.number();
            let Some(registering) = self.registrations.of(key) else { return };
            step = registering.cycle.heard(now, Heard::Nothing, lot);
        }
    }

    /// Sends REGISTER to the target in front; false where there is no way to it.
    fn send_register(&mut self, now: Instant, key: RegistrationKey, expires: Duration) -> bool {
        let Some(registering) = self.registrations.of(key) else { return false };
        let Some(target) = registering.targets.front().copied() else { return false };
        let (told, name) = (registering.told(), registering.wanted.server_name());
        let Ok(path) = self.path_to(now, target, told, &name) else { return false };
        self.take_way(key, Some(path));
        let branch = self.tokens.branch();
        let via = self.via(&path, &branch);
        let Some(registering) = self.registrations.live.get(&key) else { return false };
        let is_secured = registering.wanted.registrar.starts_with("sips:");
        let contact = self.contact(&path, is_secured);
        let contact = with_user(&contact, &registering.wanted.contact_user);
        let Some(registering) = self.registrations.of(key) else { return false };
        registering.cseq += 1;
        (registering.contact, registering.asked) = (contact, expires);
        let mut writer = registering.request(&via);
        writer.header("Allow", &[self.abilities.allow.as_bytes()]);
        writer.header("User-Agent", &[self.config.user_agent.as_bytes()]);
        let (request, user) = (writer.end(None), User::Register(key));
        let opening = ClientOpening { branch: &branch, method: Method::Register, path, request, user };
        self.ask(now, opening);
        true
    }

    /// Takes note of the way of a registration; its connection stays open as long as it is used.
    fn take_way(&mut self, key: RegistrationKey, path: Option<Path>) {
        let Some(registering) = self.registrations.of(key) else { return };
        let before = std::mem::replace(&mut registering.path, path);
        for (path, is_new) in [(before, false), (path, true)] {
            if let Some(path) = path {
                self.wire.count_call(&path, is_new);
            }
        }
    }

    fn hold(&mut self, now: Instant, key: RegistrationKey, refresh_at: Instant) {
        self.wire.timers.arm(Owner::Registration(key), Timer::Refresh, refresh_at);
        self.ping_later(now, key);
    }

    fn wait(&mut self, now: Instant, key: RegistrationKey, status: Option<u16>, retry_at: Instant) {
        self.wire.timers.disarm(Owner::Registration(key), Timer::Ping);
        self.wire.timers.arm(Owner::Registration(key), Timer::Refresh, retry_at);
        self.take_way(key, None);
        let Some(registering) = self.registrations.of(key) else { return };
        // Whoever keeps the passwords may have mended them meanwhile.
        registering.keyring = Keyring::new(&registering.wanted.credentials);
        let targets = registering.wanted.targets.clone();
        let ordered = self.shunned.last(now, targets);
        if let Some(registering) = self.registrations.of(key) {
            registering.targets = ordered.into();
        }
        self.wire.push(Output::Registration(key, RegistrationEvent::Failed { status, retry_at }));
    }

    fn end_of_registration(&mut self, key: RegistrationKey) {
        self.wire.timers.disarm_all(Owner::Registration(key));
        self.take_way(key, None);
        if self.registrations.live.remove(&key).is_some() {
            self.wire.push(Output::Registration(key, RegistrationEvent::Unregistered));
        }
    }

    /// A response to REGISTER that authentication leaves to us.
    pub(super) fn register_heard(&mut self, now: Instant, key: RegistrationKey, response: &Response<'_>) {
        let lot = self.tokens.number();
        let Some(registering) = self.registrations.of(key) else { return };
        let headers = &response.headers;
        let heard = match response.status {
            ..200 => return,
            200..300 => Heard::Granted(granted(headers, &registering.contact, registering.asked)),
            423 => min_expires(headers).map_or(Heard::Refused { status: 423, wait: None }, Heard::TooBrief),
            status => Heard::Refused { status, wait: retry_after(headers) },
        };
        let step = registering.cycle.heard(now, heard, lot);
        if let (Step::Hold { until, .. }, Some(target)) = (step, registering.targets.front().copied()) {
            let service_route = service_route(headers);
            let event = RegistrationEvent::Registered { until, target, service_route };
            self.wire.push(Output::Registration(key, event));
        }
        if let Heard::Refused { status: 503, wait } = heard {
            self.shun_front(now, key, wait);
        }
        self.carry_out(now, key, step);
    }

    /// Nobody answered a REGISTER.
    pub(super) fn register_unanswered(&mut self, now: Instant, key: RegistrationKey) {
        self.shun_front(now, key, None);
        let lot = self.tokens.number();
        let Some(registering) = self.registrations.of(key) else { return };
        let step = registering.cycle.heard(now, Heard::Nothing, lot);
        self.carry_out(now, key, step);
    }

    fn shun_front(&mut self, now: Instant, key: RegistrationKey, wait: Option<Duration>) {
        let front = self.registrations.of(key).and_then(|registering| registering.targets.front().copied());
        if let Some(target) = front {
            self.shunned.add(now, target, wait);
        }
    }

    /// A connection is gone: registrations by it are worth nothing.
    pub(super) fn registrations_lost(&mut self, now: Instant, connection: ConnectionId) {
        for key in self.registrations.on(connection) {
            let lot = self.tokens.number();
            let Some(registering) = self.registrations.of(key) else { continue };
            if let Some(step) = registering.cycle.flow_lost(now, lot) {
                self.carry_out(now, key, step);
            }
        }
    }

    pub(super) fn registration_timeout(&mut self, now: Instant, key: RegistrationKey, timer: Timer) {
        if timer == Timer::Ping {
            self.ping(now, key);
        } else if let Some(registering) = self.registrations.of(key) {
            let step = registering.cycle.due();
            self.carry_out(now, key, step);
        }
    }

    fn ping(&mut self, now: Instant, key: RegistrationKey) {
        if let Some(path) = self.registrations.of(key).and_then(|registering| registering.path) {
            self.wire.send(&path, b"\r\n\r\n".to_vec());
        }
        self.ping_later(now, key);
    }

    fn ping_later(&mut self, now: Instant, key: RegistrationKey) {
        let lot = u32::try_from(self.tokens.number() % 201).unwrap_or(0);
        let Some(registering) = self.registrations.of(key) else { return };
        let Some(path) = registering.path.filter(|_| registering.wanted.keeps_alive) else { return };
        let longest = if path.transport == TransportKind::Udp { PING_DATAGRAM } else { PING_STREAM };
        let wait = longest.mul_f64(0.8 + f64::from(lot) / 1_000.0);
        self.wire.timers.arm(Owner::Registration(key), Timer::Ping, now + wait);
    }
}

impl Registering {
    /// The address that the registrar is told, which is meant for the first of its targets.
    fn told(&self) -> Option<Told> {
        let first = self.wanted.targets.first()?;
        self.wanted.advertised.map(|address| Told { transport: first.transport, address })
    }

    /// REGISTER, but for what is the same in all requests of ours ([RFC 3261 §10.2]).
    fn request(&self, via: &str) -> Writer {
        let Registration { registrar, address, .. } = &self.wanted;
        let mut writer = Writer::request(Method::Register, registrar.as_bytes());
        writer
            .header("Via", &[via.as_bytes()])
            .header("Max-Forwards", &[b"70"])
            .header("From", &[b"<", address.as_bytes(), b">;tag=", self.tag.as_bytes()])
            .header("To", &[b"<", address.as_bytes(), b">"])
            .header("Call-ID", &[self.call_id.as_bytes()])
            .header("CSeq", &[self.cseq.to_string().as_bytes(), b" REGISTER"])
            .header("Contact", &[self.contact.as_bytes()])
            .header("Expires", &[self.asked.as_secs().to_string().as_bytes()]);
        writer
    }
}

/// A Contact with a user part, so that calls to us say whom they mean.
fn with_user(contact: &str, user: &str) -> String {
    match contact.split_once(':').filter(|_| !user.is_empty()) {
        Some((scheme, rest)) => format!("{scheme}:{}@{rest}", escape_user(user)),
        None => contact.to_owned(),
    }
}
