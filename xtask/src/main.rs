//! The one door for commands: `cargo xtask check|tidy|docs|test|sim|fuzz|bench|soak|prompts`.
//!
//! CI calls `cargo xtask test` and nothing else of weight.

mod bench;
mod checks;
mod docs;
mod fuzz;
mod music;
mod peers;
mod prompts;
mod run;
mod soak;
mod sources;
mod tests;
mod tidy;

use clap::{Parser, Subcommand};

/// The one door for commands of this repository.
#[derive(Parser)]
#[command(bin_name = "cargo xtask", arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Formatting, lints as errors, tidy, licences: what is quick to say about the source.
    Check,
    /// The structure: crate edges, no tokio under core, file sizes, names in ARCHITECTURE.md, docs/sip.md and the
    /// tests, prompts and their audio.
    Tidy,
    /// Makes docs/sip.md from the `/// Shows RFC NNNN §x.y: …` lines above tests. A page that conflicts in a merge is never
    /// mended by hand: take either side and run this.
    Docs,
    /// Everything that CI runs: check, then every test, with the time of each suite. Installs its test peers where it may.
    Test(tests::Arguments),
    /// The simulator alone, with more seeds than CI has time for.
    Sim {
        /// How many seeds.
        #[arg(long, default_value_t = 2_000)]
        seeds: u64,
    },
    /// Feeds the parsers of foreign bytes, and a whole SIP endpoint, what a fuzzer finds; writes each run into fuzz/log.md.
    Fuzz(fuzz::Arguments),
    /// Measures the figures of docs/benchmarks.md against a release build.
    Bench(bench::Arguments),
    /// Uses a release server for a long time, and looks for what it forgets to give back.
    Soak {
        /// How it is used.
        #[arg(default_value = "load")]
        how: soak::Use,
        /// How long.
        #[arg(long, default_value_t = 60)]
        minutes: u32,
        /// Takes the release build that is there.
        #[arg(long)]
        as_built: bool,
    },
    /// Makes the audio of prompts/en.toml with a Debian text-to-speech voice, and the hold music.
    Prompts {
        /// Make every file anew, not only those whose text changed.
        #[arg(long)]
        all: bool,
    },
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().task {
        Task::Check => checks::all(),
        Task::Tidy => tidy::run(),
        Task::Docs => docs::run(),
        Task::Test(arguments) => tests::run(&arguments),
        Task::Sim { seeds } => tests::simulate(seeds),
        Task::Fuzz(arguments) => fuzz::run(&arguments),
        Task::Bench(arguments) => bench::run(&arguments),
        Task::Soak { how, minutes, as_built } => soak::run(how, minutes, as_built),
        Task::Prompts { all } => prompts::run(all),
    }
}
