//! The bound sockets: UDP and TCP on each address.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use partyline_sip::endpoint::TransportKind;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::{SipAddress, SipInput};

/// A burst of three hundred calls on the hour fits.
const RECEIVE_BUFFER_BYTES: usize = 4 * 1024 * 1024;
const DATAGRAM_BYTES_MAX: usize = 65_535;
const BACKLOG: i32 = 256;
/// Tries to find a port that is free on UDP and TCP alike.
const PORT_TRIES: usize = 50;
/// After an error that may be there at once again (no file descriptors left).
const ERROR_PAUSE: Duration = Duration::from_millis(50);

/// Sockets that are bound and not read yet.
#[derive(Debug)]
pub(crate) struct BoundSip {
    datagrams: Vec<(SocketAddr, Arc<UdpSocket>)>,
    listeners: Vec<(SocketAddr, Arc<TcpListener>)>,
    addresses: Vec<SipAddress>,
}

impl BoundSip {
    /// Binds each address on UDP and TCP.
    pub(crate) fn bind(
        listen: &[SocketAddr],
        external: Option<IpAddr>,
    ) -> Result<Self, (SocketAddr, io::Error)> {
        let mut bound = Self { datagrams: Vec::new(), listeners: Vec::new(), addresses: Vec::new() };
        for address in listen {
            let (datagram, listener) = bind_both(*address).map_err(|error| (*address, error))?;
            let local = datagram.local_addr().map_err(|error| (*address, error))?;
            let advertised = SocketAddr::new(advertised_address(local.ip(), external), local.port());
            bound.datagrams.push((local, Arc::new(datagram)));
            bound.listeners.push((local, Arc::new(listener)));
            for transport in [TransportKind::Udp, TransportKind::Tcp] {
                bound.addresses.push(SipAddress { transport, local, advertised });
            }
        }
        Ok(bound)
    }

    pub(crate) fn addresses(&self) -> &[SipAddress] {
        &self.addresses
    }

    /// Sends without waiting; what the socket does not take is repeated by the protocol.
    pub(crate) fn send(&self, local: SocketAddr, remote: SocketAddr, bytes: &[u8]) {
        let socket =
            self.datagrams.iter().find(|(bound, _)| *bound == local).or_else(|| self.datagrams.first());
        if let Some((_, socket)) = socket
            && let Err(error) = socket.try_send_to(bytes, remote)
        {
            debug!(%remote, %error, "a datagram was not sent");
            metrics::counter!("partyline_vru_datagrams_unsent_total").increment(1);
        }
    }

    /// Reads all sockets until the closer says so; the tasks end with the answer.
    pub(crate) fn read(&self, inputs: &mpsc::Sender<SipInput>, closer: &CancellationToken) -> JoinSet<()> {
        let mut readers = JoinSet::new();
        for (local, socket) in &self.datagrams {
            let reading = read_datagrams(*local, Arc::clone(socket), inputs.clone());
            readers.spawn(until(closer.clone(), reading));
        }
        for (local, listener) in &self.listeners {
            readers.spawn(until(closer.clone(), accept(*local, Arc::clone(listener), inputs.clone())));
        }
        readers
    }
}

async fn until(closer: CancellationToken, work: impl Future<Output = ()>) {
    tokio::select! {
        () = closer.cancelled() => {}
        () = work => {}
    }
}

async fn read_datagrams(local: SocketAddr, socket: Arc<UdpSocket>, inputs: mpsc::Sender<SipInput>) {
    let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
    loop {
        match socket.recv_from(&mut buffer).await {
            Ok((length, remote)) => {
                let input = SipInput::Datagram { local, remote, bytes: buffer[..length].to_vec() };
                if inputs.send(input).await.is_err() {
                    return;
                }
            }
            Err(error) => {
                debug!(%local, %error, "reading a datagram failed");
                tokio::time::sleep(ERROR_PAUSE).await;
            }
        }
    }
}

async fn accept(local: SocketAddr, listener: Arc<TcpListener>, inputs: mpsc::Sender<SipInput>) {
    loop {
        match listener.accept().await {
            Ok((stream, remote)) => {
                // Small answers should not wait for the far side's acknowledgement; not worth a refusal.
                let _ = stream.set_nodelay(true);
                if inputs.send(SipInput::Accepted { stream, local, remote }).await.is_err() {
                    return;
                }
            }
            Err(error) => {
                warn!(%local, %error, "a connection could not be accepted");
                tokio::time::sleep(ERROR_PAUSE).await;
            }
        }
    }
}

fn bind_both(address: SocketAddr) -> io::Result<(UdpSocket, TcpListener)> {
    let tries = if address.port() == 0 { PORT_TRIES } else { 1 };
    let mut last = io::Error::from(io::ErrorKind::AddrInUse);
    for _ in 0..tries {
        let datagram = bind_udp(address)?;
        let taken = SocketAddr::new(address.ip(), datagram.local_addr()?.port());
        match bind_tcp(taken) {
            Ok(listener) => return Ok((datagram, listener)),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn bind_udp(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // The system may give less; then bursts cost repeats.
    let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER_BYTES);
    socket.bind(&address.into())?;
    socket.set_nonblocking(true)?;
    UdpSocket::from_std(socket.into())
}

fn bind_tcp(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // Connections of the last run that are not quite gone must not keep a new one from starting.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    TcpListener::from_std(socket.into())
}

/// The address that others are told: the external one, else the socket's; of a socket on every address the one by
/// which this machine would reach others (no packet is sent to find out), else loopback.
fn advertised_address(local: IpAddr, external: Option<IpAddr>) -> IpAddr {
    if let Some(external) = external {
        return external;
    }
    if !local.is_unspecified() {
        return local;
    }
    // Addresses for documentation: routed like any other, and nobody's.
    let (far, loopback): (IpAddr, IpAddr) = match local {
        IpAddr::V4(_) => (Ipv4Addr::new(192, 0, 2, 1).into(), Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(_) => (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into(), Ipv6Addr::LOCALHOST.into()),
    };
    address_towards(far).unwrap_or(loopback)
}

/// The address by which this machine would reach another; no packet is sent to find out.
pub(crate) fn address_towards(far: IpAddr) -> Option<IpAddr> {
    let any: IpAddr = match far {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = std::net::UdpSocket::bind((any, 0)).ok()?;
    // Port 9 discards; a connected socket only knows its way.
    socket.connect((far, 9)).ok()?;
    socket.local_addr().ok().map(|address| address.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn port_zero_takes_one_port_for_both() {
        let bound = BoundSip::bind(&["127.0.0.1:0".parse().unwrap()], None).unwrap();
        let [udp, tcp] = bound.addresses() else { panic!("two addresses") };
        assert_ne!(udp.local.port(), 0);
        assert_eq!(udp.local, tcp.local);
        assert_eq!(udp.local, udp.advertised);
    }

    #[tokio::test]
    async fn port_in_use_is_an_error() {
        let first = BoundSip::bind(&["127.0.0.1:0".parse().unwrap()], None).unwrap();
        assert!(BoundSip::bind(&[first.addresses()[0].local], None).is_err());
    }

    #[test]
    fn address_for_others_is_never_unspecified() {
        let any = IpAddr::from([0, 0, 0, 0]);
        assert!(!advertised_address(any, None).is_unspecified());
        assert_eq!(advertised_address(any, Some([203, 0, 113, 9].into())), IpAddr::from([203, 0, 113, 9]));
    }

    #[test]
    fn who_is_on_this_machine_is_reached_from_loopback() {
        assert!(address_towards([127, 0, 0, 1].into()).is_some_and(|address| address.is_loopback()));
    }
}
