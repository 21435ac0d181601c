//! Requests of ours on their way out, and once more when something stood in the way: a challenge, a dead target, a
//! datagram that is too large ([RFC 3261 §22], [RFC 3263 §4.3], [RFC 3261 §18.1.1]).

use std::time::Instant;

use super::call::{Phase, Progress};
use super::subscriptions::Place;
use super::{CallKey, Endpoint, SubscriptionKey, Target, TransportKind, User};
use crate::amend::{Amendment, amended};
use crate::auth::{Keyring, Vouched};
use crate::dialog::Dialog;
use crate::message::{Message, Response, parse};
use crate::timer::TransactionId;
use crate::transaction::{ClientOpening, Expired, Sent};
use crate::wire::Path;

/// Longest request that is sent by datagram where a stream can be had: 200 bytes less than an Ethernet holds
/// ([RFC 3261 §18.1.1]).
const DATAGRAM_MAX: usize = 1_300;

/// A request that went out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Opened {
    pub(super) transaction: TransactionId,
    /// The way it took: a stream instead of datagrams where it was large.
    pub(super) path: Path,
}

/// What is different when a request is sent anew.
#[derive(Debug, Clone, Copy)]
pub(super) struct Anew<'a> {
    pub(super) path: Path,
    /// A higher number in CSeq: it is another request, not the same one by another way.
    pub(super) is_next: bool,
    pub(super) uri: Option<&'a [u8]>,
    pub(super) contact: Option<&'a str>,
    /// The session timer that is asked for, as whole lines.
    pub(super) session: Option<&'a str>,
}

impl User {
    /// The subscription that the request belongs to.
    const fn subscription(self) -> Option<SubscriptionKey> {
        match self {
            Self::Subscribe(key) | Self::Notify(key) => Some(key),
            Self::Invite(_)
            | Self::Reoffer(_)
            | Self::Bye(_)
            | Self::Prack(..)
            | Self::Refresh(_)
            | Self::Register(_)
            | Self::Nobody => None,
        }
    }

    /// The call that the request belongs to.
    pub(super) const fn call(self) -> Option<CallKey> {
        match self {
            Self::Invite(call)
            | Self::Reoffer(call)
            | Self::Bye(call)
            | Self::Prack(call, _)
            | Self::Refresh(call) => Some(call),
            Self::Register(_) | Self::Subscribe(_) | Self::Notify(_) | Self::Nobody => None,
        }
    }
}

impl Endpoint {
    /// Sends a request of ours, with the credentials that were demanded on its way before.
    pub(super) fn ask(&mut self, now: Instant, mut opening: ClientOpening<'_, User>) -> Opened {
        let vouching = self.vouching(&opening);
        if !vouching.is_empty() {
            let amendment = Amendment { credentials: Some(&vouching), ..Amendment::default() };
            opening.request = amended(&opening.request, amendment);
            self.vouch_for_ack(opening.user, vouching);
        }
        if let Some(path) = self.stream_instead(now, &opening) {
            let via = self.via(&path, opening.branch);
            let amendment = Amendment { via: Some(&via), ..Amendment::default() };
            opening.request = amended(&opening.request, amendment);
            opening.path = path;
        }
        let path = opening.path;
        Opened { transaction: self.transactions.open_client(&mut self.wire, now, opening), path }
    }

    /// The dialog of a request that belongs to a subscription.
    fn place_of(&mut self, user: User) -> Option<Place> {
        self.subscriptions.of(user.subscription()?).map(|subscription| subscription.place)
    }

    /// The dialog of a request that belongs to a call or a subscription.
    fn dialog_of(&mut self, user: User) -> Option<&mut Dialog> {
        match self.place_of(user) {
            Some(place) => self.dialog_at(place),
            None => self.calls.of(user.call()?).map(|call| &mut call.dialog),
        }
    }

