//! What a call of ours has left to try: further targets, contacts of a redirection, credentials
//! ([RFC 3263 §4.3], [RFC 3261 §8.1.3.4]).

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Instant;

use super::again::Anew;
use super::call::{Phase, Progress};
use super::itinerary::{Host, Itinerary, PLACES_MAX, Told};
use super::{Arrival, CallError, CallKey, Endpoint, OutgoingCall, Target, TransportKind, User};
use crate::auth::Keyring;
use crate::interface::Output;
use crate::locate::Located;
use crate::message::{
    Address, HeaderName, Headers, Response, Uri, decimal, host_address, parameter, split_commas,
};
use crate::registration::retry_after;
use crate::timer::{Owner, RINGING_MAX, Timer};
use crate::transaction::Sent;
use crate::wire::Path;

/// How often a call is sent on by 3xx before it is refused for good.
const REDIRECTS_MAX: u8 = 5;
/// Most contacts of redirections that wait to be tried.
const CONTACTS_MAX: usize = 16;

/// What is left to try, and what is needed for it.
#[derive(Debug, Default)]
pub(super) struct Effort {
    pub(super) keyring: Keyring,
    /// The way that the INVITE took; CANCEL has to follow it.
    pub(super) invite_path: Option<Path>,
    /// The hosts that are called, and their places.
    itinerary: Itinerary,
    /// Further places of the contact that is tried.
    targets: VecDeque<Target>,
    /// Contacts of redirections, the best one first.
    contacts: VecDeque<Vec<u8>>,
    /// All that were ever tried or wait to be: none is tried twice.
    known_contacts: Vec<Vec<u8>>,
    redirects_left: u8,
    /// The address that contacts are told.
    told: Option<Told>,
    /// The name of the contact that is tried.
    server_name: String,
    /// What is to be sent as soon as the shell has found where a contact is.
    unlocated: Option<Unlocated>,
}

#[derive(Debug)]
struct Unlocated {
    uri: Vec<u8>,
    request: Vec<u8>,
}

impl Effort {
    /// For a call; `itinerary` without the place that is tried first.
    pub(super) fn of(wanted: &OutgoingCall, itinerary: Itinerary) -> Self {
        let told = wanted.advertised.map(|address| Told { transport: wanted.transport, address });
        Self {
            keyring: Keyring::new(&wanted.credentials),
            itinerary,
            redirects_left: if wanted.follows_redirects { REDIRECTS_MAX } else { 0 },
            told,
            ..Self::default()
        }
    }

    /// Whether nothing is under way, and only a place to send to is awaited.
    pub(super) const fn is_unlocated(&self) -> bool {
        self.unlocated.is_some()
    }

    /// Takes the contacts of a 3xx in front of those that are left; whether one more redirection is allowed.
    fn redirected(&mut self, headers: &Headers<'_>) -> bool {
        if self.redirects_left == 0 {
            return false;
        }
        self.redirects_left -= 1;
        let room = CONTACTS_MAX.saturating_sub(self.contacts.len());
        let mut new = contacts(headers);
        new.retain(|uri| !self.known_contacts.contains(uri));
        new.truncate(room);
        self.known_contacts.extend(new.iter().cloned());
        for uri in new.into_iter().rev() {
            self.contacts.push_front(uri);
        }
        true
    }
}

/// The SIP contacts of a 3xx, the one with the highest q first ([RFC 3261 §8.1.3.4]).
fn contacts(headers: &Headers<'_>) -> Vec<Vec<u8>> {
    let mut rated: Vec<(u16, Vec<u8>)> = Vec::new();
    for value in headers.all(HeaderName::Contact).flat_map(split_commas).take(CONTACTS_MAX) {
        let Ok(address) = Address::parse(value) else { continue };
        let bare = address.uri.split(|byte| *byte == b'?').next().unwrap_or_default();
        let is_sip = Uri::parse(bare).is_ok_and(|uri| uri.is_scheme(b"sip") || uri.is_scheme(b"sips"));
        if is_sip && rated.iter().all(|(_, known)| known != bare) {
            let q = parameter(address.parameters, b"q").flatten();
            rated.push((q.map_or(1_000, thousandths), bare.to_vec()));
        }
    }
    rated.sort_by_key(|(q, _)| std::cmp::Reverse(*q));
    rated.into_iter().map(|(_, uri)| uri).collect()
}

