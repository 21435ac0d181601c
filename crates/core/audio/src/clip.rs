//! Clips (recorded sound) and programs (what a caller hears, in order).

use std::sync::Arc;
use std::time::Duration;

/// A piece of recorded sound: mono, 16-bit, at its own rate. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Clip {
    rate_hz: u32,
    samples: Arc<[i16]>,
}

impl Clip {
    /// Takes samples at a rate.
    #[must_use]
    pub fn new(rate_hz: u32, samples: impl Into<Arc<[i16]>>) -> Self {
        Self { rate_hz, samples: samples.into() }
    }

    /// Samples per second.
    #[must_use]
    pub const fn rate_hz(&self) -> u32 {
        self.rate_hz
    }

    /// The samples.
    #[must_use]
    pub fn samples(&self) -> &[i16] {
        &self.samples
    }

    /// How long it plays.
    #[must_use]
    pub fn duration(&self) -> Duration {
        Duration::from_secs_f64(self.samples.len() as f64 / f64::from(self.rate_hz.max(1)))
    }
}

/// One step of a program.
#[derive(Debug, Clone)]
pub enum Step {
    /// A clip.
    Clip(Clip),
    /// A pause.
    Silence(Duration),
    /// A sine tone.
    Tone {
        /// Hz.
        frequency_hz: f32,
        /// How long.
        duration: Duration,
        /// Level of the sine in dBov (0 is the loudest; −15 is comfortable).
        level_dbov: f32,
    },
}

/// What is played, in order; perhaps again and again (hold music).
#[derive(Debug, Clone, Default)]
pub struct Program {
    /// The steps.
    pub steps: Vec<Step>,
    /// Whether it starts again at its end.
    pub repeats: bool,
}
