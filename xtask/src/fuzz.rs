//! `cargo xtask fuzz`: the targets of `fuzz/` for a while, and a line about each run in fuzz/log.md.
//!
//! What a run finds that reaches new code stays in fuzz/working, out of the repository; `--minimise` brings the inputs
//! of it that are worth their weight into the committed corpus, which `cargo xtask test` replays.
//!
//! The targets are built with overflow checks and debug assertions, but with no sanitizer of addresses: what they call
//! is safe Rust, in which there is little for one to find, and with one they do a seventh of the inputs in the same time.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

use crate::run;

/// The targets, in the order in which they are run.
const TARGETS: &[&str] =
    &["message", "sdp", "rtp", "rtcp", "telephone_event", "srtp", "stun", "digest", "endpoint"];
/// A longer input says nothing that a shorter one does not.
const INPUT_MAX: usize = 4_096;
/// What a target may hold; above it the run ends with a finding.
const MEMORY_MAX_MB: usize = 2_048;
/// How long one input may take, in seconds: the machine may be busy with other things.
const INPUT_SECONDS_MAX: usize = 30;
/// How the targets are built; see above.
const SANITIZER: [&str; 2] = ["--sanitizer", "none"];
/// Most inputs of a target that are committed, the seeds that have a name left out.
const INPUTS_MAX: usize = 1_000;
/// What the kernel counts CPU time in; user space has always been told hundredths of a second.
const TICKS_PER_SECOND: u64 = 100;
/// Inputs that were found are called by their hash.
const HASH_LENGTH: usize = 40;
/// Where the runs are written down.
const LOG: &str = "fuzz/log.md";

/// What to run, and for how long.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Only this target.
    #[arg(long)]
    target: Option<String>,
    /// How long each target runs.
    #[arg(long, default_value_t = 5)]
    minutes: u32,
    /// Runs nothing, but brings what earlier runs found into the committed corpus.
    #[arg(long)]
    minimise: bool,
}

/// Runs targets one after another; a finding fails the task, after all have run.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let targets = match &arguments.target {
        Some(target) if !TARGETS.contains(&target.as_str()) => {
            bail!("no target {target}; there are: {}", TARGETS.join(", "))
        }
        Some(target) => vec![target.as_str()],
        None => TARGETS.to_vec(),
    };
    ensure()?;
    let mut findings = Vec::new();
    for target in targets {
        if arguments.minimise {
            minimise(target)?;
            continue;
        }
        run::say(&format!("── {target} for {} minutes", arguments.minutes));
        let outcome = fuzz(target, arguments.minutes)?;
        note(target, arguments.minutes, &outcome)?;
        if let Some(input) = outcome.finding {
            findings.push(format!("{target}: {input}"));
        }
    }
    if !findings.is_empty() {
        bail!("findings, each to be replayed by `cargo fuzz run TARGET INPUT`:\n{}", findings.join("\n"));
    }
    Ok(())
}

/// The nightly compiler and cargo-fuzz.
fn ensure() -> anyhow::Result<()> {
    let mut nightly = Command::new("rustup");
    nightly.args(["run", "nightly", "rustc", "--version"]).stdout(Stdio::null());
    if !nightly.status().is_ok_and(|status| status.success()) {
        bail!("the fuzzer wants a nightly compiler: rustup toolchain install nightly");
    }
    if !run::has_cargo_command("fuzz") {
        run::say("installing cargo-fuzz (once)");
        run::run("cargo", &["install", "--quiet", "--locked", "cargo-fuzz"])?;
    }
    Ok(())
}

/// What a run came to.
struct Outcome {
    executions: String,
    features: String,
    /// User and system time of the fuzzer: on a machine that does other things it had less of it than of minutes.
    cpu_seconds: u64,
    finding: Option<String>,
}

fn nightly_cargo_fuzz(deed: &str) -> Command {
    let mut command = Command::new("rustup");
    command.args(["run", "nightly", "cargo", "fuzz", deed]).args(SANITIZER);
    // Cargo names the compiler that runs this task, and the package that it is: neither is meant for the fuzzer's.
    command.env_remove("RUSTUP_TOOLCHAIN").env_remove("CARGO_MANIFEST_DIR").env_remove("CARGO");
    command.current_dir(run::root().join("fuzz"));
    command
}

/// CPU time that the processes that this one waited for took, with those that they waited for.
fn cpu_ticks_of_children() -> anyhow::Result<u64> {
    let stat = fs::read_to_string("/proc/self/stat").context("/proc/self/stat")?;
    // After the name, which is in brackets and may hold spaces: the state is field 3, cutime and cstime are 16 and 17.
    let (_, fields) = stat.rsplit_once(')').context("a process has a name")?;
    let ticks = fields.split_whitespace().skip(13).take(2).map(str::parse::<u64>);
    Ok(ticks.collect::<Result<Vec<_>, _>>()?.iter().sum())
}

/// `cargo fuzz run` on the working corpus and the committed one; libFuzzer's own options behind.
fn cargo_fuzz(target: &str, corpora: &[&Path], options: &[String]) -> anyhow::Result<(bool, String)> {
    let mut command = nightly_cargo_fuzz("run");
    command.arg(target).args(corpora).arg("--").args(options);
    let done = command.stdout(Stdio::inherit()).stderr(Stdio::piped()).output().context("cargo fuzz")?;
    Ok((done.status.success(), String::from_utf8_lossy(&done.stderr).into_owned()))
}

