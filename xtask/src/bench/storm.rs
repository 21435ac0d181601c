//! A server with conferences up while twice as many call as it can carry.

use std::net::Ipv4Addr;
use std::path::Path;

use anyhow::{Context, bail};
use serde_json::Value;

use super::MEGABYTE;
use super::server::{self, BenchServer};
use crate::run;

/// Who is in conferences, and where.
const CALLERS: u32 = 200;
const ROOMS: u32 = 20;
/// The rooms that the storm calls into.
const STORM_ROOMS: u32 = 20;
/// The storm comes from these addresses.
const FIRST_SOURCE: Ipv4Addr = Ipv4Addr::new(127, 77, 8, 1);
const SOURCES: u32 = 16;
/// So many that the machine is the limit: a VRU that has all its calls takes none, and says so by 503.
const CALLS_MAX: (&str, &str) = ("PARTYLINE_SIP__CALLS_MAX", "20000");
/// What the server counted and is told with the figures.
const COUNTED: [&str; 9] = [
    "partyline_late_ticks_total",
    "partyline_frames_skipped_total",
    "partyline_media_sends_failed_total",
    "partyline_vru_strangers_dropped_total",
    "partyline_sip_overloaded_total",
    "partyline_sip_retransmitted_total",
    "partyline_vru_call_events_dropped_total",
    "partyline_vru_datagrams_unsent_total",
    "partyline_vru_calls_without_leg_total",
];

/// What the storm dials.
#[derive(Debug, Clone, Copy)]
enum Dialled {
    /// The number where a code is asked for: answered by the VRU alone.
    Prompt,
    /// The codes of rooms: every call goes through the whole product before it is answered.
    Codes,
}

/// Storms on the code prompt and on rooms, so many times; fails where one showed less than is wanted.
pub(crate) fn run(runs: usize) -> anyhow::Result<()> {
    let (mut failed, mut void) = (0, 0);
    for nth in 1..=runs {
        for dialled in [Dialled::Prompt, Dialled::Codes] {
            let report = one(dialled)?;
            tell(nth, dialled, &report);
            if report["is_void"] == Value::Bool(true) {
                void += 1;
            } else if verdicts(&report).any(|verdict| verdict["is_met"] != Value::Bool(true)) {
                failed += 1;
            }
        }
    }
    run::say(&format!("storm: {} runs, {void} void, {failed} failed", runs * 2));
    if failed > 0 || void == runs * 2 {
        bail!("not all that was wanted was seen");
    }
    Ok(())
}

fn one(dialled: Dialled) -> anyhow::Result<Value> {
    let server = BenchServer::start_with(&[CALLS_MAX])?;
    let rooms = server.rooms(ROOMS)?;
    let storm_rooms = server.rooms_of("storm", STORM_ROOMS, &["--max-conferees", "500"])?;
    let dials = match dialled {
        Dialled::Prompt => vec!["conference".to_owned()],
        Dialled::Codes => participant_codes(&storm_rooms)?,
    };
    let before = counted(&server);
    let report = storm(&server, &rooms, &dials)?;
    for (name, before, after) in
        before.into_iter().zip(counted(&server)).map(|((name, before), (_, after))| (name, before, after))
    {
        if after > before {
            run::say(&format!("  {name}: {}", after - before));
        }
    }
    Ok(report)
}

fn participant_codes(rooms: &Path) -> anyhow::Result<Vec<String>> {
    let codes = std::fs::read_to_string(rooms)?;
    Ok(codes.lines().filter_map(|line| Some(line.split_once(':')?.1.to_owned())).collect())
}

fn counted(server: &BenchServer) -> Vec<(&'static str, u64)> {
    COUNTED.into_iter().map(|name| (name, server.metric(name).unwrap_or(0.0) as u64)).collect()
}

fn storm(server: &BenchServer, rooms: &Path, dials: &[String]) -> anyhow::Result<Value> {
    let mut bench = run::command(&server::binary("callbench").display().to_string(), &["storm", "--json"]);
    bench.args(["--target", &format!("sip:{}:5060", server.address())]);
    bench.arg("--rooms").arg(rooms);
    bench.args(["--callers", &CALLERS.to_string(), "--talkers-per-room", "2", "--rate", "25"]);
    bench.args(["--first-source", &FIRST_SOURCE.to_string(), "--sources", &SOURCES.to_string()]);
    bench.arg("--dial").args(dials);
    bench.args(["--server-pid", &server.pid().to_string()]);
    let output = bench.output().context("callbench could not be started")?;
    serde_json::from_slice(&output.stdout).with_context(|| {
        format!(
            "callbench: {}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        )
    })
}

fn verdicts(report: &Value) -> impl Iterator<Item = &Value> {
    report["verdicts"].as_array().into_iter().flatten()
}

fn tell(nth: usize, dialled: Dialled, report: &Value) {
    let number = |value: &Value| value.as_f64().unwrap_or(f64::NAN);
    let (storm, name) = (
        &report["storm"],
        match dialled {
            Dialled::Prompt => "the code prompt",
            Dialled::Codes => "rooms by their codes",
        },
    );
    run::say(&format!(
        "storm, run {nth}, on {name}: {:.0} calls/s are carried; {:.0} calls/s for {} calls:",
        number(&report["carried_per_second"]),
        number(&storm["reached_per_second"]),
        storm["begun"]
    ));
    for (status, times) in storm["by_status"].as_object().into_iter().flatten() {
        run::say(&format!(
            "  {status}: {} calls, p50 {:.1} ms, p99 {:.1} ms, longest {:.1} ms",
            times["count"],
            number(&times["p50_ms"]),
            number(&times["p99_ms"]),
            number(&times["longest_ms"])
        ));
    }
    let resident = |at: usize| number(&report["resident"][at]) / MEGABYTE;
    run::say(&format!(
        "  resident: {:.1} MB before, {:.1} MB at most, {:.1} MB after; packets of calls up over 60 ms late: {}; \
         lost while rates went up: {}",
        resident(0),
        resident(1),
        resident(2),
        report["calls_up"]["late_packets"],
        report["calls_up"]["loss_before"]["lost"],
    ));
    run::say(&format!(
        "  load maker: {:.3} % of media ticks late, {:.2} % of calls begun late{}",
        number(&report["late_tick_share"]) * 100.0,
        number(&storm["late_share"]) * 100.0,
        if report["is_void"] == Value::Bool(true) { ": VOID" } else { "" }
    ));
    for verdict in verdicts(report) {
        let word = if verdict["is_met"] == Value::Bool(true) { "PASS" } else { "FAIL" };
        let text = |key: &str| verdict[key].as_str().unwrap_or_default().to_owned();
        run::say(&format!("  {word} {}: {}", text("wanted"), text("seen")));
    }
}
