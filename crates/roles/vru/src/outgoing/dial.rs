//! Calls that go out through trunks: which way, what is heard of them, and the next way where one fails.
//!
//! Within one trunk the endpoint goes from host to host and from target to target, answers challenges and follows
//! redirects; here it goes from trunk to trunk.
//!
//! **Invariant:** a call that was placed is hung up, whatever becomes of who asked for it.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use partyline_conference::TrunkName;
use partyline_engine::{LegControl, LegEvent};
use partyline_sip::endpoint::{Because, CallEnd, CallEvent, CallKey, FurtherHost, OutgoingCall, Target};
use partyline_sip::sdp::Agreement;
use partyline_trunk::{DialNumber, DialRight, NoRight, Outcome, Trunk, Way};
use tokio::sync::mpsc;
use tracing::info;

use super::names;
use crate::media;
use crate::shared::Shared;
use crate::sip::{PlacedCall, SipCommands, reachable};
use crate::trunks::{LoadPlace, preferred};

/// A number to call.
#[derive(Debug, Clone)]
pub struct Dial {
    /// The number.
    pub number: DialNumber,
    /// The number that the callee sees; `None` is the trunk's.
    pub caller: Option<DialNumber>,
    /// The only trunk to try; `None` tries all that fit.
    pub trunk: Option<TrunkName>,
    /// By what right.
    pub right: DialRight,
}

/// What is heard of a call that we make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DialProgress {
    /// It is sent out.
    Trying {
        /// Through this trunk.
        trunk: TrunkName,
        /// To this address.
        target: String,
    },
    /// The callee rings.
    Ringing,
    /// The callee, or a machine on the way, is heard before the answer.
    EarlyMedia,
    /// The callee answered.
    Answered {
        /// The codec agreed on.
        codec: String,
    },
    /// The trunk could not do it; the next one is tried, if there is one.
    Failed {
        /// The trunk.
        trunk: TrunkName,
        /// How.
        why: DialEnd,
    },
}

/// Why there is no call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DialEnd {
    /// It was refused.
    #[error("refused with status {0}")]
    Refused(u16),
    /// Nobody answered.
    #[error("no answer")]
    NoAnswer,
    /// Nobody was reached.
    #[error("nobody was reached")]
    Unreachable,
    /// There is nothing that both sides could speak.
    #[error("no common codec")]
    NoAgreement,
    /// The trunk has as many calls as it may.
    #[error("the trunk is full")]
    TrunkFull,
    /// There is no room for another call here.
    #[error("no room for another call")]
    NoRoom,
    /// No trunk takes this number.
    #[error("no trunk takes this number")]
    NoWay,
    /// Who asked may not dial out.
    #[error("callers may not dial out")]
    NoRight,
    /// The VRU is being stopped.
    #[error("the server is stopping")]
    Stopping,
}

/// A call that was answered. Dropping it hangs up.
pub(crate) struct OutCall {
    /// Through which trunk; none where an address was called.
    pub(crate) trunk: Option<Arc<Trunk>>,
    /// What was agreed on.
    pub(crate) agreement: Agreement,
    /// Its audio.
    pub(crate) leg: LegControl,
    /// What its leg hears.
    pub(crate) leg_events: mpsc::Receiver<LegEvent>,
    /// What is heard of it.
    pub(crate) events: mpsc::Receiver<Box<CallEvent>>,
    /// Where it was sent.
    pub(crate) remote: SocketAddr,
    /// Where its media arrives.
    pub(crate) bound: IpAddr,
    /// Its place among those of its trunk.
    pub(crate) place: Option<LoadPlace>,
    hang_up: HangUp,
}

impl OutCall {
    /// Its key; from now on whoever has it hangs up.
    pub(crate) fn take_over(&mut self) -> CallKey {
        self.hang_up.is_armed = false;
        self.hang_up.key
    }
}

/// Hangs up when it is dropped; of a call that is over that means nothing.
struct HangUp {
    key: CallKey,
    sip: SipCommands,
    is_armed: bool,
}

