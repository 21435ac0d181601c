//! SIP over a network that loses, doubles and reorders: callers' phones and a server, both on the real core.
//!
//! There is no model but the contract: whatever the network does, every call that was begun ends, once, at both
//! sides, no call is told of twice, and nothing is left of any.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use partyline_sip::endpoint::{
    Because, CallEvent, CallKey, Endpoint, EndpointConfig, Listen, OutgoingCall, Output, Target,
    TransportKind,
};
use partyline_sip::rules::DialogRules;
use partyline_sip::sdp::{Capabilities, CodecName, KeySeed, MediaSecurity};

use crate::chance::Chance;

/// The network is bad until then.
const STORM: Duration = Duration::from_secs(40);
/// By then every timer of every transaction has run out.
const END: Duration = Duration::from_secs(300);

const PHONES: usize = 0;
const SERVER: usize = 1;

/// What the calls of a run came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallsReport {
    /// Calls that phones began.
    pub begun: usize,
    /// Of these, calls that the server was told of.
    pub came: usize,
    /// Calls that phones heard answered.
    pub answered: usize,
    /// Datagrams that were lost.
    pub lost: u64,
}

enum Step {
    Datagram { to: usize, bytes: Vec<u8> },
    Begin,
    Answer(CallKey),
    Reject(CallKey),
    HangUp(usize, CallKey),
}

struct Line {
    chance: Chance,
    origin: Instant,
    now: Duration,
    ends: [Endpoint; 2],
    addresses: [SocketAddr; 2],
    heap: BinaryHeap<Reverse<(Duration, u64)>>,
    steps: BTreeMap<u64, Step>,
    scheduled: u64,
    told: [BTreeSet<CallKey>; 2],
    over: [BTreeSet<CallKey>; 2],
    report: CallsReport,
    failure: Option<String>,
}

/// Runs the calls of a seed to their end.
///
/// # Errors
/// What should not be, at the first time that it is.
pub fn run_calls(seed: u64) -> Result<CallsReport, String> {
    let mut line = Line::draw(seed);
    loop {
        let due = line.heap.peek().map(|Reverse((at, _))| *at);
        let timers = line.ends.iter().filter_map(Endpoint::poll_timeout).min();
        let timer = timers.map(|at| at.saturating_duration_since(line.origin).max(line.now));
        let Some(next) = due.into_iter().chain(timer).min().filter(|at| *at < END) else {
            break;
        };
        line.now = next;
        if timer == Some(next) {
            let now = line.instant();
            line.ends.iter_mut().for_each(|end| end.handle_timeout(now));
        } else if let Some(Reverse((_, number))) = line.heap.pop()
            && let Some(step) = line.steps.remove(&number)
        {
            line.take(step);
        }
        line.drain();
        if let Some(failure) = line.failure {
            return Err(format!("at {next:?}: {failure}"));
        }
    }
    line.check_the_end()
}

impl Line {
    fn draw(seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        let addresses = [5070, 5060].map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        let ends = addresses.map(|address| {
            let mut end_seed = [0; 32];
            end_seed[..16].copy_from_slice(&chance.bits().to_le_bytes());
            Endpoint::new(EndpointConfig {
                user_agent: "sim".to_owned(),
                listens: vec![Listen { transport: TransportKind::Udp, local: address, advertised: address }],
                calls_max: 100,
                half_open_max: 100,
                half_open_per_source_max: 100,
                rules: DialogRules::default(),
                seed: end_seed,
                ..EndpointConfig::default()
            })
        });
        let mut line = Self {
            chance,
            origin: Instant::now(),
            now: Duration::ZERO,
            ends,
            addresses,
            heap: BinaryHeap::new(),
            steps: BTreeMap::new(),
            scheduled: 0,
            told: Default::default(),
            over: Default::default(),
            report: CallsReport::default(),
            failure: None,
        };
        for _ in 0..1 + line.chance.below(20) {
            let at = line.chance.between_ms(0, 20_000);
            line.at(at, Step::Begin);
        }
        line
    }

    fn instant(&self) -> Instant {
        self.origin + self.now
    }

    fn at(&mut self, at: Duration, step: Step) {
        self.scheduled += 1;
        self.heap.push(Reverse((at, self.scheduled)));
        self.steps.insert(self.scheduled, step);
    }

    fn take(&mut self, step: Step) {
        let now = self.instant();
        match step {
            Step::Datagram { to, bytes } => {
                let (local, remote) = (self.addresses[to], self.addresses[1 - to]);
                self.ends[to].handle_datagram(now, local, remote, &bytes);
            }
            Step::Begin => self.begin(),
            // The call may be over by now; then the answer is that there is none.
            Step::Answer(call) => _ = self.ends[SERVER].answer(now, call, &capabilities(4000)),
            Step::Reject(call) => _ = self.ends[SERVER].reject(now, call, 486, &Because::default()),
            Step::HangUp(end, call) => _ = self.ends[end].hang_up(now, call, &Because::default()),
        }
    }

