//! Where a host is: RFC 3263 by the system's own resolver, which knows addresses only.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use partyline_sip::endpoint::TransportKind;
use partyline_sip::locate::{Answer, Located, Query, QueryKind, Reachable, Search, Unlocatable};
use partyline_trunk::{Host, Transport};

use crate::sip::SipAddress;

/// How long names may take in all.
const NAMES_MAX: Duration = Duration::from_secs(5);

/// The URI of a number at a host.
pub(super) fn uri(user: &str, host: &Host, transport: Option<Transport>) -> String {
    let user = partyline_sip::message::escape_user(user);
    let parameter = match transport {
        None => "",
        Some(Transport::Udp) => ";transport=udp",
        Some(Transport::Tcp) => ";transport=tcp",
        Some(Transport::Tls) => ";transport=tls",
    };
    let at = if user.is_empty() { String::new() } else { format!("{user}@") };
    format!("sip:{at}{host}{parameter}")
}

/// What a VRU with these addresses can send by.
pub(super) fn reachable(addresses: &[SipAddress]) -> Reachable {
    let mut transports: Vec<TransportKind> = Vec::new();
    for address in addresses {
        if !transports.contains(&address.transport) {
            transports.push(address.transport);
        }
    }
    let has = |is_family: fn(&SocketAddr) -> bool| addresses.iter().any(|address| is_family(&address.local));
    Reachable { transports, by_ipv4: has(SocketAddr::is_ipv4), by_ipv6: has(SocketAddr::is_ipv6) }
}

/// All places that a URI stands for, the best first.
pub(super) async fn locate(uri: &str, reachable: &Reachable) -> Result<Vec<Located>, Unlocatable> {
    let mut search = Search::new(uri, reachable, rand::random())?;
    let searching = async {
        loop {
            if let Some(outcome) = search.outcome() {
                return outcome.clone();
            }
            let Some(query) = search.poll_query() else { return Err(Unlocatable::NoAnswer) };
            let answer = ask(&query).await;
            search.handle_answer(&query, answer);
        }
    };
    tokio::time::timeout(NAMES_MAX, searching).await.unwrap_or(Err(Unlocatable::NoAnswer))
}

async fn ask(query: &Query) -> Answer {
    let is_wanted = |address: &IpAddr| match query.kind {
        QueryKind::A => address.is_ipv4(),
        QueryKind::Aaaa => address.is_ipv6(),
        QueryKind::Naptr | QueryKind::Srv => false,
    };
    match query.kind {
        QueryKind::Naptr | QueryKind::Srv => Answer::Nothing,
        QueryKind::A | QueryKind::Aaaa => match tokio::net::lookup_host((query.name.as_str(), 0)).await {
            Ok(found) => Answer::Addresses(found.map(|address| address.ip()).filter(is_wanted).collect()),
            Err(_) => Answer::Failed,
        },
    }
}
