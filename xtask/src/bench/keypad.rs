//! How soon keys have their effect, and a long roll call while a large conference goes on.

use anyhow::{Context as _, ensure};
use serde_json::Value;

use super::judge;
use super::server::{self, BenchServer};
use crate::run;

/// Rooms in which commands are given at once, each round after round: with the rounds, how many of each are measured.
const ROOMS: u32 = 10;
const ROUNDS: u32 = 20;
/// From the last key to the effect, at most.
const EFFECT_MAX_MS: f64 = 150.0;
/// Of one roll call.
const CONFEREES: u32 = 300;
/// A gap that a usual jitter buffer does not hide.
const GAP_MAX_MS: f64 = 60.0;
/// What is measured against [`EFFECT_MAX_MS`], by the report's own names.
const EFFECTS: [&str; 6] = ["mute", "unmute", "lock_told", "refusal", "delete", "delete_told"];

/// Measures both: where one is void or fails, the other still tells what it saw.
pub(crate) fn run() -> anyhow::Result<()> {
    let effects = effects();
    let browse = browse();
    effects.and(browse)
}

fn effects() -> anyhow::Result<()> {
    let server = BenchServer::start()?;
    let rooms = server.rooms(ROOMS)?;
    let report = callbench(&server, "effect", &rooms, &["--rounds", &ROUNDS.to_string()])?;
    run::say(&format!("from the last key to its effect, in ms: {report}"));
    ensure!(report["is_void"] == Value::Bool(false), "the bench itself was late");
    judge("every effect came", report["missed"].as_array().is_some_and(Vec::is_empty))?;
    for effect in EFFECTS {
        let p99 = report[effect]["p99_ms"].as_f64().context("no figure")?;
        judge(&format!("{effect}: p99 {p99:.0} ms, under {EFFECT_MAX_MS:.0}"), p99 < EFFECT_MAX_MS)?;
    }
    Ok(())
}

fn browse() -> anyhow::Result<()> {
    let server = BenchServer::start()?;
    let rooms = server.rooms_of("large", 1, &["--max-conferees", &(CONFEREES + 10).to_string()])?;
    let report = callbench(&server, "browse", &rooms, &["--conferees", &CONFEREES.to_string()])?;
    run::say(&format!("a roll call of {CONFEREES}: {report}"));
    ensure!(report["is_void"] == Value::Bool(false), "the bench itself was late");
    judge("browsed to the last", report["reached_last"] == Value::Bool(true))?;
    let none = |name: &str| report[name].as_u64() == Some(0);
    judge("no packet lost, no hole in the sound", {
        ["lost", "host_lost", "witness_holes", "host_holes"].into_iter().all(none)
    })?;
    let gap = |name: &str| report[name].as_f64().unwrap_or(f64::INFINITY);
    let longest =
        ["longest_gap_ms", "witness_gap_ms", "host_gap_ms"].into_iter().map(gap).fold(0.0, f64::max);
    judge(&format!("no gap over {GAP_MAX_MS:.0} ms: {longest:.0} ms"), longest <= GAP_MAX_MS)
}

/// Has callbench press keys at a server, and reads its report.
pub(crate) fn callbench(
    server: &BenchServer,
    what: &str,
    rooms: &std::path::Path,
    more: &[&str],
) -> anyhow::Result<Value> {
    let target = format!("sip:{}:5060", server.address());
    let arguments = ["keypad", what, "--json", "--target", &target, "--rooms"];
    let mut bench = run::command(&server::binary("callbench").display().to_string(), &arguments);
    let output = bench.arg(rooms).args(more).output().context("callbench could not be started")?;
    serde_json::from_slice(&output.stdout).with_context(|| {
        format!(
            "callbench: {}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        )
    })
}
