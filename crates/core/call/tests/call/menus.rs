//! Menus over the mix: the roll call, who waits and hands, and how menus end.

use partyline_call::{AskNumber, Cue, Fact, Prompt, Wish};
use partyline_conference::{
    AttendanceId, Command, CommandRefusal, ConfereeId, Floor, Mute, Role, RosterEntry, Timestamp,
    WaitingEntry,
};
use proptest::prelude::*;

use crate::world::{World, conferee, seated};

fn roll_call(count: u32) -> World {
    let mut world = World::conferring(Role::Host);
    world.keys("*4");
    world.roster((1..=count).map(conferee).collect());
    world
}

fn of(order: u32) -> ConfereeId {
    conferee(order).conferee
}

#[test]
fn roll_call_says_who_is_here_in_order_of_entry_and_ends_by_itself() {
    let mut world = roll_call(2);
    assert_eq!(
        world.last_said(),
        "roll_call_begins caller_number number_1 (150 ms) calls_from number_5 number_5 number_1 is_you is_host"
    );
    world.prompt_ends();
    world.pass_secs(2);
    assert_eq!(world.last_said(), "caller_number number_2 (150 ms) calls_from number_5 number_5 number_2");
    world.prompt_ends();
    world.pass_secs(2);
    assert_eq!(world.last_said(), "roll_call_ends");
    assert_eq!(world.says("1"), "roll_call_ends", "the menu is closed");
}

#[test]
fn recorded_names_are_played_and_what_is_so_of_a_conferee_is_said() {
    let mut world = World::conferring(Role::Host);
    world.keys("*4");
    let named =
        RosterEntry { has_name: true, mute: Mute::ByHost, hand_raised_at: Some(Timestamp(1)), ..conferee(2) };
    world.roster(vec![named, RosterEntry { caller_number: String::new(), ..conferee(3) }]);
    assert_eq!(
        world.last_said(),
        "roll_call_begins caller_number number_2 (150 ms) <name of 1002> is_muted has_hand_up"
    );
    assert_eq!(world.says("6"), "caller_number number_3 (150 ms) number_withheld");
}

#[test]
fn roll_call_mutes_and_unmutes_the_one_who_is_heard_of() {
    let mut world = roll_call(3);
    world.keys("6");
    let mute = |muted| Command::SetMuted { conferee: of(2), muted };
    assert_eq!(world.asks("1", &mute(true)), "one_muted");
    assert_eq!(world.asks("1", &mute(false)), "one_unmuted");
    world.prompt_ends();
    world.pass_secs(5);
    assert_eq!(world.last_said(), "one_unmuted", "it stays with who was chosen");
}

#[test]
fn roll_call_is_browsed() {
    let mut world = roll_call(30);
    let number = |said: String| said.split(' ').nth(1).map(str::to_owned).unwrap_or_default();
    assert_eq!(number(world.says("6")), "number_2");
    assert_eq!(number(world.says("2")), "number_2");
    assert_eq!(number(world.says("4")), "number_1");
    assert_eq!(world.says("4"), "roll_call_start");
    assert_eq!(world.says("0"), "enter_order");
    assert_eq!(number(world.says("17#")), "number_17");
    assert_eq!(world.says("099#"), "nobody_has_it");
    assert_eq!(number(world.says("2")), "number_17");
    assert_eq!(number(world.says("0*")), "number_17");
    assert_eq!(world.says("#"), "menu_left");
}

#[test]
fn deleting_takes_the_key_twice_and_never_oneself() {
    let mut world = roll_call(3);
    assert_eq!(world.says("9"), "not_yourself");
    world.keys("6");
    assert_eq!(world.says("9"), "delete_confirm number_9");
    assert_eq!(world.last_command(), None);
    assert_eq!(world.asks("9", &Command::Delete { conferee: of(2) }), "one_deleted");
    assert!(world.says("2").starts_with("caller_number number_3"), "{}", world.last_said());
}

#[test]
fn another_key_or_none_deletes_nobody() {
    let mut world = roll_call(3);
    world.keys("69");
    world.keys("6");
    assert_eq!(world.says("9"), "delete_confirm number_9");
    world.prompt_ends();
    world.pass_secs(10);
    assert_eq!(world.last_said(), "nobody_deleted");
    assert_eq!(world.says("9"), "delete_confirm number_9");
    assert_eq!(world.last_command(), None);
}

#[test]
fn who_has_left_meanwhile_is_told_and_taken_out() {
    let mut world = roll_call(3);
    world.keys("61");
    world.answered(Some(Err(CommandRefusal::NotThere)));
    assert_eq!(world.last_said(), "no_longer_here");
    assert!(world.says("2").starts_with("caller_number number_3"));
}

