//! SUBSCRIBE of theirs ([RFC 6665 §4.2.1]): judged, put to the user, granted, refreshed, taken back.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::notifying::is_fit;
use super::receive::Asked;
use super::referred::REPORTED_MAX;
use super::reply::{Reply, because_lines};
use super::screen::is_media_type;
use super::subscriptions::{Notifier, Place, Role, Sending, Stage, Subscription, Unanswered};
use super::{
    Because, CallError, CallKey, Endpoint, Notice, SubscriptionEnd, SubscriptionEvent, SubscriptionKey,
    SubscriptionRequest, Termination,
};
use crate::auth::{Challenge, DigestCredentials, Keyring};
use crate::dialog::Dialog;
use crate::identity::Parties;
use crate::interface::Output;
use crate::message::{HeaderName, Request, split_commas};
use crate::rules::{EventPackage, SubscriptionRules};
use crate::subscription::{Event, expires};
use crate::timer::{Owner, Timer};
use crate::wire::source_of;

/// How long the user may take to decide: who waits for longer than half of 64·T1 may give up before the answer arrives.
const DECISION_MAX: Duration = Duration::from_secs(16);
/// A longer time is never too brief ([RFC 6665 §4.2.1.1]).
const BRIEF_MAX: Duration = Duration::from_secs(3_600);

/// Who asks, and where.
#[derive(Debug)]
pub(super) struct Asker {
    pub(super) call: Option<CallKey>,
    pub(super) dialled: String,
    pub(super) from: String,
    pub(super) source: SocketAddr,
    pub(super) is_trusted: bool,
    pub(super) credentials: Vec<DigestCredentials>,
}

impl Asker {
    pub(super) fn of(asked: &Asked<'_, '_>, place: Place) -> Self {
        let parties = Parties::of(asked.request, asked.source.is_trusted);
        let call = if let Place::Call(call) = place { Some(call) } else { None };
        Self {
            call,
            dialled: parties.dialled,
            from: parties.from,
            source: asked.source.remote,
            is_trusted: asked.source.is_trusted,
            credentials: DigestCredentials::of(asked.request),
        }
    }
}

/// For how long a subscription is granted: 423 where they ask for too little.
fn granted(
    rules: &SubscriptionRules,
    package: &EventPackage,
    request: &Request<'_>,
) -> Result<Duration, Reply> {
    let asked = expires(&request.headers);
    let is_brief = |asked: Duration| !asked.is_zero() && asked < rules.expires_min.min(BRIEF_MAX);
    if asked.is_some_and(is_brief) {
        return Err(Reply::new(423).with("Min-Expires", &rules.expires_min.as_secs().to_string()));
    }
    Ok(asked.unwrap_or(package.expires).min(rules.expires_max))
}

/// Whether the sender takes bodies of a type; who lists none takes what the package has.
fn takes(request: &Request<'_>, media_type: &str) -> bool {
    let mut ranges = request.headers.all(HeaderName::Accept).flat_map(split_commas).peekable();
    let any_of_kind = media_type.split_once('/').map_or("*/*".to_owned(), |(kind, _)| format!("{kind}/*"));
    let fits =
        |range: &[u8]| [media_type, &any_of_kind, "*/*"].iter().any(|known| is_media_type(range, known));
    ranges.peek().is_none() || ranges.any(fits)
}

impl Endpoint {
    /// Grants a subscription: 200, and NOTIFY at once, with the state as it is. Where a single notice was asked for the
    /// subscription ends by that.
    ///
    /// # Errors
    /// [`CallError::NoCall`]; [`CallError::WrongState`] where it is decided on already, or is a referral.
    pub fn accept_subscription(
        &mut self,
        now: Instant,
        key: SubscriptionKey,
        notice: Notice,
    ) -> Result<(), CallError> {
        let subscription = self.subscriptions.open(key).ok_or(CallError::NoCall)?;
        if subscription.is_referral() || !notice.body.as_ref().is_none_or(is_fit) {
            return Err(CallError::WrongState);
        }
        let unanswered = self.take_unanswered(key)?;
        let expires = unanswered.expires;
        self.grant(now, key, &unanswered, Reply::new(200).with("Expires", &expires.as_secs().to_string()));
        if expires.is_zero() {
            let notifier = self.subscriptions.of(key).and_then(|subscription| subscription.notifier());
            if let Some(notifier) = notifier {
                notifier.notice = notice;
            }
            self.terminate(now, key, Termination::Timeout, SubscriptionEnd::Complete);
            return Ok(());
        }
        self.state_changed(now, key, notice)
    }

