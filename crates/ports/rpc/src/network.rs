//! Connections between roles: in memory within one process, over TCP between machines.
//!
//! It is not a place for messages: it hands out byte streams and gRPC channels. **Invariant:** when a
//! listener is closed, every connection that it accepted is closed with it.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_stream::Stream;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::transport::server::Connected;
use tonic::transport::{Channel, Endpoint, Uri};

use crate::address::Address;
use crate::limits;

/// Bytes in flight in each direction of an in-memory connection: several HTTP/2 frames.
const MEMORY_BUFFER_BYTES: usize = 64 * 1024;
/// Connections that wait to be accepted; roles hold one or two to each other.
const BACKLOG: usize = 64;

/// No listener could be had.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Another role listens there.
    #[error("{0} is in use already")]
    InUse(Address),
    /// The system refused the socket.
    #[error("can't listen at {0}: {1}")]
    Socket(Address, io::Error),
}

/// The listeners of this process, and the way to those of others. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Network {
    listeners: Arc<Mutex<HashMap<Arc<str>, MemoryListener>>>,
}

#[derive(Debug)]
struct MemoryListener {
    sender: mpsc::Sender<DuplexStream>,
    number: u64,
}

impl Network {
    /// A network without listeners.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Listens at an address. Port 0 takes any free port: [`Incoming::address`] tells which.
    ///
    /// # Errors
    /// [`ListenError`] where another role listens there or the system refuses the socket.
    pub fn listen(&self, address: &Address) -> Result<Incoming, ListenError> {
        let (listener, address) = match address {
            Address::Memory(name) => (self.listen_in_memory(name, address)?, address.clone()),
            Address::Tcp(authority) => listen_on_tcp(authority, address)?,
        };
        Ok(Incoming { listener, address, closer: CancellationToken::new() })
    }

    fn listen_in_memory(&self, name: &Arc<str>, address: &Address) -> Result<Listener, ListenError> {
        let mut listeners = self.listeners.lock();
        if listeners.get(name).is_some_and(|listener| !listener.sender.is_closed()) {
            return Err(ListenError::InUse(address.clone()));
        }
        let (sender, receiver) = mpsc::channel(BACKLOG);
        let number = listeners.get(name).map_or(0, |listener| listener.number + 1);
        listeners.insert(Arc::clone(name), MemoryListener { sender, number });
        let registration =
            Registration { listeners: Arc::clone(&self.listeners), name: Arc::clone(name), number };
        Ok(Listener::Memory { receiver, _registration: registration })
    }

    /// Opens one connection.
    ///
    /// # Errors
    /// `ConnectionRefused` where nobody listens, `TimedOut` where nobody accepts in time, or what the system says.
    pub async fn connect(&self, address: &Address) -> io::Result<Connection> {
        tokio::time::timeout(limits::CONNECT_MAX, self.connect_unhurried(address))
            .await
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }

    async fn connect_unhurried(&self, address: &Address) -> io::Result<Connection> {
        let io = match address {
            Address::Memory(name) => {
                let refused = || io::Error::from(io::ErrorKind::ConnectionRefused);
                let sender = {
                    let listeners = self.listeners.lock();
                    listeners.get(name).map(|listener| listener.sender.clone()).ok_or_else(refused)?
                };
                let (ours, theirs) = tokio::io::duplex(MEMORY_BUFFER_BYTES);
                sender.send(theirs).await.map_err(|_| refused())?;
                Io::Memory(ours)
            }
            Address::Tcp(authority) => {
                let stream = TcpStream::connect(&**authority).await?;
                stream.set_nodelay(true)?;
                Io::Tcp(stream)
            }
        };
        Ok(Connection { io, closed: None })
    }

    /// A gRPC channel to an address. It connects with its first request, and again by itself after a break; requests
    /// meanwhile answer `UNAVAILABLE`.
    #[must_use]
    pub fn channel(&self, address: &Address) -> Channel {
        let connector = Connector { network: self.clone(), address: address.clone() };
        Endpoint::from_static("http://partyline")
            .connect_timeout(limits::CONNECT_MAX)
            .http2_keep_alive_interval(limits::KEEP_ALIVE_INTERVAL)
            .keep_alive_timeout(limits::KEEP_ALIVE_ANSWER_MAX)
            .keep_alive_while_idle(true)
            .initial_stream_window_size(limits::STREAM_WINDOW_BYTES)
            .initial_connection_window_size(limits::CONNECTION_WINDOW_BYTES)
            .buffer_size(limits::REQUESTS_QUEUED_MAX)
            .connect_with_connector_lazy(connector)
    }
}