impl Drop for HangUp {
    fn drop(&mut self) {
        if self.is_armed {
            self.sip.hang_up_now(self.key, Because { text: String::new(), cause: 200, retry_after: None });
        }
    }
}

/// Calls a number, through one trunk after the other.
pub(crate) async fn dial(
    shared: &Shared,
    sip: &SipCommands,
    dial: &Dial,
    progress: &mpsc::Sender<DialProgress>,
) -> Result<OutCall, DialEnd> {
    let trunks = shared.peers.trunks();
    let ways =
        trunks.ways(dial.right, &dial.number, dial.trunk.as_ref()).map_err(|NoRight| DialEnd::NoRight)?;
    let mut end = DialEnd::NoWay;
    for way in ways {
        match by_way(shared, sip, dial, &way, progress).await {
            Ok(call) => return Ok(call),
            Err(why) => {
                info!(trunk = %way.trunk.name, %why, "a call out failed");
                metrics::counter!("partyline_vru_dial_failures_total", "trunk" => way.trunk.name.to_string())
                    .increment(1);
                let failed = DialProgress::Failed { trunk: way.trunk.name.clone(), why };
                tell(progress, failed);
                end = why;
                if !why.may_do_better_elsewhere() {
                    break;
                }
            }
        }
    }
    Err(end)
}

impl DialEnd {
    const fn may_do_better_elsewhere(self) -> bool {
        match self {
            Self::Refused(status) => Outcome::Refused(status).is_the_trunks(),
            Self::Unreachable => Outcome::Unreachable.is_the_trunks(),
            Self::NoAnswer => Outcome::NoAnswer.is_the_trunks(),
            Self::TrunkFull => true,
            Self::NoAgreement | Self::NoRoom | Self::NoWay | Self::NoRight | Self::Stopping => false,
        }
    }
}

/// Who listens may be slow: what they miss is told by the outcome.
fn tell(progress: &mpsc::Sender<DialProgress>, what: DialProgress) {
    if progress.try_send(what).is_err() {
        metrics::counter!("partyline_vru_dial_progress_dropped_total").increment(1);
    }
}

async fn by_way(
    shared: &Shared,
    sip: &SipCommands,
    dial: &Dial,
    way: &Way,
    progress: &mpsc::Sender<DialProgress>,
) -> Result<OutCall, DialEnd> {
    let place = shared.peers.loads.take(&way.trunk, "out").map_err(|_| DialEnd::TrunkFull)?;
    let out = way.dial_out();
    let caller = dial.caller.as_ref().or(out.caller_number.as_ref());
    let credentials = out.credentials.iter().map(|known| partyline_sip::auth::Credentials {
        username: known.user.clone(),
        password: known.password.reveal().to_owned(),
        realm: None,
    });
    let route = Route {
        hosts: found_hosts(shared, way).await,
        from_user: caller.map_or_else(String::new, |number| number.as_str().to_owned()),
        follows_redirects: out.follows_redirects,
        credentials: credentials.collect(),
        ring_max: out.ring_max,
        trunk: Some((Arc::clone(&way.trunk), place)),
    };
    by_route(shared, sip, route, progress).await
}

/// Calls a SIP address of our own settings, through no trunk.
pub(crate) async fn dial_address(
    shared: &Shared,
    sip: &SipCommands,
    address: &str,
    progress: &mpsc::Sender<DialProgress>,
) -> Result<OutCall, DialEnd> {
    let found = shared.locator.locate(address, &reachable(&shared.addresses)).await;
    let found = found.map_err(|_| DialEnd::Unreachable)?;
    let server_name = found.first().map(|located| located.server_name.clone());
    let places: Vec<Target> = found.iter().map(|located| located.target).collect();
    let host = FurtherHost { target: address.to_owned(), places, server_name, advertised: None };
    let route = Route {
        hosts: vec![host],
        from_user: String::new(),
        follows_redirects: false,
        credentials: Vec::new(),
        ring_max: shared.config.operator_ring_max,
        trunk: None,
    };
    by_route(shared, sip, route, progress).await
}

