//! The shape of the configuration, as the file, the environment and flags spell it.
//!
//! Defaults stand here and nowhere else. What depends on more than one key is checked in
//! [`super::Config`].

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use partyline_conference::{MixerClass, MixerId, VruId};
use partyline_engine::IoChoice;
use partyline_trunk::{TrunkSettings, UnknownSources};
use partyline_vru::{CODECS_LIKED, DIGESTS_LIKED, MediaSecurity, SessionRules, SourceNetwork};
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};

use super::dial_out::DialOut;
use super::keypad::Keypad;
use super::store::Store;
use super::values::{
    Application, ClientRule, Code, CodecWord, Count, DigestWord, Language, Limit, LogFilter, LogFormat,
    PortRange, Room, Span, Srtp, Text,
};

/// The whole file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct File {
    pub(crate) data_dir: PathBuf,
    pub(crate) store: Store,
    pub(crate) sip: Sip,
    pub(crate) guess_defence: GuessDefence,
    pub(crate) rtp: Rtp,
    pub(crate) http: Http,
    pub(crate) cms: InterfaceServers,
    pub(crate) linetest: InterfaceServers,
    pub(crate) sound: Sound,
    pub(crate) prompts: Prompts,
    pub(crate) keypad: Keypad,
    pub(crate) dial_out: DialOut,
    pub(crate) retention: Retention,
    pub(crate) log: Log,
    pub(crate) dnis: BTreeMap<String, Dnis>,
    pub(crate) mixer: Vec<Mixer>,
    pub(crate) vru: Vec<Vru>,
    pub(crate) trunk: Vec<TrunkSettings>,
}

impl Default for File {
    fn default() -> Self {
        Self {
            data_dir: PathBuf::from("./partyline-data"),
            store: Store::default(),
            sip: Sip::default(),
            guess_defence: GuessDefence::default(),
            rtp: Rtp::default(),
            http: Http::default(),
            cms: InterfaceServers::default(),
            linetest: InterfaceServers::default(),
            sound: Sound::default(),
            prompts: Prompts::default(),
            keypad: Keypad::default(),
            dial_out: DialOut::default(),
            retention: Retention::default(),
            log: Log::default(),
            dnis: BTreeMap::from([("linetest".to_owned(), Dnis::application(Application::Linetest))]),
            mixer: Vec::new(),
            vru: Vec::new(),
            trunk: Vec::new(),
        }
    }
}

/// Where calls come in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Sip {
    pub(crate) listen: Vec<Text<SocketAddr>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) external_address: Option<Text<IpAddr>>,
    pub(crate) nameservers: Vec<Text<SocketAddr>>,
    pub(crate) codecs: Vec<Text<CodecWord>>,
    pub(crate) digests: Vec<Text<DigestWord>>,
    pub(crate) calls_max: Count<1, 100_000>,
    pub(crate) session_expires: Text<Limit>,
    pub(crate) session_min: Text<Span>,
    pub(crate) unknown_sources: UnknownSources,
    pub(crate) tls: SipTls,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) external: Vec<External>,
}

impl Default for Sip {
    fn default() -> Self {
        let session = SessionRules::default();
        Self {
            listen: vec![Text(SocketAddr::from(([0, 0, 0, 0], 5060)))],
            external_address: None,
            nameservers: Vec::new(),
            digests: DIGESTS_LIKED.map(|digest| Text(DigestWord(digest))).to_vec(),
            codecs: CODECS_LIKED.map(|codec| Text(CodecWord(codec))).to_vec(),
            calls_max: Count::of::<2000>(),
            session_expires: Text(Limit(Some(session.expires))),
            session_min: Text(Span(session.min)),
            unknown_sources: UnknownSources::default(),
            tls: SipTls::default(),
            external: Vec::new(),
        }
    }
}

/// Calls over TLS.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct SipTls {
    pub(crate) listen: Vec<Text<SocketAddr>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) certificate: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<PathBuf>,
    pub(crate) self_signed: bool,
    pub(crate) client_certificates: Text<ClientRule>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) client_ca: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ca: Option<PathBuf>,
}

impl Default for SipTls {
    fn default() -> Self {
        Self {
            listen: Vec::new(),
            certificate: None,
            key: None,
            self_signed: false,
            client_certificates: Text(ClientRule::NotAsked),
            client_ca: None,
            ca: None,
        }
    }
}

/// What callers of some networks are told as our address.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct External {
    pub(crate) networks: Vec<Text<SourceNetwork>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) except: Vec<Text<SourceNetwork>>,
    pub(crate) address: Text<IpAddr>,
}

/// How wrong codes are slowed down and shut out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct GuessDefence {
    pub(crate) trusted_sources: Vec<Text<SourceNetwork>>,
    pub(crate) free: Count<0, 100>,
    pub(crate) delay: Text<Span>,
    pub(crate) delay_max: Text<Span>,
    pub(crate) lockout_after: Count<1, 1000>,
    pub(crate) lockout: Text<Span>,
    pub(crate) forget: Text<Span>,
}

