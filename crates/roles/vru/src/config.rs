//! Settings of a VRU.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use partyline_call::{KeyMaps, Language, Patience};
use partyline_codec::Codec;
use partyline_conference::{ConferenceCode, RoomName, VruId};
use partyline_rpc::Address;
use partyline_sip::auth::DigestHash;
use partyline_sip::rules::SessionRules;
use partyline_sip::sdp::MediaSecurity;
use partyline_tls::{CertificateSource, ClientCertificates, Trust};
use partyline_trunk::{Application, SourceNetwork, Trunk, UnknownSources};
use serde::Deserialize;

/// The codecs that callers may use, the one that we like best first, where no setting says otherwise: the best sound. G.711
/// costs least; who has more callers than processors puts it first.
pub const CODECS_LIKED: [Codec; 4] = Codec::ALL;

/// The hashes in which callers may show a password, the one that we like best first, where no setting says otherwise.
pub const DIGESTS_LIKED: [DigestHash; 2] = [DigestHash::Sha256, DigestHash::Md5];

/// Settings of a VRU. Parsed once; what it holds can't be wrong.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The VRU's identifier.
    #[serde(with = "partyline_rpc::text")]
    pub id: VruId,
    /// Addresses on which calls come in, each on UDP and TCP. Port 0 takes any port that is free on both.
    pub sip_listen: Vec<SocketAddr>,
    /// The address that callers are told, for signalling and media, where it is not that of the socket.
    pub external_address: Option<IpAddr>,
    /// Addresses that callers of single networks are told instead; the first that covers a caller holds.
    pub external_addresses: Vec<ExternalAddress>,
    /// Calls over TLS.
    #[serde(skip)]
    pub tls: Option<SipTls>,
    /// Name servers for the names of trunks and registrars; none means those of the system.
    pub nameservers: Vec<SocketAddr>,
    /// The local address of media; `None` takes that of the socket the call came in on.
    pub rtp_address: Option<IpAddr>,
    /// Whether callers' media has to be secret.
    #[serde(deserialize_with = "media_security")]
    pub media_security: MediaSecurity,
    /// Codecs that callers may use, the one we like best first.
    #[serde(deserialize_with = "codecs")]
    pub codecs: Vec<Codec>,
    /// The hashes in which callers may show a password, the one we like best first.
    #[serde(skip)]
    pub digests: Vec<DigestHash>,
    /// Most calls at once; further ones are refused with 503.
    pub calls_max: usize,
    /// How long a call stays up without a sign of life; `None` for ever.
    #[serde(skip)]
    pub session: Option<SessionRules>,
    /// Most calls at once that are not confirmed by ACK.
    pub half_open_max: usize,
    /// The language where the dialled number says none.
    #[serde(deserialize_with = "language")]
    pub language: Language,
    /// What callers' keys mean.
    #[serde(skip)]
    pub keys: KeyMaps,
    /// What is dialled, and what answers. Other numbers reach conferencing; other digits of a code's length are a code.
    pub numbers: BTreeMap<String, DialledNumber>,
    /// Networks of trunks: their wrong codes count per caller's number and number dialled, not per address.
    pub trusted_sources: Vec<SourceNetwork>,
    /// Trunks of the settings; those made by command come from the store.
    #[serde(skip)]
    pub trunks: Vec<Trunk>,
    /// What becomes of calls that belong to no trunk.
    pub unknown_sources: UnknownSources,
    /// How long an operator is rung who is called by a SIP address.
    #[serde(skip)]
    pub operator_ring_max: Duration,
    /// The defence against guessing.
    pub guess_defence: GuessDefence,
    /// How long the VRU waits for other roles.
    pub waits: Waits,
    /// How long callers may take.
    #[serde(skip)]
    pub patience: Patience,
}

impl Config {
    /// How long an operator is rung who is called by a SIP address, where nothing else is said.
    pub const OPERATOR_RING_MAX_DEFAULT: Duration = Duration::from_secs(60);
}

