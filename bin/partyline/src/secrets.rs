//! The secrets file: the key under which codes are hashed, and the seed of the tickets' key.
//!
//! Made once, at the first start; read ever after.
//!
//! **Invariant:** a file that exists is never overwritten, however damaged it is: without its lookup key
//! no code in the database can be found again.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use partyline_rpc::TicketSigner;
use partyline_store::{LookupKey, LookupKeys};
use rand::TryRng as _;
use rand::rngs::SysRng;
use serde::{Deserialize, Serialize};

/// The file's name within the data directory.
pub(crate) const FILE_NAME: &str = "secrets.toml";
/// The only layout there is.
const VERSION: u32 = 1;
const SECRET_BYTES: usize = 32;

const HEAD: &str = "\
# Partyline's secrets: keep them to yourself, and keep a copy beside the copies of the database.
# Without the lookup key no conference code in the database can be found again.

";

/// The secrets of one data directory. They print as their lengths.
pub(crate) struct Secrets {
    lookup_keys: Vec<(String, [u8; SECRET_BYTES])>,
    ticket_seed: [u8; SECRET_BYTES],
}

/// The secrets can't be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SecretsError {
    /// The file can't be read or written.
    #[error("{path}: the secrets can't be {attempt}: {error}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What was tried.
        attempt: &'static str,
        /// What the system said.
        error: io::Error,
    },
    /// The file is there and is not what it should be.
    #[error(
        "{path}: the secrets are damaged ({why}); put back a copy of this file (it was not changed). \
         Without one, move it and partyline.db away to start anew"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What does not read.
        why: String,
    },
    /// A database is there, and its secrets are not.
    #[error(
        "{path}: the secrets are missing, but there is a database that needs them; put back a copy of this file. \
         Without one, move partyline.db away to start anew"
    )]
    Missing {
        /// Where the file should be.
        path: PathBuf,
    },
    /// The system gives no random numbers.
    #[error("the system gives no random numbers: {0}")]
    NoRandomness(rand::rngs::SysError),
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secrets({} lookup keys, a ticket seed of {SECRET_BYTES} bytes)", self.lookup_keys.len())
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SecretsFile {
    version: u32,
    ticket_seed: String,
    lookup_key: Vec<LookupKeyEntry>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LookupKeyEntry {
    id: String,
    key: String,
}

impl Secrets {
    /// Reads the file of a data directory.
    ///
    /// # Errors
    /// [`SecretsError`] where the file is not there or not whole.
    pub(crate) fn read(data_dir: &Path) -> Result<Self, SecretsError> {
        let path = data_dir.join(FILE_NAME);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(SecretsError::Missing { path });
            }
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                return Err(SecretsError::Damaged { path, why: "it is not text".to_owned() });
            }
            Err(error) => return Err(SecretsError::Io { path, attempt: "read", error }),
        };
        Self::parse(&text).map_err(|why| SecretsError::Damaged { path, why })
    }

    /// Reads the file, or makes it where neither it nor a database is there.
    ///
    /// # Errors
    /// [`SecretsError`].
    pub(crate) fn read_or_make(data_dir: &Path, database: &Path) -> Result<Self, SecretsError> {
        let path = data_dir.join(FILE_NAME);
        if !path.exists() && !database.exists() {
            Self::draw()?.write_new(&path)?;
        }
        Self::read(data_dir)
    }

    fn draw() -> Result<Self, SecretsError> {
        let secret = || {
            let mut bytes = [0; SECRET_BYTES];
            SysRng.try_fill_bytes(&mut bytes).map_err(SecretsError::NoRandomness)?;
            Ok(bytes)
        };
        Ok(Self { lookup_keys: vec![("k1".to_owned(), secret()?)], ticket_seed: secret()? })
    }

    fn parse(text: &str) -> Result<Self, String> {
        // The parser's own words would show the line, and with it the secret.
        let file: SecretsFile = toml::from_str(text).map_err(|_| "it does not read as secrets".to_owned())?;
        if file.version != VERSION {
            return Err(format!("its version is {}, this program knows {VERSION}", file.version));
        }
        let keys: Result<Vec<_>, String> = file
            .lookup_key
            .into_iter()
            .map(|entry| Ok((entry.id, secret_of(&entry.key, "a lookup key")?)))
            .collect();
        let secrets =
            Self { lookup_keys: keys?, ticket_seed: secret_of(&file.ticket_seed, "the ticket seed")? };
        secrets.checked_keys().map_err(|error| error.to_string())?;
        Ok(secrets)
    }

    /// Writes the file whole, or not at all; a file that is there meanwhile (another start) stays.
    fn write_new(&self, path: &Path) -> Result<(), SecretsError> {
        let failed = |error| SecretsError::Io { path: path.to_owned(), attempt: "written", error };
        let file = SecretsFile {
            version: VERSION,
            ticket_seed: hex::encode(self.ticket_seed),
            lookup_key: self
                .lookup_keys
                .iter()
                .map(|(id, key)| LookupKeyEntry { id: id.clone(), key: hex::encode(key) })
                .collect(),
        };
        let text = toml::to_string(&file).expect("texts and numbers can be written");
        let draft = path.with_extension(format!("draft-{}", std::process::id()));
        let _ = fs::remove_file(&draft);
        let linked = (|| {
            let mut out = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
            out.write_all(HEAD.as_bytes())?;
            out.write_all(text.as_bytes())?;
            out.sync_all()?;
            match fs::hard_link(&draft, path) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
                Ok(()) | Err(_) => File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all(),
            }
        })();
        let _ = fs::remove_file(&draft);
        linked.map_err(failed)
    }

    fn checked_keys(&self) -> Result<LookupKeys, partyline_store::LookupKeysError> {
        LookupKeys::new(self.lookup_keys.iter().map(|(id, key)| LookupKey::new(id, *key)).collect())
    }

    /// The keys under which codes are looked up.
    pub(crate) fn lookup_keys(&self) -> LookupKeys {
        self.checked_keys().expect("the keys were checked when the file was read")
    }

    /// What interface servers sign tickets with.
    pub(crate) fn ticket_signer(&self) -> TicketSigner {
        TicketSigner::from_seed(&self.ticket_seed)
    }
}

