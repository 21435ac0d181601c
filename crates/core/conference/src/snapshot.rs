//! What a decision sees of the store: counts, never the roster.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::account::AccountUse;
use crate::attendance::{Attendance, Waiting};
use crate::conference::{LiveConference, LiveMix, Past};
use crate::dialling::{DialOutRules, DialOutUse};
use crate::ids::AttendanceId;
use crate::outdial::Outdial;
use crate::placement::MixerLoad;
use crate::room::Room;
use crate::time::Timestamp;

/// One consistent reading of a room, taken for one batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomSnapshot {
    /// The wall clock at the reading.
    pub now: Timestamp,
    /// The room, with the version that the decision commits against.
    pub room: Room,
    /// Its live conference.
    pub conference: Option<LiveConference>,
    /// Its lobby, if early callers talk.
    pub lobby: Option<LiveMix>,
    /// Who waits, in order of arrival (attendance identifier where two came in one instant).
    pub waiting: Vec<Waiting>,
    /// What is remembered of callers who were in the live conference, by their number.
    pub past: BTreeMap<String, Past>,
    /// The attendances that the batch names (those of the conferees that its commands are about included), as far as the
    /// store knows them.
    pub attendances: BTreeMap<AttendanceId, Attendance>,
    /// Attendances whose deadline is past; they are in `attendances` too.
    pub overdue: Vec<AttendanceId>,
    /// Live mixers of the room's class, and those that carry its mixes (the class may have been changed meanwhile).
    pub mixers: Vec<MixerLoad>,
    /// How much of its limit the account uses.
    pub account: AccountUse,
    /// The outdials of the live conference, oldest first; who had somebody called and who was are in `attendances`.
    pub outdials: Vec<Outdial>,
    /// How much the account dials out.
    pub dial_out: DialOutUse,
    /// What holds for dialling out; stores know none of it, who decides puts it here.
    pub dial_out_rules: Arc<DialOutRules>,
}
