//! Changes of a call's media by us: a re-INVITE in the dialog, whoever began the call ([RFC 3261 §14.1]).

use std::time::{Duration, Instant};

use super::abilities::SDP;
use super::call::{Phase, Reoffer};
use super::outgoing::description;
use super::{Because, CallEnd, CallError, CallEvent, CallKey, Capabilities, Endpoint, User};
use crate::message::{Method, Response};
use crate::sdp::{Direction, SdpError, agree};
use crate::timer::{Owner, RINGING_MAX, T1, Timer};
use crate::transaction::ClientOpening;

/// How often a re-INVITE that crosses one of theirs is tried; the waits are random, so that a few do.
const TRIES_MAX: u8 = 10;

impl Endpoint {
    pub(super) fn reoffer_call(
        &mut self,
        now: Instant,
        key: CallKey,
        capabilities: &Capabilities,
        direction: Direction,
    ) -> Result<(), CallError> {
        let call = self.calls.open(key).ok_or(CallError::NoCall)?;
        // One INVITE at a time, in either direction.
        if !matches!(call.phase, Phase::Up { .. }) || call.unacked.is_some() || call.reoffer.is_some() {
            return Err(CallError::WrongState);
        }
        if self.transactions.count() >= self.transactions_max {
            return Err(CallError::Full);
        }
        let capabilities = capabilities.clone();
        call.reoffer = Some(Reoffer { capabilities, direction, offer: Vec::new(), sent: None, tries: 0 });
        if self.send_reoffer(now, key) {
            return Ok(());
        }
        if let Some(call) = self.calls.of(key) {
            call.reoffer = None;
        }
        Err(CallError::Full)
    }

    /// Sends the re-INVITE; false where there is no way to the other side.
    fn send_reoffer(&mut self, now: Instant, key: CallKey) -> bool {
        let Some(call) = self.calls.of(key) else { return false };
        let Some(wanted) = &mut call.reoffer else { return false };
        wanted.offer = call.session.offer_of(&wanted.capabilities, wanted.direction);
        wanted.tries += 1;
        let offer = wanted.offer.clone();
        call.dialog.local_cseq += 1;
        let dialog = call.dialog.clone();
        let Some(path) = self.way_to(now, &dialog) else { return false };
        let branch = self.tokens.branch();
        let mut writer = dialog.request(Method::Invite, dialog.local_cseq, &self.via(&path, &branch));
        writer
            .header("Contact", &[dialog.contact.as_bytes()])
            .header("Allow", &[self.abilities.allow.as_bytes()]);
        writer.header("User-Agent", &[self.config.user_agent.as_bytes()]).header("Accept", &[SDP.as_bytes()]);
        let opening = ClientOpening {
            branch: &branch,
            method: Method::Invite,
            path,
            request: writer.end(Some((SDP, &offer))),
            user: User::Reoffer(key),
        };
        let sent = self.ask(now, opening).transaction;
        if let Some(wanted) = self.calls.of(key).and_then(|call| call.reoffer.as_mut()) {
            wanted.sent = Some(sent);
        }
        self.wire.timers.arm(Owner::Call(key), Timer::C, now + RINGING_MAX);
        true
    }

    /// A response to a re-INVITE of ours.
    pub(super) fn reoffer_heard(&mut self, now: Instant, key: CallKey, response: &Response<'_>) {
        match response.status {
            ..200 => {}
            200..300 => self.reoffer_accepted(now, key, response),
            300.. => self.reoffer_refused(now, key, response),
        }
    }

    fn reoffer_accepted(&mut self, now: Instant, key: CallKey, response: &Response<'_>) {
        let Some(call) = self.calls.of(key) else {
            // The call is over and forgotten; its other side may not know.
            self.dismiss_fork(now, response);
            return;
        };
        let cseq = response.core.cseq;
        let is_awaited = call.dialog.local_cseq == cseq;
        if is_awaited {
            call.dialog.refresh(response);
        }
        let dialog = call.dialog.clone();
        let ack = self.send_ack(now, &dialog, cseq, None);
        let Some(call) = self.calls.of(key).filter(|_| is_awaited) else { return };
        let Some(wanted) = call.reoffer.take_if(|wanted| wanted.sent.is_some()) else { return };
        call.phase = Phase::Up { ack };
        self.wire.timers.disarm(Owner::Call(key), Timer::C);
        let answered = description(response).ok_or(SdpError::NoAudio);
        match answered.and_then(|answer| agree(&wanted.offer, answer, &wanted.capabilities)) {
            Ok(agreement) => {
                call.session.capabilities = Some(wanted.capabilities);
                call.session.direction = wanted.direction;
                call.session.agreement = Some(agreement.clone());
                self.wire.tell(key, CallEvent::Changed(agreement));
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
        let is_awaited = call.dialog.local_cseq == response.core.cseq;
        let Some(wanted) = call.reoffer.as_mut().filter(|wanted| is_awaited && wanted.sent.is_some()) else {
            return;
        };
        wanted.sent = None;
        self.wire.timers.disarm(Owner::Call(key), Timer::C);
        match response.status {
            491 if wanted.tries < TRIES_MAX => {
                let wait = glare_wait(call.dialog.is_ours, drawn);
                self.wire.timers.arm(Owner::Call(key), Timer::Glare, now + wait);
            }
            // They know of no such call, or nobody is there ([RFC 3261 §12.2.1.2]).
            status @ (408 | 481) => {
                call.reoffer = None;
                self.end(now, key, CallEnd::Refused { status }, &Because::default());
            }
            // The call stays as it was, and the user hears that.
            _ => {
                call.reoffer = None;
                if let Some(agreement) = call.session.agreement.clone() {
                    self.wire.tell(key, CallEvent::Changed(agreement));
                }
            }
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

    /// Nobody answers a re-INVITE: the call is dead.
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
        let reoffered = call.reoffer.take().and_then(|wanted| wanted.sent);
        for invite in [Some(call.invite), reoffered].into_iter().flatten() {
            self.transactions.expect_end(&mut self.wire, now, invite);
        }
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

    #[test]
    fn the_two_sides_of_a_glare_never_wait_alike() {
        for drawn in 0..1_000 {
            let (ours, theirs) = (glare_wait(true, drawn), glare_wait(false, drawn * 7));
            assert!((Duration::from_millis(2_100)..=Duration::from_secs(4)).contains(&ours));
            assert!(theirs <= Duration::from_secs(2));
        }
    }
}
