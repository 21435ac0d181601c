//! What comes in at the SIP and RTP doors beside ordinary calls: keys by INFO, questions, and strangers.

#![expect(clippy::unwrap_used, reason = "a test that fails says where")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use partyline_claims::{Party, loopback_of_my_own, still_talking};

/// How long an answer may take before a test gives up on it; far above what it needs.
const CEILING: Duration = Duration::from_secs(20);
/// µ-law's loudest values: a square wave of 1000 Hz.
const SQUARE_WAVE_HZ: f32 = 1000.0;
/// A tone that is not sent. A break in another (a late packet) is heard at every frequency a little, but below this.
const UNHEARD_DBOV: f32 = -50.0;
/// What callers' telephone-events are numbered here.
const EVENT_PAYLOAD_TYPE: u8 = 101;

/// A telephone that says exactly what a test wants.
struct RawPhone {
    socket: UdpSocket,
    server: SocketAddr,
    name: String,
    to_tag: String,
}

impl RawPhone {
    fn new(party: &Party, name: &str) -> Self {
        let socket = UdpSocket::bind((loopback_of_my_own(), 0)).unwrap();
        socket.connect(party.server.sip()).unwrap();
        socket.set_read_timeout(Some(CEILING)).unwrap();
        Self { socket, server: party.server.sip(), name: name.to_owned(), to_tag: String::new() }
    }

    /// A request; `more` is header lines, each with its end.
    fn request(&self, transport: &str, method: &str, cseq: u32, more: &str, body: &str) -> String {
        let (server, name, to_tag) = (self.server, &self.name, &self.to_tag);
        let local = self.socket.local_addr().unwrap();
        format!(
            "{method} sip:conference@{server} SIP/2.0\r\n\
             Via: SIP/2.0/{transport} {local};branch=z9hG4bK{name}{method}{cseq};rport\r\n\
             From: <sip:{name}@{local}>;tag={name}\r\nTo: <sip:conference@{server}>{to_tag}\r\n\
             Call-ID: {name}@{local}\r\nCSeq: {cseq} {method}\r\nContact: <sip:{name}@{local}>\r\n\
             Max-Forwards: 70\r\n{more}Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    }

    /// Sends a request; the final answer to it.
    fn ask(&self, method: &str, cseq: u32, more: &str, body: &str) -> String {
        self.socket.send(self.request("UDP", method, cseq, more, body).as_bytes()).unwrap();
        let mut bytes = [0; 65_536];
        loop {
            let length = self.socket.recv(&mut bytes).expect("an answer");
            let answer = String::from_utf8_lossy(&bytes[..length]).into_owned();
            let is_ours = header(&answer, "CSeq").is_some_and(|value| value == format!("{cseq} {method}"));
            if is_ours && !answer.starts_with("SIP/2.0 1") {
                return answer;
            }
        }
    }

    /// Calls the conferencing number with an offer without telephone-events.
    fn call(&mut self) {
        let local = self.socket.local_addr().unwrap().ip();
        let offer = format!(
            "v=0\r\no=- 1 1 IN IP4 {local}\r\ns=-\r\nc=IN IP4 {local}\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"
        );
        let answer = self.ask("INVITE", 1, "Content-Type: application/sdp\r\n", &offer);
        assert!(answer.starts_with("SIP/2.0 200"), "{answer}");
        let to = header(&answer, "To").unwrap();
        self.to_tag = to.find(";tag=").map(|at| to[at..].to_owned()).unwrap();
        self.socket.send(self.request("UDP", "ACK", 1, "", "").as_bytes()).unwrap();
    }
}

fn header<'a>(message: &'a str, name: &str) -> Option<&'a str> {
    message.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

#[tokio::test]
async fn keys_by_sip_info_enter_a_code_in_both_ways_that_telephones_send_them() {
    let party = Party::start().await.unwrap();
    let codes = party.server.create_room("board", &["--entry", "start"]).unwrap();
    for (place, content_type) in ["application/dtmf-relay", "application/dtmf"].into_iter().enumerate() {
        let mut phone = RawPhone::new(&party, &format!("info{place}"));
        phone.call();
        for (cseq, key) in (2..).zip(format!("{}#", codes.host).chars()) {
            let body = if place == 0 { format!("Signal={key}\r\nDuration=160\r\n") } else { key.to_string() };
            let answer = phone.ask("INFO", cseq, &format!("Content-Type: {content_type}\r\n"), &body);
            assert!(answer.starts_with("SIP/2.0 200"), "{answer}");
        }
        let joined = i64::try_from(place).unwrap() + 1;
        party.server.wait_count("conferee", "state = 'joined'", joined).await.unwrap();
    }
}

/// Shows RFC 3261 §11.2: the running server answers OPTIONS with its methods.
/// Shows RFC 3261 §8.2.1: other methods are refused with 405 or 501 and an Allow.
#[tokio::test]
async fn options_says_what_may_be_sent_and_what_may_not_is_refused_by_its_name() {
    let party = Party::start().await.unwrap();
    let phone = RawPhone::new(&party, "asks");
    let answer = phone.ask("OPTIONS", 1, "", "");
    assert!(answer.starts_with("SIP/2.0 200"), "{answer}");
    let allowed: Vec<&str> = header(&answer, "Allow").unwrap().split(", ").collect();
    for method in ["INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "INFO", "UPDATE"] {
        assert!(allowed.contains(&method), "{method} is not in {allowed:?}");
    }
    for (cseq, method, status) in [(2, "REGISTER", "405"), (3, "PUBLISH", "405"), (4, "JUGGLE", "501")] {
        assert!(!allowed.contains(&method));
        let answer = phone.ask(method, cseq, "", "");
        assert!(answer.starts_with(&format!("SIP/2.0 {status}")), "{method}: {answer}");
        assert!(header(&answer, "Allow").is_some(), "{answer}");
    }
}

/// Shows RFC 3261 §21.4.11: a body that is too large gets 413 before it has come.
#[tokio::test]
async fn a_huge_body_is_refused_and_disturbs_nobody() {
    let mut party = Party::start().await.unwrap();
    let pair = party.talking_pair().await.unwrap();
    let phone = RawPhone::new(&party, "huge");
    let mut stream = TcpStream::connect(party.server.sip()).unwrap();
    stream.set_read_timeout(Some(CEILING)).unwrap();
    let body = "a=x\r\n".repeat(20_000);
    let invite = phone.request("TCP", "INVITE", 1, "Content-Type: application/sdp\r\n", &body);
    assert!(invite.len() > 100_000);
    // The server may close before it has read all; what it answered is there to be read.
    let _ = stream.write_all(invite.as_bytes());
    let mut answer = [0; 4_096];
    let length = stream.read(&mut answer).unwrap();
    let answer = String::from_utf8_lossy(&answer[..length]);
    assert!(answer.starts_with("SIP/2.0 413"), "{answer}");
    still_talking(&pair).await.unwrap();
    assert!(party.server.is_running());
    party.server.wait_count("attendance", "1 = 1", 2).await.unwrap();
}

/// An RTP packet of somebody whom the server does not know.
fn rtp(payload_type: u8, marker: bool, sequence: u16, timestamp: u32, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x80, payload_type | u8::from(marker) << 7];
    packet.extend(sequence.to_be_bytes());
    packet.extend(timestamp.to_be_bytes());
    packet.extend(0x5EED_u32.to_be_bytes());
    packet.extend(payload);
    packet
}

