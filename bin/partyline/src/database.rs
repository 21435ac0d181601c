//! The data store: the database of a data directory or of a server, opened with the directory's secrets.

use std::path::PathBuf;
use std::sync::Arc;

use partyline_store::{ConnectError, LookupKeys, OpenError, SqlStore, StoreError};
use partyline_tls::CertificateError;

use crate::config::Config;
use crate::config::store::Postgres;
use crate::data_dir::DataDir;
use crate::secrets::{self, Secrets, SecretsError};

/// The database can't be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DatabaseError {
    /// Its secrets can't be had.
    #[error(transparent)]
    Secrets(#[from] SecretsError),
    /// The file does not open.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The server's is not used.
    #[error("{url}: {error}")]
    Connect {
        /// Which database.
        url: String,
        /// Why.
        error: Box<ConnectError>,
    },
    /// The codes in it were hashed under keys that are elsewhere.
    #[error(
        "{url} holds codes that were made with other secrets; put a copy of the secrets.toml of the server that made them to {file}"
    )]
    OtherSecrets {
        /// Which database.
        url: String,
        /// Where its secrets should be.
        file: PathBuf,
    },
    /// The certificate that is shown to the server can't be read.
    #[error("store.certificate: {0}")]
    Certificate(#[from] CertificateError),
    /// The database was lost again.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl DatabaseError {
    fn connect(server: &Postgres, error: ConnectError) -> Self {
        Self::Connect { url: server.url.to_string(), error: Box::new(error) }
    }

    /// Whether another server works on the database.
    pub(crate) fn is_taken(&self) -> bool {
        matches!(self, Self::Connect { error, .. } if matches!(**error, ConnectError::Taken))
    }
}

/// Opens the database that must be there, for one command.
///
/// # Errors
/// [`DatabaseError`].
pub(crate) async fn open_existing(
    config: &Config,
    data_dir: &DataDir,
) -> Result<Arc<SqlStore>, DatabaseError> {
    if let Some(server) = &config.store {
        let keys = Secrets::read(data_dir.path())?.lookup_keys();
        return connect_existing(server, keys).await;
    }
    // Without a database there is nothing that the missing secrets could be missed for: say what is missing first.
    if !data_dir.database().exists() {
        return Err(OpenError::Missing { path: data_dir.database() }.into());
    }
    let secrets = Secrets::read(data_dir.path())?;
    Ok(SqlStore::open_existing(&data_dir.database(), secrets.lookup_keys()).await?)
}

/// Connects to a server's database that is up to date.
///
/// # Errors
/// [`DatabaseError`].
pub(crate) async fn connect_existing(
    server: &Postgres,
    keys: LookupKeys,
) -> Result<Arc<SqlStore>, DatabaseError> {
    let connected = SqlStore::connect_existing(server.settings()?, keys).await;
    connected.map_err(|error| DatabaseError::connect(server, error))
}

/// Connects to a server's database, and makes its tables or brings them up to date.
///
/// # Errors
/// [`DatabaseError`].
pub(crate) async fn connect(server: &Postgres, keys: LookupKeys) -> Result<Arc<SqlStore>, DatabaseError> {
    let connected = SqlStore::connect(server.settings()?, keys).await;
    connected.map_err(|error| DatabaseError::connect(server, error))
}

/// Opens the database, or makes it, with its secrets.
///
/// # Errors
/// [`DatabaseError`].
pub(crate) async fn open_or_make(
    config: &Config,
    data_dir: &DataDir,
) -> Result<(Arc<SqlStore>, Secrets), DatabaseError> {
    let Some(server) = &config.store else {
        let secrets = Secrets::read_or_make(data_dir.path(), &data_dir.database())?;
        let store = SqlStore::open(&data_dir.database(), secrets.lookup_keys()).await?;
        return Ok((store, secrets));
    };
    let file = data_dir.path().join(secrets::FILE_NAME);
    let are_new = !file.exists();
    let secrets = Secrets::read_or_make(data_dir.path(), &data_dir.database())?;
    let opened = async {
        let store = connect(server, secrets.lookup_keys()).await?;
        // Secrets that were drawn just now are not those of a database that is in use.
        if are_new && store.codes_without_key().await? > 0 {
            store.close().await;
            return Err(DatabaseError::OtherSecrets { url: server.url.to_string(), file: file.clone() });
        }
        Ok(store)
    };
    match opened.await {
        Ok(store) => Ok((store, secrets)),
        Err(error) => {
            if are_new {
                // Nothing was kept under them; what is put there instead is not in anybody's way.
                let _ = std::fs::remove_file(&file);
            }
            Err(error)
        }
    }
}

/// The same for a server, which has the database to itself.
///
/// # Errors
/// [`DatabaseError`], `Taken` where another server has it.
pub(crate) async fn open_alone(
    config: &Config,
    data_dir: &DataDir,
) -> Result<(Arc<SqlStore>, Secrets), DatabaseError> {
    let (store, secrets) = open_or_make(config, data_dir).await?;
    match (store.claim().await, &config.store) {
        (Ok(true), _) | (Ok(false), None) => Ok((store, secrets)),
        (Ok(false), Some(server)) => {
            store.close().await;
            Err(DatabaseError::connect(server, ConnectError::Taken))
        }
        (Err(error), _) => Err(error.into()),
    }
}
