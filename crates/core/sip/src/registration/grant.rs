//! What a registrar's answer says ([RFC 3261 §10.2.4], [RFC 3608]).

use std::time::Duration;

use crate::message::limits::VALUES_MAX;
use crate::message::{Address, HeaderName, Headers, Uri, decimal, host_address, parameter, split_commas};

/// Longest time that is believed; some registrars answer with nonsense.
const EXPIRES_MAX: u64 = 7 * 24 * 3600;
/// Longest wait that a Retry-After is followed for.
const RETRY_AFTER_MAX: u64 = 3600;
/// Most hops of a Service-Route.
const ROUTES_MAX: usize = 8;

fn seconds(value: &[u8]) -> Option<u64> {
    let end = value.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(value.len());
    // More digits than fit are a very long time.
    (end > 0).then(|| decimal(&value[..end]).unwrap_or(u64::MAX))
}

fn is_same_place(ours: &Uri<'_>, theirs: &Uri<'_>) -> bool {
    let is_same_host = match (host_address(ours.host), host_address(theirs.host)) {
        (Some(ours), Some(theirs)) => ours == theirs,
        (None, None) => ours.host.eq_ignore_ascii_case(theirs.host),
        (Some(_), None) | (None, Some(_)) => false,
    };
    ours.user == theirs.user && is_same_host && ours.port.unwrap_or(5060) == theirs.port.unwrap_or(5060)
}

/// For how long our contact is registered: by its own parameter among all that the registrar lists, or by Expires, or
/// as asked. Zero where the registrar lists others and not ours.
pub(crate) fn granted(headers: &Headers<'_>, contact: &str, asked: Duration) -> Duration {
    let ours = Address::parse(contact.as_bytes()).and_then(|ours| Uri::parse(ours.uri));
    let header = headers.first(HeaderName::Expires).and_then(seconds);
    let mut listed = 0;
    let mut own = None;
    for value in headers.all(HeaderName::Contact).flat_map(split_commas).take(VALUES_MAX) {
        let Ok(theirs) = Address::parse(value) else { continue };
        listed += 1;
        let is_ours = match (&ours, Uri::parse(theirs.uri)) {
            (Ok(ours), Ok(uri)) => is_same_place(ours, &uri),
            (Err(_), _) | (_, Err(_)) => false,
        };
        if is_ours {
            own = Some(parameter(theirs.parameters, b"expires").flatten().and_then(seconds));
        }
    }
    let granted = match (own, listed) {
        (Some(parameter), _) => parameter.or(header).unwrap_or(asked.as_secs()),
        // A registrar that sees us behind a NAT lists the address that it sees; a single one is ours.
        (None, 0 | 1) => {
            let single = headers.first(HeaderName::Contact).and_then(|value| Address::parse(value).ok());
            let parameter = single.and_then(|single| parameter(single.parameters, b"expires").flatten());
            parameter.and_then(seconds).or(header).unwrap_or(asked.as_secs())
        }
        (None, _) => header.unwrap_or(0),
    };
    Duration::from_secs(granted.min(EXPIRES_MAX))
}

/// The least time that a registrar takes, as its 423 says.
pub(crate) fn min_expires(headers: &Headers<'_>) -> Option<Duration> {
    let least = headers.first(HeaderName::MinExpires).and_then(seconds)?;
    (least <= EXPIRES_MAX).then(|| Duration::from_secs(least))
}

/// How long to stay away, as a refusal says.
pub(crate) fn retry_after(headers: &Headers<'_>) -> Option<Duration> {
    let wait = headers.first(HeaderName::RetryAfter).and_then(seconds)?;
    Some(Duration::from_secs(wait.min(RETRY_AFTER_MAX)))
}

/// The way that calls of ours through the registrar's network take, as values of Route ([RFC 3608 §6.1]).
pub(crate) fn service_route(headers: &Headers<'_>) -> Vec<String> {
    headers
        .all(HeaderName::ServiceRoute)
        .flat_map(split_commas)
        .filter(|value| Address::parse(value).is_ok())
        .filter_map(|value| std::str::from_utf8(value).ok().map(str::to_owned))
        .take(ROUTES_MAX)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Message, parse};

    const OURS: &str = "<sip:alice@192.0.2.1:5060>";

    fn with<T>(lines: &str, read: impl FnOnce(&Headers<'_>) -> T) -> T {
        let text = format!(
            "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP x;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>;tag=2\r\n\
             Call-ID: 1\r\nCSeq: 1 REGISTER\r\n{lines}\r\n"
        );
        let Ok(Message::Response(response)) = parse(text.as_bytes()) else { panic!("no response") };
        read(&response.headers)
    }

    fn secs(lines: &str) -> u64 {
        with(lines, |headers| granted(headers, OURS, Duration::from_secs(600))).as_secs()
    }

    /// Shows RFC 3261 §10.2.4: how long is said by our contact's own parameter, else by Expires.
    #[test]
    fn the_registrar_says_for_how_long() {
        assert_eq!(secs(""), 600);
        assert_eq!(secs("Expires: 90\r\n"), 90);
        assert_eq!(secs("Contact: <sip:alice@192.0.2.1>;expires=60\r\nExpires: 90\r\n"), 60);
        assert_eq!(
            secs(
                "Contact: <sip:bob@192.0.2.9>;expires=9, <sip:alice@192.0.2.1;transport=udp>;q=0.5\r\nExpires: 90\r\n"
            ),
            90
        );
        assert_eq!(
            secs("Contact: <sip:bob@192.0.2.9>;expires=9\r\nm: <sip:carol@192.0.2.9>;expires=9\r\n"),
            0
        );
        assert_eq!(secs("Contact: <sip:alice@203.0.113.5:4711>;expires=45\r\n"), 45, "seen through a NAT");
        assert_eq!(secs("Expires: 99999999999999999999999\r\n"), EXPIRES_MAX);
        assert_eq!(secs("Expires: soon\r\n"), 600);
    }

    /// Shows RFC 3608 §6.1: the way for later calls is kept in its order.
    #[test]
    fn waits_and_ways_are_read() {
        let routes = with(
            "Service-Route: <sip:a.example;lr>, <sip:b.example;lr>\r\nService-Route: nonsense\r\nRetry-After: 120 (busy);duration=3\r\nMin-Expires: 1800\r\n",
            |headers| (service_route(headers), retry_after(headers), min_expires(headers)),
        );
        let ways = vec!["<sip:a.example;lr>".to_owned(), "<sip:b.example;lr>".to_owned()];
        assert_eq!(routes, (ways, Some(Duration::from_secs(120)), Some(Duration::from_secs(1800))));
    }
}
