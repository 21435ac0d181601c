//! The two ways to protect a packet: counter mode with HMAC-SHA1 [RFC 3711 §4.1.1, §4.2.1] and AES-GCM [RFC 7714].
//!
//! A packet is the first octets of a buffer; what is authenticated but not encrypted comes first.

use std::fmt;

use aes::cipher::{BlockCipherEncrypt, KeyInit};
use aes::{Aes128Enc, Block};
use aes_gcm::aead::inout::InOutBuf;
use aes_gcm::{AeadInOut, Aes128Gcm, Aes256Gcm, Nonce, Tag};
use hmac::{Hmac, Mac};
use sha1::Sha1;

use super::key::{Label, MasterKey, SrtpSuite};

const GCM_TAG: usize = 16;
/// Blocks of key stream made at once: as many as processors do side by side.
const BLOCKS: usize = 8;

/// The session keys of RTP or of RTCP in one direction.
pub(super) enum Cipher {
    CounterMode(Box<CounterMode>),
    Gcm128(Box<Gcm<Aes128Gcm>>),
    Gcm256(Box<Gcm<Aes256Gcm>>),
}

pub(super) struct CounterMode {
    aes: Aes128Enc,
    salt: [u8; 14],
    hmac: Hmac<Sha1>,
    tag_octets: usize,
}

pub(super) struct Gcm<A> {
    aead: A,
    salt: [u8; 12],
}

/// Whose keys are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Rtp,
    Rtcp,
}

impl Cipher {
    pub(super) fn derive(master: &MasterKey, kind: Kind) -> Self {
        let [key, authentication, salt] = match kind {
            Kind::Rtp => [Label::RtpKey, Label::RtpAuthentication, Label::RtpSalt],
            Kind::Rtcp => [Label::RtcpKey, Label::RtcpAuthentication, Label::RtcpSalt],
        };
        let (mut keys, mut salts, mut authentications) = ([0; 32], [0; 14], [0; 20]);
        let suite = master.suite();
        let (keys, salts) = (&mut keys[..suite.key_octets()], &mut salts[..suite.salt_octets()]);
        master.derive(key, keys);
        master.derive(salt, salts);
        master.derive(authentication, &mut authentications);
        Self::of_session(suite, kind, keys, salts, &authentications)
    }

    /// The cipher of these session keys.
    pub(super) fn of_session(
        suite: SrtpSuite,
        kind: Kind,
        key: &[u8],
        salt: &[u8],
        authentication: &[u8],
    ) -> Self {
        const FITS: &str = "session keys have the lengths of their suite";
        match suite {
            SrtpSuite::AesCm128HmacSha1_80 | SrtpSuite::AesCm128HmacSha1_32 => {
                // The short tag is for RTP only [RFC 4568 §6.2.2].
                let is_short = suite == SrtpSuite::AesCm128HmacSha1_32 && kind == Kind::Rtp;
                Self::CounterMode(Box::new(CounterMode {
                    aes: Aes128Enc::new_from_slice(key).expect(FITS),
                    salt: salt.try_into().expect(FITS),
                    hmac: <Hmac<Sha1> as KeyInit>::new_from_slice(authentication).expect(FITS),
                    tag_octets: if is_short { 4 } else { 10 },
                }))
            }
            SrtpSuite::AeadAes128Gcm => Self::Gcm128(Box::new(Gcm {
                aead: Aes128Gcm::new_from_slice(key).expect(FITS),
                salt: salt.try_into().expect(FITS),
            })),
            SrtpSuite::AeadAes256Gcm => Self::Gcm256(Box::new(Gcm {
                aead: Aes256Gcm::new_from_slice(key).expect(FITS),
                salt: salt.try_into().expect(FITS),
            })),
        }
    }

    pub(super) const fn tag_octets(&self) -> usize {
        match self {
            Self::CounterMode(cipher) => cipher.tag_octets,
            Self::Gcm128(_) | Self::Gcm256(_) => GCM_TAG,
        }
    }

    /// Encrypts an RTP packet of `plain` octets; the tag is written behind it.
    pub(super) fn seal_rtp(&self, at: RtpAt, packet: &mut [u8], plain: usize) -> Result<(), ()> {
        let (body, rest) = packet.split_at_mut(plain);
        let (head, payload) = body.split_at_mut(at.head);
        match self {
            Self::CounterMode(cipher) => {
                cipher.apply(at.ssrc, at.index, payload);
                let tag = cipher.tag(&[body, &at.rollover()]);
                rest[..cipher.tag_octets].copy_from_slice(&tag[..cipher.tag_octets]);
                Ok(())
            }
            Self::Gcm128(cipher) => cipher.seal(cipher.rtp_nonce(at), &[head, &[]], payload, rest),
            Self::Gcm256(cipher) => cipher.seal(cipher.rtp_nonce(at), &[head, &[]], payload, rest),
        }
    }

