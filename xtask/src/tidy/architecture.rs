//! ARCHITECTURE.md can't rot: every path, every type and every metric that it names exists.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Context;

use crate::sources;

/// More lines are read by nobody.
const LINES_MAX: usize = 400;

/// Folders under which a name with a slash is taken for a path of ours.
const ROOTS: &[&str] = &[
    "proto", "crates", "core", "ports", "roles", "bin", "prompts", "tools", "tests", "fuzz", "xtask", "docs",
    ".ci",
];

/// Names what ARCHITECTURE.md says and the tree does not have.
pub(super) fn check(root: &Path) -> anyhow::Result<Vec<String>> {
    let text =
        std::fs::read_to_string(root.join("ARCHITECTURE.md")).context("ARCHITECTURE.md can't be read")?;
    let mut wrong = Vec::new();
    let lines = text.lines().count();
    if lines > LINES_MAX {
        wrong.push(format!("ARCHITECTURE.md has {lines} lines; {LINES_MAX} is the most"));
    }
    wrong.extend(unearned_dependencies(root, &text)?);
    wrong.extend(missing_metrics(root, &text)?);
    let defined = defined_types(root)?;
    for word in code_words(&text) {
        if let Some(path) = as_path(&word) {
            let found =
                [path.to_owned(), format!("crates/{path}")].iter().any(|place| root.join(place).exists());
            if !found {
                wrong.push(format!("ARCHITECTURE.md names the path {word}, which does not exist"));
            }
        } else if let Some(name) = as_type(&word)
            && !defined.contains(name)
        {
            wrong.push(format!("ARCHITECTURE.md names the type {name}, which is not defined"));
        }
    }
    Ok(wrong)
}

/// Dependencies of the workspace that have no word in the table of dependencies.
fn unearned_dependencies(root: &Path, text: &str) -> anyhow::Result<Vec<String>> {
    let manifest: toml::Table = std::fs::read_to_string(root.join("Cargo.toml"))?.parse()?;
    let table = manifest.get("workspace").and_then(|workspace| workspace.get("dependencies"));
    let dependencies = table.and_then(toml::Value::as_table).context("Cargo.toml lists no dependencies")?;
    let named: BTreeSet<&str> =
        text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_').collect();
    let foreign = dependencies.iter().filter(|(_, value)| value.get("path").is_none());
    let unearned = foreign.filter(|(name, _)| !named.contains(name.as_str()));
    Ok(unearned.map(|(name, _)| format!("the dependency {name} has no line in ARCHITECTURE.md")).collect())
}

/// Metrics that nothing tells: a bound whose gauge or counter is gone is a bound that nobody sees.
fn missing_metrics(root: &Path, text: &str) -> anyhow::Result<Vec<String>> {
    let sources = sources::all(root)?;
    let told = |name: &str| {
        let literal = format!("!(\"{name}\"");
        let is_told =
            |(path, source): &(String, String)| !path.starts_with("xtask") && source.contains(&literal);
        sources.iter().any(is_told)
    };
    let metrics = code_words(text).into_iter().filter(|word| word.starts_with("partyline_"));
    let missing = metrics.filter(|name| !told(name));
    Ok(missing.map(|name| format!("ARCHITECTURE.md names the metric {name}, which nothing tells")).collect())
}

/// Everything between single backticks, outside fenced blocks.
fn code_words(text: &str) -> BTreeSet<String> {
    let mut is_fenced = false;
    let mut words = BTreeSet::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            is_fenced = !is_fenced;
        } else if !is_fenced {
            words.extend(line.split('`').skip(1).step_by(2).map(str::to_owned));
        }
    }
    words
}

fn as_path(word: &str) -> Option<&str> {
    let path = word.trim_end_matches('/');
    let (first, _) = path.split_once('/')?;
    let is_plain = path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte));
    (is_plain && ROOTS.contains(&first)).then_some(path)
}

/// `Mix`, `Leg::tick`, `core::Mix` — the part that starts with a capital and has a small letter.
fn as_type(word: &str) -> Option<&str> {
    let is_name = |part: &str| {
        part.len() > 1
            && part.starts_with(|first: char| first.is_ascii_uppercase())
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
            && part.bytes().any(|byte| byte.is_ascii_lowercase())
    };
    let is_path = word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b":_".contains(&byte));
    word.split("::").find(|part| is_path && is_name(part))
}

/// The names of all structs, enums, traits, type aliases, enum variants, and of the messages and RPCs of `proto/`.
fn defined_types(root: &Path) -> anyhow::Result<BTreeSet<String>> {
    let mut defined = BTreeSet::new();
    let mut collect = |text: &str| {
        for line in text.lines() {
            let mut words =
                line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| !word.is_empty());
            if let Some(first) = words.clone().next()
                && first.starts_with(|letter: char| letter.is_ascii_uppercase())
            {
                defined.insert(first.to_owned());
            }
            while let Some(word) = words.next() {
                if ["struct", "enum", "trait", "type", "message", "rpc", "service"].contains(&word)
                    && let Some(name) = words.next()
                {
                    defined.insert(name.to_owned());
                }
            }
        }
    };
    for (_, text) in sources::all(root)? {
        collect(&text);
    }
    for entry in std::fs::read_dir(root.join("proto"))? {
        collect(&std::fs::read_to_string(entry?.path())?);
    }
    Ok(defined)
}
