//! Keys heard as tones in the sound itself, for telephones that neither send telephone-events nor INFO.
//!
//! Levels, twist, durations and frequency limits are those of ITU-T Q.24, with room for bad lines. It knows no packets,
//! and not whether somebody wants the keys. **Invariant:** a key is told once, however long it is held, and however
//! the sound is cut into pieces.

use std::f32::consts::TAU;
use std::sync::LazyLock;

use crate::level::dbov_of_mean_square;

/// The rate of the samples.
const RATE_HZ: f32 = 8_000.0;
/// Samples of a step: 5 ms.
const STEP: usize = 40;
/// Steps of a window: 20 ms, so that a tone of 20 ms never fills as many windows as one of 40 ms.
const STEPS: usize = 4;
/// Samples of a window.
const WINDOW: f32 = (STEP * STEPS) as f32;
/// Samples of its half: from how a tone turns between the halves follows how far it is off its frequency.
const HALF: usize = STEP * STEPS / 2;
const HALF_SECONDS: f32 = HALF as f32 / RATE_HZ;

/// The frequencies [ITU-T Q.23]: a row and a column make a key.
const ROWS_HZ: [f32; 4] = [697.0, 770.0, 852.0, 941.0];
const COLUMNS_HZ: [f32; 4] = [1_209.0, 1_336.0, 1_477.0, 1_633.0];
const KEYS: [[char; 4]; 4] =
    [['1', '2', '3', 'A'], ['4', '5', '6', 'B'], ['7', '8', '9', 'C'], ['*', '0', '#', 'D']];
const TONES: usize = ROWS_HZ.len() + COLUMNS_HZ.len();

/// A tone that is further off than this part of its frequency is none: ±1.5 % must be heard, ±3.5 % must not.
const OFF_MAX: f32 = 0.02;
/// The weakest tone: −25 dBm0 must be heard (−31 dBov), −55 dBm0 must not; speech in the background is quieter than this.
const LEVEL_MIN_DBOV: f32 = -37.0;
/// How much louder the column may be than the row: 4 dB at least.
const TWIST_MAX_DB: f32 = 5.5;
/// How much louder the row may be: 8 dB at least.
const REVERSE_TWIST_MAX_DB: f32 = 9.5;
/// The part of the sound that both tones must make up; a window that the tone fills for 14 ms has it.
const PURITY_MIN: f32 = 0.70;
/// The part that they make up in windows that they fill: what is left is noise 10 dB below them, or a voice.
const FULL_PURITY_MIN: f32 = 0.88;
/// How much a tone may change from step to step while a key is being recognised: in level where it only begins to
/// fill the window, in level where it fills it, and in frequency then. A voice never stands so still.
const STEADY_DB: f32 = 3.0;
const FULL_STEADY_DB: f32 = 1.5;
const FULL_STEADY_HZ: f32 = 7.0;
/// Steps in a row that make a key: 40 ms of tone give six at least, 23 ms four at most.
const ON_STEPS: u8 = 5;
/// How many of these the tones must fill: 40 ms give four at least.
const FULL_STEPS: u8 = 4;
/// Steps in a row without it that end a key: an interruption of 10 ms gives four at most, a pause of 40 ms nine at least.
const OFF_STEPS: u8 = 7;

/// So many an interruption of 10 ms gives at most.
const INTERRUPTED_STEPS: u8 = 4;
/// Steps behind a piece that did not come whose window holds too little yet to show a key: they say nothing unless they are silent.
const BLIND_STEPS: u8 = STEPS as u8 - 1;

/// A complex number.
type Complex = (f32, f32);

/// What a tone turns by, sample by sample within a step, and step by step within a window.
struct Turns {
    samples: [[Complex; STEP]; TONES],
    steps: [[Complex; STEPS]; TONES],
    /// How much of a column's tone is seen at a row's frequency, for each half of a window.
    leaks: [[[Complex; 2]; COLUMNS_HZ.len()]; ROWS_HZ.len()],
}

