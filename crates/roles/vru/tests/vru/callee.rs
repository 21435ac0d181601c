//! The other side of calls and registrations of ours: it writes SIP by hand.

use std::net::SocketAddr;

use tokio::net::UdpSocket;

use crate::cluster::CEILING;

/// A request that came in.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) text: String,
    from: SocketAddr,
}

impl Asked {
    /// What was read from somebody.
    pub(crate) fn new(text: String, from: SocketAddr) -> Self {
        Self { text, from }
    }

    /// The method.
    pub(crate) fn method(&self) -> &str {
        self.text.split(' ').next().unwrap_or_default()
    }

    /// A header; empty where it has none.
    pub(crate) fn header(&self, name: &str) -> String {
        let line = self.text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.unwrap_or_default().trim().to_owned()
    }

    /// The Request-URI.
    pub(crate) fn uri(&self) -> &str {
        self.text.split(' ').nth(1).unwrap_or_default()
    }
}

/// A session description for media at this address.
pub(crate) fn described(media: SocketAddr) -> String {
    let (ip, port) = (media.ip(), media.port());
    format!(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio {port} RTP/AVP 0\r\n"
    )
}

/// Who answers.
pub(crate) struct Us {
    /// The URI of Contact.
    pub(crate) contact: String,
    /// The tag of To.
    pub(crate) tag: String,
}

impl Us {
    /// A response, with more header lines, and a body of SDP where there is one.
    pub(crate) fn response(&self, asked: &Asked, status: &str, more: &str, body: &str) -> String {
        let kept: Vec<&str> = asked
            .text
            .lines()
            .filter(|line| ["Via:", "From:", "Call-ID:", "CSeq:"].iter().any(|name| line.starts_with(name)))
            .collect();
        let to = asked.header("To");
        let to = if status.starts_with("100") || to.contains("tag=") {
            to
        } else {
            format!("{to};tag={}", self.tag)
        };
        let contact = if more.contains("Contact:") {
            String::new()
        } else {
            format!("Contact: <{}>\r\n", self.contact)
        };
        let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        format!(
            "SIP/2.0 {status}\r\n{}\r\nTo: {to}\r\n{contact}{more}{kind}Content-Length: {}\r\n\r\n{body}",
            kept.join("\r\n"),
            body.len(),
        )
    }
}

/// A peer on a loopback address.
pub(crate) struct Callee {
    socket: UdpSocket,
    tag: String,
}

impl Callee {
    pub(crate) async fn new() -> Self {
        Self::at("127.0.0.1").await
    }

    pub(crate) async fn at(address: &str) -> Self {
        let socket = UdpSocket::bind((address, 0)).await.unwrap();
        let tag = format!("t{}", socket.local_addr().unwrap().port());
        Self { socket, tag }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.socket.local_addr().unwrap()
    }

    /// The next request of this method; what else comes is passed over.
    pub(crate) async fn asked(&self, method: &str) -> Asked {
        let waiting = async {
            loop {
                let mut buffer = vec![0; 8192];
                let (length, from) = self.socket.recv_from(&mut buffer).await.unwrap();
                let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
                let asked = Asked { text, from };
                if asked.method() == method {
                    return asked;
                }
            }
        };
        tokio::time::timeout(CEILING, waiting).await.unwrap_or_else(|_| panic!("{method} never came"))
    }

    /// Answers with a status, more header lines, and a body of SDP where there is one.
    pub(crate) async fn answer(&self, asked: &Asked, status: &str, more: &str, body: &str) {
        let us = Us { contact: format!("sip:callee@{}", self.address()), tag: self.tag.clone() };
        let message = us.response(asked, status, more, body);
        self.socket.send_to(message.as_bytes(), asked.from).await.unwrap();
    }

    /// Answers a call with 200, and waits for the ACK; media goes to this address.
    pub(crate) async fn accept(&self, invite: &Asked, media: SocketAddr) {
        self.answer(invite, "200 OK", "", &described(media)).await;
        self.asked("ACK").await;
    }

    /// Sends a call elsewhere, and waits for the ACK.
    pub(crate) async fn redirect(&self, invite: &Asked, contact: &str) {
        self.answer(invite, "302 Moved Temporarily", contact, "").await;
        self.asked("ACK").await;
    }

    /// Grants a registration for so many seconds.
    pub(crate) async fn grant(&self, register: &Asked, seconds: u32) {
        let contact = register.header("Contact");
        let contact = contact.split(";expires").next().unwrap_or_default();
        let contact = format!("Contact: {contact};expires={seconds}\r\n");
        self.answer(register, "200 OK", &contact, "").await;
    }

    /// Answers the BYE.
    pub(crate) async fn let_go(&self) {
        let bye = self.asked("BYE").await;
        self.answer(&bye, "200 OK", "", "").await;
    }
}
