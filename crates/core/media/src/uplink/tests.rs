#![expect(clippy::disallowed_methods, reason = "tests begin now")]

use std::time::Duration;

use opus::{Application, Bitrate, Channels};
use partyline_rtp::{Header, RtpTime, SeqNo, Ssrc};

use super::*;

const RATE_HZ: u32 = 48_000;
const FRAME: usize = 960;
const APPLICATIONS: [Application; 2] = [Application::Voip, Application::LowDelay];

/// A telephone in a quiet room, whose caller begins a tone at this frame.
struct Phone {
    encoder: opus::Encoder,
    state: u32,
    soft: f32,
    at: usize,
    tone_from: usize,
}

impl Phone {
    fn new(application: Application, tone_from: usize) -> Self {
        let mut encoder = opus::Encoder::new(RATE_HZ, Channels::Mono, application).expect("a rate of Opus's");
        encoder.set_bitrate(Bitrate::Bits(32_000)).expect("a bitrate of Opus's");
        Self { encoder, state: 1, soft: 0.0, at: 0, tone_from: tone_from * FRAME }
    }

    fn sample(&mut self) -> i16 {
        self.state = self.state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        self.soft = 0.98 * self.soft + 0.001 * f32::from((self.state >> 16) as i16);
        let turn = std::f32::consts::TAU * 700.0 * (self.at as f32 / RATE_HZ as f32);
        let tone = if self.at >= self.tone_from { 6_000.0 * turn.sin() } else { 0.0 };
        self.at += 1;
        (self.soft * 0.1 + tone) as i16
    }

    fn packet(&mut self) -> Vec<u8> {
        let samples: [i16; FRAME] = std::array::from_fn(|_| self.sample());
        let mut payload = [0; 1_500];
        let octets = self.encoder.encode(&samples, &mut payload).expect("a frame of Opus's");
        payload[..octets].to_vec()
    }
}

/// What a listener has of a phone.
struct Heard {
    levels: Vec<f32>,
    /// By frame, where it was made.
    frames: Vec<Option<Vec<i16>>>,
}

/// Hears a phone for so many frames; `listens` says from the level of a frame whether somebody asks for it.
fn hear(mut phone: Phone, frames: u32, phase: Duration, mut listens: impl FnMut(f32) -> bool) -> Heard {
    let start = Instant::now();
    let mut uplink = Uplink::new(Codec::Opus, RATE_HZ);
    let mut heard = Heard { levels: Vec::new(), frames: Vec::new() };
    for nth in 0..frames {
        let now = start + crate::FRAME * nth;
        let header = Header {
            marker: false,
            payload_type: 111,
            sequence: SeqNo(nth as u16),
            timestamp: RtpTime(nth * FRAME as u32),
            ssrc: Ssrc(7),
        };
        let mut datagram = [0; 1_500];
        let octets = header.write(&phone.packet(), &mut datagram).expect("there is room");
        let packet = Packet::parse(&datagram[..octets]).expect("it was written so");
        let arrival = if nth == 0 { Arrival::Started } else { Arrival::Newest };
        uplink.insert(now, arrival, &packet);
        let level_dbov = uplink.pull(now + phase, Tempo::Free);
        if listens(level_dbov) {
            uplink.native();
        }
        heard.levels.push(level_dbov);
        heard.frames.push(uplink.is_made.then(|| uplink.coded.to_vec()));
    }
    heard
}

#[test]
fn who_is_quiet_in_opus_is_seldom_decoded() {
    for application in APPLICATIONS {
        let heard = hear(Phone::new(application, usize::MAX / FRAME), 600, Duration::ZERO, |_| false);
        let decoded = heard.frames.iter().skip(50).flatten().count();
        assert!((1..=15).contains(&decoded), "{application:?}: {decoded} of 550");
        let loudest = heard.levels.iter().skip(50).copied().fold(SILENCE_DBOV, f32::max);
        assert!((-85.0..-60.0).contains(&loudest), "{application:?}: {loudest}");
    }
}

#[test]
fn a_pause_of_the_far_side_is_not_made_up_for_nobody() {
    let mut phone = Phone::new(Application::Voip, usize::MAX / FRAME);
    phone.encoder.set_dtx(true).expect("it can");
    let heard = hear(phone, 600, Duration::ZERO, |_| false);
    let decoded = heard.frames.iter().skip(100).flatten().count();
    assert!(decoded <= 15, "{decoded} of 500");
}

/// Whoever begins to speak is heard as if somebody had listened all the while, from the first sound on.
#[test]
fn the_first_sound_after_a_long_quiet_is_whole_and_does_not_click() {
    for application in APPLICATIONS {
        for phase in [Duration::ZERO, Duration::from_millis(7)] {
            let begins = 300;
            let all = hear(Phone::new(application, begins), 330, phase, |_| true);
            let mut is_talker = false;
            let lazy = hear(Phone::new(application, begins), 330, phase, |level_dbov| {
                is_talker |= level_dbov > -52.0;
                is_talker
            });
            let what = format!("{application:?}, {phase:?}");
            let missing = lazy.frames[100..begins].iter().filter(|frame| frame.is_none()).count();
            assert!(missing > 180, "{what}: only {missing} frames of quiet were passed over");
            let first = all.levels.iter().position(|&level| level > -40.0).expect("the tone is heard");
            let mut before = 0_i32;
            let (mut power, mut error) = (0.0_f64, 0.0_f64);
            for nth in first..first + 2 {
                let made = lazy.frames[nth].as_ref().expect("the first sound is decoded");
                let whole = all.frames[nth].as_ref().expect("somebody listened all the while");
                for (&made, &whole) in made.iter().zip(whole) {
                    power += f64::from(whole).powi(2);
                    error += (f64::from(made) - f64::from(whole)).powi(2);
                    // The steepest step of the tone, and what the codec adds.
                    let step = (i32::from(made) - before).abs();
                    assert!(step < 1_000, "{what}: a step of {step} in frame {nth}");
                    before = made.into();
                }
            }
            assert!(power > 0.0 && error < power / 100.0, "{what}: {error} of {power} differ");
        }
    }
}
