//! A store in memory, as plain as can be: what each [`Change`](crate::Change) means.
//!
//! It is the measure for real stores and the ground that the rules are tested on. It is *not* for use in the
//! product: it keeps everything for ever. It is strict where a database is lenient: a change that makes no sense
//! where it stands is [`ReferenceError::Nonsense`], and so is a commit that leaves the room in a state that must
//! never be.
//!
//! **Invariant:** a commit is applied whole, on exactly the version that it was decided on, or not at all.

mod apply;
mod aside;
mod control;
mod room;
mod views;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::account::AccountUse;
use crate::attendance::{Attendance, AttendanceState};
use crate::command::CommandAnswer;
use crate::decision::Decision;
use crate::dialling::DialOutUse;
use crate::ids::{AttendanceId, CommandId, ConfereeId, MixerId, RoomId, RoomVersion};
use crate::intent::Intent;
use crate::placement::MixerLoad;
use crate::room::Room;
use crate::snapshot::RoomSnapshot;
use crate::time::Timestamp;

pub use room::ReferenceRoom;

/// Why a commit was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// The room has another version by now.
    #[error("the room has changed meanwhile")]
    Conflict,
    /// The mixer has not that many seats left.
    #[error("mixer {0} has no seats left")]
    MixerFull(MixerId),
    /// The account's limit was reached by another room meanwhile.
    #[error("the account's limit is reached")]
    AccountFull,
    /// The decision is wrong in itself: a bug of the rules.
    #[error("nonsense: {0}")]
    Nonsense(&'static str),
}

/// Rooms of one account and the mixers that they share.
#[derive(Debug, Clone, Default)]
pub struct ReferenceStore {
    rooms: BTreeMap<RoomId, ReferenceRoom>,
    mixers: BTreeMap<MixerId, MixerLoad>,
    callers_max: Option<u32>,
    answers: BTreeMap<CommandId, CommandAnswer>,
    commits: u64,
}

impl ReferenceStore {
    /// Most overdue attendances that one snapshot names; the next tick sees the rest.
    pub const OVERDUE_MAX: usize = 256;

    /// A store without rooms or mixers, of an account with this limit.
    #[must_use]
    pub fn new(callers_max: Option<u32>) -> Self {
        Self { callers_max, ..Self::default() }
    }

    /// Adds a room, or changes its settings; its version moves on.
    pub fn put_room(&mut self, room: Room) {
        match self.rooms.get_mut(&room.id) {
            Some(known) => {
                let version = known.room.version.next();
                known.room = Room { version, ..room };
            }
            None => {
                self.rooms.insert(room.id, ReferenceRoom::new(room));
            }
        }
    }

    /// Adds a mixer, with nothing reserved on it.
    pub fn put_mixer(&mut self, mixer: MixerLoad) {
        self.mixers.insert(mixer.id.clone(), MixerLoad { reserved: 0, ..mixer });
    }

    /// A room with all that was ever in it.
    #[must_use]
    pub fn room(&self, room: RoomId) -> Option<&ReferenceRoom> {
        self.rooms.get(&room)
    }

    /// An attendance, live or over, whatever its room.
    #[must_use]
    pub fn attendance(&self, attendance: AttendanceId) -> Option<&Attendance> {
        self.rooms.values().find_map(|room| room.attendances().get(&attendance))
    }

    /// The attendances that these intents name, those of the conferees that they are about included.
    #[must_use]
    pub fn named(&self, intents: &[Intent]) -> Vec<AttendanceId> {
        let about: Vec<ConfereeId> = intents.iter().filter_map(Intent::conferee).collect();
        let is_about = |row: &&Attendance| matches!(row.state, AttendanceState::Seated { conferee, .. } if about.contains(&conferee));
        let rows = self.rooms.values().flat_map(|room| room.attendances().values());
        intents.iter().flat_map(Intent::attendances).chain(rows.filter(is_about).map(|row| row.id)).collect()
    }

    /// The mixers with what is reserved on them.
    pub fn mixers(&self) -> impl Iterator<Item = &MixerLoad> {
        self.mixers.values()
    }

    /// The first answer to a command.
    #[must_use]
    pub fn answered_command(&self, id: CommandId) -> Option<CommandAnswer> {
        self.answers.get(&id).copied()
    }

    /// How many commits were applied.
    #[must_use]
    pub const fn commits(&self) -> u64 {
        self.commits
    }

