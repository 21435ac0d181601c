//! A leg whose caller's clock is off, for hours of virtual time: how deep its jitter buffer gets, what is missing, and whether
//! it is heard to follow.

use std::f64::consts::TAU;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use partyline_codec::{Codec, Encoder};
use partyline_media::{FRAME, FRAME_SAMPLES, Leg, LegMedia, MediaTransport, RATE_HZ, StreamStart};
use partyline_rtp::{Header, RtpTime, SeqNo, Ssrc};
use serde::Serialize;

/// What the caller sings: no whole number of samples is a period of it.
const TONE_HZ: f64 = 440.0;
const PEAK: f64 = 8_000.0;
/// How often the voice says the same, in samples: 10 s, which begin and end in silence.
const VOICE_SAMPLES: u32 = 80_000;
/// What is heard before is left out of account: the first second.
const SETTLED_TICKS: u32 = 50;

/// What the caller says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Sound {
    /// A tone that never ends, in which everything is heard.
    Tone,
    /// Something like a voice, with pauses.
    Voice,
}

/// How the leg learns of packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Told {
    /// When they come.
    AtOnce,
    /// When the tick looks for them, as media threads do.
    AtTicks,
}

/// A way through some hours.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Drift {
    /// What is said.
    pub sound: Sound,
    /// How packets are told.
    pub told: Told,
    /// By how many millionths the caller's clock is too fast.
    pub drift_ppm: i32,
    /// How long it goes on.
    pub hours: f64,
}

/// What came of it.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Followed {
    /// The deepest that the jitter buffer got, in ms.
    pub depth_max_ms: f64,
    /// Milliseconds that were made up because nothing was there.
    pub missing_ms: f64,
    /// Milliseconds by which the sound was made longer and shorter.
    pub lengthened_ms: f64,
    /// See `lengthened_ms`.
    pub shortened_ms: f64,
    /// The worst step in the sound: of a tone what it is not foretold by the two samples before, of a voice the step from one
    /// sample to the next; against the worst of what was said, as it is coded. 1 is no worse.
    pub worst_step: f64,
}

impl Sound {
    /// What is said again and again.
    fn samples(self) -> Vec<i16> {
        let count = match self {
            Self::Tone => RATE_HZ,
            Self::Voice => VOICE_SAMPLES,
        };
        (0..count).map(|n| self.sample(f64::from(n))).collect()
    }

    fn sample(self, n: f64) -> i16 {
        let value = match self {
            Self::Tone => PEAK * (TAU * TONE_HZ / f64::from(RATE_HZ) * n).sin(),
            Self::Voice => {
                let time = n / f64::from(RATE_HZ);
                let pitch = TAU * (120.0 * time + 4.0 * (time * 5.0).sin());
                let loud = (time * TAU * 0.7).sin().max(0.0);
                loud * PEAK * (1..10).map(|k| (pitch * f64::from(k)).sin() / f64::from(k)).sum::<f64>() / 2.0
            }
        };
        value as i16
    }
}

/// How much a sample is off what those before it foretell, for one sound after the other.
#[derive(Debug, Default)]
struct Steps {
    before: [f64; 2],
    worst: f64,
}

impl Steps {
    fn add(&mut self, sound: Sound, samples: &[i16]) {
        for &sample in samples {
            let sample = f64::from(sample);
            let foretold = match sound {
                Sound::Tone => {
                    2.0 * (TAU * TONE_HZ / f64::from(RATE_HZ)).cos() * self.before[1] - self.before[0]
                }
                Sound::Voice => self.before[1],
            };
            self.before = [self.before[1], sample];
            self.worst = self.worst.max((sample - foretold).abs());
        }
    }
}

