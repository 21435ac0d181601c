//! Opus: any frame size and rate, losses, spare copies, pauses, and packets that are none.

use partyline_codec::{Codec, Decoder, Encoder, OpusSettings, level_dbov_of_samples};
use proptest::prelude::*;

const RATES_HZ: [u32; 3] = [8_000, 16_000, 48_000];

/// A voice-like sound: harmonics of a pitch that glides.
fn voice(rate_hz: u32, count: usize) -> Vec<i16> {
    let sample = |n: usize| {
        let t = n as f32 / rate_hz as f32;
        let turn = std::f32::consts::TAU * (120.0 * t + 12.0 * t * t);
        (1..14).map(|k| (turn * k as f32 + k as f32).sin() / k as f32).sum::<f32>() * 4_000.0
    };
    (0..count).map(|n| sample(n) as i16).collect()
}

fn packets(encoder: &mut Encoder, said: &[i16], frame: usize) -> Vec<Vec<u8>> {
    let encode = |frame: &[i16]| {
        let mut payload = [0; 1_500];
        let octets = encoder.encode(frame, &mut payload);
        payload[..octets].to_vec()
    };
    said.chunks_exact(frame).map(encode).collect()
}

/// How alike two sounds are at the delay at which they are most alike: 1 for the same sound.
fn likeness(said: &[i16], heard: &[i16], delay_max: usize) -> f64 {
    let at = |delay: usize| {
        let pairs = || said.iter().zip(&heard[delay..]).map(|(&s, &h)| (f64::from(s), f64::from(h)));
        let product: f64 = pairs().map(|(s, h)| s * h).sum();
        let (one, other): (f64, f64) =
            pairs().fold((0.0, 0.0), |(one, other), (s, h)| (one + s * s, other + h * h));
        product / (one * other).sqrt().max(1.0)
    };
    (0..delay_max).map(at).fold(0.0, f64::max)
}

/// Shows RFC 7587 §4.2: packets of any frame size are decoded, and say how long they play.
#[test]
fn every_frame_size_comes_through_at_every_rate() {
    for rate_hz in RATES_HZ {
        for half_ms in [5, 10, 20, 40, 80, 120] {
            let frame = rate_hz as usize * half_ms / 2_000;
            let said = voice(rate_hz, rate_hz as usize);
            let mut encoder = Encoder::at_rate(Codec::Opus, rate_hz, &OpusSettings::default());
            let mut decoder = Decoder::at_rate(Codec::Opus, rate_hz);
            let mut heard = Vec::new();
            for packet in packets(&mut encoder, &said, frame) {
                assert_eq!(Codec::Opus.eight_thousandths(&packet), Some(half_ms as u32 * 4));
                let mut samples = [0; 5_760];
                assert_eq!(decoder.decode(&packet, &mut samples), frame);
                heard.extend_from_slice(&samples[..frame]);
            }
            let from = rate_hz as usize / 5;
            let alike = likeness(&said[from..from * 2], &heard[from..], rate_hz as usize / 40);
            // The shortest frames spend their few bits on themselves.
            let least = if half_ms <= 10 { 0.6 } else { 0.8 };
            assert!(alike > least, "{rate_hz} Hz, {half_ms} half ms: {alike:.2}");
        }
    }
}

/// The likeness of a lost frame to what was said, by concealment and by the next packet's spare copy.
fn lose_one(rate_hz: u32) -> (f64, f64) {
    let frame = rate_hz as usize / 50;
    let said = voice(rate_hz, rate_hz as usize);
    let wishes = OpusSettings { has_fec: true, playback_max_hz: 16_000, ..OpusSettings::default() };
    let packets = packets(&mut Encoder::at_rate(Codec::Opus, rate_hz, &wishes), &said, frame);
    let hear = |recovers: bool| {
        let (mut decoder, mut heard) = (Decoder::at_rate(Codec::Opus, rate_hz), Vec::new());
        let mut errors = Vec::new();
        for (index, packet) in packets.iter().enumerate() {
            let (mut samples, mut room) = (vec![0; frame], [0; 5_760]);
            if index % 10 == 8 {
                if recovers {
                    assert!(decoder.recover(&packets[index + 1], &mut samples));
                } else {
                    decoder.conceal(&mut samples);
                }
                errors.push(heard.len());
            } else {
                decoder.decode(packet, &mut room);
                samples.copy_from_slice(&room[..frame]);
            }
            heard.extend(samples);
        }
        (heard, errors)
    };
    let (whole, _) = {
        let (mut decoder, mut heard) = (Decoder::at_rate(Codec::Opus, rate_hz), Vec::new());
        for packet in &packets {
            let mut room = [0; 5_760];
            let count = decoder.decode(packet, &mut room);
            heard.extend_from_slice(&room[..count]);
        }
        (heard, ())
    };
    let score = |(heard, lost): (Vec<i16>, Vec<usize>)| {
        let each = lost.iter().map(|&at| likeness(&whole[at..at + frame], &heard[at..], 1));
        each.sum::<f64>() / lost.len() as f64
    };
    (score(hear(false)), score(hear(true)))
}

