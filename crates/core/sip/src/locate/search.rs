//! One search: from a URI to targets.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};

use super::records::{Answer, Dice, Query, QueryKind, SrvRecord, by_priority_and_weight, plain};
use crate::interface::{Target, TransportKind};
use crate::message::{Uri, host_address, parameter};

/// Most ways of one service that are followed.
const WAYS_MAX: usize = 8;
/// Most servers that are asked for their addresses.
const SERVERS_MAX: usize = 16;
/// Most addresses of one name that are taken.
const ADDRESSES_MAX: usize = 8;
/// Most targets of a search. Each may cost 32 s of somebody's patience.
const TARGETS_MAX: usize = 32;
/// Longest name that can be asked about ([RFC 1035 §2.3.4]).
const NAME_MAX: usize = 253;

/// What we can send by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reachable {
    /// The transports, the preferred one first; it decides where the other side leaves the choice.
    pub transports: Vec<TransportKind>,
    /// Whether IPv4 addresses can be reached.
    pub by_ipv4: bool,
    /// Whether IPv6 addresses can be reached.
    pub by_ipv6: bool,
}

/// A place to send to, and the name that its certificate has to bear ([RFC 5922 §4]): what was asked for, not what
/// that was resolved to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located {
    /// The place.
    pub target: Target,
    /// The name.
    pub server_name: String,
}

/// Why there is nowhere to send to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unlocatable {
    /// It is no sip or sips URI, or names no host.
    #[error("no SIP URI")]
    NotSip,
    /// It asks for a transport that is not there, or that is not secure where it has to be.
    #[error("no such transport")]
    NoTransport,
    /// There is no such name, or no address behind it that can be reached.
    #[error("no address")]
    NoAddress,
    /// The name says itself that it offers no such service.
    #[error("no such service")]
    NoService,
    /// The name system does not answer.
    #[error("the name system does not answer")]
    NoAnswer,
}

/// A server whose addresses are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Server {
    transport: TransportKind,
    name: String,
    port: u16,
}

#[derive(Debug)]
enum Stage {
    /// Which transports are there?
    Ways,
    /// Which servers, for each of these transports and service names?
    Servers(Vec<(TransportKind, String)>),
    /// Which addresses?
    Addresses(Vec<Server>),
    Over(Result<Vec<Located>, Unlocatable>),
}

/// A search for the targets of one URI.
#[derive(Debug)]
pub struct Search {
    reachable: Reachable,
    is_secured: bool,
    /// The name that is searched.
    name: String,
    /// The name as the URI has it.
    server_name: String,
    stage: Stage,
    questions: VecDeque<Query>,
    asked: BTreeSet<Query>,
    answers: BTreeMap<Query, Answer>,
    dice: Dice,
}

impl Search {
    /// Begins a search. `seed` decides lots among servers of one priority.
    ///
    /// # Errors
    /// [`Unlocatable::NotSip`], [`Unlocatable::NoTransport`] for what can't be searched at all.
    pub fn new(uri: &str, reachable: &Reachable, seed: u64) -> Result<Self, Unlocatable> {
        let uri = Uri::parse(uri.as_bytes()).map_err(|_| Unlocatable::NotSip)?;
        let is_secured = uri.is_scheme(b"sips");
        if !is_secured && !uri.is_scheme(b"sip") {
            return Err(Unlocatable::NotSip);
        }
        let host = parameter(uri.parameters, b"maddr").flatten().unwrap_or(uri.host);
        let name = plain(&String::from_utf8_lossy(host));
        if name.is_empty() || name.len() > NAME_MAX {
            return Err(Unlocatable::NotSip);
        }
        let mut search = Self {
            reachable: reachable.clone(),
            is_secured,
            name,
            server_name: plain(&String::from_utf8_lossy(uri.host)),
            stage: Stage::Ways,
            questions: VecDeque::new(),
            asked: BTreeSet::new(),
            answers: BTreeMap::new(),
            dice: Dice(seed),
        };
        search.begin(&uri, host_address(host))?;
        Ok(search)
    }

    /// The next question to ask.
    pub fn poll_query(&mut self) -> Option<Query> {
        let query = self.questions.pop_front()?;
        self.asked.insert(query.clone());
        Some(query)
    }

    /// Takes an answer; one that nobody waits for is ignored.
    pub fn handle_answer(&mut self, query: &Query, answer: Answer) {
        if !self.asked.remove(query) {
            return;
        }
        self.answers.insert(query.clone(), answer);
        while self.asked.is_empty() && self.questions.is_empty() && self.outcome().is_none() {
            self.advance();
        }
    }