static TURNS: LazyLock<Turns> = LazyLock::new(|| {
    let turn = |tone: usize, sample: usize| {
        let angle = -TAU * frequency_hz(tone) / RATE_HZ * sample as f32;
        (angle.cos(), angle.sin())
    };
    Turns {
        samples: std::array::from_fn(|tone| std::array::from_fn(|sample| turn(tone, sample))),
        steps: std::array::from_fn(|tone| std::array::from_fn(|step| turn(tone, step * STEP))),
        leaks: std::array::from_fn(|row| {
            std::array::from_fn(|column| std::array::from_fn(|half| leak(row, column, half)))
        }),
    }
});

fn leak(row: usize, column: usize, half: usize) -> Complex {
    let turn = TAU * (COLUMNS_HZ[column] - ROWS_HZ[row]) / RATE_HZ;
    let samples = half * HALF..(half + 1) * HALF;
    samples
        .map(|sample| turn * sample as f32)
        .fold((0.0, 0.0), |sum, angle| plus(sum, (angle.cos(), angle.sin())))
}

/// Rows first, then columns.
fn frequency_hz(tone: usize) -> f32 {
    tone.checked_sub(ROWS_HZ.len()).map_or_else(|| ROWS_HZ[tone], |column| COLUMNS_HZ[column])
}

/// Hears keys in a stream of samples at 8 kHz.
#[derive(Debug, Clone)]
pub struct KeyDetector {
    /// What is left of the last piece: less than a step.
    rest: [i16; STEP],
    rest_samples: usize,
    steps: [Step; STEPS],
    heard: Heard,
    /// Steps left of [`BLIND_STEPS`].
    blind: u8,
}

impl Default for KeyDetector {
    fn default() -> Self {
        Self::new()
    }
}

/// A step's part of each tone, and its energy.
#[derive(Debug, Clone, Copy, Default)]
struct Step {
    parts: [Complex; TONES],
    energy: f32,
}

/// A tone as one window shows it.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Tone {
    /// Which of all.
    number: usize,
    mean_square: f32,
    level_dbov: f32,
    /// How far it is off its frequency.
    off_hz: f32,
}

/// A key as one window shows it.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Sighting {
    key: char,
    row: Tone,
    column: Tone,
    /// Whether the tones fill the window.
    is_full: bool,
}

/// A key that is being recognised: what the last window showed, how many in a row showed it, how many were full.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    last: Sighting,
    windows: u8,
    full: u8,
}

/// How far a key is recognised.
#[derive(Debug, Clone, Copy, Default)]
struct Heard {
    candidate: Option<Candidate>,
    /// The key that was told, and how many windows it has been missing for.
    down: Option<(char, u8)>,
}

impl KeyDetector {
    /// A detector that has heard nothing.
    #[must_use]
    pub const fn new() -> Self {
        let silent = Step { parts: [(0.0, 0.0); TONES], energy: 0.0 };
        Self {
            rest: [0; STEP],
            rest_samples: 0,
            steps: [silent; STEPS],
            heard: Heard { candidate: None, down: None },
            blind: 0,
        }
    }

    /// Whether a key is down: the sound is its tone.
    #[must_use]
    pub const fn is_down(&self) -> bool {
        self.heard.down.is_some()
    }

    /// Whether a key is down, or what was heard last may become one.
    #[must_use]
    pub const fn is_hearing(&self) -> bool {
        self.heard.down.is_some() || self.heard.candidate.is_some()
    }

    /// Hears so many samples; the key that was recognised in them. A piece of up to 20 ms can't hold two.
    pub fn hear(&mut self, mut samples: &[i16]) -> Option<char> {
        let mut key = None;
        while !samples.is_empty() {
            let count = samples.len().min(STEP - self.rest_samples);
            let (taken, left) = samples.split_at(count);
            self.rest[self.rest_samples..self.rest_samples + count].copy_from_slice(taken);
            self.rest_samples += count;
            samples = left;
            if self.rest_samples == STEP {
                self.rest_samples = 0;
                self.steps.rotate_left(1);
                self.steps[STEPS - 1] = Step::of(&self.rest);
                key = self.step(sighting(&self.steps)).or(key);
            }
        }
        key
    }

