//! Certificates and settings for TLS, for whoever opens or accepts connections.
//!
//! A [`CertificateKeeper`] has the certificate in force: from files that are read again when they change, or made by
//! itself and made anew before it ends. [`server_config`] and [`client_config`] are what rustls works by,
//! [`PeerIdentity`] is who showed a certificate. It opens no connection, reads no clock and knows no SIP.
//!
//! **Invariant:** a certificate that works is never given up for one that does not.

mod certificate;
mod identity;
mod keeper;
mod self_signed;
mod settings;

pub use certificate::{CertificateError, CertificateFacts, Pair, load_pair};
pub use identity::PeerIdentity;
pub use keeper::{CertificateKeeper, CertificateSource, Look};
pub use settings::{ClientCertificates, Trust, client_config, server_config};
