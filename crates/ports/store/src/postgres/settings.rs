//! How a PostgreSQL server is reached.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use partyline_tls::{CertificateKeeper, Trust};
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};

/// Servers that a URL may name: a primary and its standbys.
const HOSTS_MAX: usize = 16;
/// A silent way is probed after so long, so that a dead server is noticed where nothing is under way.
const KEEPALIVE: Duration = Duration::from_secs(10);

/// Where the database is: servers, database, user, and whatever else libpq's URLs say.
///
/// Several servers (`postgresql://user@one:5432,two:5432/name`) are tried in turn until one is found that takes writes:
/// after a failover that is the promoted one. It prints without its password.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresUrl(Config);

/// Why a text is no URL of a database.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PostgresUrlError {
    /// It is something else.
    #[error("a database is named as \"postgresql://user@host:5432/name\"")]
    NotOne,
    /// A part of it is not understood.
    #[error("the database's URL is not understood: {0}")]
    Part(String),
    /// It names nobody.
    #[error("the database's URL names no {0}")]
    Missing(&'static str),
    /// It names too many servers.
    #[error("the database's URL names more than {HOSTS_MAX} servers")]
    TooManyHosts,
    /// It says by itself how connections are kept secret.
    #[error("leave sslmode out of the database's URL: TLS has a setting of its own")]
    SslMode,
}

impl FromStr for PostgresUrl {
    type Err = PostgresUrlError;

    fn from_str(text: &str) -> Result<Self, PostgresUrlError> {
        if !(text.starts_with("postgresql://") || text.starts_with("postgres://")) {
            return Err(PostgresUrlError::NotOne);
        }
        if text.contains("sslmode=") {
            return Err(PostgresUrlError::SslMode);
        }
        let config: Config =
            text.parse().map_err(|error| PostgresUrlError::Part(crate::session::said(&error)))?;
        if config.get_hosts().is_empty() {
            return Err(PostgresUrlError::Missing("server"));
        }
        if config.get_hosts().len() > HOSTS_MAX {
            return Err(PostgresUrlError::TooManyHosts);
        }
        if config.get_user().is_none() {
            return Err(PostgresUrlError::Missing("user"));
        }
        if config.get_dbname().is_none() {
            return Err(PostgresUrlError::Missing("database"));
        }
        Ok(Self(config))
    }
}

impl fmt::Display for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "postgresql://{}@", self.0.get_user().unwrap_or_default())?;
        let ports = self.0.get_ports();
        for (place, host) in self.0.get_hosts().iter().enumerate() {
            let comma = if place == 0 { "" } else { "," };
            let port = ports.get(place).or(ports.first()).copied().unwrap_or(5432);
            match host {
                Host::Tcp(name) => write!(f, "{comma}{name}:{port}")?,
                Host::Unix(path) => {
                    write!(f, "{comma}{}:{port}", path.display().to_string().replace('/', "%2F"))?
                }
            }
        }
        write!(f, "/{}", self.0.get_dbname().unwrap_or_default())
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgresUrl({self})")
    }
}

impl PostgresUrl {
    /// Whether it holds the user's password.
    #[must_use]
    pub fn has_password(&self) -> bool {
        self.0.get_password().is_some()
    }

    /// The same servers, user and database with this password.
    #[must_use]
    pub fn with_password(mut self, password: &str) -> Self {
        self.0.password(password);
        self
    }

    fn is_local(&self) -> bool {
        self.0.get_hosts().iter().all(|host| matches!(host, Host::Unix(_)))
    }

    /// How many servers it names.
    pub(crate) fn hosts(&self) -> u32 {
        u32::try_from(self.0.get_hosts().len()).unwrap_or(u32::MAX)
    }
}

/// How connections are kept secret.
#[derive(Clone, Default)]
pub enum PostgresTls {
    /// Not at all.
    #[default]
    Off,
    /// By TLS, or there is no connection.
    On {
        /// Who vouches for the server, and for its name.
        trust: Trust,
        /// What is shown where the server asks for a certificate.
        own: Option<Arc<CertificateKeeper>>,
    },
}

impl fmt::Debug for PostgresTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("Off"),
            Self::On { trust, own } => write!(f, "On({trust:?}, own certificate: {})", own.is_some()),
        }
    }
}

