//! The mixes of one mixer and who sits in them: orders in, wishes to the engine out.
//!
//! It holds no engine, socket or clock. **Invariant:** never more legs than seats; a mix is only ever known at its
//! highest epoch, and each placement has an engine key of its own, so that two mixers that share an engine (one
//! process) never close each other's mixes.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use partyline_conference::{AttendanceId, Epoch, MixId, VoiceCare};
use partyline_engine::{Attachment, LegId, MixKey};
use partyline_rpc::mixing::{EndMix, EnsureMix, LeaveMix, PlaySound, SetLeg, Sound};
use partyline_rpc::{LegName, Ticket};
use tokio::sync::Notify;
use tonic::Status;

use crate::announcer::{Announcer, Said};
use crate::phrases::Way;
use crate::sounds::Sounds;

/// A mix that nobody has been in for this long is forgotten: the order to end it was lost. Joins come within seconds
/// of a placement.
const EMPTY_MAX: Duration = Duration::from_secs(600);
/// Ended placements remembered, so that a late order does not open one again.
const ENDED_MAX: usize = 4096;
/// Play numbers remembered per mix; repeats come within seconds.
const PLAYS_MAX: usize = 64;
/// Settings remembered per mix; a room that sees more callers in one conference loses the oldest tombstones.
const SETTINGS_MAX: usize = 16_384;
/// Names that wait in all mixes: 80 MB where all are as long as may be. More people are told by a tone.
const NAMES_MAX: usize = 1_024;

/// Why an order is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    /// It names a lower placement than the one known.
    #[error("the mix has a later placement")]
    Stale,
    /// All seats are taken.
    #[error("no seat is left")]
    NoSeat,
    /// The mix is not known here.
    #[error("no such mix")]
    NoMix,
    /// The caller was removed from this mix.
    #[error("the caller was removed")]
    Removed,
}

impl From<Refused> for Status {
    fn from(refused: Refused) -> Self {
        let text = refused.to_string();
        match refused {
            Refused::Stale => Self::failed_precondition(text),
            Refused::NoSeat => Self::resource_exhausted(text),
            Refused::NoMix => Self::not_found(text),
            Refused::Removed => Self::permission_denied(text),
        }
    }
}

/// What ensuring a mix wants of the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Ensured {
    /// Open this mix.
    pub(crate) open: Option<MixKey>,
    /// Close the mix of the placement before.
    pub(crate) close: Option<MixKey>,
}

/// What a join wants of the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Joining {
    /// The mix.
    pub(crate) key: MixKey,
    /// The leg's place in it.
    pub(crate) attachment: Attachment,
    /// An earlier leg of the same name, which goes.
    pub(crate) replaces: Option<LegId>,
}

/// What is next to be announced in a mix.
#[derive(Debug)]
pub(crate) enum Announcing {
    /// This, now.
    Say(MixKey, Said),
    /// Nothing before then.
    Wait(Instant),
    /// Nothing more: whoever saw to it is done.
    Over,
}

/// What setting a leg wants of the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Setting {
    /// Change how it is attached to the mix.
    Adjust(LegId, MixKey, Attachment),
    /// Take it out.
    Detach(LegId, MixKey),
}

#[derive(Debug)]
struct Mix {
    epoch: Epoch,
    key: MixKey,
    care: Care,
    legs: HashMap<LegName, Seat>,
    settings: HashMap<AttendanceId, Held>,
    plays: VecDeque<u64>,
    announcer: Announcer,
    /// Told when there is more to announce; `None` while nobody sees to it.
    crier: Option<Arc<Notify>>,
    empty_since: Instant,
}

impl Mix {
    /// Takes the newest word on a caller; whether it was one. Who was removed stays so.
    fn hold(&mut self, attendance: AttendanceId, held: Held) -> bool {
        let known = self.settings.get(&attendance);
        if known.is_some_and(|known| known.version > held.version || known.is_removed) {
            return false;
        }
        if known.is_none()
            && self.settings.len() >= SETTINGS_MAX
            && let Some(oldest) =
                self.settings.iter().min_by_key(|(_, held)| held.version).map(|(who, _)| *who)
        {
            metrics::counter!("partyline_mixer_settings_dropped_total").increment(1);
            self.settings.remove(&oldest);
        }
        self.settings.insert(attendance, held);
        true
    }

    /// How a caller's leg should be attached.
    fn attachment(&self, attendance: AttendanceId) -> Attachment {
        let is_muted = self.settings.get(&attendance).is_some_and(|held| held.is_muted);
        Attachment { uplink: !is_muted, downlink: true }
    }
}

