//! The schema's versions, and the steps from each to the next.

use partyline_conference::AccountId;

use crate::contract::StoreError;
use crate::db::{Connection, values};

/// A step of the schema. Steps are only ever added at the end; one that is out in the world never changes.
struct Migration {
    version: u32,
    sql: &'static str,
}

const MIGRATIONS: &[Migration] = &[
    Migration { version: 1, sql: include_str!("../migrations/0001_first.sql") },
    Migration { version: 2, sql: include_str!("../migrations/0002_trunks.sql") },
    Migration { version: 3, sql: include_str!("../migrations/0003_quality.sql") },
    Migration { version: 4, sql: include_str!("../migrations/0004_control.sql") },
    Migration { version: 5, sql: include_str!("../migrations/0005_live.sql") },
    Migration { version: 6, sql: include_str!("../migrations/0006_names.sql") },
    Migration { version: 7, sql: include_str!("../migrations/0007_outdials.sql") },
    Migration { version: 8, sql: include_str!("../migrations/0008_guesses.sql") },
    Migration { version: 9, sql: include_str!("../migrations/0009_noisy_lines.sql") },
    Migration { version: 10, sql: include_str!("../migrations/0010_voices.sql") },
];

/// The schema version that this program knows.
pub(crate) const VERSION: u32 = MIGRATIONS[MIGRATIONS.len() - 1].version;

/// The name of the account that owns rooms where nobody says otherwise.
pub(crate) const DEFAULT_ACCOUNT: &str = "default";

/// The database's schema version; 0 for an empty database. The table is made by the first migration.
pub(crate) async fn version(db: &mut Connection<'_>) -> Result<u32, StoreError> {
    db.run("CREATE TABLE IF NOT EXISTS schema_version (version BIGINT PRIMARY KEY NOT NULL)").await?;
    db.one("SELECT COALESCE(MAX(version), 0) AS version FROM schema_version", values![])
        .await?
        .read("version")
}

/// Carries out the steps behind `version`, within the caller's transaction, and makes the default account.
pub(crate) async fn migrate(db: &mut Connection<'_>, version: u32) -> Result<(), StoreError> {
    for migration in MIGRATIONS.iter().filter(|migration| migration.version > version) {
        let sql = db.dialect(migration.sql).into_owned();
        db.run(&sql).await?;
        db.execute("INSERT INTO schema_version (version) VALUES ($1)", values![migration.version]).await?;
        tracing::info!(version = migration.version, "the data store's schema was brought up to date");
    }
    let id = AccountId::from_bits(rand::random());
    db.execute(
        "INSERT INTO account (id, name) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING",
        values![id, DEFAULT_ACCOUNT],
    )
    .await?;
    Ok(())
}
