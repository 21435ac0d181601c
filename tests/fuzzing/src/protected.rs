//! SRTP: what is forged is refused, what is ours comes through once.

use partyline_rtp::{MasterKey, Mki, SRTP_OVERHEAD_OCTETS, SrtpReceiver, SrtpSender, SrtpSuite};

use crate::bytes::Bytes;

const SUITES: [SrtpSuite; 4] = [
    SrtpSuite::AesCm128HmacSha1_80,
    SrtpSuite::AesCm128HmacSha1_32,
    SrtpSuite::AeadAes128Gcm,
    SrtpSuite::AeadAes256Gcm,
];

fn key(suite: SrtpSuite) -> MasterKey {
    let octets = [0x5A; 64];
    MasterKey::new(suite, &octets[..suite.key_octets() + suite.salt_octets()]).expect("the right length")
}

/// The first bytes choose suite and key identifier; then packets follow, each with a deed and its length.
pub fn srtp(bytes: &[u8]) {
    let mut bytes = Bytes(bytes);
    let suite = bytes.one_of(&SUITES);
    let mki = Mki::new(bytes.take(usize::from(bytes.0.first().copied().unwrap_or(0) & 3)));
    let has_mki = mki.is_some();
    let mut sender = SrtpSender::new(key(suite));
    let mut receiver = SrtpReceiver::new(key(suite), mki.clone());
    while !bytes.is_empty() {
        let deed = bytes.byte();
        let length = usize::from(bytes.byte());
        let plain = bytes.take(length);
        let mut packet = plain.to_vec();
        match deed % 4 {
            0 => drop(receiver.unprotect(&mut packet)),
            1 => drop(receiver.unprotect_control(&mut packet)),
            2 => {
                packet.resize(plain.len() + SRTP_OVERHEAD_OCTETS, 0);
                let Ok(octets) = sender.protect(&mut packet, plain.len()) else { continue };
                packet.truncate(octets);
                exchange(&mut receiver, SrtpReceiver::unprotect, &packet, plain, has_mki, deed);
            }
            _ => {
                packet.resize(plain.len() + SRTP_OVERHEAD_OCTETS, 0);
                let Ok(octets) = sender.protect_control(&mut packet, plain.len()) else { continue };
                packet.truncate(octets);
                exchange(&mut receiver, SrtpReceiver::unprotect_control, &packet, plain, has_mki, deed);
            }
        }
    }
}

type Unprotect = fn(&mut SrtpReceiver, &mut [u8]) -> Result<usize, partyline_rtp::SrtpError>;

/// A packet of ours: refused where a bit is wrong, taken at most once where none is.
fn exchange(
    receiver: &mut SrtpReceiver,
    unprotect: Unprotect,
    packet: &[u8],
    plain: &[u8],
    has_mki: bool,
    deed: u8,
) {
    let mut forged = packet.to_vec();
    let last = forged.len() - 1;
    forged[last] ^= 1 << (deed >> 5);
    assert!(unprotect(receiver, &mut forged).is_err(), "a forged packet is refused");
    let mut first = packet.to_vec();
    if let Ok(octets) = unprotect(receiver, &mut first) {
        assert!(!has_mki, "a sender without identifiers is no sender with them");
        assert_eq!(&first[..octets], plain, "what was protected comes out");
    }
    assert!(unprotect(receiver, &mut packet.to_vec()).is_err(), "a replay is refused");
}
