//! The caller's name, said between a right code and the request for entry, where the room announces by name.
//!
//! It comes before the request, so that nobody holds a seat who still speaks to a machine. **Invariant:** `#` goes on at
//! once, whatever is being played or recorded, and nobody is kept longer than [`NAMING_MAX`].

use std::time::{Duration, Instant};

use partyline_conference::{Announce, HostPin, RecordedName};

use super::{ANSWER_PAUSE, Claim, Journey, Media, Next, Stage};
use crate::prompt::Prompt;
use crate::script::{Cue, Script};
use crate::wish::{TakeNumber, Wish};

/// The whole of it, with every try.
const NAMING_MAX: Duration = Duration::from_secs(40);
/// Takes of one name.
const TAKES_MAX: u64 = 4;
/// A take, which ends by itself after 5 s; only where its end is never told.
const TAKE_MAX: Duration = Duration::from_secs(7);
/// For the end of a take that was asked for.
const TAKE_ENDS: Duration = Duration::from_secs(1);
/// Between the words and the tone, and how long that is.
const BEFORE_BEEP: Duration = Duration::from_millis(200);
const BEEP: Cue = Cue::Tone { frequency_hz: 880, duration: Duration::from_millis(250) };

/// A caller who is asked for their name.
#[derive(Debug)]
pub(super) struct Naming {
    claim: Claim,
    host_pin: Option<HostPin>,
    take: TakeNumber,
    step: Step,
    /// When the step is over.
    due_at: Instant,
    /// When all of it is.
    over_at: Instant,
}

#[derive(Debug)]
enum Step {
    /// The words, or the tone alone.
    Asked,
    Recording,
    /// The caller has said with a key that this is it.
    Taking,
    /// The name is played back.
    Heard(RecordedName),
}

impl Naming {
    pub(super) fn deadline(&self) -> Instant {
        self.due_at.min(self.over_at)
    }
}

impl Journey {
    /// A code is right: the caller's name first, where the conference goes by names.
    pub(super) fn let_in(&mut self, now: Instant, claim: Claim, host_pin: Option<HostPin>) {
        self.take_limits(now, &claim.found);
        match claim.found.announce {
            Announce::Name => self.once_answered(now, Next::AskName { claim, host_pin }),
            Announce::Tone | Announce::Silence => self.admit(now, claim, host_pin),
        }
    }

    pub(super) fn ask_name(&mut self, now: Instant, claim: Claim, host_pin: Option<HostPin>) {
        let is_first = matches!(self.media, Media::Up { since } if since == now);
        let words = is_first.then_some(Prompt::Greeting).into_iter().chain([Prompt::SayName]);
        let script = Script::say(words).then(Cue::Pause(BEFORE_BEEP)).then(BEEP);
        self.play(if is_first { script.after(ANSWER_PAUSE) } else { script });
        self.stage = Stage::Naming(Box::new(Naming {
            claim,
            host_pin,
            take: TakeNumber::default(),
            step: Step::Asked,
            due_at: now + self.patience.goodbye_max,
            over_at: now + NAMING_MAX,
        }));
        for key in std::mem::take(&mut self.typed_ahead).chars() {
            // Who knows the way goes on; the rest of a PIN that nobody asked for is no answer to this.
            if key == '#' {
                self.key(now, key);
            }
        }
    }

    fn naming(&mut self) -> Option<&mut Naming> {
        match &mut self.stage {
            Stage::Naming(naming) => Some(naming),
            Stage::Checking { .. }
            | Stage::CheckingPin { .. }
            | Stage::Delaying { .. }
            | Stage::Answering { .. }
            | Stage::Asking { .. }
            | Stage::Admitting { .. }
            | Stage::Attending(_)
            | Stage::Leaving { .. }
            | Stage::Over => None,
        }
    }

    pub(super) fn key_of_name(&mut self, now: Instant, key: char) {
        let Some(naming) = self.naming() else {
            return;
        };
        match (&naming.step, key) {
            (Step::Taking, _) => {}
            (Step::Asked, '#') => self.name_settled(now, None),
            (Step::Recording, '#') => {
                naming.step = Step::Taking;
                naming.due_at = now + TAKE_ENDS;
                self.wish(Wish::EndRecording);
            }
            (Step::Recording | Step::Heard(_), '*') if naming.take.0 < TAKES_MAX => self.beep(now),
            // Who does not need the words says their name now.
            (Step::Asked, _) => self.beep(now),
            // Keys are no names.
            (Step::Recording, _) => {}
            (Step::Heard(name), _) => {
                let name = name.clone();
                self.name_settled(now, Some(name));
            }
        }
    }

    /// The tone alone; the recording begins behind it.
    fn beep(&mut self, now: Instant) {
        let due_at = now + self.patience.goodbye_max;
        if let Some(naming) = self.naming() {
            naming.step = Step::Asked;
            naming.due_at = due_at;
        }
        self.play(Script { cues: vec![BEEP], repeats: false });
    }

    /// What is played to who says their name has come to its end.
    pub(super) fn naming_play_ended(&mut self, now: Instant) {
        let Some(naming) = self.naming() else {
            return;
        };
        match &naming.step {
            Step::Asked => self.record_name(now),
            Step::Heard(name) => {
                let name = name.clone();
                self.name_settled(now, Some(name));
            }
            Step::Recording | Step::Taking => {}
        }
    }

    fn record_name(&mut self, now: Instant) {
        let Some(naming) = self.naming() else {
            return;
        };
        naming.take = TakeNumber(naming.take.0 + 1);
        naming.step = Step::Recording;
        naming.due_at = now + TAKE_MAX;
        let take = naming.take;
        self.wish(Wish::RecordName(take));
    }

    /// A take has ended: with nothing in it the caller goes on without a name.
    pub(super) fn name_recorded(&mut self, now: Instant, take: TakeNumber, name: Option<RecordedName>) {
        let heard_max = self.patience.goodbye_max;
        let Some(naming) = self.naming().filter(|naming| naming.take == take) else {
            return;
        };
        match (&naming.step, name) {
            (Step::Recording, Some(name)) => {
                naming.step = Step::Heard(name.clone());
                naming.due_at = now + heard_max;
                let play = self.player.start(&Script::say([]));
                self.wish(Wish::PlayName(play, name));
            }
            (Step::Recording, None) => self.name_settled(now, None),
            (Step::Taking, name) => self.name_settled(now, name),
            (Step::Asked | Step::Heard(_), _) => {}
        }
    }

    pub(super) fn naming_timed_out(&mut self, now: Instant) {
        let Some(naming) = self.naming() else {
            return;
        };
        let is_over = naming.over_at <= now;
        match &naming.step {
            Step::Asked if !is_over => self.record_name(now),
            Step::Heard(name) => {
                let name = name.clone();
                self.name_settled(now, Some(name));
            }
            Step::Asked | Step::Recording | Step::Taking => self.name_settled(now, None),
        }
    }

    /// On to the request for entry.
    fn name_settled(&mut self, now: Instant, name: Option<RecordedName>) {
        self.stop_playing();
        if let Stage::Naming(naming) = std::mem::replace(&mut self.stage, Stage::Over) {
            let Naming { claim, host_pin, .. } = *naming;
            self.name = name;
            self.admit(now, claim, host_pin);
        }
    }
}
