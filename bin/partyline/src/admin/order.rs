//! Commands to live conferences, as they are written and as they travel to the server.

use clap::{Args, Subcommand, ValueEnum};
use partyline_conference::{Announce, Floor};
use serde::{Deserialize, Serialize};

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
