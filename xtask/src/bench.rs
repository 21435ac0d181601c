//! `cargo xtask bench`: the figures of docs/benchmarks.md, against a release build on this machine.
//!
//! Each figure is printed with the command that gives it again. Most are read, and compared with another of the same run;
//! delay, opus, ticks, keypad, flood, storm and memory say themselves whether they are what is wanted.

mod delay;
mod flood;
mod keypad;
mod media;
mod opus;
pub(crate) mod server;
mod sip;
mod sipp;
mod sound;
mod storm;
mod ticks;

use std::time::Duration;

use serde_json::Value;

use crate::run;
use server::BenchServer;

/// All that can be measured.
const WHAT: [&str; 13] = [
    "start",
    "load",
    "entry",
    "delay",
    "media",
    "opus",
    "ticks",
    "keypad",
    "sip",
    "sip-memory",
    "flood",
    "storm",
    "sound",
];
/// What media can go by.
const IO: [&str; 2] = ["plain", "io_uring"];

/// What to measure.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Only these: start, load, entry, delay, media, opus, ticks, keypad, sip, sip-memory, flood, storm, sound.
    #[arg(long = "only", value_delimiter = ',', value_parser = WHAT)]
    only: Vec<String>,
    /// Participants of the load (500 without it) and of media (2,000) and Opus (200).
    #[arg(long)]
    participants: Option<u32>,
    /// What media is to go by.
    #[arg(long, value_delimiter = ',', value_parser = IO, default_values = IO)]
    io: Vec<String>,
    /// Rooms of the load.
    #[arg(long, default_value_t = 50)]
    rooms: u32,
    /// Measured seconds of the load, of media and of Opus.
    #[arg(long, default_value_t = 60)]
    seconds: u32,
    /// Runs of each; the median is told.
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// Takes the release build that is there.
    #[arg(long)]
    as_built: bool,
}

/// Measures.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    if !arguments.as_built {
        run::run("cargo", &["build", "--release", "--package", "partyline", "--package", "callbench"])?;
    }
    let wants = |name: &str| arguments.only.is_empty() || arguments.only.iter().any(|only| only == name);
    if wants("start") {
        start(arguments)?;
    }
    if wants("load") {
        load(arguments)?;
    }
    if wants("entry") {
        entry(arguments)?;
    }
    if wants("delay") {
        delay::run(arguments.runs)?;
    }
    if wants("media") {
        media::run(arguments)?;
    }
    if wants("opus") {
        opus::run(arguments)?;
    }
    if wants("ticks") {
        ticks::run(arguments)?;
    }
    if wants("keypad") {
        keypad::run()?;
    }
    if wants("sip") {
        sip::calls(arguments.runs)?;
    }
    if wants("sip-memory") {
        sip::memory()?;
    }
    if wants("flood") {
        flood::run()?;
    }
    if wants("storm") {
        storm::run(arguments.runs)?;
    }
    if wants("sound") {
        sound::run()?;
    }
    Ok(())
}

/// From a built binary to "ready" with an empty data folder; size, and memory when idle.
fn start(arguments: &Arguments) -> anyhow::Result<()> {
    let size = std::fs::metadata(server::binary("partyline"))?.len();
    let mut ready = Vec::new();
    let mut idle = Vec::new();
    for _ in 0..arguments.runs {
        let server = BenchServer::start()?;
        ready.push(server.ready_after.as_secs_f64() * 1000.0);
        std::thread::sleep(Duration::from_secs(5));
        idle.push(server.resident()? as f64 / MEGABYTE);
    }
    run::say(&format!("binary: {:.1} MB", size as f64 / MEGABYTE));
    run::say(&format!("first start to ready: {:.0} ms (median of {})", median(&mut ready), arguments.runs));
    run::say(&format!("resident, idle after 5 s: {:.1} MB", median(&mut idle)));
    Ok(())
}

const MEGABYTE: f64 = 1_000_000.0;

/// Many participants in many rooms, two talkers each.
fn load(arguments: &Arguments) -> anyhow::Result<()> {
    let mut cost = Vec::new();
    for nth in 1..=arguments.runs {
        let report = one_load(arguments.participants.unwrap_or(500), arguments.rooms, 50, arguments.seconds)?;
        run::say(&format!("load, run {nth}: {report}"));
        if report["is_void"] == Value::Bool(false) {
            cost.extend(report["server"]["cpu_us_per_participant_second"].as_f64());
        }
    }
    let (valid, median) = (cost.len(), median(&mut cost));
    run::say(&format!("server CPU per participant-second: {median:.0} µs (median of {valid} valid runs)"));
    Ok(())
}

/// From the last key to the first mixed audio, at 10 calls a second.
fn entry(arguments: &Arguments) -> anyhow::Result<()> {
    for nth in 1..=arguments.runs {
        let report = one_load(200, 20, 10, 10)?;
        run::say(&format!("entry, run {nth}: {} {}", report["entry"], report["run"]));
    }
    Ok(())
}

fn one_load(participants: u32, rooms: u32, calls_per_second: u32, seconds: u32) -> anyhow::Result<Value> {
    let server = BenchServer::start()?;
    let codes = server.rooms(rooms)?;
    call(&server, &codes, participants, calls_per_second, seconds)
}

/// Has callbench call a server, and reads its report.
pub(crate) fn call(
    server: &BenchServer,
    codes: &std::path::Path,
    participants: u32,
    calls_per_second: u32,
    seconds: u32,
) -> anyhow::Result<Value> {
    call_as(server, codes, &Callers { count: participants, talkers: 2, rate: calls_per_second, seconds })
}

/// Who calls.
pub(crate) struct Callers {
    count: u32,
    /// Those of a room who talk.
    talkers: u32,
    /// Calls a second.
    rate: u32,
    /// The measured window.
    seconds: u32,
}

fn call_as(server: &BenchServer, codes: &std::path::Path, callers: &Callers) -> anyhow::Result<Value> {
    call_with(server, codes, callers, &[])
}

/// The same with flags of callbench besides.
fn call_with(
    server: &BenchServer,
    codes: &std::path::Path,
    callers: &Callers,
    flags_besides: &[&str],
) -> anyhow::Result<Value> {
    let figures = [callers.count, callers.talkers, callers.rate, callers.seconds, server.pid()];
    let figures = figures.map(|figure| figure.to_string());
    let flags = ["--callers", "--talkers-per-room", "--rate", "--seconds", "--server-pid"];
    let flags = flags.iter().zip(&figures).flat_map(|(&flag, figure)| [flag, figure]);
    let more: Vec<&str> = flags.chain(flags_besides.iter().copied()).collect();
    server.callbench(&["load"], codes, &more)
}

/// Says whether something wanted was seen.
fn judge(what: &str, is_met: bool) -> anyhow::Result<()> {
    run::say(&format!("{} {what}", if is_met { "PASS" } else { "FAIL" }));
    anyhow::ensure!(is_met, "not all that was wanted was seen");
    Ok(())
}

fn median(figures: &mut [f64]) -> f64 {
    figures.sort_unstable_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}
