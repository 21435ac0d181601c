//! What is done to voices before they are mixed, and to what listeners hear while there are none.

use partyline_audio::{Agc, HumRemoval, NoiseSuppressor};

use crate::frame::{Frame, RATE_HZ, Sums};

/// What a mix does to sound besides adding it up. (Noise is taken from voices where it has [`Suppressors`](crate::Suppressors).)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Treatment {
    /// Takes the offset and the hum of lines from voices.
    pub has_hum_filter: bool,
    /// Makes all talkers as loud as each other (automatic gain control).
    pub has_agc: bool,
    /// Gives listeners a soft noise while nobody talks, so that the line does not seem dead.
    pub has_comfort_noise: bool,
    /// What is broken on purpose.
    #[cfg(feature = "faults")]
    pub fault: Option<crate::fault::Fault>,
}

impl Treatment {
    /// Voices stay as they come, and silence is silent.
    pub const PLAIN: Self = Self {
        has_hum_filter: false,
        has_agc: false,
        has_comfort_noise: false,
        #[cfg(feature = "faults")]
        fault: None,
    };
    /// All of it.
    pub const FULL: Self = Self {
        has_hum_filter: true,
        has_agc: true,
        has_comfort_noise: true,
        #[cfg(feature = "faults")]
        fault: None,
    };

    /// Whether voices are changed at all.
    pub(crate) const fn is_for_voices(self) -> bool {
        self.has_hum_filter || self.has_agc
    }
}

impl Default for Treatment {
    fn default() -> Self {
        Self::FULL
    }
}

/// One caller's voice on its way into mixes. It goes with the caller, so that they are as loud in the next mix.
#[derive(Debug)]
pub(crate) struct Conditioner {
    hum: HumRemoval,
    agc: Agc,
}

impl Conditioner {
    pub(crate) fn new() -> Self {
        Self { hum: HumRemoval::new(RATE_HZ), agc: Agc::new() }
    }

    /// After a time in which nobody asked for the voice: its next frame is `frame`.
    pub(crate) fn resume(&mut self, frame: &Frame) {
        let sum: i32 = frame.iter().map(|&sample| i32::from(sample)).sum();
        self.hum.begin(sum as f32 / frame.len() as f32);
        self.agc.resume();
    }

    /// Makes of a frame what is mixed, which may be louder than 16 bits hold.
    pub(crate) fn condition(
        &mut self,
        frame: &Frame,
        treatment: Treatment,
        suppressor: Option<&mut NoiseSuppressor>,
        is_broken: bool,
        voice: &mut Sums,
    ) {
        let mut samples = frame.map(f32::from);
        if treatment.has_hum_filter {
            self.hum.remove(&mut samples);
        }
        if let Some(suppressor) = suppressor {
            suppressor.suppress(&mut samples);
        }
        if treatment.has_agc {
            self.agc.adjust(&mut samples, is_broken);
        }
        for (sum, &sample) in voice.iter_mut().zip(&samples) {
            *sum = (sample + 0.5_f32.copysign(sample)) as i32;
        }
    }
}
