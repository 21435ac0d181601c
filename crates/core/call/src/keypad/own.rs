//! Maps as operators write them: menu → keys → names of commands.

use std::collections::BTreeMap;

use super::command::{KeyCommand, Menu};
use super::map::{Binding, KeyMap, Keys};

/// Keys of a menu as they are written, each with the names of what they ask for: of one command, or of one for each
/// role.
pub type MenuKeys = BTreeMap<String, Vec<String>>;

/// A map does not stand.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MapError {
    /// There is no such menu.
    #[error("there is no menu \"{name}\"; expected {}", menus())]
    UnknownMenu {
        /// What was written.
        name: String,
    },
    /// There is no such command.
    #[error("there is no command \"{name}\" (on {keys} of \"{}\"); expected {}", menu.name(), commands(*menu))]
    UnknownCommand {
        /// Where.
        menu: Menu,
        /// On which keys.
        keys: String,
        /// What was written.
        name: String,
    },
    /// These are no keys.
    #[error("\"{keys}\" of \"{}\" are no keys; expected 1 to {} of 0-9, * and #", menu.name(), Keys::KEYS_MAX)]
    NoKeys {
        /// Where.
        menu: Menu,
        /// What was written.
        keys: String,
    },
    /// The command is for another menu.
    #[error("\"{}\" does nothing in \"{}\"; expected {}", command.name(), menu.name(), commands(*menu))]
    NotThere {
        /// The command.
        command: KeyCommand,
        /// Where it was written.
        menu: Menu,
    },
    /// Digits outside a menu do nothing.
    #[error(
        "\"{}\" can't be {} in \"{}\": there keys begin with * or #, as digits do nothing",
        binding.command.name(), binding.keys, binding.menu.name()
    )]
    Digit {
        /// The command and its keys.
        binding: Binding,
    },
    /// One command's keys begin another's.
    #[error(
        "\"{}\" ({}) and \"{}\" ({}) can't both be keys of \"{}\": those of one begin those of the other",
        first.command.name(), first.keys, second.command.name(), second.keys, first.menu.name()
    )]
    Conflict {
        /// One.
        first: Binding,
        /// The other.
        second: Binding,
    },
}

fn menus() -> String {
    Menu::ALL.map(Menu::name).join(", ")
}

fn commands(menu: Menu) -> String {
    let there = KeyCommand::ALL.iter().filter(|command| command.menus().contains(&menu));
    there.map(|command| command.name()).collect::<Vec<_>>().join(", ")
}

impl KeyMap {
    /// A map of one's own: the menus that it names have these keys and no others, the rest are as in this map.
    ///
    /// # Errors
    /// [`MapError`], which names what was written and what it conflicts with.
    pub fn with_menus(&self, menus: &BTreeMap<String, MenuKeys>) -> Result<Self, MapError> {
        let mut bindings = Vec::new();
        let mut named = Vec::new();
        for (name, keys) in menus {
            let menu = Menu::from_name(name).ok_or_else(|| MapError::UnknownMenu { name: name.clone() })?;
            named.push(menu);
            for (keys, names) in keys {
                let written = || MapError::NoKeys { menu, keys: keys.clone() };
                let keys = Keys::new(keys).ok_or_else(written)?;
                for name in names {
                    let unknown =
                        || MapError::UnknownCommand { menu, keys: keys.to_string(), name: name.clone() };
                    let command = KeyCommand::from_name(name).ok_or_else(unknown)?;
                    bindings.push(Binding { menu, keys: keys.clone(), command });
                }
            }
        }
        let others = Menu::ALL.into_iter().filter(|menu| !named.contains(menu));
        bindings.extend(others.flat_map(|menu| self.of_menu(menu)).cloned());
        Self::new(bindings)
    }
}
