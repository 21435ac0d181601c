//! Lines that make noise, and people who do not.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should end")]

use std::f32::consts::TAU;
use std::path::Path;

use partyline_audio::Clip;
use partyline_audio::level::{factor_of_db, level_dbov, sine_peak};
use partyline_audio::line_noise::{LineNoise, LineWatch};
use proptest::prelude::*;

const RATE_HZ: u32 = 8_000;
const SECOND: usize = RATE_HZ as usize;

fn told(samples: &[i16]) -> Vec<LineNoise> {
    let mut watch = LineWatch::new(RATE_HZ);
    samples.chunks_exact(160).filter_map(|frame| watch.hear(frame)).collect()
}

fn prompt(name: &str) -> Vec<i16> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../prompts/audio/en").join(name);
    let clip = Clip::from_wav(&std::fs::read(file).unwrap()).unwrap();
    partyline_audio::resample::resample(&clip, RATE_HZ).samples().to_vec()
}

/// All prompts but the music, with so long a pause between them.
fn speech(pause: usize) -> Vec<i16> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../prompts/audio/en");
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".wav") && name != "hold_music.wav")
        .collect();
    names.sort();
    let mut all = Vec::new();
    for name in names {
        all.extend(prompt(&name));
        all.resize(all.len() + pause, 0);
    }
    all
}

fn at_level(samples: &[i16], dbov: f32) -> Vec<i16> {
    let factor = factor_of_db(dbov - level_dbov(samples));
    samples.iter().map(|&sample| (f32::from(sample) * factor) as i16).collect()
}

fn tones(seconds: usize, tones: &[(f32, f32)]) -> Vec<i16> {
    (0..seconds * SECOND)
        .map(|n| {
            let time = n as f32 / RATE_HZ as f32;
            tones.iter().map(|&(hz, dbov)| sine_peak(dbov) * (TAU * (hz * time).fract()).sin()).sum::<f32>()
                as i16
        })
        .collect()
}

fn noise(seconds: usize, dbov: f32, softness: f32) -> Vec<i16> {
    let (mut seed, mut low) = (1_u32, 0.0_f32);
    let samples: Vec<i16> = (0..seconds * SECOND)
        .map(|_| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let white = (seed >> 8) as f32 / 8_388_608.0 - 1.0;
            low = softness * low + (1.0 - softness) * white;
            (low * 20_000.0) as i16
        })
        .collect();
    at_level(&samples, dbov)
}

fn over(one: &[i16], other: &[i16]) -> Vec<i16> {
    one.iter().zip(other.iter().cycle()).map(|(&a, &b)| a.saturating_add(b)).collect()
}

/// A tune of held notes with harmonics, a new one every `note` seconds.
fn tune(seconds: usize, note: f32) -> Vec<i16> {
    let scale = [262.0, 330.0, 392.0, 440.0, 523.0, 392.0, 349.0, 294.0];
    let samples: Vec<i16> = (0..seconds * SECOND)
        .map(|n| {
            let time = n as f32 / RATE_HZ as f32;
            let hz = scale[(time / note) as usize % scale.len()];
            let decay = 1.0 - 0.6 * (time / note).fract();
            let wave: f32 =
                (1..=4).map(|nth| (TAU * (hz * nth as f32 * time).fract()).sin() / nth as f32).sum();
            (8_000.0 * decay * wave) as i16
        })
        .collect();
    at_level(&samples, -22.0)
}

/// Sung: a voice with vibrato that holds its notes, and breathes.
fn song(seconds: usize, breath_every: f32) -> Vec<i16> {
    let mut angle = 0.0_f32;
    (0..seconds * SECOND)
        .map(|n| {
            let time = n as f32 / RATE_HZ as f32;
            let note = [220.0, 247.0, 262.0, 196.0][(time / 1.5) as usize % 4];
            let hz = note * (1.0 + 0.03 * (TAU * 5.5 * time).sin());
            angle = (angle + TAU * hz / RATE_HZ as f32) % TAU;
            let breathes = time % breath_every > breath_every - 0.4;
            let wave: f32 = (1..=8).map(|nth| (angle * nth as f32).sin() / nth as f32).sum();
            if breathes { 0 } else { (5_000.0 * wave) as i16 }
        })
        .collect()
}

#[test]
fn music_on_hold_is_told_once() {
    let hold = prompt("hold_music.wav");
    let hold: Vec<i16> = hold.iter().copied().cycle().take(40 * SECOND).collect();
    for music in [at_level(&hold, -22.0), at_level(&hold, -32.0), tune(40, 0.4), tune(40, 0.8)] {
        assert_eq!(told(&music), [LineNoise::Music]);
        let over_a_line = over(&music, &noise(5, -55.0, 0.0));
        assert_eq!(told(&over_a_line), [LineNoise::Music]);
    }
}

