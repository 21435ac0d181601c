//! An endpoint with a user who answers every call, and what both make of one message, in words.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use partyline_sip::endpoint::{
    CallEvent, CallKey, ConnectionId, Endpoint, EndpointConfig, IncomingCall, Listen, Output, TransportKind,
};
use partyline_sip::message::{Address, Dropped, HeaderName, Message, Request, parse, split_commas, unfolded};
use partyline_sip::sdp::Capabilities;

use crate::harness::{capabilities, config};

/// The headers of an answer that say something about the request, and not only about us.
const TELLING: &[&str] = &[
    "Via",
    "From",
    "To",
    "Call-ID",
    "CSeq",
    "Contact",
    "Record-Route",
    "Accept",
    "Accept-Encoding",
    "Unsupported",
    "Warning",
    "Retry-After",
];

/// Between whom a message goes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ends {
    pub(crate) endpoint: SocketAddr,
    pub(crate) sender: SocketAddr,
    /// Where the user wants media.
    pub(crate) media: std::net::IpAddr,
}

/// One test message.
pub(crate) fn message(folder: &str, name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(folder);
    std::fs::read(path.join(format!("{name}.dat"))).unwrap()
}

/// What becomes of a message: how it is read, what is answered, what the user is told, what is counted; and why.
pub(crate) fn fate(bytes: &[u8], ends: Ends, why: &str) -> String {
    let mut told = format!("{why}\n\n");
    let flat = unfolded(bytes);
    let _ = writeln!(told, "read: {}", reading(&flat));
    let mut rig = Rig::new(ends);
    rig.hear(bytes);
    for (to, answer) in std::mem::take(&mut rig.sent) {
        let _ = writeln!(told, "answer to {to}: {}", in_short(&answer, &flat));
    }
    for line in std::mem::take(&mut rig.told) {
        let _ = writeln!(told, "user: {line}");
    }
    if rig.endpoint.counters().dropped > 0 {
        let _ = writeln!(told, "dropped and counted: {}", rig.endpoint.counters().dropped);
    }
    rig.wait(Duration::from_secs(24 * 3600));
    for line in &rig.told {
        let _ = writeln!(told, "later: {line}");
    }
    let left = rig.endpoint.counters();
    assert_eq!(
        (left.calls, left.transactions, left.transaction_bytes),
        (0, 0, 0),
        "something is left behind"
    );
    assert_eq!((left.half_open, left.connections), (0, 0), "something is left behind");
    told
}

struct Rig {
    now: Instant,
    endpoint: Endpoint,
    ends: Ends,
    sent: Vec<(String, Vec<u8>)>,
    told: Vec<String>,
}

impl Rig {
    fn new(ends: Ends) -> Self {
        let listen = |transport| Listen { transport, local: ends.endpoint, advertised: ends.endpoint };
        let listens = vec![listen(TransportKind::Udp), listen(TransportKind::Tcp)];
        let config = EndpointConfig { listens, ..config(ends.endpoint) };
        #[expect(clippy::disallowed_methods, reason = "a beginning of virtual time; no other clock is read")]
        let now = Instant::now();
        Self { now, endpoint: Endpoint::new(config), ends, sent: Vec::new(), told: Vec::new() }
    }

    /// Brings a message by the transport that its Via names: datagrams for UDP, else a stream.
    fn hear(&mut self, bytes: &[u8]) {
        let Ends { endpoint: local, sender, .. } = self.ends;
        let head = String::from_utf8_lossy(bytes).to_ascii_uppercase();
        let via = head.lines().find(|line| line.starts_with("VIA:") || line.starts_with("V:"));
        if via.is_some_and(|via| via.contains("/TCP") || via.contains("/TLS")) {
            let connection = ConnectionId(1);
            self.endpoint.handle_accepted(self.now, connection, local, sender);
            self.endpoint.handle_stream(self.now, connection, bytes);
        } else {
            self.endpoint.handle_datagram(self.now, local, sender, bytes);
        }
        self.drain();
    }

    fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(next) = self.endpoint.poll_timeout().filter(|next| *next <= end) {
            self.now = self.now.max(next);
            self.endpoint.handle_timeout(self.now);
            self.drain();
        }
        self.now = end;
    }

    fn drain(&mut self) {
        while let Some(output) = self.endpoint.poll_output() {
            // Connections that open and close are the shell's business.
            if let Output::SendDatagram { remote, bytes, .. } = output {
                self.sent.push((remote.to_string(), bytes));
            } else if let Output::SendStream { bytes, .. } = output {
                self.sent.push(("the connection".to_owned(), bytes));
            } else if let Output::Call(call, event) = output {
                self.told.push(in_words(&event));
                if matches!(event, CallEvent::Incoming(_)) {
                    self.answer(call);
                }
            }
        }
    }

    fn answer(&mut self, call: CallKey) {
        let capabilities = Capabilities { address: self.ends.media, ..capabilities(4_000) };
        let answer = self.endpoint.answer(self.now, call, &capabilities);
        self.told.push(match answer {
            Ok(Some(agreed)) => format!("answers with {}, sends to {}", agreed.codec.encoding, agreed.remote),
            Ok(None) => "answers with an offer".to_owned(),
            Err(error) => format!("can't answer: {error}"),
        });
    }
}

