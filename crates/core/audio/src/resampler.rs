//! Resampling of a stream, frame by frame, where a leg's codec and its mix differ in rate.
//!
//! A short windowed sinc (Kaiser, about 60 dB), because its delay is heard: 1.6 ms between 8 and 16 kHz. Speech up to
//! 3.4 kHz passes to 8 kHz within half a decibel. **Invariant:** frames that make whole frames of the other rate give
//! exactly those; nothing allocates once it is built.

use std::sync::{Arc, LazyLock};

use crate::sinc::{Filters, Shape};

/// Short: what it lets through just above the lower band is weak in speech.
const SHAPE: Shape = Shape { crossings: 12.0, beta: 5.7, passband: 0.97 };
/// Partial sums, so that adding up vectorises.
const LANES: usize = 8;

/// The rates of mixes, whose filters are cut once for the process.
const USUAL_HZ: [u32; 3] = [8_000, 16_000, 48_000];
static USUAL: LazyLock<Vec<(u32, u32, Arc<Filters>)>> = LazyLock::new(|| {
    let pairs = USUAL_HZ.into_iter().flat_map(|from| USUAL_HZ.into_iter().map(move |to| (from, to)));
    pairs.filter(|(from, to)| from != to).map(|(from, to)| (from, to, Arc::new(cut(from, to)))).collect()
});

fn cut(from_hz: u32, to_hz: u32) -> Filters {
    let mut filters = Filters::new(from_hz, to_hz, SHAPE);
    filters.pad(LANES);
    filters
}

fn filters_for(from_hz: u32, to_hz: u32) -> Arc<Filters> {
    let usual = USUAL.iter().find(|(from, to, _)| (*from, *to) == (from_hz, to_hz));
    usual.map_or_else(|| Arc::new(cut(from_hz, to_hz)), |(_, _, filters)| Arc::clone(filters))
}

/// One stream on its way from one rate to another.
#[derive(Debug, Clone)]
pub struct Resampler {
    filters: Arc<Filters>,
    from_hz: u32,
    to_hz: u32,
    /// The newest input of the frames before, then this one's.
    input: Vec<f32>,
    /// Input samples that the filter reaches back.
    reach: usize,
    delay: usize,
}

impl Resampler {
    /// From one rate to another, for frames of up to `samples_max` samples.
    #[must_use]
    pub fn new(from_hz: u32, to_hz: u32, samples_max: usize) -> Self {
        let filters = filters_for(from_hz, to_hz);
        let reach = filters.taps - 1;
        let mut input = Vec::with_capacity(reach + samples_max);
        input.resize(reach, 0.0);
        Self { delay: filters.delay, filters, from_hz, to_hz, input, reach }
    }

    /// Begins a stream from another rate. Between 8, 16 and 48 kHz nothing is allocated where the resampler was built for
    /// frames as long, and from the highest of its rates.
    pub fn begin_from(&mut self, from_hz: u32) {
        if from_hz != self.from_hz {
            self.filters = filters_for(from_hz, self.to_hz);
            self.from_hz = from_hz;
            self.delay = self.filters.delay;
            self.reach = self.filters.taps - 1;
        }
        self.input.clear();
        self.input.resize(self.reach, 0.0);
    }

    /// The rate that comes in.
    #[must_use]
    pub const fn from_hz(&self) -> u32 {
        self.from_hz
    }

    /// The rate that goes out.
    #[must_use]
    pub const fn to_hz(&self) -> u32 {
        self.to_hz
    }

    /// How late the sound comes out, in samples of the input.
    #[must_use]
    pub const fn delay_samples(&self) -> usize {
        self.delay
    }

    /// Forgets the sound before: a stream begins.
    pub fn forget(&mut self) {
        self.input[..self.reach].fill(0.0);
    }

    /// Goes on as another one between the same rates would; nothing is allocated where that was built for frames as long.
    pub fn copy_from(&mut self, other: &Self) {
        self.input.clear();
        self.input.extend_from_slice(&other.input[..self.reach]);
    }

    /// Resamples a frame; returns the samples written, at most as many as there is room for. A frame should hold a
    /// whole number of steps of the ratio (any even number between 8 and 16 kHz); a rest of it is lost.
    pub fn process(&mut self, samples: &[i16], out: &mut [i16]) -> usize {
        self.take(samples, f32::from);
        self.give(samples.len(), out, |sum| sum.round().clamp(-32_768.0, 32_767.0) as i16)
    }

    /// The same for sums, which may be beyond 16 bits.
    pub fn process_sums(&mut self, sums: &[i32], out: &mut [i32]) -> usize {
        self.take(sums, |sum| sum as f32);
        self.give(sums.len(), out, |sum| sum.round() as i32)
    }

    fn take<Sample: Copy>(&mut self, samples: &[Sample], read: impl Fn(Sample) -> f32) {
        self.input.truncate(self.reach);
        self.input.extend(samples.iter().map(|&sample| read(sample)));
    }