    fn keyring(&mut self, user: User) -> Option<&mut Keyring> {
        if let User::Register(key) = user {
            return self.registrations.of(key).map(|registering| &mut registering.keyring);
        }
        let call = match self.place_of(user) {
            Some(Place::Lone(lone)) => return self.subscriptions.lone(lone).map(|lone| &mut lone.keyring),
            Some(Place::Call(call)) => call,
            None => user.call()?,
        };
        self.calls.of(call)?.effort.as_deref_mut().map(|effort| &mut effort.keyring)
    }

    /// The credentials of a request that never left may be shown as if for the first time.
    pub(super) fn uncount(&mut self, expired: &Expired<User>) {
        if let (Some(keyring), Ok(Message::Request(request))) =
            (self.keyring(expired.user), parse(&expired.sent.request))
        {
            keyring.unsent(&request.headers);
        }
    }

    /// The lines of credentials that a request needs.
    fn vouching(&mut self, opening: &ClientOpening<'_, User>) -> Vec<u8> {
        let client_nonce = self.tokens.tag();
        let Some(keyring) = self.keyring(opening.user).filter(|keyring| keyring.is_asked()) else {
            return Vec::new();
        };
        let Ok(Message::Request(request)) = parse(&opening.request) else { return Vec::new() };
        let uri = String::from_utf8_lossy(request.uri_bytes);
        let vouched = Vouched { method: request.method.as_bytes(), uri: &uri, body: request.body };
        keyring.lines(vouched, &client_nonce)
    }

    /// The ACK of an accepted INVITE shows the credentials of the INVITE ([RFC 3261 §22.1]).
    fn vouch_for_ack(&mut self, user: User, vouching: Vec<u8>) {
        if let User::Invite(call) | User::Reoffer(call) = user
            && let Some(call) = self.calls.of(call)
        {
            call.dialog.ack_credentials = vouching;
        }
    }

    /// A stream for a request that is too large for a datagram; `None` where it is not, or none can be had.
    fn stream_instead(&mut self, now: Instant, opening: &ClientOpening<'_, User>) -> Option<Path> {
        let path = opening.path;
        let is_large = path.transport == TransportKind::Udp && opening.request.len() > DATAGRAM_MAX;
        let target = Target { transport: TransportKind::Tcp, remote: path.remote };
        if !is_large || self.shunned.holds(now, target) {
            return None;
        }
        let listens = self.config.listens.iter();
        let listen = listens.filter(|listen| listen.transport == TransportKind::Tcp).find(|listen| {
            listen.local.ip() == path.local.ip()
                || listen.local.ip().is_unspecified() && listen.local.is_ipv4() == path.local.is_ipv4()
        })?;
        let stream = Path { local: listen.local, transport: TransportKind::Tcp, ..path };
        let stream = self.wire.stream_to(now, stream, "")?;
        self.wire.hurry(now, stream.connection?);
        Some(stream)
    }

    /// What was sent and is refused now: it is needed for another try.
    pub(super) fn sent_for(&mut self, response: &Response<'_>) -> Option<Sent> {
        if response.status < 300 { None } else { self.transactions.sent(response) }
    }

    /// Tries again what was refused; false where that is to be the end of it.
    pub(super) fn overcomes(
        &mut self,
        now: Instant,
        user: User,
        response: &Response<'_>,
        sent: Option<Sent>,
    ) -> bool {
        if !matches!(response.status, 100 | 401 | 407)
            && let Some(keyring) = self.keyring(user)
        {
            keyring.passed(&response.headers);
        }
        let Some(sent) = sent else { return false };
        match (response.status, user) {
            (401 | 407, _) => self.show_credentials(now, user, response, &sent),
            (422, User::Invite(_) | User::Reoffer(_) | User::Refresh(_)) => {
                let Some(wish) = self.raised_wish(user, response) else { return false };
                let anew =
                    Anew { path: sent.path, is_next: true, uri: None, contact: None, session: Some(&wish) };
                self.send_anew(now, user, &sent.request, anew)
            }
            (500, User::Bye(key)) => self.asks_to_leave_again(now, key, response, &sent),
            (_, User::Invite(key)) => self.goes_elsewhere(now, key, response, &sent),
            (
                _,
                User::Reoffer(_)
                | User::Bye(_)
                | User::Prack(..)
                | User::Refresh(_)
                | User::Register(_)
                | User::Subscribe(_)
                | User::Notify(_)
                | User::Nobody,
            ) => false,
        }
    }