    fn step(&mut self, sighting: Option<Sighting>) -> Option<char> {
        let is_blind = self.blind > 0;
        self.blind = self.blind.saturating_sub(1);
        if is_blind && sighting.is_none() && self.steps[STEPS - 1].is_loud() {
            return None;
        }
        self.heard.step(sighting)
    }

    /// A piece of the sound did not come, and nobody knows what it was: a key goes on behind it, or has ended in it.
    pub fn miss(&mut self) {
        self.steps = [Step::default(); STEPS];
        self.rest_samples = 0;
        self.blind = BLIND_STEPS;
        self.heard.miss();
    }

    /// Hears silence of so many samples, for less than the price of listening to it.
    pub fn hear_silence(&mut self, samples: usize) {
        for _ in 0..(samples / STEP).min(STEPS + usize::from(OFF_STEPS)) {
            self.steps.rotate_left(1);
            self.steps[STEPS - 1] = Step::default();
            self.heard.step(None);
        }
        self.rest_samples = 0;
        self.blind = 0;
    }
}

impl Step {
    fn is_loud(&self) -> bool {
        dbov_of_mean_square(self.energy / STEP as f32) > LEVEL_MIN_DBOV
    }

    fn of(samples: &[i16; STEP]) -> Self {
        let samples: [f32; STEP] = samples.map(f32::from);
        let energy = samples.iter().map(|sample| sample * sample).sum();
        if energy < STEP as f32 {
            return Self { energy, ..Self::default() };
        }
        let parts = std::array::from_fn(|tone| {
            let turns = &TURNS.samples[tone];
            let mut sum = (0.0, 0.0);
            for (sample, turn) in samples.iter().zip(turns) {
                sum.0 += sample * turn.0;
                sum.1 += sample * turn.1;
            }
            sum
        });
        Self { parts, energy }
    }
}

impl Heard {
    /// A key that was absent for longer than an interruption before the piece that did not come is not the one behind it.
    fn miss(&mut self) {
        self.down = self.down.filter(|(_, missing)| *missing < INTERRUPTED_STEPS);
    }

    /// Takes what the newest window shows; the key if it is recognised by it.
    fn step(&mut self, sighting: Option<Sighting>) -> Option<char> {
        if let Some((key, missing)) = &mut self.down {
            let is_same = sighting.is_some_and(|now| now.key == *key);
            *missing = if is_same { 0 } else { *missing + 1 };
            if *missing >= OFF_STEPS {
                self.down = None;
            }
        }
        let Some(now) = sighting else {
            self.candidate = None;
            return None;
        };
        let (windows, full) = match self.candidate {
            Some(before) if before.last.goes_on_as(now) => (before.windows, before.full),
            Some(_) | None => (0, 0),
        };
        let (windows, full) = (windows.saturating_add(1), full.saturating_add(u8::from(now.is_full)));
        self.candidate = Some(Candidate { last: now, windows, full });
        let is_told = self.down.is_some_and(|(key, _)| key == now.key);
        if windows < ON_STEPS || full < FULL_STEPS || is_told {
            return None;
        }
        self.down = Some((now.key, 0));
        Some(now.key)
    }
}

impl Sighting {
    fn goes_on_as(self, next: Self) -> bool {
        let is_full = self.is_full && next.is_full;
        self.key == next.key
            && self.row.goes_on_as(next.row, is_full)
            && self.column.goes_on_as(next.column, is_full)
    }
}

