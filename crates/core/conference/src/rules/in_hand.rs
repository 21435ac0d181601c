//! The room in hand: the working copy of a snapshot, and the decision as it grows.
//!
//! Each method here makes one change: it notes it for the store and makes it true in the working copy, so that the
//! next intent of the batch sees it. It is *not* a place for rules: why a change is made is told by its callers.
//!
//! **Invariant:** applying the decision so far to the snapshot's room gives what the working copy says.

use crate::attendance::{
    Attendance, AttendanceState, CallerIdentity, Guesses, LeaveReason, Waiting, WaitingKind,
};
use crate::code::Role;
use crate::conference::{ConfereeState, Deadline, LiveConference, LiveMix, Manner, MixKind, Past};
use crate::decision::{Change, Decision};
use crate::event::EventKind;
use crate::ids::{AttendanceId, ConfereeId, ConferenceId, Epoch, Generation, MixerId, Order, VruId};
use crate::intent::FreshIds;
use crate::refusal::Refusal;
use crate::snapshot::RoomSnapshot;
use crate::time::Timestamp;
use crate::voice::{Floor, Voice};

use super::fresh::Draws;

mod aside;
mod control;

/// What a VRU says when a caller attends.
pub(super) struct Hello<'a> {
    pub(super) attendance: AttendanceId,
    pub(super) generation: Generation,
    pub(super) vru: &'a VruId,
    pub(super) role: Role,
    pub(super) caller: &'a CallerIdentity,
}

/// A mixer, and the seats that a mix gets there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) mixer: MixerId,
    pub(super) seats: u32,
}

/// The room in hand.
pub(super) struct RoomInHand<'a> {
    /// What holds now, the intents so far decided.
    pub(super) facts: RoomSnapshot,
    draws: Draws<'a>,
    decision: Decision,
}

impl<'a> RoomInHand<'a> {
    pub(super) fn take(snapshot: &RoomSnapshot, fresh: &'a FreshIds) -> Self {
        Self { facts: snapshot.clone(), draws: Draws::new(fresh), decision: Decision::default() }
    }

    pub(super) fn put_down(self) -> Decision {
        self.decision
    }

    /// The attendance, if it is this room's.
    pub(super) fn known(&self, attendance: AttendanceId) -> Option<&Attendance> {
        self.facts.attendances.get(&attendance).filter(|known| known.room == self.facts.room.id)
    }

    /// How the attendance sits in the live conference, if it does.
    pub(super) fn seat_of(&self, attendance: AttendanceId) -> Option<ConfereeState> {
        let live = self.facts.conference.as_ref()?;
        match self.known(attendance)?.state {
            AttendanceState::Seated { conference, state, .. } if conference == live.id => Some(state),
            AttendanceState::Seated { .. }
            | AttendanceState::Waiting(_)
            | AttendanceState::Refused(_)
            | AttendanceState::Left(_) => None,
        }
    }

    fn change(&mut self, change: Change) {
        self.decision.changes.push(change);
    }

    fn event(&mut self, event: EventKind) {
        self.decision.events.push(event);
    }

    // Arriving and waiting.

    fn arrive(&mut self, hello: &Hello<'_>, state: AttendanceState, deadline: Option<Timestamp>) {
        let now = self.facts.now;
        self.change(Change::Arrive {
            attendance: hello.attendance,
            generation: hello.generation,
            vru: hello.vru.clone(),
            role: hello.role,
            caller: hello.caller.clone(),
            at: now,
            state,
            deadline,
        });
        let row = Attendance {
            id: hello.attendance,
            room: self.facts.room.id,
            role: hello.role,
            generation: hello.generation,
            vru: hello.vru.clone(),
            caller: hello.caller.clone(),
            arrived_at: now,
            state,
            deadline,
            guesses: Guesses::default(),
        };
        self.facts.attendances.insert(hello.attendance, row);
        if !state.is_over() {
            self.facts.account.callers += 1;
        }
    }

