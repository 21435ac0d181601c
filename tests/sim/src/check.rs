//! What must hold: at every moment, once all has calmed down, and at the end.

use std::collections::BTreeMap;
use std::time::Duration;

use partyline_conference::{Decision, RoomId, Timestamp};

use crate::calls::Call;
use crate::event::CallIndex;
use crate::model::Company;
use crate::parts::Leg;
use crate::world::World;

/// A room in which nothing has happened for this long is calm: everybody has been told, and has joined.
const CALM: Duration = Duration::from_secs(4);

impl World {
    /// Something happens to a room's callers, and they need a moment to be told.
    pub(crate) fn stir(&mut self, room: RoomId) {
        self.stirred_at.insert(room, self.now);
    }

    /// A commit: the model follows, and the store must say what the model says.
    pub(crate) fn follow(&mut self, room: RoomId, at: Timestamp, decision: &Decision) {
        self.stir(room);
        let Some(model) = self.models.get_mut(&room) else {
            return;
        };
        let agreed = model
            .follow(at, decision)
            .and_then(|()| self.store.room(room).map_or(Ok(()), |known| model.agrees_with(known)));
        if let Err(why) = agreed {
            self.fail(format!("{why}, after {decision:?}"));
        }
    }

    /// At every moment: callers of two rooms never hear each other.
    pub(crate) fn check_privacy(&mut self, call: CallIndex) {
        let Some(mine) = self.legs.get(&call) else {
            return;
        };
        let room = self.calls[call].plan.room;
        let stranger = self
            .legs
            .iter()
            .find(|(other, leg)| leg.mix == mine.mix && self.calls[**other].plan.room != room);
        if let Some((other, _)) = stranger {
            self.fail(format!("callers {call} and {other} of two rooms hear each other"));
        }
    }

    /// All has calmed down: who should be together is, and nobody else.
    pub(crate) fn check_company(&mut self) {
        let mut places: BTreeMap<Company, (Leg, CallIndex)> = BTreeMap::new();
        let mut faults = Vec::new();
        let mut there = 0;
        let is_calm = |room: RoomId| self.stirred_at.get(&room).is_none_or(|at| *at + CALM <= self.now);
        for (index, call) in self.calls.iter().enumerate().filter(|(_, call)| is_calm(call.plan.room)) {
            let should =
                self.models.get(&call.plan.room).and_then(|model| model.callers().get(&call.attendance));
            let leg = self.legs.get(&index);
            there += usize::from(call.attends());
            match (call.attends(), should.map(|(_, company)| *company), leg) {
                (false, None, None) | (true, Some(Company::Held), None) => {}
                (true, Some(company), Some(leg)) if company != Company::Held => {
                    let (first, other) = places.entry(company).or_insert_with(|| (leg.clone(), index));
                    if first != leg {
                        faults
                            .push(format!("{index} and {other} should hear each other: {leg:?}, {first:?}"));
                    }
                }
                (attends, should, leg) => faults.push(format!(
                    "{index}: attends {attends}, should be with {should:?}, is in {leg:?}; {:?} {:?} {:?}",
                    call.client,
                    self.store.attendance(call.attendance),
                    call.journey,
                )),
            }
        }
        let mut mixes: Vec<_> = places.values().map(|(leg, _)| leg.mix).collect();
        mixes.sort();
        mixes.dedup();
        if mixes.len() != places.len() {
            faults.push("two companies share a mix".to_owned());
        }
        self.report.together += there;
        if let Some(fault) = faults.first() {
            self.fail(format!("once calm: {fault}"));
        }
    }

    /// At the end nothing is left of anybody.
    pub(crate) fn check_nothing_is_left(&mut self) {
        let open = self.calls.iter().filter(|call| !call.is_over).count();
        let is_untold = |call: &&Call| {
            self.vrus[call.plan.vru].is_up && call.client.as_ref().is_some_and(|client| !client.is_done)
        };
        let untold: Vec<_> = self.calls.iter().filter(is_untold).map(|call| &call.client).collect();
        let callers = self.store.callers();
        let reserved: u32 = self.store.mixers().map(|mixer| mixer.reserved).sum();
        let left = (open, untold.len(), callers, reserved, self.legs.len());
        if left != (0, 0, 0, 0, 0) {
            let what = "calls, unanswered goodbyes, callers, seats, legs";
            self.fail(format!("left at the end ({what}): {left:?}; {untold:?}"));
        }
    }
}
