//! Commands to a live conference from the command line: they go to the running server, which gives them to an interface
//! server through the proxy, as a host's keys go. What may be is decided there.

use serde_json::Value;

use crate::admin::{AnnounceWord, AskError, FloorWord, Order, Request, ask};
use crate::answer::Answer;
use crate::data_dir::DataDir;

/// Has the running server carry a command out.
///
/// # Errors
/// [`AskError`] where there is no server, or no such conference or conferee, or nobody who decides.
pub(crate) fn command(data_dir: &DataDir, order: &Order) -> Result<Answer, AskError> {
    let json = ask(data_dir, &Request::Order { order: order.clone() })?;
    let is_good = json["outcome"] == "done";
    Ok(Answer { text: text(order, &json), json, is_good })
}

fn text(order: &Order, json: &Value) -> String {
    if let Some(why) = json["why"].as_str() {
        return format!("Refused: {why}.\n");
    }
    let done = match order {
        Order::Lock(_) => "The conference is locked".to_owned(),
        Order::Unlock(_) => "The conference is open".to_owned(),
        Order::Mute(one) => format!("Conferee {} is muted", one.order),
        Order::Unmute(one) => format!("Conferee {} is heard", one.order),
        Order::LowerHand(one) => format!("The hand of conferee {} is down", one.order),
        Order::Delete(one) => format!("Conferee {} is deleted", one.order),
        Order::DropOthers(one) => format!("Everybody is sent away but conferee {}", one.order),
        Order::Admit(waiter) => format!("{} is let in", waiter.caller),
        Order::TurnAway(waiter) => format!("{} is sent away", waiter.caller),
        Order::Music(whether) if whether.switch.is_on() => "Who is alone hears music".to_owned(),
        Order::Music(_) => "Who is alone hears no music".to_owned(),
        Order::Continue(whether) if whether.switch.is_on() => {
            "The conference goes on after its last host".to_owned()
        }
        Order::Continue(_) => "The conference ends with its last host".to_owned(),
        Order::MoreTime { .. } => {
            format!("The conference may last until {}", json["until"].as_str().unwrap_or("-"))
        }
        Order::Floor { floor: FloorWord::Open, .. } => "Everybody may speak".to_owned(),
        Order::Floor { floor: FloorWord::Muted, .. } => "All are muted, and may unmute themselves".to_owned(),
        Order::Floor { floor: FloorWord::Lecture, .. } => "Only hosts may speak".to_owned(),
        Order::Announce { manner: AnnounceWord::Name, .. } => "Entries and exits are told by name".to_owned(),
        Order::Announce { manner: AnnounceWord::Tone, .. } => {
            "Entries and exits are told by a tone".to_owned()
        }
        Order::Announce { manner: AnnounceWord::Silence, .. } => "Entries and exits are not told".to_owned(),
        Order::End(_) => "The conference is ended".to_owned(),
    };
    format!("{done} ({}).\n", json["conference"].as_str().unwrap_or("-"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::admin::{Meant, One, SwitchWord, Waiter, Whether};
    use crate::config::values::Text;

    fn meant() -> Meant {
        Meant { conference: "board".to_owned() }
    }

    #[test]
    fn commands_travel_as_they_are() {
        let orders = [
            Order::Lock(meant()),
            Order::Delete(One { meant: meant(), order: 3 }),
            Order::Floor { meant: meant(), floor: FloorWord::Lecture },
            Order::Announce { meant: meant(), manner: AnnounceWord::Silence },
            Order::DropOthers(One { meant: meant(), order: 1 }),
            Order::Admit(Waiter { meant: meant(), caller: "5550123".to_owned() }),
            Order::Music(Whether { meant: meant(), switch: SwitchWord::On }),
            Order::MoreTime { meant: meant(), more: Text::from_flag("90s").unwrap() },
        ];
        for order in orders {
            let request = Request::Order { order };
            let text = serde_json::to_string(&request).unwrap();
            assert_eq!(serde_json::from_str::<Request>(&text).unwrap(), request, "{text}");
        }
    }

    #[test]
    fn a_refusal_is_told_with_its_reason() {
        let refused = json!({ "outcome": "refused", "refusal": "full", "why": "there is no seat" });
        assert_eq!(text(&Order::End(meant()), &refused), "Refused: there is no seat.\n");
        let done = json!({ "outcome": "done", "conference": "X" });
        let one = One { meant: meant(), order: 2 };
        assert_eq!(text(&Order::Mute(one), &done), "Conferee 2 is muted (X).\n");
    }
}
