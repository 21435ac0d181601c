//! Maps of keys: what is refused, and what holds of every map that is not.

use std::collections::BTreeMap;
use std::time::Duration;

use partyline_call::keypad::{Binding, Keypad, Keys, MapError, MenuKeys, Pressed};
use partyline_call::{KeyCommand, KeyMap, Menu, Preset};
use partyline_conference::Role;
use proptest::prelude::*;

use crate::world::origin;

const WAIT: Duration = Duration::from_secs(4);
const ROLES: [Role; 2] = [Role::Host, Role::Participant];

fn menus(text: &str) -> BTreeMap<String, MenuKeys> {
    toml::from_str(text).expect("the test's table reads")
}

fn refused(text: &str) -> String {
    Preset::Default.map().with_menus(&menus(text)).expect_err("the map is wrong").to_string()
}

#[test]
fn two_commands_that_begin_alike_are_refused_with_both_named() {
    let told = refused("conference = { '*7' = ['lock'], '*77' = ['end'] }");
    assert!(told.contains("\"lock\" (*7)") && told.contains("\"end\" (*77)"), "{told}");
}

#[test]
fn conflicts_within_a_menu_are_refused_too() {
    let told = refused("roll_call = { '9' = ['delete_one'], '99' = ['back'] }");
    assert!(told.contains("\"delete_one\" (9)") && told.contains("\"back\" (99)"), "{told}");
    assert!(told.contains("\"roll_call\""), "{told}");
}

#[test]
fn one_key_may_be_a_hosts_and_a_participants() {
    let own = menus("conference = { '*9' = ['hands', 'hand'], '#1#' = ['leave'] }");
    let map = Preset::Default.map().with_menus(&own).unwrap();
    assert_eq!(map.of(Menu::Conference, Role::Host).count(), 2);
    assert_eq!(map.of(Menu::Options, Role::Host).count(), 8, "menus that are not named stay as they were");
    let both = refused("conference = { '*9' = ['hand'], '*99' = ['mute'] }");
    assert!(both.contains("\"hand\" (*9)"), "{both}");
}

#[test]
fn nonsense_is_told_with_what_was_expected() {
    for (text, part) in [
        ("nowhere = {}", "there is no menu \"nowhere\"; expected conference, options"),
        (
            "conference = { '*7' = ['lokc'] }",
            "there is no command \"lokc\" (on *7 of \"conference\"); expected mute",
        ),
        ("conference = { '7' = ['lock'] }", "\"lock\" can't be 7 in \"conference\""),
        ("conference = { '*a' = ['lock'] }", "\"*a\" of \"conference\" are no keys"),
        ("conference = { '' = ['lock'] }", "are no keys"),
        ("conference = { '*123456' = ['lock'] }", "are no keys"),
        ("options = { '7' = ['lock'] }", "\"lock\" does nothing in \"options\"; expected names"),
    ] {
        let told = refused(text);
        assert!(told.contains(part), "{text}: {told}");
    }
}

#[test]
fn every_command_of_the_keypad_page_is_on_its_key() {
    let map = Preset::Default.map();
    for (keys, command) in [
        ("*0", "operator"),
        ("*1", "dial_out"),
        ("*2", "record"),
        ("*3", "options"),
        ("*4", "roll_call"),
        ("*5", "floor"),
        ("#5", "floor_open"),
        ("*6", "mute"),
        ("#6", "unmute"),
        ("*7", "lock"),
        ("#7", "unlock"),
        ("*8", "continue"),
        ("*9", "hands"),
        ("*#", "count"),
        ("**", "help"),
        ("#99", "end"),
        ("#9#", "leave"),
    ] {
        let command = KeyCommand::from_name(command).unwrap();
        assert_eq!(map.keys_of(Menu::Conference, command).map(Keys::as_str), Some(keys));
    }
}

/// What pressing these keys one by one comes to.
fn pressed(map: &KeyMap, menu: Menu, role: Role, keys: &str) -> Vec<Pressed> {
    let (now, mut keypad) = (origin(), Keypad::new(WAIT));
    keys.chars().map(|key| keypad.press(now, key, map, menu, role)).collect()
}

fn is_reachable(map: &KeyMap, binding: &Binding, role: Role) -> bool {
    let came = pressed(map, binding.menu, role, binding.keys.as_str());
    let Some((last, before)) = came.split_last() else { return false };
    *last == Pressed::Command(binding.command) && before.iter().all(|pressed| *pressed == Pressed::Nothing)
}

fn all_are_reachable(map: &KeyMap) {
    for (menu, role) in Menu::ALL.into_iter().flat_map(|menu| ROLES.map(|role| (menu, role))) {
        for binding in map.of(menu, role) {
            assert!(is_reachable(map, binding, role), "{binding:?} as {role:?}");
        }
    }
}

#[test]
fn every_command_of_a_preset_is_known_at_its_last_key() {
    Preset::ALL.into_iter().for_each(|preset| all_are_reachable(&preset.map()));
}

fn some_binding() -> impl Strategy<Value = Binding> {
    let menu = prop::sample::select(Menu::ALL.to_vec());
    let command = prop::sample::select(KeyCommand::ALL.to_vec());
    ("[0-9*#]{1,4}", menu, command).prop_map(|(keys, menu, command)| {
        // Mostly what can stand there: else every map would be refused for the same reason.
        let menu = if command.menus().contains(&menu) { menu } else { command.menus()[0] };
        let keys = if menu == Menu::Conference { format!("*{keys}") } else { keys };
        Binding { menu, keys: Keys::new(&keys).expect("these are keys"), command }
    })
}

proptest! {
    #[test]
    fn whatever_map_is_accepted_every_command_is_known_at_its_last_key(
        bindings in prop::collection::vec(some_binding(), 0..12),
    ) {
        match KeyMap::new(bindings) {
            Ok(map) => all_are_reachable(&map),
            Err(MapError::Conflict { first, second }) => {
                let (a, b) = (first.keys.as_str(), second.keys.as_str());
                prop_assert!(a.starts_with(b) || b.starts_with(a));
                prop_assert_eq!(first.menu, second.menu);
            }
            Err(other) => prop_assert!(matches!(other, MapError::Digit { .. }), "{}", other),
        }
    }

    #[test]
    fn random_keys_are_never_stuck(
        bindings in prop::collection::vec(some_binding(), 0..12),
        keys in "[0-9*#A-Dx]{0,60}",
        menu in prop::sample::select(Menu::ALL.to_vec()),
        is_host in any::<bool>(),
    ) {
        let map = KeyMap::new(bindings).unwrap_or_else(|_| Preset::Confbridge.map());
        let role = if is_host { Role::Host } else { Role::Participant };
        let (now, mut keypad) = (origin(), Keypad::new(WAIT));
        let mut begun = 0;
        for key in keys.chars() {
            keypad.press(now, key, &map, menu, role);
            begun = if keypad.is_begun() { begun + 1 } else { 0 };
            prop_assert!(begun <= Keys::KEYS_MAX, "no command has so many keys");
        }
        keypad.tick(now + WAIT);
        prop_assert_eq!(keypad.deadline(), None);
    }
}
