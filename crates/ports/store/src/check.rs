//! Whether what a database holds fits together.

use crate::contract::StoreError;
use crate::db::{Built, Connection, values};
use crate::{copy, schema};

/// What was found in a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inventory {
    /// The schema's version.
    pub version: u32,
    /// Rows by table.
    pub tables: Vec<(&'static str, u64)>,
    /// What does not fit together; empty where all is well.
    pub wrong: Vec<String>,
}

/// What must never be, and how it is told.
const NEVER: &[(&str, &str)] = &[
    (
        "rooms whose last event is beyond their sequence",
        "SELECT COUNT(*) AS found FROM room WHERE sequence < \
           (SELECT COALESCE(MAX(event.sequence), 0) FROM event WHERE event.room = room.id)",
    ),
    (
        "live conferences without an open mix",
        "SELECT COUNT(*) AS found FROM conference WHERE ended_at IS NULL AND NOT EXISTS \
           (SELECT 1 FROM mix WHERE mix.id = conference.mix AND mix.closed_at IS NULL)",
    ),
    (
        "callers with a seat that nobody sits in",
        "SELECT COUNT(*) AS found FROM attendance WHERE state = 'seated' AND ended_at IS NULL AND NOT EXISTS \
           (SELECT 1 FROM conferee WHERE conferee.id = attendance.conferee AND conferee.state <> 'left')",
    ),
    (
        "seats in conferences that have ended",
        "SELECT COUNT(*) AS found FROM conferee JOIN conference ON conference.id = conferee.conference \
         WHERE conference.ended_at IS NOT NULL AND conferee.state <> 'left'",
    ),
    (
        "mixers whose reserved seats are not those of their mixes",
        "SELECT COUNT(*) AS found FROM mixer WHERE reserved <> \
           (SELECT COALESCE(SUM(mix.reserved), 0) FROM mix WHERE mix.mixer = mixer.id AND mix.closed_at IS NULL)",
    ),
    (
        "rooms without a code for each role",
        "SELECT COUNT(*) AS found FROM room WHERE is_deleted = 0 AND \
           (SELECT COUNT(*) FROM room_code WHERE room_code.room = room.id) <> 2",
    ),
];

/// Looks at everything, at one moment.
pub(crate) async fn inventory(db: &mut Connection<'_>) -> Result<Inventory, StoreError> {
    let version = db.one("SELECT MAX(version) AS version FROM schema_version", values![]).await?;
    let mut found = Inventory { version: version.read("version")?, tables: Vec::new(), wrong: Vec::new() };
    if found.version != schema::VERSION {
        found.wrong.push(format!("the schema is of version {}, not {}", found.version, schema::VERSION));
    }
    for &table in copy::COPIED {
        let count = Built(format!("SELECT COUNT(*) AS found FROM {table}"));
        found.tables.push((table, db.one(count, values![]).await?.read("found")?));
    }
    for (what, sql) in NEVER {
        let count: u64 = db.one(*sql, values![]).await?.read("found")?;
        if count > 0 {
            found.wrong.push(format!("{what}: {count}"));
        }
    }
    Ok(found)
}
