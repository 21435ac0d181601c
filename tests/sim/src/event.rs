//! What can happen, and when: a queue in virtual time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use partyline_call::Fact;
use partyline_conference::{Epoch, Generation, LeaveReason, MixId, MixerId, RoomId, Standing};

/// A call, by its place in the list of calls.
pub(crate) type CallIndex = usize;
/// An interface server, likewise.
pub(crate) type ServerIndex = usize;
/// An Attend stream, likewise.
pub(crate) type StreamIndex = usize;

/// What travels up an Attend stream.
#[derive(Debug, Clone)]
pub(crate) enum Up {
    Hello { generation: Generation, joined: Option<(MixId, Epoch)>, left: Option<LeaveReason> },
    Joined(MixId, Epoch),
    Left(LeaveReason),
}

/// What travels down.
#[derive(Debug, Clone)]
pub(crate) enum Down {
    Standing(Box<Standing>),
    /// The stream's end: nothing more is to be told.
    End,
}

/// Something that happens.
#[derive(Debug, Clone)]
pub(crate) enum Event {
    /// A caller dials.
    Dial(CallIndex),
    /// A brain is told something.
    Tell(CallIndex, Fact),
    /// A brain's time has come.
    Wake(CallIndex),
    /// A VRU attends again.
    Reattend(CallIndex, Generation),
    /// Something arrives at the stream's interface server.
    Up(StreamIndex, Up),
    /// Something arrives at the stream's VRU.
    Down(StreamIndex, Down),
    /// The VRU sees that a stream is broken.
    Broken(StreamIndex),
    /// An interface server decides what is queued for a room; the number tells its lives apart.
    Decide(ServerIndex, u32, RoomId),
    /// Its commit reaches the store.
    Commit(ServerIndex, u32, RoomId),
    /// It hears that a room has changed.
    Signal(ServerIndex, RoomId),
    /// It looks at leases, deadlines and versions.
    Sweep(ServerIndex),
    /// A VRU asks a mixer to take a caller's leg.
    Join(CallIndex, MixerId, MixId, Epoch),
    /// An interface server tells a mixer that a placement is over.
    EndMix(MixerId, MixId, Epoch),
    /// A part dies, or is back.
    Fault(Fault),
}

/// What goes wrong, and ends.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    ServerDies(ServerIndex),
    ServerIsBack(ServerIndex),
    MixerDies(usize),
    MixerIsBack(usize),
    VruDies(usize),
    /// From here on everything works.
    Calm,
}

/// Events in the order of their time, and of their being scheduled where that is the same.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    heap: BinaryHeap<Reverse<(Duration, u64)>>,
    events: std::collections::BTreeMap<u64, Event>,
    scheduled: u64,
}

impl Queue {
    pub(crate) fn at(&mut self, at: Duration, event: Event) {
        self.scheduled += 1;
        self.heap.push(Reverse((at, self.scheduled)));
        self.events.insert(self.scheduled, event);
    }

    pub(crate) fn next(&mut self) -> Option<(Duration, Event)> {
        let Reverse((at, number)) = self.heap.pop()?;
        let event = self.events.remove(&number).expect("scheduled with its number");
        Some((at, event))
    }
}
