//! Suites, master keys and the session keys derived from them [RFC 3711 §4.3].

use std::fmt;

use aes::Block;
use aes::cipher::{BlockCipherEncrypt, KeyInit};

/// How packets are protected: cipher, key length and tag length, by the names of RFC 4568 §6.2 and RFC 7714 §14.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SrtpSuite {
    /// AES in counter mode with a tag of 80 bits; what all equipment has.
    AesCm128HmacSha1_80,
    /// The same with a tag of 32 bits on RTP (of 80 bits on RTCP).
    AesCm128HmacSha1_32,
    /// AES-GCM with a key of 128 bits.
    AeadAes128Gcm,
    /// AES-GCM with a key of 256 bits.
    AeadAes256Gcm,
}

impl SrtpSuite {
    /// Octets of the master key.
    #[must_use]
    pub const fn key_octets(self) -> usize {
        match self {
            Self::AesCm128HmacSha1_80 | Self::AesCm128HmacSha1_32 | Self::AeadAes128Gcm => 16,
            Self::AeadAes256Gcm => 32,
        }
    }

    /// Octets of the master salt.
    #[must_use]
    pub const fn salt_octets(self) -> usize {
        match self {
            Self::AesCm128HmacSha1_80 | Self::AesCm128HmacSha1_32 => 14,
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => 12,
        }
    }
}

/// The longest master key with its salt.
const MASTER_MAX: usize = 32 + 14;

/// A master key with its salt, for one direction. What is printed of it is its suite.
#[derive(Clone, PartialEq, Eq)]
pub struct MasterKey {
    suite: SrtpSuite,
    octets: [u8; MASTER_MAX],
}

impl MasterKey {
    /// A key and the salt behind it, as `inline:` carries them; `None` where the length is not the suite's.
    #[must_use]
    pub fn new(suite: SrtpSuite, key_and_salt: &[u8]) -> Option<Self> {
        if key_and_salt.len() != suite.key_octets() + suite.salt_octets() {
            return None;
        }
        let mut octets = [0; MASTER_MAX];
        octets[..key_and_salt.len()].copy_from_slice(key_and_salt);
        Some(Self { suite, octets })
    }

    /// The suite that the key is for.
    #[must_use]
    pub const fn suite(&self) -> SrtpSuite {
        self.suite
    }

    fn key(&self) -> &[u8] {
        &self.octets[..self.suite.key_octets()]
    }

    fn salt(&self) -> &[u8] {
        &self.octets[self.suite.key_octets()..][..self.suite.salt_octets()]
    }

    /// Fills in a session key [RFC 3711 §4.3.1, §4.3.3; RFC 6188 for keys of 256 bits]. A salt of 96 bits is followed
    /// by zeros, as all implementations of RFC 7714 do.
    pub(super) fn derive(&self, label: Label, session_key: &mut [u8]) {
        let mut counter = [0; 16];
        counter[..self.salt().len()].copy_from_slice(self.salt());
        counter[7] ^= label as u8;
        match self.suite {
            SrtpSuite::AeadAes256Gcm => {
                expand(&aes::Aes256Enc::new_from_slice(self.key()), counter, session_key)
            }
            SrtpSuite::AesCm128HmacSha1_80 | SrtpSuite::AesCm128HmacSha1_32 | SrtpSuite::AeadAes128Gcm => {
                expand(&aes::Aes128Enc::new_from_slice(self.key()), counter, session_key);
            }
        }
    }
}

fn expand<C: BlockCipherEncrypt<BlockSize = aes::cipher::consts::U16>, E: fmt::Debug>(
    cipher: &Result<C, E>,
    mut counter: [u8; 16],
    session_key: &mut [u8],
) {
    let cipher = cipher.as_ref().expect("a master key has the length of its suite");
    for (number, octets) in session_key.chunks_mut(16).enumerate() {
        counter[15] = number as u8;
        let mut block = Block::from(counter);
        cipher.encrypt_block(&mut block);
        octets.copy_from_slice(&block[..octets.len()]);
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MasterKey({:?}, {} octets)", self.suite, self.suite.key_octets())
    }
}

/// What a session key is for [RFC 3711 §4.3.2].
#[derive(Debug, Clone, Copy)]
#[repr(u8)]
pub(super) enum Label {
    RtpKey = 0,
    RtpAuthentication = 1,
    RtpSalt = 2,
    RtcpKey = 3,
    RtcpAuthentication = 4,
    RtcpSalt = 5,
}

/// Names the master key within each packet [RFC 3711 §3.1]; 1 to 128 octets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mki(Box<[u8]>);

impl Mki {
    /// The most octets [RFC 4568 §6.1].
    pub const OCTETS_MAX: usize = 128;

    /// An identifier of these octets; `None` for none or too many.
    #[must_use]
    pub fn new(octets: &[u8]) -> Option<Self> {
        (1..=Self::OCTETS_MAX).contains(&octets.len()).then(|| Self(octets.into()))
    }

    /// The octets, as packets carry them.
    #[must_use]
    pub const fn octets(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MASTER: &str = "e1f97a0d3e018be0d64fa32c06de41390ec675ad498afeebb6960b3aabe6";

    fn derived(label: Label, octets: usize) -> String {
        let master = MasterKey::new(SrtpSuite::AesCm128HmacSha1_80, &hex::decode(MASTER).unwrap()).unwrap();
        let mut session_key = vec![0; octets];
        master.derive(label, &mut session_key);
        hex::encode(session_key)
    }

    /// Shows RFC 3711 §4.3: session keys are derived from the master key by label (vectors of appendix B.3).
    #[test]
    fn session_keys_are_those_of_the_appendix() {
        assert_eq!(derived(Label::RtpKey, 16), "c61e7a93744f39ee10734afe3ff7a087");
        assert_eq!(derived(Label::RtpSalt, 14), "30cbbc08863d8c85d49db34a9ae1");
        assert_eq!(derived(Label::RtpAuthentication, 20), "cebe321f6ff7716b6fd4ab49af256a156d38baa4");
        assert_eq!(derived(Label::RtcpKey, 16), "4c1aa45a81f73d61c800bbb00fbb1eaa");
        assert_eq!(derived(Label::RtcpSalt, 14), "9581c7ad87b3e530bf3e4454a8b3");
        assert_eq!(derived(Label::RtcpAuthentication, 20), "8d54534feb49ae8e7993a6bd0b844fc323a93dfd");
    }

    #[test]
    fn a_key_is_never_printed() {
        let master = MasterKey::new(SrtpSuite::AesCm128HmacSha1_80, &[0xE1; 30]).unwrap();
        let printed = format!("{master:?}");
        assert!(!printed.contains("225") && !printed.to_lowercase().contains("e1"), "{printed}");
    }

    #[test]
    fn a_key_of_another_length_is_none() {
        assert_eq!(MasterKey::new(SrtpSuite::AesCm128HmacSha1_80, &[0; 28]), None);
        assert!(MasterKey::new(SrtpSuite::AeadAes128Gcm, &[0; 28]).is_some());
        assert!(MasterKey::new(SrtpSuite::AeadAes256Gcm, &[0; 44]).is_some());
    }
}
