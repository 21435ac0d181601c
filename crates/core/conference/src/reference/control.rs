//! What commands change, taken literally: roles, voices, the floor, the manner of a conference.

use crate::attendance::AttendanceState;
use crate::code::Role;
use crate::decision::Change;
use crate::ids::{AttendanceId, ConferenceId, RoomVersion};
use crate::voice::{Floor, Voice};

use super::ReferenceRoom;
use super::apply::{Applied, nonsense};

impl ReferenceRoom {
    pub(super) fn control(&mut self, version: RoomVersion, change: &Change) -> Applied {
        match change {
            Change::SetRole { attendance, role } => self.set_role(*attendance, *role),
            Change::SetVoice { attendance, voice } => self.set_voice(version, *attendance, *voice),
            Change::SetFloor { conference, floor } => self.set_floor(version, *conference, *floor),
            Change::SetManner { conference, manner } => {
                self.live(*conference)?.manner = *manner;
                Ok(())
            }
            Change::Extend { conference, until } => {
                self.live(*conference)?.extended_to = Some(*until);
                Ok(())
            }
            Change::NoteGuesses { attendance, guesses } => {
                self.row(*attendance)?.guesses = *guesses;
                Ok(())
            }
            Change::NoteNoise { attendance, noise, at } => {
                if !matches!(self.row(*attendance)?.state, AttendanceState::Seated { .. }) {
                    return Err(nonsense("noise of who does not sit"));
                }
                self.noises.insert(*attendance, (*noise, *at));
                Ok(())
            }
            Change::Remember { conference, number, past } => {
                self.live(*conference)?;
                if number.is_empty() {
                    return Err(nonsense("something of nobody is remembered"));
                }
                self.past.insert(number.clone(), *past);
                self.past.retain(|_, past| *past != crate::conference::Past::default());
                Ok(())
            }
            Change::Arrive { .. }
            | Change::Reattend { .. }
            | Change::Wait { .. }
            | Change::Refuse { .. }
            | Change::Seat { .. }
            | Change::Join { .. }
            | Change::Absent { .. }
            | Change::Return { .. }
            | Change::PutOffJoining { .. }
            | Change::Leave { .. }
            | Change::LeaveAll { .. }
            | Change::LeaveOthers { .. }
            | Change::CreateConference { .. }
            | Change::EndConference { .. }
            | Change::OpenLobby { .. }
            | Change::CloseLobby { .. }
            | Change::Reserve { .. }
            | Change::Move { .. }
            | Change::SetLock { .. }
            | Change::SetDeadline { .. }
            | Change::StartOutdial { .. }
            | Change::OpenSide { .. }
            | Change::JoinOutdial { .. }
            | Change::EndOutdial { .. } => Err(nonsense("no change of a command")),
        }
    }

    fn set_role(&mut self, attendance: AttendanceId, role: Role) -> Applied {
        let row = self.row(attendance)?;
        let AttendanceState::Seated { conference, .. } = row.state else {
            return Err(nonsense("a role for who does not sit"));
        };
        let before = std::mem::replace(&mut row.role, role);
        let live = self.live(conference)?;
        live.hosts_seated -= u32::from(before == Role::Host);
        live.hosts_seated += u32::from(role == Role::Host);
        Ok(())
    }

    fn set_voice(&mut self, version: RoomVersion, attendance: AttendanceId, wanted: Voice) -> Applied {
        let row = self.row(attendance)?;
        let AttendanceState::Seated { voice, .. } = &mut row.state else {
            return Err(nonsense("a voice for who does not sit"));
        };
        *voice = wanted;
        self.voices.insert(attendance, version);
        Ok(())
    }

    fn set_floor(&mut self, version: RoomVersion, there: ConferenceId, floor: Floor) -> Applied {
        self.live(there)?.floor = floor;
        for row in self.attendances.values_mut().filter(|row| row.role == Role::Participant) {
            if let AttendanceState::Seated { conference, voice, .. } = &mut row.state
                && *conference == there
                && voice.muted_by.floor != floor.silences(row.role)
            {
                voice.muted_by.floor = floor.silences(row.role);
                self.voices.insert(row.id, version);
            }
        }
        Ok(())
    }
}
