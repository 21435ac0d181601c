//! Calls over TLS into the real server.

use callbench::{Bench, BenchConfig, CallPlan, Trust};
use partyline_claims::{Party, ServerPlan, all_hear_each_other, loopback_of_my_own};

fn plan() -> (String, ServerPlan) {
    let address = loopback_of_my_own();
    let config = format!("[sip.tls]\nlisten = [\"{address}:5061\"]\nself_signed = true\n");
    (format!("sip:conference@{address};transport=tls"), ServerPlan { config, ..ServerPlan::default() })
}

/// Shows RFC 3261 §26.2.1: a caller over TLS, who checks the server's certificate, and one over UDP are in one
/// conference.
#[tokio::test]
async fn a_caller_over_tls_and_one_over_udp_hear_each_other() {
    let (uri, plan) = plan();
    let party = Party::start_with(&plan).await.unwrap();
    let codes = party.server.create_room("mixed", &["--entry", "start"]).unwrap();
    let secured = party.key_code_at(&uri, &codes.host).await.unwrap();
    let plain = party.key_code(&codes.participant).await.unwrap();
    all_hear_each_other(&[&secured, &plain]).await.unwrap();
    secured.call.hang_up();
    party.server.wait_count("conferee", "state = 'joined'", 1).await.unwrap();
}

#[tokio::test]
async fn who_trusts_another_issuer_does_not_call_this_server() {
    let (uri, plan) = plan();
    let party = Party::start_with(&plan).await.unwrap();
    let wary = BenchConfig { trust: Trust::System, ..BenchConfig::new(loopback_of_my_own().into()) };
    let bench = Bench::start(wary).await.unwrap();
    let call = bench.call(CallPlan::new(uri)).await.unwrap();
    assert!(call.wait_answered().await.is_err());
    drop(party);
}
