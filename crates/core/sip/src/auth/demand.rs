//! A challenge as a client hears it ([RFC 7616 §3.3]).

use super::DigestAlgorithm;
use super::fields::Fields;
use crate::message::Malformed;

/// What a server or proxy demands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Demand {
    /// For whom credentials are wanted.
    pub realm: String,
    /// The nonce.
    pub nonce: String,
    /// To be given back as it is.
    pub opaque: Option<String>,
    /// Whether only the nonce was too old.
    pub is_stale: bool,
    /// How the response is made.
    pub algorithm: DigestAlgorithm,
    /// The protections to choose from.
    pub offers: Offers,
}

/// The qop of a challenge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offers {
    /// None: a server of RFC 2069.
    Nothing,
    /// `auth`, whatever else.
    Authentication,
    /// `auth-int` alone: the body is to be vouched for too.
    IntegrityOnly,
}

impl Demand {
    /// Reads one WWW-Authenticate or Proxy-Authenticate value. `Ok(None)` where it can't be answered: another scheme, an
    /// algorithm or a protection that nobody here knows.
    ///
    /// # Errors
    /// Missing or double parameters, text that is not UTF-8.
    pub fn parse(value: &[u8]) -> Result<Option<Self>, Malformed> {
        let Some(fields) = Fields::of_digest(value)? else { return Ok(None) };
        let (realm, nonce) = (fields.needed("realm")?, fields.needed("nonce")?);
        let Some(algorithm) = DigestAlgorithm::parse(fields.bytes("algorithm")) else { return Ok(None) };
        let offers = match fields.text("qop")? {
            None => Offers::Nothing,
            Some(list) => {
                let has = |token: &str| list.split(',').any(|known| known.trim().eq_ignore_ascii_case(token));
                match (has("auth"), has("auth-int")) {
                    (true, _) => Offers::Authentication,
                    (false, true) => Offers::IntegrityOnly,
                    (false, false) => return Ok(None),
                }
            }
        };
        Ok(Some(Self {
            realm: realm.to_owned(),
            nonce: nonce.to_owned(),
            opaque: fields.text("opaque")?.map(str::to_owned),
            is_stale: fields.text("stale")?.is_some_and(|stale| stale.eq_ignore_ascii_case("true")),
            algorithm,
            offers,
        }))
    }
}
