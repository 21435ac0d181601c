//! Keys of a caller who waits or confers, as data: which keys ask for what, in which menu, for which role.
//!
//! It knows nothing of what a command does. **Invariant:** within one menu and role no command's keys begin another's,
//! so that each is known at its last key.

mod command;
mod map;
mod maps;
mod own;
mod presets;

use std::time::{Duration, Instant};

use partyline_conference::Role;

pub use command::{KeyCommand, Menu};
pub use map::{Binding, KeyMap, Keys};
pub use maps::KeyMaps;
pub use own::{MapError, MenuKeys};
pub use presets::Preset;

/// What a key, or the lack of one, came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pressed {
    /// Nothing: a digit outside a command, or a command that is not complete.
    Nothing,
    /// A command.
    Command(KeyCommand),
    /// A command of the other role.
    Forbidden(KeyCommand),
    /// No command begins so.
    Unknown,
    /// A command was begun, and not ended in time.
    Unfinished,
}

/// Collects the keys of one command at a time.
#[derive(Debug)]
pub struct Keypad {
    key_wait: Duration,
    keyed: Option<(String, Instant)>,
}

impl Keypad {
    /// A keypad; a command's keys may lie `key_wait` apart.
    #[must_use]
    pub const fn new(key_wait: Duration) -> Self {
        Self { key_wait, keyed: None }
    }

    /// Takes a key of a caller of this role, in this menu of a map.
    pub fn press(&mut self, now: Instant, key: char, map: &KeyMap, menu: Menu, role: Role) -> Pressed {
        let mut keys = match self.keyed.take() {
            Some((keys, _)) => keys,
            None if menu.is_talk() && !matches!(key, '*' | '#') => return Pressed::Nothing,
            None => String::new(),
        };
        keys.push(key);
        let other = match role {
            Role::Host => Role::Participant,
            Role::Participant => Role::Host,
        };
        if let Some(command) = map.exact(menu, role, &keys) {
            return Pressed::Command(command);
        }
        let is_begun = map.begins(menu, role, &keys);
        if !is_begun && let Some(command) = map.exact(menu, other, &keys) {
            return Pressed::Forbidden(command);
        }
        // `*` and `#` alone begin something in the conference, for a caller who is about to press on.
        let may_go_on = menu.is_talk() && keys.len() == 1;
        if is_begun || may_go_on || map.begins(menu, other, &keys) {
            self.keyed = Some((keys, now + self.key_wait));
            return Pressed::Nothing;
        }
        Pressed::Unknown
    }

    /// Forgets a command that was begun: the keys that follow mean something else.
    pub fn clear(&mut self) {
        self.keyed = None;
    }

    /// Whether a command was begun, and is awaited.
    #[must_use]
    pub const fn is_begun(&self) -> bool {
        self.keyed.is_some()
    }

    /// Time has passed: a command that was begun and not ended is told as such.
    pub fn tick(&mut self, now: Instant) -> Pressed {
        match &self.keyed {
            Some((_, deadline)) if *deadline <= now => {
                self.keyed = None;
                Pressed::Unfinished
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

    fn press(keys: &str, role: Role) -> Vec<Pressed> {
        let now = crate::origin();
        let (mut keypad, map) = (Keypad::new(WAIT), Preset::Default.map());
        keys.chars()
            .map(|key| keypad.press(now, key, &map, Menu::Conference, role))
            .filter(|pressed| *pressed != Pressed::Nothing)
            .collect()
    }

    #[test]
    fn pound_nine_pound_leaves() {
        assert_eq!(press("#9#", Role::Participant), [Pressed::Command(KeyCommand::Leave)]);
    }

    #[test]
    fn digits_outside_a_command_do_nothing() {
        assert_eq!(press("0123456789", Role::Host), []);
    }

    #[test]
    fn one_key_means_what_the_role_may() {
        assert_eq!(press("*9", Role::Host), [Pressed::Command(KeyCommand::Hands)]);
        assert_eq!(press("*9", Role::Participant), [Pressed::Command(KeyCommand::Hand)]);
    }

    #[test]
    fn the_hosts_keys_are_known_to_be_forbidden_to_participants() {
        assert_eq!(press("*7#99", Role::Participant).len(), 2);
        assert_eq!(press("*7", Role::Participant), [Pressed::Forbidden(KeyCommand::Lock)]);
        assert_eq!(press("#99", Role::Participant), [Pressed::Forbidden(KeyCommand::End)]);
    }

    #[test]
    fn unknown_keys_are_told_at_once_and_the_next_command_is_heard() {
        assert_eq!(press("#8#9#", Role::Host), [Pressed::Unknown, Pressed::Command(KeyCommand::Leave)]);
    }

    #[test]
    fn a_command_left_half_way_is_unfinished_after_its_time() {
        let now = crate::origin();
        let (mut keypad, map) = (Keypad::new(WAIT), Preset::Default.map());
        keypad.press(now, '#', &map, Menu::Conference, Role::Host);
        keypad.press(now, '9', &map, Menu::Conference, Role::Host);
        assert_eq!(keypad.deadline(), Some(now + WAIT));
        assert_eq!(keypad.tick(now + WAIT / 2), Pressed::Nothing);
        assert_eq!(keypad.tick(now + WAIT), Pressed::Unfinished);
        assert_eq!(keypad.deadline(), None);
    }
}
