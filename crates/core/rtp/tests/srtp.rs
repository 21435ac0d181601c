//! SRTP end to end: what is protected is given out once, and nothing else is.

use partyline_rtp::{
    Header, MasterKey, Mki, RtpTime, SRTP_OVERHEAD_OCTETS, SeqNo, SrtpError, SrtpReceiver, SrtpSender,
    SrtpSuite, Ssrc,
};
use proptest::prelude::*;

const SUITES: [SrtpSuite; 4] = [
    SrtpSuite::AesCm128HmacSha1_80,
    SrtpSuite::AesCm128HmacSha1_32,
    SrtpSuite::AeadAes128Gcm,
    SrtpSuite::AeadAes256Gcm,
];

fn key(suite: SrtpSuite, seed: u8) -> MasterKey {
    let octets: Vec<u8> =
        (0..suite.key_octets() + suite.salt_octets()).map(|place| place as u8 ^ seed).collect();
    MasterKey::new(suite, &octets).expect("the octets of the suite")
}

fn packet(ssrc: u32, sequence: u16) -> Vec<u8> {
    let header = Header {
        marker: false,
        payload_type: 0,
        sequence: SeqNo(sequence),
        timestamp: RtpTime(u32::from(sequence) * 160),
        ssrc: Ssrc(ssrc),
    };
    let mut buffer = vec![0; 172];
    header.write(&[sequence as u8; 160], &mut buffer).expect("there is room");
    buffer
}

fn protected(sender: &mut SrtpSender, plain: &[u8]) -> Vec<u8> {
    let mut buffer = plain.to_vec();
    buffer.resize(plain.len() + SRTP_OVERHEAD_OCTETS, 0);
    let octets = sender.protect(&mut buffer, plain.len()).expect("there is room");
    buffer.truncate(octets);
    buffer
}

fn unprotected(receiver: &mut SrtpReceiver, packet: &[u8]) -> Result<Vec<u8>, SrtpError> {
    let mut buffer = packet.to_vec();
    let octets = receiver.unprotect(&mut buffer);
    if octets.is_err() {
        assert_eq!(buffer, packet, "what is refused is left alone");
    }
    octets.map(|octets| buffer[..octets].to_vec())
}

fn pair(suite: SrtpSuite) -> (SrtpSender, SrtpReceiver) {
    (SrtpSender::new(key(suite, 7)), SrtpReceiver::new(key(suite, 7), None))
}

/// Shows RFC 3711 §3.3: a packet as other implementations protect it.
#[test]
fn a_packet_is_protected_as_others_do_it() {
    let master = "e1f97a0d3e018be0d64fa32c06de41390ec675ad498afeebb6960b3aabe6";
    let master = MasterKey::new(SrtpSuite::AesCm128HmacSha1_80, &hex::decode(master).unwrap()).unwrap();
    let plain = hex::decode("800f1234decafbadcafebabeabababababababababababababababab").unwrap();
    let expected = "800f1234decafbadcafebabe4e55dc4ce79978d88ca4d215949d2402b78d6acc99ea179b8dbb";
    let mut sender = SrtpSender::new(master.clone());
    assert_eq!(hex::encode(protected(&mut sender, &plain)), expected);
    let mut receiver = SrtpReceiver::new(master, None);
    assert_eq!(unprotected(&mut receiver, &hex::decode(expected).unwrap()).unwrap(), plain);
}

/// Shows RFC 3711 §3.4: an RTCP packet as other implementations protect it, with its index.
#[test]
fn a_control_packet_is_protected_as_others_do_it() {
    let master = "e1f97a0d3e018be0d64fa32c06de41390ec675ad498afeebb6960b3aabe6";
    let master = MasterKey::new(SrtpSuite::AesCm128HmacSha1_80, &hex::decode(master).unwrap()).unwrap();
    let plain = hex::decode("81c8000bcafebabeabababababababababababababababab").unwrap();
    let mut buffer = plain.clone();
    buffer.resize(64, 0);
    let octets = SrtpSender::new(master.clone()).protect_control(&mut buffer, plain.len()).unwrap();
    let expected = "81c8000bcafebabe7128035be487b9bdbef89041f977a5a880000001993e08cd54d6c1230798";
    assert_eq!(hex::encode(&buffer[..octets]), expected);
    let mut receiver = SrtpReceiver::new(master, None);
    let mut packet = buffer[..octets].to_vec();
    let mut again = packet.clone();
    let octets = receiver.unprotect_control(&mut packet).unwrap();
    assert_eq!(packet[..octets], plain);
    assert_eq!(receiver.unprotect_control(&mut again), Err(SrtpError::Replayed));
}

