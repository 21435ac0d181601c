//! What SUBSCRIBE and NOTIFY say of a subscription ([RFC 6665 §8.2]): its package, its state, why it ended. As functions
//! of headers; it knows no dialogs.

use std::time::Duration;

use crate::message::{HeaderName, Headers, Malformed, decimal, is_token, parameter};

/// The longest time that is believed; more is as good as none.
const EXPIRES_MAX: Duration = Duration::from_secs(7 * 24 * 3600);

/// The package of the subscription that a REFER makes ([RFC 3515 §3]).
pub(crate) const REFER: &str = "refer";
/// The type of its bodies ([RFC 3420]).
pub(crate) const SIPFRAG: &str = "message/sipfrag";

/// Why a notifier ends a subscription ([RFC 6665 §4.1.3]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Termination {
    /// Somebody else tells of it from now on: subscribe anew at once.
    Deactivated,
    /// Subscribe anew later, after this time where it is given.
    Probation(Option<Duration>),
    /// It is not allowed any more: do not subscribe anew.
    Rejected,
    /// It was not refreshed.
    Timeout,
    /// Whether it is allowed could not be found out: subscribe anew later.
    GiveUp(Option<Duration>),
    /// What it told of is no more.
    NoResource,
    /// What it told of will not change any more.
    Invariant,
}

impl Termination {
    /// The value of Subscription-State.
    pub(crate) fn state(self) -> String {
        let (reason, wait) = match self {
            Self::Deactivated => ("deactivated", None),
            Self::Probation(wait) => ("probation", wait),
            Self::Rejected => ("rejected", None),
            Self::Timeout => ("timeout", None),
            Self::GiveUp(wait) => ("giveup", wait),
            Self::NoResource => ("noresource", None),
            Self::Invariant => ("invariant", None),
        };
        let wait = wait.map_or_else(String::new, |wait| format!(";retry-after={}", wait.as_secs().max(1)));
        format!("terminated;reason={reason}{wait}")
    }
}

/// What a subscription is to: the package, and which of several to the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Event<'a> {
    pub(crate) package: &'a [u8],
    pub(crate) id: Option<&'a [u8]>,
}

impl<'a> Event<'a> {
    /// Reads the one Event header; `None` where there is none.
    pub(crate) fn of(headers: &Headers<'a>) -> Result<Option<Self>, Malformed> {
        let mut values = headers.all(HeaderName::Event);
        let Some(value) = values.next() else { return Ok(None) };
        if values.next().is_some() {
            return Err(Malformed);
        }
        let (package, parameters) = cut(value);
        let id = parameter(parameters, b"id")
            .map(|id| id.filter(|id| is_token(id)).ok_or(Malformed))
            .transpose()?;
        if is_token(package) { Ok(Some(Self { package, id })) } else { Err(Malformed) }
    }
}

/// What a NOTIFY says of its subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) standing: Standing,
    /// For how long it lasts from now on, if that is said.
    pub(crate) expires: Option<Duration>,
}

/// How a subscription stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Standing {
    Active,
    Pending,
    /// It is over, for this reason; empty for none.
    Terminated(String),
}

impl Told {
    /// Reads Subscription-State; `None` where there is none that makes sense. States that nobody knows are as good as
    /// active: the subscription is there.
    pub(crate) fn of(headers: &Headers<'_>) -> Option<Self> {
        let (state, parameters) = cut(headers.first(HeaderName::SubscriptionState)?);
        let given = |name| parameter(parameters, name).flatten();
        let standing = match state {
            state if state.eq_ignore_ascii_case(b"terminated") => Standing::Terminated(
                String::from_utf8_lossy(given(b"reason").unwrap_or_default()).into_owned(),
            ),
            state if state.eq_ignore_ascii_case(b"pending") => Standing::Pending,
            state if is_token(state) => Standing::Active,
            _ => return None,
        };
        Some(Self { standing, expires: given(b"expires").and_then(seconds) })
    }
}

/// For how long a SUBSCRIBE asks, or is granted; `None` where it does not say.
pub(crate) fn expires(headers: &Headers<'_>) -> Option<Duration> {
    headers.first(HeaderName::Expires).and_then(seconds)
}

fn seconds(value: &[u8]) -> Option<Duration> {
    decimal(value.trim_ascii()).map(Duration::from_secs).map(|given| given.min(EXPIRES_MAX))
}

