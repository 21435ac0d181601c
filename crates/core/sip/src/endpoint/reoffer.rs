//! Changes of a call's media by us, whoever began it: a re-INVITE in a call that is up ([RFC 3261 §14.1]), an UPDATE
//! before the answer ([RFC 3311 §5.1]).

use std::time::{Duration, Instant};

use super::abilities::SDP;
use super::call::{Call, Phase, Progress, Reoffer, Underway};
use super::outgoing::description;
use super::{Because, CallEnd, CallError, CallEvent, CallKey, Capabilities, Endpoint, User};
use crate::message::{HeaderName, Method, Response, decimal};
use crate::sdp::{Direction, SdpError, agree};
use crate::timer::{Owner, RINGING_MAX, T1, Timer};
use crate::transaction::ClientOpening;
use crate::wire::Path;

/// How often a change that crosses one of theirs is tried; the waits are random, so that a few do.
const TRIES_MAX: u8 = 10;
/// The longest wait that the other side may ask for.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(10);

/// With whom the media of a call can be changed now, if at all: one offer at a time, in either direction.
fn changeable(call: &Call) -> Option<Vec<u8>> {
    let is_refreshing = call.refresh.is_some_and(|sent| sent.is_invite);
    let is_free = call.unacked.is_none() && call.reoffer.is_none() && !is_refreshing;
    let side = match &call.phase {
        Phase::Up { .. } => Some(&call.dialog),
        Phase::Incoming(incoming) => {
            let is_arrived = call.reliable.as_ref().is_some_and(|reliable| reliable.waiting.is_none());
            let is_agreed = is_arrived && call.session.is_agreed && incoming.accepting.is_none();
            Some(&call.dialog).filter(|_| is_agreed && call.allows_update)
        }
        Phase::Outgoing(outgoing) => {
            let agreed = outgoing.early.iter().rev().find(|early| early.session.is_agreed);
            let may = call.allows_update && outgoing.progress != Progress::Cancelled;
            agreed.filter(|_| may).map(|early| &early.dialog)
        }
        Phase::Leaving => None,
    };
    side.filter(|_| is_free).map(|dialog| dialog.remote_tag.clone())
}

impl Endpoint {
    pub(super) fn reoffer_call(
        &mut self,
        now: Instant,
        key: CallKey,
        capabilities: &Capabilities,
        direction: Direction,
    ) -> Result<(), CallError> {
        let call = self.calls.open(key).ok_or(CallError::NoCall)?;
        let remote_tag = changeable(call).ok_or(CallError::WrongState)?;
        if self.transactions.count() >= self.transactions_max {
            return Err(CallError::Full);
        }
        let capabilities = capabilities.clone();
        call.reoffer =
            Some(Reoffer { capabilities, direction, offer: Vec::new(), remote_tag, sent: None, tries: 0 });
        if self.send_reoffer(now, key) {
            return Ok(());
        }
        if let Some(call) = self.calls.of(key) {
            call.reoffer = None;
        }
        Err(CallError::Full)
    }

    /// Sends the offer; false where there is no way to the other side.
    fn send_reoffer(&mut self, now: Instant, key: CallKey) -> bool {
        let Some(call) = self.calls.of(key) else { return false };
        let is_invite = matches!(call.phase, Phase::Up { .. });
        let Some(mut wanted) = call.reoffer.take() else { return false };
        let Some((dialog, session)) = call.side(&wanted.remote_tag) else { return false };
        wanted.offer = session.offer_of(&wanted.capabilities, wanted.direction);
        wanted.tries += 1;
        dialog.local_cseq += 1;
        let dialog = dialog.clone();
        let offer = wanted.offer.clone();
        call.reoffer = Some(wanted);
        let Some(path) = self.way_to(now, &dialog) else { return false };
        let session = if is_invite { self.session_wish(Some(key)) } else { String::new() };
        let branch = self.tokens.branch();
        let method = if is_invite { Method::Invite } else { Method::Update };
        let mut writer = dialog.request(method, dialog.local_cseq, &self.via(&path, &branch));
        writer
            .header("Contact", &[dialog.contact.as_bytes()])
            .header("Allow", &[self.abilities.allow.as_bytes()])
            .header("Supported", &[self.abilities.supported.as_bytes()])
            .lines(session.as_bytes());
        writer.header("User-Agent", &[self.config.user_agent.as_bytes()]).header("Accept", &[SDP.as_bytes()]);
        let request = writer.end(Some((SDP, &offer)));
        let opening = ClientOpening { branch: &branch, method, path, request, user: User::Reoffer(key) };
        let transaction = self.ask(now, opening).transaction;
        if let Some(wanted) = self.calls.of(key).and_then(|call| call.reoffer.as_mut()) {
            wanted.sent = Some(Underway { transaction, cseq: dialog.local_cseq, is_invite });
        }
        if is_invite {
            self.wire.timers.arm(Owner::Call(key), Timer::C, now + RINGING_MAX);
        }
        true
    }

