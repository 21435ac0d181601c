//! Callers: journeys, and what their VRU does of what they wish.

use std::time::{Duration, Instant};

use partyline_call::{Arrival, Brain, CodeAnswer, Fact, Journey, Patience, Wish};
use partyline_conference::{
    AttendanceId, CallerIdentity, CommandId, ConferenceCode, Epoch, Generation, Intent, LeaveReason, MixId,
    MixerId, Role, Standing, VruId,
};

use super::{Keypads, Step, VRUS};
use crate::calls::{code_match, selected};

/// One caller, and their call at the VRU.
#[derive(Debug)]
pub(super) struct Caller {
    pub(super) attendance: AttendanceId,
    /// By the code that they dial.
    pub(super) role: Role,
    pub(super) journey: Option<Journey>,
    pub(super) is_over: bool,
    told: Option<Standing>,
    woken_at: Option<Instant>,
    /// Which of the VRUs has the call.
    pub(super) vru: usize,
    pub(super) generation: Generation,
    /// Where their VRU wants them to be, and on which mixer.
    pub(super) wanted: Option<(MixId, Epoch, MixerId)>,
    /// Whether they are there.
    pub(super) is_joined: bool,
    /// What a call says to the CMS is in order.
    free_at: Duration,
}

impl Caller {
    pub(super) fn new(attendance: AttendanceId, role: Role, vru: usize) -> Self {
        Self {
            attendance,
            role,
            journey: None,
            is_over: false,
            told: None,
            woken_at: None,
            vru,
            generation: Generation::default().next(),
            wanted: None,
            is_joined: false,
            free_at: Duration::ZERO,
        }
    }
}

/// The code of a role, as [`selected`] reads it.
pub(super) const fn code(role: Role) -> &'static str {
    match role {
        Role::Host => "00011",
        Role::Participant => "00012",
    }
}

impl Keypads {
    pub(super) fn dial(&mut self, caller: usize) {
        let code = ConferenceCode::parse(code(self.callers[caller].role)).expect("a code");
        let arrival = Arrival::Code { code, host_pin: None };
        self.report.calls += 1;
        self.callers[caller].journey = Some(Journey::new(self.instant(), Patience::default(), arrival));
        self.carry_out(caller);
    }

    pub(super) fn tell(&mut self, caller: usize, fact: Fact) {
        let now = self.instant();
        if let Some(journey) = self.callers[caller].journey.as_mut().filter(|journey| !journey.is_over()) {
            journey.handle_fact(now, fact);
            self.carry_out(caller);
        }
    }

    pub(super) fn wake(&mut self, caller: usize) {
        let now = self.instant();
        let state = &mut self.callers[caller];
        if state.is_over || state.woken_at != Some(now) {
            return;
        }
        state.woken_at = None;
        if let Some(journey) = &mut state.journey {
            journey.handle_timeout(now);
            self.carry_out(caller);
        }
    }

    pub(super) fn see(&mut self, caller: usize) {
        let Some(view) = self.store.view(self.callers[caller].attendance) else {
            return;
        };
        let told = self.callers[caller].told.replace(view.standing.clone());
        if told.as_ref() != Some(&view.standing) {
            let now = self.timestamp();
            self.tell(caller, Fact::WallClock(now));
            self.tell(caller, Fact::Standing(view.standing));
        }
    }

    pub(super) fn joined(&mut self, caller: usize, mix: MixId, epoch: Epoch) {
        let state = &mut self.callers[caller];
        let Some((wanted, of, mixer)) = state.wanted.clone() else { return };
        if state.is_over || (wanted, of) != (mix, epoch) {
            return;
        }
        if self.is_dead(&mixer) {
            return self.tell(caller, Fact::JoinFailed { mix, epoch });
        }
        let state = &mut self.callers[caller];
        state.is_joined = true;
        let (attendance, generation) = (state.attendance, state.generation);
        self.say(caller, Intent::Joined { attendance, generation, mix, epoch });
        self.tell(caller, Fact::Joined { mix, epoch });
    }

    /// Drains the brain's wishes, and sees that it is woken in time.
    fn carry_out(&mut self, caller: usize) {
        while let Some(wish) = self.callers[caller].journey.as_mut().and_then(Brain::poll_wish) {
            self.wish(caller, wish);
        }
        let now = self.instant();
        let Some(journey) = &self.callers[caller].journey else {
            return;
        };
        if journey.is_over() {
            self.over(caller);
        } else if let Some(due) = journey.poll_timeout() {
            let due = due.max(now);
            self.callers[caller].woken_at = Some(due);
            self.at(due.saturating_duration_since(self.origin), Step::Wake(caller));
        }
    }

