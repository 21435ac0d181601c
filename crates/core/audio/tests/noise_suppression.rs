//! Noise that is taken from voices, and voices that are left.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should end")]

use std::f32::consts::TAU;
use std::path::Path;

use partyline_audio::level::{factor_of_db, level_dbov};
use partyline_audio::{Clip, NoiseSuppressor, resample};
use proptest::prelude::*;

const RATES_HZ: [u32; 3] = [8_000, 16_000, 48_000];
/// Between two words: long enough to hear what is left of the noise.
const PAUSE_SECONDS: f32 = 1.0;

/// Some of the prompts at −26 dBov with pauses of silence, the first word at once.
fn speech(rate_hz: u32, skipped: usize, seconds: usize) -> Vec<f32> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../prompts/audio/en");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| {
        file.extension().is_some_and(|ending| ending == "wav") && !file.ends_with("hold_music.wav")
    });
    files.sort();
    let wanted = seconds * rate_hz as usize;
    let mut all = Vec::new();
    for file in files.iter().skip(skipped).cycle() {
        let clip = Clip::from_wav(&std::fs::read(file).unwrap()).unwrap();
        if clip.samples().len() < 16_000 {
            continue;
        }
        let clip = resample::resample(&clip, rate_hz);
        let factor = factor_of_db(-26.0 - level_dbov(clip.samples()));
        all.extend(clip.samples().iter().map(|&sample| f32::from(sample) * factor));
        all.resize(all.len() + (PAUSE_SECONDS * rate_hz as f32) as usize, 0.0);
        if all.len() >= wanted {
            break;
        }
    }
    all.truncate(wanted);
    all
}

fn white(count: usize) -> Vec<f32> {
    let mut state = 1_u32;
    std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    })
    .take(count)
    .collect()
}

/// A fan and its motor's hum.
fn fan(rate_hz: u32, count: usize) -> Vec<f32> {
    let mut low = 0.0;
    let sample = |(n, noise): (usize, f32)| {
        low += (noise - low) * 800.0 / rate_hz as f32;
        let turn = TAU * (n as f32 * 50.0 / rate_hz as f32).fract();
        3.0 * low + 0.5 * (2.0 * turn).sin() + 0.25 * (3.0 * turn).sin()
    };
    white(count).into_iter().enumerate().map(sample).collect()
}

/// Eight people who speak at once.
fn babble(rate_hz: u32, count: usize) -> Vec<f32> {
    let seconds = count / rate_hz as usize + 8;
    let mut all = vec![0.0; count];
    for one in 0..8 {
        let voice = speech(rate_hz, 7 + 5 * one, seconds);
        all.iter_mut().zip(&voice[one * rate_hz as usize * 7 / 10..]).for_each(|(sum, said)| *sum += said);
    }
    all
}

fn mean_square(samples: &[f32]) -> f32 {
    samples.iter().map(|sample| sample * sample).sum::<f32>() / samples.len().max(1) as f32
}

fn dbov(samples: &[f32]) -> f32 {
    10.0 * (mean_square(samples) / (32_768.0 * 32_768.0)).max(1e-12).log10()
}

/// Noise at a level, over a voice.
fn over(voice: &[f32], noise: &[f32], noise_dbov: f32) -> Vec<f32> {
    let factor = factor_of_db(noise_dbov - dbov(noise));
    voice.iter().zip(noise).map(|(said, noise)| said + factor * noise).collect()
}

/// What comes out, brought forward by the delay.
fn suppressed(suppressor: &mut NoiseSuppressor, rate_hz: u32, sound: &[f32]) -> Vec<f32> {
    let mut out: Vec<f32> = Vec::with_capacity(sound.len());
    for frame in sound.chunks_exact(rate_hz as usize / 50) {
        let mut frame = frame.to_vec();
        suppressor.suppress(&mut frame);
        out.extend(frame);
    }
    out.split_off(suppressor.delay_samples())
}

