//! Clips from WAV files.

use std::io::Cursor;

use crate::clip::Clip;

/// A WAV file gave no clip.
#[derive(Debug, thiserror::Error)]
pub enum WavError {
    /// It is no WAV file, or it is cut off.
    #[error("not a readable WAV file: {0}")]
    Unreadable(#[from] hound::Error),
    /// Samples are not integers of up to 32 bits or floats.
    #[error("samples of {bits} bits cannot be read")]
    Samples {
        /// Bits per sample.
        bits: u16,
    },
}

impl Clip {
    /// Reads a WAV file (integers of 8 to 32 bits or floats); of several channels it takes the mean.
    ///
    /// # Errors
    /// [`WavError`] where the bytes are no WAV file or of another kind of samples.
    pub fn from_wav(bytes: &[u8]) -> Result<Self, WavError> {
        let reader = hound::WavReader::new(Cursor::new(bytes))?;
        let spec = reader.spec();
        let samples: Vec<f32> = match (spec.sample_format, spec.bits_per_sample) {
            (hound::SampleFormat::Float, 32) => reader
                .into_samples::<f32>()
                .map(|sample| sample.map(|value| value * 32_768.0))
                .collect::<Result<_, _>>()?,
            (hound::SampleFormat::Int, bits @ 8..=32) => {
                let factor = 32_768.0 / (1_u64 << (bits - 1)) as f32;
                reader
                    .into_samples::<i32>()
                    .map(|sample| sample.map(|value| value as f32 * factor))
                    .collect::<Result<_, _>>()?
            }
            (_, bits) => return Err(WavError::Samples { bits }),
        };
        let channels = usize::from(spec.channels.max(1));
        let mono: Vec<i16> = samples
            .chunks(channels)
            .map(|frame| (frame.iter().sum::<f32>() / channels as f32) as i16)
            .collect();
        Ok(Self::new(spec.sample_rate, mono))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wav(spec: hound::WavSpec, samples: &[i32]) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        let mut writer = hound::WavWriter::new(&mut bytes, spec).unwrap();
        samples.iter().for_each(|&sample| writer.write_sample(sample).unwrap());
        writer.finalize().unwrap();
        bytes.into_inner()
    }

    fn spec(channels: u16, bits_per_sample: u16) -> hound::WavSpec {
        hound::WavSpec {
            channels,
            sample_rate: 16_000,
            bits_per_sample,
            sample_format: hound::SampleFormat::Int,
        }
    }

    #[test]
    fn sixteen_bit_samples_come_as_they_are() {
        let clip = Clip::from_wav(&wav(spec(1, 16), &[0, 1, -32_768, 32_767])).unwrap();
        assert_eq!((clip.rate_hz(), clip.samples()), (16_000, [0, 1, -32_768, 32_767].as_slice()));
    }

    #[test]
    fn two_channels_become_their_mean_and_longer_samples_are_shortened() {
        let clip = Clip::from_wav(&wav(spec(2, 24), &[256 * 100, 256 * 300])).unwrap();
        assert_eq!(clip.samples(), [200]);
    }

    #[test]
    fn bytes_of_another_kind_are_refused() {
        assert!(matches!(Clip::from_wav(b"RIFF no wave"), Err(WavError::Unreadable(_))));
    }
}
