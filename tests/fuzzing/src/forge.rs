//! Messages made of choices: mostly right, so that they get somewhere, and then bent.

use std::fmt::Write as _;

use crate::bytes::Bytes;

const METHODS: [&str; 16] = [
    "INVITE",
    "ACK",
    "BYE",
    "CANCEL",
    "OPTIONS",
    "INFO",
    "UPDATE",
    "PRACK",
    "REFER",
    "SUBSCRIBE",
    "NOTIFY",
    "MESSAGE",
    "REGISTER",
    "PUBLISH",
    "INVITE",
    "DANCE",
];
const URIS: [&str; 6] = [
    "sip:100@127.0.0.1",
    "sips:100@127.0.0.1",
    "tel:+15551234",
    "soap.beep://127.0.0.1",
    "sip:100@[::1]:5070;transport=tcp",
    "sip:%31%30@127.0.0.1?Route=x",
];
const STATUSES: [u16; 24] = [
    100, 180, 183, 200, 200, 202, 301, 302, 305, 400, 401, 407, 408, 420, 422, 481, 486, 487, 488, 491, 500,
    503, 603, 699,
];
/// Lines that may be added, by the bits of a mask.
const LINES: [&str; 32] = [
    "Supported: 100rel, timer, replaces",
    "Require: 100rel",
    "Session-Expires: 90;refresher=uac",
    "Session-Expires: 1800;refresher=uas",
    "Min-SE: 120",
    "Record-Route: <sip:127.0.0.1:7001;lr>",
    "Route: <sip:127.0.0.1;lr>",
    "Refer-To: <sip:200@127.0.0.1:7000>",
    "Referred-By: <sip:bob@127.0.0.1>",
    "Event: conference",
    "Event: refer",
    "Expires: 60",
    "Subscription-State: active;expires=60",
    "Subscription-State: terminated;reason=noresource",
    "Replaces: c1;to-tag=1;from-tag=2",
    "Accept: application/sdp, application/conference-info+xml",
    "Accept: text/plain",
    "Content-Encoding: gzip",
    "P-Asserted-Identity: \"Eve\" <sip:+1555@net>, <tel:+1555>",
    "Privacy: id;critical",
    "Reason: SIP;cause=200;text=\"x\"",
    "Max-Forwards: 0",
    "Timestamp: 54.2",
    "Retry-After: 5 (busy);duration=60",
    "WWW-Authenticate: Digest realm=\"a\", nonce=\"b\", algorithm=SHA-256, qop=\"auth\"",
    "Proxy-Authenticate: Digest realm=\"a\", nonce=\"b\", stale=true",
    "Authorization: Digest username=\"u\", realm=\"a\", nonce=\"b\", uri=\"sip:x\", response=\"00\"",
    "Contact: <sip:third@127.0.0.1:7002>",
    "Diversion: <sip:300@net>;reason=unconditional",
    "History-Info: <sip:100@net>;index=1",
    "Content-Disposition: session;handling=optional",
    "Via: SIP/2.0/TCP 10.0.0.1;branch=z9hG4bKbehind",
];

const SDP: &str = "Content-Type: application/sdp\r\n";
const HELD: &str = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\nm=audio 9000 RTP/AVP 0\r\na=sendonly\r\n";
const OFFER: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9000 RTP/AVP 8 0 101\r\n\
    a=rtpmap:101 telephone-event/8000\r\n";
const FOREIGN: &str =
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9000 RTP/AVP 18\r\n";
/// Type line and text of bodies.
const BODIES: [(&str, &str); 8] = [
    ("", ""),
    (SDP, OFFER),
    (SDP, HELD),
    (SDP, FOREIGN),
    ("Content-Type: application/dtmf-relay\r\n", "Signal=5\r\nDuration=160\r\n"),
    ("Content-Type: message/sipfrag\r\n", "SIP/2.0 200 OK\r\n"),
    (
        "Content-Type: multipart/mixed;boundary=b\r\n",
        "--b\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n--b--\r\n",
    ),
    (SDP, "hello"),
];

/// Who talks to whom, as one side of a dialog names it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names {
    pub(crate) call_id: String,
    /// The forger's tag.
    pub(crate) mine: String,
    /// The endpoint's tag; empty outside of dialogs.
    pub(crate) theirs: String,
}

/// A value of a message that the endpoint sent.
fn header<'m>(message: &'m str, name: &str) -> Option<&'m str> {
    message.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

fn tag(value: &str) -> &str {
    value.split_once(";tag=").map_or("", |(_, tag)| tag.split(';').next().unwrap_or_default())
}

/// The names in a message of the endpoint's, seen from the other side.
pub(crate) fn names_of(message: &str) -> Names {
    let (from, to) = (header(message, "From").unwrap_or_default(), header(message, "To").unwrap_or_default());
    let call_id = header(message, "Call-ID").unwrap_or_default().to_owned();
    let (mine, theirs) =
        if message.starts_with("SIP/2.0") { (tag(from), tag(to)) } else { (tag(to), tag(from)) };
    Names { call_id, mine: mine.to_owned(), theirs: theirs.to_owned() }
}

