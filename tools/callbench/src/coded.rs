//! Opus that is coded once and said over and over: what a telephone says costs the load maker as little as in G.711.

use std::sync::Arc;

use partyline_codec::{Codec, Encoder, OpusSettings};

/// The rate that telephones of a load speak and hear at.
pub(crate) const OPUS_HZ: u32 = 48_000;
/// Frames in a second.
const SECOND: usize = 50;
/// What is said before that which is kept: the encoder has found to the sound.
const LEAD: usize = 2 * SECOND;
/// How long a quiet room is before it begins anew, in frames.
const QUIET: usize = 10 * SECOND;
/// How loud a quiet room is.
const QUIET_DBOV: f32 = -68.0;
/// How loud noise is of which only the lows are left.
const DULL_DBOV: f32 = -24.7;
/// A packet that is no longer says that nothing need be sent [RFC 7587 §3.1.3].
const PAUSE_OCTETS: usize = 2;

/// How the Opus telephones of a load behave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OpusTelephones {
    /// Whether they send nothing while it is quiet (DTX).
    pub pauses: bool,
}

/// Packets of 20 ms of Opus at 48 kHz, the first of which follows the last one.
#[derive(Debug)]
pub(crate) struct Coded {
    packets: Box<[Box<[u8]>]>,
}

impl Coded {
    /// A tone, of a whole number of hertz so that it has no seam. It is always sent: an encoder that may pause takes a tone that
    /// does not change for noise.
    pub(crate) fn tone(hz: f32, level_dbov: f32) -> Arc<Self> {
        let peak = 32_768.0 * 2f64.sqrt() * 10f64.powf(f64::from(level_dbov) / 20.0);
        let step = std::f64::consts::TAU * f64::from(hz.round()) / f64::from(OPUS_HZ);
        Self::of(SECOND, OpusTelephones::default(), |nth| (peak * (step * nth as f64).sin()) as i16)
    }

    /// What a telephone sends of a room in which nobody speaks: soft noise without highs.
    pub(crate) fn quiet(telephones: OpusTelephones) -> Arc<Self> {
        let (mut state, mut dull) = (1_u32, 0.0_f32);
        let gain = 10.0_f32.powf((QUIET_DBOV - DULL_DBOV) / 20.0);
        Self::of(QUIET, telephones, |_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            dull = 0.98 * dull + 0.02 * f32::from((state >> 16) as i16);
            (dull * gain) as i16
        })
    }

    fn of(kept: usize, telephones: OpusTelephones, mut sample: impl FnMut(usize) -> i16) -> Arc<Self> {
        let wishes = OpusSettings { has_dtx: telephones.pauses, ..OpusSettings::ours() };
        let mut encoder = Encoder::at_rate(Codec::Opus, OPUS_HZ, &wishes);
        let frame_samples = OPUS_HZ as usize / SECOND;
        let mut packet = |nth: usize| -> Box<[u8]> {
            let samples: Vec<i16> =
                (nth * frame_samples..(nth + 1) * frame_samples).map(&mut sample).collect();
            let mut payload = [0; Codec::Opus.frame_octets_max()];
            let octets = encoder.encode(&samples, &mut payload);
            let is_sent = !telephones.pauses || octets > PAUSE_OCTETS;
            payload[..if is_sent { octets } else { 0 }].into()
        };
        (0..LEAD).for_each(|nth| drop(packet(nth)));
        Arc::new(Self { packets: (LEAD..LEAD + kept).map(packet).collect() })
    }

    /// A packet of this 20 ms; empty where none is sent.
    pub(crate) fn packet(&self, nth: usize) -> &[u8] {
        &self.packets[nth % self.packets.len()]
    }
}

#[cfg(test)]
mod tests {
    use partyline_codec::Decoder;

    use super::*;
    use crate::meter::{RATE_HZ, level_dbov, tone_level_dbov};

    fn heard(coded: &Coded, frames: usize) -> Vec<i16> {
        let mut decoder = Decoder::at_rate(Codec::Opus, RATE_HZ);
        let mut sound = Vec::new();
        for nth in 0..frames {
            let mut samples = [0; 960];
            let count = decoder.decode(coded.packet(nth), &mut samples[..160]);
            sound.extend_from_slice(&samples[..count]);
        }
        sound.split_off(sound.len() / 5)
    }

    #[test]
    fn a_tone_goes_on_and_on_without_a_seam() {
        let sound = heard(&Coded::tone(1234.4, -15.0), 250);
        let level = tone_level_dbov(&sound, RATE_HZ, 1234.0);
        assert!((level + 15.0).abs() < 1.0, "{level}");
        // A seam would be heard beside the tone.
        let all = level_dbov(&sound);
        assert!((all - level).abs() < 0.2, "{level} of {all}");
    }

    #[test]
    fn a_quiet_room_is_soft_and_is_sent_at_all_times_unless_telephones_pause() {
        let coded = Coded::quiet(OpusTelephones::default());
        let level = level_dbov(&heard(&coded, 500));
        assert!((-75.0..-60.0).contains(&level), "{level}");
        assert!((0..QUIET).all(|nth| coded.packet(nth).len() > PAUSE_OCTETS));
        let pausing = Coded::quiet(OpusTelephones { pauses: true });
        let sent = (0..QUIET).filter(|&nth| !pausing.packet(nth).is_empty()).count();
        assert!((5..QUIET / 5).contains(&sent), "{sent} of {QUIET}");
    }
}
