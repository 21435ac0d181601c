//! The tables of both quantizers [ITU-T G.722 §6.2, tables 14 to 21] and their use.

/// Where the lower band's steps end, as parts of the scale factor (QUANTL).
const LOW_DECISIONS: [i32; 29] = [
    35, 72, 110, 150, 190, 233, 276, 323, 370, 422, 473, 530, 587, 650, 714, 786, 858, 940, 1_023, 1_121,
    1_219, 1_339, 1_458, 1_612, 1_765, 1_980, 2_195, 2_557, 2_919,
];
/// What the lower band's six bits stand for, in the order of their codes (INVQBL, 64 kbit/s).
const LOW_VALUES: [i32; 64] = [
    -136, -136, -136, -136, -24_808, -21_904, -19_008, -16_704, -14_984, -13_512, -12_280, -11_192, -10_232,
    -9_360, -8_576, -7_856, -7_192, -6_576, -6_000, -5_456, -4_944, -4_464, -4_008, -3_576, -3_168, -2_776,
    -2_400, -2_032, -1_688, -1_360, -1_040, -728, 24_808, 21_904, 19_008, 16_704, 14_984, 13_512, 12_280,
    11_192, 10_232, 9_360, 8_576, 7_856, 7_192, 6_576, 6_000, 5_456, 4_944, 4_464, 4_008, 3_576, 3_168,
    2_776, 2_400, 2_032, 1_688, 1_360, 1_040, 728, 432, 136, -432, -136,
];
/// What their upper four bits stand for (INVQAL).
const LOW_COARSE_VALUES: [i32; 16] = [
    0, -20_456, -12_896, -8_968, -6_288, -4_240, -2_584, -1_200, 20_456, 12_896, 8_968, 6_288, 4_240, 2_584,
    1_200, 0,
];
/// How the lower band's scale factor moves with those four bits (LOGSCL).
const LOW_SPEEDS: [i32; 16] =
    [-60, 3_042, 1_198, 538, 334, 172, 58, -30, 3_042, 1_198, 538, 334, 172, 58, -30, -60];
/// Where the upper band's one step ends.
const HIGH_DECISION: i32 = 564;
/// What the upper band's two bits stand for (INVQAH).
const HIGH_VALUES: [i32; 4] = [-7_408, -1_616, 7_408, 1_616];
/// How the upper band's scale factor moves with them (LOGSCH).
const HIGH_SPEEDS: [i32; 4] = [798, -214, 798, -214];

/// The lower band's code of a difference. Codes count down from either end of the table.
pub(super) fn low_code(difference: i32, scale: i32) -> u8 {
    // A negative number's magnitude is its one's complement.
    let magnitude = difference ^ (difference >> 31);
    let step = LOW_DECISIONS.partition_point(|&decision| (decision * scale) >> 12 <= magnitude) as u8;
    match (difference < 0, step) {
        (false, step) => 61 - step,
        (true, step @ 0..=1) => 63 - step,
        (true, step) => 33 - step,
    }
}

/// The upper band's code of a difference.
pub(super) const fn high_code(difference: i32, scale: i32) -> u8 {
    let magnitude = difference ^ (difference >> 31);
    let is_far = magnitude >= (HIGH_DECISION * scale) >> 12;
    match (difference < 0, is_far) {
        (true, true) => 0,
        (true, false) => 1,
        (false, true) => 2,
        (false, false) => 3,
    }
}

pub(super) const fn low_difference(code: u8, scale: i32) -> i32 {
    (LOW_VALUES[(code & 0x3F) as usize] * scale) >> 15
}

pub(super) const fn low_coarse_difference(code: u8, scale: i32) -> i32 {
    (LOW_COARSE_VALUES[((code & 0x3F) >> 2) as usize] * scale) >> 15
}

pub(super) const fn low_speed(code: u8) -> i32 {
    LOW_SPEEDS[((code & 0x3F) >> 2) as usize]
}

pub(super) const fn high_difference(code: u8, scale: i32) -> i32 {
    (HIGH_VALUES[(code & 3) as usize] * scale) >> 15
}

pub(super) const fn high_speed(code: u8) -> i32 {
    HIGH_SPEEDS[(code & 3) as usize]
}
