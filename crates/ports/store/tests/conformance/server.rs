//! One PostgreSQL server for a test, with a database for each store.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use partyline_pgserver::PgServer;
use partyline_store::{PostgresSettings, SqlStore};

/// A server that makes databases.
pub(crate) struct Databases {
    server: Arc<PgServer>,
    made: AtomicU32,
}

impl Databases {
    pub(crate) fn start() -> Self {
        Self { server: Arc::new(PgServer::start().unwrap()), made: AtomicU32::new(0) }
    }

    /// Runs a test on a store of its own. The first brings the schema up to date, the others begin with a copy of it.
    pub(crate) async fn fresh(&self, test: impl AsyncFnOnce(&SqlStore)) {
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        if number == 0 {
            self.database("pattern", "template1").await;
            self.open("pattern").await.close().await;
        }
        let name = format!("store{number}");
        self.database(&name, "pattern").await;
        let store = self.open(&name).await;
        test(&store).await;
        store.close().await;
    }

    /// On another thread: connections to the pattern close meanwhile.
    async fn database(&self, name: &str, template: &'static str) {
        let (server, name) = (Arc::clone(&self.server), name.to_owned());
        tokio::task::spawn_blocking(move || server.database(&name, template)).await.unwrap().unwrap();
    }

    async fn open(&self, name: &str) -> Arc<SqlStore> {
        let settings = PostgresSettings::new(self.server.url(name).parse().unwrap());
        SqlStore::connect(settings, crate::keys()).await.unwrap()
    }
}
