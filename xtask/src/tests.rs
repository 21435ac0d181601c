//! `cargo xtask test`: every suite, with its time.

use std::time::{Duration, Instant};

use anyhow::bail;

use crate::{checks, peers, run, tidy};

/// What to run.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Only the suites of these names (see the table that a full run prints).
    #[arg(long = "suite")]
    suites: Vec<String>,
}

type Suite = (&'static str, fn() -> anyhow::Result<()>);

const SUITES: &[Suite] = &[
    ("format", checks::format),
    ("tidy", tidy::run),
    ("lints", checks::lints),
    ("build", build),
    ("crates", || tests_of(Packages::WithoutSuite)),
    ("sim", || tests_of(Packages::Only("partyline-sim"))),
    ("claims", || tests_of(Packages::Only("partyline-claims"))),
    ("interop", || tests_of(Packages::Only("partyline-interop"))),
    ("licences", checks::licences),
];

/// Packages that have suites of their own.
const OWN_SUITES: &[&str] = &["partyline-sim", "partyline-claims", "partyline-interop"];

/// Runs the suites one after another; says what each took, and goes on after a failure so that one run tells all.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    peers::ensure(peers::BUILD, &[])?;
    peers::ensure(peers::SIP_PEERS, &[])?;
    peers::ensure(peers::DATABASE, &[])?;
    let mut results: Vec<(&str, Duration, bool)> = Vec::new();
    for (name, suite) in SUITES {
        if !arguments.suites.is_empty() && !arguments.suites.iter().any(|wanted| wanted == name) {
            continue;
        }
        run::say(&format!("── {name}"));
        let started = Instant::now();
        let outcome = suite();
        if let Err(error) = &outcome {
            run::say(&format!("{name}: {error:#}"));
        }
        results.push((name, started.elapsed(), outcome.is_ok()));
        if *name == "build" && outcome.is_err() {
            break;
        }
    }
    report(&results)
}

fn report(results: &[(&str, Duration, bool)]) -> anyhow::Result<()> {
    run::say("\nsuite        seconds");
    for (name, took, passed) in results {
        run::say(&format!("{name:<12} {:>7.1}{}", took.as_secs_f64(), if *passed { "" } else { "  FAILED" }));
    }
    let failed: Vec<&str> = results.iter().filter(|(_, _, passed)| !passed).map(|(name, ..)| *name).collect();
    if !failed.is_empty() {
        bail!("failed: {}", failed.join(", "));
    }
    if results.is_empty() {
        bail!("no suite of that name; there are: {}", SUITES.map_names());
    }
    run::say("all suites passed");
    Ok(())
}

trait Names {
    fn map_names(&self) -> String;
}

impl Names for [Suite] {
    fn map_names(&self) -> String {
        self.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
    }
}

/// The binaries that end-to-end tests start, and every test binary.
fn build() -> anyhow::Result<()> {
    run::run("cargo", &["build", "--quiet", "--workspace", "--bins", "--tests"])
}

/// Whose tests a suite runs.
#[derive(Clone, Copy)]
enum Packages {
    /// One package that is a suite.
    Only(&'static str),
    /// All that are none.
    WithoutSuite,
}

/// Runs tests by nextest, or by `cargo test` where it is not installed. Nextest filters what one build of the whole
/// workspace made: naming packages would build them again with the features that they alone need.
fn tests_of(packages: Packages) -> anyhow::Result<()> {
    if !run::has_cargo_command("nextest") {
        let mut command = run::command("cargo", &["test", "--no-fail-fast"]);
        match packages {
            Packages::Only(package) => command.args(["--package", package]),
            Packages::WithoutSuite => {
                command.arg("--workspace").args(OWN_SUITES.iter().flat_map(|suite| ["--exclude", suite]))
            }
        };
        return run::finish(&mut command);
    }
    let filter = match packages {
        Packages::Only(package) => format!("package({package})"),
        Packages::WithoutSuite => {
            OWN_SUITES.iter().map(|suite| format!("not package({suite})")).collect::<Vec<_>>().join(" and ")
        }
    };
    let mut command = run::command("cargo", &["nextest", "run", "--workspace", "--no-fail-fast"]);
    command.args(["--status-level", "slow", "--final-status-level", "fail", "-E", &filter]);
    run::finish(&mut command)
}

/// The simulator with a given number of seeds.
pub(crate) fn simulate(seeds: u64) -> anyhow::Result<()> {
    let mut command = run::command("cargo", &["test", "--package", "partyline-sim", "--", "--nocapture"]);
    run::finish(command.env("PARTYLINE_SIM_SEEDS", seeds.to_string()))
}
