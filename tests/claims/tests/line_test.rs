//! The line test: a second service, with interface servers of its own, behind the same proxy.

use partyline_claims::{Party, ServerPlan};

#[tokio::test]
async fn a_caller_of_the_line_test_hears_themselves_and_the_proxy_asks_its_service_alone() {
    let plan = ServerPlan { config: "[dnis]\n\"800\" = \"linetest\"\n".to_owned(), ..ServerPlan::default() };
    let party = Party::start_with(&plan).await.unwrap();
    let phone = party.call_with(&party.server.uri("800"), |call| call).await.unwrap();
    phone.call.wait_answered().await.unwrap();
    // The echo comes after welcome, number and tone.
    phone.wait_hears(&phone).await.unwrap();
    phone.call.wait_ended().await.unwrap();

    let run = "/partyline.linetest.v1.LineTest/Run".to_owned();
    let answered = ["linetest-1", "linetest-2"]
        .iter()
        .filter(|name| party.server.rpcs(name).unwrap().contains(&run))
        .count();
    assert_eq!(answered, 1, "one of the service's interface servers");
    for cms in ["cms-1", "cms-2"] {
        assert!(!party.server.rpcs(cms).unwrap().contains(&run));
    }
}

#[tokio::test]
async fn without_its_interface_servers_the_line_test_is_refused_and_conferences_go_on() {
    let plan = ServerPlan { config: "[dnis]\n\"800\" = \"linetest\"\n".to_owned(), ..ServerPlan::default() };
    let party = Party::start_with(&plan).await.unwrap();
    let codes = party.server.create_room("board", &["--entry", "start"]).unwrap();
    for role in party.server.roles().unwrap().iter().filter(|name| name.starts_with("linetest")) {
        party.server.stop_role(role).unwrap();
    }
    let tester = party.call_with(&party.server.uri("800"), |call| call).await.unwrap();
    tester.call.wait_ended().await.unwrap();
    let _host = party.key_code(&codes.host).await.unwrap();
    party.server.wait_count("conferee", "state = 'joined'", 1).await.unwrap();
}
