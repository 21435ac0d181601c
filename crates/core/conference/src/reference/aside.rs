//! Outdials and talks in private, taken literally.

use std::time::Duration;

use crate::attendance::{AttendanceState, WaitingKind};
use crate::conference::{LiveMix, MixKind};
use crate::decision::Change;
use crate::dialling::DialOutUse;
use crate::ids::{AttendanceId, Epoch};
use crate::outdial::{AsideView, Outdial, OutdialEnd, OutdialKind, OutdialState};
use crate::time::Timestamp;
use crate::view::MixView;

use super::apply::{Applied, nonsense};
use super::views::mix_view;
use super::{ReferenceRoom, ReferenceStore};

impl ReferenceRoom {
    /// Its outdials that are not over, oldest first.
    #[must_use]
    pub fn outdials(&self) -> &[Outdial] {
        &self.outdials
    }

    /// How its outdials ended.
    #[must_use]
    pub fn outdials_ended(&self) -> &[(AttendanceId, OutdialEnd)] {
        &self.outdials_ended
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the rest are changes of other things")]
    pub(super) fn aside(&mut self, at: Timestamp, change: &Change) -> Applied {
        match change {
            Change::StartOutdial { callee, conference, asker, kind, to, until } => {
                self.live(*conference)?;
                let is_known = self.outdials.iter().any(|outdial| outdial.callee == *callee)
                    || self.outdials_ended.iter().any(|(ended, _)| ended == callee)
                    || self.attendances.contains_key(callee);
                if is_known {
                    return Err(nonsense("an outdial by a used identifier"));
                }
                self.outdials.push(Outdial {
                    callee: *callee,
                    conference: *conference,
                    asker: *asker,
                    kind: *kind,
                    to: to.clone(),
                    state: OutdialState::Dialling,
                    mix: None,
                    started_at: at,
                    answered_at: None,
                    until: *until,
                });
                self.outdials.sort_by_key(|outdial| (outdial.started_at, outdial.callee));
                Ok(())
            }
            Change::OpenSide { callee, mix, mixer, until } => {
                if !self.mixes.insert(*mix) {
                    return Err(nonsense("a side mix by a used identifier"));
                }
                let outdial = self.outdial(*callee, OutdialState::Dialling)?;
                outdial.state = OutdialState::Aside;
                outdial.mix = Some(LiveMix { mix: *mix, mixer: mixer.clone(), epoch: Epoch(1), reserved: 0 });
                outdial.answered_at = Some(at);
                outdial.until = *until;
                Ok(())
            }
            Change::JoinOutdial { callee, until } => {
                let outdial = self.outdials.iter_mut().find(|outdial| outdial.callee == *callee);
                let outdial =
                    outdial.filter(|outdial| outdial.is_pending()).ok_or(nonsense("nobody is brought in"))?;
                outdial.state = OutdialState::Joined;
                outdial.mix = None;
                outdial.answered_at.get_or_insert(at);
                outdial.until = *until;
                Ok(())
            }
            Change::EndOutdial { callee, why } => self.end_outdial(at, *callee, *why),
            _ => Err(nonsense("no change of an outdial")),
        }
    }

    fn outdial(
        &mut self,
        callee: AttendanceId,
        state: OutdialState,
    ) -> Result<&mut Outdial, super::ReferenceError> {
        let found =
            self.outdials.iter_mut().find(|outdial| outdial.callee == callee && outdial.state == state);
        found.ok_or(nonsense("a change to an outdial that is not there, or not so far"))
    }

    fn end_outdial(&mut self, at: Timestamp, callee: AttendanceId, why: OutdialEnd) -> Applied {
        let place = self.outdials.iter().position(|outdial| outdial.callee == callee);
        let outdial = self.outdials.remove(place.ok_or(nonsense("an outdial ends that is not there"))?);
        if let (OutdialKind::Callee, Some(answered_at)) = (outdial.kind, outdial.answered_at) {
            self.spent.push((outdial.started_at, at.since(answered_at)));
        }
        self.outdials_ended.push((callee, why));
        Ok(())
    }

    /// The talk in private that somebody asked for and is not done with.
    pub(super) fn pending_of(&self, asker: AttendanceId) -> Option<&Outdial> {
        self.outdials.iter().find(|outdial| outdial.asker == asker && outdial.is_pending())
    }

    pub(super) fn aside_view(&self, asker: AttendanceId) -> Option<AsideView> {
        self.pending_of(asker).map(|outdial| AsideView {
            callee: outdial.callee,
            kind: outdial.kind,
            to: outdial.to.clone(),
            has_answered: outdial.state == OutdialState::Aside,
        })
    }

    /// The mix of a callee who talks in private.
    pub(super) fn side_of(&self, callee: AttendanceId) -> Option<MixView> {
        let outdial = self.outdials.iter().find(|outdial| outdial.callee == callee)?;
        outdial.mix.as_ref().map(|mix| mix_view(mix, MixKind::Side))
    }

    /// What must never be of outdials, if it is so.
    pub(super) fn fault_of_outdials(&self) -> Option<&'static str> {
        let is_aside = |id: &AttendanceId| {
            let state = self.attendances.get(id).map(|row| row.state);
            state == Some(AttendanceState::Waiting(WaitingKind::Aside))
        };
        let sits = |id: &AttendanceId| {
            matches!(
                self.attendances.get(id).map(|row| row.state),
                Some(AttendanceState::Seated { conference, .. })
                    if self.conference.as_ref().is_some_and(|live| live.id == conference)
            )
        };
        for outdial in &self.outdials {
            let is_right = match outdial.state {
                OutdialState::Dialling => {
                    !self.attendances.contains_key(&outdial.callee)
                        && outdial.mix.is_none()
                        && sits(&outdial.asker)
                }
                OutdialState::Aside => {
                    is_aside(&outdial.callee)
                        && outdial.mix.as_ref().is_some_and(|mix| mix.reserved >= 2)
                        && sits(&outdial.asker)
                }
                OutdialState::Joined => sits(&outdial.callee) && outdial.mix.is_none(),
            };
            if !is_right {
                return Some("an outdial whose people are elsewhere");
            }
            if self.conference.as_ref().is_none_or(|live| live.id != outdial.conference) {
                return Some("an outdial of a conference that is over");
            }
        }
        let known = |id: &AttendanceId| self.outdials.iter().any(|outdial| outdial.callee == *id);
        let is_stuck = self.waiting.iter().any(|id| is_aside(id) && !known(id));
        is_stuck.then_some("somebody talks in private with nobody")
    }
}

impl ReferenceStore {
    /// How much all rooms dial out.
    pub(super) fn dial_out_use(&self, now: Timestamp) -> DialOutUse {
        let since =
            Timestamp(now.0.saturating_sub(i64::try_from(DialOutUse::DAY.as_millis()).unwrap_or(i64::MAX)));
        let outdials = || {
            let all = self.rooms.values().flat_map(|room| room.outdials.iter());
            all.filter(|outdial| outdial.kind == OutdialKind::Callee)
        };
        let live = outdials().filter(|outdial| outdial.started_at >= since);
        let running: Duration = live.filter_map(|outdial| Some(now.since(outdial.answered_at?))).sum();
        let over = self.rooms.values().flat_map(|room| room.spent.iter());
        let spent: Duration = over.filter(|(began, _)| *began >= since).map(|(_, spent)| *spent).sum();
        DialOutUse { callees: u32::try_from(outdials().count()).unwrap_or(u32::MAX), spent: running + spent }
    }
}
