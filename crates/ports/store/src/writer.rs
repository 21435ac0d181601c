//! Writes, and the one writer of a SQLite file: takes whatever is queued and commits it as one transaction.
//!
//! Each queued write runs between savepoints, so that one which is refused (a version moved on, a
//! mixer is full) takes only itself back. All are answered after the commit, none before it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::contract::{ChangeSignal, CommitError, RoomChange, StoreError};
use crate::db::{Connection, done, failure};
use crate::open::Opener;

/// Writes that may wait for the writer. One waiting write is a few hundred bytes; a store that is this far behind helps
/// nobody by growing the queue further.
const QUEUE_MAX: usize = 4096;
/// Most writes in one transaction: more would make the first of them wait long for its answer.
const GROUP_MAX: usize = 256;
/// Change signals that a slow receiver may be behind before it misses some (it compares versions anyway).
const CHANGES_MAX: usize = 4096;

/// Something to be written.
#[async_trait]
pub(crate) trait Write: Send + Sync + 'static {
    /// What the asker gets once it is committed.
    type Answer: Send + 'static;
    /// Why it is refused.
    type Refused: From<StoreError> + Refused + Send + 'static;

    /// Writes. An error takes back what was written so far.
    async fn apply(&self, db: &mut Connection<'_>) -> Result<Self::Answer, Self::Refused>;

    /// The room that has another version after it, if it is one.
    fn changed(&self, _answer: &Self::Answer) -> Option<RoomChange> {
        None
    }
}

/// Whether a refusal comes from the database itself, not from what is in it.
pub(crate) trait Refused {
    fn is_failure(&self) -> bool;
}

impl Refused for StoreError {
    fn is_failure(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Damaged(_))
    }
}

impl Refused for CommitError {
    fn is_failure(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_failure())
    }
}

/// How one write went, before the commit.
enum Verdict {
    Keep,
    TakeBack,
}

/// A write with whoever waits for its answer.
#[async_trait]
trait Job: Send {
    async fn apply(&mut self, db: &mut Connection<'_>) -> Verdict;
    fn changed(&self) -> Option<RoomChange>;
    /// Answers. `failed` says why the whole group came to nothing.
    fn answer(self: Box<Self>, failed: Option<&str>);
}

struct Queued<W: Write> {
    write: W,
    outcome: Option<Result<W::Answer, W::Refused>>,
    asker: oneshot::Sender<Result<W::Answer, W::Refused>>,
}

#[async_trait]
impl<W: Write> Job for Queued<W> {
    async fn apply(&mut self, db: &mut Connection<'_>) -> Verdict {
        let outcome = self.write.apply(db).await;
        let verdict = if outcome.is_ok() { Verdict::Keep } else { Verdict::TakeBack };
        self.outcome = Some(outcome);
        verdict
    }

    fn changed(&self) -> Option<RoomChange> {
        self.write.changed(self.outcome.as_ref()?.as_ref().ok()?)
    }

    fn answer(self: Box<Self>, failed: Option<&str>) {
        let unavailable = |why: &str| Err(StoreError::Unavailable(why.to_owned()).into());
        let answer = match (self.outcome, failed) {
            // Its own refusal says more than that the group failed, unless it is a judgement on rows that are not there now.
            (Some(Err(refused)), Some(_)) if refused.is_failure() => Err(refused),
            (_, Some(why)) => unavailable(why),
            (Some(outcome), None) => outcome,
            (None, None) => unavailable("the write was not tried"),
        };
        // Whoever asked may have gone; what was written stays.
        let _ = self.asker.send(answer);
    }
}

/// Counters of the writer.
#[derive(Debug, Default)]
struct Counters {
    commits: AtomicU64,
    dropped: AtomicU64,
}

/// The door to the writer, which has a thread of its own.
pub(crate) struct Writer {
    queue: std::sync::Mutex<Option<mpsc::Sender<Box<dyn Job>>>>,
    thread: std::sync::Mutex<Option<JoinHandle<()>>>,
    changes: broadcast::Sender<ChangeSignal>,
    counters: Arc<Counters>,
    pages_max: Arc<AtomicU64>,
}

impl Writer {
    /// Starts the writer on its own connection.
    pub(crate) fn start(opener: Opener, connection: rusqlite::Connection) -> Self {
        let (queue, jobs) = mpsc::channel(QUEUE_MAX);
        let (changes, _) = broadcast::channel(CHANGES_MAX);
        let counters = Arc::new(Counters::default());
        let pages_max = Arc::new(AtomicU64::new(0));
        let task = Task {
            opener,
            connection: Some(connection),
            changes: changes.clone(),
            counters: Arc::clone(&counters),
            pages_max: Arc::clone(&pages_max),
            pages_set: 0,
        };
        Self {
            queue: std::sync::Mutex::new(Some(queue)),
            thread: std::sync::Mutex::new(Some(tokio::task::spawn_blocking(|| task.run(jobs)))),
            changes,
            counters,
            pages_max,
        }
    }

