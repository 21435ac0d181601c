//! Trunks as people and JSON read them. No password is ever shown.

use partyline_conference::TrunkName;
use partyline_trunk::{RegisterSettings, TrunkSettings};
use serde_json::{Value, json};

use super::{Listed, Origin, Standing};
use crate::answer::{Answer, table};

impl Origin {
    const fn word(self) -> &'static str {
        match self {
            Self::Settings => "settings",
            Self::Command => "command",
        }
    }
}

pub(super) fn listed(trunks: &[Listed]) -> Answer {
    let json = Value::Array(trunks.iter().map(json).collect());
    if trunks.is_empty() {
        let text = "There are no trunks. `partyline trunk create NAME sources=ADDRESS` makes one.\n";
        return Answer::new(text.to_owned(), json);
    }
    let rows: Vec<Vec<String>> = trunks.iter().map(row).collect();
    Answer::new(
        table(
            &["NAME", "WRITTEN IN", "CALLS COME FROM", "NUMBERS", "DIALS OUT TO", "REGISTERS AT", "CALLS"],
            &rows,
        ),
        json,
    )
}

fn row(trunk: &Listed) -> Vec<String> {
    let head = [trunk.name.to_string(), trunk.origin.word().to_owned()];
    let rest = match &trunk.settings {
        Ok(settings) => [
            callers(settings),
            settings.numbers.len().to_string(),
            settings.dial_out.as_ref().map_or_else(none, |out| {
                out.hosts.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
            }),
            settings.register.as_ref().map_or_else(none, |register| registration(register, trunk)),
            calls(trunk),
        ],
        Err(why) => [format!("does not read: {why}"), none(), none(), none(), none()],
    };
    head.into_iter().chain(rest).collect()
}

fn calls(trunk: &Listed) -> String {
    match &trunk.standing {
        Some(Standing { left_out: Some(_), .. }) => "left out".to_owned(),
        Some(standing) => standing.calls.to_string(),
        None => none(),
    }
}

fn registration(register: &RegisterSettings, trunk: &Listed) -> String {
    let state = trunk.standing.as_ref().and_then(|standing| standing.registration.as_deref());
    state.map_or_else(|| register.registrar.to_string(), |state| format!("{} ({state})", register.registrar))
}

fn none() -> String {
    "-".to_owned()
}

fn callers(settings: &TrunkSettings) -> String {
    let mut words: Vec<String> = settings.sources.iter().map(ToString::to_string).collect();
    words.extend(settings.tls_peers.iter().map(|peer| format!("tls:{peer}")));
    words.extend(settings.users.iter().map(|user| format!("user:{}", user.name)));
    if words.is_empty() { none() } else { words.join(" ") }
}

pub(super) fn shown(trunk: &Listed) -> Answer {
    let json = json(trunk);
    let text = match &trunk.settings {
        Ok(settings) => {
            let written = match trunk.origin {
                Origin::Settings => "# Written in the settings; commands leave it alone.",
                Origin::Command => "# Made by command.",
            };
            let table: Result<toml::Table, _> = serde_json::from_value(settings.shown());
            let lines = table.map_or_else(|_| String::new(), |table| table.to_string());
            let left_out = trunk.standing.as_ref().and_then(|standing| standing.left_out.as_deref());
            let left_out = left_out
                .map_or_else(String::new, |why| format!("# The running server leaves it out: {why}\n"));
            format!("{written}\n{left_out}{lines}")
        }
        Err(why) => format!("The trunk \"{}\" does not read: {why}\n", trunk.name),
    };
    Answer::new(text, json)
}

pub(super) fn written(done: &str, settings: &TrunkSettings) -> Answer {
    let mut text =
        format!("Trunk \"{}\" is {done}. A running server goes by it within seconds.\n", settings.name);
    let has_password = settings.dial_out.as_ref().is_some_and(|out| out.password.is_some())
        || settings.register.as_ref().is_some_and(|register| register.password.is_some());
    if has_password {
        text.push_str("Its password is kept as it is, as it is needed so; it is never shown again.\n");
    }
    let listed = Listed {
        name: settings.name.clone(),
        origin: Origin::Command,
        settings: Ok(settings.clone()),
        standing: None,
    };
    Answer::new(text, json(&listed))
}

pub(super) fn deleted(name: &TrunkName) -> Answer {
    let text = format!("Trunk \"{name}\" is deleted. Calls that are up go on.\n");
    Answer::new(text, json!({ "deleted": name.as_str() }))
}

fn json(trunk: &Listed) -> Value {
    let mut json = match &trunk.settings {
        Ok(settings) => settings.shown(),
        Err(why) => json!({ "name": trunk.name.as_str(), "error": why }),
    };
    if let Some(standing) = &trunk.standing {
        json["calls"] = standing.calls.into();
        json["left_out"] = standing.left_out.clone().into();
        json["registration"] = standing.registration.clone().into();
    }
    json["written_in"] = trunk.origin.word().into();
    json["is_read_only"] = (trunk.origin == Origin::Settings).into();
    json
}
