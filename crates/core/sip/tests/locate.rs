//! Finding the servers of a SIP URI, against a name system that a test makes up.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

use std::collections::BTreeMap;

use partyline_sip::endpoint::TransportKind;
use partyline_sip::locate::{
    Answer, NaptrRecord, Query, QueryKind, Reachable, Search, SrvRecord, Unlocatable,
};
use proptest::prelude::*;

/// A name system: what it knows, and what it fails at.
#[derive(Debug, Default)]
struct Names(BTreeMap<Query, Answer>);

fn query(name: &str, kind: QueryKind) -> Query {
    Query { name: name.to_owned(), kind }
}

fn naptr(order: u16, preference: u16, service: &str, replacement: &str) -> NaptrRecord {
    let (flags, service, replacement) = ("s".to_owned(), service.to_owned(), replacement.to_owned());
    NaptrRecord { order, preference, flags, service, replacement }
}

fn srv(priority: u16, port: u16, target: &str) -> SrvRecord {
    SrvRecord { priority, weight: 0, port, target: target.to_owned() }
}

impl Names {
    fn with(mut self, name: &str, kind: QueryKind, answer: Answer) -> Self {
        self.0.insert(query(name, kind), answer);
        self
    }

    fn host(self, name: &str, address: &str) -> Self {
        let address: std::net::IpAddr = address.parse().unwrap();
        let kind = if address.is_ipv4() { QueryKind::A } else { QueryKind::Aaaa };
        self.with(name, kind, Answer::Addresses(vec![address]))
    }

    fn server(self, name: &str, records: Vec<SrvRecord>) -> Self {
        self.with(name, QueryKind::Srv, Answer::Srv(records))
    }

    fn answer(&self, query: &Query) -> Answer {
        self.0.get(query).cloned().unwrap_or(Answer::Nothing)
    }
}

fn reachable() -> Reachable {
    let transports = vec![TransportKind::Udp, TransportKind::Tcp, TransportKind::Tls];
    Reachable { transports, by_ipv4: true, by_ipv6: true }
}

/// The targets as text, and the questions in their order.
fn find_by(
    uri: &str,
    names: &Names,
    reachable: &Reachable,
) -> (Result<Vec<String>, Unlocatable>, Vec<String>) {
    let mut search = match Search::new(uri, reachable, 7) {
        Ok(search) => search,
        Err(why) => return (Err(why), Vec::new()),
    };
    let mut asked = Vec::new();
    while let Some(query) = search.poll_query() {
        asked.push(format!("{:?} {}", query.kind, query.name));
        search.handle_answer(&query, names.answer(&query));
    }
    let outcome = search.outcome().expect("all is answered").clone();
    let text = |located: &partyline_sip::locate::Located| {
        format!("{:?} {}", located.target.transport, located.target.remote)
    };
    (outcome.map(|targets| targets.iter().map(text).collect()), asked)
}

fn find(uri: &str, names: &Names) -> Result<Vec<String>, Unlocatable> {
    find_by(uri, names, &reachable()).0
}

fn targets(of: &[&str]) -> Result<Vec<String>, Unlocatable> {
    Ok(of.iter().map(|target| (*target).to_owned()).collect())
}

/// Shows RFC 3263 §4.1: an address decides all by itself, with UDP for sip and TLS for sips.
/// Shows RFC 3263 §4.2: the port is the one given, or the transport's own.
#[test]
fn an_address_needs_no_questions() {
    for (uri, target) in [
        ("sip:a@192.0.2.1", "Udp 192.0.2.1:5060"),
        ("sip:a@192.0.2.1:5070;transport=tcp", "Tcp 192.0.2.1:5070"),
        ("sip:a@192.0.2.1;transport=TLS", "Tls 192.0.2.1:5061"),
        ("sips:a@[2001:db8::1]", "Tls [2001:db8::1]:5061"),
        ("sips:a@192.0.2.1;transport=tcp", "Tls 192.0.2.1:5061"),
        ("sip:a@example.com;maddr=192.0.2.7", "Udp 192.0.2.7:5060"),
    ] {
        assert_eq!(find_by(uri, &Names::default(), &reachable()), (targets(&[target]), Vec::new()), "{uri}");
    }
}

