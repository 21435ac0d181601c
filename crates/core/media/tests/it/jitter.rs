//! Callers whose packets come late: all is heard, the delay goes again, and keys are keys.

use std::time::{Duration, Instant};

use partyline_audio::level::level_dbov;
use partyline_codec::Codec;
use partyline_media::{FRAME_SAMPLES, LegMedia, LegOutput};
use proptest::prelude::*;

use crate::caller::{Caller, media};

/// Frames in which nothing comes before all comes at once.
const STALLED: usize = 20;

/// What is said, n frames in: like a voice, louder and softer.
fn voice(frame: usize) -> [i16; FRAME_SAMPLES] {
    std::array::from_fn(|n| {
        let time = (frame * FRAME_SAMPLES + n) as f32 / 8_000.0;
        let pitch = std::f32::consts::TAU * (120.0 * time + 3.0 * (time * 5.0).sin());
        let loud = 2_500.0 * (1.1 + (time * 9.0).sin());
        (loud * (1..9).map(|k| (pitch * k as f32).sin() / k as f32).sum::<f32>()) as i16
    })
}

fn key(samples: std::ops::Range<usize>) -> impl Iterator<Item = i16> {
    samples.map(|n| {
        let tone = |hz: f32| 3_500.0 * (std::f32::consts::TAU * hz * n as f32 / 8_000.0).sin();
        (tone(770.0) + tone(1_336.0)) as i16
    })
}

/// Lets frames come on time but for some, which come all at once after those; `hear` is asked for each tick.
fn say_with_a_stall(
    caller: &mut Caller,
    frames: &[[i16; FRAME_SAMPLES]],
    stall: std::ops::Range<usize>,
    mut hear: impl FnMut(&mut Caller, usize),
) {
    let mut late: Vec<&[i16; FRAME_SAMPLES]> = Vec::new();
    for (tick, frame) in frames.iter().enumerate() {
        if stall.contains(&tick) {
            late.push(frame);
        } else {
            late.drain(..).for_each(|frame| caller.say(frame));
            caller.say(frame);
        }
        hear(caller, tick);
        caller.now += partyline_media::FRAME;
    }
}

fn steepest(samples: &[i16]) -> i32 {
    samples.windows(2).map(|pair| (i32::from(pair[1]) - i32::from(pair[0])).abs()).max().unwrap_or(0)
}

#[test]
fn after_a_stall_the_voice_is_quicker_for_a_while_without_a_click() {
    for codec in [Codec::Pcmu, Codec::Pcma] {
        let mut caller = Caller::new(codec, Instant::now());
        let frames: Vec<_> = (0..400).map(voice).collect();
        let (mut heard, mut depths) = (Vec::new(), Vec::new());
        say_with_a_stall(&mut caller, &frames, 100..100 + STALLED, |caller, _| {
            let mut frame = [0; FRAME_SAMPLES];
            caller.leg.pull(caller.now);
            caller.leg.decode(&mut frame);
            heard.extend(frame);
            depths.push(caller.leg.report().depth);
        });
        assert_eq!(depths[95], Duration::ZERO);
        assert_eq!(depths[125], Duration::from_millis(20 * STALLED as u64), "{codec:?}");
        assert!(depths[120 + 150] <= Duration::from_millis(10), "{codec:?}: {:?}", &depths[180..280]);
        let report = caller.leg.report();
        assert!(report.shortened >= Duration::from_millis(390), "{codec:?}: {report:?}");
        assert_eq!(report.packets_late, 0);
        // While it is made quicker it is as steep and as loud as it was said.
        let (said, quick) = (voice_at(160, 260), &heard[160 * FRAME_SAMPLES..260 * FRAME_SAMPLES]);
        assert!(steepest(quick) <= steepest(&said) * 5 / 4, "{codec:?}: {}", steepest(quick));
        assert!((level_dbov(quick) - level_dbov(&said)).abs() < 1.5, "{codec:?}");
    }
}

fn voice_at(from: usize, to: usize) -> Vec<i16> {
    (from..to).flat_map(voice).collect()
}

#[test]
fn where_nobody_listens_the_delay_goes_without_a_sound_being_made() {
    let mut caller = Caller::new(Codec::Pcmu, Instant::now());
    let frames: Vec<_> = (0..300).map(voice).collect();
    let mut depths = Vec::new();
    say_with_a_stall(&mut caller, &frames, 100..100 + STALLED, |caller, _| {
        caller.leg.pull(caller.now);
        depths.push(caller.leg.report().depth);
    });
    assert_eq!(depths[120 + 150], Duration::ZERO);
    let report = caller.leg.report();
    assert_eq!((report.shortened, report.lengthened), (Duration::ZERO, Duration::ZERO));
}