    /// Checks and decrypts an RTP packet of `plain` octets and its tag; left alone where it is not authentic.
    pub(super) fn open_rtp(&self, at: RtpAt, packet: &mut [u8], plain: usize, tag: &[u8]) -> Result<(), ()> {
        let (head, payload) = packet[..plain].split_at_mut(at.head);
        match self {
            Self::CounterMode(cipher) => {
                cipher.check(&[head, payload, &at.rollover()], tag)?;
                cipher.apply(at.ssrc, at.index, payload);
                Ok(())
            }
            Self::Gcm128(cipher) => cipher.open(cipher.rtp_nonce(at), &[head, &[]], payload, tag),
            Self::Gcm256(cipher) => cipher.open(cipher.rtp_nonce(at), &[head, &[]], payload, tag),
        }
    }

    /// Encrypts an RTCP packet of `plain` octets, and writes tag and index behind it; its octets then.
    pub(super) fn seal_rtcp(
        &self,
        ssrc: u32,
        index: u32,
        packet: &mut [u8],
        plain: usize,
    ) -> Result<usize, ()> {
        let word = (index | ENCRYPTED).to_be_bytes();
        let (body, rest) = packet.split_at_mut(plain);
        let (head, payload) = body.split_at_mut(RTCP_HEAD);
        match self {
            Self::CounterMode(cipher) => {
                cipher.apply(ssrc, index.into(), payload);
                rest[..4].copy_from_slice(&word);
                let tag = cipher.tag(&[body, &word]);
                rest[4..4 + cipher.tag_octets].copy_from_slice(&tag[..cipher.tag_octets]);
                return Ok(plain + 4 + cipher.tag_octets);
            }
            Self::Gcm128(cipher) => {
                cipher.seal(cipher.rtcp_nonce(ssrc, index), &[head, &word], payload, rest)?;
            }
            Self::Gcm256(cipher) => {
                cipher.seal(cipher.rtcp_nonce(ssrc, index), &[head, &word], payload, rest)?;
            }
        }
        rest[GCM_TAG..GCM_TAG + 4].copy_from_slice(&word);
        Ok(plain + GCM_TAG + 4)
    }

    /// Checks and decrypts the `plain` octets of an RTCP packet.
    pub(super) fn open_rtcp(&self, at: RtcpAt<'_>, packet: &mut [u8], plain: usize) -> Result<(), ()> {
        let word = at.word.to_be_bytes();
        let index = at.word & !ENCRYPTED;
        // What is not encrypted is authenticated all the same.
        let clear = if at.word & ENCRYPTED == 0 { plain } else { RTCP_HEAD };
        let (head, payload) = packet[..plain].split_at_mut(clear);
        match self {
            Self::CounterMode(cipher) => {
                cipher.check(&[head, payload, &word], at.tag)?;
                cipher.apply(at.ssrc, index.into(), payload);
                Ok(())
            }
            Self::Gcm128(cipher) => {
                cipher.open(cipher.rtcp_nonce(at.ssrc, index), &[head, &word], payload, at.tag)
            }
            Self::Gcm256(cipher) => {
                cipher.open(cipher.rtcp_nonce(at.ssrc, index), &[head, &word], payload, at.tag)
            }
        }
    }
}

impl fmt::Debug for Cipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CounterMode(_) => "CounterMode",
            Self::Gcm128(_) => "Gcm128",
            Self::Gcm256(_) => "Gcm256",
        })
    }
}

/// The E bit of an SRTCP packet's index: it is encrypted.
const ENCRYPTED: u32 = 1 << 31;
/// Octets of an RTCP packet that stay readable: the first header and its SSRC.
pub(super) const RTCP_HEAD: usize = 8;

/// Where an RTP packet stands: its stream, its index (rollover counter and sequence number), and its header's octets.
#[derive(Debug, Clone, Copy)]
pub(super) struct RtpAt {
    pub(super) ssrc: u32,
    pub(super) index: u64,
    pub(super) head: usize,
}

impl RtpAt {
    const fn rollover(self) -> [u8; 4] {
        ((self.index >> 16) as u32).to_be_bytes()
    }
}

/// What an SRTCP packet says of itself.
#[derive(Debug, Clone, Copy)]
pub(super) struct RtcpAt<'a> {
    pub(super) ssrc: u32,
    /// E bit and index.
    pub(super) word: u32,
    pub(super) tag: &'a [u8],
}

