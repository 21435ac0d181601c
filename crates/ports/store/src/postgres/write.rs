//! Writes: each a transaction of its own, tried again until it is known what became of it.
//!
//! Other processes write too. Where their transactions are in the way, or the server goes away, a write is tried again.
//! Whether a commit whose answer got lost was carried out is told by a mark that goes with it: a row per writing
//! connection that says which of its writes came last. Whoever tries again writes the same mark first, which waits until
//! the earlier try has ended, and finds whether it was there.
//!
//! **Invariant:** a write is applied once or not at all, whatever was lost on the way, and is only called done once a
//! commit was acknowledged that includes it (with a synchronous standby: on that one too).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::Server;
use crate::contract::{RoomChange, StoreError, Touched};
use crate::db::{Connection, values};
use crate::session::{Session, Trouble};
use crate::writer::{Refused, Write};

/// Writes that may wait: a store that is this far behind helps nobody by letting more wait.
const QUEUE_MAX: usize = 4096;
/// Between two tries at first; it doubles.
const PAUSE_MIN: Duration = Duration::from_millis(10);
/// Between two tries at most: a promoted standby is found within this.
const PAUSE_MAX: Duration = Duration::from_millis(250);

/// The mark of a writing connection. PostgreSQL only: a file has one process that writes, and it knows.
pub(super) const MARKS: &str = "CREATE TABLE IF NOT EXISTS write_mark (slot TEXT PRIMARY KEY NOT NULL, \
     number BIGINT NOT NULL, tries BIGINT NOT NULL, at BIGINT NOT NULL) WITH (fillfactor = 50)";

/// Marks of processes that are long gone.
pub(super) const OLD_MARKS: &str = "DELETE FROM write_mark WHERE at < $1";

const MARK: &str = "INSERT INTO write_mark (slot, number, tries, at) VALUES ($1, $2, 1, $3) \
     ON CONFLICT (slot) DO UPDATE SET number = excluded.number, at = excluded.at, \
       tries = CASE WHEN write_mark.number = excluded.number THEN write_mark.tries + 1 ELSE 1 END \
     RETURNING tries";

/// A place to write from.
struct Slot {
    name: String,
    number: i64,
}

/// The places to write from, and who waits for one.
pub(super) struct Slots {
    idle: Mutex<Vec<Slot>>,
    places: Arc<Semaphore>,
    count: u32,
    waiting: AtomicUsize,
    commits: AtomicU64,
    dropped: AtomicU64,
}

impl Slots {
    pub(super) fn new(count: u32) -> Self {
        let process: u128 = rand::random();
        let slot = |place| Slot { name: format!("{process:032x}-{place}"), number: 0 };
        Self {
            idle: Mutex::new((0..count).map(slot).collect()),
            places: Arc::new(Semaphore::new(count as usize)),
            count,
            waiting: AtomicUsize::new(0),
            commits: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
        }
    }

    pub(super) fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Waits until what is under way is written, and takes no more.
    pub(super) async fn close(&self, wait_max: Duration) {
        let _ = tokio::time::timeout(wait_max, self.places.acquire_many(self.count)).await;
        self.places.close();
    }
}

/// One of those who wait.
struct Waiting(Arc<Server>);

