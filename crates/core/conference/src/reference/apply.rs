//! Every change, taken literally.

use crate::attendance::{Attendance, AttendanceState, Guesses, LeaveReason};
use crate::code::Role;
use crate::conference::{ConfereeState, ConferenceEnd, Deadline, LiveConference, LiveMix, Manner, MixKind};
use crate::decision::Change;
use crate::ids::{AttendanceId, ConferenceId, Epoch, MixId, MixerId, Order, RoomVersion};
use crate::time::Timestamp;
use crate::voice::Floor;

use super::{ReferenceError, ReferenceRoom};

pub(super) type Applied = Result<(), ReferenceError>;

pub(super) const fn nonsense(what: &'static str) -> ReferenceError {
    ReferenceError::Nonsense(what)
}

impl ReferenceRoom {
    pub(super) fn apply(&mut self, at: Timestamp, version: RoomVersion, change: &Change) -> Applied {
        use ConfereeState::{Absent, Joined, Placed};
        match change {
            Change::Arrive { .. } => self.arrive(change),
            Change::Reattend { .. } => self.reattend(change),
            Change::Wait { attendance, kind, deadline } => {
                self.set_waiting(*attendance, AttendanceState::Waiting(*kind), *deadline)
            }
            Change::Refuse { attendance, refusal } => {
                self.set_waiting(*attendance, AttendanceState::Refused(*refusal), None)
            }
            Change::Seat { .. } => self.give_seat(version, change),
            Change::Join { attendance } => self.step(*attendance, &[Placed, Absent], Joined, None),
            Change::Absent { attendance, deadline } => {
                self.step(*attendance, &[Placed, Joined], Absent, Some(*deadline))
            }
            Change::Return { attendance, deadline } => {
                self.step(*attendance, &[Absent], Placed, Some(*deadline))
            }
            Change::PutOffJoining { conference, deadline } => self.put_off_joining(*conference, *deadline),
            Change::Leave { attendance, reason } => self.leave(*attendance, *reason),
            Change::LeaveAll { conference, reason } => self.leave_all(*conference, None, *reason),
            Change::LeaveOthers { conference, stays, reason } => {
                self.leave_all(*conference, Some(*stays), *reason)
            }
            Change::SetRole { .. }
            | Change::SetVoice { .. }
            | Change::SetFloor { .. }
            | Change::SetManner { .. }
            | Change::Extend { .. }
            | Change::NoteGuesses { .. }
            | Change::NoteNoise { .. }
            | Change::Remember { .. } => self.control(version, change),
            Change::StartOutdial { .. }
            | Change::OpenSide { .. }
            | Change::JoinOutdial { .. }
            | Change::EndOutdial { .. } => self.aside(at, change),
            Change::CreateConference { conference, mix, mixer, deadline, .. } => {
                self.create(at, (*conference, *mix), mixer, *deadline)
            }
            Change::EndConference { conference, why } => self.end(*conference, *why),
            Change::OpenLobby { mix, mixer } => self.open_lobby(*mix, mixer),
            Change::CloseLobby { mix } => match self.lobby.take() {
                Some(lobby) if lobby.mix == *mix => Ok(()),
                Some(_) | None => Err(nonsense("a lobby is closed that is not open")),
            },
            Change::Reserve { mix, mixer, seats } => {
                let live = self.mix(*mix).filter(|live| live.mixer == *mixer);
                live.ok_or(nonsense("seats for no mix"))?.reserved += seats;
                Ok(())
            }
            Change::Move { .. } => self.move_mix(change),
            Change::SetLock { conference, locked } => {
                self.live(*conference)?.is_locked = *locked;
                Ok(())
            }
            Change::SetDeadline { conference, deadline } => {
                self.live(*conference)?.deadline = *deadline;
                Ok(())
            }
        }
    }

    fn arrive(&mut self, change: &Change) -> Applied {
        let Change::Arrive { attendance, generation, vru, role, caller, at, state, deadline } = change else {
            return Err(nonsense("not an arrival"));
        };
        if self.attendances.contains_key(attendance) {
            return Err(nonsense("a known caller arrives"));
        }
        match state {
            AttendanceState::Waiting(_) => self.waiting.push(*attendance),
            AttendanceState::Refused(_) => {}
            AttendanceState::Seated { .. } | AttendanceState::Left(_) => {
                return Err(nonsense("a caller arrives neither waiting nor refused"));
            }
        }
        let row = Attendance {
            id: *attendance,
            room: self.room.id,
            role: *role,
            generation: *generation,
            vru: vru.clone(),
            caller: caller.clone(),
            arrived_at: *at,
            state: *state,
            deadline: *deadline,
            guesses: Guesses::default(),
        };
        self.attendances.insert(*attendance, row);
        Ok(())
    }

