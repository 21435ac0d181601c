//! How late media ticks begin while other work wants all of the machine.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;

use super::server::BenchServer;
use super::{Arguments, Callers, judge};
use crate::run;

const PARTICIPANTS: u32 = 100;
const ROOMS: u32 = 10;
/// The share of ticks that may begin over a millisecond late: p99.9 under that is wanted.
const SHARE_MAX: f64 = 0.001;
/// A millisecond, as the metric names it.
const WANTED: &str = "0.001";
/// The steps that are told.
const STEPS: [&str; 8] = ["0.0001", "0.0002", "0.0005", "0.001", "0.002", "0.005", "0.01", "0.02"];

/// Threads of no special priority, as many as there are cores, that never rest.
struct Hogs {
    is_over: Arc<AtomicBool>,
    threads: Vec<std::thread::JoinHandle<()>>,
}

impl Hogs {
    fn start() -> anyhow::Result<Self> {
        let is_over = Arc::new(AtomicBool::new(false));
        let cores = std::thread::available_parallelism().context("how many cores are there?")?.get();
        let hog = |_| {
            let is_over = Arc::clone(&is_over);
            std::thread::spawn(move || while !is_over.load(Ordering::Relaxed) {})
        };
        Ok(Self { threads: (0..cores).map(hog).collect(), is_over })
    }
}

impl Drop for Hogs {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        self.threads.drain(..).for_each(|thread| drop(thread.join()));
    }
}

/// Measures; fails where more ticks are late than is wanted.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let mut shares = Vec::new();
    for nth in 1..=arguments.runs {
        let server = BenchServer::start()?;
        let codes = server.rooms(ROOMS)?;
        let hogs = Hogs::start()?;
        let callers = Callers { count: PARTICIPANTS, talkers: 2, rate: 20, seconds: arguments.seconds };
        // Late itself, which is not what counts here.
        let report = super::call_as(&server, &codes, &callers)?;
        drop(hogs);
        let within = |step: &str| {
            let name = format!("partyline_tick_lateness_seconds_bucket{{le=\"{step}\"}}");
            server.metric(&name).with_context(|| format!("the server does not tell {name}"))
        };
        let all = within("+Inf")?;
        let later = |step: &str| anyhow::Ok((all - within(step)?) / all);
        let mut told = String::new();
        for step in STEPS {
            let ms = step.parse::<f64>().unwrap_or(f64::NAN) * 1_000.0;
            told += &format!(" over {ms} ms {:.3} %,", later(step)? * 100.0);
        }
        let latest = server.metric("partyline_tick_lateness_max_seconds").unwrap_or(f64::NAN) * 1_000.0;
        run::say(&format!(
            "ticks, run {nth}: {all} ticks,{told} the latest {latest:.1} ms; {} of {} packets lost",
            report["loss"]["lost"], report["loss"]["expected"]
        ));
        shares.push(later(WANTED)?);
    }
    let share = super::median(&mut shares);
    let met = share < SHARE_MAX;
    judge(&format!("{:.3} % of ticks over 1 ms late with all cores busy (median)", share * 100.0), met)
}