/// Shows RFC 3711 §3.3.2: a packet is given out once.
#[test]
fn a_replayed_packet_is_refused_and_counted() {
    for suite in SUITES {
        let (mut sender, mut receiver) = pair(suite);
        let first = protected(&mut sender, &packet(1, 10));
        let second = protected(&mut sender, &packet(1, 11));
        assert!(unprotected(&mut receiver, &second).is_ok());
        assert!(unprotected(&mut receiver, &first).is_ok(), "late is not replayed");
        assert_eq!(unprotected(&mut receiver, &first), Err(SrtpError::Replayed));
        assert_eq!(receiver.counters().replayed, 1);
    }
}

/// Shows RFC 3711 §4.2: a packet that is not authentic is refused, whatever bit of it is another.
#[test]
fn a_forged_packet_is_refused_and_counted() {
    for suite in SUITES {
        let (mut sender, mut receiver) = pair(suite);
        let sent = protected(&mut sender, &packet(1, 10));
        for place in [1, 3, 5, 9, 12, 100, sent.len() - 1] {
            let mut forged = sent.clone();
            forged[place] ^= 1;
            assert_eq!(unprotected(&mut receiver, &forged), Err(SrtpError::NotAuthentic), "octet {place}");
        }
        assert_eq!(unprotected(&mut receiver, &packet(1, 10)), Err(SrtpError::NotAuthentic), "plain RTP");
        assert_eq!(receiver.counters().not_authentic, 8);
        assert!(unprotected(&mut receiver, &sent).is_ok(), "a forgery takes nobody's place");
    }
}

/// Shows RFC 3711 §3.3.1: the rollover counter is kept by both sides, and late packets around a wrap find theirs.
#[test]
fn packets_around_a_wrap_are_understood_in_any_order() {
    for suite in SUITES {
        let (mut sender, mut receiver) = pair(suite);
        let sequences = [65_532_u16, 65_533, 65_534, 65_535, 0, 1, 2, 3];
        let sent: Vec<_> =
            sequences.iter().map(|sequence| protected(&mut sender, &packet(1, *sequence))).collect();
        for place in [0, 4, 2, 1, 6, 3, 5, 7] {
            let got = unprotected(&mut receiver, &sent[place]);
            assert_eq!(got.unwrap(), packet(1, sequences[place]), "{suite:?}: {}", sequences[place]);
        }
    }
}

#[test]
fn a_stream_whose_first_packets_were_lost_up_to_its_wrap_is_understood() {
    let (mut sender, mut receiver) = pair(SrtpSuite::AesCm128HmacSha1_80);
    protected(&mut sender, &packet(1, 65_535));
    let sent = protected(&mut sender, &packet(1, 0));
    assert!(unprotected(&mut receiver, &sent).is_ok());
}

#[test]
fn several_rollovers_are_followed() {
    let (mut sender, mut receiver) = pair(SrtpSuite::AeadAes128Gcm);
    let mut sequence = 0_u16;
    for step in 0..400 {
        let sent = protected(&mut sender, &packet(1, sequence));
        assert!(unprotected(&mut receiver, &sent).is_ok(), "step {step}");
        sequence = sequence.wrapping_add(997);
    }
}

/// Shows RFC 3711 §3.3.1: a change of key does not set the rollover counter back.
#[test]
fn after_a_change_of_key_the_rollover_counter_goes_on() {
    for suite in SUITES {
        let (mut sender, mut receiver) = pair(suite);
        for sequence in [65_535, 0, 1] {
            assert!(unprotected(&mut receiver, &protected(&mut sender, &packet(1, sequence))).is_ok());
        }
        let on_its_way = protected(&mut sender, &packet(1, 2));
        sender.rekey(key(suite, 99));
        receiver.rekey(key(suite, 99), None);
        assert!(
            unprotected(&mut receiver, &on_its_way).is_ok(),
            "the old key is taken until the new one comes"
        );
        assert!(unprotected(&mut receiver, &protected(&mut sender, &packet(1, 3))).is_ok());
        let (mut old, _) = pair(suite);
        assert_eq!(
            unprotected(&mut receiver, &protected(&mut old, &packet(1, 4))),
            Err(SrtpError::NotAuthentic)
        );
    }
}

