//! Digest authentication: who is let in, and how we show who we are.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod harness;

use std::net::IpAddr;
use std::time::{Duration, Instant};

use harness::phone::{OFFER, Phone, header};
use harness::{FAIR, World, status};
use partyline_sip::auth::{
    Challenge, Demand, DigestCredentials, DigestHash, Secret, Verdict, Verifier, VerifierConfig,
};
use partyline_sip::endpoint::{CallEnd, CallEvent, CallKey};
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
    world.agents[0].endpoint.challenge(call, &challenge).unwrap();
    world.drain();
    challenge
}

/// Shows RFC 8760 §2.3: one header per hash, the one that is wanted most first.
/// Shows RFC 3261 §26.3.2.4: a challenge is sent once, and nothing of a stranger is kept.
#[test]
fn a_stranger_is_challenged_leaves_nothing_behind_and_comes_in_with_the_secret() {
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
    assert_eq!((counters.calls, counters.half_open, counters.transactions), (0, 0, 0));
    let ack = phone.request("ACK", 1, "a", "", "");
    assert_eq!(phone.say(&mut world, &ack), [0_u16; 0]);

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

#[test]
fn a_challenge_that_got_lost_is_made_again_for_the_repeated_invite() {
    let (mut verifier, _) = verifier();
    let mut world = World::new(1, 1, FAIR);
    let mut phone = Phone::new("again");
    let invite = phone.with_sdp("INVITE", 1, "a", OFFER);
    let mut nonces = Vec::new();
    for _ in 0..2 {
        assert_eq!(phone.say(&mut world, &invite), [100]);
        let call = world.incoming(0);
        nonces.push(challenged(&mut world, &mut verifier, call).nonce);
        assert_eq!(phone.heard(&world).iter().map(|bytes| status(bytes)).collect::<Vec<_>>(), [401]);
    }
    assert_ne!(nonces[0], nonces[1]);
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
