//! Callers in every codec: any packet time, losses, pauses, changes in the middle of a call.

use std::time::Instant;

use partyline_audio::level::{level_dbov, tone_level_dbov};
use partyline_codec::{Codec, Decoder, Encoder, OpusSettings};
use partyline_media::{FRAME_SAMPLES, FormatDetails, LegMedia, RATE_HZ};
use partyline_rtp::Packet;
use proptest::prelude::*;

use crate::caller::{Caller, address, media};

/// A caller whose words are coded in one stream.
struct Speaker {
    caller: Caller,
    encoder: Encoder,
    codec: Codec,
    said: usize,
}

const TONE_HZ: f32 = 700.0;
const LEVEL_DBOV: f32 = -15.0;

impl Speaker {
    fn new(codec: Codec) -> Self {
        let wishes = OpusSettings { has_fec: true, playback_max_hz: 16_000, ..OpusSettings::default() };
        Self {
            caller: Caller::new(codec, Instant::now()),
            encoder: Encoder::at_rate(codec, 48_000, &wishes),
            codec,
            said: 0,
        }
    }

    /// The next payload of so many tenths of a millisecond.
    fn payload(&mut self, tenths_ms: usize) -> Vec<u8> {
        let rate_hz = self.encoder.sample_rate_hz() as usize;
        let count = rate_hz * tenths_ms / 10_000;
        let peak = 32_767.0 * std::f32::consts::SQRT_2 * 10.0_f32.powf(LEVEL_DBOV / 20.0);
        let samples: Vec<i16> = (self.said..self.said + count)
            .map(|n| (peak * (std::f32::consts::TAU * TONE_HZ * n as f32 / rate_hz as f32).sin()) as i16)
            .collect();
        self.said += count;
        let mut payload = vec![0; 1_500];
        let octets = self.encoder.encode(&samples, &mut payload);
        payload.truncate(octets);
        payload
    }

    fn ticks(&self, tenths_ms: usize) -> u32 {
        self.codec.clock_rate_hz() * tenths_ms as u32 / 10_000
    }

    fn say(&mut self, tenths_ms: usize) {
        let (payload, ticks) = (self.payload(tenths_ms), self.ticks(tenths_ms));
        let packet = self.caller.packet(self.codec.usual_payload_type(), &payload, ticks);
        self.caller.leg.receive(self.caller.now, address(4_000), &packet);
    }

    fn lose(&mut self, tenths_ms: usize) {
        let (_, ticks) = (self.payload(tenths_ms), self.ticks(tenths_ms));
        self.caller.packet(self.codec.usual_payload_type(), &[], ticks);
    }

    fn hear(&mut self) -> [i16; FRAME_SAMPLES] {
        let mut frame = [0; FRAME_SAMPLES];
        self.caller.leg.pull(self.caller.now);
        self.caller.leg.decode(&mut frame);
        self.caller.now += partyline_media::FRAME;
        frame
    }
}

fn tone(samples: &[i16]) -> f32 {
    tone_level_dbov(samples, RATE_HZ, TONE_HZ)
}

/// The steepest step of a sound.
fn steepest(samples: &[i16]) -> i32 {
    samples.windows(2).map(|pair| (i32::from(pair[1]) - i32::from(pair[0])).abs()).max().unwrap_or(0)
}

/// Shows RFC 3551 §4.2: a receiver takes packets of any length, whatever was said of them.
#[test]
fn every_codec_is_heard_at_its_level_whatever_the_packet_time() {
    for codec in Codec::ALL {
        let times: &[usize] = match codec {
            Codec::Opus => &[25, 50, 100, 200, 400, 600],
            Codec::G722 | Codec::Pcmu | Codec::Pcma => &[100, 125, 200, 300, 400, 500, 600],
        };
        for &tenths_ms in times {
            let (mut speaker, mut heard, mut said) = (Speaker::new(codec), Vec::new(), 0);
            for tick in 1..=100 {
                while said < tick * 200 {
                    speaker.say(tenths_ms);
                    said += tenths_ms;
                }
                heard.extend(speaker.hear());
            }
            let settled = &heard[6_000..];
            let room = if codec == Codec::Opus { 1.5 } else { 0.3 };
            assert!((tone(settled) - LEVEL_DBOV).abs() < room, "{codec:?} {tenths_ms}: {}", tone(settled));
            assert!(
                (level_dbov(settled) - LEVEL_DBOV).abs() < room + 0.2,
                "{codec:?} {tenths_ms}: nothing else"
            );
        }
    }
}

