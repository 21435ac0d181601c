//! The keys of a caller's role, spoken: composed of the map in force, so that it can't say anything else.

use std::time::Duration;

use partyline_conference::Role;

use crate::keypad::{KeyCommand, KeyMap, Menu};
use crate::language::Language;
use crate::script::Cue;

/// Between one command and the next.
const BETWEEN: Duration = Duration::from_millis(300);

/// All that a role has in a menu.
pub(super) fn keys_of_menu(map: &KeyMap, menu: Menu, role: Role, language: Language) -> Vec<Cue> {
    let mut cues = Vec::new();
    let mut last = None;
    for binding in map.of(menu, role) {
        // A second way to the same is not worth the time, nor is what only says that it is not there.
        if last == Some(binding.command) || !is_available(binding.command) {
            continue;
        }
        last = Some(binding.command);
        if !cues.is_empty() {
            cues.push(Cue::Pause(BETWEEN));
        }
        cues.extend(keys_of(map, menu, binding.command, language));
    }
    cues
}

/// What means something to a caller who waits.
pub(super) fn keys_of_waiting(map: &KeyMap, language: Language) -> Vec<Cue> {
    let commands = KeyCommand::ALL.iter().filter(|command| command.is_for_waiting());
    commands.flat_map(|command| keys_of(map, Menu::Conference, *command, language)).collect()
}

/// "To unmute yourself, press: pound, six"; nothing where the map has no keys for it.
pub(super) fn keys_of(map: &KeyMap, menu: Menu, command: KeyCommand, language: Language) -> Vec<Cue> {
    let Some(keys) = map.keys_of(menu, command) else {
        return Vec::new();
    };
    let digits = language.digits(keys.as_str());
    [command.spoken()].into_iter().chain(digits).map(Cue::Say).collect()
}

/// Whether the service behind a key is there.
pub(super) const fn is_available(command: KeyCommand) -> bool {
    !matches!(command, KeyCommand::Record | KeyCommand::Subconference)
}
