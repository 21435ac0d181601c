//! `cargo xtask soak`: a release server is used for a long time, and then looked at for what it has forgotten to give back.

mod drift;
mod keypad;
mod left;
mod load;
mod media;

use std::time::{Duration, Instant};

use anyhow::bail;
use clap::ValueEnum;

use crate::bench::server::BenchServer;
use crate::run;

/// Legs are given back with the last BYE; this is far more than that takes.
const GIVEN_BACK_WITHIN: Duration = Duration::from_secs(60);

/// How the server is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Use {
    /// Rounds of callers who talk, each round of another size.
    Load,
    /// Twenty callers who press keys at random, hang up and call again.
    Keypad,
    /// Three hundred callers who come, talk and go at random; memory, jitter buffers and delay must not drift.
    Media,
}

/// Uses a server for so long; ends with an error at the first thing that is left behind.
pub(crate) fn run(how: Use, minutes: u32, as_built: bool) -> anyhow::Result<()> {
    if !as_built {
        run::run("cargo", &["build", "--release", "--package", "partyline", "--package", "callbench"])?;
    }
    let lasting = Duration::from_secs(u64::from(minutes) * 60);
    match how {
        Use::Load => load::run(lasting),
        Use::Keypad => keypad::run(lasting),
        Use::Media => media::run(lasting),
    }
}

/// Waits until nothing of this kind is left; what is left is told by its name and number.
fn wait_gone(what: impl Fn() -> anyhow::Result<Vec<(String, f64)>>) -> anyhow::Result<()> {
    let until = Instant::now() + GIVEN_BACK_WITHIN;
    loop {
        let left: Vec<_> = what()?.into_iter().filter(|(_, count)| *count != 0.0).collect();
        if left.is_empty() {
            return Ok(());
        }
        if Instant::now() > until {
            bail!("left behind: {left:?}");
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// The legs of a server.
fn legs(server: &BenchServer) -> anyhow::Result<Vec<(String, f64)>> {
    Ok(vec![("legs".to_owned(), server.legs().map_or(f64::NAN, |legs| legs as f64))])
}
