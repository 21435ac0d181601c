//! `a=crypto`: keys for SRTP in session descriptions ([RFC 4568]).
//!
//! It knows suites by name and length, and protects nothing itself. **Invariant:** a line is used only where all that it
//! asks for is there; a key is never printed but into a description.

use std::fmt;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use base64::engine::{DecodePaddingMode, general_purpose};
use sha2::{Digest, Sha256};

use super::SdpError;
use crate::message::decimal;

/// Reads keys with or without padding: telephones differ.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);
/// Most `a=crypto` lines of a media line that are looked at.
pub(super) const LINES_MAX: usize = 32;
/// Packets that a key is good for at most ([RFC 3711 §9.2]).
const LIFETIME_MAX: u64 = 1 << 48;

/// Whether media has to be secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MediaSecurity {
    /// Never: SRTP is neither offered nor taken.
    Refuse,
    /// Where the other side can: offered beside plain RTP, taken where offered.
    ///
    /// What is offered is one `RTP/AVP` stream with keys: who knows no keys passes over the attribute and answers as to
    /// any offer. Two streams, one `RTP/SAVP` and one `RTP/AVP`, would be by the book, but many take that for two
    /// streams of sound, or refuse both.
    #[default]
    Prefer,
    /// Always: a call without is refused.
    Require,
}

impl MediaSecurity {
    /// The word for it in settings.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Refuse => "refuse",
            Self::Prefer => "prefer",
            Self::Require => "require",
        }
    }

    /// The policy of a word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Refuse, Self::Prefer, Self::Require].into_iter().find(|policy| policy.as_str() == word)
    }
}

/// A way to protect media ([RFC 4568 §6.2], [RFC 7714 §14.1]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CryptoSuite {
    /// `AEAD_AES_128_GCM`.
    AeadAes128Gcm,
    /// `AEAD_AES_256_GCM`.
    AeadAes256Gcm,
    /// `AES_CM_128_HMAC_SHA1_80`.
    AesCm128HmacSha1_80,
    /// `AES_CM_128_HMAC_SHA1_32`.
    AesCm128HmacSha1_32,
}

impl CryptoSuite {
    /// All, the one we like best first: GCM does in one pass what counter mode and HMAC do in two, a key of 256
    /// bits costs more rounds and buys a telephone call nothing, and a short tag comes last.
    pub const ALL: [Self; 4] =
        [Self::AeadAes128Gcm, Self::AeadAes256Gcm, Self::AesCm128HmacSha1_80, Self::AesCm128HmacSha1_32];

    /// The name in descriptions.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AeadAes128Gcm => "AEAD_AES_128_GCM",
            Self::AeadAes256Gcm => "AEAD_AES_256_GCM",
            Self::AesCm128HmacSha1_80 => "AES_CM_128_HMAC_SHA1_80",
            Self::AesCm128HmacSha1_32 => "AES_CM_128_HMAC_SHA1_32",
        }
    }

    /// Octets of a master key and its salt.
    #[must_use]
    pub const fn key_octets(self) -> usize {
        match self {
            Self::AeadAes128Gcm => 16 + 12,
            Self::AeadAes256Gcm => 32 + 12,
            Self::AesCm128HmacSha1_80 | Self::AesCm128HmacSha1_32 => 16 + 14,
        }
    }

    fn of_name(name: &[u8]) -> Option<Self> {
        // Names are tokens without regard to case ([RFC 4568 §9.1]).
        Self::ALL.into_iter().find(|suite| name.eq_ignore_ascii_case(suite.name().as_bytes()))
    }
}

/// A master key and its salt. What is printed of it is its length.
#[derive(Clone, PartialEq, Eq)]
pub struct CryptoKey(Box<[u8]>);

impl CryptoKey {
    /// Key and salt.
    #[must_use]
    pub const fn octets(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for CryptoKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CryptoKey({} octets)", self.0.len())
    }
}

/// What the keys of a leg are made from: 256 random bits, another 256 for each leg. What is printed of it is nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct KeySeed([u8; 32]);

