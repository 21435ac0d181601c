//! NOTIFY of ours ([RFC 6665 §4.2.2]): one at a time for each subscription, each with the state as it is then; and how
//! subscriptions end.

use std::time::Instant;

use super::subscriptions::{Place, Role, Sending, Stage};
use super::{
    CallError, Endpoint, EventBody, Notice, SubscriptionEnd, SubscriptionEvent, SubscriptionKey, Termination,
    User,
};
use crate::dialog::Dialog;
use crate::interface::{Output, remaining};
use crate::message::{Method, Response};
use crate::registration::retry_after;
use crate::timer::{Owner, T1, Timer};
use crate::transaction::ClientOpening;

/// Longest body of a NOTIFY of ours.
const BODY_MAX: usize = 65_000;

/// Whether a body may stand in a message.
pub(super) fn is_fit(body: &EventBody) -> bool {
    let is_header_value = |text: &str| !text.is_empty() && !text.chars().any(char::is_control);
    is_header_value(&body.content_type) && body.bytes.len() <= BODY_MAX
}

impl Endpoint {
    /// Tells a subscriber of a new state. What was not told yet is overtaken by it.
    ///
    /// # Errors
    /// [`CallError::NoCall`]; [`CallError::WrongState`] where the subscription is not accepted yet, or ours, or a
    /// referral, or the body is no body.
    pub fn notify(&mut self, now: Instant, key: SubscriptionKey, notice: Notice) -> Result<(), CallError> {
        let subscription = self.subscriptions.open(key).ok_or(CallError::NoCall)?;
        if subscription.is_referral() {
            return Err(CallError::WrongState);
        }
        self.state_changed(now, key, notice)
    }

    /// What is told from now on, and told at once.
    pub(super) fn state_changed(
        &mut self,
        now: Instant,
        key: SubscriptionKey,
        notice: Notice,
    ) -> Result<(), CallError> {
        let subscription = self.subscriptions.open(key).ok_or(CallError::NoCall)?;
        let notifier = subscription.notifier().filter(|notifier| matches!(notifier.stage, Stage::Granted));
        let notifier = notifier.ok_or(CallError::WrongState)?;
        if !notice.body.as_ref().is_none_or(is_fit) {
            return Err(CallError::WrongState);
        }
        notifier.notice = notice;
        self.tell_state(now, key);
        Ok(())
    }

    /// Ends a subscription of theirs, with a last word.
    ///
    /// # Errors
    /// As [`Endpoint::notify`].
    pub fn end_subscription(
        &mut self,
        now: Instant,
        key: SubscriptionKey,
        why: Termination,
        body: Option<EventBody>,
    ) -> Result<(), CallError> {
        self.end_with(now, key, (why, body), SubscriptionEnd::WeEnded)
    }

    /// A last word, and the end.
    pub(super) fn end_with(
        &mut self,
        now: Instant,
        key: SubscriptionKey,
        (why, body): (Termination, Option<EventBody>),
        end: SubscriptionEnd,
    ) -> Result<(), CallError> {
        let subscription = self.subscriptions.open(key).ok_or(CallError::NoCall)?;
        let notifier = subscription.notifier().filter(|notifier| matches!(notifier.stage, Stage::Granted));
        let notifier = notifier.ok_or(CallError::WrongState)?;
        if !body.as_ref().is_none_or(is_fit) {
            return Err(CallError::WrongState);
        }
        notifier.notice = Notice { is_pending: false, body };
        self.terminate(now, key, why, end);
        Ok(())
    }

    /// Says by a last NOTIFY that a subscription is over.
    pub(super) fn terminate(
        &mut self,
        now: Instant,
        key: SubscriptionKey,
        why: Termination,
        end: SubscriptionEnd,
    ) {
        let Some(notifier) = self.subscriptions.open(key).and_then(|subscription| subscription.notifier())
        else {
            return;
        };
        notifier.stage = Stage::Ending { state: why.state(), is_sent: false };
        self.wire.timers.disarm_all(Owner::Subscription(key));
        self.put_off_no_more(key);
        self.finish_subscription(key, end);
        self.tell_state(now, key);
    }

    fn put_off_no_more(&mut self, key: SubscriptionKey) {
        let notifier = self.subscriptions.of(key).and_then(|subscription| subscription.notifier());
        if let Some(notifier) = notifier.filter(|notifier| notifier.sending == Sending::PutOff) {
            notifier.sending = Sending::Idle;
        }
    }

    /// Tells the user that a subscription is over, once.
    pub(super) fn finish_subscription(&mut self, key: SubscriptionKey, end: SubscriptionEnd) {
        if let Some(subscription) = self.subscriptions.open(key) {
            subscription.is_over = true;
            self.wire.push(Output::Subscription(key, SubscriptionEvent::Ended(end)));
        }
    }

    /// Forgets a subscription, its timers, and its dialog where that is its own.
    pub(super) fn forget_subscription(&mut self, key: SubscriptionKey, end: SubscriptionEnd) {
        self.finish_subscription(key, end);
        self.wire.timers.disarm_all(Owner::Subscription(key));
        if let Some(lone) = self.subscriptions.remove(key) {
            self.wire.count_call(&lone.dialog.path, false);
        }
    }