    /// How it ended, once it has.
    #[must_use]
    pub const fn outcome(&self) -> Option<&Result<Vec<Located>, Unlocatable>> {
        match &self.stage {
            Stage::Over(outcome) => Some(outcome),
            Stage::Ways | Stage::Servers(_) | Stage::Addresses(_) => None,
        }
    }

    /// What the URI alone decides ([RFC 3263 §4.1, §4.2]).
    fn begin(&mut self, uri: &Uri<'_>, address: Option<IpAddr>) -> Result<(), Unlocatable> {
        let named = match parameter(uri.parameters, b"transport").flatten() {
            Some(token) => Some(self.transport_of(token)?),
            None => None,
        };
        let plainest = if self.is_secured { TransportKind::Tls } else { TransportKind::Udp };
        if let Some(ip) = address {
            let transport = self.usable(named.unwrap_or(plainest))?;
            let port = uri.port.unwrap_or(transport.default_port());
            let targets = self.located(vec![(transport, SocketAddr::new(ip, port))]);
            self.end(targets);
        } else if let Some(port) = uri.port {
            let transport = self.usable(named.unwrap_or(plainest))?;
            self.ask_addresses(vec![Server { transport, name: self.name.clone(), port }]);
        } else if let Some(transport) = named {
            let transport = self.usable(transport)?;
            self.ask_servers(vec![(transport, self.service_name(transport))]);
        } else {
            if self.own_transports().is_empty() {
                return Err(Unlocatable::NoTransport);
            }
            self.ask(QueryKind::Naptr, &self.name.clone());
        }
        Ok(())
    }

    fn transport_of(&self, token: &[u8]) -> Result<TransportKind, Unlocatable> {
        let is = |name: &[u8]| token.eq_ignore_ascii_case(name);
        match self.is_secured {
            true if is(b"tcp") || is(b"tls") => Ok(TransportKind::Tls),
            false if is(b"udp") => Ok(TransportKind::Udp),
            false if is(b"tcp") => Ok(TransportKind::Tcp),
            false if is(b"tls") => Ok(TransportKind::Tls),
            _ => Err(Unlocatable::NoTransport),
        }
    }

    fn usable(&self, transport: TransportKind) -> Result<TransportKind, Unlocatable> {
        let is_there = self.reachable.transports.contains(&transport);
        if is_there { Ok(transport) } else { Err(Unlocatable::NoTransport) }
    }

    /// What may be used where the URI leaves the choice; TLS for a plain URI only where the name offers it.
    fn own_transports(&self) -> Vec<TransportKind> {
        let fits = |transport: &TransportKind| (*transport == TransportKind::Tls) == self.is_secured;
        self.reachable.transports.iter().copied().filter(fits).collect()
    }

    fn service_name(&self, transport: TransportKind) -> String {
        let service = match transport {
            TransportKind::Udp => "_sip._udp",
            TransportKind::Tcp => "_sip._tcp",
            TransportKind::Tls => "_sips._tcp",
        };
        format!("{service}.{}", self.name)
    }

    fn ask(&mut self, kind: QueryKind, name: &str) {
        let query = Query { name: plain(name), kind };
        let is_new = !self.answers.contains_key(&query) && !self.questions.contains(&query);
        if is_new && !query.name.is_empty() && query.name.len() <= NAME_MAX {
            self.questions.push_back(query);
        }
    }

    fn ask_servers(&mut self, ways: Vec<(TransportKind, String)>) {
        for (_, name) in &ways {
            self.ask(QueryKind::Srv, name);
        }
        self.stage = Stage::Servers(ways);
    }

    fn ask_addresses(&mut self, servers: Vec<Server>) {
        for server in &servers {
            if host_address(server.name.as_bytes()).is_some() {
                continue;
            }
            if self.reachable.by_ipv4 {
                self.ask(QueryKind::A, &server.name);
            }
            if self.reachable.by_ipv6 {
                self.ask(QueryKind::Aaaa, &server.name);
            }
        }
        self.stage = Stage::Addresses(servers);
        if self.questions.is_empty() {
            self.advance();
        }
    }

    fn end(&mut self, targets: Vec<Located>) {
        let failed = self.answers.values().any(|answer| *answer == Answer::Failed);
        self.stage = Stage::Over(match (targets.is_empty(), failed) {
            (false, _) => Ok(targets),
            (true, true) => Err(Unlocatable::NoAnswer),
            (true, false) => Err(Unlocatable::NoAddress),
        });
    }

    /// All questions of a stage are answered.
    fn advance(&mut self) {
        match &self.stage {
            Stage::Ways => {
                let ways = self.ways();
                self.ask_servers(ways);
            }
            Stage::Servers(ways) => {
                let ways = ways.clone();
                self.found_servers(&ways);
            }
            Stage::Addresses(servers) => {
                let servers = servers.clone();
                self.found_addresses(&servers);
            }
            Stage::Over(_) => {}
        }
    }

