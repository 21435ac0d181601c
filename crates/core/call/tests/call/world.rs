//! A caller and a shell in virtual time: every fact told, every wish heard, written down as a ladder.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use partyline_call::{
    Arrival, AskNumber, Brain, CodeAnswer, Cue, Fact, Journey, Language, LineTest, Patience, PlayNumber, Wish,
};
use partyline_conference::{
    AccountId, Announce, AsideView, AttendanceId, CodeMatch, Command, CommandAnswer, ConfereeId,
    ConfereeState, ConferenceCode, ConferenceId, Controls, Epoch, LeaveReason, MixId, MixKind, MixView,
    MixerId, Mute, Order, Role, RoomId, RoomVersion, RosterEntry, Standing, WaitingEntry,
};

pub(crate) struct World {
    began: Instant,
    now: Instant,
    brain: Box<dyn Brain>,
    pub(crate) wishes: Vec<Wish>,
    pub(crate) ladder: String,
}

impl World {
    pub(crate) fn service() -> Self {
        Self::arriving(Arrival::Service { room: None })
    }

    pub(crate) fn dialled(code: &str) -> Self {
        Self::arriving(Arrival::Code { code: ConferenceCode::parse(code).unwrap(), host_pin: None })
    }

    pub(crate) fn arriving(arrival: Arrival) -> Self {
        let now = origin();
        Self::of(now, Box::new(Journey::new(now, Patience::default(), arrival)))
    }

    pub(crate) fn line_test() -> Self {
        let now = origin();
        Self::of(now, Box::new(LineTest::new(now, Patience::default(), Language::English)))
    }

    pub(crate) fn of(now: Instant, brain: Box<dyn Brain>) -> Self {
        let mut world = Self { began: now, now, brain, wishes: Vec::new(), ladder: String::new() };
        world.drain();
        world
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.now - self.began
    }

    pub(crate) fn is_over(&self) -> bool {
        self.brain.is_over()
    }

    fn drain(&mut self) {
        while let Some(wish) = self.brain.poll_wish() {
            let _ = writeln!(self.ladder, "{:>9.3}      {}", self.elapsed().as_secs_f64(), described(&wish));
            self.wishes.push(wish);
        }
    }

    pub(crate) fn tell(&mut self, fact: Fact) {
        let _ = writeln!(self.ladder, "{:>9.3} {}", self.elapsed().as_secs_f64(), told(&fact));
        self.brain.handle_fact(self.now, fact);
        self.drain();
    }

    pub(crate) fn keys(&mut self, keys: &str) {
        for key in keys.chars() {
            self.pass(Duration::from_millis(200));
            self.tell(Fact::Key(key));
        }
    }