    /// Refuses a subscription or a referral with a status of 300 to 699 (another one becomes 480).
    ///
    /// # Errors
    /// [`CallError::NoCall`]; [`CallError::WrongState`] where it is decided on already.
    pub fn refuse_subscription(
        &mut self,
        now: Instant,
        key: SubscriptionKey,
        status: u16,
        because: &Because,
    ) -> Result<(), CallError> {
        let mut refusal = Reply::new(if (300..700).contains(&status) { status } else { 480 });
        refusal.lines = because_lines(because);
        self.refuse_asked(now, key, &refusal, SubscriptionEnd::WeEnded)
    }

    /// Asks for credentials: 401 or 407, as the challenge says. It ends by that; with an answer it comes in anew.
    ///
    /// # Errors
    /// As [`Endpoint::refuse_subscription`].
    pub fn challenge_subscription(
        &mut self,
        now: Instant,
        key: SubscriptionKey,
        challenge: &Challenge,
    ) -> Result<(), CallError> {
        let header = challenge.header();
        let values = challenge.values();
        let refusal =
            values.iter().fold(Reply::new(challenge.status()), |reply, value| reply.with(header, value));
        self.refuse_asked(now, key, &refusal, SubscriptionEnd::WeEnded)
    }

    fn refuse_asked(
        &mut self,
        now: Instant,
        key: SubscriptionKey,
        refusal: &Reply,
        end: SubscriptionEnd,
    ) -> Result<(), CallError> {
        let unanswered = self.take_unanswered(key)?;
        let place = self.subscriptions.of(key).map(|subscription| subscription.place);
        let tag = place.and_then(|place| self.dialog_at(place)).map(|dialog| dialog.local_tag.clone());
        let bytes = self.written(&unanswered.head, refusal, tag.as_deref());
        self.transactions.respond(&mut self.wire, now, unanswered.transaction, refusal.status, bytes);
        self.forget_subscription(key, end);
        Ok(())
    }

    /// The user has not decided in time.
    pub(super) fn undecided(&mut self, now: Instant, key: SubscriptionKey) {
        // Where it is decided there is nothing to be refused.
        let _ = self.refuse_asked(now, key, &Reply::new(480), SubscriptionEnd::Undecided);
    }

    /// The request that waits for the user's word; from now on the subscription is there.
    pub(super) fn take_unanswered(&mut self, key: SubscriptionKey) -> Result<Unanswered, CallError> {
        let subscription = self.subscriptions.open(key).ok_or(CallError::NoCall)?;
        let notifier = subscription.notifier().ok_or(CallError::WrongState)?;
        match std::mem::replace(&mut notifier.stage, Stage::Granted) {
            Stage::Asked(unanswered) => {
                self.wire.timers.disarm(Owner::Subscription(key), Timer::AwaitDecision);
                Ok(*unanswered)
            }
            decided @ (Stage::Granted | Stage::Ending { .. }) => {
                notifier.stage = decided;
                Err(CallError::WrongState)
            }
        }
    }

    /// Sends the 2xx that makes a subscription.
    pub(super) fn grant(
        &mut self,
        now: Instant,
        key: SubscriptionKey,
        unanswered: &Unanswered,
        reply: Reply,
    ) {
        let Unanswered { transaction, head, expires, .. } = unanswered;
        let Some(subscription) = self.subscriptions.of(key) else { return };
        let place = subscription.place;
        if let Some(notifier) = subscription.notifier() {
            notifier.until = now + *expires;
        }
        let Some(dialog) = self.dialog_at(place) else { return };
        let (tag, contact) = (dialog.local_tag.clone(), dialog.contact.clone());
        let status = reply.status;
        let mut reply = reply.with("Contact", &contact);
        reply.lines.extend_from_slice(head.record_routes());
        let bytes = self.written(head, &reply, Some(&tag));
        self.transactions.respond(&mut self.wire, now, *transaction, status, bytes);
        self.wire.timers.arm(Owner::Subscription(key), Timer::SubscriptionExpires, now + *expires);
    }

