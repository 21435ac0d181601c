//! Commands to live conferences, as they are written and as they travel to the server.

use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use partyline_conference::{Announce, Floor};
use serde::{Deserialize, Serialize};

use crate::config::values::{Span, Text};

/// The least and the most time that is given at once.
const SHORTEST: Duration = Duration::from_secs(60);
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

const EXAMPLES: &str = "\
Who is meant is said by order of entry, as `partyline conference show` lists it; who waits to be admitted, by their
number or by the identifier that it lists.

Examples:
  partyline conference mute board 3
  partyline conference delete board 3 --json
  partyline conference admit board 5550123
  partyline conference lock board
  partyline conference floor board lecture
  partyline conference more-time board 30m";

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
    /// Sends everybody away but one conferee
    #[command(after_help = EXAMPLES)]
    DropOthers(One),
    /// Lets somebody in from the waiting room, past a lock
    #[command(after_help = EXAMPLES)]
    Admit(Waiter),
    /// Sends somebody away from the waiting room
    #[command(after_help = EXAMPLES)]
    TurnAway(Waiter),
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
    /// Says whether a conferee who is alone hears music
    #[command(after_help = EXAMPLES)]
    Music(Whether),
    /// Says whether the conference goes on after its last host has left
    #[command(after_help = EXAMPLES)]
    Continue(Whether),
    /// Gives a conference more time than its room allows, once or several times
    #[command(after_help = EXAMPLES)]
    MoreTime {
        #[command(flatten)]
        #[serde(flatten)]
        meant: Meant,
        /// How much more, such as 30m or 2h
        #[arg(default_value = "30m", value_parser = more)]
        more: Text<Span>,
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

/// Who in the waiting room of which conference.
#[derive(Debug, Clone, PartialEq, Eq, Args, Serialize, Deserialize)]
pub(crate) struct Waiter {
    #[command(flatten)]
    #[serde(flatten)]
    pub(crate) meant: Meant,
    /// The caller's number, or their identifier (26 characters)
    pub(crate) caller: String,
}

/// Something of a conference, on or off.
#[derive(Debug, Clone, PartialEq, Eq, Args, Serialize, Deserialize)]
pub(crate) struct Whether {
    #[command(flatten)]
    #[serde(flatten)]
    pub(crate) meant: Meant,
    /// Whether it should be so
    pub(crate) switch: SwitchWord,
}

/// On, or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SwitchWord {
    On,
    Off,
}

impl SwitchWord {
    /// Whether it is on.
    pub(crate) const fn is_on(self) -> bool {
        matches!(self, Self::On)
    }
}

/// Time that is given at once: no more than a day, which no conference may last anyway.
fn more(text: &str) -> Result<Text<Span>, String> {
    let span = Text::<Span>::from_flag(text)?;
    if span.0.0 < SHORTEST || span.0.0 > LONGEST {
        return Err("expected a time of 1m to 24h, such as 30m".to_owned());
    }
    Ok(span)
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
            | Self::Announce { meant, .. }
            | Self::MoreTime { meant, .. } => meant,
            Self::Mute(one)
            | Self::Unmute(one)
            | Self::LowerHand(one)
            | Self::Delete(one)
            | Self::DropOthers(one) => &one.meant,
            Self::Admit(waiter) | Self::TurnAway(waiter) => &waiter.meant,
            Self::Music(whether) | Self::Continue(whether) => &whether.meant,
        };
        &meant.conference
    }
}
