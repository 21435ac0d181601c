//! From mouth to ear: how long sound takes through the server on a clean path.

use anyhow::{Context as _, ensure};
use serde_json::Value;

use super::judge;
use super::server::BenchServer;
use crate::run;

const PARTICIPANTS: u32 = 200;
const ROOMS: u32 = 20;
const SECONDS: u32 = 30;
/// Wanted, in ms.
const P50_MAX_MS: f64 = 13.0;
const P99_MAX_MS: f64 = 25.0;

/// Measures so many times; fails where a run that says something is not what is wanted.
pub(crate) fn run(runs: usize) -> anyhow::Result<()> {
    let mut valid = 0;
    let mut is_met = true;
    for nth in 1..=runs {
        let report = measure()?;
        run::say(&format!("delay, run {nth}: {report}"));
        if report["is_void"] != Value::Bool(false) {
            continue;
        }
        valid += 1;
        let ms = |name: &str| report["delay"][name].as_f64().context("no figure");
        is_met &= ms("p50_ms")? <= P50_MAX_MS && ms("p99_ms")? <= P99_MAX_MS;
        is_met &= report["missed"] == 0 && report["strange"] == 0;
    }
    ensure!(valid > 0, "every run is void");
    judge(
        &format!("mouth to ear: p50 up to {P50_MAX_MS} ms, p99 up to {P99_MAX_MS} ms in {valid} valid runs"),
        is_met,
    )
}

fn measure() -> anyhow::Result<Value> {
    let server = BenchServer::start()?;
    let codes = server.rooms(ROOMS)?;
    let (participants, seconds) = (PARTICIPANTS.to_string(), SECONDS.to_string());
    let more = ["--callers", &participants, "--rate", "40", "--seconds", &seconds];
    server.callbench(&["delay"], &codes, &more)
}