/// A q value in thousandths; nonsense is the least.
fn thousandths(q: &[u8]) -> u16 {
    let cut = q.iter().position(|byte| *byte == b'.').unwrap_or(q.len());
    let whole = decimal(&q[..cut]).filter(|whole| *whole <= 1);
    let digits = q.get(cut + 1..).unwrap_or_default().iter().take(3);
    let fraction = digits.zip([100_u16, 10, 1]).try_fold(0_u16, |sum, (digit, weight)| {
        digit.is_ascii_digit().then(|| sum + u16::from(digit - b'0') * weight)
    });
    match (whole, fraction) {
        (Some(1), Some(_)) => 1_000,
        (Some(_), Some(fraction)) => fraction,
        _ => 0,
    }
}

/// Where a contact is, if it says so by address.
fn numeric(uri: &[u8]) -> Option<Target> {
    let uri = Uri::parse(uri).ok()?;
    let ip = host_address(uri.host)?;
    let token = parameter(uri.parameters, b"transport").flatten().unwrap_or_default();
    let transport = if uri.is_scheme(b"sips") || token.eq_ignore_ascii_case(b"tls") {
        TransportKind::Tls
    } else if token.eq_ignore_ascii_case(b"tcp") {
        TransportKind::Tcp
    } else {
        TransportKind::Udp
    };
    Some(Target { transport, remote: SocketAddr::new(ip, uri.port.unwrap_or(transport.default_port())) })
}

impl Endpoint {
    /// The way to a target.
    pub(super) fn path_to(
        &mut self,
        now: Instant,
        target: Target,
        told: Option<Told>,
        server_name: &str,
    ) -> Result<Path, CallError> {
        let local = self.local_for(target.transport, target.remote).ok_or(CallError::WrongState)?;
        let arrival = Arrival::new(local, target.remote);
        let advertised = told.and_then(|told| self.told_by(told, target, &arrival));
        let path = self.path_of(target.transport, &Arrival { advertised, ..arrival });
        if path.is_reliable() {
            self.wire.stream_to(now, path, server_name).ok_or(CallError::Full)
        } else {
            Ok(path)
        }
    }

    /// What is told by another transport than the one it was meant for: the same address, but the port of that
    /// transport. Of the other family it says nothing.
    fn told_by(&self, told: Told, target: Target, arrival: &Arrival) -> Option<SocketAddr> {
        let Told { transport, address } = told;
        match (address.is_ipv4() == target.remote.is_ipv4(), transport == target.transport) {
            (false, _) => None,
            (true, true) => Some(address),
            (true, false) => {
                let usual = self.path_of(target.transport, arrival).advertised;
                Some(SocketAddr::new(address.ip(), usual.port()))
            }
        }
    }

    /// The first of the places that there is a way to, and its host; those before it are dropped.
    pub(super) fn first_path(
        &mut self,
        now: Instant,
        itinerary: &mut Itinerary,
    ) -> Result<(Path, Host), CallError> {
        let mut last = CallError::WrongState;
        while let Some(stop) = itinerary.next_stop() {
            match self.path_to(now, stop.target, stop.host.told, &stop.host.server_name) {
                Ok(path) => {
                    itinerary.arrives(&stop);
                    return Ok((path, stop.host));
                }
                Err(why) => last = why,
            }
        }
        Err(last)
    }

