//! One room of the reference store: what is in it, and what must never be.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::attendance::{Attendance, AttendanceState, Waiting, WaitingKind};
use crate::code::Role;
use crate::conference::{ConferenceEnd, LiveConference, LiveMix, Past};
use crate::event::{Event, EventKind};
use crate::ids::{AttendanceId, ConfereeId, ConferenceId, EventSequence, MixId, MixerId, Order, RoomVersion};
use crate::line_noise::LineNoise;
use crate::outdial::{Outdial, OutdialEnd};
use crate::room::Room;
use crate::time::Timestamp;

/// A room with all that was ever in it.
#[derive(Debug, Clone)]
pub struct ReferenceRoom {
    /// Its settings and version.
    pub room: Room,
    pub(super) conference: Option<LiveConference>,
    pub(super) lobby: Option<LiveMix>,
    pub(super) attendances: BTreeMap<AttendanceId, Attendance>,
    /// In order of arrival.
    pub(super) waiting: Vec<AttendanceId>,
    pub(super) ended: Vec<(ConferenceId, ConferenceEnd)>,
    pub(super) conferees: BTreeSet<ConfereeId>,
    pub(super) mixes: BTreeSet<MixId>,
    /// What is remembered of callers of the live conference, by their number.
    pub(super) past: BTreeMap<String, Past>,
    /// When each conferee's voice was last changed.
    pub(super) voices: BTreeMap<AttendanceId, RoomVersion>,
    /// What noise each conferee's line made last.
    pub(super) noises: BTreeMap<AttendanceId, (LineNoise, Timestamp)>,
    /// Those that are not over, oldest first.
    pub(super) outdials: Vec<Outdial>,
    pub(super) outdials_ended: Vec<(AttendanceId, OutdialEnd)>,
    /// When each outdial that was answered began, and how long its callee was there.
    pub(super) spent: Vec<(Timestamp, Duration)>,
    events: Vec<Event>,
}

impl ReferenceRoom {
    pub(super) const fn new(room: Room) -> Self {
        Self {
            room,
            conference: None,
            lobby: None,
            attendances: BTreeMap::new(),
            waiting: Vec::new(),
            ended: Vec::new(),
            conferees: BTreeSet::new(),
            mixes: BTreeSet::new(),
            past: BTreeMap::new(),
            voices: BTreeMap::new(),
            noises: BTreeMap::new(),
            outdials: Vec::new(),
            outdials_ended: Vec::new(),
            spent: Vec::new(),
            events: Vec::new(),
        }
    }

    /// Its live conference.
    #[must_use]
    pub const fn conference(&self) -> Option<&LiveConference> {
        self.conference.as_ref()
    }

    /// Its lobby.
    #[must_use]
    pub const fn lobby(&self) -> Option<&LiveMix> {
        self.lobby.as_ref()
    }

    /// Every attendance that it ever had.
    #[must_use]
    pub const fn attendances(&self) -> &BTreeMap<AttendanceId, Attendance> {
        &self.attendances
    }

    /// Conferences that are over, and why, oldest first.
    #[must_use]
    pub fn ended(&self) -> &[(ConferenceId, ConferenceEnd)] {
        &self.ended
    }

    /// Its events, ascending.
    #[must_use]
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// Who waits, in order of arrival.
    #[must_use]
    pub fn waiting(&self) -> Vec<Waiting> {
        let rows = self.waiting.iter().filter_map(|id| self.attendances.get(id));
        rows.filter_map(|row| match row.state {
            AttendanceState::Waiting(kind) => {
                Some(Waiting { attendance: row.id, kind, role: row.role, deadline: row.deadline })
            }
            AttendanceState::Seated { .. } | AttendanceState::Refused(_) | AttendanceState::Left(_) => None,
        })
        .collect()
    }

    /// Who sits in the live conference, by order of entry.
    #[must_use]
    pub fn seated(&self) -> Vec<(Order, AttendanceId)> {
        let mut seated: Vec<_> =
            self.attendances.values().filter_map(|row| Some((self.seat(row)?, row.id))).collect();
        seated.sort();
        seated
    }

