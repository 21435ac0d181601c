//! SRTP of a caller: what was agreed on, as keys in use.

use partyline_rtp::{MasterKey, Mki, SrtpError, SrtpReceiver, SrtpSender, SrtpSuite, is_rtcp};
use partyline_sip::sdp::{CryptoAgreement, CryptoKey, CryptoSuite};

/// The keys of one caller, both ways.
#[derive(Debug)]
pub(crate) struct Secrecy {
    pub(crate) sender: SrtpSender,
    pub(crate) receiver: SrtpReceiver,
}

impl Secrecy {
    /// Takes what was agreed on, for the first time or anew; keys that stay keep their counters.
    pub(crate) fn take(current: &mut Option<Self>, agreed: Option<&CryptoAgreement>) {
        let keys = agreed.and_then(|agreed| {
            let mki = Mki::new(&agreed.receive_mki);
            Some((master(agreed.suite, &agreed.send)?, master(agreed.suite, &agreed.receive)?, mki))
        });
        match (current.as_mut(), keys) {
            (_, None) => *current = None,
            (None, Some((send, receive, mki))) => {
                *current =
                    Some(Self { sender: SrtpSender::new(send), receiver: SrtpReceiver::new(receive, mki) });
            }
            (Some(current), Some((send, receive, mki))) => {
                if *current.sender.master() != send {
                    current.sender.rekey(send);
                }
                if *current.receiver.master() != receive {
                    current.receiver.rekey(receive, mki);
                }
            }
        }
    }

    /// Opens a datagram in place, RTCP by the keys of RTCP, which comes along with RTP [RFC 5761]; its octets then.
    pub(crate) fn open(&mut self, datagram: &mut [u8]) -> Result<usize, SrtpError> {
        if is_rtcp(datagram) {
            self.receiver.unprotect_control(datagram)
        } else {
            self.receiver.unprotect(datagram)
        }
    }
}

fn master(suite: CryptoSuite, key: &CryptoKey) -> Option<MasterKey> {
    let suite = match suite {
        CryptoSuite::AeadAes128Gcm => SrtpSuite::AeadAes128Gcm,
        CryptoSuite::AeadAes256Gcm => SrtpSuite::AeadAes256Gcm,
        CryptoSuite::AesCm128HmacSha1_80 => SrtpSuite::AesCm128HmacSha1_80,
        CryptoSuite::AesCm128HmacSha1_32 => SrtpSuite::AesCm128HmacSha1_32,
    };
    MasterKey::new(suite, key.octets())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUITE: SrtpSuite = SrtpSuite::AesCm128HmacSha1_80;

    fn key() -> MasterKey {
        MasterKey::new(SUITE, &[7; 30]).expect("the octets of the suite")
    }

    #[test]
    fn reports_that_come_along_with_sound_are_opened_by_their_own_keys() {
        let mut sender = SrtpSender::new(key());
        let mut secrecy =
            Secrecy { sender: SrtpSender::new(key()), receiver: SrtpReceiver::new(key(), None) };
        let mut report = [0; 64];
        report[..8].copy_from_slice(&[0x80, 201, 0, 1, 1, 2, 3, 4]);
        let octets = sender.protect_control(&mut report, 8).unwrap();
        assert_eq!(secrecy.open(&mut report[..octets]), Ok(8));
        let mut sound = [0; 64];
        sound[..14].copy_from_slice(&[0x80, 0, 0, 1, 0, 0, 0, 0, 1, 2, 3, 4, 0xFF, 0xFF]);
        let octets = sender.protect(&mut sound, 14).unwrap();
        assert_eq!(secrecy.open(&mut sound[..octets]), Ok(14));
        assert_eq!(secrecy.open(&mut [0x80; 64]), Err(SrtpError::NotAuthentic));
    }
}
