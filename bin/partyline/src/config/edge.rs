//! The settings of the edge towards the network: TLS, session timers, and what callers are told as our address.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use partyline_tls::{CertificateSource, ClientCertificates, Trust};
use partyline_vru::{Codec, DigestHash, ExternalAddress, SessionRules};

use super::Problems;
use super::file::{self, File};
use super::values::{ClientRule, CodecWord, DigestWord};

/// More networks with an address of their own are a slip.
const EXTERNAL_MAX: usize = 64;
/// More name servers are asked for nothing.
const NAMESERVERS_MAX: usize = 8;
/// What a session timer may be: less than the one would be a flood of refreshes, more than the other as good as none.
const SESSION_SPAN: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(2)..=Duration::from_secs(24 * 3600);
/// The folder of a certificate of our own making, within the data folder.
const OWN_CERTIFICATE: &str = "sip-tls";

/// Calls over TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SipTls {
    pub(crate) listen: Vec<SocketAddr>,
    pub(crate) certificate: CertificateSource,
    pub(crate) clients: ClientCertificates,
    pub(crate) trust: Trust,
}

/// How long calls stay up without a sign of life; `None` for ever.
pub(super) fn session(file: &File, problems: &mut Problems<'_>) -> Option<SessionRules> {
    let min = file.sip.session_min.0.0;
    if !SESSION_SPAN.contains(&min) {
        problems.add("sip.session_min", "expected a time from \"2s\" to \"24h\"");
    }
    let expires = file.sip.session_expires.0.0?;
    if !SESSION_SPAN.contains(&expires) {
        problems.add("sip.session_expires", "expected a time from \"2s\" to \"24h\", or \"none\"");
    }
    if expires < min {
        problems
            .add("sip.session_expires", "it is shorter than sip.session_min; expected the longer of the two");
    }
    Some(SessionRules { expires, min, is_required: false })
}

pub(super) fn external(file: &File, problems: &mut Problems<'_>) -> Vec<ExternalAddress> {
    if file.sip.external.len() > EXTERNAL_MAX {
        problems.add(
            "sip.external",
            format!("{} entries; at most {EXTERNAL_MAX} are allowed", file.sip.external.len()),
        );
    }
    let mut addresses = Vec::new();
    for (place, entry) in file.sip.external.iter().enumerate() {
        check_external(&format!("sip.external[{place}]"), entry, problems);
        addresses.push(ExternalAddress {
            networks: entry.networks.iter().map(|network| network.0).collect(),
            except: entry.except.iter().map(|network| network.0).collect(),
            address: entry.address.0,
        });
    }
    addresses
}

fn check_external(key: &str, entry: &file::External, problems: &mut Problems<'_>) {
    let address = entry.address.0;
    if entry.networks.is_empty() {
        problems.add(&format!("{key}.networks"), "expected at least one network, such as \"0.0.0.0/0\"");
    }
    if address.is_unspecified() || address.is_multicast() {
        problems.add(
            &format!("{key}.address"),
            format!("{address} can't be called; expected the address that callers reach"),
        );
    }
}

pub(super) fn tls(file: &File, problems: &mut Problems<'_>) -> Option<SipTls> {
    let tls = &file.sip.tls;
    let listen: Vec<SocketAddr> = tls.listen.iter().map(|address| address.0).collect();
    if listen.is_empty() {
        let is_set =
            tls.certificate.is_some() || tls.key.is_some() || tls.self_signed || tls.client_ca.is_some();
        if is_set {
            problems.add("sip.tls", "it would have no effect: sip.tls.listen names no address");
        }
        return None;
    }
    let certificate = certificate(file, problems)?;
    let clients = match (tls.client_certificates.0, &tls.client_ca) {
        (ClientRule::NotAsked, _) => ClientCertificates::NotAsked,
        (ClientRule::Requested, Some(ca)) => ClientCertificates::Requested(ca.clone()),
        (ClientRule::Required, Some(ca)) => ClientCertificates::Required(ca.clone()),
        (ClientRule::Requested | ClientRule::Required, None) => {
            problems.add(
                "sip.tls.client_certificates",
                "expected sip.tls.client_ca beside it: a file with the certificates of those who vouch for callers",
            );
            return None;
        }
    };
    let trust = tls.ca.clone().map_or(Trust::System, Trust::File);
    Some(SipTls { listen, certificate, clients, trust })
}

