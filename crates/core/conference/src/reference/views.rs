//! What should hold for callers, read from the reference store.

use crate::attendance::{Attendance, AttendanceState, WaitingKind};
use crate::code::Role;
use crate::conference::{ConfereeState, ConferenceEnd, LiveConference, LiveMix, MixKind};
use crate::ids::{AttendanceId, ConferenceId, RoomVersion};
use crate::line_noise::NoisyLine;
use crate::room::HostLeaves;
use crate::view::{AttendanceView, Controls, MixView, RosterEntry, Standing, WaitingEntry};
use crate::voice::Voice;

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
            voice_version: room.voice_version(row),
            standing: room.standing(row)?,
        })
    }
}

impl ReferenceRoom {
    fn standing(&self, row: &Attendance) -> Option<Standing> {
        Some(match row.state {
            AttendanceState::Waiting(WaitingKind::Held) => Standing::Held,
            AttendanceState::Waiting(WaitingKind::WaitingRoom) => Standing::InWaitingRoom,
            AttendanceState::Waiting(WaitingKind::Lobby) => {
                Standing::ConnectedForNow(mix_view(self.lobby()?, MixKind::Lobby))
            }
            AttendanceState::Waiting(WaitingKind::Aside) => Standing::Aside(self.side_of(row.id)?),
            AttendanceState::Seated { conference, conferee, order, state, voice } => {
                let live = self.conference().filter(|live| live.id == conference)?;
                Standing::Placed {
                    conference,
                    conferee,
                    order,
                    role: row.role,
                    state,
                    is_alone: !self.has_others(row.id, conference),
                    music: live.manner.music(&self.room),
                    is_locked: live.is_locked,
                    controls: self.controls(live, row.role, voice),
                    mix: match self.pending_of(row.id).and_then(|outdial| outdial.mix.as_ref()) {
                        Some(side) => mix_view(side, MixKind::Side),
                        None => mix_view(&live.mix, MixKind::Conference),
                    },
                    aside: self.aside_view(row.id).map(Box::new),
                }
            }
            AttendanceState::Refused(refusal) => Standing::Refused(refusal),
            AttendanceState::Left(reason) => Standing::Removed(reason),
        })
    }

    fn voice_version(&self, row: &Attendance) -> RoomVersion {
        let sits = matches!(row.state, AttendanceState::Seated { .. });
        self.voices.get(&row.id).copied().filter(|_| sits).unwrap_or_default()
    }

    fn controls(&self, live: &LiveConference, role: Role, voice: Voice) -> Controls {
        let is_host = role == Role::Host;
        let hands = self.roster().iter().filter(|entry| entry.hand_raised_at.is_some()).count();
        let for_host = |count: usize| if is_host { u32::try_from(count).unwrap_or(u32::MAX) } else { 0 };
        Controls {
            mute: voice.mute(),
            may_unmute: voice.may_unmute(role, live.floor, self.room.unmute_oneself),
            may_roll_call: is_host || self.room.roll_call,
            hand_raised: voice.hand_raised_at.is_some(),
            floor: live.floor,
            announce: live.manner.announce(&self.room),
            continues: live.manner.host_leaves(&self.room) == HostLeaves::Continue,
            ends_at: live
                .deadline
                .filter(|deadline| deadline.why != ConferenceEnd::NoMixer)
                .map(|deadline| deadline.at),
            hands: for_host(hands),
            waiting: for_host(self.waiting_room().len()),
            noisy: self.noisy().filter(|_| is_host),
        }
    }

    /// Who has joined the live conference, or is absent, in order of entry.
    #[must_use]
    pub fn roster(&self) -> Vec<RosterEntry> {
        let seated = self.seated();
        let rows = seated.iter().filter_map(|(_, id)| self.attendances().get(id));
        rows.filter_map(|row| match row.state {
            AttendanceState::Seated { state: ConfereeState::Placed, .. }
            | AttendanceState::Waiting(_)
            | AttendanceState::Refused(_)
            | AttendanceState::Left(_) => None,
            AttendanceState::Seated { conferee, order, state, voice, .. } => Some(RosterEntry {
                conferee,
                attendance: row.id,
                order,
                role: row.role,
                state,
                mute: voice.mute(),
                hand_raised_at: voice.hand_raised_at,
                caller_number: row.caller.number.clone(),
                has_name: false,
                voice_version: self.voice_version(row),
            }),
        })
        .collect()
    }

    /// Whose line made noise last, of who sits in the live conference.
    fn noisy(&self) -> Option<NoisyLine> {
        let noisy = |entry: RosterEntry| {
            let (noise, at) = *self.noises.get(&entry.attendance)?;
            Some(NoisyLine {
                conferee: entry.conferee,
                attendance: entry.attendance,
                order: entry.order,
                has_name: entry.has_name,
                noise,
                at,
                is_muted: entry.mute.is_muted(),
            })
        };
        // Of two in one instant who came first is told.
        self.roster().into_iter().filter_map(noisy).rev().max_by_key(|line| line.at)
    }

    /// Who is in the waiting room, in order of arrival.
    #[must_use]
    pub fn waiting_room(&self) -> Vec<WaitingEntry> {
        let waiting = self.waiting().into_iter().filter(|caller| caller.kind == WaitingKind::WaitingRoom);
        let mut entries: Vec<WaitingEntry> = waiting
            .filter_map(|caller| self.attendances().get(&caller.attendance))
            .map(|row| WaitingEntry {
                attendance: row.id,
                arrived_at: row.arrived_at,
                caller_number: row.caller.number.clone(),
                has_name: false,
            })
            .collect();
        // Of two who came in one instant the identifier says who is first.
        entries.sort_by_key(|entry| (entry.arrived_at, entry.attendance));
        entries
    }

    fn has_others(&self, than: AttendanceId, there: ConferenceId) -> bool {
        self.attendances().values().any(|row| {
            row.id != than
                && matches!(row.state, AttendanceState::Seated { conference, state, .. }
                    if conference == there && state != ConfereeState::Absent)
        })
    }
}

pub(super) fn mix_view(mix: &LiveMix, kind: MixKind) -> MixView {
    let address = mix.mixer.to_string();
    MixView { mix: mix.mix, kind, mixer: mix.mixer.clone(), address, epoch: mix.epoch }
}
