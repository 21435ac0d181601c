//! The reference of settings and the sample file, both made from the table of settings.

use std::fmt::Write as _;

use toml::Table;

use super::file::File;
use super::settings::{Kind, SETTINGS, Setting};
use super::show::{is_empty, look_up};

fn defaults() -> Table {
    Table::try_from(File::default()).expect("the defaults can be written")
}

fn default_of(table: &Table, setting: &Setting) -> Option<String> {
    look_up(table, setting.key).filter(|value| !is_empty(value)).map(ToString::to_string)
}

/// A sample file in which everything is commented out and shows its default.
pub(crate) fn sample() -> String {
    let defaults = defaults();
    let mut text = String::from(
        "# Partyline's settings. Every line that is commented out shows its default or an example.\n\
         # Order of precedence: this file, then PARTYLINE_… environment variables, then flags.\n",
    );
    let mut section = "";
    for setting in SETTINGS {
        let (now, name) = setting.place();
        if now != section && setting.kind != Kind::Toml {
            let _ = match now.strip_suffix("[]") {
                Some(table) => writeln!(text, "# [[{table}]]"),
                None => writeln!(text, "\n[{now}]"),
            };
            section = now;
        }
        if setting.kind == Kind::Toml {
            section = setting.key;
            let header =
                if setting.example.is_empty() { String::new() } else { format!("# [{}]\n", setting.key) };
            let _ = write!(text, "\n{}\n{header}", comment(setting.doc));
            for line in table_lines(setting.example) {
                let _ = writeln!(text, "# {line}");
            }
            continue;
        }
        let value = default_of(&defaults, setting).unwrap_or_else(|| setting.example.to_owned());
        let _ = writeln!(text, "{}\n# {name} = {value}", comment(setting.doc));
    }
    text
}

/// The lines of an inline table that is shown as a section.
fn table_lines(example: &str) -> Vec<String> {
    let Ok(table) = toml::from_str::<Table>(&format!("value = {example}")) else { return Vec::new() };
    let entries = table.get("value").and_then(toml::Value::as_table).cloned().unwrap_or_default();
    entries.iter().map(|(key, value)| format!("{key} = {value}")).collect()
}

fn comment(doc: &str) -> String {
    let mut lines = vec![String::from("#")];
    for word in doc.split_whitespace() {
        let last = lines.last_mut().expect("there is always one line");
        if last.len() + 1 + word.len() > 100 {
            lines.push(format!("# {word}"));
        } else {
            last.push(' ');
            last.push_str(word);
        }
    }
    lines.join("\n")
}

/// `docs/config.md`.
pub(crate) fn markdown() -> String {
    let defaults = defaults();
    let mut text = String::from(INTRODUCTION);
    for setting in SETTINGS {
        let default = default_of(&defaults, setting)
            .map_or_else(|| setting.unset.to_owned(), |value| format!("`{value}`"));
        let variable = setting.variable().map_or_else(|| "–".to_owned(), |name| format!("`{name}`"));
        let flag = setting.flag.map_or_else(String::new, |flag| format!(", flag `{flag}`"));
        let _ = write!(
            text,
            "### `{}`\n\n{}\n\nDefault: {default}. Environment: {variable}{flag}.\n\n",
            setting.key, setting.doc
        );
    }
    let _ = write!(text, "## Sample file\n\n```toml\n{}```\n", sample());
    text
}

const INTRODUCTION: &str = "\
<!-- Made from the table of settings by `partyline config reference`; a test holds it up to date. -->

# Settings

Partyline needs no settings to start. What you set can stand in three places; a later one wins over an earlier:

1. a TOML file, named by `--config FILE` or `PARTYLINE_CONFIG`,
2. environment variables: `PARTYLINE_` and the key in capitals, a dot written as two underscores
   (`sip.listen` is `PARTYLINE_SIP__LISTEN`); lists take commas, tables take TOML
   (`PARTYLINE_MIXER='[{ id = \"mixer-1\", class = \"large\" }]'`),
3. flags of the command line.

Unknown keys, unknown `PARTYLINE_` variables and values that make no sense are refused with the file and line,
the variable or the flag. `partyline config check` looks without starting anything, `partyline config show` prints what
is in force and where each value came from, `partyline config sample` prints the file below. Relative paths count from
the folder in which Partyline is started. Times are written with a unit (`ms`, `s`, `m`, `h`, `d`).

## Keys

";