/// Shows RFC 7587 §3.3: a lost packet is filled in by the spare copy that the next one carries.
#[test]
fn a_lost_packet_is_heard_better_by_the_next_one_s_spare_copy() {
    for rate_hz in RATES_HZ {
        let (concealed, recovered) = lose_one(rate_hz);
        assert!(recovered > 0.85 && recovered > concealed, "{rate_hz} Hz: {concealed:.2}, {recovered:.2}");
    }
}

#[test]
fn a_packet_without_a_spare_copy_recovers_nothing() {
    let said = voice(48_000, 48_000);
    let packets = packets(&mut Encoder::new(Codec::Opus), &said, 120);
    let mut decoder = Decoder::new(Codec::Opus);
    assert!(!decoder.recover(&packets[20], &mut [0; 120]), "2.5 ms frames are CELT, which has none");
    assert!(!decoder.recover(&[], &mut [0; 960]));
}

/// Shows RFC 7587 §3.1.3: with DTX nothing need be sent in a pause, and what is made up in it is quiet.
#[test]
fn a_pause_is_hardly_sent_and_heard_as_quiet() {
    let wishes = OpusSettings { has_dtx: true, playback_max_hz: 16_000, ..OpusSettings::default() };
    let mut encoder = Encoder::at_rate(Codec::Opus, 16_000, &wishes);
    let mut said = voice(16_000, 16_000);
    said.extend([0; 32_000]);
    let packets = packets(&mut encoder, &said, 320);
    let sent = packets[100..].iter().filter(|packet| packet.len() > 2).count();
    assert!(sent < 20, "{sent} of 50 packets");
    let mut decoder = Decoder::at_rate(Codec::Opus, 16_000);
    let mut samples = [0; 1_920];
    for packet in &packets {
        if packet.len() > 2 {
            decoder.decode(packet, &mut samples);
        } else {
            decoder.conceal(&mut samples[..320]);
        }
    }
    assert!(level_dbov_of_samples(&samples[..320]) < -60.0);
}

#[test]
fn wishes_of_the_far_side_are_heeded() {
    let said = voice(48_000, 96_000);
    let size = |text: &str| {
        let mut encoder = Encoder::at_rate(Codec::Opus, 48_000, &OpusSettings::parse(text));
        let sizes: Vec<usize> = packets(&mut encoder, &said, 960).iter().skip(10).map(Vec::len).collect();
        (sizes.iter().sum::<usize>() / sizes.len(), sizes.iter().min() == sizes.iter().max())
    };
    let (usual, _) = size("");
    let (few, _) = size("maxaveragebitrate=10000;maxplaybackrate=8000");
    let (_, is_even) = size("cbr=1");
    assert!(few < 35 && usual > 70 && usual < 140, "{few} and {usual} octets");
    assert!(is_even);
}

#[test]
fn stereo_is_heard_in_the_middle() {
    // Two channels of which one is silent, as TOC, one frame each way: made with the other crate's door.
    let mut stereo = opus::Encoder::new(48_000, opus::Channels::Stereo, opus::Application::Audio).unwrap();
    let said = voice(48_000, 48_000);
    let both: Vec<i16> = said.iter().flat_map(|&sample| [sample, 0]).collect();
    let mut decoder = Decoder::at_rate(Codec::Opus, 8_000);
    let mut level = 0.0;
    for frame in both.chunks_exact(1_920) {
        let (mut payload, mut samples) = ([0; 1_500], [0; 960]);
        let octets = stereo.encode(frame, &mut payload).unwrap();
        assert_eq!(decoder.decode(&payload[..octets], &mut samples), 160);
        level = level_dbov_of_samples(&samples[..160]);
    }
    let one_side = level_dbov_of_samples(&said);
    assert!((level - (one_side - 6.0)).abs() < 2.0, "{level} of {one_side}");
}

proptest! {
    #[test]
    fn any_packets_losses_and_copies_give_samples(
        pieces in proptest::collection::vec((proptest::collection::vec(any::<u8>(), 0..200), 0_u8..4), 0..30)
    ) {
        let mut decoder = Decoder::at_rate(Codec::Opus, 8_000);
        let mut encoder = Encoder::at_rate(Codec::Opus, 8_000, &OpusSettings::default());
        for (mut piece, kind) in pieces {
            let mut samples = [0; 960];
            match kind {
                0 => decoder.conceal(&mut samples[..piece.len()]),
                1 => { decoder.recover(&piece, &mut samples[..160]); }
                2 => {
                    // A real packet, broken somewhere.
                    let mut payload = [0; 300];
                    let octets = encoder.encode(&voice(8_000, 160), &mut payload);
                    if let Some(&octet) = piece.first() {
                        let place = piece.len() % octets.max(1);
                        payload[place] = octet;
                    }
                    piece = payload[..octets].to_vec();
                    prop_assert!(decoder.decode(&piece, &mut samples) <= 960);
                }
                _ => prop_assert!(decoder.decode(&piece, &mut samples) <= 960),
            }
            if let Some(length) = Codec::Opus.eight_thousandths(&piece) {
                prop_assert!((1..=960).contains(&length));
            }
        }
    }
}
