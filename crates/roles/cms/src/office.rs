//! What the tasks of one interface server share.

use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use partyline_rpc::{Network, TicketSigner};
use partyline_store::Store;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::Config;
use crate::health::Health;
use crate::mixers::{LiveMixers, Mixers};
use crate::rooms::Rooms;
use crate::streams::Streams;

/// One interface server from the inside.
pub(crate) struct Office {
    pub(crate) config: Config,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) signer: TicketSigner,
    /// Queues of what is asked, by room.
    pub(crate) rooms: Rooms,
    /// Callers' streams that are open here.
    pub(crate) streams: Streams,
    /// Commands to mixers.
    pub(crate) mixers: Mixers,
    /// Mixers that may be given something.
    pub(crate) live_mixers: Mutex<LiveMixers>,
    /// How the store fares.
    pub(crate) health: Health,
    /// Cancelled first: streams go elsewhere, nothing new begins.
    pub(crate) stopping: CancellationToken,
    pub(crate) tasks: TaskTracker,
}

impl Office {
    pub(crate) fn new(
        config: Config,
        network: Network,
        store: Arc<dyn Store>,
        signer: TicketSigner,
    ) -> Arc<Self> {
        let mixers = Mixers::new(network, config.mixer_answer_max());
        let streams = Streams::new(config.streams_max);
        Arc::new(Self {
            config,
            store,
            signer,
            rooms: Rooms::default(),
            streams,
            mixers,
            live_mixers: Mutex::default(),
            health: Health::new(Instant::now()),
            stopping: CancellationToken::new(),
            tasks: TaskTracker::new(),
        })
    }
}
