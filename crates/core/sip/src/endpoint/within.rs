//! Requests within a call: ACK, BYE, re-INVITE, UPDATE, INFO, OPTIONS ([RFC 3261 §12.2.2]).

use std::time::Instant;

use super::call::{Phase, Unacked};
use super::receive::Asked;
use super::refresh::session_for;
use super::reply::{Reply, response_path};
use super::screen::{description, is_media_type};
use super::subscriptions::Place;
use super::{Because, CallEnd, CallEvent, CallKey, Endpoint};
use crate::body::session_description;
use crate::identity::reasons;
use crate::message::{HeaderName, Method, Request, decimal};
use crate::sdp::Agreement;
use crate::timer::{Owner, T1, Timer};

/// What an offer within a call came to.
struct Renegotiated {
    /// The body of the 200.
    description: Vec<u8>,
    /// The same as our offer, where they made none and ACK has to bring the answer.
    ours: Option<Vec<u8>>,
    agreement: Option<Agreement>,
}

impl Endpoint {
    pub(super) fn handle_within(&mut self, now: Instant, asked: &Asked<'_, '_>) {
        let core = &asked.request.core;
        let tags = (core.to.tag().unwrap_or_default(), core.from.tag().unwrap_or_default());
        let Some(key) = self.calls.find(core.call_id, tags.0, tags.1) else {
            if !self.handle_beside_calls(now, asked) {
                let is_acknowledged =
                    asked.request.method == Method::Prack && self.overtaken.take(now, asked.request);
                self.reply(now, asked, &Reply::new(if is_acknowledged { 200 } else { 481 }));
            }
            return;
        };
        let Some((dialog, _)) = self.calls.of(key).and_then(|call| call.side(tags.1)) else { return };
        if core.cseq < dialog.remote_cseq {
            self.reply(now, asked, &Reply::because(500, "CSeq Out Of Order"));
            return;
        }
        dialog.remote_cseq = core.cseq;
        if asked.request.method == Method::Invite {
            self.overtake_ack(now, key, asked.request);
        }
        let Some(call) = self.calls.of(key) else { return };
        // As long as a call of ours may have several callees, none of them begins anything beside it.
        let is_whole = !matches!(call.phase, Phase::Outgoing(_));
        match asked.request.method {
            Method::Bye => self.handle_bye(now, key, asked),
            Method::Subscribe | Method::Notify | Method::Refer if is_whole => {
                self.handle_watching(now, asked, Place::Call(key));
            }
            // What was sent reliably before may be acknowledged still.
            Method::Prack => self.handle_prack(now, key, asked),
            _ if call.is_over => self.reply(now, asked, &Reply::new(481)),
            Method::Invite => self.handle_reinvite(now, key, asked),
            Method::Update => self.handle_update(now, key, asked),
            Method::Info => self.handle_info(now, key, asked),
            Method::Options => self.handle_options(now, asked),
            Method::Subscribe | Method::Notify | Method::Refer => {
                let refusal = self.too_early();
                self.reply(now, asked, &refusal);
            }
            // The screen has refused these.
            Method::Ack
            | Method::Cancel
            | Method::Message
            | Method::Register
            | Method::Publish
            | Method::Other(_) => self.reply(now, asked, &Reply::new(405)),
        }
    }

    fn handle_bye(&mut self, now: Instant, key: CallKey, asked: &Asked<'_, '_>) {
        self.reply(now, asked, &Reply::new(200));
        // BYE in an early dialog: the INVITE still wants its answer (RFC 3261 §15.1.2).
        let end = CallEnd::TheyHungUp(reasons(&asked.request.headers));
        self.refuse(now, key, &Reply::new(487), end.clone());
        self.finish(key, end);
        // And where the INVITE is ours its answer may never come.
        self.expect_answers_end(now, key);
        self.forget(key);
    }

    /// ACK of a 2xx of ours.
    pub(super) fn acked(&mut self, now: Instant, key: CallKey, request: &Request<'_>) {
        let Some(call) = self.calls.of(key) else { return };
        if call.unacked.as_ref().is_none_or(|unacked| unacked.cseq != request.core.cseq) {
            return;
        }
        let Some(unacked) = call.unacked.take() else { return };
        let answer = session_description(&request.headers, request.body).ok().flatten();
        let outcome = unacked.offer.as_ref().map(|offer| {
            answer.ok_or(()).and_then(|answer| call.session.agree(offer, answer).map_err(|_| ()))
        });
        self.wire.timers.disarm(Owner::Call(key), Timer::Accepted2xx);
        self.wire.timers.disarm(Owner::Call(key), Timer::AwaitAck);
        self.calls.settle(key);
        if let Some(because) = unacked.bye {
            self.leave(now, key, &because);
            return;
        }
        let agreement = match outcome {
            Some(Err(())) => {
                let because =
                    Because { text: "No answer that fits".to_owned(), cause: 488, retry_after: None };
                self.end(now, key, CallEnd::NoAgreement, &because);
                return;
            }
            Some(Ok(agreement)) => Some(agreement),
            None => None,
        };
        if unacked.is_first {
            self.confirmed(key, agreement, unacked.is_told);
        } else if let Some(agreement) = agreement {
            self.tell_media(key, request.core.from.tag().unwrap_or_default(), agreement);
        }
    }

