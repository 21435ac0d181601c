//! The hashes of digest authentication, and what is hashed ([RFC 7616 §3.4], [RFC 8760 §2]).

use md5::Md5;
use sha2::{Digest, Sha256, Sha512_256};

/// A hash that digests are made with, the better ones first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DigestHash {
    /// SHA-256.
    Sha256,
    /// SHA-512, cut to 256 bits.
    Sha512Cut256,
    /// MD5: broken as a hash, still what most telephones know.
    Md5,
}

/// The `algorithm` of a challenge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DigestAlgorithm {
    /// The hash.
    pub hash: DigestHash,
    /// Whether the secret's hash is bound to the first nonces of a session (`-sess`).
    pub is_session: bool,
}

impl DigestHash {
    /// Its token in the registry of algorithms.
    #[must_use]
    pub const fn token(self) -> &'static str {
        match self {
            Self::Sha256 => "SHA-256",
            Self::Sha512Cut256 => "SHA-512-256",
            Self::Md5 => "MD5",
        }
    }

    /// The hash of pieces with `:` between them, in lower case hexadecimal.
    #[must_use]
    pub fn hex(self, pieces: &[&[u8]]) -> String {
        let joined = pieces.join(&b":"[..]);
        match self {
            Self::Sha256 => hex(&Sha256::digest(&joined)),
            Self::Sha512Cut256 => hex(&Sha512_256::digest(&joined)),
            Self::Md5 => hex(&Md5::digest(&joined)),
        }
    }

    /// HA1: what a server may keep instead of the password itself, for one user in one realm.
    #[must_use]
    pub fn secret_hash(self, username: &str, realm: &str, password: &str) -> String {
        self.hex(&[username.as_bytes(), realm.as_bytes(), password.as_bytes()])
    }
}

impl DigestAlgorithm {
    /// Reads the parameter; where it is missing it is MD5. `None` for one that nobody here knows.
    #[must_use]
    pub fn parse(token: Option<&[u8]>) -> Option<Self> {
        let Some(token) = token else { return Some(Self { hash: DigestHash::Md5, is_session: false }) };
        let cut = token.len().saturating_sub(b"-sess".len());
        let is_session = token[cut..].eq_ignore_ascii_case(b"-sess");
        let bare = if is_session { &token[..cut] } else { token };
        [DigestHash::Sha256, DigestHash::Sha512Cut256, DigestHash::Md5]
            .into_iter()
            .find(|hash| bare.eq_ignore_ascii_case(hash.token().as_bytes()))
            .map(|hash| Self { hash, is_session })
    }
}

/// How a nonce is used with a quality of protection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Protection {
    /// The eight digits of the nonce count.
    pub(super) count: String,
    pub(super) client_nonce: String,
    /// `auth-int`: the hash of the body; `None` for plain `auth`.
    pub(super) body_hash: Option<String>,
}

impl Protection {
    pub(super) const fn token(&self) -> &'static str {
        if self.body_hash.is_some() { "auth-int" } else { "auth" }
    }
}

/// What a response is computed over.
#[derive(Debug)]
pub(super) struct Digested<'a> {
    pub(super) algorithm: DigestAlgorithm,
    /// HA1 as kept, before any session.
    pub(super) secret_hash: &'a str,
    pub(super) nonce: &'a str,
    pub(super) method: &'a [u8],
    pub(super) uri: &'a [u8],
    /// `None` for clients of RFC 2069, which know no qop.
    pub(super) protection: Option<&'a Protection>,
}

