//! Digest authentication: who is let in, and how we show who we are.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod harness;

use std::net::IpAddr;
use std::time::{Duration, Instant};

use harness::phone::{OFFER, Phone, header, headers, response_to};
use harness::{FAIR, World, outgoing, start_line, status};
use partyline_sip::auth::{
    Challenge, ChallengeKind, Credentials, Demand, DigestCredentials, DigestHash, Secret, Verdict, Verifier,
    VerifierConfig,
};
use partyline_sip::endpoint::{Because, CallEnd, CallEvent, CallKey, OutgoingCall, TransportKind};
use partyline_sip::sdp::Direction;
use partyline_sip::timer::{T1, T1_64, T4};
use proptest::prelude::*;

const SOURCE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
const REALM: &str = "conference.example";

#[expect(clippy::disallowed_methods, reason = "a beginning of virtual time; no other clock is read")]
fn verifier() -> (Verifier, Instant) {
    let now = Instant::now();
    (Verifier::new(now, VerifierConfig::new(REALM, [7; 32])), now)
}

/// What a phone makes of a challenge: the value of its Authorization.
fn response(hash: DigestHash, nonce: &str, count: u32, password: &str) -> String {
    let secret = hash.secret_hash("alice", REALM, password);
    let request = hash.hex(&[b"INVITE", b"sip:100@127.0.0.1"]);
    let nc = format!("{count:08x}");
    let response =
        hash.hex(&[secret.as_bytes(), nonce.as_bytes(), nc.as_bytes(), b"xyz", b"auth", request.as_bytes()]);
    format!(
        "Digest username=\"alice\", realm=\"{REALM}\", nonce=\"{nonce}\", uri=\"sip:100@127.0.0.1\", \
         algorithm={}, response=\"{response}\", qop=auth, nc={nc}, cnonce=\"xyz\"",
        hash.token()
    )
}

fn credentials(value: &str) -> DigestCredentials {
    DigestCredentials::parse(value.as_bytes(), b"INVITE", b"").unwrap().unwrap()
}

fn judge(
    verifier: &mut Verifier,
    now: Instant,
    challenge: &Challenge,
    count: u32,
    password: &str,
) -> Verdict {
    let given = credentials(&response(DigestHash::Sha256, &challenge.nonce, count, password));
    verifier.verify(now, &given, SOURCE, &Secret::password("secret"))
}

/// Shows RFC 7616 §3.4: a client that knows the secret is known by it, with each hash that was offered.
#[test]
fn the_right_secret_is_right_with_each_hash_that_was_offered() {
    let (mut verifier, now) = verifier();
    let secrets = [
        Secret::password("secret"),
        Secret::hashed(
            [DigestHash::Sha256, DigestHash::Md5]
                .map(|hash| (hash, hash.secret_hash("alice", REALM, "secret").to_uppercase())),
        ),
    ];
    for secret in secrets {
        for (hash, verdict) in [
            (DigestHash::Sha256, Verdict::Right),
            (DigestHash::Md5, Verdict::Right),
            (DigestHash::Sha512Cut256, Verdict::Malformed),
        ] {
            let challenge = verifier.challenge(now, SOURCE, false);
            let given = credentials(&response(hash, &challenge.nonce, 1, "secret"));
            assert_eq!(verifier.verify(now, &given, SOURCE, &secret), verdict, "{hash:?} {secret:?}");
        }
    }
}

#[test]
fn a_wrong_secret_is_wrong_whoever_has_it() {
    let (mut verifier, now) = verifier();
    let challenge = verifier.challenge(now, SOURCE, false);
    assert_eq!(judge(&mut verifier, now, &challenge, 1, "Secret"), Verdict::WrongSecret);
    let nobody = credentials(&response(DigestHash::Sha256, &challenge.nonce, 1, ""));
    assert_eq!(verifier.verify(now, &nobody, SOURCE, &Secret::nobody()), Verdict::WrongSecret);
    let only_md5 = Secret::hashed([(DigestHash::Md5, DigestHash::Md5.secret_hash("alice", REALM, ""))]);
    assert_eq!(verifier.verify(now, &nobody, SOURCE, &only_md5), Verdict::WrongSecret);
    assert_eq!(verifier.nonces(), 0, "who knows no secret leaves nothing behind");
}

