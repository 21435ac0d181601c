//! REFER and SUBSCRIBE of ours, within a call, and NOTIFY of theirs ([RFC 3515 §2.4.1], [RFC 6665 §4.1]).

use std::time::{Duration, Instant};

use super::receive::Asked;
use super::reply::Reply;
use super::screen::is_media_type;
use super::subscriptions::{Asking, Place, Role, Subscriber, Subscription};
use super::{
    CallError, CallKey, Endpoint, EventBody, Notice, Refer, Subscribe, SubscriptionEnd, SubscriptionEvent,
    SubscriptionKey, User,
};
use crate::dialog::Dialog;
use crate::interface::Output;
use crate::message::{HeaderName, Method, Response, Uri, is_token};
use crate::referral::is_declined;
use crate::subscription::{Event, REFER, SIPFRAG, Standing, Told, expires, status_of_fragment};
use crate::timer::{Owner, T1_64, Timer};
use crate::transaction::ClientOpening;

/// How long a subscription lasts that nobody says of how long it does.
const EXPIRES: Duration = Duration::from_secs(240);
/// The least time between two refreshes, whatever the notifier says.
const REFRESH_MIN: Duration = Duration::from_secs(5);
/// Most of ours in one call.
const IN_CALL_MAX: usize = 16;

/// Whether a text is a URI that may stand in a header as it is.
fn is_uri(text: &str) -> bool {
    Uri::parse(text.as_bytes()).is_ok()
}

/// Whether a refusal of a refresh ends what was to be refreshed ([RFC 6665 §4.1.2.2]).
const fn ends_subscription(status: u16) -> bool {
    matches!(status, 404 | 405 | 410 | 416 | 480..=485 | 489 | 501 | 604)
}

impl Endpoint {
    /// Asks the other side of a call to call somebody else, or the like. `Granted` tells that they will, `Progress` how
    /// far they are, `Ended` that no more is to be heard.
    ///
    /// # Errors
    /// [`CallError::NoCall`]; [`CallError::WrongState`] where the call is not up, or a URI is none; [`CallError::Full`].
    pub fn refer(
        &mut self,
        now: Instant,
        call: CallKey,
        wanted: &Refer,
    ) -> Result<SubscriptionKey, CallError> {
        if !is_uri(&wanted.target) || !wanted.referred_by.as_deref().is_none_or(is_uri) {
            return Err(CallError::WrongState);
        }
        let (place, cseq) = self.place_for_ours(call)?;
        let mut lines = format!("Refer-To: <{}>\r\n", wanted.target);
        if let Some(referred_by) = &wanted.referred_by {
            lines.push_str(&format!("Referred-By: <{referred_by}>\r\n"));
        }
        if !wanted.is_reported {
            lines.push_str("Refer-Sub: false\r\n");
        }
        let id = Some(cseq.to_string().into_bytes());
        let accept = format!("{SIPFRAG}, {}", super::abilities::SDP);
        self.begin_ours(now, place, (REFER, id), Subscriber::new(accept, EXPIRES), (Method::Refer, &lines))
    }

    /// Subscribes to something that the other side of a call knows. `Granted` and `Notified` tell of it, until `Ended`.
    ///
    /// # Errors
    /// [`CallError::NoCall`]; [`CallError::WrongState`] where the call is not up, or the package no token, or no time
    /// asked for; [`CallError::Full`].
    pub fn subscribe(
        &mut self,
        now: Instant,
        call: CallKey,
        wanted: &Subscribe,
    ) -> Result<SubscriptionKey, CallError> {
        let is_named = is_token(wanted.package.as_bytes()) && wanted.package != REFER;
        let is_fit = is_named && !wanted.accept.chars().any(char::is_control) && wanted.expires.as_secs() > 0;
        let (place, cseq) = self.place_for_ours(call)?;
        if !is_fit {
            return Err(CallError::WrongState);
        }
        let subscriber = Subscriber::new(wanted.accept.clone(), wanted.expires);
        let id = Some(cseq.to_string().into_bytes());
        self.begin_ours(now, place, (&wanted.package, id), subscriber, (Method::Subscribe, ""))
    }

