//! Asking the name system where a SIP URI is served: the socket side of `partyline_sip::locate`.
//!
//! It carries questions and answers and decides nothing. Answers are kept for as long as they say, within bounds.
//! **Invariant:** a look-up ends in [`LOCATE_MAX`], whatever the name servers do.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig, ResolverOpts};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::rdata::{NAPTR, SRV};
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use partyline_sip::locate::{
    Answer, Located, NaptrRecord, Query, QueryKind, Reachable, Search, SrvRecord, Unlocatable,
};
use tokio::sync::Semaphore;
use tracing::warn;

/// How long a look-up may take in all; the caller hears nothing meanwhile.
const LOCATE_MAX: Duration = Duration::from_secs(6);
/// How long one question to one server may take, and how often it is asked.
const ASK_MAX: Duration = Duration::from_secs(2);
const ATTEMPTS: usize = 2;
/// Look-ups at once; further ones wait within their own time.
const LOOK_UPS_MAX: usize = 64;
/// Answers that are kept.
const ANSWERS_MAX: u64 = 4_096;
/// The longest that they are, whatever they say: a server that moved is found again.
const KEEP_MAX: Duration = Duration::from_secs(3_600);
/// The longest that it is remembered that there is nothing.
const KEEP_NOTHING_MAX: Duration = Duration::from_secs(60);

/// Finds the servers of SIP URIs. Cheap to clone; clones share what they know.
#[derive(Clone)]
pub(crate) struct Locator {
    resolver: Option<TokioResolver>,
    look_ups: Arc<Semaphore>,
    patience: Duration,
}

impl std::fmt::Debug for Locator {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Locator").finish_non_exhaustive()
    }
}

impl Locator {
    /// Asks these name servers; without any, those of the system's own configuration.
    pub(crate) fn new(nameservers: &[SocketAddr]) -> Self {
        let (config, options) = if nameservers.is_empty() {
            match hickory_resolver::system_conf::read_system_conf() {
                Ok(configured) => configured,
                Err(error) => {
                    // Names in the hosts file are found all the same.
                    warn!(%error, "the system names no name servers");
                    (ResolverConfig::from_name_servers(Vec::new()), ResolverOpts::default())
                }
            }
        } else {
            let servers = nameservers.iter().map(server).collect();
            (ResolverConfig::from_name_servers(servers), ResolverOpts::default())
        };
        let mut builder =
            TokioResolver::builder_with_config(config, TokioRuntimeProvider::default()).with_options(options);
        let options = builder.options_mut();
        (options.timeout, options.attempts) = (ASK_MAX, ATTEMPTS);
        options.cache_size = ANSWERS_MAX;
        (options.positive_max_ttl, options.negative_max_ttl) = (Some(KEEP_MAX), Some(KEEP_NOTHING_MAX));
        let resolver = builder.build().inspect_err(|error| warn!(%error, "names can't be looked up")).ok();
        Self { resolver, look_ups: Arc::new(Semaphore::new(LOOK_UPS_MAX)), patience: LOCATE_MAX }
    }

    /// All places that a URI stands for, the one to try first in front.
    ///
    /// # Errors
    /// [`Unlocatable`].
    pub(crate) async fn locate(&self, uri: &str, reachable: &Reachable) -> Result<Vec<Located>, Unlocatable> {
        let search = Search::new(uri, reachable, rand::random())?;
        let found = tokio::time::timeout(self.patience, self.run(search)).await;
        let found = found.unwrap_or(Err(Unlocatable::NoAnswer));
        let outcome = if found.is_ok() { "found" } else { "not_found" };
        metrics::counter!("partyline_vru_names_located_total", "outcome" => outcome).increment(1);
        found
    }

    async fn run(&self, mut search: Search) -> Result<Vec<Located>, Unlocatable> {
        let _place = self.look_ups.acquire().await;
        let mut asking = FuturesUnordered::new();
        loop {
            if let Some(outcome) = search.outcome() {
                return outcome.clone();
            }
            while let Some(query) = search.poll_query() {
                asking.push(self.ask(query));
            }
            let Some((query, answer)) = asking.next().await else { return Err(Unlocatable::NoAnswer) };
            search.handle_answer(&query, answer);
        }
    }

