//! From bytes to a message, or to the status that refuses it.

use std::borrow::Cow;

use super::limits::{BODY_MAX, HEAD_MAX, HEADER_MAX, HEADERS_MAX, URI_MAX, VIAS_MAX};
use super::{
    Address, HeaderName, Headers, Malformed, Method, Uri, Via, decimal, is_token, split_commas, trim,
};

/// A request whose start line and mandatory headers are right.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// The method.
    pub method: Method<'a>,
    /// The Request-URI as it stands.
    pub uri_bytes: &'a [u8],
    /// The same, taken apart.
    pub uri: Uri<'a>,
    /// The mandatory headers, taken apart.
    pub core: Core<'a>,
    /// All headers.
    pub headers: Headers<'a>,
    /// The body.
    pub body: &'a [u8],
}

/// A response whose start line and mandatory headers are right.
#[derive(Debug, Clone)]
pub struct Response<'a> {
    /// 100 to 699.
    pub status: u16,
    /// The mandatory headers, taken apart.
    pub core: Core<'a>,
    /// All headers.
    pub headers: Headers<'a>,
    /// The body.
    pub body: &'a [u8],
}

/// What every message says about itself.
#[derive(Debug, Clone, Copy)]
pub struct Core<'a> {
    /// The topmost Via.
    pub via: Via<'a>,
    /// From.
    pub from: Address<'a>,
    /// From as it stands.
    pub from_bytes: &'a [u8],
    /// To.
    pub to: Address<'a>,
    /// To as it stands.
    pub to_bytes: &'a [u8],
    /// Call-ID.
    pub call_id: &'a [u8],
    /// The number in CSeq.
    pub cseq: u32,
    /// The method in CSeq.
    pub cseq_method: Method<'a>,
}

/// A message.
#[derive(Debug, Clone)]
pub enum Message<'a> {
    /// A request.
    Request(Request<'a>),
    /// A response.
    Response(Response<'a>),
}

/// A request that is wrong in a way that its sender can be told.
#[derive(Debug, Clone)]
pub struct Refusal<'a> {
    /// The status that the RFC names.
    pub status: u16,
    /// What is wrong, for the reason phrase.
    pub why: &'static str,
    /// Its headers, as far as there are any.
    pub headers: Headers<'a>,
}

/// Bytes that can't be answered.
#[derive(Debug, Clone)]
pub enum Dropped<'a> {
    /// No SIP message, a broken response, or a broken ACK: say nothing.
    Silently,
    /// A broken request: say what is wrong.
    Answer(Box<Refusal<'a>>),
}

/// What is wrong with a request.
type Fault = (u16, &'static str);

const fn bad(why: &'static str) -> Fault {
    (400, why)
}

enum StartLine<'a> {
    Request { method: Method<'a>, uri: &'a [u8], fault: Option<Fault> },
    Response { status: u16 },
}

/// The message with folded header lines put on one line: bytes and lengths stay, line ends become spaces.
#[must_use]
pub fn unfolded(bytes: &[u8]) -> Cow<'_, [u8]> {
    let head_end = head_length(bytes).unwrap_or(bytes.len());
    let is_fold = |index: usize| bytes[index] == b'\n' && matches!(bytes.get(index + 1), Some(b' ' | b'\t'));
    if !(0..head_end).any(is_fold) {
        return Cow::Borrowed(bytes);
    }
    let mut flat = bytes.to_vec();
    for index in (0..head_end).filter(|index| is_fold(*index)) {
        flat[index] = b' ';
        if index > 0 && flat[index - 1] == b'\r' {
            flat[index - 1] = b' ';
        }
    }
    Cow::Owned(flat)
}

/// Length of start line and headers with the empty line that ends them.
fn head_length(bytes: &[u8]) -> Option<usize> {
    head_length_from(bytes, Searched::default()).ok()
}

/// How far a head was looked at that is not all there.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Searched {
    /// Where the line begins that has no end yet.
    line_start: usize,
    /// No line end is between there and here.
    looked_at: usize,
}

#[cfg(test)]
impl Searched {
    pub(super) fn looked_at(self) -> usize {
        self.looked_at
    }
}

