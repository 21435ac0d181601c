//! Calls that we make ([RFC 3261 §13.2]).

use std::net::SocketAddr;
use std::time::Instant;

use super::abilities::{SDP, lists};
use super::call::{Call, Outgoing, Phase, Progress};
use super::effort::Effort;
use super::itinerary::{Host, Itinerary};
use super::reply::quoted;
use super::session::Session;
use super::{
    Agreement, Because, CallEnd, CallError, CallEvent, CallKey, Endpoint, OutgoingCall, TransportKind, User,
};
use crate::body::session_description;
use crate::dialog::{Beginning, Dialog};
use crate::message::{Address, HeaderName, Method, Response, Uri, escape_user, split_commas};
use crate::sdp::SdpError;
use crate::timer::{CALL_MAX, Owner, RINGING_MAX, Timer};
use crate::transaction::ClientOpening;
use crate::wire::Path;

/// How many superfluous callees are remembered as hung up; each costs about 100 bytes.
const DISMISSED_MAX: usize = 256;

/// More than a callee is ever asked before it answers.
const EARLY_REQUESTS_MAX: u32 = 1_000;

/// The session description in a response.
pub(super) fn description<'a>(response: &Response<'a>) -> Option<&'a [u8]> {
    session_description(&response.headers, response.body).ok().flatten()
}

/// Whether all targets can be called the way that is wanted: sips only over TLS.
fn is_callable(wanted: &OutgoingCall) -> bool {
    let fits = |target: &str, is_tls: bool| {
        Uri::parse(target.as_bytes()).is_ok_and(|uri| {
            let is_secured = uri.is_scheme(b"sips") && is_tls;
            (uri.is_scheme(b"sip") || is_secured) && uri.headers.is_empty()
        })
    };
    let mut further = wanted.further_hosts.iter();
    fits(&wanted.target, wanted.transport == TransportKind::Tls)
        && further
            .all(|host| fits(&host.target, host.places.iter().any(|to| to.transport == TransportKind::Tls)))
}

/// What the description of a 2xx comes to, and our answer where it is an offer. What was agreed reliably before holds,
/// whatever it says ([RFC 3261 §13.2.1]); what was only shown holds where it says nothing.
fn settled(
    session: &mut Session,
    offer: Option<&[u8]>,
    described: Option<&[u8]>,
) -> (Option<Vec<u8>>, Result<Agreement, SdpError>) {
    let before = session.agreement.clone().filter(|_| session.is_agreed || described.is_none());
    match (before, offer, described) {
        (Some(agreement), _, _) => (None, Ok(agreement)),
        (None, _, None) => (None, Err(SdpError::NoAudio)),
        (None, Some(offer), Some(answer)) => (None, session.agree(offer, answer)),
        (None, None, Some(offer)) => match session.answer(offer) {
            Ok((answer, agreement)) => (Some(answer), Ok(agreement)),
            Err(why) => (session.decline(offer), Err(why)),
        },
    }
}