/// What is done to the voices of a mix.
#[derive(Debug, Clone, Copy)]
struct Care {
    /// The newest word of the room, and the version that it is of.
    wanted: VoiceCare,
    version: u64,
    /// What the engine does.
    given: VoiceCare,
}

/// What the engine does to the voices of a mix, and what is wanted instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CareDue {
    /// The mix.
    pub(crate) key: MixKey,
    /// What the engine does.
    pub(crate) given: VoiceCare,
    /// What it should do.
    pub(crate) wanted: VoiceCare,
}

/// What a mix opens with: what is needed to take noise away comes after that, as it is long in the making.
pub(crate) const fn care_at_first(wanted: VoiceCare) -> VoiceCare {
    VoiceCare { noise_suppression: false, agc: wanted.agc }
}

#[derive(Debug, Clone, Copy)]
struct Seat {
    leg: LegId,
    attendance: AttendanceId,
}

/// The newest setting of a caller; it wins over what any ticket says.
#[derive(Debug, Clone, Copy)]
struct Held {
    version: u64,
    is_muted: bool,
    is_removed: bool,
}

/// The mixes of one mixer.
#[derive(Debug)]
pub(crate) struct Mixes {
    seats_max: usize,
    /// In how many mixes each leg sits. On the way from a lobby to a conference it is two for a moment; the leg is one.
    sitting: HashMap<LegId, u32>,
    mixes: HashMap<MixId, Mix>,
    ended: VecDeque<(MixId, Epoch)>,
}

impl Mixes {
    pub(crate) fn new(seats_max: u32) -> Self {
        Self {
            seats_max: usize::try_from(seats_max).unwrap_or(usize::MAX),
            sitting: HashMap::new(),
            mixes: HashMap::new(),
            ended: VecDeque::new(),
        }
    }

    /// Legs that sit in mixes now.
    pub(crate) fn seats_taken(&self) -> usize {
        self.sitting.len()
    }

    /// Mixes that are known now.
    pub(crate) fn len(&self) -> usize {
        self.mixes.len()
    }

    /// A mix should exist with a placement, and voices should be treated as the room wants there. `fresh` is the engine key for it, if it is new.
    pub(crate) fn ensure(
        &mut self,
        now: Instant,
        order: &EnsureMix,
        fresh: MixKey,
    ) -> Result<Ensured, Refused> {
        if self.ended.iter().any(|(mix, epoch)| *mix == order.mix && *epoch >= order.epoch) {
            return Err(Refused::Stale);
        }
        let known = self.mixes.get(&order.mix).map(|mix| (mix.epoch, mix.key));
        match known {
            Some((epoch, _)) if epoch > order.epoch => return Err(Refused::Stale),
            Some((epoch, _)) if epoch == order.epoch => {
                if let Some(mix) =
                    self.mixes.get_mut(&order.mix).filter(|mix| mix.care.version <= order.version)
                {
                    (mix.care.wanted, mix.care.version) = (order.voices, order.version);
                }
                return Ok(Ensured::default());
            }
            Some(_) | None => {}
        }
        let free = self.seats_max.saturating_sub(self.sitting.len());
        // A mix that never gets a leg has no seat of its own: as many mixes as seats are the most that make sense.
        if usize::try_from(order.seats).is_ok_and(|seats| seats > free) || self.mixes.len() >= self.seats_max
        {
            return Err(Refused::NoSeat);
        }
        let close = known.map(|(_, key)| key);
        if close.is_some() {
            self.forget(order.mix);
        }
        let mix = Mix {
            epoch: order.epoch,
            key: fresh,
            care: Care { wanted: order.voices, version: order.version, given: care_at_first(order.voices) },
            legs: HashMap::new(),
            settings: HashMap::new(),
            plays: VecDeque::new(),
            announcer: Announcer::default(),
            crier: None,
            empty_since: now,
        };
        self.mixes.insert(order.mix, mix);
        Ok(Ensured { open: Some(fresh), close })
    }

    /// What is to be done to the voices of a mix otherwise than it is; `None` where all is as it should be.
    pub(crate) fn care_due(&self, (mix, epoch): (MixId, Epoch)) -> Option<CareDue> {
        let Mix { key, care, .. } = self.mixes.get(&mix).filter(|mix| mix.epoch == epoch)?;
        let due = CareDue { key: *key, given: care.given, wanted: care.wanted };
        (due.given != due.wanted).then_some(due)
    }