    /// The transports that the name offers, in its order; where it offers none, all of ours under their usual names.
    fn ways(&self) -> Vec<(TransportKind, String)> {
        let query = Query { name: self.name.clone(), kind: QueryKind::Naptr };
        let mut offered = match self.answers.get(&query) {
            Some(Answer::Naptr(records)) => records.clone(),
            Some(Answer::Srv(_) | Answer::Addresses(_) | Answer::Nothing | Answer::Failed) | None => {
                Vec::new()
            }
        };
        offered.sort_by_key(|record| (record.order, record.preference));
        let mut ways = Vec::new();
        let mut order = None;
        for record in &offered {
            let transport = match record.service.to_ascii_uppercase().as_str() {
                "SIP+D2U" if !self.is_secured => TransportKind::Udp,
                "SIP+D2T" if !self.is_secured => TransportKind::Tcp,
                "SIPS+D2T" => TransportKind::Tls,
                _ => continue,
            };
            let name = plain(&record.replacement);
            let is_usable = record.flags.eq_ignore_ascii_case("s")
                && !name.is_empty()
                && self.usable(transport).is_ok()
                && order.is_none_or(|order| order == record.order);
            if is_usable && ways.len() < WAYS_MAX {
                order = Some(record.order);
                ways.push((transport, name));
            }
        }
        if ways.is_empty() {
            ways = self.own_transports().into_iter().map(|kind| (kind, self.service_name(kind))).collect();
        }
        ways
    }

    fn found_servers(&mut self, ways: &[(TransportKind, String)]) {
        let mut servers = Vec::new();
        let mut is_denied = false;
        for (transport, name) in ways {
            let query = Query { name: name.clone(), kind: QueryKind::Srv };
            let Some(Answer::Srv(records)) = self.answers.get(&query) else { continue };
            let records: Vec<SrvRecord> = records.iter().take(SERVERS_MAX).cloned().collect();
            for record in by_priority_and_weight(records, &mut self.dice) {
                let name = plain(&record.target);
                is_denied |= name.is_empty();
                if !name.is_empty() && servers.len() < SERVERS_MAX {
                    servers.push(Server { transport: *transport, name, port: record.port });
                }
            }
        }
        if !servers.is_empty() {
            self.ask_addresses(servers);
        } else if is_denied {
            self.stage = Stage::Over(Err(Unlocatable::NoService));
        } else {
            self.ask_addresses(self.servers_without_records(ways));
        }
    }

    /// Without any record the name itself is the server, by the transport that was asked for or the plainest one.
    fn servers_without_records(&self, ways: &[(TransportKind, String)]) -> Vec<Server> {
        let plainest = if self.is_secured { TransportKind::Tls } else { TransportKind::Udp };
        let offered = |wanted| ways.iter().any(|(transport, _)| *transport == wanted);
        let transport =
            if offered(plainest) { Some(plainest) } else { ways.first().map(|(first, _)| *first) };
        transport
            .map(|transport| Server { transport, name: self.name.clone(), port: transport.default_port() })
            .into_iter()
            .collect()
    }

    fn found_addresses(&mut self, servers: &[Server]) {
        let mut found = Vec::new();
        for server in servers {
            let literal = host_address(server.name.as_bytes());
            let asked = [QueryKind::A, QueryKind::Aaaa].into_iter().flat_map(|kind| {
                match self.answers.get(&Query { name: server.name.clone(), kind }) {
                    Some(Answer::Addresses(addresses)) => {
                        addresses.iter().take(ADDRESSES_MAX).copied().collect()
                    }
                    Some(Answer::Naptr(_) | Answer::Srv(_) | Answer::Nothing | Answer::Failed) | None => {
                        Vec::new()
                    }
                }
            });
            let addresses = literal.into_iter().chain(asked);
            found.extend(addresses.map(|ip| (server.transport, SocketAddr::new(ip, server.port))));
        }
        let targets = self.located(found);
        self.end(targets);
    }

    /// Places that can be reached, each once.
    fn located(&self, found: Vec<(TransportKind, SocketAddr)>) -> Vec<Located> {
        let mut targets: Vec<Located> = Vec::new();
        for (transport, remote) in found {
            let target = Target { transport, remote };
            let can = if remote.is_ipv4() { self.reachable.by_ipv4 } else { self.reachable.by_ipv6 };
            let is_host = !remote.ip().is_unspecified() && !remote.ip().is_multicast() && remote.port() != 0;
            let is_new = targets.iter().all(|known| known.target != target);
            if can && is_host && is_new && targets.len() < TARGETS_MAX {
                targets.push(Located { target, server_name: self.server_name.clone() });
            }
        }
        targets
    }
}
