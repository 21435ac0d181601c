//! Facts about the prompts.

use std::path::Path;

use partyline_call::Prompt;

use super::Finding;
use crate::config::Config;
use crate::prompts::has_audio;

/// Whether every prompt can be spoken, and every folder that is set is there.
pub(crate) fn examine(config: &Config) -> Vec<Finding> {
    const CHECK: &str = "prompts";
    let language = config.prompts.language.tag();
    let missing: Vec<&str> =
        Prompt::ALL.iter().map(|prompt| prompt.name()).filter(|name| !has_audio(language, name)).collect();
    let spoken = match missing.as_slice() {
        [] => Finding::fine(CHECK, format!("all {} are there in {language}", Prompt::ALL.len())),
        [first, ..] => Finding::warning(
            CHECK,
            format!(
                "{} of {} have no audio in {language}, such as {first}",
                missing.len(),
                Prompt::ALL.len()
            ),
            "callers hear a short silence instead; put WAV files into prompts.directory",
        ),
    };
    let folders = [
        ("prompts.directory", &config.prompts.directory),
        ("prompts.asterisk_pack", &config.prompts.asterisk_pack),
    ];
    let folders =
        folders.into_iter().filter_map(|(key, folder)| folder.as_deref().map(|folder| set(key, folder)));
    [spoken].into_iter().chain(folders).collect()
}

fn set(key: &'static str, folder: &Path) -> Finding {
    match std::fs::read_dir(folder) {
        Ok(_) => Finding::fine(key, folder.display().to_string()),
        Err(error) => Finding::failing(
            key,
            format!("{}: {error}", folder.display()),
            format!("correct {key} in the settings"),
        ),
    }
}
