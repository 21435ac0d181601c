//! How soon keys have their effect, and a long roll call while a large conference goes on.

use anyhow::{Context as _, ensure};
use serde_json::Value;

use super::judge;
use super::server::BenchServer;
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
    let report = server.callbench(&["keypad", "effect"], &rooms, &["--rounds", &ROUNDS.to_string()])?;
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
    let report = server.callbench(&["keypad", "browse"], &rooms, &["--conferees", &CONFEREES.to_string()])?;
    run::say(&format!("a roll call of {CONFEREES}: {report}"));
    // The server's own word, which holds where the bench was late too.
    let of_server = |name: &str| server.metric_sum(name);
    let latest_ms = of_server("partyline_tick_lateness_max_seconds")? * 1_000.0;
    let (ticks, late) = (of_server("partyline_ticks_total")?, of_server("partyline_late_ticks_total")?);
    run::say(&format!("the server was late in {late} of {ticks} ticks, by {latest_ms:.1} ms at most"));
    let skipped = of_server("partyline_frames_skipped_total")?;
    let passed_over = judge(&format!("the server passed over {skipped} frames"), skipped == 0.0);
    passed_over?;
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