impl CounterMode {
    /// Encrypts or decrypts [RFC 3711 §4.1.1].
    fn apply(&self, ssrc: u32, index: u64, octets: &mut [u8]) {
        let mut counter = [0; 16];
        counter[..14].copy_from_slice(&self.salt);
        for (place, octet) in counter[4..8].iter_mut().zip(ssrc.to_be_bytes()) {
            *place ^= octet;
        }
        for (place, octet) in counter[8..14].iter_mut().zip(&index.to_be_bytes()[2..]) {
            *place ^= octet;
        }
        let mut number = 0_u16;
        for chunk in octets.chunks_mut(16 * BLOCKS) {
            let mut stream = [Block::from(counter); BLOCKS];
            for block in &mut stream {
                block[14..].copy_from_slice(&number.to_be_bytes());
                number = number.wrapping_add(1);
            }
            self.aes.encrypt_blocks(&mut stream);
            for (octet, key) in chunk.iter_mut().zip(stream.iter().flatten()) {
                *octet ^= key;
            }
        }
    }

    fn mac(&self, parts: &[&[u8]]) -> Hmac<Sha1> {
        let mut hmac = self.hmac.clone();
        parts.iter().for_each(|part| hmac.update(part));
        hmac
    }

    fn tag(&self, parts: &[&[u8]]) -> [u8; 20] {
        self.mac(parts).finalize().into_bytes().into()
    }

    /// In constant time.
    fn check(&self, parts: &[&[u8]], tag: &[u8]) -> Result<(), ()> {
        self.mac(parts).verify_truncated_left(tag).map_err(|_| ())
    }
}

/// The most octets of an RTCP packet that are authenticated: all of one that is not encrypted.
const ASSOCIATED_MAX: usize = 2_048;

impl<A: AeadInOut<NonceSize = aes_gcm::aead::consts::U12, TagSize = aes_gcm::aead::consts::U16>> Gcm<A> {
    /// RFC 7714 §8.1.
    fn rtp_nonce(&self, at: RtpAt) -> [u8; 12] {
        let mut nonce = self.salt;
        xor(&mut nonce[2..6], &at.ssrc.to_be_bytes());
        xor(&mut nonce[6..12], &at.index.to_be_bytes()[2..]);
        nonce
    }

    /// RFC 7714 §9.1.
    fn rtcp_nonce(&self, ssrc: u32, index: u32) -> [u8; 12] {
        let mut nonce = self.salt;
        xor(&mut nonce[2..6], &ssrc.to_be_bytes());
        xor(&mut nonce[8..12], &index.to_be_bytes());
        nonce
    }

    fn seal(
        &self,
        nonce: [u8; 12],
        associated: &[&[u8]; 2],
        octets: &mut [u8],
        rest: &mut [u8],
    ) -> Result<(), ()> {
        let nonce = Nonce::from(nonce);
        let seal = |associated: &[u8]| {
            self.aead.encrypt_inout_detached(&nonce, associated, InOutBuf::from(octets)).map_err(|_| ())
        };
        rest[..GCM_TAG].copy_from_slice(&joined(associated, seal)?);
        Ok(())
    }

    fn open(
        &self,
        nonce: [u8; 12],
        associated: &[&[u8]; 2],
        octets: &mut [u8],
        tag: &[u8],
    ) -> Result<(), ()> {
        let (nonce, tag) = (Nonce::from(nonce), Tag::try_from(tag).map_err(|_| ())?);
        joined(associated, |associated| {
            self.aead.decrypt_inout_detached(&nonce, associated, InOutBuf::from(octets), &tag).map_err(|_| ())
        })
    }
}

/// Does something with two parts joined; nothing is copied where the second is empty.
fn joined<T>(parts: &[&[u8]; 2], act: impl FnOnce(&[u8]) -> Result<T, ()>) -> Result<T, ()> {
    let [first, second] = *parts;
    if second.is_empty() {
        return act(first);
    }
    let mut buffer = [0; ASSOCIATED_MAX];
    let joined = buffer.get_mut(..first.len() + second.len()).ok_or(())?;
    joined[..first.len()].copy_from_slice(first);
    joined[first.len()..].copy_from_slice(second);
    act(joined)
}

