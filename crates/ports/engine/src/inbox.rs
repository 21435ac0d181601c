//! A leg's inbox: it travels with the leg, so that commands keep their order over a hand-over.
//!
//! The media thread looks at a flag per tick and only ever tries the lock.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use partyline_audio::Player;
use partyline_media::{Attachment, LegMedia, LegReport, PlayId, Recorder};
use tokio::sync::oneshot;

use crate::home::MixHome;
use crate::types::{EngineError, MixKey};

/// Most commands that wait. They are taken every 20 ms; a VRU gives a few at a time.
const COMMANDS_MAX: usize = 64;

/// Where the answer to a command goes.
pub(crate) type Reply = oneshot::Sender<Result<(), EngineError>>;

/// A command to one leg.
#[derive(Debug)]
pub(crate) enum LegCommand {
    Connect(LegMedia),
    Confirm,
    Play(PlayId, Player),
    Stop,
    Echo(bool),
    Record(Box<Recorder>),
    TakeRecording(oneshot::Sender<Option<Box<Recorder>>>),
    Volume(f32),
    Attach { mix: MixKey, home: MixHome, attachment: Attachment, reply: Reply },
    Adjust { mix: MixKey, attachment: Attachment, reply: Reply },
    Detach(MixKey),
    Report(oneshot::Sender<LegReport>),
}

/// The commands of one leg, from its control to whichever thread has it.
#[derive(Debug, Default)]
pub(crate) struct LegInbox {
    commands: Mutex<VecDeque<LegCommand>>,
    has_commands: AtomicBool,
    is_closed: AtomicBool,
}

impl LegInbox {
    /// Leaves a command; whether there was room and the leg is open.
    pub(crate) fn push(&self, command: LegCommand) -> bool {
        let mut commands = self.commands.lock();
        if commands.len() >= COMMANDS_MAX || self.is_closed() {
            return false;
        }
        commands.push_back(command);
        self.has_commands.store(true, Ordering::Release);
        true
    }

    /// The leg is to end.
    pub(crate) fn close(&self) {
        self.is_closed.store(true, Ordering::Release);
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Acquire)
    }

    pub(crate) fn needs_attention(&self) -> bool {
        self.has_commands.load(Ordering::Acquire) || self.is_closed()
    }

    /// Takes the next command, without waiting: while one is being left, there is none yet.
    pub(crate) fn pop(&self) -> Option<LegCommand> {
        let mut commands = self.commands.try_lock()?;
        let command = commands.pop_front();
        self.has_commands.store(!commands.is_empty(), Ordering::Release);
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_come_out_in_order_and_the_flag_falls_with_the_last() {
        let inbox = LegInbox::default();
        assert!(!inbox.needs_attention());
        assert!(inbox.push(LegCommand::Stop) && inbox.push(LegCommand::Echo(true)));
        assert!(matches!(inbox.pop(), Some(LegCommand::Stop)));
        assert!(inbox.needs_attention());
        assert!(matches!(inbox.pop(), Some(LegCommand::Echo(true))));
        assert!(!inbox.needs_attention() && inbox.pop().is_none());
    }

    #[test]
    fn a_full_inbox_takes_no_more() {
        let inbox = LegInbox::default();
        assert!((0..COMMANDS_MAX).all(|_| inbox.push(LegCommand::Stop)));
        assert!(!inbox.push(LegCommand::Stop));
    }

    #[test]
    fn a_closed_inbox_asks_for_attention() {
        let inbox = LegInbox::default();
        inbox.close();
        assert!(inbox.needs_attention() && inbox.is_closed());
        assert!(!inbox.push(LegCommand::Stop));
    }
}