    /// Ends a subscription or a referral's reports; `Ended` tells when that is done.
    ///
    /// # Errors
    /// [`CallError::NoCall`]; [`CallError::WrongState`] where it is not ours.
    pub fn unsubscribe(&mut self, now: Instant, key: SubscriptionKey) -> Result<(), CallError> {
        let subscription = self.subscriptions.open(key).ok_or(CallError::NoCall)?;
        let subscriber = subscription.subscriber().ok_or(CallError::WrongState)?;
        if !std::mem::replace(&mut subscriber.is_leaving, true) && subscriber.asking.is_none() {
            self.resubscribe(now, key, Asking::Leave);
        }
        Ok(())
    }

    /// Where a subscription of ours begins, and the number of its first request.
    fn place_for_ours(&mut self, key: CallKey) -> Result<(Place, u32), CallError> {
        let call = self.calls.open(key).ok_or(CallError::NoCall)?;
        if !matches!(call.phase, super::call::Phase::Up { .. }) {
            return Err(CallError::WrongState);
        }
        let cseq = call.dialog.local_cseq + 1;
        let is_full = self.subscriptions.count_in(Place::Call(key)) >= IN_CALL_MAX
            || self.subscriptions.count() >= self.config.rules.subscriptions.max
            || self.transactions.count() >= self.transactions_max;
        if is_full { Err(CallError::Full) } else { Ok((Place::Call(key), cseq)) }
    }