    /// The call is up on both sides, with the media that its user has not heard of yet.
    fn confirmed(&mut self, key: CallKey, agreement: Option<Agreement>, is_told: bool) {
        let Some(call) = self.calls.of(key) else { return };
        if agreement.is_some() {
            call.session.agreement.clone_from(&agreement);
        }
        call.session.is_agreed = true;
        let untold = call.session.agreement.clone().filter(|_| !is_told);
        self.tell(key, CallEvent::Confirmed(untold));
    }

    /// A new INVITE is only sent by who has our 2xx to the one before: it does for the ACK that has not come.
    fn overtake_ack(&mut self, now: Instant, key: CallKey, request: &Request<'_>) {
        let Some(call) = self.calls.of(key) else { return };
        let cseq = request.core.cseq;
        let Some(unacked) = call.unacked.take_if(|unacked| unacked.offer.is_none() && unacked.cseq < cseq)
        else {
            return;
        };
        self.wire.timers.disarm(Owner::Call(key), Timer::Accepted2xx);
        self.wire.timers.disarm(Owner::Call(key), Timer::AwaitAck);
        self.calls.settle(key);
        if let Some(because) = unacked.bye {
            self.leave(now, key, &because);
        } else if unacked.is_first {
            self.confirmed(key, None, unacked.is_told);
        }
    }

    fn handle_reinvite(&mut self, now: Instant, key: CallKey, asked: &Asked<'_, '_>) {
        let Renegotiated { description, ours, agreement } = match self.renegotiate(key, asked) {
            Ok(renegotiated) => renegotiated,
            Err(refusal) => {
                self.reply(now, asked, &refusal);
                return;
            }
        };
        self.follow(key, asked);
        let Some(call) = self.calls.of(key) else { return };
        let reply = Reply::new(200).with_sdp(description).with("Contact", &call.dialog.contact);
        let timer = session_for(self.config.rules.session, asked.request).ok().flatten();
        let reply = reply.with_session(timer);
        let response = self.written(&asked.head, &reply, None);
        self.transactions.respond(&mut self.wire, now, asked.transaction, 200, response.clone());
        let path = response_path(asked.request, asked.source);
        let cseq = asked.request.core.cseq;
        if let Some(call) = self.calls.of(key) {
            call.unacked = Some(Unacked {
                cseq,
                response,
                path,
                gap: T1,
                offer: ours,
                is_first: false,
                is_told: true,
                bye: None,
            });
        }
        self.await_ack(now, key);
        self.session_runs(now, key, timer);
        if let Some(agreement) = agreement {
            self.tell_media(key, asked.request.core.from.tag().unwrap_or_default(), agreement);
        }
    }

    /// They may have moved: their new Contact, and the way that this request came, hold from now on.
    fn follow(&mut self, key: CallKey, asked: &Asked<'_, '_>) {
        let tag = asked.request.core.from.tag().unwrap_or_default();
        let Some((dialog, _)) = self.calls.of(key).and_then(|call| call.side(tag)) else { return };
        let before = dialog.path;
        dialog.follow(asked.request, asked.source);
        let after = dialog.path;
        self.wire.count_call(&before, false);
        self.wire.count_call(&after, true);
    }

    /// The description that answers an offer within the call; where there is none, one that makes ours.
    fn renegotiate(&mut self, key: CallKey, asked: &Asked<'_, '_>) -> Result<Renegotiated, Reply> {
        let offer = description(asked.request)?;
        session_for(self.config.rules.session, asked.request)?;
        self.may_renegotiate(key, asked)?;
        let tag = asked.request.core.from.tag().unwrap_or_default();
        let side = self.calls.of(key).and_then(|call| call.side(tag));
        let (_, session) = side.ok_or_else(|| Reply::new(481))?;
        let Some(offer) = offer else {
            let ours = session.offer();
            return Ok(Renegotiated { description: ours.clone(), ours: Some(ours), agreement: None });
        };
        match session.answer(offer) {
            Ok((description, agreement)) => {
                Ok(Renegotiated { description, ours: None, agreement: Some(agreement) })
            }
            // The call stays as it was (RFC 3261 §14.2).
            Err(why) => Err(self.no_agreement(key, why)),
        }
    }

