//! The room in hand: changes that commands make to a conference and who sits in it, and the answers to them.

use crate::attendance::{AttendanceState, Guesses, LeaveReason};
use crate::code::Role;
use crate::command::{CommandAnswer, CommandNote};
use crate::conference::{ConferenceEnd, Deadline, Manner, Past};
use crate::decision::Change;
use crate::event::EventKind;
use crate::ids::{AttendanceId, CommandId, ConfereeId};
use crate::line_noise::LineNoise;
use crate::outdial::OutdialEnd;
use crate::time::Timestamp;
use crate::voice::{Floor, Voice};

use super::RoomInHand;

impl RoomInHand<'_> {
    /// Who sits in the live conference under this identifier, as far as the snapshot names them.
    pub(in crate::rules) fn conferee(&self, wanted: ConfereeId) -> Option<AttendanceId> {
        let live = self.facts.conference.as_ref()?;
        self.facts
            .attendances
            .values()
            .find(|known| {
                matches!(known.state, AttendanceState::Seated { conference, conferee, .. }
                    if conference == live.id && conferee == wanted)
            })
            .map(|known| known.id)
    }

    /// The voice of who sits in the live conference.
    pub(in crate::rules) fn voice_of(&self, attendance: AttendanceId) -> Option<Voice> {
        let live = self.facts.conference.as_ref()?;
        match self.known(attendance)?.state {
            AttendanceState::Seated { conference, voice, .. } if conference == live.id => Some(voice),
            AttendanceState::Seated { .. }
            | AttendanceState::Waiting(_)
            | AttendanceState::Refused(_)
            | AttendanceState::Left(_) => None,
        }
    }

    /// Sets whether a conferee may be heard; nothing where it is so already.
    pub(in crate::rules) fn set_voice(&mut self, attendance: AttendanceId, wanted: Voice) {
        if self.voice_of(attendance).is_none_or(|voice| voice == wanted) {
            return;
        }
        self.change(Change::SetVoice { attendance, voice: wanted });
        if let Some(known) = self.facts.attendances.get_mut(&attendance)
            && let AttendanceState::Seated { voice, .. } = &mut known.state
        {
            *voice = wanted;
        }
    }

    /// Gives the conference another floor; whoever sits in it is silenced by it from now on, or no more.
    pub(in crate::rules) fn set_floor(&mut self, floor: Floor) {
        let Some(live) = self.facts.conference.as_mut() else {
            return;
        };
        live.floor = floor;
        let here = live.id;
        self.change(Change::SetFloor { conference: here, floor });
        for known in self.facts.attendances.values_mut() {
            if let AttendanceState::Seated { conference, voice, .. } = &mut known.state
                && *conference == here
                && known.role == Role::Participant
            {
                voice.muted_by.floor = floor.silences(known.role);
            }
        }
    }

    /// Gives a conferee another role. A host is silenced by no floor.
    pub(in crate::rules) fn set_role(&mut self, attendance: AttendanceId, role: Role) {
        let Some(mut voice) = self.voice_of(attendance) else {
            return;
        };
        let Some(before) = self.known(attendance).map(|known| known.role).filter(|before| *before != role)
        else {
            return;
        };
        if let Some(live) = self.facts.conference.as_mut() {
            match (before, role) {
                (Role::Participant, Role::Host) => live.hosts_seated += 1,
                (Role::Host, Role::Participant) => live.hosts_seated = live.hosts_seated.saturating_sub(1),
                (Role::Host, Role::Host) | (Role::Participant, Role::Participant) => {}
            }
            voice.muted_by.floor = live.floor.silences(role);
        }
        self.change(Change::SetRole { attendance, role });
        if let Some(known) = self.facts.attendances.get_mut(&attendance) {
            known.role = role;
        }
        self.set_voice(attendance, voice);
    }

    /// Notes what a caller has keyed wrong; nothing where it is so already.
    pub(in crate::rules) fn note_guesses(&mut self, attendance: AttendanceId, guesses: Guesses) {
        if let Some(known) =
            self.facts.attendances.get_mut(&attendance).filter(|known| known.guesses != guesses)
        {
            known.guesses = guesses;
            self.change(Change::NoteGuesses { attendance, guesses });
        }
    }

    /// Notes that a conferee's line makes noise, and tells it.
    pub(in crate::rules) fn note_noise(
        &mut self,
        attendance: AttendanceId,
        conferee: ConfereeId,
        noise: LineNoise,
    ) {
        if let Some(live) = self.facts.conference.as_ref() {
            let conference = live.id;
            self.change(Change::NoteNoise { attendance, noise, at: self.facts.now });
            self.event(EventKind::LineNoisy { conference, conferee, noise });
        }
    }

    pub(in crate::rules) fn set_lock(&mut self, locked: bool) {
        if let Some(live) = self.facts.conference.as_mut() {
            live.is_locked = locked;
            let conference = live.id;
            self.change(Change::SetLock { conference, locked });
            self.event(EventKind::LockChanged { conference, locked });
        }
    }

    pub(in crate::rules) fn set_manner(&mut self, manner: Manner) {
        if let Some(live) = self.facts.conference.as_mut() {
            live.manner = manner;
            let conference = live.id;
            self.change(Change::SetManner { conference, manner });
        }
    }

    pub(in crate::rules) fn set_deadline(&mut self, deadline: Option<Deadline>) {
        if let Some(live) = self.facts.conference.as_mut() {
            live.deadline = deadline;
            let conference = live.id;
            self.change(Change::SetDeadline { conference, deadline });
        }
    }

    pub(in crate::rules) fn extend(&mut self, until: Timestamp) {
        if let Some(live) = self.facts.conference.as_mut() {
            live.extended_to = Some(until);
            let conference = live.id;
            self.change(Change::Extend { conference, until });
        }
    }

    /// Remembers something of a caller's number for the rest of the conference; of who withheld it nothing can be.
    pub(in crate::rules) fn remember(&mut self, number: &str, past: Past) {
        let known = self.facts.past.get(number).copied().unwrap_or_default();
        let Some(live) = self.facts.conference.as_ref().filter(|_| !number.is_empty() && known != past)
        else {
            return;
        };
        let conference = live.id;
        self.change(Change::Remember { conference, number: number.to_owned(), past });
        if past == Past::default() {
            self.facts.past.remove(number);
        } else {
            self.facts.past.insert(number.to_owned(), past);
        }
    }

    /// Everybody but one leaves the live conference.
    pub(in crate::rules) fn leave_others(&mut self, stays: AttendanceId, reason: LeaveReason) {
        self.end_outdials(Some(stays), OutdialEnd::AskerLeft);
        let role = self.known(stays).map(|known| known.role);
        let Some(live) = self.facts.conference.as_mut().filter(|live| live.seated > 1) else {
            return;
        };
        let (conference, gone) = (live.id, live.seated - 1);
        live.seated = 1;
        live.hosts_seated = u32::from(role == Some(Role::Host));
        self.change(Change::LeaveOthers { conference, stays, reason });
        self.forget_callers(gone);
        self.all_left(conference, Some(stays), reason);
    }

    /// Ends the live conference; whoever still sits in it leaves.
    pub(in crate::rules) fn end_conference(&mut self, why: ConferenceEnd, reason: LeaveReason) {
        self.end_outdials(None, OutdialEnd::ConferenceEnded);
        let Some(live) = self.facts.conference.take() else {
            return;
        };
        let conference = live.id;
        if live.seated > 0 {
            self.change(Change::LeaveAll { conference, reason });
            self.forget_callers(live.seated);
            self.all_left(conference, None, reason);
        }
        self.facts.past.clear();
        self.change(Change::EndConference { conference, why });
        self.event(EventKind::ConferenceEnded { conference, why });
        self.release(&live.mix);
    }

    fn all_left(&mut self, here: crate::ids::ConferenceId, stays: Option<AttendanceId>, reason: LeaveReason) {
        for known in self.facts.attendances.values_mut() {
            if matches!(known.state, AttendanceState::Seated { conference, .. } if conference == here)
                && stays != Some(known.id)
            {
                known.state = AttendanceState::Left(reason);
                known.deadline = None;
            }
        }
    }

    pub(in crate::rules) fn has_answered(&self, id: CommandId) -> bool {
        self.decision.answers.iter().any(|(answered, _)| *answered == id)
    }

    pub(in crate::rules) fn answer(
        &mut self,
        id: CommandId,
        by: Option<AttendanceId>,
        command: CommandNote,
        answer: CommandAnswer,
    ) {
        self.decision.answers.push((id, answer));
        self.event(EventKind::Commanded { command, by, answer });
    }
}
