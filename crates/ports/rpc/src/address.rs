//! Where a role answers RPCs.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Longest address; mixers' addresses travel in messages and stand in the store.
const ADDRESS_BYTES_MAX: usize = 256;

/// Why a text is not an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an address is mem:NAME or http://HOST:PORT")]
pub struct AddressError;

/// Where a role answers RPCs: `mem:NAME` within this process, `http://HOST:PORT` over TCP.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Address {
    /// In this process: a name in the [`Network`](crate::Network)'s registry.
    Memory(Arc<str>),
    /// Over TCP: `HOST:PORT`, with an IPv6 host in brackets.
    Tcp(Arc<str>),
}

impl Address {
    /// The in-process address of a role's name. Characters that an address can't hold are replaced by `-`.
    #[must_use]
    pub fn memory(name: &str) -> Self {
        let plain: String =
            name.chars().map(|c| if is_plain(c) { c } else { '-' }).take(ADDRESS_BYTES_MAX - 4).collect();
        Self::Memory(Arc::from(plain))
    }
}

fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if text.len() > ADDRESS_BYTES_MAX {
            return Err(AddressError);
        }
        if let Some(name) = text.strip_prefix("mem:") {
            return if !name.is_empty() && name.chars().all(is_plain) {
                Ok(Self::Memory(Arc::from(name)))
            } else {
                Err(AddressError)
            };
        }
        let authority = text.strip_prefix("http://").ok_or(AddressError)?;
        let authority = authority.strip_suffix('/').unwrap_or(authority);
        let parsed: http::uri::Authority = authority.parse().map_err(|_| AddressError)?;
        if parsed.port_u16().is_none() || parsed.host().is_empty() || authority.contains('@') {
            return Err(AddressError);
        }
        Ok(Self::Tcp(Arc::from(authority)))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory(name) => write!(f, "mem:{name}"),
            Self::Tcp(authority) => write!(f, "http://{authority}"),
        }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        crate::text::serialize(self, serializer)
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        crate::text::deserialize(deserializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_survives_being_written_and_read() {
        for text in ["mem:cms-1", "http://127.0.0.1:7000", "http://[::1]:7000", "http://mixer.example:80"] {
            let address: Address = text.parse().unwrap();
            assert_eq!(address.to_string(), text);
        }
    }

    #[test]
    fn other_text_is_no_address() {
        let long = format!("mem:{}", "x".repeat(300));
        for text in ["", "mem:", "mem:a b", "http://host", "https://host:1", "host:1", "http://u@h:1", &long]
        {
            assert_eq!(text.parse::<Address>(), Err(AddressError), "{text:?}");
        }
    }
}
