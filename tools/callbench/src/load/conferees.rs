//! Callers who are in their conferences while something else is going on, and what they miss of it.

use std::time::Instant;

use super::figures::{LossFigures, Share};
use super::run::{
    Conferee, LoadError, LoadPlan, call_all, take_failed, talkers_in, talkers_of, wait_until_in,
};
use super::tones::tones;
use crate::bench::Bench;
use crate::ear::PacketReport;
use crate::leg::Look;

/// Callers in conferences.
pub(crate) struct Conferees {
    all: Vec<Conferee>,
    /// Their packets when the window began, over 60 ms late ones too.
    before: Vec<(PacketReport, Instant)>,
}

impl Conferees {
    /// Calls, enters, and waits until all is quiet. Who does not get in is left out.
    pub(crate) async fn call(bench: &Bench, plan: &LoadPlan) -> Result<Self, LoadError> {
        let mut all = call_all(bench, plan, &tones(talkers_of(plan))).await?;
        wait_until_in(&all, plan).await;
        tokio::time::sleep(plan.settle).await;
        take_failed(&mut all);
        Ok(Self { all, before: Vec::new() })
    }

    pub(crate) const fn len(&self) -> usize {
        self.all.len()
    }

    /// Whose calls are over.
    pub(crate) fn ended(&self) -> usize {
        self.all.iter().filter(|conferee| conferee.caller.ended().is_some()).count()
    }

    /// From now on it is counted what they miss; the longest gap is that since they called.
    pub(crate) async fn begin_window(&mut self) {
        self.before.clear();
        for conferee in &self.all {
            self.before.push((conferee.caller.packets().await, Instant::now()));
        }
    }

    /// What they have missed since, and how many packets came late.
    pub(crate) async fn end_window(&self) -> (LossFigures, u64) {
        let (mut shares, mut late) = (Vec::new(), 0);
        for (conferee, (before, since)) in self.all.iter().zip(&self.before) {
            let (look, at): (Look, _) =
                (conferee.caller.look(std::time::Duration::ZERO).await, Instant::now());
            let packets = look.packets;
            late += packets.late.saturating_sub(before.late);
            shares.push(Share {
                received: packets.received.saturating_sub(before.received),
                lost: packets.lost.saturating_sub(before.lost),
                elapsed: at.saturating_duration_since(*since),
                longest_gap: packets.longest_gap,
            });
        }
        (LossFigures::of(&shares), late)
    }
}

impl LoadPlan {
    /// A code that one more caller may enter, and the tones that are heard there.
    pub(crate) fn guest(&self) -> (&str, Vec<f32>) {
        let tones = tones(talkers_of(self));
        let heard = talkers_in(0, self).map(|talker| tones[talker]).collect();
        (&self.rooms[0].others, heard)
    }
}
