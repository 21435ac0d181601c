//! Calls that come in, until they are answered or refused ([RFC 3261 §13.3]).

use std::time::Instant;

use super::abilities::lists;
use super::call::{Accepting, Call, Incoming, Phase, Unacked};
use super::receive::Asked;
use super::refresh::session_for;
use super::reply::{Reply, because_lines, response_path};
use super::screen::description;
use super::session::Session;
use super::{
    Agreement, Because, CallEnd, CallError, CallEvent, CallKey, Capabilities, Endpoint, IncomingCall,
};
use crate::auth::{Challenge, DigestCredentials};
use crate::dialog::Dialog;
use crate::identity::{Parties, reasons};
use crate::message::{Address, HeaderName, Method, Request, Uri, parameter, split_commas};
use crate::sdp::{Description, SdpError};
use crate::timer::{CALL_MAX, Owner, RINGING_MAX, T1, T1_64, Timer};
use crate::transaction::server_key;
use crate::wire::source_of;

/// So many transactions are a crowd, in which nothing is kept of those who are challenged: more make challenges surer
/// to arrive, fewer cost less; each is about a kilobyte.
const CROWD: usize = 4_096;

/// Whether a dialog is asked for that is secure all the way: by the Request-URI, or by the top Record-Route, or without
/// one by the Contact ([RFC 3261 §12.1.1]).
fn is_secured(request: &Request<'_>) -> bool {
    let way = [HeaderName::RecordRoute, HeaderName::Contact]
        .into_iter()
        .find_map(|name| request.headers.first(name))
        .and_then(|value| split_commas(value).next())
        .and_then(|value| Address::parse(value).ok());
    request.uri.is_scheme(b"sips")
        || way.is_some_and(|way| Uri::parse(way.uri).is_ok_and(|uri| uri.is_scheme(b"sips")))
}

impl Endpoint {
    pub(super) fn handle_invite(&mut self, now: Instant, asked: &Asked<'_, '_>) {
        let offer = match self.admit(asked) {
            Ok(offer) => offer,
            Err(refusal) => {
                self.reply(now, asked, &refusal);
                return;
            }
        };
        let source = asked.source;
        let local_tag = self.tokens.tag();
        let contact = self.contact(&source, is_secured(asked.request));
        let mut dialog = Dialog::of_request(asked.request, source, local_tag, contact);
        if self.config.trusts_contacts {
            dialog.trust_contact();
        }
        let told = self.told(asked, offer.is_some());
        let trying = self.written(&asked.head, &Reply::new(100), Some(""));
        self.transactions.respond(&mut self.wire, now, asked.transaction, 100, trying);
        let path = response_path(asked.request, source);
        let incoming = Incoming {
            head: asked.head.clone(),
            path,
            offer,
            cseq: asked.request.core.cseq,
            shown: None,
            accepting: None,
        };
        let session = Session::new(self.tokens.number());
        let mut call = Call::new(dialog, asked.transaction, Phase::Incoming(Box::new(incoming)), session);
        call.reliable = self.reliable_for(asked.request);
        call.session_timer = session_for(self.config.rules.session, asked.request).ok().flatten();
        call.allows_update = lists(&asked.request.headers, HeaderName::Allow, "UPDATE");
        call.half_open_from = Some(source_of(source.remote.ip()));
        let key = self.calls.draw_key();
        self.calls.add(key, call);
        self.wire.count_call(&source, true);
        self.wire.timers.arm(Owner::Call(key), Timer::C, now + RINGING_MAX);
        self.wire.tell(key, CallEvent::Incoming(Box::new(told)));
    }

    /// What the user is told of a call that comes in.
    fn told(&self, asked: &Asked<'_, '_>, has_offer: bool) -> IncomingCall {
        let source = asked.source;
        let parties = Parties::of(asked.request, source.is_trusted);
        IncomingCall {
            dialled: parties.dialled,
            to_user: parties.to_user,
            caller: parties.caller,
            caller_display: parties.caller_display,
            from: parties.from,
            from_display: parties.from_display,
            is_asserted: parties.is_asserted,
            is_private: parties.is_private,
            diversions: parties.diversions,
            history: parties.history,
            call_id: String::from_utf8_lossy(asked.request.core.call_id).into_owned(),
            source: source.remote,
            transport: source.transport(),
            bound: source.local,
            connection: source.connection,
            local: self.advertised(&source),
            has_offer,
            credentials: DigestCredentials::of(asked.request),
        }
    }

