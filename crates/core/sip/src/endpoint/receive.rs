//! Messages that come in: to their transaction, dialog or call, or refused.

use std::collections::BTreeSet;
use std::time::Instant;

use super::reply::{Reply, ResponseHead, response_path};
use super::screen::{Kind, screen};
use super::{ConnectionId, Endpoint, User};
use crate::message::{Dropped, HeaderName, Message, Method, Refusal, Request, Response, parse, unfolded};
use crate::stun;
use crate::timer::{Timer, TransactionId};
use crate::transaction::{Acked, Heard, ServerOpening, merge_key, server_key};
use crate::wire::Path;

/// A request that is being worked on.
#[derive(Debug)]
pub(super) struct Asked<'r, 'a> {
    pub(super) request: &'r Request<'a>,
    /// Where it came from.
    pub(super) source: Path,
    pub(super) transaction: TransactionId,
    pub(super) head: ResponseHead,
}

impl Endpoint {
    pub(super) fn receive(&mut self, now: Instant, path: Path, bytes: &[u8]) {
        if path.connection.is_none() && bytes.iter().all(u8::is_ascii_whitespace) {
            // An empty datagram keeps a NAT binding open.
            return;
        }
        if path.connection.is_none() && stun::is_stun(bytes) {
            self.answer_stun(path, bytes);
            return;
        }
        let flat = unfolded(bytes);
        match parse(&flat) {
            Ok(Message::Request(request)) => self.handle_request(now, path, &request),
            Ok(Message::Response(response)) => self.handle_response(now, path, &response),
            Err(Dropped::Silently) => self.drop_foreign(),
            Err(Dropped::Answer(refusal)) => self.refuse_broken(path, &refusal),
        }
    }

    /// A keep-alive that asks for its address ([RFC 5626 §4.4.2]).
    fn answer_stun(&mut self, path: Path, bytes: &[u8]) {
        match stun::answer(bytes, path.remote) {
            Some(answer) => {
                self.wire.tally.stun_answered += 1;
                self.wire.send(&path, answer);
            }
            None => self.drop_foreign(),
        }
    }

    /// A message on a stream whose end can't be found: it is answered as well as it can be.
    pub(super) fn refuse_unframed(&mut self, path: Path, head: &[u8]) {
        let flat = unfolded(head);
        match parse(&flat) {
            Ok(Message::Request(request)) if request.method != Method::Ack => {
                let refusal = Refusal { status: 400, why: "No Content-Length", headers: request.headers };
                self.refuse_broken(path, &refusal);
            }
            Err(Dropped::Answer(refusal)) => self.refuse_broken(path, &refusal),
            Ok(_) | Err(Dropped::Silently) => self.drop_foreign(),
        }
    }

    /// Says what is wrong, without a transaction: a copy gets the same answer again.
    fn refuse_broken(&mut self, path: Path, refusal: &Refusal<'_>) {
        if refusal.headers.first(HeaderName::Via).is_none() {
            self.drop_foreign();
            return;
        }
        self.wire.tally.refused += 1;
        let via = refusal
            .headers
            .first(HeaderName::Via)
            .and_then(|value| crate::message::split_commas(value).next());
        let via = via.and_then(|value| crate::message::Via::parse(value).ok());
        let remote = via
            .filter(|_| path.connection.is_none())
            .map_or(path.remote, |via| via.response_address(path.remote));
        let head = ResponseHead::of(&refusal.headers, path.remote);
        let reply = Reply::because(refusal.status, refusal.why);
        let bytes = self.written(&head, &reply, None);
        self.wire.send(&Path { remote, ..path }, bytes);
    }

    fn handle_request(&mut self, now: Instant, path: Path, request: &Request<'_>) {
        if request.method == Method::Ack {
            self.handle_ack(now, request);
            return;
        }
        let key = server_key(request, request.method);
        if let Some(id) = self.transactions.find_server(&key) {
            self.transactions.request_again(&mut self.wire, id);
            return;
        }
        let head = ResponseHead::of(&request.headers, path.remote);
        if let Some(refusal) = self.refused_at_door(&path, request) {
            self.refuse_at_door(path, request, &head, &refusal);
            return;
        }
        let is_new = request.core.to.tag().is_none() && request.method != Method::Cancel;
        let merge_key = is_new.then(|| merge_key(request));
        let is_merged = merge_key.as_ref().is_some_and(|key| self.transactions.is_merged(key));
        let is_invite = request.method == Method::Invite;
        let opening = ServerOpening {
            key,
            merge_key: merge_key.filter(|_| !is_merged),
            path: response_path(request, path),
            is_invite,
        };
        let transaction = self.transactions.open_server(opening);
        let asked = Asked { request, source: path, transaction, head };
        if is_merged {
            self.reply(now, &asked, &Reply::new(482));
            return;
        }
        match screen(request, &self.abilities, path.transport()) {
            Err(refusal) => self.reply(now, &asked, &refusal),
            Ok(Kind::Cancel) => self.handle_cancel(now, &asked),
            Ok(Kind::Within) => self.handle_within(now, &asked),
            Ok(Kind::Invite) => self.handle_invite(now, &asked),
            Ok(Kind::Subscribe) => self.handle_subscribe(now, &asked, None),
            Ok(Kind::Refer) => self.handle_refer(now, &asked, None),
            Ok(Kind::Options) => self.handle_options(now, &asked),
        }
    }

