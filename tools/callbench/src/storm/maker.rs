//! The storm itself: one thread that begins calls on time, answers what it is told, and hangs up.
//!
//! A call that is taken is confirmed, stays for a while and is hung up; one that is refused is over. What is not
//! answered is sent again as telephones do ([RFC 3261 §17.1.1.2]), and given up after a few seconds.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use partyline_udp::raise_this_thread;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::sync::oneshot;

use super::figures::{Answer, StepFigures, Tally};
use super::message::{self, Heard, Line, Names};

/// RFC 3261's estimate of the round trip: an INVITE without an answer is sent again after it, and after twice that.
const T1: Duration = Duration::from_millis(500);
/// Who has heard nothing for so long has not been answered.
const PATIENCE: Duration = Duration::from_secs(5);
/// Calls that are begun before answers are read again.
const BURST: usize = 16;
/// Datagrams that are read from one socket before the next.
const READS: usize = 64;
/// What may wait in the kernel for a moment.
const BUFFER_BYTES: usize = 1 << 20;
/// Orders are looked for at least so often.
const ORDER_STEP: Duration = Duration::from_millis(5);
const DATAGRAM_BYTES: usize = 4_096;

/// Whom to call, and how long who is taken stays.
#[derive(Debug, Clone)]
pub(super) struct Calls {
    pub(super) server: SocketAddr,
    /// User parts that are dialled in turn.
    pub(super) users: Vec<String>,
    /// Addresses that the calls come from in turn.
    pub(super) sources: Vec<IpAddr>,
    pub(super) stay: Duration,
}

/// So many calls a second, for so long.
#[derive(Debug)]
struct Order {
    calls_per_second: f64,
    lasting: Duration,
    sent: oneshot::Sender<Instant>,
    done: oneshot::Sender<StepFigures>,
}

/// The way to the thread; it ends with this.
#[derive(Debug)]
pub(super) struct Maker(Sender<Order>);

/// A piece of storm that was ordered.
#[derive(Debug)]
pub(super) struct Ordered {
    /// When its last call was begun.
    pub(super) sent: oneshot::Receiver<Instant>,
    /// What became of all its calls.
    pub(super) done: oneshot::Receiver<StepFigures>,
}

impl Maker {
    pub(super) fn start(calls: Calls) -> std::io::Result<Self> {
        let (orders, received) = channel();
        let thread = Thread::new(calls, received)?;
        std::thread::Builder::new().name("callbench-storm".to_owned()).spawn(move || {
            // Where it is not allowed the run shows in its lateness.
            let _ = raise_this_thread(1);
            thread.run();
        })?;
        Ok(Self(orders))
    }

    /// Begins so many calls a second for so long, after what was ordered before.
    pub(super) fn order(&self, calls_per_second: f64, lasting: Duration) -> Ordered {
        let ((sent, is_sent), (done, is_done)) = (oneshot::channel(), oneshot::channel());
        // A thread that is gone is told of by the answers that never come.
        let _ = self.0.send(Order { calls_per_second, lasting, sent, done });
        Ordered { sent: is_sent, done: is_done }
    }
}

#[derive(Debug)]
enum State {
    Calling { copies: u32 },
    Up { target: String, to: String },
    HangingUp { target: String, to: String, copies: u32 },
}

#[derive(Debug)]
struct Call {
    line: usize,
    names: Names,
    began: Instant,
    state: State,
    /// Timers of earlier states count no more.
    timer: u32,
}

/// What is being sent.
#[derive(Debug)]
struct Step {
    order: Order,
    began: Instant,
    begun: u64,
}

struct Thread {
    calls: Calls,
    orders: Receiver<Order>,
    lines: Vec<(UdpSocket, Line)>,
    /// Media of the callers goes here, and is not read.
    _sinks: Vec<UdpSocket>,
    run: u64,
    serial: u32,
    up: HashMap<u32, Call>,
    timers: BinaryHeap<Reverse<(Instant, u32, u32)>>,
    tally: Tally,
}

impl Thread {
    fn new(calls: Calls, orders: Receiver<Order>) -> std::io::Result<Self> {
        let (mut lines, mut sinks) = (Vec::new(), Vec::new());
        for source in &calls.sources {
            let (socket, sink) = (UdpSocket::bind((*source, 0))?, UdpSocket::bind((*source, 0))?);
            socket.set_nonblocking(true)?;
            // The system may grant less.
            let _ = rustix::net::sockopt::set_socket_recv_buffer_size(&socket, BUFFER_BYTES);
            let line = Line { local: socket.local_addr()?, media_port: sink.local_addr()?.port() };
            lines.push((socket, line));
            sinks.push(sink);
        }
        Ok(Self {
            calls,
            orders,
            lines,
            _sinks: sinks,
            run: rand::random(),
            serial: 0,
            up: HashMap::new(),
            timers: BinaryHeap::new(),
            tally: Tally::default(),
        })
    }

    fn run(mut self) {
        while let Ok(order) = self.orders.recv() {
            self.tally = Tally::default();
            let mut step = Step { order, began: Instant::now(), begun: 0 };
            while !self.begin(&mut step) {
                self.work(step.due(step.begun));
            }
            let sending = step.began.elapsed();
            let Order { calls_per_second, sent, done, .. } = step.order;
            let _ = sent.send(Instant::now());
            while self.up.values().any(|call| matches!(call.state, State::Calling { .. })) {
                self.work(Instant::now() + ORDER_STEP);
            }
            let tally = std::mem::take(&mut self.tally);
            let _ = done.send(tally.figures(calls_per_second, sending));
            while !self.up.is_empty() {
                self.work(Instant::now() + ORDER_STEP);
            }
        }
    }

