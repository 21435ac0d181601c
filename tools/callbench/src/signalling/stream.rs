//! TCP connections, each with two small tasks of its own.

use std::collections::HashMap;
use std::net::SocketAddr;

use partyline_sip::endpoint::ConnectionId;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc;

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
    writers: HashMap<ConnectionId, mpsc::Sender<Vec<u8>>>,
    events: mpsc::Sender<StreamEvent>,
    accepted: u64,
}

impl Streams {
    pub(super) fn new(local: SocketAddr) -> (Self, mpsc::Receiver<StreamEvent>) {
        let (events, receiver) = mpsc::channel(EVENTS_MAX);
        (Self { local, writers: HashMap::new(), events, accepted: 0 }, receiver)
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
        tokio::spawn(carry(connection, stream, waiting, self.events.clone()));
        connection
    }

    /// Opens a connection; what is sent in the meantime waits.
    pub(super) fn connect(&mut self, connection: ConnectionId, remote: SocketAddr) {
        let (writer, waiting) = mpsc::channel(WAITING_MAX);
        self.writers.insert(connection, writer);
        let (events, local) = (self.events.clone(), self.local);
        tokio::spawn(async move {
            let Ok(stream) = TcpStream::connect(remote).await else {
                let _ = events.send(StreamEvent::Closed(connection)).await;
                return;
            };
            if events.send(StreamEvent::Connected(connection, local)).await.is_ok() {
                carry(connection, stream, waiting, events).await;
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

async fn carry(
    connection: ConnectionId,
    stream: TcpStream,
    waiting: mpsc::Receiver<Vec<u8>>,
    events: mpsc::Sender<StreamEvent>,
) {
    let _ = stream.set_nodelay(true);
    let (read, write) = stream.into_split();
    let mut reading = tokio::spawn(read_on(connection, read, events.clone()));
    tokio::select! {
        () = write_on(write, waiting) => reading.abort(),
        _ = &mut reading => {}
    }
    let _ = events.send(StreamEvent::Closed(connection)).await;
}

async fn read_on(connection: ConnectionId, mut stream: OwnedReadHalf, events: mpsc::Sender<StreamEvent>) {
    let mut buffer = [0; 4_096];
    while let Ok(octets) = stream.read(&mut buffer).await {
        if octets == 0
            || events.send(StreamEvent::Bytes(connection, buffer[..octets].to_vec())).await.is_err()
        {
            return;
        }
    }
}

async fn write_on(mut stream: OwnedWriteHalf, mut waiting: mpsc::Receiver<Vec<u8>>) {
    while let Some(bytes) = waiting.recv().await {
        if stream.write_all(&bytes).await.is_err() {
            return;
        }
    }
    let _ = stream.shutdown().await;
}
