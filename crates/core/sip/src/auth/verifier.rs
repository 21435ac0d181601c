//! Judging credentials: nonces that vouch for themselves, and a bounded memory of those that were used.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::algorithm::hex;
use super::{Challenge, ChallengeKind, DigestCredentials, DigestHash, Secret};

/// The bytes of a nonce: number, time, authenticator.
const NONCE_BYTES: usize = 8 + 8 + 16;

/// Settings of a [`Verifier`].
#[derive(Clone)]
pub struct VerifierConfig {
    /// The realm; quotes and backslashes are left out of it.
    pub realm: String,
    /// The hashes that are taken, the one that is wanted most first.
    pub hashes: Vec<DigestHash>,
    /// Whether it challenges like a server or like a proxy.
    pub kind: ChallengeKind,
    /// How long a nonce is good. Longer spares clients a round trip, shorter leaves less to replay.
    pub nonce_life: Duration,
    /// Most used nonces that are remembered; the oldest make room and are stale from then on.
    pub nonces_max: usize,
    /// The key of the nonces (the shell draws it).
    pub key: [u8; 32],
}

impl std::fmt::Debug for VerifierConfig {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { realm, hashes, kind, nonce_life, nonces_max, key: _ } = self;
        formatter
            .debug_struct("VerifierConfig")
            .field("realm", realm)
            .field("hashes", hashes)
            .field("kind", kind)
            .field("nonce_life", nonce_life)
            .field("nonces_max", nonces_max)
            .finish_non_exhaustive()
    }
}

impl VerifierConfig {
    /// What most want: SHA-256 before MD5, nonces good for five minutes.
    #[must_use]
    pub fn new(realm: &str, key: [u8; 32]) -> Self {
        Self {
            realm: realm.to_owned(),
            hashes: vec![DigestHash::Sha256, DigestHash::Md5],
            kind: ChallengeKind::Server,
            nonce_life: Duration::from_secs(300),
            nonces_max: 10_000,
            key,
        }
    }
}

/// What credentials are worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The client knows the secret.
    Right,
    /// It does not.
    WrongSecret,
    /// It does, but the nonce is too old, or another's: to be challenged again, as stale.
    Stale,
    /// It does, or somebody who listened does: the nonce was used so before. To be challenged again, as stale.
    Replay,
    /// The credentials make no sense, or are for a hash or a protection that was not offered.
    Malformed,
}

/// Makes challenges and judges what comes back. Nothing is kept for a challenge: its nonce names its time and is
/// authenticated, for one source address. Kept are the counts of nonces that were used with a right secret.
#[derive(Debug)]
pub struct Verifier {
    config: VerifierConfig,
    epoch: Instant,
    issued: u64,
    /// By number of the nonce, and so by age: the count up to which it is used up.
    used: BTreeMap<u64, u32>,
    /// Nonces up to this one are forgotten, and so stale.
    forgotten: u64,
}

struct Nonce {
    number: u64,
    made: Duration,
}

impl Verifier {
    /// A verifier that has challenged nobody yet.
    #[must_use]
    pub fn new(now: Instant, mut config: VerifierConfig) -> Self {
        config.realm.retain(|character| !character.is_control() && character != '"' && character != '\\');
        Self { config, epoch: now, issued: 0, used: BTreeMap::new(), forgotten: 0 }
    }

    /// A challenge for whoever comes from `source`. `is_stale` where its secret was right.
    pub fn challenge(&mut self, now: Instant, source: IpAddr, is_stale: bool) -> Challenge {
        self.issued += 1;
        let millis = u64::try_from(now.saturating_duration_since(self.epoch).as_millis()).unwrap_or(u64::MAX);
        let (number, millis) = (self.issued.to_be_bytes(), millis.to_be_bytes());
        let mac = self.nonce_mac(&number, &millis, source).finalize().into_bytes();
        Challenge {
            kind: self.config.kind,
            realm: self.config.realm.clone(),
            hashes: self.config.hashes.clone(),
            nonce: hex(&[&number[..], &millis, &mac[..16]].concat()),
            is_stale,
        }
    }

    /// Those of the credentials that are for our realm.
    #[must_use]
    pub fn ours<'a>(&self, given: &'a [DigestCredentials]) -> Option<&'a DigestCredentials> {
        given.iter().find(|credentials| credentials.realm == self.config.realm)
    }

    /// Judges credentials that came from `source`.
    pub fn verify(
        &mut self,
        now: Instant,
        credentials: &DigestCredentials,
        source: IpAddr,
        secret: &Secret,
    ) -> Verdict {
        let offers = credentials.realm == self.config.realm
            && self.config.hashes.contains(&credentials.hash())
            && credentials.protection.as_ref().is_none_or(|protection| protection.body_hash.is_none());
        let Some(count) = credentials.count().filter(|_| offers) else { return Verdict::Malformed };
        let (wanted, given, is_real) = credentials.responses(secret);
        let is_same = self.is_same(wanted.as_bytes(), given.as_bytes());
        if !(is_same && is_real) {
            return Verdict::WrongSecret;
        }
        let Some(nonce) = self.read_nonce(&credentials.nonce, source) else { return Verdict::Stale };
        let age = now.saturating_duration_since(self.epoch).saturating_sub(nonce.made);
        if age > self.config.nonce_life || nonce.number <= self.forgotten {
            return Verdict::Stale;
        }
        self.use_up(nonce.number, count)
    }

    /// How many nonces are remembered.
    #[must_use]
    pub fn nonces(&self) -> usize {
        self.used.len()
    }

    fn use_up(&mut self, number: u64, count: u32) -> Verdict {
        let used = self.used.entry(number).or_default();
        if count <= *used {
            return Verdict::Replay;
        }
        *used = count;
        while self.used.len() > self.config.nonces_max.max(1) {
            if let Some((oldest, _)) = self.used.pop_first() {
                self.forgotten = self.forgotten.max(oldest);
            }
        }
        Verdict::Right
    }

    fn nonce_mac(&self, number: &[u8], millis: &[u8], source: IpAddr) -> Hmac<Sha256> {
        let mut mac = self.keyed();
        mac.update(number);
        mac.update(millis);
        mac.update(source.to_canonical().to_string().as_bytes());
        mac
    }

    fn keyed(&self) -> Hmac<Sha256> {
        Hmac::new_from_slice(&self.config.key).expect("HMAC takes keys of any length")
    }

    fn read_nonce(&self, text: &str, source: IpAddr) -> Option<Nonce> {
        let bytes = unhex(text)?;
        let (number, rest) = bytes.split_at(8);
        let (millis, mac) = rest.split_at(8);
        self.nonce_mac(number, millis, source).verify_truncated_left(mac).ok()?;
        let big_endian = |bytes: &[u8]| bytes.iter().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
        Some(Nonce { number: big_endian(number), made: Duration::from_millis(big_endian(millis)) })
    }

    /// Compares in a time that tells nothing about where the two differ.
    fn is_same(&self, wanted: &[u8], given: &[u8]) -> bool {
        let tag = self.keyed().chain_update(wanted).finalize().into_bytes();
        self.keyed().chain_update(given).verify_slice(&tag).is_ok()
    }
}

fn unhex(text: &str) -> Option<[u8; NONCE_BYTES]> {
    let mut bytes = [0; NONCE_BYTES];
    if text.len() != 2 * NONCE_BYTES || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(bytes)
}
