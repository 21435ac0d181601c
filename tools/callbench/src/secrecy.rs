//! SRTP of a caller: what was agreed on, as keys in use.

use partyline_rtp::{MasterKey, Mki, SrtpReceiver, SrtpSender, SrtpSuite};
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
