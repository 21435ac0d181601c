//! Who calls whom, and by which detours: what the headers of an INVITE say about people.
//!
//! It decides nothing but whom to believe: a caller's number by who vouches for it ([RFC 3325]), and whether it may be
//! shown ([RFC 3323]).

use crate::message::limits::VALUES_MAX;
use crate::message::{
    Address, HeaderName, Headers, Request, Uri, decimal, parameter, parameters, split_commas, unescape,
};

/// Most diversions, and most entries of a history, that are kept of one call.
const DETOURS_MAX: usize = 10;
/// Most reasons that are kept of one request.
const REASONS_MAX: usize = 4;

/// Somebody who sent a call on to somebody else ([RFC 5806]).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Diversion {
    /// The user part of who did.
    pub user: String,
    /// Why: `unconditional`, `user-busy`, `no-answer` …; empty for none.
    pub reason: String,
    /// How often it was sent on there.
    pub counter: Option<u32>,
    /// Whether that user wants not to be shown.
    pub is_private: bool,
}

/// One target that a call had on its way ([RFC 7044]).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HistoryEntry {
    /// Its place: `1`, `1.1` …
    pub index: String,
    /// The user part of the target.
    pub user: String,
    /// Why it came there: the `cause` of its URI ([RFC 4458]), or of the Reason within it.
    pub cause: Option<u16>,
    /// Whether that target wants not to be shown.
    pub is_private: bool,
}

/// Why a request was sent ([RFC 3326]).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reason {
    /// Whose number the cause is: `SIP`, `Q.850` …
    pub protocol: String,
    /// The cause, if it says.
    pub cause: Option<u16>,
    /// The text; empty for none.
    pub text: String,
}

/// Who calls whom, as the request tells it.
#[derive(Debug, Default)]
pub(crate) struct Parties {
    pub(crate) dialled: String,
    pub(crate) to_user: String,
    pub(crate) caller: String,
    pub(crate) caller_display: String,
    pub(crate) from: String,
    pub(crate) from_display: String,
    pub(crate) is_asserted: bool,
    pub(crate) is_private: bool,
    pub(crate) diversions: Vec<Diversion>,
    pub(crate) history: Vec<HistoryEntry>,
}

impl Parties {
    /// Reads them. What a sender asserts of others counts where it is trusted; what it prefers to be called never does.
    pub(crate) fn of(request: &Request<'_>, is_trusted: bool) -> Self {
        let headers = &request.headers;
        let asserted = headers.all(HeaderName::PAssertedIdentity).flat_map(split_commas).take(VALUES_MAX);
        let asserted = asserted.filter_map(|value| Address::parse(value).ok()).find(|_| is_trusted);
        let caller = asserted.unwrap_or(request.core.from);
        Self {
            dialled: unescape(request.uri.user),
            to_user: user_of(request.core.to.uri),
            caller: user_of(caller.uri),
            caller_display: caller.display_text(),
            from: user_of(request.core.from.uri),
            from_display: request.core.from.display_text(),
            is_asserted: asserted.is_some(),
            is_private: wants_privacy(headers) || is_anonymous(request.core.from.uri),
            diversions: diversions(headers),
            history: history(headers),
        }
    }
}

fn user_of(uri: &[u8]) -> String {
    Uri::parse(uri).map(|uri| unescape(uri.user)).unwrap_or_default()
}

/// Whether the caller must not be shown to others ([RFC 3323 §4.2], [RFC 3325 §9.3]).
fn wants_privacy(headers: &Headers<'_>) -> bool {
    let hides =
        |value: &[u8]| [&b"id"[..], b"user", b"header"].iter().any(|kind| value.eq_ignore_ascii_case(kind));
    headers
        .all(HeaderName::Privacy)
        .flat_map(|value| value.split(|byte| *byte == b';' || *byte == b','))
        .take(VALUES_MAX)
        .any(|value| hides(value.trim_ascii()))
}