    /// SUBSCRIBE, in a dialog that is there or outside of all.
    pub(super) fn handle_subscribe(&mut self, now: Instant, asked: &Asked<'_, '_>, place: Option<Place>) {
        let event = match Event::of(&asked.request.headers) {
            Ok(Some(event)) => event,
            Ok(None) => return self.refuse_event(now, asked),
            Err(_) => return self.reply(now, asked, &Reply::because(400, "Malformed Event")),
        };
        let known = place.and_then(|place| self.subscriptions.meant(place, &event, false));
        if let Some(key) = known {
            self.resubscribed(now, key, asked);
            return;
        }
        if place.is_some_and(|place| self.is_over_at(place)) {
            return self.reply(now, asked, &Reply::new(481));
        }
        let rules = &self.config.rules.subscriptions;
        let package = rules.packages.iter().find(|package| package.name.as_bytes() == event.package);
        let Some(package) = package.cloned() else { return self.refuse_event(now, asked) };
        if !takes(asked.request, &package.content_type) {
            return self.reply(now, asked, &Reply::new(406));
        }
        let expires = match granted(rules, &package, asked.request) {
            Ok(expires) => expires,
            Err(refusal) => return self.reply(now, asked, &refusal),
        };
        let id = event.id.map(<[u8]>::to_vec);
        let Some((key, asker)) =
            self.put_to_user(now, asked, place, (package.name.clone(), id), expires, true)
        else {
            return;
        };
        let Asker { call, dialled, from, source, is_trusted, credentials } = asker;
        let package = package.name;
        let request =
            SubscriptionRequest { package, call, dialled, from, source, is_trusted, expires, credentials };
        self.wire.push(Output::Subscription(key, SubscriptionEvent::Requested(Box::new(request))));
    }

    /// 489, with what can be subscribed to ([RFC 6665 §4.2.1.1]).
    fn refuse_event(&mut self, now: Instant, asked: &Asked<'_, '_>) {
        self.reply(now, asked, &Reply::new(489).with_some("Allow-Events", &self.abilities.allow_events));
    }

    /// Whether no new subscription can begin in a dialog, as its call ends.
    pub(super) fn is_over_at(&mut self, place: Place) -> bool {
        match place {
            Place::Call(call) => self.calls.open(call).is_none(),
            Place::Lone(_) => false,
        }
    }

    /// Takes a subscription in that its user has to decide on; `None` where it is refused for lack of room, or of what a
    /// dialog needs.
    pub(super) fn put_to_user(
        &mut self,
        now: Instant,
        asked: &Asked<'_, '_>,
        place: Option<Place>,
        (package, id): (String, Option<Vec<u8>>),
        expires: Duration,
        is_reported: bool,
    ) -> Option<(SubscriptionKey, Asker)> {
        let source = source_of(asked.source.remote.ip());
        let rules = &self.config.rules.subscriptions;
        let is_one_too_many =
            !asked.source.is_trusted && self.subscriptions.count_from(source) >= rules.per_source_max;
        if self.subscriptions.count() >= rules.max || is_one_too_many {
            self.subscriptions.refused += 1;
            self.reply(now, asked, &Reply::busy());
            return None;
        }
        let place = match place {
            Some(place) => place,
            None => match self.begin_dialog_of(asked) {
                Ok(place) => place,
                Err(refusal) => {
                    self.reply(now, asked, &refusal);
                    return None;
                }
            },
        };
        let (transaction, head) = (asked.transaction, asked.head.clone());
        let stage = Stage::Asked(Box::new(Unanswered { transaction, head, expires, is_reported }));
        let notice = Notice::default();
        let notifier = Notifier { stage, sending: Sending::Idle, is_due: false, notice, until: now };
        let role = Role::Notifier(notifier);
        let source = Some(source);
        let key = self.subscriptions.add(Subscription { place, package, id, role, source, is_over: false });
        self.wire.timers.arm(Owner::Subscription(key), Timer::AwaitDecision, now + DECISION_MAX);
        Some((key, Asker::of(asked, place)))
    }

