//! Facts about the data directory and the database in it.

use std::time::{Duration, SystemTime};

use partyline_store::{ConnectError, OpenError, StoreReader as _};

use super::Finding;
use crate::config::Config;
use crate::data_dir::{DataDir, DataDirError};
use crate::database::{DatabaseError, open_existing};

const DIRECTORY: &str = "data directory";
const DATABASE: &str = "database";
/// Clocks are set back by less than this every day.
const AHEAD_MAX: Duration = Duration::from_secs(300);

/// Looks at the directory and, where it is there, at the database.
pub(crate) async fn examine(config: &Config, data_dir: Option<&DataDir>) -> Vec<Finding> {
    let Some(data_dir) = data_dir else {
        let finding = match DataDir::existing(&config.data_dir) {
            Err(DataDirError::Missing(path)) => Finding::fine(
                DIRECTORY,
                format!("{} is not there yet; `partyline serve` makes it", path.display()),
            ),
            Err(error) => {
                Finding::failing(DIRECTORY, error.to_string(), "choose another with --data-dir, or repair it")
            }
            Ok(_) => Finding::fine(DIRECTORY, config.data_dir.display().to_string()),
        };
        return vec![finding];
    };
    vec![directory(data_dir), database(config, data_dir).await]
}

fn directory(data_dir: &DataDir) -> Finding {
    let path = data_dir.path();
    let shown = path.display();
    let probe = tempfile_in(path);
    if let Err(error) = probe {
        return Finding::failing(
            DIRECTORY,
            format!("{shown}: {error}"),
            "it must be writable, and its disk not full",
        );
    }
    let mode = std::fs::metadata(path)
        .map(|metadata| std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()));
    if mode.is_ok_and(|mode| mode & 0o077 != 0) {
        return Finding::warning(
            DIRECTORY,
            format!("{shown} can be read by others"),
            format!("`chmod 700 {shown}`: it holds callers' numbers and secrets"),
        );
    }
    Finding::fine(DIRECTORY, shown.to_string())
}

/// Writes a byte and takes it away again.
fn tempfile_in(path: &std::path::Path) -> std::io::Result<()> {
    let probe = path.join(format!("doctor-{}", std::process::id()));
    let written = std::fs::write(&probe, b"?");
    let removed = std::fs::remove_file(&probe);
    written.and(removed)
}

async fn database(config: &Config, data_dir: &DataDir) -> Finding {
    let path = data_dir.database();
    let store = match open_existing(config, data_dir).await {
        Ok(store) => store,
        Err(DatabaseError::Open(OpenError::Missing { .. })) => {
            return Finding::fine(DATABASE, "not there yet; `partyline serve` makes it");
        }
        Err(error @ DatabaseError::Open(OpenError::Older { .. })) => {
            return Finding::warning(DATABASE, error.to_string(), "keep a copy before you start the server");
        }
        Err(DatabaseError::Connect { url, error }) => return of_server(&url, &error),
        Err(error) => {
            return Finding::failing(
                DATABASE,
                error.to_string(),
                "it was not changed; repair what is said, then try again",
            );
        }
    };
    let health = store.health().await;
    let product = store.product().await;
    let orphans = store.codes_without_key().await;
    store.close().await;
    if let Err(error) = health {
        return Finding::failing(
            DATABASE,
            error.to_string(),
            "look at the server, or at the disk and at the rights of the file",
        );
    }
    if let Ok(orphans @ 1..) = orphans {
        return Finding::failing(
            DATABASE,
            format!("{orphans} codes were made with another lookup key and select nothing"),
            "put the right secrets.toml back, or give those rooms new codes (`partyline room set NAME --new-codes`)",
        );
    }
    if let Some(server) = &config.store {
        let product = product.unwrap_or_else(|error| error.to_string());
        return Finding::fine(DATABASE, format!("{} answers ({product})", server.url));
    }
    let written = std::fs::metadata(&path).and_then(|metadata| metadata.modified());
    if written
        .is_ok_and(|written| written.duration_since(SystemTime::now()).is_ok_and(|ahead| ahead > AHEAD_MAX))
    {
        return Finding::warning(
            DATABASE,
            "it was written in the future",
            "set the clock, and keep it right",
        );
    }
    Finding::fine(DATABASE, format!("{} opens", path.display()))
}

/// Why a server's database is not used.
fn of_server(url: &str, error: &ConnectError) -> Finding {
    let says = format!("{url}: {error}");
    match error {
        ConnectError::Missing => {
            Finding::fine(DATABASE, format!("{url} is empty; `partyline serve` makes its tables"))
        }
        ConnectError::Older { .. } => {
            Finding::warning(DATABASE, says, "keep a copy before you start the server")
        }
        ConnectError::Unreachable(_)
        | ConnectError::Tls(_)
        | ConnectError::OldServer(_)
        | ConnectError::Encoding(_)
        | ConnectError::Foreign
        | ConnectError::Newer { .. }
        | ConnectError::Taken
        | ConnectError::Failed(_) => {
            Finding::failing(DATABASE, says, "it was not changed; repair what is said, then try again")
        }
    }
}
