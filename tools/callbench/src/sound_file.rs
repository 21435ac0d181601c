//! Sound files: WAV in, WAV out.

use std::path::Path;

use partyline_audio::Clip;
use partyline_audio::resample::resample;

use crate::meter::RATE_HZ;

/// Reads a WAV file of any rate as mono at 8 kHz.
///
/// # Errors
/// Where the file can't be read or is no WAV file of PCM.
pub fn read_sound(path: &Path) -> anyhow::Result<Vec<i16>> {
    use anyhow::Context;

    let bytes = std::fs::read(path).with_context(|| format!("reading {}", path.display()))?;
    let clip = Clip::from_wav(&bytes).with_context(|| format!("reading {}", path.display()))?;
    Ok(resample(&clip, RATE_HZ).samples().to_vec())
}

/// Writes mono sound at 8 kHz as a WAV file.
///
/// # Errors
/// Where the file can't be written.
pub fn write_sound(path: &Path, samples: &[i16]) -> Result<(), hound::Error> {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: RATE_HZ,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(path, spec)?;
    let mut file = writer.get_i16_writer(samples.len() as u32);
    for &sample in samples {
        file.write_sample(sample);
    }
    file.flush()?;
    writer.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sound.wav");
        let samples: Vec<i16> = (0..500).map(|n| n * 60).collect();
        write_sound(&path, &samples).unwrap();
        assert_eq!(read_sound(&path).unwrap(), samples);
        assert!(read_sound(folder.path()).is_err());
    }
}
