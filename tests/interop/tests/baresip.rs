//! baresip enters a code by its own DTMF, is heard, and hears the mix.

#![expect(clippy::unwrap_used, reason = "a test that fails says where")]

use std::net::Ipv4Addr;
use std::time::Duration;

use callbench::meter::tone_level_dbov;
use partyline_claims::{HEARD_DBOV, ServerPlan, loopback_of_my_own};
use partyline_interop::{BaresipPlan, PEER_HZ, Trial, hears_only_in};

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

    hears_only_in(&phone.heard().unwrap(), talker.tone_hz, PEER_HZ).unwrap();
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

/// Shows RFC 3261 §26.2.1: a call over TLS from its INVITE to its BYE.
#[tokio::test]
async fn baresip_over_tls_enters_the_code_by_its_own_dtmf_and_hears_the_mix() {
    let door = loopback_of_my_own();
    let config = format!("[sip.tls]\nlisten = [\"{door}:5061\"]\nself_signed = true\n");
    let trial = Trial::start_with(&ServerPlan { config, has_own_listeners: false }).await.unwrap();
    let mut plan = BaresipPlan::new(trial.strangers_address(), PEER_HZ);
    let certificate = trial.party.server.folder().join("data/sip-tls/certificate.pem");
    plan.config = format!("sip_verify_server yes\nsip_cafile {}\n", certificate.display());
    baresip_talks(&trial, &plan, &format!("sip:conference@{door}:5061;transport=tls")).await;
    let sent = trial.finish().await.unwrap();
    assert!(sent.count(&format!("tls.app_data && ip.src == {door}")).unwrap() >= 3, "answers over TLS");
    assert_eq!(sent.count(&format!("sip && ip.addr == {door}")).unwrap(), 0, "nothing in clear");
}

/// baresip has G.711 too, but the server likes this codec best; the talker has G.711 alone.
async fn baresip_talks_in(codec: &str, name: &str, shape: impl FnOnce(&mut BaresipPlan)) {
    let config = format!("[sip]\ncodecs = [\"{codec}\", \"pcmu\"]\n");
    let trial = Trial::start_with(&ServerPlan { config, has_own_listeners: false }).await.unwrap();
    let mut plan = BaresipPlan::new(trial.strangers_address(), PEER_HZ);
    plan.modules.push("g711");
    shape(&mut plan);
    baresip_talks(&trial, &plan, &trial.party.server.uri("conference")).await;
    let server = trial.party.server.address();
    let sent = trial.finish().await.unwrap();
    let answers = format!("ip.src == {server} && sip.Status-Code == 200 && frame contains \"{name}\"");
    assert_eq!(sent.count(&answers).unwrap(), 1, "one answer agrees on {name}");
}

/// Shows RFC 3551 §4.5.2: G.722, whose clock counts 8000 and whose samples are 16000.
#[tokio::test]
async fn baresip_in_g722_is_heard_and_hears() {
    baresip_talks_in("g722", "G722/8000", |plan| (plan.codec, plan.rate_hz) = ("g722", 16_000)).await;
}

/// Shows RFC 7587 §7: Opus is agreed on and spoken both ways.
#[tokio::test]
async fn baresip_in_opus_is_heard_and_hears() {
    baresip_talks_in("opus", "opus/48000/2", |plan| {
        (plan.codec, plan.rate_hz) = ("opus", 48_000);
        plan.config = "opus_stereo no\nopus_sprop_stereo no\nopus_inbandfec yes\n".to_owned();
    })
    .await;
}
