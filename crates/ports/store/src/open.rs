//! Opening a database file: what it is gets looked at before anything is written to it.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::types::FromSql;
use rusqlite::{Connection as Sqlite, OpenFlags};

use crate::contract::StoreError;
use crate::db::{
    self, Connection, SQLITE_BUSY, SQLITE_CANTOPEN, SQLITE_CORRUPT, SQLITE_FULL, SQLITE_LOCKED,
    SQLITE_NOTADB, SQLITE_PERM, SQLITE_READONLY, done,
};
use crate::schema;

/// Why a database file was not opened. Nothing was written to it.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is no such file, and none is to be made.
    #[error("there is no database at {path}; start the server once, or name another data directory")]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The file, or its directory, can't be read or written.
    #[error(
        "the database {path} can't be opened for reading and writing ({why}); check that its directory exists, and who may write there"
    )]
    NotWritable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        why: String,
    },
    /// The file is something else than our database.
    #[error(
        "{path} is not a database of this program; it was left as it is: name another data directory, or move the file away"
    )]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The file was our database, and is damaged.
    #[error(
        "the database {path} is damaged ({why}); it was left as it is: restore a backup, or move the file away to start with an empty one"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What the check said.
        why: String,
    },
    /// Another program keeps the file locked.
    #[error("the database {path} is locked by another program; end that one, or name another data directory")]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// The disk has no room.
    #[error("the disk is full: there is no room for the database {path}; make room and start again")]
    Full {
        /// The file.
        path: PathBuf,
    },
    /// A newer program wrote it.
    #[error(
        "the database {path} is of version {found}, newer than this program, which knows up to {known}; use the newer program, or a backup from before"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The newest version that this program knows.
        known: u32,
    },
    /// An older program wrote it, and it was not to be changed.
    #[error(
        "the database {path} is of version {found}, older than this program ({known}); start the server once to bring it up to date"
    )]
    Older {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The version that this program needs.
        known: u32,
    },
    /// Anything else that the database said.
    #[error("the database {path} can't be opened: {why}")]
    Failed {
        /// The file.
        path: PathBuf,
        /// What it said.
        why: String,
    },
}

/// How to treat the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// The server: makes the file, checks it whole, brings its schema up to date.
    Serve,
    /// Beside a server or without one: the file must be there and up to date.
    Existing,
}

/// Marks a SQLite file as ours: "Prty" in ASCII.
const APPLICATION_ID: i64 = 0x5072_7479;
/// How every SQLite file begins. [SQLite file format §1.3](https://sqlite.org/fileformat.html)
const MAGIC: &[u8; 16] = b"SQLite format 3\0";
/// How long another process may keep the file locked: its transactions take milliseconds.
const BUSY_MAX: Duration = Duration::from_secs(5);
/// The same while the file is only looked at: whoever keeps it from being read that long will not let go soon.
const BUSY_AT_START_MAX: Duration = Duration::from_secs(2);

/// Statements that a connection keeps prepared: all of ours, in a few lengths of their lists.
const STATEMENTS_MAX: usize = 256;

/// How connections to the file are opened.
#[derive(Debug, Clone)]
pub(crate) struct Opener {
    path: PathBuf,
}

impl Opener {
    /// A connection that works with the file.
    pub(crate) fn connect(&self) -> rusqlite::Result<Sqlite> {
        let sqlite = connect(&self.path, BUSY_MAX)?;
        sqlite.pragma_update(None, "journal_mode", "WAL")?;
        sqlite.pragma_update(None, "synchronous", "FULL")?;
        sqlite.pragma_update(None, "foreign_keys", true)?;
        // Else each new value of a `$n` has its statement planned anew: an eighth of what an entry cost.
        sqlite.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        sqlite.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
        Ok(sqlite)
    }

    /// One that reads and can't write.
    pub(crate) fn connect_reader(&self) -> rusqlite::Result<Sqlite> {
        let sqlite = self.connect()?;
        sqlite.pragma_update(None, "query_only", true)?;
        Ok(sqlite)
    }
}

/// Each connection is used by one thread at a time.
fn connect(path: &Path, busy_max: Duration) -> rusqlite::Result<Sqlite> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let sqlite = Sqlite::open_with_flags(path, flags)?;
    sqlite.busy_timeout(busy_max)?;
    Ok(sqlite)
}

/// Opens the file; answers with how to open more connections, and the first one.
pub(crate) fn open(path: &Path, mode: Mode) -> Result<(Opener, Sqlite), OpenError> {
    look_at_file(path, mode)?;
    inspect(path, mode)?;
    let opener = Opener { path: path.to_path_buf() };
    let mut sqlite = opener.connect().map_err(|error| from_sqlite(path, &error))?;
    let mut db = Connection::new(&mut sqlite);
    // After an error the connection is dropped, which takes the transaction back.
    done(bring_up_to_date(&mut db, path, mode)).map_err(|refused| refused.explained(path, db.code()))?;
    Ok((opener, sqlite))
}

