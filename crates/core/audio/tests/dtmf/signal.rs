//! Test signals at 8 kHz: keys with faults, noise, and something that speaks.

use partyline_audio::KeyDetector;

pub(crate) const RATE_HZ: f32 = 8_000.0;
/// The level of 0 dBm0, for a sine in G.711.
pub(crate) const DBOV_OF_0_DBM0: f32 = -6.15;
pub(crate) const ROWS_HZ: [f32; 4] = [697.0, 770.0, 852.0, 941.0];
pub(crate) const COLUMNS_HZ: [f32; 4] = [1_209.0, 1_336.0, 1_477.0, 1_633.0];
/// In the order of rows and columns.
pub(crate) const KEYS: &str = "123A456B789C*0#D";

/// Numbers that look random, the same at each run.
#[derive(Debug, Clone)]
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    /// From 0 to 1.
    pub(crate) fn part(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f32 / (1_u64 << 24) as f32
    }

    pub(crate) fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.part()
    }

    /// Nearly Gaussian, with a standard deviation of 1.
    pub(crate) fn noise(&mut self) -> f32 {
        (0..4).map(|_| self.part() - 0.5).sum::<f32>() * 3.0_f32.sqrt()
    }
}

/// The peak of a sine of so many dBm0.
pub(crate) fn peak_of_dbm0(level_dbm0: f32) -> f32 {
    partyline_audio::level::sine_peak(level_dbm0 + DBOV_OF_0_DBM0)
}

/// A key being pressed, with the faults of its telephone.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Press {
    pub(crate) key: char,
    pub(crate) milliseconds: f32,
    /// By which part of itself each frequency is off.
    pub(crate) row_off: f32,
    pub(crate) column_off: f32,
    pub(crate) row_dbm0: f32,
    pub(crate) column_dbm0: f32,
}

impl Press {
    pub(crate) fn of(key: char) -> Self {
        let level = -10.0;
        Self { key, milliseconds: 60.0, row_off: 0.0, column_off: 0.0, row_dbm0: level, column_dbm0: level }
    }

    pub(crate) fn samples(self) -> Vec<f32> {
        let place = KEYS.find(self.key).expect("only keys are pressed");
        let row = ROWS_HZ[place / 4] * (1.0 + self.row_off);
        let column = COLUMNS_HZ[place % 4] * (1.0 + self.column_off);
        let (row_peak, column_peak) = (peak_of_dbm0(self.row_dbm0), peak_of_dbm0(self.column_dbm0));
        let sine = |hz: f32, n: usize| (std::f32::consts::TAU * hz * n as f32 / RATE_HZ).sin();
        let count = (self.milliseconds * RATE_HZ / 1_000.0) as usize;
        (0..count).map(|n| row_peak * sine(row, n) + column_peak * sine(column, n)).collect()
    }
}

pub(crate) fn silence(milliseconds: f32) -> Vec<f32> {
    vec![0.0; (milliseconds * RATE_HZ / 1_000.0) as usize]
}

pub(crate) fn to_pcm(samples: &[f32]) -> Vec<i16> {
    samples.iter().map(|&sample| sample.clamp(-32_767.0, 32_767.0) as i16).collect()
}

/// The keys heard, in frames of 20 ms, after a start that is no multiple of one.
pub(crate) fn heard(samples: &[f32]) -> String {
    let mut detector = KeyDetector::new();
    to_pcm(samples).chunks(160).filter_map(|frame| detector.hear(frame)).collect()
}

/// Something that speaks: pulses and noise through formants that wander, in syllables with pauses.
pub(crate) struct Speaker {
    dice: Dice,
    formants: [Formant; 4],
    pitch_hz: f32,
    /// The voice rises and falls: by which part of itself its pitch changes in a second.
    glide: f32,
    pitch_turn: f32,
    left_samples: u32,
    sound: Sound,
    gain: f32,
    wanted_gain: f32,
}

#[derive(Clone, Copy, PartialEq)]
enum Sound {
    Voiced,
    Whispered,
    Pause,
}

#[derive(Clone, Copy, Default)]
struct Formant {
    hz: f32,
    wanted_hz: f32,
    width_hz: f32,
    last: f32,
    before: f32,
}

impl Speaker {
    pub(crate) fn new(seed: u64) -> Self {
        let mut dice = Dice(seed);
        let pitch_hz = dice.between(80.0, 350.0);
        Self {
            dice,
            formants: [Formant { hz: 500.0, width_hz: 60.0, ..Formant::default() }; 4],
            pitch_hz,
            glide: 0.0,
            pitch_turn: 0.0,
            left_samples: 0,
            sound: Sound::Pause,
            gain: 0.0,
            wanted_gain: 0.0,
        }
    }

    fn begins_a_sound(&mut self) {
        let dice = &mut self.dice;
        self.sound = match dice.part() {
            part if part < 0.62 => Sound::Voiced,
            part if part < 0.82 => Sound::Whispered,
            _ => Sound::Pause,
        };
        self.left_samples = (dice.between(0.03, 0.35) * RATE_HZ) as u32;
        self.pitch_hz = (self.pitch_hz * dice.between(0.85, 1.18)).clamp(70.0, 450.0);
        self.glide = dice.between(-0.8, 0.8);
        self.wanted_gain =
            if self.sound == Sound::Pause { 0.0 } else { peak_of_dbm0(dice.between(-24.0, -6.0)) };
        let ranges = [(250.0, 950.0), (800.0, 2_300.0), (1_700.0, 3_000.0), (2_800.0, 3_700.0)];
        for (formant, (low, high)) in self.formants.iter_mut().zip(ranges) {
            formant.wanted_hz = dice.between(low, high);
            formant.width_hz = dice.between(50.0, 180.0);
        }
    }

    pub(crate) fn samples(&mut self, count: usize) -> Vec<f32> {
        (0..count).map(|_| self.sample()).collect()
    }

    fn sample(&mut self) -> f32 {
        if self.left_samples == 0 {
            self.begins_a_sound();
        }
        self.left_samples -= 1;
        self.gain += (self.wanted_gain - self.gain) * 0.005;
        self.pitch_hz *= 1.0 + self.glide / RATE_HZ;
        self.pitch_turn += self.pitch_hz * (1.0 + 0.01 * self.dice.noise()) / RATE_HZ;
        let pulse = self.pitch_turn >= 1.0;
        self.pitch_turn -= f32::from(u8::from(pulse));
        let source = match self.sound {
            Sound::Voiced => f32::from(u8::from(pulse)) * 6.0 + 0.02 * self.dice.noise(),
            Sound::Whispered => 0.7 * self.dice.noise(),
            Sound::Pause => 0.0,
        };
        let weights = [1.0, 0.7, 0.35, 0.2];
        let mut sum = 0.0;
        for (formant, weight) in self.formants.iter_mut().zip(weights) {
            sum += weight * formant.pass(source);
        }
        (sum * self.gain).clamp(-32_000.0, 32_000.0)
    }
}

impl Formant {
    /// A resonance of unit gain at its middle, that wanders to where it is wanted.
    fn pass(&mut self, source: f32) -> f32 {
        self.hz += (self.wanted_hz - self.hz) * 0.002;
        let radius = (-std::f32::consts::PI * self.width_hz / RATE_HZ).exp();
        let cosine = (std::f32::consts::TAU * self.hz / RATE_HZ).cos();
        let next =
            (1.0 - radius) * 2.0 * source + 2.0 * radius * cosine * self.last - radius * radius * self.before;
        self.before = self.last;
        self.last = next;
        next
    }
}
