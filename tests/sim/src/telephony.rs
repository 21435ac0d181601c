//! SIP over a network that loses, doubles and reorders: a phone that makes many calls and three servers, all on the real
//! core, and what stands between them.
//!
//! There is no model but the contract: whatever the network does, every call that was begun ends, once, at all its
//! sides, by ends that the RFC has and that fit each other; while it lasts its sides agree who sends; no call is told
//! of twice, and nothing is left of any. Where a machine dies the others find out by their session timers.

mod middle;
mod network;
mod plan;
mod talk;
mod watch;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use partyline_sip::endpoint::{
    Because, CallEvent, CallKey, Endpoint, IncomingCall, Output, SubscriptionEvent, SubscriptionKey,
};
use partyline_sip::sdp::Direction;

use crate::chance::Chance;
use middle::{Letter, MIDDLE, Middle};
use network::Network;
pub(crate) use network::at;
use plan::{Doorkeeper, Way};
pub(crate) use plan::{capabilities, plain_endpoint};
use talk::{Run, Talk};
use watch::{Deed, Watches};

/// By then each change has come through or ended its call: what both sides know is the same.
const CALM: Duration = Duration::from_secs(160);
/// By then every timer of every transaction has run out, and of every call that only rings.
const END: Duration = Duration::from_secs(600);

const PHONE: usize = 0;
/// The phone, and the servers.
const PORTS: [u16; 4] = [5_070, 5_060, 5_061, 5_062];

/// What the calls of a run came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallsReport {
    /// Calls that the phone began.
    pub begun: usize,
    /// Calls that servers were told of; a forked one comes to several.
    pub came: usize,
    /// Calls that the phone heard answered.
    pub answered: usize,
    /// Changes of the media that were told of.
    pub changed: usize,
    /// Calls that were up at both sides when all was calm again.
    pub lasting: usize,
    /// Datagrams that were lost.
    pub lost: u64,
    /// How often each method and status was sent.
    pub said: BTreeMap<String, usize>,
}

enum Step {
    Datagram {
        from: SocketAddr,
        to: SocketAddr,
        bytes: Vec<u8>,
    },
    Begin,
    Progress(usize, CallKey),
    Answer(usize, CallKey),
    Reject(usize, CallKey, u16),
    HangUp(usize, CallKey),
    Reoffer(usize, CallKey, Direction),
    Located(CallKey, String),
    Watch(usize, Deed),
    /// All is calm: look at the calls that are up, and end them.
    Look,
}

