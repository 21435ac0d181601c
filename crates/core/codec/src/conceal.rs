//! What is heard in place of samples that did not come: the last periods of the voice again, fading out.
//!
//! The method is that of [ITU-T G.711 Appendix I], at any rate, and without its delay of 3.75 ms: where that holds
//! samples back to blend into a loss, this begins exactly where the sound stopped and lets the step between the two
//! die away. One period is repeated for 10 ms, two for the next 10, then three, so that it does not buzz.
//! **Invariant:** no jump at either end of a loss; silence after [`SOUNDING_MS`].

/// The lowest and highest pitch that is looked for.
const PITCH_MIN_HZ: usize = 66;
const PITCH_MAX_HZ: usize = 200;
/// The last sound that periods are compared over.
const COMPARED_MS: usize = 20;
/// How long the sound stays as loud as it was.
const FULL_MS: usize = 10;
/// How long it sounds at all: a longer loss than this is a pause.
const SOUNDING_MS: usize = 60;
/// How long the blend back into what comes may take at most, and how much it grows with 10 ms of loss.
const BLEND_MAX_MS: usize = 10;
const BLEND_GROWTH_MS: usize = 4;

/// The memory of one stream.
#[derive(Debug, Clone)]
pub(crate) struct Concealer {
    rate_hz: usize,
    /// The last samples heard, the newest last; what was concealed is among them. Nothing until there were any.
    history: Box<[i16]>,
    /// What was heard before the last loss, as much; nothing before the first.
    before: Box<[i16]>,
    loss: Option<Loss>,
}

/// A loss that goes on, or has just ended.
#[derive(Debug, Clone)]
struct Loss {
    period: usize,
    /// How many periods are repeated, and where in them we are.
    periods: usize,
    at: usize,
    /// Samples made up so far.
    made: usize,
    /// The step from what was heard to what is repeated; it dies away.
    step: f32,
    /// What was repeated before the number of periods grew, for a blend.
    from: Option<(usize, usize, usize)>,
}

impl Concealer {
    /// Nothing was heard yet.
    pub(crate) fn new(rate_hz: u32) -> Self {
        Self { rate_hz: rate_hz as usize, before: Box::default(), history: Box::default(), loss: None }
    }

    /// Forgets all: the stream paused.
    pub(crate) fn forget(&mut self) {
        self.history.fill(0);
        self.loss = None;
    }

    /// Takes note of samples that came, and blends into them after a loss.
    pub(crate) fn good(&mut self, samples: &mut [i16]) {
        if let Some(mut loss) = self.loss.take() {
            let blend = loss.blend(self.rate_hz).min(samples.len());
            for (index, sample) in samples[..blend].iter_mut().enumerate() {
                let part = (index + 1) as f32 / (blend + 1) as f32;
                let made = f32::from(loss.next(&self.before, self.rate_hz));
                *sample = (made + (f32::from(*sample) - made) * part) as i16;
            }
        }
        self.remember(samples);
    }

    /// Makes up samples in place of those that did not come.
    pub(crate) fn fill(&mut self, samples: &mut [i16]) {
        if self.history.is_empty() {
            samples.fill(0);
            return;
        }
        if self.before.is_empty() {
            self.before = vec![0; self.history.len()].into_boxed_slice();
        }
        let loss = self.loss.get_or_insert_with(|| {
            self.before.copy_from_slice(&self.history);
            Loss::new(&self.before, self.rate_hz)
        });
        for sample in samples.iter_mut() {
            *sample = loss.next(&self.before, self.rate_hz);
        }
        self.remember(samples);
    }

    fn remember(&mut self, samples: &[i16]) {
        if self.history.is_empty() {
            // Three periods, the longest there are, and a quarter.
            let period_max = self.rate_hz / PITCH_MIN_HZ + 1;
            self.history = vec![0; 3 * period_max + period_max / 4 + 1].into_boxed_slice();
        }
        let kept = self.history.len();
        let newest = &samples[samples.len().saturating_sub(kept)..];
        let stays = kept - newest.len();
        self.history.copy_within(kept - stays.., 0);
        self.history[stays..].copy_from_slice(newest);
    }
}

impl Loss {
    fn new(before: &[i16], rate_hz: usize) -> Self {
        let period = period_of(before, rate_hz);
        let last = before.len() - 1;
        let step = f32::from(before[last]) - f32::from(before[last - period]);
        Self { period, periods: 1, at: 0, made: 0, step, from: None }
    }