impl Waiting {
    fn among(server: &Arc<Server>) -> Option<Self> {
        let before = server.slots.waiting.fetch_add(1, Ordering::Relaxed);
        let waiting = Self(Arc::clone(server));
        (before < QUEUE_MAX).then_some(waiting)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.slots.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

/// How one try ended.
enum Tried<W: Write> {
    Done(Result<W::Answer, W::Refused>),
    /// Nothing was written.
    Again(W::Refused),
    /// The answer to the commit got lost.
    Unclear(W::Answer),
}

/// Carries a write out, and has those told whom it concerns.
pub(super) async fn write<W: Write>(server: &Arc<Server>, write: W) -> Result<W::Answer, W::Refused> {
    let Some(waiting) = Waiting::among(server) else {
        server.slots.dropped.fetch_add(1, Ordering::Relaxed);
        return Err(StoreError::Unavailable("too many writes wait for the data store".into()).into());
    };
    let closed = || StoreError::Unavailable("the data store is closed".into());
    let place = Arc::clone(&server.slots.places).acquire_owned().await.map_err(|_| closed())?;
    let server = Arc::clone(server);
    // Whoever asked may be gone before it is done: a write is never left half-way.
    let done = tokio::spawn(async move {
        drop(waiting);
        // One that a panic took is replaced.
        let idle = server.slots.idle.lock().pop();
        let mut slot =
            idle.unwrap_or_else(|| Slot { name: format!("{:032x}", rand::random::<u128>()), number: 0 });
        slot.number += 1;
        let outcome = until_clear(&server, &write, &slot).await;
        server.slots.idle.lock().push(slot);
        drop(place);
        outcome
    });
    done.await.unwrap_or_else(|_| Err(StoreError::Unavailable("a write panicked".into()).into()))
}

async fn until_clear<W: Write>(server: &Server, write: &W, slot: &Slot) -> Result<W::Answer, W::Refused> {
    let until = Instant::now() + server.settings.write_max;
    let mut pause = PAUSE_MIN;
    let mut unclear = None;
    loop {
        let refused = match one_try(server, write, slot, &mut unclear).await {
            Tried::Done(Ok(answer)) => {
                server.slots.commits.fetch_add(1, Ordering::Relaxed);
                if let Some(change) = write.changed(&answer) {
                    server.signals.send(change);
                }
                return Ok(answer);
            }
            Tried::Done(Err(refused)) => return Err(refused),
            Tried::Again(refused) => refused,
            Tried::Unclear(answer) => {
                unclear = Some(answer);
                StoreError::Unavailable(
                    "the database was lost during a commit; it is not known whether it was written".into(),
                )
                .into()
            }
        };
        // Not by the same times as everybody else whom the same failure has hit.
        let next = pause.mul_f64(0.5 + rand::random::<f64>());
        if Instant::now() + next > until {
            if let Some(change) = unclear.as_ref().and_then(|answer| write.changed(answer)) {
                server.signals.send(RoomChange { room: change.room, touched: Touched::Everybody });
            }
            return Err(refused);
        }
        tokio::time::sleep(next).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

/// One transaction. `unclear` is the answer of a try before that may have been carried out; it is taken once that is known.
async fn one_try<W: Write>(
    server: &Server,
    write: &W,
    slot: &Slot,
    unclear: &mut Option<W::Answer>,
) -> Tried<W> {
    let lost = |unclear: &mut Option<W::Answer>, error: StoreError| match unclear.take() {
        Some(answer) => Tried::Unclear(answer),
        None => Tried::Again(error.into()),
    };
    let mut session = match server.pool.session().await {
        Ok(session) => session,
        Err(error) => return lost(unclear, error),
    };
    match tries(&mut session, slot).await {
        Ok(1) => {}
        Ok(_) => {
            // The try before was carried out. This commit is behind it: once it is acknowledged, both are kept.
            let Some(answer) = unclear.take() else {
                end(server, session);
                let twice = StoreError::Damaged("the mark of a write is there before it".into());
                return Tried::Done(Err(twice.into()));
            };
            return commit::<W>(server, session, answer).await;
        }
        Err(error) => {
            end(server, session);
            return lost(unclear, error);
        }
    }
    // What was unclear was not carried out, and never will be: its transaction has ended.
    *unclear = None;
    match write.apply(&mut Connection::postgres(&mut session)).await {
        Ok(answer) if session.trouble().is_none() => commit::<W>(server, session, answer).await,
        Ok(_) => {
            end(server, session);
            Tried::Done(Err(StoreError::Unavailable("a statement failed".into()).into()))
        }
        Err(refused) => {
            let again = refused.is_failure() && session.trouble().is_some_and(may_be_tried_again);
            end(server, session);
            if again { Tried::Again(refused) } else { Tried::Done(Err(refused)) }
        }
    }
}

const fn may_be_tried_again(trouble: Trouble) -> bool {
    match trouble {
        // A row that came meanwhile: next time it is seen before it is in the way.
        Trouble::InTheWay | Trouble::Lost | Trouble::Taken => true,
        Trouble::Failed => false,
    }
}

/// Begins the transaction with its mark; answers how often this write has got so far, this time included.
async fn tries(session: &mut Session, slot: &Slot) -> Result<i64, StoreError> {
    session.open_with("BEGIN");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let mark = values![slot.name.as_str(), slot.number, now];
    Connection::postgres(session).one(MARK, mark).await?.read("tries")
}

async fn commit<W: Write>(server: &Server, mut session: Session, answer: W::Answer) -> Tried<W> {
    match session.run("COMMIT").await {
        Ok(()) => {
            session.give_back("");
            Tried::Done(Ok(answer))
        }
        Err(failure) => {
            end(server, session);
            match failure.trouble {
                Trouble::Lost => Tried::Unclear(answer),
                // The server has said that it did not commit.
                Trouble::InTheWay | Trouble::Taken => Tried::Again(failure.error.into()),
                Trouble::Failed => Tried::Done(Err(failure.error.into())),
            }
        }
    }
}

/// Takes a transaction back.
fn end(server: &Server, session: Session) {
    if session.trouble() == Some(Trouble::Lost) {
        server.pool.forget_idle();
    }
    session.give_back("ROLLBACK");
}