    fn begin_ours(
        &mut self,
        now: Instant,
        place: Place,
        (package, id): (&str, Option<Vec<u8>>),
        subscriber: Subscriber,
        (method, lines): (Method<'static>, &str),
    ) -> Result<SubscriptionKey, CallError> {
        let (package, role) = (package.to_owned(), Role::Subscriber(subscriber));
        let subscription = Subscription { place, package, id, role, source: None, is_over: false };
        let mut lines = lines.to_owned();
        if method == Method::Subscribe {
            lines.push_str(&subscribe_lines(&subscription));
        }
        let key = self.subscriptions.add(subscription);
        if self.ask_in(now, key, method, &lines) {
            self.wire.timers.arm(Owner::Subscription(key), Timer::N, now + T1_64);
            return Ok(key);
        }
        // Nobody was told of it yet.
        self.subscriptions.remove(key);
        Err(CallError::Full)
    }

    /// Sends a request of a subscription of ours; false where there is no way to the other side.
    fn ask_in(&mut self, now: Instant, key: SubscriptionKey, method: Method<'static>, lines: &str) -> bool {
        let Some(subscription) = self.subscriptions.of(key) else { return false };
        let place = subscription.place;
        let Some(dialog) = self.dialog_at(place) else { return false };
        dialog.local_cseq += 1;
        let dialog: Dialog = dialog.clone();
        let Some(path) = self.way_to(now, &dialog) else { return false };
        let branch = self.tokens.branch();
        let mut writer = dialog.request(method, dialog.local_cseq, &self.via(&path, &branch));
        let allow = self.abilities.allow_with_notify();
        writer
            .header("Contact", &[dialog.contact.as_bytes()])
            .header("Allow", &[allow.as_bytes()])
            .header("Supported", &[self.abilities.supported.as_bytes()])
            .lines(lines.as_bytes())
            .header("User-Agent", &[self.config.user_agent.as_bytes()]);
        let opening = ClientOpening {
            branch: &branch,
            method,
            path,
            request: writer.end(None),
            user: User::Subscribe(key),
        };
        self.ask(now, opening);
        true
    }

    /// SUBSCRIBE for what is there: to keep it, or to end it.
    fn resubscribe(&mut self, now: Instant, key: SubscriptionKey, asking: Asking) {
        let Some(subscription) = self.subscriptions.of(key) else { return };
        let Some(subscriber) = subscription.subscriber() else { return };
        subscriber.asking = Some(asking);
        let lines = subscribe_lines(subscription);
        if asking == Asking::Leave {
            // It ends, whether or not they say so.
            self.wire.timers.disarm_all(Owner::Subscription(key));
            self.wire.timers.arm(Owner::Subscription(key), Timer::N, now + T1_64);
        }
        if !self.ask_in(now, key, Method::Subscribe, &lines) {
            self.forget_subscription(key, SubscriptionEnd::Unreachable);
        }
    }

    /// It is time to refresh; only as long as the call is up: what outlives it is not kept alive.
    pub(super) fn refresh_subscription(&mut self, now: Instant, key: SubscriptionKey) {
        let Some(subscription) = self.subscriptions.open(key) else { return };
        let place = subscription.place;
        let is_idle = subscription.subscriber().is_some_and(|subscriber| subscriber.asking.is_none());
        if is_idle && matches!(place, Place::Call(_)) && !self.is_over_at(place) {
            self.resubscribe(now, key, Asking::Again);
        }
    }

    /// A response to REFER or SUBSCRIBE of ours.
    pub(super) fn subscribe_heard(&mut self, now: Instant, key: SubscriptionKey, response: &Response<'_>) {
        let Some(subscription) = self.subscriptions.of(key) else { return };
        let (place, is_referral) = (subscription.place, subscription.is_referral());
        let Some(subscriber) = subscription.subscriber() else { return };
        let status = response.status;
        let Some(asked) = subscriber.asking.take_if(|_| status >= 200) else { return };
        let is_leaving = subscriber.is_leaving;
        match (asked, status) {
            (Asking::First, 300..) => {
                return self.forget_subscription(key, SubscriptionEnd::Refused { status });
            }
            (Asking::Leave, 300..) => return self.forget_subscription(key, SubscriptionEnd::WeEnded),
            (Asking::Again, 300..) if ends_subscription(status) => {
                return self.forget_subscription(key, SubscriptionEnd::Unreachable);
            }
            // It lasts until its time is over.
            (Asking::Again, 300..) => {}
            (Asking::First, _) => {
                self.wire.push(Output::Subscription(key, SubscriptionEvent::Granted));
                if is_referral && is_declined(&response.headers) {
                    return self.forget_subscription(key, SubscriptionEnd::Unreported);
                }
            }
            (Asking::Again | Asking::Leave, _) => {}
        }
        if status < 300 {
            if let Some(dialog) = self.dialog_at(place) {
                dialog.refresh(response);
            }
            if asked != Asking::Leave && method_of(response) == Method::Subscribe {
                self.lasts(now, key, expires(&response.headers));
            }
        }
        if is_leaving && asked != Asking::Leave {
            self.resubscribe(now, key, Asking::Leave);
        }
    }

    /// Nobody answers a REFER or SUBSCRIBE of ours.
    pub(super) fn subscribe_unanswered(&mut self, key: SubscriptionKey) {
        let is_leaving =
            self.subscriptions.of(key).and_then(|found| found.subscriber().map(|own| own.is_leaving));
        let end =
            if is_leaving == Some(true) { SubscriptionEnd::WeEnded } else { SubscriptionEnd::Unreachable };
        self.forget_subscription(key, end);
    }

    /// No NOTIFY has come in time: there is no subscription ([RFC 6665 §4.1.2.4]).
    pub(super) fn never_told(&mut self, key: SubscriptionKey) {
        self.subscribe_unanswered(key);
    }

    /// For how long a subscription of ours lasts, from now on.
    fn lasts(&mut self, now: Instant, key: SubscriptionKey, expires: Option<Duration>) {
        let Some(subscriber) = self.subscriptions.open(key).and_then(|found| found.subscriber()) else {
            return;
        };
        if subscriber.is_leaving {
            return;
        }
        let expires = expires.unwrap_or(subscriber.expires);
        let owner = Owner::Subscription(key);
        // The notifier's own last word may be on its way still.
        self.wire.timers.arm(owner, Timer::SubscriptionExpires, now + expires + T1_64);
        let refresh = (expires / 2).max(REFRESH_MIN);
        self.wire.timers.arm(owner, Timer::RefreshSubscription, now + refresh);
    }

    /// NOTIFY ([RFC 6665 §4.1.3]).
    pub(super) fn handle_notify(&mut self, now: Instant, asked: &Asked<'_, '_>, place: Place) {
        let headers = &asked.request.headers;
        let Ok(Some(event)) = Event::of(headers) else {
            return self.reply(now, asked, &Reply::because(400, "Not One Event"));
        };
        let Some(told) = Told::of(headers) else {
            return self.reply(now, asked, &Reply::because(400, "No Subscription-State"));
        };
        let Some(key) = self.subscriptions.meant(place, &event, true) else {
            return self.reply(now, asked, &Reply::new(481));
        };
        let content_type = headers.first(HeaderName::ContentType).unwrap_or_default();
        let is_referral = event.package == REFER.as_bytes();
        let body = asked.request.body;
        let is_ended = matches!(told.standing, Standing::Terminated(_));
        if is_referral && !is_ended && !body.is_empty() && !is_media_type(content_type, SIPFRAG) {
            return self.reply(now, asked, &Reply::new(415).with("Accept", SIPFRAG));
        }
        self.follow_at(place, asked);
        let Some(dialog) = self.dialog_at(place) else { return };
        let contact = dialog.contact.clone();
        self.reply(now, asked, &Reply::new(200).with("Contact", &contact));
        if let Some(event) = event_of(is_referral, &told, content_type, body) {
            self.wire.push(Output::Subscription(key, event));
        }
        self.stands(now, key, told);
    }

    /// What a NOTIFY says of the subscription itself.
    fn stands(&mut self, now: Instant, key: SubscriptionKey, told: Told) {
        let Some(subscriber) = self.subscriptions.open(key).and_then(|found| found.subscriber()) else {
            return;
        };
        let is_leaving = subscriber.is_leaving;
        match told.standing {
            Standing::Terminated(_) if is_leaving => self.forget_subscription(key, SubscriptionEnd::WeEnded),
            Standing::Terminated(reason) => {
                self.forget_subscription(key, SubscriptionEnd::TheyEnded { reason });
            }
            Standing::Active | Standing::Pending if is_leaving => {}
            Standing::Active | Standing::Pending => {
                self.wire.timers.disarm(Owner::Subscription(key), Timer::N);
                self.lasts(now, key, told.expires);
            }
        }
    }
}

fn method_of<'a>(response: &Response<'a>) -> Method<'a> {
    response.core.cseq_method
}

