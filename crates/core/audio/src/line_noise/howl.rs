//! A howl: one tone, as loud as the line gets, that does not move.

use crate::level::dbov_of_mean_square;

/// Softer is no howl: it grows until something limits it. Tones of the network and of test equipment are softer.
const LOUD_DBOV: f32 = -13.0;
/// What one tone leaves of a prediction from two samples, of all.
const REST_MAX: f32 = 0.003;
/// Share of the power that is at its frequency: two tones, as keys are, have none between them.
const SHARE_MIN: f32 = 0.85;
/// How far its frequency may move within a howl, as a share.
const STEADY: f32 = 0.02;
/// Frames that it has to last: three seconds. No voice holds a tone that steadily for so long.
const FRAMES: u32 = 150;
/// Frames that may differ in between.
const SLIPS_MAX: u32 = 2;

#[derive(Debug, Clone)]
pub(super) struct Howl {
    lowest_turn: f32,
    turn: f32,
    frames: u32,
    slips: u32,
}

impl Howl {
    pub(super) fn new(rate_hz: u32) -> Self {
        // Below 200 Hz it is a hum.
        let lowest_turn = std::f32::consts::TAU * 200.0 / rate_hz.max(1) as f32;
        Self { lowest_turn, turn: 0.0, frames: 0, slips: 0 }
    }

    pub(super) const fn restart(&mut self) {
        (self.frames, self.slips) = (0, 0);
    }

    /// Takes a frame; whether the line howls.
    pub(super) fn hear(&mut self, frame: &[i16], mean_square: f32) -> bool {
        let is_loud = dbov_of_mean_square(mean_square) > LOUD_DBOV;
        let turn = if is_loud { turn_of_tone(frame) } else { None };
        match turn.filter(|turn| *turn > self.lowest_turn) {
            Some(turn) if self.frames > 0 && (turn - self.turn).abs() <= STEADY * self.turn => {
                (self.frames, self.slips) = (self.frames + 1, 0);
            }
            Some(turn) if self.frames == 0 => (self.turn, self.frames, self.slips) = (turn, 1, 0),
            Some(_) | None => {
                self.slips += 1;
                if self.slips > SLIPS_MAX {
                    self.restart();
                }
            }
        }
        self.frames >= FRAMES
    }
}

/// How far a lone tone turns within a sample, in radians; `None` for any other sound. A tone obeys
/// x₀ + x₂ = 2·cos(turn)·x₁.
fn turn_of_tone(frame: &[i16]) -> Option<f32> {
    let (mut outer, mut middle, mut cross) = (0.0_f32, 0.0_f32, 0.0_f32);
    for triple in frame.windows(3) {
        let (sum, between) = (f32::from(triple[0]) + f32::from(triple[2]), f32::from(triple[1]));
        outer += sum * sum;
        middle += between * between;
        cross += sum * between;
    }
    if middle <= 0.0 {
        return None;
    }
    let twice_cosine = cross / middle;
    let rest = outer - twice_cosine * cross;
    if rest > REST_MAX * (2.0 + twice_cosine * twice_cosine) * middle {
        return None;
    }
    let turn = (twice_cosine / 2.0).clamp(-1.0, 1.0).acos();
    (share_at(frame, turn) >= SHARE_MIN).then_some(turn)
}

/// The share of a frame's power that is at a frequency.
fn share_at(frame: &[i16], turn: f32) -> f32 {
    let (mut real, mut imaginary, mut power) = (0.0_f32, 0.0_f32, 0.0_f32);
    let (mut cosine, mut sine) = (1.0_f32, 0.0_f32);
    let (step_cosine, step_sine) = (turn.cos(), turn.sin());
    for &sample in frame {
        let sample = f32::from(sample);
        real += sample * cosine;
        imaginary += sample * sine;
        power += sample * sample;
        (cosine, sine) = (cosine * step_cosine - sine * step_sine, sine * step_cosine + cosine * step_sine);
    }
    2.0 * (real * real + imaginary * imaginary) / (power * frame.len() as f32).max(1.0)
}
