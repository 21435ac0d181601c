//! Somebody talks in private with whom they had called, and a mixer or their VRU is lost: nobody is stuck, nothing is
//! left behind, and the conference goes on.

#![expect(clippy::unwrap_used, reason = "a test that fails says where")]

use callbench::{CallEnd, Reception};
use partyline_claims::{Meeting, Party, Phone, ServerPlan, all_hear_each_other, loopback_of_my_own};

const MIXERS: [&str; 2] = ["mixer-a", "mixer-b"];

/// The host has somebody called, who answers at once.
async fn call(meeting: &Meeting) -> Phone {
    let callee = meeting.party.expect(Reception::Answers).unwrap();
    meeting.host.call.send_digits("*15551234#");
    let others: Vec<&Phone> = meeting.guests.iter().collect();
    meeting.talk_in_private(&meeting.host, &callee, &others).await.unwrap();
    callee
}

/// Which of the mixers carries the mix of this kind.
async fn mixer_of(meeting: &Meeting, kind: &str) -> &'static str {
    for mixer in MIXERS {
        let carried = format!("kind = '{kind}' AND closed_at IS NULL AND mixer = '{mixer}'");
        if meeting.server().count("mix", &carried).await.unwrap() == 1 {
            return mixer;
        }
    }
    panic!("no mixer carries a {kind}");
}

#[tokio::test]
async fn a_talk_in_private_goes_to_another_mixer_when_its_own_is_lost() {
    let config: String = MIXERS.iter().map(|mixer| format!("[[mixer]]\nid = \"{mixer}\"\n")).collect();
    let party = Party::with_carrier(&config, "30s").await.unwrap();
    let meeting = Meeting::at(party, 2, &["--dial-out", "on"]).await.unwrap();
    let [guest, other] = meeting.guests.as_slice() else { panic!("two guests") };
    let callee = call(&meeting).await;
    let lost = mixer_of(&meeting, "side").await;
    meeting.server().stop_role(lost).unwrap();
    let moved = format!("kind = 'side' AND closed_at IS NULL AND mixer <> '{lost}' AND epoch = 2");
    meeting.server().wait_count("mix", &moved, 1).await.unwrap();
    meeting.talk_in_private(&meeting.host, &callee, &[guest, other]).await.unwrap();
    guest.wait_hears(other).await.unwrap();
    other.wait_hears(guest).await.unwrap();
    // From there they come back as from any other, and the mixer that was lost is used again.
    meeting.server().start_role(lost).unwrap();
    meeting.host.call.send_digits("*2");
    meeting.joined(4).await.unwrap();
    all_hear_each_other(&[&meeting.host, guest, other, &callee]).await.unwrap();
    callee.call.hang_up();
    meeting.joined(3).await.unwrap();
    meeting.all_hear_each_other().await.unwrap();
    meeting.no_outdial_left(3).await.unwrap();
}

#[tokio::test]
async fn a_talk_in_private_goes_on_when_the_mixer_of_the_conference_is_lost() {
    let config: String = MIXERS.iter().map(|mixer| format!("[[mixer]]\nid = \"{mixer}\"\n")).collect();
    let party = Party::with_carrier(&config, "30s").await.unwrap();
    let meeting = Meeting::at(party, 2, &["--dial-out", "on"]).await.unwrap();
    let [guest, other] = meeting.guests.as_slice() else { panic!("two guests") };
    let callee = call(&meeting).await;
    let lost = mixer_of(&meeting, "conference").await;
    meeting.server().stop_role(lost).unwrap();
    let moved = format!("kind = 'conference' AND closed_at IS NULL AND mixer <> '{lost}' AND epoch = 2");
    meeting.server().wait_count("mix", &moved, 1).await.unwrap();
    guest.wait_hears(other).await.unwrap();
    other.wait_hears(guest).await.unwrap();
    meeting.talk_in_private(&meeting.host, &callee, &[guest, other]).await.unwrap();
    meeting.host.call.send_digits("*3");
    assert!(matches!(callee.call.wait_ended().await.unwrap(), CallEnd::TheyHungUp(_)));
    meeting.outdial_ended("dropped").await.unwrap();
    meeting.all_hear_each_other().await.unwrap();
    meeting.no_outdial_left(3).await.unwrap();
}

