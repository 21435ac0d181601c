//! A certificate with its key, read from PEM files, and what stands in it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// Longer files hold no certificate.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// A certificate can't be used.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file can't be read.
    #[error("{path} can't be read: {error}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A file holds no certificate in PEM, or a broken one.
    #[error("{0} holds no certificate in PEM")]
    NoCertificate(PathBuf),
    /// A file holds no private key in PEM that could be used.
    #[error("{0} holds no private key in PEM that can be used")]
    NoKey(PathBuf),
    /// The key is that of another certificate.
    #[error("the key in {key} is not that of the certificate in {certificate}")]
    Mismatch {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
    /// A certificate of our own could not be made.
    #[error("a certificate could not be made: {0}")]
    NotMade(String),
    /// What was made could not be kept.
    #[error("{path} can't be written: {error}")]
    NotKept {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The certificates to check others by can't be used.
    #[error("no certificates to check others by: {0}")]
    NoRoots(String),
}

/// What stands in a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFacts {
    /// Whom it is for: host names and addresses.
    pub names: Vec<String>,
    /// From when on it holds.
    pub not_before: SystemTime,
    /// Until when it holds.
    pub not_after: SystemTime,
}

impl CertificateFacts {
    /// Reads a certificate; `None` where it is none.
    #[must_use]
    pub fn of(der: &[u8]) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let validity = certificate.validity();
        let names = certificate.subject_alternative_name().ok().flatten();
        let names = names.iter().flat_map(|names| &names.value.general_names).filter_map(name_of).collect();
        Some(Self {
            names,
            not_before: moment(validity.not_before.timestamp()),
            not_after: moment(validity.not_after.timestamp()),
        })
    }

    /// Whether it holds at a moment.
    #[must_use]
    pub fn holds_at(&self, moment: SystemTime) -> bool {
        (self.not_before..=self.not_after).contains(&moment)
    }

    /// How long it holds yet; nothing where it does not hold any more.
    #[must_use]
    pub fn left(&self, now: SystemTime) -> Duration {
        self.not_after.duration_since(now).unwrap_or_default()
    }
}

fn name_of(name: &GeneralName<'_>) -> Option<String> {
    if let GeneralName::DNSName(name) = name {
        return Some((*name).to_owned());
    }
    let GeneralName::IPAddress(bytes) = name else { return None };
    let v4 = <[u8; 4]>::try_from(*bytes).ok().map(std::net::IpAddr::from);
    let address = v4.or_else(|| <[u8; 16]>::try_from(*bytes).ok().map(std::net::IpAddr::from))?;
    Some(address.to_string())
}

fn moment(unix_seconds: i64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(u64::try_from(unix_seconds).unwrap_or(0))
}

/// A certificate (with those that lead to its issuer) and its key.
#[derive(Debug, Clone)]
pub struct Pair {
    /// What is shown, and what it is signed with.
    pub certified: Arc<CertifiedKey>,
    /// What stands in the certificate.
    pub facts: CertificateFacts,
}

/// Reads certificate and key from PEM files.
///
/// # Errors
/// [`CertificateError`] where either can't be read, or they do not belong together.
pub fn load_pair(certificate: &Path, key: &Path) -> Result<Pair, CertificateError> {
    let chain = read_certificates(certificate)?;
    let facts = chain.first().and_then(|first| CertificateFacts::of(first));
    let facts = facts.ok_or_else(|| CertificateError::NoCertificate(certificate.to_owned()))?;
    let unusable = || CertificateError::NoKey(key.to_owned());
    let secret = PrivateKeyDer::from_pem_slice(&read(key)?).map_err(|_| unusable())?;
    let signer = ring::sign::any_supported_type(&secret).map_err(|_| unusable())?;
    let certified = CertifiedKey::new(chain, signer);
    certified.keys_match().map_err(|_| CertificateError::Mismatch {
        certificate: certificate.to_owned(),
        key: key.to_owned(),
    })?;
    Ok(Pair { certified: Arc::new(certified), facts })
}

/// All certificates of a PEM file, at least one.
pub(crate) fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    let none = || CertificateError::NoCertificate(path.to_owned());
    let bytes = read(path)?;
    let found: Result<Vec<_>, pem::Error> = CertificateDer::pem_slice_iter(&bytes).collect();
    found.ok().filter(|found| !found.is_empty()).ok_or_else(none)
}

fn read(path: &Path) -> Result<Vec<u8>, CertificateError> {
    let unreadable = |error| CertificateError::Unreadable { path: path.to_owned(), error };
    if std::fs::metadata(path).map_err(unreadable)?.len() > FILE_BYTES_MAX {
        return Err(unreadable(io::ErrorKind::FileTooLarge.into()));
    }
    std::fs::read(path).map_err(unreadable)
}