    /// Callers who wait or sit here.
    #[must_use]
    pub fn callers(&self) -> u32 {
        count(self.attendances.values().filter(|row| !row.state.is_over()))
    }

    /// Whether any deadline of the room is at or before `now`.
    #[must_use]
    pub fn is_due(&self, now: Timestamp) -> bool {
        let conference =
            self.conference.as_ref().and_then(|live| live.deadline).is_some_and(|end| end.at <= now);
        let outdial = self.outdials.iter().any(|outdial| outdial.until <= now);
        conference || outdial || !self.overdue(now, 1).is_empty()
    }

    pub(super) fn overdue(&self, now: Timestamp, max: usize) -> Vec<AttendanceId> {
        let is_due = |row: &&Attendance| row.deadline.is_some_and(|at| at <= now);
        self.attendances.values().filter(is_due).map(|row| row.id).take(max).collect()
    }

    pub(super) fn is_on(&self, mixer: &MixerId) -> bool {
        self.live_mixes().any(|mix| mix.mixer == *mixer)
    }

    pub(super) fn reserved_on(&self, mixer: &MixerId) -> u32 {
        self.live_mixes().filter(|mix| mix.mixer == *mixer).map(|mix| mix.reserved).sum()
    }

    pub(super) fn live_mixes(&self) -> impl Iterator<Item = &LiveMix> {
        let sides = self.outdials.iter().filter_map(|outdial| outdial.mix.as_ref());
        self.conference.iter().map(|live| &live.mix).chain(&self.lobby).chain(sides)
    }

    fn seat(&self, row: &Attendance) -> Option<Order> {
        let live = self.conference.as_ref()?;
        match row.state {
            AttendanceState::Seated { conference, order, .. } if conference == live.id => Some(order),
            AttendanceState::Seated { .. }
            | AttendanceState::Waiting(_)
            | AttendanceState::Refused(_)
            | AttendanceState::Left(_) => None,
        }
    }

    pub(super) fn tell(&mut self, at: Timestamp, kinds: &[EventKind]) {
        for kind in kinds {
            let sequence = EventSequence(self.events.len() as u64 + 1);
            self.events.push(Event { room: self.room.id, sequence, at, kind: kind.clone() });
        }
    }

    /// What must never be, if it is so.
    pub(super) fn fault(&self) -> Option<&'static str> {
        let waiting = self.waiting();
        let talking = count(waiting.iter().filter(|caller| caller.kind == WaitingKind::Lobby));
        if let Some(live) = &self.conference {
            let seated = self.seated();
            let waits = waiting
                .iter()
                .any(|caller| !matches!(caller.kind, WaitingKind::WaitingRoom | WaitingKind::Aside));
            let is_host = |(_, id): &&(Order, AttendanceId)| self.attendances[id].role == Role::Host;
            let faults = [
                (waits, "somebody waits beside a live conference and not in the waiting room"),
                (seated.is_empty(), "a conference without a conferee"),
                (count(seated.iter()) != live.seated, "a wrong count of seats"),
                (count(seated.iter().filter(is_host)) != live.hosts_seated, "a wrong count of hosts"),
                (live.seated > live.mix.reserved, "more seats than are reserved"),
            ];
            if let Some((_, fault)) = faults.into_iter().find(|(is_so, _)| *is_so) {
                return Some(fault);
            }
        }
        if let Some(fault) = self.fault_of_outdials() {
            return Some(fault);
        }
        match &self.lobby {
            None if talking > 0 => Some("an early caller talks in no lobby"),
            Some(_) if talking == 0 => Some("an empty lobby"),
            Some(lobby) if talking > lobby.reserved => Some("a lobby with more callers than are reserved"),
            Some(_) | None => None,
        }
    }
}

fn count<T>(items: impl Iterator<Item = T>) -> u32 {
    u32::try_from(items.count()).unwrap_or(u32::MAX)
}