    async fn ask(&self, query: Query) -> (Query, Answer) {
        let record_type = match query.kind {
            QueryKind::Naptr => RecordType::NAPTR,
            QueryKind::Srv => RecordType::SRV,
            QueryKind::A => RecordType::A,
            QueryKind::Aaaa => RecordType::AAAA,
        };
        // With the dot at the end no search list is added.
        let name = Name::from_ascii(format!("{}.", query.name));
        let answer = match (&self.resolver, name) {
            (Some(resolver), Ok(name)) => match resolver.lookup(name, record_type).await {
                Ok(found) => answer_of(query.kind, found.answers().iter().map(|record| &record.data)),
                Err(error) if error.is_no_records_found() => Answer::Nothing,
                Err(_) => Answer::Failed,
            },
            // A name that is none has no records.
            (Some(_), Err(_)) => Answer::Nothing,
            (None, _) => Answer::Failed,
        };
        (query, answer)
    }
}

fn server(address: &SocketAddr) -> NameServerConfig {
    let mut server = NameServerConfig::udp_and_tcp(address.ip());
    server
        .connections
        .iter_mut()
        .for_each(|connection: &mut ConnectionConfig| connection.port = address.port());
    server
}

fn answer_of<'a>(kind: QueryKind, records: impl Iterator<Item = &'a RData>) -> Answer {
    match kind {
        QueryKind::Naptr => Answer::Naptr(records.filter_map(naptr).collect()),
        QueryKind::Srv => Answer::Srv(records.filter_map(srv).collect()),
        QueryKind::A | QueryKind::Aaaa => Answer::Addresses(records.filter_map(address).collect()),
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "a foreign enum of all record types, of which one is wanted"
)]
fn naptr(data: &RData) -> Option<NaptrRecord> {
    match data {
        // A record with a rule for the name itself leads elsewhere than to SRV records.
        RData::NAPTR(NAPTR { order, preference, flags, services, regexp, replacement, .. })
            if regexp.is_empty() =>
        {
            Some(NaptrRecord {
                order: *order,
                preference: *preference,
                flags: String::from_utf8_lossy(flags).into_owned(),
                service: String::from_utf8_lossy(services).into_owned(),
                replacement: replacement.to_ascii(),
            })
        }
        _ => None,
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "a foreign enum of all record types, of which one is wanted"
)]
fn srv(data: &RData) -> Option<SrvRecord> {
    match data {
        RData::SRV(SRV { priority, weight, port, target, .. }) => {
            Some(SrvRecord { priority: *priority, weight: *weight, port: *port, target: target.to_ascii() })
        }
        _ => None,
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "a foreign enum of all record types, of which two are wanted"
)]
fn address(data: &RData) -> Option<IpAddr> {
    match data {
        RData::A(address) => Some(IpAddr::V4(address.0)),
        RData::AAAA(address) => Some(IpAddr::V6(address.0)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use hickory_resolver::proto::op::{Message, OpCode, ResponseCode};
    use hickory_resolver::proto::rr::Record;
    use hickory_resolver::proto::rr::rdata::{A, AAAA, SOA};
    use parking_lot::Mutex;
    use partyline_sip::endpoint::TransportKind;
    use tokio::net::UdpSocket;

    use super::*;

    type Zone = HashMap<(String, RecordType), Vec<RData>>;
    type Asked = Arc<Mutex<Vec<String>>>;

    fn name(text: &str) -> Name {
        Name::from_ascii(text).unwrap()
    }

    fn answer(zone: &Zone, question: &Message) -> Message {
        let query = question.queries[0].clone();
        let mut answer = Message::response(question.metadata.id, OpCode::Query);
        answer.metadata.authoritative = true;
        answer.metadata.recursion_available = true;
        let asked = query.name().to_ascii().to_ascii_lowercase();
        let records = zone.get(&(asked.clone(), query.query_type()));
        if records.is_none() && !zone.keys().any(|(known, _)| *known == asked) {
            answer.metadata.response_code = ResponseCode::NXDomain;
        }
        if records.is_none() {
            // This says for how long there is nothing.
            let soa = SOA::new(name("ns.test."), name("host.test."), 1, 60, 60, 60, 60);
            answer.authorities.push(Record::from_rdata(name("test."), 60, RData::SOA(soa)));
        }
        for data in records.into_iter().flatten() {
            answer.add_answer(Record::from_rdata(query.name().clone(), 300, data.clone()));
        }
        answer.add_query(query);
        answer
    }

    /// A name server on the loopback address that knows one zone, and what it was asked.
    async fn name_server(zone: Zone) -> (SocketAddr, Asked) {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let asked = Asked::default();
        let log = Arc::clone(&asked);
        tokio::spawn(async move {
            let mut buffer = [0; 4_096];
            while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
                let Ok(question) = Message::from_vec(&buffer[..length]) else { continue };
                let query = &question.queries[0];
                log.lock().push(format!("{} {}", query.query_type(), query.name()));
                let bytes = answer(&zone, &question).to_vec().unwrap();
                let _ = socket.send_to(&bytes, from).await;
            }
        });
        (address, asked)
    }

    fn reachable() -> Reachable {
        let transports = vec![TransportKind::Udp, TransportKind::Tcp, TransportKind::Tls];
        Reachable { transports, by_ipv4: true, by_ipv6: true }
    }

    async fn find(locator: &Locator, uri: &str) -> Result<Vec<String>, Unlocatable> {
        let text = |located: Located| format!("{:?} {}", located.target.transport, located.target.remote);
        locator.locate(uri, &reachable()).await.map(|found| found.into_iter().map(text).collect())
    }

    fn zone() -> Zone {
        let naptr = |preference, service: &[u8], to: &str| {
            RData::NAPTR(NAPTR::new(10, preference, (*b"s").into(), service.into(), [].into(), name(to)))
        };
        let srv = |priority, port, to: &str| RData::SRV(SRV::new(priority, 1, port, name(to)));
        Zone::from([
            (
                ("example.test.".to_owned(), RecordType::NAPTR),
                vec![
                    naptr(20, b"SIP+D2U", "_sip._udp.example.test."),
                    naptr(10, b"SIP+D2T", "_sip._tcp.example.test."),
                ],
            ),
            (
                ("_sip._udp.example.test.".to_owned(), RecordType::SRV),
                vec![srv(2, 5072, "b.example.test."), srv(1, 5071, "a.example.test.")],
            ),
            (("_sip._tcp.example.test.".to_owned(), RecordType::SRV), vec![srv(1, 5073, "b.example.test.")]),
            (("a.example.test.".to_owned(), RecordType::A), vec![RData::A(A::new(192, 0, 2, 1))]),
            (("b.example.test.".to_owned(), RecordType::A), vec![RData::A(A::new(192, 0, 2, 2))]),
            (
                ("b.example.test.".to_owned(), RecordType::AAAA),
                vec![RData::AAAA(AAAA::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2))],
            ),
        ])
    }

    /// Shows RFC 3263 §4.1: the whole way from a name to targets, by a real name server.
    #[tokio::test]
    async fn a_name_leads_to_targets_by_a_real_name_server_and_is_not_asked_for_twice() {
        let (server, asked) = name_server(zone()).await;
        let locator = Locator::new(&[server]);
        let targets = [
            "Tcp 192.0.2.2:5073",
            "Tcp [2001:db8::2]:5073",
            "Udp 192.0.2.1:5071",
            "Udp 192.0.2.2:5072",
            "Udp [2001:db8::2]:5072",
        ];
        assert_eq!(find(&locator, "sip:100@example.test").await.unwrap(), targets);
        let questions = asked.lock().len();
        assert!(questions >= 7, "{:?}", asked.lock());
        assert_eq!(find(&locator.clone(), "sip:200@Example.test").await.unwrap(), targets);
        assert_eq!(asked.lock().len(), questions, "the answers are kept");
    }

    #[tokio::test]
    async fn a_name_that_is_none_is_told_from_a_server_that_is_none() {
        let (server, _) = name_server(zone()).await;
        let locator = Locator::new(&[server]);
        assert_eq!(find(&locator, "sip:gone.test").await, Err(Unlocatable::NoAddress));
        assert_eq!(find(&locator, "sip:b.example.test:5090").await.unwrap()[0], "Udp 192.0.2.2:5090");
        assert_eq!(find(&locator, "sip:192.0.2.9").await.unwrap(), ["Udp 192.0.2.9:5060"]);
    }

    #[tokio::test]
    async fn a_silent_name_server_is_given_up() {
        let silent = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let mut locator = Locator::new(&[silent.local_addr().unwrap()]);
        locator.patience = Duration::from_millis(50);
        assert_eq!(find(&locator, "sip:example.test").await, Err(Unlocatable::NoAnswer));
    }
}