#[test]
fn keys_are_neither_hidden_nor_doubled_where_the_delay_changes() {
    // Keys of 65 ms with as much between them, the same again and again, after a sentence.
    let mut sound: Vec<i16> = voice_at(0, 40);
    let begin = sound.len() + 1_300;
    sound.resize(begin, 0);
    const KEYS: usize = 30;
    for _ in 0..KEYS {
        let from = sound.len();
        sound.extend(key(0..520));
        sound.resize(from + 1_040, 0);
    }
    sound.resize(sound.len() + 160 * 60, 0);
    let frames: Vec<[i16; FRAME_SAMPLES]> = sound.as_chunks().0.to_vec();
    // What stalls in the midst of a key is another matter.
    let is_between =
        |stall: usize| (stall * 160).checked_sub(begin).is_none_or(|at| (560..1_000).contains(&(at % 1_040)));
    for stall in (5..150).filter(|&stall| is_between(stall)).step_by(3) {
        let mut caller = Caller::new(Codec::Pcmu, Instant::now());
        caller.leg.connect(caller.now, LegMedia { event_payload_type: None, ..media(Codec::Pcmu) });
        let mut keys = 0;
        say_with_a_stall(&mut caller, &frames, stall..stall + 8, |caller, _| {
            caller.leg.pull(caller.now);
            let mut frame = [0; FRAME_SAMPLES];
            caller.leg.decode(&mut frame);
            let told = caller.outputs();
            keys += told.iter().filter(|output| matches!(output, LegOutput::Tone('5'))).count();
        });
        assert_eq!(keys, KEYS, "a stall in frame {stall}");
    }
}

#[test]
fn an_echo_of_who_comes_late_is_whole_and_goes_back_octet_by_octet_when_the_delay_is_gone() {
    let mut caller = Caller::new(Codec::Pcmu, Instant::now());
    caller.leg.set_echo(true);
    let mut frames: Vec<_> = (0..400).map(voice).collect();
    frames[300..320].fill([0; FRAME_SAMPLES]);
    let mut last = Vec::new();
    say_with_a_stall(&mut caller, &frames, 100..109, |caller, _| {
        let mut packet = [0; partyline_media::PACKET_OCTETS];
        let octets = caller.leg.tick_alone(caller.now, &mut packet).unwrap();
        assert_eq!(octets, 172);
        last = packet[..octets].to_vec();
    });
    assert_eq!(caller.leg.report().depth, Duration::ZERO);
    let heard = crate::caller::decode(Codec::Pcmu, &last);
    assert_eq!(heard, crate::caller::through(Codec::Pcmu, &voice(399)));
}

proptest! {
    #[test]
    fn any_times_of_arrival_give_a_frame_a_tick_and_a_bounded_delay(
        codec in 0_usize..4,
        steps in proptest::collection::vec((0_u32..12, 0_u64..30_000, any::<bool>(), any::<bool>()), 1..400),
    ) {
        let codec = Codec::ALL[codec];
        let mut caller = Caller::new(codec, Instant::now());
        let mut waiting = Vec::new();
        for (step, (kind, micros, listens, is_loud)) in steps.into_iter().enumerate() {
            let frame = if is_loud { voice(step) } else { [0; FRAME_SAMPLES] };
            match kind {
                0 => caller.lose(u32::from(codec.clock_rate_hz() / 50 == 960) * 800 + 160),
                1 | 2 => waiting.push(frame),
                3 if codec != Codec::Opus => {
                    waiting.drain(..).for_each(|frame| caller.say(&frame));
                    caller.say(&frame);
                }
                _ if codec != Codec::Opus => caller.say(&frame),
                _ => {
                    let packet = caller.packet(codec.usual_payload_type(), &[8, 1, 2, 3], 960);
                    caller.leg.receive(caller.now, crate::caller::address(4_000), &packet);
                }
            }
            caller.now += Duration::from_micros(micros);
            let level = caller.leg.pull(caller.now);
            prop_assert!((-127.0..=0.1).contains(&level), "{}", level);
            if listens {
                caller.leg.decode(&mut [0; FRAME_SAMPLES]);
            }
            prop_assert!(caller.leg.report().depth <= Duration::from_millis(530));
            caller.outputs();
        }
    }
}