/// Shows RFC 7616 §3.3: a nonce grows old, and then only it is stale, not the secret wrong.
#[test]
fn a_nonce_grows_stale_and_is_no_other_sources() {
    let (mut verifier, now) = verifier();
    let challenge = verifier.challenge(now, SOURCE, false);
    let late = now + Duration::from_secs(301);
    assert_eq!(judge(&mut verifier, late, &challenge, 1, "secret"), Verdict::Stale);
    assert_eq!(judge(&mut verifier, late, &challenge, 1, "wrong"), Verdict::WrongSecret);
    let given = credentials(&response(DigestHash::Sha256, &challenge.nonce, 1, "secret"));
    let elsewhere = "192.0.2.1".parse().unwrap();
    assert_eq!(verifier.verify(now, &given, elsewhere, &Secret::password("secret")), Verdict::Stale);
    let invented = credentials(&response(DigestHash::Sha256, "abc", 1, "secret"));
    assert_eq!(verifier.verify(now, &invented, SOURCE, &Secret::password("secret")), Verdict::Stale);
    let stale = verifier.challenge(late, SOURCE, true);
    assert!(stale.values().iter().all(|value| value.contains(", stale=true")), "{:?}", stale.values());
    assert_eq!(judge(&mut verifier, late, &stale, 1, "secret"), Verdict::Right);
}

/// Shows RFC 7616 §3.4.5: the nonce count only rises; what was overheard can't be said again.
#[test]
fn a_response_counts_once_and_a_nonce_serves_many() {
    let (mut verifier, now) = verifier();
    let challenge = verifier.challenge(now, SOURCE, false);
    let other = verifier.challenge(now, SOURCE, false);
    assert_ne!(challenge.nonce, other.nonce);
    for (challenge, count, verdict) in [
        (&challenge, 1, Verdict::Right),
        (&challenge, 1, Verdict::Replay),
        (&challenge, 3, Verdict::Right),
        (&challenge, 2, Verdict::Replay),
        (&other, 1, Verdict::Right),
        (&challenge, 0, Verdict::Malformed),
    ] {
        assert_eq!(judge(&mut verifier, now, challenge, count, "secret"), verdict, "{count}");
    }
}

#[test]
fn used_nonces_are_bounded_and_the_forgotten_ones_are_stale() {
    let (_, now) = verifier();
    let config = VerifierConfig { nonces_max: 3, ..VerifierConfig::new(REALM, [7; 32]) };
    let mut verifier = Verifier::new(now, config);
    let challenges: Vec<_> = (0..5).map(|_| verifier.challenge(now, SOURCE, false)).collect();
    for challenge in &challenges {
        assert_eq!(judge(&mut verifier, now, challenge, 1, "secret"), Verdict::Right);
    }
    assert_eq!(verifier.nonces(), 3);
    assert_eq!(judge(&mut verifier, now, &challenges[0], 2, "secret"), Verdict::Stale);
    assert_eq!(judge(&mut verifier, now, &challenges[4], 2, "secret"), Verdict::Right);
}

fn challenged(world: &mut World, verifier: &mut Verifier, call: CallKey) -> Challenge {
    let challenge = verifier.challenge(world.now, SOURCE, false);
    world.agents[0].endpoint.challenge(world.now, call, &challenge).unwrap();
    world.drain();
    challenge
}

