//! Whom a trunk's calls go to: a name to be looked up, or an address.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// Longer names are not in the DNS ([RFC 1035 §2.3.4]).
const NAME_CHARS_MAX: usize = 253;
const LABEL_CHARS_MAX: usize = 63;

/// A host's name or address.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HostName {
    /// A name, in lower case.
    Name(String),
    /// An address.
    Address(IpAddr),
}

/// A host, with a port where one is given. Without a port a name is looked up as RFC 3263 says.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Host {
    /// Its name.
    pub name: HostName,
    /// The port.
    pub port: Option<u16>,
}

/// A text is no host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a host such as \"sip.example.com\", \"203.0.113.5:5060\" or \"[2001:db8::1]:5060\"")]
pub struct NotHost;

impl HostName {
    /// Reads a DNS name; labels may begin with `_`.
    pub(crate) fn parse_name(text: &str) -> Option<String> {
        let is_label = |label: &str| {
            (1..=LABEL_CHARS_MAX).contains(&label.len())
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        let bare = text.strip_suffix('.').unwrap_or(text);
        // Four numbers that are no address are a slip of the finger, and no name of the DNS.
        let is_numeric =
            bare.rsplit('.').next().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()));
        let fits = bare.len() <= NAME_CHARS_MAX && bare.split('.').all(is_label) && !is_numeric;
        fits.then(|| bare.to_ascii_lowercase())
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(IpAddr::V4(v4)) => v4.fmt(f),
            Self::Address(IpAddr::V6(v6)) => write!(f, "[{v6}]"),
        }
    }
}

impl FromStr for Host {
    type Err = NotHost;

    fn from_str(text: &str) -> Result<Self, NotHost> {
        if let Ok(IpAddr::V6(bare)) = text.parse() {
            return Ok(Self { name: HostName::Address(bare.into()), port: None });
        }
        let (name, port) = match text.rsplit_once(':') {
            Some((name, port)) if !text.ends_with(']') => {
                (name, Some(port.parse::<u16>().ok().filter(|port| *port > 0).ok_or(NotHost)?))
            }
            Some(_) | None => (text, None),
        };
        let name = match name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            Some(inner) => HostName::Address(IpAddr::V6(inner.parse().map_err(|_| NotHost)?)),
            None => match name.parse() {
                Ok(v4) => HostName::Address(IpAddr::V4(v4)),
                Err(_) => HostName::Name(HostName::parse_name(name).ok_or(NotHost)?),
            },
        };
        Ok(Self { name, port })
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => write!(f, "{}:{port}", self.name),
            None => self.name.fmt(f),
        }
    }
}

impl TryFrom<String> for Host {
    type Error = NotHost;

    fn try_from(text: String) -> Result<Self, NotHost> {
        text.parse()
    }
}

impl From<Host> for String {
    fn from(host: Host) -> Self {
        host.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_is_a_name_or_an_address_with_or_without_a_port() {
        for (text, shown) in [
            ("SIP.Example.com", "sip.example.com"),
            ("sip.example.com.:5061", "sip.example.com:5061"),
            ("203.0.113.5", "203.0.113.5"),
            ("203.0.113.5:5080", "203.0.113.5:5080"),
            ("2001:db8::1", "[2001:db8::1]"),
            ("[2001:db8::1]", "[2001:db8::1]"),
            ("[2001:db8::1]:5061", "[2001:db8::1]:5061"),
            ("localhost", "localhost"),
        ] {
            assert_eq!(text.parse::<Host>().unwrap().to_string(), shown, "{text}");
        }
    }

    #[test]
    fn nonsense_is_no_host() {
        for text in
            ["", ":5060", "a b", "sip:example.com", "x:0", "x:99999", "[::1", "-a.b", "a..b", "203.0.113.999"]
        {
            assert_eq!(text.parse::<Host>(), Err(NotHost), "{text}");
        }
    }
}
