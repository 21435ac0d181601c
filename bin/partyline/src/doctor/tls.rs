//! Facts about the certificate that callers over TLS are shown.

use std::path::Path;
use std::time::{Duration, SystemTime};

use partyline_tls::{CertificateError, CertificateFacts, CertificateSource, ClientCertificates, load_pair};

use super::Finding;
use crate::config::Config;
use crate::config::edge::SipTls;

const CHECK: &str = "TLS certificate";
/// What is left when it is time to see to the next one.
const SOON: Duration = Duration::from_secs(21 * 86_400);

/// Whether certificate and key are there, belong together and hold; nothing where there is no TLS.
pub(super) fn examine(config: &Config) -> Option<Finding> {
    Some(of_tls(config.tls.as_ref()?, SystemTime::now()))
}

fn of_tls(tls: &SipTls, now: SystemTime) -> Finding {
    if let ClientCertificates::Requested(ca) | ClientCertificates::Required(ca) = &tls.clients
        && !ca.is_file()
    {
        let says = format!("{} is not there, by which callers are checked", ca.display());
        return Finding::failing(CHECK, says, "put it there, or change sip.tls.client_ca");
    }
    match &tls.certificate {
        CertificateSource::Files { certificate, key } => of_files(certificate, key, now),
        CertificateSource::SelfSigned { .. } => Finding::warning(
            CHECK,
            "it is of our own making, and nobody vouches for it",
            "fine for trials; for others set sip.tls.certificate and sip.tls.key",
        ),
    }
}

fn of_files(certificate: &Path, key: &Path, now: SystemTime) -> Finding {
    match load_pair(certificate, key) {
        Ok(pair) => of_facts(&pair.facts, now),
        Err(error) => Finding::failing(CHECK, error.to_string(), advice_on(&error)),
    }
}

const fn advice_on(error: &CertificateError) -> &'static str {
    match error {
        CertificateError::Unreadable { .. } => "see that the file is there and that the server may read it",
        CertificateError::NoCertificate(_) => "expected a file that begins with -----BEGIN CERTIFICATE-----",
        CertificateError::NoKey(_) => {
            "expected a file that begins with -----BEGIN PRIVATE KEY-----, without a passphrase"
        }
        CertificateError::Mismatch { .. } => "give the key that the certificate was made for",
        CertificateError::NotMade(_) | CertificateError::NotKept { .. } | CertificateError::NoRoots(_) => {
            "see what the system says of it"
        }
    }
}

fn of_facts(facts: &CertificateFacts, now: SystemTime) -> Finding {
    const RENEW: &str = "put a newer one in its place; the running server takes it by itself";
    let days = facts.left(now).as_secs() / 86_400;
    let names = facts.names.join(", ");
    if now < facts.not_before {
        return Finding::failing(
            CHECK,
            format!("it holds for {names}, but not yet"),
            "see to the clock, or wait",
        );
    }
    if !facts.holds_at(now) {
        return Finding::failing(CHECK, format!("it held for {names}, and has ended"), RENEW);
    }
    if facts.left(now) < SOON {
        return Finding::warning(CHECK, format!("it holds for {names}, and ends in {days} days"), RENEW);
    }
    Finding::fine(CHECK, format!("it holds for {names}, {days} days more"))
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    #[test]
    fn a_certificate_that_ends_is_warned_of_and_one_that_has_ended_fails() {
        let now = SystemTime::now();
        let facts = CertificateFacts {
            names: vec!["sip.example.org".to_owned()],
            not_before: now - Duration::from_secs(60),
            not_after: now + 2 * SOON,
        };
        let state = |at| of_facts(&facts, at).state;
        assert_eq!(state(now), State::Fine);
        assert_eq!(state(now + SOON + Duration::from_secs(60)), State::Warning);
        assert_eq!(state(now + 3 * SOON), State::Failing);
        assert_eq!(state(now - Duration::from_secs(3600)), State::Failing);
    }

    #[test]
    fn what_is_wrong_with_the_files_is_said_with_what_to_do() {
        let finding = of_files(Path::new("nowhere.pem"), Path::new("nowhere.key"), SystemTime::now());
        assert_eq!(finding.state, State::Failing);
        assert!(finding.says.contains("nowhere.pem") && !finding.advice.is_empty(), "{finding:?}");
    }
}
