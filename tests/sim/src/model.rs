//! The small model: who should be with whom, told only who came and who went, in the order of the store's commits.
//!
//! It knows the table of who goes where in its own few words, and shares no code with the rules.

use std::collections::BTreeMap;
use std::time::Duration;

use partyline_conference::reference::ReferenceRoom;
use partyline_conference::room::{EntryPolicy, HostLeaves};
use partyline_conference::{
    AttendanceId, AttendanceState, Change, ConferenceEnd, ConferenceId, Decision, Refusal, Role, Room,
    RoomId, Timestamp, WaitingKind,
};

/// With whom a caller should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Company {
    /// Nobody.
    Held,
    /// The other early callers of the room.
    Lobby(RoomId),
    /// All of the room's nth conference.
    Conference(RoomId, u32),
}

/// One room.
#[derive(Debug)]
pub(crate) struct ModelRoom {
    id: RoomId,
    entry: EntryPolicy,
    host_leaves: HostLeaves,
    longest: Option<Duration>,
    max: usize,
    callers: BTreeMap<AttendanceId, (Role, Company)>,
    live: Option<Meeting>,
    meetings: u32,
}

#[derive(Debug)]
struct Meeting {
    began: Timestamp,
    grace_ends: Option<Timestamp>,
}

type Agreed = Result<(), String>;

impl ModelRoom {
    pub(crate) fn new(room: &Room) -> Self {
        Self {
            id: room.id,
            entry: room.entry,
            host_leaves: room.host_leaves,
            longest: room.conference_max,
            max: room.conferees_max as usize,
            callers: BTreeMap::new(),
            live: None,
            meetings: 0,
        }
    }

    /// With whom each caller should be.
    pub(crate) const fn callers(&self) -> &BTreeMap<AttendanceId, (Role, Company)> {
        &self.callers
    }