/// Shows RFC 8760 §2.3: one header per hash, the one that is wanted most first.
#[test]
fn a_stranger_is_challenged_and_comes_in_with_the_secret() {
    let (mut verifier, _) = verifier();
    let mut world = World::new(1, 1, FAIR);
    let mut phone = Phone::new("stranger");
    let invite = phone.with_sdp("INVITE", 1, "a", OFFER);
    assert_eq!(phone.say(&mut world, &invite), [100]);
    let call = world.incoming(0);
    let challenge = challenged(&mut world, &mut verifier, call);
    let heard = phone.heard(&world);
    let text = String::from_utf8(heard[0].clone()).unwrap();
    let values: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("WWW-Authenticate: ")).collect();
    assert_eq!((status(&heard[0]), values.len()), (401, 2));
    assert!(values[0].contains("algorithm=SHA-256") && values[1].contains("algorithm=MD5"), "{values:?}");
    assert_eq!(world.events(0, call)[1..], [CallEvent::Ended(CallEnd::Challenged)]);
    let counters = world.counters(0);
    assert_eq!((counters.calls, counters.half_open, counters.transactions), (0, 0, 1));
    let ack = phone.request("ACK", 1, "a", "", "");
    assert_eq!(phone.say(&mut world, &ack), [0_u16; 0]);
    world.run(T4);
    assert_eq!(world.counters(0).entries, 0);

    let authorization = format!(
        "Authorization: {}\r\nContent-Type: application/sdp\r\n",
        response(DigestHash::Sha256, &challenge.nonce, 1, "secret")
    );
    phone.to_tag = String::new();
    let invite = phone.request("INVITE", 2, "b", &authorization, OFFER);
    assert_eq!(phone.say(&mut world, &invite), [100]);
    let Some((_, CallEvent::Incoming(incoming))) = world.agents[0].events.last().cloned() else {
        panic!("no call")
    };
    let given = verifier.ours(&incoming.credentials).unwrap();
    assert_eq!(given.username, "alice");
    let secret = Secret::password("secret");
    assert_eq!(verifier.verify(world.now, given, incoming.source.ip(), &secret), Verdict::Right);
}

/// Shows RFC 3261 §17.2.1: who has heard 100 does not ask again, so a challenge is repeated until its ACK.
#[test]
fn a_challenge_that_got_lost_is_made_again() {
    let (mut verifier, _) = verifier();
    let mut world = World::new(1, 1, FAIR);
    let mut phone = Phone::new("again");
    let invite = phone.with_sdp("INVITE", 1, "a", OFFER);
    assert_eq!(phone.say(&mut world, &invite), [100]);
    let call = world.incoming(0);
    challenged(&mut world, &mut verifier, call);
    let statuses = |heard: Vec<Vec<u8>>| heard.iter().map(|bytes| status(bytes)).collect::<Vec<_>>();
    assert_eq!(statuses(phone.heard(&world)), [401]);
    world.run(T1);
    assert_eq!(statuses(phone.heard(&world)), [401]);
    assert_eq!(phone.say(&mut world, &invite), [401], "its copy brings no other call");
    let ack = phone.request("ACK", 1, "a", "", "");
    assert_eq!(phone.say(&mut world, &ack), [0_u16; 0]);
    world.run(T1_64);
    assert_eq!(phone.heard(&world).len(), 0);
    assert_eq!(world.counters(0).entries, 0);
}

/// Shows RFC 3261 §26.3.2.4: in a crowd a challenge is sent once, and nothing of a stranger is kept.
#[test]
fn in_a_crowd_a_stranger_leaves_nothing_behind() {
    let (mut verifier, _) = verifier();
    let mut world = World::new(1, 1, FAIR);
    for number in 0..4_096 {
        let asking = Phone::new(&format!("asking{number}"));
        let options = asking.request("OPTIONS", 1, &format!("o{number}"), "", "");
        world.inject(asking.address, 0, options.as_bytes());
    }
    let before = world.counters(0).entries;
    let mut phone = Phone::new("stranger");
    phone.heard(&world);
    phone.to_tag = String::new();
    let invite = phone.with_sdp("INVITE", 1, "a", OFFER);
    for _ in 0..2 {
        assert_eq!(phone.say(&mut world, &invite), [100]);
        let call = world.incoming(0);
        challenged(&mut world, &mut verifier, call);
        assert_eq!(phone.heard(&world).iter().map(|bytes| status(bytes)).collect::<Vec<_>>(), [401]);
        assert_eq!(world.counters(0).entries, before);
    }
}

