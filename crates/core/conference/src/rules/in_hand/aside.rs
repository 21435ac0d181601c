//! The room in hand: outdials, their callees, and the mixes of talks in private.

use crate::attendance::{AttendanceState, LeaveReason, Waiting, WaitingKind};
use crate::conference::{LiveMix, MixKind};
use crate::decision::Change;
use crate::dialling::DialTarget;
use crate::event::EventKind;
use crate::ids::{AttendanceId, Epoch};
use crate::outdial::{Outdial, OutdialEnd, OutdialKind, OutdialState};
use crate::time::Timestamp;

use super::{Hello, Place, RoomInHand};

impl RoomInHand<'_> {
    /// Somebody is to be called.
    pub(in crate::rules) fn start_outdial(
        &mut self,
        callee: AttendanceId,
        asker: AttendanceId,
        kind: OutdialKind,
        to: DialTarget,
        until: Timestamp,
    ) {
        let Some(conference) = self.facts.conference.as_ref().map(|live| live.id) else {
            return;
        };
        let change = Change::StartOutdial { callee, conference, asker, kind, to: to.clone(), until };
        self.change(change);
        self.event(EventKind::OutdialStarted { conference, callee, asker, kind });
        self.facts.outdials.push(Outdial {
            callee,
            conference,
            asker,
            kind,
            to,
            state: OutdialState::Dialling,
            mix: None,
            started_at: self.facts.now,
            answered_at: None,
            until,
        });
        if kind == OutdialKind::Callee && self.facts.room.dial_out {
            self.facts.dial_out.callees += 1;
        }
    }

    fn outdial_mut(&mut self, callee: AttendanceId) -> Option<&mut Outdial> {
        self.facts.outdials.iter_mut().find(|outdial| outdial.callee == callee)
    }

    /// A callee is there, and waits with who had them called.
    pub(in crate::rules) fn arrive_aside(&mut self, hello: &Hello<'_>) {
        self.arrive(hello, AttendanceState::Waiting(WaitingKind::Aside), None);
        self.facts.waiting.push(Waiting {
            attendance: hello.attendance,
            kind: WaitingKind::Aside,
            role: hello.role,
            deadline: None,
        });
    }

    /// The two have a mix of their own.
    pub(in crate::rules) fn open_side(&mut self, callee: AttendanceId, place: &Place, until: Timestamp) {
        let (mix, mixer, seats) = (Outdial::side_mix(callee), place.mixer.clone(), place.seats);
        let now = self.facts.now;
        let Some(outdial) = self.outdial_mut(callee) else {
            return;
        };
        outdial.state = OutdialState::Aside;
        outdial.mix = Some(LiveMix { mix, mixer: mixer.clone(), epoch: Epoch(1), reserved: seats });
        outdial.answered_at = Some(now);
        outdial.until = until;
        let conference = outdial.conference;
        self.change(Change::OpenSide { callee, mix, mixer: mixer.clone(), until });
        self.event(EventKind::OutdialAnswered { conference, callee });
        if let Some(load) = self.facts.mixers.iter_mut().find(|load| load.id == mixer) {
            load.reserved += seats;
        }
        self.change(Change::Reserve { mix, mixer, seats });
    }

    /// A callee is in the conference now.
    pub(in crate::rules) fn join_outdial(&mut self, callee: AttendanceId, until: Timestamp) {
        let now = self.facts.now;
        let Some(outdial) = self.outdial_mut(callee) else {
            return;
        };
        outdial.state = OutdialState::Joined;
        outdial.until = until;
        let (mix, conference) = (outdial.mix.take(), outdial.conference);
        let is_new = outdial.answered_at.is_none();
        outdial.answered_at.get_or_insert(now);
        self.change(Change::JoinOutdial { callee, until });
        if is_new {
            self.event(EventKind::OutdialAnswered { conference, callee });
        }
        if let Some(mix) = mix {
            self.release(&mix);
        }
    }

    /// An outdial is over.
    pub(in crate::rules) fn end_outdial(&mut self, callee: AttendanceId, why: OutdialEnd) {
        let Some(place) = self.facts.outdials.iter().position(|outdial| outdial.callee == callee) else {
            return;
        };
        let outdial = self.facts.outdials.remove(place);
        self.change(Change::EndOutdial { callee, why });
        self.event(EventKind::OutdialEnded { conference: outdial.conference, callee, why });
        if let Some(mix) = outdial.mix {
            self.release(&mix);
        }
        if outdial.kind == OutdialKind::Callee {
            self.facts.dial_out.callees = self.facts.dial_out.callees.saturating_sub(1);
        }
    }

    /// A callee who talks in private leaves.
    pub(in crate::rules) fn leave_aside(&mut self, callee: AttendanceId, reason: LeaveReason) {
        self.change(Change::Leave { attendance: callee, reason });
        self.stop_waiting(callee);
        self.set_state(callee, AttendanceState::Left(reason), None);
        self.forget_callers(1);
    }

    /// Ends the outdials of a conference that ends, or of all in it but one: those that others than this one have begun,
    /// and those that had brought others in.
    pub(in crate::rules) fn end_outdials(&mut self, stays: Option<AttendanceId>, why: OutdialEnd) {
        let stays_on = |outdial: &Outdial| match outdial.state {
            OutdialState::Dialling | OutdialState::Aside => Some(outdial.asker) == stays,
            OutdialState::Joined => Some(outdial.callee) == stays,
        };
        let over = self.facts.outdials.iter().filter(|outdial| !stays_on(outdial));
        let over: Vec<(AttendanceId, OutdialState)> =
            over.map(|outdial| (outdial.callee, outdial.state)).collect();
        for (callee, state) in over {
            if state == OutdialState::Aside {
                self.leave_aside(callee, why.leave_reason());
            }
            self.end_outdial(callee, why);
        }
    }

    /// Gives the mix of a talk in private to another mixer, one epoch on.
    pub(in crate::rules) fn move_side(&mut self, callee: AttendanceId, place: Place) {
        let Some(live) = self.outdial_mut(callee).and_then(|outdial| outdial.mix.as_mut()) else {
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
        self.change(Change::Move { mix, kind: MixKind::Side, to, epoch, reserved });
    }
}
