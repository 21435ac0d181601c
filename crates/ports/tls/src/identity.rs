//! Who showed a certificate.

use rustls::pki_types::CertificateDer;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// Names in one certificate that are looked at.
const NAMES_MAX: usize = 256;

/// Whom the certificate that the other side showed is for. That it was checked is for the handshake.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PeerIdentity {
    /// Host names, in lower case.
    pub dns_names: Vec<String>,
    /// URIs as they stand.
    pub uris: Vec<String>,
    /// The common name of the subject.
    pub common_name: Option<String>,
}

impl PeerIdentity {
    /// Of the certificates that the other side showed, its own first; `None` where there is none, or a broken one.
    #[must_use]
    pub fn of(chain: &[CertificateDer<'_>]) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(chain.first()?).ok()?;
        let mut identity = Self::default();
        let names = certificate.subject_alternative_name().ok().flatten();
        let names = names.iter().flat_map(|names| &names.value.general_names);
        for name in names.take(NAMES_MAX) {
            if let GeneralName::DNSName(name) = name {
                identity.dns_names.push(name.to_ascii_lowercase());
            } else if let GeneralName::URI(uri) = name {
                identity.uris.push((*uri).to_owned());
            }
        }
        let common_name = certificate.subject().iter_common_name().next();
        identity.common_name = common_name.and_then(|name| name.as_str().ok()).map(str::to_owned);
        Some(identity)
    }

    /// The SIP domains that it speaks for: hosts of sip URIs without a user, host names, and only without any of these
    /// the common name ([RFC 5922 §7.1]).
    #[must_use]
    pub fn domains(&self) -> Vec<String> {
        let of_uris = self.uris.iter().filter_map(|uri| sip_domain(uri));
        let domains: Vec<String> = of_uris.chain(self.dns_names.iter().cloned()).collect();
        if domains.is_empty() {
            return self.common_name.iter().map(|name| name.to_ascii_lowercase()).collect();
        }
        domains
    }

    /// Whether it bears a name: one of its domains, whole and without wildcards ([RFC 5922 §7.2]), or one of its URIs.
    #[must_use]
    pub fn bears(&self, name: &str) -> bool {
        self.uris.iter().any(|uri| uri == name)
            || self.domains().iter().any(|domain| domain.eq_ignore_ascii_case(name))
    }
}

/// The host of `sip:host`; none of a URI with a user part, which speaks for one user only.
fn sip_domain(uri: &str) -> Option<String> {
    let (scheme, rest) = uri.split_once(':')?;
    let is_domain = scheme.eq_ignore_ascii_case("sip") && !rest.contains('@');
    let host = rest.split([';', '?', ':']).next()?;
    (is_domain && !host.is_empty()).then(|| host.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Shows RFC 5922 §7.1: domains are those of sip URIs and host names; the common name counts only without these.
    /// Shows RFC 5922 §7.2: a domain is compared whole, without regard to case, and no wildcard matches.
    #[test]
    fn a_certificate_speaks_for_its_domains_and_no_others() {
        let named = PeerIdentity {
            dns_names: vec!["sbc.example.net".to_owned(), "*.example.org".to_owned()],
            uris: vec!["sip:Example.com".to_owned(), "sip:alice@example.info".to_owned()],
            common_name: Some("other.example".to_owned()),
        };
        for borne in ["sbc.example.net", "SBC.example.net", "example.com", "sip:alice@example.info"] {
            assert!(named.bears(borne), "{borne}");
        }
        for not_borne in ["a.example.org", "example.info", "other.example", "example.net", ""] {
            assert!(!named.bears(not_borne), "{not_borne}");
        }
        let common = PeerIdentity { common_name: Some("Old.example".to_owned()), ..PeerIdentity::default() };
        assert!(common.bears("old.example"));
    }

    #[test]
    fn what_is_no_certificate_is_nobody() {
        assert_eq!(PeerIdentity::of(&[]), None);
        assert_eq!(PeerIdentity::of(&[CertificateDer::from(vec![1, 2, 3])]), None);
    }
}
