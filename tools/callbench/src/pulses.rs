//! Short tones whose beginnings are found again to the sample: how delay is measured from mouth to ear.
//!
//! A beginning is told as the time of its packet and the place in it, on both sides: what lies between the two is what the
//! server took, wherever in its packets the sound begins.

use std::time::{Duration, Instant};

use crate::meter::RATE_HZ;
use crate::tone::{FRAME, Oscillator};

/// How long a pulse sounds, and from one to the next: close enough that who pulses stays a talker.
const SOUNDING: u32 = RATE_HZ / 10;
const PERIOD: u32 = RATE_HZ / 2;
/// Periods are longer by up to this, so that beginnings lie anywhere in their packets.
const JITTER: u32 = 2 * FRAME as u32;
/// A sample beyond this has begun; a pulse rises to eight times as much within its first quarter of a turn.
const THRESHOLD: i16 = 1_000;
/// Nothing was beyond it for so long before a beginning; holes of lost packets are shorter.
const QUIET: u32 = RATE_HZ / 8;
/// Beginnings that are kept: five minutes of them.
const KEPT_MAX: usize = 600;

/// What sends pulses.
#[derive(Debug)]
pub(crate) struct Pulses {
    hz: f32,
    level_dbov: f32,
    tone: Oscillator,
    /// Samples left of the pulse, and of the quiet behind it.
    sounding: u32,
    quiet: u32,
    began: Vec<Instant>,
}

impl Pulses {
    pub(crate) fn new(hz: f32, level_dbov: f32) -> Self {
        let tone = Oscillator::new(hz, level_dbov);
        Self { hz, level_dbov, tone, sounding: 0, quiet: PERIOD, began: Vec::new() }
    }

    /// The next frame, which is sent now.
    pub(crate) fn fill(&mut self, now: Instant, samples: &mut [i16; FRAME]) {
        for at in 0..FRAME {
            if self.sounding == 0 && self.quiet == 0 {
                self.tone = Oscillator::new(self.hz, self.level_dbov);
                self.sounding = SOUNDING;
                self.quiet = PERIOD - SOUNDING + rand::random_range(0..JITTER);
                keep(&mut self.began, now, at);
            }
            if self.sounding > 0 {
                self.sounding -= 1;
                self.tone.fill(&mut samples[at..=at]);
            } else {
                self.quiet -= 1;
            }
        }
    }

    /// The beginnings since this was last asked.
    pub(crate) fn take(&mut self) -> Vec<Instant> {
        std::mem::take(&mut self.began)
    }
}

/// What hears pulses begin.
#[derive(Debug)]
pub(crate) struct PulseEar {
    quiet: u32,
    began: Vec<Instant>,
}

impl PulseEar {
    pub(crate) const fn new() -> Self {
        Self { quiet: 0, began: Vec::new() }
    }

    /// The next samples, which have come now.
    pub(crate) fn hear(&mut self, now: Instant, samples: &[i16]) {
        for (at, sample) in samples.iter().enumerate() {
            if sample.unsigned_abs() < THRESHOLD.unsigned_abs() {
                self.quiet = self.quiet.saturating_add(1);
                continue;
            }
            if std::mem::replace(&mut self.quiet, 0) >= QUIET {
                keep(&mut self.began, now, at);
            }
        }
    }

    /// The beginnings since this was last asked.
    pub(crate) fn take(&mut self) -> Vec<Instant> {
        std::mem::take(&mut self.began)
    }
}

fn keep(began: &mut Vec<Instant>, now: Instant, at: usize) {
    if began.len() < KEPT_MAX {
        began.push(now + Duration::from_secs(at as u64) / RATE_HZ);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beginning_is_found_again_wherever_it_lies_in_its_packet() {
        let start = Instant::now();
        let at = |frame: u32| start + Duration::from_millis(20) * frame;
        let delay = Duration::from_millis(37);
        let (mut pulses, mut ear) = (Pulses::new(1_000.0, -15.0), PulseEar::new());
        for frame in 0..500 {
            let mut samples = [0; FRAME];
            pulses.fill(at(frame), &mut samples);
            ear.hear(at(frame) + delay, &samples);
        }
        let (sent, heard) = (pulses.take(), ear.take());
        assert!((17..=20).contains(&sent.len()), "{} in ten seconds", sent.len());
        assert_eq!(sent.len(), heard.len());
        for (sent, heard) in sent.iter().zip(&heard) {
            let off = heard.duration_since(*sent).abs_diff(delay);
            assert!(off < Duration::from_micros(300), "{off:?}");
        }
        let places: std::collections::BTreeSet<u128> =
            sent.iter().map(|sent| sent.duration_since(start).as_micros() % 20_000).collect();
        assert!(places.len() > 10, "they begin anywhere in a packet: {places:?}");
    }

    #[test]
    fn a_hole_in_a_pulse_is_no_beginning() {
        let now = Instant::now();
        let mut ear = PulseEar::new();
        ear.hear(now, &[0; 2_000]);
        ear.hear(now, &[8_000; 320]);
        ear.hear(now, &[0; 320]);
        ear.hear(now, &[8_000; 320]);
        assert_eq!(ear.take().len(), 1);
    }
}