fn folders(target: &str) -> anyhow::Result<(PathBuf, PathBuf)> {
    let fuzz = run::root().join("fuzz");
    let (working, committed) = (fuzz.join("working").join(target), fuzz.join("corpus").join(target));
    for folder in [&working, &committed] {
        fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    Ok((working, committed))
}

fn fuzz(target: &str, minutes: u32) -> anyhow::Result<Outcome> {
    let (working, committed) = folders(target)?;
    let mut options = vec![
        format!("-max_total_time={}", minutes * 60),
        format!("-max_len={INPUT_MAX}"),
        format!("-rss_limit_mb={MEMORY_MAX_MB}"),
        format!("-timeout={INPUT_SECONDS_MAX}"),
        "-print_final_stats=1".to_owned(),
        // Its weighing of inputs costs more than the shorter ones of the inputs themselves.
        "-entropic=0".to_owned(),
    ];
    let dictionary = run::root().join(format!("fuzz/dictionaries/{target}.dict"));
    if dictionary.is_file() {
        options.push(format!("-dict={}", dictionary.display()));
    }
    let built = nightly_cargo_fuzz("build").arg(target).status().context("cargo fuzz build")?;
    if !built.success() {
        bail!("{target} could not be built");
    }
    let before = cpu_ticks_of_children()?;
    let (succeeded, said) = cargo_fuzz(target, &[&working, &committed], &options)?;
    let cpu_seconds = (cpu_ticks_of_children()? - before) / TICKS_PER_SECOND;
    let executions = value_after(&said, "stat::number_of_executed_units:");
    let Some(executions) = executions else {
        bail!("{target} did not run:\n{}", last_lines(&said, 30));
    };
    let features = said.rsplit(" ft: ").next().and_then(|rest| rest.split_whitespace().next());
    let finding = (!succeeded).then(|| {
        let input = value_after(&said, "Test unit written to").unwrap_or_else(|| "see above".to_owned());
        run::say(&last_lines(&said, 60));
        input
    });
    Ok(Outcome { executions, features: features.unwrap_or("?").to_owned(), cpu_seconds, finding })
}

/// The word that follows a label.
fn value_after(text: &str, label: &str) -> Option<String> {
    let (_, rest) = text.rsplit_once(label)?;
    rest.split_whitespace().next().map(str::to_owned)
}

fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

/// Writes a run down.
fn note(target: &str, minutes: u32, outcome: &Outcome) -> anyhow::Result<()> {
    let said = |program: &str, arguments: &[&str]| {
        let done = run::command(program, arguments).output().context(program.to_owned())?;
        anyhow::Ok(String::from_utf8_lossy(&done.stdout).trim().to_owned())
    };
    let date = said("date", &["--utc", "+%Y-%m-%d %H:%M"])?;
    let commit = said("git", &["rev-parse", "--short", "HEAD"])?;
    let Outcome { executions, features, cpu_seconds, finding } = outcome;
    let finding = finding.as_deref().map_or("none", |input| input.rsplit('/').next().unwrap_or(input));
    let line = format!(
        "| {date} | {commit} | {target} | {minutes} | {cpu_seconds} | {executions} | {features} | {finding} |\n"
    );
    // In one write at the end: several runs may be at it.
    let mut log =
        fs::OpenOptions::new().append(true).open(run::root().join(LOG)).with_context(|| LOG.to_owned())?;
    log.write_all(line.as_bytes()).with_context(|| LOG.to_owned())
}

/// Replaces the committed corpus by the fewest inputs that reach the code that it and the working one reach. How often
/// each piece of code runs is left out: that tells ten times as many inputs apart, which matters to the search only.
fn minimise(target: &str) -> anyhow::Result<()> {
    let (working, committed) = folders(target)?;
    let fewest = run::root().join("fuzz/working").join(format!("{target}.fewest"));
    let _ = fs::remove_dir_all(&fewest);
    fs::create_dir_all(&fewest)?;
    let (succeeded, said) = cargo_fuzz(
        target,
        &[&fewest, &committed, &working],
        &["-set_cover_merge=1", "-use_counters=0"].map(str::to_owned),
    )?;
    if !succeeded {
        bail!("{target} could not be minimised:\n{}", last_lines(&said, 30));
    }
    // Seeds with a name of their own stay: they are there to be read.
    let mut seeds = BTreeSet::new();
    for entry in fs::read_dir(&committed)? {
        let path = entry?.path();
        if path.file_name().is_some_and(|name| name.len() == HASH_LENGTH) {
            fs::remove_file(path)?;
        } else {
            seeds.insert(fs::read(path)?);
        }
    }
    let mut found = Vec::new();
    for entry in fs::read_dir(&fewest)? {
        let path = entry?.path();
        let input = fs::read(&path)?;
        if !seeds.contains(&input) {
            found.push((input, path));
        }
    }
    // Should there be too many, the short ones stay.
    found.sort_by_key(|(input, _)| input.len());
    let brought = found.len().min(INPUTS_MAX);
    for (input, path) in &found[..brought] {
        fs::write(committed.join(path.file_name().context("a file's name")?), input)?;
    }
    fs::remove_dir_all(&fewest)?;
    run::say(&format!("{target}: {} seeds and {brought} of {} inputs beside them", seeds.len(), found.len()));
    Ok(())
}