#[test]
fn a_howl_is_told_once_also_where_it_rises() {
    for hz in [400.0, 1_150.0, 2_600.0, 3_100.0] {
        assert_eq!(told(&over(&tones(10, &[(hz, -6.0)]), &noise(5, -42.0, 0.0))), [LineNoise::Howl], "{hz}");
    }
    let mut rising = tones(10, &[(1_700.0, -4.0)]);
    for (n, sample) in rising.iter_mut().enumerate() {
        let db = -40.0 + 10.0 * n as f32 / SECOND as f32;
        *sample = (f32::from(*sample) * factor_of_db(db.min(0.0))) as i16;
    }
    assert_eq!(told(&rising), [LineNoise::Howl]);
}

#[test]
fn hum_is_told_alone_and_under_a_talk() {
    let talk = at_level(&speech(SECOND / 2), -26.0);
    for mains in [50.0, 60.0] {
        let hum = tones(30, &[(mains, -32.0), (2.0 * mains, -36.0), (3.0 * mains, -40.0)]);
        assert_eq!(told(&hum), [LineNoise::Hum], "{mains}");
        assert_eq!(told(&over(&hum, &talk)), [LineNoise::Hum], "{mains} under a talk");
    }
}

#[test]
fn people_who_talk_are_never_told_however_long_and_loud() {
    for pause in [SECOND / 10, SECOND / 4, SECOND] {
        let talk = speech(pause);
        for level in [-40.0, -26.0, -12.0] {
            assert_eq!(told(&at_level(&talk, level)), [], "{pause} samples between, {level} dBov");
        }
    }
}

#[test]
fn people_in_noise_among_others_and_who_sing_are_not_told() {
    let talk = at_level(&speech(SECOND / 4), -26.0);
    for (dbov, softness) in [(-45.0, 0.0), (-34.0, 0.0), (-34.0, 0.95), (-28.0, 0.9)] {
        assert_eq!(told(&over(&talk, &noise(7, dbov, softness))), [], "noise of {dbov}, {softness}");
    }
    let mut babble = vec![0; 120 * SECOND];
    for voice in 0..6 {
        let other: Vec<i16> =
            talk.iter().copied().cycle().skip(voice * 17 * SECOND).take(babble.len()).collect();
        babble = over(&babble, &at_level(&other, -32.0));
    }
    assert_eq!(told(&babble), [], "babble");
    for breath in [4.0, 8.0, 12.0] {
        assert_eq!(told(&song(60, breath)), [], "a song with a breath every {breath} s");
    }
}

#[test]
fn tones_of_the_network_keys_and_test_tones_are_not_told() {
    let mut ringing = tones(60, &[(440.0, -20.0), (480.0, -20.0)]);
    for (n, sample) in ringing.iter_mut().enumerate() {
        if n / SECOND % 6 >= 2 {
            *sample = 0;
        }
    }
    assert_eq!(told(&ringing), [], "ringing");
    for steady in [
        &[(350.0, -18.0), (440.0, -18.0)][..],
        &[(425.0, -15.0)],
        &[(1_004.0, -16.0)],
        &[(900.0, -15.0)],
        &[(500.0, -15.0), (707.0, -15.0)],
    ] {
        assert_eq!(told(&tones(60, steady)), [], "{steady:?}");
    }
    for row in [697.0, 770.0, 852.0, 941.0] {
        for column in [1_209.0, 1_336.0, 1_477.0, 1_633.0] {
            for twist in [0.0, 2.0, 6.0] {
                let key = tones(15, &[(row, -8.0 - twist), (column, -8.0)]);
                assert_eq!(told(&key), [], "{row} and {column}, {twist} dB apart");
            }
        }
    }
}

#[test]
fn noise_and_silence_are_not_told() {
    for (dbov, softness) in [(-20.0, 0.0), (-30.0, 0.9), (-30.0, 0.98), (-50.0, 0.0)] {
        assert_eq!(told(&noise(60, dbov, softness)), [], "{dbov}, {softness}");
    }
    assert_eq!(told(&vec![0; 60 * SECOND]), []);
}

#[test]
fn what_goes_on_is_told_again_after_minutes() {
    let howl = tones(10, &[(1_500.0, -6.0)]);
    let mut watch = LineWatch::new(RATE_HZ);
    let told = (0..26).flat_map(|_| howl.chunks_exact(160)).filter_map(|frame| watch.hear(frame)).count();
    assert_eq!(told, 3, "in 260 s");
}

proptest! {
    #[test]
    fn any_samples_are_taken(
        frames in proptest::collection::vec((any::<i16>(), any::<i16>(), 0_u8..9), 0..400),
        kilohertz in 0_u32..50,
    ) {
        let mut watch = LineWatch::new(kilohertz * 1_000);
        let mut frame = vec![0; (kilohertz * 20) as usize];
        for (one, other, what) in frames {
            frame.iter_mut().enumerate().for_each(|(n, sample)| *sample = if n % 2 == 0 { one } else { other });
            match what {
                0 => watch.resume(),
                1 => watch.miss(),
                _ => drop(watch.hear(&frame)),
            }
        }
    }
}