    /// The next sample that is made up.
    fn next(&mut self, before: &[i16], rate_hz: usize) -> i16 {
        let ms = rate_hz / 1_000;
        if self.made >= SOUNDING_MS * ms {
            return 0;
        }
        let wanted = (1 + self.made / (FULL_MS * ms)).min(3);
        if wanted > self.periods {
            self.from = Some((self.periods, self.at, self.made));
            self.periods = wanted;
        }
        let quarter = (self.period / 4).max(1);
        let mut value = self.repeated(before, self.periods, self.at);
        if let Some((periods, at, since)) = &mut self.from {
            let gone = self.made - *since;
            if gone < quarter {
                let part = gone as f32 / quarter as f32;
                let (periods, place) = (*periods, *at);
                *at = (place + 1) % (periods * self.period);
                let old = self.repeated(before, periods, place);
                value = old + (value - old) * part;
            }
        }
        if self.made < quarter {
            value += self.step * (1.0 - self.made as f32 / quarter as f32);
        }
        self.at = (self.at + 1) % (self.periods * self.period);
        let gain = self.gain(ms);
        self.made += 1;
        (value * gain).clamp(-32_768.0, 32_767.0) as i16
    }

    /// A sample of so many periods that go round: their last quarter blends into what stood before them, so that
    /// their end leads into their start.
    fn repeated(&self, before: &[i16], periods: usize, at: usize) -> f32 {
        let (length, quarter) = (periods * self.period, (self.period / 4).max(1));
        let value = f32::from(before[before.len() - length + at]);
        let left = length - at;
        if left > quarter {
            return value;
        }
        let lead = f32::from(before[before.len() - length - left]);
        value + (lead - value) * ((quarter - left) as f32 / quarter as f32)
    }

    fn gain(&self, ms: usize) -> f32 {
        let faded = self.made.saturating_sub(FULL_MS * ms) as f32 / ((SOUNDING_MS - FULL_MS) * ms) as f32;
        (1.0 - faded).max(0.0)
    }

    /// How long the blend back takes.
    fn blend(&self, rate_hz: usize) -> usize {
        let ms = rate_hz / 1_000;
        let growth = BLEND_GROWTH_MS * (self.made / 10);
        (self.period / 4 + growth).min(BLEND_MAX_MS * ms)
    }
}

/// The period after which the sound before a loss is most like itself.
fn period_of(before: &[i16], rate_hz: usize) -> usize {
    let (shortest, longest) = (rate_hz / PITCH_MAX_HZ, rate_hz / PITCH_MIN_HZ);
    let compared = COMPARED_MS * rate_hz / 1_000;
    // Every other lag over every other sample finds the neighbourhood, then each lag around it is tried.
    let rough = (shortest..=longest).step_by(2).map(|lag| (lag, likeness(before, lag, compared, 2)));
    let rough = best(rough).unwrap_or(shortest);
    let around = rough.saturating_sub(2).max(shortest)..=(rough + 2).min(longest);
    best(around.map(|lag| (lag, likeness(before, lag, compared, 1)))).unwrap_or(rough)
}

fn best(lags: impl Iterator<Item = (usize, f32)>) -> Option<usize> {
    lags.max_by(|(_, one), (_, other)| one.total_cmp(other)).map(|(lag, _)| lag)
}

