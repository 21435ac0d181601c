//! `cargo xtask soak`: rounds of callers on one server, each of another size; after each, everything is given back.

use std::time::{Duration, Instant};

use anyhow::{bail, ensure};

use crate::bench::{call, server::BenchServer};
use crate::run;

/// Callers of the rounds, taken in turn.
const SIZES: [u32; 5] = [40, 200, 10, 120, 80];
const ROOMS: u32 = 20;
const ROUND_SECONDS: u32 = 20;
/// Legs are given back with the last BYE; this is far more than that takes.
const GIVEN_BACK_WITHIN: Duration = Duration::from_secs(30);

/// Runs rounds for so long; ends with an error at the first that leaves something behind.
pub(crate) fn run(minutes: u32) -> anyhow::Result<()> {
    run::run("cargo", &["build", "--release", "--package", "partyline", "--package", "callbench"])?;
    let server = BenchServer::start()?;
    let codes = server.rooms(ROOMS)?;
    let until = Instant::now() + Duration::from_secs(u64::from(minutes) * 60);
    for (round, callers) in SIZES.iter().cycle().enumerate() {
        let report = call(&server, &codes, *callers, 40, ROUND_SECONDS)?;
        ensure!(report["failed"].as_array().is_some_and(Vec::is_empty), "calls failed: {report}");
        ensure!(
            report["hearing"]["missing"] == 0 && report["hearing"]["ghosts"] == 0,
            "who heard whom: {report}"
        );
        wait_given_back(&server)?;
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

fn wait_given_back(server: &BenchServer) -> anyhow::Result<()> {
    let until = Instant::now() + GIVEN_BACK_WITHIN;
    while server.legs() != Some(0) {
        if Instant::now() > until {
            bail!("{:?} legs are left", server.legs());
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    Ok(())
}
