//! Sends audio back where it came from.

use partyline_rtp::{EventReceiver, Header, Packet, SeqNo, Ssrc};
use partyline_sip::endpoint::CallKey;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;

/// Sends audio back, numbered anew; hears keys.
pub(super) async fn echo(
    rtp: UdpSocket,
    call: CallKey,
    drops_every: Option<u16>,
    keys: mpsc::UnboundedSender<(CallKey, char)>,
) {
    let (mut sequence, mut events) = (0u16, EventReceiver::new());
    let mut buffer = [0; 2_048];
    while let Ok((octets, source)) = rtp.recv_from(&mut buffer).await {
        let packet = Packet::parse(&buffer[..octets]).unwrap();
        if packet.payload.len() == 4 {
            if let Some(key) = events.handle(packet.timestamp, packet.payload) {
                let _ = keys.send((call, key));
            }
            continue;
        }
        sequence = sequence.wrapping_add(1);
        if drops_every.is_some_and(|every| sequence.is_multiple_of(every)) {
            continue;
        }
        let header = Header {
            marker: packet.marker,
            payload_type: packet.payload_type,
            sequence: SeqNo(sequence),
            timestamp: packet.timestamp,
            ssrc: Ssrc(1),
        };
        let mut answer = [0; 2_048];
        let octets = header.write(packet.payload, &mut answer).unwrap();
        let _ = rtp.send_to(&answer[..octets], source).await;
    }
}
