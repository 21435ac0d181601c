//! The prompts that are part of the binary.

use anyhow::Context as _;
use partyline_call::{Language, Prompt};
use partyline_mixer::{Phrase, Phrases};
use partyline_vru::PromptLibrary;

use crate::config::Prompts;

/// Made by the build script from the folder of prompts.
mod embedded {
    include!(concat!(env!("OUT_DIR"), "/prompts.rs"));
}

/// Whether a prompt has audio of ours.
pub(crate) fn has_audio(language: &str, name: &str) -> bool {
    embedded::AUDIO.iter().any(|(of, known, _)| *of == language && *known == name)
}

/// The library that VRUs play from: ours, then the pack, then the folder, each over the one before.
pub(crate) fn library(config: &Prompts) -> anyhow::Result<PromptLibrary> {
    let mut library = PromptLibrary::new();
    for language in Language::ALL {
        let of_language = |of: &str| of == language.tag();
        let table =
            embedded::TEXTS.iter().find(|(of, _)| of_language(of)).map_or("[prompts]", |(_, text)| text);
        let audio =
            embedded::AUDIO.iter().filter(|(of, _, _)| of_language(of)).map(|(_, name, bytes)| (name, bytes));
        library.add_language(language, table, audio).context("the prompts of this program are broken")?;
    }
    let folders = [("asterisk_pack", &config.asterisk_pack), ("directory", &config.directory)];
    for (key, folder) in folders {
        let Some(folder) = folder else { continue };
        let replaced =
            library.replace_from(config.language, folder).with_context(|| format!("prompts.{key}"))?;
        tracing::info!(folder = %folder.display(), replaced, "prompts are replaced");
    }
    let missing = library.missing(config.language);
    if let Some(first) = missing.first() {
        tracing::warn!(
            missing = missing.len(),
            first = first.name(),
            "prompts have no audio; callers hear silence instead"
        );
    }
    Ok(library)
}

/// The words of mixers' announcements, in the language of the prompts.
pub(crate) fn phrases(library: &PromptLibrary, language: Language) -> Phrases {
    Phrases::new(|phrase| {
        let prompt = match phrase {
            Phrase::HasJoined => Prompt::HasJoined,
            Phrase::HasLeft => Prompt::HasLeft,
            Phrase::HaveJoined => Prompt::HaveJoined,
            Phrase::HaveLeft => Prompt::HaveLeft,
            Phrase::PeopleHaveJoined => Prompt::PeopleHaveJoined,
            Phrase::PeopleHaveLeft => Prompt::PeopleHaveLeft,
            Phrase::Number(number) => match language.cardinal(number.into()).as_slice() {
                [number] => *number,
                _ => return None,
            },
        };
        library.clip(language, prompt)
    })
}
