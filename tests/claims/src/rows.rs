//! What the store says, read past the product: straight from the database file.

use std::time::{Duration, Instant};

use anyhow::bail;
use rusqlite::{Connection, OpenFlags, Row};

use crate::Server;

/// How long a row may take to become what a test waits for; far above what it needs.
const CEILING: Duration = Duration::from_secs(20);

/// A conference as its rows show it: code, unique identifier and mixer identifier belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConferenceRow {
    /// The unique identifier.
    pub id: String,
    /// The room's name.
    pub room: String,
    /// The mixer identifier.
    pub mixer: String,
    /// The last two digits of the code that created it.
    pub code_ends: String,
    /// When it was written, in ms since 1970.
    pub started_at: i64,
    /// Whether it has ended.
    pub is_over: bool,
    /// Why it ended; empty while it lives.
    pub end_why: String,
}

/// A conferee's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfereeRow {
    /// The identifier fixed at entry.
    pub id: String,
    /// The conference.
    pub conference: String,
    /// The order of entry.
    pub order: i64,
    /// The role.
    pub role: String,
    /// The caller's number.
    pub caller: String,
    /// The VRU.
    pub vru: String,
    /// `placed`, `joined`, `absent` or `left`.
    pub state: String,
    /// Why they left; empty while they are in.
    pub leave_reason: String,
}

impl Server {
    async fn query<T: Send + 'static>(
        &self,
        query: String,
        read: fn(&Row<'_>) -> rusqlite::Result<T>,
    ) -> anyhow::Result<Vec<T>> {
        let path = self.database();
        let rows = tokio::task::spawn_blocking(move || {
            let database = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
            database.busy_timeout(CEILING)?;
            let mut statement = database.prepare(&query)?;
            statement.query_map([], read)?.collect::<rusqlite::Result<Vec<T>>>()
        });
        Ok(rows.await??)
    }

    /// How many rows of `table` there are where `condition` holds.
    ///
    /// # Errors
    /// When the query fails.
    pub async fn count(&self, table: &str, condition: &str) -> anyhow::Result<i64> {
        let rows =
            self.query(format!("SELECT count(*) FROM {table} WHERE {condition}"), |row| row.get(0)).await?;
        Ok(rows[0])
    }

    /// Waits until as many rows are there as should be.
    ///
    /// # Errors
    /// When there are still fewer or more after the ceiling.
    pub async fn wait_count(&self, table: &str, condition: &str, wanted: i64) -> anyhow::Result<()> {
        let until = Instant::now() + CEILING;
        loop {
            let found = self.count(table, condition).await?;
            if found == wanted {
                return Ok(());
            }
            if Instant::now() > until {
                bail!("{table} where {condition}: {found} rows instead of {wanted}");
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
    }

    /// All conferences, oldest first.
    ///
    /// # Errors
    /// When the query fails.
    pub async fn conferences(&self) -> anyhow::Result<Vec<ConferenceRow>> {
        self.query(
            "SELECT c.id, r.name, m.mixer, c.code_ends, c.started_at, c.ended_at, coalesce(c.end_why, '') \
             FROM conference c JOIN room r ON r.id = c.room JOIN mix m ON m.id = c.mix ORDER BY c.started_at, c.id"
                .to_owned(),
            |row| {
                Ok(ConferenceRow {
                    id: row.get(0)?,
                    room: row.get(1)?,
                    mixer: row.get(2)?,
                    code_ends: row.get(3)?,
                    started_at: row.get(4)?,
                    is_over: row.get::<_, Option<i64>>(5)?.is_some(),
                    end_why: row.get(6)?,
                })
            },
        )
        .await
    }

    /// All conferees, by conference and order of entry.
    ///
    /// # Errors
    /// When the query fails.
    pub async fn conferees(&self) -> anyhow::Result<Vec<ConfereeRow>> {
        self.query(
            "SELECT c.id, c.conference, c.place, c.role, a.caller_number, a.vru, c.state, coalesce(c.leave_reason, '') \
             FROM conferee c JOIN attendance a ON a.id = c.attendance \
             JOIN conference k ON k.id = c.conference ORDER BY k.started_at, c.conference, c.place"
                .to_owned(),
            |row| {
                Ok(ConfereeRow {
                    id: row.get(0)?,
                    conference: row.get(1)?,
                    order: row.get(2)?,
                    role: row.get(3)?,
                    caller: row.get(4)?,
                    vru: row.get(5)?,
                    state: row.get(6)?,
                    leave_reason: row.get(7)?,
                })
            },
        )
        .await
    }
}
