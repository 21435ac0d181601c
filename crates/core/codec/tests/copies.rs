//! What an encoder remembers, taken along by another.

use partyline_codec::{Codec, Decoder, Encoder, OpusSettings, level_dbov_of_samples};

const RATES: [(Codec, u32); 6] = [
    (Codec::Pcmu, 8_000),
    (Codec::Pcma, 8_000),
    (Codec::G722, 16_000),
    (Codec::Opus, 8_000),
    (Codec::Opus, 16_000),
    (Codec::Opus, 48_000),
];

fn frame(rate_hz: u32, tick: usize, hz: f32) -> Vec<i16> {
    let count = rate_hz as usize / 50;
    let sample = |n: usize| {
        let turn = std::f32::consts::TAU * hz * (tick * count + n) as f32 / rate_hz as f32;
        (5_000.0 * turn.sin() + 2_000.0 * (2.7 * turn).sin()) as i16
    };
    (0..count).map(sample).collect()
}

fn encode(encoder: &mut Encoder, samples: &[i16]) -> Vec<u8> {
    let mut payload = [0; 512];
    let octets = encoder.encode(samples, &mut payload);
    payload[..octets].to_vec()
}

#[test]
fn a_copy_goes_on_octet_for_octet_and_apart_from_what_it_was_copied_from() {
    for (codec, rate_hz) in RATES {
        let wishes = OpusSettings { has_fec: true, ..OpusSettings::default() };
        let new = || Encoder::at_rate(codec, rate_hz, &wishes);
        let (mut first, mut copy, mut alone) = (new(), new(), new());
        for tick in 0..40 {
            encode(&mut copy, &frame(rate_hz, tick, 900.0));
            assert_eq!(
                encode(&mut first, &frame(rate_hz, tick, 300.0)),
                encode(&mut alone, &frame(rate_hz, tick, 300.0))
            );
        }
        assert!(copy.copy_from(&first), "{codec:?} at {rate_hz}");
        for tick in 40..80 {
            // What the first does from here on does not matter to its copy.
            encode(&mut first, &frame(rate_hz, tick, 1_500.0));
            let said = frame(rate_hz, tick, 300.0);
            assert_eq!(encode(&mut copy, &said), encode(&mut alone, &said), "{codec:?} at {rate_hz}, {tick}");
        }
    }
}

#[test]
fn encoders_of_another_kind_are_not_copied() {
    let opus = |rate_hz, wishes: &str| Encoder::at_rate(Codec::Opus, rate_hz, &OpusSettings::parse(wishes));
    assert!(!opus(48_000, "").copy_from(&opus(16_000, "")));
    assert!(!opus(48_000, "").copy_from(&opus(48_000, "useinbandfec=1")));
    assert!(!opus(48_000, "").copy_from(&Encoder::new(Codec::G722)));
    assert!(!Encoder::new(Codec::Pcmu).copy_from(&Encoder::new(Codec::Pcma)));
}

#[test]
fn an_encoder_begins_anew_as_a_new_one() {
    for (codec, rate_hz) in RATES {
        let new =
            || Encoder::at_rate(codec, rate_hz, &OpusSettings::parse("useinbandfec=1;maxplaybackrate=16000"));
        let mut encoder = new();
        (0..30).for_each(|tick| drop(encode(&mut encoder, &frame(rate_hz, tick, 500.0))));
        encoder.restart();
        let mut other = new();
        for tick in 0..30 {
            let said = frame(rate_hz, tick, 300.0);
            assert_eq!(encode(&mut encoder, &said), encode(&mut other, &said), "{codec:?} at {rate_hz}");
        }
    }
}

/// How far the first frame of a stream that somebody comes into late is from what those hear who heard it all.
fn late_by_db(rate_hz: u32, is_independent: bool) -> f32 {
    let (mut encoder, mut there, mut late) = (
        Encoder::at_rate(Codec::Opus, rate_hz, &OpusSettings::default()),
        Decoder::at_rate(Codec::Opus, rate_hz),
        Decoder::at_rate(Codec::Opus, rate_hz),
    );
    let noise = encode(
        &mut Encoder::at_rate(Codec::Opus, rate_hz, &OpusSettings::default()),
        &frame(rate_hz, 0, 2_100.0),
    );
    let mut difference = Vec::new();
    let mut sound = Vec::new();
    for tick in 0..54 {
        encoder.set_independent(is_independent && tick == 50);
        let payload = encode(&mut encoder, &frame(rate_hz, tick, 300.0));
        let (mut one, mut other) = ([0; 960], [0; 960]);
        let count = there.decode(&payload, &mut one);
        if tick >= 49 {
            // One frame of something else, so that it remembers.
            let before = if tick == 49 { &noise } else { &payload };
            late.decode(before, &mut other);
        }
        if tick >= 50 {
            difference
                .extend(one[..count].iter().zip(&other).map(|(&one, &other)| one.saturating_sub(other)));
            sound.extend_from_slice(&one[..count]);
        }
    }
    level_dbov_of_samples(&difference) - level_dbov_of_samples(&sound)
}

#[test]
fn an_independent_frame_of_opus_is_understood_better_by_who_comes_late() {
    for rate_hz in [16_000, 48_000] {
        let (dependent, independent) = (late_by_db(rate_hz, false), late_by_db(rate_hz, true));
        assert!(independent < dependent - 3.0, "{rate_hz} Hz: {dependent}, {independent}");
    }
}