impl Default for Config {
    fn default() -> Self {
        Self {
            id: VruId::new("vru-1").expect("a plain name"),
            sip_listen: vec![SocketAddr::from(([0, 0, 0, 0], 5060))],
            external_address: None,
            external_addresses: Vec::new(),
            tls: None,
            nameservers: Vec::new(),
            rtp_address: None,
            media_security: MediaSecurity::default(),
            codecs: CODECS_LIKED.to_vec(),
            digests: DIGESTS_LIKED.to_vec(),
            calls_max: 2000,
            session: Some(SessionRules::default()),
            half_open_max: 500,
            language: Language::English,
            keys: KeyMaps::default(),
            numbers: BTreeMap::new(),
            trusted_sources: Vec::new(),
            trunks: Vec::new(),
            unknown_sources: UnknownSources::default(),
            operator_ring_max: Self::OPERATOR_RING_MAX_DEFAULT,
            guess_defence: GuessDefence::default(),
            waits: Waits::default(),
            patience: Patience::default(),
        }
    }
}

/// What callers of some networks are told as our address, as a router translates it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExternalAddress {
    /// The callers' networks.
    pub networks: Vec<SourceNetwork>,
    /// Networks within these that come without the translation.
    #[serde(default)]
    pub except: Vec<SourceNetwork>,
    /// The address.
    pub address: IpAddr,
}

impl ExternalAddress {
    /// Whether a caller comes by this address.
    pub(crate) fn covers(&self, caller: IpAddr) -> bool {
        let is_in = |networks: &[SourceNetwork]| networks.iter().any(|network| network.contains(caller));
        is_in(&self.networks) && !is_in(&self.except)
    }
}

/// Calls over TLS.
#[derive(Debug, Clone)]
pub struct SipTls {
    /// Addresses on which they come in.
    pub listen: Vec<SocketAddr>,
    /// What we show of ourselves, to callers and to whom we call.
    pub certificate: CertificateSource,
    /// What callers have to show.
    pub clients: ClientCertificates,
    /// Who vouches for whom we call.
    pub trust: Trust,
    /// Others who do, for single hosts by the name that they are called by.
    pub targets: BTreeMap<String, Trust>,
    /// How often a newer certificate is looked for.
    pub looks_every: Duration,
}

/// What answers a dialled number.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DialledNumber {
    /// The application.
    pub application: Application,
    /// The language; `None` is the VRU's.
    #[serde(deserialize_with = "some_language")]
    pub language: Option<Language>,
    /// The room that the number belongs to: codes of other rooms are unknown there.
    #[serde(deserialize_with = "some_text")]
    pub room: Option<RoomName>,
    /// The code that stands for the number: callers enter without being asked for one.
    #[serde(deserialize_with = "some_code")]
    pub code: Option<ConferenceCode>,
}

impl Default for DialledNumber {
    fn default() -> Self {
        Self { application: Application::Conferencing, language: None, room: None, code: None }
    }
}

/// How wrong codes are slowed down and shut out, per source address, or per caller of a trunk.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GuessDefence {
    /// Wrong codes that cost no time: people mistype.
    pub free: u32,
    /// The first delay behind the free ones; each further wrong code doubles it.
    pub delay_ms: u64,
    /// The longest delay.
    pub delay_max_ms: u64,
    /// Wrong codes after which no code is taken from there. 8 digits and 20 tries are one chance in five million.
    pub lockout_after: u32,
    /// How long that lasts.
    pub lockout_secs: u64,
    /// In how long as many wrong codes as lock out are forgotten, one by one.
    pub forget_secs: u64,
    /// Sources kept; the one that guessed longest ago makes room.
    pub sources_max: usize,
}

impl Default for GuessDefence {
    fn default() -> Self {
        Self {
            free: 3,
            delay_ms: 1000,
            delay_max_ms: 8000,
            lockout_after: 20,
            lockout_secs: 15 * 60,
            forget_secs: 10 * 60,
            sources_max: 10_000,
        }
    }
}

