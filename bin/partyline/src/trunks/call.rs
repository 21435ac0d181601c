//! `trunk call`: has a running server call a number, and tells what is heard of it.

use std::time::Duration;

use serde_json::{Value, json};

use crate::admin::{AskError, Request, ask_and_hear};
use crate::answer::{self, Answer};
use crate::cli::CallTrunk;
use crate::data_dir::DataDir;

/// The longest between two words of the server: a callee may ring for a day, but nobody waits so long for one.
const SILENCE_MAX: Duration = Duration::from_secs(1800);

/// Carries out the command.
///
/// # Errors
/// [`AskError`] where there is no server, or it does not answer.
pub(crate) fn call(data_dir: &DataDir, arguments: &CallTrunk, as_json: bool) -> Result<Answer, AskError> {
    let request = Request::TrunkCall {
        number: arguments.number.to_string(),
        trunk: arguments.trunk.clone(),
        from: arguments.from.as_ref().map(ToString::to_string),
        prompt: arguments.prompt,
        seconds: arguments.seconds,
    };
    let mut heard = Vec::new();
    let outcome = ask_and_hear(data_dir, &request, SILENCE_MAX, |progress| {
        if !as_json {
            // Where standard output is gone, the outcome says so.
            let _ = answer::print(&line(&progress));
        }
        heard.push(progress);
    })?;
    let is_good = outcome["outcome"] == "answered";
    let text = if is_good { quality(&outcome) } else { failure(&outcome) };
    let mut json = outcome;
    json["progress"] = Value::Array(heard);
    Ok(Answer { text, json, is_good })
}

fn line(progress: &Value) -> String {
    let word = |key: &str| progress[key].as_str().unwrap_or("-").to_owned();
    match progress["heard"].as_str() {
        Some("trying") => format!("Calling through \"{}\" ({}) ...\n", word("trunk"), word("target")),
        Some("ringing") => "It rings.\n".to_owned(),
        Some("early_media") => "Something is heard before the answer.\n".to_owned(),
        Some("answered") => format!("Answered, with {}.\n", word("codec")),
        Some("failed") => format!("Trunk \"{}\": {}.\n", word("trunk"), word("why")),
        Some(_) | None => String::new(),
    }
}

fn quality(outcome: &Value) -> String {
    let number = |key: &str| outcome[key].as_u64().unwrap_or_default();
    let round_trip = outcome["round_trip_ms"].as_f64().map_or_else(
        || "round trip not known".to_owned(),
        |round_trip| format!("round trip {round_trip:.1} ms"),
    );
    let keys = match outcome["keys"].as_str() {
        Some("") | None => String::new(),
        Some(keys) => format!("Keys pressed there: {keys}\n"),
    };
    let end = if outcome["they_hung_up"] == true { "The callee hung up" } else { "Hung up" };
    let loudness =
        outcome["heard_dbov"].as_f64().map_or_else(String::new, |level| format!(" at {level:.1} dBov"));
    let score =
        |key: &str| outcome[key].as_f64().map_or_else(|| "not known".to_owned(), |mos| format!("{mos:.1}"));
    let missed = outcome["their_packets_lost"]
        .as_u64()
        .map_or_else(String::new, |lost| format!(", of which the callee misses {lost}"));
    format!(
        "{end} after {:.1} s. Heard {} packets{loudness}, {} lost, jitter {:.1} ms, {round_trip}; sent {}{missed}.\n\
         Opinion score (G.107): {} here, {} there.\n{keys}",
        outcome["lasted_ms"].as_f64().unwrap_or_default() / 1000.0,
        number("packets_received"),
        number("packets_lost"),
        outcome["jitter_ms"].as_f64().unwrap_or_default(),
        number("packets_sent"),
        score("mos"),
        score("their_mos"),
    )
}

fn failure(outcome: &Value) -> String {
    let why = outcome["why"].as_str().unwrap_or("the call failed");
    format!("No call: {why}.\n")
}

/// What a server says of a call that came to nothing.
pub(crate) fn failed_json(why: partyline_vru::DialEnd) -> Value {
    use partyline_vru::DialEnd;
    let (outcome, status) = match why {
        DialEnd::Refused(486 | 600) => ("busy", None),
        DialEnd::Refused(status) => ("refused", Some(status)),
        DialEnd::NoAnswer => ("no_answer", None),
        DialEnd::Unreachable => ("unreachable", None),
        DialEnd::NoAgreement => ("no_common_codec", None),
        DialEnd::TrunkFull => ("trunk_full", None),
        DialEnd::NoRoom => ("no_room", None),
        DialEnd::NoWay => ("no_way", None),
        DialEnd::NoRight => ("no_right", None),
        DialEnd::Stopping => ("stopping", None),
    };
    json!({ "outcome": outcome, "status": status, "why": why.to_string() })
}