/// How a PostgreSQL server is reached, and how long it is waited for.
#[derive(Debug, Clone)]
pub struct PostgresSettings {
    /// Where it is.
    pub url: PostgresUrl,
    /// How connections over a network are kept secret; those over a Unix socket need nothing.
    pub tls: PostgresTls,
    /// Connections for statements, at least 2; up to half of them write. One more carries change signals.
    pub connections_max: u32,
    /// How long one server may take to answer at first. Each of the URL's is given that long.
    pub connect_max: Duration,
    /// How long one statement may take.
    pub statement_max: Duration,
    /// How long a write is tried again while the database is away or other writes are in its way.
    pub write_max: Duration,
}

impl PostgresSettings {
    /// The settings that are as good as any for a database at this URL, over plain connections.
    #[must_use]
    pub fn new(url: PostgresUrl) -> Self {
        Self {
            url,
            tls: PostgresTls::Off,
            connections_max: 16,
            connect_max: Duration::from_secs(2),
            statement_max: Duration::from_secs(5),
            write_max: Duration::from_secs(5),
        }
    }

    /// What connections are opened by.
    pub(crate) fn client(&self) -> Config {
        let mut config = self.url.0.clone();
        let is_secret = matches!(self.tls, PostgresTls::On { .. }) && !self.url.is_local();
        config
            .application_name("partyline")
            .ssl_mode(if is_secret { SslMode::Require } else { SslMode::Disable })
            .target_session_attrs(TargetSessionAttrs::ReadWrite)
            .connect_timeout(self.connect_max)
            .tcp_user_timeout(self.statement_max)
            .keepalives(true)
            .keepalives_idle(KEEPALIVE)
            .keepalives_interval(KEEPALIVE)
            .keepalives_retries(2);
        config
    }

    /// What each connection is told before it is used. A server that has lost us lets go of our locks by these times.
    pub(crate) fn greeting(&self) -> String {
        let limit = self.statement_max.as_millis();
        format!(
            "SET statement_timeout = {limit}; SET lock_timeout = {limit}; \
             SET idle_in_transaction_session_timeout = {limit}; \
             SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 2; \
             SET client_min_messages = warning; SET default_transaction_isolation = 'read committed'; \
             SET client_encoding = 'UTF8'; SET standard_conforming_strings = on"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_prints_its_servers_and_no_password() {
        let url: PostgresUrl =
            "postgresql://us:secret@one:5433,two:5434/conferences?application_name=x".parse().unwrap();
        assert_eq!(url.to_string(), "postgresql://us@one:5433,two:5434/conferences");
        assert_eq!(format!("{url:?}"), "PostgresUrl(postgresql://us@one:5433,two:5434/conferences)");
        assert_eq!((url.has_password(), url.hosts()), (true, 2));
        let local: PostgresUrl = "postgres://us@%2Frun%2Fpg/conferences".parse().unwrap();
        assert_eq!(local.to_string(), "postgresql://us@%2Frun%2Fpg:5432/conferences");
    }

    #[test]
    fn a_url_that_names_no_database_or_sets_tls_by_itself_is_refused() {
        let parse = |text: &str| text.parse::<PostgresUrl>().unwrap_err();
        assert_eq!(parse("conferences.db"), PostgresUrlError::NotOne);
        assert_eq!(parse("postgresql://us@host"), PostgresUrlError::Missing("database"));
        assert_eq!(parse("postgresql://host/name"), PostgresUrlError::Missing("user"));
        assert_eq!(parse("postgresql:///name?user=us"), PostgresUrlError::Missing("server"));
        assert_eq!(parse("postgresql://us@host/name?sslmode=require"), PostgresUrlError::SslMode);
        assert!(matches!(parse("postgresql://us@host/name?colour=red"), PostgresUrlError::Part(_)));
        let hosts = vec!["host"; 17].join(",");
        assert_eq!(parse(&format!("postgresql://us@{hosts}/name")), PostgresUrlError::TooManyHosts);
    }

    #[test]
    fn a_network_is_crossed_in_secret_and_a_socket_needs_none() {
        let mut settings = PostgresSettings::new("postgresql://us@host/name".parse().unwrap());
        assert_eq!(settings.client().get_ssl_mode(), SslMode::Disable);
        settings.tls = PostgresTls::On { trust: Trust::System, own: None };
        assert_eq!(settings.client().get_ssl_mode(), SslMode::Require);
        assert_eq!(settings.client().get_target_session_attrs(), TargetSessionAttrs::ReadWrite);
        settings.url = "postgresql://us@%2Frun%2Fpg/name".parse().unwrap();
        assert_eq!(settings.client().get_ssl_mode(), SslMode::Disable);
    }
}
