//! Three hundred callers who come, talk and go at random: nothing rises, nothing is left, nobody fails.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use serde_json::Value;

use super::drift::Bound;
use super::left::{held, open_rows};
use super::wait_gone;
use crate::bench::server::{BenchServer, binary};
use crate::run;

const CALLERS: u32 = 300;
/// Rooms of every manner that sound is treated in, and those in which delay is measured.
const ROOMS: [(&str, u32, &[&str]); 4] = [
    ("measured", MEASURED, &["--max-conferees", "10"]),
    ("plain", 4, &[]),
    ("quiet", 3, &["--noise-suppression", "on"]),
    ("told", 3, &["--announce", "tone", "--agc", "off"]),
];
const MEASURED: u32 = 2;
/// Caches fill and threads take their stacks; what is read before is not judged. Of short runs a third.
const FIRST_MINUTES: usize = 5;
/// The page caches of the data store (five connections, 2 MB each), which fill as it grows, may take 10 MB, and what an allocator keeps of
/// a busier moment is some more. A leak of 100 octets a call would be 3 MB an hour, one of a leg 30 MB.
const MEMORY: Bound = Bound { what: "resident memory, MB", rise_max: 16.0 };
/// On the mean of all legs. Legs whose clocks are off and are not followed would get deeper by 3,600 s × 75 millionths, 270 ms.
const DEPTH: Bound = Bound { what: "the depth of jitter buffers, ms", rise_max: 5.0 };
/// As above: a quarter of a frame.
const DELAY: Bound = Bound { what: "mouth to ear (p50), ms", rise_max: 5.0 };

/// What a minute was like.
#[derive(Debug, Clone, Copy)]
struct Minute {
    resident_mb: f64,
    depth_ms: f64,
    delay_ms: f64,
}

/// What the server has counted up to a moment.
#[derive(Debug, Clone, Copy)]
struct Counts {
    depth_seconds: f64,
    depth_readings: f64,
    late_ticks: f64,
    frames_skipped: f64,
}

impl Counts {
    fn of(server: &BenchServer) -> anyhow::Result<Self> {
        Ok(Self {
            depth_seconds: server.metric_sum("partyline_jitter_buffer_depth_seconds_sum")?,
            depth_readings: server.metric_sum("partyline_jitter_buffer_depth_seconds_count")?,
            late_ticks: server.metric_sum("partyline_late_ticks_total")?,
            frames_skipped: server.metric_sum("partyline_frames_skipped_total")?,
        })
    }

    /// The mean depth between two moments, in ms; no number where nothing was read.
    fn depth_ms_since(&self, before: &Self) -> f64 {
        (self.depth_seconds - before.depth_seconds) / (self.depth_readings - before.depth_readings) * 1_000.0
    }
}

/// Uses a server for so long.
pub(super) fn run(lasting: Duration) -> anyhow::Result<()> {
    let server = BenchServer::start()?;
    let mut codes = String::new();
    for (name, count, settings) in ROOMS {
        codes.push_str(&std::fs::read_to_string(server.rooms_of(name, count, settings)?)?);
    }
    let rooms = server.folder().join("soak.txt");
    std::fs::write(&rooms, codes)?;
    let minutes = mingle(&server, &rooms.display().to_string(), lasting)?;
    wait_gone(|| held(&server))?;
    wait_gone(|| open_rows(&server.database()))?;
    run::say(&format!("nothing is left; resident {:.1} MB", megabytes(&server)?));
    judge(&minutes)
}

/// Callbench, which ends when nobody reads it any more.
struct Callers(Child);