/// How alike the last samples are to those a lag before them: the normalised cross-correlation.
fn likeness(before: &[i16], lag: usize, compared: usize, stride: usize) -> f32 {
    let compared = compared.min(before.len() - lag);
    let newest = &before[before.len() - compared..];
    let earlier = &before[before.len() - compared - lag..before.len() - lag];
    let (mut product, mut energy) = (0.0_f32, 1.0_f32);
    for (&new, &old) in newest.iter().zip(earlier).step_by(stride) {
        let (new, old) = (f32::from(new), f32::from(old));
        product += new * old;
        energy += old * old;
    }
    product / energy.sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATES_HZ: [u32; 2] = [8_000, 16_000];

    /// A voice-like sound: a pulse train with harmonics that fall off.
    fn voice(rate_hz: u32, pitch_hz: f32, count: usize) -> Vec<i16> {
        let sample = |n: usize| {
            let turn = std::f32::consts::TAU * pitch_hz * n as f32 / rate_hz as f32;
            (1..12).map(|k| (turn * k as f32 + k as f32).sin() / k as f32).sum::<f32>() * 4_000.0
        };
        (0..count).map(|n| sample(n) as i16).collect()
    }

    fn steepest(samples: &[i16]) -> i32 {
        samples.windows(2).map(|pair| (i32::from(pair[1]) - i32::from(pair[0])).abs()).max().unwrap_or(0)
    }

    fn power(samples: impl Iterator<Item = f32>) -> f32 {
        samples.map(|sample| sample * sample).sum()
    }

    /// Loses `lost_ms` after 100 ms; the sound as it was, and as it is heard.
    fn lose(rate_hz: u32, pitch_hz: f32, lost_ms: usize) -> (Vec<i16>, Vec<i16>) {
        let ms = rate_hz as usize / 1_000;
        let said = voice(rate_hz, pitch_hz, 300 * ms);
        let (mut heard, mut concealer) = (said.clone(), Concealer::new(rate_hz));
        let (before, rest) = heard.split_at_mut(100 * ms);
        let (lost, after) = rest.split_at_mut(lost_ms * ms);
        before.chunks_mut(20 * ms).for_each(|frame| concealer.good(frame));
        lost.chunks_mut(10 * ms).for_each(|frame| concealer.fill(frame));
        after.chunks_mut(20 * ms).for_each(|frame| concealer.good(frame));
        (said, heard)
    }

    #[test]
    fn a_lost_frame_of_a_steady_voice_is_hardly_missed() {
        for rate_hz in RATES_HZ {
            for pitch_hz in [80.0, 100.0, 125.0, 160.0] {
                let (said, heard) = lose(rate_hz, pitch_hz, 20);
                let ms = rate_hz as usize / 1_000;
                let lost = 100 * ms..120 * ms;
                let error = power(lost.clone().map(|n| f32::from(said[n]) - f32::from(heard[n])));
                let snr_db = 10.0 * (power(lost.map(|n| f32::from(said[n]))) / error).log10();
                assert!(snr_db > 14.0, "{rate_hz} Hz, pitch {pitch_hz}: {snr_db:.1} dB");
            }
        }
    }

    #[test]
    fn no_loss_makes_a_click_at_either_end() {
        for rate_hz in RATES_HZ {
            for pitch_hz in [70.0, 111.0, 190.0, 350.0] {
                for lost_ms in [10, 20, 30, 60, 100] {
                    let (said, heard) = lose(rate_hz, pitch_hz, lost_ms);
                    assert!(
                        steepest(&heard) <= steepest(&said) * 3 / 2,
                        "{rate_hz} Hz, pitch {pitch_hz}, {lost_ms} ms: {} of {}",
                        steepest(&heard),
                        steepest(&said)
                    );
                }
            }
        }
    }

    #[test]
    fn a_loss_fades_out_within_sixty_milliseconds_and_what_comes_is_whole_again() {
        for rate_hz in RATES_HZ {
            let (said, heard) = lose(rate_hz, 120.0, 100);
            let ms = rate_hz as usize / 1_000;
            let power =
                |from: usize, to: usize| power(heard[from * ms..to * ms].iter().map(|&s| f32::from(s)));
            assert!(power(110, 120) > power(140, 150) && power(140, 150) > power(150, 160));
            assert_eq!(power(160, 200), 0.0);
            assert_eq!(said[211 * ms..], heard[211 * ms..]);
        }
    }

    #[test]
    fn before_anything_was_heard_and_after_a_pause_there_is_silence() {
        let mut concealer = Concealer::new(8_000);
        let mut frame = [9; 160];
        concealer.fill(&mut frame);
        assert_eq!(frame, [0; 160]);
        concealer.good(&mut [5_000; 160]);
        concealer.forget();
        concealer.fill(&mut frame);
        assert_eq!(frame, [0; 160]);
    }

    #[test]
    fn sound_without_a_loss_passes_unchanged() {
        let said = voice(8_000, 100.0, 1_600);
        let (mut heard, mut concealer) = (said.clone(), Concealer::new(8_000));
        heard.chunks_mut(37).for_each(|frame| concealer.good(frame));
        assert_eq!(said, heard);
    }
}