    /// Lets time pass, with every timer at its time.
    pub(crate) fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(due) = self.brain.poll_timeout().filter(|due| *due <= end) {
            self.now = due.max(self.now);
            self.brain.handle_timeout(self.now);
            self.drain();
            assert!(
                self.brain.poll_timeout() != Some(due),
                "a timer that was handled is still due\n{}",
                self.ladder
            );
        }
        self.now = end;
    }

    pub(crate) fn pass_secs(&mut self, secs: u64) {
        self.pass(Duration::from_secs(secs));
    }

    /// The present play comes to its end, after two seconds.
    pub(crate) fn prompt_ends(&mut self) {
        let play = self.last_play().expect("something plays");
        self.pass_secs(2);
        self.tell(Fact::PlayEnded(play));
    }

    pub(crate) fn last_play(&self) -> Option<PlayNumber> {
        self.wishes
            .iter()
            .rev()
            .find_map(|wish| if let Wish::Play(play, _) = wish { Some(*play) } else { None })
    }

    /// Names of what the last play says.
    pub(crate) fn last_said(&self) -> String {
        self.wishes
            .iter()
            .rev()
            .find_map(|wish| if let Wish::Play(_, script) = wish { Some(cues(&script.cues)) } else { None })
            .unwrap_or_default()
    }

    /// Whether any timer runs.
    pub(crate) fn waits_for_anything(&self) -> bool {
        self.brain.poll_timeout().is_some()
    }

    /// The command that was asked for last.
    pub(crate) fn last_command(&self) -> Option<(AskNumber, Command)> {
        self.wishes.iter().rev().find_map(|wish| match wish {
            Wish::Command { number, command, .. } => Some((*number, command.clone())),
            _ => None,
        })
    }

    /// The CMS answers the last command.
    pub(crate) fn answered(&mut self, answer: Option<CommandAnswer>) {
        let (number, _) = self.last_command().expect("a command was asked for");
        self.tell(Fact::CommandAnswered { number, answer });
    }

    pub(crate) fn done(&mut self) {
        self.answered(Some(Ok(())));
    }

    /// These keys ask for this, and what is said when it is done.
    pub(crate) fn asks(&mut self, keys: &str, wanted: &Command) -> String {
        let before = self.count(|wish| matches!(wish, Wish::Command { .. }));
        self.keys(keys);
        assert_eq!(self.count(|wish| matches!(wish, Wish::Command { .. })), before + 1, "{}", self.ladder);
        assert_eq!(self.last_command().map(|(_, command)| command).as_ref(), Some(wanted), "{keys}");
        self.done();
        self.last_said()
    }

    /// What is said of these keys.
    pub(crate) fn says(&mut self, keys: &str) -> String {
        self.keys(keys);
        self.last_said()
    }

    /// The store answers the last question for the roster.
    pub(crate) fn roster(&mut self, entries: Vec<RosterEntry>) {
        let number = self.wishes.iter().rev().find_map(|wish| match wish {
            Wish::ReadRoster { number, .. } => Some(*number),
            _ => None,
        });
        self.tell(Fact::Roster { number: number.expect("the roster was asked for"), entries: Some(entries) });
    }

    /// The store answers the last question for who waits.
    pub(crate) fn waiting(&mut self, entries: Vec<WaitingEntry>) {
        let number = self.wishes.iter().rev().find_map(|wish| match wish {
            Wish::ReadWaiting { number, .. } => Some(*number),
            _ => None,
        });
        self.tell(Fact::Waiting { number: number.expect("who waits was asked for"), entries: Some(entries) });
    }

    /// A conferee of this role, who has heard what there was to say at first.
    pub(crate) fn conferring(role: Role) -> Self {
        let mut world = Self::admitted(seated(role, |_| ()));
        world.tell(Fact::Joined { mix: mix(1).mix, epoch: mix(1).epoch });
        world
    }

    /// Told the standing again, with these changes.
    pub(crate) fn told(&mut self, role: Role, change: impl FnOnce(&mut Seated)) {
        self.tell(Fact::Standing(seated(role, change)));
    }

    pub(crate) fn count(&self, is_counted: impl Fn(&Wish) -> bool) -> usize {
        self.wishes.iter().filter(|wish| is_counted(wish)).count()
    }

    pub(crate) fn has(&self, wish: &Wish) -> bool {
        self.wishes.contains(wish)
    }

    /// A caller of the service who has keyed a right code, and was heard by the CMS.
    pub(crate) fn admitted(standing: Standing) -> Self {
        let mut world = Self::service();
        world.tell(Fact::MediaUp);
        world.keys("12345678#");
        world.tell(Fact::CodeChecked(CodeAnswer::Known(found())));
        world.tell(Fact::Standing(standing));
        world
    }

    pub(crate) fn in_conference() -> Self {
        let mut world = Self::admitted(placed(1, false));
        world.tell(Fact::Joined { mix: mix(1).mix, epoch: mix(1).epoch });
        world
    }
}

/// What of a standing keys go by.
pub(crate) struct Seated {
    pub(crate) is_locked: bool,
    pub(crate) music: bool,
    pub(crate) controls: Controls,
    /// Somebody who is called is told with a mix of their own once they have answered.
    pub(crate) aside: Option<AsideView>,
}

pub(crate) const ME: ConfereeId = ConfereeId::from_bits(77);

pub(crate) fn seated(role: Role, change: impl FnOnce(&mut Seated)) -> Standing {
    let is_host = role == Role::Host;
    let controls = Controls { may_unmute: true, may_roll_call: is_host, ..Controls::default() };
    let mut seated = Seated { is_locked: false, music: false, controls, aside: None };
    change(&mut seated);
    let has_answered = seated.aside.as_ref().is_some_and(|aside| aside.has_answered);
    let mix = if has_answered { MixView { kind: MixKind::Side, ..mix(2) } } else { mix(1) };
    Standing::Placed {
        conference: ConferenceId::from_bits(1),
        conferee: ME,
        order: Order(1),
        role,
        state: ConfereeState::Joined,
        is_alone: false,
        music: seated.music,
        is_locked: seated.is_locked,
        controls: seated.controls,
        mix,
        aside: seated.aside.map(Box::new),
    }
}

/// A conferee of this order of entry.
pub(crate) fn conferee(order: u32) -> RosterEntry {
    RosterEntry {
        conferee: ConfereeId::from_bits(if order == 1 { 77 } else { u128::from(order) }),
        attendance: AttendanceId::from_bits(1000 + u128::from(order)),
        order: Order(order),
        role: if order == 1 { Role::Host } else { Role::Participant },
        state: ConfereeState::Joined,
        mute: Mute::None,
        hand_raised_at: None,
        caller_number: format!("55{order}"),
        has_name: false,
        voice_version: RoomVersion::default(),
    }
}

