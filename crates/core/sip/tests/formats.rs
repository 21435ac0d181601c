//! Codecs in offers and answers: whose order counts, under which numbers, with which parameters.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod harness;

use harness::capabilities;
use partyline_sip::sdp::{
    Agreement, Capabilities, CodecName, Direction, SdpError, agree, answer, make_offer,
};
use proptest::prelude::*;

fn opus() -> CodecName {
    let parameters = "maxplaybackrate=8000;useinbandfec=1".to_owned();
    CodecName { channels: 2, parameters, ..CodecName::new("opus", 48_000, 111) }
}

/// All that we can, Opus first.
fn ours() -> Capabilities {
    let codec = |name, number| CodecName::new(name, 8_000, number);
    let codecs = vec![opus(), codec("G722", 9), codec("PCMU", 0), codec("PCMA", 8)];
    Capabilities { codecs, ..capabilities(4_000) }
}

fn described(media: &str) -> Vec<u8> {
    format!("v=0\r\no=- 1 1 IN IP4 127.0.0.9\r\ns=-\r\nc=IN IP4 127.0.0.9\r\nt=0 0\r\n{media}").into_bytes()
}

fn answered(media: &str) -> (String, Agreement) {
    let (text, agreement) = answer(&described(media), &ours()).unwrap();
    (String::from_utf8(text).unwrap(), agreement)
}

const SOFTPHONE: &str = "m=audio 9000 RTP/AVP 0 96 9 97 98 13\r\na=rtpmap:96 opus/48000/2\r\n\
    a=fmtp:96 useinbandfec=1;maxaveragebitrate=24000\r\na=rtpmap:97 telephone-event/8000\r\n\
    a=rtpmap:98 telephone-event/48000\r\n";

/// Shows RFC 7587 §7: Opus has two channels and a clock of 48,000 in descriptions, and parameters both ways.
/// Shows RFC 4733 §2.5.1: keys are sent at the clock of the sound.
#[test]
fn opus_is_answered_with_our_parameters_and_keys_at_its_clock() {
    let (text, agreement) = answered(SOFTPHONE);
    assert!(text.contains("m=audio 4000 RTP/AVP 96 98\r\na=rtpmap:96 opus/48000/2\r\n"), "{text}");
    assert!(text.contains("a=fmtp:96 maxplaybackrate=8000;useinbandfec=1\r\n"), "{text}");
    assert!(text.contains("a=rtpmap:98 telephone-event/48000\r\na=fmtp:98 0-15\r\n"), "{text}");
    assert!(text.contains("a=ptime:20\r\na=maxptime:60\r\n"), "{text}");
    assert_eq!(agreement.formats.parameters, "useinbandfec=1;maxaveragebitrate=24000");
    assert_eq!((agreement.payload_type, agreement.event_payload_type), (96, Some(98)));
    assert_eq!(agreement.formats.receive_payload_type, 96);
}

/// Shows RFC 3264 §6.1: an answer may choose among the formats of the offer in any order.
#[test]
fn our_order_counts_among_theirs() {
    let chosen = |codecs: &[usize]| {
        let all = ours();
        let codecs = codecs.iter().map(|&place| all.codecs[place].clone()).collect();
        answer(&described(SOFTPHONE), &Capabilities { codecs, ..all }).unwrap().1.codec.encoding
    };
    assert_eq!(chosen(&[0, 1, 2, 3]), "opus");
    assert_eq!(chosen(&[2, 1, 0]), "PCMU");
    assert_eq!(chosen(&[3, 1]), "G722");
    let all = ours();
    let alone = Capabilities { codecs: vec![all.codecs[3].clone()], ..all };
    assert_eq!(answer(&described(SOFTPHONE), &alone).unwrap_err(), SdpError::NoCodec);
}

/// Shows RFC 3551 §4.5.2: G.722 has a clock of 8,000, though it carries 16,000 samples a second.
/// Shows RFC 3389 §4: comfort noise has the payload type 13 at 8,000.
#[test]
fn g722_needs_no_rtpmap_and_comfort_noise_is_taken_beside_it() {
    let (text, agreement) =
        answered("m=audio 9000 RTP/AVP 9 13 101\r\na=rtpmap:101 telephone-event/8000\r\n");
    assert!(text.contains("m=audio 4000 RTP/AVP 9 101 13\r\na=rtpmap:9 G722/8000\r\n"), "{text}");
    assert!(text.contains("a=rtpmap:13 CN/8000\r\n"), "{text}");
    assert_eq!((agreement.payload_type, agreement.formats.comfort_noise), (9, Some(13)));
    let (text, _) = answered("m=audio 9000 RTP/AVP 96 13\r\na=rtpmap:96 opus/48000/2\r\n");
    assert!(
        text.contains("m=audio 4000 RTP/AVP 96\r\n"),
        "comfort noise at 8,000 is none beside Opus: {text}"
    );
}