impl Endpoint {
    pub(super) fn call_out(&mut self, now: Instant, wanted: &OutgoingCall) -> Result<CallKey, CallError> {
        if !is_callable(wanted) {
            return Err(CallError::WrongState);
        }
        if self.has_all_calls() || self.transactions.count() >= self.transactions_max {
            return Err(CallError::Full);
        }
        let mut itinerary = Itinerary::of(now, wanted, &self.shunned);
        let (path, host) = self.first_path(now, &mut itinerary)?;
        let mut dialog = self.begin_dialog(wanted, &host, path);
        if self.config.trusts_contacts {
            dialog.trust_contact();
        }
        let mut session = Session::new(self.tokens.number());
        session.capabilities = Some(wanted.capabilities.clone());
        let offer = (!wanted.delays_offer).then(|| session.offer());
        let branch = self.tokens.branch();
        let via = self.via(&path, &branch);
        let mut writer = dialog.request(Method::Invite, dialog.local_cseq, &via);
        writer
            .header("Contact", &[dialog.contact.as_bytes()])
            .header("Allow", &[self.abilities.allow.as_bytes()]);
        writer.header("User-Agent", &[self.config.user_agent.as_bytes()]).header("Accept", &[SDP.as_bytes()]);
        writer.header("Supported", &[self.abilities.supported.as_bytes()]);
        writer.lines(self.abilities.require_line().as_bytes());
        writer.lines(self.session_wish(None).as_bytes());
        let request = writer.end(offer.as_deref().map(|offer| (SDP, offer)));
        let key = self.calls.draw_key();
        let opening =
            ClientOpening { branch: &branch, method: Method::Invite, path, request, user: User::Invite(key) };
        let opened = self.ask(now, opening);
        let via = self.via(&opened.path, &branch);
        let invite = opened.transaction;
        let mut effort = Effort::of(wanted, itinerary);
        effort.invite_path = Some(opened.path);
        let phase =
            Phase::Outgoing(Outgoing { via, branch, offer, early: Vec::new(), progress: Progress::Silent });
        let mut call = Call::new(dialog, invite, phase, session);
        call.effort = Some(Box::new(effort));
        call.delays_offer = wanted.delays_offer;
        self.calls.add(key, call);
        self.wire.count_call(&path, true);
        self.wire.timers.arm(Owner::Call(key), Timer::C, now + RINGING_MAX);
        Ok(key)
    }

    fn begin_dialog(&mut self, wanted: &OutgoingCall, at: &Host, path: Path) -> Dialog {
        let local_tag = self.tokens.tag();
        let display = if wanted.from_display.is_empty() {
            String::new()
        } else {
            format!("{} ", quoted(&wanted.from_display))
        };
        let us = self.advertised(&path);
        let user = if wanted.from_user.is_empty() {
            String::new()
        } else {
            format!("{}@", escape_user(&wanted.from_user))
        };
        let local = format!("{display}<sip:{user}{us}>;tag={local_tag}").into_bytes();
        let call_id = self.tokens.call_id();
        let mut dialog = Dialog::begin(Beginning {
            call_id,
            local_tag,
            local,
            target: wanted.target.clone().into_bytes(),
            path,
            contact: self.contact(&path, at.is_secured()),
            server_name: String::new(),
            routes: wanted.routes.iter().map(|route| route.clone().into_bytes()).collect(),
        });
        // To names whom is called, whichever host takes the call.
        dialog.retarget(at.uri.as_bytes(), &at.server_name);
        dialog
    }

    /// The bound address to call from: one that can reach the other, loopback for loopback.
    pub(super) fn local_for(&self, transport: TransportKind, remote: SocketAddr) -> Option<SocketAddr> {
        let fits = |local: &SocketAddr| local.is_ipv4() == remote.is_ipv4();
        let locals = || {
            self.config
                .listens
                .iter()
                .filter(|listen| listen.transport == transport)
                .map(|listen| listen.local)
                .filter(fits)
        };
        let reaches = |local: &SocketAddr| {
            local.ip().is_unspecified() || local.ip().is_loopback() == remote.ip().is_loopback()
        };
        locals().find(reaches).or_else(|| locals().next())
    }

    /// A response to an INVITE of ours that its transaction leaves to us.
    pub(super) fn invite_heard(&mut self, now: Instant, key: CallKey, source: Path, response: &Response<'_>) {
        match response.status {
            ..200 => self.progressed(now, key, response),
            200..300 => self.accepted(now, key, source, response),
            300.. => self.refused(key, response.status),
        }
    }

