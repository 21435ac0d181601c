//! Spoken languages: which recordings, and how numbers are composed of them.

use crate::numbers::english;
use crate::prompt::Prompt;

/// A language that callers are spoken to in. A new one needs its recordings and its composition of numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Language {
    /// English.
    #[default]
    English,
}

impl Language {
    /// Every language.
    pub const ALL: [Self; 1] = [Self::English];

    /// The tag by which files and settings name it.
    #[must_use]
    pub const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
        }
    }

    /// Reads a tag back; `None` for a language that is not spoken here.
    #[must_use]
    pub fn from_tag(tag: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|language| language.tag() == tag)
    }

    /// Digits one by one, with `+`, `*` and `#`; other characters are left out.
    #[must_use]
    pub fn digits(self, text: &str) -> Vec<Prompt> {
        match self {
            Self::English => english::digits(text),
        }
    }

    /// A number as one counts; above 999,999 digit by digit.
    #[must_use]
    pub fn cardinal(self, number: u32) -> Vec<Prompt> {
        match self {
            Self::English => english::cardinal(number),
        }
    }

    /// A place in a row: "twenty-first". Zero, and what is above 999,999, is spoken as a number.
    #[must_use]
    pub fn ordinal(self, number: u32) -> Vec<Prompt> {
        match self {
            Self::English => english::ordinal(number),
        }
    }

    /// Tenths: "three point two".
    #[must_use]
    pub fn tenths(self, tenths: u32) -> Vec<Prompt> {
        let mut spoken = self.cardinal(tenths / 10);
        spoken.push(Prompt::Point);
        spoken.extend(self.cardinal(tenths % 10));
        spoken
    }
}
