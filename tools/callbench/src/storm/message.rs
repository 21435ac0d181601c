//! The few messages of a storm's calls: written from a template, read by their first letters.
//!
//! It is no SIP stack: the load maker shares its cores with the server, and must cost less than what it measures.

use std::net::SocketAddr;

/// A line of the storm: where its calls come from, and where their media would go.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line {
    pub(super) local: SocketAddr,
    pub(super) media_port: u16,
}

/// One call, as its messages name it.
#[derive(Debug, Clone)]
pub(super) struct Names {
    /// The call's number; it is in Call-ID, tag and branch.
    pub(super) serial: u32,
    /// What tells runs apart.
    pub(super) run: u64,
    /// The user part that is dialled.
    pub(super) user: String,
}

/// What a response says that the storm needs.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Heard<'a> {
    pub(super) status: u16,
    pub(super) serial: u32,
    pub(super) is_of_invite: bool,
    /// The whole value of To, tag included.
    pub(super) to: &'a str,
    /// The address to send the ACK and the BYE to.
    pub(super) contact: Option<&'a str>,
}

pub(super) fn invite(line: &Line, names: &Names, server: SocketAddr) -> Vec<u8> {
    let (local, address) = (line.local, line.local.ip());
    let kind = if address.is_ipv4() { "IP4" } else { "IP6" };
    let sdp = format!(
        "v=0\r\no=storm 1 1 IN {kind} {address}\r\ns=-\r\nc=IN {kind} {address}\r\nt=0 0\r\n\
         m=audio {} RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\n",
        line.media_port
    );
    let request_uri = format!("sip:{}@{server}", names.user);
    let head = head("INVITE", &request_uri, line, names, &format!("<{request_uri}>"), "i");
    format!(
        "{head}Contact: <sip:storm@{local}>\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}",
        sdp.len()
    )
    .into_bytes()
}

/// The ACK of a refusal belongs to the INVITE's transaction, that of a 200 to none ([RFC 3261 §17.1.1.3, §13.2.2.4]).
pub(super) fn ack(line: &Line, names: &Names, server: SocketAddr, heard: &Heard<'_>) -> Vec<u8> {
    let dialled = format!("sip:{}@{server}", names.user);
    let (uri, branch) =
        if heard.status < 300 { (heard.contact.unwrap_or(&dialled), "a") } else { (dialled.as_str(), "i") };
    let head = head("ACK", uri, line, names, heard.to, branch);
    format!("{head}Content-Length: 0\r\n\r\n").into_bytes()
}

pub(super) fn bye(line: &Line, names: &Names, target: &str, to: &str) -> Vec<u8> {
    let head = head("BYE", target, line, names, to, "b");
    format!("{head}Content-Length: 0\r\n\r\n").into_bytes()
}

fn head(method: &str, uri: &str, line: &Line, names: &Names, to: &str, branch: &str) -> String {
    let Names { serial, run, user: _ } = names;
    let local = line.local;
    let number = if method == "BYE" { 2 } else { 1 };
    format!(
        "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bK{branch}{serial}x{run:x};rport\r\n\
         Max-Forwards: 70\r\nFrom: <sip:storm@{local}>;tag={serial}x{run:x}\r\nTo: {to}\r\n\
         Call-ID: {serial}x{run:x}\r\nCSeq: {number} {method}\r\n"
    )
}

/// Reads a response to one of this run's requests; `None` for whatever else.
pub(super) fn heard(bytes: &[u8], run: u64) -> Option<Heard<'_>> {
    let text = std::str::from_utf8(bytes).ok()?;
    let mut lines = text.split("\r\n");
    let status = lines.next()?.strip_prefix("SIP/2.0 ")?.get(..3)?.parse().ok()?;
    let (mut to, mut contact, mut call_id, mut cseq) = (None, None, None, None);
    for line in lines.take_while(|line| !line.is_empty()) {
        let Some((name, value)) = line.split_once(':') else { continue };
        let value = value.trim();
        match name {
            "To" => to = Some(value),
            "Contact" => contact = value.split(['<', '>']).nth(1),
            "Call-ID" => call_id = Some(value),
            "CSeq" => cseq = Some(value),
            _ => {}
        }
    }
    let (serial, of_run) = call_id?.split_once('x')?;
    if u64::from_str_radix(of_run, 16) != Ok(run) {
        return None;
    }
    let is_of_invite = cseq?.ends_with(" INVITE");
    Some(Heard { status, serial: serial.parse().ok()?, is_of_invite, to: to?, contact })
}

