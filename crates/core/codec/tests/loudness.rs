//! How loud Opus packets are by their octets, against the library's own decoder.

use opus::{Application, Bitrate, Channels};
use partyline_codec::{Codec, Decoder, OpusLoudness, SILENCE_DBOV, level_dbov_of_samples};
use proptest::prelude::*;

const RATE_HZ: u32 = 48_000;
const FRAMES: usize = 150;
/// Frames in which encoder and decoder find to the sound.
const SETTLING: usize = 20;

/// White noise, or with the highs taken away.
fn noise(level_dbov: f32, is_dull: bool, count: usize) -> Vec<i16> {
    let (mut state, mut dull) = (1_u32, 0.0);
    let raw: Vec<f32> = (0..count)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let white = f32::from((state >> 16) as i16);
            dull = 0.98 * dull + 0.02 * white;
            if is_dull { dull } else { white }
        })
        .collect();
    at_level(&raw, level_dbov)
}

fn tone(hz: f32, level_dbov: f32, count: usize) -> Vec<i16> {
    let raw: Vec<f32> =
        (0..count).map(|n| (std::f32::consts::TAU * hz * n as f32 / RATE_HZ as f32).sin()).collect();
    at_level(&raw, level_dbov)
}

fn at_level(raw: &[f32], level_dbov: f32) -> Vec<i16> {
    let rms = (raw.iter().map(|sample| sample * sample).sum::<f32>() / raw.len() as f32).sqrt();
    let gain = 10.0_f32.powf(level_dbov / 20.0) * 32_768.0 / rms;
    raw.iter().map(|sample| (sample * gain) as i16).collect()
}

/// A telephone, which codes mostly in SILK or always in CELT.
fn encoder(application: Application, bits: i32) -> opus::Encoder {
    let mut encoder =
        opus::Encoder::new(RATE_HZ, Channels::Mono, application).expect("the rate is one of Opus's");
    encoder.set_bitrate(Bitrate::Bits(bits)).expect("the rate is one that there is");
    encoder
}

/// What each packet of this sound is by its octets, and what it is when it is decoded.
fn levels(encoder: &mut opus::Encoder, said: &[i16], frame: usize) -> Vec<(Option<f32>, f32)> {
    let (mut loudness, mut decoder) = (OpusLoudness::new(), Decoder::at_rate(Codec::Opus, RATE_HZ));
    let mut all: Vec<_> = said
        .chunks_exact(frame)
        .map(|frame| {
            let (mut packet, mut samples) = ([0; 1_500], [0; 5_760]);
            let octets = encoder.encode(frame, &mut packet).expect("the frame is one of Opus's");
            let count = decoder.decode(&packet[..octets], &mut samples);
            (loudness.read(&packet[..octets]), level_dbov_of_samples(&samples[..count]))
        })
        .collect();
    all.split_off(SETTLING)
}

/// As [RFC 6716 §4.2.7.4] has it for SILK, and [RFC 6716 §4.3.2.1] for CELT.
#[test]
fn noise_is_as_loud_by_its_octets_as_decoded_in_each_mode_and_size() {
    let cases = [(Application::Voip, -3.0, 12.0), (Application::LowDelay, -12.0, 4.0)];
    for (application, least, most) in cases {
        for frame in [480, 960] {
            for level_dbov in [-40.0, -65.0] {
                for is_dull in [true, false] {
                    let said = noise(level_dbov, is_dull, FRAMES * frame);
                    let levels = levels(&mut encoder(application, 40_000), &said, frame);
                    let read: Vec<f32> = levels.iter().filter_map(|(read, is)| Some(is - (*read)?)).collect();
                    let what = format!("{application:?} {frame} {level_dbov} dull {is_dull}");
                    assert!(read.len() * 2 > levels.len(), "{what}: {} of {}", read.len(), levels.len());
                    let range = least..most;
                    assert!(read.iter().all(|error| range.contains(error)), "{what}: {read:?}");
                }
            }
        }
    }
}

#[test]
fn a_tone_that_begins_in_quiet_is_no_longer_quiet_in_its_first_packet() {
    for (application, frame) in [
        (Application::Voip, 960),
        (Application::Voip, 2_880),
        (Application::LowDelay, 960),
        (Application::LowDelay, 480),
    ] {
        for hz in [300.0, 1_000.0, 3_000.0] {
            let mut said = noise(-70.0, true, FRAMES * frame);
            let begins = (FRAMES - 20) * frame;
            for (sample, tone) in said[begins..].iter_mut().zip(tone(hz, -25.0, 20 * frame)) {
                *sample = sample.saturating_add(tone);
            }
            let levels = levels(&mut encoder(application, 32_000), &said, frame);
            let (quiet, loud) = levels.split_at(FRAMES - 20 - SETTLING);
            let loudest = quiet.iter().filter_map(|(read, _)| *read).fold(SILENCE_DBOV, f32::max);
            let what = format!("{application:?} {frame} {hz} Hz");
            assert!(loudest < -60.0, "{what}: quiet is {loudest}");
            // The encoder looks ahead a little, so the first packet is that in which something is heard.
            let first = loud.iter().find(|(_, is)| *is > -50.0).expect("the tone comes");
            assert!(first.0.is_none_or(|level_dbov| level_dbov > loudest + 10.0), "{what}: {first:?}");
        }
    }
}

#[test]
fn a_pause_is_silent_and_what_is_no_packet_says_nothing() {
    // SILK and CELT, with a frame of no octets and of one.
    for toc in [0x48, 0x78, 0xF8] {
        assert_eq!(OpusLoudness::new().read(&[toc]), Some(SILENCE_DBOV));
        assert_eq!(OpusLoudness::new().read(&[toc, 0]), Some(SILENCE_DBOV));
        assert_eq!(OpusLoudness::new().read(&[toc | 3]), None);
    }
    assert_eq!(OpusLoudness::new().read(&[]), None);
}

proptest! {
    #[test]
    fn any_octets_are_read(packets in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..80), 0..20)) {
        let mut loudness = OpusLoudness::new();
        for packet in packets {
            let level_dbov = loudness.read(&packet);
            prop_assert!(level_dbov.is_none_or(|level| (SILENCE_DBOV..200.0).contains(&level)), "{level_dbov:?}");
        }
    }
}
