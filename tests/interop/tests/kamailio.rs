//! Kamailio stands in front: every request within a dialog follows the route that it recorded.

#![expect(clippy::unwrap_used, reason = "a test that fails says where")]

use std::time::Duration;

use partyline_claims::{Phone, ServerPlan, all_hear_each_other, loopback_of_my_own};
use partyline_interop::{Dissection, Forwarding, Kamailio, PEER_HZ, SippPlan, Trial, hears_only};

const RATE_HZ: u32 = 8000;

/// sipp calls through Kamailio and both talk, until the conference ends and the server hangs up.
async fn the_server_hangs_up_on_sipp(sipp: &'static str, server: &'static str) -> Dissection {
    let trial = Trial::start().await.unwrap();
    let (code, talker) = trial.room_with_a_talker().await.unwrap();
    let forwarding = Forwarding::To(trial.party.server.sip(), server);
    let kamailio = Kamailio::start(trial.strangers_address(), &forwarding).unwrap();
    let local = trial.strangers_address();
    let plan = SippPlan::calling("talk_until_bye", local, kamailio.sip(), &code).over(sipp);
    let sipp = plan.start().unwrap();
    talker.call.wait_hears(PEER_HZ).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1500)).await;
    talker.call.wait_hears(PEER_HZ).await.unwrap();
    talker.call.hang_up();
    sipp.finish().await.unwrap();
    trial.party.server.wait_legs(0).await.unwrap();

    let (server, proxy) = (trial.party.server.address(), kamailio.address());
    let sent = trial.finish().await.unwrap();
    let bye = sent.moment("sip.Method == \"BYE\"").unwrap();
    let before = partyline_interop::Span { from: bye - 2.0, to: bye };
    let heard = sent.heard_by(local, Some(before)).unwrap();
    hears_only(&heard[..RATE_HZ as usize / 2], RATE_HZ, talker.tone_hz, PEER_HZ).unwrap();
    let byes = format!("sip.Method == \"BYE\" && ip.src == {server}");
    assert_eq!(sent.count(&format!("{byes} && ip.dst == {proxy} && sip.Route")).unwrap(), 1);
    assert_eq!(sent.count(&byes).unwrap(), 1, "no other BYE");
    sent
}

/// Shows RFC 3261 §12.2.1.1: our BYE goes to the first of the route set, and names it.
#[tokio::test]
async fn our_bye_follows_the_recorded_route_over_udp() {
    the_server_hangs_up_on_sipp("u1", "udp").await;
}

/// Shows RFC 3261 §12.2.1.1: the same over TCP.
#[tokio::test]
async fn our_bye_follows_the_recorded_route_over_tcp() {
    let sent = the_server_hangs_up_on_sipp("t1", "tcp").await;
    assert_eq!(sent.count("udp && sip.CSeq.method == \"BYE\"").unwrap(), 2, "only the talker's own, by UDP");
}

/// Shows RFC 3261 §16.6: a proxy between two transports records two routes, and both come back in our BYE.
#[tokio::test]
async fn our_bye_names_both_routes_of_a_proxy_between_udp_and_tcp() {
    let sent = the_server_hangs_up_on_sipp("u1", "tcp").await;
    let routes = sent.fields("tcp && sip.Method == \"BYE\"", &["sip.Route"]).unwrap();
    let named: usize = routes[0][0].matches("<sip:").count();
    assert_eq!(named, 2, "{routes:?}");
}

