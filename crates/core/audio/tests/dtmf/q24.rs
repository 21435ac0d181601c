//! What must be heard, and what must not, by ITU-T Q.24.

use partyline_audio::KeyDetector;
use proptest::prelude::*;

use crate::signal::{Dice, KEYS, Press, heard, peak_of_dbm0, silence, to_pcm};

/// All keys, pressed one after the other, each as it is made here, after a start that is no multiple of a step.
fn all_keys(start_ms: f32, mut press: impl FnMut(Press) -> Press, pause_ms: f32) -> Vec<f32> {
    let mut samples = silence(start_ms);
    for key in KEYS.chars() {
        samples.extend(press(Press::of(key)).samples());
        samples.extend(silence(pause_ms));
    }
    samples
}

fn starts() -> impl Iterator<Item = f32> {
    (0..40).map(|n| n as f32 * 0.5)
}

/// Shows ITU-T Q.24 §2: every key is told once, as itself.
#[test]
fn every_key_is_told_once_as_itself() {
    for start_ms in starts() {
        assert_eq!(heard(&all_keys(start_ms, |press| press, 60.0)), KEYS);
    }
}

/// Shows ITU-T Q.24 §2: a tone of 40 ms is a key, and so is the next one after a pause of 40 ms.
#[test]
fn tones_and_pauses_of_40_ms_are_enough() {
    for start_ms in starts() {
        let short = |press| Press { milliseconds: 40.0, ..press };
        assert_eq!(heard(&all_keys(start_ms, short, 40.0)), KEYS, "started at {start_ms} ms");
    }
}

/// Shows ITU-T Q.24 §2: what lasts no longer than 23 ms is no key.
#[test]
fn tones_of_23_ms_are_none() {
    for start_ms in starts() {
        let short = |press| Press { milliseconds: 23.0, ..press };
        assert_eq!(heard(&all_keys(start_ms, short, 60.0)), "", "started at {start_ms} ms");
    }
}

/// Shows ITU-T Q.24 §2: an interruption of 10 ms does not make two keys of one.
#[test]
fn an_interrupted_tone_is_one_key() {
    for start_ms in starts() {
        let half = || Press::of('5').samples();
        let samples = [silence(start_ms), half(), silence(10.0), half(), silence(60.0)].concat();
        assert_eq!(heard(&samples), "5");
    }
}

/// Of tones and pauses as fingers make them any 20 ms may be missing.
#[test]
fn a_frame_that_did_not_come_hides_no_key_and_makes_none() {
    const KEYS: &str = "1559#0*";
    for start_ms in starts() {
        let press = |key| [Press { milliseconds: 80.0, ..Press::of(key) }.samples(), silence(60.0)].concat();
        let samples = [silence(start_ms), KEYS.chars().flat_map(press).collect()].concat();
        let samples = to_pcm(&samples);
        for lost in 0..samples.chunks(160).count() {
            let mut detector = KeyDetector::new();
            let frames = samples.chunks(160).enumerate();
            let hear = |(nth, frame)| {
                if nth == lost {
                    detector.miss();
                    None
                } else {
                    detector.hear(frame)
                }
            };
            let keys: String = frames.filter_map(hear).collect();
            assert_eq!(keys, KEYS, "start {start_ms} ms, frame {lost} lost");
        }
    }
}

#[test]
fn the_same_key_twice_is_two_keys_and_held_long_it_is_one() {
    let press = |milliseconds| Press { milliseconds, ..Press::of('7') }.samples();
    assert_eq!(heard(&[press(80.0), silence(40.0), press(80.0), silence(40.0)].concat()), "77");
    assert_eq!(heard(&press(5_000.0)), "7");
}

#[test]
fn keys_that_follow_each_other_without_a_pause_are_told_each() {
    let press = |key| Press { milliseconds: 80.0, ..Press::of(key) }.samples();
    assert_eq!(heard(&"1938".chars().flat_map(press).collect::<Vec<_>>()), "1938");
}

/// Shows ITU-T Q.24 §2: frequencies off by 1.5 % are heard.
#[test]
fn tones_off_by_one_and_a_half_percent_are_keys() {
    for (row_off, column_off) in [(0.015, 0.015), (-0.015, 0.015), (0.015, -0.015), (-0.015, -0.015)] {
        let off = |press| Press { row_off, column_off, ..press };
        assert_eq!(heard(&all_keys(3.0, off, 60.0)), KEYS, "off by {row_off}, {column_off}");
    }
}

/// Shows ITU-T Q.24 §2: frequencies off by 3.5 % are not.
#[test]
fn tones_off_by_three_and_a_half_percent_are_none() {
    for (row_off, column_off) in [(0.035, 0.0), (-0.035, 0.0), (0.0, 0.035), (0.0, -0.035), (0.035, -0.035)] {
        let off = |press| Press { row_off, column_off, ..press };
        assert_eq!(heard(&all_keys(3.0, off, 60.0)), "", "off by {row_off}, {column_off}");
    }
}