#[tokio::test]
async fn with_no_mixer_left_the_callee_is_let_go_and_the_conference_waits_for_one() {
    let party = Party::with_carrier("", "30s").await.unwrap();
    let meeting = Meeting::at(party, 1, &["--dial-out", "on"]).await.unwrap();
    let callee = call(&meeting).await;
    meeting.server().stop_role("mixer-1").unwrap();
    assert!(matches!(callee.call.wait_ended().await.unwrap(), CallEnd::TheyHungUp(_)));
    meeting.outdial_ended("no_mixer").await.unwrap();
    meeting.server().wait_count("conference", "deadline_why = 'no_mixer'", 1).await.unwrap();
    meeting.server().start_role("mixer-1").unwrap();
    meeting.all_hear_each_other().await.unwrap();
    meeting.no_outdial_left(2).await.unwrap();
    // And the host may have somebody called again.
    let callee = call(&meeting).await;
    callee.call.hang_up();
    meeting.all_hear_each_other().await.unwrap();
    meeting.no_outdial_left(2).await.unwrap();
}

/// Two VRUs; the host is at the first one, two participants at the second.
async fn at_two_vrus() -> (Meeting, String) {
    let [north, south] = [loopback_of_my_own(), loopback_of_my_own()];
    let config = format!(
        "[[vru]]\nid = \"vru-north\"\nsip_listen = [\"{north}:5060\"]\n\
         [[vru]]\nid = \"vru-south\"\nsip_listen = [\"{south}:5060\"]\n"
    );
    let party =
        Party::with_carrier_and(&ServerPlan { config, has_own_listeners: true }, "30s").await.unwrap();
    let settings = ["--entry", "start", "--dial-out", "on", "--host-leaves", "continue"];
    let codes = party.server.create_room("board", &settings).unwrap();
    let [north, south] = [north, south].map(|vru| format!("sip:conference@{vru}:5060"));
    let host = party.key_code_at(&north, &codes.host).await.unwrap();
    party.server.wait_count("conferee", "state = 'joined'", 1).await.unwrap();
    let mut meeting = Meeting { party, codes, host, guests: Vec::new() };
    for joined in 2..4 {
        let guest = meeting.party.key_code_at(&south, &meeting.codes.participant).await.unwrap();
        meeting.guests.push(guest);
        meeting.joined(joined).await.unwrap();
    }
    all_hear_each_other(&meeting.phones()).await.unwrap();
    (meeting, south)
}

#[tokio::test]
async fn a_vru_that_is_lost_takes_a_talk_in_private_with_it_and_the_others_talk_on() {
    let (mut meeting, south) = at_two_vrus().await;
    let callee = call(&meeting).await;
    // Without a proxy the VRU can tell nobody who has left: it is simply gone.
    meeting.server().stop_role("proxy").unwrap();
    meeting.server().stop_role("vru-north").unwrap();
    callee.call.wait_ended().await.unwrap();
    meeting.host.call.wait_ended().await.unwrap();
    meeting.server().start_role("proxy").unwrap();
    meeting.outdial_ended("vru_lost").await.unwrap();
    let [guest, other] = meeting.guests.as_slice() else { panic!("two guests") };
    all_hear_each_other(&[guest, other]).await.unwrap();
    meeting.no_outdial_left(2).await.unwrap();
    // The host comes back by the other one, and has somebody called from there.
    meeting.host = meeting.party.key_code_at(&south, &meeting.codes.host).await.unwrap();
    meeting.joined(3).await.unwrap();
    meeting.all_hear_each_other().await.unwrap();
    let callee = call(&meeting).await;
    meeting.host.call.send_digits("*3");
    callee.call.wait_ended().await.unwrap();
    meeting.all_hear_each_other().await.unwrap();
    meeting.no_outdial_left(3).await.unwrap();
}

#[tokio::test]
async fn a_vru_that_stops_says_goodbye_to_both_and_leaves_nothing_of_their_talk() {
    let (meeting, _) = at_two_vrus().await;
    let callee = call(&meeting).await;
    meeting.server().stop_role("vru-north").unwrap();
    for gone in [&callee, &meeting.host] {
        assert!(matches!(gone.call.wait_ended().await.unwrap(), CallEnd::TheyHungUp(_)));
    }
    let [guest, other] = meeting.guests.as_slice() else { panic!("two guests") };
    all_hear_each_other(&[guest, other]).await.unwrap();
    meeting.no_outdial_left(2).await.unwrap();
    meeting.joined(2).await.unwrap();
}