/// The packets of a pressed key: its number, its duration growing, its end three times.
fn key_packets(key: u8, sequence: &mut u16, timestamp: u32) -> Vec<Vec<u8>> {
    (1..=8_u16)
        .map(|nth| {
            let ends = if nth > 5 { 0x80 } else { 0 };
            let [high, low] = (nth.min(6) * 160).to_be_bytes();
            *sequence = sequence.wrapping_add(1);
            rtp(EVENT_PAYLOAD_TYPE, nth == 1, *sequence, timestamp, &[key, ends | 10, high, low])
        })
        .collect()
}

/// Shows RFC 4961 §4: packets from other addresses than the caller's are ignored.
#[tokio::test]
async fn a_strangers_packets_and_keys_at_a_callers_own_port_change_nothing() {
    let party = Party::start().await.unwrap();
    let pair = party.talking_pair().await.unwrap();
    let ports = [pair[0].call.media_goes_to().await.unwrap(), pair[1].call.media_goes_to().await.unwrap()];
    let stranger = UdpSocket::bind((loopback_of_my_own(), 0)).unwrap();
    let wave: Vec<u8> = [[0x00; 4], [0x80; 4]].concat().repeat(20);
    let mut sequence = 7_u16;
    // #9# leaves a conference.
    for (place, key) in [11, 9, 11].into_iter().enumerate() {
        let timestamp = 100_000 + 8_000 * u32::try_from(place).unwrap();
        for packet in key_packets(key, &mut sequence, timestamp) {
            ports.iter().for_each(|port| drop(stranger.send_to(&packet, port)));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    // Five times as many packets as a caller sends, for two seconds.
    for nth in 0..500_u32 {
        sequence = sequence.wrapping_add(1);
        let packet = rtp(0, nth == 0, sequence, 200_000 + 160 * nth, &wave);
        ports.iter().for_each(|port| drop(stranger.send_to(&packet, port)));
        tokio::time::sleep(Duration::from_millis(4)).await;
    }
    for phone in &pair {
        let level = phone.call.hears(&[SQUARE_WAVE_HZ], Duration::from_secs(2)).await[0];
        assert!(level < UNHEARD_DBOV, "{} hears the stranger at {level} dBov", phone.number);
    }
    still_talking(&pair).await.unwrap();
    assert_eq!(party.server.count("conferee", "state = 'joined'").await.unwrap(), 2);
    let heard = stranger.set_nonblocking(true).and_then(|()| stranger.recv(&mut [0; 2_048]));
    assert!(heard.is_err(), "a stranger is sent nothing");
}