impl Tone {
    /// The tone that two halves show, if it is near enough to its frequency.
    fn of(number: usize, [first, second]: Halves) -> Option<Self> {
        // By how much it turned from one half to the next, beyond what its frequency makes it turn.
        let (re, im) = times(second, (first.0, -first.1));
        let off_hz = im.atan2(re) / (TAU * HALF_SECONDS);
        if off_hz.abs() > OFF_MAX * frequency_hz(number) {
            return None;
        }
        // Each half sees a tone that is off its frequency a little too weak.
        let turn = TAU / 2.0 * off_hz * HALF_SECONDS;
        let seen = if turn.abs() < 1e-3 { 1.0 } else { turn.sin() / turn };
        let amplitude = (size(first).sqrt() + size(second).sqrt()) * 2.0 / (WINDOW * seen);
        let mean_square = amplitude * amplitude / 2.0;
        Some(Self { number, mean_square, level_dbov: dbov_of_mean_square(mean_square), off_hz })
    }

    fn goes_on_as(self, next: Self, is_full: bool) -> bool {
        let change_db = (self.level_dbov - next.level_dbov).abs();
        let change_hz = (self.off_hz - next.off_hz).abs();
        if is_full { change_db < FULL_STEADY_DB && change_hz < FULL_STEADY_HZ } else { change_db < STEADY_DB }
    }
}

/// The key that a window shows.
fn sighting(steps: &[Step; STEPS]) -> Option<Sighting> {
    let mean_square = steps.iter().map(|step| step.energy).sum::<f32>() / WINDOW;
    if dbov_of_mean_square(mean_square) < LEVEL_MIN_DBOV {
        return None;
    }
    let (row, of_row) = strongest(steps, 0..ROWS_HZ.len())?;
    let (column, of_column) = strongest(steps, ROWS_HZ.len()..TONES)?;
    let (of_row, of_column) = parted(of_row, of_column, &TURNS.leaks[row][column - ROWS_HZ.len()]);
    let row = Tone::of(row, of_row)?;
    let column = Tone::of(column, of_column)?;
    let purity = (row.mean_square + column.mean_square) / mean_square;
    let twist_db = column.level_dbov - row.level_dbov;
    let is_key = purity >= PURITY_MIN
        && row.level_dbov.min(column.level_dbov) >= LEVEL_MIN_DBOV
        && (-REVERSE_TWIST_MAX_DB..=TWIST_MAX_DB).contains(&twist_db);
    let key = KEYS[row.number][column.number - ROWS_HZ.len()];
    is_key.then_some(Sighting { key, row, column, is_full: purity >= FULL_PURITY_MIN })
}

/// What the halves of a window show of a frequency.
type Halves = [Complex; 2];

/// The strongest tone of a group.
fn strongest(steps: &[Step; STEPS], tones: std::ops::Range<usize>) -> Option<(usize, Halves)> {
    let halves = |number: usize| {
        let turns = &TURNS.steps[number];
        let part = |step: usize| times(steps[step].parts[number], turns[step]);
        (number, [plus(part(0), part(1)), plus(part(2), part(3))])
    };
    let strength = |(_, [first, second]): &(usize, Halves)| size(*first) + size(*second);
    tones.map(halves).max_by(|one, other| strength(one).total_cmp(&strength(other)))
}

/// Parts row and column: in so short a time each frequency shows a little of the other tone too.
fn parted(row: Halves, column: Halves, leaks: &[Complex; 2]) -> (Halves, Halves) {
    let whole = HALF as f32;
    let part = |own: Complex, other: Complex, leak: Complex| {
        let (leaked, scale) = (times(leak, other), whole / (whole * whole - size(leak)));
        ((whole * own.0 - leaked.0) * scale, (whole * own.1 - leaked.1) * scale)
    };
    (
        [0, 1].map(|half| part(row[half], column[half], leaks[half])),
        [0, 1].map(|half| part(column[half], row[half], (leaks[half].0, -leaks[half].1))),
    )
}

fn times(one: Complex, other: Complex) -> Complex {
    (one.0 * other.0 - one.1 * other.1, one.0 * other.1 + one.1 * other.0)
}

fn plus(one: Complex, other: Complex) -> Complex {
    (one.0 + other.0, one.1 + other.1)
}

/// The square of a number's absolute value.
fn size(number: Complex) -> f32 {
    number.0 * number.0 + number.1 * number.1
}
