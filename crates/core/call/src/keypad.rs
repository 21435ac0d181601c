//! Keys of a caller who waits or confers: commands begin with `*` or `#`.
//!
//! **Invariant:** no command's keys begin another's, so that each is known at its last key.

use std::time::{Duration, Instant};

/// What keys can ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyCommand {
    /// Leave the conference, or the wait for it.
    Leave,
    /// Hear the keys.
    Help,
}

/// A map of keys to commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyMap(&'static [(&'static str, KeyCommand)]);

impl KeyMap {
    /// What reservationless services taught people.
    pub const DEFAULT: Self = Self(&[("#9#", KeyCommand::Leave), ("**", KeyCommand::Help)]);

    /// Every command with its keys.
    pub fn commands(self) -> impl Iterator<Item = (&'static str, KeyCommand)> {
        self.0.iter().copied()
    }

    fn exact(self, keys: &str) -> Option<KeyCommand> {
        self.0.iter().find(|(known, _)| *known == keys).map(|(_, command)| *command)
    }

    fn begins(self, keys: &str) -> bool {
        self.0.iter().any(|(known, _)| known.starts_with(keys))
    }
}

/// What a key, or the lack of one, came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pressed {
    /// Nothing: a digit outside a command, or a command that is not complete.
    Nothing,
    /// A command.
    Command(KeyCommand),
    /// No command begins so.
    Unknown,
}

/// Collects the keys of one command at a time.
#[derive(Debug)]
pub struct Keypad {
    map: KeyMap,
    key_wait: Duration,
    keyed: Option<(String, Instant)>,
}

impl Keypad {
    /// A keypad by this map; a command's keys may lie `key_wait` apart.
    #[must_use]
    pub const fn new(map: KeyMap, key_wait: Duration) -> Self {
        Self { map, key_wait, keyed: None }
    }

    /// Takes a key.
    pub fn press(&mut self, now: Instant, key: char) -> Pressed {
        let mut keys = match self.keyed.take() {
            Some((keys, _)) => keys,
            None if matches!(key, '*' | '#') => String::new(),
            None => return Pressed::Nothing,
        };
        keys.push(key);
        if let Some(command) = self.map.exact(&keys) {
            return Pressed::Command(command);
        }
        if self.map.begins(&keys) {
            self.keyed = Some((keys, now + self.key_wait));
            return Pressed::Nothing;
        }
        // `*` and `#` alone always begin something, for a caller who is about to press on.
        if keys.len() == 1 {
            self.keyed = Some((keys, now + self.key_wait));
            return Pressed::Nothing;
        }
        Pressed::Unknown
    }

    /// Time has passed: a command that was begun and not ended is unknown.
    pub fn tick(&mut self, now: Instant) -> Pressed {
        match &self.keyed {
            Some((_, deadline)) if *deadline <= now => {
                self.keyed = None;
                Pressed::Unknown
            }
            Some(_) | None => Pressed::Nothing,
        }
    }

    /// When `tick` is due.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.keyed.as_ref().map(|(_, deadline)| *deadline)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAIT: Duration = Duration::from_secs(4);

    fn press(keys: &str) -> Vec<Pressed> {
        let now = crate::origin();
        let mut keypad = Keypad::new(KeyMap::DEFAULT, WAIT);
        keys.chars()
            .map(|key| keypad.press(now, key))
            .filter(|pressed| *pressed != Pressed::Nothing)
            .collect()
    }

    #[test]
    fn no_command_begins_another() {
        for (keys, _) in KeyMap::DEFAULT.commands() {
            assert!(keys.starts_with(['*', '#']), "{keys}");
            let beginning = KeyMap::DEFAULT.commands().filter(|(other, _)| other.starts_with(keys)).count();
            assert_eq!(beginning, 1, "{keys}");
        }
    }

    #[test]
    fn pound_nine_pound_leaves() {
        assert_eq!(press("#9#"), [Pressed::Command(KeyCommand::Leave)]);
    }

    #[test]
    fn digits_outside_a_command_do_nothing() {
        assert_eq!(press("0123456789"), []);
    }

    #[test]
    fn unknown_keys_are_told_at_once_and_the_next_command_is_heard() {
        assert_eq!(press("*6#9#"), [Pressed::Unknown, Pressed::Command(KeyCommand::Leave)]);
        assert_eq!(press("#99"), [Pressed::Unknown]);
    }

    #[test]
    fn a_command_left_half_way_is_unknown_after_its_time() {
        let now = crate::origin();
        let mut keypad = Keypad::new(KeyMap::DEFAULT, WAIT);
        keypad.press(now, '#');
        keypad.press(now, '9');
        assert_eq!(keypad.deadline(), Some(now + WAIT));
        assert_eq!(keypad.tick(now + WAIT / 2), Pressed::Nothing);
        assert_eq!(keypad.tick(now + WAIT), Pressed::Unknown);
        assert_eq!(keypad.deadline(), None);
    }
}
