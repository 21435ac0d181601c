//! What the media engine counts, as metrics.

use std::time::Duration;

use metrics::{counter, gauge};
use partyline_engine::{Engine, LATENESS_STEPS};
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

/// How often the engine is asked; scrapers come every few seconds.
const PERIOD: Duration = Duration::from_secs(1);

/// Keeps the engine's metrics up to date until it is aborted.
pub(super) fn keep(engine: Engine) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(PERIOD);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            tell(&engine);
        }
    })
}

fn tell(engine: &Engine) {
    let stats = engine.stats();
    gauge!("partyline_media_threads").set(stats.threads as f64);
    gauge!("partyline_media_io_threads", "io" => "io_uring").set(stats.ring_threads as f64);
    gauge!("partyline_media_io_threads", "io" => "plain").set((stats.threads - stats.ring_threads) as f64);
    gauge!("partyline_legs").set(stats.legs as f64);
    gauge!("partyline_mixes").set(stats.mixes as f64);
    gauge!("partyline_tick_lateness_max_seconds").set(stats.lateness_max.as_secs_f64());
    counter!("partyline_mixes_moved_total").absolute(stats.mixes_moved);
    counter!("partyline_ticks_total").absolute(stats.ticks);
    counter!("partyline_late_ticks_total").absolute(stats.late_ticks);
    for (step, within) in LATENESS_STEPS.into_iter().zip(stats.ticks_within) {
        let le = step.as_secs_f64().to_string();
        counter!("partyline_tick_lateness_seconds_bucket", "le" => le).absolute(within);
    }
    counter!("partyline_tick_lateness_seconds_bucket", "le" => "+Inf").absolute(stats.ticks);
    counter!("partyline_frames_skipped_total").absolute(stats.frames_skipped);
    counter!("partyline_jitter_buffer_depth_seconds_count").absolute(stats.depth_readings);
    gauge!("partyline_jitter_buffer_depth_seconds_sum").set(stats.depth_sum.as_secs_f64());
    counter!("partyline_leg_events_dropped_total").absolute(stats.events_dropped);
    counter!("partyline_media_commands_dropped_total").absolute(stats.commands_dropped);
    counter!("partyline_media_sends_failed_total").absolute(stats.sends_failed);
    counter!("partyline_media_receives_failed_total").absolute(stats.receives_failed);
    counter!("partyline_media_rings_lost_total").absolute(stats.rings_lost);
    counter!("partyline_media_panics_total").absolute(stats.panics);
}