fn cut(value: &[u8]) -> (&[u8], &[u8]) {
    let end = value.iter().position(|byte| *byte == b';').unwrap_or(value.len());
    (value[..end].trim_ascii(), &value[end..])
}

/// The status that a piece of a response tells of ([RFC 3420]).
pub(crate) fn status_of_fragment(body: &[u8]) -> Option<u16> {
    let line = body.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let mut words = line.split(|byte| *byte == b' ');
    let version = words.next()?;
    let status = decimal(words.next()?.trim_ascii()).and_then(|status| u16::try_from(status).ok())?;
    (version.eq_ignore_ascii_case(b"SIP/2.0") && (100..700).contains(&status)).then_some(status)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Message, parse};

    fn with_headers<T>(lines: &str, read: impl Fn(&Headers<'_>) -> T) -> T {
        let text = format!(
            "NOTIFY sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP x;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>;tag=2\r\n\
             Call-ID: 1\r\nCSeq: 1 NOTIFY\r\n{lines}\r\n"
        );
        let Ok(Message::Request(request)) = parse(text.as_bytes()) else { panic!("no request") };
        read(&request.headers)
    }

    /// Shows RFC 6665 §8.2.1: Event names one package, and by its id one of several subscriptions to it.
    #[test]
    fn a_subscription_is_to_a_package_and_may_have_an_id() {
        let read = |lines: &str| {
            with_headers(lines, |headers| {
                Event::of(headers).map(|event| {
                    let owned = |text: &[u8]| String::from_utf8_lossy(text).into_owned();
                    event.map(|event| (owned(event.package), event.id.map(owned)))
                })
            })
        };
        assert_eq!(
            read("Event: refer ; ID=93809823\r\n"),
            Ok(Some(("refer".into(), Some("93809823".into()))))
        );
        assert_eq!(read("o: conference\r\n"), Ok(Some(("conference".into(), None))));
        assert_eq!(read(""), Ok(None));
        for bad in [
            "Event: \r\n",
            "Event: a b\r\n",
            "Event: a;id\r\n",
            "Event: a\r\nEvent: a\r\n",
            "Event: a, b\r\n",
        ] {
            assert_eq!(read(bad), Err(Malformed), "{bad}");
        }
    }

    /// Shows RFC 6665 §8.2.3: Subscription-State says how a subscription stands, for how long, and why it ended.
    #[test]
    fn a_notify_says_how_its_subscription_stands() {
        let read = |value: &str| with_headers(&format!("Subscription-State: {value}\r\n"), Told::of);
        let told = |standing, seconds: Option<u64>| {
            Some(Told { standing, expires: seconds.map(Duration::from_secs) })
        };
        assert_eq!(read("active;expires=599"), told(Standing::Active, Some(599)));
        assert_eq!(read("Pending ; expires = 5"), told(Standing::Pending, Some(5)));
        assert_eq!(read("waiting"), told(Standing::Active, None));
        assert_eq!(
            read("terminated;reason=noresource"),
            told(Standing::Terminated("noresource".into()), None)
        );
        assert_eq!(read("terminated"), told(Standing::Terminated(String::new()), None));
        assert_eq!(read(""), None);
        assert_eq!(read("active;expires=999999999999999"), told(Standing::Active, Some(604_800)));
    }

    #[test]
    fn why_a_subscription_ended_is_read_as_it_was_written() {
        let wait = Some(Duration::from_millis(100));
        assert_eq!(Termination::Probation(wait).state(), "terminated;reason=probation;retry-after=1");
        assert_eq!(Termination::GiveUp(None).state(), "terminated;reason=giveup");
        assert_eq!(Termination::NoResource.state(), "terminated;reason=noresource");
    }

    /// Shows RFC 3420 §2: a piece of a message may be its first line alone.
    #[test]
    fn the_status_of_a_fragment_is_read_and_nonsense_is_none() {
        assert_eq!(status_of_fragment(b"SIP/2.0 100 Trying\r\n"), Some(100));
        assert_eq!(status_of_fragment(b"SIP/2.0 603 Decline\r\nFrom: x\r\n"), Some(603));
        assert_eq!(status_of_fragment(b"sip/2.0 200"), Some(200));
        for bad in [
            &b""[..],
            b"SIP/2.0",
            b"SIP/2.0 99 x",
            b"SIP/2.0 700 x",
            b"INVITE sip:a@b SIP/2.0",
            b"SIP/2.0 20x",
        ] {
            assert_eq!(status_of_fragment(bad), None, "{}", String::from_utf8_lossy(bad));
        }
    }
}
