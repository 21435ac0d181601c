//! The prompt files and the names in the code are the same set; numbers read as people say them.

use std::collections::{BTreeMap, BTreeSet};

use partyline_call::{Language, Prompt};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    language: String,
    prompts: BTreeMap<String, Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    text: Option<String>,
    kind: Option<String>,
    asterisk: Option<String>,
}

fn english() -> File {
    toml::from_str(include_str!("../../../../../prompts/en.toml")).expect("prompts/en.toml reads")
}

#[test]
fn english_file_and_the_code_name_the_same_prompts() {
    let file: BTreeSet<String> = english().prompts.into_keys().collect();
    let code: BTreeSet<String> = Prompt::ALL.iter().map(|prompt| prompt.name().to_owned()).collect();
    assert_eq!(file, code);
    assert_eq!(code.len(), Prompt::ALL.len(), "a name is used twice");
}

#[test]
fn every_prompt_is_speech_with_words_or_music() {
    let file = english();
    assert_eq!(Language::from_tag(&file.language), Some(Language::English));
    for (name, entry) in file.prompts {
        match entry.kind.as_deref() {
            None => assert!(entry.text.is_some_and(|text| !text.is_empty()), "{name}"),
            Some("music") => assert!(entry.text.is_none(), "{name}"),
            Some(other) => panic!("{name} is of kind {other}"),
        }
        assert!(entry.asterisk.is_none_or(|sound| !sound.is_empty() && !sound.contains('.')), "{name}");
    }
}

#[test]
fn names_are_read_back() {
    for prompt in Prompt::ALL {
        assert_eq!(Prompt::from_name(prompt.name()), Some(*prompt));
    }
    assert_eq!(Prompt::from_name("nonsense"), None);
}

fn spoken(prompts: &[Prompt]) -> String {
    let file = english();
    let words: Vec<String> =
        prompts.iter().map(|prompt| file.prompts[prompt.name()].text.clone().unwrap_or_default()).collect();
    words.join(" ")
}

#[test]
fn numbers_are_said_as_people_count() {
    for (number, words) in [
        (0, "zero"),
        (7, "seven"),
        (20, "twenty"),
        (21, "twenty one"),
        (90, "ninety"),
        (100, "one hundred"),
        (305, "three hundred five"),
        (999, "nine hundred ninety nine"),
        (1000, "one thousand"),
        (40_016, "forty thousand sixteen"),
        (999_999, "nine hundred ninety nine thousand nine hundred ninety nine"),
        (1_000_000, "one zero zero zero zero zero zero"),
    ] {
        assert_eq!(spoken(&Language::English.cardinal(number)), words, "{number}");
    }
}

#[test]
fn places_are_said_as_people_count_them() {
    for (number, words) in [
        (0, "zero"),
        (1, "first"),
        (12, "twelfth"),
        (20, "twentieth"),
        (23, "twenty third"),
        (30, "thirtieth"),
        (100, "one hundredth"),
        (101, "one hundred first"),
        (342, "three hundred forty second"),
        (1000, "one thousandth"),
        (21_000, "twenty one thousandth"),
        (5100, "five thousand one hundredth"),
    ] {
        assert_eq!(spoken(&Language::English.ordinal(number)), words, "{number}");
    }
}

#[test]
fn a_telephone_number_is_said_digit_by_digit() {
    assert_eq!(
        spoken(&Language::English.digits("+49 (30) 1*2#")),
        "plus four nine three zero one star two pound"
    );
    assert_eq!(spoken(&Language::English.tenths(12)), "one point two");
}

#[test]
fn every_number_has_words() {
    for number in (0..2000).chain((2000..1_000_000).step_by(997)) {
        assert!(!Language::English.cardinal(number).is_empty());
        assert!(!Language::English.ordinal(number).is_empty());
    }
}