impl KeySeed {
    /// A seed of these bits.
    #[must_use]
    pub const fn new(bits: [u8; 32]) -> Self {
        Self(bits)
    }

    /// The key that we send with: the same whenever it is described, so that hold and resume keep it.
    fn key(&self, suite: CryptoSuite) -> CryptoKey {
        let mut octets = Vec::with_capacity(64);
        for part in 0_u8..2 {
            let inner =
                Sha256::new().chain_update(self.0).chain_update([part]).chain_update(suite.name()).finalize();
            octets.extend_from_slice(&Sha256::digest(inner));
        }
        octets.truncate(suite.key_octets());
        CryptoKey(octets.into())
    }
}

impl fmt::Debug for KeySeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeySeed")
    }
}

/// The keys that offer and answer came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CryptoAgreement {
    /// The tag of the line in offer and answer.
    pub tag: u32,
    /// The suite, both ways.
    pub suite: CryptoSuite,
    /// The key of what we send.
    pub send: CryptoKey,
    /// The key of what they send.
    pub receive: CryptoKey,
    /// The octets that name their key in each packet; empty for none.
    pub receive_mki: Box<[u8]>,
}

/// An `a=crypto` line that we can do.
#[derive(Debug, PartialEq, Eq)]
struct CryptoLine {
    tag: u32,
    suite: CryptoSuite,
    key: CryptoKey,
    mki: Box<[u8]>,
}

impl CryptoLine {
    /// Reads the value of an attribute; `None` for what is malformed or asks for what is not there ([RFC 4568 §9.1]).
    fn parse(value: &[u8]) -> Option<Self> {
        let mut words = value.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
        let (tag, suite, keys) = (words.next()?, CryptoSuite::of_name(words.next()?)?, words.next()?);
        if !(1..=9).contains(&tag.len()) || !words.all(is_harmless) {
            return None;
        }
        let tag = u32::try_from(decimal(tag)?).ok()?;
        let inline = keys.get(..7).filter(|method| method.eq_ignore_ascii_case(b"inline:"))?;
        // Several keys, told apart by their identifiers, are nowhere in use.
        let mut parts = keys[inline.len()..].split(|byte| *byte == b'|');
        let key = BASE64.decode(parts.next()?).ok().filter(|key| key.len() == suite.key_octets())?;
        let mut mki = None;
        for (place, part) in parts.enumerate() {
            match part.iter().position(|byte| *byte == b':') {
                Some(colon) if mki.is_none() => mki = Some(identifier(&part[..colon], &part[colon + 1..])?),
                None if place == 0 => lifetime(part)?,
                Some(_) | None => return None,
            }
        }
        Some(Self { tag, suite, key: CryptoKey(key.into()), mki: mki.unwrap_or_default() })
    }
}

/// Whether a session parameter may be passed over ([RFC 4568 §6.3]): one that changes what packets look like may not.
fn is_harmless(parameter: &[u8]) -> bool {
    let name = parameter.split(|byte| *byte == b'=').next().unwrap_or_default();
    match name {
        // The size of the other side's replay window, and where its repair packets get their key: there are none.
        b"WSH" | b"FEC_ORDER" | b"FEC_KEY" => true,
        b"KDR" => parameter == b"KDR=0",
        // An extension says itself whether it may be passed over.
        _ => name.first() == Some(&b'-'),
    }
}

/// A lifetime that a key may have.
fn lifetime(digits: &[u8]) -> Option<()> {
    let packets = match digits.strip_prefix(b"2^") {
        Some(exponent) => 1_u64.checked_shl(u32::try_from(decimal(exponent)?).ok()?)?,
        None => decimal(digits)?,
    };
    (1..=LIFETIME_MAX).contains(&packets).then_some(())
}

/// The octets of `value:length`.
fn identifier(value: &[u8], len: &[u8]) -> Option<Box<[u8]>> {
    let len = usize::try_from(decimal(len)?).ok().filter(|len| (1..=128).contains(len))?;
    let value = decimal(value)?.to_be_bytes();
    let leading = value.len().saturating_sub(len);
    if value[..leading].iter().any(|octet| *octet != 0) {
        return None;
    }
    let mut octets = vec![0; len];
    octets[len.saturating_sub(value.len())..].copy_from_slice(&value[leading..]);
    Some(octets.into())
}