#[test]
fn a_packet_lost_now_and_then_is_hardly_heard_in_any_codec() {
    for codec in Codec::ALL {
        for tenths_ms in [200, 400, 600] {
            let (mut speaker, mut heard, mut packets) = (Speaker::new(codec), Vec::new(), 0);
            let mut said = 0;
            for tick in 1..=300 {
                while said < tick * 200 {
                    packets += 1;
                    if packets % 15 == 7 {
                        speaker.lose(tenths_ms)
                    } else {
                        speaker.say(tenths_ms)
                    }
                    said += tenths_ms;
                }
                heard.extend(speaker.hear());
            }
            let settled = &heard[8_000..];
            // A loss of 60 ms may fade; one of 20 may not be noticed.
            let room = if tenths_ms == 200 { 1.0 } else { 3.0 };
            let off = (tone(settled) - LEVEL_DBOV).abs();
            assert!(off < room + 1.0, "{codec:?} {tenths_ms}: {}", tone(settled));
            let quietest = settled.chunks(80).map(level_dbov).fold(f32::MAX, f32::min);
            if tenths_ms == 200 && codec != Codec::Opus {
                assert!(quietest > LEVEL_DBOV - 6.0, "{codec:?}: {quietest} in the quietest 10 ms");
            }
            // A full sine of this level and pitch rises so far from sample to sample; a click rises further.
            assert!(steepest(settled) < 8_000, "{codec:?} {tenths_ms}: {}", steepest(settled));
            assert!(speaker.caller.leg.report().packets_lost > 5);
        }
    }
}

/// Shows RFC 3389 §4: after a packet of comfort noise the pause sounds as it says, until there is sound again.
#[test]
fn a_pause_sounds_as_the_far_side_says() {
    // Of a noise of wide band a telephone hears the lower half.
    for (codec, wanted_dbov) in [(Codec::Pcmu, -45.0), (Codec::G722, -48.0)] {
        let mut speaker = Speaker::new(codec);
        for _ in 0..20 {
            speaker.say(200);
            speaker.hear();
        }
        let noise = speaker.caller.packet(13, &[45], 160);
        speaker.caller.leg.receive(speaker.caller.now, address(4_000), &noise);
        let heard: Vec<i16> = (0..100).flat_map(|_| speaker.hear()).collect();
        let pause = level_dbov(&heard[1_600..]);
        assert!((pause - wanted_dbov).abs() < 2.0, "{codec:?}: {pause}");
        let mut again = Vec::new();
        for _ in 0..20 {
            speaker.say(200);
            again.extend(speaker.hear());
        }
        assert!((tone(&again[1_600..]) - LEVEL_DBOV).abs() < 0.3, "{codec:?}");
    }
}

/// Shows RFC 7587 §3.1.3: a caller whose Opus pauses is not gone, and is heard at once when they speak.
#[test]
fn an_opus_caller_may_pause_without_packets() {
    let mut speaker = Speaker::new(Codec::Opus);
    for _ in 0..20 {
        speaker.say(200);
        speaker.hear();
    }
    for _ in 0..20 {
        speaker.caller.timestamp = speaker.caller.timestamp.plus(960);
        speaker.hear();
    }
    let mut heard = Vec::new();
    for _ in 0..20 {
        speaker.say(200);
        heard.extend(speaker.hear());
    }
    assert!((tone(&heard[800..]) - LEVEL_DBOV).abs() < 1.5, "{}", tone(&heard[800..]));
}

#[test]
fn a_change_of_codec_in_a_call_takes_a_frame_at_most_and_does_not_click() {
    for (before, after) in [
        (Codec::Pcmu, Codec::Opus),
        (Codec::Opus, Codec::G722),
        (Codec::G722, Codec::Pcma),
        (Codec::Opus, Codec::Pcmu),
        (Codec::Pcmu, Codec::Pcma),
    ] {
        let mut first = Speaker::new(before);
        let mut heard = Vec::new();
        for _ in 0..30 {
            first.say(200);
            heard.extend(first.hear());
        }
        let mut second = Speaker {
            codec: after,
            encoder: Encoder::at_rate(after, 48_000, &OpusSettings::default()),
            ..first
        };
        second.said = 0;
        second.caller.leg.connect(second.caller.now, media(after));
        let at = heard.len();
        for _ in 0..30 {
            second.say(200);
            heard.extend(second.hear());
        }
        // Two tones over each other for a frame are steeper than one, but no click.
        assert!(steepest(&heard[800..]) < 9_500, "{before:?} to {after:?}: {}", steepest(&heard[800..]));
        let soon = &heard[at + 2 * FRAME_SAMPLES..at + 6 * FRAME_SAMPLES];
        assert!((tone(soon) - LEVEL_DBOV).abs() < 3.0, "{before:?} to {after:?}: {}", tone(soon));
        let packet = second.caller.tick().unwrap();
        assert_eq!(Packet::parse(&packet).unwrap().payload_type, after.usual_payload_type());
    }
}

