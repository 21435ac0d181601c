//! A server with a conference up while strangers flood it.

use std::net::SocketAddr;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use anyhow::{Context, anyhow};
use serde_json::Value;

use super::MEGABYTE;
use super::server::BenchServer;
use super::sipp::{self, Scenario, SippFigures};
use crate::run;

/// More memory than this may not be taken by a flood.
const GROWTH_MAX: f64 = 100.0;
const CALLS_PER_SECOND: u32 = 500;
const SECONDS: u32 = 60;
/// When the conference stands.
const LEAD: Duration = Duration::from_secs(8);

/// INVITEs without ACK, for a minute: what the server's memory does, and what the conference hears.
pub(crate) fn run() -> anyhow::Result<()> {
    let server = BenchServer::start()?;
    let codes = server.rooms(1)?;
    let before = server.resident()?;
    let mut peak = before;
    let (conference, flood) = std::thread::scope(|scope| -> anyhow::Result<(Value, SippFigures)> {
        let (server, codes) = (&server, &codes);
        let conference = scope.spawn(move || super::call(server, codes, 4, 4, SECONDS + 8));
        std::thread::sleep(LEAD);
        let (done, is_done) = channel();
        let flood = scope.spawn(move || {
            let target = SocketAddr::from((server.address(), 5060));
            let figures =
                sipp::run(Scenario::InviteOnly, target, CALLS_PER_SECOND * SECONDS, CALLS_PER_SECOND);
            // Nobody waits for it where the server is gone.
            let _ = done.send(());
            figures
        });
        while is_done.recv_timeout(Duration::from_millis(500)) == Err(RecvTimeoutError::Timeout) {
            peak = peak.max(server.resident().context("the server is gone")?);
        }
        let flood = flood.join().map_err(|_| anyhow!("the flood broke off"))??;
        let conference = conference.join().map_err(|_| anyhow!("the conference broke off"))??;
        Ok((conference, flood))
    })?;
    std::thread::sleep(Duration::from_secs(36));
    run::say(&format!(
        "flood: {} INVITEs at {CALLS_PER_SECOND}/s without ACK: {:.1} MB before, {:.1} MB at most (+{:.1}), {:.1} MB 36 s later",
        flood.successful + flood.failed,
        before as f64 / MEGABYTE,
        peak as f64 / MEGABYTE,
        (peak - before) as f64 / MEGABYTE,
        server.resident()? as f64 / MEGABYTE
    ));
    run::say(&format!("flood: the conference meanwhile: {conference}"));
    let growth = peak.saturating_sub(before) as f64 / MEGABYTE;
    let (lost, missing) = (&conference["loss"]["lost"], &conference["hearing"]["missing"]);
    if conference["is_void"] == Value::Bool(true) {
        run::say("flood: VOID: the load maker itself was late");
        return Ok(());
    }
    super::judge(
        &format!("resident memory grows under {GROWTH_MAX} MB: by {growth:.1} MB"),
        growth < GROWTH_MAX,
    )?;
    super::judge(
        &format!(
            "who is in a conference keeps their audio: {lost} packets lost, {missing} talkers not heard"
        ),
        lost == 0 && missing == 0,
    )
}
