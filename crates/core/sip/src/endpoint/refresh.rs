//! Session timers, both ways ([RFC 4028]): a call that nobody refreshes ends, however its BYE was lost.

use std::time::{Duration, Instant};

use super::abilities::{SDP, TIMER, lists};
use super::call::{Phase, SessionTimer, Underway};
use super::outgoing::description;
use super::reoffer::retry_wait;
use super::reply::Reply;
use super::{Because, CallEnd, CallKey, Endpoint, User};
use crate::message::{HeaderName, Headers, Method, Request, Response, decimal, parameter};
use crate::rules::SessionRules;
use crate::timer::{Owner, Timer};
use crate::transaction::ClientOpening;
use crate::wire::Path;

/// How long before its end a session that they were to refresh is hung up, or a third of it where that is less (§10).
/// Where we refresh, its whole time is ours to try again in.
const MARGIN: Duration = Duration::from_secs(32);
/// How long a refresh waits for another exchange to end.
const PAUSE: Duration = Duration::from_secs(2);
/// How often the interval of a request of ours is raised to please a 422.
const RAISES_MAX: u8 = 4;
/// The longest interval that anybody may ask for; more is as good as none.
const EXPIRES_MAX: Duration = Duration::from_secs(24 * 3600);

/// The seconds that a header begins with.
fn seconds(headers: &Headers<'_>, name: HeaderName<'static>) -> Option<Duration> {
    let value = headers.first(name)?;
    let digits = value.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    decimal(digits).map(Duration::from_secs).map(|given| given.min(EXPIRES_MAX))
}

/// Whether the sender of the request refreshes, if it says who does.
fn names_sender(headers: &Headers<'_>) -> Option<bool> {
    let value = headers.first(HeaderName::SessionExpires)?;
    let cut = value.iter().position(|byte| *byte == b';').unwrap_or(value.len());
    let who = parameter(&value[cut..], b"refresher").flatten()?;
    match who {
        who if who.eq_ignore_ascii_case(b"uac") => Some(true),
        who if who.eq_ignore_ascii_case(b"uas") => Some(false),
        _ => None,
    }
}

/// The lines in which a request of ours asks for a session timer, naming who refreshes if that is settled (§7.1).
pub(super) fn wish(rules: &SessionRules, raised: Duration, timer: Option<SessionTimer>) -> String {
    let expires = timer.map_or(rules.expires, |timer| timer.interval).max(raised).as_secs();
    let refresher =
        timer.map_or("", |timer| if timer.we_refresh { ";refresher=uac" } else { ";refresher=uas" });
    let min = rules.min.max(raised).as_secs();
    format!("Session-Expires: {expires}{refresher}\r\nMin-SE: {min}\r\n")
}

/// The timer that a request of theirs asks for and gets (§9): 422 where it is too short.
pub(super) fn session_for(
    rules: Option<SessionRules>,
    request: &Request<'_>,
) -> Result<Option<SessionTimer>, Reply> {
    let Some(rules) = rules else { return Ok(None) };
    let headers = &request.headers;
    let supports =
        [HeaderName::Supported, HeaderName::Require].iter().any(|name| lists(headers, *name, TIMER));
    let least = seconds(headers, HeaderName::MinSe).unwrap_or_default().max(rules.min);
    match seconds(headers, HeaderName::SessionExpires) {
        Some(expires) if expires < rules.min && supports => {
            Err(Reply::new(422).with("Min-SE", &rules.min.as_secs().to_string()))
        }
        // Too short, of somebody who could not be told so.
        Some(expires) if expires < rules.min => Ok(None),
        Some(expires) => {
            let interval = expires.min(rules.expires.max(least));
            let we_refresh = !supports || names_sender(headers) == Some(false);
            Ok(Some(SessionTimer { interval, we_refresh }))
        }
        None if supports => Ok(Some(SessionTimer { interval: rules.expires.max(least), we_refresh: false })),
        None => Ok(None),
    }
}

