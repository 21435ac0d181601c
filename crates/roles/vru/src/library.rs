//! The prompt library: recordings by language and name, and what a script sounds like.
//!
//! **Invariant:** a prompt without a recording is a short silence, never an error to a caller.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::time::Duration;

use partyline_audio::resample::resample;
use partyline_audio::{Clip, Program, Step, WavError};
use partyline_call::{Cue, Language, Prompt, Script};
use partyline_conference::AttendanceId;
use partyline_engine::RATE_HZ;
use serde::Deserialize;
use tracing::warn;

/// A longer file is no prompt.
const FILE_BYTES_MAX: u64 = 32 * 1024 * 1024;
/// What a prompt without a recording sounds like.
const MISSING: Duration = Duration::from_millis(300);
/// Between a prompt and the next: recordings are cut close.
const GAP: Duration = Duration::from_millis(120);
const TONE_DBOV: f32 = -15.0;

/// The library can't be filled.
#[derive(Debug, thiserror::Error)]
pub enum LibraryError {
    /// The table of prompts does not read.
    #[error("the table of prompts does not read: {0}")]
    Table(#[from] toml::de::Error),
    /// A file has no readable sound.
    #[error("prompt {name}: {error}")]
    Sound {
        /// The file.
        name: String,
        /// Why.
        error: WavError,
    },
    /// A file can't be read.
    #[error("{path}: {error}")]
    File {
        /// The file.
        path: String,
        /// Why.
        error: std::io::Error,
    },
    /// The folder holds none of our prompts.
    #[error("{path} holds no prompt by any of our names, nor by those of the Asterisk packs")]
    NothingThere {
        /// The folder.
        path: String,
    },
}

/// What callers hear. Fill it once, at the start; sharing is cheap for whoever has it behind an `Arc`.
#[derive(Debug, Clone, Default)]
pub struct PromptLibrary {
    languages: HashMap<Language, Recordings>,
}

#[derive(Debug, Clone, Default)]
struct Recordings {
    clips: HashMap<Prompt, Clip>,
    asterisk: HashMap<Prompt, String>,
}

#[derive(Debug, Deserialize)]
struct Table {
    prompts: BTreeMap<String, TableEntry>,
}

#[derive(Debug, Deserialize)]
struct TableEntry {
    asterisk: Option<String>,
}

impl PromptLibrary {
    /// A library without recordings: callers hear silence.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a language: its table (the text of `prompts/LANGUAGE.toml`) and its recordings by name, with or without
    /// `.wav`. Names that are none of our prompts are passed over.
    ///
    /// # Errors
    /// [`LibraryError`] where the table does not read or a recording is no WAV file.
    pub fn add_language<N: AsRef<str>, B: AsRef<[u8]>>(
        &mut self,
        language: Language,
        table: &str,
        files: impl IntoIterator<Item = (N, B)>,
    ) -> Result<(), LibraryError> {
        let table: Table = toml::from_str(table)?;
        let recordings = self.languages.entry(language).or_default();
        recordings.asterisk = table
            .prompts
            .into_iter()
            .filter_map(|(name, entry)| Some((Prompt::from_name(&name)?, entry.asterisk?)))
            .collect();
        for (name, bytes) in files {
            let name = name.as_ref();
            let Some(prompt) = Prompt::from_name(name.strip_suffix(".wav").unwrap_or(name)) else {
                continue;
            };
            let clip = Clip::from_wav(bytes.as_ref())
                .map_err(|error| LibraryError::Sound { name: name.to_owned(), error })?;
            recordings.clips.insert(prompt, as_played(&clip));
        }
        Ok(())
    }

    /// Replaces recordings by the WAV files of a folder: `NAME.wav` or `LANGUAGE/NAME.wav` by our names, or by those of
    /// the Asterisk packs (in the folder of one voice). Prompts that are not there keep their recording. Answers how
    /// many were replaced.
    ///
    /// # Errors
    /// [`LibraryError`] where the folder holds none, or a file in it can't be read or is no WAV file.
    pub fn replace_from(&mut self, language: Language, folder: &Path) -> Result<usize, LibraryError> {
        let recordings = self.languages.entry(language).or_default();
        let mut replaced = 0;
        for prompt in Prompt::ALL {
            let ours = format!("{}.wav", prompt.name());
            let theirs = recordings.asterisk.get(prompt).map(|sound| format!("{sound}.wav"));
            let places = [
                Some(folder.join(language.tag()).join(&ours)),
                Some(folder.join(&ours)),
                theirs.map(|sound| folder.join(sound)),
            ];
            let Some(path) = places.into_iter().flatten().find(|path| path.is_file()) else {
                continue;
            };
            recordings.clips.insert(*prompt, as_played(&read(&path)?));
            replaced += 1;
        }
        if replaced == 0 {
            return Err(LibraryError::NothingThere { path: folder.display().to_string() });
        }
        Ok(replaced)
    }

