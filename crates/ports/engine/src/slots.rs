//! What a thread keeps of a leg and of a mix, and how a leg travels.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use partyline_media::{Attachment, Leg, LegOutput, Mix};
use partyline_udp::{SocketKey, SocketPair};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use crate::counts::ThreadCounts;
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
    pub(crate) attachment: Attachment,
    pub(crate) reply: Reply,
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
/// RTCP is sent every 5 s [RFC 3550 §6.2].
const SEND_EVERY: u16 = 250;

impl ControlClock {
    /// Spreads legs by their place, so that their reports do not go out at once.
    pub(crate) const fn new(place: usize) -> Self {
        Self { frame: (place * 37 % SEND_EVERY as usize) as u16 }
    }

    pub(crate) const fn next(&mut self) -> ControlDue {
        self.frame = (self.frame + 1) % SEND_EVERY;
        if self.frame == 0 {
            ControlDue::ReceiveAndSend
        } else if self.frame.is_multiple_of(RECEIVE_EVERY) {
            ControlDue::Receive
        } else {
            ControlDue::Nothing
        }
    }
}

/// A mix at home.
#[derive(Debug)]
pub(crate) struct MixSlot {
    pub(crate) key: MixKey,
    pub(crate) mix: Mix,
    pub(crate) phase: usize,
    pub(crate) end: MixEnd,
}

/// Whether a mix is to end. Its thread looks at it with each tick, so that a mailbox without room for
/// the command delays the end, but never prevents it.
#[derive(Debug, Clone, Default)]
pub(crate) struct MixEnd(Arc<AtomicBool>);

impl MixEnd {
    pub(crate) fn ask(&self) {
        self.0.store(true, Ordering::Release);
    }

    pub(crate) fn is_asked(&self) -> bool {
        self.0.load(Ordering::Acquire)
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
        LegOutput::PlayEnded(play) => Some(LegEvent::PlayEnded(play)),
        LegOutput::Quiet(quiet) => Some(LegEvent::Quiet(quiet)),
        LegOutput::FirstMixedAudio => Some(LegEvent::FirstMixedAudio),
        LegOutput::Bind(_) | LegOutput::Unbind => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leg_looks_at_rtcp_every_second_and_reports_every_five() {
        for place in [0, 1, 6, 1_000] {
            let mut clock = ControlClock::new(place);
            let dues: Vec<ControlDue> = (0..2_500).map(|_| clock.next()).collect();
            let count = |due: ControlDue| dues.iter().filter(|&&other| other == due).count();
            assert_eq!((count(ControlDue::ReceiveAndSend), count(ControlDue::Receive)), (10, 40));
        }
    }
}