#[test]
fn a_telephone_that_knows_keys_at_8000_only_is_answered_so() {
    let media =
        "m=audio 9000 RTP/AVP 96 101\r\na=rtpmap:96 opus/48000/2\r\na=rtpmap:101 telephone-event/8000\r\n";
    let (text, agreement) = answered(media);
    assert!(text.contains("a=rtpmap:101 telephone-event/8000\r\n"), "{text}");
    assert_eq!(agreement.formats.event, Some((101, 8_000)));
}

#[test]
fn opus_without_channels_is_forgiven_and_mono_opus_is_another_codec() {
    assert_eq!(answered("m=audio 9000 RTP/AVP 96\r\na=rtpmap:96 OPUS/48000\r\n").1.codec.encoding, "opus");
    let mono = described("m=audio 9000 RTP/AVP 96\r\na=rtpmap:96 opus/48000/1\r\n");
    assert_eq!(answer(&mono, &ours()).unwrap_err(), SdpError::NoCodec);
}

/// Shows RFC 4733 §2.5.1: keys are offered at each clock of the codecs.
#[test]
fn an_offer_has_all_codecs_and_keys_at_each_clock() {
    let text = String::from_utf8(make_offer(&ours(), Direction::SendRecv)).unwrap();
    assert!(text.contains("m=audio 4000 RTP/AVP 111 9 0 8 101 102\r\n"), "{text}");
    assert!(text.contains("a=rtpmap:101 telephone-event/8000\r\n"), "{text}");
    assert!(text.contains("a=rtpmap:102 telephone-event/48000\r\n"), "{text}");
}

/// Shows RFC 3264 §6.1: who answers may number a format anew; each side sends with the other's number.
#[test]
fn numbers_may_differ_both_ways() {
    let offer = make_offer(&ours(), Direction::SendRecv);
    let theirs = described(
        "m=audio 9000 RTP/AVP 96 97\r\na=rtpmap:96 opus/48000/2\r\na=rtpmap:97 telephone-event/48000\r\n",
    );
    let agreement = agree(&offer, &theirs, &ours()).unwrap();
    assert_eq!((agreement.payload_type, agreement.formats.receive_payload_type), (96, 111));
    assert_eq!(
        (agreement.event_payload_type, agreement.formats.receive_event_payload_type),
        (Some(97), Some(102))
    );
}

/// Shows RFC 3264 §7: an answer with several formats leaves the sender free to change among them.
#[test]
fn what_else_an_answer_names_may_come_too() {
    let offer = make_offer(&ours(), Direction::SendRecv);
    let theirs = described("m=audio 9000 RTP/AVP 8 18 96 0\r\na=rtpmap:96 opus/48000/2\r\n");
    let agreement = agree(&offer, &theirs, &ours()).unwrap();
    assert_eq!(agreement.codec.encoding, "PCMA");
    let others: Vec<_> =
        agreement.formats.others.iter().map(|codec| (codec.encoding.as_str(), codec.payload_type)).collect();
    assert_eq!(others, [("opus", 111), ("PCMU", 0)]);
}

proptest! {
    #[test]
    fn any_formats_and_parameters_are_answered_or_refused(
        formats in proptest::collection::vec(0_u8..=255, 1..12),
        lines in proptest::collection::vec("a=(rtpmap|fmtp):[0-9]{1,3} [ -~]{0,30}", 0..12),
    ) {
        let listed: Vec<String> = formats.iter().map(u8::to_string).collect();
        let media = format!("m=audio 9000 RTP/AVP {}\r\n{}\r\n", listed.join(" "), lines.join("\r\n"));
        if let Ok((text, agreement)) = answer(&described(&media), &ours()) {
            prop_assert!(formats.contains(&agreement.payload_type));
            let back = agree(&described(&media), &text, &ours());
            prop_assert!(back.is_ok(), "{back:?}");
        }
    }
}
