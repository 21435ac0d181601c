//! Facts about trunks: those that a running server leaves out, those that are not registered, and strangers.

use partyline_trunk::UnknownSources;
use serde_json::Value;

use super::Finding;
use crate::admin::{Request, ask};
use crate::config::Config;
use crate::data_dir::DataDir;

const TRUNKS: &str = "trunks";

/// Looks at the trunks of the settings and, where a server runs, at how all of them stand.
pub(crate) fn examine(config: &Config, data_dir: Option<&DataDir>) -> Vec<Finding> {
    let standing = data_dir.and_then(|data_dir| ask(data_dir, &Request::Trunks).ok());
    let statuses = standing.as_ref().and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut findings: Vec<Finding> = statuses.iter().filter_map(wrong).collect();
    let known = statuses.len().max(config.trunks.len());
    if known == 0 && config.unknown_sources != UnknownSources::Allow {
        findings.push(Finding::warning(
            TRUNKS,
            format!(
                "nobody can call: there is no trunk, and strangers are not let in ({})",
                config.unknown_sources.as_str()
            ),
            "make one with `partyline trunk create`, or set sip.unknown_sources to \"allow\"",
        ));
    } else if findings.is_empty() && known > 0 {
        findings.push(Finding::fine(TRUNKS, format!("{known} in use")));
    }
    findings
}

/// What is wrong with a trunk, if anything.
fn wrong(status: &Value) -> Option<Finding> {
    let name = status["name"].as_str().unwrap_or("?");
    if let Some(why) = status["left_out"].as_str() {
        let says = format!("\"{name}\" is left out: {why}");
        return Some(Finding::failing(TRUNKS, says, format!("`partyline trunk show {name}`, and mend it")));
    }
    let registration = status["registration"].as_str()?;
    (registration != "registered").then(|| {
        let says = format!("\"{name}\" is not registered: {registration}");
        Finding::warning(TRUNKS, says, "check its registrar, user and password; it is tried again")
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn trunk_that_is_left_out_or_not_registered_is_told() {
        assert_eq!(wrong(&json!({ "name": "a", "left_out": null, "registration": null })), None);
        assert_eq!(wrong(&json!({ "name": "a", "left_out": null, "registration": "registered" })), None);
        let failing = wrong(&json!({ "name": "a", "left_out": "it clashes" })).unwrap();
        assert!(failing.outcome().is_err() && failing.says.contains("it clashes"));
        let warning = wrong(&json!({ "name": "a", "registration": "refused with 403" })).unwrap();
        assert!(warning.outcome().is_ok() && warning.says.contains("403"));
    }
}
