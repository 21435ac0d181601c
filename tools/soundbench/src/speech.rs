//! Speech to send: prompts, one after the other, at the usual loudness.

use std::path::Path;

use anyhow::{Context, ensure};
use partyline_audio::Clip;
use partyline_audio::level::{factor_of_db, level_dbov};

/// Rate of all speech here.
pub const RATE_HZ: u32 = 16_000;
/// How loud speech is while it is spoken, as ITU-T P.56 has it for tests.
const LOUDNESS_DBOV: f32 = -26.0;
/// Between two prompts.
const PAUSE_SAMPLES: usize = RATE_HZ as usize / 2;
/// Shorter prompts are single words.
const SAMPLES_MIN: usize = RATE_HZ as usize;

/// So many seconds of the prompts in a folder, in the order of their names.
///
/// # Errors
/// Where the folder is not to be read, or holds too little.
pub fn of_prompts(folder: &Path, seconds: usize) -> anyhow::Result<Vec<i16>> {
    let wanted = seconds * RATE_HZ as usize;
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .with_context(|| format!("{} can't be read", folder.display()))?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    files.sort();
    let mut speech = vec![0; PAUSE_SAMPLES];
    for file in files.iter().filter(|file| file.extension().is_some_and(|ending| ending == "wav")) {
        let clip = Clip::from_wav(&std::fs::read(file)?)?;
        ensure!(clip.rate_hz() == RATE_HZ, "{} has {} Hz", file.display(), clip.rate_hz());
        if clip.samples().len() < SAMPLES_MIN {
            continue;
        }
        let factor = factor_of_db(LOUDNESS_DBOV - level_dbov(clip.samples()));
        speech.extend(clip.samples().iter().map(|&sample| (f32::from(sample) * factor) as i16));
        speech.resize(speech.len() + PAUSE_SAMPLES, 0);
        if speech.len() >= wanted {
            speech.truncate(wanted);
            return Ok(speech);
        }
    }
    anyhow::bail!("{} holds less than {seconds} s of speech", folder.display())
}
