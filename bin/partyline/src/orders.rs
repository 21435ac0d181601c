//! Commands to a live conference from the command line: they go to the running server, which gives them to an interface
//! server through the proxy, as a host's keys go. What may be is decided there.

use clap::{Args, Subcommand, ValueEnum};
use partyline_conference::{Announce, Floor};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::admin::{AskError, Request, ask};
use crate::answer::Answer;
use crate::data_dir::DataDir;

const EXAMPLES: &str = "\
Who is meant is said by order of entry, as `partyline conference show` lists it.

Examples:
  partyline conference mute board 3
  partyline conference delete board 3 --json
  partyline conference lock board
  partyline conference floor board lecture";

/// A command to a live conference.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub(crate) enum Order {
    /// Locks a conference: nobody but hosts comes in, or nobody at all, as its room says
    #[command(after_help = EXAMPLES)]
    Lock(Meant),
    /// Opens a locked conference
    #[command(after_help = EXAMPLES)]
    Unlock(Meant),
    /// Mutes one conferee
    #[command(after_help = EXAMPLES)]
    Mute(One),
    /// Has a muted conferee heard again, whoever muted them
    #[command(after_help = EXAMPLES)]
    Unmute(One),
    /// Lowers the hand of a conferee
    #[command(after_help = EXAMPLES)]
    LowerHand(One),
    /// Deletes one conferee: they are told, and hung up
    #[command(after_help = EXAMPLES)]
    Delete(One),
    /// Says who may speak
    #[command(after_help = EXAMPLES)]
    Floor {
        #[command(flatten)]
        #[serde(flatten)]
        meant: Meant,
        /// Everybody, nobody who does not unmute themselves, or hosts alone
        floor: FloorWord,
    },
    /// Says how entries and exits are told from now on
    #[command(after_help = EXAMPLES)]
    Announce {
        #[command(flatten)]
        #[serde(flatten)]
        meant: Meant,
        /// By name, by a tone, or not at all
        manner: AnnounceWord,
    },
    /// Ends a conference for all
    #[command(after_help = EXAMPLES)]
    End(Meant),
}

/// Which conference.
#[derive(Debug, Clone, PartialEq, Eq, Args, Serialize, Deserialize)]
pub(crate) struct Meant {
    /// The conference's unique identifier (26 characters), or the name of a room with a live one
    pub(crate) conference: String,
}

/// Who in which conference.
#[derive(Debug, Clone, PartialEq, Eq, Args, Serialize, Deserialize)]
pub(crate) struct One {
    #[command(flatten)]
    #[serde(flatten)]
    pub(crate) meant: Meant,
    /// The conferee's order of entry
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) order: u32,
}

/// Who has the floor, in the words of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FloorWord {
    Open,
    Muted,
    Lecture,
}

impl From<FloorWord> for Floor {
    fn from(word: FloorWord) -> Self {
        match word {
            FloorWord::Open => Self::Open,
            FloorWord::Muted => Self::Muted,
            FloorWord::Lecture => Self::Lecture,
        }
    }
}

/// How entries are told, in the words of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AnnounceWord {
    Name,
    Tone,
    Silence,
}

impl From<AnnounceWord> for Announce {
    fn from(word: AnnounceWord) -> Self {
        match word {
            AnnounceWord::Name => Self::Name,
            AnnounceWord::Tone => Self::Tone,
            AnnounceWord::Silence => Self::Silence,
        }
    }
}

impl Order {
    /// Which conference is meant.
    pub(crate) fn conference(&self) -> &str {
        let meant = match self {
            Self::Lock(meant)
            | Self::Unlock(meant)
            | Self::End(meant)
            | Self::Floor { meant, .. }
            | Self::Announce { meant, .. } => meant,
            Self::Mute(one) | Self::Unmute(one) | Self::LowerHand(one) | Self::Delete(one) => &one.meant,
        };
        &meant.conference
    }
}

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