    fn reattend(&mut self, change: &Change) -> Applied {
        let Change::Reattend { attendance, generation, vru } = change else {
            return Err(nonsense("not a re-attend"));
        };
        let row = self.row(*attendance)?;
        if row.state.is_over() || *generation <= row.generation {
            return Err(nonsense("who is over, or an older generation, attends again"));
        }
        row.generation = *generation;
        row.vru = vru.clone();
        Ok(())
    }

    /// The next state of who waits.
    fn set_waiting(
        &mut self,
        attendance: AttendanceId,
        state: AttendanceState,
        deadline: Option<Timestamp>,
    ) -> Applied {
        let row = self.row(attendance)?;
        if !matches!(row.state, AttendanceState::Waiting(_)) {
            return Err(nonsense("who does not wait is treated so"));
        }
        row.state = state;
        row.deadline = deadline;
        if !matches!(state, AttendanceState::Waiting(_)) {
            self.stop_waiting(attendance);
        }
        Ok(())
    }

    fn give_seat(&mut self, version: RoomVersion, change: &Change) -> Applied {
        let Change::Seat { attendance, conference, conferee, order, role, voice, deadline } = change else {
            return Err(nonsense("not a seat"));
        };
        if !self.conferees.insert(*conferee) {
            return Err(nonsense("a conferee by a used identifier"));
        }
        let live = self.live(*conference)?;
        if *order != live.next_order {
            return Err(nonsense("an order out of turn"));
        }
        live.next_order = order.next();
        live.seated += 1;
        live.hosts_seated += u32::from(*role == Role::Host);
        if self.row(*attendance)?.role != *role {
            return Err(nonsense("a seat in another role"));
        }
        let (conference, conferee, order) = (*conference, *conferee, *order);
        let state = ConfereeState::Placed;
        let seat = AttendanceState::Seated { conference, conferee, order, state, voice: *voice };
        self.voices.insert(*attendance, version);
        self.set_waiting(*attendance, seat, Some(*deadline))
    }

    /// A conferee's step from one of some states to another.
    fn step(
        &mut self,
        attendance: AttendanceId,
        from: &[ConfereeState],
        to: ConfereeState,
        deadline: Option<Timestamp>,
    ) -> Applied {
        let row = self.row(attendance)?;
        match &mut row.state {
            AttendanceState::Seated { state, .. } if from.contains(state) => {
                *state = to;
                row.deadline = deadline;
                Ok(())
            }
            AttendanceState::Seated { .. }
            | AttendanceState::Waiting(_)
            | AttendanceState::Refused(_)
            | AttendanceState::Left(_) => Err(nonsense("a conferee's step from where they do not stand")),
        }
    }

    fn put_off_joining(&mut self, put_off: ConferenceId, deadline: Timestamp) -> Applied {
        self.live(put_off)?;
        for row in self.attendances.values_mut() {
            if matches!(row.state, AttendanceState::Seated { conference, state: ConfereeState::Placed, .. }
                if conference == put_off)
            {
                row.deadline = Some(deadline);
            }
        }
        Ok(())
    }

    fn leave(&mut self, attendance: AttendanceId, reason: LeaveReason) -> Applied {
        let row = self.row(attendance)?;
        if row.state.is_over() {
            return Err(nonsense("who is gone leaves"));
        }
        let (state, role) = (row.state, row.role);
        row.state = AttendanceState::Left(reason);
        row.deadline = None;
        self.stop_waiting(attendance);
        if let AttendanceState::Seated { conference, .. } = state {
            let live = self.live(conference)?;
            live.seated -= 1;
            live.hosts_seated -= u32::from(role == Role::Host);
        }
        Ok(())
    }

