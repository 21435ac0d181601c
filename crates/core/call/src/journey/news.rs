//! What a conferee is told over the mix without having asked: what changed, who wants something, how long it lasts.
//!
//! **Invariant:** news wait for what is spoken and for answers, in order, and only so many; keys stop what is heard, not what waits.

use std::time::{Duration, Instant};

use partyline_conference::{Mute, NoisyLine, Role, Timestamp};

use super::commands::{prompt_of_done, prompt_of_floor};
use super::told::{News, Placed, Seat};
use super::{Journey, help};
use crate::keypad::{KeyCommand, Menu};
use crate::prompt::Prompt;
use crate::script::{Cue, Script};

/// More than this is not worth hearing any more.
const NEWS_MAX: usize = 6;
/// Who has just been told that they are muted may finish the sentence.
const MUTED_GRACE: Duration = Duration::from_secs(5);
/// When the end of the conference is told beforehand, in minutes.
const WARNED_MINUTES: [u32; 3] = [10, 5, 1];

/// When something is due to be told by the clock.
#[derive(Debug, Default)]
pub(super) struct Due {
    /// The end of the conference, as it was told and by our clock.
    ends: Option<(Timestamp, Instant)>,
    /// The next warning, with its minutes.
    warning: Option<(Instant, u32)>,
    /// Raised hands and waiting callers that were not told yet.
    gathered_at: Option<Instant>,
    wants_hands: bool,
    wants_entry: bool,
    /// Until when hosts hear of no more of them.
    quiet_until: Option<Instant>,
    /// Until when the caller is not reminded of being muted.
    reminded_until: Option<Instant>,
}

impl Due {
    pub(super) fn deadline(&self) -> Option<Instant> {
        [self.warning.map(|(at, _)| at), self.gathered_at].into_iter().flatten().min()
    }

    fn take_end(&mut self, now: Instant, ends: Option<(Timestamp, Instant)>) {
        if self.ends.map(|(at, _)| at) == ends.map(|(at, _)| at) {
            return;
        }
        self.ends = ends;
        self.next_warning(now);
    }

    fn next_warning(&mut self, now: Instant) {
        self.warning = self.ends.and_then(|(_, end)| {
            let warnings = WARNED_MINUTES.into_iter().filter_map(|minutes| {
                let at = end.checked_sub(Duration::from_secs(u64::from(minutes) * 60))?;
                (at > now).then_some((at, minutes))
            });
            warnings.min()
        });
    }
}

impl Journey {
    pub(super) fn seat(&mut self) -> Option<&mut Seat> {
        self.attending()?.seat.as_mut()
    }

    /// Says something over the mix, instead of what is spoken now.
    pub(super) fn say(&mut self, now: Instant, cues: Vec<Cue>) {
        if cues.is_empty() {
            return;
        }
        let longest = self.patience.speech_max + self.patience.menu_wait;
        if let Some(menu) = self.attending().and_then(|attending| attending.open.as_mut())
            && menu.waits_for_key()
        {
            menu.alone_at = now + longest;
        }
        self.play(Script { cues, repeats: false });
    }

    /// Says something once nothing else is spoken.
    pub(super) fn say_news(&mut self, now: Instant, cues: Vec<Cue>) {
        let speaks = self.player.speaks();
        let Some(attending) = self.attending() else {
            return;
        };
        if !speaks && !attending.awaits() {
            self.say(now, cues);
        } else if attending.news.len() < NEWS_MAX {
            attending.news.push_back(cues);
        }
    }

    /// What was spoken is over: news that wait, then the menu that is open, then the music.
    pub(super) fn speech_over(&mut self, now: Instant) {
        let Some(attending) = self.attending() else {
            return;
        };
        if !attending.awaits()
            && let Some(cues) = attending.news.pop_front()
        {
            return self.say(now, cues);
        }
        self.menu_speech_over(now);
        self.prompt_over_mix_ended();
    }

    /// The standing in a conference, told for the first time or again.
    pub(super) fn take_seat(&mut self, now: Instant, placed: &Placed) {
        let wall = self.wall_clock;
        let ends = placed.controls.ends_at.zip(wall).map(|(ends_at, (wall, at))| {
            let left = ends_at.since(wall).saturating_sub(now.saturating_duration_since(at));
            (ends_at, now + left)
        });
        let Some(attending) = self.attending() else {
            return;
        };
        attending.due.take_end(now, ends);
        let was_muted = attending.seat.as_ref().is_some_and(|seat| seat.muted.now());
        let news = match &mut attending.seat {
            Some(seat) if seat.conference == placed.conference => seat.tell(placed),
            seat => {
                let seat = seat.insert(Seat::new(placed));
                seat.first_news().into_iter().collect()
            }
        };
        if !was_muted && attending.seat.as_ref().is_some_and(|seat| seat.muted.now()) {
            attending.due.reminded_until = attending.due.reminded_until.max(Some(now + MUTED_GRACE));
        }
        for one in news {
            self.tell_news(now, one);
        }
    }

