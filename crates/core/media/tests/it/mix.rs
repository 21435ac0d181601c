//! Who hears whom in a mix, against a model that adds up everybody else.

use std::time::{Duration, Instant};

use partyline_audio::level::{level_dbov, tone_level_dbov};
use partyline_audio::{Clip, Player, Program, Step};
use partyline_codec::Codec;
use partyline_media::{
    Attachment, FRAME, FRAME_SAMPLES, Frame, LegOutput, Mix, MixFull, Over, PROGRAMS_MAX, RATE_HZ, SeatKey,
    Treatment,
};
use proptest::prelude::*;

use crate::caller::{Caller, Callers, decode, through};

pub(crate) const BOTH: Attachment = Attachment { uplink: true, downlink: true };
pub(crate) const SILENT: Frame = [0; FRAME_SAMPLES];
/// A change is heard in full after this many frames: one to fade.
const SETTLED: usize = 2;

/// A mix, its callers, and what is said in each tick.
pub(crate) struct World {
    pub(crate) mix: Mix,
    pub(crate) callers: Callers,
    now: Instant,
}

impl World {
    fn new(codecs: &[Codec]) -> Self {
        Self::treated(codecs, Treatment::PLAIN)
    }

    pub(crate) fn treated(codecs: &[Codec], treatment: Treatment) -> Self {
        let now = Instant::now();
        let callers = Callers(codecs.iter().map(|&codec| Caller::new(codec, now)).collect());
        let mut mix = Mix::new(codecs.len(), treatment);
        for seat in 0..codecs.len() {
            mix.attach(SeatKey(seat as u32), BOTH).unwrap();
        }
        Self { mix, callers, now }
    }

    fn of(count: usize) -> Self {
        Self::new(&vec![Codec::Pcmu; count])
    }

    /// Everybody says a frame; what each heard.
    pub(crate) fn tick(&mut self, said: &[Frame]) -> Vec<Frame> {
        for (caller, frame) in self.callers.0.iter_mut().zip(said) {
            caller.now = self.now;
            caller.say(frame);
        }
        self.mix.tick(self.now, &mut self.callers);
        self.now += FRAME;
        self.callers
            .0
            .iter_mut()
            .map(|caller| caller.sent.pop().map_or(SILENT, |packet| decode(caller.codec, &packet)))
            .collect()
    }
}

pub(crate) fn sine(frequency_hz: f32, peak: f32, tick: usize) -> Frame {
    std::array::from_fn(|n| {
        let time = (tick * FRAME_SAMPLES + n) as f32 / RATE_HZ as f32;
        (peak * (std::f32::consts::TAU * frequency_hz * time).sin()) as i16
    })
}

fn noise(seed: &mut u32, peak: i32) -> Frame {
    std::array::from_fn(|_| {
        *seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        ((*seed >> 16) as i32 % (2 * peak + 1) - peak) as i16
    })
}

#[derive(Debug, Clone)]
struct Part {
    codec: Codec,
    talks: bool,
    attachment: Attachment,
    later: Attachment,
}

fn part() -> impl Strategy<Value = Part> {
    let attachment =
        || (any::<bool>(), any::<bool>()).prop_map(|(uplink, downlink)| Attachment { uplink, downlink });
    let codec = any::<bool>().prop_map(|is_a| if is_a { Codec::Pcma } else { Codec::Pcmu });
    (codec, any::<bool>(), attachment(), attachment()).prop_map(|(codec, talks, attachment, later)| Part {
        codec,
        talks,
        attachment,
        later,
    })
}