    /// The offer of an INVITE that may become a call.
    fn admit(&mut self, asked: &Asked<'_, '_>) -> Result<Option<Vec<u8>>, Reply> {
        let offer = description(asked.request)?;
        if let Some(Err(SdpError::Malformed)) = offer.map(Description::parse) {
            return Err(Reply::because(400, "Malformed Session Description"));
        }
        session_for(self.config.rules.session, asked.request)?;
        let mut replaces = asked.request.headers.all(HeaderName::Replaces);
        if let Some(value) = replaces.next() {
            return Err(if replaces.next().is_some() {
                Reply::new(400)
            } else {
                self.refused_replacement(value)
            });
        }
        Ok(offer.map(<[u8]>::to_vec))
    }

    /// Nobody may take over a call of somebody else: 403 where it is there, 481 where not ([RFC 3891 §3]).
    fn refused_replacement(&self, replaces: &[u8]) -> Reply {
        let cut = replaces.iter().position(|byte| *byte == b';').unwrap_or(replaces.len());
        let (call_id, parameters) = replaces.split_at(cut);
        let tag = |name| parameter(parameters, name).flatten().unwrap_or_default();
        let found = self.calls.find(call_id.trim_ascii(), tag(b"to-tag"), tag(b"from-tag"));
        Reply::new(if found.is_some() { 403 } else { 481 })
    }

    pub(super) fn handle_cancel(&mut self, now: Instant, asked: &Asked<'_, '_>) {
        let key = server_key(asked.request, Method::Invite);
        let Some(invite) = self.transactions.find_server(&key) else {
            self.reply(now, asked, &Reply::new(481));
            return;
        };
        let found = self.calls.of_invite(invite);
        let tag = found.and_then(|call| self.calls.of(call)).map(|call| call.dialog.local_tag.clone());
        let bytes = self.written(&asked.head, &Reply::new(200), tag.as_deref());
        self.transactions.respond(&mut self.wire, now, asked.transaction, 200, bytes);
        if let Some(call) = found {
            self.refuse(now, call, &Reply::new(487), CallEnd::Cancelled(reasons(&asked.request.headers)));
        }
    }

    pub(super) fn answer_incoming(
        &mut self,
        now: Instant,
        key: CallKey,
        capabilities: &Capabilities,
    ) -> Result<Option<Agreement>, CallError> {
        let call = self.calls.open(key).ok_or(CallError::NoCall)?;
        let Phase::Incoming(incoming) = &call.phase else { return Err(CallError::WrongState) };
        if incoming.accepting.is_some() {
            return Err(CallError::WrongState);
        }
        let session = &mut call.session;
        let was_described = session.is_agreed || session.open_offer.is_some();
        if !was_described && incoming.shown.is_none() {
            session.capabilities = Some(capabilities.clone());
        }
        let (description, ours) = match &incoming.offer {
            // Offer and answer have arrived, or will have before the 2xx is sent: it says nothing more.
            _ if was_described => (None, None),
            // What was shown before holds: an answer is one, however often it is given (RFC 3261 §13.2.1).
            Some(_) if incoming.shown.is_some() => (incoming.shown.clone(), None),
            Some(offer) => match session.answer(offer) {
                Ok((description, agreement)) => {
                    session.agreement = Some(agreement);
                    (Some(description), None)
                }
                Err(why) => {
                    let refusal = self.no_agreement(key, why);
                    self.refuse(now, key, &refusal, CallEnd::NoAgreement);
                    return Err(CallError::NoAgreement);
                }
            },
            None => {
                let offer = session.offer();
                (Some(offer.clone()), Some(offer))
            }
        };
        let agreement = session.agreement.clone();
        let is_told = agreement.is_some();
        self.accept_when_due(now, key, Accepting { description, ours, is_told });
        Ok(agreement)
    }

