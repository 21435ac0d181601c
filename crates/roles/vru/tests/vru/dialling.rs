//! Calls out through trunks, against peers of few words.

use std::time::Duration;

use partyline_sip::sdp::MediaSecurity;
use partyline_trunk::{DialRight, TrunkSettings};
use partyline_vru::{Dial, DialEnd, DialProgress, TestCall, TestReport, TestSound};
use tokio::net::{TcpListener, TcpSocket, TcpStream, UdpSocket};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::callee::{Callee, described};
use crate::cluster::{CEILING, Cluster};

/// A trunk to a peer, with more lines.
fn trunk(name: &str, peer: &Callee, priority: u16, more: &str) -> partyline_trunk::Trunk {
    let text = format!(
        "name = \"{name}\"\n[dial_out]\nhosts = [\"{}\"]\nnumbers = [{{ prefix = \"+\", strip = 1, add = \"00\" }}]\n\
         caller_number = \"+4930100\"\npriority = {priority}\n{more}",
        peer.address(),
    );
    let settings: TrunkSettings = toml::from_str(&text).unwrap();
    settings.check().unwrap()
}

async fn start(trunks: Vec<partyline_trunk::Trunk>) -> Cluster {
    Cluster::start_with(|config| config.trunks = trunks).await
}

type Outcome = (Result<TestReport, DialEnd>, Vec<DialProgress>);

fn wanted(right: DialRight) -> TestCall {
    let dial = Dial { number: "+49301234".parse().unwrap(), caller: None, trunk: None, right };
    TestCall { dial, sound: TestSound::Tone, lasts: Duration::from_millis(300) }
}

/// Begins a test call; its outcome with all that was heard comes when it is over.
fn call(cluster: &Cluster) -> JoinHandle<Outcome> {
    let dialler = cluster.vru.dialler();
    tokio::spawn(async move {
        let (progress, mut heard) = mpsc::channel(64);
        let outcome = dialler.test(&wanted(DialRight::Operator), &progress).await;
        drop(progress);
        let mut all = Vec::new();
        while let Some(progress) = heard.recv().await {
            all.push(progress);
        }
        (outcome, all)
    })
}

async fn over(call: JoinHandle<Outcome>) -> Outcome {
    tokio::time::timeout(CEILING, call).await.expect("the call is over").unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answered_call_brings_a_tone_and_is_hung_up_after_its_time() {
    let peer = Callee::new().await;
    let cluster = start(vec![trunk("peer", &peer, 1, "")]).await;
    let calling = call(&cluster);
    let invite = peer.asked("INVITE").await;
    assert!(invite.uri().starts_with(&format!("sip:0049301234@{}", peer.address())), "{}", invite.uri());
    assert!(invite.header("From").contains("+4930100"), "{}", invite.text);
    peer.answer(&invite, "180 Ringing", "", "").await;
    let media = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    peer.accept(&invite, media.local_addr().unwrap()).await;
    let mut packet = [0; 2048];
    let heard = tokio::time::timeout(CEILING, media.recv(&mut packet)).await.expect("audio comes").unwrap();
    assert!(heard > 12 + 80);
    peer.let_go().await;
    let (outcome, progress) = over(calling).await;
    let report = outcome.unwrap();
    assert_eq!((report.trunk.as_str(), report.they_hung_up), ("peer", false));
    assert!(report.packets_sent > 0);
    assert!(matches!(
        &progress[..],
        [DialProgress::Trying { .. }, DialProgress::Ringing, DialProgress::Answered { .. }]
    ));
    assert_eq!(cluster.engine.legs(), 0);
}

/// Shows RFC 3960 §3: media that is agreed on before the answer flows before the answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn media_flows_before_the_answer_where_the_peer_wants_it() {
    let peer = Callee::new().await;
    let cluster = start(vec![trunk("peer", &peer, 1, "")]).await;
    let calling = call(&cluster);
    let invite = peer.asked("INVITE").await;
    let media = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = media.local_addr().unwrap();
    peer.answer(&invite, "183 Session Progress", "", &described(address)).await;
    let mut packet = [0; 2048];
    tokio::time::timeout(CEILING, media.recv(&mut packet)).await.expect("audio flows early").unwrap();
    peer.accept(&invite, address).await;
    peer.let_go().await;
    let (outcome, progress) = over(calling).await;
    assert!(outcome.is_ok());
    assert_eq!(progress[1], DialProgress::EarlyMedia, "{progress:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refusal_of_the_callee_ends_it_and_no_other_trunk_is_tried() {
    for (status, expected) in [
        ("486 Busy Here", DialEnd::Refused(486)),
        ("488 Not Acceptable Here", DialEnd::Refused(488)),
        ("481 Call/Transaction Does Not Exist", DialEnd::Refused(481)),
        ("404 Not Found", DialEnd::Refused(404)),
    ] {
        let (peer, other) = (Callee::new().await, Callee::new().await);
        let cluster = start(vec![trunk("peer", &peer, 1, ""), trunk("other", &other, 2, "")]).await;
        let calling = call(&cluster);
        let invite = peer.asked("INVITE").await;
        peer.answer(&invite, status, "", "").await;
        let (outcome, progress) = over(calling).await;
        assert_eq!(outcome, Err(expected));
        assert_eq!(progress.len(), 2, "{progress:?}");
    }
}

/// Shows RFC 3261 §21.5.4: where one way is out of service the next is taken.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn trunk_out_of_service_gives_way_to_the_next() {
    let (peer, other) = (Callee::new().await, Callee::new().await);
    let cluster = start(vec![trunk("peer", &peer, 1, ""), trunk("other", &other, 2, "")]).await;
    let calling = call(&cluster);
    let invite = peer.asked("INVITE").await;
    peer.answer(&invite, "503 Service Unavailable", "", "").await;
    let invite = other.asked("INVITE").await;
    other.accept(&invite, "127.0.0.1:40000".parse().unwrap()).await;
    other.let_go().await;
    let (outcome, progress) = over(calling).await;
    assert_eq!(outcome.unwrap().trunk.as_str(), "other");
    assert!(
        progress.iter().any(|heard| matches!(heard, DialProgress::Failed { why: DialEnd::Refused(503), .. }))
    );
}

