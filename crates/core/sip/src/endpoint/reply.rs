//! Responses: what they repeat of their request, and what they add.

use std::net::SocketAddr;

use crate::interface::Because;
use crate::message::limits::VALUES_MAX;
pub(super) use crate::message::quoted;
use crate::message::{Address, HeaderName, Headers, Request, Via, Writer, split_commas};
use crate::wire::Path;

/// The part of a request that each response to it repeats ([RFC 3261 §8.2.6]).
#[derive(Debug, Clone)]
pub(super) struct ResponseHead {
    /// Via, From, Call-ID and CSeq lines.
    lines: Vec<u8>,
    to: Vec<u8>,
    has_to_tag: bool,
    /// Record-Route lines, for responses that make a dialog.
    record_routes: Vec<u8>,
    /// Timestamp, for 100.
    timestamp: Vec<u8>,
}

fn line(lines: &mut Vec<u8>, name: &str, value: &[u8]) {
    lines.extend_from_slice(name.as_bytes());
    lines.extend_from_slice(b": ");
    lines.extend_from_slice(value);
    lines.extend_from_slice(b"\r\n");
}

/// The topmost Via with `received` and `rport` as the sender needs them ([RFC 3261 §18.2.1], [RFC 3581 §4]).
fn stamped(top: &[u8], source: SocketAddr) -> Vec<u8> {
    let Ok(via) = Via::parse(top) else { return top.to_vec() };
    let mut stamped = top[..top.len() - via.parameters.len()].trim_ascii_end().to_vec();
    for piece in
        via.parameters.split(|byte| *byte == b';').map(<[u8]>::trim_ascii).filter(|piece| !piece.is_empty())
    {
        let name = piece.split(|byte| *byte == b'=').next().unwrap_or_default().trim_ascii();
        if !name.eq_ignore_ascii_case(b"rport") && !name.eq_ignore_ascii_case(b"received") {
            stamped.push(b';');
            stamped.extend_from_slice(piece);
        }
    }
    if via.is_sent_from_elsewhere(source.ip()) || via.wants_rport() {
        stamped.extend_from_slice(format!(";received={}", source.ip()).as_bytes());
    }
    if via.wants_rport() {
        stamped.extend_from_slice(format!(";rport={}", source.port()).as_bytes());
    }
    stamped
}

impl ResponseHead {
    /// Of whatever headers a request has; it may be a broken one.
    pub(super) fn of(headers: &Headers<'_>, source: SocketAddr) -> Self {
        let mut lines = Vec::with_capacity(512);
        for (index, value) in headers.all(HeaderName::Via).enumerate() {
            // Only the topmost value is looked at; the rest is repeated to the octet, broken or not.
            let top = split_commas(value).next().filter(|_| index == 0).unwrap_or_default();
            let mut via = stamped(top, source);
            via.extend_from_slice(&value[top.len()..]);
            line(&mut lines, "Via", &via);
        }
        for (name, header) in
            [("From", HeaderName::From), ("Call-ID", HeaderName::CallId), ("CSeq", HeaderName::CSeq)]
        {
            if let Some(value) = headers.first(header) {
                line(&mut lines, name, value);
            }
        }
        let mut record_routes = Vec::new();
        for value in headers.all(HeaderName::RecordRoute).take(VALUES_MAX) {
            line(&mut record_routes, "Record-Route", value);
        }
        let mut timestamp = Vec::new();
        if let Some(value) = headers.first(HeaderName::Timestamp) {
            line(&mut timestamp, "Timestamp", value);
        }
        let to = headers.first(HeaderName::To).unwrap_or_default();
        let has_to_tag = Address::parse(to).is_ok_and(|to| to.tag().is_some());
        Self { lines, to: to.to_vec(), has_to_tag, record_routes, timestamp }
    }

