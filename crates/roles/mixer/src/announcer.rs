//! What a mix is told of who comes and goes: gathered, so that it does not annoy, and put into words.
//!
//! Driven by `now`: it is told of people, and says what to play when. A sentence is composed while it is spoken: names
//! first, one after the other, so that who comes meanwhile is in it, and the words behind them last.
//! **Invariant:** whoever comes within [`GATHERED_FOR`] of the first is told in the same go, the first is told within
//! [`MOMENT`], and what waits is bounded.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use partyline_audio::{Clip, Program, Step};
use partyline_conference::{ConfereeId, RecordedName};
use partyline_engine::Over;

use crate::phrases::{Phrase, Phrases, Way};
use crate::sounds::Sounds;

/// Who is alone in coming waits this long for company, before they are announced.
const MOMENT: Duration = Duration::from_millis(400);
/// Who comes within this of the first is announced with them; so long one tone stands for all.
const GATHERED_FOR: Duration = Duration::from_secs(2);
/// More names than these in one sentence are a number of people.
const NAMES_MAX: usize = 3;
/// People who wait to be announced; a conference with more of them goes by tones anyway.
const PEOPLE_MAX: usize = 32;
/// Those who left are remembered for whose entry comes late.
const GONE_MAX: usize = 64;
/// What follows is given to the media thread this long before it is due: no gap is heard.
const LEAD: Duration = Duration::from_millis(150);
/// A program is played frame by frame, so that it may take one frame more.
const FRAME: Duration = Duration::from_millis(20);
/// Between a name and what follows it.
const GAP: Duration = Duration::from_millis(120);

const WAYS: [Way; 2] = [Way::In, Way::Out];

/// Something to be played to the mix now.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) program: Program,
    pub(crate) over: Over,
    /// What it is, for whoever counts.
    pub(crate) what: What,
    /// Whether nothing was being said before it.
    pub(crate) begins: bool,
}

/// What is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    Tone(Way),
    Name,
    /// The words behind so many names.
    Words(Way, usize),
    /// So many people, without their names.
    People(Way, usize),
}

/// What waits to be said of one way.
#[derive(Debug, Default)]
struct Waiting {
    people: VecDeque<(ConfereeId, RecordedName)>,
    /// When they are due.
    due: Option<Instant>,
    has_tone: bool,
    toned_at: Option<Instant>,
}

/// The announcer of one mix.
#[derive(Debug, Default)]
pub(crate) struct Announcer {
    entries: Waiting,
    exits: Waiting,
    /// The way of a sentence that has so many names, and no words behind them yet.
    open: Option<(Way, usize)>,
    /// When the mix has heard all that was given to it.
    free_at: Option<Instant>,
    /// When the first of those came who are being gathered, or were last.
    first_at: Option<Instant>,
    gone: VecDeque<ConfereeId>,
}

impl Announcer {
    fn of(&mut self, way: Way) -> &mut Waiting {
        match way {
            Way::In => &mut self.entries,
            Way::Out => &mut self.exits,
        }
    }

    /// Somebody without a name, or several of whom no more is known.
    pub(crate) fn tone(&mut self, now: Instant, way: Way, who: Option<ConfereeId>) {
        if who.is_some_and(|who| self.passes_over(way, who)) {
            return;
        }
        let waiting = self.of(way);
        waiting.has_tone |= waiting.toned_at.is_none_or(|at| now >= at + GATHERED_FOR);
    }

    /// Somebody with a name.
    pub(crate) fn name(&mut self, now: Instant, way: Way, who: ConfereeId, name: RecordedName) {
        if self.passes_over(way, who) {
            return;
        }
        let is_gathering = self.open.is_some()
            || self.first_at.is_some_and(|first| now < first + GATHERED_FOR)
            || self.free_at.is_some_and(|free| now + LEAD < free);
        if !is_gathering {
            self.first_at = Some(now);
        }
        let due = self.first_at.map_or(now, |first| now.max(first + MOMENT));
        let waiting = self.of(way);
        if waiting.people.len() >= PEOPLE_MAX {
            metrics::counter!("partyline_mixer_names_dropped_total").increment(1);
            waiting.has_tone = true;
            return;
        }
        waiting.people.push_back((who, name));
        waiting.due.get_or_insert(due);
    }

    /// Who has gone before they were announced never came, and nobody hears of their going; nor does an entry that is
    /// told late bring back who has gone.
    fn passes_over(&mut self, way: Way, who: ConfereeId) -> bool {
        match way {
            Way::In => self.gone.contains(&who),
            Way::Out => {
                if self.gone.len() == GONE_MAX {
                    self.gone.pop_front();
                }
                self.gone.push_back(who);
                let before = self.entries.people.len();
                self.entries.people.retain(|(waits, _)| *waits != who);
                if self.entries.people.is_empty() {
                    self.entries.due = None;
                }
                self.entries.people.len() < before
            }
        }
    }