fn in_words(event: &CallEvent) -> String {
    if let CallEvent::Incoming(call) = event {
        let IncomingCall { dialled, caller, caller_display, has_offer, .. } = &**call;
        let offer = if *has_offer { "an offer" } else { "no offer" };
        return format!("is called at {dialled:?} by {caller:?} ({caller_display:?}) with {offer}");
    }
    format!("{event:?}")
}

/// An answer by its first line and what it says of the request; tags that are drawn are left out.
fn in_short(answer: &[u8], request: &[u8]) -> String {
    let text = text(answer);
    let mut lines = text.split("\\r\\n");
    let mut short = lines.next().unwrap_or_default().to_owned();
    let mut is_head = true;
    for line in lines {
        is_head = is_head && !line.is_empty();
        let name = line.split(':').next().unwrap_or_default();
        let is_about_us = short.starts_with("SIP/2.0 2") && name.starts_with("Accept");
        if is_head && (name == "Allow" || is_about_us) {
            let _ = write!(short, "\n    {name}: …");
        } else if is_head && TELLING.contains(&name) {
            let has_their_tag = text_of_header(request, HeaderName::To).contains("tag");
            let shown = match line.rsplit_once(";tag=") {
                Some((front, _)) if name == "To" && !has_their_tag => format!("{front};tag=…"),
                Some(_) | None => line.to_owned(),
            };
            let _ = write!(short, "\n    {shown}");
        } else if !is_head && (line.starts_with("m=") || line.starts_with("c=")) {
            let _ = write!(short, "\n    {line}");
        }
    }
    short
}

fn text_of_header(flat: &[u8], name: HeaderName<'static>) -> String {
    match parse(flat) {
        Ok(Message::Request(request)) => text(request.headers.first(name).unwrap_or_default()),
        Err(Dropped::Answer(refusal)) => text(refusal.headers.first(name).unwrap_or_default()),
        Ok(Message::Response(_)) | Err(Dropped::Silently) => String::new(),
    }
}

/// How the parser reads a message.
fn reading(flat: &[u8]) -> String {
    match parse(flat) {
        Ok(Message::Request(request)) => request_reading(&request),
        Ok(Message::Response(response)) => {
            format!(
                "a response {} to {} {} with a body of {} bytes",
                response.status,
                response.core.cseq,
                text(response.core.cseq_method.as_bytes()),
                response.body.len()
            )
        }
        Err(Dropped::Answer(refusal)) => format!("refused: {} {}", refusal.status, refusal.why),
        Err(Dropped::Silently) => "as nothing that can be answered".to_owned(),
    }
}

fn request_reading(request: &Request<'_>) -> String {
    let (uri, core) = (&request.uri, &request.core);
    let contacts: Vec<_> =
        request.headers.all(HeaderName::Contact).flat_map(split_commas).map(contact).collect();
    let vias = request.headers.all(HeaderName::Via).flat_map(split_commas).count();
    let branch = core.via.branch().map_or("no branch".to_owned(), text);
    let mut told = format!("a request {}\n", text(request.method.as_bytes()));
    let mut line = |name: &str, value: String| {
        let _ = writeln!(told, "    {name}: {value}");
    };
    line(
        "uri",
        format!(
            "{} user {} host {} port {:?} parameters {}",
            text(uri.scheme),
            text(uri.user),
            text(uri.host),
            uri.port,
            text(uri.parameters)
        ),
    );
    line("via", format!("{} of {vias}: {} {}", text(core.via.transport), text(core.via.sent_by), branch));
    line("from", party(&core.from));
    line("to", party(&core.to));
    line("call", format!("{} {}", core.cseq, text(core.call_id)));
    line("contacts", contacts.join(" and "));
    let _ = write!(told, "    headers: {}, body: {} bytes", request.headers.count(), request.body.len());
    told
}

fn contact(value: &[u8]) -> String {
    Address::parse(value).map_or(text(value), |contact| party(&contact) + &text(contact.parameters))
}

fn party(address: &Address<'_>) -> String {
    let tag = address.tag().map_or(String::new(), |tag| format!(" tag {}", text(tag)));
    format!("{:?} {}{tag}", address.display_text(), text(address.uri))
}

/// Bytes to be read by people: UTF-8 as it is, all else escaped.
fn text(bytes: &[u8]) -> String {
    let Ok(text) = std::str::from_utf8(bytes) else { return bytes.escape_ascii().to_string() };
    let shown = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    text.chars().map(shown).collect()
}
