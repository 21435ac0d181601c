//! SIP over a network that loses, doubles and reorders: callers' phones and a server, both on the real core.
//!
//! There is no model but the contract: whatever the network does, every call that was begun ends, once, at both
//! sides, by a pair of ends that the RFC has; while it lasts both sides agree who sends; no call is told of twice, and
//! nothing is left of any.

mod pair;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use partyline_sip::endpoint::{
    Because, CallEvent, CallKey, Endpoint, EndpointConfig, Listen, OutgoingCall, Output, Target,
    TransportKind,
};
use partyline_sip::rules::{DialogRules, Reliability};
use partyline_sip::sdp::{Capabilities, CodecName, Direction, KeySeed, MediaSecurity};

use crate::chance::Chance;
use pair::Pair;

/// The network is bad until then.
const STORM: Duration = Duration::from_secs(40);
/// By then each change has come through or ended its call: what both sides know is the same.
const CALM: Duration = Duration::from_secs(160);
/// By then every timer of every transaction has run out.
const END: Duration = Duration::from_secs(400);

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
    /// Changes of the media that were told of.
    pub changed: usize,
    /// Calls that were up at both sides when all was calm again.
    pub lasting: usize,
    /// Datagrams that were lost.
    pub lost: u64,
}

enum Step {
    Datagram {
        to: usize,
        bytes: Vec<u8>,
    },
    Begin,
    Answer(CallKey),
    Reject(CallKey),
    HangUp(usize, CallKey),
    Reoffer(usize, CallKey, Direction),
    /// All is calm: look at the calls that are up, and end them.
    Look,
}

