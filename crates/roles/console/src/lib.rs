//! The HTTP listener: whether the process lives, whether it takes calls, what it has counted.
//!
//! It reads the health registry and the metrics; it knows nothing of SIP, mixers or how a fact was found.
//!
//! **Invariant:** whoever connects can hold at most one of [`CONNECTIONS_MAX`] places for at most
//! [`CONNECTION_LIFE`]; nothing that they send is kept.

mod bounded;
mod pages;

use std::net::SocketAddr;
use std::time::Duration;

use partyline_telemetry::{Health, Metrics};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub use bounded::{CONNECTION_LIFE, CONNECTIONS_MAX};

/// Settings of the listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Where to listen; port 0 takes any free one.
    pub listen: SocketAddr,
}

/// The listener could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address is taken or not ours.
    #[error("HTTP can't listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
}

/// The running listener.
#[derive(Debug)]
pub struct Console {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Console {
    /// Binds and answers from here on.
    ///
    /// # Errors
    /// [`StartError`] where the address can't be bound.
    pub async fn start(config: &Config, health: Health, metrics: Metrics) -> Result<Self, StartError> {
        let refused = |source| StartError::Listen { address: config.listen, source };
        let listener = TcpListener::bind(config.listen).await.map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let (stop, stopped) = oneshot::channel::<()>();
        let pages = pages::router(health, metrics);
        let task = tokio::spawn(async move {
            let served =
                axum::serve(bounded::BoundedListener::new(listener), pages).with_graceful_shutdown(async {
                    // A dropped sender stops the listener too.
                    let _ = stopped.await;
                });
            if let Err(error) = served.await {
                tracing::warn!(%error, "the HTTP listener ended");
            }
        });
        Ok(Self { address, stop, task })
    }

    /// Where it listens, with the real port.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Stops listening; requests that are being answered get [`Console::LAST_ANSWERS`] more.
    pub async fn stop(self) {
        let Self { address: _, stop, mut task } = self;
        drop(stop);
        if tokio::time::timeout(Self::LAST_ANSWERS, &mut task).await.is_err() {
            task.abort();
        }
    }

    /// Enough for a scrape that is under way; a connection that idles is cut.
    pub const LAST_ANSWERS: Duration = Duration::from_millis(250);
}
