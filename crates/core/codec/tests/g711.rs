//! G.711 against the recommendation's own steps, for every sample and octet there is.

use partyline_codec::{Codec, Decoder, Encoder, SILENCE_DBOV, level_dbov_of_samples};
use proptest::prelude::*;

const BOTH: [Codec; 2] = [Codec::Pcmu, Codec::Pcma];

/// µ-law by walking the segments of G.711 table 2a/2b, in 14-bit numbers.
fn reference_mulaw(sample: i16) -> u8 {
    let (sign, magnitude) = if sample < 0 { (0x80, !sample >> 2) } else { (0, sample >> 2) };
    let biased = (i32::from(magnitude) + 33).min(0x1FFF);
    let mut segment = 0;
    while biased >> (segment + 6) != 0 {
        segment += 1;
    }
    let step = (biased >> (segment + 1)) & 0x0F;
    !(sign | (segment << 4) as u8 | step as u8)
}

/// A-law by walking the segments of G.711 table 1a/1b, in 13-bit numbers.
fn reference_alaw(sample: i16) -> u8 {
    let (sign, magnitude) = if sample < 0 { (0, !sample >> 3) } else { (0x80, sample >> 3) };
    let magnitude = i32::from(magnitude);
    let mut segment = 0;
    while magnitude >> (segment + 5) != 0 {
        segment += 1;
    }
    let step = if segment < 2 { magnitude >> 1 } else { magnitude >> segment } & 0x0F;
    (sign | (segment << 4) as u8 | step as u8) ^ 0x55
}

fn reference_mulaw_decode(octet: u8) -> i16 {
    let octet = !octet;
    let magnitude = ((i32::from(octet & 0x0F) * 2 + 33) << ((octet >> 4) & 7)) - 33;
    let sample = (magnitude * 4) as i16;
    if octet & 0x80 == 0 { sample } else { -sample }
}

fn reference_alaw_decode(octet: u8) -> i16 {
    let octet = octet ^ 0x55;
    let (segment, step) = ((octet >> 4) & 7, i32::from(octet & 0x0F));
    let magnitude = match segment {
        0 => step * 2 + 1,
        n => (step * 2 + 33) << (n - 1),
    };
    let sample = (magnitude * 8) as i16;
    if octet & 0x80 == 0 { -sample } else { sample }
}

fn every_sample() -> Vec<i16> {
    (i16::MIN..=i16::MAX).collect()
}

fn every_octet() -> Vec<u8> {
    (0..=u8::MAX).collect()
}

#[test]
fn every_sample_is_encoded_as_the_recommendation_says() {
    let samples = every_sample();
    let mut payload = vec![0; samples.len()];
    for (codec, reference) in [(Codec::Pcmu, reference_mulaw as fn(i16) -> u8), (Codec::Pcma, reference_alaw)]
    {
        Encoder::new(codec).encode(&samples, &mut payload);
        for (&sample, &octet) in samples.iter().zip(&payload) {
            assert_eq!(octet, reference(sample), "{codec:?} of {sample}");
        }
    }
}

#[test]
fn every_octet_is_decoded_as_the_recommendation_says() {
    let octets = every_octet();
    let mut samples = vec![0; octets.len()];
    for (codec, reference) in
        [(Codec::Pcmu, reference_mulaw_decode as fn(u8) -> i16), (Codec::Pcma, reference_alaw_decode)]
    {
        Decoder::new(codec).decode(&octets, &mut samples);
        for (&octet, &sample) in octets.iter().zip(&samples) {
            assert_eq!(sample, reference(octet), "{codec:?} of {octet:#04x}");
        }
    }
}

#[test]
fn a_decoded_octet_is_encoded_as_itself_but_for_the_negative_zero() {
    for codec in BOTH {
        let octets = every_octet();
        let (mut samples, mut again) = (vec![0; 256], vec![0; 256]);
        Decoder::new(codec).decode(&octets, &mut samples);
        Encoder::new(codec).encode(&samples, &mut again);
        for (&octet, &again) in octets.iter().zip(&again) {
            let negative_zero = codec == Codec::Pcmu && octet == 0x7F;
            assert_eq!(again, if negative_zero { 0xFF } else { octet }, "{codec:?}");
        }
    }
}

#[test]
fn a_silent_payload_is_as_quiet_as_the_codec_can_be() {
    let level = |codec: Codec| codec.level_dbov(&[codec.silence_octet().unwrap(); 160]).unwrap();
    assert_eq!(level(Codec::Pcmu), SILENCE_DBOV);
    assert!(level(Codec::Pcma) < -70.0);
    assert_eq!(Codec::Pcmu.level_dbov(&[]), Some(SILENCE_DBOV));
}

#[test]
fn the_loudest_sine_is_three_decibels_below_overload() {
    let samples: Vec<i16> = (0..800)
        .map(|n| {
            let turn = f64::from(n) * 1000.0 / 8000.0;
            (32_000.0 * (turn * std::f64::consts::TAU).sin()) as i16
        })
        .collect();
    for codec in BOTH {
        let mut payload = [0; 800];
        Encoder::new(codec).encode(&samples, &mut payload);
        let level = codec.level_dbov(&payload).unwrap();
        assert!((level - -3.2).abs() < 0.2, "{codec:?}: {level}");
    }
}

#[test]
fn codecs_are_found_by_name_and_rate() {
    assert_eq!(Codec::by_name("pcmu", 8000), Some(Codec::Pcmu));
    assert_eq!(Codec::by_name("PCMA", 8000), Some(Codec::Pcma));
    assert_eq!(Codec::by_name("PCMU", 16_000), None);
    assert_eq!(Codec::by_name("OPUS", 48_000), Some(Codec::Opus));
    assert_eq!(Codec::by_name("G722", 8_000), Some(Codec::G722));
    assert_eq!(Codec::by_name("iLBC", 8_000), None);
}

proptest! {
    #[test]
    fn loudness_from_bytes_is_the_loudness_of_the_decoded(payload in proptest::collection::vec(any::<u8>(), 1..500)) {
        for codec in BOTH {
            let mut samples = vec![0; payload.len()];
            Decoder::new(codec).decode(&payload, &mut samples);
            let (bytes, decoded) = (codec.level_dbov(&payload).unwrap(), level_dbov_of_samples(&samples));
            prop_assert!((bytes - decoded).abs() < 0.01, "{} against {}", bytes, decoded);
        }
    }

    #[test]
    fn lengths_may_differ_and_only_the_shorter_is_touched(
        samples in proptest::collection::vec(any::<i16>(), 0..200),
        room in 0usize..200,
    ) {
        for codec in BOTH {
            let mut payload = vec![0xAA; room];
            let written = Encoder::new(codec).encode(&samples, &mut payload);
            prop_assert_eq!(written, samples.len().min(room));
            prop_assert!(payload[written..].iter().all(|&b| b == 0xAA));
            let mut back = vec![7; samples.len()];
            let read = Decoder::new(codec).decode(&payload, &mut back);
            prop_assert_eq!(read, samples.len().min(room));
        }
    }

    #[test]
    fn companding_is_never_further_off_than_half_a_step(sample in any::<i16>()) {
        for codec in BOTH {
            let (mut payload, mut back) = ([0; 1], [0; 1]);
            Encoder::new(codec).encode(&[sample], &mut payload);
            Decoder::new(codec).decode(&payload, &mut back);
            let off = (i32::from(sample) - i32::from(back[0])).abs();
            prop_assert!(off <= 16 + i32::from(sample.unsigned_abs()) / 24, "{} is off by {}", sample, off);
        }
    }
}