/// How bad the network is while it is.
struct Weather {
    lost_percent: u64,
    doubled_percent: u64,
    slowest_ms: u64,
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
    weather: Weather,
    pairs: Vec<Pair>,
    /// Which pair a call of an end belongs to.
    known: [BTreeMap<CallKey, usize>; 2],
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
        let reliabilities = [Reliability::Never, Reliability::WhenRequired, Reliability::WhenSupported];
        let rules = DialogRules { reliability: *chance.pick(&reliabilities), ..DialogRules::default() };
        let ends = addresses.map(|address| {
            let mut end_seed = [0; 32];
            end_seed[..16].copy_from_slice(&chance.bits().to_le_bytes());
            Endpoint::new(EndpointConfig {
                user_agent: "sim".to_owned(),
                listens: vec![Listen { transport: TransportKind::Udp, local: address, advertised: address }],
                calls_max: 100,
                half_open_max: 100,
                half_open_per_source_max: 100,
                rules: rules.clone(),
                seed: end_seed,
                ..EndpointConfig::default()
            })
        });
        let weather = Weather {
            lost_percent: chance.below(31),
            doubled_percent: chance.below(31),
            slowest_ms: 2 + chance.below(1_500),
        };
        let mut line = Self {
            chance,
            origin: Instant::now(),
            now: Duration::ZERO,
            ends,
            addresses,
            heap: BinaryHeap::new(),
            steps: BTreeMap::new(),
            scheduled: 0,
            weather,
            pairs: Vec::new(),
            known: Default::default(),
            report: CallsReport::default(),
            failure: None,
        };
        for _ in 0..1 + line.chance.below(20) {
            let at = line.chance.between_ms(0, 20_000);
            line.at(at, Step::Begin);
        }
        line.at(CALM, Step::Look);
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
            Step::Answer(call) => {
                if let Ok(Some(agreed)) = self.ends[SERVER].answer(now, call, &capabilities(4000)) {
                    self.with_pair(SERVER, call, |pair| pair.agree(SERVER, agreed.direction));
                }
            }
            Step::Reject(call) => {
                if self.ends[SERVER].reject(now, call, 486, &Because::default()).is_ok() {
                    self.with_pair(SERVER, call, |pair| pair.act(SERVER));
                }
            }
            Step::HangUp(end, call) => {
                if self.ends[end].hang_up(now, call, &Because::default()).is_ok() {
                    self.with_pair(end, call, |pair| pair.act(end));
                }
            }
            Step::Reoffer(end, call, direction) => {
                let ours = capabilities(if end == PHONES { 6000 } else { 4000 });
                let _ = self.ends[end].reoffer(now, call, &ours, direction);
            }
            Step::Look => self.look(),
        }
    }

    /// What both sides know of a call is the same; then one of them hangs up.
    fn look(&mut self) {
        for pair in 0..self.pairs.len() {
            let Some(up) = self.pairs[pair].up() else { continue };
            match up {
                Ok(calls) => {
                    self.report.lasting += 1;
                    let end = usize::from(self.chance.percent(50));
                    let at = self.now + self.chance.between_ms(0, 5_000);
                    self.at(at, Step::HangUp(end, calls[end]));
                }
                Err(why) => self.fail(why),
            }
        }
    }

    fn with_pair<T>(&mut self, end: usize, call: CallKey, change: impl FnOnce(&mut Pair) -> T) -> Option<T> {
        let pair = self.known[end].get(&call).and_then(|pair| self.pairs.get_mut(*pair))?;
        Some(change(pair))
    }

    fn begin(&mut self) {
        let number = self.pairs.len();
        let outgoing = OutgoingCall {
            from_user: number.to_string(),
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
                self.pairs.push(Pair::begun(call));
                self.known[PHONES].insert(call, number);
                if self.chance.percent(70) {
                    let at = self.now + self.chance.between_ms(0, 30_000);
                    self.at(at, Step::HangUp(PHONES, call));
                }
                self.change_now_and_then(PHONES, call);
            }
            Err(error) => self.fail(format!("a phone could not call: {error}")),
        }
    }

    /// Hold and resume, as people do and conferences.
    fn change_now_and_then(&mut self, end: usize, call: CallKey) {
        for _ in 0..self.chance.below(4) {
            let at = self.now + self.chance.between_ms(500, 30_000);
            let direction = if self.chance.percent(50) { Direction::SendOnly } else { Direction::SendRecv };
            self.at(at, Step::Reoffer(end, call, direction));
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
        let Weather { lost_percent, doubled_percent, slowest_ms } = self.weather;
        if is_stormy && self.chance.percent(lost_percent) {
            self.report.lost += 1;
            return;
        }
        let copies = if is_stormy && self.chance.percent(doubled_percent) { 2 } else { 1 };
        for _ in 0..copies {
            let slowest = if is_stormy { slowest_ms } else { 20 };
            let at = self.now + self.chance.between_ms(1, slowest);
            self.at(at, Step::Datagram { to, bytes: bytes.to_vec() });
        }
    }

    fn event(&mut self, end: usize, call: CallKey, event: CallEvent) {
        if let CallEvent::Incoming(incoming) = &event {
            self.incoming(end, call, &incoming.caller);
            return;
        }
        self.report.answered += usize::from(matches!(event, CallEvent::Answered(_)));
        self.report.changed += usize::from(matches!(event, CallEvent::Changed(_)));
        match self.with_pair(end, call, |pair| pair.tell(end, &event)) {
            None => self.fail(format!("{call:?} was never begun: {event:?}")),
            Some(Err(why)) => self.fail(format!("{call:?}: {why}")),
            Some(Ok(())) => {}
        }
    }

    fn incoming(&mut self, end: usize, call: CallKey, caller: &str) {
        let number = caller.parse().ok().filter(|number| *number < self.pairs.len() && end == SERVER);
        let Some(number) = number.filter(|number: &usize| self.pairs[*number].come(call)) else {
            self.fail(format!("{call:?} of {caller} comes in twice, or at a phone"));
            return;
        };
        self.known[SERVER].insert(call, number);
        self.report.came += 1;
        let now = self.instant();
        if self.chance.percent(50) {
            let _ = self.ends[SERVER].ring(now, call);
        }
        let at = self.now + self.chance.between_ms(0, 3_000);
        let step = if self.chance.percent(15) { Step::Reject(call) } else { Step::Answer(call) };
        self.at(at, step);
        if self.chance.percent(30) {
            let at = at + self.chance.between_ms(0, 20_000);
            self.at(at, Step::HangUp(SERVER, call));
        }
        self.change_now_and_then(SERVER, call);
    }

    fn fail(&mut self, why: String) {
        self.failure.get_or_insert(why);
    }

    fn check_the_end(self) -> Result<CallsReport, String> {
        for end in [PHONES, SERVER] {
            let counters = self.ends[end].counters();
            let left =
                (counters.calls, counters.half_open, counters.transactions, counters.transaction_bytes);
            if left != (0, 0, 0, 0) || self.ends[end].poll_timeout().is_some() {
                return Err(format!("left at the end: {counters:?}"));
            }
        }
        for pair in &self.pairs {
            pair.check_the_end().map_err(|why| format!("{why}: {pair:?}"))?;
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
        codecs: vec![CodecName::new("PCMU", 8_000, 0)],
        telephone_event: true,
        security: MediaSecurity::Refuse,
        key_seed: KeySeed::new([0; 32]),
    }
}
