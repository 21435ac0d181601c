//! How each kind of role is started and stopped.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use partyline_cms::InterfaceServer;
use partyline_conference::InterfaceServerId;
use partyline_linetest::LineTestServer;
use partyline_mixer::Mixer;
use partyline_proxy::ProxyServer;
use partyline_rpc::{Address, RpcLog};
use partyline_vru::{DialledNumber, Dialler, SourceCounts, TransportKind, TrunkStatus, Vru};
use serde_json::{Value, json};

use super::error::StartError;
use super::role_set::Parts;
use crate::config::values::Application;
use crate::config::{self, Config};
use crate::prompts;

/// How often a newer certificate is looked for: a look costs nothing, and nobody should wait for one.
const CERTIFICATE_LOOK: std::time::Duration = std::time::Duration::from_secs(5);
/// How long a VRU that was started alone may take until others know of it.
const KNOWN_MAX: std::time::Duration = std::time::Duration::from_secs(2);
/// The one proxy's name.
const PROXY: &str = "proxy";

/// Where requests to interface servers go.
pub(super) fn proxy() -> Address {
    Address::memory(PROXY)
}

/// What a role is made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Recipe {
    /// An interface server of conferencing.
    Cms(InterfaceServerId),
    /// An interface server of the line test.
    Linetest(InterfaceServerId),
    /// The proxy.
    Proxy,
    /// A mixer.
    Mixer(config::Mixer),
    /// A VRU.
    Vru(config::Vru),
}

/// A role that runs.
pub(crate) enum Running {
    Cms(Box<InterfaceServer>),
    Linetest(Box<LineTestServer>),
    Proxy(Box<ProxyServer>),
    Mixer(Box<Mixer>),
    Vru(Box<Vru>),
}

impl Recipe {
    /// All roles of the settings: those that answer before those that ask.
    pub(crate) fn all(config: &Config) -> Vec<(String, Self)> {
        let cms = config.cms.iter().map(|id| (id.to_string(), Self::Cms(id.clone())));
        let linetest = config.linetest.iter().map(|id| (id.to_string(), Self::Linetest(id.clone())));
        let mixers = config.mixers.iter().map(|mixer| (mixer.id.to_string(), Self::Mixer(mixer.clone())));
        let vrus = config.vrus.iter().map(|vru| (vru.id.to_string(), Self::Vru(vru.clone())));
        cms.chain(linetest).chain([(PROXY.to_owned(), Self::Proxy)]).chain(mixers).chain(vrus).collect()
    }

