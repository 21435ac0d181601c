//! sipp calls through the whole path: SIP, VRU, proxy, interface server, mixer.

#![expect(clippy::unwrap_used, reason = "a test that fails says where")]

use partyline_interop::{Sipp, Trial};

const ROOMS: usize = 20;
const CALLS: u32 = 200;

/// Trials at most, of which all but the last were on a machine that was too busy for such a rate.
const TRIALS_MAX: usize = 3;

async fn two_hundred_calls(transport: &'static str) {
    for _ in 1..TRIALS_MAX {
        if carries_two_hundred_calls(transport, true).await {
            return;
        }
    }
    carries_two_hundred_calls(transport, false).await;
}

/// Whether all calls were taken. That some were not, because the server itself said that it has too much to do and when to
/// try again, may be so.
async fn carries_two_hundred_calls(transport: &'static str, may_be_busy: bool) -> bool {
    let trial = Trial::start_without_media().await.unwrap();
    let server = &trial.party.server;
    let users: Vec<String> = (0..ROOMS)
        .map(|room| server.create_room(&format!("room-{room}"), &["--entry", "start"]).unwrap().participant)
        .collect();
    let run = Sipp {
        scenario: "enter_and_leave",
        local: trial.strangers_address(),
        remote: server.sip(),
        calls: CALLS,
        calls_per_second: 50,
        transport,
        users,
    };
    let run = tokio::task::spawn_blocking(move || run.run()).await.unwrap().unwrap();
    if may_be_busy && !run.all_succeeded && run.output.contains("Retry-After") {
        trial.finish().await.unwrap();
        return false;
    }
    assert!(run.all_succeeded, "{}", run.output);

    // Each of them was in a conference with the nine others of the room, and left by hanging up.
    let joined = "joined_at IS NOT NULL AND leave_reason = 'hung_up'";
    server.wait_count("conferee", joined, i64::from(CALLS)).await.unwrap();
    server.wait_count("conference", "ended_at IS NOT NULL", ROOMS as i64).await.unwrap();
    assert_eq!(server.count("conferee", "place = 10").await.unwrap(), ROOMS as i64);
    trial.finish().await.unwrap();
    true
}

/// Shows RFC 3261 §18: calls of another program come in over UDP.
#[tokio::test]
async fn two_hundred_calls_at_fifty_a_second_over_udp_are_all_in() {
    two_hundred_calls("u1").await;
}

/// Shows RFC 3261 §18: calls of another program come in over TCP.
#[tokio::test]
async fn two_hundred_calls_at_fifty_a_second_over_tcp_are_all_in() {
    two_hundred_calls("t1").await;
}
