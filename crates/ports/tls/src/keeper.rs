//! The certificate in force.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use parking_lot::{Mutex, RwLock};
use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::certificate::{CertificateError, CertificateFacts, Pair, load_pair};
use super::self_signed;

/// Where a certificate comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CertificateSource {
    /// Two PEM files, read again when they change.
    Files {
        /// The certificate, and behind it those that lead to its issuer.
        certificate: PathBuf,
        /// Its key.
        key: PathBuf,
    },
    /// Made by ourselves, for these host names and addresses, and kept in a folder.
    SelfSigned {
        /// The folder.
        folder: PathBuf,
        /// The names.
        names: Vec<String>,
    },
}

/// What a look at the source came to.
#[derive(Debug)]
pub enum Look {
    /// Nothing is new.
    Unchanged,
    /// Another certificate is in force from now on.
    Renewed(CertificateFacts),
    /// What is there now can't be used; the one before stays in force.
    Kept(CertificateError),
}

/// By what a file is told to have changed.
type Stamp = Option<(SystemTime, u64)>;

/// Keeps the certificate in force, and looks for the next one when it is asked to.
#[derive(Debug)]
pub struct CertificateKeeper {
    source: CertificateSource,
    current: RwLock<Pair>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    stamps: [Stamp; 2],
    trouble: Option<String>,
}

impl CertificateKeeper {
    /// Reads, or makes, the certificate.
    ///
    /// # Errors
    /// [`CertificateError`]; there is nothing to fall back on.
    pub fn open(source: CertificateSource, now: SystemTime) -> Result<Self, CertificateError> {
        let stamps = stamps(&source);
        let current = RwLock::new(read(&source, now)?);
        Ok(Self { source, current, state: Mutex::new(State { stamps, trouble: None }) })
    }

    /// Looks whether there is another certificate, or whether it is time to make one.
    pub fn look(&self, now: SystemTime) -> Look {
        let stamps = stamps(&self.source);
        let mut state = self.state.lock();
        let is_due = match &self.source {
            // A pair that did not fit is tried again: its other half may be on its way.
            CertificateSource::Files { .. } => stamps != state.stamps || state.trouble.is_some(),
            CertificateSource::SelfSigned { .. } => self.facts().left(now) <= self_signed::RENEWED_BEFORE,
        };
        if !is_due {
            return Look::Unchanged;
        }
        state.stamps = stamps;
        match read(&self.source, now) {
            Ok(pair) => {
                state.trouble = None;
                let facts = pair.facts.clone();
                let is_same = self.current.read().certified.cert == pair.certified.cert;
                *self.current.write() = pair;
                if is_same { Look::Unchanged } else { Look::Renewed(facts) }
            }
            Err(error) => {
                state.trouble = Some(error.to_string());
                Look::Kept(error)
            }
        }
    }

    /// What stands in the certificate in force.
    #[must_use]
    pub fn facts(&self) -> CertificateFacts {
        self.current.read().facts.clone()
    }

    /// Why the newest certificate is not the one in force, where that is so.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        self.state.lock().trouble.clone()
    }

    fn current(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.current.read().certified)
    }
}

fn read(source: &CertificateSource, now: SystemTime) -> Result<Pair, CertificateError> {
    match source {
        CertificateSource::Files { certificate, key } => load_pair(certificate, key),
        CertificateSource::SelfSigned { folder, names } => self_signed::keep_or_make(folder, names, now),
    }
}

fn stamps(source: &CertificateSource) -> [Stamp; 2] {
    match source {
        CertificateSource::Files { certificate, key } => [stamp(certificate), stamp(key)],
        CertificateSource::SelfSigned { .. } => [None, None],
    }
}

fn stamp(path: &Path) -> Stamp {
    let found = std::fs::metadata(path).ok()?;
    Some((found.modified().ok()?, found.len()))
}

impl ResolvesServerCert for CertificateKeeper {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current())
    }
}

impl ResolvesClientCert for CertificateKeeper {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(self.current())
    }

    fn has_certs(&self) -> bool {
        true
    }
}
