//! How calls end: by us, by them, by time.

use std::time::Instant;

use super::call::{Phase, Progress};
use super::reply::{Reply, because_lines};
use super::{Because, CallEnd, CallEvent, CallKey, Endpoint, SubscriptionEnd, User};
use crate::dialog::Dialog;
use crate::message::Method;
use crate::timer::{Owner, Timer, doubled};
use crate::transaction::{ClientOpening, Expired};
use crate::wire::Path;

impl Endpoint {
    /// Tells the user that a call is over, once.
    pub(super) fn finish(&mut self, key: CallKey, end: CallEnd) {
        if self.calls.finish(key) {
            self.wire.tell(key, CallEvent::Ended(end));
        }
    }

    /// Tells the user what happened to a call; of one that is over nothing more is told.
    pub(super) fn tell(&mut self, key: CallKey, event: CallEvent) {
        if self.calls.open(key).is_some() {
            self.wire.tell(key, event);
        }
    }

    /// Forgets a call and its timers.
    pub(super) fn forget(&mut self, key: CallKey) {
        self.wire.timers.disarm_all(Owner::Call(key));
        if let Some(call) = self.calls.remove(key) {
            self.wire.count_call(&call.dialog.path, false);
            self.outlive_call(key, call);
        }
    }

    /// Ends a call from our side, by what its state asks for.
    pub(super) fn end(&mut self, now: Instant, key: CallKey, end: CallEnd, because: &Because) {
        let Some(call) = self.calls.of(key) else { return };
        match &mut call.phase {
            Phase::Incoming(_) => {
                let mut refusal = Reply::new(480);
                refusal.lines = because_lines(because);
                self.refuse(now, key, &refusal, end);
            }
            Phase::Outgoing(outgoing) => {
                let may_cancel =
                    outgoing.progress != Progress::Silent && outgoing.progress != Progress::Cancelled;
                let is_unlocated = call.effort.as_ref().is_some_and(|effort| effort.is_unlocated());
                self.finish(key, end);
                if is_unlocated {
                    self.forget(key);
                    return;
                }
                // Before anything is heard a CANCEL could overtake its INVITE: it is sent with the first 1xx.
                if may_cancel {
                    self.cancel(now, key);
                }
            }
            Phase::Up { .. } => {
                if let Some(unacked) =
                    call.unacked.as_mut().filter(|unacked| unacked.is_first && end != CallEnd::TimedOut)
                {
                    unacked.bye = Some(because.clone());
                    self.finish(key, end);
                } else {
                    self.finish(key, end);
                    self.leave(now, key, because);
                }
            }
            Phase::Leaving => {}
        }
    }

    /// Sends BYE.
    pub(super) fn leave(&mut self, now: Instant, key: CallKey, because: &Because) {
        self.calls.settle(key);
        self.wire.timers.disarm_all(Owner::Call(key));
        self.expect_answers_end(now, key);
        let Some(call) = self.calls.of(key) else { return };
        call.phase = Phase::Leaving;
        call.unacked = None;
        call.dialog.local_cseq += 1;
        let mut dialog = call.dialog.clone();
        let is_sent = self.send_bye(now, &mut dialog, because, User::Bye(key));
        if !is_sent {
            self.forget(key);
        }
    }

    /// Sends the BYE of a dialog; false where there is no way to its other side.
    pub(super) fn send_bye(
        &mut self,
        now: Instant,
        dialog: &mut Dialog,
        because: &Because,
        user: User,
    ) -> bool {
        let Some(path) = self.way_to(now, dialog) else { return false };
        let branch = self.tokens.branch();
        let mut writer = dialog.request(Method::Bye, dialog.local_cseq, &self.via(&path, &branch));
        writer.header("User-Agent", &[self.config.user_agent.as_bytes()]).lines(&because_lines(because));
        let opening =
            ClientOpening { branch: &branch, method: Method::Bye, path, request: writer.end(None), user };
        self.ask(now, opening);
        true
    }

    /// The way that the next request of a dialog takes.
    pub(super) fn way_to(&mut self, now: Instant, dialog: &Dialog) -> Option<Path> {
        let path = dialog.path;
        let Some(connection) = path.connection else {
            return Some(Path { remote: dialog.next_hop(), ..path });
        };
        if self.wire.connection(connection).is_some() {
            return Some(path);
        }
        let name = dialog.next_hop_name();
        self.wire.stream_to(now, Path { remote: dialog.next_hop(), connection: None, ..path }, &name)
    }

    /// A timer of a call fired.
    pub(super) fn call_timeout(&mut self, now: Instant, key: CallKey, timer: Timer) {
        match timer {
            Timer::Glare => self.reoffer_again(now, key),
            Timer::RefreshSession => self.refresh(now, key),
            Timer::SessionExpires => self.session_expired(now, key),
            Timer::Reliable1xx => self.reliable_again(now, key),
            Timer::AwaitPrack => self.prack_missed(now, key),
            Timer::Accepted2xx => self.accept_again(now, key),
            Timer::AwaitAck => {
                let bye =
                    self.calls.of(key).and_then(|call| call.unacked.take()).and_then(|unacked| unacked.bye);
                let silence = Because { text: "No ACK".to_owned(), cause: 408, retry_after: None };
                self.end(now, key, CallEnd::TimedOut, &bye.unwrap_or(silence));
            }
            Timer::C | Timer::Longest => {
                let because = Because { text: "Too long".to_owned(), cause: 408, retry_after: None };
                self.end(now, key, CallEnd::TimedOut, &because);
            }
            Timer::A
            | Timer::B
            | Timer::D
            | Timer::E
            | Timer::F
            | Timer::G
            | Timer::H
            | Timer::I
            | Timer::J
            | Timer::K
            | Timer::L
            | Timer::M
            | Timer::N
            | Timer::SubscriptionExpires
            | Timer::RefreshSubscription
            | Timer::NotifyAgain
            | Timer::AwaitDecision
            | Timer::Refresh
            | Timer::Ping
            | Timer::StreamInstead
            | Timer::Idle => {}
        }
    }

    /// Sends a 2xx again ([RFC 3261 §13.3.1.4]): over any transport, for a proxy may have lost it behind ours.
    fn accept_again(&mut self, now: Instant, key: CallKey) {
        let Some(call) = self.calls.of(key) else { return };
        let Some(unacked) = &mut call.unacked else { return };
        unacked.gap = doubled(unacked.gap);
        self.wire.timers.arm(Owner::Call(key), Timer::Accepted2xx, now + unacked.gap);
        self.wire.tally.retransmitted += 1;
        let (path, response) = (unacked.path, unacked.response.clone());
        self.wire.send(&path, response);
    }

    /// A request of ours got no answer in time, or its transport failed.
    pub(super) fn unanswered(&mut self, now: Instant, expired: &Expired<User>) {
        if self.finds_another_way(now, expired) {
            return;
        }
        match expired.user {
            User::Invite(call) => {
                self.finish(call, CallEnd::TimedOut);
                self.forget(call);
            }
            User::Reoffer(call) => self.reoffer_unanswered(now, call),
            User::Bye(call) => self.forget(call),
            User::Register(key) => self.register_unanswered(now, key),
            User::Refresh(call) => self.session_expired(now, call),
            User::Subscribe(key) => self.subscribe_unanswered(key),
            User::Notify(key) => self.forget_subscription(key, SubscriptionEnd::Unreachable),
            User::Nobody | User::Prack(..) => {}
        }
    }
}
