//! Maps that come with the product.

use super::command::KeyCommand::{self, *};
use super::command::Menu;
use super::map::{Binding, KeyMap, Keys};

/// A map by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Preset {
    /// What reservationless services taught people.
    #[default]
    Default,
    /// Near to what callers of Asterisk's ConfBridge know.
    Confbridge,
}

impl Preset {
    /// Every preset.
    pub const ALL: [Self; 2] = [Self::Default, Self::Confbridge];

    /// The word by which settings name it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Confbridge => "confbridge",
        }
    }

    /// Reads the word back; `None` for a word that names no preset.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|preset| preset.name() == name)
    }

    /// The map.
    ///
    /// # Panics
    /// Never: a test holds every preset to the rules of maps.
    #[must_use]
    pub fn map(self) -> KeyMap {
        let conference = match self {
            Self::Default => DEFAULT,
            Self::Confbridge => CONFBRIDGE,
        };
        let aside = match self {
            Self::Default => ASIDE,
            Self::Confbridge => CONFBRIDGE_ASIDE,
        };
        let menus = [
            (Menu::Conference, conference),
            (Menu::Options, OPTIONS),
            (Menu::Volume, VOLUME),
            (Menu::RollCall, ROLL_CALL),
            (Menu::Hands, HANDS),
            (Menu::Ending, ENDING),
            (Menu::Aside, aside),
        ];
        let bindings = menus.into_iter().flat_map(|(menu, keys)| {
            keys.iter().map(move |(keys, command)| Binding {
                menu,
                keys: Keys::new(keys).expect("presets are made of keys"),
                command: *command,
            })
        });
        KeyMap::new(bindings.collect()).expect("presets have no conflicts")
    }
}

type MenuOfPreset = &'static [(&'static str, KeyCommand)];

const DEFAULT: MenuOfPreset = &[
    ("*0", Operator),
    ("*1", DialOut),
    ("*2", Record),
    ("#2", Subconference),
    ("*3", Options),
    ("*4", RollCall),
    ("*5", Floor),
    ("#5", FloorOpen),
    ("*6", Mute),
    ("#6", Unmute),
    ("*7", Lock),
    ("#7", Unlock),
    ("*8", Continue),
    ("*8", BecomeHost),
    ("*9", Hands),
    ("*9", Hand),
    ("*#", Count),
    ("**", Help),
    ("#99", End),
    ("#9#", Leave),
];

/// Where ConfBridge's sample menus have a key for what we can do, it is theirs; the rest begin with `#`.
const CONFBRIDGE: MenuOfPreset = &[
    ("*1", Mute),
    ("*2", ToggleLock),
    ("*3", DeleteLast),
    ("*4", Quieter),
    ("*5", UsualVolume),
    ("*6", Louder),
    ("*8", Leave),
    ("**", Help),
    ("*#", Count),
    ("#0", Operator),
    ("#1", DialOut),
    ("#2", Record),
    ("#3", Options),
    ("#4", RollCall),
    ("#5", Floor),
    ("#6", FloorOpen),
    ("#7", End),
    ("#8", Continue),
    ("#8", BecomeHost),
    ("#9", Hands),
    ("#9", Hand),
    ("##", Subconference),
];

const OPTIONS: MenuOfPreset = &[
    ("1", Names),
    ("2", Tones),
    ("3", Silence),
    ("5", Language),
    ("6", Volume),
    ("7", Music),
    ("8", MoreTime),
    ("*", Back),
];

const VOLUME: MenuOfPreset = &[("4", Quieter), ("5", UsualVolume), ("6", Louder), ("*", Back), ("#", Back)];

const ROLL_CALL: MenuOfPreset = &[
    ("1", MuteOne),
    ("2", Repeat),
    ("4", Previous),
    ("6", Next),
    ("9", DeleteOne),
    ("0", Jump),
    ("*", Back),
    ("#", Back),
];

const HANDS: MenuOfPreset =
    &[("1", Admit), ("2", Repeat), ("6", Next), ("9", TurnAway), ("*", Back), ("#", Back)];

const ENDING: MenuOfPreset = &[("1", DropOthers), ("2", EndForAll), ("*", Back)];

const ASIDE: MenuOfPreset = &[("*2", JoinCallee), ("*3", DropCallee), ("**", Help)];

const CONFBRIDGE_ASIDE: MenuOfPreset = &[("#2", JoinCallee), ("#3", DropCallee), ("**", Help)];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_stands() {
        for preset in Preset::ALL {
            assert!(preset.map().of_menu(Menu::Conference).count() > 10);
            assert_eq!(Preset::from_name(preset.name()), Some(preset));
        }
    }
}