/// Looks at the file as a file, and makes an empty one where there is none. Only its owner may read it: it holds
/// callers' numbers.
fn look_at_file(path: &Path, mode: Mode) -> Result<(), OpenError> {
    let not_writable = |why: &io::Error| OpenError::NotWritable { path: path.into(), why: why.to_string() };
    match fs::File::open(path) {
        Ok(file) => {
            if !file.metadata().is_ok_and(|metadata| metadata.is_file()) {
                return Err(OpenError::Foreign { path: path.into() });
            }
            let mut head = Vec::new();
            file.take(16).read_to_end(&mut head).map_err(|error| not_writable(&error))?;
            if head.is_empty() || head == MAGIC {
                return Ok(());
            }
            Err(OpenError::Foreign { path: path.into() })
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => match mode {
            Mode::Existing => Err(OpenError::Missing { path: path.into() }),
            Mode::Serve => {
                let mut options = fs::OpenOptions::new();
                options.write(true).create_new(true);
                #[cfg(unix)]
                std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
                match options.open(path) {
                    Ok(_) => Ok(()),
                    Err(error) if error.kind() == io::ErrorKind::StorageFull => {
                        Err(OpenError::Full { path: path.into() })
                    }
                    Err(error) => Err(not_writable(&error)),
                }
            }
        },
        Err(error) => Err(not_writable(&error)),
    }
}

/// Looks at the file as a database, through a connection that changes nothing in it.
fn inspect(path: &Path, mode: Mode) -> Result<(), OpenError> {
    let sqlite = connect(path, BUSY_AT_START_MAX).map_err(|error| from_sqlite(path, &error))?;
    look_inside(&sqlite, path, mode)
}

fn look_inside(sqlite: &Sqlite, path: &Path, mode: Mode) -> Result<(), OpenError> {
    let application: i64 = scalar(sqlite, path, "PRAGMA application_id")?;
    let tables: i64 = scalar(sqlite, path, "SELECT COUNT(*) FROM sqlite_master")?;
    if tables == 0 {
        return match mode {
            Mode::Serve => Ok(()),
            Mode::Existing => Err(OpenError::Missing { path: path.into() }),
        };
    }
    if application != APPLICATION_ID {
        return Err(OpenError::Foreign { path: path.into() });
    }
    if mode == Mode::Serve {
        let said: String = scalar(sqlite, path, "PRAGMA quick_check(1)")?;
        if said != "ok" {
            return Err(OpenError::Damaged { path: path.into(), why: said });
        }
    }
    Ok(())
}

fn scalar<T: FromSql>(sqlite: &Sqlite, path: &Path, sql: &'static str) -> Result<T, OpenError> {
    sqlite.query_row(sql, [], |row| row.get(0)).map_err(|error| from_sqlite(path, &error))
}

/// Why a database that was opened is not used.
enum NotUsed {
    Open(OpenError),
    Store(StoreError),
}

impl From<StoreError> for NotUsed {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl NotUsed {
    fn explained(self, path: &Path, code: Option<i32>) -> OpenError {
        match self {
            Self::Open(error) => error,
            Self::Store(error) => explain(path, code, error.to_string()),
        }
    }
}

async fn bring_up_to_date(db: &mut Connection<'_>, path: &Path, mode: Mode) -> Result<(), NotUsed> {
    let known = schema::VERSION;
    db.run("BEGIN IMMEDIATE").await?;
    let found = schema::version(db).await?;
    if found > known {
        return Err(NotUsed::Open(OpenError::Newer { path: path.into(), found, known }));
    }
    if mode == Mode::Serve {
        if found == 0 {
            db.run("PRAGMA application_id = 1349678201").await?;
        }
        schema::migrate(db, found).await?;
    } else if found < known {
        return Err(NotUsed::Open(OpenError::Older { path: path.into(), found, known }));
    }
    db.run("COMMIT").await?;
    Ok(())
}

fn from_sqlite(path: &Path, error: &rusqlite::Error) -> OpenError {
    explain(path, db::sqlite_code(error), error.to_string())
}

fn explain(path: &Path, code: Option<i32>, why: String) -> OpenError {
    let path = path.to_path_buf();
    match code {
        Some(SQLITE_NOTADB | SQLITE_CORRUPT) => OpenError::Damaged { path, why },
        Some(SQLITE_BUSY | SQLITE_LOCKED) => OpenError::Locked { path },
        Some(SQLITE_FULL) => OpenError::Full { path },
        Some(SQLITE_CANTOPEN | SQLITE_READONLY | SQLITE_PERM) => OpenError::NotWritable { path, why },
        Some(_) | None => OpenError::Failed { path, why },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_of_our_files_is_the_number_in_the_pragma() {
        assert_eq!(APPLICATION_ID, 1_349_678_201);
    }
}
