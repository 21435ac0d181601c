//! What a server sends to know who is there ([RFC 7616 §3.3]).

use super::DigestHash;

/// Who challenges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChallengeKind {
    /// A user agent: 401 with WWW-Authenticate.
    Server,
    /// A proxy: 407 with Proxy-Authenticate.
    Proxy,
}

/// A challenge, made by a [`Verifier`](super::Verifier).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    /// Who challenges.
    pub kind: ChallengeKind,
    /// The realm: names the set of users.
    pub realm: String,
    /// The hashes that are taken, the one that is wanted most first ([RFC 8760 §2.3]).
    pub hashes: Vec<DigestHash>,
    /// The nonce.
    pub nonce: String,
    /// Whether the secret was right and only the nonce too old: then a client asks nobody for another password.
    pub is_stale: bool,
}

impl Challenge {
    /// The status that carries it.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self.kind {
            ChallengeKind::Server => 401,
            ChallengeKind::Proxy => 407,
        }
    }

    /// The name of its header.
    #[must_use]
    pub const fn header(&self) -> &'static str {
        match self.kind {
            ChallengeKind::Server => "WWW-Authenticate",
            ChallengeKind::Proxy => "Proxy-Authenticate",
        }
    }

    /// The values of its headers: one per hash, in the order of preference.
    #[must_use]
    pub fn values(&self) -> Vec<String> {
        let Self { realm, nonce, .. } = self;
        let stale = if self.is_stale { ", stale=true" } else { "" };
        let value = |hash: &DigestHash| {
            format!(
                "Digest realm=\"{realm}\", nonce=\"{nonce}\", algorithm={}, qop=\"auth\"{stale}",
                hash.token()
            )
        };
        self.hashes.iter().map(value).collect()
    }
}
