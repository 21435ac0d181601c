//! Keys that an endpoint presses by INFO.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod harness;

use std::time::Duration;

use harness::{FAIR, UDP, Weather, World, start_line};
use partyline_sip::endpoint::{Because, CallError, CallEvent, CallKey, KeyBody};

/// Two agents in a call: ours and theirs.
fn in_a_call(seed: u64) -> (World, CallKey, CallKey) {
    let mut world = World::new(2, seed, FAIR);
    let ours = world.call(0, 1, UDP);
    world.run(Duration::from_millis(5));
    let theirs = world.incoming(1);
    world.answer(1, theirs);
    world.run(Duration::from_millis(5));
    (world, ours, theirs)
}

fn press(world: &mut World, call: CallKey, key: char, body: KeyBody) -> Result<(), CallError> {
    let now = world.now;
    let outcome = world.agents[0].endpoint.press(now, call, key, body);
    world.drain();
    outcome
}

fn keys(world: &World, call: CallKey) -> String {
    let key = |event: &CallEvent| if let CallEvent::Key(key) = event { Some(*key) } else { None };
    world.events(1, call).iter().filter_map(key).collect()
}

/// Shows RFC 6086 §4.2.1: an INFO of ours goes within the call.
#[test]
fn keys_pressed_in_both_forms_are_understood() {
    let (mut world, ours, theirs) = in_a_call(1);
    for (key, body) in "0123456789*#ABCD".chars().zip([KeyBody::Relay, KeyBody::Plain].into_iter().cycle()) {
        press(&mut world, ours, key, body).unwrap();
        world.run(Duration::from_millis(5));
    }
    assert_eq!(keys(&world, theirs), "0123456789*#ABCD");
}

/// Shows RFC 3261 §17.2.2: a request that comes again is answered again, and counts once.
#[test]
fn a_key_is_pressed_once_however_often_its_request_is_lost_or_doubled() {
    for seed in 0..20 {
        let (mut world, ours, theirs) = in_a_call(seed);
        world.weather =
            Weather { lost_percent: 40, doubled_percent: 40, delay_max: Duration::from_millis(100) };
        for key in "*6".chars() {
            press(&mut world, ours, key, KeyBody::Relay).unwrap();
            world.run(Duration::from_secs(40));
        }
        assert_eq!(keys(&world, theirs), "*6", "seed {seed}");
    }
}

#[test]
fn only_keys_can_be_pressed_and_only_while_the_call_is_up() {
    let (mut world, ours, _) = in_a_call(1);
    assert_eq!(press(&mut world, ours, 'x', KeyBody::Plain), Err(CallError::WrongState));
    let now = world.now;
    world.agents[0].endpoint.hang_up(now, ours, &Because::default()).unwrap();
    world.run(Duration::from_millis(5));
    assert_eq!(press(&mut world, ours, '1', KeyBody::Plain), Err(CallError::NoCall));
    let ringing = world.call(0, 1, UDP);
    assert_eq!(press(&mut world, ringing, '1', KeyBody::Plain), Err(CallError::WrongState));
    assert!(world.sent.iter().all(|(_, bytes)| !start_line(bytes).starts_with("INFO")));
}