/// Shows RFC 3263 §4.1: NAPTR says which transports there are, in the order of the name's owner.
#[test]
fn the_owner_of_the_name_chooses_the_transport() {
    let names = Names::default()
        .with(
            "example.com",
            QueryKind::Naptr,
            Answer::Naptr(vec![
                naptr(50, 60, "SIP+D2U", "_sip._udp.example.com."),
                naptr(50, 50, "sips+d2t", "_SIPS._tcp.example.com."),
                naptr(10, 10, "E2U+sip", "x.example.com"),
                naptr(90, 10, "SIP+D2T", "_sip._tcp.example.com"),
            ]),
        )
        .server("_sips._tcp.example.com", vec![srv(1, 5061, "a.example.com.")])
        .server("_sip._udp.example.com", vec![srv(1, 5060, "b.example.com")])
        .host("a.example.com", "192.0.2.1")
        .host("b.example.com", "192.0.2.2");
    let (found, asked) = find_by("sip:x@Example.COM", &names, &reachable());
    assert_eq!(found, targets(&["Tls 192.0.2.1:5061", "Udp 192.0.2.2:5060"]));
    assert_eq!(asked[..3], ["Naptr example.com", "Srv _sips._tcp.example.com", "Srv _sip._udp.example.com"]);
    assert!(
        !asked.contains(&"Srv _sip._tcp.example.com".to_owned()),
        "ruled out by a lower order: {asked:?}"
    );
    assert_eq!(find("sips:x@example.com", &names), targets(&["Tls 192.0.2.1:5061"]));
    let only_udp = Reachable { transports: vec![TransportKind::Udp], ..reachable() };
    assert_eq!(find_by("sip:x@example.com", &names, &only_udp).0, targets(&["Udp 192.0.2.2:5060"]));
}

/// Shows RFC 3263 §4.1: without NAPTR the servers of each transport are asked for under their usual names.
#[test]
fn without_naptr_srv_records_tell_the_transport() {
    let names = Names::default()
        .server("_sip._tcp.example.com", vec![srv(2, 5070, "b.example.com"), srv(1, 5080, "a.example.com")])
        .host("a.example.com", "192.0.2.1")
        .host("a.example.com", "2001:db8::1")
        .host("b.example.com", "192.0.2.2");
    let expected = targets(&["Tcp 192.0.2.1:5080", "Tcp [2001:db8::1]:5080", "Tcp 192.0.2.2:5070"]);
    assert_eq!(find("sip:example.com", &names), expected);
    let (found, asked) = find_by("sip:example.com;transport=tcp", &names, &reachable());
    assert_eq!(found, expected);
    assert_eq!(asked[0], "Srv _sip._tcp.example.com", "a transport that is named is not asked about");
}

/// Shows RFC 3263 §4.2: a name with a port has no SRV records; one without any is asked for its addresses.
#[test]
fn a_name_may_be_a_plain_host() {
    let names = Names::default().host("example.com", "192.0.2.1");
    assert_eq!(
        find_by("sip:example.com:5090", &names, &reachable()),
        (targets(&["Udp 192.0.2.1:5090"]), vec!["A example.com".to_owned(), "Aaaa example.com".to_owned()])
    );
    assert_eq!(find("sip:example.com", &names), targets(&["Udp 192.0.2.1:5060"]));
    assert_eq!(find("sips:example.com", &names), targets(&["Tls 192.0.2.1:5061"]));
    assert_eq!(find("sip:example.com;transport=tcp", &names), targets(&["Tcp 192.0.2.1:5060"]));
}

/// Shows RFC 2782: a target of a single dot says that there is decidedly no such service.
#[test]
fn a_name_may_say_that_it_offers_nothing() {
    let names = Names::default()
        .host("example.com", "192.0.2.1")
        .server("_sip._udp.example.com", vec![srv(0, 0, ".")]);
    assert_eq!(find("sip:example.com", &names), Err(Unlocatable::NoService));
}

#[test]
fn what_fails_in_part_leaves_the_rest() {
    let records = vec![
        srv(1, 5060, "dead.example.com"),
        srv(2, 5060, "gone.example.com"),
        srv(3, 5060, "up.example.com"),
    ];
    let names = Names::default()
        .with("example.com", QueryKind::Naptr, Answer::Failed)
        .server("_sip._udp.example.com", records)
        .with("_sip._tcp.example.com", QueryKind::Srv, Answer::Failed)
        .with("dead.example.com", QueryKind::A, Answer::Failed)
        .host("up.example.com", "192.0.2.3");
    assert_eq!(find("sip:example.com", &names), targets(&["Udp 192.0.2.3:5060"]));
}

