//! Who hears what.

use std::time::Duration;

use partyline_audio::{Program, Step};
use partyline_codec::Codec;
use partyline_engine::{Attachment, LegEvent, MixKey, Over, PlayId, Treatment};

use crate::phone::{Call, engine, eventually};

const BOTH: Attachment = Attachment { uplink: true, downlink: true };
const HELD: Attachment = Attachment { uplink: false, downlink: false };
/// The level of a telephone's tone, in dBov.
const TALKING: f32 = -21.3;
/// What counts as not heard, in dBov.
const UNHEARD: f32 = -60.0;

pub(crate) fn tone(frequency_hz: f32, milliseconds: u64) -> Program {
    let duration = Duration::from_millis(milliseconds);
    Program { steps: vec![Step::Tone { frequency_hz, duration, level_dbov: -15.0 }], repeats: false }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connected_leg_sends_silence_numbered_without_gaps() {
    let engine = engine(1);
    let call = Call::new(&engine, None);
    let packets =
        eventually("twenty packets", || Some(call.phone.packets()).filter(|packets| packets.len() >= 20));
    assert!(packets[0].marker);
    for pair in packets.windows(2) {
        assert_eq!(pair[1].sequence, pair[0].sequence.wrapping_add(1));
        // A busy machine may have passed over frames: time goes on over them, and the marker says so.
        let frames = pair[1].timestamp.wrapping_sub(pair[0].timestamp) / 160;
        assert!(frames >= 1 && pair[1].marker == (frames > 1));
    }
    assert!(call.phone.listen().level() < -90.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_is_heard_and_its_end_told() {
    let engine = engine(1);
    let mut call = Call::new(&engine, None);
    call.leg.play(PlayId(7), tone(700.0, 1_500));
    call.phone.listen_until("the tone", |sound| (sound.tone(700.0) + 15.0).abs() < 1.0);
    let event = call.event("the end of the program", |event| matches!(event, LegEvent::PlayEnded(_))).await;
    assert_eq!(event, LegEvent::PlayEnded(PlayId(7)));
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_come_out_in_order_and_once() {
    let engine = engine(1);
    let mut call = Call::new(&engine, Some(440.0));
    call.event("the first packet", |event| *event == LegEvent::FirstPacket).await;
    call.phone.press("1*44#");
    let mut keys = String::new();
    while keys.len() < 5 {
        if let LegEvent::Key(key) = call.event("a key", |event| matches!(event, LegEvent::Key(_))).await {
            keys.push(key);
        }
    }
    assert_eq!(keys, "1*44#");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_echoing_leg_gives_the_caller_back() {
    let engine = engine(1);
    let call = Call::with(&engine, Codec::Pcma, Some(440.0));
    call.leg.set_echo(true);
    call.phone.listen_until("one's own voice", |sound| (sound.tone(440.0) - TALKING).abs() < 1.0);
    call.leg.set_echo(false);
    call.phone.listen_until("silence", |sound| sound.level() < UNHEARD);
}

#[tokio::test(flavor = "multi_thread")]
async fn all_hear_each_other_but_not_themselves_across_threads_and_codecs() {
    let engine = engine(3);
    let mix = MixKey(1);
    engine.open_mix(mix, 10, Treatment::FULL).unwrap();
    let tones = [440.0, 650.0, 1_000.0];
    let codecs = [Codec::Pcmu, Codec::Pcma, Codec::Pcmu];
    let mut calls: Vec<Call> =
        tones.iter().zip(codecs).map(|(&hz, codec)| Call::with(&engine, codec, Some(hz))).collect();
    for call in &calls {
        engine.attach(call.leg.id(), mix, BOTH).await.unwrap();
    }
    for call in &mut calls {
        call.event("mixed audio", |event| *event == LegEvent::FirstMixedAudio).await;
    }
    for (own, call) in calls.iter().enumerate() {
        let others: Vec<f32> =
            tones.iter().copied().filter(|&hz| hz.to_bits() != tones[own].to_bits()).collect();
        let sound = call.phone.listen_until("the others", |sound| {
            others.iter().all(|&hz| (sound.tone(hz) - TALKING).abs() < 0.5)
                && sound.tone(tones[own]) < UNHEARD
        });
        assert!(sound.level() < -15.0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_only_listens_hears_all_and_who_is_muted_is_heard_by_nobody() {
    let engine = engine(1);
    let mix = MixKey(2);
    engine.open_mix(mix, 10, Treatment::FULL).unwrap();
    let (talker, listener) = (Call::new(&engine, Some(440.0)), Call::new(&engine, Some(650.0)));
    engine.attach(talker.leg.id(), mix, BOTH).await.unwrap();
    engine.attach(listener.leg.id(), mix, Attachment { uplink: false, downlink: true }).await.unwrap();
    listener.phone.listen_until("the talker", |sound| (sound.tone(440.0) - TALKING).abs() < 0.5);
    talker.phone.listen_until("nobody", |sound| sound.level() < UNHEARD);
    engine.attach(listener.leg.id(), mix, BOTH).await.unwrap();
    talker.phone.listen_until("the other, unmuted", |sound| (sound.tone(650.0) - TALKING).abs() < 0.5);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_speaks_while_muted_is_told_and_who_is_heard_is_not() {
    let engine = engine(1);
    let mix = MixKey(20);
    engine.open_mix(mix, 10, Treatment::FULL).unwrap();
    let (mut muted, mut heard) = (Call::new(&engine, Some(440.0)), Call::new(&engine, Some(650.0)));
    engine.attach(heard.leg.id(), mix, BOTH).await.unwrap();
    engine.attach(muted.leg.id(), mix, Attachment { uplink: false, downlink: true }).await.unwrap();
    muted.event("speech that nobody hears", |event| *event == LegEvent::SpokeUnheard).await;
    muted.phone.listen_until("the other", |sound| (sound.tone(650.0) - TALKING).abs() < 0.5);
    heard.phone.listen_until("nobody", |sound| sound.level() < UNHEARD);
    while let Ok(event) = heard.events.try_recv() {
        assert_ne!(event, LegEvent::SpokeUnheard);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_caller_hears_only_what_is_played_to_them() {
    let engine = engine(2);
    let mix = MixKey(3);
    engine.open_mix(mix, 10, Treatment::FULL).unwrap();
    let (talker, held) = (Call::new(&engine, Some(440.0)), Call::new(&engine, Some(650.0)));
    engine.attach(talker.leg.id(), mix, BOTH).await.unwrap();
    engine.attach(held.leg.id(), mix, HELD).await.unwrap();
    held.leg.play(PlayId(1), Program { repeats: true, ..tone(1_000.0, 400) });
    let sound = held.phone.listen_until("music", |sound| sound.tone(1_000.0) > -20.0);
    assert!(sound.tone(440.0) < UNHEARD);
    assert!(talker.phone.listen().level() < UNHEARD);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tone_to_the_mix_is_heard_by_all_and_a_solo_program_only_while_alone() {
    let engine = engine(2);
    let mix = MixKey(4);
    engine.open_mix(mix, 10, Treatment::FULL).unwrap();
    engine.set_solo_program(mix, Some(tone(1_200.0, 1_000)));
    let first = Call::new(&engine, None);
    engine.attach(first.leg.id(), mix, BOTH).await.unwrap();
    first.phone.listen_until("music while alone", |sound| sound.tone(1_200.0) > -20.0);
    let second = Call::new(&engine, None);
    engine.attach(second.leg.id(), mix, BOTH).await.unwrap();
    first.phone.listen_until("no music any more", |sound| sound.level() < UNHEARD);
    engine.play_to_mix(mix, tone(700.0, 3_000), Over::Talk);
    first.phone.listen_until("the tone", |sound| (sound.tone(700.0) + 15.0).abs() < 1.0);
    second.phone.listen_until("the tone", |sound| (sound.tone(700.0) + 15.0).abs() < 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prompt_is_heard_over_the_ducked_conference() {
    let engine = engine(1);
    let mix = MixKey(5);
    engine.open_mix(mix, 10, Treatment::FULL).unwrap();
    let (talker, listener) = (Call::new(&engine, Some(440.0)), Call::new(&engine, None));
    engine.attach(talker.leg.id(), mix, BOTH).await.unwrap();
    engine.attach(listener.leg.id(), mix, BOTH).await.unwrap();
    listener.leg.play(PlayId(1), tone(1_000.0, 10_000));
    listener.phone.listen_until("the prompt over the talker", |sound| {
        (sound.tone(1_000.0) + 15.0).abs() < 1.0 && (sound.tone(440.0) - (TALKING - 14.0)).abs() < 1.0
    });
    listener.leg.stop();
    listener.phone.listen_until("the talker as before", |sound| (sound.tone(440.0) - TALKING).abs() < 0.5);
}
