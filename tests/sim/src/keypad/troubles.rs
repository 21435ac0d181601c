//! What goes wrong while keys are pressed: streams break, interface servers, mixers and VRUs die and come back.

use std::time::Duration;

use partyline_call::Fact;
use partyline_conference::{ConferenceEnd, Intent, MixerId};

use super::{Keypads, MIXERS, Step, VRUS, mixer_id};

/// A lease that stands still for so long is dead.
const LEASE: Duration = Duration::from_secs(4);
/// All is calm for so long before the random keys end: who was lost with a VRU has left by then.
const CALM: Duration = Duration::from_secs(45);
/// About so often something goes wrong.
const EVERY_MS: u64 = 25_000;

/// Something that goes wrong, or comes back.
#[derive(Debug, Clone, Copy)]
pub(super) enum Trouble {
    /// The stream of one caller breaks.
    StreamBreaks,
    /// No interface server is there for a while.
    DeskOut,
    MixerDies(usize),
    MixerIsBack(usize),
    /// A VRU dies with all its calls; another takes its place at once.
    VruDies(usize),
}

impl Keypads {
    /// Draws what will go wrong, until all is to be calm.
    pub(super) fn schedule_troubles(&mut self) {
        let calm_at = self.random_until.saturating_sub(CALM);
        let mut at = self.chance.between_ms(1_000, EVERY_MS);
        // Mixers die one after the other: with none left conferences end, and that is told of elsewhere.
        let mut mixers_whole_at = Duration::ZERO;
        while at < calm_at {
            let trouble = match self.chance.below(10) {
                0..=4 => Trouble::StreamBreaks,
                5 | 6 => Trouble::DeskOut,
                7 | 8 if at > mixers_whole_at => {
                    let mixer = self.chance.index(MIXERS.len());
                    let back = (at + self.chance.between_ms(500, 20_000)).min(calm_at);
                    mixers_whole_at = back + 2 * LEASE;
                    self.at(back, Step::Trouble(Trouble::MixerIsBack(mixer)));
                    Trouble::MixerDies(mixer)
                }
                7..=8 => Trouble::StreamBreaks,
                _ => Trouble::VruDies(self.chance.index(VRUS.len())),
            };
            self.at(at, Step::Trouble(trouble));
            at += self.chance.between_ms(100, 2 * EVERY_MS);
        }
    }

    pub(super) fn trouble(&mut self, trouble: Trouble) {
        self.report.troubles += 1;
        match trouble {
            Trouble::StreamBreaks => self.stream_breaks(),
            Trouble::DeskOut => {
                // A moment of its own, so that what waited goes before what comes then.
                let back =
                    self.now + self.chance.between_ms(300, 8_000) + Duration::from_nanos(self.scheduled);
                self.desk_back_at = Some(self.desk_back_at.map_or(back, |before| before.max(back)));
            }
            Trouble::MixerDies(mixer) => self.mixer_dies(mixer),
            Trouble::MixerIsBack(mixer) => {
                self.mixers_died[mixer] = None;
            }
            Trouble::VruDies(vru) => self.vru_dies(vru),
        }
    }

    fn stream_breaks(&mut self) {
        let there: Vec<usize> = (0..self.callers.len())
            .filter(|&caller| !self.callers[caller].is_over && self.callers[caller].wanted.is_some())
            .collect();
        if !there.is_empty() {
            let caller = *self.chance.pick(&there);
            self.attend_again(caller);
        }
    }

    /// Its legs fall out.
    fn mixer_dies(&mut self, mixer: usize) {
        self.mixers_died[mixer].get_or_insert(self.now);
        let id = mixer_id(mixer);
        for caller in 0..self.callers.len() {
            let state = &mut self.callers[caller];
            if let Some((mix, _, on)) = state.wanted.clone()
                && on == id
                && !state.is_over
                && std::mem::take(&mut state.is_joined)
            {
                self.soon(1, 40, Step::Tell(caller, Fact::MixLost { mix }));
            }
        }
    }

    /// Its calls are gone, and nobody says so until its lease is over.
    fn vru_dies(&mut self, vru: usize) {
        for caller in 0..self.callers.len() {
            if self.callers[caller].vru != vru || self.callers[caller].is_over {
                continue;
            }
            if self.callers[caller].journey.is_none() {
                continue;
            }
            self.over(caller);
            let attendance = self.callers[caller].attendance;
            let at = self.now + LEASE + self.chance.between_ms(0, 500);
            self.at(at, Step::Ask(Intent::VruLost { attendance }));
        }
    }

    /// What is to be done now, where interface servers are there; else it waits for them, or is lost.
    pub(super) fn unless_out(&mut self, step: Step) -> Option<Step> {
        let Some(back) = self.desk_back_at.filter(|back| *back > self.now) else { return Some(step) };
        match step {
            Step::Ask(_) | Step::See(_) | Step::Sweep => {
                self.at(back, step);
                None
            }
            Step::Order { caller, number, .. } => {
                self.soon(1_000, 6_000, Step::Tell(caller, Fact::CommandAnswered { number, answer: None }));
                None
            }
            Step::Dial(_)
            | Step::Tell(..)
            | Step::Wake(_)
            | Step::Joined(..)
            | Step::Fidget(_)
            | Step::Trouble(_)
            | Step::Back
            | Step::Unmute(_)
            | Step::Leave => Some(step),
        }
    }

    fn died(&self, mixer: &MixerId) -> Option<Duration> {
        let place = MIXERS.iter().position(|name| *name == mixer.as_str())?;
        self.mixers_died[place]
    }

    pub(super) fn is_dead(&self, mixer: &MixerId) -> bool {
        self.died(mixer).is_some()
    }

    fn has_lost_lease(&self, mixer: &MixerId) -> bool {
        self.died(mixer).is_some_and(|died| died + LEASE <= self.now)
    }

    /// As far as anybody can see.
    pub(super) fn live_mixers(&self) -> Vec<MixerId> {
        (0..MIXERS.len()).map(mixer_id).filter(|id| !self.has_lost_lease(id)).collect()
    }

    /// What interface servers find out by themselves.
    pub(super) fn due(&self) -> Vec<Intent> {
        let Some(room) = self.store.room(self.room) else { return Vec::new() };
        let carriers = room.conference().map(|live| &live.mix).into_iter().chain(room.lobby());
        let lost = carriers.filter(|mix| self.has_lost_lease(&mix.mixer));
        let mut due: Vec<Intent> = lost.map(|mix| Intent::MixerLost { mixer: mix.mixer.clone() }).collect();
        let ends = room.conference().and_then(|live| live.deadline);
        if ends.is_some_and(|ends| ends.why == ConferenceEnd::NoMixer) {
            due.push(Intent::MixerCame);
        }
        due
    }
}
