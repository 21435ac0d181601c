//! Settings of a trunk as they are typed: `KEY=VALUE`, with the keys of the settings file.

use partyline_trunk::TrunkSettings;
use serde::Deserialize as _;
use serde_json::{Value, json};

/// Keys that hold whole numbers.
const NUMBERS: &[&str] = &["calls_max", "calls_per_second_max", "dial_out.priority"];
/// Keys that hold true or false.
const CLAIMS: &[&str] = &["trusts_identity", "dial_out.follows_redirects"];
/// Keys that hold lists of texts.
const LISTS: &[&str] = &["sources", "tls_peers", "codecs", "dial_out.hosts"];
/// Keys that hold lists of tables, and what a text among them stands for.
const TABLES: &[(&str, &str)] = &[("numbers", "number"), ("dial_out.numbers", "prefix")];
/// The longest that is typed.
const VALUE_CHARS_MAX: usize = 65_536;

/// What was typed is no setting.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum WordError {
    /// There is no `=`.
    #[error("\"{0}\" is no setting; expected KEY=VALUE, such as sources=203.0.113.0/24")]
    NoValue(String),
    /// The name is given by itself.
    #[error("a trunk's name stays; make another trunk instead")]
    Name,
    /// The value does not read as TOML.
    #[error("{key}: {why}")]
    Unreadable { key: String, why: String },
    /// The trunk does not read with it.
    #[error("{0}")]
    Wrong(String),
}

/// The trunk with what was typed in place of what it had. Nothing behind `=` takes a key back to its default.
pub(super) fn changed(trunk: &TrunkSettings, words: &[String]) -> Result<TrunkSettings, WordError> {
    let mut document: Value =
        serde_json::from_str(&trunk.document()).expect("a trunk's document is JSON of our own making");
    for word in words {
        let (key, text) = word.split_once('=').ok_or_else(|| WordError::NoValue(word.clone()))?;
        let key = key.trim();
        if key == "name" {
            return Err(WordError::Name);
        }
        if text.is_empty() {
            remove(&mut document, key);
        } else {
            let value = value(key, text)?;
            insert(&mut document, key, value)?;
        }
    }
    TrunkSettings::deserialize(document).map_err(|error| WordError::Wrong(error.to_string()))
}

fn value(key: &str, text: &str) -> Result<Value, WordError> {
    let wrong = |why: &str| WordError::Unreadable { key: key.to_owned(), why: why.to_owned() };
    if text.len() > VALUE_CHARS_MAX {
        return Err(wrong("it is too long"));
    }
    let value = if text.starts_with(['[', '{', '"', '\'']) {
        toml_value(text).map_err(|why| wrong(&why))?
    } else if NUMBERS.contains(&key) {
        json!(text.parse::<u32>().map_err(|_| wrong("expected a whole number"))?)
    } else if CLAIMS.contains(&key) {
        json!(text.parse::<bool>().map_err(|_| wrong("expected true or false"))?)
    } else if LISTS.contains(&key) || TABLES.iter().any(|(known, _)| *known == key) {
        text.split(',').map(|item| json!(item.trim())).collect()
    } else {
        json!(text)
    };
    Ok(match TABLES.iter().find(|(known, _)| *known == key) {
        Some((_, inner)) => tables(value, inner),
        None => value,
    })
}

fn toml_value(text: &str) -> Result<Value, String> {
    let mut table: toml::Table =
        toml::from_str(&format!("value = {text}")).map_err(|error| error.message().to_owned())?;
    let value = table.remove("value").ok_or("expected a TOML value")?;
    serde_json::to_value(value).map_err(|error| error.to_string())
}

/// Texts in a list of tables are tables of one key.
fn tables(list: Value, key: &str) -> Value {
    let Value::Array(items) = list else { return list };
    let table = |item: Value| if item.is_string() { json!({ key: item }) } else { item };
    items.into_iter().map(table).collect()
}

fn insert(document: &mut Value, key: &str, value: Value) -> Result<(), WordError> {
    match key.split_once('.') {
        None => document[key] = value,
        Some((section, inner)) => {
            let holder = &mut document[section];
            if holder.is_null() {
                *holder = json!({});
            }
            if !holder.is_object() || inner.contains('.') {
                return Err(WordError::Unreadable {
                    key: key.to_owned(),
                    why: "there is no such key".to_owned(),
                });
            }
            holder[inner] = value;
        }
    }
    Ok(())
}

fn remove(document: &mut Value, key: &str) {
    let (holder, key) = match key.split_once('.') {
        None => (Some(document), key),
        Some((section, inner)) => (document.get_mut(section), inner),
    };
    if let Some(holder) = holder.and_then(Value::as_object_mut) {
        holder.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use partyline_conference::TrunkName;

    use super::*;

    fn typed(words: &[&str]) -> Result<TrunkSettings, WordError> {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        changed(&TrunkSettings::named(TrunkName::new("t").unwrap()), &words)
    }

    #[test]
    fn settings_are_typed_short_or_as_in_the_file() {
        let short = typed(&[
            "sources=203.0.113.0/24, 2001:db8::7",
            "numbers=+1800*,600",
            "dial_out.hosts=sip.example.com",
            "dial_out.numbers=+",
            "calls_max=30",
            "trusts_identity=true",
            "register.registrar=sip.example.com",
            "register.user=4711",
        ])
        .unwrap();
        let long = typed(&[
            "sources=[\"203.0.113.0/24\", \"2001:db8::7\"]",
            "numbers=[{ number = \"+1800*\" }, \"600\"]",
            "dial_out={ hosts = [\"sip.example.com\"], numbers = [{ prefix = \"+\" }] }",
            "calls_max=30",
            "trusts_identity=true",
            "register={ registrar = \"sip.example.com\", user = \"4711\" }",
        ])
        .unwrap();
        assert_eq!(short, long);
        assert_eq!((short.numbers.len(), short.sources.len()), (2, 2));
    }

    #[test]
    fn nothing_behind_the_sign_takes_the_default_back() {
        let trunk = typed(&["calls_max=30", "calls_max=", "dial_out.priority="]).unwrap();
        assert_eq!(trunk.calls_max, None);
    }

    #[test]
    fn nonsense_is_told_with_what_was_expected() {
        for (word, says) in [
            ("sources", "expected KEY=VALUE"),
            ("name=x", "name stays"),
            ("calls_max=many", "whole number"),
            ("trusts_identity=perhaps", "true or false"),
            ("port=5060", "unknown field `port`"),
            ("sources=here", "an address or a network"),
            ("numbers=[{ number", "numbers: "),
            ("dial_out.a.b=1", "no such key"),
            ("sources.a=1", "invalid type"),
        ] {
            let error = typed(&[word]).unwrap_err().to_string();
            assert!(error.contains(says), "{word}: {error}");
        }
    }
}