struct Line {
    chance: Chance,
    origin: Instant,
    now: Duration,
    ends: Vec<Endpoint>,
    middle: Middle,
    doorkeeper: Doorkeeper,
    heap: BinaryHeap<Reverse<(Duration, u64)>>,
    steps: BTreeMap<u64, Step>,
    scheduled: u64,
    network: Network,
    talks: Vec<Talk>,
    /// Which talk, and which side of it, a call of an end is.
    known: BTreeMap<(usize, CallKey), (usize, usize)>,
    /// Whether calls have subscriptions and referrals in them.
    is_watched: bool,
    watches: Watches,
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

fn servers() -> Vec<SocketAddr> {
    PORTS[1..].iter().map(|port| at(*port)).collect()
}

impl Line {
    fn draw(seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        let origin = Instant::now();
        let network = Network::draw(&mut chance, &PORTS.map(at));
        let has_cut = network.has_cut();
        // Every third run, so that the others stay what they were.
        let is_watched = seed % 3 == 2;
        let ends =
            PORTS.iter().map(|port| plan::endpoint(&mut chance, at(*port), has_cut, is_watched)).collect();
        let mut line = Self {
            chance,
            origin,
            now: Duration::ZERO,
            ends,
            middle: Middle::new(servers()),
            doorkeeper: Doorkeeper::new(origin),
            heap: BinaryHeap::new(),
            steps: BTreeMap::new(),
            scheduled: 0,
            network,
            talks: Vec::new(),
            known: BTreeMap::new(),
            is_watched,
            watches: Watches::default(),
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

    fn soon(&mut self, from_ms: u64, to_ms: u64, step: Step) {
        let at = self.now + self.chance.between_ms(from_ms, to_ms);
        self.at(at, step);
    }

    /// What a user does to a call may come too late for it; then the answer is that there is none.
    fn take(&mut self, step: Step) {
        let now = self.instant();
        match step {
            Step::Datagram { from, to, bytes } => self.deliver(from, to, &bytes),
            Step::Begin => self.begin(),
            Step::Progress(end, call) => {
                if let Ok(Some(agreed)) = self.ends[end].progress(now, call, &capabilities(4_000)) {
                    self.with_talk(end, call, |talk, side| talk.agree(side, agreed.direction));
                }
            }
            Step::Answer(end, call) => {
                let Ok(agreed) = self.ends[end].answer(now, call, &capabilities(4_000)) else { return };
                self.with_talk(end, call, |talk, side| {
                    talk.is_answered(side);
                    agreed.iter().for_each(|agreed| talk.agree(side, agreed.direction));
                });
            }
            Step::Reject(end, call, status) => {
                if self.ends[end].reject(now, call, status, &Because::default()).is_ok() {
                    self.with_talk(end, call, Talk::act);
                }
            }
            Step::HangUp(end, call) => {
                if self.ends[end].hang_up(now, call, &Because::default()).is_ok() {
                    self.with_talk(end, call, Talk::act);
                }
            }
            Step::Reoffer(end, call, direction) => {
                let ours = capabilities(if end == PHONE { 6_000 } else { 4_000 });
                let _ = self.ends[end].reoffer(now, call, &ours, direction);
            }
            Step::Located(call, uri) => {
                self.ends[PHONE].handle_located(now, call, &plan::located(&uri, &servers()));
            }
            Step::Watch(end, deed) => {
                if let Err(why) = self.watches.take(now, end, &mut self.ends[end], deed) {
                    self.fail(why);
                }
            }
            Step::Look => self.look(),
        }
    }

    fn deliver(&mut self, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        let now = self.instant();
        if let Some(end) = PORTS.iter().position(|port| at(*port) == to) {
            self.ends[end].handle_datagram(now, to, from, bytes);
        } else if to == MIDDLE {
            for Letter { to, bytes, sure } in self.middle.handle(&mut self.chance, from, bytes) {
                self.send(MIDDLE, to, &bytes, sure);
            }
        }
    }

    /// What both sides know of a call is the same; then one of them hangs up.
    fn look(&mut self) {
        for number in 0..self.talks.len() {
            if self.network.has_cut() {
                // Somebody is gone without a word; by now the session timers of the others have told them.
                let is_dead = |end: usize| self.network.is_cut(at(PORTS[end]));
                if self.talks[number].is_with_the_dead(is_dead) {
                    self.fail(format!("it outlived its session: {:?}", self.talks[number]));
                }
                let phone = self.talks[number].sides[0].call;
                self.soon(0, 5_000, Step::HangUp(PHONE, phone));
                continue;
            }
            match self.talks[number].up() {
                None => {}
                Some(Ok(places)) => {
                    self.report.lasting += 1;
                    let place = places[usize::from(self.chance.percent(50))];
                    let side = &self.talks[number].sides[place];
                    let hang_up = Step::HangUp(side.end, side.call);
                    self.soon(0, 5_000, hang_up);
                }
                Some(Err(why)) => self.fail(why),
            }
        }
    }

    fn with_talk<T>(
        &mut self,
        end: usize,
        call: CallKey,
        change: impl FnOnce(&mut Talk, usize) -> T,
    ) -> Option<T> {
        let (talk, side) = *self.known.get(&(end, call))?;
        Some(change(&mut self.talks[talk], side))
    }

    fn begin(&mut self) {
        let number = self.talks.len();
        let way = Way::draw(&mut self.chance);
        let outgoing = plan::outgoing(&mut self.chance, number, way, &servers());
        let now = self.instant();
        match self.ends[PHONE].call(now, &outgoing) {
            Ok(call) => {
                self.report.begun += 1;
                self.talks.push(Talk::begun(way, PHONE, call));
                self.known.insert((PHONE, call), (number, 0));
                // Early or late, and now and then in the very moment of the answer.
                if self.chance.percent(70) {
                    let latest = if self.chance.percent(40) { 3_500 } else { 30_000 };
                    self.soon(0, latest, Step::HangUp(PHONE, call));
                }
                self.change_now_and_then(PHONE, call);
            }
            Err(error) => self.fail(format!("a phone could not call: {error}")),
        }
    }

    /// Hold and resume, as people do and conferences.
    fn change_now_and_then(&mut self, end: usize, call: CallKey) {
        for _ in 0..self.chance.below(4) {
            let direction = self.direction();
            self.soon(500, 30_000, Step::Reoffer(end, call, direction));
        }
        if self.is_watched && self.chance.percent(40) {
            self.soon(500, 30_000, Step::Watch(end, Deed::Subscribe(call)));
        }
        if self.is_watched && self.chance.percent(40) {
            self.soon(500, 30_000, Step::Watch(end, Deed::Refer(call)));
        }
    }

    fn watched(&mut self, end: usize, key: SubscriptionKey, event: &SubscriptionEvent) {
        match self.watches.tell(&mut self.chance, end, key, event) {
            Ok(deeds) => {
                for (latest, deed) in deeds {
                    self.soon(0, latest, Step::Watch(end, deed));
                }
            }
            Err(why) => self.fail(why),
        }
    }

    fn direction(&mut self) -> Direction {
        if self.chance.percent(50) { Direction::SendOnly } else { Direction::SendRecv }
    }

    fn drain(&mut self) {
        for end in 0..self.ends.len() {
            while let Some(output) = self.ends[end].poll_output() {
                match output {
                    Output::SendDatagram { local, remote, bytes } => self.send(local, remote, &bytes, false),
                    Output::Call(call, event) => self.event(end, call, &event),
                    Output::Locate { call, uri } => self.soon(1, 500, Step::Located(call, uri)),
                    Output::Subscription(key, event) => self.watched(end, key, &event),
                    Output::Registration(..) => self.fail("a registration that nobody asked for".to_owned()),
                    Output::SendStream { .. } | Output::Connect { .. } | Output::Disconnect { .. } => {
                        self.fail("TCP where nobody speaks it".to_owned());
                    }
                }
            }
        }
    }

    fn send(&mut self, from: SocketAddr, to: SocketAddr, bytes: &[u8], sure: bool) {
        for late in self.network.fate(&mut self.chance, self.now, [from, to], bytes, sure) {
            self.at(self.now + late, Step::Datagram { from, to, bytes: bytes.to_vec() });
        }
    }

    fn event(&mut self, end: usize, call: CallKey, event: &CallEvent) {
        if let CallEvent::Incoming(incoming) = event {
            self.incoming(end, call, incoming);
            return;
        }
        self.report.answered += usize::from(matches!(event, CallEvent::Answered(_)));
        self.report.changed += usize::from(matches!(event, CallEvent::Changed(_)));
        match self.with_talk(end, call, |talk, side| talk.tell(side, event)) {
            None => self.fail(format!("{call:?} was never begun: {event:?}")),
            Some(Err(why)) => self.fail(format!("{call:?}: {why}")),
            Some(Ok(())) => {}
        }
    }

    fn incoming(&mut self, end: usize, call: CallKey, incoming: &IncomingCall) {
        let number: Option<usize> =
            incoming.caller.parse().ok().filter(|number| *number < self.talks.len() && end != PHONE);
        let Some(number) = number else {
            self.fail(format!("{call:?} of {} comes to {end}", incoming.caller));
            return;
        };
        let now = self.instant();
        if incoming.dialled == "secret"
            && let Some(challenge) = self.doorkeeper.judge(now, incoming.source, &incoming.credentials)
        {
            if let Err(why) = self.ends[end].challenge(now, call, &challenge) {
                self.fail(format!("a call that comes can be challenged: {why}"));
            }
            // Of such a call nothing follows but its end.
            let side = self.talks[number].challenged(end, call);
            self.known.insert((end, call), (number, side));
            return;
        }
        match self.talks[number].come(end, call) {
            Ok(side) => {
                self.known.insert((end, call), (number, side));
            }
            Err(why) => {
                self.fail(why);
                return;
            }
        }
        self.report.came += 1;
        self.treat(end, call, number);
    }

    /// What a server does with a call.
    fn treat(&mut self, end: usize, call: CallKey, number: usize) {
        if self.chance.percent(50) {
            let now = self.instant();
            let _ = self.ends[end].ring(now, call);
        }
        if self.chance.percent(30) {
            self.soon(0, 1_500, Step::Progress(end, call));
        }
        if self.chance.percent(15) {
            let status = *self.chance.pick(&[486, 486, 503, 600]);
            self.soon(0, 3_000, Step::Reject(end, call, status));
            return;
        }
        self.soon(0, 3_000, Step::Answer(end, call));
        if self.chance.percent(30) {
            self.soon(0, 23_000, Step::HangUp(end, call));
        }
        self.change_now_and_then(end, call);
        // Both sides have the same idea in the same moment.
        if self.chance.percent(30) {
            let at = self.now + self.chance.between_ms(500, 20_000);
            let phone = self.talks[number].sides[0].call;
            for (end, call) in [(PHONE, phone), (end, call)] {
                let direction = self.direction();
                self.at(at, Step::Reoffer(end, call, direction));
            }
        }
    }

    fn fail(&mut self, why: String) {
        self.failure.get_or_insert(why);
    }

    fn check_the_end(mut self) -> Result<CallsReport, String> {
        for end in &self.ends {
            let counters = end.counters();
            if counters.entries != 0 || end.poll_timeout().is_some() {
                return Err(format!("left at the end: {counters:?}"));
            }
        }
        self.watches.check_the_end()?;
        let run = Run { is_fair: self.network.is_fair() };
        for talk in &self.talks {
            talk.check_the_end(run).map_err(|why| format!("{why}: {talk:?}"))?;
        }
        self.report.lost = self.network.lost;
        self.report.said = self.network.said;
        Ok(self.report)
    }
}