fn xor(octets: &mut [u8], with: &[u8]) {
    octets.iter_mut().zip(with).for_each(|(octet, other)| *octet ^= other);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Shows RFC 3711 §4.1.1: the key stream of AES in counter mode (vector of appendix B.2).
    #[test]
    fn the_key_stream_is_that_of_the_appendix() {
        let key = hex::decode("2b7e151628aed2a6abf7158809cf4f3c").unwrap();
        let salt = hex::decode("f0f1f2f3f4f5f6f7f8f9fafbfcfd").unwrap();
        let suite = SrtpSuite::AesCm128HmacSha1_80;
        let Cipher::CounterMode(cipher) = Cipher::of_session(suite, Kind::Rtp, &key, &salt, &[0; 20]) else {
            panic!("not in counter mode");
        };
        let mut octets = vec![0; 0xFF02 * 16];
        cipher.apply(0, 0, &mut octets);
        let block = |number: usize| hex::encode(&octets[number * 16..][..16]);
        assert_eq!(block(0), "e03ead0935c95e80e166b16dd92b4eb4");
        assert_eq!(block(1), "d23513162b02d0f72a43a2fe4a5f97ab");
        assert_eq!(block(2), "41e95b3bb0a2e8dd477901e4fca894c0");
        assert_eq!(block(0xFEFF), "ec8cdf7398607cb0f2d21675ea9ea1e4");
        assert_eq!(block(0xFF00), "362b7c3c6773516318a077d7fc5073ae");
        assert_eq!(block(0xFF01), "6a2cc3787889374fbeb4c81b17ba6c44");
    }

    const PLAIN: &str = "8040f17b8041f8d35501a0b247616c6c696120657374206f6d6e69732064697669736120696e207061727465732074726573";
    const RTCP: &str = "81c8000d4d6172734e5450314e545032525450200000042a0000e9304c756e61deadbeefdeadbeefdeadbeefdeadbeefdeadbeef";

    fn gcm(suite: SrtpSuite) -> Cipher {
        let key: Vec<u8> = (0..suite.key_octets() as u8).collect();
        Cipher::of_session(suite, Kind::Rtp, &key, b"Quid pro quo", &[0; 20])
    }

    /// Shows RFC 7714 §16: RTP packets protected by AES-GCM, keys of 128 and 256 bits.
    #[test]
    fn rtp_by_gcm_is_as_in_the_vectors() {
        for (suite, expected) in [
            (
                SrtpSuite::AeadAes128Gcm,
                "8040f17b8041f8d35501a0b2f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7d19b36de3adf8833899d7f27beb16a9152cf765ee4390cce",
            ),
            (
                SrtpSuite::AeadAes256Gcm,
                "8040f17b8041f8d35501a0b232b1de78a822fe12ef9f78fa332e33aab18012389a58e2f3b50b2a0276ffae0f1ba63799b87b7aa3db36dfffd6b0f9bb7878d7a76c13",
            ),
        ] {
            let cipher = gcm(suite);
            let plain = hex::decode(PLAIN).unwrap();
            let mut packet = plain.clone();
            packet.extend([0; GCM_TAG]);
            let at = RtpAt { ssrc: 0x5501_A0B2, index: 0xF17B, head: 12 };
            cipher.seal_rtp(at, &mut packet, plain.len()).unwrap();
            assert_eq!(hex::encode(&packet), expected);
            let tag = packet.split_off(plain.len());
            cipher.open_rtp(at, &mut packet, plain.len(), &tag).unwrap();
            assert_eq!(packet, plain);
        }
    }

    /// Shows RFC 7714 §17: RTCP packets protected by AES-GCM, encrypted or authenticated only.
    #[test]
    fn rtcp_by_gcm_is_as_in_the_vectors() {
        for (suite, expected) in [
            (
                SrtpSuite::AeadAes128Gcm,
                "81c8000d4d61727363e94885dcdab67ca727d7662f6b7e997ff5c0f76c06f32dc676a5f1730d6fda4ce09b4686303ded0bb9275bc84aa45896cf4d2fc5abf87245d9eade800005d4",
            ),
            (
                SrtpSuite::AeadAes256Gcm,
                "81c8000d4d617273d50ae4d1f5ce5d304ba297e47d470c282c3ece5dbffe0a50a2eaa5c1110555be8415f658c61de0476f1b6fad1d1eb30c4446839f57ff6f6cb26ac3be800005d4",
            ),
        ] {
            let mut packet = hex::decode(RTCP).unwrap();
            let plain = packet.len();
            packet.extend([0; GCM_TAG + 4]);
            let len = gcm(suite).seal_rtcp(0x4D61_7273, 0x5D4, &mut packet, plain).unwrap();
            assert_eq!((hex::encode(&packet), len), (expected.to_owned(), packet.len()));
        }
        let mut packet = hex::decode(RTCP).unwrap();
        let plain = packet.len();
        let tag = hex::decode("841dd9683dd78ec92ae58790125f62b3").unwrap();
        let at = RtcpAt { ssrc: 0x4D61_7273, word: 0x5D4, tag: &tag };
        gcm(SrtpSuite::AeadAes128Gcm).open_rtcp(at, &mut packet, plain).unwrap();
        assert_eq!(hex::encode(packet), RTCP);
    }
}