    /// The engine treats the voices of a mix so now.
    pub(crate) fn care_given(&mut self, (mix, epoch): (MixId, Epoch), given: VoiceCare) {
        if let Ok(mix) = self.placed(mix, epoch) {
            mix.care.given = given;
        }
    }

    /// The engine did not open a mix: nothing is placed here, and it may be asked for again.
    pub(crate) fn open_failed(&mut self, mix: MixId) {
        self.forget(mix);
    }

    /// A placement is over. Answers with what to close.
    pub(crate) fn end(&mut self, order: &EndMix) -> Result<Option<MixKey>, Refused> {
        if self.mixes.get(&order.mix).is_some_and(|mix| mix.epoch > order.epoch) {
            return Err(Refused::Stale);
        }
        if self.ended.len() == ENDED_MAX {
            self.ended.pop_front();
        }
        self.ended.push_back((order.mix, order.epoch));
        Ok(self.forget(order.mix))
    }

    fn forget(&mut self, mix: MixId) -> Option<MixKey> {
        let mix = self.mixes.remove(&mix)?;
        for seat in mix.legs.values() {
            stands_up(&mut self.sitting, seat.leg);
        }
        Some(mix.key)
    }

    fn placed(&mut self, mix: MixId, epoch: Epoch) -> Result<&mut Mix, Refused> {
        let mix = self.mixes.get_mut(&mix).ok_or(Refused::NoMix)?;
        match epoch.cmp(&mix.epoch) {
            std::cmp::Ordering::Less => Err(Refused::Stale),
            std::cmp::Ordering::Equal => Ok(mix),
            // A placement that this mixer was not told of yet.
            std::cmp::Ordering::Greater => Err(Refused::NoMix),
        }
    }

    /// A leg comes in; its seat is taken from here on.
    pub(crate) fn join(&mut self, ticket: &Ticket, leg: LegId) -> Result<Joining, Refused> {
        let is_full = self.sitting.len() >= self.seats_max && !self.sitting.contains_key(&leg);
        let mix = self.placed(ticket.mix, ticket.epoch)?;
        if mix.settings.get(&ticket.attendance).is_some_and(|held| held.is_removed) {
            return Err(Refused::Removed);
        }
        let before = mix.legs.get(&ticket.leg_name).map(|seat| seat.leg);
        if before.is_none() && is_full {
            return Err(Refused::NoSeat);
        }
        let version = ticket.voice_version.0;
        mix.hold(ticket.attendance, Held { version, is_muted: ticket.is_muted, is_removed: false });
        let (key, attachment) = (mix.key, mix.attachment(ticket.attendance));
        mix.legs.insert(ticket.leg_name, Seat { leg, attendance: ticket.attendance });
        if let Some(before) = before {
            stands_up(&mut self.sitting, before);
        }
        *self.sitting.entry(leg).or_default() += 1;
        Ok(Joining { key, attachment, replaces: before.filter(|before| *before != leg) })
    }

    /// The engine did not take the leg: its seat is free again.
    pub(crate) fn join_failed(&mut self, now: Instant, ticket: &Ticket, leg: LegId) {
        if self.has(ticket, leg) {
            self.vacate(now, ticket.mix, ticket.leg_name);
        }
    }

    /// Whether a leg still has its seat.
    pub(crate) fn has(&self, ticket: &Ticket, leg: LegId) -> bool {
        self.mixes
            .get(&ticket.mix)
            .filter(|mix| mix.epoch == ticket.epoch)
            .and_then(|mix| mix.legs.get(&ticket.leg_name))
            .is_some_and(|seat| seat.leg == leg)
    }

    fn vacate(&mut self, now: Instant, mix: MixId, name: LegName) -> Option<(LegId, MixKey)> {
        let mix = self.mixes.get_mut(&mix)?;
        let seat = mix.legs.remove(&name)?;
        if mix.legs.is_empty() {
            mix.empty_since = now;
        }
        let key = mix.key;
        stands_up(&mut self.sitting, seat.leg);
        Some((seat.leg, key))
    }

    /// A leg goes: the one that is named and no other. Unknown and repeated names are harmless.
    pub(crate) fn leave(&mut self, now: Instant, order: &LeaveMix) -> Option<(LegId, MixKey)> {
        self.placed(order.mix, order.epoch).ok()?;
        self.vacate(now, order.mix, order.leg_name)
    }