    fn wish(&mut self, caller: usize, wish: Wish) {
        let attendance = self.callers[caller].attendance;
        match wish {
            Wish::Answer => self.soon(10, 400, Step::Tell(caller, Fact::MediaUp)),
            Wish::Play(play, script) => {
                if !script.repeats {
                    self.soon(200, 3_000, Step::Tell(caller, Fact::PlayEnded(play)));
                }
            }
            Wish::LookUpCode { code, only_room: _ } => {
                let answer = match selected(&code, 1) {
                    Some((room, role)) => {
                        let room = &self.store.room(room).expect("codes are of rooms").room;
                        CodeAnswer::Known(code_match(room, role))
                    }
                    None => CodeAnswer::Unknown { delay: Duration::from_secs(1) },
                };
                self.soon(1, 20, Step::Tell(caller, Fact::CodeChecked(answer)));
            }
            Wish::Attend { .. } => {
                let identity = identity(caller);
                self.attend(caller, identity);
            }
            Wish::AttendAgain => self.attend_again(caller),
            Wish::JoinMix { mix, .. } => {
                self.callers[caller].is_joined = false;
                self.callers[caller].wanted = Some((mix.mix, mix.epoch, mix.mixer));
                self.soon(1, 60, Step::Joined(caller, mix.mix, mix.epoch));
            }
            Wish::LeaveMix => {
                self.callers[caller].wanted = None;
                self.callers[caller].is_joined = false;
            }
            Wish::Left(reason) => {
                let generation = self.callers[caller].generation;
                self.say(caller, Intent::Left { attendance, generation, reason });
            }
            Wish::HangUp(_) | Wish::Reject(_) => self.over(caller),
            wish => self.ask(caller, wish),
        }
    }

    fn attend(&mut self, caller: usize, identity: CallerIdentity) {
        let state = &self.callers[caller];
        let (attendance, generation, role) = (state.attendance, state.generation, state.role);
        let vru = VruId::new(VRUS[state.vru]).expect("a plain name");
        self.say(caller, Intent::Attend { attendance, generation, vru, role, caller: identity });
    }

    /// The caller's stream is gone: their VRU attends again, and is told anew what holds.
    pub(super) fn attend_again(&mut self, caller: usize) {
        let state = &mut self.callers[caller];
        state.told = None;
        state.generation = state.generation.next();
        self.attend(caller, identity(caller));
        self.soon(20, 60, Step::See(caller));
    }

    /// The call is over. Who has gone calls again, as long as keys are pressed at random.
    pub(super) fn over(&mut self, caller: usize) {
        if std::mem::replace(&mut self.callers[caller].is_over, true) {
            return;
        }
        let at = self.now + self.chance.between_ms(1_000, 30_000);
        if at + Duration::from_secs(5) < self.random_until {
            self.expect(self.callers[caller].role, at);
        }
    }

    /// Commands, and questions about the conference; what else there is means nothing here.
    fn ask(&mut self, caller: usize, wish: Wish) {
        match wish {
            Wish::Command { number, command, .. } => {
                let id = CommandId::from_bits(self.chance.bits());
                // A way that seemed to fail is tried again.
                for _ in 0..if self.chance.percent(10) { 2 } else { 1 } {
                    self.soon(1, 60, Step::Order { caller, number, id, command: command.clone() });
                }
            }
            Wish::ReadRoster { number, .. } => {
                let entries = self.store.room(self.room).map(|room| room.roster());
                let entries = entries.filter(|_| !self.chance.percent(5));
                self.soon(1, 60, Step::Tell(caller, Fact::Roster { number, entries }));
            }
            Wish::ReadWaiting { number, .. } => {
                let entries = self.store.room(self.room).map(|room| room.waiting_room());
                let entries = entries.filter(|_| !self.chance.percent(5));
                self.soon(1, 60, Step::Tell(caller, Fact::Waiting { number, entries }));
            }
            _ => {}
        }
    }

    /// Tells the CMS, in the order of what was told before.
    fn say(&mut self, caller: usize, intent: Intent) {
        let at = (self.now + self.chance.between_ms(1, 20)).max(self.callers[caller].free_at);
        self.callers[caller].free_at = at;
        self.at(at, Step::Ask(intent));
    }

    /// Whoever is still there hangs up.
    pub(super) fn hang_up(&mut self, caller: usize) {
        self.tell(caller, Fact::Ended(LeaveReason::HungUp));
    }
}

fn identity(caller: usize) -> CallerIdentity {
    CallerIdentity { number: format!("5550{caller:04}"), ..CallerIdentity::default() }
}
