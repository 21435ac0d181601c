//! Who is refused at the door, and what is kept of them: nothing.

mod harness;

use std::time::Duration;

use harness::phone::{OFFER, Phone, header};
use harness::{FAIR, World, status};
use partyline_sip::endpoint::{Admission, CallEvent};

fn world_that_is(admission: Admission) -> World {
    let mut world = World::new(1, 1, FAIR);
    world.agents[0].endpoint.set_admission(admission);
    world
}

/// Shows RFC 3261 §21.4.18: who is one too many just now is told with 480 and Retry-After.
/// Shows RFC 3261 §21.5.4: 503 and Retry-After are for who takes nobody's calls.
#[test]
fn who_is_refused_at_the_door_hears_why_and_when_to_come_back() {
    for (admission, expected, wait) in [(Admission::Busy, 480, "2"), (Admission::Closed, 503, "5")] {
        let mut world = world_that_is(admission);
        let mut phone = Phone::new("one");
        let invite = phone.with_sdp("INVITE", 1, "a", OFFER);
        assert_eq!(phone.say(&mut world, &invite), [expected]);
        let refusal = &world.sent.last().unwrap().1;
        assert_eq!(header(refusal, "Retry-After").as_deref(), Some(wait));
        let options = Phone::new("two").request("OPTIONS", 1, "o", "", "");
        let health = if admission == Admission::Closed { 503 } else { 200 };
        assert_eq!(phone.say(&mut world, &options), [health], "only who takes no calls at all is ill");
    }
}

/// Shows RFC 3261 §8.2.7: a stateless refusal is the same for each copy of a request, and swallows its ACK.
#[test]
fn a_flood_that_is_refused_leaves_nothing_behind() {
    let mut world = world_that_is(Admission::Busy);
    let mut tags = Vec::new();
    for number in 0..1000 {
        let mut phone = Phone::new(&format!("flood{number}"));
        let invite = phone.with_sdp("INVITE", 1, &format!("b{number}"), OFFER);
        phone.heard(&world);
        phone.to_tag.clear();
        assert_eq!(phone.say(&mut world, &invite), [480]);
        let tag = phone.to_tag.clone();
        assert_eq!(phone.say(&mut world, &invite), [480], "a copy");
        assert_eq!(phone.to_tag, tag);
        let ack = phone.request("ACK", 1, &format!("b{number}"), "", "");
        assert_eq!(phone.say(&mut world, &ack), [0_u16; 0]);
        tags.push(tag);
    }
    let counters = world.counters(0);
    assert_eq!((counters.transactions, counters.calls, counters.half_open), (0, 0, 0));
    assert_eq!((counters.overloaded, counters.dropped), (2000, 0));
    tags.sort_unstable();
    tags.dedup();
    assert_eq!(tags.len(), 1000, "no two calls have one tag");
    let sent = world.sent.len();
    world.run(Duration::from_secs(40));
    assert_eq!(world.sent.len(), sent, "nothing is sent again");
}

#[test]
fn a_made_up_ack_is_no_ack_of_ours() {
    let mut world = world_that_is(Admission::Busy);
    let mut phone = Phone::new("one");
    phone.to_tag = "d0123456789abcdef".to_owned();
    let ack = phone.request("ACK", 1, "a", "", "");
    assert_eq!(phone.say(&mut world, &ack), [0_u16; 0]);
    assert_eq!(world.counters(0).dropped, 1);
}

#[test]
fn calls_that_are_up_go_on_while_the_door_is_shut() {
    let mut world = World::new(1, 1, FAIR);
    let mut phone = Phone::new("up");
    phone.call_up(&mut world);
    world.agents[0].endpoint.set_admission(Admission::Closed);
    let hold = phone.with_sdp("INVITE", 2, "hold", &OFFER.replace("t=0 0", "t=0 0\r\na=sendonly"));
    let tag = phone.to_tag.clone();
    assert_eq!(phone.say(&mut world, &hold), [200]);
    phone.to_tag.clone_from(&tag);
    let ack = phone.request("ACK", 2, "ack2", "", "");
    assert_eq!(phone.say(&mut world, &ack), [0_u16; 0]);
    let call = world.incoming(0);
    assert!(matches!(world.events(0, call).last(), Some(CallEvent::Changed(_))));
    let bye = phone.request("BYE", 3, "bye", "", "");
    assert_eq!(phone.say(&mut world, &bye), [200]);

    // A call that was on its way in when the door was shut is answered still.
    let mut world = World::new(1, 1, FAIR);
    let mut phone = Phone::new("early");
    let invite = phone.with_sdp("INVITE", 1, "a", OFFER);
    assert_eq!(phone.say(&mut world, &invite), [100]);
    world.agents[0].endpoint.set_admission(Admission::Closed);
    assert_eq!(phone.say(&mut world, &invite), [100], "a copy of what was taken");
    let call = world.incoming(0);
    world.answer(0, call);
    assert_eq!(status(&world.sent.last().unwrap().1), 200);
}