    /// The kind, in the words of lists.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Cms(_) => "interface server",
            Self::Linetest(_) => "line test server",
            Self::Proxy => "proxy",
            Self::Mixer(_) => "mixer",
            Self::Vru(_) => "vru",
        }
    }

    pub(crate) const fn is_vru(&self) -> bool {
        matches!(self, Self::Vru(_))
    }

    pub(crate) const fn is_mixer(&self) -> bool {
        matches!(self, Self::Mixer(_))
    }

    pub(crate) const fn is_interface_server(&self) -> bool {
        matches!(self, Self::Cms(_) | Self::Linetest(_))
    }

    pub(crate) const fn is_proxy(&self) -> bool {
        matches!(self, Self::Proxy)
    }

    /// Starts it.
    pub(crate) async fn start(
        &self,
        name: &str,
        config: &Config,
        parts: &Parts,
    ) -> Result<Running, StartError> {
        let network = parts.network.clone();
        let address = Address::memory(name);
        let proxies = vec![proxy()];
        let failed = |error: anyhow::Error| StartError::role(name, error);
        match self {
            Self::Cms(id) => {
                let dial_out = Arc::clone(&config.dial_out);
                let config =
                    partyline_cms::Config { id: id.clone(), address, dial_out, ..Default::default() };
                let started = InterfaceServer::start(
                    config,
                    network,
                    Arc::clone(&parts.store) as _,
                    parts.signer.clone(),
                );
                started.await.map(|role| Running::Cms(Box::new(role))).map_err(|error| failed(error.into()))
            }
            Self::Linetest(id) => {
                let config = partyline_linetest::Config { id: id.clone(), address, ..Default::default() };
                let started = LineTestServer::start(config, network, Arc::clone(&parts.store) as _);
                started
                    .await
                    .map(|role| Running::Linetest(Box::new(role)))
                    .map_err(|error| failed(error.into()))
            }
            Self::Proxy => {
                let config = partyline_proxy::Config { id: name.to_owned(), address, ..Default::default() };
                let started = ProxyServer::start(config, network, Arc::clone(&parts.store) as _);
                started.await.map(|role| Running::Proxy(Box::new(role))).map_err(|error| failed(error.into()))
            }
            Self::Mixer(mixer) => {
                let phrases = prompts::phrases(&parts.prompts, config.prompts.language);
                let config = mixer_config(mixer, config, address);
                let (engine, verifier) = (parts.engine.clone(), parts.signer.verifier());
                let started = Mixer::start(config, network, engine, verifier, phrases, proxies);
                started.await.map(|role| Running::Mixer(Box::new(role))).map_err(|error| failed(error.into()))
            }
            Self::Vru(vru) => {
                let vru_config = vru_config(vru, config);
                let store = Arc::clone(&parts.store) as _;
                let started = Vru::start(
                    vru_config,
                    network,
                    parts.engine.clone(),
                    store,
                    parts.prompts.clone(),
                    proxies,
                );
                started.map(|role| Running::Vru(Box::new(role))).map_err(|error| StartError::vru(name, error))
            }
        }
    }
}

fn mixer_config(mixer: &config::Mixer, config: &Config, address: Address) -> partyline_mixer::Config {
    partyline_mixer::Config {
        id: mixer.id.clone(),
        class: mixer.class.clone(),
        seats_max: mixer.seats_max,
        address,
        hum_filter: config.sound.hum_filter,
        agc: config.sound.agc,
        comfort_noise: config.sound.comfort_noise,
        noise_suppression: config.sound.noise_suppression,
    }
}

fn vru_config(vru: &config::Vru, config: &Config) -> partyline_vru::Config {
    let milliseconds = |time: std::time::Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let guess = &config.guess_defence;
    partyline_vru::Config {
        operator_ring_max: config.operator_ring_max,
        id: vru.id.clone(),
        sip_listen: vru.listen.clone(),
        external_address: config.external_address,
        media_security: config.media_security,
        external_addresses: config.external.clone(),
        tls: config.tls.as_ref().filter(|_| vru.has_tls).map(sip_tls),
        codecs: config.codecs.clone(),
        digests: config.digests.clone(),
        nameservers: config.nameservers.clone(),
        calls_max: config.calls_max,
        session: config.session,
        language: config.prompts.language,
        keys: config.keys.clone(),
        numbers: numbers(config),
        trusted_sources: guess.trusted_sources.clone(),
        trunks: config.trunks.clone(),
        unknown_sources: config.unknown_sources,
        guess_defence: partyline_vru::GuessDefence {
            free: guess.free,
            delay_ms: milliseconds(guess.delay),
            delay_max_ms: milliseconds(guess.delay_max),
            lockout_after: guess.lockout_after,
            lockout_secs: guess.lockout.as_secs(),
            forget_secs: guess.forget.as_secs(),
            ..Default::default()
        },
        ..Default::default()
    }
}

fn sip_tls(tls: &config::edge::SipTls) -> partyline_vru::SipTls {
    partyline_vru::SipTls {
        listen: tls.listen.clone(),
        certificate: tls.certificate.clone(),
        clients: tls.clients.clone(),
        trust: tls.trust.clone(),
        targets: BTreeMap::new(),
        looks_every: CERTIFICATE_LOOK,
    }
}

fn numbers(config: &Config) -> BTreeMap<String, DialledNumber> {
    let number = |dnis: &config::Dnis| DialledNumber {
        application: match dnis.application {
            Application::Conferencing => partyline_vru::Application::Conferencing,
            Application::Linetest => partyline_vru::Application::Linetest,
        },
        language: dnis.language,
        room: dnis.room.clone(),
        code: dnis.code.clone(),
    };
    config.dnis.iter().map(|(dialled, dnis)| (dialled.clone(), number(dnis))).collect()
}

