//! All that a database file holds, brought to a server: whole, or not at all.

use std::sync::Arc;

use async_trait::async_trait;

use crate::contract::StoreError;
use crate::db::{Built, Cell, Connection, Row, Value, values};
use crate::postgres::Server;
use crate::readers::Readers;
use crate::writer::Write;

/// Tables that are brought along, those that others refer to before them.
pub(crate) const COPIED: &[&str] = &[
    "account",
    "room",
    "room_code",
    "attendance",
    "conference",
    "conferee",
    "mix",
    "command",
    "event",
    "attempt",
    "api_token",
    "audit",
    "trunk",
    "trunk_version",
    "past",
    "recorded_name",
    "outdial",
];

/// Tables that stay behind: leases of a run that has ended, and the schema, which is made anew.
#[cfg(test)]
pub(crate) const LEFT_BEHIND: &[&str] = &["mixer", "interface_server", "vru", "schema_version"];

/// Rows that are read, and written, at once.
const PART: u32 = 100;

/// Why nothing was copied.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// There are rooms or records where the copy should go.
    #[error(
        "the database is in use already (it has {0} rooms, with those that were deleted); copy into an empty one"
    )]
    NotEmpty(u64),
    /// A copy is made from a file to a server.
    #[error("a copy is made from a database file to a server's database")]
    Direction,
    /// Calls or conferences are live.
    #[error(
        "the file holds live conferences or callers: start the server on it once, stop it, and copy then"
    )]
    Live,
    /// What arrived is not what was sent.
    #[error("of table {table} {sent} rows were sent and {arrived} arrived; nothing was kept")]
    Lost {
        /// The table.
        table: &'static str,
        /// Rows in the file.
        sent: u64,
        /// Rows on the server.
        arrived: u64,
    },
    /// A database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl crate::writer::Refused for CopyError {
    fn is_failure(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_failure())
    }
}

/// How many rows of a table were copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// The table.
    pub table: &'static str,
    /// Its rows.
    pub rows: u64,
}

/// Copies everything, in one transaction.
pub(crate) async fn copy(from: &Arc<Readers>, to: &Arc<Server>) -> Result<Vec<Copied>, CopyError> {
    if from.read(|db| Box::pin(is_live(db))).await? {
        return Err(CopyError::Live);
    }
    to.write(CopyAll(Arc::clone(from))).await
}

async fn is_live(db: &mut Connection<'_>) -> Result<bool, StoreError> {
    let row = db
        .one(
            "SELECT (SELECT COUNT(*) FROM attendance WHERE ended_at IS NULL) \
               + (SELECT COUNT(*) FROM conference WHERE ended_at IS NULL) AS live",
            values![],
        )
        .await?;
    Ok(row.read::<u64>("live")? > 0)
}

struct CopyAll(Arc<Readers>);

#[async_trait]
impl Write for CopyAll {
    type Answer = Vec<Copied>;
    type Refused = CopyError;

    async fn apply(&self, db: &mut Connection<'_>) -> Result<Vec<Copied>, CopyError> {
        let rooms: u64 = db.one("SELECT COUNT(*) AS rooms FROM room", values![]).await?.read("rooms")?;
        if rooms > 0 {
            return Err(CopyError::NotEmpty(rooms));
        }
        // What a new schema begins with comes from the file too.
        db.run("DELETE FROM trunk; DELETE FROM trunk_version; DELETE FROM attempt; DELETE FROM account")
            .await?;
        let mut copied = Vec::new();
        for &table in COPIED {
            copied.push(Copied { table, rows: self.table(db, table).await? });
        }
        Ok(copied)
    }
}

impl CopyAll {
    async fn table(&self, db: &mut Connection<'_>, table: &'static str) -> Result<u64, CopyError> {
        let (mut last, mut sent) = (i64::MIN, 0);
        loop {
            let rows = self.part(table, last).await?;
            let Some(end) = rows.last() else { break };
            last = end.read("copied_row")?;
            sent += rows.len() as u64;
            insert(db, table, &rows).await?;
        }
        let count = Built(format!("SELECT COUNT(*) AS arrived FROM {table}"));
        let arrived = db.one(count, values![]).await?.read("arrived")?;
        if arrived == sent { Ok(sent) } else { Err(CopyError::Lost { table, sent, arrived }) }
    }

    /// Rows of the file behind `last`, in the order in which they came.
    async fn part(&self, table: &'static str, last: i64) -> Result<Vec<Row>, StoreError> {
        self.0
            .read(move |db| {
                Box::pin(async move {
                    let sql = Built(format!(
                        "SELECT rowid AS copied_row, {table}.* FROM {table} WHERE rowid > $1 ORDER BY rowid LIMIT $2"
                    ));
                    db.all(sql, values![last, PART]).await
                })
            })
            .await
    }
}

async fn insert(db: &mut Connection<'_>, table: &str, rows: &[Row]) -> Result<(), StoreError> {
    let Some(first) = rows.first() else { return Ok(()) };
    // All but the row's number.
    let names: Vec<&str> = first.columns().skip(1).map(|(name, _)| name).collect();
    let place = |row: usize| {
        let places: Vec<String> =
            (1..=names.len()).map(|column| format!("${}", row * names.len() + column)).collect();
        format!("({})", places.join(", "))
    };
    let places: Vec<String> = (0..rows.len()).map(place).collect();
    let sql = format!("INSERT INTO {table} ({}) VALUES {}", names.join(", "), places.join(", "));
    let cells = rows.iter().flat_map(|row| row.columns().skip(1).map(|(_, cell)| cell));
    let values = cells
        .map(|cell| match cell {
            Cell::Int(number) => Ok(Value::Int(Some(*number))),
            Cell::Text(text) => Ok(Value::Text(Some(text.clone()))),
            Cell::Null => Ok(Value::Text(None)),
            Cell::Other => Err(StoreError::Damaged(format!("table {table} holds what it should not"))),
        })
        .collect::<Result<_, _>>()?;
    db.execute(Built(sql), values).await.map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::done;
    use crate::schema;

    #[test]
    fn every_table_is_copied_or_left_behind_on_purpose() {
        let mut sqlite = rusqlite::Connection::open_in_memory().unwrap();
        let mut db = Connection::new(&mut sqlite);
        let tables = done(async {
            let version = schema::version(&mut db).await.unwrap();
            schema::migrate(&mut db, version).await.unwrap();
            db.all("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name", values![])
                .await
                .unwrap()
        });
        let tables: Vec<String> = tables.iter().map(|row| row.read("name").unwrap()).collect();
        let mut known: Vec<&str> = COPIED.iter().chain(LEFT_BEHIND).copied().collect();
        known.sort_unstable();
        assert_eq!(tables, known);
    }
}
