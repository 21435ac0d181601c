//! Loudness in a mix: gain, limiter, hum filter and comfort noise.

use std::path::Path;

use partyline_audio::Clip;
use partyline_audio::level::{factor_of_db, level_dbov, tone_level_dbov};
use partyline_codec::Codec;
use partyline_media::{Attachment, FRAME_SAMPLES, Frame, Over, RATE_HZ, SeatKey, Treatment};

use crate::caller::through;
use crate::mix::{SILENT, World, program, sine};

const LISTENS: Attachment = Attachment { uplink: false, downlink: true };

/// A prompt, so loud over its whole length, in frames, again and again.
fn speech(level: f32, frames: usize) -> Vec<Frame> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../prompts/audio/en/greeting.wav");
    let clip = Clip::from_wav(&std::fs::read(file).unwrap()).unwrap();
    let clip = partyline_audio::resample::resample(&clip, RATE_HZ);
    let factor = factor_of_db(level - level_dbov(clip.samples()));
    let scaled = clip.samples().iter().map(|&sample| (f32::from(sample) * factor) as i16);
    let samples: Vec<i16> =
        scaled.collect::<Vec<_>>().into_iter().cycle().take(frames * FRAME_SAMPLES).collect();
    samples.as_chunks::<FRAME_SAMPLES>().0.to_vec()
}

fn treated(count: usize) -> World {
    World::treated(&vec![Codec::Pcmu; count], Treatment::FULL)
}

/// The first says this while the others are silent; what the first and the second hear.
fn says(world: &mut World, frames: &[Frame]) -> [Vec<i16>; 2] {
    let mut heard = [Vec::new(), Vec::new()];
    for frame in frames {
        let mut said = vec![SILENT; world.mix.len()];
        said[0] = *frame;
        let all = world.tick(&said);
        heard[0].extend(all[0]);
        heard[1].extend(all[1]);
    }
    heard
}

#[test]
fn soft_and_loud_talkers_are_heard_as_loud_as_each_other_and_nobody_hears_themselves() {
    for level in [-38.0, -26.0, -14.0] {
        let mut world = treated(2);
        says(&mut world, &speech(level, 600));
        let [own, heard] = says(&mut world, &speech(level, 500));
        let heard = level_dbov(&heard);
        assert!((heard + 26.0).abs() < 2.5, "{level} dBov is heard at {heard}");
        let own = level_dbov(&own);
        assert!(own < -65.0, "a talker hears themselves at {own} dBov");
    }
}

#[test]
fn without_the_gain_all_are_as_loud_as_they_come() {
    let mut world = World::treated(&[Codec::Pcmu; 2], Treatment { has_agc: false, ..Treatment::FULL });
    let [_, heard] = says(&mut world, &speech(-38.0, 500));
    assert!((level_dbov(&heard) + 38.0).abs() < 1.0, "{}", level_dbov(&heard));
}

#[test]
fn a_tone_is_as_loud_as_it_comes_however_long() {
    let mut world = treated(2);
    let [_, heard] = says(&mut world, &(0..400).map(|tick| sine(440.0, 6_554.0, tick)).collect::<Vec<_>>());
    let level = tone_level_dbov(&heard[300 * FRAME_SAMPLES..], RATE_HZ, 440.0);
    assert!((level + 17.0).abs() < 0.2, "{level}");
}

#[test]
fn the_gain_goes_with_the_caller_into_another_mix() {
    let mut world = treated(2);
    says(&mut world, &speech(-38.0, 700));
    let mut later = partyline_media::Mix::new(2, Treatment::FULL);
    for seat in 0..2 {
        later.attach(SeatKey(seat), crate::mix::BOTH).unwrap();
    }
    world.mix = later;
    let [_, heard] = says(&mut world, &speech(-38.0, 100));
    assert!(level_dbov(&heard) > -29.0, "{}", level_dbov(&heard));
}

