//! Linphone enters a code over both transports and by both kinds of keys, is heard, and hears the mix.

#![expect(clippy::unwrap_used, reason = "a test that fails says where")]

use std::time::Duration;

use partyline_claims::ServerPlan;
use partyline_interop::{KeysBy, Linphone, PEER_HZ, Trial, hears_only_in};

/// Linphone talks in the codec that the server likes best, by its name in settings and in descriptions.
async fn linphone_talks_in((codec, rtpmap): (&str, &str), transport: &str, keys: KeysBy) {
    let config = format!("[sip]\ncodecs = [\"{codec}\", \"pcma\"]\n");
    let trial = Trial::start_with(&ServerPlan { config, has_own_listeners: false }).await.unwrap();
    let (code, talker) = trial.room_with_a_talker().await.unwrap();
    let mut linphone = Linphone::start(trial.strangers_address(), keys, PEER_HZ).unwrap();
    linphone.call(&format!("{}{transport}", trial.party.server.uri("conference"))).await.unwrap();
    linphone.press(&format!("{code}#")).await.unwrap();
    talker.call.wait_hears(PEER_HZ).await.unwrap();
    trial.party.server.wait_count("conferee", "state = 'joined'", 2).await.unwrap();
    // Both are in; what its file keeps of the next seconds is looked at.
    tokio::time::sleep(Duration::from_secs(3)).await;
    talker.call.wait_hears(PEER_HZ).await.unwrap();
    linphone.quit().await.unwrap();
    trial.party.server.wait_count("conferee", "leave_reason = 'hung_up'", 1).await.unwrap();

    hears_only_in(&linphone.heard().unwrap(), talker.tone_hz, PEER_HZ).unwrap();

    let server = trial.party.server.address();
    let sent = trial.finish().await.unwrap();
    let answers = format!("ip.src == {server} && sip.Status-Code == 200 && frame contains \"{rtpmap}\"");
    assert!(sent.count(&answers).unwrap() >= 1, "no answer agrees on {rtpmap}");
    let infos = sent.count("sip.Method == \"INFO\"").unwrap();
    let events = sent.count("rtpevent").unwrap();
    match keys {
        KeysBy::Info => assert!(infos > code.len() && events == 0, "{infos} INFO, {events} telephone-events"),
        KeysBy::Rfc4733 => {
            assert!(infos == 0 && events > code.len(), "{infos} INFO, {events} telephone-events")
        }
    }
}

async fn linphone_talks(transport: &str, keys: KeysBy) {
    linphone_talks_in(("pcmu", "PCMU/8000"), transport, keys).await;
}

/// Shows RFC 7587 §7: Opus is agreed on beside codecs that we do not know, and spoken both ways.
/// Shows RFC 4733 §2.1: telephone-events at the clock of Opus, whose timestamps lie between those of its packets.
#[tokio::test]
async fn linphone_in_opus_keys_a_code_is_heard_and_hears() {
    linphone_talks_in(("opus", "opus/48000/2"), "", KeysBy::Rfc4733).await;
}

/// Shows RFC 7587 §7: Opus over a call by TCP whose keys come by INFO.
#[tokio::test]
async fn linphone_in_opus_over_tcp_keys_a_code_by_info_and_talks() {
    linphone_talks_in(("opus", "opus/48000/2"), ";transport=tcp", KeysBy::Info).await;
}

/// Shows RFC 4733 §2.5: keys that Linphone sends as telephone-events enter a code.
#[tokio::test]
async fn linphone_over_udp_keys_a_code_by_telephone_events_and_talks() {
    linphone_talks("", KeysBy::Rfc4733).await;
}

/// Shows RFC 3261 §18.2.1: a call over TCP is answered over the connection that it came in on.
#[tokio::test]
async fn linphone_over_tcp_keys_a_code_by_telephone_events_and_talks() {
    linphone_talks(";transport=tcp", KeysBy::Rfc4733).await;
}

/// Shows RFC 6086 §4.2: keys that Linphone sends by INFO enter a code.
#[tokio::test]
async fn linphone_over_udp_keys_a_code_by_info_and_talks() {
    linphone_talks("", KeysBy::Info).await;
}
