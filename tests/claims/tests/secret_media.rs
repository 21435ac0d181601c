//! Callers whose audio is encrypted, beside callers whose audio is not; and what is on record of how a call sounded.

use callbench::{CallPlan, MediaSecurity};
use partyline_claims::{Party, ServerPlan, all_hear_each_other};

/// Shows RFC 4568 §5.1: SRTP is offered, taken, and both sides hear each other by it.
#[tokio::test]
async fn a_secret_caller_and_a_plain_one_hear_each_other() {
    let party = Party::start().await.unwrap();
    let codes = party.server.create_room("board", &["--entry", "start"]).unwrap();
    let secret = |plan: CallPlan| plan.security(MediaSecurity::Require);
    let host = party.key_code_with(&codes.host, secret).await.unwrap();
    let plain = party.key_code(&codes.participant).await.unwrap();
    let willing =
        party.key_code_with(&codes.participant, |plan| plan.security(MediaSecurity::Prefer)).await.unwrap();
    all_hear_each_other(&[&host, &plain, &willing]).await.unwrap();
    assert!(host.call.is_secret().await && willing.call.is_secret().await);
    assert!(!plain.call.is_secret().await);
    // The first packets may overtake the 200 that brings their keys; from then on every one is authentic.
    let before = host.call.packets().await;
    let mut after = before;
    while after.received < before.received + 50 {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        after = host.call.packets().await;
    }
    assert_eq!(after.other, before.other, "every packet is authentic");
}

#[tokio::test]
async fn how_a_call_sounded_is_on_record_after_hanging_up() {
    let party = Party::start().await.unwrap();
    let codes = party.server.create_room("board", &["--entry", "start"]).unwrap();
    let secret = |plan: CallPlan| plan.security(MediaSecurity::Require);
    let host = party.key_code_with(&codes.host, secret).await.unwrap();
    // The first in order of entry.
    party.server.wait_count("conferee", "state = 'joined'", 1).await.unwrap();
    let participant = party.key_code(&codes.participant).await.unwrap();
    all_hear_each_other(&[&host, &participant]).await.unwrap();
    participant.call.hang_up();
    host.call.hang_up();
    party.server.wait_count("conferee", "state = 'left' AND mos_hundredths IS NOT NULL", 2).await.unwrap();
    let conferences = party.server.conferences().await.unwrap();
    let shown = party.server.json(&["conference", "show", &conferences[0].id]).unwrap();
    let conferees = shown["conferees"].as_array().unwrap();
    for (conferee, is_secret) in conferees.iter().zip([true, false]) {
        let quality = &conferee["quality"];
        assert_eq!((quality["codec"].as_str(), quality["srtp"].as_bool()), (Some("PCMU"), Some(is_secret)));
        assert!(quality["packets_received"].as_u64().unwrap() > 0, "{quality}");
        assert!(quality["packets_sent"].as_u64().unwrap() > 0, "{quality}");
        let mos = quality["mos"].as_f64().unwrap();
        assert!((1.0..=4.5).contains(&mos), "{quality}");
    }
    let text = party.server.command(&["conference", "show", &conferences[0].id]).unwrap();
    assert!(text.contains("QUALITY") && text.contains("PCMU SRTP"), "{text}");
}

/// Shows RFC 3261 §21.4.26: media that the policy does not allow is refused with 488.
#[tokio::test]
async fn the_policy_for_secret_media_decides_who_comes_in() {
    for (policy, security, comes_in) in [
        ("require", MediaSecurity::Refuse, false),
        ("require", MediaSecurity::Prefer, true),
        ("refuse", MediaSecurity::Require, false),
        ("refuse", MediaSecurity::Prefer, true),
    ] {
        let config = format!("[rtp]\nsrtp = \"{policy}\"\n");
        let plan = ServerPlan { config, ..ServerPlan::default() };
        let party = Party::start_with(&plan).await.unwrap();
        let uri = party.server.uri("conference");
        let phone = party.call_with(&uri, |plan| plan.security(security)).await.unwrap();
        assert_eq!(phone.call.wait_answered().await.is_ok(), comes_in, "{policy}, {security:?}");
    }
}
