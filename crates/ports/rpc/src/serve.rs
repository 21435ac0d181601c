//! Serving a role's RPCs: the same limits, log and way to stop for every role.

use std::convert::Infallible;
use std::time::Duration;

use http::{Request, Response};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tonic::transport::Server;
use tower::{Layer, Service};

use crate::address::Address;
use crate::limits;
use crate::network::Incoming;
use crate::rpc_log::{RpcLog, RpcLogLayer};

/// How long a role may take to finish what it is answering when it stops; then its connections are cut.
pub const STOP_GRACE: Duration = Duration::from_secs(1);

/// A role that answers RPCs, until it is stopped or dropped.
#[derive(Debug)]
pub struct Serving {
    address: Address,
    finish: CancellationToken,
    closer: CancellationToken,
    task: JoinHandle<()>,
}

/// Answers requests with a service (mostly `tonic::service::Routes`), recording each in the log.
#[must_use]
pub fn serve<S>(incoming: Incoming, log: RpcLog, service: S) -> Serving
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    let address = incoming.address().clone();
    let closer = incoming.closer();
    let finish = CancellationToken::new();
    let finished = finish.clone().cancelled_owned();
    let service = RpcLogLayer::new(log).layer(service);
    let server = Server::builder()
        .max_concurrent_streams(limits::STREAMS_MAX)
        .initial_stream_window_size(limits::STREAM_WINDOW_BYTES)
        .initial_connection_window_size(limits::CONNECTION_WINDOW_BYTES)
        .http2_keepalive_interval(Some(limits::KEEP_ALIVE_INTERVAL))
        .http2_keepalive_timeout(Some(limits::KEEP_ALIVE_ANSWER_MAX));
    let task = tokio::spawn(async move {
        if let Err(error) = server.serve_with_incoming_shutdown(service, incoming, finished).await {
            tracing::error!(%error, "the RPC server ended");
        }
    });
    Serving { address, finish, closer, task }
}

impl Serving {
    /// Where it answers.
    #[must_use]
    pub const fn address(&self) -> &Address {
        &self.address
    }

    /// Takes no new request, finishes for at most [`STOP_GRACE`] what is being answered, then cuts every connection.
    pub async fn stop(mut self) {
        self.finish.cancel();
        let _ = tokio::time::timeout(STOP_GRACE, &mut self.task).await;
        self.closer.cancel();
        if !self.task.is_finished() {
            let _ = (&mut self.task).await;
        }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.finish.cancel();
        self.closer.cancel();
    }
}
