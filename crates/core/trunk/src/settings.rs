//! A trunk as people write it: one shape for the settings file, the command line and the store.

use partyline_call::Language;
use partyline_conference::TrunkName;
use serde::de::{self, Deserializer};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

use crate::host::Host;
use crate::network::SourceNetwork;
use crate::number::{DialNumber, NumberPlan};
use crate::secret::{Ha1, Secret, SecretSource};
use crate::service::{NumberSettings, language_tag};
use crate::span::Span;

/// A trunk, as it is written. What of it is left out takes its default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrunkSettings {
    /// The trunk's name.
    #[serde(with = "trunk_name")]
    pub name: TrunkName,
    /// Addresses and networks that its calls come in from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<SourceNetwork>,
    /// Names in the TLS certificates of those who call.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tls_peers: Vec<String>,
    /// Callers who show a password.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub users: Vec<UserSettings>,
    /// Whether what it asserts of a caller's number is believed.
    #[serde(default)]
    pub trusts_identity: bool,
    /// Most of its calls at once, both ways together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calls_max: Option<u32>,
    /// Most of its new calls in a second, both ways together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calls_per_second_max: Option<u32>,
    /// Codecs, the one that is liked best first; none for all that there are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub codecs: Vec<Codec>,
    /// Whether media is encrypted; as the VRU has it where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_security: Option<MediaSecurity>,
    /// The language of prompts where the dialled number says nothing.
    #[serde(default, with = "language_tag", skip_serializing_if = "Option::is_none")]
    pub language: Option<Language>,
    /// How numbers are dialled there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number_plan: Option<NumberPlan>,
    /// What its numbers lead to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub numbers: Vec<NumberSettings>,
    /// How to call out through it; not at all where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dial_out: Option<DialOutSettings>,
    /// Where to register, so that calls come in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub register: Option<RegisterSettings>,
}

/// A caller who shows a password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserSettings {
    /// The name that is shown with it; of all trunks only one may have it.
    pub name: String,
    /// The password; only its hashes are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<SecretSource>,
    /// In place of the password its hash for the algorithm MD5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub md5: Option<Ha1>,
    /// In place of the password its hash for the algorithm SHA-256.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Ha1>,
}

/// How to call out through a trunk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DialOutSettings {
    /// Where calls go, the one that is liked best first.
    pub hosts: Vec<Host>,
    /// How they travel; as the DNS says, or UDP, where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transport: Option<Transport>,
    /// Which numbers go through here, and what becomes of them.
    pub numbers: Vec<DialRule>,
    /// The number that callees see where nobody says another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caller_number: Option<DialNumber>,
    /// The name that is shown with the password; none where no password is needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<SecretSource>,
    /// Whether a 3xx is followed.
    #[serde(default)]
    pub follows_redirects: bool,
    /// Of trunks that a number fits alike the one with the lowest is tried first.
    #[serde(default = "priority")]
    pub priority: u16,
    /// How long a callee may ring.
    #[serde(default = "ring_max")]
    pub ring_max: Span,
}

fn priority() -> u16 {
    100
}

fn ring_max() -> Span {
    Span::of_seconds(60)
}

/// Which numbers go through a trunk, and what becomes of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DialRule {
    /// What they begin with; empty for all.
    #[serde(default)]
    pub prefix: String,
    /// How many characters are taken off at the front.
    #[serde(default)]
    pub strip: u8,
    /// What is put in front then.
    #[serde(default)]
    pub add: String,
}

/// A registration at a provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegisterSettings {
    /// Where to register.
    pub registrar: Host,
    /// How requests travel; as the DNS says, or UDP, where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transport: Option<Transport>,
    /// The number or name that is registered.
    pub user: String,
    /// The name that is shown with the password, where it is another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth_user: Option<String>,
    /// The password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<SecretSource>,
    /// For how long each time.
    #[serde(default = "expires")]
    pub expires: Span,
}

fn expires() -> Span {
    Span::of_seconds(3600)
}

/// How messages travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// UDP.
    Udp,
    /// TCP.
    Tcp,
    /// TLS over TCP.
    Tls,
}

