//! The parts of the world: what each of them remembers.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use partyline_conference::{
    AttendanceId, Decision, Epoch, Generation, Intent, MixId, MixerId, RoomId, RoomVersion, Standing,
    Timestamp, VruId,
};

use crate::event::{CallIndex, ServerIndex, StreamIndex};

/// A VRU, with the calls that it has.
#[derive(Debug)]
pub(crate) struct Vru {
    pub(crate) id: VruId,
    pub(crate) is_up: bool,
    pub(crate) died_at: Option<Duration>,
}

/// A mixer.
#[derive(Debug)]
pub(crate) struct Mixer {
    pub(crate) id: MixerId,
    pub(crate) died_at: Option<Duration>,
}

/// Where a caller's leg is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Leg {
    pub(crate) mixer: MixerId,
    pub(crate) mix: MixId,
    pub(crate) epoch: Epoch,
}

/// One stream.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) call: CallIndex,
    pub(crate) server: ServerIndex,
    pub(crate) generation: Generation,
    /// The life of the server in which the hello came.
    pub(crate) life: Option<u32>,
    /// What was last told on it.
    pub(crate) told: Option<Standing>,
    pub(crate) is_cut: bool,
    pub(crate) up_free_at: Duration,
    pub(crate) down_free_at: Duration,
}

/// One interface server.
#[derive(Debug, Default)]
pub(crate) struct Server {
    pub(crate) is_down: bool,
    /// Tells what it began in this life from what it began before it died.
    pub(crate) life: u32,
    pub(crate) queues: BTreeMap<RoomId, VecDeque<Intent>>,
    pub(crate) busy: BTreeSet<RoomId>,
    pub(crate) decided: BTreeMap<RoomId, (Vec<Intent>, Timestamp, RoomVersion, Decision)>,
    pub(crate) attached: BTreeMap<AttendanceId, StreamIndex>,
    pub(crate) seen: BTreeMap<RoomId, RoomVersion>,
    pub(crate) swept: u64,
}

impl Server {
    /// It dies: what it knew is gone. Answers with the streams that break.
    pub(crate) fn die(&mut self) -> Vec<StreamIndex> {
        let streams = self.attached.values().copied().collect();
        *self = Self { is_down: true, life: self.life + 1, ..Self::default() };
        streams
    }
}
