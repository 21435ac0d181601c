//! What has arrived of a stream: order, loss and jitter [RFC 3550 A.1, A.3, A.8].
//!
//! It does not keep payloads. **Invariant:** a sequence number of a stream is accepted once, as long as it
//! comes no more than [`MISORDER_MAX`] packets late.

use std::time::{Duration, Instant};

use crate::packet::Packet;
use crate::rtcp::ReportBlock;
use crate::types::{RtpTime, SeqNo, Ssrc};

/// A forward jump of fewer packets is loss; a greater one is a restart, if a second packet continues it [A.1].
const DROPOUT_MAX: u16 = 3_000;
/// A packet this many behind the newest is still taken; the width of the window of what was seen.
const MISORDER_MAX: u16 = 127;

/// How a packet stands to those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// The first of its stream: the call's first, or after a change of source or a restart.
    Started,
    /// Newer than all before.
    Newest,
    /// Older than the newest, and not seen before.
    Reordered,
    /// Seen before.
    Duplicate,
    /// Too far off, or of another source; to be dropped. If the next one continues it, that one is `Started`.
    Suspect,
}

/// What has arrived, from the leg's start.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct ReceptionReport {
    /// Packets accepted.
    pub received: u64,
    /// Packets missing by sequence number, those that came late not counted.
    pub lost: u64,
    /// How often packets were missing, however many in a row.
    pub loss_runs: u64,
    /// Packets that came twice.
    pub duplicates: u64,
    /// Packets that came after a newer one.
    pub reordered: u64,
    /// Packets dropped as suspect.
    pub suspects: u64,
    /// How often a stream started.
    pub streams: u64,
    /// Interarrival jitter.
    pub jitter: Duration,
}

/// Watches the packets of one leg.
#[derive(Debug, Clone)]
pub struct Reception {
    clock_rate_hz: u32,
    current: Option<Stream>,
    suspect: Option<(Ssrc, SeqNo)>,
    totals: ReceptionReport,
}

/// The stream that is accepted now.
#[derive(Debug, Clone)]
struct Stream {
    ssrc: Ssrc,
    first: u64,
    highest: u64,
    received: u64,
    /// Bit n: the packet n behind the highest was seen.
    seen: u128,
    loss_runs: u64,
    reported: (u64, u64),
    clock: ArrivalClock,
}

/// The jitter estimate [A.8].
#[derive(Debug, Clone)]
struct ArrivalClock {
    started: Instant,
    last: Option<(RtpTime, u32)>,
    jitter_ticks: f32,
}

impl Reception {
    /// Watches a leg whose payload has this clock.
    #[must_use]
    pub fn new(clock_rate_hz: u32) -> Self {
        Self { clock_rate_hz, current: None, suspect: None, totals: ReceptionReport::default() }
    }

    /// Another codec's clock counts from here on; its jitter is learnt anew.
    pub fn set_clock_rate(&mut self, clock_rate_hz: u32) {
        if let (true, Some(stream)) = (clock_rate_hz != self.clock_rate_hz, &mut self.current) {
            stream.clock.last = None;
            stream.clock.jitter_ticks = 0.0;
        }
        self.clock_rate_hz = clock_rate_hz;
    }

    /// The stream accepted now.
    #[must_use]
    pub fn ssrc(&self) -> Option<Ssrc> {
        self.current.as_ref().map(|stream| stream.ssrc)
    }

    /// The sender said goodbye: whoever comes next is at once believed to follow it [RFC 3550 §6.6].
    pub fn handle_goodbye(&mut self, ssrc: Ssrc) {
        if self.ssrc() == Some(ssrc) {
            self.close_stream();
            self.suspect = None;
        }
    }

    /// Takes note of a packet and says how it stands to the others.
    pub fn accept(&mut self, now: Instant, packet: &Packet<'_>) -> Arrival {
        let arrival = match &mut self.current {
            None => Arrival::Started,
            Some(stream) if stream.ssrc == packet.ssrc => stream.place(packet.sequence),
            Some(_) => Arrival::Suspect,
        };
        let continues = self.suspect == Some((packet.ssrc, packet.sequence));
        let arrival = if arrival == Arrival::Suspect && continues { Arrival::Started } else { arrival };
        self.count(arrival, now, packet);
        arrival
    }

    fn count(&mut self, arrival: Arrival, now: Instant, packet: &Packet<'_>) {
        match arrival {
            Arrival::Started => {
                self.close_stream();
                self.totals.streams += 1;
                self.suspect = None;
                self.current = Some(Stream::new(now, packet));
            }
            Arrival::Newest => self.suspect = None,
            Arrival::Reordered => self.totals.reordered += 1,
            Arrival::Duplicate => self.totals.duplicates += 1,
            Arrival::Suspect => {
                self.totals.suspects += 1;
                self.suspect = Some((packet.ssrc, packet.sequence.next()));
            }
        }
        if let (Arrival::Started | Arrival::Newest, Some(stream)) = (arrival, &mut self.current) {
            stream.clock.note(now, packet.timestamp, self.clock_rate_hz);
        }
    }

