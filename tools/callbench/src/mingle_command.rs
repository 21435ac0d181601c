//! `callbench mingle`: callers who come and go, and what each stretch of time was like.

use std::time::Duration;

use anyhow::{Context as _, bail};
use callbench::BenchConfig;
use callbench::load::read_rooms;
use callbench::mingle::MinglePlan;
use clap::Args;

use crate::{say, with_user};

#[derive(Args)]
pub(crate) struct MingleArguments {
    /// Whom to call, such as sip:127.0.0.1:5060 (then the user part is "conference")
    #[arg(long)]
    target: String,
    /// Rooms: codes, HOST:PARTICIPANT pairs of codes, or files with one of these a line
    #[arg(long, num_args = 1.., required = true, value_name = "CODE|FILE")]
    rooms: Vec<String>,
    /// So many of the rooms, the first ones, are for those who measure
    #[arg(long, default_value_t = 2)]
    measured: usize,
    /// Callers at once who come and go
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    callers: u32,
    /// How long new calls are made
    #[arg(long, default_value_t = 600.0)]
    seconds: f64,
    /// How often it is told how things are
    #[arg(long, default_value_t = 60.0, value_name = "SECONDS")]
    every: f64,
    /// What is drawn follows from it
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print each stretch as a line of JSON
    #[arg(long)]
    json: bool,
}

/// Mingles.
pub(crate) async fn mingle(config: BenchConfig, arguments: MingleArguments) -> anyhow::Result<()> {
    let every = Duration::try_from_secs_f64(arguments.every).context("--every")?;
    if every < Duration::from_secs(5) {
        bail!("--every must be 5 or more");
    }
    let mut measured = read_rooms(&arguments.rooms)?;
    let rooms = measured.split_off(arguments.measured.min(measured.len()));
    let plan = MinglePlan {
        target: with_user(&arguments.target, None),
        measured,
        rooms,
        callers: arguments.callers as usize,
        lasting: Duration::try_from_secs_f64(arguments.seconds).context("--seconds")?,
        every,
        seed: arguments.seed,
    };
    let (mut failed, mut told) = (0, Ok(()));
    plan.run(config, |report| {
        failed += report.failed;
        let line = if arguments.json {
            serde_json::to_string(report).map_err(Into::into)
        } else {
            Ok(report.to_string())
        };
        if let Err(error) = line.and_then(|line| say(&line)) {
            told = Err(error);
        }
    })
    .await?;
    told?;
    if failed > 0 {
        bail!("{failed} calls failed");
    }
    Ok(())
}