fn listen_on_tcp(authority: &str, address: &Address) -> Result<(Listener, Address), ListenError> {
    let failed = |error| ListenError::Socket(address.clone(), error);
    let listener = std::net::TcpListener::bind(authority).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    let local = listener.local_addr().map_err(failed)?;
    let listener = TcpListener::from_std(listener).map_err(failed)?;
    Ok((Listener::Tcp(listener), Address::Tcp(Arc::from(local.to_string()))))
}

/// A role's listener: a stream of accepted connections.
#[derive(Debug)]
pub struct Incoming {
    listener: Listener,
    address: Address,
    closer: CancellationToken,
}

#[derive(Debug)]
enum Listener {
    Memory { receiver: mpsc::Receiver<DuplexStream>, _registration: Registration },
    Tcp(TcpListener),
}

/// Takes the name out of the registry when the listener goes.
#[derive(Debug)]
struct Registration {
    listeners: Arc<Mutex<HashMap<Arc<str>, MemoryListener>>>,
    name: Arc<str>,
    number: u64,
}

impl Drop for Registration {
    fn drop(&mut self) {
        let mut listeners = self.listeners.lock();
        if listeners.get(&self.name).is_some_and(|listener| listener.number == self.number) {
            listeners.remove(&self.name);
        }
    }
}

impl Incoming {
    /// Where it listens, with the port that was really taken.
    #[must_use]
    pub const fn address(&self) -> &Address {
        &self.address
    }

    /// Cancelling this closes the listener and every connection that it accepted.
    #[must_use]
    pub fn closer(&self) -> CancellationToken {
        self.closer.clone()
    }
}

impl Stream for Incoming {
    type Item = io::Result<Connection>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.closer.is_cancelled() {
            return Poll::Ready(None);
        }
        let io = match &mut self.listener {
            Listener::Memory { receiver, .. } => match ready!(receiver.poll_recv(cx)) {
                Some(stream) => Io::Memory(stream),
                None => return Poll::Ready(None),
            },
            Listener::Tcp(listener) => match ready!(listener.poll_accept(cx)) {
                Ok((stream, _)) => {
                    // Without it small answers wait for the far side's delayed acknowledgement; not worth a refusal.
                    let _ = stream.set_nodelay(true);
                    Io::Tcp(stream)
                }
                Err(error) => return Poll::Ready(Some(Err(error))),
            },
        };
        let closed = Some(Box::pin(self.closer.clone().cancelled_owned()));
        Poll::Ready(Some(Ok(Connection { io, closed })))
    }
}

/// One connection between two roles.
#[derive(Debug)]
pub struct Connection {
    io: Io,
    /// Of an accepted connection: done once its listener is closed.
    closed: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
}

#[derive(Debug)]
enum Io {
    Memory(DuplexStream),
    Tcp(TcpStream),
}

/// Who is at the other end, as far as that is known: an extension of each request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer(pub Option<SocketAddr>);

impl Connected for Connection {
    type ConnectInfo = Peer;

    fn connect_info(&self) -> Peer {
        match &self.io {
            Io::Memory(_) => Peer(None),
            Io::Tcp(stream) => Peer(stream.peer_addr().ok()),
        }
    }
}

impl Connection {
    fn is_closed(&mut self, cx: &mut Context<'_>) -> bool {
        self.closed.as_mut().is_some_and(|closed| closed.as_mut().poll(cx).is_ready())
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.is_closed(cx) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        match &mut self.io {
            Io::Memory(stream) => Pin::new(stream).poll_read(cx, buffer),
            Io::Tcp(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.is_closed(cx) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        match &mut self.io {
            Io::Memory(stream) => Pin::new(stream).poll_write(cx, bytes),
            Io::Tcp(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.io {
            Io::Memory(stream) => Pin::new(stream).poll_flush(cx),
            Io::Tcp(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.io {
            Io::Memory(stream) => Pin::new(stream).poll_shutdown(cx),
            Io::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

/// Connects a tonic channel, whatever its own URI says.
#[derive(Debug, Clone)]
struct Connector {
    network: Network,
    address: Address,
}

impl tower::Service<Uri> for Connector {
    type Response = hyper_util::rt::TokioIo<Connection>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let Self { network, address } = self.clone();
        Box::pin(async move { network.connect(&address).await.map(hyper_util::rt::TokioIo::new) })
    }
}
