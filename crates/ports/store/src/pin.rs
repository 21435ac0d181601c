//! Host PINs: kept as argon2id hashes, checked off the async threads and few at a time.

use argon2::password_hash::SaltString;
use argon2::{Argon2, PasswordHash, PasswordHasher, PasswordVerifier};
use partyline_conference::HostPin;
use tokio::sync::Semaphore;

use crate::contract::StoreError;

/// Hashes at once: each takes 19 MiB and some tens of milliseconds of a core. More would let guessers crowd out calls.
const HASHES_MAX: usize = 2;

/// Hashes and checks PINs, a bounded number at a time.
pub(crate) struct Pins {
    permits: Semaphore,
}

impl Pins {
    pub(crate) fn new() -> Self {
        Self { permits: Semaphore::new(HASHES_MAX) }
    }

    /// A new PIN's hash, with a salt of its own.
    pub(crate) async fn hash(&self, pin: &HostPin) -> Result<String, StoreError> {
        let pin = pin.clone();
        self.run(move || {
            let salt = SaltString::encode_b64(&rand::random::<[u8; 16]>()).map_err(unusable)?;
            let hash = Argon2::default().hash_password(pin.reveal().as_bytes(), &salt).map_err(unusable)?;
            Ok(hash.to_string())
        })
        .await
    }

    /// Whether the PIN is the one that was hashed.
    pub(crate) async fn is_right(&self, pin: &HostPin, hash: String) -> Result<bool, StoreError> {
        let pin = pin.clone();
        self.run(move || {
            let hash = PasswordHash::new(&hash)
                .map_err(|error| StoreError::Damaged(format!("a host PIN's hash: {error}")))?;
            Ok(Argon2::default().verify_password(pin.reveal().as_bytes(), &hash).is_ok())
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let stopped = |_| StoreError::Unavailable("PINs are no longer checked".into());
        let _permit = self.permits.acquire().await.map_err(stopped)?;
        tokio::task::spawn_blocking(work)
            .await
            .map_err(|error| StoreError::Unavailable(format!("checking a PIN failed: {error}")))?
    }
}

fn unusable(error: argon2::password_hash::Error) -> StoreError {
    StoreError::Unavailable(format!("hashing a PIN failed: {error}"))
}
