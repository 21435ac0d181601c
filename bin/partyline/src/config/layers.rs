//! The layers of the configuration, each checked by itself, the later over the earlier.
//!
//! File, then environment, then flags. Every value remembers where it came from, so that an error
//! names the line, variable or flag, whatever is wrong with it.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize as _;
use toml::de::{DeTable, DeValue};
use toml::{Spanned, Table, Value};

use super::file::File;
use super::settings::{self, FILE_VARIABLE, Kind};

/// Longer files are no configuration of ours.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Nobody said anything.
    Default,
    /// A line of the file.
    Line(PathBuf, usize),
    /// An environment variable.
    Variable(String),
    /// A flag.
    Flag(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Line(path, line) => write!(f, "{}:{line}", path.display()),
            Self::Variable(name) => write!(f, "environment variable {name}"),
            Self::Flag(name) => f.write_str(name),
        }
    }
}

/// One thing that is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    /// File and line, variable or flag.
    pub(crate) place: String,
    /// What is wrong and what was expected.
    pub(crate) message: String,
    /// The line itself.
    pub(crate) line: Option<String>,
}

/// The configuration does not stand.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) struct ConfigError {
    /// What is wrong; never empty.
    pub(crate) problems: Vec<Problem>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, problem) in self.problems.iter().enumerate() {
            if place > 0 {
                writeln!(f)?;
            }
            write!(f, "{}: {}", problem.place, problem.message)?;
            if let Some(line) = &problem.line {
                write!(f, "\n  | {line}")?;
            }
        }
        Ok(())
    }
}

impl ConfigError {
    fn one(place: impl fmt::Display, message: impl fmt::Display) -> Self {
        let problem = Problem { place: place.to_string(), message: message.to_string(), line: None };
        Self { problems: vec![problem] }
    }
}

/// A value that a flag gave.
#[derive(Debug, Clone)]
pub(crate) struct FlagValue {
    /// The flag as it is typed.
    pub(crate) flag: &'static str,
    /// The key that it sets.
    pub(crate) key: &'static str,
    /// The value.
    pub(crate) value: Value,
}

/// What the layers are read from.
#[derive(Debug, Clone, Default)]
pub(crate) struct Inputs {
    /// The file that a flag named.
    pub(crate) file: Option<PathBuf>,
    /// The environment; what is not ours is passed over.
    pub(crate) environment: Vec<(String, String)>,
    /// The flags.
    pub(crate) flags: Vec<FlagValue>,
}

/// Where each value came from, by its key (`mixer[1].id`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Origins(BTreeMap<String, Origin>);

impl Origins {
    /// Where a key's value came from: its own place, else that of what holds it.
    pub(crate) fn of(&self, key: &str) -> Origin {
        let mut key = key;
        loop {
            if let Some(origin) = self.0.get(key) {
                return origin.clone();
            }
            match key.rfind(['.', '[']) {
                Some(end) => key = &key[..end],
                None => return Origin::Default,
            }
        }
    }

    fn replace(&mut self, key: &str, origin: &Origin) {
        self.0.retain(|known, _| {
            known != key && !known.strip_prefix(key).is_some_and(|rest| rest.starts_with(['.', '[']))
        });
        self.0.insert(key.to_owned(), origin.clone());
    }
}

/// All layers in one.
pub(crate) fn merge(inputs: &Inputs) -> Result<(File, Origins), ConfigError> {
    let mut table = Table::new();
    let mut origins = Origins::default();
    let named = inputs.environment.iter().find(|(name, _)| name == FILE_VARIABLE);
    if let Some(path) = inputs.file.clone().or_else(|| named.map(|(_, path)| PathBuf::from(path))) {
        table = read_file(&path, &mut origins)?;
    }
    let mut environment: Vec<_> =
        inputs.environment.iter().filter(|(name, _)| name.starts_with("PARTYLINE_")).collect();
    environment.sort();
    for (name, text) in environment.into_iter().filter(|(name, _)| name != FILE_VARIABLE) {
        let (key, value) = read_variable(name, text)?;
        put(&mut table, &mut origins, key, value, &Origin::Variable(name.clone()))?;
    }
    for flag in &inputs.flags {
        put(&mut table, &mut origins, flag.key, flag.value.clone(), &Origin::Flag(flag.flag))?;
    }
    // Each layer was read by itself before: what fails here can only be a contradiction between them.
    let file =
        File::deserialize(table).map_err(|error| ConfigError::one("configuration", error.message()))?;
    Ok((file, origins))
}