#[expect(clippy::disallowed_methods, reason = "tests need some instant to count from")]
pub(crate) fn origin() -> Instant {
    Instant::now()
}

pub(crate) fn found() -> CodeMatch {
    CodeMatch {
        room: RoomId::from_bits(7),
        account: AccountId::from_bits(1),
        role: Role::Participant,
        pin_needed: false,
        is_locked: false,
        announce: Announce::default(),
        no_rtp_max: Duration::from_secs(60),
        wait_max: Duration::from_secs(1800),
        call_max: None,
    }
}

pub(crate) fn mix(number: u128) -> MixView {
    MixView {
        mix: MixId::from_bits(number),
        kind: MixKind::Conference,
        mixer: MixerId::new("mixer-1").unwrap(),
        address: "mem:mixer-1".to_owned(),
        epoch: Epoch(1),
    }
}

pub(crate) fn lobby(number: u128) -> MixView {
    MixView { kind: MixKind::Lobby, ..mix(number) }
}

pub(crate) fn placed(number: u128, is_alone: bool) -> Standing {
    placed_in(mix(number), is_alone)
}

pub(crate) fn placed_in(mix: MixView, is_alone: bool) -> Standing {
    Standing::Placed {
        conference: ConferenceId::from_bits(mix.mix.bits()),
        conferee: ConfereeId::from_bits(77),
        order: Order(1),
        role: Role::Participant,
        state: ConfereeState::Placed,
        is_alone,
        music: false,
        is_locked: false,
        controls: Controls::default(),
        mix,
        aside: None,
    }
}

/// Placed in a room that plays music to who is alone.
pub(crate) fn placed_with_music(number: u128, is_alone: bool) -> Standing {
    match placed(number, is_alone) {
        Standing::Placed { conference, conferee, order, role, state, is_locked, controls, mix, .. } => {
            Standing::Placed {
                conference,
                conferee,
                order,
                role,
                state,
                is_alone,
                music: true,
                is_locked,
                controls,
                mix,
                aside: None,
            }
        }
        other @ (Standing::Held
        | Standing::InWaitingRoom
        | Standing::ConnectedForNow(_)
        | Standing::Aside(_)
        | Standing::Refused(_)
        | Standing::Removed(_)) => other,
    }
}

pub(crate) fn unknown() -> Fact {
    Fact::CodeChecked(CodeAnswer::Unknown { delay: Duration::ZERO })
}

pub(crate) const HUNG_UP: Fact = Fact::Ended(LeaveReason::HungUp);

fn cues(cues: &[Cue]) -> String {
    let said: Vec<String> = cues
        .iter()
        .map(|cue| match cue {
            Cue::Say(prompt) => prompt.to_string(),
            Cue::Name { attendance, .. } => format!("<name of {}>", attendance.bits()),
            Cue::Pause(pause) => format!("({} ms)", pause.as_millis()),
            Cue::Tone { frequency_hz, duration } => {
                format!("<{frequency_hz} Hz {} ms>", duration.as_millis())
            }
        })
        .collect();
    said.join(" ")
}

fn described(wish: &Wish) -> String {
    match wish {
        Wish::Play(_, script) => {
            format!("play {}{}", cues(&script.cues), if script.repeats { ", again and again" } else { "" })
        }
        Wish::JoinMix { mix, conferee } => {
            format!("join {:?} {} epoch {} as {conferee:?}", mix.kind, mix.mix.bits(), mix.epoch)
        }
        Wish::LookUpCode { code, only_room: None } => format!("LookUpCode({code:?})"),
        Wish::HangUp(ending) => format!("hang up: {}", ending.text()),
        other => format!("{other:?}"),
    }
}

fn told(fact: &Fact) -> String {
    match fact {
        Fact::Key(key) => format!("key {key}"),
        Fact::Standing(Standing::Placed { mix, is_alone, .. }) => {
            format!(
                "placed in {} epoch {}{}",
                mix.mix.bits(),
                mix.epoch,
                if *is_alone { ", alone" } else { "" }
            )
        }
        Fact::Standing(Standing::ConnectedForNow(mix)) => format!("connected for now in {}", mix.mix.bits()),
        Fact::CodeChecked(CodeAnswer::Known(found)) => {
            format!("the code is known, PIN {}needed", if found.pin_needed { "" } else { "not " })
        }
        Fact::Joined { mix, epoch } => format!("joined {} epoch {epoch}", mix.bits()),
        Fact::JoinFailed { mix, epoch } => format!("not joined {} epoch {epoch}", mix.bits()),
        Fact::MixLost { mix } => format!("mix {} lost", mix.bits()),
        other => format!("{other:?}"),
    }
}
