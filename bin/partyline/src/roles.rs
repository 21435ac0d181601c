//! Role commands: they ask the running server over its admin socket.

use serde_json::Value;

use crate::admin::{AskError, Request, ask};
use crate::answer::{Answer, table};
use crate::cli::RoleCommand;
use crate::data_dir::DataDir;

/// How many answered RPCs people are shown where they don't say.
const SHOWN_DEFAULT: u32 = 50;
/// All that a server keeps.
const KEPT: u32 = 4096;

/// Carries out a role command.
pub(crate) fn command(data_dir: &DataDir, command: &RoleCommand, as_json: bool) -> Result<Answer, AskError> {
    match command {
        RoleCommand::List => {
            let json = ask(data_dir, &Request::Roles)?;
            Ok(Answer::new(list(&json), json))
        }
        RoleCommand::Stop { name } => {
            let json = ask(data_dir, &Request::StopRole { name: name.clone() })?;
            Ok(Answer::new(format!("Role \"{name}\" is stopped.\n"), json))
        }
        RoleCommand::Start { name } => {
            let json = ask(data_dir, &Request::StartRole { name: name.clone() })?;
            Ok(Answer::new(format!("Role \"{name}\" runs.\n"), json))
        }
        RoleCommand::Log { name, limit } => {
            let limit = limit.unwrap_or(if as_json { KEPT } else { SHOWN_DEFAULT });
            let json = ask(data_dir, &Request::RoleLog { name: name.clone(), limit })?;
            Ok(Answer::new(log(&json), json))
        }
    }
}

fn items(json: &Value) -> &[Value] {
    json.as_array().map_or(&[], Vec::as_slice)
}

fn word(json: &Value) -> String {
    match json {
        Value::String(text) => text.clone(),
        Value::Null => "-".to_owned(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => json.to_string(),
    }
}

fn list(json: &Value) -> String {
    let row =
        |role: &Value| ["name", "kind", "state", "address", "answered"].map(|key| word(&role[key])).to_vec();
    let rows: Vec<_> = items(json).iter().map(row).collect();
    table(&["NAME", "KIND", "STATE", "ADDRESS", "RPCS"], &rows)
}

fn log(json: &Value) -> String {
    let counters = json["answered"].as_object().cloned().unwrap_or_default();
    let counted: Vec<_> = counters.iter().map(|(path, count)| vec![path.clone(), word(count)]).collect();
    let row = |rpc: &Value| ["at", "path", "status", "peer"].map(|key| word(&rpc[key])).to_vec();
    let rows: Vec<_> = items(&json["rpcs"]).iter().map(row).collect();
    format!(
        "{}\n{}",
        table(&["RPC", "ANSWERED"], &counted),
        table(&["ANSWERED AT", "RPC", "STATUS", "PEER"], &rows)
    )
}