    fn begin(&mut self) {
        let outgoing = OutgoingCall {
            from_user: "100".to_owned(),
            delays_offer: self.chance.percent(20),
            ..OutgoingCall::new(
                "sip:12345678@127.0.0.1:5060",
                Target { transport: TransportKind::Udp, remote: self.addresses[SERVER] },
                capabilities(6000),
            )
        };
        let now = self.instant();
        match self.ends[PHONES].call(now, &outgoing) {
            Ok(call) => {
                self.report.begun += 1;
                self.told[PHONES].insert(call);
                let at = self.now + self.chance.between_ms(0, 30_000);
                self.at(at, Step::HangUp(PHONES, call));
            }
            Err(error) => self.fail(format!("a phone could not call: {error}")),
        }
    }

    fn drain(&mut self) {
        for end in [PHONES, SERVER] {
            while let Some(output) = self.ends[end].poll_output() {
                match output {
                    Output::SendDatagram { bytes, .. } => self.send(1 - end, &bytes),
                    Output::Call(call, event) => self.event(end, call, event),
                    Output::Locate { .. } | Output::Registration(..) => {
                        self.fail("a redirection or a registration that nobody asked for".to_owned());
                    }
                    Output::SendStream { .. } | Output::Connect { .. } | Output::Disconnect { .. } => {
                        self.fail("TCP where nobody speaks it".to_owned());
                    }
                }
            }
        }
    }

    fn send(&mut self, to: usize, bytes: &[u8]) {
        let is_stormy = self.now < STORM;
        if is_stormy && self.chance.percent(20) {
            self.report.lost += 1;
            return;
        }
        let copies = if is_stormy && self.chance.percent(15) { 2 } else { 1 };
        for _ in 0..copies {
            let slowest = if is_stormy { 900 } else { 20 };
            let at = self.now + self.chance.between_ms(1, slowest);
            self.at(at, Step::Datagram { to, bytes: bytes.to_vec() });
        }
    }

    fn event(&mut self, end: usize, call: CallKey, event: CallEvent) {
        if self.over[end].contains(&call) {
            self.fail(format!("{call:?} is told of after its end: {event:?}"));
        }
        match event {
            CallEvent::Incoming(_) => self.incoming(end, call),
            CallEvent::Answered(_) => self.report.answered += 1,
            CallEvent::Ended(_) => {
                self.over[end].insert(call);
            }
            CallEvent::Ringing | CallEvent::Confirmed(_) | CallEvent::Changed(_) | CallEvent::Key(_) => {}
        }
        if !self.told[end].contains(&call) {
            self.fail(format!("{call:?} was never begun"));
        }
    }

    fn incoming(&mut self, end: usize, call: CallKey) {
        if end != SERVER || !self.told[end].insert(call) {
            self.fail(format!("{call:?} comes in twice, or at a phone"));
        }
        self.report.came += 1;
        let now = self.instant();
        if self.chance.percent(30) {
            let _ = self.ends[SERVER].ring(now, call);
        }
        let at = self.now + self.chance.between_ms(0, 3_000);
        let step = if self.chance.percent(15) { Step::Reject(call) } else { Step::Answer(call) };
        self.at(at, step);
        if self.chance.percent(40) {
            let at = at + self.chance.between_ms(0, 20_000);
            self.at(at, Step::HangUp(SERVER, call));
        }
    }

    fn fail(&mut self, why: String) {
        self.failure.get_or_insert(why);
    }

    fn check_the_end(self) -> Result<CallsReport, String> {
        for end in [PHONES, SERVER] {
            let counters = self.ends[end].counters();
            if (counters.calls, counters.half_open, counters.transactions) != (0, 0, 0) {
                return Err(format!("left at the end: {counters:?}"));
            }
            if self.told[end] != self.over[end] {
                return Err(format!("begun {:?}, ended {:?}", self.told[end], self.over[end]));
            }
        }
        // A phone may give up before its INVITE got through; a call that nobody made never comes.
        if self.report.came > self.report.begun || self.report.answered > self.report.came {
            return Err(format!("more calls than were made: {:?}", self.report));
        }
        Ok(self.report)
    }
}

fn capabilities(port: u16) -> Capabilities {
    Capabilities {
        address: Ipv4Addr::LOCALHOST.into(),
        port,
        codecs: vec![CodecName { encoding: "PCMU".to_owned(), clock_rate_hz: 8_000, payload_type: 0 }],
        telephone_event: true,
        security: MediaSecurity::Refuse,
        key_seed: KeySeed::new([0; 32]),
    }
}