    /// The dialog that a SUBSCRIBE or REFER outside of all others begins.
    fn begin_dialog_of(&mut self, asked: &Asked<'_, '_>) -> Result<Place, Reply> {
        if asked.request.headers.first(HeaderName::Contact).is_none() {
            return Err(Reply::because(400, "No Contact"));
        }
        let is_secured = asked.request.uri.is_scheme(b"sips");
        let contact = self.contact(&asked.source, is_secured);
        let tag = self.tokens.tag();
        let mut dialog = Dialog::of_request(asked.request, asked.source, tag, contact);
        if self.config.trusts_contacts {
            dialog.trust_contact();
        }
        self.wire.count_call(&asked.source, true);
        Ok(self.subscriptions.begin_lone(dialog, Keyring::default()))
    }

    /// SUBSCRIBE for what is there: a refresh, or the end ([RFC 6665 §4.2.1.3]).
    fn resubscribed(&mut self, now: Instant, key: SubscriptionKey, asked: &Asked<'_, '_>) {
        let Some(subscription) = self.subscriptions.of(key) else { return };
        let (place, is_referral, package) =
            (subscription.place, subscription.is_referral(), subscription.package.clone());
        let Some(notifier) = subscription.notifier() else { return };
        if matches!(notifier.stage, Stage::Asked(_)) {
            let refusal = self.too_early();
            return self.reply(now, asked, &refusal);
        }
        let rules = &self.config.rules.subscriptions;
        let package = rules.packages.iter().find(|known| known.name == package && !is_referral);
        let granted = package.map_or_else(
            || Ok(expires(&asked.request.headers).unwrap_or(REPORTED_MAX).min(REPORTED_MAX)),
            |package| granted(rules, package, asked.request),
        );
        let expires = match granted {
            Ok(expires) => expires,
            Err(refusal) => return self.reply(now, asked, &refusal),
        };
        notifier.until = now + expires;
        self.follow_at(place, asked);
        let Some(dialog) = self.dialog_at(place) else { return };
        let contact = dialog.contact.clone();
        let reply = Reply::new(200).with("Expires", &expires.as_secs().to_string()).with("Contact", &contact);
        self.reply(now, asked, &reply);
        if expires.is_zero() {
            self.terminate(now, key, Termination::Timeout, SubscriptionEnd::TheyLeft);
        } else {
            self.wire.timers.arm(Owner::Subscription(key), Timer::SubscriptionExpires, now + expires);
            self.tell_state(now, key);
        }
    }

    /// They may have moved ([RFC 6665 §4.4.1]).
    pub(super) fn follow_at(&mut self, place: Place, asked: &Asked<'_, '_>) {
        let Some(dialog) = self.dialog_at(place) else { return };
        let before = dialog.path;
        dialog.follow(asked.request, asked.source);
        let after = dialog.path;
        self.wire.count_call(&before, false);
        self.wire.count_call(&after, true);
    }

    /// A request in a dialog that no call is in.
    pub(super) fn handle_beside_calls(&mut self, now: Instant, asked: &Asked<'_, '_>) -> bool {
        let core = &asked.request.core;
        let tags = (core.to.tag().unwrap_or_default(), core.from.tag().unwrap_or_default());
        let Some(lone) = self.subscriptions.find_lone(core.call_id, tags.0, tags.1) else { return false };
        let place = Place::Lone(lone);
        let Some(dialog) = self.dialog_at(place) else { return false };
        if core.cseq < dialog.remote_cseq {
            self.reply(now, asked, &Reply::because(500, "CSeq Out Of Order"));
            return true;
        }
        dialog.remote_cseq = core.cseq;
        self.handle_watching(now, asked, place)
    }
}