#[test]
fn nothing_found_and_nobody_there_are_told_apart() {
    assert_eq!(find("sip:nowhere.example", &Names::default()), Err(Unlocatable::NoAddress));
    let broken = Names::default().with("nowhere.example", QueryKind::A, Answer::Failed);
    assert_eq!(find("sip:nowhere.example", &broken), Err(Unlocatable::NoAnswer));
    assert_eq!(find("tel:+123", &broken), Err(Unlocatable::NotSip));
    assert_eq!(find("sips:a@b;transport=udp", &broken), Err(Unlocatable::NoTransport));
    assert_eq!(find("sip:a@b;transport=sctp", &broken), Err(Unlocatable::NoTransport));
    let plain = Reachable { transports: vec![TransportKind::Udp], by_ipv4: true, by_ipv6: false };
    assert_eq!(find_by("sips:a@b", &broken, &plain).0, Err(Unlocatable::NoTransport));
    let six = Names::default().host("six.example", "2001:db8::1");
    assert_eq!(find_by("sip:six.example", &six, &plain).0, Err(Unlocatable::NoAddress));
}

#[test]
fn an_answer_to_another_question_changes_nothing() {
    let mut search = Search::new("sip:example.com:5060", &reachable(), 1).unwrap();
    let asked = search.poll_query().unwrap();
    let address = Answer::Addresses(vec!["192.0.2.1".parse().unwrap()]);
    search.handle_answer(&query("example.org", QueryKind::A), address.clone());
    search.handle_answer(&asked, address.clone());
    search.handle_answer(&asked, Answer::Nothing);
    assert!(search.outcome().is_none(), "the other family is not answered yet");
    let asked = search.poll_query().unwrap();
    search.handle_answer(&asked, Answer::Nothing);
    assert_eq!(search.outcome().unwrap().as_ref().unwrap()[0].server_name, "example.com");
}

fn any_answer(kind: QueryKind) -> BoxedStrategy<Answer> {
    let names = prop_oneof![
        "[a-c]\\.example\\.",
        Just(".".to_owned()),
        "[a-z.]{0,300}",
        Just("192.0.2.9".to_owned())
    ];
    match kind {
        QueryKind::Naptr => {
            let services = prop_oneof![Just("SIP+D2U"), Just("SIP+D2T"), Just("SIPS+D2T"), Just("x")];
            let record = (0..3_u16, 0..3_u16, services, names);
            let records = proptest::collection::vec(record, 0..40).prop_map(|records| {
                let naptr = |(order, preference, service, name): (u16, u16, &str, String)| {
                    naptr(order, preference, service, &name)
                };
                Answer::Naptr(records.into_iter().map(naptr).collect())
            });
            prop_oneof![records, Just(Answer::Nothing), Just(Answer::Failed)].boxed()
        }
        QueryKind::Srv => {
            let record = (0..3_u16, any::<u16>(), any::<u16>(), names);
            let records = proptest::collection::vec(record, 0..100).prop_map(|records| {
                let record = |(priority, weight, port, target)| SrvRecord { priority, weight, port, target };
                Answer::Srv(records.into_iter().map(record).collect())
            });
            prop_oneof![records, Just(Answer::Nothing), Just(Answer::Failed)].boxed()
        }
        QueryKind::A | QueryKind::Aaaa => {
            let addresses =
                proptest::collection::vec(any::<std::net::IpAddr>(), 0..30).prop_map(Answer::Addresses);
            prop_oneof![addresses, Just(Answer::Nothing), Just(Answer::Failed)].boxed()
        }
    }
}

proptest! {
    #[test]
    fn whatever_is_answered_a_search_ends_within_its_bounds(
        uri in prop_oneof!["sips?:[a-c]\\.example", "sip:a\\.example;transport=(tcp|tls|udp)", "sip:a\\.example:1"],
        naptrs in any_answer(QueryKind::Naptr),
        srvs in proptest::collection::vec(any_answer(QueryKind::Srv), 1..4),
        addresses in proptest::collection::vec(any_answer(QueryKind::A), 1..4),
        seed: u64,
    ) {
        let mut search = Search::new(&uri, &reachable(), seed).unwrap();
        let mut asked = 0_usize;
        while let Some(query) = search.poll_query() {
            let answer = match query.kind {
                QueryKind::Naptr => naptrs.clone(),
                QueryKind::Srv => srvs[asked % srvs.len()].clone(),
                QueryKind::A | QueryKind::Aaaa => addresses[asked % addresses.len()].clone(),
            };
            asked += 1;
            search.handle_answer(&query, answer);
        }
        prop_assert!(asked <= 48, "{asked} questions");
        let outcome = search.outcome().expect("it ends").clone();
        prop_assert!(outcome.as_ref().map_or(0, Vec::len) <= 32);
        prop_assert!(outcome.is_err() || outcome.is_ok_and(|targets| !targets.is_empty()));
    }
}
