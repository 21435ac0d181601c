//! Where the data store is: a file in the data folder, or a PostgreSQL server.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use partyline_store::{PostgresSettings, PostgresTls, PostgresUrl, PostgresUrlError};
use partyline_tls::{CertificateError, CertificateKeeper, CertificateSource, Trust};
use partyline_trunk::{Secret, SecretSource};
use serde::{Deserialize, Serialize};

use super::Problems;
use super::file::File;
use super::trunks::read_secret;
use super::values::{Count, Misspelled, Span, Spelled, Text};

/// What a statement or a server may be waited for: less fails on a busy machine, more keeps callers waiting.
const WAITS: std::ops::RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(60);

/// The data store, as the file spells it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Store {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) url: Option<Text<Url>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) password: Option<SecretSource>,
    pub(crate) tls: Text<TlsWord>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ca: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) certificate: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<PathBuf>,
    pub(crate) connections_max: Count<2, 200>,
    pub(crate) connect_max: Text<Span>,
    pub(crate) statement_max: Text<Span>,
    pub(crate) write_max: Text<Span>,
}

impl Default for Store {
    fn default() -> Self {
        let seconds = |seconds| Text(Span(Duration::from_secs(seconds)));
        Self {
            url: None,
            password: None,
            tls: Text(TlsWord::Verify),
            ca: None,
            certificate: None,
            key: None,
            connections_max: Count::of::<16>(),
            connect_max: seconds(2),
            statement_max: seconds(5),
            write_max: seconds(5),
        }
    }
}

/// A URL of a database, without a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Url(pub(crate) PostgresUrl);

impl FromStr for Url {
    type Err = PostgresUrlError;

    fn from_str(text: &str) -> Result<Self, PostgresUrlError> {
        text.parse().map(Self)
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Spelled for Url {
    const EXPECTED: &'static str = "a database such as \"postgresql://partyline@db1:5432,db2:5432/partyline\", \
         with a user and without sslmode";
}

/// How connections over a network are kept secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TlsWord {
    /// By TLS, with a server whose certificate is checked.
    Verify,
    /// By TLS, whoever answers.
    Encrypt,
    /// Not at all.
    Off,
}

impl FromStr for TlsWord {
    type Err = Misspelled;

    fn from_str(text: &str) -> Result<Self, Misspelled> {
        match text {
            "verify" => Ok(Self::Verify),
            "encrypt" => Ok(Self::Encrypt),
            "off" => Ok(Self::Off),
            _ => Err(Misspelled),
        }
    }
}

impl fmt::Display for TlsWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Verify => "verify",
            Self::Encrypt => "encrypt",
            Self::Off => "off",
        })
    }
}

impl Spelled for TlsWord {
    const EXPECTED: &'static str = "\"verify\", \"encrypt\" or \"off\"";
}

/// A PostgreSQL server that holds the store.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Postgres {
    pub(crate) url: PostgresUrl,
    password: Option<Secret>,
    trust: Option<Trust>,
    own: Option<CertificateSource>,
    connections_max: u32,
    connect_max: Duration,
    statement_max: Duration,
    write_max: Duration,
}

impl Postgres {
    /// What the store connects by; certificates are read now.
    ///
    /// # Errors
    /// [`CertificateError`] where our own can't be read.
    pub(crate) fn settings(&self) -> Result<PostgresSettings, CertificateError> {
        let own = match &self.own {
            Some(own) => Some(CertificateKeeper::open(own.clone(), SystemTime::now())?.into()),
            None => None,
        };
        let url = match &self.password {
            Some(password) => self.url.clone().with_password(password.reveal()),
            None => self.url.clone(),
        };
        Ok(PostgresSettings {
            url,
            tls: self.trust.clone().map_or(PostgresTls::Off, |trust| PostgresTls::On { trust, own }),
            connections_max: self.connections_max,
            connect_max: self.connect_max,
            statement_max: self.statement_max,
            write_max: self.write_max,
        })
    }
}

/// The server that holds the store; `None` for a file in the data folder.
pub(super) fn store(
    file: &File,
    environment: &[(String, String)],
    problems: &mut Problems<'_>,
) -> Option<Postgres> {
    let store = &file.store;
    let Some(Text(Url(url))) = &store.url else {
        if store.password.is_some()
            || store.ca.is_some()
            || store.certificate.is_some()
            || store.key.is_some()
        {
            problems.add("store", "it would have no effect: store.url names no server");
        }
        return None;
    };
    if url.has_password() {
        problems.add("store.url", "expected no password in it: it belongs into store.password");
    }
    for (key, wait) in [
        ("store.connect_max", store.connect_max),
        ("store.statement_max", store.statement_max),
        ("store.write_max", store.write_max),
    ] {
        if !WAITS.contains(&wait.0.0) {
            problems.add(key, "expected a time from \"100ms\" to \"60s\"");
        }
    }
    let password = store.password.as_ref().and_then(|source| {
        read_secret(source, environment)
            .map_err(|error| problems.add("store.password", error.to_string()))
            .ok()
    });
    let trust = match (store.tls.0, &store.ca) {
        (TlsWord::Verify, ca) => Some(ca.clone().map_or(Trust::System, Trust::File)),
        (TlsWord::Encrypt, None) => Some(Trust::Anyone),
        (TlsWord::Off, None) => None,
        (TlsWord::Encrypt | TlsWord::Off, Some(_)) => {
            problems.add("store.ca", "it would have no effect: store.tls is not \"verify\"");
            None
        }
    };
    let own = match (&store.certificate, &store.key) {
        (Some(certificate), Some(key)) => {
            Some(CertificateSource::Files { certificate: certificate.clone(), key: key.clone() })
        }
        (None, None) => None,
        (Some(_), None) | (None, Some(_)) => {
            problems.add("store", "expected store.certificate and store.key together");
            None
        }
    };
    Some(Postgres {
        url: url.clone(),
        password,
        trust,
        own,
        connections_max: store.connections_max.number(),
        connect_max: store.connect_max.0.0,
        statement_max: store.statement_max.0.0,
        write_max: store.write_max.0.0,
    })
}