fn certificate(file: &File, problems: &mut Problems<'_>) -> Option<CertificateSource> {
    let tls = &file.sip.tls;
    match (&tls.certificate, &tls.key, tls.self_signed) {
        (Some(certificate), Some(key), false) => {
            Some(CertificateSource::Files { certificate: certificate.clone(), key: key.clone() })
        }
        (None, None, true) => Some(CertificateSource::SelfSigned {
            folder: file.data_dir.join(OWN_CERTIFICATE),
            names: own_names(file),
        }),
        (Some(_), _, true) | (_, Some(_), true) => {
            problems.add("sip.tls.self_signed", "expected either a certificate with its key, or self_signed");
            None
        }
        (_, _, false) => {
            problems.add(
                "sip.tls.listen",
                "expected sip.tls.certificate and sip.tls.key with it, or for trials sip.tls.self_signed = true",
            );
            None
        }
    }
}

/// Whom a certificate of our own is for: all addresses that settings name. Those of the machine change.
fn own_names(file: &File) -> Vec<String> {
    let external =
        file.sip.external_address.iter().chain(file.sip.external.iter().map(|entry| &entry.address));
    let listen = file.sip.tls.listen.iter().map(|address| address.0.ip());
    let addresses =
        external.map(|address| address.0).chain(listen).filter(|ip: &IpAddr| !ip.is_unspecified());
    let mut names: Vec<String> = addresses.map(|address| address.to_string()).collect();
    names.push("localhost".to_owned());
    names.sort();
    names.dedup();
    names
}

pub(super) fn nameservers(file: &File, problems: &mut Problems<'_>) -> Vec<SocketAddr> {
    let servers: Vec<_> = file.sip.nameservers.iter().map(|server| server.0).collect();
    if servers.len() > NAMESERVERS_MAX {
        problems.add(
            "sip.nameservers",
            format!("{} name servers; at most {NAMESERVERS_MAX} are allowed", servers.len()),
        );
    }
    for server in &servers {
        if server.ip().is_unspecified() || server.ip().is_multicast() || server.port() == 0 {
            problems.add(
                "sip.nameservers",
                format!("{server} can't be asked; expected an address and a port, such as \"192.0.2.53:53\""),
            );
        }
    }
    servers
}

pub(super) fn codecs(file: &File, problems: &mut Problems<'_>) -> Vec<Codec> {
    let codecs: Vec<Codec> = file.sip.codecs.iter().map(|codec| codec.0.0).collect();
    if codecs.is_empty() {
        problems.add("sip.codecs", "nobody can be heard without a codec; expected one at least");
    }
    for (place, codec) in codecs.iter().enumerate() {
        if codecs[..place].contains(codec) {
            problems.add("sip.codecs", format!("{} is listed twice", CodecWord(*codec)));
        }
    }
    codecs
}

pub(super) fn digests(file: &File, problems: &mut Problems<'_>) -> Vec<DigestHash> {
    let digests: Vec<DigestHash> = file.sip.digests.iter().map(|digest| digest.0.0).collect();
    if digests.is_empty() {
        problems.add("sip.digests", "nobody can show a password without an algorithm; expected one at least");
    }
    for (place, digest) in digests.iter().enumerate() {
        if digests[..place].contains(digest) {
            problems.add("sip.digests", format!("{} is listed twice", DigestWord(*digest)));
        }
    }
    digests
}