    /// Hands a write over and waits for its answer.
    pub(crate) async fn write<W: Write>(&self, write: W) -> Result<W::Answer, W::Refused> {
        let (asker, answer) = oneshot::channel();
        let job = Box::new(Queued { write, outcome: None, asker });
        let Some(queue) = lock(&self.queue).clone() else {
            return Err(StoreError::Unavailable("the data store is closed".into()).into());
        };
        match queue.try_send(job) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => {
                self.counters.dropped.fetch_add(1, Ordering::Relaxed);
                return Err(StoreError::Unavailable("too many writes wait for the data store".into()).into());
            }
            Err(TrySendError::Closed(_)) => {
                return Err(StoreError::Unavailable("the writer has stopped".into()).into());
            }
        }
        drop(queue);
        answer.await.unwrap_or_else(|_| Err(StoreError::Unavailable("the writer has stopped".into()).into()))
    }

    /// Change signals of what is committed here.
    pub(crate) fn changes(&self) -> broadcast::Receiver<ChangeSignal> {
        self.changes.subscribe()
    }

    /// Transactions committed so far.
    pub(crate) fn commits(&self) -> u64 {
        self.counters.commits.load(Ordering::Relaxed)
    }

    /// Writes refused because the queue was full.
    pub(crate) fn dropped(&self) -> u64 {
        self.counters.dropped.load(Ordering::Relaxed)
    }

    /// Limits the database to so many pages from the next transaction on.
    pub(crate) fn limit_pages(&self, pages: u32) {
        self.pages_max.store(u64::from(pages), Ordering::Relaxed);
    }

    /// Takes no more, writes what is queued, and ends.
    pub(crate) async fn stop(&self) {
        drop(lock(&self.queue).take());
        let thread = lock(&self.thread).take();
        if let Some(thread) = thread
            && thread.await.is_err()
        {
            tracing::error!("the data store's writer ended by a panic");
        }
    }
}

fn lock<T>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

struct Task {
    opener: Opener,
    /// `None` after a failure that left its state unknown: the next group opens a new one.
    connection: Option<rusqlite::Connection>,
    changes: broadcast::Sender<ChangeSignal>,
    counters: Arc<Counters>,
    pages_max: Arc<AtomicU64>,
    pages_set: u64,
}

impl Task {
    fn run(mut self, mut jobs: mpsc::Receiver<Box<dyn Job>>) {
        let mut group = Vec::new();
        while jobs.blocking_recv_many(&mut group, GROUP_MAX) > 0 {
            // A panic costs its group, and the connection that it left in an unknown state, but not the writer.
            let outcome = catch_unwind(AssertUnwindSafe(|| self.write(&mut group)));
            let outcome = outcome.unwrap_or_else(|_| Err(StoreError::Unavailable("a write panicked".into())));
            match outcome {
                Ok(()) => {
                    self.counters.commits.fetch_add(1, Ordering::Relaxed);
                    self.finish(&mut group);
                }
                Err(error) => {
                    tracing::warn!(%error, writes = group.len(), "a group of writes was not committed");
                    let why = error.to_string();
                    group.drain(..).for_each(|job| job.answer(Some(&why)));
                }
            }
        }
        if let Some(connection) = self.connection.take()
            && let Err((_, error)) = connection.close()
        {
            tracing::warn!(%error, "the data store did not close cleanly");
        }
    }

    /// One transaction; after an error nothing of the group is written.
    fn write(&mut self, group: &mut [Box<dyn Job>]) -> Result<(), StoreError> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => {
                self.pages_set = 0;
                self.opener.connect().map_err(|error| failure(&error))?
            }
        };
        self.apply_limit(&connection)?;
        let mut db = Connection::new(&mut connection);
        let outcome = done(transaction(&mut db, group));
        // An error may have ended the transaction by itself; a failed rollback then says so, and a connection that is
        // still within one would refuse the next BEGIN.
        if outcome.is_err() && done(db.run("ROLLBACK")).is_err() && done(db.run("BEGIN; ROLLBACK")).is_err() {
            return outcome;
        }
        self.connection = Some(connection);
        outcome
    }

    fn apply_limit(&mut self, connection: &rusqlite::Connection) -> Result<(), StoreError> {
        let wanted = self.pages_max.load(Ordering::Relaxed);
        if wanted != self.pages_set {
            connection
                .pragma_update(None, "max_page_count", wanted.cast_signed())
                .map_err(|error| failure(&error))?;
            self.pages_set = wanted;
        }
        Ok(())
    }

    /// Signals first: who has the answer of a write knows that its signal is out, and one that subscribes then
    /// hears of later writes only.
    fn finish(&self, group: &mut Vec<Box<dyn Job>>) {
        for change in group.iter().filter_map(|job| job.changed()) {
            // Nobody may be listening.
            let _ = self.changes.send(ChangeSignal::Room(change));
        }
        group.drain(..).for_each(|job| job.answer(None));
    }
}

async fn transaction(db: &mut Connection<'_>, group: &mut [Box<dyn Job>]) -> Result<(), StoreError> {
    db.run("BEGIN IMMEDIATE").await?;
    for job in group.iter_mut() {
        db.run("SAVEPOINT job").await?;
        match job.apply(db).await {
            Verdict::Keep => db.run("RELEASE job").await?,
            // A full disk ends the whole transaction: then there is no savepoint any more, and this fails.
            Verdict::TakeBack => db.run("ROLLBACK TO job; RELEASE job").await?,
        }
    }
    db.run("COMMIT").await
}