/// Where a call goes, and as what.
struct Route {
    hosts: Vec<FurtherHost>,
    from_user: String,
    follows_redirects: bool,
    credentials: Vec<partyline_sip::auth::Credentials>,
    ring_max: Duration,
    trunk: Option<(Arc<Trunk>, LoadPlace)>,
}

async fn by_route(
    shared: &Shared,
    sip: &SipCommands,
    mut route: Route,
    progress: &mpsc::Sender<DialProgress>,
) -> Result<OutCall, DialEnd> {
    let mut end = DialEnd::Unreachable;
    for hosts in by_families(std::mem::take(&mut route.hosts)) {
        match to_hosts(shared, sip, &route, hosts, progress).await {
            Ok(call) => {
                let (trunk, place) = route.trunk.unzip();
                return Ok(OutCall { trunk, place, ..call });
            }
            Err(why) if why.may_do_better_elsewhere() => end = why,
            Err(why) => return Err(why),
        }
    }
    Err(end)
}

/// The hosts with their places of one family of addresses each, in the order in which the families come: media arrives at an
/// address of one of them, so that who is called by the other can't be offered it.
fn by_families(hosts: Vec<FurtherHost>) -> Vec<Vec<FurtherHost>> {
    let all = || hosts.iter().flat_map(|host| &host.places);
    let first_is_ipv4 = all().next().is_some_and(|place| place.remote.is_ipv4());
    let of_family = |is_ipv4: bool| -> Vec<FurtherHost> {
        let of_host = |host: &FurtherHost| {
            let places = host.places.iter().filter(|place| place.remote.is_ipv4() == is_ipv4).copied();
            FurtherHost { places: places.collect(), ..host.clone() }
        };
        hosts.iter().map(of_host).filter(|host| !host.places.is_empty()).collect()
    };
    [first_is_ipv4, !first_is_ipv4].into_iter().map(of_family).filter(|hosts| !hosts.is_empty()).collect()
}

/// Calls hosts of one family of addresses.
async fn to_hosts(
    shared: &Shared,
    sip: &SipCommands,
    route: &Route,
    hosts: Vec<FurtherHost>,
    progress: &mpsc::Sender<DialProgress>,
) -> Result<OutCall, DialEnd> {
    let mut hosts = hosts.into_iter();
    let Some((first, host)) = hosts.find_map(|host| host.places.first().copied().zip(Some(host))) else {
        return Err(DialEnd::Unreachable);
    };
    let trunk = route.trunk.as_ref().map(|(trunk, _)| trunk);
    let (bind, told) = media_addresses(shared, first.remote.ip());
    let (leg, leg_events) = shared.engine.open_leg(bind).map_err(|_| DialEnd::NoRoom)?;
    let mut capabilities = media::capabilities(told, leg.local_port(), &shared.config.codecs);
    capabilities.security = shared.config.media_security;
    let capabilities = preferred(capabilities, trunk.map(Arc::as_ref));
    let mut outgoing = OutgoingCall::new(&host.target, first, capabilities);
    outgoing.from_user.clone_from(&route.from_user);
    outgoing.alternatives = host.places[1..].to_vec();
    outgoing.further_hosts = hosts.collect();
    outgoing.follows_redirects = route.follows_redirects;
    outgoing.server_name = host.server_name;
    outgoing.credentials.clone_from(&route.credentials);
    if let Some(trunk) = trunk {
        tell(progress, DialProgress::Trying { trunk: trunk.name.clone(), target: first.remote.to_string() });
    }
    let PlacedCall { key, mut events } = sip.call(outgoing).await.map_err(|_| DialEnd::NoRoom)?;
    let hang_up = HangUp { key, sip: sip.clone(), is_armed: true };
    let answer = answered(shared, &leg, &mut events, progress);
    let agreement = tokio::time::timeout(route.ring_max, answer).await.unwrap_or(Err(DialEnd::NoAnswer))?;
    let remote = first.remote;
    Ok(OutCall { trunk: None, agreement, leg, leg_events, events, remote, bound: bind, place: None, hang_up })
}

