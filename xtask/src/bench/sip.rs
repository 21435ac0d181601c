//! What the SIP layer costs: `callbench answer` under sipp.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::Context;
use serde_json::Value;

use super::MEGABYTE;
use super::server;
use super::sipp::{self, Scenario};
use crate::run;

/// Where the answering side listens.
const LOCAL: (Ipv4Addr, u16) = (Ipv4Addr::new(127, 77, 0, 2), 5060);
/// 64·T1 and a little: by then every transaction is gone.
const ALL_OVER: Duration = Duration::from_secs(36);
/// Seconds of each rate.
const SECONDS: u32 = 20;
/// The rate where memory is measured.
const CALLS_PER_SECOND: u32 = 1_000;

/// CPU time of a whole call at several rates, on one answering side after the other.
pub(crate) fn calls(runs: usize) -> anyhow::Result<()> {
    for nth in 1..=runs {
        for calls_per_second in [1_000, 2_000, 3_000] {
            let mut answerer = Answerer::start()?;
            let before = answerer.figures()?;
            let sipp =
                sipp::run(Scenario::WholeCall, LOCAL.into(), calls_per_second * SECONDS, calls_per_second)?;
            let after = answerer.figures()?;
            let calls = after.of("answered") - before.of("answered");
            let cost_us = (after.of("cpu_s") - before.of("cpu_s")) / calls * 1e6;
            run::say(&format!(
                "sip, run {nth}: {calls_per_second} calls/s: {cost_us:.0} µs CPU a call; {} of {calls} succeeded, {} failed; \
                 retransmissions: {} of ours, {} of sipp's",
                sipp.successful,
                sipp.failed,
                after.of("retransmitted"),
                sipp.retransmissions
            ));
        }
    }
    Ok(())
}

/// Memory of calls that nobody confirms, and after 2,000 and 200,000 calls, when all is over.
pub(crate) fn memory() -> anyhow::Result<()> {
    half_open()?;
    whole_calls()
}

fn whole_calls() -> anyhow::Result<()> {
    let mut answerer = Answerer::start()?;
    let fresh = answerer.figures()?.of("resident");
    sipp::run(Scenario::WholeCall, LOCAL.into(), 2_000, CALLS_PER_SECOND)?;
    let few = answerer.figures()?;
    std::thread::sleep(ALL_OVER);
    let few_over = answerer.figures()?;
    sipp::run(Scenario::WholeCall, LOCAL.into(), 198_000, CALLS_PER_SECOND)?;
    let busy = answerer.figures()?;
    std::thread::sleep(ALL_OVER);
    let many_over = answerer.figures()?;
    run::say(&format!(
        "sip memory: {:.1} MB at the start, {:.1} MB after 2,000 calls and {:.1} MB 36 s later; {:.1} MB at the end of {} calls \
         ({} transactions), {:.1} MB 36 s later ({} transactions, {} calls left)",
        fresh / MEGABYTE,
        few.of("resident") / MEGABYTE,
        few_over.of("resident") / MEGABYTE,
        busy.of("resident") / MEGABYTE,
        busy.of("answered"),
        busy.of("transactions"),
        many_over.of("resident") / MEGABYTE,
        many_over.of("transactions"),
        many_over.of("calls"),
    ));
    let growth = many_over.of("resident") / few.of("resident") - 1.0;
    super::judge(
        &format!("memory is back within 10 % of that after 2,000 calls: {:+.1} %", growth * 100.0),
        growth < 0.1,
    )
}

/// What a call takes that nobody confirms.
fn half_open() -> anyhow::Result<()> {
    let mut answerer = Answerer::start()?;
    let before = answerer.figures()?;
    sipp::run(Scenario::InviteOnly, LOCAL.into(), 10_000, CALLS_PER_SECOND)?;
    let after = answerer.figures()?;
    let half_open = after.of("half_open");
    let each = (after.of("resident") - before.of("resident")) / half_open;
    run::say(&format!("sip memory: {half_open} half-open calls, {:.1} kB each", each / 1e3));
    super::judge("a half-open call takes under 10 kB", each < 10_000.0)
}

struct Answerer {
    child: Child,
    questions: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

struct Figures(Value);

impl Figures {
    fn of(&self, name: &str) -> f64 {
        self.0[name].as_f64().unwrap_or(f64::NAN)
    }
}

impl Answerer {
    fn start() -> anyhow::Result<Self> {
        let mut child = Command::new(server::binary("callbench"))
            .arg("answer")
            .arg(SocketAddr::from(LOCAL).to_string())
            // As the server does by itself: what is held is told by the page, not by 2 MB.
            .env("MIMALLOC_ALLOW_THP", "0")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("callbench could not be started")?;
        let questions = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().context("no output")?);
        let mut answerer = Self { child, questions, answers };
        // The first answer says that it listens.
        answerer.figures()?;
        Ok(answerer)
    }

    fn figures(&mut self) -> anyhow::Result<Figures> {
        writeln!(self.questions.as_mut().context("it has ended")?)?;
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        Ok(Figures(serde_json::from_str(&line).context("callbench answered no figures")?))
    }
}

impl Drop for Answerer {
    fn drop(&mut self) {
        // The end of its input ends it.
        self.questions = None;
        let _ = self.child.wait();
    }
}