/// Shows RFC 4566 §5.7: whoever is called by another family of addresses is offered media at an address of theirs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn host_of_the_other_family_is_offered_media_at_an_address_of_its_own() {
    if std::net::UdpSocket::bind("[::1]:0").is_err() {
        // This machine has no IPv6.
        return;
    }
    let (full, peer) = (Callee::at("::1").await, Callee::new().await);
    let mut settings = trunk("peer", &peer, 1, "");
    settings.dial_out.as_mut().unwrap().hosts.insert(0, full.address().to_string().parse().unwrap());
    let cluster = Cluster::start_with(|config| {
        config.sip_listen = ["[::1]:0", "127.0.0.1:0"].map(|address| address.parse().unwrap()).to_vec();
        config.trunks = vec![settings];
    })
    .await;
    let calling = call(&cluster);
    let invite = full.asked("INVITE").await;
    assert!(invite.text.contains("c=IN IP6 ::1"), "{}", invite.text);
    full.answer(&invite, "503 Service Unavailable", "", "").await;
    let invite = peer.asked("INVITE").await;
    assert!(invite.text.contains("c=IN IP4 127.0.0.1"), "{}", invite.text);
    peer.accept(&invite, "127.0.0.1:40000".parse().unwrap()).await;
    peer.let_go().await;
    assert!(over(calling).await.0.is_ok());
    assert_eq!(cluster.engine.legs(), 0);
}

/// Shows RFC 3261 §9.1: a callee who does not answer in time is sent CANCEL.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callee_who_does_not_answer_is_let_go_by_cancel() {
    let peer = Callee::new().await;
    let cluster = start(vec![trunk("peer", &peer, 1, "ring_max = \"1s\"")]).await;
    let calling = call(&cluster);
    let invite = peer.asked("INVITE").await;
    peer.answer(&invite, "180 Ringing", "", "").await;
    let cancel = peer.asked("CANCEL").await;
    peer.answer(&cancel, "200 OK", "", "").await;
    peer.answer(&invite, "487 Request Terminated", "", "").await;
    assert_eq!(over(calling).await.0, Err(DialEnd::NoAnswer));
}