    /// Prompts without a recording in this language.
    #[must_use]
    pub fn missing(&self, language: Language) -> Vec<Prompt> {
        let clips = self.languages.get(&language).map(|recordings| &recordings.clips);
        Prompt::ALL
            .iter()
            .copied()
            .filter(|prompt| clips.is_none_or(|clips| !clips.contains_key(prompt)))
            .collect()
    }

    /// One recording, for whoever plays it without a script.
    #[must_use]
    pub fn clip(&self, language: Language, prompt: Prompt) -> Option<Clip> {
        self.languages.get(&language)?.clips.get(&prompt).cloned()
    }

    /// What a script sounds like, with these names in it.
    #[must_use]
    pub fn program(
        &self,
        language: Language,
        script: &Script,
        names: &HashMap<AttendanceId, Clip>,
    ) -> Program {
        let mut steps = Vec::with_capacity(script.cues.len() * 2);
        for cue in &script.cues {
            match cue {
                Cue::Say(prompt) => self.say(language, *prompt, &mut steps),
                Cue::Name { attendance, otherwise } => match names.get(attendance) {
                    Some(name) => steps.push(Step::Clip(name.clone())),
                    None => otherwise.iter().for_each(|prompt| self.say(language, *prompt, &mut steps)),
                },
                Cue::Pause(pause) => steps.push(Step::Silence(*pause)),
                Cue::Tone { frequency_hz, duration } => {
                    steps.push(Step::Tone {
                        frequency_hz: *frequency_hz as f32,
                        duration: *duration,
                        level_dbov: TONE_DBOV,
                    });
                }
            }
        }
        Program { steps, repeats: script.repeats }
    }

    fn say(&self, language: Language, prompt: Prompt, steps: &mut Vec<Step>) {
        if matches!(steps.last(), Some(Step::Clip(_))) {
            steps.push(Step::Silence(GAP));
        }
        steps.push(self.clip(language, prompt).map_or(Step::Silence(MISSING), Step::Clip));
    }

