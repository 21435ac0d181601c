//! What a server holds while something goes on, and must not afterwards.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use rusqlite::{Connection, OpenFlags};

use crate::bench::server::BenchServer;

/// What the server counts of what it holds.
const HELD: [&str; 6] = [
    "partyline_legs",
    "partyline_mixes",
    "partyline_vru_calls",
    "partyline_cms_streams",
    "partyline_mixer_legs",
    "partyline_mixer_mixes",
];
/// Rows that are there while something goes on, and only then.
const OPEN_ROWS: [(&str, &str); 7] = [
    ("attendance", "ended_at IS NULL"),
    ("conference", "ended_at IS NULL"),
    ("conferee", "state <> 'left'"),
    ("mix", "closed_at IS NULL"),
    ("mixer", "reserved > 0"),
    ("past", "1 = 1"),
    ("recorded_name", "attendance NOT IN (SELECT id FROM attendance)"),
];

/// Legs, mixes, calls, streams.
pub(super) fn held(server: &BenchServer) -> anyhow::Result<Vec<(String, f64)>> {
    // What was never counted is none.
    HELD.iter().map(|name| Ok(((*name).to_owned(), server.metric_sum(name)?))).collect()
}

/// Rows of the data store.
pub(super) fn open_rows(database: &Path) -> anyhow::Result<Vec<(String, f64)>> {
    let database = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    database.busy_timeout(Duration::from_secs(10))?;
    let mut rows = Vec::new();
    for (table, condition) in OPEN_ROWS {
        let query = format!("SELECT count(*) FROM {table} WHERE {condition}");
        let count: i64 = database.query_row(&query, [], |row| row.get(0)).context(query)?;
        rows.push((table.to_owned(), count as f64));
    }
    Ok(rows)
}