    /// The dialog of a subscription.
    pub(super) fn dialog_at(&mut self, place: Place) -> Option<&mut Dialog> {
        match place {
            Place::Call(call) => self.calls.of(call).map(|call| &mut call.dialog),
            Place::Lone(lone) => self.subscriptions.lone(lone).map(|lone| &mut lone.dialog),
        }
    }

    /// Sends NOTIFY with the state as it is now, or as soon as the one before is answered.
    pub(super) fn tell_state(&mut self, now: Instant, key: SubscriptionKey) {
        let Some(subscription) = self.subscriptions.of(key) else { return };
        let (place, event) = (subscription.place, subscription.event());
        let Role::Notifier(notifier) = &mut subscription.role else { return };
        if notifier.sending != Sending::Idle {
            notifier.is_due = true;
            return;
        }
        let state = match &mut notifier.stage {
            Stage::Asked(_) => return,
            Stage::Granted => {
                let standing = if notifier.notice.is_pending { "pending" } else { "active" };
                format!("{standing};expires={}", remaining(notifier.until, now))
            }
            Stage::Ending { state, is_sent } => {
                *is_sent = true;
                state.clone()
            }
        };
        (notifier.sending, notifier.is_due) = (Sending::Sent, false);
        // Who may not know yet is told nothing ([RFC 6665 §4.2.2]).
        let body = notifier.notice.body.clone().filter(|_| !notifier.notice.is_pending);
        let lines = format!("Event: {event}\r\nSubscription-State: {state}\r\n");
        if !self.send_notify(now, key, place, &lines, body.as_ref()) {
            self.forget_subscription(key, SubscriptionEnd::Unreachable);
        }
    }

    /// False where there is no way to the other side.
    fn send_notify(
        &mut self,
        now: Instant,
        key: SubscriptionKey,
        place: Place,
        lines: &str,
        body: Option<&EventBody>,
    ) -> bool {
        let Some(dialog) = self.dialog_at(place) else { return false };
        dialog.local_cseq += 1;
        let dialog = dialog.clone();
        let Some(path) = self.way_to(now, &dialog) else { return false };
        let branch = self.tokens.branch();
        let mut writer = dialog.request(Method::Notify, dialog.local_cseq, &self.via(&path, &branch));
        writer
            .header("Contact", &[dialog.contact.as_bytes()])
            .lines(lines.as_bytes())
            .header("User-Agent", &[self.config.user_agent.as_bytes()]);
        let request = writer.end(body.map(|body| (body.content_type.as_str(), &*body.bytes)));
        let opening =
            ClientOpening { branch: &branch, method: Method::Notify, path, request, user: User::Notify(key) };
        self.ask(now, opening);
        true
    }

    /// A response to NOTIFY.
    pub(super) fn notify_heard(&mut self, now: Instant, key: SubscriptionKey, response: &Response<'_>) {
        let drawn = self.tokens.number();
        let Some(notifier) = self.subscriptions.of(key).and_then(|subscription| subscription.notifier())
        else {
            return;
        };
        if response.status < 200 {
            return;
        }
        notifier.sending = Sending::Idle;
        let is_ending = matches!(notifier.stage, Stage::Ending { .. });
        let is_last = matches!(notifier.stage, Stage::Ending { is_sent: true, .. });
        let wait = retry_after(&response.headers).filter(|_| response.status != 481 && !is_ending);
        match (response.status, wait) {
            _ if is_last => self.forget_subscription(key, SubscriptionEnd::Complete),
            (..300, _) if notifier.is_due || is_ending => self.tell_state(now, key),
            (..300, _) => {}
            // Not now, but later ([RFC 6665 §4.2.2]); by then there may be something else to tell.
            (_, Some(wait)) => {
                notifier.sending = Sending::PutOff;
                let wait = wait + T1.mul_f64(1.0 + f64::from(u8::try_from(drawn % 100).unwrap_or(0)) / 100.0);
                self.wire.timers.arm(Owner::Subscription(key), Timer::NotifyAgain, now + wait);
            }
            (_, None) => self.forget_subscription(key, SubscriptionEnd::Unreachable),
        }
    }

    /// A timer of a subscription fired.
    pub(super) fn subscription_timeout(&mut self, now: Instant, key: SubscriptionKey, timer: Timer) {
        let Some(subscription) = self.subscriptions.of(key) else { return };
        let is_ours = subscription.subscriber().is_some();
        if timer == Timer::NotifyAgain {
            self.put_off_no_more(key);
            self.tell_state(now, key);
        } else if timer == Timer::AwaitDecision {
            self.undecided(now, key);
        } else if timer == Timer::RefreshSubscription {
            self.refresh_subscription(now, key);
        } else if timer == Timer::N {
            self.never_told(key);
        } else if is_ours {
            self.forget_subscription(key, SubscriptionEnd::Expired);
        } else {
            self.terminate(now, key, Termination::Timeout, SubscriptionEnd::Expired);
        }
    }

    /// The dialog of a call goes on without it, where there are subscriptions in it.
    pub(super) fn outlive_call(&mut self, key: super::CallKey, call: super::call::Call) {
        if self.subscriptions.are_in_call(key) {
            self.wire.count_call(&call.dialog.path, true);
            let keyring = call.effort.map(|effort| effort.keyring).unwrap_or_default();
            self.subscriptions.outlive(key, call.dialog, keyring);
        }
    }
}