/// Shows RFC 7160 §4.1: a stream has one clock; a codec with another clock begins another stream.
#[test]
fn a_codec_with_another_clock_begins_a_stream_of_another_name() {
    let mut speaker = Speaker::new(Codec::Pcmu);
    let name = |packet: Option<Vec<u8>>| Packet::parse(&packet.unwrap()).unwrap().ssrc;
    let first = name(speaker.caller.tick());
    speaker.caller.leg.connect(speaker.caller.now, media(Codec::G722));
    assert_eq!(name(speaker.caller.tick()), first, "G.722 has the clock of G.711");
    speaker.caller.leg.connect(speaker.caller.now, media(Codec::Opus));
    assert_ne!(name(speaker.caller.tick()), first);
}

#[test]
fn packets_choose_among_the_codecs_agreed_on_and_no_others() {
    let mut speaker = Speaker::new(Codec::Pcmu);
    let details = FormatDetails {
        receive_payload_type: Some(120),
        others: [Some((9, Codec::G722)), None, None],
        ..FormatDetails::default()
    };
    speaker.caller.leg.connect(speaker.caller.now, LegMedia { details, ..media(Codec::Pcmu) });
    let hear = |speaker: &mut Speaker, codec: Codec, number: u8| {
        speaker.encoder = Encoder::at_rate(codec, 48_000, &OpusSettings::default());
        let mut heard = Vec::new();
        for _ in 0..30 {
            let payload = speaker.payload(200);
            let packet = speaker.caller.packet(number, &payload, 160);
            speaker.caller.leg.receive(speaker.caller.now, address(4_000), &packet);
            heard.extend(speaker.hear());
        }
        tone(&heard[2_400..])
    };
    for (codec, number) in [(Codec::Pcmu, 120), (Codec::G722, 9), (Codec::Pcmu, 0)] {
        let level = hear(&mut speaker, codec, number);
        assert!((level - LEVEL_DBOV).abs() < 0.3, "{codec:?} as {number}: {level}");
    }
    let before = speaker.caller.leg.report().datagrams_dropped;
    assert!(hear(&mut speaker, Codec::Pcma, 8) < -60.0);
    assert_eq!(speaker.caller.leg.report().datagrams_dropped, before + 30);
    let packet = speaker.caller.tick().unwrap();
    assert_eq!(Packet::parse(&packet).unwrap().payload_type, 0, "what we send stays as agreed");
}

#[test]
fn an_echo_comes_back_in_the_codec_of_the_caller() {
    for codec in [Codec::G722, Codec::Opus] {
        let mut speaker = Speaker::new(codec);
        speaker.caller.leg.set_echo(true);
        let mut decoder = Decoder::at_rate(codec, 48_000);
        let mut heard = Vec::new();
        for _ in 0..100 {
            speaker.say(200);
            let packet = speaker.caller.tick().unwrap();
            let mut samples = [0; 5_760];
            let count = decoder.decode(Packet::parse(&packet).unwrap().payload, &mut samples);
            heard.extend_from_slice(&samples[..count]);
        }
        let rate_hz = decoder.sample_rate_hz();
        assert_eq!(heard.len() as u32, 2 * rate_hz, "{codec:?}");
        let level = tone_level_dbov(&heard[rate_hz as usize / 2..], rate_hz, TONE_HZ);
        assert!((level - LEVEL_DBOV).abs() < 2.0, "{codec:?}: {level}");
    }
}

proptest! {
    #[test]
    fn any_payloads_in_any_codec_and_any_change_give_frames(
        steps in proptest::collection::vec(
            (proptest::collection::vec(any::<u8>(), 0..400), 0_u8..12, 0_u32..4_000, 0_usize..4), 0..80)
    ) {
        let mut caller = Caller::new(Codec::Opus, Instant::now());
        caller.leg.set_echo(true);
        for (payload, kind, ticks, codec) in steps {
            match kind {
                0 => caller.leg.connect(caller.now, media(Codec::ALL[codec])),
                1 => { caller.packet(111, &payload, ticks); }
                2 | 3 => prop_assert!(caller.tick().is_some()),
                _ => {
                    let number = if kind == 4 { 13 } else { Codec::ALL[codec].usual_payload_type() };
                    let packet = caller.packet(number, &payload, ticks);
                    caller.leg.receive(caller.now, address(4_000), &packet);
                }
            }
            caller.outputs();
        }
    }
}
