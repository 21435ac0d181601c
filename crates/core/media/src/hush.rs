//! Whether a packet of Opus is quiet, by its octets and by what those decoded before have shown.
//!
//! The octets tell how loud it is for noise; how much louder this caller's sound is than they say, a frame that is decoded tells.
//! **Invariant:** what the octets call loud, or a voice, is not quiet before it is decoded.

use partyline_codec::SILENCE_DBOV;

/// Softer than this nobody becomes a talker, nor stays one: it need not be known how soft it is.
const QUIET_DBOV: f32 = -58.0;
/// Frames after which what is quiet by its octets is decoded all the same: 2.5 s. A sound without a voice, as far as SILK can
/// tell, may have come up slowly. More often costs more: each is as dear as a frame that is heard.
const TRUST_FRAMES: u32 = 128;
/// How much louder a sound may be than its octets say, in dB: a tone in SILK.
const EXCESS_MAX_DB: f32 = 45.0;

/// What is known of one caller's quiet.
#[derive(Debug, Default)]
pub(crate) struct Hush {
    /// What the octets of this frame said.
    read_dbov: Option<f32>,
    /// How much louder the frame decoded last was than its octets said.
    excess_db: Option<f32>,
    frames: u32,
}

impl Hush {
    /// How loud a frame is whose octets say this, where that is quiet; `None` where it is to be decoded.
    pub(crate) fn judge(&mut self, read_dbov: Option<f32>) -> Option<f32> {
        self.read_dbov = read_dbov;
        self.frames += 1;
        let level_dbov = read_dbov? + self.excess_db?;
        let is_quiet = level_dbov < QUIET_DBOV && self.frames < TRUST_FRAMES;
        is_quiet.then(|| level_dbov.max(SILENCE_DBOV))
    }

    /// The frame was decoded, and is this loud.
    pub(crate) fn decoded(&mut self, level_dbov: f32) {
        self.frames = 0;
        // Where nothing is said the excess of before says nothing either.
        self.excess_db = self.read_dbov.take().map(|read| (level_dbov - read).clamp(0.0, EXCESS_MAX_DB));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_quiet_before_a_frame_was_decoded() {
        let mut hush = Hush::default();
        assert_eq!(hush.judge(Some(-80.0)), None);
        hush.decoded(-79.0);
        assert_eq!(hush.judge(Some(-80.0)), Some(-79.0));
    }

    #[test]
    fn a_tone_is_as_loud_as_it_was_when_it_was_decoded() {
        let mut hush = Hush::default();
        hush.judge(Some(-65.0));
        hush.decoded(-25.0);
        assert_eq!(hush.judge(Some(-65.0)), None);
        assert_eq!(hush.judge(Some(-99.0)), Some(-59.0));
    }

    #[test]
    fn what_the_octets_do_not_tell_is_decoded_and_so_is_what_comes_after_it() {
        let mut hush = Hush::default();
        hush.judge(Some(-80.0));
        hush.decoded(-80.0);
        assert_eq!(hush.judge(None), None);
        hush.decoded(-20.0);
        assert_eq!(hush.judge(Some(-80.0)), None);
    }

    #[test]
    fn a_long_quiet_is_looked_after_now_and_then() {
        let mut hush = Hush::default();
        let mut decoded = 0;
        for _ in 0..10 * TRUST_FRAMES {
            if hush.judge(Some(-80.0)).is_none() {
                hush.decoded(-80.0);
                decoded += 1;
            }
        }
        assert_eq!(decoded, 10);
    }
}
