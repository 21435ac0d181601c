//! What stands between phones and servers: a proxy that forks, a server that sends on, and one that is full.
//!
//! It knows as much of SIP as these need ([RFC 3261 §16.7, §8.3]) and stays out of dialogs: it names no Record-Route, so
//! that only INVITE, its ACK and its CANCEL come by here.

use std::net::SocketAddr;

use partyline_sip::message::{Message, Method, Request, Response, parse};

use super::network::at;
use crate::chance::Chance;

/// Where it listens.
pub(super) const MIDDLE: SocketAddr = at(5_080);
/// Where nobody listens.
pub(super) const NOBODY: SocketAddr = at(5_090);

/// A datagram to be sent.
pub(super) struct Letter {
    pub(super) to: SocketAddr,
    pub(super) bytes: Vec<u8>,
    /// Whether it must not get lost: the middle sends nothing twice.
    pub(super) sure: bool,
}

/// A forked INVITE.
struct Forked {
    branch: Vec<u8>,
    phone: SocketAddr,
    invite: Vec<u8>,
    callees: Vec<Callee>,
    /// The refusal that was passed on.
    refused: Option<Vec<u8>>,
    /// Whether the others are cancelled once one has answered; else they answer too.
    cancels: bool,
    is_cancelled: bool,
}

struct Callee {
    server: SocketAddr,
    /// Its final status, and the response where it is a refusal.
    status: Option<u16>,
    refusal: Vec<u8>,
}

/// The machine in the middle.
pub(super) struct Middle {
    servers: Vec<SocketAddr>,
    forked: Vec<Forked>,
}

impl Middle {
    pub(super) fn new(servers: Vec<SocketAddr>) -> Self {
        Self { servers, forked: Vec::new() }
    }

    /// A datagram came; what is sent for it.
    pub(super) fn handle(&mut self, chance: &mut Chance, source: SocketAddr, bytes: &[u8]) -> Vec<Letter> {
        match parse(bytes) {
            Ok(Message::Request(request)) => self.asked(chance, source, &request, bytes),
            Ok(Message::Response(response)) => self.answered(source, &response, bytes),
            Err(_) => Vec::new(),
        }
    }

    fn asked(
        &mut self,
        chance: &mut Chance,
        source: SocketAddr,
        request: &Request<'_>,
        bytes: &[u8],
    ) -> Vec<Letter> {
        let to_source = |bytes, sure| vec![Letter { to: source, bytes, sure }];
        match (request.method, request.uri.user) {
            (Method::Invite, b"fork") => self.fork(chance, source, request, bytes),
            // Both are asked without keeping anything: a copy of the request is answered like the first.
            (Method::Invite, b"full") => to_source(reply(bytes, 503, "", "Retry-After: 5\r\n"), false),
            (Method::Invite, moved) => {
                let contacts = self.contacts(moved);
                to_source(reply(bytes, 302, "", &contacts), false)
            }
            (Method::Cancel, b"fork") => {
                let Some(forked) = self.of(request.core.via.branch()) else {
                    return to_source(reply(bytes, 481, "", ""), false);
                };
                forked.is_cancelled = true;
                let mut letters = forked.cancel_open();
                letters.push(Letter { to: source, bytes: reply(bytes, 200, "", ""), sure: false });
                letters
            }
            _ => Vec::new(),
        }
    }

    /// Contact lines for what was dialled: the way there may be short, long, by name, or lead nowhere.
    fn contacts(&self, moved: &[u8]) -> String {
        let [first, second, ..] = self.servers.as_slice() else { return String::new() };
        match moved {
            b"moved" => format!("Contact: <sip:100@{first}>\r\n"),
            b"moved-far" => {
                format!(
                    "Contact: <sip:full@{MIDDLE}>;q=0.9, <sip:secret@{second}>;q=0.4, <sip:1@{NOBODY}>;q=1\r\n"
                )
            }
            b"moved-twice" => format!("Contact: <sip:moved-named@{MIDDLE}>\r\n"),
            b"moved-named" => "Contact: <sip:100@pbx.example>, <sip:100@gone.example>;q=1\r\n".to_owned(),
            _ => "Contact: <sip:100@gone.example>\r\n".to_owned(),
        }
    }

    fn of(&mut self, branch: Option<&[u8]>) -> Option<&mut Forked> {
        let branch = branch?;
        self.forked.iter_mut().find(|forked| forked.branch == branch)
    }

    fn fork(
        &mut self,
        chance: &mut Chance,
        phone: SocketAddr,
        request: &Request<'_>,
        bytes: &[u8],
    ) -> Vec<Letter> {
        let Some(branch) = request.core.via.branch() else { return Vec::new() };
        if self.of(Some(branch)).is_none() {
            let count = 2 + chance.index(self.servers.len() - 1);
            let callee = |server: &SocketAddr| Callee { server: *server, status: None, refusal: Vec::new() };
            self.forked.push(Forked {
                branch: branch.to_vec(),
                phone,
                invite: bytes.to_vec(),
                callees: self.servers.iter().take(count).map(callee).collect(),
                refused: None,
                cancels: chance.percent(50),
                is_cancelled: false,
            });
        }
        let Some(forked) = self.of(Some(branch)) else { return Vec::new() };
        if let Some(refused) = &forked.refused {
            return vec![Letter { to: phone, bytes: refused.clone(), sure: true }];
        }
        let open = forked.callees.iter().filter(|callee| callee.status.is_none());
        let mut letters: Vec<_> =
            open.map(|callee| Letter { to: callee.server, bytes: bytes.to_vec(), sure: true }).collect();
        letters.push(Letter { to: phone, bytes: reply(bytes, 100, "", ""), sure: false });
        letters
    }

