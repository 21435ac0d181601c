//! Prompts and their audio belong together.

use crate::prompts;

/// Names prompts without audio, and audio that was made from another text.
pub(super) fn check() -> anyhow::Result<Vec<String>> {
    let language = "en";
    let file = prompts::read(language)?;
    let made = prompts::manifest(language);
    let folder = prompts::audio_folder(language);
    let mut wrong = Vec::new();
    for (name, entry) in &file.prompts {
        if !folder.join(format!("{name}.wav")).is_file() {
            wrong.push(format!("prompt {name} has no audio: run `cargo xtask prompts`"));
        } else if made.get(name) != Some(&prompts::source_of(entry)) {
            wrong.push(format!(
                "prompt {name}: the audio was made from another text: run `cargo xtask prompts`"
            ));
        }
    }
    Ok(wrong)
}