/// The length of a head, of which some may have been looked at before; `Err` says how far that is now.
pub(super) fn head_length_from(bytes: &[u8], searched: Searched) -> Result<usize, Searched> {
    let Searched { mut line_start, mut looked_at } = searched;
    while let Some(length) = bytes[looked_at..].iter().position(|byte| *byte == b'\n') {
        let line_end = looked_at + length;
        let line = &bytes[line_start..line_end];
        if line_start > 0 && (line.is_empty() || line == b"\r") {
            return Ok(line_end + 1);
        }
        (line_start, looked_at) = (line_end + 1, line_end + 1);
    }
    Err(Searched { line_start, looked_at: bytes.len() })
}

/// Reads one message, [`unfolded`] before: a datagram, or a frame cut from a stream.
///
/// # Errors
/// [`Dropped`] says whether and how to answer.
pub fn parse(bytes: &[u8]) -> Result<Message<'_>, Dropped<'_>> {
    let head_end = head_length(bytes);
    let (head, body) = bytes.split_at(head_end.unwrap_or(bytes.len()));
    let mut lines = head.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let start = lines.next().and_then(start_line).ok_or(Dropped::Silently)?;
    let (headers, header_fault) = header_fields(lines);
    match start {
        StartLine::Response { status } => {
            let core = core(&headers).map_err(|_| Dropped::Silently)?;
            let body = body_of(&headers, body).map_err(|_| Dropped::Silently)?;
            if header_fault.is_some() || head_end.is_none() {
                return Err(Dropped::Silently);
            }
            Ok(Message::Response(Response { status, core, headers, body }))
        }
        StartLine::Request { method, uri, fault } => {
            let early =
                if head.len() > HEAD_MAX { Some((513, "Message Too Large")) } else { fault.or(header_fault) };
            let early = early.or(head_end.is_none().then_some(bad("No End Of Headers")));
            match request(method, uri, &headers, body, early) {
                Ok((uri_parts, core, body)) => Ok(Message::Request(Request {
                    method,
                    uri_bytes: uri,
                    uri: uri_parts,
                    core,
                    headers,
                    body,
                })),
                Err(_) if method == Method::Ack => Err(Dropped::Silently),
                Err((status, why)) => Err(Dropped::Answer(Box::new(Refusal { status, why, headers }))),
            }
        }
    }
}

/// The parts of a request that is right.
fn request<'a>(
    method: Method<'a>,
    uri_bytes: &'a [u8],
    headers: &Headers<'a>,
    body: &'a [u8],
    early: Option<Fault>,
) -> Result<(Uri<'a>, Core<'a>, &'a [u8]), Fault> {
    if let Some(fault) = early {
        return Err(fault);
    }
    let uri = Uri::parse(uri_bytes).map_err(|Malformed| bad("Malformed Request-URI"))?;
    if !uri.headers.is_empty() {
        return Err(bad("Headers In Request-URI"));
    }
    let core = core(headers)?;
    if core.cseq_method != method {
        // Of a method that nobody here knows there is no saying what its CSeq should be ([RFC 4475 §3.1.2.18]).
        let is_unknown = matches!(method, Method::Other(_));
        return Err(if is_unknown { (501, "Not Implemented") } else { bad("CSeq Names Another Method") });
    }
    let max_forwards =
        headers.single(HeaderName::MaxForwards).map_err(|Malformed| bad("Several Max-Forwards"))?;
    if max_forwards.is_some_and(|value| decimal(value).is_none_or(|hops| hops > 255)) {
        return Err(bad("Malformed Max-Forwards"));
    }
    for contact in headers.all(HeaderName::Contact).flat_map(split_commas) {
        if contact != b"*" && Address::parse(contact).is_err() {
            return Err(bad("Malformed Contact"));
        }
    }
    let body = body_of(headers, body)?;
    Ok((uri, core, body))
}