    fn answered(&mut self, source: SocketAddr, response: &Response<'_>, bytes: &[u8]) -> Vec<Letter> {
        if response.core.cseq_method != Method::Invite {
            return Vec::new();
        }
        let Some(forked) = self.of(response.core.via.branch()) else { return Vec::new() };
        forked.heard(source, response.status, bytes)
    }
}

impl Forked {
    fn heard(&mut self, source: SocketAddr, status: u16, bytes: &[u8]) -> Vec<Letter> {
        let to_phone = Letter { to: self.phone, bytes: bytes.to_vec(), sure: false };
        let Some(callee) = self.callees.iter_mut().find(|callee| callee.server == source) else {
            return Vec::new();
        };
        match status {
            // 100 is for the next hop alone ([RFC 3261 §16.7]).
            100 => Vec::new(),
            ..200 if callee.status.is_some() || self.refused.is_some() => Vec::new(),
            ..200 => vec![to_phone],
            200..300 => {
                callee.status = Some(status);
                let mut letters = if self.cancels { self.cancel_open() } else { Vec::new() };
                letters.push(to_phone);
                letters
            }
            _ => {
                let ack = Letter { to: source, bytes: ack_of(&self.invite, bytes), sure: false };
                if callee.status.is_none() {
                    (callee.status, callee.refusal) = (Some(status), bytes.to_vec());
                }
                std::iter::once(ack).chain(self.best()).collect()
            }
        }
    }

    /// The best of the refusals, once nobody is left who could answer ([RFC 3261 §16.7]).
    fn best(&mut self) -> Option<Letter> {
        let is_open = self.callees.iter().any(|callee| callee.status.is_none_or(|status| status < 300));
        if is_open || self.refused.is_some() {
            return None;
        }
        let weigh = |status: Option<u16>| (status < Some(600), status);
        let best = self.callees.iter().min_by_key(|callee| weigh(callee.status))?;
        let bytes = best.refusal.clone();
        self.refused = Some(bytes.clone());
        Some(Letter { to: self.phone, bytes, sure: true })
    }

    /// CANCEL for those who have not answered; where it gets lost they do answer, and are hung up on.
    fn cancel_open(&self) -> Vec<Letter> {
        let open = self.callees.iter().filter(|callee| callee.status.is_none());
        open.map(|callee| Letter {
            to: callee.server,
            bytes: as_method(&self.invite, "CANCEL", None),
            sure: false,
        })
        .collect()
    }
}

/// The lines of a head.
fn lines(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    text.split("\r\n").take_while(|line| !line.is_empty()).map(str::to_owned).collect()
}

/// A response to a request, with a tag of the middle's.
fn reply(request: &[u8], status: u16, phrase: &str, more: &str) -> Vec<u8> {
    let mut text = format!("SIP/2.0 {status} {phrase}\r\n");
    for line in lines(request) {
        let name = line.split(':').next().unwrap_or_default();
        if ["Via", "From", "Call-ID", "CSeq"].contains(&name) {
            text.push_str(&format!("{line}\r\n"));
        } else if name == "To" {
            let tag = if status == 100 { "" } else { ";tag=middle" };
            text.push_str(&format!("{line}{tag}\r\n"));
        }
    }
    text.push_str(more);
    text.push_str("Content-Length: 0\r\n\r\n");
    text.into_bytes()
}

/// The ACK of a refusal ([RFC 3261 §17.1.1.3]).
fn ack_of(invite: &[u8], refusal: &[u8]) -> Vec<u8> {
    let to = lines(refusal).into_iter().find(|line| line.starts_with("To:"));
    as_method(invite, "ACK", to.as_deref())
}

/// The same request with another method and nothing more than it needs.
fn as_method(invite: &[u8], method: &str, to: Option<&str>) -> Vec<u8> {
    let mut text = String::new();
    for (place, line) in lines(invite).into_iter().enumerate() {
        let name = line.split(':').next().unwrap_or_default();
        let line = match (place, name) {
            (0, _) => line.replacen("INVITE", method, 1),
            (_, "CSeq") => line.replacen("INVITE", method, 1),
            (_, "To") => to.map_or(line, str::to_owned),
            (_, "Via" | "From" | "Call-ID" | "Max-Forwards") => line,
            _ => continue,
        };
        text.push_str(&line);
        text.push_str("\r\n");
    }
    text.push_str("Content-Length: 0\r\n\r\n");
    text.into_bytes()
}