/// What a suppressor makes of a voice in noise: levels in pauses and of the voice, in dB.
#[derive(Debug)]
struct Effect {
    pauses_db: f32,
    voice_db: f32,
}

/// After the first 3 s. The voice is told by what of it is in the sound still, so that noise does not count for it.
fn effect(rate_hz: u32, noise: &[f32], noise_dbov: f32) -> Effect {
    let voice = &speech(rate_hz, 0, noise.len() / rate_hz as usize)[..];
    let sound = over(voice, noise, noise_dbov);
    let out = suppressed(&mut NoiseSuppressor::new(rate_hz), rate_hz, &sound);
    let frame = rate_hz as usize / 50;
    let (mut pauses, mut left) = (Vec::new(), Vec::new());
    let (mut said, mut product) = (0.0, 0.0);
    for (nth, (voice, out)) in voice.chunks_exact(frame).zip(out.chunks_exact(frame)).enumerate().skip(150) {
        let at = nth * frame;
        if dbov(voice) < -75.0 {
            pauses.extend_from_slice(&sound[at..at + frame]);
            left.extend_from_slice(out);
        } else if dbov(voice) > -35.0 {
            said += voice.iter().map(|sample| sample * sample).sum::<f32>();
            product += voice.iter().zip(out).map(|(one, other)| one * other).sum::<f32>();
        }
    }
    Effect { pauses_db: dbov(&left) - dbov(&pauses), voice_db: 20.0 * (product / said).log10() }
}

#[test]
fn steady_noise_goes_down_in_pauses_and_the_voice_stays() {
    for rate_hz in RATES_HZ {
        let count = 16 * rate_hz as usize;
        for (name, noise) in [("white", white(count)), ("fan", fan(rate_hz, count))] {
            for noise_dbov in [-56.0, -46.0] {
                let effect = effect(rate_hz, &noise, noise_dbov);
                assert!(effect.pauses_db < -13.0, "{name} of {noise_dbov} at {rate_hz}: {effect:?}");
                assert!(effect.voice_db.abs() < 0.7, "{name} of {noise_dbov} at {rate_hz}: {effect:?}");
            }
        }
    }
}

#[test]
fn the_murmur_of_an_office_goes_down_too() {
    for rate_hz in RATES_HZ {
        let effect = effect(rate_hz, &babble(rate_hz, 16 * rate_hz as usize), -46.0);
        assert!(effect.pauses_db < -6.0 && effect.voice_db.abs() < 0.7, "at {rate_hz}: {effect:?}");
    }
}

#[test]
fn a_voice_on_a_quiet_line_comes_out_as_it_went_in_and_as_late_as_is_told() {
    for rate_hz in RATES_HZ {
        let voice = speech(rate_hz, 3, 8);
        let mut suppressor = NoiseSuppressor::new(rate_hz);
        let delay = suppressor.delay_samples();
        assert!(delay * 1_000 <= 8 * rate_hz as usize, "{delay} samples at {rate_hz}");
        let out = suppressed(&mut suppressor, rate_hz, &voice);
        let missing: Vec<f32> = voice.iter().zip(&out).map(|(said, heard)| said - heard).collect();
        let snr_db = dbov(&voice[..out.len()]) - dbov(&missing);
        assert!(snr_db > 20.0, "{snr_db} dB at {rate_hz}");
    }
}

#[test]
fn the_first_word_is_whole_whatever_the_noise() {
    for rate_hz in RATES_HZ {
        let voice = speech(rate_hz, 3, 2);
        for noise_dbov in [-90.0, -66.0, -46.0] {
            let sound = over(&voice, &white(voice.len()), noise_dbov);
            let out = suppressed(&mut NoiseSuppressor::new(rate_hz), rate_hz, &sound);
            for (part, heard) in sound.chunks(rate_hz as usize / 10).zip(out.chunks(rate_hz as usize / 10)) {
                let lost_db = dbov(&part[..heard.len()]) - dbov(heard);
                assert!(
                    dbov(part) < -40.0 || lost_db < 1.0,
                    "{lost_db} dB of {} at {rate_hz} in {noise_dbov}",
                    dbov(part)
                );
            }
        }
    }
}

