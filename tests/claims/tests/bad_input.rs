//! Garbage at the doors disturbs nobody, and nothing is left of it.

#![expect(clippy::unwrap_used, reason = "a test that fails says where")]

use std::net::UdpSocket;
use std::time::Duration;

use callbench::CallEnd;
use partyline_claims::{Party, all_hear_each_other, loopback_of_my_own, still_talking};

/// An INVITE with this session description, as another program would write it.
fn invite(server: &str, from: &UdpSocket, call: &str, content_type: &str, body: &str) -> String {
    let local = from.local_addr().unwrap();
    format!(
        "INVITE sip:conference@{server} SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bK{call};rport\r\n\
         From: <sip:tester@{local}>;tag={call}\r\nTo: <sip:conference@{server}>\r\nCall-ID: {call}@{local}\r\n\
         CSeq: 1 INVITE\r\nContact: <sip:tester@{local}>\r\nMax-Forwards: 70\r\n\
         Content-Type: {content_type}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// The first final answer to a request.
fn final_answer(socket: &UdpSocket) -> String {
    let mut bytes = [0; 65_536];
    loop {
        let length = socket.recv(&mut bytes).expect("an answer");
        let text = String::from_utf8_lossy(&bytes[..length]).into_owned();
        if !text.starts_with("SIP/2.0 1") {
            return text;
        }
    }
}

fn tester(party: &Party) -> UdpSocket {
    let socket = UdpSocket::bind((loopback_of_my_own(), 0)).unwrap();
    socket.connect(party.server.sip()).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    socket
}

#[tokio::test]
async fn garbage_on_every_port_disturbs_nobody() {
    let mut party = Party::start().await.unwrap();
    let pair = party.talking_pair().await.unwrap();
    let socket = tester(&party);
    let valid = invite(&party.server.sip().to_string(), &socket, "cut", "application/sdp", "v=0\r\n");
    let mut junk: Vec<Vec<u8>> = vec![Vec::new(), vec![0; 65_507], vec![0xff; 1500], b"\r\n\r\n".to_vec()];
    junk.extend((0..valid.len()).step_by(7).map(|end| valid.as_bytes()[..end].to_vec()));
    junk.extend((0..200u32).map(|seed| {
        (0..seed * 3).map(|byte| (byte.wrapping_mul(seed.wrapping_mul(2_654_435_761)) >> 13) as u8).collect()
    }));
    for bytes in &junk {
        let _ = socket.send(bytes);
    }
    // And at every port of the first thousand that media may be on.
    let media = UdpSocket::bind((loopback_of_my_own(), 0)).unwrap();
    for port in (16_384..32_767).step_by(2) {
        let _ = media.send_to(&junk[(port as usize) % junk.len()], (party.server.address(), port));
    }
    still_talking(&pair).await.unwrap();
    assert!(party.server.is_running());
    assert!(!party.server.printed().contains("panicked"), "{}", party.server.printed());
    party.server.wait_legs(2).await.unwrap();
}

/// Shows RFC 3261 §21.4.26: no common codec gets 488.
/// Shows RFC 3261 §21.4.13: a strange body gets 415.
#[tokio::test]
async fn an_offer_without_a_common_codec_is_refused_with_488_and_a_strange_body_with_415() {
    let party = Party::start().await.unwrap();
    let server = party.server.sip().to_string();
    let socket = tester(&party);
    let local = socket.local_addr().unwrap().ip();
    let foreign = format!(
        "v=0\r\no=- 1 1 IN IP4 {local}\r\ns=-\r\nc=IN IP4 {local}\r\nt=0 0\r\nm=audio 4000 RTP/AVP 18\r\na=rtpmap:18 G729/8000\r\n"
    );
    socket.send(invite(&server, &socket, "no-codec", "application/sdp", &foreign).as_bytes()).unwrap();
    assert!(final_answer(&socket).starts_with("SIP/2.0 488"));
    let socket = tester(&party);
    socket.send(invite(&server, &socket, "xml", "application/xml", "<offer/>").as_bytes()).unwrap();
    assert!(final_answer(&socket).starts_with("SIP/2.0 415"));
    party.server.wait_count("attendance", "1 = 1", 0).await.unwrap();
    party.server.wait_legs(0).await.unwrap();
}

/// Shows RFC 3261 §13.2.1: a caller without an offer is offered one, and both are heard.
#[tokio::test]
async fn a_caller_without_an_offer_is_offered_one_and_comes_in() {
    let party = Party::start().await.unwrap();
    let codes = party.server.create_room("board", &["--entry", "start"]).unwrap();
    let late = party
        .call_with(&party.server.uri("conference"), |plan| {
            plan.delays_offer().digits(format!("{}#", codes.host))
        })
        .await
        .unwrap();
    late.call.wait_answered().await.unwrap();
    let other = party.key_code(&codes.participant).await.unwrap();
    all_hear_each_other(&[&late, &other]).await.unwrap();
}

#[tokio::test]
async fn a_caller_who_never_sends_rtp_is_hung_up_and_leaves_nothing_behind() {
    let party = Party::start().await.unwrap();
    let codes = party.server.create_room("board", &["--entry", "start", "--no-rtp-max", "2s"]).unwrap();
    let pair = party.talking_pair().await.unwrap();
    let mute = party.call_with(&party.server.uri(&codes.host), |plan| plan.without_rtp()).await.unwrap();
    mute.call.wait_answered().await.unwrap();
    assert!(matches!(mute.call.wait_ended().await.unwrap(), CallEnd::TheyHungUp(_)));
    party.server.wait_count("attendance", "reason = 'no_rtp'", 1).await.unwrap();
    party.server.wait_count("conference", "ended_at IS NULL", 1).await.unwrap();
    still_talking(&pair).await.unwrap();
}

/// Shows RFC 3261 §13.3.1.4: a call without ACK is given up.
#[tokio::test]
async fn a_caller_who_never_acknowledges_is_given_up_and_leaves_nothing_behind() {
    let party = Party::start().await.unwrap();
    let codes = party.server.create_room("board", &["--entry", "start"]).unwrap();
    let deaf = party
        .call_with(&party.server.uri(&codes.host), |plan| plan.without_ack().from_user("deaf"))
        .await
        .unwrap();
    deaf.call.wait_answered().await.unwrap();
    // 64·T1 is 32 s.
    tokio::time::sleep(Duration::from_secs(35)).await;
    party.server.wait_count("attendance", "ended_at IS NULL", 0).await.unwrap();
    party.server.wait_count("conference", "ended_at IS NULL", 0).await.unwrap();
    party.server.wait_legs(0).await.unwrap();
}
