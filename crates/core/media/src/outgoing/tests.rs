//! Listeners who come in, leave and lose their place, as their decoders hear it.

use partyline_audio::level::level_dbov;
use partyline_codec::{Codec, Decoder, OpusSettings};

use super::Outgoing;
use crate::frame::{PAYLOAD_OCTETS, Rate};
use crate::line::StreamStart;
use crate::shared::{STREAMS_MAX, Shared};

/// The kinds of telephones whose codecs have a memory: two of them at the same rate.
const KINDS: [Kind; 4] = [
    Kind { codec: Codec::G722, playback_max_hz: 48_000 },
    Kind { codec: Codec::Opus, playback_max_hz: 8_000 },
    Kind { codec: Codec::Opus, playback_max_hz: 16_000 },
    Kind { codec: Codec::Opus, playback_max_hz: 48_000 },
];
const START: StreamStart = StreamStart { ssrc: 1, sequence: 0, timestamp: 0 };
const WISHES: OpusSettings = OpusSettings {
    playback_max_hz: 48_000,
    bitrate_max: None,
    has_fec: true,
    has_dtx: false,
    is_cbr: false,
    is_stereo: false,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Kind {
    codec: Codec,
    playback_max_hz: u32,
}

impl Kind {
    fn wishes(self) -> OpusSettings {
        OpusSettings { playback_max_hz: self.playback_max_hz, ..WISHES }
    }

    fn rate(self) -> Rate {
        Rate::of(self.codec, &self.wishes())
    }

    fn shared(self) -> Shared {
        Shared::at(self.rate())
    }
}

/// A caller's telephone and what we keep for it.
struct Listener {
    outgoing: Outgoing,
    decoder: Decoder,
    payload: Vec<u8>,
    heard: Vec<i16>,
}

impl Listener {
    fn new(kind: Kind) -> Self {
        Self::wishing(kind.codec, &kind.wishes())
    }

    fn wishing(codec: Codec, wishes: &OpusSettings) -> Self {
        Self {
            outgoing: Outgoing::new(START, codec, wishes),
            decoder: Decoder::new(codec),
            payload: Vec::new(),
            heard: Vec::new(),
        }
    }

    fn hear_shared(&mut self, shared: &mut Shared) {
        let mut payload = [0; PAYLOAD_OCTETS];
        let octets = self.outgoing.encode_shared(shared, &mut payload);
        self.decode(&payload[..octets]);
    }

    fn hear_own(&mut self, frame: &[i16], shared: &Shared) {
        let mut payload = [0; PAYLOAD_OCTETS];
        let octets = self.outgoing.encode(frame, Some(shared), &mut payload);
        self.decode(&payload[..octets]);
    }

    fn decode(&mut self, payload: &[u8]) {
        let mut samples = [0; 5_760];
        let count = self.decoder.decode(payload, &mut samples);
        self.heard.extend_from_slice(&samples[..count]);
        self.payload = payload.to_vec();
    }

    fn frame_samples(&self) -> usize {
        self.decoder.sample_rate_hz() as usize / 50
    }

    fn is_in(&self) -> bool {
        self.outgoing.is_in_step()
    }
}

fn sound(rate: Rate, tick: usize, sample: impl Fn(usize, f32) -> i16) -> Vec<i16> {
    let time = |n: usize| (tick * rate.samples() + n) as f32 / rate.hz() as f32;
    (0..rate.samples()).map(|n| sample(n, time(n))).collect()
}

/// Something like speech: a buzz in syllables, with pauses of 0.6 s every 3 s.
fn speech(rate: Rate, tick: usize, pitch_hz: f32) -> Vec<i16> {
    sound(rate, tick, |n, time| {
        let pitch = pitch_hz * (1.0 + 0.05 * (time * 2.3).sin());
        let syllable = (std::f32::consts::TAU * 3.1 * time).sin().max(0.0).powi(2) + 0.01;
        let voice: f32 = (1..25)
            .map(|k| (std::f32::consts::TAU * pitch * time * k as f32).sin() / (1.0 + (k as f32 - 5.0).abs()))
            .sum();
        if time % 3.0 < 2.4 {
            (voice * 3_500.0 * syllable) as i16
        } else {
            (n as i16 * 7 + tick as i16) % 13 - 6
        }
    })
}

fn tone(rate: Rate, tick: usize, hz: f32) -> Vec<i16> {
    sound(rate, tick, |_, time| {
        // It pauses too, as all that people hear for long does.
        let peak = if time % 4.0 < 3.3 { 6_000.0 } else { 20.0 };
        (peak * (std::f32::consts::TAU * hz * time).sin()) as i16
    })
}

/// How loud the difference of two sounds is in the loudest 2.5 ms.
fn apart_dbov(one: &[i16], other: &[i16], rate_hz: u32) -> f32 {
    let difference: Vec<i16> =
        one.iter().zip(other).map(|(&one, &other)| one.saturating_sub(other)).collect();
    difference.chunks(rate_hz as usize / 400).map(level_dbov).fold(f32::MIN, f32::max)
}

#[test]
fn listeners_of_a_codec_cost_one_encode_and_are_sent_the_same() {
    let mut shared = Shared::at(Rate::Wide);
    let mut listeners: Vec<Listener> = (0..20).map(|nth| Listener::new(KINDS[nth % 2 * 2])).collect();
    let mut encoded = (0, 0);
    for tick in 0..400 {
        shared.renew().copy_from_slice(&speech(Rate::Wide, tick, 110.0));
        if tick == 300 {
            encoded = (shared.frames_encoded(), listeners.iter().map(|l| l.outgoing.frames_encoded()).sum());
        }
        for (nth, listener) in listeners.iter_mut().enumerate() {
            // They come one after the other.
            if tick >= 5 * nth {
                listener.hear_shared(&mut shared);
            }
        }
        if tick >= 300 {
            assert!(listeners.chunks(2).all(|pair| pair[0].payload == listeners[0].payload));
            assert!(listeners.chunks(2).all(|pair| pair[1].payload == listeners[1].payload));
        }
    }
    assert_eq!(shared.frames_encoded() - encoded.0, 200, "each codec once a tick");
    let own: u64 = listeners.iter().map(|listener| listener.outgoing.frames_encoded()).sum();
    assert_eq!(own, encoded.1, "and nobody for themselves");
}

#[test]
fn who_leaves_goes_on_from_what_they_were_sent() {
    for kind in KINDS {
        let mut shared = kind.shared();
        let mut listeners: Vec<Listener> = (0..3).map(|_| Listener::new(kind)).collect();
        for tick in 0..400 {
            let frame = speech(kind.rate(), tick, 130.0);
            shared.renew().copy_from_slice(&frame);
            let leaves = tick >= 350;
            // One before the frame of the tick is encoded and one after it.
            for (nth, listener) in listeners.iter_mut().enumerate() {
                if leaves && nth != 1 {
                    listener.hear_own(&frame, &shared);
                } else {
                    listener.hear_shared(&mut shared);
                }
            }
            if tick == 349 {
                assert!(listeners.iter().all(Listener::is_in), "{kind:?}");
            }
            if leaves {
                assert!(
                    listeners.iter().all(|listener| listener.payload == listeners[1].payload),
                    "{kind:?}: the same sound is the same payload, whoever encodes it"
                );
            }
        }
    }
}

#[test]
fn the_first_listener_of_a_kind_is_sent_one_unbroken_stream() {
    for kind in KINDS {
        let mut shared = kind.shared();
        let (mut first, mut alone) = (Listener::new(kind), Listener::new(kind));
        for tick in 0..100 {
            let frame = speech(kind.rate(), tick, 130.0);
            shared.renew().copy_from_slice(&frame);
            first.hear_shared(&mut shared);
            alone.hear_own(&frame, &shared);
            assert_eq!(first.payload, alone.payload, "{kind:?} at {tick}");
        }
        assert!(first.is_in());
    }
}

/// What is heard at a seam: what was apart from the unbroken stream there and after it, and how loud the sound was.
#[derive(Debug)]
struct Seam {
    apart_dbov: f32,
    loudest_dbov: f32,
    /// The sharpest bend of the sound there, as a part of the sharpest one without a seam.
    bend: f32,
}

/// What bends less is no click, whatever it is in.
const BEND_MIN: f32 = 100.0;

/// The sharpest bend of a sound: a click is sharper than what is said.
fn bend(samples: &[i16]) -> f32 {
    let bends = samples
        .windows(3)
        .map(|three| (f32::from(three[2]) - 2.0 * f32::from(three[1]) + f32::from(three[0])).abs());
    bends.fold(1.0, f32::max)
}

/// Somebody hears something of their own until a tick, then what is shared; where `waits` is false their telephone is
/// sent the shared stream at once.
fn seam(kind: Kind, said: Sound, from: usize, waits: bool) -> Seam {
    let mut shared = kind.shared();
    let (mut first, mut late) = (Listener::new(kind), Listener::new(kind));
    let mut seam = None;
    for tick in 0..900 {
        shared.renew().copy_from_slice(&said(kind.rate(), tick));
        first.hear_shared(&mut shared);
        if tick < from {
            late.hear_own(&speech(kind.rate(), tick, 190.0), &shared);
        } else if waits {
            late.hear_shared(&mut shared);
        } else {
            late.decode(&first.payload);
        }
        let is_in = late.is_in() || (!waits && tick == from);
        seam = seam.or_else(|| is_in.then_some(tick));
    }
    let seam = seam.expect("in eighteen seconds they came in");
    let (frame, rate_hz) = (first.frame_samples(), first.decoder.sample_rate_hz());
    let about = (seam - 2) * frame..(seam + 20) * frame;
    let here = seam * frame..(seam + 20) * frame;
    Seam {
        apart_dbov: apart_dbov(&first.heard[here.clone()], &late.heard[here.clone()], rate_hz),
        loudest_dbov: first.heard[about.clone()].chunks(frame).map(level_dbov).fold(f32::MIN, f32::max),
        bend: bend(&late.heard[here.start - 2..here.end]) / bend(&first.heard[about]).max(BEND_MIN),
    }
}

type Sound = fn(Rate, usize) -> Vec<i16>;

/// Sounds by name, so that a failure tells which.
const SOUNDS: [(&str, Sound); 3] = [
    ("speech", |rate, tick| speech(rate, tick, 120.0)),
    ("a tone", |rate, tick| tone(rate, tick, 440.0)),
    ("a high tone", |rate, tick| tone(rate, tick, 2_000.0)),
];

#[test]
fn who_comes_in_hears_no_seam() {
    for kind in KINDS {
        for (name, sound) in SOUNDS {
            for from in (100..200).step_by(25) {
                let seam = seam(kind, sound, from, true);
                // Over a sound an error a third as large is not heard for a moment; over none, -45 dBov is a breath.
                let is_unheard = seam.apart_dbov < (seam.loudest_dbov - 9.0).max(-45.0);
                assert!(is_unheard && seam.bend < 1.5, "{kind:?}, {name} from {from}: {seam:?}");
            }
        }
    }
}

/// The meter of the test above sees what it is for.
#[test]
fn who_were_put_in_at_once_would_hear_a_click() {
    for kind in KINDS {
        for (name, sound) in SOUNDS {
            let clicks = (100..200).step_by(10).filter(|&from| {
                let seam = seam(kind, sound, from, false);
                seam.apart_dbov > (seam.loudest_dbov - 9.0).max(-45.0) || seam.bend > 1.5
            });
            let clicks = clicks.count();
            assert!(clicks >= 2, "{kind:?}, {name}: {clicks} of 10");
        }
    }
}

#[test]
fn who_leaves_a_mix_goes_on_from_what_they_were_sent() {
    for kind in KINDS {
        let mut shared = kind.shared();
        let (mut listener, mut alone) = (Listener::new(kind), Listener::new(kind));
        for tick in 0..100 {
            let frame = speech(kind.rate(), tick, 130.0);
            if tick < 60 {
                shared.renew().copy_from_slice(&frame);
                listener.hear_shared(&mut shared);
            } else {
                // In between the ticks, as legs are moved.
                listener.outgoing.leave(Some(&shared));
                listener.hear_own(&frame, &kind.shared());
            }
            alone.hear_own(&frame, &shared);
            assert_eq!(listener.payload, alone.payload, "{kind:?} at {tick}");
        }
    }
}

#[test]
fn whom_a_mix_has_passed_over_is_heard_again_after_two_frames() {
    let kind = KINDS[3];
    let mut shared = kind.shared();
    let (mut first, mut late) = (Listener::new(kind), Listener::new(kind));
    for tick in 0..300 {
        shared.renew().copy_from_slice(&tone(kind.rate(), tick + 200, 440.0));
        first.hear_shared(&mut shared);
        let frame = late.frame_samples();
        if tick == 250 {
            assert!(late.is_in(), "the first is in at once, and the second when the door opens");
            late.decoder.conceal(&mut vec![0; frame]);
            late.heard.extend(vec![0; frame]);
        } else {
            late.hear_shared(&mut shared);
        }
        if tick == 251 {
            assert!(!late.is_in(), "what their telephone remembers is not known");
        }
        if (253..260).contains(&tick) {
            let heard = level_dbov(&late.heard[tick * frame..]);
            let said = level_dbov(&first.heard[tick * frame..]);
            assert!((heard - said).abs() < 2.0, "at {tick}: {heard} of {said}");
        }
    }
}

#[test]
fn more_kinds_of_listeners_than_there_are_streams_encode_for_themselves() {
    let mut shared = Shared::at(Rate::Full);
    let mut listeners: Vec<Listener> = (0..6)
        .map(|nth| {
            let wishes = OpusSettings { bitrate_max: Some(20_000 + nth * 1_000), ..WISHES };
            Listener::wishing(Codec::Opus, &wishes)
        })
        .collect();
    for tick in 0..150 {
        shared.renew().copy_from_slice(&speech(Rate::Full, tick, 120.0));
        for listener in &mut listeners {
            listener.hear_shared(&mut shared);
            assert!(!listener.payload.is_empty());
        }
    }
    assert_eq!(listeners.iter().filter(|listener| listener.is_in()).count(), STREAMS_MAX);
    for listener in &listeners {
        let own = listener.outgoing.frames_encoded();
        assert!(listener.is_in() == (own < 150), "{own} frames");
    }
}