    /// OPTIONS: what an INVITE would be told, and what we can do ([RFC 3261 §11.2]).
    pub(super) fn handle_options(&mut self, now: Instant, asked: &Asked<'_, '_>) {
        // Calls that only try to come in say nothing about our health: they must not make others think us dead.
        let is_new = asked.request.core.to.tag().is_none();
        self.wire.tally.questions += u64::from(is_new);
        let reply = if is_new && self.takes_no_calls() { Reply::full() } else { Reply::new(200) };
        let reply = reply
            .with("Accept", &self.abilities.accept)
            .with("Accept-Encoding", "identity")
            .with("Accept-Language", "en")
            .with("Supported", &self.abilities.supported)
            .with_some("Allow-Events", &self.abilities.allow_events);
        self.reply(now, asked, &reply);
    }

    fn handle_ack(&mut self, now: Instant, request: &Request<'_>) {
        let key = server_key(request, Method::Invite);
        if let Some(id) = self.transactions.find_server(&key)
            && self.transactions.acked(&mut self.wire, now, id) != Some(Acked::Accepted)
        {
            return;
        }
        let core = &request.core;
        let found = core
            .to
            .tag()
            .and_then(|tag| self.calls.find(core.call_id, tag, core.from.tag().unwrap_or_default()));
        match found {
            Some(call) => self.acked(now, call, request),
            None if self.is_of_door(request) => {}
            None => self.drop_foreign(),
        }
    }

    fn handle_response(&mut self, now: Instant, source: Path, response: &Response<'_>) {
        // A response with a second Via is somebody else's (RFC 3261 §8.1.3.3).
        let vias = response.headers.all(HeaderName::Via).flat_map(crate::message::split_commas).count();
        if vias != 1 {
            self.drop_foreign();
            return;
        }
        let sent = self.sent_for(response);
        let heard = self.transactions.heard(&mut self.wire, now, response);
        if let Heard::Tell(user) = heard
            && self.overcomes(now, user, response, sent)
        {
            return;
        }
        match heard {
            Heard::Tell(User::Invite(call)) => self.invite_heard(now, call, source, response),
            Heard::Tell(User::Reoffer(call)) => self.reoffer_heard(now, call, source, response),
            Heard::Tell(User::Bye(call)) => self.forget(call),
            Heard::Tell(User::Register(key)) => self.register_heard(now, key, response),
            Heard::Tell(User::Refresh(call)) => self.refresh_heard(now, call, source, response),
            Heard::Tell(User::Subscribe(key)) => self.subscribe_heard(now, key, response),
            Heard::Tell(User::Notify(key)) => self.notify_heard(now, key, response),
            Heard::Tell(User::Nobody | User::Prack(..)) | Heard::Absorbed => {}
            Heard::Stray => self.stray_response(now, response),
        }
    }

    /// Answers a request of which nothing more is to be said.
    pub(super) fn reply(&mut self, now: Instant, asked: &Asked<'_, '_>, reply: &Reply) {
        // Within a call refusals are part of it: two who change it at once, a key that is none.
        let is_strange = asked.request.core.to.tag().is_none() || reply.status == 481;
        self.wire.tally.refused += u64::from(is_strange && reply.status >= 400);
        let bytes = self.written(&asked.head, reply, None);
        self.transactions.respond(&mut self.wire, now, asked.transaction, reply.status, bytes);
    }

    /// Something came that is no SIP, or belongs to nothing.
    const fn drop_foreign(&mut self) {
        self.wire.tally.dropped += 1;
        self.wire.tally.foreign += 1;
    }

    /// A whole response. Without a tag given it draws one.
    pub(super) fn written(&mut self, head: &ResponseHead, reply: &Reply, tag: Option<&str>) -> Vec<u8> {
        let drawn;
        let tag = if let Some(tag) = tag {
            tag
        } else {
            drawn = self.tokens.tag();
            &drawn
        };
        let mut writer = head.begin(reply.status, reply.reason, tag);
        if reply.status > 100 {
            writer.header("Allow", &[self.abilities.allow.as_bytes()]);
            writer.header("Server", &[self.config.user_agent.as_bytes()]);
        }
        writer.lines(&reply.lines);
        writer.end(reply.body.as_deref().map(|body| (super::abilities::SDP, body)))
    }

    pub(super) fn connection_timeout(&mut self, now: Instant, connection: ConnectionId, timer: Timer) {
        if timer == Timer::StreamInstead {
            let waiting = self.wire.close(connection);
            self.fail(now, waiting, false);
            self.registrations_lost(now, connection);
        } else if self.wire.is_unused(connection) {
            let waiting = self.wire.close(connection);
            self.fail(now, waiting, true);
        } else {
            self.wire.touch(now, connection);
        }
    }

    /// The transport failed under these transactions, after it carried their requests or before.
    pub(super) fn fail(&mut self, now: Instant, waiting: BTreeSet<TransactionId>, has_left: bool) {
        for id in waiting {
            if let Some(expired) = self.transactions.transport_failed(&mut self.wire, id) {
                if !has_left {
                    self.uncount(&expired);
                }
                self.unanswered(now, &expired);
            }
        }
    }
}