/// Shows ITU-T Q.24 §2: the column may be 4 dB louder than the row, the row 8 dB louder than the column.
#[test]
fn twist_within_the_limits_is_heard() {
    for (row_dbm0, column_dbm0) in [(-10.0, -6.0), (-6.0, -14.0), (-17.0, -13.0), (-17.0, -25.0)] {
        let twisted = |press| Press { row_dbm0, column_dbm0, ..press };
        assert_eq!(heard(&all_keys(1.5, twisted, 60.0)), KEYS, "{row_dbm0} and {column_dbm0} dBm0");
    }
}

#[test]
fn twist_far_beyond_the_limits_is_not() {
    for (row_dbm0, column_dbm0) in [(-20.0, -8.0), (-6.0, -22.0)] {
        let twisted = |press| Press { row_dbm0, column_dbm0, ..press };
        assert_eq!(heard(&all_keys(1.5, twisted, 60.0)), "", "{row_dbm0} and {column_dbm0} dBm0");
    }
}

/// Shows ITU-T Q.24 §2: each tone from 0 to −25 dBm0 is heard, −55 dBm0 is not.
#[test]
fn levels_from_the_loudest_to_the_weakest_are_heard_and_none_beyond() {
    for level in [-3.0, -10.0, -20.0, -25.0] {
        let level = |press| Press { row_dbm0: level, column_dbm0: level, ..press };
        assert_eq!(heard(&all_keys(2.5, level, 60.0)), KEYS);
    }
    let too_weak = |press| Press { row_dbm0: -40.0, column_dbm0: -40.0, ..press };
    assert_eq!(heard(&all_keys(2.5, too_weak, 60.0)), "");
}

/// Tones so loud that the line clips them are keys all the same.
#[test]
fn clipped_tones_are_heard() {
    let loud = |press| Press { row_dbm0: 0.0, column_dbm0: 0.0, ..press };
    assert_eq!(heard(&all_keys(2.5, loud, 60.0)), KEYS);
}

/// Shows ITU-T Q.24 §2: with noise 15 dB below the tones, of 1,000 keys nearly all are heard, and no wrong one.
#[test]
fn noise_15_db_below_the_tones_hides_no_keys() {
    let mut dice = Dice(15);
    let (mut right, mut wrong) = (0, 0);
    for n in 0..1_000 {
        let key = KEYS.chars().nth(n % 16).unwrap();
        let mut samples = silence(dice.between(30.0, 50.0));
        samples.extend(Press { milliseconds: 50.0, ..Press::of(key) }.samples());
        samples.extend(silence(50.0));
        // Relative to the power of both tones together.
        let deviation = peak_of_dbm0(-10.0 + 3.0 - 15.0) / std::f32::consts::SQRT_2;
        samples.iter_mut().for_each(|sample| *sample += deviation * dice.noise());
        let told = heard(&samples);
        right += u32::from(told == key.to_string());
        wrong += u32::from(!told.is_empty() && told != key.to_string());
    }
    assert!(right >= 999 && wrong == 0, "{right} right, {wrong} wrong");
}

#[test]
fn keys_are_heard_over_a_dial_tone_15_db_below() {
    let peak = peak_of_dbm0(-25.0);
    let mut samples = all_keys(1.0, |press| press, 60.0);
    for (n, sample) in samples.iter_mut().enumerate() {
        let sine = |hz: f32| (std::f32::consts::TAU * hz * n as f32 / 8_000.0).sin();
        *sample += peak * (sine(350.0) + sine(440.0));
    }
    assert_eq!(heard(&samples), KEYS);
}

#[test]
fn silence_between_is_as_good_unheard() {
    let mut detector = KeyDetector::new();
    let press = to_pcm(&Press { milliseconds: 100.0, ..Press::of('4') }.samples());
    let mut keys: Vec<char> = press.chunks(160).filter_map(|frame| detector.hear(frame)).collect();
    assert!(detector.is_down());
    for _ in 0..3 {
        detector.hear_silence(160);
    }
    assert!(!detector.is_down());
    keys.extend(press.chunks(160).filter_map(|frame| detector.hear(frame)));
    assert_eq!(keys, ['4', '4']);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_pieces_in_which_sound_comes_do_not_change_its_keys(sizes in proptest::collection::vec(1_usize..160, 1..40)) {
        let samples = to_pcm(&all_keys(3.5, |press| press, 50.0));
        let mut detector = KeyDetector::new();
        let (mut keys, mut rest) = (String::new(), samples.as_slice());
        for size in sizes.iter().cycle() {
            let (piece, left) = rest.split_at((*size).min(rest.len()));
            keys.extend(detector.hear(piece));
            rest = left;
            if rest.is_empty() {
                break;
            }
        }
        prop_assert_eq!(keys, KEYS);
    }

    #[test]
    fn any_samples_are_taken(samples in proptest::collection::vec(any::<i16>(), 0..2_000)) {
        let mut detector = KeyDetector::new();
        let keys = samples.chunks(77).filter_map(|piece| detector.hear(piece)).count();
        prop_assert!(keys <= samples.len() / 160);
    }
}