/// Whether a transport protocol is RTP, and whether it is secret by itself.
fn is_secret(protocol: &[u8]) -> Option<bool> {
    match protocol {
        b"RTP/AVP" | b"RTP/AVPF" => Some(false),
        b"RTP/SAVP" | b"RTP/SAVPF" => Some(true),
        _ => None,
    }
}

/// The keys for a stream that they offer, by the first of our suites among theirs ([RFC 4568 §5.1.2]); `None` for plain
/// RTP.
///
/// # Errors
/// [`SdpError`] where the policy and the offer do not go together.
pub(super) fn taken(
    protocol: &[u8],
    lines: &[&[u8]],
    policy: MediaSecurity,
    seed: &KeySeed,
) -> Result<Option<CryptoAgreement>, SdpError> {
    let is_secret = is_secret(protocol).ok_or(SdpError::NoProtocol)?;
    if policy == MediaSecurity::Refuse {
        return if is_secret { Err(SdpError::NoProtocol) } else { Ok(None) };
    }
    let offered: Vec<_> = lines.iter().filter_map(|line| CryptoLine::parse(line)).collect();
    let best = CryptoSuite::ALL.into_iter().find_map(|suite| offered.iter().find(|line| line.suite == suite));
    match best {
        Some(line) => Ok(Some(CryptoAgreement {
            tag: line.tag,
            suite: line.suite,
            send: seed.key(line.suite),
            receive: line.key.clone(),
            receive_mki: line.mki.clone(),
        })),
        None if is_secret => Err(SdpError::NoCrypto),
        None if policy == MediaSecurity::Require => Err(SdpError::NotSecret),
        None => Ok(None),
    }
}

/// The keys that an answer takes from an offer of ours ([RFC 4568 §5.1.3]); `None` for plain RTP.
///
/// # Errors
/// [`SdpError`] where it took none but had to, or none of ours.
pub(super) fn agreed(
    protocol: &[u8],
    lines: &[&[u8]],
    policy: MediaSecurity,
    seed: &KeySeed,
) -> Result<Option<CryptoAgreement>, SdpError> {
    let is_secret = is_secret(protocol).ok_or(SdpError::NoProtocol)?;
    match (policy, lines) {
        (MediaSecurity::Refuse, _) if is_secret => Err(SdpError::NoProtocol),
        (MediaSecurity::Refuse, _) => Ok(None),
        (MediaSecurity::Require, []) => Err(SdpError::NotSecret),
        (MediaSecurity::Prefer, []) if is_secret => Err(SdpError::NoCrypto),
        (MediaSecurity::Prefer, []) => Ok(None),
        (MediaSecurity::Prefer | MediaSecurity::Require, lines) => {
            let [line] = lines else { return Err(SdpError::NoCrypto) };
            let line = CryptoLine::parse(line).filter(|line| offered_tag(line.suite) == line.tag);
            let CryptoLine { tag, suite, key, mki } = line.ok_or(SdpError::NoCrypto)?;
            Ok(Some(CryptoAgreement { tag, suite, send: seed.key(suite), receive: key, receive_mki: mki }))
        }
    }
}

/// The tag that a suite has in our offers.
fn offered_tag(suite: CryptoSuite) -> u32 {
    (1..).zip(CryptoSuite::ALL).find(|(_, other)| *other == suite).map_or(0, |(tag, _)| tag)
}

/// The protocol that we offer.
pub(super) const fn offered_protocol(policy: MediaSecurity) -> &'static [u8] {
    match policy {
        MediaSecurity::Refuse | MediaSecurity::Prefer => b"RTP/AVP",
        MediaSecurity::Require => b"RTP/SAVP",
    }
}

/// Writes the lines of an offer.
pub(super) fn write_offered(text: &mut String, policy: MediaSecurity, seed: &KeySeed) {
    if policy != MediaSecurity::Refuse {
        for suite in CryptoSuite::ALL {
            write_line(text, offered_tag(suite), suite, &seed.key(suite));
        }
    }
}