#[test]
fn a_telephone_that_sets_its_rollover_counter_back_with_a_new_key_is_understood() {
    let suite = SrtpSuite::AesCm128HmacSha1_80;
    let (mut sender, mut receiver) = pair(suite);
    for sequence in [65_535, 0, 1] {
        assert!(unprotected(&mut receiver, &protected(&mut sender, &packet(1, sequence))).is_ok());
    }
    receiver.rekey(key(suite, 99), None);
    let mut anew = SrtpSender::new(key(suite, 99));
    for sequence in [2, 3, 4] {
        let sent = protected(&mut anew, &packet(1, sequence));
        assert!(unprotected(&mut receiver, &sent).is_ok());
        assert_eq!(unprotected(&mut receiver, &sent), Err(SrtpError::Replayed));
    }
}

/// Shows RFC 3711 §3.1: packets that name their key are taken if it is the one agreed on.
#[test]
fn packets_that_name_their_key_are_taken_by_it() {
    let mki = Mki::new(&[0, 1]).unwrap();
    for suite in SUITES {
        let mut receiver = SrtpReceiver::new(key(suite, 7), Some(mki.clone()));
        let mut sender = SrtpSender::new(key(suite, 7));
        let mut sent = protected(&mut sender, &packet(1, 10));
        let at = match suite {
            SrtpSuite::AesCm128HmacSha1_80 => sent.len() - 10,
            SrtpSuite::AesCm128HmacSha1_32 => sent.len() - 4,
            SrtpSuite::AeadAes128Gcm | SrtpSuite::AeadAes256Gcm => sent.len(),
        };
        assert!(unprotected(&mut receiver, &sent).is_err(), "it names none");
        sent.splice(at..at, [0, 1]);
        let mut other = sent.clone();
        other[at + 1] = 2;
        assert_eq!(unprotected(&mut receiver, &other), Err(SrtpError::OtherKey));
        assert_eq!(unprotected(&mut receiver, &sent).unwrap(), packet(1, 10));
    }
}

#[test]
fn another_stream_of_the_same_sender_begins_its_own_count() {
    let (mut sender, mut receiver) = pair(SrtpSuite::AesCm128HmacSha1_80);
    for ssrc in 1..10 {
        let sent = protected(&mut sender, &packet(ssrc, 30));
        assert!(unprotected(&mut receiver, &sent).is_ok());
        assert_eq!(unprotected(&mut receiver, &sent), Err(SrtpError::Replayed));
    }
}

#[test]
fn a_buffer_without_room_is_refused() {
    let (mut sender, _) = pair(SrtpSuite::AeadAes128Gcm);
    let mut plain = packet(1, 10);
    let octets = plain.len();
    assert_eq!(sender.protect(&mut plain, octets), Err(SrtpError::NoRoom));
    assert_eq!(sender.protect(&mut plain, octets + 1), Err(SrtpError::NoRoom));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn lost_reordered_and_repeated_packets_are_given_out_once(
        start in 0_u16..=u16::MAX,
        story in proptest::collection::vec((0_usize..40, any::<bool>()), 1..200),
    ) {
        // Each packet is sent; then one of the last forty comes, or comes again.
        let (mut sender, mut receiver) = pair(SrtpSuite::AesCm128HmacSha1_80);
        let (mut sent, mut taken) = (Vec::new(), std::collections::HashSet::new());
        for (place, (back, is_lost)) in story.into_iter().enumerate() {
            let sequence = start.wrapping_add(place as u16);
            sent.push((sequence, protected(&mut sender, &packet(1, sequence))));
            let index = place.saturating_sub(back);
            // The first packets of a stream tell the receiver where it begins.
            if is_lost && place > 0 {
                continue;
            }
            let got = unprotected(&mut receiver, &sent[index].1);
            if taken.insert(index) {
                prop_assert_eq!(got.unwrap(), packet(1, sent[index].0));
            } else {
                prop_assert_eq!(got, Err(SrtpError::Replayed));
            }
        }
    }

    #[test]
    fn any_bytes_are_refused(mut bytes in proptest::collection::vec(any::<u8>(), 0..200), suite in 0_usize..4) {
        let (_, mut receiver) = pair(SUITES[suite]);
        prop_assert!(receiver.unprotect(&mut bytes).is_err());
        prop_assert!(receiver.unprotect_control(&mut bytes).is_err());
    }
}