    /// Sends the 2xx.
    pub(super) fn accept(&mut self, now: Instant, key: CallKey, accepting: Accepting) {
        let Some(call) = self.calls.of(key) else { return };
        let Phase::Incoming(incoming) = &call.phase else { return };
        let Accepting { description, ours, is_told } = accepting;
        let (transaction, head, path, cseq) =
            (call.invite, incoming.head.clone(), incoming.path, incoming.cseq);
        let (tag, contact) = (call.dialog.local_tag.clone(), call.dialog.contact.clone());
        call.session.is_agreed = ours.is_none();
        let mut reply = Reply { body: description, ..Reply::new(200) }.with("Contact", &contact);
        let timer = call.session_timer;
        reply = reply.with("Supported", &self.abilities.supported).with_session(timer);
        reply.lines.extend_from_slice(head.record_routes());
        let response = self.written(&head, &reply, Some(&tag));
        self.transactions.respond(&mut self.wire, now, transaction, 200, response.clone());
        if let Some(call) = self.calls.of(key) {
            call.phase = Phase::Up { ack: Vec::new() };
            call.unacked = Some(Unacked {
                cseq,
                response,
                path,
                gap: T1,
                offer: ours,
                is_first: true,
                is_told,
                bye: None,
            });
        }
        let owner = Owner::Call(key);
        for timer in [Timer::C, Timer::Reliable1xx, Timer::AwaitPrack] {
            self.wire.timers.disarm(owner, timer);
        }
        self.wire.timers.arm(owner, Timer::Longest, now + CALL_MAX);
        self.session_runs(now, key, timer);
        self.await_ack(now, key);
    }

    /// Starts sending a 2xx again until ACK.
    pub(super) fn await_ack(&mut self, now: Instant, call: CallKey) {
        self.wire.timers.arm(Owner::Call(call), Timer::Accepted2xx, now + T1);
        self.wire.timers.arm(Owner::Call(call), Timer::AwaitAck, now + T1_64);
    }

    /// 488 with the Warning that says why.
    pub(super) fn no_agreement(&mut self, call: CallKey, why: SdpError) -> Reply {
        let Some((code, text)) = why.warning() else {
            return Reply::because(400, "Malformed Session Description");
        };
        let path = self.calls.of(call).map(|call| call.dialog.path);
        let agent = path.map(|path| self.advertised(&path).to_string()).unwrap_or_default();
        Reply::new(488).with("Warning", &format!("{code} {agent} \"{text}\""))
    }

    pub(super) fn reject_incoming(
        &mut self,
        now: Instant,
        key: CallKey,
        status: u16,
        because: &Because,
    ) -> Result<(), CallError> {
        let call = self.calls.open(key).ok_or(CallError::NoCall)?;
        if !matches!(call.phase, Phase::Incoming(_)) {
            return Err(CallError::WrongState);
        }
        let mut refusal = Reply::new(if (300..700).contains(&status) { status } else { 480 });
        refusal.lines = because_lines(because);
        self.refuse(now, key, &refusal, CallEnd::Rejected);
        Ok(())
    }

    /// Challenges the caller and forgets the call. Who has heard 100 does not repeat its INVITE: the challenge is sent
    /// again until ACK comes ([RFC 3261 §17.2.1]). In a crowd it is sent once, so that a flood of strangers leaves
    /// nothing behind ([RFC 3261 §26.3.2.4]).
    pub(super) fn challenge_incoming(
        &mut self,
        now: Instant,
        key: CallKey,
        challenge: &Challenge,
    ) -> Result<(), CallError> {
        let call = self.calls.open(key).ok_or(CallError::NoCall)?;
        let Phase::Incoming(incoming) = &call.phase else { return Err(CallError::WrongState) };
        let (transaction, head, path) = (call.invite, incoming.head.clone(), incoming.path);
        let tag = call.dialog.local_tag.clone();
        let header = challenge.header();
        let reply = challenge
            .values()
            .iter()
            .fold(Reply::new(challenge.status()), |reply, value| reply.with(header, value));
        let bytes = self.written(&head, &reply, Some(&tag));
        if path.is_reliable() || self.transactions.count() > CROWD {
            self.wire.send(&path, bytes);
            self.transactions.abandon(&mut self.wire, transaction);
        } else {
            self.transactions.respond(&mut self.wire, now, transaction, challenge.status(), bytes);
        }
        self.finish(key, CallEnd::Challenged);
        self.forget(key);
        Ok(())
    }

    /// Refuses a call that is not answered, and forgets it.
    pub(super) fn refuse(&mut self, now: Instant, key: CallKey, refusal: &Reply, end: CallEnd) {
        let Some(call) = self.calls.of(key) else { return };
        let Phase::Incoming(incoming) = &call.phase else { return };
        self.overtaken.remember(now, call);
        let (transaction, head, tag) = (call.invite, incoming.head.clone(), call.dialog.local_tag.clone());
        let bytes = self.written(&head, refusal, Some(&tag));
        self.transactions.respond(&mut self.wire, now, transaction, refusal.status, bytes);
        self.finish(key, end);
        self.forget(key);
    }
}