    /// Callers who wait or sit in any room.
    #[must_use]
    pub fn callers(&self) -> u32 {
        self.rooms.values().map(ReferenceRoom::callers).sum()
    }

    /// One reading of a room for a batch that names these attendances; `None` for an unknown room. Of the mixers
    /// that are held for alive it lists those of the room's class, and those that carry the room's mixes.
    #[must_use]
    pub fn snapshot(
        &self,
        room: RoomId,
        now: Timestamp,
        named: &[AttendanceId],
        live_mixers: &[MixerId],
    ) -> Option<RoomSnapshot> {
        let known = self.rooms.get(&room)?;
        let overdue = known.overdue(now, Self::OVERDUE_MAX);
        let of_outdials: Vec<AttendanceId> =
            known.outdials.iter().flat_map(|outdial| [outdial.asker, outdial.callee]).collect();
        let attendances =
            named.iter().chain(&overdue).chain(&of_outdials).filter_map(|id| self.attendance(*id));
        let mixers = live_mixers.iter().filter_map(|id| self.mixers.get(id));
        Some(RoomSnapshot {
            now,
            room: known.room.clone(),
            conference: known.conference().cloned(),
            lobby: known.lobby().cloned(),
            waiting: known.waiting(),
            past: known.past.clone(),
            attendances: attendances.map(|row| (row.id, row.clone())).collect(),
            mixers: mixers
                .filter(|mixer| mixer.class == known.room.class || known.is_on(&mixer.id))
                .cloned()
                .collect(),
            overdue,
            account: AccountUse {
                callers: self.callers_max.map_or(0, |_| self.callers()),
                callers_max: self.callers_max,
            },
            outdials: known.outdials.clone(),
            dial_out: if known.room.dial_out { self.dial_out_use(now) } else { DialOutUse::default() },
            dial_out_rules: Arc::default(),
        })
    }

    /// Applies a decision whole, or not at all.
    ///
    /// # Errors
    /// [`ReferenceError`]; the store is as before then.
    pub fn commit(
        &mut self,
        room: RoomId,
        expected: RoomVersion,
        at: Timestamp,
        decision: &Decision,
    ) -> Result<RoomVersion, ReferenceError> {
        let before = self.callers();
        let mut after = self.clone();
        let version = after.apply(room, expected, at, decision)?;
        if after.callers() > before && after.callers_max.is_some_and(|max| after.callers() > max) {
            return Err(ReferenceError::AccountFull);
        }
        after.check()?;
        *self = after;
        Ok(version)
    }

    fn apply(
        &mut self,
        room: RoomId,
        expected: RoomVersion,
        at: Timestamp,
        decision: &Decision,
    ) -> Result<RoomVersion, ReferenceError> {
        let known = self.rooms.get_mut(&room).ok_or(ReferenceError::Nonsense("a decision for no room"))?;
        if known.room.version != expected {
            return Err(ReferenceError::Conflict);
        }
        for change in &decision.changes {
            known.apply(at, expected.next(), change)?;
        }
        for (id, answer) in &decision.answers {
            if self.answers.insert(*id, *answer).is_some() {
                return Err(ReferenceError::Nonsense("a command is answered twice"));
            }
        }
        known.tell(at, &decision.events);
        known.room.version = expected.next();
        let version = known.room.version;
        // What was given back is told by what the rooms still hold.
        for mixer in self.mixers.values_mut() {
            mixer.reserved = self.rooms.values().map(|room| room.reserved_on(&mixer.id)).sum();
        }
        self.commits += 1;
        Ok(version)
    }

    fn check(&self) -> Result<(), ReferenceError> {
        let is_known = |mixer: &MixerId| self.mixers.contains_key(mixer);
        if !self.rooms.values().flat_map(ReferenceRoom::live_mixes).all(|mix| is_known(&mix.mixer)) {
            return Err(ReferenceError::Nonsense("a mix on an unknown mixer"));
        }
        if let Some(full) = self.mixers.values().find(|mixer| mixer.reserved > mixer.seats_max) {
            return Err(ReferenceError::MixerFull(full.id.clone()));
        }
        self.rooms
            .values()
            .find_map(ReferenceRoom::fault)
            .map_or(Ok(()), |fault| Err(ReferenceError::Nonsense(fault)))
    }
}
