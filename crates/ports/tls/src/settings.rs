//! What rustls works by, on either side.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, ServerConfig, SignatureScheme};

use super::certificate::{CertificateError, read_certificates};
use super::keeper::CertificateKeeper;

/// Whether who connects has to show a certificate.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ClientCertificates {
    /// None is asked for.
    #[default]
    NotAsked,
    /// It is asked for; who shows one that these issuers do not vouch for is refused, who shows none is not.
    Requested(PathBuf),
    /// Who shows none that these issuers vouch for is refused.
    Required(PathBuf),
}

/// Who vouches for the certificates of those that we connect to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Trust {
    /// Whom the system trusts.
    #[default]
    System,
    /// The certificates of a PEM file.
    File(PathBuf),
    /// Nobody has to: any certificate for any name will do. That keeps listeners out, and nobody who sits in between.
    Anyone,
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn versions_failed(error: &Error) -> CertificateError {
    CertificateError::NotMade(error.to_string())
}

fn roots_of(file: &Path) -> Result<Arc<RootCertStore>, CertificateError> {
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(read_certificates(file)?);
    if added == 0 {
        return Err(CertificateError::NoCertificate(file.to_owned()));
    }
    Ok(Arc::new(roots))
}

/// The settings of who accepts connections. Sessions are not resumed: connections of SIP are few and long, and who was
/// let in once is asked again.
///
/// # Errors
/// [`CertificateError`] where the issuers of clients' certificates can't be read.
pub fn server_config(
    own: Arc<CertificateKeeper>,
    clients: &ClientCertificates,
) -> Result<Arc<ServerConfig>, CertificateError> {
    let builder = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| versions_failed(&error))?;
    let verifier = |file: &Path, may_show_none: bool| {
        let builder = WebPkiClientVerifier::builder_with_provider(roots_of(file)?, provider());
        let builder = if may_show_none { builder.allow_unauthenticated() } else { builder };
        builder.build().map_err(|error| CertificateError::NoRoots(error.to_string()))
    };
    let builder = match clients {
        ClientCertificates::NotAsked => builder.with_no_client_auth(),
        ClientCertificates::Requested(file) => builder.with_client_cert_verifier(verifier(file, true)?),
        ClientCertificates::Required(file) => builder.with_client_cert_verifier(verifier(file, false)?),
    };
    let mut config = builder.with_cert_resolver(own);
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}

/// The settings of who opens connections. `own` is shown where the other side asks for a certificate.
///
/// # Errors
/// [`CertificateError`] where there is nobody to trust.
pub fn client_config(
    trust: &Trust,
    own: Option<Arc<CertificateKeeper>>,
) -> Result<Arc<ClientConfig>, CertificateError> {
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| versions_failed(&error))?;
    let builder = match trust {
        Trust::System => builder.with_root_certificates(system_roots()?),
        Trust::File(file) => builder.with_root_certificates(roots_of(file)?),
        Trust::Anyone => {
            builder.dangerous().with_custom_certificate_verifier(Arc::new(AnyCertificate(provider())))
        }
    };
    let config = match own {
        Some(own) => builder.with_client_cert_resolver(own),
        None => builder.with_no_client_auth(),
    };
    Ok(Arc::new(config))
}

fn system_roots() -> Result<Arc<RootCertStore>, CertificateError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        let why = found.errors.first().map_or_else(|| "the system has none".to_owned(), ToString::to_string);
        return Err(CertificateError::NoRoots(why));
    }
    Ok(Arc::new(roots))
}

/// Takes any certificate; that its key is the one that signs is checked all the same.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
