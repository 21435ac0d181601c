//! Provisional responses of ours: ringing and early media, reliable where the caller wants it ([RFC 3262 §3]).

use std::collections::VecDeque;
use std::time::Instant;

use super::abilities::{RELIABLE, lists};
use super::call::{Accepting, Call, Phase, Reliable, Unpracked};
use super::receive::Asked;
use super::reply::Reply;
use super::screen::description;
use super::{Agreement, CallEnd, CallError, CallEvent, CallKey, Capabilities, Endpoint};
use crate::message::{HeaderName, Request, decimal};
use crate::rules::Reliability;
use crate::timer::{Owner, T1, T1_64, Timer};

/// Most provisional responses that wait for the PRACK of another; of more the oldest ones are left out.
const QUEUE_MAX: usize = 4;

/// What the RAck of a PRACK names: a response and its INVITE ([RFC 3262 §7.2]).
pub(super) fn acknowledged(request: &Request<'_>) -> Option<(u32, u32)> {
    let mut words = request.headers.first(HeaderName::RAck)?.split(u8::is_ascii_whitespace);
    let mut word = || words.find(|word| !word.is_empty());
    let (rseq, cseq, method) = (word()?, word()?, word()?);
    let number = |digits| decimal(digits).and_then(|number| u32::try_from(number).ok());
    (method == b"INVITE").then_some((number(rseq)?, number(cseq)?))
}

impl Endpoint {
    /// How provisional responses to an INVITE are sent.
    pub(super) fn reliable_for(&mut self, request: &Request<'_>) -> Option<Box<Reliable>> {
        let is_required = lists(&request.headers, HeaderName::Require, RELIABLE);
        let is_supported = lists(&request.headers, HeaderName::Supported, RELIABLE);
        let is_wanted = match self.config.rules.reliability {
            Reliability::Never => false,
            Reliability::WhenRequired => is_required,
            // Who supports it not at all was refused (421).
            Reliability::WhenSupported | Reliability::Always => is_required || is_supported,
        };
        // The first number is any of 1 to 2^31 - 1; a small one leaves room above it.
        let next_rseq = u32::try_from(self.tokens.number() % 1_000_000).unwrap_or(0) + 1;
        is_wanted
            .then(|| Box::new(Reliable { is_required, next_rseq, waiting: None, queue: VecDeque::new() }))
    }

    pub(super) fn ring_incoming(&mut self, now: Instant, key: CallKey) -> Result<(), CallError> {
        self.provisional_of(key)?;
        self.provisional(now, key, Reply::new(180));
        Ok(())
    }

    /// A call that takes provisional responses still.
    fn provisional_of(&mut self, key: CallKey) -> Result<&mut Call, CallError> {
        let call = self.calls.open(key).ok_or(CallError::NoCall)?;
        match &call.phase {
            Phase::Incoming(incoming) if incoming.accepting.is_none() => Ok(call),
            Phase::Incoming(_) | Phase::Outgoing(_) | Phase::Up { .. } | Phase::Leaving => {
                Err(CallError::WrongState)
            }
        }
    }

    pub(super) fn progress_incoming(
        &mut self,
        now: Instant,
        key: CallKey,
        capabilities: &Capabilities,
    ) -> Result<Option<Agreement>, CallError> {
        let call = self.provisional_of(key)?;
        let is_reliable = call.reliable.is_some();
        let Phase::Incoming(incoming) = &mut call.phase else { return Err(CallError::WrongState) };
        let session = &mut call.session;
        let is_described = session.is_agreed || session.open_offer.is_some() || incoming.shown.is_some();
        if is_described {
            // Once is enough: a second description would be another offer.
            let agreement = session.agreement.clone();
            let body = incoming.shown.clone().filter(|_| !is_reliable);
            self.provisional(now, key, Reply { body, ..Reply::new(183) });
            return Ok(agreement);
        }
        session.capabilities = Some(capabilities.clone());
        let description = match &incoming.offer {
            Some(offer) => match session.answer(offer) {
                Ok((description, agreement)) => {
                    session.agreement = Some(agreement);
                    session.is_agreed = is_reliable;
                    incoming.shown = Some(description.clone());
                    Some(description)
                }
                Err(why) => {
                    let refusal = self.no_agreement(key, why);
                    self.refuse(now, key, &refusal, CallEnd::NoAgreement);
                    return Err(CallError::NoAgreement);
                }
            },
            // An offer may only stand in a response that can't get lost (RFC 3262 §5).
            None if is_reliable => {
                session.open_offer = Some(session.offer());
                session.open_offer.clone()
            }
            None => None,
        };
        let agreement = session.agreement.clone();
        self.provisional(now, key, Reply { body: description, ..Reply::new(183) });
        Ok(agreement)
    }

