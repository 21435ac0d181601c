//! SIP over TCP and TLS: one task per connection, with a bounded queue of what it is to send.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use partyline_sip::endpoint::{ConnectionId, TransportKind};
use partyline_tls::PeerIdentity;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsStream;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::SipInput;
use super::inbox::InboxSender;
use super::tls::TlsSide;

/// Messages that wait for a slow reader; one that is slower still is cut off.
const SENDS_MAX: usize = 64;
const READ_BYTES: usize = 16 * 1024;
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// A reader that takes nothing for this long is gone.
const WRITE_MAX: Duration = Duration::from_secs(10);

/// What bytes go over.
#[derive(Debug)]
pub(crate) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// Whom a connection is to be opened to.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) transport: TransportKind,
    /// Our address.
    pub(super) local: IpAddr,
    pub(super) remote: SocketAddr,
    /// The name that its certificate has to bear.
    pub(super) server_name: String,
}

impl Peer {
    async fn stream(&self) -> std::io::Result<TcpStream> {
        let socket = if self.remote.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        if !self.local.is_unspecified() {
            socket.bind(SocketAddr::new(self.local, 0))?;
        }
        socket.connect(self.remote).await
    }
}

/// The open connections. How many there may be, and for how long unused, the endpoint says.
#[derive(Debug, Default)]
pub(super) struct Streams {
    sends: HashMap<ConnectionId, mpsc::Sender<Vec<u8>>>,
    /// Where those that were accepted come from.
    sources: HashMap<ConnectionId, IpAddr>,
    /// Who showed a certificate.
    identities: HashMap<ConnectionId, Arc<PeerIdentity>>,
    last: u64,
}

impl Streams {
    /// Names an accepted connection and serves it.
    pub(super) fn accept(
        &mut self,
        stream: Stream,
        source: IpAddr,
        identity: Option<Arc<PeerIdentity>>,
        inputs: &InboxSender,
        closer: &CancellationToken,
    ) -> ConnectionId {
        self.last += 1;
        let connection = ConnectionId(self.last);
        self.sources.insert(connection, source);
        if let Some(identity) = identity {
            self.identities.insert(connection, identity);
        }
        let (sends, queued) = mpsc::channel(SENDS_MAX);
        self.sends.insert(connection, sends);
        let (inputs, closer) = (inputs.clone(), closer.clone());
        tokio::spawn(async move {
            tokio::select! {
                () = closer.cancelled() => {}
                () = serve(stream, connection, &inputs, queued) => {
                    let _ = inputs.send(SipInput::Disconnected { connection }).await;
                }
            }
        });
        connection
    }

    /// Opens a connection that the endpoint named, and serves it.
    pub(super) fn connect(
        &mut self,
        connection: ConnectionId,
        peer: Peer,
        tls: Option<TlsSide>,
        inputs: &InboxSender,
        closer: &CancellationToken,
    ) {
        let (sends, queued) = mpsc::channel(SENDS_MAX);
        self.sends.insert(connection, sends);
        let (inputs, closer) = (inputs.clone(), closer.clone());
        tokio::spawn(async move {
            tokio::select! {
                () = closer.cancelled() => {}
                () = open(connection, peer, tls, &inputs, queued) => {
                    let _ = inputs.send(SipInput::Disconnected { connection }).await;
                }
            }
        });
    }

    /// Queues bytes; a connection whose queue is full is closed.
    pub(super) fn send(&mut self, connection: ConnectionId, bytes: Vec<u8>) {
        let Some(sends) = self.sends.get(&connection) else {
            return;
        };
        if sends.try_send(bytes).is_err() {
            metrics::counter!("partyline_vru_streams_cut_total").increment(1);
            self.close(connection);
        }
    }

    /// Closes once what is queued is sent.
    pub(super) fn close(&mut self, connection: ConnectionId) {
        self.sends.remove(&connection);
    }

    pub(super) fn forget(&mut self, connection: ConnectionId) {
        self.sends.remove(&connection);
        self.identities.remove(&connection);
        self.sources.remove(&connection);
    }

    /// Where a connection comes from that others opened.
    pub(super) fn source(&self, connection: ConnectionId) -> Option<IpAddr> {
        self.sources.get(&connection).copied()
    }