    /// Nobody is announced any more: a sentence that was begun is ended, what waits is dropped.
    pub(crate) fn hush(&mut self) {
        for way in WAYS {
            let waiting = self.of(way);
            waiting.people.clear();
            waiting.due = None;
            waiting.has_tone = false;
        }
    }

    /// Names that wait.
    pub(crate) fn names(&self) -> usize {
        self.entries.people.len() + self.exits.people.len()
    }

    /// When there is something to say; `None` while nothing waits.
    pub(crate) fn due(&self, now: Instant) -> Option<Instant> {
        let waiting = [&self.entries, &self.exits];
        let is_due_now = self.open.is_some() || waiting.iter().any(|waiting| waiting.has_tone);
        let people = waiting.iter().filter(|waiting| !waiting.people.is_empty());
        let due = if is_due_now { Some(now) } else { people.filter_map(|waiting| waiting.due).min() }?;
        let free = self.free_at.and_then(|free| free.checked_sub(LEAD));
        Some(free.map_or(due, |free| free.max(due)))
    }

    /// What is to be played now, if it is time.
    pub(crate) fn say(&mut self, now: Instant, sounds: &Sounds) -> Option<Said> {
        if self.due(now)? > now {
            return None;
        }
        let (what, program) = self.next(now, sounds)?;
        let over = if matches!(what, What::Tone(_)) { Over::Talk } else { Over::DuckedTalk };
        let begins = self.free_at.is_none_or(|free| free < now);
        let starts = self.free_at.map_or(now, |free| free.max(now));
        self.free_at = Some(starts + program.duration() + FRAME);
        Some(Said { program, over, what, begins })
    }

    fn next(&mut self, now: Instant, sounds: &Sounds) -> Option<(What, Program)> {
        if let Some((way, names)) = self.open {
            if names < NAMES_MAX
                && let Some(name) = self.next_name(way)
            {
                self.open = Some((way, names + 1));
                return Some((What::Name, name));
            }
            self.open = None;
            return Some((What::Words(way, names), words(sounds.phrases(), way, names)));
        }
        if let Some(way) = WAYS.into_iter().find(|way| self.of(*way).has_tone) {
            return Some(self.sound_tone(now, way, sounds));
        }
        let way = WAYS.into_iter().find(|way| self.of(*way).due.is_some_and(|due| due <= now))?;
        let count = self.of(way).people.len();
        if count > NAMES_MAX {
            let waiting = self.of(way);
            waiting.people.clear();
            waiting.due = None;
            return Some(match people(sounds.phrases(), way, count) {
                Some(program) => (What::People(way, count), program),
                None => self.sound_tone(now, way, sounds),
            });
        }
        let name = self.next_name(way)?;
        self.open = Some((way, 1));
        Some((What::Name, name))
    }

    fn sound_tone(&mut self, now: Instant, way: Way, sounds: &Sounds) -> (What, Program) {
        let waiting = self.of(way);
        waiting.has_tone = false;
        waiting.toned_at = Some(now);
        (What::Tone(way), sounds.tone(way))
    }

    fn next_name(&mut self, way: Way) -> Option<Program> {
        let waiting = self.of(way);
        let (_, name) = waiting.people.pop_front()?;
        if waiting.people.is_empty() {
            waiting.due = None;
        }
        let clip = Clip::new(RecordedName::RATE_HZ, std::sync::Arc::clone(name.samples()));
        Some(Program { steps: vec![Step::Clip(clip), Step::Silence(GAP)], repeats: false })
    }
}

/// The words behind so many names.
fn words(phrases: &Phrases, way: Way, names: usize) -> Program {
    let phrase = match (way, names) {
        (Way::In, 1) => Phrase::HasJoined,
        (Way::In, _) => Phrase::HaveJoined,
        (Way::Out, 1) => Phrase::HasLeft,
        (Way::Out, _) => Phrase::HaveLeft,
    };
    let steps = phrases.clip(phrase).map(Step::Clip).into_iter().chain([Step::Silence(GAP)]);
    Program { steps: steps.collect(), repeats: false }
}

/// So many people; `None` where there are no words for so many.
fn people(phrases: &Phrases, way: Way, count: usize) -> Option<Program> {
    let number = phrases.clip(Phrase::Number(u8::try_from(count).ok()?))?;
    let phrase = match way {
        Way::In => Phrase::PeopleHaveJoined,
        Way::Out => Phrase::PeopleHaveLeft,
    };
    let steps =
        vec![Step::Clip(number), Step::Silence(GAP), Step::Clip(phrases.clip(phrase)?), Step::Silence(GAP)];
    Some(Program { steps, repeats: false })
}

#[cfg(test)]
mod tests;