impl Digested<'_> {
    /// The response ([RFC 7616 §3.4.1]).
    pub(super) fn response(&self) -> String {
        let Self { algorithm: DigestAlgorithm { hash, is_session }, secret_hash, nonce, .. } = *self;
        let client_nonce = self.protection.map_or("", |protection| &protection.client_nonce);
        let session;
        let secret_hash = if is_session {
            session = hash.hex(&[secret_hash.as_bytes(), nonce.as_bytes(), client_nonce.as_bytes()]);
            &session
        } else {
            secret_hash
        };
        let body_hash = self.protection.and_then(|protection| protection.body_hash.as_deref());
        let request_hash = match body_hash {
            Some(body_hash) => hash.hex(&[self.method, self.uri, body_hash.as_bytes()]),
            None => hash.hex(&[self.method, self.uri]),
        };
        let request_hash = request_hash.as_bytes();
        match self.protection {
            Some(protection) => hash.hex(&[
                secret_hash.as_bytes(),
                nonce.as_bytes(),
                protection.count.as_bytes(),
                protection.client_nonce.as_bytes(),
                protection.token().as_bytes(),
                request_hash,
            ]),
            None => hash.hex(&[secret_hash.as_bytes(), nonce.as_bytes(), request_hash]),
        }
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;

    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn protection(client_nonce: &str) -> Protection {
        Protection { count: "00000001".to_owned(), client_nonce: client_nonce.to_owned(), body_hash: None }
    }

    /// Shows RFC 7616 §3.9.1: the worked example, with SHA-256 and with MD5.
    #[test]
    fn the_example_of_rfc_7616_comes_out() {
        let response = |hash: DigestHash| {
            let secret = hash.secret_hash("Mufasa", "http-auth@example.org", "Circle of Life");
            Digested {
                algorithm: DigestAlgorithm { hash, is_session: false },
                secret_hash: &secret,
                nonce: "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
                method: b"GET",
                uri: b"/dir/index.html",
                protection: Some(&protection("f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ")),
            }
            .response()
        };
        assert_eq!(
            response(DigestHash::Sha256),
            "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"
        );
        assert_eq!(response(DigestHash::Md5), "8ca523f5e9506fed4657c9700eebdbec");
    }

    /// Shows RFC 2617 §3.5: the worked example, with a qop and, as RFC 2069 has it, without.
    #[test]
    fn the_example_of_rfc_2617_comes_out() {
        let secret = DigestHash::Md5.secret_hash("Mufasa", "testrealm@host.com", "Circle Of Life");
        assert_eq!(secret, "939e7578ed9e3c518a452acee763bce9");
        let with = protection("0a4f113b");
        let digested = |protection| Digested {
            algorithm: DigestAlgorithm { hash: DigestHash::Md5, is_session: false },
            secret_hash: &secret,
            nonce: "dcd98b7102dd2f0e8b11d0f600bfb0c093",
            method: b"GET",
            uri: b"/dir/index.html",
            protection,
        };
        assert_eq!(digested(Some(&with)).response(), "6629fae49393a05397450978507c4ef1");
        assert_eq!(digested(None).response(), "670fd8c2df070c60b045671b8b24ff02");
    }

    /// Shows RFC 7616 §3.9.2: the secret's hash of the example with SHA-512-256 and a user name beyond ASCII.
    #[test]
    fn a_hash_can_be_cut_and_a_name_go_beyond_ascii() {
        let hashed = DigestHash::Sha512Cut256.hex(&["J\u{e4}s\u{f8}n Doe".as_bytes(), b"api@example.org"]);
        assert_eq!(hashed, "793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b");
    }

    #[test]
    fn algorithms_are_known_by_their_tokens() {
        let md5 = DigestAlgorithm { hash: DigestHash::Md5, is_session: false };
        assert_eq!(DigestAlgorithm::parse(None), Some(md5));
        assert_eq!(DigestAlgorithm::parse(Some(b"md5")), Some(md5));
        let session = DigestAlgorithm { hash: DigestHash::Sha256, is_session: true };
        assert_eq!(DigestAlgorithm::parse(Some(b"SHA-256-sess")), Some(session));
        assert_eq!(DigestAlgorithm::parse(Some(b"AKAv1-MD5")), None);
        assert_eq!(DigestAlgorithm::parse(Some(b"")), None);
    }
}
