//! The floor: what the kernel's UDP path costs by itself, with the job that a media server has and nothing else done.
//!
//! One process serves: threads that, as media threads do, sleep to phases of 5 ms and in each take what came to a quarter of
//! their sockets and send a packet to each of them, by the same [`MediaIo`]. Another process is the callers. **Invariant:**
//! nothing is computed; the figure is that of the serving process alone.

mod callers;
mod server;

use std::fmt;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::IpAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};
use partyline_udp::{IoChoice, IoKind, PortPairs};
use serde::{Deserialize, Serialize};

pub use callers::call;
pub(crate) use server::Served;

use crate::load::is_void;
use crate::media::TickReport;

/// G.711 in packets of 20 ms: twelve octets of header and 160 of sound.
pub(crate) const PACKET_OCTETS: usize = 172;
/// How long a packet is.
pub(crate) const FRAME: Duration = Duration::from_millis(20);
/// The server's own ports.
const PORTS: (u16, u16) = (16_384, 32_767);
/// Before the window, so that all sockets are connected and no start is counted.
const LEAD: Duration = Duration::from_secs(2);

/// What to measure.
#[derive(Debug, Clone)]
pub struct FloorPlan {
    /// Where the sockets are.
    pub local: IpAddr,
    /// The backend.
    pub io: IoKind,
    /// Sockets, each with a caller.
    pub sockets: usize,
    /// Threads that serve them.
    pub threads: usize,
    /// The measured window.
    pub window: Duration,
}

/// What was measured.
#[derive(Debug, Clone, Serialize)]
pub struct FloorReport {
    /// The backend.
    pub io: &'static str,
    /// Sockets served.
    pub sockets: usize,
    /// Threads that served them.
    pub threads: usize,
    /// The window in seconds.
    pub seconds: f64,
    /// CPU-µs of the serving process for each socket in a second.
    pub cpu_us_per_socket_second: f64,
    /// Packets received, of those that should have come.
    pub received_share: f64,
    /// Packets sent, of those that were due.
    pub sent_share: f64,
    /// Packets that the system did not take, and errors of receives.
    pub failed: u64,
    /// Share of the serving threads' phases that were more than 5 ms late.
    pub late_phase_share: f64,
    /// Share of the callers' ticks that were more than 5 ms late.
    pub late_tick_share: f64,
    /// Whether the callers were so late that the run says nothing and must be thrown away.
    pub is_void: bool,
}

impl fmt::Display for FloorReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{}: {} sockets on {} threads for {:.0} s: {:.1} CPU-µs per socket and second",
            self.io, self.sockets, self.threads, self.seconds, self.cpu_us_per_socket_second
        )?;
        writeln!(
            f,
            "received {:.2} %, sent {:.2} %, {} failed; {:.3} % of phases and {:.3} % of the callers' ticks over 5 ms late{}",
            self.received_share * 100.0,
            self.sent_share * 100.0,
            self.failed,
            self.late_phase_share * 100.0,
            self.late_tick_share * 100.0,
            if self.is_void { "; VOID" } else { "" }
        )
    }
}

/// Measures, with callers of this program in a process of their own.
///
/// # Errors
/// Where the backend can't be had, or sockets, threads or the other process fail.
pub fn measure(plan: &FloorPlan, program: &Path) -> anyhow::Result<FloorReport> {
    if plan.sockets == 0 || plan.threads == 0 || plan.window.is_zero() {
        bail!("--sockets, --threads and --seconds must be above 0");
    }
    IoChoice::Only(plan.io).decide().with_context(|| format!("{} can't be measured", plan.io))?;
    let ports = PortPairs::new(PORTS.0, PORTS.1)?;
    let mut pairs = Vec::with_capacity(plan.sockets);
    for _ in 0..plan.sockets {
        pairs.push(ports.open(plan.local)?);
    }
    let numbers: Vec<u16> = pairs.iter().map(partyline_udp::SocketPair::port).collect();
    let serving = server::start(plan, pairs)?;
    let callers = Callers::start(program, plan.local, &numbers)?;
    std::thread::sleep(LEAD);
    let before = serving.look()?;
    std::thread::sleep(plan.window);
    let after = serving.look()?;
    let ticks = callers.stop()?;
    serving.stop()?;
    Ok(report(plan, &before, &after, ticks))
}