#[test]
fn three_hundred_are_browsed_to_the_end() {
    let mut world = roll_call(300);
    for _ in 0..300 {
        world.prompt_ends();
        world.pass_secs(2);
    }
    assert_eq!(world.last_said(), "roll_call_ends");
}

fn wanting() -> World {
    let mut world = World::conferring(Role::Host);
    world.keys("*9");
    let waits = |bits: u128, number: &str| WaitingEntry {
        attendance: AttendanceId::from_bits(bits),
        arrived_at: Timestamp(bits as i64),
        caller_number: number.to_owned(),
        has_name: false,
    };
    world.waiting(vec![waits(1, "71"), waits(2, "")]);
    let hand = |order, at| RosterEntry { hand_raised_at: Some(Timestamp(at)), ..conferee(order) };
    world.roster(vec![conferee(1), hand(2, 9), hand(3, 4)]);
    world
}

#[test]
fn who_waits_and_hands_come_one_by_one() {
    let mut world = wanting();
    assert_eq!(world.last_said(), "calls_from number_7 number_1 waits");
    let first = AttendanceId::from_bits(1);
    assert_eq!(world.asks("1", &Command::Admit { attendance: first }), "admitted number_withheld waits");
    let second = AttendanceId::from_bits(2);
    let said = world.asks("9", &Command::TurnAway { attendance: second });
    assert!(said.starts_with("turned_away caller_number number_3"), "{said}");
    let said = world.asks("1", &Command::SetMuted { conferee: of(3), muted: false });
    assert!(said.starts_with("one_unmuted caller_number number_2"), "{said}");
    let said = world.asks("9", &Command::LowerHand { conferee: of(2) });
    assert_eq!(said, "hand_lowered hands_end");
    assert_eq!(world.says("1"), "hand_lowered hands_end", "the menu is closed");
}

#[test]
fn who_has_a_name_is_named_to_the_host_who_decides_and_by_number_where_it_cannot_be_read() {
    let mut world = World::conferring(Role::Host);
    world.keys("*9");
    world.waiting(vec![WaitingEntry {
        attendance: AttendanceId::from_bits(9),
        arrived_at: Timestamp(1),
        caller_number: "71".to_owned(),
        has_name: true,
    }]);
    world.roster(vec![
        conferee(1),
        RosterEntry { has_name: true, hand_raised_at: Some(Timestamp(1)), ..conferee(2) },
    ]);
    assert_eq!(world.last_said(), "<name of 9> waits");
    let Some(Wish::Play(_, script)) = world.wishes.iter().rev().find(|wish| matches!(wish, Wish::Play(..)))
    else {
        panic!("something is said")
    };
    let instead = vec![Prompt::CallsFrom, Prompt::Number7, Prompt::Number1];
    assert_eq!(
        script.cues[0],
        Cue::Name { attendance: AttendanceId::from_bits(9), otherwise: instead },
        "never silence"
    );
    assert_eq!(world.says("6"), "caller_number number_2 (150 ms) <name of 1002> raises_hand");
}

#[test]
fn who_is_passed_over_keeps_waiting() {
    let mut world = wanting();
    assert_eq!(world.says("6"), "number_withheld waits");
    assert_eq!(world.says("2"), "number_withheld waits");
    world.keys("66");
    assert_eq!(world.says("6"), "hands_end");
    assert_eq!(world.last_command(), None);
}

#[test]
fn nobody_who_wants_anything_is_told() {
    let mut world = World::conferring(Role::Host);
    world.keys("*9");
    world.waiting(Vec::new());
    world.roster(vec![conferee(1)]);
    assert_eq!(world.last_said(), "hands_empty");
}

#[test]
fn a_store_that_does_not_answer_is_told() {
    let mut world = World::conferring(Role::Host);
    world.keys("*4");
    world.tell(Fact::Roster { number: AskNumber(1), entries: None });
    assert_eq!(world.last_said(), "try_again");
    world.keys("*9");
    world.tell(Fact::Waiting { number: AskNumber(2), entries: None });
    assert_eq!(world.last_said(), "try_again");
}

#[test]
fn a_menu_left_alone_says_its_keys_and_ends() {
    let mut world = World::conferring(Role::Host);
    world.keys("*3");
    world.prompt_ends();
    world.pass_secs(10);
    assert!(world.last_said().starts_with("key_names"));
    world.prompt_ends();
    world.pass_secs(10);
    assert_eq!(world.last_said(), "menu_left");
    assert_eq!(world.says("1"), "menu_left", "digits do nothing again");
}

