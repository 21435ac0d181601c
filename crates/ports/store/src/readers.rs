//! Connections that read a SQLite file: a few, each used by one thread at a time.
//!
//! A reading is carried out whole, all its statements, on a thread where waiting is allowed: one change of threads for
//! each reading and not one for each statement and row, which had cost ten times as much as SQLite itself.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use parking_lot::Mutex;
use rusqlite::Connection as Sqlite;
use tokio::sync::Semaphore;

use crate::contract::StoreError;
use crate::db::{Connection, done, failure, values};
use crate::open::Opener;

/// Connections that read at once. Reading is short; more would only hold memory.
const READERS_MAX: u32 = 4;
/// How long a reading may wait for a connection before the store counts as out of reach.
const WAIT_MAX: Duration = Duration::from_secs(5);

/// The connections.
pub(crate) struct Readers {
    opener: Opener,
    places: Arc<Semaphore>,
    idle: Mutex<Vec<Sqlite>>,
}

impl Readers {
    pub(crate) fn new(opener: Opener) -> Arc<Self> {
        Arc::new(Self {
            opener,
            places: Arc::new(Semaphore::new(READERS_MAX as usize)),
            idle: Mutex::default(),
        })
    }

    /// Reads within one transaction: all that is read in it is of one moment.
    pub(crate) async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        reading: impl for<'a, 'c> Fn(&'a mut Connection<'c>) -> BoxFuture<'a, Result<T, StoreError>>
        + Send
        + 'static,
    ) -> Result<T, StoreError> {
        let place = tokio::time::timeout(WAIT_MAX, Arc::clone(&self.places).acquire_owned())
            .await
            .map_err(|_| StoreError::Unavailable("too many readings wait for the data store".into()))?
            .map_err(|_| StoreError::Unavailable("the data store is closed".into()))?;
        let readers = Arc::clone(self);
        // Whoever asked may be gone before the reading is done: it keeps its place until then.
        let read = tokio::task::spawn_blocking(move || {
            let answer = readers.read_here(reading);
            drop(place);
            answer
        });
        read.await.map_err(|_| StoreError::Unavailable("a reading panicked".into()))?
    }

    fn read_here<T>(
        &self,
        reading: impl for<'a, 'c> Fn(&'a mut Connection<'c>) -> BoxFuture<'a, Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let idle = self.idle.lock().pop();
        let mut sqlite = match idle {
            Some(sqlite) => sqlite,
            None => self.opener.connect_reader().map_err(|error| failure(&error))?,
        };
        let mut db = Connection::new(&mut sqlite);
        let answer = done(async {
            db.execute("BEGIN", values![]).await?;
            let answer = reading(&mut db).await?;
            db.execute("COMMIT", values![]).await?;
            Ok(answer)
        });
        // One that failed is in an unknown state: the next reading opens another.
        if answer.is_ok() && !self.places.is_closed() {
            self.idle.lock().push(sqlite);
        }
        answer
    }

    /// Takes no more, and closes the connections once they are idle.
    pub(crate) async fn close(&self) {
        let _ = self.places.acquire_many(READERS_MAX).await;
        self.places.close();
        self.idle.lock().clear();
    }
}
