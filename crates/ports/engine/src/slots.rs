//! What a thread keeps of a leg and of a mix, and how a leg travels.

use std::sync::Arc;
use std::time::Instant;

use partyline_media::{Attachment, Leg, LegOutput, Mix, SeatKey};
use partyline_udp::{SocketKey, SocketPair};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use crate::counts::ThreadCounts;
use crate::home::MixHome;
use crate::inbox::{LegInbox, Reply};
use crate::types::{LegEvent, LegId, MixKey};

/// A leg on its way to a thread.
#[derive(Debug)]
pub(crate) struct Traveller {
    pub(crate) id: LegId,
    pub(crate) leg: Leg,
    pub(crate) sockets: SocketPair,
    pub(crate) inbox: Arc<LegInbox>,
    pub(crate) events: mpsc::Sender<LegEvent>,
    pub(crate) destination: Option<Destination>,
}

/// The mix that a leg is on its way to.
#[derive(Debug)]
pub(crate) struct Destination {
    pub(crate) mix: MixKey,
    pub(crate) home: MixHome,
    pub(crate) attachment: Attachment,
    pub(crate) reply: Reply,
    /// Threads that it has been sent to: the mix may be on its way too.
    pub(crate) hops: u8,
    /// The mix that it has left on its way.
    pub(crate) left: Option<MixKey>,
}

/// A leg at home.
#[derive(Debug)]
pub(crate) struct LegSlot {
    pub(crate) id: LegId,
    pub(crate) leg: Leg,
    pub(crate) socket: SocketKey,
    pub(crate) inbox: Arc<LegInbox>,
    pub(crate) events: mpsc::Sender<LegEvent>,
    /// The place of its mix among the thread's mixes.
    pub(crate) mix: Option<usize>,
    pub(crate) phase: usize,
    /// Frames until the next look at RTCP.
    pub(crate) control: ControlClock,
}

/// When a leg's RTCP is due, in frames.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ControlClock {
    frame: u16,
    send_at: u16,
    random: u32,
}

/// What of RTCP is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ControlDue {
    Nothing,
    Receive,
    ReceiveAndSend,
}

/// RTCP is received every second.
const RECEIVE_EVERY: u16 = 50;
/// The interval between reports before it is made random, 5 s: with two in a session its share of the bandwidth allows
/// more [RFC 3550 §6.2].
const INTERVAL: u32 = 250;

impl ControlClock {
    /// Draws its intervals from the leg's own random number, so that no two legs keep step.
    pub(crate) const fn new(random: u32) -> Self {
        let mut clock = Self { frame: 0, send_at: 0, random };
        // The first report comes after half the interval [RFC 3550 §6.2].
        clock.send_at = clock.draw(INTERVAL / 2);
        clock
    }

    pub(crate) const fn next(&mut self) -> ControlDue {
        self.frame += 1;
        if self.frame >= self.send_at {
            self.frame = 0;
            self.send_at = self.draw(INTERVAL);
            ControlDue::ReceiveAndSend
        } else if self.frame.is_multiple_of(RECEIVE_EVERY) {
            ControlDue::Receive
        } else {
            ControlDue::Nothing
        }
    }

    /// Half to one and a half times an interval, made up for what reconsideration would take [RFC 3550 §6.3.1].
    const fn draw(&mut self, interval: u32) -> u16 {
        self.random = self.random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let thousandths = 500 + (self.random >> 8) % 1_001;
        (interval * thousandths / 1_218) as u16
    }
}

/// A mix at home.
#[derive(Debug)]
pub(crate) struct MixSlot {
    pub(crate) key: MixKey,
    pub(crate) mix: Mix,
    pub(crate) phase: usize,
    pub(crate) home: MixHome,
    /// The thread that it goes to after its next tick.
    pub(crate) moves_to: Option<usize>,
}

/// A mix on its way to another thread, with all its legs in the order of their seats.
#[derive(Debug)]
pub(crate) struct Caravan {
    pub(crate) key: MixKey,
    pub(crate) mix: Mix,
    pub(crate) home: MixHome,
    pub(crate) legs: Vec<Traveller>,
    pub(crate) ticked_at: Instant,
}

impl MixSlot {
    pub(crate) fn detach(&mut self, seat: SeatKey, leg: &mut Leg) {
        self.mix.detach(seat, leg);
        self.note_legs();
    }

    /// Tells the engine how many legs are in.
    pub(crate) fn note_legs(&self) {
        self.home.has_legs(self.mix.len());
    }
}

impl LegSlot {
    pub(crate) fn tell(&self, event: LegEvent, counts: &ThreadCounts) {
        if let Err(TrySendError::Full(_)) = self.events.try_send(event) {
            counts.events_dropped(1);
        }
    }
}

/// The event of an output; `None` for what concerns the socket.
pub(crate) const fn event_of(output: LegOutput) -> Option<LegEvent> {
    match output {
        LegOutput::FirstPacket => Some(LegEvent::FirstPacket),
        LegOutput::Key(key) => Some(LegEvent::Key(key)),
        LegOutput::Tone(key) => Some(LegEvent::Tone(key)),
        LegOutput::PlayEnded(play) => Some(LegEvent::PlayEnded(play)),
        LegOutput::Quiet(quiet) => Some(LegEvent::Quiet(quiet)),
        LegOutput::Recorded(recording) => Some(LegEvent::Recorded(recording)),
        LegOutput::FirstMixedAudio => Some(LegEvent::FirstMixedAudio),
        LegOutput::SpokeUnheard => Some(LegEvent::SpokeUnheard),
        LegOutput::Noisy(noise) => Some(LegEvent::Noisy(noise)),
        LegOutput::Bind(_) | LegOutput::Unbind => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Shows RFC 3550 §6.3.1: reports are 0.5 to 1.5 intervals apart, at random.
    #[test]
    fn a_leg_reports_every_few_seconds_at_random() {
        for random in [0, 1, 77, u32::MAX] {
            let mut clock = ControlClock::new(random);
            let mut gaps = Vec::new();
            let mut frames = 0;
            let mut quiet = 0;
            for _ in 0..50_000 {
                frames += 1;
                quiet += 1;
                match clock.next() {
                    ControlDue::ReceiveAndSend => {
                        gaps.push(frames);
                        (frames, quiet) = (0, 0);
                    }
                    ControlDue::Receive => quiet = 0,
                    ControlDue::Nothing => assert!(quiet <= 2 * RECEIVE_EVERY, "RTCP waits too long"),
                }
            }
            assert!((51..=154).contains(&gaps[0]), "the first after {}", gaps[0]);
            assert!(gaps[1..].iter().all(|gap| (102..=308).contains(gap)), "{gaps:?}");
            let mean = gaps.iter().sum::<u32>() as usize / gaps.len();
            assert!((190..=220).contains(&mean), "{mean} frames in the mean");
            assert!(gaps.iter().collect::<std::collections::BTreeSet<_>>().len() > 50);
        }
    }
}