fn read_file(path: &Path, origins: &mut Origins) -> Result<Table, ConfigError> {
    let place = path.display();
    let unreadable = |error: std::io::Error| {
        ConfigError::one(place.to_string(), format!("the file can't be read: {error}"))
    };
    if std::fs::metadata(path).map_err(unreadable)?.len() > FILE_BYTES_MAX {
        return Err(ConfigError::one(
            place,
            "the file is larger than 1 MB; expected a TOML file of settings",
        ));
    }
    let bytes = std::fs::read(path).map_err(unreadable)?;
    let text = String::from_utf8(bytes)
        .map_err(|_| ConfigError::one(place, "the file is not UTF-8; expected a TOML file of settings"))?;
    let spanned = DeTable::parse(&text).map_err(|error| in_file(path, &text, &error))?;
    toml::from_str::<File>(&text).map_err(|error| in_file(path, &text, &error))?;
    note_lines(origins, path, &text, "", spanned.get_ref());
    toml::from_str(&text).map_err(|error| in_file(path, &text, &error))
}

fn in_file(path: &Path, text: &str, error: &toml::de::Error) -> ConfigError {
    let start = error.span().map_or(0, |span| span.start);
    let line = line_of(text, start);
    let problem = Problem {
        place: format!("{}:{line}", path.display()),
        message: error.message().replace('\n', "; "),
        line: text.lines().nth(line - 1).map(str::to_owned),
    };
    ConfigError { problems: vec![problem] }
}

fn line_of(text: &str, offset: usize) -> usize {
    1 + text.as_bytes().iter().take(offset).filter(|byte| **byte == b'\n').count()
}

fn note_lines(origins: &mut Origins, path: &Path, text: &str, prefix: &str, table: &DeTable<'_>) {
    for (key, value) in table {
        let key_start = key.span().start;
        let key =
            if prefix.is_empty() { key.get_ref().to_string() } else { format!("{prefix}.{}", key.get_ref()) };
        origins.0.insert(key.clone(), Origin::Line(path.to_owned(), line_of(text, key_start)));
        note_value(origins, path, text, &key, value);
    }
}

fn note_value(origins: &mut Origins, path: &Path, text: &str, key: &str, value: &Spanned<DeValue<'_>>) {
    match value.get_ref() {
        DeValue::Table(table) => note_lines(origins, path, text, key, table),
        DeValue::Array(items) => {
            for (place, item) in items.iter().enumerate() {
                let key = format!("{key}[{place}]");
                let line = line_of(text, item.span().start);
                origins.0.insert(key.clone(), Origin::Line(path.to_owned(), line));
                note_value(origins, path, text, &key, item);
            }
        }
        DeValue::String(_)
        | DeValue::Integer(_)
        | DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_) => {}
    }
}

fn read_variable(name: &str, text: &str) -> Result<(&'static str, Value), ConfigError> {
    let origin = Origin::Variable(name.to_owned());
    let Some(setting) = settings::by_variable(name) else {
        let hint = settings::nearest_variable(name).map_or_else(
            || {
                "`partyline config show` lists the settings; a dot of a key is written as two underscores"
                    .to_owned()
            },
            |known| format!("did you mean {known}?"),
        );
        return Err(ConfigError::one(origin, format!("no setting has this name; {hint}")));
    };
    let value = match setting.kind {
        Kind::Number => text.trim().parse().map(Value::Integer).map_err(|_| {
            ConfigError::one(&origin, format!("invalid value: string {text:?}, expected a whole number"))
        })?,
        Kind::Switch => text.trim().parse().map(Value::Boolean).map_err(|_| {
            ConfigError::one(&origin, format!("invalid value: string {text:?}, expected true or false"))
        })?,
        Kind::List => {
            Value::Array(text.split(',').map(|item| Value::String(item.trim().to_owned())).collect())
        }
        Kind::Toml => read_toml(text).map_err(|message| ConfigError::one(&origin, message))?,
        Kind::Text | Kind::Inner => Value::String(text.to_owned()),
    };
    Ok((setting.key, value))
}

fn read_toml(text: &str) -> Result<Value, String> {
    let mut table: Table = toml::from_str(&format!("value = {text}"))
        .map_err(|error| format!("expected a TOML value: {}", error.message()))?;
    table.remove("value").ok_or_else(|| "expected a TOML value".to_owned())
}

/// Sets one key, after a check of this value alone.
fn put(
    table: &mut Table,
    origins: &mut Origins,
    key: &str,
    value: Value,
    origin: &Origin,
) -> Result<(), ConfigError> {
    let mut alone = Table::new();
    insert(&mut alone, key, value.clone());
    File::deserialize(alone).map_err(|error| ConfigError::one(origin, error.message()))?;
    insert(table, key, value);
    origins.replace(key, origin);
    Ok(())
}

fn insert(table: &mut Table, key: &str, value: Value) {
    match key.split_once('.') {
        None => {
            table.insert(key.to_owned(), value);
        }
        Some((section, rest)) => {
            let inner = table.entry(section).or_insert_with(|| Value::Table(Table::new()));
            if let Value::Table(inner) = inner {
                insert(inner, rest, value);
            }
        }
    }
}
