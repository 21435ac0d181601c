//! `callbench delay`: from mouth to ear.

use std::time::Duration;

use anyhow::{Context as _, bail};
use callbench::BenchConfig;
use callbench::delay::{DelayPlan, run};
use callbench::load::read_rooms;
use clap::Args;

use crate::{CodecArgument, say, with_user};

#[derive(Args)]
pub(crate) struct DelayArguments {
    /// Whom to call, such as sip:127.0.0.1:5060 (then the user part is "conference")
    #[arg(long)]
    target: String,
    /// Rooms: codes, HOST:PARTICIPANT pairs of codes, or files with one of these a line
    #[arg(long, num_args = 1.., required = true, value_name = "CODE|FILE")]
    rooms: Vec<String>,
    /// Callers over all rooms; the first of each sends pulses
    #[arg(long, default_value_t = 40, value_parser = clap::value_parser!(u32).range(2..=10_000))]
    callers: u32,
    /// Calls begun each second
    #[arg(long, default_value_t = 10.0, value_name = "CPS")]
    rate: f64,
    /// Codec to offer
    #[arg(long, default_value = "pcmu")]
    codec: CodecArgument,
    /// Wait so many seconds for prompts and tones to end
    #[arg(long, default_value_t = 5.0, value_name = "SECONDS")]
    settle: f64,
    /// Length of the measured window
    #[arg(long, default_value_t = 30.0)]
    seconds: f64,
    /// Print the figures as JSON
    #[arg(long)]
    json: bool,
}

/// Measures.
pub(crate) async fn delay(config: BenchConfig, arguments: DelayArguments) -> anyhow::Result<()> {
    if arguments.rate.is_nan() || arguments.rate <= 0.0 {
        bail!("--rate must be above 0");
    }
    let plan = DelayPlan {
        target: with_user(&arguments.target, None),
        rooms: read_rooms(&arguments.rooms)?,
        callers: arguments.callers as usize,
        calls_per_second: arguments.rate,
        codec: arguments.codec.codec(),
        settle: Duration::try_from_secs_f64(arguments.settle).context("--settle")?,
        lasting: Duration::try_from_secs_f64(arguments.seconds).context("--seconds")?,
    };
    let report = run(config, &plan).await?;
    say(&if arguments.json { serde_json::to_string_pretty(&report)? } else { report.to_string() })?;
    if report.is_void {
        bail!("the load maker was late: this run says nothing");
    }
    Ok(())
}