    /// Whether it is their turn to offer: 491 where an offer of ours is open, 500 where one of theirs is
    /// ([RFC 3261 §14.2], [RFC 3311 §5.2], [RFC 6141]).
    fn may_renegotiate(&mut self, key: CallKey, asked: &Asked<'_, '_>) -> Result<(), Reply> {
        let tag = asked.request.core.from.tag().unwrap_or_default();
        let is_update = asked.request.method == Method::Update;
        let call = self.calls.of(key).ok_or_else(|| Reply::new(481))?;
        let is_refreshing = call.refresh.is_some_and(|sent| sent.is_invite);
        let is_crossed = is_refreshing || call.reoffer.as_ref().is_some_and(|wanted| wanted.sent.is_some());
        let (is_open, is_agreed) = call
            .side(tag)
            .map_or((false, false), |(_, session)| (session.open_offer.is_some(), session.is_agreed));
        match (&call.phase, &call.unacked) {
            (Phase::Leaving, _) => Err(Reply::new(481)),
            _ if is_crossed => Err(Reply::new(491)),
            // Whoever has the answer needs no ACK to go on from it: it was lost, or is behind this request.
            (Phase::Up { .. }, Some(Unacked { offer: None, .. }) | None) => Ok(()),
            // An offer of ours is open until the ACK brings its answer.
            (Phase::Up { .. }, Some(_)) => Err(Reply::new(491)),
            (Phase::Incoming(_) | Phase::Outgoing(_), _) if is_update && is_agreed => Ok(()),
            (Phase::Incoming(_), _) if is_open => Err(Reply::new(491)),
            (Phase::Incoming(_), _) => Err(self.too_early()),
            // Our INVITE is open.
            (Phase::Outgoing(_), _) => Err(Reply::new(491)),
        }
    }

    /// 500 for what can't be done just now but soon can ([RFC 3261 §14.2]).
    pub(super) fn too_early(&mut self) -> Reply {
        Reply::new(500).with("Retry-After", &(self.tokens.number() % 11).to_string())
    }

    /// UPDATE: like a re-INVITE with an offer, but answered at once ([RFC 3311 §5.2]).
    fn handle_update(&mut self, now: Instant, key: CallKey, asked: &Asked<'_, '_>) {
        let session = session_for(self.config.rules.session, asked.request);
        let reply = match session.and_then(|_| description(asked.request)) {
            Err(refusal) => Err(refusal),
            Ok(None) => Ok(None),
            Ok(Some(_)) => self.renegotiate(key, asked).map(Some),
        };
        match reply {
            Err(refusal) => self.reply(now, asked, &refusal),
            Ok(outcome) => {
                self.follow(key, asked);
                let Some(call) = self.calls.of(key) else { return };
                let is_up = matches!(call.phase, Phase::Up { .. });
                let reply = Reply::new(200).with("Contact", &call.dialog.contact);
                let timer = session_for(self.config.rules.session, asked.request).ok().flatten();
                let timer = timer.filter(|_| is_up);
                let mut reply = reply.with_session(timer);
                let agreement = outcome.and_then(|renegotiated| {
                    reply.body = Some(renegotiated.description);
                    renegotiated.agreement
                });
                self.reply(now, asked, &reply);
                self.session_runs(now, key, timer);
                if let Some(agreement) = agreement {
                    self.tell_media(key, asked.request.core.from.tag().unwrap_or_default(), agreement);
                }
            }
        }
    }

    /// INFO: keys, in the two ways that phones send them.
    fn handle_info(&mut self, now: Instant, key: CallKey, asked: &Asked<'_, '_>) {
        let request = asked.request;
        let content_type = request.headers.first(HeaderName::ContentType).unwrap_or_default();
        let pressed = if request.body.is_empty() {
            None
        } else if is_media_type(content_type, "application/dtmf-relay") {
            Some(relayed_key(request.body))
        } else if is_media_type(content_type, "application/dtmf") {
            Some(key_of(request.body.trim_ascii()))
        } else {
            self.reply(
                now,
                asked,
                &Reply::new(415).with("Accept", "application/dtmf-relay, application/dtmf"),
            );
            return;
        };
        match pressed {
            Some(None) => self.reply(now, asked, &Reply::because(400, "No Key")),
            Some(Some(pressed)) => {
                self.reply(now, asked, &Reply::new(200));
                self.tell(key, CallEvent::Key(pressed));
            }
            // Without a body it only asks whether we are there.
            None => self.reply(now, asked, &Reply::new(200)),
        }
    }
}

/// The key in `Signal=5` of `application/dtmf-relay`.
fn relayed_key(body: &[u8]) -> Option<char> {
    body.split(|byte| *byte == b'\n').find_map(|line| {
        let equals = line.iter().position(|byte| *byte == b'=')?;
        let is_signal = line[..equals].trim_ascii().eq_ignore_ascii_case(b"Signal");
        if is_signal { key_of(line[equals + 1..].trim_ascii()) } else { None }
    })
}

/// A key by its character, or by its number from 10 on as some phones write `*` and `#`.
fn key_of(text: &[u8]) -> Option<char> {
    match text {
        [key @ (b'0'..=b'9' | b'*' | b'#')] => Some(char::from(*key)),
        [key @ (b'A'..=b'D' | b'a'..=b'd')] => Some(char::from(key.to_ascii_uppercase())),
        other => match decimal(other)? {
            10 => Some('*'),
            11 => Some('#'),
            12 => Some('A'),
            13 => Some('B'),
            14 => Some('C'),
            15 => Some('D'),
            _ => None,
        },
    }
}