    /// A decision was committed: who came, who went; and whether the rest follows.
    pub(crate) fn follow(&mut self, now: Timestamp, decision: &Decision) -> Agreed {
        for change in &decision.changes {
            match change {
                Change::Arrive { attendance, role, state, .. } => {
                    let is_gone = decision.changes.iter().any(
                        |other| matches!(other, Change::Leave { attendance: left, .. } if left == attendance),
                    );
                    match (state, is_gone) {
                        (AttendanceState::Refused(refusal), _) => self.is_right_to_refuse(*role, *refusal)?,
                        (_, true) => {}
                        (_, false) => self.arrives(now, *attendance, *role)?,
                    }
                }
                Change::Leave { attendance, .. } => self.leaves(now, *attendance),
                Change::Refuse { attendance, refusal: Refusal::NoMixer } => self.leaves(now, *attendance),
                Change::Refuse { .. } => return Err(format!("{change:?}: who waits always fits")),
                // Early callers fall back to being held when no mixer is left, and back.
                Change::Wait { attendance, kind, .. } => {
                    if let Some((_, company)) = self.callers.get_mut(attendance) {
                        *company = waiting(self.id, *kind);
                    }
                }
                Change::EndConference { why, .. } => self.ends(now, *why)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn is_full_for(&self, role: Role) -> bool {
        let participants = self.callers.values().filter(|(role, _)| *role == Role::Participant).count();
        self.callers.len() >= self.max || (role == Role::Participant && participants + 1 >= self.max)
    }

    fn is_right_to_refuse(&self, role: Role, refusal: Refusal) -> Agreed {
        match refusal {
            Refusal::Full if self.is_full_for(role) => Ok(()),
            // Which mixers are up is not the model's to know.
            Refusal::NoMixer => Ok(()),
            other => {
                Err(format!("{role:?} refused as {other:?}, with {} of {}", self.callers.len(), self.max))
            }
        }
    }

    fn arrives(&mut self, now: Timestamp, caller: AttendanceId, role: Role) -> Agreed {
        if self.is_full_for(role) {
            return Err(format!("{role:?} let into a room that is full"));
        }
        let starts = role == Role::Host || self.entry == EntryPolicy::Start;
        if self.live.is_none() && starts {
            self.meetings += 1;
            self.live = Some(Meeting { began: now, grace_ends: None });
            for (_, company) in self.callers.values_mut() {
                *company = Company::Conference(self.id, self.meetings);
            }
        }
        let company = match (&mut self.live, self.entry) {
            (Some(meeting), _) => {
                if role == Role::Host {
                    meeting.grace_ends = None;
                }
                Company::Conference(self.id, self.meetings)
            }
            (None, EntryPolicy::Converse) => Company::Lobby(self.id),
            (None, EntryPolicy::Start | EntryPolicy::Hold) => Company::Held,
        };
        self.callers.insert(caller, (role, company));
        Ok(())
    }

    fn leaves(&mut self, now: Timestamp, caller: AttendanceId) {
        let Some((role, Company::Conference(..))) = self.callers.remove(&caller) else {
            return;
        };
        let has_host = self.callers.values().any(|(role, _)| *role == Role::Host);
        if self.callers.is_empty() {
            self.live = None;
        } else if role == Role::Host && !has_host {
            match (self.host_leaves, &mut self.live) {
                (HostLeaves::End, _) => self.all_leave(),
                (HostLeaves::Grace(grace), Some(meeting)) => meeting.grace_ends = Some(now.after(grace)),
                (HostLeaves::Grace(_), None) | (HostLeaves::Continue, _) => {}
            }
        }
    }

    fn all_leave(&mut self) {
        self.callers.clear();
        self.live = None;
    }

    /// A conference ended. Where the model had not ended it by itself, there must be a cause.
    fn ends(&mut self, now: Timestamp, why: ConferenceEnd) -> Agreed {
        let Some(meeting) = &self.live else {
            return Ok(());
        };
        let is_caused = match why {
            ConferenceEnd::HostLeft => meeting.grace_ends.is_some_and(|ends| ends <= now),
            ConferenceEnd::TooLong => self.longest.is_some_and(|longest| meeting.began.after(longest) <= now),
            ConferenceEnd::NoMixer => true,
            ConferenceEnd::LastLeft | ConferenceEnd::Ended | ConferenceEnd::Restart => false,
        };
        self.all_leave();
        if is_caused { Ok(()) } else { Err(format!("a conference ended without a cause: {why:?}")) }
    }

    /// Whether the store says the same.
    pub(crate) fn agrees_with(&self, room: &ReferenceRoom) -> Agreed {
        let mut conferences: BTreeMap<ConferenceId, Company> = BTreeMap::new();
        for row in room.attendances().values().filter(|row| !row.state.is_over()) {
            let Some((_, company)) = self.callers.get(&row.id) else {
                return Err(format!("{:?} should not be there: {:?}", row.id, row.state));
            };
            let is_so = match row.state {
                AttendanceState::Waiting(kind) => *company == waiting(self.id, kind),
                AttendanceState::Seated { conference, .. } => {
                    matches!(company, Company::Conference(..))
                        && *conferences.entry(conference).or_insert(*company) == *company
                }
                AttendanceState::Refused(_) | AttendanceState::Left(_) => false,
            };
            if !is_so {
                return Err(format!("{:?} should be with {company:?}: {:?}", row.id, row.state));
            }
        }
        let there = room.callers() as usize;
        if there != self.callers.len() {
            return Err(format!("{there} callers in the store, {} should be there", self.callers.len()));
        }
        if room.conference().is_some() != self.live.is_some() {
            return Err("the model and the store differ in whether there is a conference".to_owned());
        }
        Ok(())
    }
}

const fn waiting(room: RoomId, kind: WaitingKind) -> Company {
    match kind {
        WaitingKind::Held | WaitingKind::WaitingRoom => Company::Held,
        WaitingKind::Lobby => Company::Lobby(room),
        // No room dials out here.
        WaitingKind::Aside => Company::Held,
    }
}
