use proptest::prelude::*;

use super::*;

const SECOND: Duration = Duration::from_secs(1);
/// How long the words of these tests are.
const WORDS: Duration = Duration::from_millis(700);

/// A mix and its announcer, in simulated time.
struct World {
    announcer: Announcer,
    sounds: Sounds,
    began: Instant,
    now: Instant,
    said: Vec<Said>,
    at: Vec<Duration>,
}

fn name(length: Duration) -> RecordedName {
    RecordedName::new(vec![7; length.as_millis() as usize * 8]).unwrap()
}

fn who(number: usize) -> ConfereeId {
    ConfereeId::from_bits(number as u128)
}

impl World {
    fn new() -> Self {
        let words = Clip::new(8_000, vec![1; WORDS.as_millis() as usize * 8]);
        let phrases = Phrases::new(|_| Some(words.clone()));
        let now = Instant::now();
        let (announcer, sounds) = (Announcer::default(), Sounds::new(phrases));
        Self { announcer, sounds, began: now, now, said: Vec::new(), at: Vec::new() }
    }

    /// Time goes by, and whatever is due meanwhile is said.
    fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(due) = self.announcer.due(self.now).filter(|due| *due <= until) {
            self.now = self.now.max(due);
            let said = self.announcer.say(self.now, &self.sounds).expect("it is due");
            self.at.push(self.now - self.began);
            self.said.push(said);
        }
        self.now = until;
    }

    /// Somebody whose name lasts a second.
    fn comes(&mut self, number: usize) {
        self.announcer.name(self.now, Way::In, who(number), name(SECOND));
    }

    fn goes(&mut self, number: usize) {
        self.announcer.name(self.now, Way::Out, who(number), name(SECOND));
    }

    fn what(&self) -> Vec<What> {
        self.said.iter().map(|said| said.what).collect()
    }

    /// How often the mix began to be told something.
    fn begun(&self) -> usize {
        self.said.iter().filter(|said| said.begins).count()
    }
}

use What::{Name, People, Tone, Words};

#[test]
fn who_comes_alone_is_announced_within_a_second_by_name_and_words_behind_it() {
    let mut world = World::new();
    world.comes(1);
    world.pass(10 * SECOND);
    assert_eq!(world.what(), [Name, Words(Way::In, 1)]);
    assert!(world.at[0] < SECOND / 2, "{:?}", world.at);
    assert_eq!((world.begun(), world.said[0].over), (1, Over::DuckedTalk));
    assert_eq!(world.announcer.due(world.now), None);
}

#[test]
fn two_who_come_within_two_seconds_are_one_announcement() {
    for apart in [0, 100, 390, 500, 1_000, 1_300, 1_600, 1_990] {
        let mut world = World::new();
        world.comes(1);
        world.pass(Duration::from_millis(apart));
        world.comes(2);
        world.pass(10 * SECOND);
        assert_eq!(world.begun(), 1, "{apart} ms apart: {:?} at {:?}", world.what(), world.at);
        if apart < 1_300 {
            assert_eq!(world.what(), [Name, Name, Words(Way::In, 2)], "{apart} ms apart");
        }
    }
}

#[test]
fn the_next_who_comes_later_is_an_announcement_of_their_own() {
    let mut world = World::new();
    world.comes(1);
    world.pass(5 * SECOND);
    world.comes(2);
    world.pass(5 * SECOND);
    assert_eq!(world.what(), [Name, Words(Way::In, 1), Name, Words(Way::In, 1)]);
    assert_eq!(world.begun(), 2);
    assert!(world.at[2] < 5 * SECOND + SECOND / 2);
}

#[test]
fn what_follows_is_given_to_the_mix_before_it_is_due_so_that_no_gap_is_heard() {
    let mut world = World::new();
    world.comes(1);
    world.comes(2);
    world.pass(10 * SECOND);
    let mut ends = world.at[0];
    for (at, said) in world.at.iter().zip(&world.said) {
        assert!(*at <= ends && ends - *at <= 2 * LEAD, "given at {at:?}, due at {ends:?}");
        ends += said.program.duration() + FRAME;
    }
}

#[test]
fn more_than_three_are_a_number_of_people() {
    let mut world = World::new();
    (1..=5).for_each(|number| world.comes(number));
    world.pass(10 * SECOND);
    assert_eq!(world.what(), [People(Way::In, 5)]);
}

#[test]
fn who_comes_and_who_goes_are_told_in_one_go() {
    let mut world = World::new();
    world.comes(1);
    world.pass(SECOND / 5);
    world.goes(8);
    world.goes(9);
    world.pass(20 * SECOND);
    assert_eq!(world.what(), [Name, Words(Way::In, 1), Name, Name, Words(Way::Out, 2)]);
    assert_eq!(world.begun(), 1);
}

#[test]
fn tones_are_heard_at_once_and_those_of_two_seconds_are_one() {
    let mut world = World::new();
    for _ in 0..40 {
        world.announcer.tone(world.now, Way::In, None);
        world.pass(SECOND / 20);
    }
    assert_eq!(world.what(), [Tone(Way::In)]);
    assert_eq!((world.at[0], world.said[0].over), (Duration::ZERO, Over::Talk));
    // Somebody leaves: that is another tone.
    world.announcer.tone(world.now, Way::Out, None);
    world.pass(SECOND);
    world.announcer.tone(world.now, Way::In, None);
    world.pass(SECOND);
    assert_eq!(world.what(), [Tone(Way::In), Tone(Way::Out), Tone(Way::In)]);
}

