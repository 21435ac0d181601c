//! The mixer's lease: renewed each second through one of the proxies.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use partyline_rpc::generated::conferencing::leases_client::LeasesClient;
use partyline_rpc::leases::MixerRenewal;
use partyline_rpc::{Address, Network, clients};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;

use crate::service::Desk;

/// How often.
const RENEWAL: Duration = Duration::from_secs(1);
/// How often while no renewal has succeeded yet: a process that starts should be ready soon.
const FIRST_RENEWAL: Duration = Duration::from_millis(50);
/// Longest wait for an answer; the next proxy is tried after it.
const ANSWER_MAX: Duration = Duration::from_secs(2);
/// How often empty mixes are looked for, in renewals.
const SWEEP_EVERY: u64 = 60;

/// Renews one mixer's lease.
pub(crate) struct Lease {
    renewal: MixerRenewal,
    proxies: Vec<LeasesClient<Channel>>,
    current: usize,
    held: Arc<AtomicBool>,
}

impl Lease {
    pub(crate) fn new(
        renewal: MixerRenewal,
        network: &Network,
        proxies: &[Address],
        held: Arc<AtomicBool>,
    ) -> Self {
        let proxies = proxies.iter().map(|proxy| clients::leases(network.channel(proxy))).collect();
        Self { renewal, proxies, current: 0, held }
    }

    /// Renews until told to stop; then says that the mixer takes nothing more.
    pub(crate) async fn keep(mut self, desk: Arc<Desk>, stopping: CancellationToken) {
        let mut beat = tokio::time::interval(RENEWAL);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let pause = async {
                if self.held.load(Ordering::Relaxed) {
                    beat.tick().await;
                } else {
                    tokio::time::sleep(FIRST_RENEWAL).await;
                }
            };
            tokio::select! {
                () = pause => {}
                () = stopping.cancelled() => break,
            }
            tokio::select! {
                () = self.renew() => {}
                () = stopping.cancelled() => break,
            }
            if self.renewal.counter.is_multiple_of(SWEEP_EVERY) {
                desk.forget_empty();
            }
        }
        self.renewal.is_draining = true;
        self.renew().await;
    }

    /// Asks each proxy once at most, the one that answered last first.
    async fn renew(&mut self) {
        self.renewal.counter += 1;
        for _ in 0..self.proxies.len() {
            let Some(proxy) = self.proxies.get_mut(self.current) else { return };
            let request = tonic::Request::new(self.renewal.clone().into());
            match tokio::time::timeout(ANSWER_MAX, proxy.renew_mixer(request)).await {
                Ok(Ok(_)) => {
                    self.held.store(true, Ordering::Relaxed);
                    return;
                }
                Ok(Err(status)) => {
                    tracing::debug!(mixer = %self.renewal.id, %status, "the lease was not renewed");
                }
                Err(_) => tracing::debug!(mixer = %self.renewal.id, "no answer to the lease's renewal"),
            }
            self.current = (self.current + 1) % self.proxies.len();
        }
        metrics::counter!("partyline_mixer_renewals_failed_total").increment(1);
        self.held.store(false, Ordering::Relaxed);
    }
}