    fn leave_all(
        &mut self,
        conference: ConferenceId,
        stays: Option<AttendanceId>,
        reason: LeaveReason,
    ) -> Applied {
        self.live(conference)?;
        let seated: Vec<AttendanceId> = self.seated().into_iter().map(|(_, id)| id).collect();
        if stays.is_some_and(|stays| !seated.contains(&stays)) {
            return Err(nonsense("who stays is not there"));
        }
        for attendance in seated.into_iter().filter(|id| stays != Some(*id)) {
            let row = self.row(attendance)?;
            row.state = AttendanceState::Left(reason);
            row.deadline = None;
        }
        let hosts = stays.and_then(|stays| self.attendances.get(&stays)).filter(|row| row.role == Role::Host);
        let left = (u32::from(stays.is_some()), u32::from(hosts.is_some()));
        let live = self.live(conference)?;
        (live.seated, live.hosts_seated) = left;
        Ok(())
    }

    fn create(
        &mut self,
        at: Timestamp,
        (conference, mix): (ConferenceId, MixId),
        mixer: &MixerId,
        deadline: Option<Deadline>,
    ) -> Applied {
        let is_old = self.ended.iter().any(|(ended, _)| *ended == conference);
        if self.conference.is_some() || is_old || !self.mixes.insert(mix) {
            return Err(nonsense("a second live conference, or one by a used identifier"));
        }
        self.conference = Some(LiveConference {
            id: conference,
            mix: LiveMix { mix, mixer: mixer.clone(), epoch: Epoch(1), reserved: 0 },
            is_locked: false,
            next_order: Order(1),
            seated: 0,
            hosts_seated: 0,
            started_at: at,
            deadline,
            floor: Floor::Open,
            manner: Manner::default(),
            extended_to: None,
        });
        Ok(())
    }

    fn end(&mut self, conference: ConferenceId, why: ConferenceEnd) -> Applied {
        if self.live(conference)?.seated > 0 {
            return Err(nonsense("a conference ends under its conferees"));
        }
        self.conference = None;
        self.past.clear();
        self.ended.push((conference, why));
        Ok(())
    }

    fn open_lobby(&mut self, mix: MixId, mixer: &MixerId) -> Applied {
        if self.lobby.is_some() || self.conference.is_some() || !self.mixes.insert(mix) {
            return Err(nonsense("a lobby where there is one, or a conference, or by a used identifier"));
        }
        self.lobby = Some(LiveMix { mix, mixer: mixer.clone(), epoch: Epoch(1), reserved: 0 });
        Ok(())
    }

    fn move_mix(&mut self, change: &Change) -> Applied {
        let Change::Move { mix, kind, to, epoch, reserved } = change else {
            return Err(nonsense("not a move"));
        };
        let is_lobby = self.lobby.as_ref().is_some_and(|lobby| lobby.mix == *mix);
        let is_side =
            self.outdials.iter().any(|outdial| outdial.mix.as_ref().is_some_and(|side| side.mix == *mix));
        if is_lobby != (*kind == MixKind::Lobby) || is_side != (*kind == MixKind::Side) {
            return Err(nonsense("a mix is moved as what it is not"));
        }
        let live = self.mix(*mix).ok_or(nonsense("a mix is moved that is not there"))?;
        if *epoch != live.epoch.next() {
            return Err(nonsense("a move that is not one epoch on"));
        }
        *live = LiveMix { mix: *mix, mixer: to.clone(), epoch: *epoch, reserved: *reserved };
        Ok(())
    }

    pub(super) fn row(&mut self, attendance: AttendanceId) -> Result<&mut Attendance, ReferenceError> {
        self.attendances.get_mut(&attendance).ok_or(nonsense("a change to an unknown caller"))
    }

    pub(super) fn live(&mut self, conference: ConferenceId) -> Result<&mut LiveConference, ReferenceError> {
        let live = self.conference.as_mut().filter(|live| live.id == conference);
        live.ok_or(nonsense("a change to a conference that is not live"))
    }

    fn mix(&mut self, mix: MixId) -> Option<&mut LiveMix> {
        let conference = self.conference.as_mut().map(|live| &mut live.mix);
        let sides = self.outdials.iter_mut().filter_map(|outdial| outdial.mix.as_mut());
        conference.into_iter().chain(self.lobby.as_mut()).chain(sides).find(|live| live.mix == mix)
    }

    fn stop_waiting(&mut self, attendance: AttendanceId) {
        self.waiting.retain(|waiting| *waiting != attendance);
    }
}
