//! What must not be taken for keys: an hour of something that speaks, the project's own prompts, music, tones of the network.

use partyline_audio::{Clip, resample::resample};

use crate::signal::{Dice, Speaker, heard, peak_of_dbm0, to_pcm};

/// Minutes of each voice: with twelve of them an hour.
const MINUTES: usize = 5;
const VOICES: u64 = 12;

/// Shows ITU-T Q.24 §3: an hour of speech, in voices of every pitch, is not taken for keys.
#[test]
fn an_hour_of_speech_makes_no_key() {
    let mut keys = Vec::new();
    for voice in 0..VOICES {
        let samples = Speaker::new(voice * 7_919 + 1).samples(MINUTES * 60 * 8_000);
        let level = partyline_audio::level::level_dbov(&to_pcm(&samples));
        assert!((-40.0..-10.0).contains(&level), "voice {voice} speaks at {level} dBov");
        keys.push(heard(&samples));
    }
    assert_eq!(keys.concat(), "", "{keys:?}");
}

#[test]
fn the_projects_own_prompts_make_no_key() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../prompts/audio/en");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "wav") {
            let clip = resample(&Clip::from_wav(&std::fs::read(&path).unwrap()).unwrap(), 8_000);
            let samples: Vec<f32> = clip.samples().iter().map(|&sample| f32::from(sample)).collect();
            assert_eq!(heard(&samples), "", "{}", path.display());
            count += 1;
        }
    }
    assert!(count > 20, "only {count} prompts were found");
}

#[test]
fn noise_makes_no_key() {
    let mut dice = Dice(3);
    let peak = peak_of_dbm0(-15.0);
    let samples: Vec<f32> = (0..10 * 60 * 8_000).map(|_| peak * dice.noise()).collect();
    assert_eq!(heard(&samples), "");
}

/// Dial tone, ringing, busy, special information, fax, modem answer, and each of a key's tones alone.
#[test]
fn tones_of_the_network_make_no_key() {
    let mixes: [&[f32]; 14] = [
        &[350.0, 440.0],
        &[440.0, 480.0],
        &[480.0, 620.0],
        &[425.0],
        &[950.0, 1_400.0],
        &[1_400.0, 1_800.0],
        &[1_100.0],
        &[2_100.0],
        &[941.0],
        &[1_336.0],
        &[697.0, 770.0],
        &[1_209.0, 1_477.0],
        &[697.0, 1_209.0, 1_700.0],
        &[852.0, 2_600.0],
    ];
    for mix in mixes {
        let peak = peak_of_dbm0(-13.0);
        let sample = |n: usize| -> f32 {
            let sine = |hz: &f32| (std::f32::consts::TAU * hz * n as f32 / 8_000.0).sin();
            mix.iter().map(|hz| peak * sine(hz)).sum()
        };
        assert_eq!(heard(&(0..16_000).map(sample).collect::<Vec<_>>()), "", "{mix:?}");
    }
}

/// Chords of two and three notes with overtones, a new one every 250 ms, for ten minutes.
#[test]
fn music_makes_next_to_no_key() {
    let mut dice = Dice(77);
    let mut keys = String::new();
    for _ in 0..(10 * 60 * 4) {
        let voices = 2 + usize::from(dice.part() > 0.5);
        let note = |dice: &mut Dice| 110.0 * (dice.between(0.0, 36.0).floor() / 12.0).exp2();
        let notes: Vec<f32> = (0..voices).map(|_| note(&mut dice)).collect();
        let peak = peak_of_dbm0(-18.0);
        let sample = |n: usize| -> f32 {
            let sine = |hz: f32| (std::f32::consts::TAU * hz * n as f32 / 8_000.0).sin();
            let note = |hz: &f32| sine(*hz) + 0.5 * sine(2.0 * hz) + 0.25 * sine(3.0 * hz);
            notes.iter().map(|hz| peak * note(hz)).sum()
        };
        keys.push_str(&heard(&(0..2_000).map(sample).collect::<Vec<_>>()));
    }
    assert_eq!(keys, "");
}
