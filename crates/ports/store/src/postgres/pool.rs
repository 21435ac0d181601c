//! Connections to whichever server takes writes: a bounded number, opened when they are needed.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{Connect, Manager, ManagerConfig, PoolError, RecyclingMethod, Runtime};
use futures::future::BoxFuture;
use partyline_tls::client_config;
use rustls::ClientConfig;
use tokio::task::JoinHandle;
use tokio_postgres::{AsyncMessage, Client, Config, Connection, Error, NoTls, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::ConnectError;
use super::settings::{PostgresSettings, PostgresTls};
use crate::contract::StoreError;
use crate::session::{Session, said};

/// How long somebody may wait for a connection before the store counts as out of reach.
const WAIT_MAX: Duration = Duration::from_secs(5);

/// Opens connections.
#[derive(Clone)]
pub(crate) struct Opener {
    config: Config,
    tls: Option<Arc<ClientConfig>>,
    greeting: Arc<str>,
}

/// What a connection receives, whatever keeps it secret.
type Received = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Opener {
    /// # Errors
    /// [`ConnectError::Tls`] where there is nobody to trust.
    pub(crate) fn new(settings: &PostgresSettings) -> Result<Self, ConnectError> {
        let tls = match &settings.tls {
            PostgresTls::Off => None,
            PostgresTls::On { trust, own } => Some(
                client_config(trust, own.clone()).map_err(|error| ConnectError::Tls(error.to_string()))?,
            ),
        };
        Ok(Self { config: settings.client(), tls, greeting: settings.greeting().into() })
    }

    /// A connection and what drives it; `hear` is told of whatever comes unasked.
    pub(crate) async fn open(
        &self,
        hear: impl FnMut(AsyncMessage) + Send + 'static,
    ) -> Result<(Client, Received), Error> {
        match &self.tls {
            Some(tls) => {
                let tls = MakeRustlsConnect::new(ClientConfig::clone(tls));
                let (client, connection) = self.config.connect(tls).await?;
                Ok((client, Box::pin(drive(connection, hear))))
            }
            None => {
                let (client, connection) = self.config.connect(NoTls).await?;
                Ok((client, Box::pin(drive(connection, hear))))
            }
        }
    }
}

/// Carries what a connection sends and receives until it ends.
async fn drive<S>(mut connection: Connection<Socket, S>, mut hear: impl FnMut(AsyncMessage))
where
    S: tokio_postgres::tls::TlsStream + Unpin,
{
    loop {
        match std::future::poll_fn(|context| connection.poll_message(context)).await {
            Some(Ok(message)) => hear(message),
            Some(Err(error)) => {
                tracing::debug!(error = said(&error), "a connection to the database has ended");
                return;
            }
            None => return,
        }
    }
}

impl Connect for Opener {
    fn connect(&self, _: &Config) -> BoxFuture<'_, Result<(Client, JoinHandle<()>), Error>> {
        Box::pin(async move {
            let (client, received) = self.open(|_| ()).await?;
            let task = tokio::spawn(received);
            client.batch_execute(&self.greeting).await?;
            Ok((client, task))
        })
    }
}

/// The connections.
pub(crate) struct Pool {
    pool: deadpool_postgres::Pool,
    statement_max: Duration,
}

impl Pool {
    pub(crate) fn new(settings: &PostgresSettings, opener: Opener) -> Result<Self, ConnectError> {
        let config = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = Manager::from_connect(settings.client(), opener, config);
        // Each server in turn, and one of them once more for its greeting.
        let create = settings.connect_max * (settings.url.hosts() + 1);
        let pool = deadpool_postgres::Pool::builder(manager)
            .max_size(settings.connections_max as usize)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(WAIT_MAX))
            .create_timeout(Some(create))
            .recycle_timeout(Some(settings.connect_max))
            .build()
            .map_err(|error| ConnectError::Unreachable(error.to_string()))?;
        Ok(Self { pool, statement_max: settings.statement_max })
    }

    /// A connection to work with.
    pub(crate) async fn session(&self) -> Result<Session, StoreError> {
        let client = self.pool.get().await.map_err(|error| StoreError::Unavailable(reason(&error)))?;
        Ok(Session::new(client, self.statement_max))
    }

    /// Lets go of all connections that nobody works with: where one turned out to be of no use, they may be too.
    pub(crate) fn forget_idle(&self) {
        self.pool.retain(|_, _| false);
    }

    /// Takes no more, and closes the connections.
    pub(crate) fn close(&self) {
        self.pool.close();
    }
}

fn reason(error: &PoolError) -> String {
    match error {
        PoolError::Backend(error) => format!("the database can't be reached: {}", said(error)),
        PoolError::Timeout(_) => "the database does not answer, or too many wait for it".to_owned(),
        PoolError::Closed => "the data store is closed".to_owned(),
        PoolError::NoRuntimeSpecified | PoolError::PostCreateHook(_) => error.to_string(),
    }
}