/// Whether media is encrypted (SRTP with keys in the session description).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MediaSecurity {
    /// It is not offered, and not taken.
    Refuse,
    /// It is offered, and taken where the other side has it.
    Prefer,
    /// Calls without it are refused.
    Require,
}

/// A codec by its name in session descriptions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Codec {
    /// G.711 μ-law.
    Pcmu,
    /// G.711 A-law.
    Pcma,
    /// G.722.
    G722,
    /// Opus.
    Opus,
}

impl Codec {
    /// The encoding name in upper case.
    #[must_use]
    pub const fn encoding(self) -> &'static str {
        match self {
            Self::Pcmu => "PCMU",
            Self::Pcma => "PCMA",
            Self::G722 => "G722",
            Self::Opus => "OPUS",
        }
    }
}

/// What the store keeps is no trunk: it is damaged, or of a later version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct DocumentError(String);

impl TrunkSettings {
    /// A trunk of which nothing but the name is said.
    #[must_use]
    pub fn named(name: TrunkName) -> Self {
        Self {
            name,
            sources: Vec::new(),
            tls_peers: Vec::new(),
            users: Vec::new(),
            trusts_identity: false,
            calls_max: None,
            calls_per_second_max: None,
            codecs: Vec::new(),
            media_security: None,
            language: None,
            number_plan: None,
            numbers: Vec::new(),
            dial_out: None,
            register: None,
        }
    }

    /// The same with every secret in its place: passwords are read from where they are to be had, those of callers are
    /// replaced by their hashes.
    ///
    /// # Errors
    /// What `read` says.
    pub fn settled<E>(mut self, mut read: impl FnMut(&SecretSource) -> Result<Secret, E>) -> Result<Self, E> {
        for user in &mut self.users {
            if let Some(password) = user.password.take() {
                let password = read(&password)?;
                user.md5 = Some(Ha1::md5(&user.name, &password));
                user.sha256 = Some(Ha1::sha256(&user.name, &password));
            }
        }
        let passwords = [
            self.dial_out.as_mut().and_then(|out| out.password.as_mut()),
            self.register.as_mut().and_then(|register| register.password.as_mut()),
        ];
        for password in passwords.into_iter().flatten() {
            *password = SecretSource::Text(read(password)?);
        }
        Ok(self)
    }

    /// What people are shown: JSON, with every secret masked.
    #[must_use]
    pub fn shown(&self) -> Value {
        serde_json::to_value(self).expect("a trunk is made of texts, numbers and lists")
    }

    /// What the store keeps: JSON with the secrets in it, as dialling out needs the passwords and entering a room the
    /// codes. A password that was not settled stays where it is.
    #[must_use]
    pub fn document(&self) -> String {
        let mut document = self.shown();
        for (place, user) in self.users.iter().enumerate() {
            for (key, hash) in [("md5", &user.md5), ("sha256", &user.sha256)] {
                if let Some(hash) = hash {
                    document["users"][place][key] = hash.reveal().into();
                }
            }
            reveal(&mut document["users"][place], user.password.as_ref());
        }
        for (place, number) in self.numbers.iter().enumerate() {
            if let Some(code) = &number.code {
                document["numbers"][place]["code"] = code.0.reveal().into();
            }
        }
        if let Some(out) = &self.dial_out {
            reveal(&mut document["dial_out"], out.password.as_ref());
        }
        if let Some(register) = &self.register {
            reveal(&mut document["register"], register.password.as_ref());
        }
        document.to_string()
    }

    /// Reads what the store kept.
    ///
    /// # Errors
    /// [`DocumentError`], without any secret in it.
    pub fn from_document(document: &str) -> Result<Self, DocumentError> {
        serde_json::from_str(document).map_err(|error| DocumentError(error.to_string()))
    }
}

fn reveal(holder: &mut Value, password: Option<&SecretSource>) {
    if let Some(SecretSource::Text(secret)) = password {
        holder["password"] = secret.reveal().into();
    }
}

mod trunk_name {
    use super::{Deserialize, Deserializer, Serializer, TrunkName, de};

    pub(super) fn serialize<S: Serializer>(name: &TrunkName, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(name.as_str())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<TrunkName, D::Error> {
        let name = String::deserialize(deserializer)?;
        TrunkName::new(&name).map_err(|error| de::Error::custom(format!("expected a trunk's name: {error}")))
    }
}