#[test]
fn a_sentence_is_ended_before_the_tone_of_who_has_no_name() {
    let mut world = World::new();
    world.comes(1);
    world.pass(SECOND / 2);
    world.announcer.tone(world.now, Way::In, Some(who(2)));
    world.pass(10 * SECOND);
    assert_eq!(world.what(), [Name, Words(Way::In, 1), Tone(Way::In)]);
}

#[test]
fn who_is_gone_before_they_were_announced_never_came() {
    let mut world = World::new();
    world.comes(1);
    world.pass(SECOND / 10);
    world.goes(1);
    world.pass(10 * SECOND);
    assert_eq!(world.what(), []);
    // Who was removed without a name has not come either, and an entry that is told late is none.
    world.comes(2);
    world.announcer.tone(world.now, Way::Out, Some(who(2)));
    world.pass(10 * SECOND);
    assert_eq!(world.what(), []);
    world.comes(2);
    world.announcer.tone(world.now, Way::In, Some(who(1)));
    world.pass(10 * SECOND);
    assert_eq!(world.what(), []);
}

#[test]
fn who_was_announced_and_goes_is_told_of() {
    let mut world = World::new();
    world.comes(1);
    world.pass(SECOND);
    world.goes(1);
    world.pass(10 * SECOND);
    assert_eq!(world.what(), [Name, Words(Way::In, 1), Name, Words(Way::Out, 1)]);
}

#[test]
fn once_nobody_is_announced_any_more_what_waits_is_dropped_and_a_sentence_ended() {
    let mut world = World::new();
    world.comes(1);
    world.announcer.hush();
    world.pass(10 * SECOND);
    assert_eq!(world.what(), []);
    world.comes(2);
    world.pass(SECOND);
    (3..6).for_each(|number| world.goes(number));
    world.announcer.tone(world.now, Way::In, None);
    world.announcer.hush();
    world.pass(10 * SECOND);
    assert_eq!(world.what(), [Name, Words(Way::In, 1)]);
}

#[test]
fn a_crowd_is_bounded_and_where_there_are_no_words_for_so_many_a_tone() {
    let mut world = World::new();
    (1..=100).for_each(|number| world.comes(number));
    assert_eq!(world.announcer.names(), PEOPLE_MAX);
    world.pass(10 * SECOND);
    assert_eq!(world.what(), [Tone(Way::In), Tone(Way::In)]);
    let mut wordless = World { sounds: Sounds::new(Phrases::default()), ..World::new() };
    (1..=5).for_each(|number| wordless.comes(number));
    wordless.pass(10 * SECOND);
    assert_eq!(wordless.what(), [Tone(Way::In)]);
}

#[derive(Debug, Clone)]
enum Happens {
    Comes { name_ms: u64 },
    Goes { who: usize },
    Tone { out: bool },
    Hush,
    Passes { ms: u64 },
}

fn happens() -> impl Strategy<Value = Happens> {
    prop_oneof![
        4 => (1_u64..5_000).prop_map(|name_ms| Happens::Comes { name_ms }),
        3 => (0_usize..40).prop_map(|who| Happens::Goes { who }),
        1 => any::<bool>().prop_map(|out| Happens::Tone { out }),
        1 => Just(Happens::Hush),
        6 => (0_u64..4_000).prop_map(|ms| Happens::Passes { ms }),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_it_is_all_told_in_time_nothing_piles_up_and_no_sentence_stays_open(
        story in proptest::collection::vec(happens(), 0..60)
    ) {
        let mut world = World::new();
        let mut number = 0;
        for event in story {
            let was_idle = world.announcer.due(world.now).is_none()
                && world.announcer.free_at.is_none_or(|free| free <= world.now);
            match event {
                Happens::Comes { name_ms } => {
                    number += 1;
                    let name = name(Duration::from_millis(name_ms));
                    world.announcer.name(world.now, Way::In, who(number), name);
                    // Nothing is due where the exit came before the entry.
                    let due = world.announcer.due(world.now);
                    prop_assert!(!was_idle || due.is_none_or(|due| due <= world.now + MOMENT));
                }
                Happens::Goes { who } => world.goes(who),
                Happens::Tone { out } => {
                    world.announcer.tone(world.now, if out { Way::Out } else { Way::In }, None);
                }
                Happens::Hush => world.announcer.hush(),
                Happens::Passes { ms } => world.pass(Duration::from_millis(ms)),
            }
            // The mix has what is heard now, and at most one thing more.
            let longest = RecordedName::SAMPLES_MAX as u64 * 1_000 / u64::from(RecordedName::RATE_HZ);
            let ahead = world.announcer.free_at.map(|free| free.saturating_duration_since(world.now));
            let most = Duration::from_millis(longest) + GAP + FRAME + LEAD;
            prop_assert!(ahead.is_none_or(|ahead| ahead <= most), "{ahead:?}");
            prop_assert!(world.announcer.names() <= 2 * PEOPLE_MAX);
        }
        world.pass(Duration::from_secs(600));
        prop_assert_eq!(world.announcer.due(world.now), None);
        prop_assert_eq!(world.announcer.names(), 0);
        let mut names = 0;
        for what in world.what() {
            match what {
                Name => names += 1,
                Words(_, said) => prop_assert_eq!(std::mem::take(&mut names), said),
                Tone(_) | People(..) => prop_assert_eq!(names, 0, "in the middle of a sentence"),
            }
            prop_assert!(names <= NAMES_MAX);
        }
        prop_assert_eq!(names, 0);
    }
}
