//! REFER of theirs ([RFC 3515 §2.4]), and what they hear of it. What is done with it is the user's.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::receive::Asked;
use super::reply::Reply;
use super::subscribed::Asker;
use super::subscriptions::Place;
use super::{
    CallError, Endpoint, EventBody, Notice, Referral, SubscriptionEnd, SubscriptionEvent, SubscriptionKey,
    Termination,
};
use crate::interface::Output;
use crate::message::{Method, reason_phrase};
use crate::referral;
use crate::rules::Referrals;
use crate::subscription::{REFER, SIPFRAG};

/// How long a referral is reported on at most: longer than any call may ring.
pub(super) const REPORTED_MAX: Duration = Duration::from_secs(240);

/// A report: the first line of the response that was had, and nothing that could tell more than that ([RFC 3515 §5.3]).
fn report(status: u16) -> Notice {
    let line = format!("SIP/2.0 {status} {}\r\n", reason_phrase(status));
    let content_type = format!("{SIPFRAG};version=2.0");
    Notice { is_pending: false, body: Some(EventBody { content_type, bytes: Arc::from(line.into_bytes()) }) }
}

impl Endpoint {
    /// Agrees to a referral: 202, and a first report, 100. [`Endpoint::report`] tells more. Where no reports are wanted
    /// the referral ends by this.
    ///
    /// # Errors
    /// [`CallError::NoCall`]; [`CallError::WrongState`] where it is decided on already, or is no referral.
    pub fn accept_referral(&mut self, now: Instant, key: SubscriptionKey) -> Result<(), CallError> {
        let subscription = self.subscriptions.open(key).ok_or(CallError::NoCall)?;
        if !subscription.is_referral() {
            return Err(CallError::WrongState);
        }
        let unanswered = self.take_unanswered(key)?;
        if unanswered.is_reported {
            self.grant(now, key, &unanswered, Reply::new(202));
            return self.state_changed(now, key, report(100));
        }
        self.grant(now, key, &unanswered, Reply::new(202).with("Refer-Sub", "false"));
        self.forget_subscription(key, SubscriptionEnd::Unreported);
        Ok(())
    }

    /// Reports how far a referral came: the status that was had. One of 200 or more is the last.
    ///
    /// # Errors
    /// [`CallError::NoCall`]; [`CallError::WrongState`] where it is not accepted yet, or is no referral, or the status is
    /// none.
    pub fn report(&mut self, now: Instant, key: SubscriptionKey, status: u16) -> Result<(), CallError> {
        let subscription = self.subscriptions.open(key).ok_or(CallError::NoCall)?;
        if !subscription.is_referral() || !(100..700).contains(&status) {
            return Err(CallError::WrongState);
        }
        if status < 200 {
            return self.state_changed(now, key, report(status));
        }
        self.end_with(now, key, (Termination::NoResource, report(status).body), SubscriptionEnd::Complete)
    }

    /// REFER, within a dialog that is there or outside of all.
    pub(super) fn handle_refer(&mut self, now: Instant, asked: &Asked<'_, '_>, place: Option<Place>) {
        if place.is_some_and(|place| self.is_over_at(place)) {
            return self.reply(now, asked, &Reply::new(481));
        }
        if self.config.rules.referrals == Referrals::Refused {
            return self.reply(now, asked, &Reply::new(403));
        }
        let wanted = match referral::Asked::of(&asked.request.headers) {
            Ok(wanted) => wanted,
            Err(why) => return self.reply(now, asked, &Reply::because(400, why)),
        };
        let referral::Asked { target, referred_by, is_reported } = wanted;
        // Several in one dialog are told apart by their numbers (RFC 3515 §2.4.6).
        let id = Some(asked.request.core.cseq.to_string().into_bytes());
        let event = (REFER.to_owned(), id);
        let Some((key, asker)) = self.put_to_user(now, asked, place, event, REPORTED_MAX, is_reported) else {
            return;
        };
        let Asker { call, dialled, from, source, is_trusted, credentials } = asker;
        let referral = Referral {
            call,
            dialled,
            from,
            source,
            is_trusted,
            target,
            referred_by,
            is_reported,
            credentials,
        };
        self.wire.push(Output::Subscription(key, SubscriptionEvent::Referred(Box::new(referral))));
    }

    /// What belongs to subscriptions and referrals, within a dialog; false where a request does not.
    pub(super) fn handle_watching(&mut self, now: Instant, asked: &Asked<'_, '_>, place: Place) -> bool {
        let method = asked.request.method;
        if method == Method::Subscribe {
            self.handle_subscribe(now, asked, Some(place));
        } else if method == Method::Refer {
            self.handle_refer(now, asked, Some(place));
        } else if method == Method::Notify {
            self.handle_notify(now, asked, place);
        } else {
            return false;
        }
        true
    }
}