impl Drop for Callers {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Has all callers come and go; what each minute was like.
fn mingle(server: &BenchServer, rooms: &str, lasting: Duration) -> anyhow::Result<Vec<Minute>> {
    let target = format!("sip:{}:5060", server.address());
    let (callers, measured, seconds) =
        (CALLERS.to_string(), MEASURED.to_string(), lasting.as_secs().to_string());
    let bench = run::command(&binary("callbench").display().to_string(), &["mingle", "--json"])
        .args(["--target", &target, "--rooms", rooms, "--measured", &measured])
        .args(["--callers", &callers, "--seconds", &seconds])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("callbench could not be started")?;
    let mut bench = Callers(bench);
    let lines = BufReader::new(bench.0.stdout.take().context("callbench has no output")?).lines();
    let (mut minutes, mut failed) = (Vec::new(), Vec::new());
    let mut before = Counts::of(server)?;
    for line in lines {
        let report: Value = serde_json::from_str(&line?)?;
        failed.extend(report["reasons"].as_array().into_iter().flatten().map(ToString::to_string));
        let now = Counts::of(server)?;
        let minute = Minute {
            resident_mb: megabytes(server)?,
            depth_ms: now.depth_ms_since(&before),
            delay_ms: report["delay"]["p50_ms"].as_f64().context("no delay")?,
        };
        tell(&report, &minute, &now, &before);
        // The last line is of the time in which all go.
        if report["delay"]["count"] != 0 {
            minutes.push(minute);
        }
        before = now;
    }
    let status = bench.0.wait()?;
    if !failed.is_empty() {
        bail!("calls failed: {failed:#?}");
    }
    ensure!(status.success(), "callbench ended with {status}");
    Ok(minutes)
}

fn tell(report: &Value, minute: &Minute, now: &Counts, before: &Counts) {
    let number = |name: &str| report[name].as_f64().unwrap_or(f64::NAN);
    let delay = &report["delay"];
    run::say(&format!(
        "{:.0} s: {} calls, {} on, {} failed; resident {:.1} MB; depth {:.1} ms; mouth to ear p50 {:.1}, p99 {:.1} ms of {}, {} missed; \
         longest gap {:.0} ms; ticks late {}, frames passed over {}; bench late {:.3} %",
        number("at_seconds"),
        report["calls"],
        report["on"],
        report["failed"],
        minute.resident_mb,
        minute.depth_ms,
        minute.delay_ms,
        delay["p99_ms"].as_f64().unwrap_or(f64::NAN),
        delay["count"],
        report["missed"],
        number("longest_gap_ms"),
        now.late_ticks - before.late_ticks,
        now.frames_skipped - before.frames_skipped,
        number("late_tick_share") * 100.0
    ));
}

fn megabytes(server: &BenchServer) -> anyhow::Result<f64> {
    Ok(server.resident()? as f64 / 1e6)
}

/// Whether anything drifts, from when all was warm.
fn judge(minutes: &[Minute]) -> anyhow::Result<()> {
    let settled = &minutes[FIRST_MINUTES.min(minutes.len() / 3)..];
    ensure!(settled.len() >= 2, "{} minutes are too few to tell a drift by", minutes.len());
    let read = |reading: fn(&Minute) -> f64| settled.iter().map(reading).collect::<Vec<_>>();
    let outcomes = [
        (MEMORY, read(|minute| minute.resident_mb)),
        (DEPTH, read(|minute| minute.depth_ms)),
        (DELAY, read(|minute| minute.delay_ms)),
    ]
    .map(|(bound, readings)| (bound, bound.judge(&readings)));
    let drifts: Vec<String> = outcomes
        .iter()
        .filter_map(|(bound, outcome)| match outcome {
            Ok(rise) => {
                run::say(&format!("{}: {rise:+.2} over {} readings", bound.what, settled.len()));
                None
            }
            Err(drift) => Some(drift.to_string()),
        })
        .collect();
    ensure!(drifts.is_empty(), "{}", drifts.join("; "));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minute(resident_mb: f64, depth_ms: f64, delay_ms: f64) -> Minute {
        Minute { resident_mb, depth_ms, delay_ms }
    }

    #[test]
    fn an_hour_in_which_nothing_moves_but_at_first_passes() {
        let hour: Vec<_> = (0..60)
            .map(|n| minute(if n < 5 { 60.0 + f64::from(n) * 8.0 } else { 100.0 }, 4.0, 12.0))
            .collect();
        assert!(judge(&hour).is_ok());
    }

    #[test]
    fn each_of_the_three_is_seen_when_it_drifts() {
        let hour = |change: fn(f64) -> Minute| (0..60).map(|n| change(f64::from(n))).collect::<Vec<_>>();
        for (name, drifting) in [
            ("memory", hour(|n| minute(100.0 + n, 4.0, 12.0))),
            ("depth", hour(|n| minute(100.0, 4.0 + n * 0.2, 12.0))),
            ("mouth", hour(|n| minute(100.0, 4.0, 12.0 + n * 0.2))),
            ("depth", hour(|_| minute(100.0, f64::NAN, 12.0))),
        ] {
            let told = judge(&drifting).unwrap_err().to_string();
            assert!(told.contains(name), "{name}: {told}");
        }
    }

    #[test]
    fn of_a_minute_or_none_nothing_is_said() {
        assert!(judge(&[]).is_err());
        assert!(judge(&[minute(1.0, 1.0, 1.0)]).is_err());
    }

    #[test]
    fn depth_is_the_mean_of_what_was_read_in_between() {
        let counts = |depth_seconds, depth_readings| Counts {
            depth_seconds,
            depth_readings,
            late_ticks: 0.0,
            frames_skipped: 0.0,
        };
        assert!((counts(4.0, 300.0).depth_ms_since(&counts(1.0, 100.0)) - 15.0).abs() < 1e-9);
        assert!(counts(1.0, 100.0).depth_ms_since(&counts(1.0, 100.0)).is_nan());
    }
}