fn secret_of(text: &str, what: &str) -> Result<[u8; SECRET_BYTES], String> {
    let mut secret = [0; SECRET_BYTES];
    hex::decode_to_slice(text, &mut secret)
        .map_err(|_| format!("{what} is not {} hexadecimal digits", 2 * SECRET_BYTES))?;
    Ok(secret)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn secrets_are_made_once_for_their_owner_only_and_read_back_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let database = dir.path().join("partyline.db");
        let made = Secrets::read_or_make(dir.path(), &database).unwrap();
        let again = Secrets::read_or_make(dir.path(), &database).unwrap();
        assert_eq!(made.ticket_seed, again.ticket_seed);
        assert_eq!(made.lookup_keys(), again.lookup_keys());
        let mode = fs::metadata(dir.path().join(FILE_NAME)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "no draft is left");
    }

    #[test]
    fn damaged_secrets_are_named_and_left_as_they_are() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE_NAME);
        for damaged in ["", "version = 1\n", "version = 2\nticket_seed = \"\"\nlookup_key = []\n", "\u{1}"] {
            fs::write(&path, damaged).unwrap();
            let error = Secrets::read_or_make(dir.path(), &dir.path().join("partyline.db")).unwrap_err();
            assert!(matches!(error, SecretsError::Damaged { .. }), "{error}");
            assert_eq!(fs::read_to_string(&path).unwrap(), damaged);
        }
    }

    #[test]
    fn a_database_without_its_secrets_is_not_given_new_ones() {
        let dir = tempfile::tempdir().unwrap();
        let database = dir.path().join("partyline.db");
        fs::write(&database, "rows").unwrap();
        let error = Secrets::read_or_make(dir.path(), &database).unwrap_err();
        assert!(matches!(error, SecretsError::Missing { .. }), "{error}");
        assert!(!dir.path().join(FILE_NAME).exists());
    }

    #[test]
    fn secrets_print_without_their_bytes() {
        let secrets = Secrets { lookup_keys: vec![("k1".into(), [7; 32])], ticket_seed: [9; 32] };
        assert_eq!(format!("{secrets:?}"), "Secrets(1 lookup keys, a ticket seed of 32 bytes)");
    }
}