    /// A response to an offer of ours within a call.
    pub(super) fn reoffer_heard(
        &mut self,
        now: Instant,
        key: CallKey,
        source: Path,
        response: &Response<'_>,
    ) {
        match response.status {
            ..200 => {}
            200..300 => self.reoffer_accepted(now, key, source, response),
            300.. => self.reoffer_refused(now, key, response),
        }
    }

    fn reoffer_accepted(&mut self, now: Instant, key: CallKey, source: Path, response: &Response<'_>) {
        let is_invite = response.core.cseq_method == Method::Invite;
        let Some(call) = self.calls.of(key) else {
            // The call is over and forgotten; its other side may not know.
            if is_invite {
                self.dismiss_fork(now, source, response, None, None);
            }
            return;
        };
        let cseq = response.core.cseq;
        let is_answered = |wanted: &mut Reoffer| {
            wanted.sent.is_some_and(|sent| sent.cseq == cseq && sent.is_invite == is_invite)
        };
        let wanted = call.reoffer.take_if(is_answered);
        if let Some((dialog, _)) = wanted.as_ref().and_then(|wanted| call.side(&wanted.remote_tag)) {
            dialog.refresh(response);
        }
        if is_invite {
            let dialog = call.dialog.clone();
            let ack = self.send_ack(now, &dialog, cseq, None);
            let Some(call) = self.calls.of(key).filter(|_| wanted.is_some()) else { return };
            call.phase = Phase::Up { ack };
            self.wire.timers.disarm(Owner::Call(key), Timer::C);
            self.session_granted(now, key, response);
        }
        if let Some(wanted) = wanted {
            self.reoffer_agreed(now, key, wanted, response);
        }
    }

    fn reoffer_agreed(&mut self, now: Instant, key: CallKey, wanted: Reoffer, response: &Response<'_>) {
        let Some(call) = self.calls.of(key) else { return };
        let is_up = matches!(call.phase, Phase::Up { .. });
        let Some((_, session)) = call.side(&wanted.remote_tag) else { return };
        let answered = description(response).ok_or(SdpError::NoAudio);
        match answered.and_then(|answer| agree(&wanted.offer, answer, &wanted.capabilities)) {
            Ok(agreement) => {
                session.capabilities = Some(wanted.capabilities);
                session.direction = wanted.direction;
                session.agreement = Some(agreement.clone());
                let event = if is_up { CallEvent::Changed(agreement) } else { CallEvent::Early(agreement) };
                self.tell(key, event);
            }
            Err(_) => {
                let text = "No answer that fits".to_owned();
                self.end(now, key, CallEnd::NoAgreement, &Because { text, cause: 488, retry_after: None });
            }
        }
    }

