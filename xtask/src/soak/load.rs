//! Rounds of callers on one server, each of another size; after each, everything is given back.

use std::time::{Duration, Instant};

use anyhow::ensure;

use super::{legs, wait_gone};
use crate::bench::{call, server::BenchServer};
use crate::run;

/// Callers of the rounds, taken in turn.
const SIZES: [u32; 5] = [40, 200, 10, 120, 80];
const ROOMS: u32 = 20;
const ROUND_SECONDS: u32 = 20;

/// Runs rounds for so long; ends with an error at the first that leaves something behind.
pub(super) fn run(lasting: Duration) -> anyhow::Result<()> {
    let server = BenchServer::start()?;
    let codes = server.rooms(ROOMS)?;
    let until = Instant::now() + lasting;
    for (round, callers) in SIZES.iter().cycle().enumerate() {
        let report = call(&server, &codes, *callers, 40, ROUND_SECONDS)?;
        ensure!(report["failed"].as_array().is_some_and(Vec::is_empty), "calls failed: {report}");
        ensure!(
            report["hearing"]["missing"] == 0 && report["hearing"]["ghosts"] == 0,
            "who heard whom: {report}"
        );
        wait_gone(|| legs(&server))?;
        run::say(&format!(
            "round {round}: {callers} callers, {} packets lost, resident {:.1} MB",
            report["loss"]["lost"],
            server.resident()? as f64 / 1e6
        ));
        if Instant::now() >= until {
            break;
        }
    }
    Ok(())
}