    /// What should hold for a caller. An older version changes nothing.
    pub(crate) fn set(&mut self, now: Instant, order: &SetLeg) -> Result<Option<Setting>, Refused> {
        let mix = self.placed(order.mix, order.epoch)?;
        let held = Held { version: order.version, is_muted: order.is_muted, is_removed: order.is_removed };
        if !mix.hold(order.attendance, held) {
            return Ok(None);
        }
        let (key, attachment) = (mix.key, mix.attachment(order.attendance));
        let seat = mix.legs.iter().find(|(_, seat)| seat.attendance == order.attendance);
        let Some((name, seat)) = seat.map(|(name, seat)| (*name, *seat)) else {
            return Ok(None);
        };
        if order.is_removed {
            return Ok(self.vacate(now, order.mix, name).map(|(leg, key)| Setting::Detach(leg, key)));
        }
        Ok(Some(Setting::Adjust(seat.leg, key, attachment)))
    }

    /// How a leg should be attached to the mix that it has a seat in; `None` where it has none there (any more).
    pub(crate) fn wanted(
        &self,
        (mix, epoch): (MixId, Epoch),
        attendance: AttendanceId,
        leg: LegId,
    ) -> Option<Attachment> {
        let mix = self.mixes.get(&mix).filter(|mix| mix.epoch == epoch)?;
        let sits = mix.legs.values().any(|seat| seat.leg == leg && seat.attendance == attendance);
        sits.then(|| mix.attachment(attendance))
    }

    /// Something is to be announced; a repeat changes nothing. Answers with what tells of more, where nobody sees to the
    /// announcements of the mix yet: the caller does, from now on.
    pub(crate) fn play(&mut self, now: Instant, order: &PlaySound) -> Result<Option<Arc<Notify>>, Refused> {
        let has_room = self.mixes.values().map(|mix| mix.announcer.names()).sum::<usize>() < NAMES_MAX;
        let mix = self.placed(order.mix, order.epoch)?;
        if mix.plays.contains(&order.play) {
            return Ok(None);
        }
        if mix.plays.len() == PLAYS_MAX {
            mix.plays.pop_front();
        }
        mix.plays.push_back(order.play);
        let way = match order.sound {
            Sound::Entry => Way::In,
            Sound::Exit => Way::Out,
            Sound::Hush => {
                mix.announcer.hush();
                return Ok(None);
            }
        };
        match (order.who, &order.name) {
            (Some(who), Some(name)) if has_room => mix.announcer.name(now, way, who, name.clone()),
            (who, name) => {
                if name.is_some() {
                    metrics::counter!("partyline_mixer_names_dropped_total").increment(1);
                }
                mix.announcer.tone(now, way, who);
            }
        }
        if let Some(crier) = &mix.crier {
            crier.notify_one();
            return Ok(None);
        }
        Ok(mix.announcer.due(now).map(|_| Arc::clone(mix.crier.insert(Arc::default()))))
    }

    /// What is next to be announced in a mix, for whoever sees to it.
    pub(crate) fn announce(
        &mut self,
        now: Instant,
        (mix, epoch): (MixId, Epoch),
        sounds: &Sounds,
    ) -> Announcing {
        let Ok(mix) = self.placed(mix, epoch) else {
            return Announcing::Over;
        };
        if let Some(said) = mix.announcer.say(now, sounds) {
            return Announcing::Say(mix.key, said);
        }
        match mix.announcer.due(now) {
            Some(due) => Announcing::Wait(due),
            None => {
                mix.crier = None;
                Announcing::Over
            }
        }
    }

    /// Forgets mixes that have been empty for long. Answers with what to close.
    pub(crate) fn forget_empty(&mut self, now: Instant) -> Vec<MixKey> {
        let is_old = |mix: &Mix| mix.legs.is_empty() && now.duration_since(mix.empty_since) >= EMPTY_MAX;
        let old: Vec<MixId> = self.mixes.iter().filter(|(_, mix)| is_old(mix)).map(|(id, _)| *id).collect();
        old.into_iter().filter_map(|mix| self.forget(mix)).collect()
    }

    /// Forgets all. Answers with what to close.
    pub(crate) fn clear(&mut self) -> Vec<MixKey> {
        self.sitting.clear();
        self.mixes.drain().map(|(_, mix)| mix.key).collect()
    }
}

/// A leg sits in one mix less; in none, its seat is free.
fn stands_up(sitting: &mut HashMap<LegId, u32>, leg: LegId) {
    if let Some(mixes) = sitting.get_mut(&leg) {
        *mixes -= 1;
        if *mixes == 0 {
            sitting.remove(&leg);
        }
    }
}

#[cfg(test)]
mod tests;
