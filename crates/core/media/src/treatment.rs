//! What is done to voices before they are mixed, and to what listeners hear while there are none.

use partyline_audio::{Agc, HumRemoval, NoiseSuppressor};

use crate::frame::SAMPLES_MAX;

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
    rate_hz: u32,
    hum: HumRemoval,
    agc: Agc,
}

impl Conditioner {
    /// For a voice at this rate.
    pub(crate) fn new(rate_hz: u32) -> Self {
        Self { rate_hz, hum: HumRemoval::new(rate_hz), agc: Agc::new() }
    }

    /// After a time in which nobody asked for the voice: its next frame is `frame`.
    pub(crate) fn resume(&mut self, frame: &[i16]) {
        self.follow_rate(frame);
        let sum: i32 = frame.iter().map(|&sample| i32::from(sample)).sum();
        self.hum.begin(sum as f32 / frame.len().max(1) as f32);
        self.agc.resume();
    }

    /// Makes of a frame of 20 ms what is mixed, which may be louder than 16 bits hold.
    pub(crate) fn condition(
        &mut self,
        frame: &[i16],
        treatment: Treatment,
        suppressor: Option<&mut NoiseSuppressor>,
        is_broken: bool,
        voice: &mut [i32],
    ) {
        self.follow_rate(frame);
        let mut room = [0.0; SAMPLES_MAX];
        let samples = &mut room[..frame.len().min(SAMPLES_MAX)];
        for (sample, &heard) in samples.iter_mut().zip(frame) {
            *sample = f32::from(heard);
        }
        if treatment.has_hum_filter {
            self.hum.remove(samples);
        }
        if let Some(suppressor) = suppressor {
            suppressor.set_rate_hz(self.rate_hz);
            suppressor.suppress(samples);
        }
        if treatment.has_agc {
            self.agc.adjust(samples, is_broken);
        }
        for (sum, &sample) in voice.iter_mut().zip(&*samples) {
            *sum = (sample + 0.5_f32.copysign(sample)) as i32;
        }
    }

    /// The caller may have gone over to another codec.
    fn follow_rate(&mut self, frame: &[i16]) {
        let rate_hz = frame.len() as u32 * 50;
        if rate_hz != self.rate_hz {
            self.rate_hz = rate_hz;
            self.hum = HumRemoval::new(rate_hz);
        }
    }
}