/// How long the VRU waits for other roles before it tries another way.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Waits {
    /// For the store.
    pub store_ms: u64,
    /// For the first decision on one Attend stream.
    pub attend_ms: u64,
    /// For a mixer to take a leg, or to let it go.
    pub mixer_ms: u64,
    /// For one renewal of the lease, and one report.
    pub report_ms: u64,
    /// The longest pause between two attends of one caller.
    pub attend_pause_max_ms: u64,
}

impl Default for Waits {
    fn default() -> Self {
        Self { store_ms: 3000, attend_ms: 4000, mixer_ms: 2000, report_ms: 2000, attend_pause_max_ms: 4000 }
    }
}

impl Waits {
    pub(crate) const fn store(&self) -> Duration {
        Duration::from_millis(self.store_ms)
    }

    pub(crate) const fn attend(&self) -> Duration {
        Duration::from_millis(self.attend_ms)
    }

    pub(crate) const fn mixer(&self) -> Duration {
        Duration::from_millis(self.mixer_ms)
    }

    pub(crate) const fn report(&self) -> Duration {
        Duration::from_millis(self.report_ms)
    }

    pub(crate) const fn attend_pause_max(&self) -> Duration {
        Duration::from_millis(self.attend_pause_max_ms)
    }
}

/// Addresses of proxies, in order of preference.
pub(crate) type ProxyAddresses = Vec<Address>;

fn media_security<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<MediaSecurity, D::Error> {
    let word = String::deserialize(deserializer)?;
    MediaSecurity::from_word(&word)
        .ok_or_else(|| serde::de::Error::custom("expected refuse, prefer or require"))
}

fn language<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Language, D::Error> {
    let tag = String::deserialize(deserializer)?;
    Language::from_tag(&tag)
        .ok_or_else(|| serde::de::Error::custom(format!("no prompts in language {tag:?}; expected \"en\"")))
}

fn codecs<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<Codec>, D::Error> {
    let known = |name: &String| Codec::ALL.into_iter().find(|codec| codec.name().eq_ignore_ascii_case(name));
    let wrong = |name: &String| serde::de::Error::custom(format!("no codec {name:?}"));
    let names = Vec::<String>::deserialize(deserializer)?;
    names.iter().map(|name| known(name).ok_or_else(|| wrong(name))).collect()
}

fn some_language<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Language>, D::Error> {
    language(deserializer).map(Some)
}

fn some_text<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<RoomName>, D::Error> {
    let text = String::deserialize(deserializer)?;
    RoomName::new(&text).map(Some).map_err(serde::de::Error::custom)
}

fn some_code<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<ConferenceCode>, D::Error> {
    let digits = String::deserialize(deserializer)?;
    ConferenceCode::parse(&digits)
        .map(Some)
        .map_err(|error| serde::de::Error::custom(format!("the code {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_table_is_the_default() {
        let config: Config = toml::from_str("").unwrap();
        assert_eq!(config.id.as_str(), "vru-1");
        assert_eq!(config.sip_listen, ["0.0.0.0:5060".parse().unwrap()]);
    }

    #[test]
    fn a_number_picks_its_application_room_and_language() {
        let config: Config = toml::from_str(
            "[numbers]\n600 = { application = \"linetest\" }\nboard = { room = \"board\", language = \"en\" }\nall = { code = \"12345678\" }",
        )
        .unwrap();
        assert_eq!(config.numbers["600"].application, Application::Linetest);
        assert_eq!(config.numbers["board"].room, Some(RoomName::new("board").unwrap()));
        assert!(config.numbers["all"].code.is_some());
    }

    #[test]
    fn nonsense_is_refused() {
        for text in [
            "sip_port = 1",
            "language = \"tlh\"",
            "[numbers]\na = { code = \"12\" }",
            "id = \"A B\"",
            "sip_listen = [\"x\"]",
        ] {
            assert!(toml::from_str::<Config>(text).is_err(), "{text}");
        }
    }
}
