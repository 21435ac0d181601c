//! The way to a media thread, and what it can be told.

use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use partyline_audio::Player;
use partyline_media::{Over, Treatment};

use crate::counts::ThreadCounts;
use crate::slots::{MixEnd, Traveller};
use crate::types::MixKey;

/// The way to one thread.
#[derive(Debug, Clone)]
pub(crate) struct ThreadLink {
    pub(crate) mailbox: SyncSender<Command>,
    pub(crate) counts: Arc<ThreadCounts>,
}

/// A command to a thread.
#[derive(Debug)]
pub(crate) enum Command {
    Adopt(Box<Traveller>),
    OpenMix(MixKey, usize, Treatment, MixEnd),
    CloseMix(MixKey),
    PlayToMix(MixKey, Box<Player>, Over),
    SetSolo(MixKey, Option<Box<Player>>),
    /// Wakes a thread so that it sees that it is to stop.
    Stop,
    /// Makes the thread panic.
    #[cfg(test)]
    Panic,
}