/// A request within a dialog that some message of the endpoint's is of, or outside of any.
pub(crate) fn request(bytes: &mut Bytes<'_>, heard: Option<&str>) -> Vec<u8> {
    let method = bytes.one_of(&METHODS);
    let choice = bytes.byte();
    let mut names = match heard {
        Some(message) if choice & 1 == 1 => names_of(message),
        Some(_) | None => {
            let number = choice >> 4;
            Names { call_id: format!("c{number}"), mine: format!("f{}", number & 3), theirs: String::new() }
        }
    };
    if names.mine.is_empty() {
        names.mine.push_str("peer");
    }
    if choice & 0x0E == 0x0E {
        names.theirs.push_str("nope");
    }
    let step = bytes.byte();
    let cseq = match heard {
        // Within a dialog mostly the next one; ACK and CANCEL are of the one before.
        Some(message) if choice & 1 == 1 => {
            let last = header(message, "CSeq").and_then(|value| value.split(' ').next()?.parse::<u32>().ok());
            let ahead = if matches!(method, "ACK" | "CANCEL") {
                step >> 4
            } else {
                (step & 7) + u8::from(step < 0xF0)
            };
            last.unwrap_or(1).wrapping_add(ahead.into())
        }
        Some(_) | None => u32::from(step & 0x0F),
    };
    let branch = bytes.byte() & 0x1F;
    let uri = if choice & 2 == 0 { URIS[0] } else { bytes.one_of(&URIS) };
    let to_tag = if names.theirs.is_empty() { String::new() } else { format!(";tag={}", names.theirs) };
    let mut head = format!(
        "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:7000;branch=z9hG4bK{branch}{}\r\n\
         From: <sip:bob@127.0.0.1>;tag={}\r\nTo: <sip:100@127.0.0.1>{to_tag}\r\nCall-ID: {}\r\nCSeq: {cseq} {method}\r\n\
         Contact: <sip:bob@127.0.0.1:7000>\r\n",
        if choice & 4 == 0 { ";rport" } else { "" },
        names.mine,
        names.call_id,
    );
    if method == "PRACK" {
        let rseq = heard.and_then(|message| header(message, "RSeq")).unwrap_or("1");
        let of = heard.and_then(|message| header(message, "CSeq")).unwrap_or("1 INVITE");
        let _ = write!(head, "RAck: {rseq} {of}\r\n");
    }
    ended(head, bytes)
}

/// The ACK of a 2xx of the endpoint's.
pub(crate) fn ack(accepted: &str) -> Vec<u8> {
    let Names { call_id, mine, theirs } = names_of(accepted);
    let cseq = header(accepted, "CSeq").and_then(|value| value.split(' ').next()).unwrap_or("1");
    format!(
        "ACK sip:100@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:7000;branch=z9hG4bKack{cseq}\r\n\
         From: <sip:bob@127.0.0.1>;tag={mine}\r\nTo: <sip:100@127.0.0.1>;tag={theirs}\r\nCall-ID: {call_id}\r\n\
         CSeq: {cseq} ACK\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{OFFER}",
        OFFER.len()
    )
    .into_bytes()
}

/// A response to a request of the endpoint's.
pub(crate) fn response(bytes: &mut Bytes<'_>, asked: &str) -> Vec<u8> {
    let status = bytes.one_of(&STATUSES);
    let choice = bytes.byte();
    let mut head = format!("SIP/2.0 {status} Whatever\r\n");
    for line in asked.lines().skip(1).take_while(|line| !line.is_empty()) {
        let name = line.split(':').next().unwrap_or_default();
        if ["Via", "From", "Call-ID", "CSeq", "Record-Route"].contains(&name) {
            let _ = write!(head, "{line}\r\n");
        } else if name == "To" {
            let has_tag = line.contains(";tag=");
            let added =
                if has_tag || choice & 1 == 0 { String::new() } else { format!(";tag=t{}", choice >> 6) };
            let _ = write!(head, "{line}{added}\r\n");
        }
    }
    head.push_str("Contact: <sip:100@127.0.0.1:7000>\r\n");
    if choice & 2 != 0 {
        let _ = write!(head, "Require: 100rel\r\nRSeq: {}\r\n", (choice >> 2) & 7);
    }
    ended(head, bytes)
}

/// Lines by a mask, a body, and perhaps one octet that is bent.
fn ended(mut head: String, bytes: &mut Bytes<'_>) -> Vec<u8> {
    let kind = bytes.byte();
    if kind & 0x10 != 0 {
        let mask = bytes.long();
        for (_, line) in LINES.iter().enumerate().filter(|(bit, _)| mask >> bit & 1 == 1) {
            let _ = write!(head, "{line}\r\n");
        }
    }
    let (content_type, body) = BODIES[usize::from(kind & 7)];
    let length = if kind & 0x60 == 0x60 { usize::from(bytes.byte()) } else { body.len() };
    let mut message = format!("{head}{content_type}Content-Length: {length}\r\n\r\n{body}").into_bytes();
    if kind & 0x80 != 0 {
        let place = usize::from(bytes.word()) % message.len();
        message[place] ^= bytes.byte();
    }
    message
}
