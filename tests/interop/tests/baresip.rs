//! baresip enters a code by its own DTMF, is heard, and hears the mix.

#![expect(clippy::unwrap_used, reason = "a test that fails says where")]

use std::time::Duration;

use partyline_interop::{BaresipPlan, PEER_HZ, Trial, hears_only};

/// baresip calls, keys the room's code, and is in a conference with a talker; both hear each other.
async fn baresip_talks(trial: &Trial, plan: &BaresipPlan, target: &str) {
    let (code, talker) = trial.room_with_a_talker().await.unwrap();
    let mut phone = plan.call(target).unwrap();
    phone.wait_established().await.unwrap();
    phone.press(&format!("{code}#")).await.unwrap();
    talker.call.wait_hears(PEER_HZ).await.unwrap();
    trial.party.server.wait_count("conferee", "joined_at IS NOT NULL", 2).await.unwrap();
    // What it keeps of these seconds is looked at.
    tokio::time::sleep(Duration::from_secs(3)).await;
    talker.call.wait_hears(PEER_HZ).await.unwrap();
    phone.quit().await.unwrap();
    trial.party.server.wait_count("conferee", "leave_reason = 'hung_up'", 1).await.unwrap();

    let (heard, two_seconds) = (phone.heard().unwrap(), 2 * plan.rate_hz as usize);
    let last = &heard[heard.len().saturating_sub(two_seconds)..];
    hears_only(last, plan.rate_hz, talker.tone_hz, PEER_HZ).unwrap();
}

/// Shows RFC 4733 §2.5: keys that baresip sends as telephone-events enter a code.
#[tokio::test]
async fn baresip_over_udp_enters_the_code_by_its_own_dtmf_and_hears_the_mix() {
    let trial = Trial::start().await.unwrap();
    let plan = BaresipPlan::new(trial.strangers_address(), PEER_HZ);
    baresip_talks(&trial, &plan, &trial.party.server.uri("conference")).await;
    trial.finish().await.unwrap();
}

/// Shows RFC 3261 §18: a call over TCP from its INVITE to its BYE.
#[tokio::test]
async fn baresip_over_tcp_enters_the_code_by_its_own_dtmf_and_hears_the_mix() {
    let trial = Trial::start().await.unwrap();
    let plan = BaresipPlan::new(trial.strangers_address(), PEER_HZ);
    baresip_talks(&trial, &plan, &format!("{};transport=tcp", trial.party.server.uri("conference"))).await;
    let sent = trial.finish().await.unwrap();
    assert_eq!(sent.count("tcp && sip.Method == \"BYE\"").unwrap(), 1, "the BYE came over TCP");
}