    /// Sends CANCEL: the INVITE's own headers, so that it finds it ([RFC 3261 §9.1]).
    pub(super) fn cancel(&mut self, now: Instant, key: CallKey) {
        let Some(call) = self.calls.of(key) else { return };
        let Phase::Outgoing(outgoing) = &mut call.phase else { return };
        outgoing.progress = Progress::Cancelled;
        let writer = call.dialog.request(Method::Cancel, call.dialog.local_cseq, &outgoing.via);
        let path = call.effort.as_ref().and_then(|effort| effort.invite_path).unwrap_or(call.dialog.path);
        let (branch, invite) = (outgoing.branch.clone(), call.invite);
        let opening = ClientOpening {
            branch: &branch,
            method: Method::Cancel,
            path,
            request: writer.end(None),
            user: User::Nobody,
        };
        self.transactions.open_client(&mut self.wire, now, opening);
        self.transactions.expect_end(&mut self.wire, now, invite);
    }

    fn refused(&mut self, key: CallKey, status: u16) {
        let Some(call) = self.calls.of(key) else { return };
        if matches!(call.phase, Phase::Outgoing(_)) {
            self.finish(key, CallEnd::Refused { status });
            self.forget(key);
        }
    }

    fn accepted(&mut self, now: Instant, key: CallKey, source: Path, response: &Response<'_>) {
        let Some(call) = self.calls.of(key) else {
            // The call is over and forgotten; a fork that answers late has to be hung up still.
            self.dismiss_fork(now, source, response, None, None);
            return;
        };
        let tag = response.core.to.tag().unwrap_or_default();
        let answer = Some(&*call).filter(|call| call.delays_offer).and_then(|call| {
            let offer = description(response)?;
            call.session.decline(offer)
        });
        let early_cseq = call.early_cseq;
        if matches!(call.phase, Phase::Outgoing(_)) {
            self.established(now, key, response);
        } else if call.dialog.remote_tag == tag {
            self.ack_again(now, key);
        } else {
            self.dismiss_fork(now, source, response, Some(early_cseq), answer.as_deref());
        }
    }

    /// The first 2xx: the dialog is there, and ACK goes out, with our answer where theirs was the offer.
    fn established(&mut self, now: Instant, key: CallKey, response: &Response<'_>) {
        let Some(call) = self.calls.of(key) else { return };
        let Phase::Outgoing(outgoing) = &mut call.phase else { return };
        let offer = outgoing.offer.take();
        // The callees that are not wanted have had requests too; their BYE comes after these.
        call.early_cseq = outgoing.last_number().max(call.early_cseq);
        let tag = response.core.to.tag().unwrap_or_default();
        if let Some(place) = outgoing.early.iter().position(|early| early.dialog.remote_tag == tag) {
            let early = outgoing.early.swap_remove(place);
            (call.dialog, call.session) = (early.dialog, early.session);
        }
        call.allows_update |= lists(&response.headers, HeaderName::Allow, "UPDATE");
        call.dialog.establish(response);
        let (answer, outcome) = settled(&mut call.session, offer.as_deref(), description(response));
        let dialog = call.dialog.clone();
        let ack = self.send_ack(now, &dialog, response.core.cseq, answer.as_deref());
        self.wire.timers.disarm(Owner::Call(key), Timer::C);
        self.wire.timers.arm(Owner::Call(key), Timer::Longest, now + CALL_MAX);
        let Some(call) = self.calls.of(key) else { return };
        call.phase = Phase::Up { ack };
        // A change that was under way with another callee than the one that answered is done with.
        call.reoffer = call.reoffer.take().filter(|wanted| wanted.remote_tag == call.dialog.remote_tag);
        call.session.is_agreed = outcome.is_ok();
        call.session.agreement = outcome.as_ref().ok().cloned();
        if call.is_over {
            self.leave(now, key, &Because::default());
            return;
        }
        self.session_granted(now, key, response);
        match outcome {
            Ok(agreement) => self.tell(key, CallEvent::Answered(agreement)),
            Err(why) => {
                let text = why.warning().map_or("Malformed session description", |(_, text)| text).to_owned();
                self.end(now, key, CallEnd::NoAgreement, &Because { text, cause: 488, retry_after: None });
            }
        }
    }

