//! Offers and answers: what phones offer, what we make of it.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod harness;

use harness::{capabilities, codec};
use partyline_sip::sdp::{
    Capabilities, CryptoSuite, Direction, MediaSecurity, Rtcp, SdpError, agree, answer, make_offer,
};
use proptest::prelude::*;

fn offer(session: &str, media: &str) -> Vec<u8> {
    format!("v=0\r\no=- 1 1 IN IP4 127.0.0.9\r\ns=-\r\n{session}t=0 0\r\n{media}").into_bytes()
}

const AT: &str = "c=IN IP4 127.0.0.9\r\n";

#[test]
fn an_answer_names_one_codec_and_the_events() {
    let media = "m=audio 9000 RTP/AVP 18 8 0 96\r\na=rtpmap:96 telephone-event/8000\r\na=ptime:30\r\na=unheard-of:1\r\n";
    let (text, agreement) = answer(&offer(AT, media), &capabilities(4_000)).unwrap();
    insta::assert_snapshot!(String::from_utf8(text).unwrap().replace("\r\n", "\n"), @"
    v=0
    o=- 1 1 IN IP4 127.0.0.1
    s=-
    c=IN IP4 127.0.0.1
    t=0 0
    m=audio 4000 RTP/AVP 0 96
    a=rtpmap:0 PCMU/8000
    a=rtpmap:96 telephone-event/8000
    a=fmtp:96 0-15
    a=ptime:20
    a=maxptime:60
    a=sendrecv
    ");
    assert_eq!(
        (agreement.payload_type, agreement.event_payload_type, agreement.ptime_ms),
        (0, Some(96), Some(30))
    );
    assert_eq!(agreement.remote.to_string(), "127.0.0.9:9000");
}

/// Shows RFC 3264 §6: an answer has the streams of the offer in their order, refused ones with port 0.
#[test]
fn refused_streams_stay_in_their_place_with_port_0() {
    let media = "m=video 5000 RTP/AVP 31 97\r\nm=audio 0 RTP/AVP 0\r\nm=audio 9000 RTP/AVP 0\r\nm=audio 9002 RTP/AVP 8\r\nm=image 9 udptl t38\r\n";
    let (text, agreement) = answer(&offer(AT, media), &capabilities(4_000)).unwrap();
    let text = String::from_utf8(text).unwrap();
    let lines: Vec<_> = text.lines().filter(|line| line.starts_with("m=")).collect();
    let due = [
        "m=video 0 RTP/AVP 31",
        "m=audio 0 RTP/AVP 0",
        "m=audio 4000 RTP/AVP 0",
        "m=audio 0 RTP/AVP 8",
        "m=image 0 udptl t38",
    ];
    assert_eq!(lines, due);
    assert_eq!(agreement.remote.port(), 9_000);
    assert_eq!(agreement.event_payload_type, None);
}

/// Shows RFC 8866 §6.6: rtpmap says what a payload type stands for.
#[test]
fn a_payload_type_means_what_its_rtpmap_says() {
    let dynamic = "m=audio 9000 RTP/AVP 8 111\r\na=rtpmap:111 pcmu/8000/1\r\na=rtpmap:8 opus/48000/2\r\na=rtpmap:8 G729/8000\r\n";
    let (text, agreement) = answer(&offer(AT, dynamic), &capabilities(4_000)).unwrap();
    assert_eq!((agreement.codec.encoding.as_str(), agreement.payload_type), ("PCMU", 111));
    assert!(
        String::from_utf8(text).unwrap().contains("m=audio 4000 RTP/AVP 111\r\na=rtpmap:111 PCMU/8000\r\n")
    );
}

/// Shows RFC 8866 §5.7: the connection of a stream goes before that of the session.
/// Shows RFC 8866 §6.7: the direction of a stream goes before that of the session.
#[test]
fn address_and_direction_of_a_stream_go_before_those_of_the_session() {
    let session = "c=IN IP4 127.0.0.9\r\na=sendonly\r\n";
    let direction = |media: &str| answer(&offer(session, media), &capabilities(4_000)).unwrap().1;
    assert_eq!(direction("m=audio 9000 RTP/AVP 0\r\n").direction, Direction::RecvOnly);
    let own = direction("m=audio 9000 RTP/AVP 0\r\nc=IN IP4 127.0.0.8\r\na=recvonly\r\n");
    assert_eq!((own.direction, own.remote.ip().to_string().as_str()), (Direction::SendOnly, "127.0.0.8"));
}

/// Shows RFC 3264 §8.4: the unspecified address puts a stream on hold as older agents do.
#[test]
fn held_by_address_is_held() {
    let zero = |direction: &str| {
        let media = format!("m=audio 9000 RTP/AVP 0\r\n{direction}");
        answer(&offer("c=IN IP4 0.0.0.0\r\n", &media), &capabilities(4_000)).unwrap().1.direction
    };
    assert_eq!(zero(""), Direction::RecvOnly);
    assert_eq!(zero("a=recvonly\r\n"), Direction::Inactive);
    assert_eq!(zero("a=inactive\r\n"), Direction::Inactive);
}

#[test]
fn what_does_not_fit_is_refused_by_name() {
    let refusal =
        |session: &str, media: &str| answer(&offer(session, media), &capabilities(4_000)).unwrap_err();
    assert_eq!(refusal(AT, "m=audio 9000 RTP/AVP 18\r\n"), SdpError::NoCodec);
    assert_eq!(refusal(AT, "m=audio 9000 RTP/SAVP 0\r\n"), SdpError::NoProtocol);
    assert_eq!(refusal(AT, "m=audio 9000 UDP/TLS/RTP/SAVPF 0\r\n"), SdpError::NoProtocol);
    assert_eq!(refusal(AT, "m=audio 0 RTP/AVP 0\r\n"), SdpError::NoAudio);
    assert_eq!(refusal(AT, "m=video 9000 RTP/AVP 0\r\n"), SdpError::NoAudio);
    assert_eq!(refusal(AT, ""), SdpError::NoAudio);
    assert_eq!(refusal("c=IN IP6 ::1\r\n", "m=audio 9000 RTP/AVP 0\r\n"), SdpError::NoAddress);
    assert_eq!(refusal("c=IN IP4 phone.example\r\n", "m=audio 9000 RTP/AVP 0\r\n"), SdpError::NoAddress);
    assert_eq!(refusal("", "m=audio 9000 RTP/AVP 0\r\n"), SdpError::NoAddress);
    assert_eq!(refusal(AT, "m=audio nine RTP/AVP 0\r\n"), SdpError::Malformed);
    assert_eq!(refusal(AT, "m=audio 9000\r\n"), SdpError::Malformed);
    assert_eq!(refusal(AT, &"m=audio 9000 RTP/AVP 0\r\n".repeat(40)), SdpError::Malformed);
    assert_eq!(answer(b"", &capabilities(4_000)).unwrap_err(), SdpError::Malformed);
}

/// Shows RFC 3264 §7: both sides of an exchange come to the same codec and addresses.
#[test]
fn an_offer_and_its_answer_agree_on_both_sides() {
    let ours = capabilities(4_000);
    let theirs = Capabilities { codecs: vec![codec("PCMA", 8), codec("PCMU", 0)], ..capabilities(6_000) };
    for direction in [Direction::SendRecv, Direction::SendOnly, Direction::RecvOnly, Direction::Inactive] {
        let offer = make_offer(&ours, direction);
        let (text, there) = answer(&offer, &theirs).unwrap();
        let here = agree(&offer, &text, &ours).unwrap();
        assert_eq!((here.codec.encoding.as_str(), there.codec.encoding.as_str()), ("PCMA", "PCMA"));
        assert_eq!((here.direction, there.direction), (direction, direction.mirrored()));
        assert_eq!((here.remote.port(), there.remote.port()), (6_000, 4_000));
        assert_eq!((here.event_payload_type, there.event_payload_type), (Some(101), Some(101)));
    }
}

/// Shows RFC 3264 §6.1: the first format of an answer is the one preferred.
#[test]
fn an_answer_may_name_several_codecs_and_the_first_is_meant() {
    let ours = capabilities(4_000);
    let both = offer(AT, "m=audio 9000 RTP/AVP 8 0\r\n");
    assert_eq!(agree(&make_offer(&ours, Direction::SendRecv), &both, &ours).unwrap().codec.encoding, "PCMA");
}

/// Shows RFC 3264 §6: an answer with another number of streams than the offer is none.
#[test]
fn an_answer_with_other_streams_than_the_offer_is_none() {
    let ours = capabilities(4_000);
    let two = offer(AT, "m=audio 9000 RTP/AVP 0\r\nm=video 9002 RTP/AVP 31\r\n");
    let made = make_offer(&ours, Direction::SendRecv);
    assert_eq!(agree(&made, &two, &ours), Err(SdpError::Malformed));
    assert_eq!(agree(&made, &offer(AT, "m=audio 0 RTP/AVP 0\r\n"), &ours), Err(SdpError::NoAudio));
}

#[test]
fn events_are_offered_with_a_free_payload_type() {
    let ours = Capabilities { codecs: vec![codec("OPUS", 101), codec("PCMU", 0)], ..capabilities(4_000) };
    assert!(
        String::from_utf8(make_offer(&ours, Direction::SendRecv))
            .unwrap()
            .contains("m=audio 4000 RTP/AVP 101 0 102\r\n")
    );
}

fn with_policy(port: u16, security: MediaSecurity) -> Capabilities {
    Capabilities { security, ..capabilities(port) }
}

const KEY: &str = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";

/// Shows RFC 4568 §5.1: an offer and an answer agree on a suite and a key for each direction.
/// Shows RFC 3711 §3: each direction has a key of its own.
#[test]
fn both_sides_come_to_the_same_keys() {
    for (here, there) in [
        (MediaSecurity::Require, MediaSecurity::Prefer),
        (MediaSecurity::Prefer, MediaSecurity::Prefer),
        (MediaSecurity::Prefer, MediaSecurity::Require),
    ] {
        let (ours, theirs) = (with_policy(4_000, here), with_policy(6_000, there));
        let offer = make_offer(&ours, Direction::SendRecv);
        let (text, taken) = answer(&offer, &theirs).unwrap();
        let (taken, agreed) = (taken.crypto.unwrap(), agree(&offer, &text, &ours).unwrap().crypto.unwrap());
        assert_eq!((&taken.send, &taken.receive), (&agreed.receive, &agreed.send));
        assert_ne!(taken.send, taken.receive);
        assert_eq!((taken.tag, taken.suite), (agreed.tag, CryptoSuite::AeadAes128Gcm));
    }
}

/// Shows RFC 4568 §5.1.2: an answer takes one line of the offer and repeats its tag; the others are not in it.
#[test]
fn an_answer_takes_one_key_line_by_its_tag() {
    let media = format!(
        "m=audio 9000 RTP/SAVP 0\r\na=crypto:4 AES_CM_128_HMAC_SHA1_32 inline:{KEY}\r\na=crypto:7 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|2^20|1:4\r\na=crypto:9 AEAD_AES_128_GCM inline:{KEY} UNENCRYPTED_SRTP\r\n"
    );
    let (text, agreement) = answer(&offer(AT, &media), &with_policy(4_000, MediaSecurity::Prefer)).unwrap();
    let crypto = agreement.crypto.unwrap();
    assert_eq!((crypto.tag, crypto.suite), (7, CryptoSuite::AesCm128HmacSha1_80));
    assert_eq!(&*crypto.receive_mki, [0, 0, 0, 1]);
    let text = String::from_utf8(text).unwrap();
    assert!(text.contains("m=audio 4000 RTP/SAVP 0\r\n"), "{text}");
    let lines: Vec<_> = text.lines().filter(|line| line.starts_with("a=crypto:")).collect();
    assert_eq!(lines.len(), 1);
    assert!(lines[0].starts_with("a=crypto:7 AES_CM_128_HMAC_SHA1_80 inline:"), "{lines:?}");
    assert!(!text.contains(KEY), "our key is our own");
}

/// Shows RFC 4568 §5.1.3: an answer that takes none of our keys, or another one, is none.
#[test]
fn an_answer_with_keys_that_were_not_offered_is_none() {
    let ours = with_policy(4_000, MediaSecurity::Require);
    let made = make_offer(&ours, Direction::SendRecv);
    let refusal = |media: String| agree(&made, &offer(AT, &media), &ours).unwrap_err();
    let secret = "m=audio 9000 RTP/SAVP 0\r\n";
    assert_eq!(refusal(secret.to_owned()), SdpError::NotSecret);
    assert_eq!(refusal("m=audio 9000 RTP/AVP 0\r\n".to_owned()), SdpError::NotSecret);
    for line in [
        format!("a=crypto:4 AES_CM_128_HMAC_SHA1_80 inline:{KEY}\r\n"),
        format!("a=crypto:3 AES_CM_128_HMAC_SHA1_80 inline:{KEY} UNAUTHENTICATED_SRTP\r\n"),
        format!("a=crypto:3 AES_CM_128_HMAC_SHA1_80 inline:{KEY}\r\n").repeat(2),
    ] {
        assert_eq!(refusal(format!("{secret}{line}")), SdpError::NoCrypto, "{line}");
    }
    let fits = format!("{secret}a=crypto:3 AES_CM_128_HMAC_SHA1_80 inline:{KEY}\r\n");
    assert!(agree(&made, &offer(AT, &fits), &ours).unwrap().crypto.is_some());
}

#[test]
fn the_policy_decides_over_secret_and_plain_media() {
    let plain = "m=audio 9000 RTP/AVP 0\r\n";
    let secret = &format!("m=audio 9002 RTP/SAVP 0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}\r\n");
    let optional = &format!("m=audio 9004 RTP/AVP 0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}\r\n");
    let outcome = |policy, media: &str| {
        answer(&offer(AT, media), &with_policy(4_000, policy))
            .map(|(_, agreement)| (agreement.remote.port(), agreement.crypto.is_some()))
    };
    assert_eq!(outcome(MediaSecurity::Refuse, plain), Ok((9_000, false)));
    assert_eq!(outcome(MediaSecurity::Refuse, secret), Err(SdpError::NoProtocol));
    assert_eq!(outcome(MediaSecurity::Refuse, optional), Ok((9_004, false)));
    assert_eq!(outcome(MediaSecurity::Prefer, plain), Ok((9_000, false)));
    assert_eq!(outcome(MediaSecurity::Prefer, secret), Ok((9_002, true)));
    assert_eq!(outcome(MediaSecurity::Prefer, optional), Ok((9_004, true)));
    let keyless = "m=audio 9000 RTP/SAVP 0\r\n";
    assert_eq!(outcome(MediaSecurity::Prefer, keyless), Err(SdpError::NoCrypto));
    assert_eq!(outcome(MediaSecurity::Require, plain), Err(SdpError::NotSecret));
    assert_eq!(outcome(MediaSecurity::Require, secret), Ok((9_002, true)));
    assert_eq!(outcome(MediaSecurity::Require, optional), Ok((9_004, true)));
    let both = format!("{plain}{secret}");
    assert_eq!(outcome(MediaSecurity::Refuse, &both), Ok((9_000, false)));
    assert_eq!(outcome(MediaSecurity::Prefer, &both), Ok((9_002, true)));
}

#[test]
fn who_knows_no_keys_takes_a_preferring_offer_as_plain() {
    let ours = with_policy(4_000, MediaSecurity::Prefer);
    let made = make_offer(&ours, Direction::SendRecv);
    let (text, there) = answer(&made, &with_policy(6_000, MediaSecurity::Refuse)).unwrap();
    let here = agree(&made, &text, &ours).unwrap();
    assert_eq!((here.crypto, there.crypto), (None, None));
}

/// Shows RFC 4568 §7.1.4: a description that changes nothing of the media keeps its keys.
#[test]
fn hold_and_resume_keep_the_keys() {
    let ours = with_policy(4_000, MediaSecurity::Prefer);
    let keys = |direction: &str| {
        let media = format!(
            "m=audio 9000 RTP/SAVP 0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}\r\na={direction}\r\n"
        );
        answer(&offer(AT, &media), &ours).unwrap().1.crypto.unwrap()
    };
    assert_eq!(keys("sendrecv"), keys("sendonly"));
    assert_eq!(keys("sendrecv"), keys("inactive"));
}

/// Shows RFC 5761 §5.1.1: RTCP shares the port of RTP where both say so.
/// Shows RFC 3605 §2: RTCP goes to the port that is named for it.
#[test]
fn rtcp_goes_where_both_want_it() {
    let route = |attributes: &str| {
        let media = format!("m=audio 9000 RTP/AVP 0\r\n{attributes}");
        let (text, agreement) = answer(&offer(AT, &media), &capabilities(4_000)).unwrap();
        let is_muxed = String::from_utf8(text).unwrap().contains("a=rtcp-mux\r\n");
        assert_eq!(is_muxed, agreement.rtcp == Rtcp::Muxed, "{attributes}");
        agreement.rtcp
    };
    assert_eq!(route("a=rtcp-mux\r\n"), Rtcp::Muxed);
    assert_eq!(route("a=rtcp:9000\r\na=rtcp-mux\r\n"), Rtcp::Muxed);
    assert_eq!(route(""), Rtcp::Port(9_001));
    assert_eq!(route("a=rtcp:53020\r\n"), Rtcp::Port(53_020));
    assert_eq!(route("a=rtcp:53020 IN IP4 127.0.0.9\r\n"), Rtcp::Port(53_020));
    assert_eq!(route("a=rtcp:53020 IN IP4 192.0.2.7\r\n"), Rtcp::Nowhere);
    assert_eq!(route("a=rtcp:nine\r\n"), Rtcp::Port(9_001));
    let ours = capabilities(4_000);
    let made = make_offer(&ours, Direction::SendRecv);
    let plain = offer(AT, "m=audio 9000 RTP/AVP 0\r\n");
    assert_eq!(agree(&made, &plain, &ours).unwrap().rtcp, Rtcp::Port(9_001));
}

proptest! {
    #[test]
    fn descriptions_of_any_bytes_are_read_or_refused(lines in proptest::collection::vec("[vocmab][=x](audio|rtpmap:|0|IN|IP4|RTP/AVP|[ -~]){0,6}", 0..20), cut in 0..400_usize) {
        let mut text = offer(AT, &lines.join("\r\n"));
        text.truncate(cut);
        if let Ok((made, agreement)) = answer(&text, &capabilities(4_000)) {
            let made = String::from_utf8(made).unwrap();
            prop_assert!(made.contains("m=audio 4000"));
            prop_assert!(agreement.payload_type < 128);
        }
    }
}