    fn give<Sample>(&mut self, given: usize, out: &mut [Sample], write: impl Fn(f32) -> Sample) -> usize {
        let Filters { up, down, taps, .. } = *self.filters;
        let count = (given * up / down).min(out.len());
        let (mut whole, mut phase) = (0, 0);
        for sample in &mut out[..count] {
            *sample = write(dot(self.filters.of(phase), &self.input[whole..whole + taps]));
            phase += down;
            whole += phase / up;
            phase %= up;
        }
        let newest = self.input.len() - self.reach;
        self.input.copy_within(newest.., 0);
        count
    }
}

fn dot(filter: &[f32], input: &[f32]) -> f32 {
    let mut lanes = [0.0_f32; LANES];
    for (filter, input) in filter.as_chunks::<LANES>().0.iter().zip(input.as_chunks::<LANES>().0) {
        for ((lane, coefficient), value) in lanes.iter_mut().zip(filter).zip(input) {
            *lane += coefficient * value;
        }
    }
    lanes.iter().sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::level::{level_dbov, tone_level_dbov};
    use crate::tone::Tone;

    const RATES_HZ: [u32; 3] = [8_000, 16_000, 48_000];

    fn tone(rate_hz: u32, hz: f32) -> Vec<i16> {
        let mut samples = vec![0; rate_hz as usize];
        Tone::new(rate_hz, hz, -20.0, rate_hz).fill(&mut samples);
        samples
    }

    fn through(from_hz: u32, to_hz: u32, said: &[i16]) -> Vec<i16> {
        let frame = from_hz as usize / 50;
        let mut resampler = Resampler::new(from_hz, to_hz, frame);
        let mut heard = Vec::new();
        for samples in said.chunks(frame) {
            let mut out = vec![0; to_hz as usize / 50];
            assert_eq!(resampler.process(samples, &mut out), out.len());
            heard.extend(out);
        }
        heard
    }

    #[test]
    fn speech_keeps_its_level_between_all_rates() {
        for from in RATES_HZ {
            for to in RATES_HZ.into_iter().filter(|&to| to != from) {
                for hz in [300.0, 1_000.0, 3_000.0, 3_400.0] {
                    let heard = through(from, to, &tone(from, hz));
                    let level = tone_level_dbov(&heard[to as usize / 10..], to, hz);
                    assert!((level + 20.0).abs() < 0.8, "{hz} Hz from {from} to {to}: {level}");
                }
            }
        }
    }

    #[test]
    fn what_the_lower_rate_has_no_room_for_is_gone() {
        for (from, to, hz) in [(16_000, 8_000, 4_800.0), (16_000, 8_000, 7_000.0), (48_000, 8_000, 9_000.0)] {
            let heard = through(from, to, &tone(from, hz));
            assert!(level_dbov(&heard[800..]) < -72.0, "{hz} Hz: {}", level_dbov(&heard[800..]));
        }
    }

    #[test]
    fn it_is_late_by_less_than_two_milliseconds() {
        for (from, to) in [(16_000, 8_000), (8_000, 16_000), (48_000, 8_000), (8_000, 48_000)] {
            let resampler = Resampler::new(from, to, 960);
            assert!(resampler.delay_samples() as f32 / (from as f32) < 0.002, "{from} to {to}");
            let mut click = vec![0; from as usize / 10];
            click[from as usize / 100] = 20_000;
            let heard = through(from, to, &click);
            let loudest = (0..heard.len()).max_by_key(|&n| heard[n].unsigned_abs()).unwrap_or(0);
            let late = loudest as f32 / to as f32 - 0.01;
            let told = resampler.delay_samples() as f32 / from as f32;
            assert!((late - told).abs() < 0.000_3, "{from} to {to}: {late} against {told}");
        }
    }

    #[test]
    fn after_forgetting_silence_is_silent() {
        let mut resampler = Resampler::new(16_000, 8_000, 320);
        let mut out = [0; 160];
        resampler.process(&[9_000; 320], &mut out);
        resampler.forget();
        resampler.process(&[0; 320], &mut out);
        assert_eq!(out, [0; 160]);
    }

    proptest! {
        #[test]
        fn frames_of_any_size_give_the_same_stream(sizes in proptest::collection::vec(1_usize..200, 1..12)) {
            let said: Vec<i16> = tone(16_000, 700.0)[..2 * sizes.iter().sum::<usize>()].to_vec();
            let (mut pieces, mut whole) = (Resampler::new(16_000, 8_000, 400), Resampler::new(16_000, 8_000, said.len()));
            let (mut heard, mut at) = (Vec::new(), 0);
            for size in sizes {
                let mut out = vec![0; size];
                pieces.process(&said[at..at + 2 * size], &mut out);
                heard.extend(out);
                at += 2 * size;
            }
            let mut all = vec![0; said.len() / 2];
            whole.process(&said, &mut all);
            prop_assert_eq!(heard, all);
        }

        #[test]
        fn any_sound_fits_in(said in proptest::collection::vec(any::<i16>(), 320)) {
            let mut out = [0; 160];
            prop_assert_eq!(Resampler::new(16_000, 8_000, 320).process(&said, &mut out), 160);
        }
    }
}