/// Writes the line of an answer.
pub(super) fn write_taken(text: &mut String, crypto: &CryptoAgreement) {
    write_line(text, crypto.tag, crypto.suite, &crypto.send);
}

fn write_line(text: &mut String, tag: u32, suite: CryptoSuite, key: &CryptoKey) {
    let key = general_purpose::STANDARD.encode(key.octets());
    let _ = write!(text, "a=crypto:{tag} {} inline:{key}\r\n", suite.name());
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";

    fn line(text: &str) -> Option<CryptoLine> {
        CryptoLine::parse(text.as_bytes())
    }

    /// Shows RFC 4568 §9.1: tag, suite, key, lifetime and key identifier of a line.
    #[test]
    fn a_line_is_read_with_lifetime_and_identifier() {
        for rest in ["", "|2^20", "|2^20|1:4", "|1048576|1:4", "|1:4", "|2^31 WSH=128", " KDR=0", " -XTRA=5"]
        {
            let read = line(&format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}{rest}")).expect(rest);
            assert_eq!((read.tag, read.suite), (1, CryptoSuite::AesCm128HmacSha1_80), "{rest}");
            let mki: &[u8] = if rest.contains(":4") { &[0, 0, 0, 1] } else { &[] };
            assert_eq!(&*read.mki, mki, "{rest}");
            assert!(read.key.octets().starts_with(b"YS___semctl"));
        }
    }

    /// Shows RFC 4568 §6.3: a line that asks for what is not there is not taken.
    #[test]
    fn a_line_that_asks_for_more_is_passed_over() {
        for rest in [
            " UNENCRYPTED_SRTP",
            " UNENCRYPTED_SRTCP",
            " UNAUTHENTICATED_SRTP",
            " KDR=24",
            " UNHEARD_OF=1",
            "|0",
            "|2^49",
            "|2^99",
            "|1:0",
            "|1:129",
            "|300:1",
            "|1:4|1:4",
            ";inline:AAAA",
        ] {
            assert_eq!(line(&format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}{rest}")), None, "{rest}");
        }
        for text in [
            "",
            "1",
            "1 AES_CM_128_HMAC_SHA1_80",
            "x AES_CM_128_HMAC_SHA1_80 inline:AAAA",
            "1 F8_128_HMAC_SHA1_80 inline:AAAA",
            "1 AES_CM_128_HMAC_SHA1_80 inline:AAAA",
            "1 AES_CM_128_HMAC_SHA1_80 uri:AAAA",
            "1 AES_CM_128_HMAC_SHA1_80 inline:\u{e9}",
        ] {
            assert_eq!(line(text), None, "{text}");
        }
    }

    #[test]
    fn neither_key_nor_seed_is_printed() {
        let seed = KeySeed::new([0xAB; 32]);
        let agreement = taken(
            b"RTP/SAVP",
            &[format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}").as_bytes()],
            MediaSecurity::Prefer,
            &seed,
        );
        let printed = format!("{agreement:?} {seed:?}");
        assert!(
            !printed.contains("171") && !printed.contains("89, 83") && !printed.contains(KEY),
            "{printed}"
        );
    }

    #[test]
    fn suites_have_keys_of_their_own() {
        let seed = KeySeed::new([1; 32]);
        let [first, second] = [CryptoSuite::AesCm128HmacSha1_80, CryptoSuite::AesCm128HmacSha1_32];
        assert_ne!(seed.key(first), seed.key(second));
        assert_ne!(seed.key(first), KeySeed::new([2; 32]).key(first));
        assert_eq!(seed.key(CryptoSuite::AeadAes256Gcm).octets().len(), 44);
    }

    #[test]
    fn policies_are_words() {
        for word in ["refuse", "prefer", "require"] {
            assert_eq!(MediaSecurity::from_word(word).map(MediaSecurity::as_str), Some(word));
        }
        assert_eq!(MediaSecurity::from_word("maybe"), None);
    }
}