    /// Writes the beginning of a response. 100 carries no tag.
    pub(super) fn begin(&self, status: u16, reason: Option<&str>, tag: &str) -> Writer {
        let mut writer = Writer::response(status, reason);
        writer.lines(&self.lines);
        if self.to.is_empty() {
            // A request without To can be answered only to say so.
        } else if self.has_to_tag || status == 100 {
            writer.header("To", &[&self.to]);
        } else {
            writer.header("To", &[&self.to, b";tag=", tag.as_bytes()]);
        }
        if status == 100 {
            writer.lines(&self.timestamp);
        }
        writer
    }

    pub(super) fn record_routes(&self) -> &[u8] {
        &self.record_routes
    }
}

/// Where a response goes: back on the connection, or to the address that Via asks for.
pub(super) fn response_path(request: &Request<'_>, path: Path) -> Path {
    if path.connection.is_some() {
        return path;
    }
    Path { remote: request.core.via.response_address(path.remote), ..path }
}

/// What a response says beyond its head.
#[derive(Debug, Default)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) reason: Option<&'static str>,
    /// Whole header lines.
    pub(super) lines: Vec<u8>,
    pub(super) body: Option<Vec<u8>>,
}

impl Reply {
    pub(super) fn new(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    pub(super) fn because(status: u16, reason: &'static str) -> Self {
        Self { status, reason: Some(reason), ..Self::default() }
    }

    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        line(&mut self.lines, name, value.as_bytes());
        self
    }

    /// A header that is left out where it would be empty.
    pub(super) fn with_some(self, name: &str, value: &str) -> Self {
        if value.is_empty() { self } else { self.with(name, value) }
    }

    /// A session description as body.
    pub(super) fn with_sdp(mut self, description: Vec<u8>) -> Self {
        self.body = Some(description);
        self
    }

    /// 480 where one call more is one too many just now.
    pub(super) fn busy() -> Self {
        Self::new(480).with("Retry-After", "2")
    }

    /// 503 where no calls are taken, or nothing more is kept.
    pub(super) fn full() -> Self {
        Self::new(503).with("Retry-After", "5")
    }
}

/// The Reason and Retry-After lines of a refusal or a BYE.
pub(super) fn because_lines(because: &Because) -> Vec<u8> {
    let mut lines = Vec::new();
    if !because.text.is_empty() || because.cause != 0 {
        let text = quoted(&because.text);
        line(&mut lines, "Reason", format!("SIP;cause={};text={text}", because.cause).as_bytes());
    }
    if let Some(wait) = because.retry_after {
        line(&mut lines, "Retry-After", wait.as_secs().max(1).to_string().as_bytes());
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Shows RFC 3261 §18.2.1: a Via that does not name the source gets received.
    /// Shows RFC 3581 §4: an rport without value is filled in with the port, and received with the address.
    #[test]
    fn the_senders_true_address_is_stamped_on_its_via() {
        let stamp = |via: &str| {
            String::from_utf8(stamped(via.as_bytes(), "192.0.2.9:4000".parse().unwrap())).unwrap()
        };
        assert_eq!(stamp("SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1"), "SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1");
        assert_eq!(
            stamp("SIP/2.0/UDP 10.1.1.1;branch=z9hG4bK1"),
            "SIP/2.0/UDP 10.1.1.1;branch=z9hG4bK1;received=192.0.2.9"
        );
        assert_eq!(
            stamp("SIP/2.0/UDP 10.1.1.1;rport;branch=z9hG4bK1"),
            "SIP/2.0/UDP 10.1.1.1;branch=z9hG4bK1;received=192.0.2.9;rport=4000"
        );
    }

    #[test]
    fn text_of_ours_can_not_break_a_header() {
        let because = Because { text: "no \"room\"\r\nX: 1".to_owned(), cause: 503, retry_after: None };
        assert_eq!(because_lines(&because), b"Reason: SIP;cause=503;text=\"no \\\"room\\\"  X: 1\"\r\n");
    }
}