/// A caller of our own calls through Kamailio, holds, resumes and hangs up.
async fn our_caller_through_kamailio(transport: &'static str) {
    let trial = Trial::start().await.unwrap();
    let (code, talker) = trial.room_with_a_talker().await.unwrap();
    let forwarding = Forwarding::To(trial.party.server.sip(), transport);
    let kamailio = Kamailio::start(trial.strangers_address(), &forwarding).unwrap();
    let uri = format!("sip:{code}@{};transport={transport}", kamailio.sip());
    let caller: Phone = trial.party.call_with(&uri, |plan| plan).await.unwrap();
    caller.call.wait_answered().await.unwrap();
    all_hear_each_other(&[&caller, &talker]).await.unwrap();
    caller.call.hold().await.unwrap();
    talker.wait_hears_not(&caller).await.unwrap();
    caller.call.resume().await.unwrap();
    all_hear_each_other(&[&caller, &talker]).await.unwrap();
    caller.call.hang_up();
    caller.call.wait_ended().await.unwrap();
    trial.party.server.wait_count("conferee", "leave_reason = 'hung_up'", 1).await.unwrap();

    let (server, proxy) = (trial.party.server.address(), kamailio.address());
    let sent = trial.finish().await.unwrap();
    let ours = format!("sip.Method && sip.from.user == \"{}\" && ip.src != {proxy}", caller.number);
    let past_it = sent.count(&format!("{ours} && ip.dst == {server}")).unwrap();
    assert_eq!(past_it, 0, "requests that went past the proxy");
    for (method, requests) in [("ACK", 3), ("BYE", 1)] {
        let routed = format!("{ours} && ip.dst == {proxy} && sip.Method == \"{method}\" && sip.Route");
        assert_eq!(sent.count(&routed).unwrap(), requests, "{method} with a Route");
    }
}

/// Shows RFC 3261 §12.1.2: a caller's route set is what was recorded, turned round; ACK, re-INVITE and BYE follow it.
#[tokio::test]
async fn our_callers_requests_follow_the_recorded_route_over_udp() {
    our_caller_through_kamailio("udp").await;
}

/// Shows RFC 3261 §12.1.2: the same over TCP.
#[tokio::test]
async fn our_callers_requests_follow_the_recorded_route_over_tcp() {
    our_caller_through_kamailio("tcp").await;
}

/// Shows RFC 3261 §11.2: OPTIONS, by which a dispatcher learns who takes calls, is answered while calls are taken.
#[tokio::test]
async fn kamailio_spreads_callers_over_two_vrus_and_passes_by_one_that_is_stopped() {
    let (north, south) = (loopback_of_my_own(), loopback_of_my_own());
    let config = format!(
        "[[vru]]\nid = \"vru-north\"\nsip_listen = [\"{north}:5060\"]\n\
         [[vru]]\nid = \"vru-south\"\nsip_listen = [\"{south}:5060\"]\n"
    );
    let trial = Trial::start_with(&ServerPlan { config, has_own_listeners: true }).await.unwrap();
    let party = &trial.party;
    let codes = party.server.create_room("joint", &["--entry", "start"]).unwrap();
    let among = Forwarding::Among(vec![(north, 5060).into(), (south, 5060).into()]);
    let kamailio = Kamailio::start(trial.strangers_address(), &among).unwrap();
    let uri = |code: &str| format!("sip:{code}@{}", kamailio.sip());
    let mut phones = Vec::new();
    for nth in 1..=2 {
        let phone = party.call_with(&uri(&codes.host), |plan| plan).await.unwrap();
        phone.call.wait_answered().await.unwrap();
        party.server.wait_count("conferee", "state = 'joined'", nth).await.unwrap();
        phones.push(phone);
    }
    all_hear_each_other(&[&phones[0], &phones[1]]).await.unwrap();
    let conferees = party.server.conferees().await.unwrap();
    let mut vrus: Vec<&str> = conferees.iter().map(|row| row.vru.as_str()).collect();
    vrus.sort_unstable();
    assert_eq!(vrus, ["vru-north", "vru-south"]);

    party.server.stop_role("vru-north").unwrap();
    for _ in 0..2 {
        let phone = party.call_with(&uri(&codes.participant), |plan| plan).await.unwrap();
        phone.call.wait_answered().await.unwrap();
        phones.push(phone);
    }
    party.server.wait_count("conferee", "role = 'participant' AND state = 'joined'", 2).await.unwrap();
    all_hear_each_other(&[&phones[2], &phones[3]]).await.unwrap();
    let conferees = party.server.conferees().await.unwrap();
    assert!(conferees[2..].iter().all(|row| row.vru == "vru-south"), "{conferees:?}");
    trial.finish().await.unwrap();
}