    /// Who is at the other end, where a certificate said so.
    pub(super) fn identity(&self, connection: ConnectionId) -> Option<Arc<PeerIdentity>> {
        self.identities.get(&connection).cloned()
    }

    /// How many are open.
    pub(super) fn count(&self) -> usize {
        self.sends.len()
    }
}

async fn open(
    connection: ConnectionId,
    peer: Peer,
    tls: Option<TlsSide>,
    inputs: &InboxSender,
    queued: mpsc::Receiver<Vec<u8>>,
) {
    let remote = peer.remote;
    let stream = match tokio::time::timeout(CONNECT_MAX, peer.stream()).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            debug!(%remote, %error, "no connection");
            return;
        }
        Err(_) => {
            debug!(%remote, "no connection in time");
            return;
        }
    };
    let Ok(local) = stream.local_addr() else {
        return;
    };
    let _ = stream.set_nodelay(true);
    let stream = match (peer.transport, tls) {
        (TransportKind::Tls, Some(tls)) => tls.connect(stream, &peer.server_name).await,
        // The endpoint has no address for TLS where there is none.
        (TransportKind::Tls, None) => None,
        (TransportKind::Udp | TransportKind::Tcp, _) => Some(Stream::Plain(stream)),
    };
    let Some(stream) = stream else { return };
    // It was given up meanwhile, and what waited for it has gone another way.
    if queued.is_closed() {
        return;
    }
    if inputs.send(SipInput::Connected { connection, local }).await.is_ok() {
        serve(stream, connection, inputs, queued).await;
    }
}

/// Reads and writes until either side ends.
async fn serve(
    stream: Stream,
    connection: ConnectionId,
    inputs: &InboxSender,
    queued: mpsc::Receiver<Vec<u8>>,
) {
    match stream {
        Stream::Plain(stream) => {
            let (reader, writer) = stream.into_split();
            carry(reader, writer, connection, inputs, queued).await;
        }
        Stream::Tls(stream) => {
            let (reader, writer) = tokio::io::split(*stream);
            carry(reader, writer, connection, inputs, queued).await;
        }
    }
}

async fn carry(
    mut reader: impl AsyncRead + Unpin,
    mut writer: impl AsyncWrite + Unpin,
    connection: ConnectionId,
    inputs: &InboxSender,
    mut queued: mpsc::Receiver<Vec<u8>>,
) {
    let reading = async {
        let mut buffer = vec![0; READ_BYTES];
        while let Ok(length @ 1..) = reader.read(&mut buffer).await {
            let input = SipInput::Bytes { connection, bytes: buffer[..length].to_vec() };
            if inputs.send(input).await.is_err() {
                break;
            }
        }
    };
    let writing = async {
        while let Some(bytes) = queued.recv().await {
            let write = async {
                writer.write_all(&bytes).await?;
                writer.flush().await
            };
            if !matches!(tokio::time::timeout(WRITE_MAX, write).await, Ok(Ok(()))) {
                return;
            }
        }
        let _ = tokio::time::timeout(WRITE_MAX, writer.shutdown()).await;
    };
    tokio::select! {
        () = reading => {}
        () = writing => {}
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;
    use crate::sip::inbox::Inbox;
    use crate::sources::Sources;

    /// What somebody reads to whom a connection is opened with a message, and perhaps given up before it is there.
    async fn read(is_given_up: bool) -> Vec<u8> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let remote = listener.local_addr().unwrap();
        let peer =
            Peer { transport: TransportKind::Tcp, local: remote.ip(), remote, server_name: String::new() };
        let (inputs, _inbox) = Inbox::new(Sources::default());
        let (mut streams, connection) = (Streams::default(), ConnectionId(1));
        streams.connect(connection, peer, None, &inputs, &CancellationToken::new());
        streams.send(connection, b"INVITE".to_vec());
        if is_given_up {
            streams.close(connection);
        }
        let (mut stream, _) = listener.accept().await.unwrap();
        if !is_given_up {
            let mut read = vec![0; 6];
            stream.read_exact(&mut read).await.unwrap();
            return read;
        }
        let mut read = Vec::new();
        stream.read_to_end(&mut read).await.unwrap();
        read
    }

    #[tokio::test]
    async fn what_waited_for_a_connection_that_was_given_up_is_not_sent_after_all() {
        assert_eq!(read(false).await, b"INVITE");
        assert_eq!(read(true).await, b"");
    }
}
