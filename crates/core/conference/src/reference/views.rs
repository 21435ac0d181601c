//! What should hold for callers, read from the reference store.

use crate::attendance::{Attendance, AttendanceState, WaitingKind};
use crate::conference::{ConfereeState, LiveMix, MixKind};
use crate::ids::{AttendanceId, ConferenceId};
use crate::view::{AttendanceView, MixView, Standing};

use super::{ReferenceRoom, ReferenceStore};

impl ReferenceStore {
    /// What should hold for a caller; `None` for an unknown one. A mixer's address is
    /// its name here.
    #[must_use]
    pub fn view(&self, attendance: AttendanceId) -> Option<AttendanceView> {
        let (room, row) =
            self.rooms.values().find_map(|room| Some((room, room.attendances().get(&attendance)?)))?;
        Some(AttendanceView {
            attendance,
            room: room.room.id,
            generation: row.generation,
            vru: row.vru.clone(),
            caller: row.caller.clone(),
            is_missed: row.is_missed(room.room.wait_max),
            standing: room.standing(row)?,
        })
    }
}

impl ReferenceRoom {
    fn standing(&self, row: &Attendance) -> Option<Standing> {
        Some(match row.state {
            AttendanceState::Waiting(WaitingKind::Held) => Standing::Held,
            AttendanceState::Waiting(WaitingKind::Lobby) => {
                Standing::ConnectedForNow(mix_view(self.lobby()?, MixKind::Lobby))
            }
            AttendanceState::Seated { conference, conferee, order, state } => {
                let live = self.conference().filter(|live| live.id == conference)?;
                Standing::Placed {
                    conference,
                    conferee,
                    order,
                    role: row.role,
                    state,
                    is_alone: !self.has_others(row.id, conference),
                    music: self.room.music,
                    is_locked: live.is_locked,
                    mix: mix_view(&live.mix, MixKind::Conference),
                }
            }
            AttendanceState::Refused(refusal) => Standing::Refused(refusal),
            AttendanceState::Left(reason) => Standing::Removed(reason),
        })
    }

    fn has_others(&self, than: AttendanceId, there: ConferenceId) -> bool {
        self.attendances().values().any(|row| {
            row.id != than
                && matches!(row.state, AttendanceState::Seated { conference, state, .. }
                    if conference == there && state != ConfereeState::Absent)
        })
    }
}

fn mix_view(mix: &LiveMix, kind: MixKind) -> MixView {
    let address = mix.mixer.to_string();
    MixView { mix: mix.mix, kind, mixer: mix.mixer.clone(), address, epoch: mix.epoch }
}
