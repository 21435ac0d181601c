//! The trunks of the settings: their secrets read, each whole in itself, and none claiming what another has.

use std::path::Path;

use partyline_trunk::{Secret, SecretSource, Trunk, Trunks};

use super::Problems;
use super::file::File;

/// A longer password is a slip: a certificate, or a whole log file.
const SECRET_BYTES_MAX: u64 = 4096;

/// A password can't be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SecretError {
    /// There is no such variable, or nothing in it.
    #[error("the environment variable {0} is not set; expected the password in it")]
    NoVariable(String),
    /// The file can't be read.
    #[error("the password can't be read from {path}: {why}")]
    NoFile {
        /// The file.
        path: String,
        /// What the system said.
        why: String,
    },
}

/// Reads a password from where it is to be had.
///
/// # Errors
/// [`SecretError`].
pub(crate) fn read_secret(
    source: &SecretSource,
    environment: &[(String, String)],
) -> Result<Secret, SecretError> {
    match source {
        SecretSource::Text(secret) => Ok(secret.clone()),
        SecretSource::Environment(name) => {
            let found = environment.iter().find(|(known, value)| known == name && !value.is_empty());
            found.map(|(_, value)| Secret::new(value)).ok_or_else(|| SecretError::NoVariable(name.clone()))
        }
        SecretSource::File(path) => read_file(Path::new(path))
            .map(|text| Secret::new(&text))
            .map_err(|why| SecretError::NoFile { path: path.clone(), why }),
    }
}

fn read_file(path: &Path) -> Result<String, String> {
    let meta = std::fs::metadata(path).map_err(|error| error.to_string())?;
    if !meta.is_file() || meta.len() > SECRET_BYTES_MAX {
        return Err(format!("expected a file of at most {SECRET_BYTES_MAX} bytes"));
    }
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.is_empty() { Err("it is empty".to_owned()) } else { Ok(text.to_owned()) }
}

/// The trunks that stand; what is wrong with the others goes to the problems.
pub(super) fn trunks(
    file: &File,
    environment: &[(String, String)],
    problems: &mut Problems<'_>,
) -> Vec<Trunk> {
    let mut set = Trunks::default();
    let mut trunks = Vec::new();
    for (place, written) in file.trunk.iter().enumerate() {
        let key = format!("trunk[{place}]");
        let settled = match written.clone().settled(|source| read_secret(source, environment)) {
            Ok(settled) => settled,
            Err(error) => {
                problems.add(&key, error.to_string());
                continue;
            }
        };
        match settled.check() {
            Ok(trunk) => match set.add(trunk.clone()) {
                Ok(()) => trunks.push(trunk),
                Err(clash) => problems.add(&key, clash.to_string()),
            },
            Err(faults) => {
                for fault in faults {
                    let key = if fault.key.is_empty() { key.clone() } else { format!("{key}.{}", fault.key) };
                    problems.add(&key, fault.text);
                }
            }
        }
    }
    trunks
}
