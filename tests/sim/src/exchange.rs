//! Calls by the thousand between two ends, to look at what they leave behind.

use std::net::SocketAddr;
use std::time::Instant;

use partyline_sip::endpoint::{Because, CallEvent, Endpoint, OutgoingCall, Output, Target, TransportKind};

use crate::chance::Chance;
use crate::telephony::{at, capabilities, plain_endpoint};

const ADDRESSES: [SocketAddr; 2] = [at(5_070), at(5_060)];

/// Two ends, and a network between them that is quick and loses one datagram in eight.
pub struct Exchange {
    chance: Chance,
    now: Instant,
    ends: [Endpoint; 2],
}

impl Exchange {
    /// Ends that have had no calls.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        let ends = ADDRESSES.map(|address| plain_endpoint(&mut chance, address));
        Self { chance, now: Instant::now(), ends }
    }

    /// Makes so many calls, some milliseconds after each other, and waits until nothing is left of any.
    pub fn calls(&mut self, count: usize) {
        let target = Target { transport: TransportKind::Udp, remote: ADDRESSES[1] };
        let outgoing = OutgoingCall::new("sip:100@127.0.0.1:5060", target, capabilities(6_000));
        for _ in 0..count {
            // Where the storm has filled all places a call is refused, which is as good.
            let begun = self.ends[0].call(self.now, &outgoing);
            let until = self.now + self.chance.between_ms(1, 200);
            self.pass(until);
            if self.chance.percent(50)
                && let Ok(call) = begun
            {
                let _ = self.ends[0].hang_up(self.now, call, &Because::default());
            }
        }
        while let Some(next) = self.ends.iter().filter_map(Endpoint::poll_timeout).min() {
            self.pass(next.max(self.now));
        }
    }

    /// The entries of all maps of both ends.
    #[must_use]
    pub fn entries(&self) -> usize {
        self.ends.iter().map(|end| end.counters().entries).sum()
    }

    fn pass(&mut self, until: Instant) {
        self.drain();
        while let Some(next) = self.ends.iter().filter_map(Endpoint::poll_timeout).min() {
            if next > until {
                break;
            }
            self.now = next.max(self.now);
            for end in &mut self.ends {
                end.handle_timeout(self.now);
            }
            self.drain();
        }
        self.now = until;
    }

    fn drain(&mut self) {
        while let Some((end, output)) = self.output() {
            match output {
                Output::SendDatagram { local, bytes, .. } if !self.chance.percent(12) => {
                    self.ends[1 - end].handle_datagram(self.now, ADDRESSES[1 - end], local, &bytes);
                }
                Output::Call(call, CallEvent::Incoming(_)) => {
                    let now = self.now;
                    let _ = match self.chance.below(10) {
                        0 => self.ends[end].reject(now, call, 486, &Because::default()),
                        // It rings until its caller or its timer has enough.
                        1 => self.ends[end].ring(now, call),
                        _ => self.ends[end].answer(now, call, &capabilities(4_000)).map(|_| ()),
                    };
                }
                Output::Call(call, CallEvent::Confirmed(_)) if self.chance.percent(60) => {
                    let _ = self.ends[end].hang_up(self.now, call, &Because::default());
                }
                _ => {}
            }
        }
    }

    fn output(&mut self) -> Option<(usize, Output)> {
        (0..self.ends.len()).find_map(|end| Some((end, self.ends[end].poll_output()?)))
    }
}
