//! Linphone enters a code over both transports and by both kinds of keys, is heard, and hears the mix.

#![expect(clippy::unwrap_used, reason = "a test that fails says where")]

use std::time::Duration;

use partyline_interop::{KeysBy, Linphone, PEER_HZ, Trial, hears_only};

const RATE_HZ: u32 = 8000;
const LAST_TWO_SECONDS: usize = 2 * RATE_HZ as usize;

async fn linphone_talks(transport: &str, keys: KeysBy) {
    let trial = Trial::start().await.unwrap();
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

    let heard = linphone.heard().unwrap();
    let last = &heard[heard.len().saturating_sub(LAST_TWO_SECONDS)..];
    hears_only(last, RATE_HZ, talker.tone_hz, PEER_HZ).unwrap();

    let sent = trial.finish().await.unwrap();
    let infos = sent.count("sip.Method == \"INFO\"").unwrap();
    let events = sent.count("rtpevent").unwrap();
    match keys {
        KeysBy::Info => assert!(infos > code.len() && events == 0, "{infos} INFO, {events} telephone-events"),
        KeysBy::Rfc4733 => {
            assert!(infos == 0 && events > code.len(), "{infos} INFO, {events} telephone-events")
        }
    }
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