impl Running {
    /// What it answers; none for a role that answers no RPCs.
    pub(crate) fn rpc_log(&self) -> Option<RpcLog> {
        match self {
            Self::Cms(role) => Some(role.rpc_log()),
            Self::Linetest(role) => Some(role.rpc_log()),
            Self::Proxy(role) => Some(role.rpc_log()),
            Self::Mixer(role) => Some(role.rpc_log()),
            Self::Vru(_) => None,
        }
    }

    /// Where calls come in, with real ports.
    pub(crate) fn sip_addresses(&self) -> Vec<SocketAddr> {
        match self {
            Self::Vru(role) => {
                let in_the_clear =
                    role.sip_addresses().iter().filter(|address| address.transport != TransportKind::Tls);
                let mut addresses: Vec<_> = in_the_clear.map(|address| address.local).collect();
                // Each is there for UDP and for TCP.
                addresses.dedup();
                addresses
            }
            Self::Cms(_) | Self::Linetest(_) | Self::Proxy(_) | Self::Mixer(_) => Vec::new(),
        }
    }

    /// How trunks stand at a VRU.
    pub(crate) fn trunks(&self) -> Vec<TrunkStatus> {
        match self {
            Self::Vru(role) => role.trunks(),
            Self::Cms(_) | Self::Linetest(_) | Self::Proxy(_) | Self::Mixer(_) => Vec::new(),
        }
    }

    /// Who was turned away at a VRU.
    pub(crate) fn sources(&self) -> Vec<SourceCounts> {
        match self {
            Self::Vru(role) => role.sources(),
            Self::Cms(_) | Self::Linetest(_) | Self::Proxy(_) | Self::Mixer(_) => Vec::new(),
        }
    }

    /// Where calls come in over TLS, with real ports.
    pub(crate) fn tls_addresses(&self) -> Vec<SocketAddr> {
        match self {
            Self::Vru(role) => {
                let addresses = role.sip_addresses().iter();
                let secured = addresses.filter(|address| address.transport == TransportKind::Tls);
                secured.map(|address| address.local).collect()
            }
            Self::Cms(_) | Self::Linetest(_) | Self::Proxy(_) | Self::Mixer(_) => Vec::new(),
        }
    }

    /// Whoever makes calls out.
    pub(crate) fn dialler(&self) -> Option<Dialler> {
        match self {
            Self::Vru(role) => Some(role.dialler()),
            Self::Cms(_) | Self::Linetest(_) | Self::Proxy(_) | Self::Mixer(_) => None,
        }
    }

    /// Waits until those who depend on it know that it is there, for a while.
    pub(crate) async fn known(&self) {
        if let Self::Vru(role) = self {
            // Where it takes longer, it is not ready, and says so.
            let _ = tokio::time::timeout(KNOWN_MAX, role.ready()).await;
        }
    }

    /// Where it answers, as lists show it.
    pub(crate) fn address(&self) -> Value {
        let addresses: Vec<String> = self.sip_addresses().iter().map(ToString::to_string).collect();
        if addresses.is_empty() { Value::Null } else { json!(addresses.join(" ")) }
    }

    /// Whether those who depend on it know that it is there.
    pub(crate) fn is_known(&self) -> bool {
        match self {
            Self::Mixer(role) => role.has_lease(),
            Self::Vru(role) => role.is_ready(),
            Self::Cms(_) | Self::Linetest(_) | Self::Proxy(_) => true,
        }
    }

    /// Stops it.
    pub(crate) async fn stop(self) {
        match self {
            Self::Cms(role) => role.stop().await,
            Self::Linetest(role) => role.stop().await,
            Self::Proxy(role) => role.stop().await,
            Self::Mixer(role) => role.stop().await,
            Self::Vru(role) => role.stop().await,
        }
    }
}