    pub(crate) fn warn_of_missing(&self, language: Language) {
        let missing = self.missing(language);
        if !missing.is_empty() {
            warn!(language = language.tag(), count = missing.len(), first = %missing[0], "prompts without a recording");
        }
    }
}

/// A recording at the rate that legs play at: brought there once, as it costs milliseconds, and each call plays several.
fn as_played(clip: &Clip) -> Clip {
    resample(clip, RATE_HZ)
}

fn read(path: &Path) -> Result<Clip, LibraryError> {
    let failed = |error| LibraryError::File { path: path.display().to_string(), error };
    let length = std::fs::metadata(path).map_err(failed)?.len();
    if length > FILE_BYTES_MAX {
        return Err(failed(std::io::Error::from(std::io::ErrorKind::FileTooLarge)));
    }
    let bytes = std::fs::read(path).map_err(failed)?;
    Clip::from_wav(&bytes).map_err(|error| LibraryError::Sound { name: path.display().to_string(), error })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "[prompts]\ngreeting = { text = \"Hello\", asterisk = \"hello\" }\nnumber_1 = { text = \"one\", asterisk = \"digits/1\" }\n";

    /// A WAV file of so many samples, all alike, at 8 kHz.
    fn wav(samples: usize, level: i16) -> Vec<u8> {
        let data: Vec<u8> = std::iter::repeat_n(level.to_le_bytes(), samples).flatten().collect();
        let length = u32::try_from(data.len()).unwrap();
        let mut bytes = Vec::new();
        bytes.extend(b"RIFF");
        bytes.extend((36 + length).to_le_bytes());
        bytes.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
        bytes.extend(8000u32.to_le_bytes());
        bytes.extend(16000u32.to_le_bytes());
        bytes.extend(b"\x02\0\x10\0data");
        bytes.extend(length.to_le_bytes());
        bytes.extend(data);
        bytes
    }

    fn library() -> PromptLibrary {
        let mut library = PromptLibrary::new();
        let files = [("greeting", wav(8, 100)), ("number_1.wav", wav(8, 100)), ("foreign", wav(8, 100))];
        library.add_language(Language::English, TABLE, files).unwrap();
        library
    }

    fn level(library: &PromptLibrary, prompt: Prompt) -> i16 {
        library.clip(Language::English, prompt).unwrap().samples()[0]
    }

    #[test]
    fn recordings_are_found_by_name_and_the_rest_is_missing() {
        let library = library();
        assert!(library.clip(Language::English, Prompt::Number1).is_some());
        assert_eq!(library.missing(Language::English).len(), Prompt::ALL.len() - 2);
    }

    #[test]
    fn folder_replaces_by_our_names_and_leaves_the_rest() {
        let (folder, mut library) = (tempfile::tempdir().unwrap(), library());
        std::fs::write(folder.path().join("greeting.wav"), wav(8, 200)).unwrap();
        assert_eq!(library.replace_from(Language::English, folder.path()).unwrap(), 1);
        assert_eq!(level(&library, Prompt::Greeting), 200);
        assert_eq!(level(&library, Prompt::Number1), 100);
    }

    #[test]
    fn folder_of_a_pack_replaces_by_the_table() {
        let (folder, mut library) = (tempfile::tempdir().unwrap(), library());
        std::fs::create_dir(folder.path().join("digits")).unwrap();
        std::fs::write(folder.path().join("digits/1.wav"), wav(8, 300)).unwrap();
        assert_eq!(library.replace_from(Language::English, folder.path()).unwrap(), 1);
        assert_eq!(level(&library, Prompt::Number1), 300);
    }

    #[test]
    fn folder_without_prompts_or_with_garbage_is_refused() {
        let (folder, mut library) = (tempfile::tempdir().unwrap(), library());
        let nothing = library.replace_from(Language::English, folder.path());
        assert!(matches!(nothing, Err(LibraryError::NothingThere { .. })));
        std::fs::write(folder.path().join("greeting.wav"), b"no sound").unwrap();
        let garbage = library.replace_from(Language::English, folder.path());
        assert!(matches!(garbage, Err(LibraryError::Sound { .. })));
    }

    #[test]
    fn our_own_recordings_are_complete() {
        let prompts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../prompts");
        let table = std::fs::read_to_string(prompts.join("en.toml")).unwrap();
        let mut library = PromptLibrary::new();
        library.add_language::<&str, &[u8]>(Language::English, &table, []).unwrap();
        library.replace_from(Language::English, &prompts.join("audio")).unwrap();
        assert_eq!(library.missing(Language::English), []);
    }

    #[test]
    fn a_name_is_played_where_the_script_has_it_and_the_number_where_it_cannot_be_read() {
        let name = |bits| Cue::Name {
            attendance: AttendanceId::from_bits(bits),
            otherwise: vec![Prompt::Number1, Prompt::Number1],
        };
        let names = HashMap::from([(AttendanceId::from_bits(1), Clip::new(8_000, vec![7; 80]))]);
        let script = Script { cues: vec![name(1), name(2)], repeats: false };
        let program = library().program(Language::English, &script, &names);
        let [Step::Clip(name), Step::Silence(GAP), Step::Clip(one), Step::Silence(GAP), Step::Clip(_)] =
            program.steps.as_slice()
        else {
            panic!("{:?}", program.steps)
        };
        assert_eq!(name.samples(), [7; 80]);
        assert_ne!(one.samples(), [7; 80]);
    }

    #[test]
    fn script_becomes_a_program_with_short_gaps() {
        let script = Script::say([Prompt::Greeting, Prompt::Number1, Prompt::Goodbye]);
        let program = library().program(Language::English, &script, &HashMap::new());
        let kinds: Vec<&str> = program
            .steps
            .iter()
            .map(|step| match step {
                Step::Clip(_) => "clip",
                Step::Silence(_) => "silence",
                Step::Tone { .. } => "tone",
            })
            .collect();
        assert_eq!(kinds, ["clip", "silence", "clip", "silence", "silence"]);
        assert!(!program.repeats);
    }
}
