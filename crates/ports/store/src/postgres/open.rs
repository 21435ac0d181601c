//! What a database is gets looked at before anything is written to it; its schema is brought up to date by one at a time.

use std::time::Duration;

use super::pool::Pool;
use super::write;
use crate::contract::StoreError;
use crate::db::{Connection, values};
use crate::schema;
use crate::session::Session;

/// The oldest server that is used: older ones are no longer kept by their makers.
const SERVER_MIN: i64 = 130_000;
/// Steps of the schema may take long on a large database.
const STEPS_MAX: Duration = Duration::from_secs(600);

/// Why a database on a server is not used. Nothing was written to it.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// No server that takes writes is there.
    #[error("{0}; check store.url, that the server runs and takes connections, and who may connect")]
    Unreachable(String),
    /// TLS has nothing to go by.
    #[error("TLS to the database can't be set up: {0}")]
    Tls(String),
    /// The server is too old.
    #[error("the database's server is PostgreSQL {0}; version 13 or newer is needed")]
    OldServer(String),
    /// The database keeps its texts otherwise.
    #[error("the database's encoding is {0}; make one with encoding UTF8")]
    Encoding(String),
    /// It is somebody else's.
    #[error(
        "the database holds tables of another program; it was left as it is: name another one, or make an empty one"
    )]
    Foreign,
    /// It is empty, and nothing is to be made in it.
    #[error("the database is empty; start the server once, or run \"partyline store migrate\"")]
    Missing,
    /// A newer program wrote it.
    #[error("the database is of version {found}, newer than this program, which knows up to {known}")]
    Newer {
        /// Its version.
        found: u32,
        /// The newest version that this program knows.
        known: u32,
    },
    /// An older program wrote it, and it was not to be changed.
    #[error(
        "the database is of version {found}, older than this program ({known}); run \"partyline store migrate\""
    )]
    Older {
        /// Its version.
        found: u32,
        /// The version that this program needs.
        known: u32,
    },
    /// Another server has it to itself.
    #[error("another server works on this database; end that one, or name another database")]
    Taken,
    /// Anything else that the database said.
    #[error("the database can't be used: {0}")]
    Failed(#[from] StoreError),
}

/// How to treat the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Makes what is missing and brings the schema up to date.
    Migrate,
    /// The schema must be there and up to date.
    Existing,
}

/// Looks at the server and the database.
pub(super) async fn look(pool: &Pool, mode: Mode) -> Result<(), ConnectError> {
    let mut session = pool.session().await.map_err(|error| ConnectError::Unreachable(error.to_string()))?;
    session.allow(STEPS_MAX);
    let looked = look_with(&mut session, mode).await;
    session.give_back("ROLLBACK");
    looked
}

async fn look_with(session: &mut Session, mode: Mode) -> Result<(), ConnectError> {
    let mut db = Connection::postgres(session);
    let about = "SELECT CAST(current_setting('server_version_num') AS BIGINT) AS number, \
         current_setting('server_version') AS version, current_setting('server_encoding') AS encoding";
    let row = db.one(about, values![]).await?;
    if row.read::<i64>("number")? < SERVER_MIN {
        return Err(ConnectError::OldServer(row.read("version")?));
    }
    let encoding: String = row.read("encoding")?;
    if encoding != "UTF8" {
        return Err(ConnectError::Encoding(encoding));
    }
    db.run("BEGIN; SET LOCAL lock_timeout = 0; SET LOCAL statement_timeout = 0").await?;
    if mode == Mode::Migrate {
        // Several processes may start at once: the others wait, and find it done.
        db.run("SELECT pg_advisory_xact_lock(1349678201, 1)").await?;
    }
    let found = version(&mut db).await?;
    let known = schema::VERSION;
    match (mode, found) {
        (_, Some(found)) if found > known => return Err(ConnectError::Newer { found, known }),
        (Mode::Existing, None) => return Err(ConnectError::Missing),
        (Mode::Existing, Some(found)) if found < known => return Err(ConnectError::Older { found, known }),
        (Mode::Existing, Some(_)) => {}
        (Mode::Migrate, found) => {
            let found = match found {
                Some(found) => found,
                None => schema::version(&mut db).await?,
            };
            db.run(write::MARKS).await?;
            schema::migrate(&mut db, found).await?;
        }
    }
    db.run("COMMIT").await?;
    Ok(())
}

/// The schema's version; `None` for an empty database.
async fn version(db: &mut Connection<'_>) -> Result<Option<u32>, ConnectError> {
    let tables = db
        .one(
            "SELECT COUNT(*) AS all_of_them, COUNT(*) FILTER (WHERE tablename = 'schema_version') AS ours \
             FROM pg_tables WHERE schemaname = current_schema()",
            values![],
        )
        .await?;
    if tables.read::<u32>("ours")? > 0 {
        return Ok(Some(schema::version(db).await?));
    }
    if tables.read::<u32>("all_of_them")? > 0 {
        return Err(ConnectError::Foreign);
    }
    Ok(None)
}