fn report(plan: &FloorPlan, before: &Served, after: &Served, ticks: TickReport) -> FloorReport {
    let seconds = after.at.saturating_sub(before.at).as_secs_f64();
    let due = plan.sockets as f64 * seconds / FRAME.as_secs_f64();
    let share = |after: u64, before: u64, of: f64| after.saturating_sub(before) as f64 / of.max(1.0);
    let cpu = after.cpu.saturating_sub(before.cpu);
    FloorReport {
        io: plan.io.as_str(),
        sockets: plan.sockets,
        threads: plan.threads,
        seconds,
        cpu_us_per_socket_second: cpu.as_secs_f64() * 1e6 / plan.sockets as f64 / seconds,
        received_share: share(after.received, before.received, due),
        sent_share: share(after.sent, before.sent, due),
        failed: after.failed.saturating_sub(before.failed),
        late_phase_share: share(after.late, before.late, after.phases.saturating_sub(before.phases) as f64),
        late_tick_share: ticks.late_share(),
        is_void: is_void(ticks.late_share()),
    }
}

/// The punctuality of callers as their process tells it.
#[derive(Debug, Serialize, Deserialize)]
struct CallersReport {
    ticks: u64,
    late: u64,
    latest_us: u64,
}

/// The process of the callers. It ends when its input does, and is killed where that is not waited for.
struct Callers {
    child: Child,
}

impl Callers {
    /// Starts it, and waits until it calls.
    fn start(program: &Path, local: IpAddr, ports: &[u16]) -> anyhow::Result<Self> {
        let child = Command::new(program)
            .args(["--local", &local.to_string(), "floor-callers"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("the callers can't be started")?;
        let mut callers = Self { child };
        let input = callers.child.stdin.as_mut().context("the callers have no input")?;
        for port in ports {
            writeln!(input, "{port}")?;
        }
        writeln!(input)?;
        input.flush()?;
        Ok(callers)
    }

    fn stop(mut self) -> anyhow::Result<TickReport> {
        drop(self.child.stdin.take());
        let mut told = String::new();
        self.child.stdout.take().context("the callers have no output")?.read_to_string(&mut told)?;
        let report: CallersReport = serde_json::from_str(&told).context("the callers broke off")?;
        let latest = Duration::from_micros(report.latest_us);
        Ok(TickReport { ticks: report.ticks, late: report.late, latest })
    }
}

impl Drop for Callers {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The ports that the callers are told, one a line, up to an empty one.
pub(crate) fn read_ports(input: impl std::io::Read) -> anyhow::Result<Vec<u16>> {
    let mut ports = Vec::new();
    for line in BufReader::new(input).lines() {
        let line = line?;
        if line.is_empty() {
            return Ok(ports);
        }
        ports.push(line.parse().with_context(|| format!("{line:?} is no port"))?);
    }
    bail!("the list of ports is cut off")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_figure_is_the_cpu_time_of_one_socket_in_a_second() {
        let plan = FloorPlan {
            local: IpAddr::from([127, 0, 0, 1]),
            io: IoKind::Plain,
            sockets: 1_000,
            threads: 2,
            window: Duration::from_secs(10),
        };
        let before =
            Served { at: Duration::from_secs(2), cpu: Duration::from_millis(300), ..Served::default() };
        let after = Served {
            at: Duration::from_secs(12),
            cpu: Duration::from_millis(2_800),
            received: 499_000,
            sent: 500_000,
            phases: 4_000,
            late: 4,
            failed: 3,
        };
        let ticks = TickReport { ticks: 10_000, late: 20, latest: Duration::from_millis(9) };
        let report = report(&plan, &before, &after, ticks);
        assert!((report.cpu_us_per_socket_second - 250.0).abs() < 1e-6, "{report}");
        assert!((report.received_share - 0.998).abs() < 1e-9 && (report.sent_share - 1.0).abs() < 1e-9);
        assert!((report.late_phase_share - 0.001).abs() < 1e-9 && report.failed == 3 && report.is_void);
    }

    #[test]
    fn ports_end_with_an_empty_line_and_nothing_else_will_do() {
        assert_eq!(read_ports("16384\n20000\n\nmore".as_bytes()).unwrap(), [16_384, 20_000]);
        assert!(read_ports("16384\n".as_bytes()).is_err() && read_ports("70000\n\n".as_bytes()).is_err());
    }
}
