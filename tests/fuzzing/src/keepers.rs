//! What stands at the door: STUN keep-alives, digest challenges and credentials.

use std::net::SocketAddr;

use partyline_sip::auth::{Demand, DigestCredentials, Secret, Verdict, Verifier, VerifierConfig};
use partyline_sip::stun::{self, GROWTH_MAX};

use crate::media::beginning;

/// A STUN datagram: answered with little more than it was, or dropped.
pub fn stun(bytes: &[u8]) {
    for source in ["192.0.2.1:5060", "[2001:db8::1]:40000", "[::ffff:192.0.2.1]:1"] {
        let source: SocketAddr = source.parse().expect("an address");
        let Some(answer) = stun::answer(bytes, source) else { continue };
        assert!(stun::is_stun(bytes) && stun::is_stun(&answer), "an answer to what is STUN is STUN");
        assert!(answer.len() <= bytes.len() + GROWTH_MAX, "{} for {}", answer.len(), bytes.len());
        assert_eq!(answer[4..20], bytes[4..20], "it is of the same transaction");
        assert!(stun::answer(&answer, source).is_none(), "an answer is never answered");
    }
}

/// A value of WWW-Authenticate or Authorization: read or refused, and nobody comes in without the secret.
pub fn digest(bytes: &[u8]) {
    let _ = Demand::parse(bytes);
    let Ok(Some(given)) = DigestCredentials::parse(bytes, b"INVITE", b"v=0\r\n") else { return };
    let now = beginning();
    let mut verifier = Verifier::new(now, VerifierConfig::new("here", [3; 32]));
    let source = [192, 0, 2, 1].into();
    let _ = verifier.challenge(now, source, false);
    let verdict = verifier.verify(now, &given, source, &Secret::password("a secret that no input has"));
    assert_ne!(verdict, Verdict::Right, "{given:?}");
    assert!(verifier.nonces() <= 1);
}