    pub(super) fn arrive_refused(&mut self, hello: &Hello<'_>, refusal: Refusal) {
        self.arrive(hello, AttendanceState::Refused(refusal), None);
        self.event(EventKind::CallerRefused { attendance: hello.attendance, refusal });
    }

    pub(super) fn arrive_waiting(&mut self, hello: &Hello<'_>, kind: WaitingKind, deadline: Timestamp) {
        self.arrive(hello, AttendanceState::Waiting(kind), Some(deadline));
        self.facts.waiting.push(Waiting {
            attendance: hello.attendance,
            kind,
            role: hello.role,
            deadline: Some(deadline),
        });
        self.event(EventKind::CallerWaits { attendance: hello.attendance });
    }

    /// A newcomer has left already.
    pub(super) fn arrive_gone(&mut self, hello: &Hello<'_>, reason: LeaveReason) {
        let attendance = hello.attendance;
        self.arrive(hello, AttendanceState::Waiting(WaitingKind::Held), None);
        self.change(Change::Leave { attendance, reason });
        self.set_state(attendance, AttendanceState::Left(reason), None);
        self.forget_callers(1);
    }

    /// A newcomer gets a seat at once. Between the two changes nobody sees them wait.
    pub(super) fn arrive_seated(&mut self, hello: &Hello<'_>, deadline: Timestamp) {
        self.arrive(hello, AttendanceState::Waiting(WaitingKind::Held), None);
        self.give_seat(hello.attendance, hello.role, deadline);
    }

    pub(super) fn reattend(&mut self, hello: &Hello<'_>) {
        self.change(Change::Reattend {
            attendance: hello.attendance,
            generation: hello.generation,
            vru: hello.vru.clone(),
        });
        if let Some(known) = self.facts.attendances.get_mut(&hello.attendance) {
            known.generation = hello.generation;
            known.vru = hello.vru.clone();
        }
    }

    pub(super) fn wait(&mut self, attendance: AttendanceId, kind: WaitingKind, deadline: Option<Timestamp>) {
        self.change(Change::Wait { attendance, kind, deadline });
        self.set_state(attendance, AttendanceState::Waiting(kind), deadline);
        if let Some(waiting) = self.facts.waiting.iter_mut().find(|waiting| waiting.attendance == attendance)
        {
            waiting.kind = kind;
            waiting.deadline = deadline;
        }
    }

    pub(super) fn refuse_waiting(&mut self, attendance: AttendanceId, refusal: Refusal) {
        self.change(Change::Refuse { attendance, refusal });
        self.event(EventKind::CallerRefused { attendance, refusal });
        self.stop_waiting(attendance);
        self.set_state(attendance, AttendanceState::Refused(refusal), None);
        self.forget_callers(1);
    }

    pub(super) fn leave_waiting(&mut self, attendance: AttendanceId, reason: LeaveReason) {
        self.change(Change::Leave { attendance, reason });
        self.event(EventKind::CallerLeft { attendance, reason });
        self.stop_waiting(attendance);
        self.set_state(attendance, AttendanceState::Left(reason), None);
        self.forget_callers(1);
    }

    fn stop_waiting(&mut self, attendance: AttendanceId) {
        self.facts.waiting.retain(|waiting| waiting.attendance != attendance);
    }

    fn set_state(&mut self, attendance: AttendanceId, state: AttendanceState, deadline: Option<Timestamp>) {
        if let Some(known) = self.facts.attendances.get_mut(&attendance) {
            known.state = state;
            known.deadline = deadline;
        }
    }

    fn forget_callers(&mut self, callers: u32) {
        self.facts.account.callers = self.facts.account.callers.saturating_sub(callers);
    }

    // Seats.