/// Shows RFC 3261 §10.3: who is no registrar says so, to everybody alike, and challenges nobody.
#[test]
fn registering_here_is_refused_alike_for_all_and_without_a_challenge() {
    let mut world = World::new(1, 1, FAIR);
    let mut phone = Phone::new("register");
    for (number, user) in ["100", "alice", "12345678"].into_iter().enumerate() {
        let cseq = u32::try_from(number).unwrap() + 1;
        let register = phone
            .request("REGISTER", cseq, user, "", "")
            .replace("<sip:bob@phone>", &format!("<sip:{user}@phone>"));
        world.inject(phone.address, 0, register.as_bytes());
        let heard = phone.heard(&world);
        assert_eq!(status(&heard[0]), 405);
        assert_eq!(header(&heard[0], "WWW-Authenticate"), None);
    }
}

/// A server or proxy that wants to know who calls, at an address where nobody else is.
struct Callee {
    world: World,
    call: CallKey,
    verifier: Verifier,
    secret: Secret,
}

const CALLEE: &str = "127.0.0.1:7000";

impl Callee {
    fn called(kind: ChallengeKind, hashes: &[DigestHash], password: &str) -> Self {
        let mut world = World::new(1, 1, FAIR);
        let credentials = vec![
            Credentials {
                username: "other".to_owned(),
                password: "x".to_owned(),
                realm: Some("else".to_owned()),
            },
            Credentials { username: "alice".to_owned(), password: password.to_owned(), realm: None },
        ];
        let wanted = OutgoingCall { credentials, ..outgoing(CALLEE.parse().unwrap(), TransportKind::Udp) };
        let now = world.now;
        let call = world.agents[0].endpoint.call(now, &wanted).unwrap();
        world.drain();
        let config = VerifierConfig { kind, hashes: hashes.to_vec(), ..VerifierConfig::new(REALM, [3; 32]) };
        Self { verifier: Verifier::new(now, config), world, call, secret: Secret::password("secret") }
    }

    fn newest(&self) -> Vec<u8> {
        self.world.sent.last().unwrap().1.clone()
    }

    /// Answers the newest request; what the endpoint says to that.
    fn respond(&mut self, status: &str, more: &str, sdp: &str) -> Vec<Vec<u8>> {
        let request = self.newest();
        self.respond_to(&request, status, more, sdp)
    }

    fn respond_to(&mut self, request: &[u8], status: &str, more: &str, sdp: &str) -> Vec<Vec<u8>> {
        let before = self.world.sent.len();
        let more = format!("Contact: <sip:callee@{CALLEE}>\r\n{more}");
        let response = response_to(request, status, "x", &more, sdp);
        self.world.inject(CALLEE.parse().unwrap(), 0, response.as_bytes());
        self.world.sent[before..].iter().map(|(_, bytes)| bytes.clone()).collect()
    }

    fn challenge(&mut self, is_stale: bool) -> Vec<Vec<u8>> {
        let challenge = self.verifier.challenge(self.world.now, SOURCE, is_stale);
        let lines: String =
            challenge.values().iter().map(|value| format!("{}: {value}\r\n", challenge.header())).collect();
        let status = if challenge.status() == 401 { "401 Unauthorized" } else { "407 Who Is There" };
        self.respond(status, &lines, "")
    }

    fn judge(&mut self, request: &[u8]) -> (Verdict, DigestHash) {
        let value =
            ["Authorization", "Proxy-Authorization"].into_iter().find_map(|name| header(request, name));
        let method = start_line(request).split(' ').next().unwrap().to_owned();
        let given =
            DigestCredentials::parse(value.unwrap().as_bytes(), method.as_bytes(), b"").unwrap().unwrap();
        assert_eq!(given.username, "alice");
        (self.verifier.verify(self.world.now, &given, SOURCE, &self.secret), given.hash())
    }
}

const BOTH: [DigestHash; 2] = [DigestHash::Md5, DigestHash::Sha256];

