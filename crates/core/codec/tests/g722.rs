//! G.722 against sums of what an independent implementation made of the same sound, and against itself.

use partyline_codec::{Codec, Decoder, Encoder, level_dbov_of_samples};
use proptest::prelude::*;

const RATE_HZ: f32 = 16_000.0;

/// White noise of 16 bits from a row of numbers that is the same everywhere, shifted down.
fn noise(count: usize, shift: u32) -> Vec<i16> {
    let mut state = 7_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        ((i64::from(state >> 16) - 32_768) >> shift) as i16
    };
    (0..count).map(|_| next()).collect()
}

/// The FNV-1a sum of octets.
fn sum(octets: impl IntoIterator<Item = u8>) -> u64 {
    octets
        .into_iter()
        .fold(0xcbf2_9ce4_8422_2325, |sum, octet| (sum ^ u64::from(octet)).wrapping_mul(0x0100_0000_01b3))
}

fn encode(samples: &[i16]) -> Vec<u8> {
    let mut payload = vec![0; samples.len() / 2];
    let count = Encoder::new(Codec::G722).encode(samples, &mut payload);
    assert_eq!(count, payload.len());
    payload
}

fn decode(payload: &[u8]) -> Vec<i16> {
    let mut samples = vec![0; payload.len() * 2];
    assert_eq!(Decoder::new(Codec::G722).decode(payload, &mut samples), samples.len());
    samples
}

fn sine(hz: f32, peak: f32, count: usize) -> Vec<i16> {
    (0..count).map(|n| (peak * (std::f32::consts::TAU * hz * n as f32 / RATE_HZ).sin()) as i16).collect()
}

/// The SNR of what is heard, at the delay at which it is best.
fn snr_db(said: &[i16], heard: &[i16]) -> f64 {
    let at = |delay: usize| {
        let pairs = || said[2_000..said.len() - 100].iter().zip(&heard[2_000 + delay..]);
        let power: f64 = pairs().map(|(&s, _)| f64::from(s).powi(2)).sum();
        let error: f64 = pairs().map(|(&s, &h)| (f64::from(s) - f64::from(h)).powi(2)).sum();
        10.0 * (power / error.max(1.0)).log10()
    };
    (0..40).map(at).fold(f64::MIN, f64::max)
}

#[test]
fn sound_of_any_level_becomes_the_octets_and_samples_that_others_make_of_it() {
    // Noise from half of full scale down to the smallest steps, through libspandsp 0.0.6 at 64 kbit/s.
    for (shift, octets, samples) in [
        (1, 0x33db_bd97_f9ac_a916, 0xb0cf_feb9_e10b_b1df),
        (2, 0xb424_f1f1_0a95_b18f, 0x9da7_f292_c6b1_2141),
        (6, 0xbaa9_1121_42ee_7b8f, 0xf46a_8f32_b5bb_4b67),
        (11, 0x80e5_8b11_c222_ed7f, 0x52c2_1a6f_8363_2a91),
    ] {
        let payload = encode(&noise(16_000, shift));
        assert_eq!(sum(payload.iter().copied()), octets, "encoded at {shift}");
        let heard = decode(&payload);
        assert_eq!(sum(heard.into_iter().flat_map(i16::to_le_bytes)), samples, "decoded at {shift}");
    }
}

#[test]
fn octets_that_no_encoder_makes_are_decoded_as_others_do() {
    let mut state = 99_u32;
    let octets: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    })
    .take(8_000)
    .collect();
    // What is clipped is left out: the other one wraps there, against the recommendation.
    let heard = decode(&octets).into_iter().filter(|sample| sample.unsigned_abs() < 32_767);
    assert_eq!(sum(heard.flat_map(i16::to_le_bytes)), 0x9e7e_88d5_b640_d12d);
}

#[test]
fn tones_in_both_bands_come_through_well() {
    for (hz, least_db) in [(300.0, 32.0), (1_000.0, 30.0), (3_000.0, 25.0), (5_000.0, 10.0), (6_500.0, 10.0)]
    {
        for peak in [300.0, 3_000.0, 12_000.0] {
            let said = sine(hz, peak, 16_000);
            let snr = snr_db(&said, &decode(&encode(&said)));
            assert!(snr > least_db, "{hz} Hz at {peak}: {snr:.1} dB");
        }
    }
}

#[test]
fn silence_stays_silent() {
    assert!(level_dbov_of_samples(&decode(&encode(&[0; 16_000]))) < -80.0);
}

#[test]
fn what_comes_after_a_loss_is_soon_as_good_as_without_it() {
    for lost_octets in [80, 160, 320, 800] {
        for hz in [210.0, 800.0, 2_400.0] {
            let said = sine(hz, 8_000.0, 32_000);
            let payload = encode(&said);
            let whole = decode(&payload);
            let mut decoder = Decoder::new(Codec::G722);
            let mut heard = vec![0; said.len()];
            let lost = 4_000..4_000 + lost_octets;
            decoder.decode(&payload[..lost.start], &mut heard[..2 * lost.start]);
            decoder.conceal(&mut heard[2 * lost.start..2 * lost.end]);
            decoder.decode(&payload[lost.end..], &mut heard[2 * lost.end..]);
            let loudest = heard.iter().map(|sample| i32::from(*sample).abs()).max().unwrap();
            assert!(loudest < 12_000, "{hz} Hz, {lost_octets} octets: {loudest}");
            // From 60 ms after the loss on it can't be told any more, or 200 ms where it was silent by then.
            let from = 2 * lost.end + if lost_octets > 480 { 3_200 } else { 960 };
            let error: f64 =
                (from..from + 1_600).map(|n| f64::from(whole[n] - heard[n]).powi(2)).sum::<f64>() / 1_600.0;
            assert!(error.sqrt() < 200.0, "{hz} Hz, {lost_octets} octets: {:.0}", error.sqrt());
        }
    }
}

proptest! {
    #[test]
    fn pieces_of_any_size_give_the_same_as_the_whole(sizes in proptest::collection::vec(1_usize..400, 1..20)) {
        let payload = encode(&noise(2 * sizes.iter().sum::<usize>(), 2));
        let (mut decoder, mut heard, mut at) = (Decoder::new(Codec::G722), Vec::new(), 0);
        let (mut encoder, mut again, said) = (Encoder::new(Codec::G722), Vec::new(), noise(2 * payload.len(), 2));
        for size in sizes {
            let (mut samples, mut octets) = (vec![0; 2 * size], vec![0; size]);
            decoder.decode(&payload[at..at + size], &mut samples);
            encoder.encode(&said[2 * at..2 * (at + size)], &mut octets);
            heard.extend(samples);
            again.extend(octets);
            at += size;
        }
        prop_assert_eq!(heard, decode(&payload));
        prop_assert_eq!(again, payload);
    }

    #[test]
    fn any_octets_and_losses_are_decoded(
        pieces in proptest::collection::vec((proptest::collection::vec(any::<u8>(), 0..300), any::<bool>()), 0..20)
    ) {
        let mut decoder = Decoder::new(Codec::G722);
        let mut samples = [0; 600];
        for (piece, is_lost) in pieces {
            if is_lost {
                decoder.conceal(&mut samples[..piece.len()]);
            } else {
                prop_assert_eq!(decoder.decode(&piece, &mut samples), 2 * piece.len());
            }
        }
    }
}
