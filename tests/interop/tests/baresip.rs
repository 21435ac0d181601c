//! baresip enters a code by its own DTMF, is heard, and hears the mix.

#![expect(clippy::unwrap_used, reason = "a test that fails says where")]

use std::net::Ipv4Addr;
use std::time::Duration;

use callbench::meter::tone_level_dbov;
use partyline_claims::{HEARD_DBOV, ServerPlan};
use partyline_interop::{BaresipPlan, PEER_HZ, Trial, hears_only};

const RATE_HZ: u32 = 8000;

/// baresip calls, keys the room's code, and is in a conference with a talker; both hear each other. The talker's tone.
async fn baresip_talks(trial: &Trial, plan: &BaresipPlan, target: &str) -> f32 {
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
    talker.tone_hz
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

/// baresip calls with SRTP by its own keys in SDP; the talker has plain RTP.
async fn baresip_talks_secretly(encryption: &str, but_for: &'static str) {
    let trial = Trial::start().await.unwrap();
    let mut plan = BaresipPlan::new(trial.strangers_address(), PEER_HZ);
    plan.modules.push("srtp");
    plan.account = format!(";mediaenc={encryption}");
    let talker_hz = baresip_talks(&trial, &plan, &trial.party.server.uri("conference")).await;
    let server = trial.party.server.address();
    let sent = trial.finish_but_for(Some(but_for)).await.unwrap();
    let answers =
        format!("ip.src == {server} && sip.Status-Code == 200 && sdp.media_attr contains \"crypto\"");
    assert_eq!(sent.count(&answers).unwrap(), 1, "one answer names a key");
    // Read as if it were plain, what both sent is noise. baresip's media comes from the machine's own address.
    for (from, to) in [(server, Ipv4Addr::LOCALHOST), (Ipv4Addr::LOCALHOST, server)] {
        let read = sent.heard_from(from, to).unwrap();
        assert!(read.len() > RATE_HZ as usize, "{} samples to read", read.len());
        for tone in [PEER_HZ, talker_hz] {
            let level = tone_level_dbov(&read, RATE_HZ, tone);
            assert!(level < HEARD_DBOV, "{tone} Hz is read in clear, at {level} dBov");
        }
    }
}

/// Shows RFC 4568 §5.1: keys in SDP, offered as `RTP/SAVP`.
#[tokio::test]
async fn baresip_that_insists_on_srtp_is_heard_and_hears() {
    // tshark has no keys, and takes encrypted RTCP apart all the same.
    baresip_talks_secretly("srtp-mand", "srtcp").await;
}

/// Shows RFC 4568 §6: keys in SDP beside a plain profile.
#[tokio::test]
async fn baresip_that_would_like_srtp_gets_it() {
    // tshark takes `RTP/AVP` at its word, and reads encrypted RTCP as if it were plain.
    baresip_talks_secretly("srtp", "rtcp").await;
}

/// Shows RFC 3261 §21.4.26: a caller without keys is refused where audio has to be encrypted.
#[tokio::test]
async fn baresip_without_srtp_is_refused_where_it_is_required() {
    let config = "[rtp]\nsrtp = \"require\"\n".to_owned();
    let trial = Trial::start_with(&ServerPlan { config, has_own_listeners: false }).await.unwrap();
    let phone = BaresipPlan::new(trial.strangers_address(), PEER_HZ);
    let phone = phone.call(&trial.party.server.uri("conference")).unwrap();
    phone.wait_printed("488").await.unwrap();
    let sent = trial.finish().await.unwrap();
    assert_eq!(sent.count("sip.Status-Code == 488 && sip.Warning").unwrap(), 1, "the refusal says why");
}