/// Shows RFC 3261 §22.2: a challenged request is sent again with credentials, a higher CSeq and the same Call-ID.
/// Shows RFC 3261 §22.3: a proxy is answered like a server.
/// Shows RFC 8760 §2.4: of several hashes for one realm the better one is used.
#[test]
fn a_challenged_call_is_made_again_with_credentials() {
    for (kind, header_name) in
        [(ChallengeKind::Server, "Authorization"), (ChallengeKind::Proxy, "Proxy-Authorization")]
    {
        let mut callee = Callee::called(kind, &BOTH, "secret");
        let first = callee.newest();
        let sent = callee.challenge(false);
        assert!(sent[0].starts_with(b"ACK") && sent[1].starts_with(b"INVITE"));
        for same in ["Call-ID", "From", "To"] {
            assert_eq!(header(&first, same), header(&sent[1], same));
        }
        assert_eq!(header(&sent[1], "CSeq").as_deref(), Some("2 INVITE"));
        assert_ne!(header(&first, "Via"), header(&sent[1], "Via"));
        assert_eq!(headers(&sent[1], header_name).len(), 1);
        assert_eq!(callee.judge(&sent[1]), (Verdict::Right, DigestHash::Sha256));
        let ack = callee.respond("200 OK", "", OFFER);
        assert_eq!(header(&ack[0], header_name), header(&sent[1], header_name), "the ACK shows the same");
        assert_eq!(header(&ack[0], "CSeq").as_deref(), Some("2 ACK"));
        assert!(matches!(callee.world.events(0, callee.call)[..], [CallEvent::Answered(_)]));
    }
}

#[test]
fn a_wrong_secret_ends_the_call_and_is_not_tried_for_ever() {
    let mut callee = Callee::called(ChallengeKind::Server, &BOTH, "wrong");
    let sent = callee.challenge(false);
    assert_eq!(callee.judge(&sent[1]).0, Verdict::WrongSecret);
    let sent = callee.challenge(false);
    assert_eq!(sent.len(), 1, "the ACK");
    assert_eq!(callee.world.events(0, callee.call), [CallEvent::Ended(CallEnd::Refused { status: 401 })]);
    callee.world.run(Duration::from_secs(100));
    assert_eq!(callee.world.counters(0).transactions, 0);
}

/// Shows RFC 7616 §3.3: `stale` asks for the same secret with another nonce, once.
#[test]
fn a_stale_nonce_is_replaced_once() {
    let mut callee = Callee::called(ChallengeKind::Server, &BOTH, "secret");
    callee.challenge(false);
    let sent = callee.challenge(true);
    assert_eq!(callee.judge(&sent[1]).0, Verdict::Right);
    assert_eq!(callee.challenge(true).len(), 1, "a server that never has enough is left");
    assert_eq!(callee.world.events(0, callee.call), [CallEvent::Ended(CallEnd::Refused { status: 401 })]);
}

#[test]
fn what_can_not_be_answered_ends_the_call() {
    for line in [
        "",
        "WWW-Authenticate: Basic realm=\"x\"\r\n",
        "WWW-Authenticate: Digest realm=\"x\", nonce=\"1\", algorithm=AKAv1-MD5\r\n",
        "WWW-Authenticate: Digest realm=\"x\", nonce=\"1\", qop=\"auth-conf\"\r\n",
        "WWW-Authenticate: Digest realm=\"x\r\n",
    ] {
        let mut callee = Callee::called(ChallengeKind::Server, &BOTH, "secret");
        callee.respond("401 Unauthorized", line, "");
        let end = CallEvent::Ended(CallEnd::Refused { status: 401 });
        assert_eq!(callee.world.events(0, callee.call), [end], "{line}");
    }
}

/// Shows RFC 3261 §22.3: each proxy on the way and the server behind them get their own credentials.
#[test]
fn several_realms_on_the_way_each_get_their_credentials() {
    let mut callee = Callee::called(ChallengeKind::Server, &BOTH, "secret");
    let proxy = |realm: &str| {
        format!(
            "Proxy-Authenticate: Digest realm=\"{realm}\", nonce=\"n-{realm}\", qop=\"auth\", opaque=\"o\"\r\n"
        )
    };
    let sent = callee.respond("407 Who", &proxy("one"), "");
    assert_eq!(headers(&sent[1], "Proxy-Authorization").len(), 1);
    let sent = callee.respond("407 Who", &format!("{}{}", proxy("two"), proxy("else")), "");
    let shown = headers(&sent[1], "Proxy-Authorization");
    assert_eq!(shown.len(), 3);
    assert!(shown[0].contains("nc=00000002") && shown[0].contains("opaque=\"o\""), "{shown:?}");
    assert!(shown[2].contains("username=\"other\"") && shown[1].contains("username=\"alice\""), "{shown:?}");
    let sent = callee.challenge(false);
    assert_eq!(
        (headers(&sent[1], "Proxy-Authorization").len(), headers(&sent[1], "Authorization").len()),
        (3, 1)
    );
    assert_eq!(header(&sent[1], "CSeq").as_deref(), Some("4 INVITE"));
    assert_eq!(callee.judge_server(&sent[1]), Verdict::Right);
}