#[test]
fn a_menu_ends_even_where_the_end_of_its_prompt_is_never_told() {
    let mut world = World::conferring(Role::Host);
    world.keys("*3");
    world.pass_secs(400);
    assert_eq!(world.last_said(), "menu_left");
}

#[test]
fn digits_that_were_begun_and_left_are_not_recognised() {
    let mut world = World::conferring(Role::Participant);
    world.keys("*8123");
    world.pass_secs(10);
    assert_eq!(world.last_said(), "not_recognised");
    assert_eq!(world.asks("*6", &Command::SetMuted { conferee: of(1), muted: true }), "you_are_muted");
}

/// Everything that a journey can be told while it confers.
#[derive(Debug, Clone)]
enum Happens {
    Key(char),
    Answer(u64, u8),
    Roster(u64, u32),
    Waiting(u64, bool),
    Told { is_host: bool, floor: u8, muted: bool, hands: u32 },
    Ends,
    Passes(u64),
}

fn happens() -> impl Strategy<Value = Happens> {
    let keys = prop::sample::select("0123456789*#*#*#9".chars().collect::<Vec<_>>());
    prop_oneof![
        8 => keys.prop_map(Happens::Key),
        2 => (1..20u64, 0..9u8).prop_map(|(number, answer)| Happens::Answer(number, answer)),
        2 => (1..20u64, 0..5u32).prop_map(|(number, count)| Happens::Roster(number, count)),
        1 => (1..20u64, any::<bool>()).prop_map(|(number, is_some)| Happens::Waiting(number, is_some)),
        1 => (any::<bool>(), 0..3u8, any::<bool>(), 0..3u32)
            .prop_map(|(is_host, floor, muted, hands)| Happens::Told { is_host, floor, muted, hands }),
        2 => Just(Happens::Ends),
        2 => (0..6000u64).prop_map(Happens::Passes),
    ]
}

fn happen(world: &mut World, what: &Happens) {
    match *what {
        Happens::Key(key) => world.tell(Fact::Key(key)),
        Happens::Answer(number, answer) => {
            let refusals = [
                CommandRefusal::NotAllowed,
                CommandRefusal::NoConference,
                CommandRefusal::NotThere,
                CommandRefusal::Floor,
                CommandRefusal::TooLong,
            ];
            let answer = match answer {
                0 => None,
                1..=3 => Some(Ok(())),
                other => refusals.get(usize::from(other) - 4).map(|refusal| Err(*refusal)),
            };
            world.tell(Fact::CommandAnswered { number: AskNumber(number), answer });
        }
        Happens::Roster(number, count) => {
            let entries = (count < 4).then(|| (1..=count).map(conferee).collect());
            world.tell(Fact::Roster { number: AskNumber(number), entries });
        }
        Happens::Waiting(number, is_some) => {
            let entries = is_some.then(Vec::new);
            world.tell(Fact::Waiting { number: AskNumber(number), entries });
        }
        Happens::Told { is_host, floor, muted, hands } => {
            let role = if is_host { Role::Host } else { Role::Participant };
            let standing = seated(role, |seated| {
                seated.controls.floor = Floor::ALL[usize::from(floor)];
                seated.controls.mute = if muted { Mute::ByHost } else { Mute::None };
                seated.controls.hands = hands;
            });
            world.tell(Fact::Standing(standing));
        }
        Happens::Ends => {
            if let Some(play) = world.last_play() {
                world.tell(Fact::PlayEnded(play));
            }
        }
        Happens::Passes(ms) => world.pass(std::time::Duration::from_millis(ms)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_pressed_and_answered_nobody_is_stuck(
        story in prop::collection::vec(happens(), 0..80),
        is_host in any::<bool>(),
    ) {
        let role = if is_host { Role::Host } else { Role::Participant };
        let mut world = World::conferring(role);
        for what in &story {
            if world.is_over() {
                return Ok(());
            }
            happen(&mut world, what);
        }
        // Left alone, whatever was begun ends: no menu, no digits, no answer that is still awaited.
        world.pass_secs(3600);
        if world.is_over() || world.count(|wish| matches!(wish, Wish::Left(_))) > 0 {
            return Ok(());
        }
        prop_assert!(!world.waits_for_anything(), "{}", world.ladder);
        let commands = world.count(|wish| matches!(wish, Wish::Command { .. }));
        world.keys("#6");
        prop_assert_eq!(world.count(|wish| matches!(wish, Wish::Command { .. })), commands + 1);
        world.done();
        prop_assert_eq!(world.last_said(), "you_are_unmuted");
        world.keys("#9#");
        prop_assert!(world.count(|wish| matches!(wish, Wish::Left(_))) == 1);
    }
}