/// What the user is told of a NOTIFY, if there is anything.
fn event_of(is_referral: bool, told: &Told, content_type: &[u8], body: &[u8]) -> Option<SubscriptionEvent> {
    if is_referral {
        return status_of_fragment(body).map(|status| SubscriptionEvent::Progress { status });
    }
    let is_pending = told.standing == Standing::Pending;
    let content_type = String::from_utf8_lossy(content_type).into_owned();
    let body = (!body.is_empty()).then(|| EventBody { content_type, bytes: body.into() });
    let is_news = body.is_some() || !matches!(told.standing, Standing::Terminated(_));
    is_news.then_some(SubscriptionEvent::Notified(Notice { is_pending, body }))
}

/// The lines of a SUBSCRIBE.
fn subscribe_lines(subscription: &Subscription) -> String {
    let Role::Subscriber(subscriber) = &subscription.role else { return String::new() };
    let is_end = subscriber.asking == Some(Asking::Leave);
    let expires = if is_end { 0 } else { subscriber.expires.as_secs() };
    let (event, accept) = (subscription.event(), &subscriber.accept);
    format!("Event: {event}\r\nAccept: {accept}\r\nExpires: {expires}\r\n")
}

impl Subscriber {
    fn new(accept: String, expires: Duration) -> Self {
        Self { accept, expires, asking: Some(Asking::First), is_leaving: false }
    }
}