impl Callee {
    fn judge_server(&mut self, request: &[u8]) -> Verdict {
        let value = header(request, "Authorization").unwrap();
        let given = DigestCredentials::parse(value.as_bytes(), b"INVITE", b"").unwrap().unwrap();
        self.verifier.verify(self.world.now, &given, SOURCE, &self.secret)
    }
}

/// Shows RFC 7616 §3.4: what never left counts as no use of a nonce: the first one that arrives has the count of one.
#[test]
fn credentials_that_a_dead_connection_swallowed_are_shown_as_if_for_the_first_time() {
    let mut callee = Callee::called(ChallengeKind::Server, &BOTH, "secret");
    let nonce = "n".repeat(900);
    let line = format!("WWW-Authenticate: Digest realm=\"r\", nonce=\"{nonce}\", qop=\"auth\"\r\n");
    let sent = callee.respond("401 Unauthorized", &line, "");
    assert!(header(&sent[1], "Via").unwrap().starts_with("SIP/2.0/TCP"), "it is too large for a datagram");
    callee.world.run(Duration::from_millis(1));
    let again = callee.newest();
    assert!(header(&again, "Via").unwrap().starts_with("SIP/2.0/UDP"), "nobody listens by TCP");
    for request in [&sent[1], &again] {
        assert!(header(request, "Authorization").unwrap().contains("nc=00000001"));
    }
}

/// Shows RFC 7616 §3.4.3: where only `auth-int` is offered the body is vouched for.
/// Shows RFC 2617 §3.2.2: a server that knows no qop is answered as RFC 2069 has it.
#[test]
fn the_protection_is_what_the_server_offers() {
    let mut callee = Callee::called(ChallengeKind::Server, &BOTH, "secret");
    let line = "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth-int\", algorithm=MD5-sess\r\n";
    let sent = callee.respond("401 Unauthorized", line, "");
    let value = header(&sent[1], "Authorization").unwrap();
    assert!(value.contains("qop=auth-int") && value.contains("algorithm=MD5-sess"), "{value}");
    let part = |name: &str| {
        let rest = value.split_once(&format!("{name}=\"")).unwrap().1;
        rest.split_once('"').unwrap().0.to_owned()
    };
    let md5 = DigestHash::Md5;
    let text = String::from_utf8(sent[1].clone()).unwrap();
    let body = md5.hex(&[text.split_once("\r\n\r\n").unwrap().1.as_bytes()]);
    let secret = md5.secret_hash("alice", "r", "secret");
    let session = md5.hex(&[secret.as_bytes(), b"n", part("cnonce").as_bytes()]);
    let request = md5.hex(&[b"INVITE", part("uri").as_bytes(), body.as_bytes()]);
    let cnonce = part("cnonce");
    let pieces = [session.as_bytes(), b"n", b"00000001", cnonce.as_bytes(), b"auth-int", request.as_bytes()];
    assert_eq!(part("response"), md5.hex(&pieces));

    let mut callee = Callee::called(ChallengeKind::Server, &BOTH, "secret");
    let sent =
        callee.respond("401 Unauthorized", "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\"\r\n", "");
    let value = header(&sent[1], "Authorization").unwrap();
    assert!(!value.contains("qop") && !value.contains("cnonce") && !value.contains("nc="), "{value}");
}

