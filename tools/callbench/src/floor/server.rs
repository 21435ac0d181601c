//! The threads that serve: receive, send, sleep.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use partyline_udp::{IoKind, MediaClock, MediaIo, PlainIo, RingIo, SocketKey, SocketPair};
use rustix::time::{ClockId, clock_gettime};

use super::{FRAME, FloorPlan, PACKET_OCTETS};

/// As the media engine has them.
const PHASES: usize = 4;
/// A phase that begins later than this is late.
const LATE: Duration = Duration::from_millis(5);
/// The priority of media threads.
const PRIORITY: u8 = 10;

/// What has been served so far, and when.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Served {
    /// The time on a clock that only runs on.
    pub(crate) at: Duration,
    /// CPU time of this process.
    pub(crate) cpu: Duration,
    pub(crate) received: u64,
    pub(crate) sent: u64,
    pub(crate) failed: u64,
    pub(crate) phases: u64,
    pub(crate) late: u64,
}

/// What one thread has done; told once a phase.
#[derive(Debug, Default)]
struct Counts {
    received: AtomicU64,
    sent: AtomicU64,
    failed: AtomicU64,
    phases: AtomicU64,
    late: AtomicU64,
}

/// Threads that serve until they are stopped.
pub(super) struct Serving {
    threads: Vec<JoinHandle<io::Result<()>>>,
    counts: Vec<Arc<Counts>>,
    is_over: Arc<AtomicBool>,
}

/// Spreads the sockets over threads, each on a core of its own where there are as many.
pub(super) fn start(plan: &FloorPlan, pairs: Vec<SocketPair>) -> anyhow::Result<Serving> {
    let cores = partyline_udp::allowed_cores();
    let mut serving = Serving { threads: Vec::new(), counts: Vec::new(), is_over: Arc::default() };
    let mut shares: Vec<Vec<SocketPair>> = (0..plan.threads).map(|_| Vec::new()).collect();
    for (place, pair) in pairs.into_iter().enumerate() {
        shares[place % plan.threads].push(pair);
    }
    for (index, share) in shares.into_iter().enumerate() {
        let core = (plan.threads == cores.len()).then(|| cores[index]);
        let (io, counts) = (plan.io, Arc::<Counts>::default());
        serving.counts.push(Arc::clone(&counts));
        let is_over = Arc::clone(&serving.is_over);
        let thread = std::thread::Builder::new().name(format!("floor-{index}")).spawn(move || {
            // As for media threads: where it is not allowed, it is done without.
            let _ = core.map(partyline_udp::pin_this_thread);
            let _ = partyline_udp::raise_this_thread(PRIORITY);
            match io {
                IoKind::Plain => serve(PlainIo::new(), share, &counts, &is_over),
                IoKind::IoUring => serve(RingIo::new()?, share, &counts, &is_over),
            }
            Ok(())
        });
        serving.threads.push(thread.context("a thread can't be started")?);
    }
    Ok(serving)
}

impl Serving {
    /// What has been done up to now.
    pub(super) fn look(&self) -> anyhow::Result<Served> {
        if self.threads.iter().any(JoinHandle::is_finished) {
            return Err(anyhow!("a serving thread has ended"));
        }
        let sum = |count: fn(&Counts) -> &AtomicU64| {
            self.counts.iter().map(|counts| count(counts).load(Ordering::Relaxed)).sum()
        };
        Ok(Served {
            at: time(ClockId::Monotonic),
            cpu: time(ClockId::ProcessCPUTime),
            received: sum(|counts| &counts.received),
            sent: sum(|counts| &counts.sent),
            failed: sum(|counts| &counts.failed),
            phases: sum(|counts| &counts.phases),
            late: sum(|counts| &counts.late),
        })
    }

    pub(super) fn stop(self) -> anyhow::Result<()> {
        self.is_over.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().map_err(|_| anyhow!("a serving thread panicked"))??;
        }
        Ok(())
    }
}

fn time(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
}

/// A caller as the server sees it: what they said last goes back to them.
struct Leg {
    socket: SocketKey,
    packet: [u8; PACKET_OCTETS],
    sequence: u16,
    is_connected: bool,
}

/// The sockets that are due in one phase, and beside them what there is to send.
#[derive(Default)]
struct Phase {
    sockets: Vec<SocketKey>,
    legs: Vec<Leg>,
    /// Who called for the first time.
    newcomers: Vec<(usize, SocketAddr)>,
}

fn serve<Io: MediaIo>(mut io: Io, pairs: Vec<SocketPair>, counts: &Counts, is_over: &AtomicBool) {
    let mut phases: [Phase; PHASES] = std::array::from_fn(|_| Phase::default());
    for (place, pair) in pairs.into_iter().enumerate() {
        let phase = &mut phases[place % PHASES];
        let socket = io.add(pair);
        phase.sockets.push(socket);
        phase.legs.push(Leg { socket, packet: [0xff; PACKET_OCTETS], sequence: 0, is_connected: false });
    }
    let clock = MediaClock::new();
    let mut deadline = clock.now();
    for phase in (0..PHASES).cycle() {
        if is_over.load(Ordering::Relaxed) {
            break;
        }
        clock.sleep_until(deadline);
        let lateness = clock.now().saturating_duration_since(deadline);
        deadline += FRAME / PHASES as u32;
        let (received, sent) = serve_phase(&mut io, &mut phases[phase], lateness > FRAME);
        let failed = io.counts();
        counts.received.fetch_add(received, Ordering::Relaxed);
        counts.sent.fetch_add(sent, Ordering::Relaxed);
        counts.failed.store(failed.sends_failed + failed.receives_failed, Ordering::Relaxed);
        counts.phases.fetch_add(1, Ordering::Relaxed);
        counts.late.fetch_add(u64::from(lateness > LATE), Ordering::Relaxed);
    }
}

/// Receives and sends once; how many packets each way.
fn serve_phase<Io: MediaIo>(io: &mut Io, phase: &mut Phase, drains: bool) -> (u64, u64) {
    let Phase { sockets, legs, newcomers } = phase;
    let (mut received, mut sent) = (0, 0);
    io.receive(sockets, drains, &mut |place, source, datagram| {
        let leg = &mut legs[place];
        let octets = datagram.len().min(PACKET_OCTETS);
        leg.packet[..octets].copy_from_slice(&datagram[..octets]);
        received += 1;
        if !leg.is_connected {
            newcomers.push((place, source));
        }
    });
    for (place, source) in newcomers.drain(..) {
        legs[place].is_connected = io.connect(legs[place].socket, source).is_ok();
    }
    for leg in legs.iter_mut().filter(|leg| leg.is_connected) {
        leg.sequence = leg.sequence.wrapping_add(1);
        leg.packet[2..4].copy_from_slice(&leg.sequence.to_be_bytes());
        io.send(leg.socket, None, &leg.packet);
        sent += 1;
    }
    io.flush();
    (received, sent)
}
