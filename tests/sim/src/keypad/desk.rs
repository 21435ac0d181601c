//! The interface server: decides on the store, answers, and looks at what a decision has done beside what it may do.

use std::time::Duration;

use partyline_call::{AskNumber, Fact};
use partyline_conference::reference::ReferenceRoom;
use partyline_conference::{
    Announce, AttendanceId, AttendanceState, Command, CommandAnswer, CommandId, ConfereeId, ConferenceId,
    Floor, FreshIds, Intent, MixId, Role, rules,
};

use super::callers::code;
use super::{Keypads, Step};

/// What only hosts may change, and everybody's voice and place.
#[derive(Debug, PartialEq)]
struct Picture {
    manner: Vec<String>,
    people: Vec<(AttendanceId, Role, AttendanceState)>,
}

impl Picture {
    /// Everything but one caller's own.
    fn without(room: &ReferenceRoom, who: AttendanceId) -> Self {
        let live = room.conference();
        let manner = live.map(|live| {
            format!("{} {:?} {:?} {:?}", live.is_locked, live.floor, live.manner, live.extended_to)
        });
        let rows = room.attendances().values().filter(|row| row.id != who);
        Self {
            manner: manner.into_iter().collect(),
            people: rows.map(|row| (row.id, row.role, row.state)).collect(),
        }
    }
}

impl Keypads {
    /// A command as the VRU sends it; a repeat gets the first answer.
    pub(super) fn order(&mut self, caller: usize, number: AskNumber, id: CommandId, command: Command) {
        let answer = match self.store.answered_command(id) {
            Some(answer) => answer,
            None => self.first_answer(caller, id, command),
        };
        if !self.chance.percent(5) {
            let fact = Fact::CommandAnswered { number, answer: Some(answer) };
            self.soon(1, 60, Step::Tell(caller, fact));
        }
    }

    /// A VRU that is not to be trusted sends a host's command for a participant.
    pub(super) fn forge(&mut self, caller: usize) {
        let by = self.callers[caller].attendance;
        let others = self.callers.len();
        let other = self.callers[self.chance.index(others)].attendance;
        let Some(row) = self.store.attendance(by).filter(|row| row.role == Role::Participant) else {
            return;
        };
        if !matches!(row.state, AttendanceState::Seated { .. }) {
            return;
        }
        let commands = match self.store.attendance(other).map(|row| row.state) {
            Some(AttendanceState::Seated { conferee, .. }) if other != by && self.chance.percent(60) => vec![
                Command::Delete { conferee },
                Command::SetMuted { conferee, muted: true },
                Command::SetMuted { conferee, muted: false },
                Command::LowerHand { conferee },
            ],
            Some(AttendanceState::Waiting(_)) => {
                vec![Command::Admit { attendance: other }, Command::TurnAway { attendance: other }]
            }
            _ => vec![
                Command::End,
                Command::DropOthers { stays: None },
                Command::SetLock { locked: true },
                Command::SetLock { locked: false },
                Command::SetFloor { floor: Floor::Open },
                Command::SetFloor { floor: Floor::Lecture },
                Command::SetAnnounce { announce: Announce::Silence },
                Command::SetMusic { on: false },
                Command::SetContinue { on: true },
                Command::ExtendTo { until: self.timestamp().after(Duration::from_secs(60)) },
            ],
        };
        let command = self.chance.pick(&commands).clone();
        let id = CommandId::from_bits(self.chance.bits());
        self.report.forged += 1;
        if self.first_answer(caller, id, command.clone()).is_ok() {
            self.fail(format!("a participant was given {command:?}"));
        }
    }

    fn first_answer(&mut self, caller: usize, id: CommandId, command: Command) -> CommandAnswer {
        let by = self.callers[caller].attendance;
        let is_participants = self.store.attendance(by).is_some_and(|row| row.role == Role::Participant);
        let before =
            is_participants.then(|| self.store.room(self.room).map(|room| Picture::without(room, by)));
        let is_right =
            matches!(&command, Command::BecomeHost { code: keyed, .. } if keyed.reveal() == code(Role::Host));
        let was_host = self.hosts.contains(&by);
        if is_right {
            self.hosts.insert(by);
        }
        let intent = match command {
            Command::BecomeHost { .. } => Intent::BecomeHost { id, by, is_right },
            command => Intent::Command { id, by: Some(by), command },
        };
        self.decide(intent.clone());
        let answer = self.store.answered_command(id);
        let after =
            is_participants.then(|| self.store.room(self.room).map(|room| Picture::without(room, by)));
        if before != after {
            self.fail(format!(
                "a participant changed more than their own by {intent:?}: {before:?}, {after:?}"
            ));
        }
        match answer {
            Some(Ok(())) => self.report.done += 1,
            Some(Err(_)) => self.report.refused += 1,
            None => self.fail(format!("no answer to {intent:?}")),
        }
        if answer == Some(Ok(())) && is_right && !was_host {
            self.report.promoted += 1;
        }
        answer.unwrap_or(Ok(()))
    }

    /// Decides, commits, and has everybody told.
    pub(super) fn decide(&mut self, intent: Intent) {
        let intents = [intent];
        let (named, now) = (self.store.named(&intents), self.timestamp());
        let live = self.live_mixers();
        let snapshot = self.store.snapshot(self.room, now, &named, &live).expect("the room is there");
        let fresh = FreshIds {
            conference: ConferenceId::from_bits(self.chance.bits()),
            conference_mix: MixId::from_bits(self.chance.bits()),
            lobby_mix: MixId::from_bits(self.chance.bits()),
            conferees: (0..1 + snapshot.waiting.len())
                .map(|_| ConfereeId::from_bits(self.chance.bits()))
                .collect(),
        };
        let decision = rules::decide(&snapshot, &intents, &fresh);
        if decision.is_empty() {
            return;
        }
        if let Err(error) = self.store.commit(self.room, snapshot.room.version, now, &decision) {
            return self.fail(format!("{error:?}, by {intents:?}: {decision:?}"));
        }
        self.check_hosts();
        for caller in 0..self.callers.len() {
            if !self.callers[caller].is_over {
                self.soon(1, 60, Step::See(caller));
            }
        }
    }

    /// Nobody is a host who did not key the code.
    fn check_hosts(&mut self) {
        let Some(room) = self.store.room(self.room) else {
            return;
        };
        let hosts = room.attendances().values().filter(|row| row.role == Role::Host);
        let stranger = hosts.map(|row| row.id).find(|id| !self.hosts.contains(id));
        if let Some(stranger) = stranger {
            self.fail(format!("{stranger:?} is a host, and never keyed the code"));
        }
    }

    pub(super) fn sweep(&mut self) {
        let now = self.timestamp();
        for intent in self.due() {
            self.decide(intent);
        }
        if self.store.room(self.room).is_some_and(|room| room.is_due(now)) {
            self.decide(Intent::Tick);
        }
        let at = self.now + Duration::from_millis(500);
        self.at(at, Step::Sweep);
    }
}
