//! A phone that says exactly what a test wants, byte by byte.

use std::net::SocketAddr;

use super::{World, status};

/// A phone outside the world, at one address, in one call with the endpoint of agent 0.
pub struct Phone {
    pub address: SocketAddr,
    pub call_id: String,
    pub from_tag: String,
    /// The endpoint's tag, once it is known.
    pub to_tag: String,
    seen: usize,
}

pub const OFFER: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
    m=audio 9000 RTP/AVP 8 0 101\r\na=rtpmap:101 telephone-event/8000\r\n";

impl Phone {
    pub fn new(name: &str) -> Self {
        let address = "127.0.0.1:7000".parse().unwrap();
        Self {
            address,
            call_id: format!("{name}@phone"),
            from_tag: "f1".to_owned(),
            to_tag: String::new(),
            seen: 0,
        }
    }

    /// A request; `more` is header lines, each with its end.
    pub fn request(&self, method: &str, cseq: u32, branch: &str, more: &str, body: &str) -> String {
        let to_tag = if self.to_tag.is_empty() { String::new() } else { format!(";tag={}", self.to_tag) };
        let cseq_method = method;
        format!(
            "{method} sip:100@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:7000;branch=z9hG4bK{branch}\r\n\
             From: <sip:bob@phone>;tag={}\r\nTo: <sip:100@127.0.0.1>{to_tag}\r\nCall-ID: {}\r\nCSeq: {cseq} {cseq_method}\r\n\
             Max-Forwards: 70\r\nContact: <sip:bob@127.0.0.1:7000>\r\n{more}Content-Length: {}\r\n\r\n{body}",
            self.from_tag,
            self.call_id,
            body.len(),
        )
    }

    /// A request with a session description.
    pub fn with_sdp(&self, method: &str, cseq: u32, branch: &str, sdp: &str) -> String {
        self.request(method, cseq, branch, "Content-Type: application/sdp\r\n", sdp)
    }

    /// Says something, and answers with what came back: the statuses in order.
    pub fn say(&mut self, world: &mut World, message: &str) -> Vec<u16> {
        world.inject(self.address, 0, message.as_bytes());
        self.heard(world).iter().map(|bytes| status(bytes)).collect()
    }

    /// What the endpoint sent since the last look.
    pub fn heard(&mut self, world: &World) -> Vec<Vec<u8>> {
        let new: Vec<_> = world.sent[self.seen..].iter().map(|(_, bytes)| bytes.clone()).collect();
        self.seen = world.sent.len();
        if let Some(tag) = new
            .last()
            .and_then(|bytes| header(bytes, "To"))
            .and_then(|to| Some(to.split_once(";tag=")?.1.to_owned()))
        {
            self.to_tag = tag;
        }
        new
    }

    /// Answers a request of the endpoint; `more` is header lines, each with its end.
    pub fn respond(&mut self, world: &mut World, request: &[u8], status: &str, more: &str) -> Vec<Vec<u8>> {
        let response = response_to(request, status, "f1", more, "");
        world.inject(self.address, 0, response.as_bytes());
        self.heard(world)
    }

    /// Has a call up: INVITE, 200, ACK.
    pub fn call_up(&mut self, world: &mut World) {
        let invite = self.with_sdp("INVITE", 1, "invite", OFFER);
        assert_eq!(self.say(world, &invite), [100]);
        let call = world.incoming(0);
        world.answer(0, call);
        self.heard(world);
        let ack = self.request("ACK", 1, "ack", "", "");
        assert_eq!(self.say(world, &ack), [0_u16; 0]);
    }
}

/// A header's value.
pub fn header(bytes: &[u8], name: &str) -> Option<String> {
    let text = String::from_utf8_lossy(bytes).into_owned();
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ").map(str::to_owned))
}

/// The body.
pub fn body(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default()
}

/// A response to a request of the endpoint; `more` is header lines, each with its end.
pub fn response_to(request: &[u8], status: &str, tag: &str, more: &str, sdp: &str) -> String {
    let echo = |name| format!("{name}: {}\r\n", header(request, name).unwrap());
    let content_type = if sdp.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
    let to = header(request, "To").unwrap();
    let to = if tag.is_empty() || to.contains(";tag=") { to } else { format!("{to};tag={tag}") };
    let (via, from, call_id, cseq) = (echo("Via"), echo("From"), echo("Call-ID"), echo("CSeq"));
    let length = sdp.len();
    format!(
        "SIP/2.0 {status}\r\n{via}{from}To: {to}\r\n{call_id}{cseq}{more}{content_type}Content-Length: {length}\r\n\r\n{sdp}"
    )
}

/// The lines of a header.
pub fn headers(bytes: &[u8], name: &str) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let (head, _) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    head.lines().filter_map(|line| Some(line.strip_prefix(name)?.strip_prefix(": ")?.to_owned())).collect()
}
