//! TCP and TLS connections, each with two small tasks of its own.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use partyline_sip::endpoint::ConnectionId;
use partyline_tls::{Trust, client_config};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Messages that may wait for a slow connection.
const WAITING_MAX: usize = 256;
/// Events that may wait for the signalling task; then connections are read no further.
const EVENTS_MAX: usize = 1_024;

/// What happens to a connection.
#[derive(Debug)]
pub(super) enum StreamEvent {
    Connected(ConnectionId, SocketAddr),
    Bytes(ConnectionId, Vec<u8>),
    Closed(ConnectionId),
}

/// All connections.
pub(super) struct Streams {
    local: SocketAddr,
    trust: Trust,
    writers: HashMap<ConnectionId, mpsc::Sender<Vec<u8>>>,
    events: mpsc::Sender<StreamEvent>,
    accepted: u64,
}

impl Streams {
    pub(super) fn new(local: SocketAddr, trust: Trust) -> (Self, mpsc::Receiver<StreamEvent>) {
        let (events, receiver) = mpsc::channel(EVENTS_MAX);
        (Self { local, trust, writers: HashMap::new(), events, accepted: 0 }, receiver)
    }

    /// The address that is listened on.
    pub(super) const fn local(&self) -> SocketAddr {
        self.local
    }

    pub(super) fn accepted(&mut self, stream: TcpStream) -> ConnectionId {
        self.accepted += 1;
        let connection = ConnectionId(self.accepted);
        let (writer, waiting) = mpsc::channel(WAITING_MAX);
        self.writers.insert(connection, writer);
        let events = self.events.clone();
        tokio::spawn(async move {
            let _ = stream.set_nodelay(true);
            let (read, write) = stream.into_split();
            carry(connection, read, write, waiting, events).await;
        });
        connection
    }

    /// Opens a connection, over TLS where the other side has to bear a name; what is sent in the meantime waits.
    pub(super) fn connect(
        &mut self,
        connection: ConnectionId,
        remote: SocketAddr,
        server_name: Option<String>,
    ) {
        let (writer, waiting) = mpsc::channel(WAITING_MAX);
        self.writers.insert(connection, writer);
        let (events, local, trust) = (self.events.clone(), self.local, self.trust.clone());
        tokio::spawn(async move {
            let Ok(stream) = TcpStream::connect(remote).await else {
                let _ = events.send(StreamEvent::Closed(connection)).await;
                return;
            };
            let _ = stream.set_nodelay(true);
            let Some(name) = server_name else {
                if events.send(StreamEvent::Connected(connection, local)).await.is_ok() {
                    let (read, write) = stream.into_split();
                    carry(connection, read, write, waiting, events).await;
                }
                return;
            };
            let Some(stream) = secure(stream, name, &trust).await else {
                let _ = events.send(StreamEvent::Closed(connection)).await;
                return;
            };
            if events.send(StreamEvent::Connected(connection, local)).await.is_ok() {
                let (read, write) = tokio::io::split(stream);
                carry(connection, read, write, waiting, events).await;
            }
        });
    }

    /// Sends; whether the connection is there and keeps up.
    pub(super) fn send(&mut self, connection: ConnectionId, bytes: Vec<u8>) -> bool {
        self.writers.get(&connection).is_some_and(|writer| writer.try_send(bytes).is_ok())
    }

    /// Closes a connection once what waits is written.
    pub(super) fn forget(&mut self, connection: ConnectionId) {
        self.writers.remove(&connection);
    }
}

/// TLS on a connection, with whom bears the name.
async fn secure(stream: TcpStream, name: String, trust: &Trust) -> Option<TlsStream<TcpStream>> {
    let config = client_config(trust, None).ok()?;
    let name = ServerName::try_from(name).ok()?;
    TlsConnector::from(Arc::clone(&config)).connect(name, stream).await.ok()
}

async fn carry(
    connection: ConnectionId,
    read: impl AsyncRead + Unpin + Send + 'static,
    write: impl AsyncWrite + Unpin,
    waiting: mpsc::Receiver<Vec<u8>>,
    events: mpsc::Sender<StreamEvent>,
) {
    let mut reading = tokio::spawn(read_on(connection, read, events.clone()));
    tokio::select! {
        () = write_on(write, waiting) => reading.abort(),
        _ = &mut reading => {}
    }
    let _ = events.send(StreamEvent::Closed(connection)).await;
}

async fn read_on(
    connection: ConnectionId,
    mut stream: impl AsyncRead + Unpin,
    events: mpsc::Sender<StreamEvent>,
) {
    let mut buffer = [0; 4_096];
    while let Ok(octets) = stream.read(&mut buffer).await {
        if octets == 0
            || events.send(StreamEvent::Bytes(connection, buffer[..octets].to_vec())).await.is_err()
        {
            return;
        }
    }
}

async fn write_on(mut stream: impl AsyncWrite + Unpin, mut waiting: mpsc::Receiver<Vec<u8>>) {
    while let Some(bytes) = waiting.recv().await {
        if stream.write_all(&bytes).await.is_err() || stream.flush().await.is_err() {
            return;
        }
    }
    let _ = stream.shutdown().await;
}