    /// Sends a provisional response, or lets it wait for the one before it.
    fn provisional(&mut self, now: Instant, key: CallKey, reply: Reply) {
        let Some(call) = self.calls.of(key) else { return };
        let Phase::Incoming(incoming) = &call.phase else { return };
        let (transaction, head) = (call.invite, incoming.head.clone());
        let (tag, contact) = (call.dialog.local_tag.clone(), call.dialog.contact.clone());
        let owes_offer = incoming.offer.is_none() && !call.session.is_agreed && reply.body.is_none();
        let owes_offer = owes_offer && call.session.open_offer.is_none();
        if let Some(reliable) = call.reliable.as_mut().filter(|reliable| reliable.is_required || !owes_offer)
        {
            if owes_offer {
                return;
            }
            reliable.queue.push_back(reply);
            if reliable.queue.len() > QUEUE_MAX {
                // One without a description says least; there is at most one that has any.
                let least = reliable.queue.iter().position(|reply| reply.body.is_none()).unwrap_or(0);
                reliable.queue.remove(least);
            }
            self.send_reliable(now, key);
            return;
        }
        let status = reply.status;
        let mut reply = reply.with("Contact", &contact);
        reply.lines.extend_from_slice(head.record_routes());
        let bytes = self.written(&head, &reply, Some(&tag));
        self.transactions.respond(&mut self.wire, now, transaction, status, bytes);
    }

    /// Sends the next reliable provisional response, if no other waits for its PRACK.
    fn send_reliable(&mut self, now: Instant, key: CallKey) {
        let Some(call) = self.calls.of(key) else { return };
        let Phase::Incoming(incoming) = &call.phase else { return };
        let Some(reliable) = call.reliable.as_mut().filter(|reliable| reliable.waiting.is_none()) else {
            return;
        };
        let Some(reply) = reliable.queue.pop_front() else { return };
        let rseq = reliable.next_rseq;
        reliable.next_rseq += 1;
        let (transaction, head, cseq) = (call.invite, incoming.head.clone(), incoming.cseq);
        let tag = call.dialog.local_tag.clone();
        let (status, is_described) = (reply.status, reply.body.is_some());
        let reply = reply.with("Contact", &call.dialog.contact);
        let mut reply = reply.with("Require", RELIABLE).with("RSeq", &rseq.to_string());
        reply.lines.extend_from_slice(head.record_routes());
        let response = self.written(&head, &reply, Some(&tag));
        self.transactions.respond(&mut self.wire, now, transaction, status, response.clone());
        if let Some(reliable) = self.calls.of(key).and_then(|call| call.reliable.as_mut()) {
            reliable.waiting = Some(Unpracked { rseq, cseq, response, gap: T1, is_described });
        }
        self.wire.timers.arm(Owner::Call(key), Timer::Reliable1xx, now + T1);
        self.wire.timers.arm(Owner::Call(key), Timer::AwaitPrack, now + T1_64);
    }

    /// Sends it again, each time after twice the time, whatever the transport.
    pub(super) fn reliable_again(&mut self, now: Instant, key: CallKey) {
        let Some(call) = self.calls.of(key) else { return };
        let Phase::Incoming(incoming) = &call.phase else { return };
        let Some(waiting) = call.reliable.as_mut().and_then(|reliable| reliable.waiting.as_mut()) else {
            return;
        };
        waiting.gap *= 2;
        self.wire.timers.arm(Owner::Call(key), Timer::Reliable1xx, now + waiting.gap);
        self.wire.tally.retransmitted += 1;
        let (path, response) = (incoming.path, waiting.response.clone());
        self.wire.send(&path, response);
    }

    /// Nobody has acknowledged it: the call can't be answered in good order.
    pub(super) fn prack_missed(&mut self, now: Instant, key: CallKey) {
        self.refuse(now, key, &Reply::because(504, "No PRACK"), CallEnd::TimedOut);
    }

