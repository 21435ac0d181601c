//! What callers' keys mean: a map by name, one's own maps, and whose they are.

use std::collections::BTreeMap;

use partyline_call::keypad::MenuKeys;
use partyline_call::{KeyMap, KeyMaps, Preset};
use partyline_conference::AccountId;
use serde::{Deserialize, Serialize};

use super::Problems;
use super::file::File;

/// More maps, and accounts with one of their own, belong into a tool that writes them.
const MAPS_MAX: usize = 1000;

/// The keypad as it is written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Keypad {
    /// The name of a preset, or of a map of one's own.
    pub(crate) map: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) maps: BTreeMap<String, Map>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) accounts: BTreeMap<String, String>,
}

impl Default for Keypad {
    fn default() -> Self {
        Self { map: Preset::default().name().to_owned(), maps: BTreeMap::new(), accounts: BTreeMap::new() }
    }
}

/// A map of one's own: a preset, of which some menus have other keys.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Map {
    #[serde(default = "default_preset")]
    pub(crate) like: String,
    #[serde(flatten)]
    pub(crate) menus: BTreeMap<String, BTreeMap<String, Names>>,
}

fn default_preset() -> String {
    Preset::default().name().to_owned()
}

/// What keys ask for: of hosts and participants one name each, where they differ.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected the name of a command, or a list of names")]
pub(crate) enum Names {
    One(String),
    Several(Vec<String>),
}

impl Names {
    fn list(&self) -> Vec<String> {
        match self {
            Self::One(name) => vec![name.clone()],
            Self::Several(names) => names.clone(),
        }
    }
}

/// The maps in force; what is wrong with them goes to the problems.
pub(super) fn key_maps(file: &File, problems: &mut Problems<'_>) -> KeyMaps {
    let written = &file.keypad;
    for (key, count) in [("keypad.maps", written.maps.len()), ("keypad.accounts", written.accounts.len())] {
        if count > MAPS_MAX {
            problems.add(key, format!("{count} entries; at most {MAPS_MAX} are allowed"));
        }
    }
    let mut own = BTreeMap::new();
    for (name, map) in &written.maps {
        let key = format!("keypad.maps.{name}");
        if Preset::from_name(name).is_some() {
            problems.add(&key, format!("\"{name}\" comes with the product; expected another name"));
        }
        if let Some(map) = own_map(&key, map, problems) {
            own.insert(name.clone(), map);
        }
    }
    let mut named = |key: &str, name: &str| {
        let map = Preset::from_name(name).map(Preset::map).or_else(|| own.get(name).cloned());
        // What is wrong with a map that was written is told already.
        if map.is_none() && !written.maps.contains_key(name) {
            problems.add(key, format!("there is no map \"{name}\"; expected {}", names(written)));
        }
        map
    };
    let mut maps = KeyMaps::new(named("keypad.map", &written.map).unwrap_or_else(|| Preset::default().map()));
    let mut unreadable = Vec::new();
    for (account, name) in &written.accounts {
        let key = format!("keypad.accounts.{account}");
        match (account.parse::<AccountId>(), named(&key, name)) {
            (Ok(account), Some(map)) => maps = maps.with_account(account, map),
            (Ok(_), None) => {}
            (Err(error), _) => unreadable.push((key, error.to_string())),
        }
    }
    for (key, error) in unreadable {
        problems.add(&key, error);
    }
    maps
}

fn own_map(key: &str, map: &Map, problems: &mut Problems<'_>) -> Option<KeyMap> {
    let Some(preset) = Preset::from_name(&map.like) else {
        let presets = Preset::ALL.map(Preset::name).join(" or ");
        problems
            .add(&format!("{key}.like"), format!("there is no preset \"{}\"; expected {presets}", map.like));
        return None;
    };
    let keys_of = |keys: &BTreeMap<String, Names>| -> MenuKeys {
        keys.iter().map(|(keys, names)| (keys.clone(), names.list())).collect()
    };
    let menus = map.menus.iter().map(|(menu, keys)| (menu.clone(), keys_of(keys))).collect();
    match preset.map().with_menus(&menus) {
        Ok(map) => Some(map),
        Err(error) => {
            problems.add(key, error.to_string());
            None
        }
    }
}

fn names(written: &Keypad) -> String {
    let presets = Preset::ALL.into_iter().map(|preset| preset.name().to_owned());
    presets.chain(written.maps.keys().cloned()).collect::<Vec<_>>().join(", ")
}
