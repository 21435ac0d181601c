//! `partyline sip`: who calls, scans and guesses at a running server.

use partyline_vru::TurnedAway;
use serde_json::Value;

use crate::admin::{AskError, Request, ask};
use crate::answer::{Answer, table};
use crate::data_dir::DataDir;

/// Who was turned away, the worst first.
pub(crate) fn sources(data_dir: &DataDir, limit: u32) -> Result<Answer, AskError> {
    let json = ask(data_dir, &Request::Sources { limit })?;
    Ok(Answer::new(list(&json), json))
}

fn list(json: &Value) -> String {
    let sources = json.as_array().map_or(&[][..], Vec::as_slice);
    if sources.is_empty() {
        return "Nobody was turned away.\n".to_owned();
    }
    let word = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let row = |source: &Value| {
        let mut row = vec![word(&source["vru"]), word(&source["source"])];
        row.extend(TurnedAway::ALL.map(|what| word(&source[what.as_str()])));
        row.push(format!("{} s ago", word(&source["last_seconds_ago"])));
        row
    };
    let rows: Vec<_> = sources.iter().map(row).collect();
    let words = TurnedAway::ALL.map(|what| what.as_str().replace('_', " ").to_uppercase());
    let mut header = vec!["VRU", "SOURCE"];
    header.extend(words.iter().map(String::as_str));
    header.push("LAST");
    table(&header, &rows)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn who_was_turned_away_is_listed_with_a_column_for_each_reason() {
        let json = json!([{
            "vru": "vru-1", "source": "192.0.2.7", "garbage": 12, "refused": 3, "crowded": 0, "questions": 1,
            "wrong_codes": 0, "wrong_passwords": 200, "bad_handshakes": 7, "last_seconds_ago": 4
        }]);
        let text = "VRU    SOURCE     GARBAGE  REFUSED  CROWDED  QUESTIONS  WRONG CODES  WRONG PASSWORDS  BAD HANDSHAKES  LAST\n\
                    vru-1  192.0.2.7  12       3        0        1          0            200              7               4 s ago\n";
        assert_eq!(list(&json), text);
        assert_eq!(list(&json!([])), "Nobody was turned away.\n");
    }
}