/// Shows RFC 3261 §22.2: requests within the call show the credentials at once, and are challenged anew where the nonce
/// has grown old.
/// Shows RFC 7616 §3.5: the server may name the next nonce with its answer.
#[test]
fn requests_within_the_call_are_vouched_for_too() {
    let mut callee = Callee::called(ChallengeKind::Proxy, &BOTH, "secret");
    callee.challenge(false);
    callee.respond("200 OK", "Proxy-Authentication-Info: nextnonce=\"abcdef\"\r\n", OFFER);
    let (now, call) = (callee.world.now, callee.call);
    let endpoint = &mut callee.world.agents[0].endpoint;
    endpoint.reoffer(now, call, &harness::capabilities(6_000), Direction::SendOnly).unwrap();
    callee.world.drain();
    let value = header(&callee.newest(), "Proxy-Authorization").unwrap();
    assert!(value.contains("nonce=\"abcdef\"") && value.contains("nc=00000001"), "{value}");
    let sent = callee.challenge(false);
    assert!(sent[1].starts_with(b"INVITE"), "a nonce that was named may be used up all the same");
    assert_eq!(callee.judge(&sent[1]).0, Verdict::Right);
    callee.respond("200 OK", "", &OFFER.replace("a=rtpmap", "a=recvonly\r\na=rtpmap"));
    assert!(matches!(callee.world.events(0, call)[..], [CallEvent::Answered(_), CallEvent::Changed(_)]));

    let now = callee.world.now;
    callee.world.agents[0].endpoint.hang_up(now, call, &Because::default()).unwrap();
    callee.world.drain();
    assert_eq!(callee.judge_bye(), Verdict::Right);
    let sent = callee.challenge(true);
    assert!(sent[0].starts_with(b"BYE"));
    assert_eq!(callee.judge_bye(), Verdict::Right);
    callee.respond("200 OK", "", "");
    assert_eq!(callee.world.counters(0).calls, 0);
    callee.world.run(Duration::from_secs(100));
    assert_eq!(callee.world.counters(0).transactions, 0);
}

impl Callee {
    fn judge_bye(&mut self) -> Verdict {
        let bye = self.newest();
        assert!(bye.starts_with(b"BYE"), "{}", start_line(&bye));
        self.judge(&bye).0
    }
}

#[test]
fn passwords_are_never_shown() {
    let credentials =
        Credentials { username: "alice".to_owned(), password: "hunter2".to_owned(), realm: None };
    let secret = Secret::password("hunter2");
    let config = VerifierConfig::new(REALM, [9; 32]);
    let shown = format!("{credentials:?} {secret:?} {config:?}");
    assert!(!shown.contains("hunter2") && !shown.contains("9, 9"), "{shown}");
}

proptest! {
    #[test]
    fn whatever_the_bytes_challenges_and_credentials_are_read_or_refused(bytes in any::<Vec<u8>>()) {
        let value = [&b"Digest "[..], &bytes].concat();
        let _ = Demand::parse(&value);
        let _ = Demand::parse(&bytes);
        let _ = DigestCredentials::parse(&value, b"INVITE", b"x");
    }

    #[test]
    fn what_stands_in_a_challenge_is_read_back(
        realm in "[a-zA-Z0-9 ,;=.@-]{0,40}",
        nonce in "[!#-\\[\\]-~]{1,60}",
        opaque in proptest::option::of("[a-z0-9,= ]{0,20}"),
        is_stale: bool,
        junk in proptest::collection::vec(("x[a-z]{1,8}", "[a-z0-9, ]{0,10}"), 0..3),
    ) {
        let mut value = format!("Digest realm=\"{realm}\",nonce = \"{nonce}\" , stale={is_stale}, algorithm=SHA-256");
        if let Some(opaque) = &opaque {
            value.push_str(&format!(", opaque=\"{opaque}\""));
        }
        for (index, (name, text)) in junk.iter().enumerate() {
            value.push_str(&format!(", {name}{index}=\"{text}\""));
        }
        let demand = Demand::parse(value.as_bytes()).unwrap().unwrap();
        prop_assert_eq!((demand.realm, demand.nonce), (realm, nonce));
        prop_assert_eq!((demand.opaque, demand.is_stale), (opaque, is_stale));
    }
}