    fn tell_news(&mut self, now: Instant, news: News) {
        let Some(attending) = self.attending() else {
            return;
        };
        let Some(seat) = &attending.seat else {
            return;
        };
        let oneself = seat.conferee;
        if let Some(command) = attending.asks.heard(news, oneself) {
            let cues = prompt_of_done(&command, oneself).map(Cue::Say);
            return self.say(now, cues.into_iter().collect());
        }
        let (is_muted, may_unmute, role) = (seat.muted.now(), seat.may_unmute, seat.role());
        let unmute = is_muted && may_unmute && role == Role::Participant;
        let said = match news {
            News::Locked(true) => Prompt::ConferenceLocked,
            News::Locked(false) => Prompt::ConferenceUnlocked,
            News::Floor(floor) => prompt_of_floor(floor),
            News::Muted(Mute::Oneself | Mute::None | Mute::ByFloor) => Prompt::YouAreMuted,
            News::Muted(Mute::ByHost) => Prompt::MutedByHost,
            News::Unmuted => Prompt::UnmutedByHost,
            News::Hand(true) => Prompt::HandIsRaised,
            News::Hand(false) => Prompt::HandIsLowered,
            News::Host => Prompt::YouAreHost,
            News::HandsRaised | News::SomebodyWaits => return self.gather(now, news),
            News::Noisy(line) => return self.tell_noisy(now, &line),
        };
        let mut cues = vec![Cue::Say(said)];
        if unmute && matches!(news, News::Floor(_) | News::Muted(_)) {
            cues.extend(self.keys_to_unmute());
        }
        self.say_news(now, cues);
    }

    /// To a host: "line noise from", the name, else the order of entry, and whether they were muted for it.
    fn tell_noisy(&mut self, now: Instant, line: &NoisyLine) {
        let order = [Prompt::CallerNumber].into_iter().chain(self.language.cardinal(line.order.0));
        let otherwise: Vec<Prompt> = order.collect();
        let mut cues = vec![Cue::Say(Prompt::LineNoiseFrom)];
        if line.has_name {
            cues.push(Cue::Name { attendance: line.attendance, otherwise });
        } else {
            cues.extend(otherwise.into_iter().map(Cue::Say));
        }
        if line.is_muted {
            cues.push(Cue::Say(Prompt::IsMuted));
        }
        self.say_news(now, cues);
    }

    fn keys_to_unmute(&self) -> Vec<Cue> {
        let keys = |command| help::keys_of(&self.keys, Menu::Conference, command, self.language);
        let unmute = keys(KeyCommand::Unmute);
        if unmute.is_empty() { keys(KeyCommand::Mute) } else { unmute }
    }

    /// The caller speaks, and nobody hears it.
    pub(super) fn spoke_while_muted(&mut self, now: Instant) {
        let every = self.patience.muted_reminder_every;
        let Some(attending) = self.attending() else {
            return;
        };
        let Some(seat) = attending.seat.as_ref().filter(|seat| seat.muted.now()) else {
            return;
        };
        let may_unmute = seat.may_unmute;
        if attending.due.reminded_until.is_some_and(|until| now < until) {
            return;
        }
        attending.due.reminded_until = Some(now + every);
        let mut cues = vec![Cue::Say(Prompt::YouAreMuted)];
        if may_unmute {
            cues.extend(self.keys_to_unmute());
        }
        self.say_news(now, cues);
    }

    /// The first is told at once; what comes soon after it is told with it, or once.
    fn gather(&mut self, now: Instant, news: News) {
        let Some(attending) = self.attending() else {
            return;
        };
        let due = &mut attending.due;
        due.wants_hands |= news == News::HandsRaised;
        due.wants_entry |= news == News::SomebodyWaits;
        due.gathered_at.get_or_insert(due.quiet_until.map_or(now, |until| until.max(now)));
        self.tell_what_is_due(now);
    }

    /// Tells what the clock has made due.
    pub(super) fn tell_what_is_due(&mut self, now: Instant) {
        let gathering = self.patience.gathering;
        let Some(attending) = self.attending() else {
            return;
        };
        let due = &mut attending.due;
        if due.gathered_at.is_some_and(|at| at <= now) {
            due.gathered_at = None;
            due.quiet_until = Some(now + gathering);
            let still = |is_so: bool, count: fn(&Seat) -> u32| {
                is_so && attending.seat.as_ref().is_some_and(|seat| count(seat) > 0)
            };
            let waits = still(std::mem::take(&mut due.wants_entry), Seat::waiting);
            let hands = still(std::mem::take(&mut due.wants_hands), Seat::hands);
            let said = [(waits, Prompt::SomebodyWaits), (hands, Prompt::HandsRaised)];
            let cues: Vec<Cue> =
                said.into_iter().filter(|(is_so, _)| *is_so).map(|(_, prompt)| Cue::Say(prompt)).collect();
            if !cues.is_empty() {
                self.say_news(now, cues);
            }
        }
        self.warn_of_end(now);
    }

    fn warn_of_end(&mut self, now: Instant) {
        let Some(attending) = self.attending() else {
            return;
        };
        let Some((_, minutes)) = attending.due.warning.filter(|(at, _)| *at <= now) else {
            return;
        };
        attending.due.next_warning(now);
        let role = attending.role();
        let unit = if minutes == 1 { Prompt::Minute } else { Prompt::Minutes };
        let count = self.language.cardinal(minutes);
        let words = [Prompt::ConferenceEndsIn].into_iter().chain(count).chain([unit]);
        let mut cues: Vec<Cue> = words.map(Cue::Say).collect();
        if role == Role::Host {
            cues.extend(self.keys_for_more_time());
        }
        self.say_news(now, cues);
    }

    /// "For more time, press", then the keys of the options and of more time among them.
    fn keys_for_more_time(&self) -> Vec<Cue> {
        let options = self.keys.keys_of(Menu::Conference, KeyCommand::Options);
        let more = self.keys.keys_of(Menu::Options, KeyCommand::MoreTime);
        let (Some(options), Some(more)) = (options, more) else {
            return Vec::new();
        };
        let digits = [options, more].into_iter().flat_map(|keys| self.language.digits(keys.as_str()));
        [Prompt::KeyMoreTime].into_iter().chain(digits).map(Cue::Say).collect()
    }
}
