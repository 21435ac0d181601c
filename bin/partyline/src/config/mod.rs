//! The configuration: read from layers once, into a value that can't be wrong.
//!
//! It holds no setting that depends on the machine: whether a port is free or a folder exists is for
//! `doctor` and the start to find out.

pub(crate) mod dial_out;
pub(crate) mod edge;
pub(crate) mod file;
mod keypad;
mod layers;
pub(crate) mod reference;
mod settings;
pub(crate) mod show;
pub(crate) mod store;
#[cfg(test)]
mod tests;
pub(crate) mod trunks;
pub(crate) mod values;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use partyline_call::{KeyMaps, Language};
use partyline_conference::{
    ConferenceCode, DialOutRules, InterfaceServerId, MixerClass, MixerId, RoomName, VruId,
};
use partyline_engine::IoChoice;
use partyline_store::Retention;
use partyline_telemetry::LogConfig;
use partyline_trunk::{Trunk, UnknownSources};
use partyline_vru::{Codec, DigestHash, ExternalAddress, MediaSecurity, SessionRules, SourceNetwork};

pub(crate) use layers::{ConfigError, FlagValue, Inputs, Origin, Origins};

use file::File;
use layers::Problem;
use values::{Application, PortRange};

/// More roles of a kind than this are a slip.
const ROLES_MAX: usize = 64;
/// More addresses than this are a slip.
const LISTEN_MAX: usize = 16;
/// More networks of trunks are a slip.
const TRUSTED_SOURCES_MAX: usize = 256;
/// More dialled numbers than this belong into a routing proxy.
const DNIS_MAX: usize = 10_000;
/// The longest user part of an address that is looked up.
const DNIS_CHARS_MAX: usize = 64;

/// Everything in force.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Config {
    pub(crate) data_dir: PathBuf,
    /// The server that holds the store; `None` for a file in the data folder.
    pub(crate) store: Option<store::Postgres>,
    pub(crate) external_address: Option<IpAddr>,
    pub(crate) external: Vec<ExternalAddress>,
    pub(crate) tls: Option<edge::SipTls>,
    pub(crate) nameservers: Vec<SocketAddr>,
    pub(crate) codecs: Vec<Codec>,
    pub(crate) digests: Vec<DigestHash>,
    pub(crate) calls_max: usize,
    pub(crate) session: Option<SessionRules>,
    pub(crate) guess_defence: GuessDefence,
    pub(crate) rtp_ports: PortRange,
    pub(crate) media_security: MediaSecurity,
    pub(crate) media_threads: Option<NonZeroUsize>,
    pub(crate) media_io: IoChoice,
    pub(crate) http_listen: SocketAddr,
    pub(crate) cms: Vec<InterfaceServerId>,
    pub(crate) linetest: Vec<InterfaceServerId>,
    pub(crate) mixers: Vec<Mixer>,
    pub(crate) vrus: Vec<Vru>,
    pub(crate) sound: file::Sound,
    pub(crate) prompts: Prompts,
    pub(crate) keys: KeyMaps,
    pub(crate) dial_out: Arc<DialOutRules>,
    pub(crate) operator_ring_max: Duration,
    pub(crate) retention: Retention,
    pub(crate) log: LogConfig,
    pub(crate) dnis: BTreeMap<String, Dnis>,
    pub(crate) unknown_sources: UnknownSources,
    pub(crate) trunks: Vec<Trunk>,
}

/// How wrong codes are slowed down and shut out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GuessDefence {
    pub(crate) trusted_sources: Vec<SourceNetwork>,
    pub(crate) free: u32,
    pub(crate) delay: Duration,
    pub(crate) delay_max: Duration,
    pub(crate) lockout_after: u32,
    pub(crate) lockout: Duration,
    pub(crate) forget: Duration,
}

/// One mixer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mixer {
    pub(crate) id: MixerId,
    pub(crate) class: MixerClass,
    pub(crate) seats_max: u32,
}