    /// An INVITE was refused: whether it goes on elsewhere.
    pub(super) fn goes_elsewhere(
        &mut self,
        now: Instant,
        key: CallKey,
        response: &Response<'_>,
        sent: &Sent,
    ) -> bool {
        let target = Target { transport: sent.path.transport, remote: sent.path.remote };
        if response.status == 503 {
            self.shunned.add(now, target, retry_after(&response.headers));
        } else {
            self.shunned.remove(target);
        }
        let Some(effort) = self.open_effort(key) else { return false };
        match response.status {
            300..=302 => effort.redirected(&response.headers) && self.next_contact(now, key, &sent.request),
            503 => self.goes_to_the_next(now, key, &sent.request),
            // Cancelled, or nowhere wanted: that is an answer for all of them.
            487 | 600.. => false,
            _ => self.next_contact(now, key, &sent.request),
        }
    }

    /// Nobody answered an INVITE, or its transport failed: whether it goes on elsewhere.
    pub(super) fn goes_on(&mut self, now: Instant, key: CallKey, sent: &Sent) -> bool {
        self.shunned.add(now, Target { transport: sent.path.transport, remote: sent.path.remote }, None);
        self.open_effort(key).is_some() && self.goes_to_the_next(now, key, &sent.request)
    }

    /// Who was asked can't take the call: it goes to the next place of a contact, to the next contact, or back to the
    /// hosts that were to be called.
    fn goes_to_the_next(&mut self, now: Instant, key: CallKey, request: &[u8]) -> bool {
        self.next_target(now, key, request)
            || self.next_contact(now, key, request)
            || self.next_stop(now, key, request)
    }

    /// The effort of a call that its user still wants.
    fn open_effort(&mut self, key: CallKey) -> Option<&mut Effort> {
        let call = self.calls.open(key)?;
        let Phase::Outgoing(outgoing) = &call.phase else { return None };
        if outgoing.progress == Progress::Cancelled { None } else { call.effort.as_deref_mut() }
    }

    /// Sends the INVITE to the next place of its hosts ([RFC 3263 §4.3]): the same request by another way, or, where that
    /// is another host, one that names it.
    fn next_stop(&mut self, now: Instant, key: CallKey, request: &[u8]) -> bool {
        while let Some(effort) = self.open_effort(key) {
            let Some(stop) = effort.itinerary.next_stop() else { return false };
            let Host { uri, server_name, told } = &stop.host;
            let Ok(path) = self.path_to(now, stop.target, *told, server_name) else { continue };
            let Some(call) = self.calls.of(key) else { return false };
            let Some(effort) = call.effort.as_deref_mut() else { return false };
            let is_elsewhere = effort.itinerary.arrives(&stop);
            if is_elsewhere {
                effort.keyring.starts_over();
                call.dialog.ack_credentials.clear();
            } else {
                effort.keyring.moves_on();
            }
            let host = is_elsewhere.then_some((uri.as_bytes(), server_name.as_str()));
            if self.invite_by(now, key, path, request, host) {
                return true;
            }
        }
        false
    }

    /// Sends the INVITE to the next place of a contact: the same request by another way.
    fn next_target(&mut self, now: Instant, key: CallKey, request: &[u8]) -> bool {
        while let Some(effort) = self.open_effort(key) {
            let Some(target) = effort.targets.pop_front() else { return false };
            effort.keyring.moves_on();
            let (told, server_name) = (effort.told, effort.server_name.clone());
            let Ok(path) = self.path_to(now, target, told, &server_name) else { continue };
            if self.invite_by(now, key, path, request, None) {
                return true;
            }
        }
        false
    }

    /// Sends the INVITE to the next contact of a redirection, or asks where that is.
    fn next_contact(&mut self, now: Instant, key: CallKey, request: &[u8]) -> bool {
        while let Some(effort) = self.open_effort(key) {
            let Some(uri) = effort.contacts.pop_front() else { return false };
            effort.targets.clear();
            effort.itinerary.is_sent_away();
            let host = Uri::parse(&uri).map(|uri| uri.host_text()).unwrap_or_default();
            effort.server_name.clone_from(&host);
            let Some(target) = numeric(&uri) else {
                let text = String::from_utf8_lossy(&uri).into_owned();
                effort.unlocated = Some(Unlocated { uri, request: request.to_vec() });
                self.wire.push(Output::Locate { call: key, uri: text });
                return true;
            };
            let told = effort.told;
            let Ok(path) = self.path_to(now, target, told, &host) else { continue };
            if self.invite_by(now, key, path, request, Some((&uri, &host))) {
                return true;
            }
        }
        false
    }