    /// A BYE was overtaken by a NOTIFY that was sent after it, and so refused for its number ([RFC 3261 §12.2.2]): who
    /// hears of it no more would stay in the call.
    fn asks_to_leave_again(
        &mut self,
        now: Instant,
        key: CallKey,
        response: &Response<'_>,
        sent: &Sent,
    ) -> bool {
        let last = self.calls.of(key).map_or(0, |call| call.dialog.local_cseq);
        let anew = Anew { path: sent.path, is_next: true, uri: None, contact: None, session: None };
        last > response.core.cseq && self.send_anew(now, User::Bye(key), &sent.request, anew)
    }

    /// Answers a challenge ([RFC 3261 §22.2, §22.3]).
    fn show_credentials(&mut self, now: Instant, user: User, response: &Response<'_>, sent: &Sent) -> bool {
        let call = user.call().and_then(|call| self.calls.of(call));
        // Who has given up waits for no answer, but for that to the BYE.
        if call.is_some_and(|call| call.is_over) && !matches!(user, User::Bye(_)) {
            return false;
        }
        let Some(keyring) = self.keyring(user) else { return false };
        if keyring.learn(&response.headers).is_err() {
            return false;
        }
        let anew = Anew { path: sent.path, is_next: true, uri: None, contact: None, session: None };
        self.send_anew(now, user, &sent.request, anew)
    }

    /// Sends a request anew; false where it can't be.
    pub(super) fn send_anew(&mut self, now: Instant, user: User, request: &[u8], anew: Anew<'_>) -> bool {
        if self.transactions.count() >= self.transactions_max.saturating_mul(2) {
            return false;
        }
        let Some(path) = self.way_again(now, user, anew.path) else { return false };
        let Ok(Message::Request(parsed)) = parse(request) else { return false };
        let cseq = anew.is_next.then(|| self.next_cseq(user)).flatten();
        let branch = self.tokens.branch();
        let via = self.via(&path, &branch);
        let Anew { uri, contact, session, .. } = anew;
        let amendment = Amendment { uri, via: Some(&via), cseq, contact, session, credentials: Some(b"") };
        let request = amended(request, amendment);
        let opening = ClientOpening { branch: &branch, method: parsed.method, path, request, user };
        let opened = self.ask(now, opening);
        self.is_sent_anew(user, opened, &branch, cseq);
        true
    }

    /// The path, on a connection that is there.
    fn way_again(&mut self, now: Instant, user: User, path: Path) -> Option<Path> {
        let Some(connection) = path.connection else { return Some(path) };
        if self.wire.connection(connection).is_some() {
            return Some(path);
        }
        let name = self.dialog_of(user).map(|dialog| dialog.next_hop_name());
        self.wire.stream_to(now, Path { connection: None, ..path }, &name.unwrap_or_default())
    }