    /// Gives who waits (or has just arrived) the next order of the live conference.
    pub(super) fn give_seat(&mut self, attendance: AttendanceId, role: Role, deadline: Timestamp) {
        let conferee = self.draws.conferee();
        let Some(live) = self.facts.conference.as_mut() else {
            return;
        };
        let mut voice = Voice::entering(role, live.floor);
        let (conference, order) = (live.id, live.next_order);
        live.next_order = order.next();
        live.seated += 1;
        if role == Role::Host {
            live.hosts_seated += 1;
        }
        if let Some((number, past)) = self.past_of(attendance) {
            voice.muted_by.host = past.was_muted;
            self.remember(&number, Past { was_muted: false, ..past });
        }
        self.change(Change::Seat { attendance, conference, conferee, order, role, voice, deadline });
        self.event(EventKind::ConfereePlaced { conference, conferee, attendance, order, role });
        self.stop_waiting(attendance);
        let state =
            AttendanceState::Seated { conference, conferee, order, state: ConfereeState::Placed, voice };
        self.set_state(attendance, state, Some(deadline));
    }

    /// What is remembered of the caller's number in the live conference.
    pub(super) fn past_of(&self, attendance: AttendanceId) -> Option<(String, Past)> {
        let number = &self.known(attendance)?.caller.number;
        self.facts.past.get(number).map(|past| (number.clone(), *past))
    }

    pub(super) fn join(&mut self, attendance: AttendanceId) {
        let is_first = self.facts.conference.as_ref().is_some_and(|live| live.seated == 1);
        self.change(Change::Join { attendance });
        if let Some((conference, conferee)) = self.move_conferee(attendance, ConfereeState::Joined, None) {
            self.event(EventKind::ConfereeJoined { conference, conferee, is_first });
        }
    }

    pub(super) fn absent(&mut self, attendance: AttendanceId, deadline: Timestamp) {
        self.change(Change::Absent { attendance, deadline });
        if let Some((conference, conferee)) =
            self.move_conferee(attendance, ConfereeState::Absent, Some(deadline))
        {
            self.event(EventKind::ConfereeAbsent { conference, conferee });
        }
    }

    pub(super) fn bring_back(&mut self, attendance: AttendanceId, deadline: Timestamp) {
        self.change(Change::Return { attendance, deadline });
        self.move_conferee(attendance, ConfereeState::Placed, Some(deadline));
    }

    fn move_conferee(
        &mut self,
        attendance: AttendanceId,
        to: ConfereeState,
        deadline: Option<Timestamp>,
    ) -> Option<(ConferenceId, ConfereeId)> {
        let known = self.facts.attendances.get_mut(&attendance)?;
        let AttendanceState::Seated { conference, conferee, state, .. } = &mut known.state else {
            return None;
        };
        *state = to;
        known.deadline = deadline;
        Some((*conference, *conferee))
    }

    /// Ends one conferee's stay; answers with the role whose seat is free now.
    pub(super) fn leave_seat(&mut self, attendance: AttendanceId, reason: LeaveReason) -> Option<Role> {
        let known = self.known(attendance)?;
        let AttendanceState::Seated { conference, conferee, state, voice, .. } = known.state else {
            return None;
        };
        let (role, number) = (known.role, known.caller.number.clone());
        let live = self.facts.conference.as_mut().filter(|live| live.id == conference)?;
        live.seated = live.seated.saturating_sub(1);
        if role == Role::Host {
            live.hosts_seated = live.hosts_seated.saturating_sub(1);
        }
        let had_joined = state != ConfereeState::Placed;
        let past = self.facts.past.get(&number).copied().unwrap_or_default();
        let was_deleted = past.was_deleted || reason == LeaveReason::Deleted;
        let was_muted = past.was_muted || voice.muted_by.host;
        self.remember(&number, Past { was_deleted, was_muted });
        self.change(Change::Leave { attendance, reason });
        self.event(EventKind::ConfereeLeft { conference, conferee, reason, had_joined });
        self.set_state(attendance, AttendanceState::Left(reason), None);
        self.forget_callers(1);
        Some(role)
    }

    // Conferences and lobbies.

