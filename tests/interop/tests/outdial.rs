//! A host calls sipp and baresip in from a conference: each is talked to in private, and by all once brought in.

#![expect(clippy::unwrap_used, reason = "a test that fails says where")]

use std::net::{Ipv4Addr, SocketAddr};

use partyline_claims::{Phone, ServerPlan};
use partyline_interop::{BaresipPlan, PEER_HZ, SippPlan, Trial};

const NUMBER: &str = "8005550123";

/// A server whose trunk leads to an address.
async fn trial_with_trunk_to(host: SocketAddr) -> Trial {
    let config = format!(
        "[[trunk]]\nname = \"carrier\"\ndial_out.hosts = [\"{host}\"]\ndial_out.ring_max = \"3s\"\n\
         dial_out.numbers = [{{ prefix = \"800\" }}]\ndial_out.transport = \"udp\"\n"
    );
    Trial::start_with(&ServerPlan { config, has_own_listeners: false }).await.unwrap()
}

/// A host and a participant in a room that may dial out.
async fn two(trial: &Trial) -> [Phone; 2] {
    let settings = ["--entry", "start", "--dial-out", "on"];
    let codes = trial.party.server.create_room("interop", &settings).unwrap();
    let host = trial.party.key_code(&codes.host).await.unwrap();
    let guest = trial.party.key_code(&codes.participant).await.unwrap();
    trial.party.server.wait_count("conferee", "state = 'joined'", 2).await.unwrap();
    host.wait_hears(&guest).await.unwrap();
    guest.wait_hears(&host).await.unwrap();
    [host, guest]
}

/// The host has the number called, talks with whoever answers in private, and brings them in.
async fn called_in(trial: &Trial, host: &Phone, guest: &Phone) {
    host.call.send_digits(&format!("*1{NUMBER}#"));
    trial.party.server.wait_count("outdial", "state = 'aside'", 1).await.unwrap();
    host.call.wait_hears(PEER_HZ).await.unwrap();
    host.wait_hears_not(guest).await.unwrap();
    guest.call.wait_hears_not(PEER_HZ).await.unwrap();
    host.call.send_digits("*2");
    trial.party.server.wait_count("conferee", "state = 'joined'", 3).await.unwrap();
    for phone in [host, guest] {
        phone.call.wait_hears(PEER_HZ).await.unwrap();
    }
    host.wait_hears(guest).await.unwrap();
}

/// Nothing is left but the two.
async fn two_are_left(trial: &Trial) {
    trial.party.server.wait_count("outdial", "ended_at IS NULL", 0).await.unwrap();
    trial.party.server.wait_count("mix", "kind = 'side' AND closed_at IS NULL", 0).await.unwrap();
    trial.party.server.wait_legs(2).await.unwrap();
}

/// Shows RFC 3261 §13.2.2: a callee of a conference rings, answers and is hung up when the conference ends.
#[tokio::test]
async fn sipp_is_called_in_and_hung_up_with_the_conference() {
    let local: Ipv4Addr = partyline_claims::loopback_of_my_own();
    let trial = trial_with_trunk_to((local, 5060).into()).await;
    trial.is_strangers(local);
    let sipp = SippPlan::waiting("called_answers", local).start().unwrap();
    let [host, guest] = two(&trial).await;
    called_in(&trial, &host, &guest).await;
    host.call.send_digits("#992");
    sipp.finish().await.unwrap();
    trial.party.server.wait_legs(0).await.unwrap();
    trial.party.server.wait_count("outdial", "end_why = 'conference_ended'", 1).await.unwrap();
    trial.finish().await.unwrap();
}

/// Shows RFC 3261 §9.1: a callee who rings is sent CANCEL when the host gives up.
#[tokio::test]
async fn sipp_that_only_rings_is_given_up_by_the_host_or_after_the_trunks_time() {
    let local: Ipv4Addr = partyline_claims::loopback_of_my_own();
    let trial = trial_with_trunk_to((local, 5060).into()).await;
    trial.is_strangers(local);
    let sipp = SippPlan::waiting("called_never_answers", local).start().unwrap();
    let [host, guest] = two(&trial).await;
    host.call.send_digits(&format!("*1{NUMBER}#"));
    trial.party.server.wait_count("outdial", "end_why = 'no_answer'", 1).await.unwrap();
    sipp.finish().await.unwrap();
    two_are_left(&trial).await;
    host.wait_hears(&guest).await.unwrap();
    trial.finish().await.unwrap();
}

/// Shows RFC 3264 §6: baresip answers the offer of a conference, and is heard by all once it is brought in.
#[tokio::test]
async fn baresip_is_called_in_and_hangs_up() {
    let local: Ipv4Addr = partyline_claims::loopback_of_my_own();
    let mut plan = BaresipPlan::new(local, PEER_HZ);
    plan.user = NUMBER;
    let trial = trial_with_trunk_to((local, 5062).into()).await;
    trial.is_strangers(local);
    let mut phone = plan.answer().unwrap();
    phone.wait_printed("Populated").await.unwrap();
    let [host, guest] = two(&trial).await;
    called_in(&trial, &host, &guest).await;
    phone.quit().await.unwrap();
    trial.party.server.wait_count("outdial", "end_why = 'callee_left'", 1).await.unwrap();
    two_are_left(&trial).await;
    host.wait_hears(&guest).await.unwrap();
    trial.finish().await.unwrap();
}
