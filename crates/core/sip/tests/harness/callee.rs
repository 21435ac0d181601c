//! Callees that say exactly what a test wants, byte by byte, to a call of agent 0.

use std::net::SocketAddr;

use partyline_sip::endpoint::{CallEvent, CallKey, TransportKind};

use super::phone::header;
use super::{FAIR, World, outgoing};
use partyline_sip::rules::DialogRules;

/// Whoever is called, at one address; several where a proxy in between forks the call.
pub struct Callee {
    pub address: SocketAddr,
    pub invite: Vec<u8>,
    pub call: CallKey,
    seen: usize,
}

impl Callee {
    /// Is called.
    pub fn called(delays_offer: bool, rules: &DialogRules) -> (World, Self) {
        let mut world = World::with_rules(1, 1, FAIR, rules);
        let address = "127.0.0.1:7000".parse().unwrap();
        let mut wanted = outgoing(address, TransportKind::Udp);
        wanted.delays_offer = delays_offer;
        let now = world.now;
        let call = world.agents[0].endpoint.call(now, &wanted).unwrap();
        world.drain();
        let invite = world.sent[0].1.clone();
        (world, Self { address, invite, call, seen: 1 })
    }

    /// Responds to the INVITE; `more` is header lines, each with its end.
    pub fn says(
        &mut self,
        world: &mut World,
        status: &str,
        tag: &str,
        more: &str,
        sdp: &str,
    ) -> Vec<Vec<u8>> {
        let invite = self.invite.clone();
        self.responds(world, &invite, status, tag, more, sdp)
    }

    /// Responds to any request; answers with what that brought.
    pub fn responds(
        &mut self,
        world: &mut World,
        request: &[u8],
        status: &str,
        tag: &str,
        more: &str,
        sdp: &str,
    ) -> Vec<Vec<u8>> {
        let echo = |name| format!("{name}: {}\r\n", header(request, name).unwrap());
        let content_type = if sdp.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        let to = header(request, "To").unwrap();
        let to = if tag.is_empty() || to.contains(";tag=") { to } else { format!("{to};tag={tag}") };
        let response = format!(
            "SIP/2.0 {status}\r\n{}{}To: {to}\r\n{}{}Contact: <sip:{tag}@127.0.0.1:7000>\r\n{more}{content_type}Content-Length: {}\r\n\r\n{sdp}",
            echo("Via"),
            echo("From"),
            echo("Call-ID"),
            echo("CSeq"),
            sdp.len(),
        );
        world.inject(self.address, 0, response.as_bytes());
        self.heard(world)
    }

    /// Sends a request within the dialog of one tag.
    pub fn asks(
        &mut self,
        world: &mut World,
        method: &str,
        cseq: u32,
        tag: &str,
        more: &str,
        sdp: &str,
    ) -> Vec<Vec<u8>> {
        let (from, to) = (header(&self.invite, "To").unwrap(), header(&self.invite, "From").unwrap());
        let content_type = if sdp.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        let request = format!(
            "{method} sip:alice@127.0.0.1:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:7000;branch=z9hG4bK{tag}{cseq}\r\n\
             From: {from};tag={tag}\r\nTo: {to}\r\nCall-ID: {}\r\nCSeq: {cseq} {method}\r\nMax-Forwards: 70\r\n\
             Contact: <sip:{tag}@127.0.0.1:7000>\r\n{more}{content_type}Content-Length: {}\r\n\r\n{sdp}",
            header(&self.invite, "Call-ID").unwrap(),
            sdp.len(),
        );
        world.inject(self.address, 0, request.as_bytes());
        self.heard(world)
    }

    /// What the endpoint sent since the last look.
    pub fn heard(&mut self, world: &World) -> Vec<Vec<u8>> {
        let new = world.sent[self.seen..].iter().map(|(_, bytes)| bytes.clone()).collect();
        self.seen = world.sent.len();
        new
    }

    pub fn events(&self, world: &World) -> Vec<CallEvent> {
        world.events(0, self.call)
    }
}

/// The methods of requests, the version of responses.
pub fn methods(sent: &[Vec<u8>]) -> Vec<String> {
    sent.iter().map(|bytes| super::start_line(bytes).split(' ').next().unwrap().to_owned()).collect()
}
