//! What was asked of the CMS and the store, and not answered yet.
//!
//! **Invariant:** every question has an end, by its answer or by time, and there are only so many at once.

use std::time::Instant;

use partyline_conference::{Command, ConfereeId, WaitingEntry};

use super::told::News;
use crate::wish::AskNumber;

/// Nobody presses more within the time of an answer.
const ASKS_MAX: usize = 8;

/// What an answer is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ask {
    Command {
        command: Command,
        /// Whether the caller has heard by the standing that it is done.
        is_heard: bool,
    },
    RollCall,
    Count,
    DeleteLast,
    Waiting,
    Hands(Vec<WaitingEntry>),
}

#[derive(Debug)]
struct Open {
    number: AskNumber,
    ask: Ask,
    give_up_at: Instant,
}

/// The open ones.
#[derive(Debug, Default)]
pub(super) struct Asks {
    last: AskNumber,
    open: Vec<Open>,
}

impl Asks {
    /// Opens one; `None` where too many are.
    pub(super) fn open(&mut self, ask: Ask, give_up_at: Instant) -> Option<AskNumber> {
        if self.open.len() >= ASKS_MAX {
            return None;
        }
        self.last = AskNumber(self.last.0 + 1);
        self.open.push(Open { number: self.last, ask, give_up_at });
        Some(self.last)
    }

    /// Closes one that is answered; `None` where it was given up, or answered before.
    pub(super) fn close(&mut self, number: AskNumber) -> Option<Ask> {
        let place = self.open.iter().position(|open| open.number == number)?;
        Some(self.open.remove(place).ask)
    }

    /// Notes that the caller heard what a command of theirs has made; the command, if there is one.
    pub(super) fn heard(&mut self, news: News, oneself: ConfereeId) -> Option<Command> {
        self.open.iter_mut().find_map(|open| match &mut open.ask {
            Ask::Command { command, is_heard } if !*is_heard && news.is_of(command, oneself) => {
                *is_heard = true;
                Some(command.clone())
            }
            Ask::Command { .. }
            | Ask::RollCall
            | Ask::Count
            | Ask::DeleteLast
            | Ask::Waiting
            | Ask::Hands(_) => None,
        })
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.open.iter().map(|open| open.give_up_at).min()
    }

    /// Gives up what was not answered in time; whether there was any.
    pub(super) fn give_up(&mut self, now: Instant) -> bool {
        let before = self.open.len();
        self.open.retain(|open| open.give_up_at > now);
        self.open.len() < before
    }
}
