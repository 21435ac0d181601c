//! The bound sockets: UDP and TCP on each address, and those of TLS.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use partyline_sip::endpoint::TransportKind;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::addressing::Addressing;
use super::inbox::InboxSender;
use super::streams::Stream;
use super::tls::TlsSide;
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
    secured: Vec<(SocketAddr, Arc<TcpListener>)>,
    addresses: Vec<SipAddress>,
}

impl BoundSip {
    /// Binds each address on UDP and TCP, and those of TLS.
    pub(crate) fn bind(
        listen: &[SocketAddr],
        tls_listen: &[SocketAddr],
        addressing: &Addressing,
    ) -> Result<Self, (SocketAddr, io::Error)> {
        let mut bound =
            Self { datagrams: Vec::new(), listeners: Vec::new(), secured: Vec::new(), addresses: Vec::new() };
        let told = |transport, local: SocketAddr| {
            let advertised = SocketAddr::new(addressing.told_to_all(local.ip()), local.port());
            SipAddress { transport, local, advertised }
        };
        for address in listen {
            let (datagram, listener) = bind_both(*address).map_err(|error| (*address, error))?;
            let local = datagram.local_addr().map_err(|error| (*address, error))?;
            bound.datagrams.push((local, Arc::new(datagram)));
            bound.listeners.push((local, Arc::new(listener)));
            bound.addresses.extend([TransportKind::Udp, TransportKind::Tcp].map(|kind| told(kind, local)));
        }
        for address in tls_listen {
            let listener = bind_tcp(*address).map_err(|error| (*address, error))?;
            let local = listener.local_addr().map_err(|error| (*address, error))?;
            bound.secured.push((local, Arc::new(listener)));
            bound.addresses.push(told(TransportKind::Tls, local));
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
    pub(crate) fn read(
        &self,
        tls: Option<&TlsSide>,
        inputs: &InboxSender,
        closer: &CancellationToken,
    ) -> JoinSet<()> {
        let mut readers = JoinSet::new();
        for (local, socket) in &self.datagrams {
            let reading = read_datagrams(*local, Arc::clone(socket), inputs.clone());
            readers.spawn(until(closer.clone(), reading));
        }
        for (local, listener) in &self.listeners {
            let (local, listener, inputs) = (*local, Arc::clone(listener), inputs.clone());
            readers.spawn(until(closer.clone(), async move {
                loop {
                    let (stream, remote) = accept(local, &listener).await;
                    let stream = Stream::Plain(stream);
                    let input = SipInput::Accepted { stream, local, remote, identity: None };
                    if inputs.send(input).await.is_err() {
                        return;
                    }
                }
            }));
        }
        for ((local, listener), tls) in self.secured.iter().zip(std::iter::repeat(tls)) {
            let Some(tls) = tls.cloned() else { continue };
            let (local, listener, inputs) = (*local, Arc::clone(listener), inputs.clone());
            let handshakes = closer.clone();
            readers.spawn(until(closer.clone(), async move {
                loop {
                    let (stream, remote) = accept(local, &listener).await;
                    tls.shake(stream, local, remote, &inputs, &handshakes);
                }
            }));
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

async fn read_datagrams(local: SocketAddr, socket: Arc<UdpSocket>, inputs: InboxSender) {
    let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
    loop {
        match socket.recv_from(&mut buffer).await {
            Ok((length, remote)) => {
                if inputs.datagram(local, remote, buffer[..length].to_vec()).await.is_err() {
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

/// The next connection.
async fn accept(local: SocketAddr, listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok((stream, remote)) => {
                // Small answers should not wait for the far side's acknowledgement; not worth a refusal.
                let _ = stream.set_nodelay(true);
                return (stream, remote);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn bind(address: &str) -> Result<BoundSip, (SocketAddr, io::Error)> {
        BoundSip::bind(&[address.parse().unwrap()], &[], &Addressing::new(&crate::Config::default()))
    }

    #[tokio::test]
    async fn port_zero_takes_one_port_for_both() {
        let bound = bind("127.0.0.1:0").unwrap();
        let [udp, tcp] = bound.addresses() else { panic!("two addresses") };
        assert_ne!(udp.local.port(), 0);
        assert_eq!(udp.local, tcp.local);
        assert_eq!(udp.local, udp.advertised);
    }

    #[tokio::test]
    async fn port_in_use_is_an_error() {
        let first = bind("127.0.0.1:0").unwrap();
        assert!(bind(&first.addresses()[0].local.to_string()).is_err());
    }
}