    /// Begins the calls that are due; whether they were the last.
    fn begin(&mut self, step: &mut Step) -> bool {
        for _ in 0..BURST {
            let (now, due) = (Instant::now(), step.due(step.begun));
            if due.saturating_duration_since(step.began) >= step.order.lasting {
                return true;
            }
            if due > now {
                return false;
            }
            self.tally.began(now.saturating_duration_since(due));
            step.begun += 1;
            self.call(now);
        }
        false
    }

    fn call(&mut self, now: Instant) {
        self.serial += 1;
        let turn = self.serial as usize;
        let user = self.calls.users[turn % self.calls.users.len()].clone();
        let names = Names { serial: self.serial, run: self.run, user };
        let line = turn % self.lines.len();
        let call = Call { line, names, began: now, state: State::Calling { copies: 0 }, timer: 0 };
        self.send(call.line, &message::invite(&self.lines[call.line].1, &call.names, self.calls.server));
        self.timers.push(Reverse((now + T1, self.serial, 0)));
        self.up.insert(self.serial, call);
    }

    /// What the system does not take is lost, and sent again.
    fn send(&self, line: usize, bytes: &[u8]) {
        let _ = self.lines[line].0.send_to(bytes, self.calls.server);
    }

    /// Timers, and what comes in until then.
    fn work(&mut self, until: Instant) {
        let now = Instant::now();
        while let Some(&Reverse((due, serial, timer))) = self.timers.peek()
            && due <= now
        {
            self.timers.pop();
            if self.up.get(&serial).is_some_and(|call| call.timer == timer) {
                self.timer(now, serial);
            }
        }
        let mut until = until.min(now + ORDER_STEP);
        if let Some(Reverse((due, ..))) = self.timers.peek() {
            until = until.min(*due);
        }
        let timeout = Timespec::try_from(until.saturating_duration_since(now)).expect("at most 5 ms");
        let mut waiting: Vec<_> =
            self.lines.iter().map(|(socket, _)| PollFd::new(socket, PollFlags::IN)).collect();
        if poll(&mut waiting, Some(&timeout)).is_err() {
            return;
        }
        let ready: Vec<usize> = (0..waiting.len()).filter(|&at| !waiting[at].revents().is_empty()).collect();
        drop(waiting);
        ready.into_iter().for_each(|line| self.read(line));
    }

    fn read(&mut self, line: usize) {
        let mut buffer = [0; DATAGRAM_BYTES];
        for _ in 0..READS {
            match self.lines[line].0.recv(&mut buffer) {
                Ok(count) => self.take(line, &buffer[..count]),
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => {}
                Err(_) => return,
            }
        }
    }

    fn take(&mut self, line: usize, bytes: &[u8]) {
        if let Some(heard) = message::heard(bytes, self.run) {
            self.answered(Instant::now(), &heard);
        } else if let Some((serial, answer)) = message::goodbye(bytes, self.run) {
            self.send(line, &answer);
            if let Some(Call { state: State::Up { .. }, .. }) = self.up.remove(&serial) {
                self.tally.thrown_out();
            }
        }
    }

    fn answered(&mut self, now: Instant, heard: &Heard<'_>) {
        let Some(call) = self.up.get_mut(&heard.serial) else { return };
        if !heard.is_of_invite {
            if heard.status >= 200 {
                self.up.remove(&heard.serial);
            }
            return;
        }
        if heard.status < 200 {
            return;
        }
        let (line, ack) =
            (call.line, message::ack(&self.lines[call.line].1, &call.names, self.calls.server, heard));
        if matches!(call.state, State::Calling { .. }) {
            self.tally.answered(Answer { status: heard.status, after: now - call.began });
            if heard.status < 300 {
                let target = heard.contact.unwrap_or_default().to_owned();
                call.state = State::Up { target, to: heard.to.to_owned() };
                call.timer += 1;
                self.timers.push(Reverse((now + self.calls.stay, heard.serial, call.timer)));
            } else {
                self.up.remove(&heard.serial);
            }
        }
        self.send(line, &ack);
    }

    fn timer(&mut self, now: Instant, serial: u32) {
        let Some(call) = self.up.get_mut(&serial) else { return };
        let (line, server) = (call.line, self.calls.server);
        let (bytes, copies) = match &mut call.state {
            State::Calling { .. } if now - call.began >= PATIENCE => {
                self.tally.unanswered();
                self.up.remove(&serial);
                return;
            }
            State::Calling { copies } => {
                *copies += 1;
                self.tally.repeated();
                (message::invite(&self.lines[line].1, &call.names, server), *copies)
            }
            State::Up { target, to } => {
                let (target, to) = (std::mem::take(target), std::mem::take(to));
                let bytes = message::bye(&self.lines[line].1, &call.names, &target, &to);
                call.state = State::HangingUp { target, to, copies: 0 };
                (bytes, 0)
            }
            State::HangingUp { copies, .. } if *copies >= 4 => {
                self.tally.stuck();
                self.up.remove(&serial);
                return;
            }
            State::HangingUp { target, to, copies } => {
                *copies += 1;
                (message::bye(&self.lines[line].1, &call.names, target, to), *copies)
            }
        };
        call.timer += 1;
        self.timers.push(Reverse((now + T1 * (1 << copies.min(3)), serial, call.timer)));
        self.send(line, &bytes);
    }
}

impl Step {
    /// When a call is due; reckoned from the first, so that lateness does not add up.
    fn due(&self, nth: u64) -> Instant {
        self.began + Duration::from_secs_f64(nth as f64 / self.order.calls_per_second.max(0.001))
    }
}
