//! `cargo xtask prompts`: the audio of the spoken prompts, from their text.
//!
//! The manifest beside the audio keeps the text that each file was made from, so that text and audio
//! can't drift apart unseen: `tidy` compares them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde::Deserialize;

use crate::{music, peers, run};

const VOICE: &str = "cmu_us_slt_arctic_hts";
/// Loudness of speech after `sox --norm`: loud enough for a telephone, with room for the limiter.
const PEAK_DB: &str = "-4";

/// A prompts file: name → entry.
#[derive(Deserialize)]
pub(crate) struct PromptFile {
    /// The prompts.
    pub(crate) prompts: BTreeMap<String, PromptEntry>,
}

/// One prompt.
#[derive(Deserialize)]
pub(crate) struct PromptEntry {
    /// What is said; empty for music.
    #[serde(default)]
    pub(crate) text: String,
    /// `music` for what is not spoken.
    #[serde(default)]
    pub(crate) kind: String,
}

/// Reads `prompts/LANGUAGE.toml`.
pub(crate) fn read(language: &str) -> anyhow::Result<PromptFile> {
    let path = run::root().join(format!("prompts/{language}.toml"));
    let text = std::fs::read_to_string(&path).with_context(|| format!("{} can't be read", path.display()))?;
    toml::from_str(&text).with_context(|| format!("{} is no prompts file", path.display()))
}

/// Where the audio of a language is.
pub(crate) fn audio_folder(language: &str) -> PathBuf {
    run::root().join("prompts/audio").join(language)
}

/// The texts that the audio was made from.
pub(crate) fn manifest(language: &str) -> BTreeMap<String, String> {
    std::fs::read_to_string(audio_folder(language).join("manifest.json"))
        .ok()
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default()
}

/// What the manifest should say of a prompt.
pub(crate) fn source_of(entry: &PromptEntry) -> String {
    if entry.kind == "music" { "music".to_owned() } else { entry.text.clone() }
}

/// Makes what is missing or whose text changed, and takes away what is no longer named.
pub(crate) fn run(all: bool) -> anyhow::Result<()> {
    peers::ensure(peers::VOICE, &[peers::VOICE_PACKAGE])?;
    let language = "en";
    let file = read(language)?;
    let folder = audio_folder(language);
    std::fs::create_dir_all(&folder)?;
    let mut made = manifest(language);
    for (name, entry) in &file.prompts {
        let wanted = source_of(entry);
        let target = folder.join(format!("{name}.wav"));
        if !all && made.get(name) == Some(&wanted) && target.is_file() {
            continue;
        }
        match entry.kind.as_str() {
            "music" => write_music(&target)?,
            "" => speak(&entry.text, &target).with_context(|| format!("prompt {name}"))?,
            other => bail!("prompt {name}: kind {other:?} is neither absent nor \"music\""),
        }
        run::say(&format!("made {name}"));
        made.insert(name.clone(), wanted);
    }
    made.retain(|name, _| file.prompts.contains_key(name));
    for found in std::fs::read_dir(&folder)? {
        let path = found?.path();
        let is_named =
            path.file_stem().and_then(|stem| stem.to_str()).is_some_and(|stem| made.contains_key(stem));
        if path.extension().is_some_and(|ending| ending == "wav") && !is_named {
            std::fs::remove_file(&path)?;
        }
    }
    std::fs::write(folder.join("manifest.json"), serde_json::to_string_pretty(&made)? + "\n")?;
    Ok(())
}

/// Speaks a text into a 16 kHz mono WAV file without silence at its ends.
fn speak(text: &str, target: &Path) -> anyhow::Result<()> {
    if text.trim().is_empty() {
        bail!("has no text");
    }
    let scratch = target.with_extension("raw.wav");
    let text_file = target.with_extension("txt");
    std::fs::write(&text_file, text)?;
    let mut voice = run::command("text2wave", &["-eval", &format!("(voice_{VOICE})")]);
    voice.arg(&text_file).arg("-o").arg(&scratch).stderr(std::process::Stdio::null());
    let spoken = run::finish(&mut voice).and_then(|()| {
        let mut sox = run::command("sox", &[]);
        sox.arg(&scratch).args(["-r", "16000", "-b", "16", "-c", "1"]).arg(target);
        // Silence trimmed at both ends, short fades against clicks, all prompts equally loud.
        sox.args(["silence", "1", "0.01", "0.3%", "reverse", "silence", "1", "0.01", "0.3%", "reverse"]);
        sox.args(["pad", "0.02", "0.06", "fade", "q", "0.01", "norm", PEAK_DB]);
        run::finish(&mut sox)
    });
    let _ = std::fs::remove_file(&scratch);
    let _ = std::fs::remove_file(&text_file);
    spoken
}

fn write_music(target: &Path) -> anyhow::Result<()> {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: music::RATE_HZ,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(target, spec)?;
    for sample in music::render() {
        writer.write_sample(sample)?;
    }
    Ok(writer.finalize()?)
}
