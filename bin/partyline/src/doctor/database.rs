//! Facts about the data directory and the database in it.

use std::time::{Duration, SystemTime};

use partyline_store::{OpenError, StoreReader as _};

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
    vec![directory(data_dir), database(data_dir).await]
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

async fn database(data_dir: &DataDir) -> Finding {
    let path = data_dir.database();
    let store = match open_existing(data_dir).await {
        Ok(store) => store,
        Err(DatabaseError::Open(OpenError::Missing { .. })) => {
            return Finding::fine(DATABASE, "not there yet; `partyline serve` makes it");
        }
        Err(error @ DatabaseError::Open(OpenError::Older { .. })) => {
            return Finding::warning(DATABASE, error.to_string(), "keep a copy before you start the server");
        }
        Err(error) => {
            return Finding::failing(
                DATABASE,
                error.to_string(),
                "it was not changed; repair what is said, then try again",
            );
        }
    };
    let health = store.health().await;
    let orphans = store.codes_without_key().await;
    store.close().await;
    if let Err(error) = health {
        return Finding::failing(
            DATABASE,
            error.to_string(),
            "look at the disk and at the rights of the file",
        );
    }
    if let Ok(orphans @ 1..) = orphans {
        return Finding::failing(
            DATABASE,
            format!("{orphans} codes were made with another lookup key and select nothing"),
            "put the right secrets.toml back, or give those rooms new codes (`partyline room set NAME --new-codes`)",
        );
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
