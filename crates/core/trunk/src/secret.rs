//! Passwords: where they are written, what is kept of them, and that none is ever shown.

use std::fmt;

use md5::Md5;
use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use sha2::{Digest, Sha256};

/// What stands for a secret wherever one would be shown.
pub(crate) const MASK: &str = "********";
/// The realm that callers are challenged for. Kept hashes hold for it only, so it never changes.
pub const REALM: &str = "partyline";

/// A password that we show to others. It prints as its length.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Box<str>);

impl Secret {
    /// Takes a password.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(Box::from(text))
    }

    /// The password itself.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({} characters)", self.0.chars().count())
    }
}

/// Where a password is to be had. Written out it is masked, or says where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// It stands here.
    Text(Secret),
    /// In a variable of the environment.
    Environment(String),
    /// In a file, without its line end.
    File(String),
}

impl SecretSource {
    /// The password, where it stands in the settings themselves.
    #[must_use]
    pub const fn text(&self) -> Option<&Secret> {
        match self {
            Self::Text(secret) => Some(secret),
            Self::Environment(_) | Self::File(_) => None,
        }
    }
}

impl Serialize for SecretSource {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap as _;
        let (key, place) = match self {
            Self::Text(_) => return serializer.serialize_str(MASK),
            Self::Environment(name) => ("env", name),
            Self::File(path) => ("file", path),
        };
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(key, place)?;
        map.end()
    }
}

impl<'de> Deserialize<'de> for SecretSource {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct SourceVisitor;

        impl<'de> Visitor<'de> for SourceVisitor {
            type Value = SecretSource;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a password, { env = \"VARIABLE\" } or { file = \"/path\" }")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<SecretSource, E> {
                if text.is_empty() {
                    return Err(E::custom("an empty password; expected one, or the key left out"));
                }
                Ok(SecretSource::Text(Secret::new(text)))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<SecretSource, A::Error> {
                let expected = ["env", "file"];
                let source = match map.next_entry::<String, String>()? {
                    Some((key, name)) if key == "env" => SecretSource::Environment(name),
                    Some((key, path)) if key == "file" => SecretSource::File(path),
                    Some((key, _)) => return Err(de::Error::unknown_field(&key, &["env", "file"])),
                    None => return Err(de::Error::custom(format!("expected one of {expected:?}"))),
                };
                match map.next_entry::<String, String>()? {
                    None => Ok(source),
                    Some(_) => Err(de::Error::custom("expected either env or file")),
                }
            }
        }

        deserializer.deserialize_any(SourceVisitor)
    }
}

/// The hash of user, realm and password that stands for a caller's password ([RFC 7616 §3.4.2]), in hexadecimal digits.
/// Who has it can answer challenges of our realm, and no others. It prints as its length.
#[derive(Clone, PartialEq, Eq)]
pub struct Ha1(Box<str>);

impl Ha1 {
    /// For the algorithm MD5.
    #[must_use]
    pub fn md5(user: &str, password: &Secret) -> Self {
        Self(hex::encode(Md5::digest(Self::input(user, password))).into())
    }

    /// For the algorithm SHA-256.
    #[must_use]
    pub fn sha256(user: &str, password: &Secret) -> Self {
        Self(hex::encode(Sha256::digest(Self::input(user, password))).into())
    }

    fn input(user: &str, password: &Secret) -> Vec<u8> {
        format!("{user}:{REALM}:{}", password.reveal()).into_bytes()
    }

    /// The hexadecimal digits, in lower case.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    fn parse(text: &str) -> Option<Self> {
        let fits = matches!(text.len(), 32 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        fits.then(|| Self(text.to_ascii_lowercase().into()))
    }

    pub(crate) fn digits(&self) -> usize {
        self.0.len()
    }
}

impl fmt::Debug for Ha1 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ha1({} digits)", self.0.len())
    }
}

impl Serialize for Ha1 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(MASK)
    }
}

impl<'de> Deserialize<'de> for Ha1 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        // The text itself is a secret: the message does not repeat it.
        Self::parse(&text).ok_or_else(|| {
            de::Error::custom(
                "expected the hash of user:partyline:password in 32 (MD5) or 64 (SHA-256) hexadecimal digits",
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_is_printed_or_written() {
        let secret = Secret::new("open sesame");
        let source = SecretSource::Text(secret.clone());
        let hash = Ha1::sha256("alice", &secret);
        for shown in [
            format!("{source:?} {hash:?}"),
            serde_json::to_string(&source).unwrap(),
            serde_json::to_string(&hash).unwrap(),
        ] {
            assert!(!shown.contains("sesame") && !shown.contains(hash.reveal()), "{shown}");
        }
    }

    /// Shows RFC 7616 §3.4.2: what stands for a password is the hash of user, realm and password.
    #[test]
    fn hash_is_that_of_user_realm_and_password() {
        let secret = Secret::new("secret");
        // printf 'alice:partyline:secret' | md5sum, sha256sum
        assert_eq!(Ha1::md5("alice", &secret).reveal(), MD5_OF_ALICE);
        assert_eq!(Ha1::sha256("alice", &secret).reveal(), SHA256_OF_ALICE);
    }

    const MD5_OF_ALICE: &str = "ad71dd366632a4ee172573e18688348a";
    const SHA256_OF_ALICE: &str = "65e965fef0e138c643670fe558cf1651d574586df9cd28e179ebecff2726e6b5";

    #[test]
    fn password_stands_here_in_the_environment_or_in_a_file() {
        let read = |text: &str| serde_json::from_str::<SecretSource>(text);
        assert_eq!(read("\"x\"").unwrap(), SecretSource::Text(Secret::new("x")));
        assert_eq!(read("{\"env\":\"A\"}").unwrap(), SecretSource::Environment("A".into()));
        assert_eq!(read("{\"file\":\"/a\"}").unwrap(), SecretSource::File("/a".into()));
        for wrong in ["\"\"", "{}", "{\"vault\":\"a\"}", "{\"env\":\"A\",\"file\":\"/a\"}", "7"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