    fn close_stream(&mut self) {
        if let Some(stream) = self.current.take() {
            self.totals.received += stream.received;
            self.totals.lost += stream.lost();
            self.totals.loss_runs += stream.loss_runs;
            self.totals.jitter = stream.clock.jitter(self.clock_rate_hz);
        }
    }

    /// What has arrived so far.
    #[must_use]
    pub fn report(&self) -> ReceptionReport {
        let mut report = self.totals;
        if let Some(stream) = &self.current {
            report.received += stream.received;
            report.lost += stream.lost();
            report.loss_runs += stream.loss_runs;
            report.jitter = stream.clock.jitter(self.clock_rate_hz);
        }
        report
    }

    /// The reception report block for RTCP, its `fraction_lost` since the last call; `None` before the first
    /// packet. The caller adds what it knows of sender reports.
    pub fn report_block(&mut self) -> Option<ReportBlock> {
        let stream = self.current.as_mut()?;
        let (expected, received) = (stream.expected(), stream.received);
        let (expected_before, received_before) = stream.reported;
        stream.reported = (expected, received);
        let expected_now = expected - expected_before;
        let lost_now = expected_now.saturating_sub(received - received_before);
        Some(ReportBlock {
            ssrc: stream.ssrc,
            fraction_lost: (lost_now * 256).checked_div(expected_now).unwrap_or(0).min(255) as u8,
            lost: stream.lost().min(0x7F_FFFF) as i32,
            highest_sequence: stream.highest as u32,
            jitter_ticks: stream.clock.jitter_ticks as u32,
            last_sender_report: 0,
            delay_since_last_sender_report: 0,
        })
    }
}

impl Stream {
    fn new(now: Instant, packet: &Packet<'_>) -> Self {
        let first = u64::from(packet.sequence.0);
        Self {
            ssrc: packet.ssrc,
            first,
            highest: first,
            received: 1,
            seen: 1,
            loss_runs: 0,
            reported: (0, 0),
            clock: ArrivalClock { started: now, last: None, jitter_ticks: 0.0 },
        }
    }

    fn place(&mut self, sequence: SeqNo) -> Arrival {
        let highest = SeqNo(self.highest as u16);
        let ahead = sequence.since(highest);
        if ahead == 0 {
            return Arrival::Duplicate;
        }
        if ahead < DROPOUT_MAX {
            self.highest += u64::from(ahead);
            self.seen = self.seen.checked_shl(u32::from(ahead)).unwrap_or(0) | 1;
            self.received += 1;
            self.loss_runs += u64::from(ahead > 1);
            return Arrival::Newest;
        }
        let behind = highest.since(sequence);
        if behind > MISORDER_MAX {
            return Arrival::Suspect;
        }
        let bit = 1u128 << behind;
        if self.seen & bit != 0 {
            return Arrival::Duplicate;
        }
        self.seen |= bit;
        self.received += 1;
        // Reordering at the very start: the stream began earlier than we thought.
        self.first = self.first.min(self.highest.saturating_sub(u64::from(behind)));
        Arrival::Reordered
    }

    fn expected(&self) -> u64 {
        self.highest - self.first + 1
    }

    fn lost(&self) -> u64 {
        self.expected().saturating_sub(self.received)
    }
}

impl ArrivalClock {
    fn note(&mut self, now: Instant, timestamp: RtpTime, clock_rate_hz: u32) {
        let elapsed = now.saturating_duration_since(self.started);
        let rate_hz = u64::from(clock_rate_hz);
        let part = u64::from(elapsed.subsec_nanos()) * rate_hz / 1_000_000_000;
        // Like the timestamp, it begins anew after 2³² ticks.
        let arrival = elapsed.as_secs().wrapping_mul(rate_hz).wrapping_add(part) as u32;
        let transit = arrival.wrapping_sub(timestamp.0);
        if let Some((last_timestamp, last_transit)) = self.last {
            if last_timestamp == timestamp {
                return; // the updates of one telephone-event say nothing about the network
            }
            let difference = transit.wrapping_sub(last_transit).cast_signed().unsigned_abs();
            // More than ten seconds is a jump of the sender's clock, not of the network.
            if difference < clock_rate_hz.saturating_mul(10) {
                self.jitter_ticks += (difference as f32 - self.jitter_ticks) / 16.0;
            }
        }
        self.last = Some((timestamp, transit));
    }

    fn jitter(&self, clock_rate_hz: u32) -> Duration {
        Duration::from_secs_f32(self.jitter_ticks / clock_rate_hz.max(1) as f32)
    }
}
