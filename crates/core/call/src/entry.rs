//! What a caller keys for a code or a PIN, until `#`.

use std::fmt;

/// Keys collected so far. A secret: it prints as its length.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Entry(String);

/// What a key made of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Keyed {
    /// More keys may follow.
    More,
    /// `#` without anything before it.
    Nothing,
    /// `#`: these keys are the entry.
    Complete(Entry),
    /// More keys than any code and PIN have.
    TooMany,
}

impl Entry {
    /// The longest code, `*`, and the longest PIN.
    pub const KEYS_MAX: usize = 16 + 1 + 16;

    /// Takes a key. `A`-`D` and other characters change nothing.
    pub fn key(&mut self, key: char) -> Keyed {
        match key {
            '#' if self.0.is_empty() => Keyed::Nothing,
            '#' => Keyed::Complete(std::mem::take(self)),
            '0'..='9' | '*' if self.0.len() == Self::KEYS_MAX => {
                self.0.clear();
                Keyed::TooMany
            }
            '0'..='9' | '*' => {
                self.0.push(key);
                Keyed::More
            }
            _ => Keyed::More,
        }
    }

    /// Whether nothing was keyed yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Everything that was keyed.
    #[must_use]
    pub fn whole(&self) -> &str {
        &self.0
    }

    /// The code, and the PIN where `*` parts it off: `code*PIN`.
    #[must_use]
    pub fn code_and_pin(&self) -> (&str, Option<&str>) {
        match self.0.split_once('*') {
            Some((code, pin)) => (code, Some(pin)),
            None => (&self.0, None),
        }
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Entry({} keys)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keyed(keys: &str) -> Keyed {
        let mut entry = Entry::default();
        keys.chars().map(|key| entry.key(key)).last().expect("a key")
    }

    #[test]
    fn a_star_parts_the_pin_from_the_code() {
        let Keyed::Complete(entry) = keyed("12345678*4321#") else { panic!("not complete") };
        assert_eq!(entry.code_and_pin(), ("12345678", Some("4321")));
    }

    #[test]
    fn pound_alone_is_nothing() {
        assert_eq!(keyed("#"), Keyed::Nothing);
    }

    #[test]
    fn keys_that_never_end_are_cut_off_and_forgotten() {
        assert_eq!(keyed(&"7".repeat(Entry::KEYS_MAX)), Keyed::More);
        let mut entry = Entry::default();
        let cut = (0..10 * Entry::KEYS_MAX).filter(|_| entry.key('7') == Keyed::TooMany).count();
        assert_eq!(cut, 9);
        assert!(entry.whole().len() <= Entry::KEYS_MAX);
    }

    #[test]
    fn letters_of_military_telephones_are_passed_over() {
        let Keyed::Complete(entry) = keyed("1A2B3é4#") else { panic!("not complete") };
        assert_eq!(entry.whole(), "1234");
    }

    #[test]
    fn an_entry_prints_without_its_digits() {
        let Keyed::Complete(entry) = keyed("86753099#") else { panic!("not complete") };
        assert_eq!(format!("{entry:?}"), "Entry(8 keys)");
    }
}
