//! A telephone of few words: it writes SIP by hand, so that the VRU's own core is not tested against itself.

use std::net::SocketAddr;

use tokio::net::UdpSocket;

use crate::cluster::CEILING;

/// One call of one telephone.
pub(crate) struct Phone {
    socket: UdpSocket,
    server: SocketAddr,
    name: String,
    cseq: u32,
    to: String,
    media_address: &'static str,
    last_answer: String,
    provisional: Vec<u16>,
    more: String,
}

impl Phone {
    /// A telephone that calls from a loopback address.
    pub(crate) async fn new(server: SocketAddr) -> Self {
        let own = if server.is_ipv4() { "127.0.0.1" } else { "::1" };
        Self::at(own, server).await
    }

    /// A telephone that calls from this address.
    pub(crate) async fn at(address: &str, server: SocketAddr) -> Self {
        let socket = UdpSocket::bind((address, 0)).await.unwrap();
        let name = format!("{:x}", socket.local_addr().unwrap().port());
        Self {
            socket,
            server,
            name,
            cseq: 0,
            to: String::new(),
            media_address: if server.is_ipv4() { "127.0.0.1" } else { "::1" },
            last_answer: String::new(),
            provisional: Vec::new(),
            more: String::new(),
        }
    }

    /// A telephone that begins its calls on hold, as old ones do it.
    pub(crate) async fn on_hold(server: SocketAddr) -> Self {
        Self { media_address: "0.0.0.0", ..Self::new(server).await }
    }

    /// Writes these header lines into its next INVITEs.
    pub(crate) fn say(&mut self, lines: &str) {
        self.more = lines.to_owned();
    }

    /// A header of the last answer to an INVITE; empty where it has none.
    pub(crate) fn answered(&self, name: &str) -> String {
        header(&self.last_answer, name)
    }

    /// All values of a header of the last answer to an INVITE.
    pub(crate) fn answered_all(&self, name: &str) -> Vec<String> {
        let lines = self.last_answer.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        lines.map(|value| value.trim().to_owned()).collect()
    }

    /// The statuses of all provisional answers so far.
    pub(crate) fn provisional(&self) -> &[u16] {
        &self.provisional
    }

    /// The last answer to an INVITE.
    pub(crate) fn answer(&self) -> &str {
        &self.last_answer
    }

    fn local(&self) -> SocketAddr {
        self.socket.local_addr().unwrap()
    }

    async fn send(&mut self, method: &str, user: &str, cseq: u32, body: Option<(&str, String)>) {
        let (server, local, name) = (self.server, self.local(), &self.name);
        let to = if self.to.is_empty() { format!("<sip:{user}@{server}>") } else { self.to.clone() };
        let (kind, body) = body.map_or((String::new(), String::new()), |(kind, body)| {
            (format!("Content-Type: {kind}\r\n"), body)
        });
        let more = if method == "INVITE" { self.more.as_str() } else { "" };
        let branch = if method == "ACK" { format!("ack{cseq}") } else { format!("{method}{cseq}") };
        let message = format!(
            "{method} sip:{user}@{server} SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bK{name}{branch}\r\n\
             Max-Forwards: 70\r\nFrom: \"Test\" <sip:{name}@{local}>;tag=t{name}\r\nTo: {to}\r\n\
             Call-ID: call-{name}@127.0.0.1\r\nCSeq: {cseq} {method}\r\nContact: <sip:{name}@{local}>\r\n\
             {more}{kind}Content-Length: {}\r\n\r\n{body}",
            body.len(),
        );
        self.socket.send_to(message.as_bytes(), server).await.unwrap();
    }

    async fn receive(&mut self) -> String {
        let mut buffer = vec![0; 4096];
        let received = tokio::time::timeout(CEILING, self.socket.recv(&mut buffer)).await;
        let length = received.expect("the VRU says something").unwrap();
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    }

    /// Calls, and answers with the final status.
    pub(crate) async fn invite(&mut self, user: &str) -> u16 {
        self.cseq += 1;
        let body = format!(
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN {} {}\r\nt=0 0\r\nm=audio {} RTP/AVP 0 101\r\n\
             a=rtpmap:101 telephone-event/8000\r\n",
            if self.media_address.contains(':') { "IP6" } else { "IP4" },
            self.media_address,
            self.local().port(),
        );
        let cseq = self.cseq;
        self.send("INVITE", user, cseq, Some(("application/sdp", body))).await;
        loop {
            let answer = self.receive().await;
            let status = status(&answer);
            if status < 200 {
                self.provisional.push(status);
            }
            if status >= 200 && answer.contains(" INVITE\r\n") {
                self.to = header(&answer, "To");
                self.send("ACK", user, cseq, None).await;
                if status >= 300 {
                    self.to.clear();
                }
                self.last_answer = answer;
                return status;
            }
        }
    }

    /// Presses keys, by INFO.
    pub(crate) async fn press(&mut self, keys: &str) {
        for key in keys.chars() {
            self.cseq += 1;
            let cseq = self.cseq;
            let body = format!("Signal={key}\r\nDuration=100\r\n");
            self.send("INFO", "x", cseq, Some(("application/dtmf-relay", body))).await;
            loop {
                let answer = self.receive().await;
                if answer.contains(" INFO\r\n") {
                    assert_eq!(status(&answer), 200, "{answer}");
                    break;
                }
            }
        }
    }

    pub(crate) async fn hang_up(&mut self) {
        self.cseq += 1;
        let cseq = self.cseq;
        self.send("BYE", "x", cseq, None).await;
        while !self.receive().await.contains(" BYE\r\n") {}
    }

    /// Waits until the VRU hangs up; answers with the reason that it gives.
    pub(crate) async fn hung_up(&mut self) -> String {
        loop {
            let message = self.receive().await;
            if message.starts_with("BYE ") {
                let kept: Vec<&str> = message
                    .lines()
                    .filter(|line| {
                        ["Via:", "From:", "To:", "Call-ID:", "CSeq:"]
                            .iter()
                            .any(|name| line.starts_with(name))
                    })
                    .collect();
                let answer = format!("SIP/2.0 200 OK\r\n{}\r\nContent-Length: 0\r\n\r\n", kept.join("\r\n"));
                self.socket.send_to(answer.as_bytes(), self.server).await.unwrap();
                return header(&message, "Reason");
            }
        }
    }
}

fn status(answer: &str) -> u16 {
    answer.strip_prefix("SIP/2.0 ").and_then(|rest| rest[..3].parse().ok()).unwrap_or(0)
}

fn header(message: &str, name: &str) -> String {
    let line = message.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_default().trim().to_owned()
}
