//! The VRU's lease: a counter renewed each second through a proxy.

use std::time::Duration;

use partyline_conference::VruId;
use partyline_rpc::leases::VruRenewal;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior};
use tracing::{info, warn};

use crate::proxies::Proxies;

const EVERY: Duration = Duration::from_secs(1);

/// Renews for as long as it runs; `is_held` says whether the last renewal was heard.
pub(crate) async fn renew(id: VruId, proxies: Proxies, answer_max: Duration, is_held: watch::Sender<bool>) {
    let instance = format!("{:032x}", rand::random::<u128>());
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut counter = 0;
    loop {
        ticks.tick().await;
        counter += 1;
        let renewal = VruRenewal { id: id.clone(), counter, instance: instance.clone() };
        let renewed = renew_once(renewal, &proxies, answer_max).await;
        if is_held.send_replace(renewed) != renewed {
            if renewed {
                info!(vru = %id, "the lease is held");
            } else {
                warn!(vru = %id, "the lease could not be renewed");
            }
        }
        if !renewed && counter <= 50 && !*is_held.borrow() {
            // At the start the other roles may be a moment behind.
            ticks.reset_at(Instant::now() + EVERY / 10);
        }
    }
}

async fn renew_once(renewal: VruRenewal, proxies: &Proxies, answer_max: Duration) -> bool {
    let Some((place, channel)) = proxies.current() else {
        return false;
    };
    let mut client = partyline_rpc::clients::leases(channel);
    let renewed = matches!(
        tokio::time::timeout(answer_max, client.renew_vru(tonic::Request::new(renewal.into()))).await,
        Ok(Ok(_))
    );
    if !renewed {
        proxies.failed(place);
    }
    renewed
}