impl Reply {
    /// Says in a 2xx of ours what timer runs.
    pub(super) fn with_session(self, timer: Option<SessionTimer>) -> Self {
        let Some(SessionTimer { interval, we_refresh }) = timer else { return self };
        let seconds = interval.as_secs();
        if we_refresh {
            self.with("Session-Expires", &format!("{seconds};refresher=uas"))
        } else {
            self.with("Session-Expires", &format!("{seconds};refresher=uac")).with("Require", TIMER)
        }
    }
}

impl Endpoint {
    /// The lines that ask for a session timer; none where there is to be none.
    pub(super) fn session_wish(&mut self, key: Option<CallKey>) -> String {
        let Some(rules) = self.config.rules.session else { return String::new() };
        let call = key.and_then(|key| self.calls.of(key));
        call.map_or_else(
            || wish(&rules, Duration::ZERO, None),
            |call| wish(&rules, call.raised_session, call.session_timer),
        )
    }

    /// A session is agreed on, or refreshed: its time begins anew. `None` is a session without end (§7.2).
    pub(super) fn session_runs(&mut self, now: Instant, key: CallKey, timer: Option<SessionTimer>) {
        let Some(call) = self.calls.of(key).filter(|call| matches!(call.phase, Phase::Up { .. })) else {
            return;
        };
        call.session_timer = timer;
        let owner = Owner::Call(key);
        self.wire.timers.disarm(owner, Timer::RefreshSession);
        self.wire.timers.disarm(owner, Timer::SessionExpires);
        let Some(SessionTimer { interval, we_refresh }) = timer else { return };
        if we_refresh {
            self.wire.timers.arm(owner, Timer::RefreshSession, now + interval / 2);
        }
        let margin = if we_refresh { Duration::ZERO } else { MARGIN.min(interval / 3) };
        self.wire.timers.arm(owner, Timer::SessionExpires, now + interval - margin);
    }

    /// A 2xx to a request of ours says what timer runs (§7.2).
    pub(super) fn session_granted(&mut self, now: Instant, key: CallKey, response: &Response<'_>) {
        let Some(rules) = self.config.rules.session else { return };
        let granted = seconds(&response.headers, HeaderName::SessionExpires).filter(|given| !given.is_zero());
        let timer = granted.map(|interval| SessionTimer {
            // Less than we take would be a flood of refreshes.
            interval: interval.max(rules.min),
            we_refresh: names_sender(&response.headers).unwrap_or(true),
        });
        self.session_runs(now, key, timer);
    }

    /// 422: the lines that ask for as long an interval as they want, if that is longer than what we asked for (§7.4).
    pub(super) fn raised_wish(&mut self, user: User, response: &Response<'_>) -> Option<String> {
        let rules = self.config.rules.session?;
        let wanted = seconds(&response.headers, HeaderName::MinSe)?;
        let call = self.calls.of(user.call()?).filter(|call| !call.is_over)?;
        let asked = call.session_timer.map_or(rules.expires, |timer| timer.interval).max(call.raised_session);
        if wanted <= asked.min(rules.min.max(call.raised_session)) || call.raises == RAISES_MAX {
            return None;
        }
        call.raises += 1;
        call.raised_session = wanted;
        Some(wish(&rules, wanted, call.session_timer))
    }