    fn reoffer_refused(&mut self, now: Instant, key: CallKey, response: &Response<'_>) {
        let drawn = self.tokens.number();
        let Some(call) = self.calls.of(key) else { return };
        let cseq = response.core.cseq;
        let is_ours = call.dialog.is_ours;
        let is_answered = |wanted: &&mut Reoffer| wanted.sent.is_some_and(|sent| sent.cseq == cseq);
        let Some(wanted) = call.reoffer.as_mut().filter(is_answered) else { return };
        if wanted.sent.take().is_some_and(|sent| sent.is_invite) {
            self.wire.timers.disarm(Owner::Call(key), Timer::C);
        }
        if let Some(wait) = retry_wait(response, is_ours, drawn).filter(|_| wanted.tries < TRIES_MAX) {
            self.wire.timers.arm(Owner::Call(key), Timer::Glare, now + wait);
            return;
        }
        let Some(wanted) = call.reoffer.take() else { return };
        let is_outgoing = matches!(call.phase, Phase::Outgoing(_));
        let is_up = matches!(call.phase, Phase::Up { .. });
        let agreement = call.side(&wanted.remote_tag).and_then(|(_, session)| session.agreement.clone());
        match (response.status, agreement) {
            // They know of no such call, or nobody is there ([RFC 3261 §12.2.1.2]). Other callees may be.
            (status @ (408 | 481), _) if !is_outgoing => {
                self.end(now, key, CallEnd::Refused { status }, &Because::default());
            }
            // The call stays as it was, and the user hears that.
            (_, Some(agreement)) if is_up => self.tell(key, CallEvent::Changed(agreement)),
            (_, Some(agreement)) => self.tell(key, CallEvent::Early(agreement)),
            (_, None) => {}
        }
    }

    /// The wait after a glare is over.
    pub(super) fn reoffer_again(&mut self, now: Instant, key: CallKey) {
        let Some(call) = self.calls.of(key) else { return };
        if call.unacked.is_some() {
            self.wire.timers.arm(Owner::Call(key), Timer::Glare, now + T1);
        } else if call.reoffer.is_some() && !self.send_reoffer(now, key) {
            self.reoffer_unanswered(now, key);
        }
    }

    /// Nobody answers an offer: the call is dead.
    pub(super) fn reoffer_unanswered(&mut self, now: Instant, key: CallKey) {
        let Some(call) = self.calls.of(key) else { return };
        if call.reoffer.take().is_some() {
            let because = Because { text: "No answer".to_owned(), cause: 408, retry_after: None };
            self.end(now, key, CallEnd::TimedOut, &because);
        }
    }

    /// The INVITEs of ours that a call leaves behind are not waited for longer than any answer takes.
    pub(super) fn expect_answers_end(&mut self, now: Instant, key: CallKey) {
        let Some(call) = self.calls.of(key) else { return };
        let reoffered = call.reoffer.take().and_then(|wanted| wanted.sent).filter(|sent| sent.is_invite);
        let refreshed = call.refresh.take().filter(|sent| sent.is_invite);
        let [reoffered, refreshed] = [reoffered, refreshed].map(|sent| sent.map(|sent| sent.transaction));
        for invite in [Some(call.invite), reoffered, refreshed].into_iter().flatten() {
            self.transactions.expect_end(&mut self.wire, now, invite);
        }
    }
}

/// How long to wait before another try, where the refusal invites to one: a glare, or an offer of theirs that is open
/// there ([RFC 3261 §14.1], [RFC 3311 §5.3]).
pub(super) fn retry_wait(response: &Response<'_>, is_ours: bool, drawn: u64) -> Option<Duration> {
    let retry_after = response.headers.first(HeaderName::RetryAfter);
    let digits = retry_after.and_then(|value| value.split(|byte| !byte.is_ascii_digit()).next());
    match response.status {
        491 => Some(glare_wait(is_ours, drawn)),
        500 => {
            let wait = Duration::from_secs(digits.and_then(decimal)?);
            // A little more, so that no two stay in step.
            Some(wait + glare_wait(false, drawn)).filter(|_| wait <= RETRY_AFTER_MAX)
        }
        _ => None,
    }
}

/// How long to wait before the next try, in steps of 10 ms: the side that began the call waits longer
/// ([RFC 3261 §14.1]).
fn glare_wait(is_ours: bool, drawn: u64) -> Duration {
    Duration::from_millis(if is_ours { 2_100 + 10 * (drawn % 191) } else { 10 * (drawn % 201) })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Shows RFC 3261 §14.1: after a glare the side that began the call waits 2.1 to 4 s, the other one up to 2 s.
    #[test]
    fn the_two_sides_of_a_glare_never_wait_alike() {
        for drawn in 0..1_000 {
            let (ours, theirs) = (glare_wait(true, drawn), glare_wait(false, drawn * 7));
            assert!((Duration::from_millis(2_100)..=Duration::from_secs(4)).contains(&ours));
            assert!(theirs <= Duration::from_secs(2));
        }
    }
}
