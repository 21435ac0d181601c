//! Which addresses callers are told, and when there is no way in yet.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use partyline_vru::ExternalAddress;

use crate::cluster::Cluster;
use crate::phone::Phone;

/// What a caller from loopback is told by a VRU that listens on every address.
async fn told_on(cluster: &Cluster, loopback: IpAddr) -> String {
    let port = cluster.vru.sip_addresses()[0].local.port();
    let mut phone = Phone::new(SocketAddr::new(loopback, port)).await;
    assert_eq!(phone.invite("conference").await, 200);
    phone.answer().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wildcard_is_told_to_no_caller() {
    let cluster = Cluster::start_with(|config| config.sip_listen = vec!["0.0.0.0:0".parse().unwrap()]).await;
    let answer = told_on(&cluster, Ipv4Addr::LOCALHOST.into()).await;
    assert!(!answer.contains("0.0.0.0"), "{answer}");
    assert!(answer.contains("Contact: <sip:127.0.0.1:") && answer.contains("c=IN IP4 127.0.0.1"), "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wildcard_of_ipv6_is_told_to_no_caller() {
    if std::net::UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).is_err() {
        // This machine has no IPv6; the core's own tests cover it.
        return;
    }
    let cluster = Cluster::start_with(|config| config.sip_listen = vec!["[::]:0".parse().unwrap()]).await;
    let answer = told_on(&cluster, Ipv6Addr::LOCALHOST.into()).await;
    assert!(!answer.contains("[::]") && !answer.contains("IP6 ::\r"), "{answer}");
    assert!(answer.contains("Contact: <sip:[::1]:"), "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn caller_on_this_machine_is_never_sent_round_by_the_router() {
    let cluster = Cluster::start_with(|config| {
        config.external_addresses = vec![ExternalAddress {
            networks: vec!["0.0.0.0/0".parse().unwrap()],
            except: Vec::new(),
            address: "203.0.113.9".parse().unwrap(),
        }];
    })
    .await;
    let answer = told_on(&cluster, Ipv4Addr::LOCALHOST.into()).await;
    assert!(!answer.contains("203.0.113.9"), "{answer}");
}

/// Shows RFC 3261 §21.5.4: a server that takes no calls yet says so, and when to come back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_call_is_taken_before_others_know_of_the_vru() {
    let cluster = Cluster::start_unknown();
    let mut phone = Phone::new(cluster.sip()).await;
    assert_eq!(phone.invite("conference").await, 503);
    assert_eq!(phone.answered("Retry-After"), "5");
    assert!(!cluster.vru.is_ready());
    cluster.roles.change(|script| script.refuses_renewals = false);
    tokio::time::timeout(crate::cluster::CEILING, cluster.vru.ready()).await.unwrap();
    assert_eq!(Phone::new(cluster.sip()).await.invite("conference").await, 200);
}