    /// It is time to refresh: by UPDATE where they allow it, else by a re-INVITE that changes nothing (§7.4).
    pub(super) fn refresh(&mut self, now: Instant, key: CallKey) {
        let Some(call) = self.calls.of(key).filter(|call| matches!(call.phase, Phase::Up { .. })) else {
            return;
        };
        let is_invite = !call.allows_update;
        let is_busy =
            call.refresh.is_some() || (is_invite && (call.unacked.is_some() || call.reoffer.is_some()));
        if is_busy || self.transactions.count() >= self.transactions_max {
            self.wire.timers.arm(Owner::Call(key), Timer::RefreshSession, now + PAUSE);
            return;
        }
        call.dialog.local_cseq += 1;
        let offer = is_invite.then(|| match call.session.described.clone() {
            described if described.is_empty() => call.session.offer(),
            described => described,
        });
        let dialog = call.dialog.clone();
        let Some(path) = self.way_to(now, &dialog) else { return };
        let session = self.session_wish(Some(key));
        let branch = self.tokens.branch();
        let method = if is_invite { Method::Invite } else { Method::Update };
        let mut writer = dialog.request(method, dialog.local_cseq, &self.via(&path, &branch));
        writer
            .header("Contact", &[dialog.contact.as_bytes()])
            .header("Allow", &[self.abilities.allow.as_bytes()])
            .header("Supported", &[self.abilities.supported.as_bytes()])
            .lines(session.as_bytes());
        writer.header("User-Agent", &[self.config.user_agent.as_bytes()]);
        let request = writer.end(offer.as_deref().map(|offer| (SDP, offer)));
        let opening = ClientOpening { branch: &branch, method, path, request, user: User::Refresh(key) };
        let transaction = self.ask(now, opening).transaction;
        if let Some(call) = self.calls.of(key) {
            call.refresh = Some(Underway { transaction, cseq: dialog.local_cseq, is_invite });
        }
    }

    /// A response to a refresh.
    pub(super) fn refresh_heard(
        &mut self,
        now: Instant,
        key: CallKey,
        source: Path,
        response: &Response<'_>,
    ) {
        let is_invite = response.core.cseq_method == Method::Invite;
        let is_accepted = (200..300).contains(&response.status);
        let Some(call) = self.calls.of(key) else {
            if is_accepted && is_invite {
                self.dismiss_fork(now, source, response, None, None);
            }
            return;
        };
        if response.status < 200 {
            return;
        }
        let cseq = response.core.cseq;
        let is_answered =
            call.refresh.take_if(|sent| sent.cseq == cseq && sent.is_invite == is_invite).is_some();
        if !is_accepted {
            if is_answered {
                self.refresh_refused(now, key, response);
            }
            return;
        }
        if is_answered {
            call.dialog.refresh(response);
        }
        if is_invite {
            let dialog = call.dialog.clone();
            let ack = self.send_ack(now, &dialog, cseq, None);
            let Some(call) = self.calls.of(key).filter(|_| is_answered) else { return };
            call.phase = Phase::Up { ack };
            let answered = description(response).and_then(|answer| {
                let ours = call.session.described.clone();
                call.session.agree(&ours, answer).ok()
            });
            if let Some(agreement) = answered {
                self.tell_media(key, response.core.to.tag().unwrap_or_default(), agreement);
            }
        }
        if is_answered {
            self.session_granted(now, key, response);
        }
    }

    fn refresh_refused(&mut self, now: Instant, key: CallKey, response: &Response<'_>) {
        let drawn = self.tokens.number();
        let Some(call) = self.calls.of(key) else { return };
        let wait = retry_wait(response, call.dialog.is_ours, drawn);
        match response.status {
            // Nobody is there, or knows of the call (§10).
            status @ (408 | 481) => self.end(now, key, CallEnd::Refused { status }, &Because::default()),
            // UPDATE is not known after all.
            405 | 501 if call.allows_update => {
                call.allows_update = false;
                self.refresh(now, key);
            }
            // What can't be refreshed ends when its time is over.
            _ => {
                if let Some(wait) = wait {
                    self.wire.timers.arm(Owner::Call(key), Timer::RefreshSession, now + wait);
                }
            }
        }
    }

    /// Nobody answers a refresh, or nobody has refreshed in time: the call is dead (§10).
    pub(super) fn session_expired(&mut self, now: Instant, key: CallKey) {
        let because = Because { text: "Session expired".to_owned(), cause: 408, retry_after: None };
        self.end(now, key, CallEnd::TimedOut, &because);
    }
}
