//! How a leg's packets travel: in the clear or by SRTP, and where RTCP goes.
//!
//! **Invariant:** a leg with keys sends nothing and takes nothing in the clear.

use std::net::SocketAddr;

use partyline_rtp::{MasterKey, Mki, SRTP_OVERHEAD_OCTETS, SrtpCounters, SrtpReceiver, SrtpSender, is_rtcp};

use crate::frame::PACKET_OCTETS;

/// The longest datagram that is unprotected: what an Ethernet carries.
const DATAGRAM_OCTETS: usize = 1_500;

/// Octets of an RTP packet that is sent protected, at most.
pub const PROTECTED_OCTETS: usize = PACKET_OCTETS + SRTP_OVERHEAD_OCTETS;

/// What was agreed on of how packets travel. The default is plain RTP with RTCP on the port after it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MediaTransport {
    /// Where the caller's RTCP is.
    pub rtcp: RtcpRoute,
    /// The keys, where packets are protected.
    pub keys: Option<Box<SrtpKeys>>,
}

/// Where RTCP goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RtcpRoute {
    /// To the port after RTP's.
    #[default]
    NextPort,
    /// To a port of the caller's address that was named for it, unless the caller's packets come from elsewhere.
    Port(u16),
    /// Along with RTP, both ways [RFC 5761].
    Muxed,
    /// Nowhere.
    Nowhere,
}

/// The keys of a leg.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SrtpKeys {
    /// Of what we send.
    pub send: MasterKey,
    /// Of what we receive.
    pub receive: MasterKey,
    /// What names the latter in each packet, if anything.
    pub receive_mki: Option<Mki>,
}

/// SRTP of a leg.
#[derive(Debug)]
pub(crate) struct Secrecy {
    sender: SrtpSender,
    receiver: SrtpReceiver,
    scratch: Box<[u8; DATAGRAM_OCTETS]>,
}

impl Secrecy {
    pub(crate) fn new(keys: &SrtpKeys) -> Self {
        Self {
            sender: SrtpSender::new(keys.send.clone()),
            receiver: SrtpReceiver::new(keys.receive.clone(), keys.receive_mki.clone()),
            scratch: Box::new([0; DATAGRAM_OCTETS]),
        }
    }

    /// Takes the keys of another agreement. Those that stay go on with their counters, so that no key stream is used
    /// twice.
    pub(crate) fn change(&mut self, keys: &SrtpKeys) {
        if *self.sender.master() != keys.send {
            self.sender.rekey(keys.send.clone());
        }
        if *self.receiver.master() != keys.receive {
            self.receiver.rekey(keys.receive.clone(), keys.receive_mki.clone());
        }
    }

    /// The packet in a datagram; `None` where it is not authentic, or was seen before.
    pub(crate) fn unprotect(&mut self, datagram: &[u8]) -> Option<&[u8]> {
        let packet = self.scratch.get_mut(..datagram.len())?;
        packet.copy_from_slice(datagram);
        let octets = self.receiver.unprotect(packet).ok()?;
        Some(&self.scratch[..octets])
    }

    /// The same for RTCP.
    pub(crate) fn unprotect_control(&mut self, datagram: &[u8]) -> Option<&[u8]> {
        let packet = self.scratch.get_mut(..datagram.len())?;
        packet.copy_from_slice(datagram);
        let octets = self.receiver.unprotect_control(packet).ok()?;
        Some(&self.scratch[..octets])
    }

    pub(crate) fn protect(&mut self, packet: &[u8], buffer: &mut [u8]) -> Option<usize> {
        buffer.get_mut(..packet.len())?.copy_from_slice(packet);
        self.sender.protect(buffer, packet.len()).ok()
    }

    pub(crate) fn protect_control(&mut self, buffer: &mut [u8], octets: usize) -> Option<usize> {
        self.sender.protect_control(buffer, octets).ok()
    }

    /// Packets that were not authentic, or seen before.
    pub(crate) const fn refused(&self) -> u64 {
        let SrtpCounters { malformed, not_authentic, replayed } = self.receiver.counters();
        malformed + not_authentic + replayed
    }
}

impl MediaTransport {
    /// Whether a datagram that came on the port of RTP is RTCP.
    pub(crate) fn is_control(&self, datagram: &[u8]) -> bool {
        self.rtcp == RtcpRoute::Muxed && is_rtcp(datagram)
    }

    /// Where RTCP goes while RTP goes to `far`; `signalled` is where it was to go by signalling.
    pub(crate) fn control_address(&self, far: SocketAddr, signalled: SocketAddr) -> Option<SocketAddr> {
        let port = match self.rtcp {
            RtcpRoute::Muxed => far.port(),
            RtcpRoute::Port(port) if far == signalled => port,
            // A caller behind NAT names ports that nobody reaches.
            RtcpRoute::Port(_) | RtcpRoute::NextPort => far.port().checked_add(1)?,
            RtcpRoute::Nowhere => return None,
        };
        Some(SocketAddr::new(far.ip(), port))
    }
}