/// The hosts of a trunk that are found, each by the name that it is set under.
async fn found_hosts(shared: &Shared, way: &Way) -> Vec<FurtherHost> {
    let (out, reachable) = (way.dial_out(), reachable(&shared.addresses));
    let looking_up = out.hosts.iter().map(async |host| {
        let target = names::uri(&way.number, host, out.transport);
        let found = shared.locator.locate(&target, &reachable).await.ok()?;
        let server_name = found.first()?.server_name.clone();
        let places: Vec<Target> = found.iter().map(|located| located.target).collect();
        Some(FurtherHost { target, places, server_name: Some(server_name), advertised: None })
    });
    futures::future::join_all(looking_up).await.into_iter().flatten().collect()
}

/// Waits for the answer; early media is connected as soon as it is there.
async fn answered(
    shared: &Shared,
    leg: &LegControl,
    events: &mut mpsc::Receiver<Box<CallEvent>>,
    progress: &mpsc::Sender<DialProgress>,
) -> Result<Agreement, DialEnd> {
    loop {
        let event = tokio::select! {
            event = events.recv() => event.map(|event| *event),
            () = shared.goodbye.cancelled() => return Err(DialEnd::Stopping),
        };
        match event {
            Some(CallEvent::Ringing) => tell(progress, DialProgress::Ringing),
            // What the network plays before the answer is heard.
            Some(CallEvent::Early(agreement)) => {
                connect(leg, &agreement, true);
                tell(progress, DialProgress::EarlyMedia);
            }
            Some(CallEvent::Answered(agreement)) => {
                connect(leg, &agreement, true);
                let codec = agreement.codec.encoding.clone();
                tell(progress, DialProgress::Answered { codec });
                return Ok(agreement);
            }
            Some(CallEvent::Ended(end)) => return Err(end_of(&end)),
            None => return Err(DialEnd::Unreachable),
            Some(
                CallEvent::Incoming(_) | CallEvent::Confirmed(_) | CallEvent::Changed(_) | CallEvent::Key(_),
            ) => {}
        }
    }
}

/// Media was agreed on anew.
pub(super) fn reconnect(call: &OutCall, agreement: &Agreement) {
    connect(&call.leg, agreement, false);
}

fn connect(leg: &LegControl, agreement: &Agreement, is_first: bool) {
    let is_on_hold = media::is_on_hold(agreement, is_first);
    if let Some(media) = media::leg_media(agreement, is_on_hold) {
        leg.connect(media);
    }
}

const fn end_of(end: &CallEnd) -> DialEnd {
    match end {
        CallEnd::Refused { status } => DialEnd::Refused(*status),
        CallEnd::NoAgreement => DialEnd::NoAgreement,
        CallEnd::TimedOut => DialEnd::Unreachable,
        CallEnd::TheyHungUp(_)
        | CallEnd::Cancelled(_)
        | CallEnd::WeHungUp
        | CallEnd::Rejected
        | CallEnd::Challenged => DialEnd::NoAnswer,
    }
}

/// Where media of a call to this address arrives, and the address that the callee is told.
fn media_addresses(shared: &Shared, remote: IpAddr) -> (IpAddr, IpAddr) {
    let config = &shared.config;
    let fits = |address: &IpAddr| address.is_ipv4() == remote.is_ipv4();
    let listens = shared.addresses.iter().map(|address| address.local.ip()).find(fits);
    let unspecified: IpAddr = if remote.is_ipv4() {
        std::net::Ipv4Addr::UNSPECIFIED.into()
    } else {
        std::net::Ipv6Addr::UNSPECIFIED.into()
    };
    let bind = config.rtp_address.filter(fits).or(listens).unwrap_or(unspecified);
    (bind, shared.addressing.told(bind, remote))
}
