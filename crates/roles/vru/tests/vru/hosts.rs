//! Trunks of several hosts over TLS: each is called by its own name and has to prove that it bears it.

use std::time::Duration;

use partyline_tls::{ClientCertificates, Trust};
use partyline_trunk::{DialRight, TrunkSettings};
use partyline_vru::{Dial, DialEnd, TestCall, TestReport, TestSound};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::cluster::{CEILING, Cluster};
use crate::names::name_server;
use crate::secured::SecuredCallee;
use crate::tls::{Papers, tls_of};

/// A VRU whose trunk has two hosts on these ports; who vouches for each of them is set by its name.
async fn start(ports: [u16; 2], trusted: [&Papers; 2]) -> Cluster {
    let text = format!(
        "name = \"carrier\"\n[dial_out]\nhosts = [\"one.test:{}\", \"two.test:{}\"]\ntransport = \"tls\"\n\
         numbers = [{{ prefix = \"+\", strip = 1, add = \"00\" }}]\n",
        ports[0], ports[1]
    );
    let settings: TrunkSettings = toml::from_str(&text).unwrap();
    let nameserver = name_server(&["one.test", "two.test"]).await;
    let own = Papers::of("vru.test");
    let trust = |papers: &Papers| Trust::File(papers.certificate());
    Cluster::start_with(|config| {
        let mut tls = tls_of(&own, ClientCertificates::NotAsked);
        tls.trust = Trust::System;
        tls.targets =
            ["one.test", "two.test"].map(str::to_owned).into_iter().zip(trusted.map(trust)).collect();
        config.tls = Some(tls);
        config.nameservers = vec![nameserver];
        config.trunks = vec![settings.check().unwrap()];
    })
    .await
}

fn call(cluster: &Cluster) -> JoinHandle<Result<TestReport, DialEnd>> {
    let dialler = cluster.vru.dialler();
    let number = "+49301234".parse().unwrap();
    let dial = Dial { number, caller: None, trunk: None, right: DialRight::Operator };
    let wanted = TestCall { dial, sound: TestSound::Tone, lasts: Duration::from_millis(100) };
    tokio::spawn(async move {
        let (progress, _heard) = mpsc::channel(64);
        dialler.test(&wanted, &progress).await
    })
}

async fn over(call: JoinHandle<Result<TestReport, DialEnd>>) -> Result<TestReport, DialEnd> {
    tokio::time::timeout(CEILING, call).await.expect("the call is over").unwrap()
}

/// The second host takes a call that the first could not.
async fn is_taken_by_the_second(callee: &SecuredCallee, first: u16) {
    let mut line = callee.line().await.unwrap();
    assert_eq!(line.asked_for(), Some("two.test"));
    let invite = line.asked("INVITE").await;
    assert_eq!(invite.uri(), format!("sip:0049301234@two.test:{};transport=tls", callee.port()));
    assert_eq!(invite.header("To"), format!("<sip:0049301234@one.test:{first};transport=tls>"));
    line.accept(&invite).await;
    line.let_go().await;
}

/// Shows RFC 5922 §4: the second host of a trunk is called, and has to prove itself, under its own name.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn second_host_takes_the_call_under_its_own_name_when_the_first_is_full() {
    let papers = ["one.test", "two.test"].map(Papers::of);
    let callees = [SecuredCallee::new(&papers[0]).await, SecuredCallee::new(&papers[1]).await];
    let ports = [callees[0].port(), callees[1].port()];
    let cluster = start(ports, [&papers[0], &papers[1]]).await;
    let calling = call(&cluster);
    let mut line = callees[0].line().await.unwrap();
    assert_eq!(line.asked_for(), Some("one.test"));
    let invite = line.asked("INVITE").await;
    assert_eq!(invite.uri(), format!("sip:0049301234@one.test:{};transport=tls", ports[0]));
    line.answer(&invite, "503 Service Unavailable", "").await;
    line.asked("ACK").await;
    is_taken_by_the_second(&callees[1], ports[0]).await;
    assert_eq!(over(calling).await.unwrap().trunk.as_str(), "carrier");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn second_host_takes_the_call_under_its_own_name_when_the_first_is_dead() {
    let papers = ["one.test", "two.test"].map(Papers::of);
    let callee = SecuredCallee::new(&papers[1]).await;
    // Nobody listens there any more.
    let dead = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let cluster = start([dead, callee.port()], [&papers[0], &papers[1]]).await;
    let calling = call(&cluster);
    is_taken_by_the_second(&callee, dead).await;
    assert!(over(calling).await.is_ok());
}

/// Shows RFC 5922 §4: a host that has not the name it is called by gets no call, whoever vouches for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn second_host_with_a_certificate_for_another_name_gets_no_call() {
    // Even the name of the first host is the wrong one there.
    for wrong in ["three.test", "one.test"] {
        let papers = ["one.test", wrong].map(Papers::of);
        let callees = [SecuredCallee::new(&papers[0]).await, SecuredCallee::new(&papers[1]).await];
        let cluster = start([callees[0].port(), callees[1].port()], [&papers[0], &papers[1]]).await;
        let calling = call(&cluster);
        let mut line = callees[0].line().await.unwrap();
        let invite = line.asked("INVITE").await;
        line.answer(&invite, "503 Service Unavailable", "").await;
        assert!(callees[1].line().await.is_err(), "its certificate is for {wrong}");
        assert_eq!(over(calling).await, Err(DialEnd::Unreachable));
        assert!(!callees[1].is_called().await, "it is tried once");
        assert_eq!(cluster.engine.legs(), 0);
    }
}
