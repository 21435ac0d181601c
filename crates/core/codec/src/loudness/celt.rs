//! The energy of CELT's bands [RFC 6716 §4.3.2.1].

use std::sync::LazyLock;

use super::packet::Packet;
use super::range::RangeReader;
use crate::level::{SILENCE_DBOV, dbov_of_mean_square};

/// Bands at most, and channels.
const BANDS: usize = 21;
const CHANNELS: usize = 2;
/// Where bands begin and the last one ends, in 200 Hz [RFC 6716 §4.3].
const EDGES: [u8; BANDS + 1] =
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 34, 40, 48, 60, 78, 100];
/// What the energy of a band is told from: the means of much sound, in steps of 6 dB.
const MEANS: [f32; BANDS] = [
    6.4375, 6.25, 5.75, 5.3125, 5.0625, 4.8125, 4.5, 4.375, 4.875, 4.6875, 4.5625, 4.4375, 4.875, 4.625,
    4.3125, 4.5, 4.375, 4.625, 4.75, 4.4375, 3.75,
];
/// How much of the band before in time, and in frequency, is taken over, by the length of a frame.
const FROM_BEFORE: [f32; 4] = [0.898_437_5, 0.796_875, 0.648_437_5, 0.5];
const FROM_BELOW: [f32; 4] = [0.920_013_4, 0.679_992_7, 0.369_995_1, 0.200_012_2];
const FROM_BELOW_ALONE: f32 = 0.149_993_9;
/// No band is taken for softer than this before something is added to it.
const LEAST: f32 = -9.0;
/// What a silent frame leaves.
const SILENT: f32 = -28.0;
/// Frames after which what was before them no longer shows.
const SETTLED: u8 = 5;
/// How likely no change is and how fast larger ones get unlikely, by the length of a frame, by whether it goes on from the
/// one before, and by band; in 256ths and in 512ths.
#[rustfmt::skip]
const LIKELY: [[[u8; 2 * BANDS]; 2]; 4] = [
    [
        [
            72, 127, 65, 129, 66, 128, 65, 128, 64, 128, 62, 128, 64, 128, 64, 128, 92, 78, 92, 79, 92, 78,
            90, 79, 116, 41, 115, 40, 114, 40, 132, 26, 132, 26, 145, 17, 161, 12, 176, 10, 177, 11,
        ],
        [
            24, 179, 48, 138, 54, 135, 54, 132, 53, 134, 56, 133, 55, 132, 55, 132, 61, 114, 70, 96, 74, 88,
            75, 88, 87, 74, 89, 66, 91, 67, 100, 59, 108, 50, 120, 40, 122, 37, 97, 43, 78, 50,
        ],
    ],
    [
        [
            83, 78, 84, 81, 88, 75, 86, 74, 87, 71, 90, 73, 93, 74, 93, 74, 109, 40, 114, 36, 117, 34,
            117, 34, 143, 17, 145, 18, 146, 19, 162, 12, 165, 10, 178, 7, 189, 6, 190, 8, 177, 9,
        ],
        [
            23, 178, 54, 115, 63, 102, 66, 98, 69, 99, 74, 89, 71, 91, 73, 91, 78, 89, 86, 80, 92, 66,
            93, 64, 102, 59, 103, 60, 104, 60, 117, 52, 123, 44, 138, 35, 133, 31, 97, 38, 77, 45,
        ],
    ],
    [
        [
            61, 90, 93, 60, 105, 42, 107, 41, 110, 45, 116, 38, 113, 38, 112, 38, 124, 26, 132, 27, 136, 19,
            140, 20, 155, 14, 159, 16, 158, 18, 170, 13, 177, 10, 187, 8, 192, 6, 175, 9, 159, 10,
        ],
        [
            21, 178, 59, 110, 71, 86, 75, 85, 84, 83, 91, 66, 88, 73, 87, 72, 92, 75, 98, 72, 105, 58,
            107, 54, 115, 52, 114, 55, 112, 56, 129, 51, 132, 40, 150, 33, 140, 29, 98, 35, 77, 42,
        ],
    ],
    [
        [
            42, 121, 96, 66, 108, 43, 111, 40, 117, 44, 123, 32, 120, 36, 119, 33, 127, 33, 134, 34, 139, 21,
            147, 23, 152, 20, 158, 25, 154, 26, 166, 21, 173, 16, 184, 13, 184, 10, 150, 13, 139, 15,
        ],
        [
            22, 178, 63, 114, 74, 82, 84, 83, 92, 82, 103, 62, 96, 72, 96, 67, 101, 73, 107, 72, 113, 55,
            118, 52, 125, 52, 118, 52, 117, 55, 135, 49, 137, 39, 157, 32, 145, 29, 97, 33, 77, 40,
        ],
    ],
];