/// Lets a caller of G.711 talk for hours.
#[must_use]
pub fn run(drift: Drift) -> Followed {
    let start = Instant::now();
    let mut leg = leg(start);
    let samples = drift.sound.samples();
    let mut encoder = Encoder::new(Codec::Pcmu);
    let mut decoder = partyline_codec::Decoder::new(Codec::Pcmu);
    let between = FRAME.as_secs_f64() / (1.0 + f64::from(drift.drift_ppm) / 1e6);
    let ticks = (drift.hours * 3_600.0 / FRAME.as_secs_f64()) as u32;
    let (mut sent, mut depth_max) = (0_u32, Duration::ZERO);
    let (mut said_steps, mut heard_steps) = (Steps::default(), Steps::default());
    for tick in 0..ticks {
        let now = FRAME * tick;
        loop {
            let at = Duration::from_secs_f64(0.007 + f64::from(sent) * between);
            if at > now {
                break;
            }
            let told = if drift.told == Told::AtOnce { at } else { now };
            let packet = packet(&samples, sent, &mut encoder);
            leg.receive(start + told, remote(), &packet);
            sent += 1;
            let mut coded = [0; FRAME_SAMPLES];
            decoder.decode(&packet[12..], &mut coded);
            said_steps.add(drift.sound, &coded);
            if sent < SETTLED_TICKS {
                said_steps.worst = 0.0;
            }
        }
        let mut frame = [0; FRAME_SAMPLES];
        leg.pull(start + now);
        leg.decode(&mut frame);
        heard_steps.add(drift.sound, &frame);
        if tick < SETTLED_TICKS {
            heard_steps.worst = 0.0;
        } else {
            depth_max = depth_max.max(leg.report().depth);
        }
    }
    let report = leg.report();
    let played_ms = f64::from(ticks) * FRAME.as_secs_f64() * 1_000.0;
    Followed {
        depth_max_ms: depth_max.as_secs_f64() * 1_000.0,
        missing_ms: f64::from(report.concealed_share) * played_ms,
        lengthened_ms: report.lengthened.as_secs_f64() * 1_000.0,
        shortened_ms: report.shortened.as_secs_f64() * 1_000.0,
        worst_step: heard_steps.worst / said_steps.worst,
    }
}

fn remote() -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], 4_000))
}

fn leg(now: Instant) -> Leg {
    let mut leg = Leg::new(StreamStart { ssrc: 1, sequence: 0, timestamp: 0 });
    let media = LegMedia {
        remote: remote(),
        codec: Codec::Pcmu,
        payload_type: Codec::Pcmu.usual_payload_type(),
        event_payload_type: Some(101),
        sends: true,
        receives: true,
        transport: MediaTransport::default(),
        details: partyline_media::FormatDetails::default(),
    };
    leg.connect(now, media);
    leg
}

/// The n-th packet.
fn packet(samples: &[i16], nth: u32, encoder: &mut Encoder) -> [u8; 12 + FRAME_SAMPLES] {
    let first = nth as usize % samples.len() * FRAME_SAMPLES;
    let said: [i16; FRAME_SAMPLES] = std::array::from_fn(|n| samples[(first + n) % samples.len()]);
    let mut payload = [0; FRAME_SAMPLES];
    encoder.encode(&said, &mut payload);
    let header = Header {
        marker: nth == 0,
        payload_type: Codec::Pcmu.usual_payload_type(),
        sequence: SeqNo(nth as u16),
        timestamp: RtpTime(nth.wrapping_mul(FRAME_SAMPLES as u32)),
        ssrc: Ssrc(77),
    };
    let mut packet = [0; 12 + FRAME_SAMPLES];
    header.write(&payload, &mut packet).expect("there is room for a frame");
    packet
}

#[cfg(test)]
mod tests {
    use super::*;

    fn followed(sound: Sound, told: Told, drift_ppm: i32) -> Followed {
        run(Drift { sound, told, drift_ppm, hours: 0.5 })
    }

    #[test]
    fn a_clock_that_is_off_is_followed_without_a_gap_or_a_click() {
        for drift_ppm in [-200, 200] {
            for sound in [Sound::Tone, Sound::Voice] {
                let followed = followed(sound, Told::AtOnce, drift_ppm);
                assert_eq!(followed.missing_ms, 0.0, "{sound:?} {drift_ppm}: {followed:?}");
                assert!(followed.depth_max_ms <= 45.0, "{sound:?} {drift_ppm}: {followed:?}");
                assert!(followed.worst_step <= 1.5, "{sound:?} {drift_ppm}: {followed:?}");
                // 360 ms in half an hour.
                let changed = followed.lengthened_ms + followed.shortened_ms;
                assert!((300.0..600.0).contains(&changed), "{sound:?} {drift_ppm}: {followed:?}");
            }
        }
    }

    #[test]
    fn where_packets_are_looked_for_at_ticks_a_slow_clock_costs_a_frame_in_a_hundred_seconds() {
        for sound in [Sound::Tone, Sound::Voice] {
            let fast = followed(sound, Told::AtTicks, 200);
            assert!(fast.missing_ms == 0.0 && fast.worst_step <= 1.5, "{sound:?}: {fast:?}");
            let slow = followed(sound, Told::AtTicks, -200);
            assert!(slow.missing_ms <= 18.0 * 20.0 + 1.0 && slow.depth_max_ms <= 45.0, "{sound:?}: {slow:?}");
        }
    }

    #[test]
    fn a_clock_that_is_right_changes_nothing() {
        for told in [Told::AtOnce, Told::AtTicks] {
            let followed = followed(Sound::Tone, told, 0);
            assert_eq!((followed.missing_ms, followed.lengthened_ms, followed.shortened_ms), (0.0, 0.0, 0.0));
            assert_eq!((followed.depth_max_ms, followed.worst_step), (0.0, 1.0));
        }
    }
}