/// What each should hear: everybody else who talks and is heard, added up, if they hear at all.
fn model(parts: &[Part], attachments: &[Attachment], said: &[Frame]) -> Vec<Frame> {
    let heard: Vec<Frame> = parts.iter().zip(said).map(|(part, frame)| through(part.codec, frame)).collect();
    (0..parts.len())
        .map(|listener| {
            let mut sum = [0; FRAME_SAMPLES];
            for other in (0..parts.len()).filter(|&other| other != listener) {
                if parts[other].talks && attachments[other].uplink && attachments[listener].downlink {
                    partyline_audio::mixing::add(&mut sum, &heard[other]);
                }
            }
            through(parts[listener].codec, &sum.map(|sample| sample as i16))
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn everybody_hears_exactly_the_others_who_talk(
        mut parts in proptest::collection::vec(part(), 1..9),
        mut seed in any::<u32>(),
    ) {
        // More than four talkers at once are another rule.
        let mut talkers = 0;
        for part in &mut parts {
            talkers += usize::from(part.talks);
            part.talks &= talkers <= 4;
        }
        let codecs: Vec<Codec> = parts.iter().map(|part| part.codec).collect();
        let mut world = World::new(&codecs);
        for attachments in [
            parts.iter().map(|part| part.attachment).collect::<Vec<_>>(),
            parts.iter().map(|part| part.later).collect(),
        ] {
            for (seat, &attachment) in attachments.iter().enumerate() {
                world.mix.attach(SeatKey(seat as u32), attachment).unwrap();
            }
            for tick in 0..10 {
                let said: Vec<Frame> = parts.iter()
                    .map(|part| if part.talks { noise(&mut seed, 5_000) } else { SILENT }).collect();
                let heard = world.tick(&said);
                if tick >= SETTLED {
                    prop_assert_eq!(&heard, &model(&parts, &attachments, &said));
                }
            }
        }
    }
}

#[test]
fn one_talker_is_heard_exactly_and_does_not_hear_themselves() {
    let mut world = World::of(3);
    for tick in 0..10 {
        let said = [sine(440.0, 5_000.0, tick), SILENT, SILENT];
        let heard = world.tick(&said);
        assert_eq!(heard[0], SILENT);
        if tick >= SETTLED {
            assert_eq!(heard[1], through(Codec::Pcmu, &through(Codec::Pcmu, &said[0])));
            assert_eq!(heard[1], heard[2]);
        }
    }
    assert_eq!(world.mix.talkers().collect::<Vec<_>>(), [SeatKey(0)]);
}

#[test]
fn a_muted_caller_is_gone_within_the_same_frame() {
    let mut world = World::of(2);
    for tick in 0..10 {
        world.tick(&[sine(440.0, 5_000.0, tick), SILENT]);
    }
    world.mix.attach(SeatKey(0), Attachment { uplink: false, downlink: true }).unwrap();
    assert_eq!(world.tick(&[sine(440.0, 5_000.0, 10), SILENT])[1], SILENT);
}

#[test]
fn of_many_talkers_the_four_loudest_are_heard() {
    let mut world = World::of(7);
    let tones = [310.0, 530.0, 790.0, 970.0, 1_130.0, 1_370.0, 1_610.0];
    let peaks = [500.0, 4_000.0, 4_500.0, 600.0, 5_000.0, 5_500.0, 700.0];
    let mut heard = Vec::new();
    for tick in 0..50 {
        let said: Vec<Frame> = (0..7).map(|seat| sine(tones[seat], peaks[seat], tick)).collect();
        let frames = world.tick(&said);
        if tick >= 10 {
            heard.extend(frames[0]);
        }
    }
    let mut talkers: Vec<u32> = world.mix.talkers().map(|seat| seat.0).collect();
    talkers.sort_unstable();
    assert_eq!(talkers, [1, 2, 4, 5]);
    assert!(tone_level_dbov(&heard, RATE_HZ, 1_130.0) > -22.0);
    assert!(tone_level_dbov(&heard, RATE_HZ, 1_610.0) < -50.0);
}

#[test]
fn a_talker_who_pauses_for_breath_keeps_the_place_and_line_noise_is_not_heard() {
    let mut world = World::of(2);
    let mut seed = 1;
    for tick in 0..100 {
        let heard = world.tick(&[noise(&mut seed, 20), SILENT]);
        assert_eq!(heard[1], SILENT, "tick {tick}");
    }
    for tick in 0..20 {
        world.tick(&[sine(440.0, 5_000.0, tick), SILENT]);
    }
    for _ in 0..20 {
        world.tick(&[SILENT, SILENT]);
    }
    assert_eq!(world.mix.talkers().count(), 1);
    let said = sine(440.0, 5_000.0, 0);
    assert_eq!(world.tick(&[said, SILENT])[1], through(Codec::Pcmu, &through(Codec::Pcmu, &said)));
}

#[test]
fn four_who_shout_together_do_not_clip() {
    let mut world = World::of(5);
    let mut loudest = 0;
    for tick in 0..50 {
        let said: Vec<Frame> =
            (0..5).map(|seat| if seat < 4 { sine(200.0, 30_000.0, tick) } else { SILENT }).collect();
        let heard = world.tick(&said);
        if tick > 5 {
            loudest = heard[4].iter().map(|sample| sample.unsigned_abs()).max().unwrap();
            let expected = sine(200.0, 30_900.0, tick);
            let error: Vec<i16> = heard[4].iter().zip(expected).map(|(&a, b)| a.wrapping_sub(b)).collect();
            assert!(level_dbov(&error) < -28.0, "it is still a sine");
        }
    }
    assert!(loudest > 28_000);
}

#[test]
fn programs_are_played_to_all_one_after_the_other_and_too_many_are_refused() {
    let clip = |value: i16| {
        Player::new(
            &Program { steps: vec![Step::Clip(Clip::new(RATE_HZ, vec![value; 160]))], repeats: false },
            RATE_HZ,
        )
    };
    let mut world = World::of(2);
    for value in 0..PROGRAMS_MAX as i16 + 3 {
        let has_room = value < PROGRAMS_MAX as i16;
        assert_eq!(world.mix.play(clip(1_000 * (value + 1)), Over::Talk), has_room);
    }
    for value in 0..PROGRAMS_MAX as i16 {
        let heard = world.tick(&[SILENT, SILENT]);
        assert_eq!(heard, [through(Codec::Pcmu, &[1_000 * (value + 1); 160]); 2]);
    }
    assert_eq!(world.tick(&[SILENT, SILENT]), [SILENT; 2]);
}

/// A tone of −20 dBov for so many milliseconds.
pub(crate) fn program(frequency_hz: f32, milliseconds: u64) -> Player {
    let tone = Step::Tone { frequency_hz, duration: Duration::from_millis(milliseconds), level_dbov: -20.0 };
    Player::new(&Program { steps: vec![tone], repeats: false }, RATE_HZ)
}

#[test]
fn an_announcement_is_six_db_down_over_the_talk_twelve_db_down_and_the_talk_comes_back_without_a_click() {
    let mut world = World::of(3);
    let mut said = 0;
    let mut talk = |world: &mut World, frames: usize| {
        let mut heard = [Vec::new(), Vec::new()];
        for _ in 0..frames {
            let frames = world.tick(&[sine(500.0, 8_000.0, said), SILENT, SILENT]);
            said += 1;
            heard[0].extend(frames[0]);
            heard[1].extend(frames[1]);
        }
        heard
    };
    let [_, before] = talk(&mut world, 20);
    let loud = tone_level_dbov(&before[1_600..], RATE_HZ, 500.0);
    assert!(world.mix.play(program(1_500.0, 400), Over::DuckedTalk));
    assert!(world.mix.play(program(1_500.0, 400), Over::DuckedTalk));
    let [own, other] = talk(&mut world, 40);
    // The second half is of the second program: nothing came up between the two.
    for part in [&other[1_600..3_200], &other[3_200..4_800]] {
        let ducked = tone_level_dbov(part, RATE_HZ, 500.0) - loud;
        assert!((ducked + 12.0).abs() < 0.5, "the talk is {ducked} dB down");
        let announced = tone_level_dbov(part, RATE_HZ, 1_500.0);
        assert!((announced + 26.0).abs() < 0.5, "the announcement is at {announced} dBov");
    }
    // Who talks hears it too, and not themselves.
    assert!((tone_level_dbov(&own[1_600..3_200], RATE_HZ, 1_500.0) + 26.0).abs() < 0.5);
    assert!(tone_level_dbov(&own[1_600..3_200], RATE_HZ, 500.0) < -60.0);
    let [_, after] = talk(&mut world, 20);
    assert!((tone_level_dbov(&after[1_600..], RATE_HZ, 500.0) - loud).abs() < 0.1);
    // A sine of this pitch and level never steps by more; what is ducked or comes back does not either.
    let steepest = |samples: &[i16]| samples.windows(2).map(|two| two[0].abs_diff(two[1])).max().unwrap();
    let allowed = steepest(&before[1_600..]) + 100;
    assert!(steepest(&after) <= allowed, "{} and {allowed}", steepest(&after));
}

#[test]
fn a_tone_leaves_the_talk_as_it_is() {
    let mut world = World::of(2);
    for tick in 0..10 {
        world.tick(&[sine(500.0, 8_000.0, tick), SILENT]);
    }
    assert!(world.mix.play(program(1_500.0, 400), Over::Talk));
    let heard: Vec<i16> =
        (10..30).flat_map(|tick| world.tick(&[sine(500.0, 8_000.0, tick), SILENT])[1]).collect();
    assert!((tone_level_dbov(&heard, RATE_HZ, 500.0) + 15.3).abs() < 0.5);
    assert!((tone_level_dbov(&heard, RATE_HZ, 1_500.0) + 20.0).abs() < 0.5);
}

#[test]
fn a_solo_program_plays_while_one_is_alone() {
    let tone = Step::Tone { frequency_hz: 500.0, duration: Duration::from_secs(1), level_dbov: -15.0 };
    let mut world = World::of(2);
    world.mix.set_solo(Some(Player::new(&Program { steps: vec![tone], repeats: true }, RATE_HZ)));
    let is_heard = |world: &mut World| {
        (0..5).map(|_| level_dbov(&world.tick(&[SILENT, SILENT])[0])).fold(-127.0_f32, f32::max) > -20.0
    };
    assert!(!is_heard(&mut world));
    world.mix.detach(SeatKey(1), &mut world.callers.0[1].leg);
    assert!(is_heard(&mut world));
    world.mix.attach(SeatKey(1), BOTH).unwrap();
    assert!(!is_heard(&mut world));
}

#[test]
fn the_last_seat_is_given_and_the_next_refused_and_a_place_can_still_be_changed() {
    let mut mix = Mix::new(2, Treatment::PLAIN);
    assert_eq!(mix.attach(SeatKey(1), BOTH), Ok(()));
    assert_eq!(mix.attach(SeatKey(2), BOTH), Ok(()));
    assert_eq!(mix.attach(SeatKey(3), BOTH), Err(MixFull));
    assert_eq!(mix.attach(SeatKey(2), Attachment { uplink: false, downlink: true }), Ok(()));
    let mut leg = Caller::new(Codec::Pcmu, Instant::now()).leg;
    assert!(mix.detach(SeatKey(1), &mut leg) && !mix.detach(SeatKey(1), &mut leg));
    assert_eq!(mix.attach(SeatKey(3), BOTH), Ok(()));
    assert_eq!(mix.len(), 2);
}

#[test]
fn the_first_mixed_frame_is_told_once_per_time_that_a_leg_begins_to_hear() {
    let mut world = World::of(1);
    let told = |world: &mut World| {
        world.tick(&[SILENT]);
        let outputs = world.callers.0[0].outputs();
        outputs.iter().filter(|&&output| output == LegOutput::FirstMixedAudio).count()
    };
    assert_eq!((told(&mut world), told(&mut world)), (1, 0));
    world.mix.attach(SeatKey(0), Attachment { uplink: false, downlink: true }).unwrap();
    assert_eq!(told(&mut world), 0);
    world.mix.attach(SeatKey(0), Attachment { uplink: false, downlink: false }).unwrap();
    assert_eq!(told(&mut world), 0);
    world.mix.attach(SeatKey(0), BOTH).unwrap();
    assert_eq!(told(&mut world), 1);
}

/// How often each of two callers is told that they speak unheard while both say this; the first is muted.
fn unheard(codec: Codec, said: impl Fn(usize) -> Frame, ticks: usize) -> [usize; 2] {
    let mut world = World::new(&[codec, codec]);
    world.mix.attach(SeatKey(0), Attachment { uplink: false, downlink: true }).unwrap();
    let mut told = [0; 2];
    for tick in 0..ticks {
        let frame = said(tick);
        world.tick(&[frame, frame]);
        for (count, caller) in told.iter_mut().zip(&mut world.callers.0) {
            *count += caller.outputs().iter().filter(|output| **output == LegOutput::SpokeUnheard).count();
        }
    }
    told
}

#[test]
fn who_speaks_while_muted_is_told_every_five_seconds_at_most() {
    let words = |tick: usize| if tick % 25 < 18 { sine(300.0, 6_000.0, tick) } else { SILENT };
    for codec in [Codec::Pcmu, Codec::Pcma] {
        assert_eq!(unheard(codec, words, 100), [1, 0], "{codec:?}");
        assert_eq!(unheard(codec, words, 500), [2, 0], "{codec:?}");
    }
}

#[test]
fn silence_and_the_noise_of_a_line_are_no_speech() {
    assert_eq!(unheard(Codec::Pcmu, |_| SILENT, 300), [0, 0]);
    assert_eq!(unheard(Codec::Pcmu, |tick| noise(&mut (tick as u32), 200), 300), [0, 0]);
}
