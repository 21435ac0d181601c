//! Sound for programs that read and write files: tones in, recordings out, G.711 both ways.
//!
//! Made apart from the server's own codecs, so that one mistake can't hide in both.

use std::path::Path;

/// Telephone speech.
pub(crate) const RATE_HZ: u32 = 8000;
/// A sine of this amplitude is at about −15 dBov.
const AMPLITUDE: f32 = 8000.0;

/// `seconds` of a sine.
pub(crate) fn tone(hz: f32, seconds: u32, rate_hz: u32) -> impl Iterator<Item = i16> {
    (0..seconds * rate_hz).map(move |sample| {
        let turns = f64::from(hz) * f64::from(sample) / f64::from(rate_hz);
        (AMPLITUDE * (turns.fract() * std::f64::consts::TAU).sin() as f32) as i16
    })
}

/// Writes `seconds` of a sine as a mono WAV file of 16 bits.
pub(crate) fn write_tone(path: &Path, hz: f32, seconds: u32, rate_hz: u32) -> Result<(), hound::Error> {
    let sample_format = hound::SampleFormat::Int;
    let spec = hound::WavSpec { channels: 1, sample_rate: rate_hz, bits_per_sample: 16, sample_format };
    let mut writer = hound::WavWriter::create(path, spec)?;
    tone(hz, seconds, rate_hz).try_for_each(|sample| writer.write_sample(sample))?;
    writer.finalize()
}

/// What a program has heard.
#[derive(Debug, Clone)]
pub struct Recording {
    /// Its samples.
    pub samples: Vec<i16>,
    /// How many make a second: that of the codec, which programs keep as it is.
    pub rate_hz: u32,
}

impl Recording {
    /// A WAV file's, perhaps of one whose writer has not finished it.
    pub(crate) fn read(path: &Path) -> Result<Self, hound::Error> {
        let reader = hound::WavReader::open(path)?;
        let rate_hz = reader.spec().sample_rate;
        Ok(Self { samples: reader.into_samples::<i16>().filter_map(Result::ok).collect(), rate_hz })
    }

    /// Its last seconds, or all where there is less.
    #[must_use]
    pub fn last(&self, seconds: usize) -> &[i16] {
        let count = seconds * self.rate_hz as usize;
        &self.samples[self.samples.len().saturating_sub(count)..]
    }

    /// A second of its middle, or all where there is less.
    #[must_use]
    pub fn middle(&self) -> &[i16] {
        let second = (self.rate_hz as usize).min(self.samples.len());
        &self.samples[(self.samples.len() - second) / 2..][..second]
    }
}

/// A sample as G.711 µ-law (ITU-T G.711, table 2a).
pub(crate) fn to_mu_law(sample: i16) -> u8 {
    let magnitude = (i32::from(sample).abs() + 132).min(32_767);
    let exponent = (31 - magnitude.leading_zeros()) - 7;
    let mantissa = (magnitude >> (exponent + 3)) & 0x0F;
    let sign = if sample < 0 { 0x80 } else { 0 };
    !(sign | (exponent << 4) as u8 | mantissa as u8)
}

/// A sample of G.711 µ-law.
pub(crate) fn from_mu_law(octet: u8) -> i16 {
    let bits = !octet;
    let (exponent, mantissa) = (i16::from(bits >> 4 & 7), i16::from(bits & 0x0F));
    let magnitude = (((mantissa << 3) + 132) << exponent) - 132;
    if bits & 0x80 == 0 { magnitude } else { -magnitude }
}

/// A sample of G.711 A-law.
pub(crate) fn from_a_law(octet: u8) -> i16 {
    let bits = octet ^ 0x55;
    let (exponent, mantissa) = (i16::from(bits >> 4 & 7), i16::from(bits & 0x0F));
    let magnitude = match exponent {
        0 => (mantissa << 4) + 8,
        _ => ((mantissa << 4) + 264) << (exponent - 1),
    };
    if bits & 0x80 == 0 { -magnitude } else { magnitude }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recording_has_the_rate_of_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("heard.wav");
        write_tone(&path, 440.0, 3, 48_000).unwrap();
        let recording = Recording::read(&path).unwrap();
        assert_eq!((recording.rate_hz, recording.samples.len()), (48_000, 144_000));
        assert_eq!((recording.last(2).len(), recording.middle().len()), (96_000, 48_000));
        assert_eq!(recording.last(9).len(), 144_000);
    }

    #[test]
    fn mu_law_comes_back_within_a_step_of_its_size() {
        for sample in (-32_000..32_000).step_by(37) {
            let back = from_mu_law(to_mu_law(sample));
            let step = 8.0_f32.max(f32::from(sample).abs() / 16.0);
            assert!((f32::from(back) - f32::from(sample)).abs() <= step, "{sample} became {back}");
        }
    }

    #[test]
    fn a_law_spans_what_the_recommendation_says() {
        // ITU-T G.711: the decoder's outermost values are 4032/4096 of full scale, and ±1 next to zero.
        assert_eq!((from_a_law(0x2A), from_a_law(0xAA)), (-32_256, 32_256));
        assert_eq!((from_a_law(0x55), from_a_law(0xD5)), (-8, 8));
    }
}