fn start_line(line: &[u8]) -> Option<StartLine<'_>> {
    if let Some(rest) = line.strip_prefix(b"SIP/2.0 ") {
        let digits = rest.get(..3)?;
        let ends = rest.get(3).is_none_or(|byte| *byte == b' ');
        let status = decimal(digits).and_then(|status| u16::try_from(status).ok())?;
        return (ends && (100..700).contains(&status)).then_some(StartLine::Response { status });
    }
    // The version says whether this is SIP at all; what stands before it may be broken and still be answered.
    let (front, version) = line.trim_ascii_end().rsplit_once_space()?;
    let is_sip = version.get(..4).is_some_and(|name| name.eq_ignore_ascii_case(b"SIP/"));
    if !is_sip {
        return None;
    }
    let cut = front.iter().position(|byte| *byte == b' ')?;
    let (token, uri) = (&front[..cut], &front[cut + 1..]);
    let fault = if !version[4..].eq_ignore_ascii_case(b"2.0") {
        Some((505, "Version Not Supported"))
    } else if uri.len() > URI_MAX {
        Some((414, "Request-URI Too Long"))
    } else if !is_token(token) || uri.is_empty() || line.len() != line.trim_ascii_end().len() {
        Some(bad("Malformed Request-Line"))
    } else {
        None
    };
    Some(StartLine::Request { method: Method::of(token), uri, fault })
}

trait SplitAtSpace {
    fn rsplit_once_space(&self) -> Option<(&[u8], &[u8])>;
}

impl SplitAtSpace for [u8] {
    fn rsplit_once_space(&self) -> Option<(&[u8], &[u8])> {
        let space = self.iter().rposition(|byte| *byte == b' ')?;
        Some((&self[..space], &self[space + 1..]))
    }
}

/// The header fields, and the first thing wrong with them.
fn header_fields<'a>(lines: impl Iterator<Item = &'a [u8]>) -> (Headers<'a>, Option<Fault>) {
    let mut headers = Headers::default();
    let mut fault = None;
    for line in lines.filter(|line| !line.is_empty()) {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
            fault = fault.or(Some(bad("Malformed Header")));
            continue;
        };
        let (name, value) = (trim(&line[..colon]), trim(&line[colon + 1..]));
        if !is_token(name) || value.len() > HEADER_MAX || value.contains(&b'\r') {
            fault = fault.or(Some(bad("Malformed Header")));
        } else if headers.count() == HEADERS_MAX {
            fault = fault.or(Some(bad("Too Many Headers")));
        } else {
            headers.push(HeaderName::of(name), value);
        }
    }
    (headers, fault)
}

fn core<'a>(headers: &Headers<'a>) -> Result<Core<'a>, Fault> {
    let one = |name, several, none| {
        headers
            .single(name)
            .map_err(|Malformed| bad(several))?
            .filter(|value| !value.is_empty())
            .ok_or(bad(none))
    };
    let mut vias = headers.all(HeaderName::Via).flat_map(split_commas);
    let top = vias.next().ok_or(bad("No Via"))?;
    let via = Via::parse(top).map_err(|Malformed| bad("Malformed Via"))?;
    for (hops, value) in (2..).zip(vias) {
        if hops > VIAS_MAX {
            return Err((483, "Too Many Hops"));
        }
        Via::parse(value).map_err(|Malformed| bad("Malformed Via"))?;
    }
    let from_bytes = one(HeaderName::From, "Several From", "No From")?;
    let to_bytes = one(HeaderName::To, "Several To", "No To")?;
    let call_id = one(HeaderName::CallId, "Several Call-ID", "No Call-ID")?;
    let cseq_bytes = one(HeaderName::CSeq, "Several CSeq", "No CSeq")?;
    let (cseq, cseq_method) = cseq_of(cseq_bytes).ok_or(bad("Malformed CSeq"))?;
    let from = Address::parse(from_bytes).map_err(|Malformed| bad("Malformed From"))?;
    let to = Address::parse(to_bytes).map_err(|Malformed| bad("Malformed To"))?;
    Ok(Core { via, from, from_bytes, to, to_bytes, call_id, cseq, cseq_method })
}

fn cseq_of(value: &[u8]) -> Option<(u32, Method<'_>)> {
    let gap = value.iter().position(u8::is_ascii_whitespace)?;
    let number = decimal(&value[..gap]).filter(|number| *number < 1 << 31)?;
    let token = trim(&value[gap..]);
    is_token(token).then(|| (u32::try_from(number).unwrap_or(0), Method::of(token)))
}