/// One VRU.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Vru {
    pub(crate) id: VruId,
    pub(crate) listen: Vec<SocketAddr>,
    /// Whether it takes the calls over TLS.
    pub(crate) has_tls: bool,
}

/// What callers hear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Prompts {
    pub(crate) language: Language,
    pub(crate) directory: Option<PathBuf>,
    pub(crate) asterisk_pack: Option<PathBuf>,
}

/// What a dialled number leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dnis {
    pub(crate) application: Application,
    pub(crate) language: Option<Language>,
    pub(crate) room: Option<RoomName>,
    pub(crate) code: Option<ConferenceCode>,
}

/// The configuration with its history.
#[derive(Debug, Clone)]
pub(crate) struct Loaded {
    pub(crate) config: Config,
    pub(crate) file: File,
    pub(crate) origins: Origins,
}

/// Reads all layers and checks them together.
pub(crate) fn load(inputs: &Inputs) -> Result<Loaded, ConfigError> {
    let (file, origins) = layers::merge(inputs)?;
    let config = check(&file, &origins, &inputs.environment)?;
    Ok(Loaded { config, file, origins })
}

/// Collects what is wrong with what.
struct Problems<'a> {
    origins: &'a Origins,
    found: Vec<Problem>,
}

impl Problems<'_> {
    fn add(&mut self, key: &str, message: impl Into<String>) {
        let place = match self.origins.of(key) {
            Origin::Default => "configuration".to_owned(),
            origin @ (Origin::Line(..) | Origin::Variable(_) | Origin::Flag(_)) => origin.to_string(),
        };
        self.found.push(Problem { place, message: format!("{key}: {}", message.into()), line: None });
    }
}

fn check(file: &File, origins: &Origins, environment: &[(String, String)]) -> Result<Config, ConfigError> {
    let mut problems = Problems { origins, found: Vec::new() };
    if file.data_dir.as_os_str().is_empty() {
        problems.add("data_dir", "expected a folder's path, found an empty text");
    }
    let servers = |prefix: &str, count: u32| -> Vec<InterfaceServerId> {
        (1..=count)
            .map(|place| {
                InterfaceServerId::new(&format!("{prefix}-{place}")).expect("a word and a number are a name")
            })
            .collect()
    };
    let config = Config {
        data_dir: file.data_dir.clone(),
        store: store::store(file, environment, &mut problems),
        external_address: external_address(file, &mut problems),
        external: edge::external(file, &mut problems),
        tls: edge::tls(file, &mut problems),
        nameservers: edge::nameservers(file, &mut problems),
        codecs: edge::codecs(file, &mut problems),
        digests: edge::digests(file, &mut problems),
        calls_max: file.sip.calls_max.number() as usize,
        session: edge::session(file, &mut problems),
        guess_defence: guess_defence(file, &mut problems),
        rtp_ports: file.rtp.ports.0,
        media_security: file.rtp.srtp.0.0,
        media_threads: file.rtp.threads.and_then(|threads| NonZeroUsize::new(threads.number() as usize)),
        media_io: file.rtp.io.0,
        http_listen: file.http.listen.0,
        cms: servers("cms", file.cms.interface_servers.number()),
        linetest: servers("linetest", file.linetest.interface_servers.number()),
        mixers: mixers(file, &mut problems),
        vrus: vrus(file, &mut problems),
        sound: file.sound,
        prompts: Prompts {
            language: file.prompts.language.0.0,
            directory: file.prompts.directory.clone(),
            asterisk_pack: file.prompts.asterisk_pack.clone(),
        },
        keys: keypad::key_maps(file, &mut problems),
        dial_out: Arc::new(dial_out::rules(file, &mut problems)),
        operator_ring_max: file.dial_out.operator_ring_max.0.0,
        retention: Retention {
            conferences: file.retention.conferences.0.0,
            events: file.retention.events.0.0,
            attempts: file.retention.attempts.0.0,
            commands: file.retention.commands.0.0,
        },
        log: LogConfig { format: file.log.format.0.0, filter: file.log.filter.0.0.clone() },
        dnis: dnis(file, &mut problems),
        unknown_sources: file.sip.unknown_sources,
        trunks: trunks::trunks(file, environment, &mut problems),
    };
    check_role_names(&config, &mut problems);
    check_addresses(&config, &mut problems);
    if problems.found.is_empty() { Ok(config) } else { Err(ConfigError { problems: problems.found }) }
}

