//! What a client says about itself ([RFC 7616 §3.4]), and the secrets that it is held against.

use std::fmt;

use super::algorithm::{Digested, Protection};
use super::fields::Fields;
use super::{DigestAlgorithm, DigestHash};
use crate::message::{HeaderName, Malformed, Request, unescape};

/// Most credentials of one request that are looked at: one per realm on its way.
const CREDENTIALS_MAX: usize = 8;

/// The secret of a user; never shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Kept);

#[derive(Clone, PartialEq, Eq)]
enum Kept {
    Password(String),
    Hashed(Vec<(DigestHash, String)>),
    Nobody,
}

impl Secret {
    /// A password as it is.
    #[must_use]
    pub fn password(password: &str) -> Self {
        Self(Kept::Password(password.to_owned()))
    }

    /// HA1 in hexadecimal, for each hash that the user may come with; see [`DigestHash::secret_hash`].
    #[must_use]
    pub fn hashed(hashes: impl IntoIterator<Item = (DigestHash, String)>) -> Self {
        let lower = |(hash, text): (DigestHash, String)| (hash, text.to_ascii_lowercase());
        Self(Kept::Hashed(hashes.into_iter().map(lower).collect()))
    }

    /// For a user that does not exist: never right, and as slow to be wrong as any other.
    #[must_use]
    pub const fn nobody() -> Self {
        Self(Kept::Nobody)
    }

    /// HA1 for one hash, and whether it is a real one.
    fn secret_hash(&self, hash: DigestHash, username: &str, realm: &str) -> (String, bool) {
        match &self.0 {
            Kept::Password(password) => (hash.secret_hash(username, realm, password), true),
            Kept::Hashed(hashes) => match hashes.iter().find(|(known, _)| *known == hash) {
                Some((_, text)) => (text.clone(), true),
                None => (hash.secret_hash(username, realm, ""), false),
            },
            Kept::Nobody => (hash.secret_hash(username, realm, ""), false),
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kept::Password(password) => write!(formatter, "Secret(password of {} bytes)", password.len()),
            Kept::Hashed(hashes) => write!(formatter, "Secret({} hashes)", hashes.len()),
            Kept::Nobody => write!(formatter, "Secret(nobody's)"),
        }
    }
}

/// A name and a password that we show to others; `Debug` shows no password.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The user name.
    pub username: String,
    /// The password.
    pub password: String,
    /// The realm that they are for; `None` for any. Others are told nothing.
    pub realm: Option<String>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { username, password, realm } = self;
        formatter
            .debug_struct("Credentials")
            .field("username", username)
            .field("password", &format_args!("{} bytes", password.len()))
            .field("realm", realm)
            .finish()
    }
}

/// Digest credentials of a request, with all of the request that they vouch for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DigestCredentials {
    /// Who the client says it is.
    pub username: String,
    /// For whom.
    pub realm: String,
    pub(super) nonce: String,
    uri: String,
    response: String,
    algorithm: DigestAlgorithm,
    method: Vec<u8>,
    pub(super) protection: Option<Protection>,
}

impl DigestCredentials {
    /// All that a request carries, for servers and for proxies; what can't be read is left out.
    #[must_use]
    pub fn of(request: &Request<'_>) -> Vec<Self> {
        let (server, proxy) = (HeaderName::Authorization, HeaderName::ProxyAuthorization);
        let values = request.headers.all(server).chain(request.headers.all(proxy)).take(CREDENTIALS_MAX);
        let body = request.body;
        values
            .filter_map(|value| Self::parse(value, request.method.as_bytes(), body).ok().flatten())
            .collect()
    }

    /// Reads one Authorization or Proxy-Authorization value. `Ok(None)` where the scheme is not Digest.
    ///
    /// # Errors
    /// Missing or double parameters, an unknown algorithm, text that is not UTF-8.
    pub fn parse(value: &[u8], method: &[u8], body: &[u8]) -> Result<Option<Self>, Malformed> {
        let Some(fields) = Fields::of_digest(value)? else { return Ok(None) };
        let algorithm = DigestAlgorithm::parse(fields.bytes("algorithm")).ok_or(Malformed)?;
        let username = match fields.text("username")? {
            Some(username) => username.to_owned(),
            None => extended(fields.needed("username*")?)?,
        };
        Ok(Some(Self {
            username,
            realm: fields.needed("realm")?.to_owned(),
            nonce: fields.needed("nonce")?.to_owned(),
            uri: fields.needed("uri")?.to_owned(),
            response: fields.needed("response")?.to_ascii_lowercase(),
            algorithm,
            method: method.to_vec(),
            protection: protection(&fields, algorithm, body)?,
        }))
    }

    /// The hash that the client chose.
    #[must_use]
    pub const fn hash(&self) -> DigestHash {
        self.algorithm.hash
    }

    /// What the response has to be and what it is; `None` for the first where the secret can't be right.
    pub(super) fn responses(&self, secret: &Secret) -> (String, &str, bool) {
        let (secret_hash, is_real) = secret.secret_hash(self.algorithm.hash, &self.username, &self.realm);
        let wanted = Digested {
            algorithm: self.algorithm,
            secret_hash: &secret_hash,
            nonce: &self.nonce,
            method: &self.method,
            uri: self.uri.as_bytes(),
            protection: self.protection.as_ref(),
        }
        .response();
        (wanted, &self.response, is_real)
    }

    /// The nonce count; `None` where it is none. A client without qop uses a nonce once.
    pub(super) fn count(&self) -> Option<u32> {
        self.protection.as_ref().map_or(Some(1), |protection| {
            u32::from_str_radix(&protection.count, 16).ok().filter(|count| *count > 0)
        })
    }
}

fn protection(
    fields: &Fields<'_>,
    algorithm: DigestAlgorithm,
    body: &[u8],
) -> Result<Option<Protection>, Malformed> {
    let Some(qop) = fields.text("qop")? else { return Ok(None) };
    let body_hash = if qop.eq_ignore_ascii_case("auth-int") {
        Some(algorithm.hash.hex(&[body]))
    } else if qop.eq_ignore_ascii_case("auth") {
        None
    } else {
        return Err(Malformed);
    };
    let count = fields.needed("nc")?.to_owned();
    if count.len() != 8 || !count.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(Malformed);
    }
    Ok(Some(Protection { count, client_nonce: fields.needed("cnonce")?.to_owned(), body_hash }))
}

/// A value as [RFC 5987] writes text beyond ASCII: `UTF-8''J%C3%A4s%C3%B8n`.
fn extended(value: &str) -> Result<String, Malformed> {
    let mut parts = value.splitn(3, '\'');
    let charset = parts.next().unwrap_or_default();
    let text = parts.nth(1).filter(|_| charset.eq_ignore_ascii_case("UTF-8")).ok_or(Malformed)?;
    Ok(unescape(text.as_bytes()))
}
