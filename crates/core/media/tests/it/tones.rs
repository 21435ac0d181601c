//! Keys in the sound, as a leg hears them.

use std::time::{Duration, Instant};

use partyline_audio::tone::Tone;
use partyline_codec::Codec;
use partyline_media::{FRAME_SAMPLES, LegMedia, LegOutput};

use crate::caller::{Caller, EVENT_PAYLOAD_TYPE, media};

/// Presses the key 5 as a tone for so long, and lets the leg hear it alone or in a mix.
fn press_five(caller: &mut Caller, time: Duration, is_alone: bool) -> Vec<LegOutput> {
    let samples = time.as_millis() as u32 * 8;
    let (mut row, mut column) =
        (Tone::new(8_000, 770.0, -16.0, samples), Tone::new(8_000, 1_336.0, -16.0, samples));
    let mut outputs = Vec::new();
    for _ in 0..samples.div_ceil(FRAME_SAMPLES as u32) {
        let (mut one, mut other) = ([0; FRAME_SAMPLES], [0; FRAME_SAMPLES]);
        row.fill(&mut one);
        column.fill(&mut other);
        one.iter_mut().zip(other).for_each(|(sample, more)| *sample += more);
        caller.say(&one);
        if is_alone {
            caller.tick();
        } else {
            caller.leg.pull(caller.now);
            caller.leg.judge(false);
            caller.now += partyline_media::FRAME;
        }
        outputs.extend(caller.outputs());
    }
    outputs
}

fn tones(outputs: &[LegOutput]) -> String {
    let tone = |output: &LegOutput| if let LegOutput::Tone(key) = output { Some(*key) } else { None };
    outputs.iter().filter_map(tone).collect()
}

fn caller_without_events(codec: Codec) -> Caller {
    let mut caller = Caller::new(codec, Instant::now());
    caller.leg.connect(caller.now, LegMedia { event_payload_type: None, ..media(codec) });
    caller
}

#[test]
fn a_telephone_without_events_is_heard_by_its_tones_alone_and_in_a_mix() {
    for codec in [Codec::Pcmu, Codec::Pcma] {
        for is_alone in [true, false] {
            let mut caller = caller_without_events(codec);
            let outputs = press_five(&mut caller, Duration::from_millis(200), is_alone);
            assert_eq!(tones(&outputs), "5", "{codec:?}, alone: {is_alone}");
        }
    }
}

#[test]
fn a_packet_lost_in_the_midst_of_a_key_makes_neither_two_nor_none() {
    for before_ms in [20, 40, 60, 100] {
        let mut caller = caller_without_events(Codec::Pcmu);
        let mut outputs = press_five(&mut caller, Duration::from_millis(before_ms), true);
        caller.lose(FRAME_SAMPLES as u32);
        caller.tick();
        outputs.extend(caller.outputs());
        outputs.extend(press_five(&mut caller, Duration::from_millis(140 - before_ms), true));
        assert_eq!(tones(&outputs), "5", "lost after {before_ms} ms");
    }
}

#[test]
fn others_hear_silence_while_a_key_is_down() {
    let mut caller = caller_without_events(Codec::Pcmu);
    press_five(&mut caller, Duration::from_millis(200), false);
    let mut frame = [1; FRAME_SAMPLES];
    caller.leg.decode(&mut frame);
    assert_eq!(frame, [0; FRAME_SAMPLES]);
}

#[test]
fn a_telephone_that_agreed_on_events_and_sends_tones_is_understood_from_the_start() {
    let mut caller = Caller::new(Codec::Pcmu, Instant::now());
    assert_eq!(tones(&press_five(&mut caller, Duration::from_millis(200), true)), "5");
    caller.ticks(Duration::from_millis(200));
    assert_eq!(tones(&press_five(&mut caller, Duration::from_millis(200), false)), "5", "in a mix too");
}

#[test]
fn a_telephone_that_sends_events_is_not_listened_to() {
    let mut caller = Caller::new(Codec::Pcmu, Instant::now());
    let event = caller.packet(EVENT_PAYLOAD_TYPE, &[1, 0x8A, 0, 160], 0);
    caller.leg.receive(caller.now, crate::caller::address(4_000), &event);
    assert!(caller.outputs().contains(&LegOutput::Key('1')));
    caller.sequence = partyline_rtp::SeqNo(200);
    assert_eq!(tones(&press_five(&mut caller, Duration::from_millis(200), true)), "");
}

#[test]
fn keys_pressed_while_muted_are_no_speech() {
    let mut caller = caller_without_events(Codec::Pcmu);
    for _ in 0..20 {
        let outputs = press_five(&mut caller, Duration::from_millis(100), false);
        assert!(!outputs.contains(&LegOutput::SpokeUnheard));
    }
    // A telephone that sends events may let the sound through as well.
    let mut caller = Caller::new(Codec::Pcmu, Instant::now());
    for event in 0..20_u8 {
        let packet = caller.packet(EVENT_PAYLOAD_TYPE, &[event % 10, 0x8A, 0, 160], 160);
        caller.leg.receive(caller.now, crate::caller::address(4_000), &packet);
        let outputs = press_five(&mut caller, Duration::from_millis(200), false);
        assert!(!outputs.contains(&LegOutput::SpokeUnheard));
    }
    // The same sound without a key before it is taken for speech.
    let outputs = press_five(&mut caller, Duration::from_millis(1_200), false);
    assert!(outputs.contains(&LegOutput::SpokeUnheard));
}
