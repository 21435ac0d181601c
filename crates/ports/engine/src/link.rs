//! The way to a media thread, and what it can be told.

use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use partyline_audio::Player;
use partyline_media::{Over, Suppressors, Treatment};

use crate::counts::ThreadCounts;
use crate::home::MixHome;
use crate::slots::{Caravan, Traveller};
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
    OpenMix(MixKey, usize, Treatment, MixHome),
    CloseMix(MixKey),
    /// Sends a mix to another thread.
    MoveMix(MixKey, usize),
    AdoptMix(Box<Caravan>),
    ToMix(MixKey, MixHome, MixCommand),
    /// Wakes a thread so that it sees that it is to stop.
    Stop,
    /// Makes the thread panic.
    #[cfg(test)]
    Panic,
}

/// A command to a mix, which follows it to whatever thread it is on.
#[derive(Debug)]
pub(crate) enum MixCommand {
    Play(Box<Player>, Over),
    SetSolo(Option<Box<Player>>),
    Treat(Treatment),
    SuppressNoise(Option<Suppressors>),
}