#[test]
fn who_speaks_again_after_a_while_is_heard_from_the_start_with_nothing_of_before() {
    for rate_hz in RATES_HZ {
        let mut suppressor = NoiseSuppressor::new(rate_hz);
        let voice = speech(rate_hz, 0, 8);
        let before = over(&voice, &white(voice.len()), -50.0);
        suppressed(&mut suppressor, rate_hz, &before);
        suppressor.suppress(&mut vec![9_000.0; rate_hz as usize / 50]);
        suppressor.resume();
        let mut silence = vec![0.0; rate_hz as usize / 50];
        suppressor.suppress(&mut silence);
        assert!(dbov(&silence) < -75.0, "{} dBov of before at {rate_hz}", dbov(&silence));
        suppressor.resume();
        let voice = speech(rate_hz, 3, 1);
        let again = over(&voice, &white(voice.len()), -50.0);
        let out = suppressed(&mut suppressor, rate_hz, &again);
        let tenth = rate_hz as usize / 10;
        let lost_db = dbov(&again[..tenth]) - dbov(&out[..tenth]);
        assert!(lost_db < 1.5, "{lost_db} dB of the first tenth of a second at {rate_hz}");
        let pause = over(&vec![0.0; rate_hz as usize / 2], &white(rate_hz as usize / 2), -50.0);
        let left = suppressed(&mut suppressor, rate_hz, &pause);
        assert!(dbov(&left) < dbov(&pause) - 10.0, "the noise is known still at {rate_hz}: {}", dbov(&left));
    }
}

#[test]
fn sound_of_another_rate_stays_as_it_is() {
    let mut suppressor = NoiseSuppressor::new(11_025);
    let noise: Vec<f32> = white(441).iter().map(|sample| 9_000.0 * sample).collect();
    assert_eq!(
        (suppressed(&mut suppressor, 11_025, &noise[..440]), suppressor.delay_samples()),
        (noise[..440].to_vec(), 0)
    );
}

#[test]
fn a_suppressor_that_goes_to_another_rate_is_as_good_there() {
    for from_hz in RATES_HZ {
        for to_hz in RATES_HZ {
            let mut suppressor = NoiseSuppressor::new(from_hz);
            suppressed(
                &mut suppressor,
                from_hz,
                &over(&speech(from_hz, 0, 4), &white(4 * from_hz as usize), -50.0),
            );
            suppressor.set_rate_hz(to_hz);
            let voice = speech(to_hz, 3, 6);
            let out = suppressed(&mut suppressor, to_hz, &over(&voice, &white(voice.len()), -50.0));
            let first = to_hz as usize / 5;
            assert!((dbov(&out[..first]) - dbov(&voice[..first])).abs() < 1.5, "from {from_hz} to {to_hz}");
            let silent =
                voice.windows(2).rposition(|pair| pair[0] != 0.0).map_or(0, |last| voice.len() - last);
            assert!(silent < voice.len(), "there is a voice");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn any_sound_gives_sound(
        rate in 0_usize..3,
        sound in proptest::collection::vec(any::<i16>(), 4_800),
    ) {
        let rate_hz = RATES_HZ[rate];
        let mut suppressor = NoiseSuppressor::new(rate_hz);
        for frame in sound.chunks(rate_hz as usize / 50) {
            let mut frame: Vec<f32> = frame.iter().map(|&sample| f32::from(sample)).collect();
            suppressor.suppress(&mut frame);
            prop_assert!(frame.iter().all(|sample| sample.abs() <= 100_000.0));
        }
    }
}