/// Shows RFC 3261 §22.2: a challenge is answered with the trunk's password.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn challenge_is_answered_with_the_password_of_the_trunk() {
    let peer = Callee::new().await;
    let cluster = start(vec![trunk("peer", &peer, 1, "user = \"us\"\npassword = \"secret\"")]).await;
    let calling = call(&cluster);
    let invite = peer.asked("INVITE").await;
    let challenge =
        "Proxy-Authenticate: Digest realm=\"carrier\", nonce=\"n1\", algorithm=MD5, qop=\"auth\"\r\n";
    peer.answer(&invite, "407 Proxy Authentication Required", challenge, "").await;
    let again = peer.asked("INVITE").await;
    assert!(again.header("Proxy-Authorization").contains("username=\"us\""), "{}", again.text);
    peer.accept(&again, "127.0.0.1:40000".parse().unwrap()).await;
    peer.let_go().await;
    assert!(over(calling).await.0.is_ok());
}

/// Shows RFC 3261 §8.1.3.4: a redirection is followed where the trunk allows it, and ends the call where not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redirection_is_followed_where_the_trunk_allows_it() {
    for follows in [true, false] {
        let (peer, other) = (Callee::new().await, Callee::new().await);
        let cluster = start(vec![trunk("peer", &peer, 1, &format!("follows_redirects = {follows}"))]).await;
        let calling = call(&cluster);
        let invite = peer.asked("INVITE").await;
        let text = format!("Contact: <sip:elsewhere@{}>\r\n", other.address());
        peer.redirect(&invite, &text).await;
        if follows {
            let invite = other.asked("INVITE").await;
            other.accept(&invite, "127.0.0.1:40000".parse().unwrap()).await;
            other.let_go().await;
            assert!(over(calling).await.0.is_ok());
        } else {
            assert_eq!(over(calling).await.0, Err(DialEnd::Refused(302)));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn caller_may_not_dial_out_and_a_number_of_no_trunk_has_no_way() {
    let peer = Callee::new().await;
    let cluster = start(vec![trunk("peer", &peer, 1, "")]).await;
    let (progress, _heard) = mpsc::channel(64);
    let dialler = cluster.vru.dialler();
    assert_eq!(dialler.test(&wanted(DialRight::Caller), &progress).await, Err(DialEnd::NoRight));
    let mut local = wanted(DialRight::Operator);
    local.dial.number = "110".parse().unwrap();
    assert_eq!(dialler.test(&local, &progress).await, Err(DialEnd::NoWay));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn operator_who_goes_away_takes_the_call_along() {
    let peer = Callee::new().await;
    let cluster = start(vec![trunk("peer", &peer, 1, "")]).await;
    let calling = call(&cluster);
    let invite = peer.asked("INVITE").await;
    peer.answer(&invite, "180 Ringing", "", "").await;
    // The 180 has to be heard before: CANCEL waits for a first answer.
    peer.answer(&invite, "183 Session Progress", "", "").await;
    calling.abort();
    let cancel = peer.asked("CANCEL").await;
    peer.answer(&cancel, "200 OK", "", "").await;
}

/// Shows RFC 3261 §18.1.1: a call that is too large for a datagram goes by one where TCP is refused, or silent.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_call_goes_by_datagram_where_the_trunk_takes_no_tcp() {
    for is_silent in [false, true] {
        let peer = Callee::new().await;
        let (_full, crowd) = if is_silent { full_listener(peer.address()).await } else { (None, Vec::new()) };
        let cluster = Cluster::start_with(|config| {
            config.media_security = MediaSecurity::Prefer;
            config.trunks = vec![trunk("peer", &peer, 1, "")];
        })
        .await;
        let calling = call(&cluster);
        let invite = peer.asked("INVITE").await;
        assert!(invite.text.len() > 1_300, "{}", invite.text.len());
        assert!(invite.header("Via").starts_with("SIP/2.0/UDP "), "{}", invite.text);
        peer.accept(&invite, "127.0.0.1:40000".parse().unwrap()).await;
        peer.let_go().await;
        assert!(over(calling).await.0.is_ok());
        drop(crowd);
    }
}

/// Somebody who lets connections wait for good: the few that wait leave no place for more.
async fn full_listener(address: std::net::SocketAddr) -> (Option<TcpListener>, Vec<TcpStream>) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(address).unwrap();
    let listener = socket.listen(1).unwrap();
    let mut crowd = Vec::new();
    let soon = Duration::from_millis(300);
    while let Ok(stream) = tokio::time::timeout(soon, TcpStream::connect(address)).await {
        crowd.push(stream.unwrap());
        assert!(crowd.len() < 64, "there is always room for one more");
    }
    (Some(listener), crowd)
}
