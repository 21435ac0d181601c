//! Digest authentication, both sides ([RFC 7616], [RFC 8760], [RFC 3261 §22]).
//!
//! As a server: a [`Verifier`] makes [`Challenge`]s and judges the [`DigestCredentials`] that come back; nothing is
//! kept for a challenge, only for nonces that somebody with the right secret has used. As a client: [`Credentials`]
//! answer the [`Demand`]s of servers and proxies. It knows no calls and no users.
//!
//! **Invariant:** a secret is never in any `Debug` output, and what depends on one is compared in constant time.

mod algorithm;
mod challenge;
mod credentials;
mod demand;
mod fields;
mod keyring;
mod verifier;

pub use algorithm::{DigestAlgorithm, DigestHash};
pub use challenge::{Challenge, ChallengeKind};
pub use credentials::{Credentials, DigestCredentials, Secret};
pub use demand::{Demand, Offers};
pub(crate) use keyring::{Keyring, Vouched};
pub use verifier::{Verdict, Verifier, VerifierConfig};