/// The body by Content-Length; without one, all that is there ([RFC 3261 §18.3]).
fn body_of<'a>(headers: &Headers<'a>, rest: &'a [u8]) -> Result<&'a [u8], Fault> {
    let length =
        match headers.single(HeaderName::ContentLength).map_err(|Malformed| bad("Several Content-Length"))? {
            Some(value) => decimal(value)
                .and_then(|length| usize::try_from(length).ok())
                .ok_or(bad("Malformed Content-Length"))?,
            None => rest.len(),
        };
    if length > BODY_MAX {
        return Err((413, "Request Entity Too Large"));
    }
    headers.single(HeaderName::ContentType).map_err(|Malformed| bad("Several Content-Type"))?;
    rest.get(..length).ok_or(bad("Body Shorter Than Content-Length"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPTIONS: &str = "OPTIONS sip:x@192.0.2.1 SIP/2.0\r\nv: SIP/2.0/UDP 192.0.2.2;branch=z9hG4bK1\r\n\
        f: <sip:a@b>;tag=1\r\nt: <sip:x@y>\r\ni: 1@x\r\nCSeq: 1 OPTIONS\r\n";

    fn status(text: &str) -> Option<u16> {
        match parse(text.as_bytes()) {
            Ok(_) => Some(200),
            Err(Dropped::Answer(refusal)) => Some(refusal.status),
            Err(Dropped::Silently) => None,
        }
    }

    /// Shows RFC 3261 §7.3.3: compact names are the long ones.
    /// Shows RFC 3261 §18.3: without Content-Length the body reaches to the end of the datagram.
    #[test]
    fn compact_names_are_the_long_ones_and_the_rest_of_a_datagram_is_the_body() {
        let text = format!("{OPTIONS}\r\nhello");
        let Ok(Message::Request(request)) = parse(text.as_bytes()) else { panic!("refused") };
        assert_eq!((request.core.call_id, request.body), (&b"1@x"[..], &b"hello"[..]));
    }

    /// Shows RFC 3261 §7.3.1: a folded header is read as one line.
    #[test]
    fn folded_lines_are_read_as_one_and_the_body_stays() {
        let text = format!("{OPTIONS}Subject: a\r\n b\r\n\r\nx\r\n y");
        let flat = unfolded(text.as_bytes());
        let Ok(Message::Request(request)) = parse(&flat) else { panic!("refused") };
        assert_eq!(request.body, b"x\r\n y");
        assert_eq!(request.headers.count(), 6);
    }

    /// Shows RFC 3261 §21.4.1: a request that does not follow the syntax is refused with 400.
    #[test]
    fn what_is_wrong_gets_the_status_that_the_rfc_names() {
        let with = |line: &str| status(&format!("{OPTIONS}{line}\r\n\r\n"));
        assert_eq!(with("Content-Length: 5"), Some(400));
        assert_eq!(with("Content-Length: -1"), Some(400));
        assert_eq!(with("Content-Length: 99999999"), Some(413));
        assert_eq!(with("t: <sip:z@y>"), Some(400));
        assert_eq!(with("Max-Forwards: 300"), Some(400));
        assert_eq!(with("no colon"), Some(400));
        assert_eq!(status(&OPTIONS.replace("SIP/2.0\r\n", "SIP/3.0\r\n")), Some(505));
        assert_eq!(status(&OPTIONS.replace("sip:x@", &format!("sip:{}@", "x".repeat(URI_MAX)))), Some(414));
        assert_eq!(status(&format!("{OPTIONS}{}\r\n", "X: 1\r\n".repeat(HEADERS_MAX))), Some(400));
        assert_eq!(
            status(&format!("{OPTIONS}{}\r\n", format!("X: {}\r\n", "1".repeat(900)).repeat(60))),
            Some(513)
        );
        assert_eq!(status(OPTIONS), Some(400), "headers without an end");
    }

    #[test]
    fn what_is_no_sip_is_dropped_silently() {
        for text in
            ["", "\r\n", "GET / HTTP/1.1\r\n\r\n", "SIP/2.0 99 x\r\n\r\n", "SIP/2.0 4294967301 x\r\n\r\n"]
        {
            assert_eq!(status(text), None, "{text}");
        }
    }
}