#[test]
fn who_was_raised_and_shouts_is_limited_and_not_clipped() {
    let mut world = treated(3);
    says(&mut world, &speech(-42.0, 800));
    let [_, heard] = says(&mut world, &speech(-10.0, 200));
    let flat = heard.windows(4).filter(|samples| samples.iter().all(|sample| sample.abs() > 32_700)).count();
    assert_eq!(flat, 0, "samples in a row at full scale");
    let loudest = heard.iter().map(|sample| sample.unsigned_abs()).max().unwrap();
    assert!(loudest > 20_000, "{loudest}");
}

#[test]
fn an_offset_and_hum_are_not_heard_and_the_voice_over_them_is() {
    let frames: Vec<Frame> = (0..200)
        .map(|tick| {
            let (voice, hum) = (sine(500.0, 4_000.0, tick), sine(50.0, 3_000.0, tick));
            std::array::from_fn(|n| 2_000 + voice[n] + hum[n])
        })
        .collect();
    let mut world = treated(2);
    let [_, heard] = says(&mut world, &frames);
    let settled = &heard[50 * FRAME_SAMPLES..];
    let mean = settled.iter().map(|&sample| f64::from(sample)).sum::<f64>() / settled.len() as f64;
    assert!(mean.abs() < 20.0, "an offset of {mean}");
    assert!(tone_level_dbov(settled, RATE_HZ, 50.0) < -55.0, "{}", tone_level_dbov(settled, RATE_HZ, 50.0));
    assert!((tone_level_dbov(settled, RATE_HZ, 500.0) + 21.3).abs() < 0.5);
}

#[test]
fn silence_is_a_soft_noise_in_every_codec_and_gone_where_somebody_talks_or_it_is_not_wanted() {
    for codec in [Codec::Pcmu, Codec::Pcma] {
        let mut world = World::treated(&[codec; 2], Treatment::FULL);
        let [first, second] = says(&mut world, &[SILENT; 100]);
        assert_eq!(first, second);
        let level = level_dbov(&second);
        assert!((-70.0..-65.0).contains(&level), "{codec:?}: {level}");
        let said: Vec<Frame> = (0..20).map(|tick| sine(440.0, 5_000.0, tick)).collect();
        let [own, heard] = says(&mut world, &said);
        assert!((-70.0..-65.0).contains(&level_dbov(&own)), "{codec:?}: {}", level_dbov(&own));
        assert!(level_dbov(&heard) > -21.0);
        assert!(world.mix.play(program(500.0, 400), Over::Talk));
        let [_, heard] = says(&mut world, &[SILENT; 10]);
        assert!(level_dbov(&heard) > -25.0);
    }
    let mut world =
        World::treated(&[Codec::Pcmu; 2], Treatment { has_comfort_noise: false, ..Treatment::FULL });
    let [_, heard] = says(&mut world, &[SILENT; 20]);
    assert!(heard.iter().all(|&sample| sample == 0));
}

#[test]
fn who_is_deaf_to_the_mix_hears_no_noise_and_who_is_muted_does() {
    let mut world = treated(2);
    world.mix.attach(SeatKey(0), Attachment { uplink: true, downlink: false }).unwrap();
    world.mix.attach(SeatKey(1), LISTENS).unwrap();
    let [deaf, muted] = says(&mut world, &[SILENT; 20]);
    assert!(deaf.iter().all(|&sample| sample == 0));
    assert!(level_dbov(&muted) > -70.0);
}

#[test]
fn a_treated_voice_without_anything_to_treat_is_nearly_what_came() {
    let mut world = treated(2);
    let said: Vec<Frame> = (0..60).map(|tick| sine(1_000.0, 5_000.0, tick)).collect();
    let [_, heard] = says(&mut world, &said);
    let came = through(Codec::Pcmu, &said[50]);
    let last = &heard[50 * FRAME_SAMPLES..51 * FRAME_SAMPLES];
    assert!((level_dbov(last) - level_dbov(&came)).abs() < 0.1);
}