    /// The shell has found where a contact is, or has not.
    pub(super) fn located(&mut self, now: Instant, key: CallKey, targets: &[Located]) {
        let Some(effort) = self.open_effort(key) else { return };
        let Some(Unlocated { uri, request }) = effort.unlocated.take() else { return };
        let told = effort.told;
        let name = targets.first().map_or("", |located| &located.server_name);
        name.clone_into(&mut effort.server_name);
        let found = targets.iter().take(PLACES_MAX);
        let all = self.shunned.last(now, found.map(|located| located.target));
        for (index, target) in all.iter().enumerate() {
            let Ok(path) = self.path_to(now, *target, told, name) else { continue };
            if let Some(effort) = self.open_effort(key) {
                effort.targets = all[index + 1..].iter().copied().collect();
            }
            if self.invite_by(now, key, path, &request, Some((&uri, name))) {
                return;
            }
        }
        if !self.next_contact(now, key, &request) && !self.next_stop(now, key, &request) {
            self.finish(key, super::CallEnd::Refused { status: 404 });
            self.forget(key);
        }
    }

    /// Sends the INVITE of a call another way; to another target, whose certificate has to bear a name, as its next
    /// request, else as the same.
    fn invite_by(
        &mut self,
        now: Instant,
        key: CallKey,
        path: Path,
        request: &[u8],
        to: Option<(&[u8], &str)>,
    ) -> bool {
        let Some(call) = self.calls.of(key) else { return false };
        if let Some((uri, server_name)) = to {
            call.dialog.retarget(uri, server_name);
        }
        let is_secured = call.dialog.is_target_secured();
        let before = std::mem::replace(&mut call.dialog.path, path);
        self.wire.count_call(&before, false);
        self.wire.count_call(&path, true);
        let contact = self.contact(&path, is_secured);
        if let Some(call) = self.calls.of(key) {
            call.dialog.contact.clone_from(&contact);
        }
        let uri = to.map(|(uri, _)| uri);
        let anew = Anew { path, is_next: uri.is_some(), uri, contact: Some(&contact), session: None };
        let is_sent = self.send_anew(now, User::Invite(key), request, anew);
        if is_sent {
            self.wire.timers.arm(Owner::Call(key), Timer::C, now + RINGING_MAX);
        }
        is_sent
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Message, parse};

    /// Shows RFC 3261 §8.1.3.4: contacts are tried in the order of their q.
    #[test]
    fn the_best_contact_comes_first() {
        let text = "SIP/2.0 302 Moved\r\nVia: SIP/2.0/UDP x;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>;tag=2\r\n\
            Call-ID: 1\r\nCSeq: 1 INVITE\r\nContact: <sip:low@x>;q=0.15, <mailto:a@b>, <sip:mid@x?Subject=1>;q=0.7\r\n\
            Contact: <sips:none@x>, <sip:odd@x>;q=high, <sip:low@x>;q=1\r\n\r\n";
        let Ok(Message::Response(response)) = parse(text.as_bytes()) else { panic!("no response") };
        let found = contacts(&response.headers);
        assert_eq!(found, [&b"sips:none@x"[..], b"sip:mid@x", b"sip:low@x", b"sip:odd@x"]);
    }

    #[test]
    fn a_contact_with_an_address_says_where_it_is() {
        let at = |uri: &[u8]| numeric(uri).map(|target| format!("{:?} {}", target.transport, target.remote));
        assert_eq!(at(b"sip:a@192.0.2.1").as_deref(), Some("Udp 192.0.2.1:5060"));
        assert_eq!(at(b"sip:a@[2001:db8::1]:5070;transport=TCP").as_deref(), Some("Tcp [2001:db8::1]:5070"));
        assert_eq!(at(b"sips:a@192.0.2.1").as_deref(), Some("Tls 192.0.2.1:5061"));
        assert_eq!(at(b"sip:a@example.com"), None);
    }
}
