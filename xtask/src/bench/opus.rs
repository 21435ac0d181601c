//! What Opus costs a participant who hears at 48 kHz: the sockets, the decoders of talkers, and the encoders.

use anyhow::Context;
use serde_json::Value;

use super::server::BenchServer;
use super::{Arguments, Callers, median};
use crate::run;

/// Who is in conferences, unless the command says otherwise.
const PARTICIPANTS: u32 = 200;
/// Calls a second while they come.
const RATE: u32 = 20;

struct Shape {
    room: u32,
    talkers: u32,
    /// The most that a participant-second is to cost, in CPU-µs.
    wanted: f64,
}

const SHAPES: [Shape; 2] =
    [Shape { room: 10, talkers: 2, wanted: 1_300.0 }, Shape { room: 100, talkers: 3, wanted: 600.0 }];

/// Measures each shape so many times, by turns.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let participants = arguments.participants.unwrap_or(PARTICIPANTS);
    let mut costs: [Vec<f64>; SHAPES.len()] = Default::default();
    for nth in 1..=arguments.runs {
        for (shape, costs) in SHAPES.iter().zip(&mut costs) {
            let Shape { room, talkers, .. } = shape;
            let (cost, told) = measure(shape, participants, arguments.seconds)
                .with_context(|| format!("rooms of {room}, run {nth}"))?;
            run::say(&format!("opus, rooms of {room}, {talkers} talkers each, run {nth}: {told}"));
            costs.extend(cost);
        }
    }
    let mut are_met = true;
    for (shape, costs) in SHAPES.iter().zip(&mut costs) {
        let Shape { room, talkers, wanted } = shape;
        let (valid, median) = (costs.len(), median(costs));
        let what = format!(
            "Opus at 48 kHz, rooms of {room}, {talkers} talkers each: {median:.0} µs per participant-second (median of {valid} valid runs), wanted {wanted:.0}"
        );
        are_met &= super::judge(&what, median <= *wanted).is_ok();
    }
    anyhow::ensure!(are_met, "Opus costs more than is wanted");
    Ok(())
}

/// One run: CPU-µs per participant-second, where it is not void, and what is to be told.
fn measure(shape: &Shape, participants: u32, seconds: u32) -> anyhow::Result<(Option<f64>, String)> {
    let server = BenchServer::start_with(&[("PARTYLINE_SIP__CODECS", "opus")])?;
    let rooms = participants.div_ceil(shape.room);
    let codes = server.rooms_of("bench", rooms, &["--max-conferees", &shape.room.to_string()])?;
    let callers = Callers { count: participants, talkers: shape.talkers, rate: RATE, seconds };
    let report = super::call_with(&server, &codes, &callers, &["--codec", "opus"])?;
    let figure = |value: &Value| value.as_f64().context("a figure is missing");
    let cost = figure(&report["server"]["cpu_us_per_participant_second"])?;
    let is_void = report["is_void"] != Value::Bool(false);
    let (loss, hearing) = (&report["loss"], &report["hearing"]);
    let told = format!(
        "{cost:.0} µs; {} in, {} of {} packets lost, {} of {} pairs not heard, {} heard that should not be; {:.2} % of the load's ticks late{}",
        report["run"]["callers_in"],
        loss["lost"],
        loss["expected"],
        hearing["missing"],
        hearing["pairs"],
        hearing["ghosts"],
        figure(&report["late_tick_share"])? * 100.0,
        if is_void { "; VOID" } else { "" }
    );
    Ok(((!is_void).then_some(cost), told))
}
