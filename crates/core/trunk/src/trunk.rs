//! A trunk that holds together.

use std::time::Duration;

use partyline_call::Language;
use partyline_conference::{ConferenceCode, RoomName, TrunkName};

use crate::host::Host;
use crate::network::SourceNetwork;
use crate::number::{DialNumber, NumberPattern, NumberPlan};
use crate::secret::{Ha1, Secret};
use crate::service::Application;
use crate::settings::{Codec, DialRule, MediaSecurity, Transport};

/// A peer or provider: who may call from there, what its numbers mean, how to dial out through it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trunk {
    /// Its name.
    pub name: TrunkName,
    /// Addresses and networks that its calls come in from.
    pub sources: Vec<SourceNetwork>,
    /// Names in the certificates of those who call, in lower case.
    pub tls_peers: Vec<String>,
    /// Callers who show a password. Where there are sources or TLS peers too, a call needs both.
    pub users: Vec<User>,
    /// Whether what it asserts of a caller's number is believed.
    pub trusts_identity: bool,
    /// Most of its calls at once, both ways together.
    pub calls_max: Option<u32>,
    /// Most of its new calls in a second, both ways together.
    pub calls_per_second_max: Option<u32>,
    /// Codecs, the one that is liked best first; empty for all that there are.
    pub codecs: Vec<Codec>,
    /// Whether media is encrypted; `None` as the VRU has it.
    pub media_security: Option<MediaSecurity>,
    /// The language of prompts where the dialled number says nothing.
    pub language: Option<Language>,
    /// How numbers are dialled there.
    pub number_plan: Option<NumberPlan>,
    /// What its numbers lead to.
    pub numbers: Vec<Number>,
    /// How to call out through it.
    pub dial_out: Option<DialOut>,
    /// Where to register.
    pub registration: Option<Registration>,
}

/// A caller who shows a password: at least one hash of it is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The name.
    pub name: String,
    /// The hash for MD5.
    pub md5: Option<Ha1>,
    /// The hash for SHA-256.
    pub sha256: Option<Ha1>,
}

/// A dialled number, or many, and what answers there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Number {
    /// Which, in the plan's international form.
    pub pattern: NumberPattern,
    /// The application.
    pub application: Application,
    /// The language, that of the trunk included; `None` is that of the VRU.
    pub language: Option<Language>,
    /// The room that the number belongs to: codes of other rooms are unknown there.
    pub room: Option<RoomName>,
    /// The code that stands for the number: callers enter without being asked for one.
    pub code: Option<ConferenceCode>,
}

/// How to call out through a trunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DialOut {
    /// Where calls go, the one that is liked best first; at least one.
    pub hosts: Vec<Host>,
    /// How they travel; `None` as the DNS says, or UDP.
    pub transport: Option<Transport>,
    /// Which numbers go through here; at least one rule.
    pub rules: Vec<DialRule>,
    /// The number that callees see where nobody says another.
    pub caller_number: Option<DialNumber>,
    /// What is shown to who asks for a password.
    pub credentials: Option<Credentials>,
    /// Whether a 3xx is followed.
    pub follows_redirects: bool,
    /// Of trunks that a number fits alike the one with the lowest is tried first.
    pub priority: u16,
    /// How long a callee may ring.
    pub ring_max: Duration,
}

/// A name and its password, as we show them to others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The name.
    pub user: String,
    /// The password.
    pub password: Secret,
}

/// A registration at a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// Where to register.
    pub registrar: Host,
    /// How requests travel; `None` as the DNS says, or UDP.
    pub transport: Option<Transport>,
    /// The number or name that is registered.
    pub user: String,
    /// What is shown to who asks for a password.
    pub credentials: Option<Credentials>,
    /// For how long each time.
    pub expires: Duration,
}
