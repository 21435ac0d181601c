//! A caller and a shell in virtual time: every fact told, every wish heard, written down as a ladder.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use partyline_call::{
    Arrival, Brain, CodeAnswer, Cue, Fact, Journey, Language, LineTest, Patience, PlayNumber, Wish,
};
use partyline_conference::{
    AccountId, CodeMatch, ConfereeId, ConfereeState, ConferenceCode, ConferenceId, Controls, Epoch,
    LeaveReason, MixId, MixKind, MixView, MixerId, Order, Role, RoomId, Standing,
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

    fn of(now: Instant, brain: Box<dyn Brain>) -> Self {
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
            }
        }
        other @ (Standing::Held
        | Standing::InWaitingRoom
        | Standing::ConnectedForNow(_)
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