/// The 200 for a BYE of the server's, and the number of its call.
pub(super) fn goodbye(bytes: &[u8], run: u64) -> Option<(u32, Vec<u8>)> {
    let text = std::str::from_utf8(bytes).ok()?;
    if !text.starts_with("BYE ") {
        return None;
    }
    let mut answer = String::from("SIP/2.0 200 OK\r\n");
    let mut serial = None;
    for line in text.split("\r\n").skip(1).take_while(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':')?;
        if ["Via", "From", "To", "Call-ID", "CSeq"].contains(&name) {
            answer.push_str(line);
            answer.push_str("\r\n");
        }
        if name == "Call-ID" {
            let (number, of_run) = value.trim().split_once('x')?;
            serial = (u64::from_str_radix(of_run, 16) == Ok(run)).then(|| number.parse().ok()).flatten();
        }
    }
    answer.push_str("Content-Length: 0\r\n\r\n");
    Some((serial?, answer.into_bytes()))
}

#[cfg(test)]
mod tests {
    use partyline_sip::message::{Message, parse};

    use super::*;

    fn line() -> Line {
        Line { local: "127.0.0.1:4000".parse().unwrap(), media_port: 4002 }
    }

    fn names() -> Names {
        Names { serial: 7, run: 0xBEEF, user: "12345678".to_owned() }
    }

    const TO: &str = "<sip:12345678@127.0.0.2:5060>;tag=their";

    fn server() -> SocketAddr {
        "127.0.0.2:5060".parse().unwrap()
    }

    #[test]
    fn what_is_written_is_sip() {
        let heard =
            Heard { status: 480, serial: 7, is_of_invite: true, to: TO, contact: Some("sip:127.0.0.2") };
        let messages = [
            invite(&line(), &names(), server()),
            ack(&line(), &names(), server(), &heard),
            ack(&line(), &names(), server(), &Heard { status: 200, ..heard }),
            bye(&line(), &names(), "sip:127.0.0.2", TO),
        ];
        for bytes in &messages {
            assert!(matches!(parse(bytes), Ok(Message::Request(_))), "{}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn answers_of_this_run_are_read_and_of_no_other() {
        let answer = b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 127.0.0.1:4000\r\nTo: <sip:a@b>;tag=x\r\nCall-ID: 7xbeef\r\n\
            CSeq: 1 INVITE\r\nContact: <sip:c@d:5060;transport=udp>;a=b\r\n\r\nTo: no";
        let read = heard(answer, 0xBEEF).unwrap();
        let contact = Some("sip:c@d:5060;transport=udp");
        let wanted = Heard { status: 200, serial: 7, is_of_invite: true, to: "<sip:a@b>;tag=x", contact };
        assert_eq!(read, wanted);
        assert_eq!(heard(answer, 0xBEE), None);
        assert_eq!(heard(b"SIP/2.0 200", 1), None);
        assert_eq!(heard(b"", 1), None);
    }

    #[test]
    fn goodbye_of_the_server_is_answered() {
        let bye = b"BYE sip:storm@127.0.0.1 SIP/2.0\r\nVia: v\r\nFrom: f\r\nTo: t\r\nCall-ID: 7xbeef\r\nCSeq: 1 BYE\r\n\r\n";
        let (serial, answer) = goodbye(bye, 0xBEEF).unwrap();
        assert_eq!(serial, 7);
        let text = "SIP/2.0 200 OK\r\nVia: v\r\nFrom: f\r\nTo: t\r\nCall-ID: 7xbeef\r\nCSeq: 1 BYE\r\nContent-Length: 0\r\n\r\n";
        assert_eq!(String::from_utf8(answer).unwrap(), text);
        assert_eq!(goodbye(b"OPTIONS x", 1), None);
    }
}
