//! PostgreSQL below the same queries: several processes read and write, each transaction on a connection of its own.
//!
//! A reading is one moment (`REPEATABLE READ`). A write holds its room's row from its first statement on, so that whoever
//! else decides on the room waits and then finds another version; what spans rooms (an account's limit, names, codes) is
//! held besides. The server's clock is never asked.

mod open;
mod pool;
mod settings;
mod signals;
mod write;

use std::sync::Arc;

use futures::future::BoxFuture;
use partyline_conference::Timestamp;
use tokio::sync::broadcast;

use crate::contract::{ChangeSignal, StoreError};
use crate::db::{Connection, values};
use crate::session::Trouble;
use crate::writer::Write;
pub use open::ConnectError;
pub(crate) use open::Mode;
use pool::{Opener, Pool};
pub use settings::{PostgresSettings, PostgresTls, PostgresUrl, PostgresUrlError};
use signals::Signals;
use write::Slots;

/// A database on a PostgreSQL server.
pub(crate) struct Server {
    settings: PostgresSettings,
    pool: Pool,
    slots: Slots,
    signals: Signals,
}

impl Server {
    /// Connects, and looks at the schema or brings it up to date.
    pub(crate) async fn connect(settings: PostgresSettings, mode: Mode) -> Result<Arc<Self>, ConnectError> {
        let opener = Opener::new(&settings)?;
        let pool = Pool::new(&settings, opener.clone())?;
        open::look(&pool, mode).await?;
        // Readings always find a connection.
        let slots = Slots::new((settings.connections_max / 2).max(1));
        Ok(Arc::new(Self { settings, pool, slots, signals: Signals::start(opener) }))
    }

    /// Reads within one transaction: all that is read in it is of one moment.
    ///
    /// A connection that turns out to be dead is replaced once; a database that is away is told at once, as whoever judges
    /// leases must not take its silence for that of others.
    pub(crate) async fn read<T>(
        &self,
        reading: impl for<'a, 'c> Fn(&'a mut Connection<'c>) -> BoxFuture<'a, Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let mut is_again = false;
        loop {
            let mut session = self.pool.session().await?;
            session.open_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
            let answer = reading(&mut Connection::postgres(&mut session)).await;
            let trouble = session.trouble();
            if trouble == Some(Trouble::Lost) {
                self.pool.forget_idle();
            }
            session.give_back("COMMIT");
            match (answer, trouble) {
                (Err(_), Some(Trouble::Lost | Trouble::InTheWay)) if !is_again => is_again = true,
                (answer, _) => return answer,
            }
        }
    }

    /// Writes; see [`write`].
    pub(crate) async fn write<W: Write>(self: &Arc<Self>, write: W) -> Result<W::Answer, W::Refused> {
        write::write(self, write).await
    }

    pub(crate) fn changes(&self) -> broadcast::Receiver<ChangeSignal> {
        self.signals.changes()
    }

    /// Takes the database for this process alone; `false` where another has it.
    pub(crate) async fn claim(&self) -> Result<bool, StoreError> {
        self.signals.claim().await
    }

    /// Whether another process has taken the database while this one, which had claimed it, was away.
    pub(crate) fn is_taken(&self) -> bool {
        self.signals.is_taken()
    }

    pub(crate) fn commits(&self) -> u64 {
        self.slots.commits()
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.slots.dropped()
    }

    /// Writes what is under way, and closes every connection.
    pub(crate) async fn close(&self) {
        self.slots.close(self.settings.write_max).await;
        self.signals.close().await;
        self.pool.close();
    }
}

/// Marks of processes that have not written for a day.
pub(crate) struct ForgetMarks(pub(crate) Timestamp);

const MARK_KEPT_MS: i64 = 24 * 3600 * 1000;

#[async_trait::async_trait]
impl Write for ForgetMarks {
    type Answer = u64;
    type Refused = StoreError;

    async fn apply(&self, db: &mut Connection<'_>) -> Result<u64, StoreError> {
        db.execute(write::OLD_MARKS, values![Timestamp(self.0.0.saturating_sub(MARK_KEPT_MS))]).await
    }
}