    /// PRACK: one response of ours has arrived ([RFC 3262 §3]).
    pub(super) fn handle_prack(&mut self, now: Instant, key: CallKey, asked: &Asked<'_, '_>) {
        let found = acknowledged(asked.request);
        let Some(call) = self.calls.of(key) else { return };
        let is_over = call.is_over;
        let reliable = call.reliable.as_mut();
        let is_awaited = |waiting: &mut Unpracked| found == Some((waiting.rseq, waiting.cseq));
        let Some(acknowledged) = reliable.and_then(|reliable| reliable.waiting.take_if(is_awaited)) else {
            self.reply(now, asked, &Reply::new(481));
            return;
        };
        self.wire.timers.disarm(Owner::Call(key), Timer::Reliable1xx);
        self.wire.timers.disarm(Owner::Call(key), Timer::AwaitPrack);
        if is_over {
            self.reply(now, asked, &Reply::new(200));
            return;
        }
        match self.prack_description(key, asked, acknowledged.is_described) {
            Err(Unfit::Prack(refusal)) => self.reply(now, asked, &refusal),
            Err(Unfit::Call(refusal)) => {
                self.reply(now, asked, &Reply::new(200));
                self.refuse(now, key, &refusal, CallEnd::NoAgreement);
                return;
            }
            Ok((body, agreement)) => {
                self.reply(now, asked, &Reply { body, ..Reply::new(200) });
                if let Some(agreement) = agreement {
                    self.tell_media(key, asked.request.core.from.tag().unwrap_or_default(), agreement);
                }
            }
        }
        self.go_on(now, key);
    }

    /// What a PRACK says of the media: the answer to our offer, or another offer.
    fn prack_description(
        &mut self,
        key: CallKey,
        asked: &Asked<'_, '_>,
        is_described: bool,
    ) -> Result<(Option<Vec<u8>>, Option<Agreement>), Unfit> {
        let given = description(asked.request).map_err(Unfit::Prack)?;
        let Some(call) = self.calls.of(key) else { return Ok((None, None)) };
        let session = &mut call.session;
        match (session.open_offer.take_if(|_| is_described), given) {
            (Some(ours), Some(answer)) => match session.agree(&ours, answer) {
                Ok(agreement) => {
                    session.is_agreed = true;
                    Ok((None, Some(agreement)))
                }
                Err(why) => Err(Unfit::Call(self.no_agreement(key, why))),
            },
            (Some(_), None) => Err(Unfit::Call(Reply::because(488, "No Answer In PRACK"))),
            (None, None) => Ok((None, None)),
            (None, Some(offer)) if session.is_agreed => match session.answer(offer) {
                Ok((answer, agreement)) => Ok((Some(answer), Some(agreement))),
                // All stays as it was agreed.
                Err(why) => Err(Unfit::Prack(self.no_agreement(key, why))),
            },
            // A second offer before the first one is answered.
            (None, Some(_)) => Err(Unfit::Prack(self.too_early())),
        }
    }

    /// What has waited for a PRACK: the answer, or another provisional response.
    fn go_on(&mut self, now: Instant, key: CallKey) {
        self.send_reliable(now, key);
        let Some(call) = self.calls.of(key) else { return };
        let Phase::Incoming(incoming) = &mut call.phase else { return };
        if let Some(accepting) = incoming.accepting.take() {
            self.accept_when_due(now, key, accepting);
        }
    }

    /// Sends the 2xx of an incoming call, unless it has to wait: a description that is on its way must arrive first
    /// ([RFC 3262 §3]).
    pub(super) fn accept_when_due(&mut self, now: Instant, key: CallKey, accepting: Accepting) {
        let Some(call) = self.calls.of(key) else { return };
        let waiting = call.reliable.as_mut().and_then(|reliable| {
            // What is not sent yet is overtaken by the answer, but for a description: it goes out first.
            reliable.queue.retain(|reply| reply.body.is_some());
            reliable.waiting.as_ref().map(|waiting| waiting.is_described || !reliable.queue.is_empty())
        });
        let Phase::Incoming(incoming) = &mut call.phase else { return };
        if waiting == Some(true) {
            incoming.accepting = Some(accepting);
        } else {
            self.accept(now, key, accepting);
        }
    }

    /// Tells of media that was agreed on, or changed; a mere refresh is none.
    pub(super) fn tell_media(&mut self, key: CallKey, remote_tag: &[u8], agreement: Agreement) {
        let Some(call) = self.calls.of(key) else { return };
        let is_up = matches!(call.phase, Phase::Up { .. });
        let Some((_, session)) = call.side(remote_tag) else { return };
        if session.agreement.as_ref() != Some(&agreement) {
            session.agreement = Some(agreement.clone());
            let event = if is_up { CallEvent::Changed(agreement) } else { CallEvent::Early(agreement) };
            self.tell(key, event);
        }
    }
}

/// Why the media of a PRACK can't be had.
enum Unfit {
    /// The PRACK is refused, and the call goes on.
    Prack(Reply),
    /// The call is refused.
    Call(Reply),
}
