//! One interface server as the proxy sees it: its connection, what is pending there, how it has done lately.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use hyper::body::Incoming;
use hyper::client::conn::http2;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use parking_lot::Mutex;
use partyline_conference::InterfaceServerId;
use partyline_rpc::{Address, Network, limits};
use tonic::body::Body;

use crate::balance::Load;
use crate::ejection::Ejection;

/// An interface server.
pub(crate) struct Backend {
    pub(crate) id: InterfaceServerId,
    pub(crate) address: Address,
    network: Network,
    connection: tokio::sync::Mutex<Option<http2::SendRequest<Body>>>,
    pending: AtomicUsize,
    open: AtomicUsize,
    ejection: Mutex<Ejection>,
}

/// A request did not get its answer's headers.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It certainly was not processed: here it is again.
    NotSent(Box<Request<Body>>),
    /// Perhaps it was.
    Broken,
}

/// Counts a request from the choice of its server to its answer's headers.
pub(crate) struct Pending(Arc<Backend>);

/// Counts an answer from its headers to its end.
pub(crate) struct Open(Arc<Backend>);

impl Pending {
    pub(crate) fn at(backend: &Arc<Backend>) -> Self {
        backend.pending.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(backend))
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.0.pending.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Open {
    pub(crate) fn at(backend: &Arc<Backend>) -> Self {
        backend.open.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(backend))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Backend {
    pub(crate) fn new(id: InterfaceServerId, address: Address, network: Network) -> Self {
        Self {
            id,
            address,
            network,
            connection: tokio::sync::Mutex::new(None),
            pending: AtomicUsize::new(0),
            open: AtomicUsize::new(0),
            ejection: Mutex::default(),
        }
    }

    pub(crate) fn load(&self, now: Instant) -> Load {
        Load {
            pending: self.pending.load(Ordering::Relaxed),
            open: self.open.load(Ordering::Relaxed),
            is_out: self.ejection.lock().is_out(now),
        }
    }

    pub(crate) fn succeeded(&self) {
        self.ejection.lock().succeeded();
    }

    pub(crate) fn failed(&self) {
        metrics::counter!("partyline_proxy_failures_total", "server" => self.id.to_string()).increment(1);
        if self.ejection.lock().failed(Instant::now()) {
            tracing::warn!(server = %self.id, "the interface server fails and is left alone for a while");
            metrics::counter!("partyline_proxy_ejections_total", "server" => self.id.to_string())
                .increment(1);
        }
    }

    /// Sends a request and waits for the answer's headers.
    pub(crate) async fn send(&self, request: Request<Body>) -> Result<Response<Incoming>, Failure> {
        let mut sender = match self.sender().await {
            Ok(sender) => sender,
            Err(error) => {
                tracing::debug!(server = %self.id, %error, "the interface server can't be reached");
                return Err(Failure::NotSent(Box::new(request)));
            }
        };
        sender.try_send_request(request).await.map_err(|mut error| match error.take_message() {
            Some(request) => Failure::NotSent(Box::new(request)),
            None => Failure::Broken,
        })
    }

    /// The connection, opened anew where there is none or it is closed.
    async fn sender(&self) -> Result<http2::SendRequest<Body>, std::io::Error> {
        let mut connection = self.connection.lock().await;
        if let Some(sender) = connection.as_ref().filter(|sender| !sender.is_closed()) {
            return Ok(sender.clone());
        }
        let io = TokioIo::new(self.network.connect(&self.address).await?);
        let (sender, driver) = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .initial_stream_window_size(limits::STREAM_WINDOW_BYTES)
            .initial_connection_window_size(limits::CONNECTION_WINDOW_BYTES)
            .keep_alive_interval(limits::KEEP_ALIVE_INTERVAL)
            .keep_alive_timeout(limits::KEEP_ALIVE_ANSWER_MAX)
            .keep_alive_while_idle(true)
            .handshake(io)
            .await
            .map_err(std::io::Error::other)?;
        let id = self.id.clone();
        // It ends with the connection: closed by the other end, or unused once this backend is dropped.
        tokio::spawn(async move {
            if let Err(error) = driver.await {
                tracing::debug!(server = %id, %error, "the connection to the interface server broke");
            }
        });
        *connection = Some(sender.clone());
        Ok(sender)
    }
}
