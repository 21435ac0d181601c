//! A map of keys to commands, by menu and role.

use std::fmt;

use partyline_conference::Role;

use super::command::{KeyCommand, Menu};
use super::own::MapError;

/// The keys of one command.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Keys(Box<str>);

impl Keys {
    /// More than people remember.
    pub const KEYS_MAX: usize = 6;

    /// Takes 1 to 6 of `0`-`9`, `*` and `#`; `None` for anything else.
    #[must_use]
    pub fn new(keys: &str) -> Option<Self> {
        let are_keys = keys.bytes().all(|key| key.is_ascii_digit() || matches!(key, b'*' | b'#'));
        ((1..=Self::KEYS_MAX).contains(&keys.len()) && are_keys).then(|| Self(Box::from(keys)))
    }

    /// The keys as they are pressed.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One command and its keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// Where.
    pub menu: Menu,
    /// The keys.
    pub keys: Keys,
    /// What they ask for.
    pub command: KeyCommand,
}

/// A map of keys to commands that was checked: each command is known at its last key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyMap {
    /// By menu, and by the order in which commands are spoken of.
    bindings: Vec<Binding>,
}

impl KeyMap {
    /// Checks bindings.
    ///
    /// # Errors
    /// [`MapError`] where a command can't stand in its menu, or the keys of one begin those of another.
    pub fn new(mut bindings: Vec<Binding>) -> Result<Self, MapError> {
        for binding in &bindings {
            check(binding)?;
        }
        for (place, first) in bindings.iter().enumerate() {
            let conflict = bindings[place + 1..].iter().find(|second| conflict(first, second));
            if let Some(second) = conflict {
                return Err(MapError::Conflict { first: first.clone(), second: second.clone() });
            }
        }
        bindings.sort_by(|a, b| (a.menu, a.command, &a.keys).cmp(&(b.menu, b.command, &b.keys)));
        Ok(Self { bindings })
    }

    /// What a role has in a menu, in the order in which it is spoken of.
    pub fn of(&self, menu: Menu, role: Role) -> impl Iterator<Item = &Binding> {
        self.bindings.iter().filter(move |binding| binding.menu == menu && binding.command.is_for(role))
    }

    /// All bindings of a menu.
    pub fn of_menu(&self, menu: Menu) -> impl Iterator<Item = &Binding> {
        self.bindings.iter().filter(move |binding| binding.menu == menu)
    }

    /// The keys of a command in a menu; the first where it has several, `None` where it has none.
    #[must_use]
    pub fn keys_of(&self, menu: Menu, command: KeyCommand) -> Option<&Keys> {
        self.of_menu(menu).find(|binding| binding.command == command).map(|binding| &binding.keys)
    }

    /// What a role can press in a menu: who talks in private has the keys of the conference too, but for those whose place
    /// is taken.
    fn pressed_in(&self, menu: Menu, role: Role) -> impl Iterator<Item = &Binding> {
        let is_free = move |binding: &&Binding| {
            let keys = binding.keys.as_str();
            let is_taken = |taken: &str| taken.starts_with(keys) || keys.starts_with(taken);
            !self.of(Menu::Aside, role).any(|binding| is_taken(binding.keys.as_str()))
        };
        let rest = (menu == Menu::Aside).then(|| self.of(Menu::Conference, role).filter(is_free));
        self.of(menu, role).chain(rest.into_iter().flatten())
    }

    pub(super) fn exact(&self, menu: Menu, role: Role, keys: &str) -> Option<KeyCommand> {
        self.pressed_in(menu, role)
            .find(|binding| binding.keys.as_str() == keys)
            .map(|binding| binding.command)
    }

    pub(super) fn begins(&self, menu: Menu, role: Role, keys: &str) -> bool {
        self.pressed_in(menu, role).any(|binding| binding.keys.as_str().starts_with(keys))
    }
}

fn check(binding: &Binding) -> Result<(), MapError> {
    if !binding.command.menus().contains(&binding.menu) {
        return Err(MapError::NotThere { command: binding.command, menu: binding.menu });
    }
    if binding.menu.is_talk() && !binding.keys.as_str().starts_with(['*', '#']) {
        return Err(MapError::Digit { binding: binding.clone() });
    }
    Ok(())
}

fn conflict(first: &Binding, second: &Binding) -> bool {
    let (a, b) = (first.keys.as_str(), second.keys.as_str());
    first.menu == second.menu && first.command.meets(second.command) && (a.starts_with(b) || b.starts_with(a))
}
