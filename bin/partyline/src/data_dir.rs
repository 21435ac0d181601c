//! The data directory: what is in it, who may see it, and the lock that one server holds.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// A data directory that is there.
#[derive(Debug, Clone)]
pub(crate) struct DataDir {
    path: PathBuf,
}

/// The data directory can't be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DataDirError {
    /// It is not there.
    #[error("there is no data directory {0}; `partyline serve` makes it, or name another with --data-dir")]
    Missing(PathBuf),
    /// Something else is there.
    #[error("{0} is not a folder; name another data directory with --data-dir")]
    NotFolder(PathBuf),
    /// It can't be made, read or written.
    #[error("the data directory {path} can't be {attempt}: {error}")]
    Io {
        /// Where.
        path: PathBuf,
        /// What was tried.
        attempt: &'static str,
        /// What the system said.
        error: io::Error,
    },
    /// A server runs on it.
    #[error(
        "another `partyline serve` {}runs on the data directory {path}; stop it first, or name another with --data-dir",
        pid.map(|pid| format!("(process {pid}) ")).unwrap_or_default()
    )]
    InUse {
        /// Where.
        path: PathBuf,
        /// Its process, where it says.
        pid: Option<u32>,
    },
}

/// Held while a server runs. The system lets go of it when the process ends, however it ends.
#[derive(Debug)]
pub(crate) struct DirLock {
    _file: File,
}

/// How often, and how far apart, the lock is tried before it counts as another server's.
const LOCK_ATTEMPTS: u32 = 10;
const LOCK_PAUSE: std::time::Duration = std::time::Duration::from_millis(30);

impl DataDir {
    /// Takes a directory that must be there.
    ///
    /// # Errors
    /// [`DataDirError`].
    pub(crate) fn existing(path: &Path) -> Result<Self, DataDirError> {
        match fs::metadata(path) {
            Ok(found) if found.is_dir() => Ok(Self { path: path.to_owned() }),
            Ok(_) => Err(DataDirError::NotFolder(path.to_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(DataDirError::Missing(path.to_owned()))
            }
            Err(error) => Err(DataDirError::Io { path: path.to_owned(), attempt: "read", error }),
        }
    }

    /// Takes a directory, or makes it, for its owner only.
    ///
    /// # Errors
    /// [`DataDirError`].
    pub(crate) fn existing_or_new(path: &Path) -> Result<Self, DataDirError> {
        match Self::existing(path) {
            Err(DataDirError::Missing(_)) => {}
            found => return found,
        }
        let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
        made.map_err(|error| DataDirError::Io { path: path.to_owned(), attempt: "made", error })?;
        Self::existing(path)
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The database.
    pub(crate) fn database(&self) -> PathBuf {
        self.path.join("partyline.db")
    }

    /// The admin socket of the server that runs on it.
    pub(crate) fn admin_socket(&self) -> PathBuf {
        self.path.join("admin.sock")
    }

    /// Whether a first start is under way: there is no database yet (where a server holds it: no secrets for it), or its
    /// demo room was never told.
    pub(crate) fn is_first_start(&self, is_on_server: bool) -> bool {
        let made = if is_on_server { self.path.join(crate::secrets::FILE_NAME) } else { self.database() };
        !made.exists() || self.first_start_mark().exists()
    }

    /// Notes that a first start is under way, so that one which fails half-way is made up for by the next.
    ///
    /// # Errors
    /// [`DataDirError::Io`].
    pub(crate) fn begin_first_start(&self) -> Result<(), DataDirError> {
        let written = fs::write(self.first_start_mark(), "The first start has not come to its end yet.\n");
        written.map_err(|error| DataDirError::Io { path: self.path.clone(), attempt: "written", error })
    }

    /// The demo room was told.
    pub(crate) fn end_first_start(&self) -> io::Result<()> {
        fs::remove_file(self.first_start_mark())
    }

    fn first_start_mark(&self) -> PathBuf {
        self.path.join("first-start")
    }

    fn lock_file(&self) -> PathBuf {
        self.path.join("serve.lock")
    }

    /// Takes the lock of the one server.
    ///
    /// # Errors
    /// [`DataDirError::InUse`] with the process that has it.
    pub(crate) fn lock(&self) -> Result<DirLock, DataDirError> {
        let failed = |error| DataDirError::Io { path: self.path.clone(), attempt: "locked", error };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(self.lock_file())
            .map_err(failed)?;
        // A command that asks whether a server runs, or makes a room, has the lock for a moment.
        let mut attempts = LOCK_ATTEMPTS;
        let outcome = loop {
            match file.try_lock() {
                Err(TryLockError::WouldBlock) if attempts > 0 => {
                    attempts -= 1;
                    std::thread::sleep(LOCK_PAUSE);
                }
                outcome => break outcome,
            }
        };
        match outcome {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(DataDirError::InUse { path: self.path.clone(), pid: pid_in(&mut file) });
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        file.set_len(0).and_then(|()| file.rewind()).map_err(failed)?;
        writeln!(file, "{}", std::process::id()).and_then(|()| file.flush()).map_err(failed)?;
        Ok(DirLock { _file: file })
    }

    /// The process of the server that runs on it, if one does; it is not kept from starting by being asked.
    pub(crate) fn server(&self) -> Option<u32> {
        let mut file = File::open(self.lock_file()).ok()?;
        match file.try_lock_shared() {
            Err(TryLockError::WouldBlock) => pid_in(&mut file),
            Ok(()) | Err(TryLockError::Error(_)) => None,
        }
    }
}

fn pid_in(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(32).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_new_directory_is_for_its_owner_only() {
        let dir = tempfile::tempdir().unwrap();
        let made = DataDir::existing_or_new(&dir.path().join("a/b")).unwrap();
        assert_eq!(fs::metadata(made.path()).unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn the_second_server_is_refused_and_told_the_first_until_it_ends() {
        let dir = tempfile::tempdir().unwrap();
        let data_dir = DataDir::existing(dir.path()).unwrap();
        assert_eq!(data_dir.server(), None);
        let first = data_dir.lock().unwrap();
        let refused = data_dir.lock().unwrap_err();
        assert!(refused.to_string().contains(&format!("(process {})", std::process::id())), "{refused}");
        assert_eq!(data_dir.server(), Some(std::process::id()));
        drop(first);
        assert_eq!(data_dir.server(), None);
        assert!(data_dir.lock().is_ok());
    }

    #[test]
    fn a_file_in_its_place_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        assert!(matches!(DataDir::existing_or_new(&file), Err(DataDirError::NotFolder(_))));
    }
}
