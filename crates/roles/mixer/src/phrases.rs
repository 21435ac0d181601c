//! The words of announcements, as whoever starts the mixer gives them: it knows no prompts and no languages.

use std::collections::HashMap;

use partyline_audio::Clip;

/// The largest number of people that is spoken.
const PEOPLE_MAX: u8 = 20;

/// Coming or going.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    In,
    Out,
}

/// One piece of an announcement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phrase {
    /// Behind one name.
    HasJoined,
    /// Behind one name.
    HasLeft,
    /// Behind several names.
    HaveJoined,
    /// Behind several names.
    HaveLeft,
    /// Behind a number.
    PeopleHaveJoined,
    /// Behind a number.
    PeopleHaveLeft,
    /// How many people.
    Number(u8),
}

/// The recordings of phrases. Where one is missing, names are heard without words, and several people as a tone.
#[derive(Debug, Clone, Default)]
pub struct Phrases(HashMap<Phrase, Clip>);

impl Phrases {
    /// Takes whatever there is.
    pub fn new(recording: impl Fn(Phrase) -> Option<Clip>) -> Self {
        let spoken = [
            Phrase::HasJoined,
            Phrase::HasLeft,
            Phrase::HaveJoined,
            Phrase::HaveLeft,
            Phrase::PeopleHaveJoined,
            Phrase::PeopleHaveLeft,
        ];
        let phrases = spoken.into_iter().chain((2..=PEOPLE_MAX).map(Phrase::Number));
        Self(phrases.filter_map(|phrase| Some((phrase, recording(phrase)?))).collect())
    }

    pub(crate) fn clip(&self, phrase: Phrase) -> Option<Clip> {
        self.0.get(&phrase).cloned()
    }
}
