//! SIP over TCP: one task per connection, with a bounded queue of what it is to send.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use partyline_sip::endpoint::ConnectionId;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::SipInput;

/// Messages that wait for a slow reader; one that is slower still is cut off.
const SENDS_MAX: usize = 64;
const READ_BYTES: usize = 16 * 1024;
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// A reader that takes nothing for this long is gone.
const WRITE_MAX: Duration = Duration::from_secs(10);

/// The open connections. How many there may be, and for how long unused, the endpoint says.
#[derive(Debug, Default)]
pub(super) struct Streams {
    sends: HashMap<ConnectionId, mpsc::Sender<Vec<u8>>>,
    last: u64,
}

impl Streams {
    /// Names an accepted connection and serves it.
    pub(super) fn accept(
        &mut self,
        stream: TcpStream,
        inputs: &mpsc::Sender<SipInput>,
        closer: &CancellationToken,
    ) -> ConnectionId {
        self.last += 1;
        let connection = ConnectionId(self.last);
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
        remote: SocketAddr,
        inputs: &mpsc::Sender<SipInput>,
        closer: &CancellationToken,
    ) {
        let (sends, queued) = mpsc::channel(SENDS_MAX);
        self.sends.insert(connection, sends);
        let (inputs, closer) = (inputs.clone(), closer.clone());
        tokio::spawn(async move {
            tokio::select! {
                () = closer.cancelled() => {}
                () = open(connection, remote, &inputs, queued) => {
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
    }
}

async fn open(
    connection: ConnectionId,
    remote: SocketAddr,
    inputs: &mpsc::Sender<SipInput>,
    queued: mpsc::Receiver<Vec<u8>>,
) {
    let stream = match tokio::time::timeout(CONNECT_MAX, TcpStream::connect(remote)).await {
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
    if inputs.send(SipInput::Connected { connection, local }).await.is_ok() {
        serve(stream, connection, inputs, queued).await;
    }
}

/// Reads and writes until either side ends.
async fn serve(
    stream: TcpStream,
    connection: ConnectionId,
    inputs: &mpsc::Sender<SipInput>,
    mut queued: mpsc::Receiver<Vec<u8>>,
) {
    let (mut reader, mut writer) = stream.into_split();
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
            if !matches!(tokio::time::timeout(WRITE_MAX, writer.write_all(&bytes)).await, Ok(Ok(()))) {
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
