//! What the people and machines of a run are like: whom phones call and by which way, and what is asked of calls.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use partyline_sip::auth::{
    Challenge, Credentials, DigestCredentials, Secret, Verdict, Verifier, VerifierConfig,
};
use partyline_sip::endpoint::{
    Endpoint, EndpointConfig, FurtherHost, Listen, OutgoingCall, Target, TransportKind,
};
use partyline_sip::locate::Located;
use partyline_sip::rules::{DialogRules, Reliability, SessionRules};
use partyline_sip::sdp::{Capabilities, CodecName, KeySeed, MediaSecurity};

use super::middle::{MIDDLE, NOBODY};
use super::watch;
use crate::chance::Chance;

const PASSWORD: &str = "right";

/// How a phone's call gets to where it is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Straight to a server.
    Straight,
    /// To a server that wants to know who it is.
    Secret {
        /// Whether the phone knows the password.
        is_known: bool,
    },
    /// To several servers at once.
    Forked,
    /// By one or two redirections.
    Moved,
    /// To nowhere at first, then to the servers.
    Failing,
}

impl Way {
    pub(super) fn draw(chance: &mut Chance) -> Self {
        match chance.below(10) {
            0..=3 => Self::Straight,
            4 => Self::Secret { is_known: chance.percent(85) },
            5..=6 => Self::Forked,
            7..=8 => Self::Moved,
            _ => Self::Failing,
        }
    }
}

fn udp(remote: SocketAddr) -> Target {
    Target { transport: TransportKind::Udp, remote }
}

/// A call of a phone; its number is who calls.
pub(super) fn outgoing(chance: &mut Chance, number: usize, way: Way, servers: &[SocketAddr]) -> OutgoingCall {
    let (user, first) = match way {
        Way::Straight => ("100", *chance.pick(servers)),
        Way::Secret { .. } => ("secret", *chance.pick(servers)),
        Way::Forked => ("fork", MIDDLE),
        Way::Moved => {
            let users = ["moved", "moved-far", "moved-twice", "moved-named", "moved-away"];
            (*chance.pick(&users), MIDDLE)
        }
        Way::Failing => ("full", *chance.pick(&[MIDDLE, NOBODY])),
    };
    let (mut alternatives, mut further_hosts) = (Vec::new(), Vec::new());
    if way == Way::Failing {
        let others: Vec<_> = servers.iter().copied().take(chance.index(servers.len() + 1)).collect();
        // The others are further places of the same host, or hosts of their own.
        if chance.percent(50) {
            alternatives.extend(others.into_iter().map(udp));
        } else {
            further_hosts.extend(others.into_iter().map(|server| FurtherHost {
                target: format!("sip:{user}@{server}"),
                places: vec![udp(server)],
                server_name: None,
                advertised: None,
            }));
        }
    }
    let password = if way == (Way::Secret { is_known: false }) { "wrong" } else { PASSWORD };
    OutgoingCall {
        from_user: number.to_string(),
        delays_offer: chance.percent(20),
        credentials: vec![Credentials {
            username: "phone".to_owned(),
            password: password.to_owned(),
            realm: None,
        }],
        alternatives,
        further_hosts,
        follows_redirects: true,
        ..OutgoingCall::new(&format!("sip:{user}@{first}"), udp(first), capabilities(6_000))
    }
}

/// Where a name is served, if anywhere.
pub(super) fn located(uri: &str, servers: &[SocketAddr]) -> Vec<Located> {
    let is_known = uri.contains("pbx.example");
    let places = servers.iter().take(if is_known { 2 } else { 0 });
    places.map(|place| Located { target: udp(*place), server_name: "pbx.example".to_owned() }).collect()
}

/// Settings that any endpoint may have; a run in which a machine dies needs session timers, as nothing else tells.
pub(super) fn endpoint(
    chance: &mut Chance,
    address: SocketAddr,
    wants_session: bool,
    is_watched: bool,
) -> Endpoint {
    let reliabilities = [Reliability::Never, Reliability::WhenRequired, Reliability::WhenSupported];
    let session = (wants_session || chance.percent(60)).then(|| {
        let min = 5 + chance.below(30);
        let expires = min + chance.below(91 - min);
        SessionRules {
            expires: Duration::from_secs(expires),
            min: Duration::from_secs(min),
            is_required: false,
        }
    });
    let mut rules =
        DialogRules { reliability: *chance.pick(&reliabilities), session, ..DialogRules::default() };
    if is_watched {
        watch::allow(chance, &mut rules);
    }
    let trusts_contacts = chance.percent(50);
    made(chance, address, rules, trusts_contacts)
}

/// An endpoint with settings that suit most.
pub(crate) fn plain_endpoint(chance: &mut Chance, address: SocketAddr) -> Endpoint {
    made(chance, address, DialogRules::default(), false)
}

fn made(chance: &mut Chance, address: SocketAddr, rules: DialogRules, trusts_contacts: bool) -> Endpoint {
    let mut seed = [0; 32];
    seed[..16].copy_from_slice(&chance.bits().to_le_bytes());
    Endpoint::new(EndpointConfig {
        user_agent: "sim".to_owned(),
        listens: vec![Listen { transport: TransportKind::Udp, local: address, advertised: address }],
        calls_max: 100,
        half_open_max: 100,
        half_open_per_source_max: 100,
        trusts_contacts,
        rules,
        seed,
    })
}

/// What an endpoint can do whose media is at a port.
pub(crate) fn capabilities(port: u16) -> Capabilities {
    Capabilities {
        address: std::net::Ipv4Addr::LOCALHOST.into(),
        port,
        codecs: vec![CodecName::new("PCMU", 8_000, 0)],
        telephone_event: true,
        security: MediaSecurity::Refuse,
        key_seed: KeySeed::new([0; 32]),
    }
}

/// Who asks for passwords, for all servers.
pub(super) struct Doorkeeper(Verifier);

impl Doorkeeper {
    pub(super) fn new(now: Instant) -> Self {
        Self(Verifier::new(now, VerifierConfig::new("sim", [7; 32])))
    }

    /// The challenge for whoever shows nothing, or nothing good.
    pub(super) fn judge(
        &mut self,
        now: Instant,
        source: SocketAddr,
        shown: &[DigestCredentials],
    ) -> Option<Challenge> {
        let verdict = self
            .0
            .ours(shown)
            .cloned()
            .map(|shown| self.0.verify(now, &shown, source.ip(), &Secret::password(PASSWORD)));
        match verdict {
            Some(Verdict::Right) => None,
            Some(Verdict::Stale | Verdict::Replay) => Some(self.0.challenge(now, source.ip(), true)),
            Some(Verdict::WrongSecret | Verdict::Malformed) | None => {
                Some(self.0.challenge(now, source.ip(), false))
            }
        }
    }
}
