//! What media costs a participant, against the floor: a server that does nothing but receive and send.
//!
//! Floor and server run by turns, with the same backend and as many sockets as participants, so that what others do on the
//! machine meets both.

use anyhow::{Context, bail};
use serde_json::Value;

use super::server::{self, BenchServer};
use super::{Arguments, Callers, MEGABYTE, median};
use crate::run;

/// Who is in conferences, unless the command says otherwise.
const PARTICIPANTS: u32 = 2_000;
/// Calls a second while they come.
const RATE: u32 = 50;

/// How the participants are spread.
struct Shape {
    name: &'static str,
    /// Participants of a room; 0 is all of them.
    room: u32,
    talkers: u32,
    /// Threads of the floor: a conference is on one thread of the server; 0 is one for each core.
    floor_threads: u32,
}

const SHAPES: [Shape; 2] = [
    Shape { name: "rooms of ten, 2 talkers each", room: 10, talkers: 2, floor_threads: 0 },
    Shape { name: "one conference, 3 talkers", room: 0, talkers: 3, floor_threads: 1 },
];

/// Measures each backend in each shape, so many times by turns.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let participants = arguments.participants.unwrap_or(PARTICIPANTS);
    for io in &arguments.io {
        for shape in &SHAPES {
            let mut pairs = Vec::new();
            for nth in 1..=arguments.runs {
                let pair = pair(io, shape, participants, arguments.seconds)
                    .with_context(|| format!("{io}, {}, run {nth}", shape.name))?;
                run::say(&format!("media, {io}, {}, run {nth}: {pair}", shape.name));
                pairs.extend((!pair.is_void).then_some(pair));
            }
            tell(io, shape, &pairs);
        }
    }
    Ok(())
}

/// A run of the floor and one of the server behind it; CPU-µs per participant-second.
struct Pair {
    floor: f64,
    server: f64,
    told: String,
    is_void: bool,
}

impl std::fmt::Display for Pair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { floor, server, told, is_void } = self;
        let void = if *is_void { "; VOID" } else { "" };
        write!(f, "floor {floor:.1} µs, server {server:.1} µs, ratio {:.3}; {told}{void}", server / floor)
    }
}

fn pair(io: &str, shape: &Shape, participants: u32, seconds: u32) -> anyhow::Result<Pair> {
    let floor = floor(io, shape, participants, seconds)?;
    let server = BenchServer::start_with(&[
        ("PARTYLINE_RTP__IO", io),
        ("PARTYLINE_SIP__CALLS_MAX", "20000"),
        ("PARTYLINE_MIXER", "[{ id = \"mixer-1\", seats_max = 20000 }]"),
    ])?;
    let rooms = if shape.room == 0 { 1 } else { participants.div_ceil(shape.room) };
    let seats = participants.div_ceil(rooms).max(2).to_string();
    let codes = server.rooms_of("bench", rooms, &["--max-conferees", &seats])?;
    let callers = Callers { count: participants, talkers: shape.talkers, rate: RATE, seconds };
    let report = super::call_as(&server, &codes, &callers)?;
    let figure = |value: &Value| value.as_f64().context("a figure is missing");
    let (loss, hearing) = (&report["loss"], &report["hearing"]);
    let told = format!(
        "{} in, {} of {} packets lost, {} of {} pairs not heard, {} kB each, {:.1} MB idle; late: {:.2} % of the floor's callers, {:.2} % of the load's, {} phases of the server",
        report["run"]["callers_in"],
        loss["lost"],
        loss["expected"],
        hearing["missing"],
        hearing["pairs"],
        figure(&report["server"]["resident_per_participant"])? / 1000.0,
        figure(&report["server"]["resident_before"])? / MEGABYTE,
        figure(&floor["late_tick_share"])? * 100.0,
        figure(&report["late_tick_share"])? * 100.0,
        server.metric("partyline_late_ticks_total").unwrap_or(f64::NAN),
    );
    Ok(Pair {
        floor: figure(&floor["cpu_us_per_socket_second"])?,
        server: figure(&report["server"]["cpu_us_per_participant_second"])?,
        told,
        is_void: floor["is_void"] != Value::Bool(false) || report["is_void"] != Value::Bool(false),
    })
}

fn floor(io: &str, shape: &Shape, sockets: u32, seconds: u32) -> anyhow::Result<Value> {
    let mut bench = run::command(&server::binary("callbench").display().to_string(), &["floor", "--json"]);
    bench.args(["--local", &server::ADDRESS.to_string(), "--backend", io]);
    bench.args(["--sockets", &sockets.to_string(), "--seconds", &seconds.to_string()]);
    if shape.floor_threads > 0 {
        bench.args(["--threads", &shape.floor_threads.to_string()]);
    }
    let output = bench.output().context("callbench could not be started")?;
    if !output.status.success() {
        bail!("callbench: {}", String::from_utf8_lossy(&output.stderr));
    }
    serde_json::from_slice(&output.stdout).context("callbench tells no figures")
}

fn tell(io: &str, shape: &Shape, pairs: &[Pair]) {
    let median_of = |figure: fn(&Pair) -> f64| median(&mut pairs.iter().map(figure).collect::<Vec<_>>());
    run::say(&format!(
        "media, {io}, {}: floor {:.1} µs, server {:.1} µs, ratio {:.3}, above the floor {:.1} µs per participant-second (medians of {} valid pairs)",
        shape.name,
        median_of(|pair| pair.floor),
        median_of(|pair| pair.server),
        median_of(|pair| pair.server / pair.floor),
        median_of(|pair| pair.server - pair.floor),
        pairs.len(),
    ));
}