    /// The next number in the dialog of a request.
    fn next_cseq(&mut self, user: User) -> Option<u32> {
        if let User::Register(key) = user {
            let cseq = &mut self.registrations.of(key)?.cseq;
            *cseq += 1;
            return Some(*cseq);
        }
        if user.subscription().is_some() {
            let dialog = self.dialog_of(user)?;
            dialog.local_cseq += 1;
            return Some(dialog.local_cseq);
        }
        let call = self.calls.of(user.call()?)?;
        let remote_tag = match (user, &call.phase) {
            (User::Reoffer(_), _) => call.reoffer.as_ref().map(|wanted| wanted.remote_tag.clone()),
            (User::Prack(_, place), Phase::Outgoing(outgoing)) => {
                outgoing.early.get(place).map(|early| early.dialog.remote_tag.clone())
            }
            (
                User::Invite(_)
                | User::Prack(..)
                | User::Refresh(_)
                | User::Bye(_)
                | User::Register(_)
                | User::Subscribe(_)
                | User::Notify(_)
                | User::Nobody,
                _,
            ) => None,
        };
        if let Some((dialog, _)) = remote_tag.and_then(|tag| call.side(&tag)) {
            dialog.local_cseq += 1;
            return Some(dialog.local_cseq);
        }
        call.dialog.local_cseq += 1;
        Some(call.dialog.local_cseq)
    }

    /// Takes note of which transaction stands for what now.
    fn is_sent_anew(&mut self, user: User, opened: Opened, branch: &str, cseq: Option<u32>) {
        let via = self.via(&opened.path, branch);
        match user {
            User::Invite(key) => {
                self.calls.invited_anew(key, opened.transaction);
                let Some(call) = self.calls.of(key) else { return };
                if let Some(effort) = &mut call.effort {
                    effort.invite_path = Some(opened.path);
                }
                if let Phase::Outgoing(outgoing) = &mut call.phase {
                    branch.clone_into(&mut outgoing.branch);
                    outgoing.via = via;
                    call.early_cseq = outgoing.last_number().max(call.early_cseq);
                    outgoing.early.clear();
                    outgoing.progress = Progress::Silent;
                }
            }
            User::Reoffer(key) => {
                let wanted = self.calls.of(key).and_then(|call| call.reoffer.as_mut());
                if let Some(sent) = wanted.and_then(|wanted| wanted.sent.as_mut()) {
                    sent.transaction = opened.transaction;
                    sent.cseq = cseq.unwrap_or(sent.cseq);
                }
            }
            User::Refresh(key) => {
                if let Some(sent) = self.calls.of(key).and_then(|call| call.refresh.as_mut()) {
                    sent.transaction = opened.transaction;
                    sent.cseq = cseq.unwrap_or(sent.cseq);
                }
            }
            User::Subscribe(key) => self.subscriptions.asked_anew(key, cseq),
            User::Bye(_) | User::Prack(..) | User::Register(_) | User::Notify(_) | User::Nobody => {}
        }
    }

    /// Tries another way for what found none, or no answer; false where there is no other.
    pub(super) fn finds_another_way(&mut self, now: Instant, expired: &Expired<User>) -> bool {
        self.falls_back_to_datagrams(now, expired)
            || match expired.user {
                User::Invite(key) => self.goes_on(now, key, &expired.sent),
                User::Reoffer(_)
                | User::Bye(_)
                | User::Prack(..)
                | User::Refresh(_)
                | User::Register(_)
                | User::Subscribe(_)
                | User::Notify(_)
                | User::Nobody => false,
            }
    }

    /// A stream was tried for a large request and is not to be had: then by datagram after all.
    fn falls_back_to_datagrams(&mut self, now: Instant, expired: &Expired<User>) -> bool {
        let Sent { path, request } = &expired.sent;
        let plain = if let User::Register(key) = expired.user {
            self.registrations.of(key).and_then(|registering| registering.path)
        } else {
            self.dialog_of(expired.user).map(|dialog| dialog.path)
        };
        let Some(plain) = plain else { return false };
        let was_instead = plain.transport == TransportKind::Udp && path.transport == TransportKind::Tcp;
        if !was_instead || !expired.is_unsent || request.is_empty() {
            return false;
        }
        self.shunned.add(now, Target { transport: TransportKind::Tcp, remote: path.remote }, None);
        let path = Path { remote: path.remote, ..plain };
        let request = request.clone();
        let anew = Anew { path, is_next: false, uri: None, contact: None, session: None };
        self.send_anew(now, expired.user, &request, anew)
    }
}
