//! A certificate of our own making, for trials: nobody vouches for it.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rcgen::{CertificateParams, DnType, KeyPair};

use super::certificate::{CertificateError, Pair, load_pair};

/// How long one holds. Some telephones refuse longer ones.
const HOLDS: Duration = Duration::from_secs(397 * 86_400);
/// What is left when the next one is made.
pub(crate) const RENEWED_BEFORE: Duration = Duration::from_secs(30 * 86_400);
/// Clocks of telephones go wrong by hours.
const BACKDATED: Duration = Duration::from_secs(86_400);

/// Where a self-made certificate and its key are kept.
pub(crate) fn files(folder: &Path) -> (PathBuf, PathBuf) {
    (folder.join("certificate.pem"), folder.join("key.pem"))
}

/// The one that is kept, or a new one where there is none that will do for these names for some time.
pub(crate) fn keep_or_make(
    folder: &Path,
    names: &[String],
    now: SystemTime,
) -> Result<Pair, CertificateError> {
    let (certificate, key) = files(folder);
    if let Ok(kept) = load_pair(&certificate, &key)
        && kept.facts.holds_at(now)
        && kept.facts.left(now) > RENEWED_BEFORE
        && names.iter().all(|name| kept.facts.names.contains(name))
    {
        return Ok(kept);
    }
    make(folder, names, now)?;
    load_pair(&certificate, &key)
}

fn make(folder: &Path, names: &[String], now: SystemTime) -> Result<(), CertificateError> {
    let not_made = |error: rcgen::Error| CertificateError::NotMade(error.to_string());
    let secret = KeyPair::generate().map_err(not_made)?;
    let mut wanted = CertificateParams::new(names.to_vec()).map_err(not_made)?;
    wanted.not_before = (now - BACKDATED).into();
    wanted.not_after = (now + HOLDS).into();
    wanted.distinguished_name.push(DnType::CommonName, "Partyline");
    let made = wanted.self_signed(&secret).map_err(not_made)?;
    let (certificate, key) = files(folder);
    let not_kept = |path: &Path| {
        let path = path.to_owned();
        move |error| CertificateError::NotKept { path, error }
    };
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(not_kept(folder))?;
    write(&key, &secret.serialize_pem()).map_err(not_kept(&key))?;
    write(&certificate, &made.pem()).map_err(not_kept(&certificate))
}

/// Writes a file that is there whole or not at all, for its owner only.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let fresh = path.with_extension("new");
    // One that is left from a start that was cut short may be another's to read.
    match fs::remove_file(&fresh) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(fresh, path)
}