fn external_address(file: &File, problems: &mut Problems<'_>) -> Option<IpAddr> {
    let address = file.sip.external_address.as_ref()?.0;
    if address.is_unspecified() || address.is_multicast() {
        problems.add(
            "sip.external_address",
            format!("{address} can't be called; expected the address that callers reach"),
        );
    }
    Some(address)
}

fn guess_defence(file: &File, problems: &mut Problems<'_>) -> GuessDefence {
    let file = &file.guess_defence;
    if file.delay.0.0 > file.delay_max.0.0 {
        problems.add(
            "guess_defence.delay",
            "it is longer than guess_defence.delay_max; expected the shorter of the two",
        );
    }
    if file.trusted_sources.len() > TRUSTED_SOURCES_MAX {
        problems.add(
            "guess_defence.trusted_sources",
            format!("{} networks; at most {TRUSTED_SOURCES_MAX} are allowed", file.trusted_sources.len()),
        );
    }
    GuessDefence {
        trusted_sources: file.trusted_sources.iter().map(|network| network.0).collect(),
        free: file.free.number(),
        delay: file.delay.0.0,
        delay_max: file.delay_max.0.0,
        lockout_after: file.lockout_after.number(),
        lockout: file.lockout.0.0,
        forget: file.forget.0.0,
    }
}

fn mixers(file: &File, problems: &mut Problems<'_>) -> Vec<Mixer> {
    if file.mixer.len() > ROLES_MAX {
        problems.add("mixer", format!("{} mixers; at most {ROLES_MAX} are allowed", file.mixer.len()));
    }
    if file.mixer.is_empty() {
        let one = toml::from_str::<file::Mixer>("id = \"mixer-1\"").expect("the default mixer reads");
        return vec![mixer(&one)];
    }
    file.mixer.iter().map(mixer).collect()
}

fn mixer(entry: &file::Mixer) -> Mixer {
    Mixer { id: entry.id.0.clone(), class: entry.class.0.clone(), seats_max: entry.seats_max.number() }
}

fn vrus(file: &File, problems: &mut Problems<'_>) -> Vec<Vru> {
    let shared: Vec<SocketAddr> = file.sip.listen.iter().map(|address| address.0).collect();
    if shared.is_empty() {
        problems.add("sip.listen", "expected at least one address with a port, such as \"0.0.0.0:5060\"");
    }
    if file.vru.is_empty() {
        return vec![Vru {
            id: VruId::new("vru-1").expect("the word is a name"),
            listen: shared,
            has_tls: true,
        }];
    }
    if file.vru.len() > ROLES_MAX {
        problems.add("vru", format!("{} VRUs; at most {ROLES_MAX} are allowed", file.vru.len()));
    }
    let mut sharing = 0;
    let mut vrus = Vec::new();
    for (place, entry) in file.vru.iter().enumerate() {
        let listen = match &entry.sip_listen {
            Some(own) => own.iter().map(|address| address.0).collect(),
            None => {
                sharing += 1;
                shared.clone()
            }
        };
        if listen.is_empty() {
            problems.add(&format!("vru[{place}].sip_listen"), "expected at least one address with a port");
        }
        if sharing > 1 && entry.sip_listen.is_none() {
            problems.add(
                &format!("vru[{place}]"),
                "expected sip_listen: only one VRU can take the addresses of sip.listen",
            );
        }
        // One VRU can take the addresses of TLS: the one that takes those of sip.listen, else the first.
        let has_tls = if file.vru.iter().any(|vru| vru.sip_listen.is_none()) {
            entry.sip_listen.is_none()
        } else {
            place == 0
        };
        vrus.push(Vru { id: entry.id.0.clone(), listen, has_tls });
    }
    if sharing == 0 && problems.origins.of("sip.listen") != Origin::Default {
        problems.add("sip.listen", "it would have no effect: every [[vru]] has a sip_listen of its own");
    }
    vrus
}

