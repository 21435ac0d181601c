//! A bounded queue per room, and the worker that empties it in batches.
//!
//! All that is asked of one room at one interface server is decided in one line, so that three hundred callers on the
//! hour are a few batches. **Invariant:** whoever asked gets exactly one answer, after the commit.

use std::sync::Arc;
use std::time::Duration;

use partyline_conference::{Intent, RoomId};
use tokio::sync::{mpsc, oneshot};

use crate::office::Office;
use crate::rooms::{Outcome, Question, Unavailable};

/// What waits for one room. More means that the store is far too slow for what is asked: better to refuse.
const QUEUE_MAX: usize = 4096;
/// What is decided at once. Larger batches make fewer commits but longer transactions.
const BATCH_MAX: usize = 512;
/// A worker whose room has been asked nothing for this long ends.
const IDLE_MAX: Duration = Duration::from_secs(30);
/// Rooms that are being asked something at once.
const ROOMS_MAX: usize = 65_536;

impl Office {
    /// Asks something of a room and waits until it is decided and committed.
    pub(crate) async fn ask(
        self: &Arc<Self>,
        room: RoomId,
        intents: Vec<Intent>,
    ) -> Result<Arc<Outcome>, Unavailable> {
        let (sender, receiver) = oneshot::channel();
        self.enqueue(room, Question { intents, answer: sender })?;
        receiver.await.unwrap_or(Err(Unavailable))
    }

    fn enqueue(self: &Arc<Self>, room: RoomId, question: Question) -> Result<(), Unavailable> {
        let refuse = |_| {
            metrics::counter!("partyline_cms_questions_refused_total").increment(1);
            Unavailable
        };
        // The queue is filled under the lock: a worker that is about to end is never given anything.
        let mut queues = self.rooms.queues.lock();
        if let Some(queue) = queues.get(&room) {
            return queue.try_send(question).map_err(|_| refuse(()));
        }
        if queues.len() >= ROOMS_MAX || self.stopping.is_cancelled() {
            return Err(refuse(()));
        }
        let (queue, questions) = mpsc::channel(QUEUE_MAX);
        queue.try_send(question).map_err(|_| refuse(()))?;
        queues.insert(room, queue);
        self.tasks.spawn(work(Arc::clone(self), room, questions));
        Ok(())
    }
}

/// Decides what is asked of one room until nothing has been asked for a while.
async fn work(office: Arc<Office>, room: RoomId, mut questions: mpsc::Receiver<Question>) {
    loop {
        let first = tokio::select! {
            biased;
            question = tokio::time::timeout(IDLE_MAX, questions.recv()) => question.ok().flatten(),
            () = office.stopping.cancelled() => None,
        };
        if let Some(first) = first {
            decide(&office, room, with_all_that_waits(first, &mut questions)).await;
            continue;
        }
        let mut queues = office.rooms.queues.lock();
        if questions.is_empty() {
            queues.remove(&room);
            return;
        }
    }
}

fn with_all_that_waits(first: Question, questions: &mut mpsc::Receiver<Question>) -> Vec<Question> {
    let mut asked = first.intents.len();
    let mut batch = vec![first];
    while asked < BATCH_MAX {
        let Ok(next) = questions.try_recv() else { break };
        asked += next.intents.len();
        batch.push(next);
    }
    batch
}

async fn decide(office: &Arc<Office>, room: RoomId, batch: Vec<Question>) {
    let mut intents = Vec::new();
    let mut answers = Vec::with_capacity(batch.len());
    for question in batch {
        intents.extend(question.intents);
        answers.push(question.answer);
    }
    metrics::histogram!("partyline_cms_batch_intents").record(intents.len() as f64);
    let outcome = office.decide_and_commit(room, intents).await.map(Arc::new);
    for answer in answers {
        // Who asked may have gone meanwhile; what was committed holds all the same.
        let _ = answer.send(outcome.clone());
    }
}
