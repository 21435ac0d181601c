//! Callers in different codecs, over real sockets.

use partyline_codec::Codec;
use partyline_engine::{Attachment, FormatDetails, LegEvent, LegMedia, MixKey, Treatment};

use crate::phone::{Call, Phone, engine};

const BOTH: Attachment = Attachment { uplink: true, downlink: true };
/// The level of a telephone's tone, in dBov.
const TALKING: f32 = -21.3;
/// What counts as not heard, in dBov: coders with a memory leave some noise.
const UNHEARD: f32 = -50.0;
const TONES_HZ: [f32; 4] = [440.0, 650.0, 860.0, 1_070.0];

#[tokio::test(flavor = "multi_thread")]
async fn callers_in_every_codec_hear_each_other_and_not_themselves() {
    let engine = engine(2);
    let mix = MixKey(1);
    engine.open_mix(mix, 10, Treatment::FULL).unwrap();
    let calls: Vec<Call> = Codec::ALL
        .into_iter()
        .zip(TONES_HZ)
        .map(|(codec, hz)| Call::with(&engine, codec, Some(hz)))
        .collect();
    for call in &calls {
        engine.attach(call.leg.id(), mix, BOTH).await.unwrap();
    }
    for (listener, call) in calls.iter().enumerate() {
        call.phone.listen_until(&format!("the others in {:?}", Codec::ALL[listener]), |sound| {
            TONES_HZ.iter().enumerate().all(|(talker, &hz)| {
                let level = sound.tone(hz);
                if talker == listener { level < UNHEARD } else { (level - TALKING).abs() < 2.0 }
            })
        });
    }
}

/// Shows RFC 4733 §2.5.1: keys beside Opus count at its clock, and each once.
#[tokio::test(flavor = "multi_thread")]
async fn keys_beside_opus_come_out_in_order_and_once() {
    let engine = engine(1);
    let mut call = Call::with(&engine, Codec::Opus, Some(440.0));
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
async fn a_call_changes_its_codec_and_goes_on() {
    let engine = engine(1);
    let mut call = Call::with(&engine, Codec::Pcmu, Some(440.0));
    call.leg.set_echo(true);
    call.phone.listen_until("the echo", |sound| (sound.tone(440.0) - TALKING).abs() < 1.0);
    for codec in [Codec::Opus, Codec::G722, Codec::Pcma] {
        // The telephone starts anew, as after a re-INVITE that moved its media.
        call.phone = Phone::new(codec, call.leg.local_port(), Some(440.0));
        let details = FormatDetails {
            receive_payload_type: Some(codec.usual_payload_type()),
            ..FormatDetails::default()
        };
        call.leg.connect(LegMedia { details, ..call.phone.media() });
        call.phone.listen_until(&format!("the echo in {codec:?}"), |sound| {
            (sound.tone(440.0) - TALKING).abs() < 1.5
        });
    }
}
