//! What is asked of rooms, and a queue of it for each of them.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use partyline_conference::{CommandAnswer, CommandId, Intent, RoomId};
use tokio::sync::{mpsc, oneshot};

/// It could not be decided or not be committed: nothing was written, asking again may help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the conference management system can't decide now; try again")]
pub(crate) struct Unavailable;

impl From<Unavailable> for tonic::Status {
    fn from(error: Unavailable) -> Self {
        Self::unavailable(error.to_string())
    }
}

/// What a batch came to.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Answers to the batch's commands.
    pub(crate) answers: Vec<(CommandId, CommandAnswer)>,
}

/// What is asked at once, and who waits for the answer.
pub(crate) struct Question {
    pub(crate) intents: Vec<Intent>,
    pub(crate) answer: oneshot::Sender<Result<Arc<Outcome>, Unavailable>>,
}

/// The queues.
#[derive(Default)]
pub(crate) struct Rooms {
    pub(crate) queues: Mutex<HashMap<RoomId, mpsc::Sender<Question>>>,
}