    pub(super) fn create_conference(&mut self, by: Role, place: &Place, deadline: Option<Deadline>) {
        let (conference, mix) = self.draws.conference();
        let mixer = place.mixer.clone();
        self.change(Change::CreateConference { conference, mix, mixer: mixer.clone(), by, deadline });
        self.event(EventKind::ConferenceCreated { conference, mix, mixer: mixer.clone() });
        self.facts.conference = Some(LiveConference {
            id: conference,
            mix: LiveMix { mix, mixer, epoch: Epoch(1), reserved: 0 },
            is_locked: false,
            next_order: Order(1),
            seated: 0,
            hosts_seated: 0,
            started_at: self.facts.now,
            deadline,
            floor: Floor::Open,
            manner: Manner::default(),
            extended_to: None,
        });
        self.reserve(MixKind::Conference, place.seats);
    }

    pub(super) fn open_lobby(&mut self, place: &Place) {
        let mix = self.draws.lobby();
        let mixer = place.mixer.clone();
        self.change(Change::OpenLobby { mix, mixer: mixer.clone() });
        self.facts.lobby = Some(LiveMix { mix, mixer, epoch: Epoch(1), reserved: 0 });
        self.reserve(MixKind::Lobby, place.seats);
    }

    pub(super) fn close_lobby(&mut self) {
        if let Some(lobby) = self.facts.lobby.take() {
            self.change(Change::CloseLobby { mix: lobby.mix });
            self.release(&lobby);
        }
    }

    fn mix_mut(&mut self, kind: MixKind) -> Option<&mut LiveMix> {
        match kind {
            MixKind::Conference => self.facts.conference.as_mut().map(|live| &mut live.mix),
            MixKind::Lobby => self.facts.lobby.as_mut(),
            // There may be several; each goes by its outdial.
            MixKind::Side => None,
        }
    }

    /// Reserves that many seats more on the mixer of the mix.
    pub(super) fn reserve(&mut self, kind: MixKind, seats: u32) {
        let Some(live) = self.mix_mut(kind) else {
            return;
        };
        live.reserved += seats;
        let (mix, mixer) = (live.mix, live.mixer.clone());
        if let Some(load) = self.facts.mixers.iter_mut().find(|load| load.id == mixer) {
            load.reserved += seats;
        }
        self.change(Change::Reserve { mix, mixer, seats });
    }

    fn release(&mut self, mix: &LiveMix) {
        if let Some(load) = self.facts.mixers.iter_mut().find(|load| load.id == mix.mixer) {
            load.reserved = load.reserved.saturating_sub(mix.reserved);
        }
    }

    /// Gives a mix to another mixer, one epoch on.
    pub(super) fn move_mix(&mut self, kind: MixKind, place: Place) {
        let Some(live) = self.mix_mut(kind) else {
            return;
        };
        let before = live.clone();
        live.epoch = live.epoch.next();
        live.mixer = place.mixer.clone();
        live.reserved = place.seats;
        let (mix, epoch) = (live.mix, live.epoch);
        self.release(&before);
        if let Some(load) = self.facts.mixers.iter_mut().find(|load| load.id == place.mixer) {
            load.reserved += place.seats;
        }
        let (to, reserved) = (place.mixer, place.seats);
        self.change(Change::Move { mix, kind, to: to.clone(), epoch, reserved });
        if let (MixKind::Conference, Some(conference)) = (kind, self.facts.conference.as_ref()) {
            let conference = conference.id;
            self.event(EventKind::ConferenceMoved { conference, mixer: to, epoch });
        }
    }

    /// Whoever is placed in the live conference has until then to join.
    pub(super) fn put_off_joining(&mut self, deadline: Timestamp) {
        let Some(live) = self.facts.conference.as_ref() else {
            return;
        };
        let here = live.id;
        self.change(Change::PutOffJoining { conference: here, deadline });
        for known in self.facts.attendances.values_mut() {
            if matches!(known.state, AttendanceState::Seated { conference, state: ConfereeState::Placed, .. }
                if conference == here)
            {
                known.deadline = Some(deadline);
            }
        }
    }

    /// Takes a mixer out of what placement may choose from.
    pub(super) fn forget_mixer(&mut self, mixer: &MixerId) {
        self.facts.mixers.retain(|load| load.id != *mixer);
    }
}