    /// Sends the ACK of a 2xx, a transaction of its own without one ([RFC 3261 §13.2.2.4]).
    pub(super) fn send_ack(
        &mut self,
        now: Instant,
        dialog: &Dialog,
        cseq: u32,
        answer: Option<&[u8]>,
    ) -> Vec<u8> {
        let branch = self.tokens.branch();
        let Some(path) = self.way_to(now, dialog) else { return Vec::new() };
        let writer = dialog.request(Method::Ack, cseq, &self.via(&path, &branch));
        let ack = writer.end(answer.map(|answer| (SDP, answer)));
        self.wire.send(&path, ack.clone());
        ack
    }

    fn ack_again(&mut self, now: Instant, key: CallKey) {
        let Some(call) = self.calls.of(key) else { return };
        let Phase::Up { ack } = &call.phase else { return };
        let (ack, dialog) = (ack.clone(), call.dialog.clone());
        if ack.is_empty() {
            return;
        }
        if let Some(path) = self.way_to(now, &dialog) {
            self.wire.tally.retransmitted += 1;
            self.wire.send(&path, ack);
        }
    }

    /// A second callee answered a forked INVITE, or one whose call is forgotten: ACK each time, and BYE once
    /// ([RFC 3261 §13.2.2.4]). `last` is the number of the last request that it may have had, where that is known;
    /// `answer` turns the offer down that the 2xx may hold.
    pub(super) fn dismiss_fork(
        &mut self,
        now: Instant,
        source: Path,
        response: &Response<'_>,
        last: Option<u32>,
        answer: Option<&[u8]>,
    ) {
        let core = &response.core;
        let contact = response.headers.first(HeaderName::Contact);
        let contact = contact.and_then(|value| split_commas(value).next());
        // All that is needed of our side stands in the response; without a Contact it made no dialog.
        let Some(contact) = contact.and_then(|value| Address::parse(value).ok()) else { return };
        let local_tag = core.from.tag().unwrap_or_default();
        let beginning = Beginning {
            call_id: String::from_utf8_lossy(core.call_id).into_owned(),
            local_tag: String::from_utf8_lossy(local_tag).into_owned(),
            local: core.from_bytes.to_vec(),
            target: contact.uri.to_vec(),
            path: source,
            contact: self.contact(&source, false),
            server_name: String::new(),
            routes: Vec::new(),
        };
        let mut dialog = Dialog::begin(beginning);
        dialog.establish(response);
        self.send_ack(now, &dialog, core.cseq, answer);
        let name = [core.call_id, b"\0", local_tag, b"\0", core.to.tag().unwrap_or_default()].concat();
        if self.dismissed.contains(&name) {
            return;
        }
        self.dismissed.push_back(name);
        if self.dismissed.len() > DISMISSED_MAX {
            self.dismissed.pop_front();
        }
        // Numbers may be left out, and may not go back (§12.2.2).
        let last = last.unwrap_or(core.cseq.saturating_add(EARLY_REQUESTS_MAX)).max(core.cseq);
        dialog.local_cseq = last.saturating_add(1);
        let because = Because { text: "Answered elsewhere".to_owned(), cause: 200, retry_after: None };
        self.send_bye(now, &mut dialog, &because, User::Nobody);
    }

    /// A response that no transaction waits for: a 2xx whose ACK was lost for long may still need one.
    pub(super) fn stray_response(&mut self, now: Instant, response: &Response<'_>) {
        let core = &response.core;
        let is_accepted = core.cseq_method == Method::Invite && (200..300).contains(&response.status);
        let found = self.calls.find(
            core.call_id,
            core.from.tag().unwrap_or_default(),
            core.to.tag().unwrap_or_default(),
        );
        match found.filter(|_| is_accepted) {
            Some(call) => self.ack_again(now, call),
            None => self.wire.tally.dropped += 1,
        }
    }
}
