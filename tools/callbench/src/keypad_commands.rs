//! `callbench keypad`: what is measured of keys.

use std::time::Duration;

use anyhow::{Context as _, bail};
use callbench::BenchConfig;
use callbench::keypad::{BrowsePlan, EffectPlan, FumblePlan};
use callbench::load::read_rooms;
use clap::{Args, Subcommand};
use serde::Serialize;

/// What is done with keys.
#[derive(Subcommand)]
pub(crate) enum KeypadCommand {
    /// Times from the last key to its effect in the sound: mute, lock, delete
    ///
    /// callbench keypad effect --target sip:127.0.0.1:5060 --rooms rooms.txt --rounds 20
    Effect {
        #[command(flatten)]
        wherever: Wherever,
        /// Rounds in each room: a mute and an unmute, a lock with a refusal, a deletion
        #[arg(long, default_value_t = 20)]
        rounds: usize,
    },
    /// Browses the roll call of a large conference, and says what the others missed meanwhile
    ///
    /// callbench keypad browse --target sip:127.0.0.1:5060 --rooms 12345678:87654321 --conferees 300
    Browse {
        #[command(flatten)]
        wherever: Wherever,
        /// Conferees, the host among them
        #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u32).range(3..=10_000))]
        conferees: u32,
        /// Goes on to the next so often
        #[arg(long, default_value_t = 500, value_name = "MS")]
        every: u64,
    },
    /// Presses keys at random, calls and hangs up; fails where a caller meets with what should not be
    ///
    /// callbench keypad fumble --target sip:127.0.0.1:5060 --rooms rooms.txt --callers 20 --seconds 600
    Fumble {
        #[command(flatten)]
        wherever: Wherever,
        /// Callers at once
        #[arg(long, default_value_t = 20)]
        callers: usize,
        /// How long new calls are made
        #[arg(long, default_value_t = 600.0)]
        seconds: f64,
        /// What is drawn follows from it
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
}

/// Whom to call.
#[derive(Args)]
pub(crate) struct Wherever {
    /// Whom to call, such as sip:127.0.0.1:5060
    #[arg(long)]
    target: String,
    /// Rooms: HOST:PARTICIPANT pairs of codes, or files with one of these a line
    #[arg(long, num_args = 1.., required = true, value_name = "CODES|FILE")]
    rooms: Vec<String>,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

/// Carries a command out.
pub(crate) async fn run(config: BenchConfig, command: KeypadCommand) -> anyhow::Result<()> {
    match command {
        KeypadCommand::Effect { wherever, rounds } => {
            let rooms = read_rooms(&wherever.rooms)?;
            let report = EffectPlan { target: wherever.target.clone(), rooms, rounds }.run(config).await?;
            wherever.tell(&report)?;
            if report.is_void || !report.missed.is_empty() {
                bail!("not all effects came, or the bench was late");
            }
        }
        KeypadCommand::Browse { wherever, conferees, every } => {
            let room = read_rooms(&wherever.rooms)?.swap_remove(0);
            let every = Duration::from_millis(every.max(200));
            let target = wherever.target.clone();
            let report =
                BrowsePlan { target, room, conferees: conferees as usize, every }.run(config).await?;
            wherever.tell(&report)?;
            if report.is_void || !report.reached_last {
                bail!("the roll call was not browsed to its end, or the bench was late");
            }
        }
        KeypadCommand::Fumble { wherever, callers, seconds, seed } => {
            let rooms = read_rooms(&wherever.rooms)?;
            let lasting = Duration::try_from_secs_f64(seconds).context("--seconds")?;
            let target = wherever.target.clone();
            let report = FumblePlan { target, rooms, callers, lasting, seed }.run(config).await?;
            wherever.tell(&report)?;
            if !report.is_clean() {
                bail!("a caller met with what should not be");
            }
        }
    }
    Ok(())
}

impl Wherever {
    fn tell(&self, report: &(impl Serialize + std::fmt::Display)) -> anyhow::Result<()> {
        if self.json {
            super::say(&serde_json::to_string_pretty(report)?)?;
        } else {
            super::say(report.to_string().trim_end())?;
        }
        Ok(())
    }
}
