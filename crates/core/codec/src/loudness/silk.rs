//! The gains of a SILK frame [RFC 6716 §4.2].

use super::packet::Packet;
use super::range::RangeReader;

/// The tables say what of 256 is left after each symbol. The types of a frame without a voice [RFC 6716 §4.2.7.3].
const TYPES: [u8; 2] = [230, 0];
/// The high bits of its first gain, and the low bits [RFC 6716 §4.2.7.4].
const GAIN_HIGH: [u8; 8] = [224, 112, 44, 15, 3, 2, 1, 0];
const GAIN_LOW: [u8; 8] = [224, 192, 160, 128, 96, 64, 32, 0];
/// How the other gains differ.
const GAIN_STEPS: [u8; 41] = [
    250, 245, 234, 203, 71, 50, 42, 38, 35, 33, 31, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16,
    15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0,
];
/// The highest gain, as it is coded.
const GAIN_MAX: i32 = 63;
/// A sample of one against full scale, in dB.
const ONE_DBOV: f32 = -90.3;

/// About how loud a frame is; `None` where it has a voice, or its first octets don't say.
pub(super) fn level_dbov(reader: &mut RangeReader<'_>, packet: &Packet<'_>) -> Option<f32> {
    // In stereo more comes before the gains.
    if packet.is_stereo {
        return None;
    }
    for _ in 0..(packet.frame_steps / 8).max(1) {
        if reader.bit(1) {
            return None;
        }
    }
    // A spare copy, which comes before the gains too, is of a voice.
    if reader.bit(1) {
        return None;
    }
    reader.symbol(&TYPES);
    // Of several parts, which are alike without a voice, the gains of the first one come first.
    let mut gain = (reader.symbol(&GAIN_HIGH) * 8 + reader.symbol(&GAIN_LOW)) as i32;
    let count = if packet.frame_steps < 8 { 2 } else { 4 };
    let mut power = power_of(gain);
    for _ in 1..count {
        let step = reader.symbol(&GAIN_STEPS) as i32;
        gain = (2 * step - 16).max(gain + step - 4).clamp(0, GAIN_MAX);
        power += power_of(gain);
    }
    Some(10.0 * (power / count as f32).log10() + ONE_DBOV)
}

/// A gain is coded as its logarithm: 2 to 88 dB in 64 steps.
fn power_of(gain: i32) -> f32 {
    10.0_f32.powf(0.2 + 0.1367 * gain as f32)
}
