//! The database of a data directory, opened with its secrets.

use std::sync::Arc;

use partyline_store::{OpenError, SqliteStore};

use crate::data_dir::DataDir;
use crate::secrets::{Secrets, SecretsError};

/// The database can't be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DatabaseError {
    /// Its secrets can't be had.
    #[error(transparent)]
    Secrets(#[from] SecretsError),
    /// It does not open.
    #[error(transparent)]
    Open(#[from] OpenError),
}

/// Opens the database that must be there, for one command.
///
/// # Errors
/// [`DatabaseError`].
pub(crate) async fn open_existing(data_dir: &DataDir) -> Result<Arc<SqliteStore>, DatabaseError> {
    // Without a database there is nothing that the missing secrets could be missed for: say what is missing first.
    if !data_dir.database().exists() {
        return Err(OpenError::Missing { path: data_dir.database() }.into());
    }
    let secrets = Secrets::read(data_dir.path())?;
    Ok(SqliteStore::open_existing(&data_dir.database(), secrets.lookup_keys()).await?)
}

/// Opens the database, or makes it, with its secrets.
///
/// # Errors
/// [`DatabaseError`].
pub(crate) async fn open_or_make(data_dir: &DataDir) -> Result<(Arc<SqliteStore>, Secrets), DatabaseError> {
    let secrets = Secrets::read_or_make(data_dir.path(), &data_dir.database())?;
    let store = SqliteStore::open(&data_dir.database(), secrets.lookup_keys()).await?;
    Ok((store, secrets))
}
