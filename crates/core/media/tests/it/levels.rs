//! Loudness in a mix: gain, limiter, hum filter and comfort noise.

use std::path::Path;

use partyline_audio::Clip;
use partyline_audio::level::{factor_of_db, level_dbov, tone_level_dbov};
use partyline_codec::Codec;
use partyline_media::{Attachment, FRAME_SAMPLES, Frame, Over, RATE_HZ, SeatKey, Suppressors, Treatment};

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

/// Hiss, so loud.
fn hiss(level: f32, seed: &mut u32) -> Frame {
    let peak = factor_of_db(level) * 32_768.0 * 3.0_f32.sqrt();
    std::array::from_fn(|_| {
        *seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (((*seed >> 8) as f32 / (1 << 23) as f32 - 1.0) * peak) as i16
    })
}

fn with_hiss(frames: &[Frame], level: f32) -> Vec<Frame> {
    let mut seed = 1;
    let noisy = |frame: &Frame| {
        let hiss = hiss(level, &mut seed);
        std::array::from_fn(|n| frame[n].saturating_add(hiss[n]))
    };
    frames.iter().map(noisy).collect()
}

/// A second of speech and one without, again and again.
fn speech_with_pauses(seconds: usize) -> Vec<Frame> {
    let speech = speech(-26.0, 50 * seconds);
    (0..50 * seconds).map(|nth| if nth / 50 % 2 == 0 { speech[nth] } else { SILENT }).collect()
}

/// What is heard in the middle of the last pause.
fn in_pause(heard: &[i16]) -> f32 {
    level_dbov(&heard[heard.len() - 35 * FRAME_SAMPLES..heard.len() - 10 * FRAME_SAMPLES])
}

#[test]
fn a_mix_that_takes_noise_from_voices_does_so_at_once_and_no_longer_than_it_should() {
    let frames = with_hiss(&speech_with_pauses(6), -46.0);
    let mut world = World::treated(&[Codec::Pcmu; 2], Treatment::PLAIN);
    let [_, before] = says(&mut world, &frames);
    assert!((in_pause(&before) + 46.0).abs() < 1.0, "{}", in_pause(&before));
    assert!(world.mix.suppress_noise(Some(Suppressors::new())).is_none());
    let [own, during] = says(&mut world, &frames);
    assert!(in_pause(&during) < -59.0, "{}", in_pause(&during));
    assert!((level_dbov(&during) - level_dbov(&before)).abs() < 0.5, "the voice stays");
    assert!(level_dbov(&own) < -75.0, "nobody hears themselves: {}", level_dbov(&own));
    assert!(world.mix.suppress_noise(None).is_some());
    let [_, after] = says(&mut world, &frames);
    assert_eq!(after[FRAME_SAMPLES..], before[FRAME_SAMPLES..], "sound is as if there had been none");
}

#[test]
fn who_is_newly_heard_is_heard_from_the_first_word_six_milliseconds_later() {
    const DELAY: usize = 48;
    let frames = with_hiss(&speech(-26.0, 100), -60.0);
    let mut plain = World::treated(&[Codec::Pcmu; 2], Treatment::PLAIN);
    let [_, said] = says(&mut plain, &frames);
    let mut world = World::treated(&[Codec::Pcmu; 2], Treatment::PLAIN);
    world.mix.suppress_noise(Some(Suppressors::new()));
    let [_, heard] = says(&mut world, &frames);
    for (said, heard) in said.chunks(800).zip(heard[DELAY..].chunks(800)) {
        let lost = level_dbov(&said[..heard.len()]) - level_dbov(heard);
        assert!(level_dbov(said) < -40.0 || lost < 1.0, "{lost} dB of {}", level_dbov(said));
    }
}

#[test]
fn the_noise_of_one_talker_is_nothing_to_the_voice_of_another() {
    let talk = |suppresses| {
        let mut world = World::treated(&[Codec::Pcmu; 3], Treatment::PLAIN);
        world.mix.suppress_noise(suppresses);
        let (noisy, clear) = (with_hiss(&[SILENT; 300], -40.0), speech(-26.0, 300));
        let heard =
            noisy.iter().zip(&clear).flat_map(|(noisy, clear)| world.tick(&[*noisy, *clear, SILENT])[0]);
        heard.collect::<Vec<_>>()
    };
    let (plain, heard) = (talk(None), talk(Some(Suppressors::new())));
    let lost = level_dbov(&plain) - level_dbov(&heard);
    assert!(lost.abs() < 0.3, "who makes the noise hears the other {lost} dB softer");
}

#[test]
fn a_second_talker_of_many_who_come_and_go_is_heard_whole() {
    let voice = with_hiss(&speech(-26.0, 60), -60.0);
    let mut world = World::treated(&[Codec::Pcmu; 13], Treatment::PLAIN);
    world.mix.suppress_noise(Some(Suppressors::new()));
    for talker in 0..12 {
        let (mut said, mut heard) = (Vec::new(), Vec::new());
        for frame in &voice {
            let mut all = vec![SILENT; 13];
            all[talker] = *frame;
            said.extend(through(Codec::Pcmu, frame));
            heard.extend(world.tick(&all)[12]);
        }
        // Who spoke before is silent from here on, until others may take their place.
        (0..60).for_each(|_| drop(world.tick(&[SILENT; 13])));
        let lost = level_dbov(&said) - level_dbov(&heard);
        assert!(lost.abs() < 0.7, "talker {talker} loses {lost} dB");
    }
}
