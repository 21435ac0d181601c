//! `config show`: what is in force, and where each value came from. Secrets are masked.

use std::path::Path;

use serde_json::json;
use toml::{Table, Value};

use super::Loaded;
use super::settings::{Kind, SETTINGS};

/// The configuration as TOML, with the origin of each value behind it.
pub(crate) fn text(loaded: &Loaded) -> String {
    let table = Table::try_from(&loaded.file).expect("a configuration that was read can be written");
    let mut lines = Vec::new();
    let mut section = "";
    for setting in SETTINGS.iter().filter(|setting| !matches!(setting.kind, Kind::Inner | Kind::Toml)) {
        let (now, name) = setting.place();
        if now != section {
            lines.push(format!("\n[{now}]"));
            section = now;
        }
        let origin = loaded.origins.of(setting.key);
        match look_up(&table, setting.key) {
            Some(value) => lines.push(format!("{name} = {value}  # {origin}")),
            None => lines.push(format!("# {name} is not set: {}", setting.unset)),
        }
    }
    for setting in SETTINGS.iter().filter(|setting| setting.kind == Kind::Toml) {
        let value = look_up(&table, setting.key).filter(|value| !is_empty(value));
        match value {
            Some(value) => {
                let one = setting.key.rsplit('.').fold(value.clone(), |inner, name| {
                    Value::Table(Table::from_iter([(name.to_owned(), inner)]))
                });
                let one = one.as_table().cloned().unwrap_or_default();
                lines.push(format!("\n# {}\n{}", loaded.origins.of(setting.key), one.to_string().trim_end()));
            }
            None => lines.push(format!("\n# {} is not set: {}", setting.key, setting.unset)),
        }
    }
    lines.push(format!("\n# Secrets: {}", secrets(&loaded.config.data_dir)));
    format!("{}\n", lines.join("\n").trim_start())
}

/// The configuration as JSON: values, origins, and where the secrets are.
pub(crate) fn json(loaded: &Loaded) -> serde_json::Value {
    let origins: serde_json::Map<_, _> = SETTINGS
        .iter()
        .filter(|setting| setting.kind != Kind::Inner)
        .map(|setting| (setting.key.to_owned(), loaded.origins.of(setting.key).to_string().into()))
        .collect();
    json!({
        "config": loaded.file,
        "origins": origins,
        "secrets": secrets(&loaded.config.data_dir),
    })
}

fn secrets(data_dir: &Path) -> String {
    let path = data_dir.join(crate::secrets::FILE_NAME);
    let state = if path.exists() { "********" } else { "not made yet" };
    format!("lookup key and ticket seed {state} ({})", path.display())
}

pub(super) fn look_up<'a>(table: &'a Table, key: &str) -> Option<&'a Value> {
    match key.split_once('.') {
        None => table.get(key),
        Some((section, rest)) => look_up(table.get(section)?.as_table()?, rest),
    }
}

pub(super) fn is_empty(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.is_empty(),
        Value::Table(table) => table.is_empty(),
        Value::String(_) | Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Datetime(_) => {
            false
        }
    }
}