fn dnis(file: &File, problems: &mut Problems<'_>) -> BTreeMap<String, Dnis> {
    if file.dnis.len() > DNIS_MAX {
        problems.add("dnis", format!("{} numbers; at most {DNIS_MAX} are allowed", file.dnis.len()));
    }
    let mut entries = BTreeMap::new();
    for (number, entry) in &file.dnis {
        let is_user = (1..=DNIS_CHARS_MAX).contains(&number.len())
            && number.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-_.!~*'()".contains(&byte));
        if !is_user {
            problems.add(
                &format!("dnis.{number}"),
                "expected a dialled number or name of 1 to 64 characters, such as \"18005551234\"",
            );
        }
        if entry.application.0 == Application::Linetest && (entry.room.is_some() || entry.code.is_some()) {
            problems.add(
                &format!("dnis.{number}"),
                "a line test has no room; expected room and code only with \"conferencing\"",
            );
        }
        entries.insert(
            number.clone(),
            Dnis {
                application: entry.application.0,
                language: entry.language.map(|language| language.0.0),
                room: entry.room.as_ref().map(|room| room.0.0.clone()),
                code: entry.code.as_ref().map(|code| code.0.0.clone()),
            },
        );
    }
    entries
}

/// Roles are stopped and started by name: no two may share one.
fn check_role_names(config: &Config, problems: &mut Problems<'_>) {
    let mut names: BTreeSet<&str> = BTreeSet::from(["proxy"]);
    names.extend(config.cms.iter().chain(&config.linetest).map(InterfaceServerId::as_str));
    let mixers = config
        .mixers
        .iter()
        .enumerate()
        .map(|(place, mixer)| (format!("mixer[{place}].id"), mixer.id.as_str()));
    let vrus =
        config.vrus.iter().enumerate().map(|(place, vru)| (format!("vru[{place}].id"), vru.id.as_str()));
    for (key, name) in mixers.chain(vrus) {
        if !names.insert(name) {
            problems.add(&key, format!("\"{name}\" is the name of another role; expected a name of its own"));
        }
    }
}

fn check_addresses(config: &Config, problems: &mut Problems<'_>) {
    let mut taken: BTreeSet<SocketAddr> = BTreeSet::new();
    for (place, vru) in config.vrus.iter().enumerate() {
        let own = format!("vru[{place}].sip_listen");
        let key = if problems.origins.of(&own) == Origin::Default { "sip.listen" } else { own.as_str() };
        if vru.listen.len() > LISTEN_MAX {
            problems.add(key, format!("{} addresses; at most {LISTEN_MAX} are allowed", vru.listen.len()));
        }
        for address in &vru.listen {
            if address.port() != 0 && !taken.insert(*address) {
                problems.add(key, format!("{address} is named twice; expected each address once"));
            }
            if (config.rtp_ports.first..=config.rtp_ports.last).contains(&address.port()) {
                problems.add(
                    key,
                    format!(
                        "port {} is one of rtp.ports ({}); expected a port outside",
                        address.port(),
                        config.rtp_ports
                    ),
                );
            }
        }
    }
    for address in config.tls.iter().flat_map(|tls| &tls.listen) {
        if address.port() != 0 && !taken.insert(*address) {
            problems.add("sip.tls.listen", format!("{address} is taken for SIP; expected another port"));
        }
    }
    if config.http_listen.port() != 0 && taken.contains(&config.http_listen) {
        problems
            .add("http.listen", format!("{} is taken for SIP; expected another port", config.http_listen));
    }
}