impl Default for GuessDefence {
    fn default() -> Self {
        let seconds = |seconds| Text(Span(Duration::from_secs(seconds)));
        Self {
            trusted_sources: Vec::new(),
            free: Count::of::<3>(),
            delay: seconds(1),
            delay_max: seconds(8),
            lockout_after: Count::of::<20>(),
            lockout: seconds(15 * 60),
            forget: seconds(10 * 60),
        }
    }
}

/// Media.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Rtp {
    pub(crate) ports: Text<PortRange>,
    pub(crate) srtp: Text<Srtp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) threads: Option<Count<1, 64>>,
    pub(crate) io: Text<IoChoice>,
}

impl Default for Rtp {
    fn default() -> Self {
        Self {
            ports: Text(PortRange { first: 16384, last: 32767 }),
            srtp: Text(Srtp(MediaSecurity::default())),
            threads: None,
            io: Text(IoChoice::default()),
        }
    }
}

/// The HTTP listener.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Http {
    pub(crate) listen: Text<SocketAddr>,
}

impl Default for Http {
    fn default() -> Self {
        Self { listen: Text(SocketAddr::from(([127, 0, 0, 1], 8080))) }
    }
}

/// How many interface servers a service has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct InterfaceServers {
    pub(crate) interface_servers: Count<1, 16>,
}

impl Default for InterfaceServers {
    fn default() -> Self {
        Self { interface_servers: Count::of::<2>() }
    }
}

/// What mixers do to sound besides adding it up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Sound {
    pub(crate) agc: bool,
    pub(crate) hum_filter: bool,
    pub(crate) comfort_noise: bool,
    pub(crate) noise_suppression: bool,
}

impl Default for Sound {
    fn default() -> Self {
        Self { agc: true, hum_filter: true, comfort_noise: true, noise_suppression: true }
    }
}

/// What callers hear.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Prompts {
    pub(crate) language: Text<Language>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) directory: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) asterisk_pack: Option<PathBuf>,
}

impl Default for Prompts {
    fn default() -> Self {
        Self {
            language: Text(Language(partyline_call::Language::English)),
            directory: None,
            asterisk_pack: None,
        }
    }
}

/// How long records are kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Retention {
    pub(crate) conferences: Text<Limit>,
    pub(crate) events: Text<Limit>,
    pub(crate) attempts: Text<Limit>,
    pub(crate) commands: Text<Limit>,
}

impl Default for Retention {
    fn default() -> Self {
        let default = partyline_store::Retention::default();
        Self {
            conferences: Text(Limit(default.conferences)),
            events: Text(Limit(default.events)),
            attempts: Text(Limit(default.attempts)),
            commands: Text(Limit(default.commands)),
        }
    }
}

/// The log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Log {
    pub(crate) format: Text<LogFormat>,
    pub(crate) filter: Text<LogFilter>,
}

impl Default for Log {
    fn default() -> Self {
        let default = partyline_telemetry::LogConfig::default();
        Self { format: Text(LogFormat(default.format)), filter: Text(LogFilter(default.filter)) }
    }
}

/// One mixer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Mixer {
    pub(crate) id: Text<MixerId>,
    #[serde(default = "standard_class")]
    pub(crate) class: Text<MixerClass>,
    #[serde(default = "seats_max")]
    pub(crate) seats_max: Count<1, 100_000>,
}

/// The class of rooms and mixers that say nothing.
pub(crate) fn standard_class() -> Text<MixerClass> {
    Text(MixerClass::new("standard").expect("the word is a name"))
}

/// What two cores carry with room to spare (see the benchmarks); more is asked for by who has more.
const fn seats_max() -> Count<1, 100_000> {
    Count::of::<1000>()
}

/// One VRU.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Vru {
    pub(crate) id: Text<VruId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) sip_listen: Option<Vec<Text<SocketAddr>>>,
}

/// What a dialled number leads to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Dnis {
    pub(crate) application: Text<Application>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) language: Option<Text<Language>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) room: Option<Text<Room>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) code: Option<Text<Code>>,
}

impl Dnis {
    const fn application(application: Application) -> Self {
        Self { application: Text(application), language: None, room: None, code: None }
    }
}

/// The long way to write an entry.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DnisTable {
    #[serde(default = "conferencing")]
    application: Text<Application>,
    #[serde(default)]
    language: Option<Text<Language>>,
    #[serde(default)]
    room: Option<Text<Room>>,
    #[serde(default)]
    code: Option<Text<Code>>,
}

const fn conferencing() -> Text<Application> {
    Text(Application::Conferencing)
}

impl<'de> Deserialize<'de> for Dnis {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct DnisVisitor;

        impl<'de> Visitor<'de> for DnisVisitor {
            type Value = Dnis;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "\"conferencing\", \"linetest\", or a table such as { application = \"conferencing\", language = \"en\", room = \"demo\" }",
                )
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Dnis, E> {
                let application =
                    text.parse().map_err(|_| E::invalid_value(de::Unexpected::Str(text), &self))?;
                Ok(Dnis::application(application))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Dnis, A::Error> {
                let table = DnisTable::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Dnis {
                    application: table.application,
                    language: table.language,
                    room: table.room,
                    code: table.code,
                })
            }
        }

        deserializer.deserialize_any(DnisVisitor)
    }
}