/// Whether a From is the one of who hides by itself ([RFC 3323 §4.1.1.3]).
fn is_anonymous(uri: &[u8]) -> bool {
    Uri::parse(uri).is_ok_and(|uri| uri.host.eq_ignore_ascii_case(b"anonymous.invalid"))
}

fn diversions(headers: &Headers<'_>) -> Vec<Diversion> {
    let values = headers.all(HeaderName::Diversion).flat_map(split_commas).take(DETOURS_MAX);
    values.filter_map(|value| Address::parse(value).ok()).map(diversion).collect()
}

fn diversion(address: Address<'_>) -> Diversion {
    let text = |name| parameter(address.parameters, name).flatten().map(unquoted);
    let privacy = text(b"privacy").unwrap_or_default();
    Diversion {
        user: user_of(address.uri),
        reason: text(b"reason").unwrap_or_default(),
        counter: text(b"counter").and_then(|digits| digits.parse().ok()),
        is_private: !privacy.is_empty() && !privacy.eq_ignore_ascii_case("off"),
    }
}

fn history(headers: &Headers<'_>) -> Vec<HistoryEntry> {
    let values = headers.all(HeaderName::HistoryInfo).flat_map(split_commas).take(DETOURS_MAX);
    values.filter_map(|value| Address::parse(value).ok()).filter_map(history_entry).collect()
}

fn history_entry(address: Address<'_>) -> Option<HistoryEntry> {
    let uri = Uri::parse(address.uri).ok()?;
    let embedded = |name: &str| {
        let fields = uri.headers.split(|byte| *byte == b'&').take(VALUES_MAX);
        fields.map(unescape).find_map(|field| {
            let (given, value) = field.split_once('=')?;
            given.eq_ignore_ascii_case(name).then(|| value.to_owned())
        })
    };
    let cause = parameter(uri.parameters, b"cause").flatten().and_then(status_of);
    let reason = embedded("Reason").map(|value| reason(value.as_bytes()));
    Some(HistoryEntry {
        index: parameter(address.parameters, b"index").flatten().map(unquoted).unwrap_or_default(),
        user: unescape(uri.user),
        cause: cause.or_else(|| reason.and_then(|reason| reason.cause)),
        is_private: embedded("Privacy").is_some_and(|value| !value.eq_ignore_ascii_case("none")),
    })
}

/// The reasons that a request names.
pub(crate) fn reasons(headers: &Headers<'_>) -> Vec<Reason> {
    let values = headers.all(HeaderName::Reason).flat_map(split_commas);
    values.filter(|value| !value.is_empty()).take(REASONS_MAX).map(reason).collect()
}

fn reason(value: &[u8]) -> Reason {
    let cut = value.iter().position(|byte| *byte == b';').unwrap_or(value.len());
    let (protocol, rest) = value.split_at(cut);
    let given = |name: &[u8]| {
        parameters(rest).find(|(given, _)| given.eq_ignore_ascii_case(name)).and_then(|(_, value)| value)
    };
    Reason {
        protocol: String::from_utf8_lossy(protocol.trim_ascii()).into_owned(),
        cause: given(b"cause").and_then(status_of),
        text: given(b"text").map(unquoted).unwrap_or_default(),
    }
}

fn status_of(digits: &[u8]) -> Option<u16> {
    decimal(digits).and_then(|number| u16::try_from(number).ok())
}

/// A token, or what stands in the quotes.
fn unquoted(value: &[u8]) -> String {
    Address { display: value, uri: b"", parameters: b"" }.display_text()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_read_with_quotes_and_without() {
        let read = |value: &str| reason(value.as_bytes());
        let full = read("Q.850 ;cause=16 ;text=\"Terminated; \\\"by\\\" us\"");
        assert_eq!((full.protocol.as_str(), full.cause), ("Q.850", Some(16)));
        assert_eq!(full.text, "Terminated; \"by\" us");
        assert_eq!(read("SIP"), Reason { protocol: "SIP".to_owned(), ..Reason::default() });
        assert_eq!(read("SIP;cause=x").cause, None);
    }
}
