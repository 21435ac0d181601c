//! Lookup keys: the secrets under which conference codes are hashed.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use partyline_conference::ConferenceCode;
use sha2::Sha256;

/// One lookup key. It prints as its identifier.
#[derive(Clone, PartialEq, Eq)]
pub struct LookupKey {
    id: Box<str>,
    secret: [u8; 32],
}

impl LookupKey {
    /// A key by its identifier (kept beside each hash that was made with it) and its 32 secret bytes.
    #[must_use]
    pub fn new(id: &str, secret: [u8; 32]) -> Self {
        Self { id: Box::from(id), secret }
    }

    /// The identifier.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// HMAC-SHA-256 of the code's digits, as 64 hexadecimal digits.
    fn hash(&self, code: &ConferenceCode) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.secret).expect("HMAC takes a key of any length");
        mac.update(b"conference-code:");
        mac.update(code.reveal().as_bytes());
        mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl fmt::Debug for LookupKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LookupKey({}, {} bytes)", self.id, self.secret.len())
    }
}

/// Why keys can't be used together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LookupKeysError {
    /// There is none.
    #[error("no lookup key is given; at least one is needed to find conference codes")]
    None,
    /// Two have one identifier.
    #[error("two lookup keys have the identifier {0:?}")]
    Twice(String),
}

/// The live lookup keys: the first hashes new codes, all are tried when a code is looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LookupKeys {
    first: LookupKey,
    older: Vec<LookupKey>,
}

impl LookupKeys {
    /// Takes the keys, the one for new codes first.
    ///
    /// # Errors
    /// [`LookupKeysError`] where there is none, or two have one identifier.
    pub fn new(keys: Vec<LookupKey>) -> Result<Self, LookupKeysError> {
        for (place, key) in keys.iter().enumerate() {
            if keys[..place].iter().any(|earlier| earlier.id == key.id) {
                return Err(LookupKeysError::Twice(key.id.to_string()));
            }
        }
        let mut keys = keys.into_iter();
        let first = keys.next().ok_or(LookupKeysError::None)?;
        Ok(Self { first, older: keys.collect() })
    }

    /// The identifiers, the one for new codes first.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.all().map(LookupKey::id)
    }

    /// The key's identifier and the hash under which a new code is kept.
    pub(crate) fn hash_of_new(&self, code: &ConferenceCode) -> (&str, String) {
        (&self.first.id, self.first.hash(code))
    }

    /// The hashes under which a code may be kept already: one for each key.
    pub(crate) fn hashes(&self, code: &ConferenceCode) -> Vec<String> {
        self.all().map(|key| key.hash(code)).collect()
    }

    fn all(&self) -> impl Iterator<Item = &LookupKey> {
        std::iter::once(&self.first).chain(&self.older)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_prints_without_its_secret() {
        let text = format!("{:?}", LookupKey::new("k1", [0xab; 32]));
        assert_eq!(text, "LookupKey(k1, 32 bytes)");
    }

    #[test]
    fn no_keys_and_two_of_one_name_are_refused() {
        assert_eq!(LookupKeys::new(vec![]), Err(LookupKeysError::None));
        let twice = vec![LookupKey::new("a", [1; 32]), LookupKey::new("a", [2; 32])];
        assert_eq!(LookupKeys::new(twice), Err(LookupKeysError::Twice("a".into())));
    }

    #[test]
    fn a_code_has_another_hash_under_each_key() {
        let keys = LookupKeys::new(vec![LookupKey::new("a", [1; 32]), LookupKey::new("b", [2; 32])]).unwrap();
        let hashes = keys.hashes(&ConferenceCode::parse("12345678").unwrap());
        assert_eq!(hashes.len(), 2);
        assert_ne!(hashes[0], hashes[1]);
        assert_eq!(hashes[0].len(), 64);
    }
}
