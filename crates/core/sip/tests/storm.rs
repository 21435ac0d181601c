//! Calls through a bad network: whatever is lost, doubled or late, every call ends, on both sides, and nothing stays.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod harness;

use std::time::Duration;

use harness::{Weather, World, capabilities};
use partyline_sip::endpoint::{Because, CallEvent, CallKey, TransportKind};
use partyline_sip::sdp::Direction;
use proptest::prelude::*;

#[derive(Debug, Clone, Copy)]
enum Deed {
    Call { transport: bool },
    Ring,
    Answer,
    Reject,
    HangUp { side: usize },
    Reoffer { side: usize, holds: bool },
    Wait { ms: u64 },
    Cut,
}

fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    let deed = prop_oneof![
        3 => any::<bool>().prop_map(|transport| Deed::Call { transport }),
        2 => Just(Deed::Ring),
        4 => Just(Deed::Answer),
        1 => Just(Deed::Reject),
        2 => (0..2_usize).prop_map(|side| Deed::HangUp { side }),
        4 => (0..2_usize, any::<bool>()).prop_map(|(side, holds)| Deed::Reoffer { side, holds }),
        6 => (0..3_000_u64).prop_map(|ms| Deed::Wait { ms }),
        1 => Just(Deed::Cut),
    ];
    proptest::collection::vec(deed, 1..40)
}

/// The calls of a side that are not over, as its user knows them.
fn open_calls(world: &World, side: usize, begun: &[CallKey]) -> Vec<CallKey> {
    let events = &world.agents[side].events;
    let told =
        events.iter().filter(|(_, event)| matches!(event, CallEvent::Incoming(_))).map(|(call, _)| *call);
    let is_over = |call: &CallKey| {
        events.iter().any(|(key, event)| key == call && matches!(event, CallEvent::Ended(_)))
    };
    begun.iter().copied().chain(told).filter(|call| !is_over(call)).collect()
}

fn perform(world: &mut World, deed: Deed, begun: &mut Vec<CallKey>) {
    let now = world.now;
    let because = Because { text: "storm".to_owned(), cause: 200, retry_after: None };
    let incoming = open_calls(world, 1, &[]);
    match deed {
        Deed::Call { transport } => {
            let transport = if transport { TransportKind::Udp } else { TransportKind::Tcp };
            begun.push(world.call(0, 1, transport));
        }
        // What does not fit the state is refused; that is part of the storm.
        Deed::Reoffer { side, holds } => {
            let direction = if holds { Direction::SendOnly } else { Direction::SendRecv };
            for call in open_calls(world, side, if side == 0 { begun } else { &[] }) {
                let _ = world.agents[side].endpoint.reoffer(now, call, &capabilities(6_000), direction);
            }
        }
        Deed::Ring => incoming.iter().for_each(|call| {
            let _ = world.agents[1].endpoint.ring(now, *call);
        }),
        Deed::Answer => incoming.iter().for_each(|call| {
            let _ = world.agents[1].endpoint.answer(now, *call, &capabilities(4_000));
        }),
        Deed::Reject => incoming.iter().take(1).for_each(|call| {
            let _ = world.agents[1].endpoint.reject(now, *call, 486, &because);
        }),
        Deed::HangUp { side } => {
            let calls = open_calls(world, side, if side == 0 { begun } else { &[] });
            calls
                .iter()
                .take(1)
                .for_each(|call| world.agents[side].endpoint.hang_up(now, *call, &because).unwrap());
        }
        Deed::Wait { ms } => world.run(Duration::from_millis(ms)),
        Deed::Cut => world.cut(),
    }
    world.drain();
}

fn assert_each_call_ended_once(world: &World, side: usize) {
    let mut ended = std::collections::BTreeSet::new();
    for (call, event) in &world.agents[side].events {
        assert!(!ended.contains(call), "{event:?} after the end of {call:?}");
        if matches!(event, CallEvent::Ended(_)) {
            ended.insert(*call);
        }
    }
    let told: std::collections::BTreeSet<_> =
        world.agents[side].events.iter().map(|(call, _)| *call).collect();
    assert_eq!(told, ended);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_call_ends_and_nothing_stays(seed in any::<u64>(), lost in 0..60_u64, doubled in 0..30_u64, delay_ms in 0..400_u64, deeds in deeds()) {
        let weather = Weather { lost_percent: lost, doubled_percent: doubled, delay_max: Duration::from_millis(delay_ms) };
        let mut world = World::new(2, seed, weather);
        let mut begun = Vec::new();
        for deed in deeds {
            perform(&mut world, deed, &mut begun);
        }
        for side in 0..2 {
            let now = world.now;
            for call in open_calls(&world, side, if side == 0 { &begun } else { &[] }) {
                world.agents[side].endpoint.hang_up(now, call, &Because::default()).unwrap();
            }
        }
        world.run(Duration::from_secs(120));
        // What only one side knows of, because all BYEs were lost, ends by what its own user does.
        for call in open_calls(&world, 1, &[]) {
            let now = world.now;
            world.agents[1].endpoint.hang_up(now, call, &Because::default()).unwrap();
        }
        world.run(Duration::from_secs(600));
        for side in 0..2 {
            assert_each_call_ended_once(&world, side);
            let counters = world.counters(side);
            prop_assert_eq!((counters.calls, counters.half_open, counters.transactions, counters.connections), (0, 0, 0, 0));
            prop_assert!(world.agents[side].endpoint.poll_timeout().is_none(), "a timer outlives all");
        }
    }

    #[test]
    fn garbage_is_dropped_or_answered_and_leaves_nothing(pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..300), 1..20), head in 0..4_usize) {
        let heads: [&[u8]; 4] = [b"", b"INVITE sip:a@b SIP/2.0\r\n", b"SIP/2.0 200 OK\r\n", b"OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bK1\r\n"];
        let mut world = World::new(1, 1, harness::FAIR);
        let (now, local) = (world.now, world.agents[0].address);
        let connection = partyline_sip::endpoint::ConnectionId(1);
        world.agents[0].endpoint.handle_accepted(now, connection, local, "127.0.0.1:9".parse().unwrap());
        for piece in &pieces {
            let bytes = [heads[head], piece].concat();
            world.inject("127.0.0.1:9".parse().unwrap(), 0, &bytes);
            world.agents[0].endpoint.handle_stream(now, connection, &bytes);
        }
        world.run(Duration::from_secs(600));
        let counters = world.counters(0);
        prop_assert_eq!((counters.calls, counters.transactions, counters.connections), (0, 0, 0));
    }
}