/// What an energy of nothing stands for in each band, as power at full scale: its mean, and the emphasis of high
/// frequencies undone.
static POWER: LazyLock<[f32; BANDS]> = LazyLock::new(|| {
    std::array::from_fn(|band| {
        let centre_hz = f32::from(EDGES[band]) * 100.0 + f32::from(EDGES[band + 1]) * 100.0;
        let turn = std::f32::consts::TAU * centre_hz / 48_000.0;
        let emphasis = 1.0 - 2.0 * EMPHASIS * turn.cos() + EMPHASIS * EMPHASIS;
        (2.0 * MEANS[band]).exp2() / emphasis
    })
});
/// Makes what is made once.
pub(super) fn prepare() {
    LazyLock::force(&POWER);
}

/// How much of the sample before the emphasis takes away [RFC 6716 §4.3.7.2].
const EMPHASIS: f32 = 0.850_006_1;

/// The power of a frame against the sum of its bands' energies: between what it is for noise (−94 dB) and for tones, of which a
/// window leaves more (−85).
const SCALE: f32 = 1e-9;

/// The energy of each band after the frame read last, in steps of 6 dB above its mean.
#[derive(Debug, Clone, Default)]
pub(super) struct Bands {
    energies: [[f32; BANDS]; CHANNELS],
    frames: u8,
}

impl Bands {
    /// What comes next does not go on from here.
    pub(super) const fn forget(&mut self) {
        self.frames = 0;
    }

    /// Reads a frame: about how loud it is; `None` where that hangs on frames that were not read.
    pub(super) fn read(&mut self, reader: &mut RangeReader<'_>, packet: &Packet<'_>) -> Option<f32> {
        if self.frames == 0 {
            self.energies = [[0.0; BANDS]; CHANNELS];
        }
        if reader.bit(15) {
            self.energies = [[SILENT; BANDS]; CHANNELS];
            self.frames = SETTLED;
            return Some(SILENCE_DBOV);
        }
        pass_over_pitch(reader);
        let size = packet.frame_steps.ilog2() as usize;
        if size > 0 && reader.bits_left() >= 3 {
            // Whether it is cut into short blocks.
            reader.bit(3);
        }
        let is_alone = reader.bits_left() >= 3 && reader.bit(3);
        self.frames = if is_alone { SETTLED } else { self.frames.saturating_add(1).min(SETTLED) };
        self.read_energies(reader, packet, size, is_alone);
        (self.frames == SETTLED).then(|| self.level_dbov(packet))
    }

    fn read_energies(
        &mut self,
        reader: &mut RangeReader<'_>,
        packet: &Packet<'_>,
        size: usize,
        is_alone: bool,
    ) {
        let (from_before, from_below) =
            if is_alone { (0.0, FROM_BELOW_ALONE) } else { (FROM_BEFORE[size], FROM_BELOW[size]) };
        let likely = &LIKELY[size][usize::from(is_alone)];
        let mut below = [0.0; CHANNELS];
        for band in 0..packet.bands {
            for (energies, below) in self.energies.iter_mut().zip(&mut below).take(channels(packet)) {
                let change = match reader.bits_left() {
                    15.. => laplace(
                        reader,
                        u32::from(likely[2 * band]) << 7,
                        u32::from(likely[2 * band + 1]) << 6,
                    ),
                    2.. => [0, -1, 1][reader.symbol_of(&[2, 1, 0], 2)],
                    1 => -i32::from(reader.bit(1)),
                    0 => -1,
                } as f32;
                energies[band] = from_before * energies[band].max(LEAST) + *below + change;
                *below += change - from_below * change;
            }
        }
    }

    fn level_dbov(&self, packet: &Packet<'_>) -> f32 {
        let power = |energies: &[f32; BANDS]| -> f32 {
            let bands = energies.iter().zip(POWER.iter()).take(packet.bands);
            bands.map(|(&energy, power)| power * (2.0 * energy).exp2()).sum()
        };
        let loudest = self.energies.iter().take(channels(packet)).map(power).fold(0.0, f32::max);
        dbov_of_mean_square(loudest * SCALE)
    }
}

const fn channels(packet: &Packet<'_>) -> usize {
    if packet.is_stereo { 2 } else { 1 }
}

/// The pitch of a filter that comes after the decoder.
fn pass_over_pitch(reader: &mut RangeReader<'_>) {
    if reader.bits_left() >= 16 && reader.bit(1) {
        let octave = reader.one_of(6);
        reader.pass_over(4 + octave + 3);
        if reader.bits_left() >= 2 {
            reader.symbol_of(&[2, 1, 0], 2);
        }
    }
}

/// A whole number, the more unlikely the further from zero.
fn laplace(reader: &mut RangeReader<'_>, none: u32, decay: u32) -> i32 {
    let (place, part) = reader.peek_15();
    let (mut size, mut low, mut width) = (0, 0, none);
    if place >= none {
        size = 1;
        low = none;
        width = (((32_768 - 32 - none) * (16_384 - decay)) >> 15) + 1;
        while width > 1 && place >= low + 2 * width {
            width *= 2;
            low += width;
            width = (((width - 2) * decay) >> 15) + 1;
            size += 1;
        }
        if width <= 1 {
            let further = (place - low) >> 1;
            size += further as i32;
            low += 2 * further;
        }
        if place < low + width {
            size = -size;
        } else {
            low += width;
        }
    }
    reader.take(part, low, (low + width).min(32_768), 32_768);
    size
}
