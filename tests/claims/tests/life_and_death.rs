//! Starting, stopping, and what is left after a crash.

use std::time::{Duration, Instant};

use callbench::CallEnd;
use partyline_claims::{Party, Server, ServerPlan, all_hear_each_other};

#[tokio::test]
async fn the_first_start_shows_the_demo_rooms_codes_and_later_ones_do_not() {
    let mut server = Server::start().unwrap();
    let rooms = server.json(&["room", "list"]).unwrap();
    assert!(rooms.to_string().contains("\"demo\""), "{rooms}");
    let first = server.printed();
    assert!(first.contains(&server.address().to_string()), "the address to call: {first}");
    assert!(server.stop().unwrap().success());
    server.restart().unwrap();
    let second = server.printed()[first.len()..].to_owned();
    let digits = |text: &str| text.split(|c: char| !c.is_ascii_digit()).filter(|run| run.len() == 8).count();
    assert!(digits(&first) >= 2, "both codes: {first}");
    assert_eq!(digits(&second), 0, "no codes: {second}");
}

#[tokio::test]
async fn on_sigterm_callers_hear_goodbye_and_the_next_start_trusts_the_store() {
    let mut party = Party::start().await.unwrap();
    let codes = party.server.create_room("board", &["--entry", "start"]).unwrap();
    let host = party.key_code(&codes.host).await.unwrap();
    let participant = party.key_code(&codes.participant).await.unwrap();
    all_hear_each_other(&[&host, &participant]).await.unwrap();

    let asked = Instant::now();
    assert!(party.server.stop().unwrap().success());
    assert!(asked.elapsed() < Duration::from_secs(50), "a ceiling ten times the promise");
    assert!(matches!(host.call.wait_ended().await.unwrap(), CallEnd::TheyHungUp(_)));
    assert!(matches!(participant.call.wait_ended().await.unwrap(), CallEnd::TheyHungUp(_)));
    assert_eq!(party.server.count("conferee", "state <> 'left'").await.unwrap(), 0);
    assert_eq!(party.server.count("conference", "ended_at IS NULL").await.unwrap(), 0);

    party.server.restart().unwrap();
    let again = party.key_code(&codes.host).await.unwrap();
    party.server.wait_count("conferee", "state = 'joined'", 1).await.unwrap();
    drop(again);
}

#[tokio::test]
async fn after_sigkill_the_next_start_ends_what_was_left_before_it_is_ready() {
    let mut party = Party::start().await.unwrap();
    let codes = party.server.create_room("board", &["--entry", "start"]).unwrap();
    let waiting = party.server.create_room("early", &["--entry", "hold"]).unwrap();
    let host = party.key_code(&codes.host).await.unwrap();
    let held = party.key_code(&waiting.participant).await.unwrap();
    party.server.wait_count("conferee", "state = 'joined'", 1).await.unwrap();
    party.server.wait_count("attendance", "state = 'held'", 1).await.unwrap();

    party.server.kill().unwrap();
    drop((host, held));
    party.server.restart().unwrap();
    assert_eq!(party.server.count("conference", "ended_at IS NULL").await.unwrap(), 0);
    assert_eq!(party.server.count("conference", "end_why = 'restart'").await.unwrap(), 1);
    assert_eq!(party.server.count("attendance", "ended_at IS NULL").await.unwrap(), 0);
    assert_eq!(party.server.count("mix", "closed_at IS NULL").await.unwrap(), 0);
    assert_eq!(party.server.count("mixer", "reserved > 0").await.unwrap(), 0);

    let first = party.key_code(&codes.host).await.unwrap();
    let second = party.key_code(&codes.participant).await.unwrap();
    all_hear_each_other(&[&first, &second]).await.unwrap();
}

#[tokio::test]
async fn callers_of_a_stopped_interface_server_are_told_of_the_host_by_another() {
    let party = Party::start().await.unwrap();
    let codes = party.server.create_room("board", &["--entry", "hold"]).unwrap();
    let early = [
        party.key_code(&codes.participant).await.unwrap(),
        party.key_code(&codes.participant).await.unwrap(),
        party.key_code(&codes.participant).await.unwrap(),
    ];
    party.server.wait_count("attendance", "state = 'held'", 3).await.unwrap();
    party.server.stop_role("cms-1").unwrap();
    let host = party.key_code(&codes.host).await.unwrap();
    all_hear_each_other(&[&host, &early[0], &early[1], &early[2]]).await.unwrap();
}

#[tokio::test]
async fn without_a_proxy_conferences_go_on_and_newcomers_come_in_when_it_is_back() {
    let party = Party::start().await.unwrap();
    let codes = party.server.create_room("board", &["--entry", "start"]).unwrap();
    let host = party.key_code(&codes.host).await.unwrap();
    let participant = party.key_code(&codes.participant).await.unwrap();
    all_hear_each_other(&[&host, &participant]).await.unwrap();
    party.server.stop_role("proxy").unwrap();
    party.server.wait_http("/readyz", 503).await.unwrap();
    all_hear_each_other(&[&host, &participant]).await.unwrap();
    party.server.start_role("proxy").unwrap();
    party.server.wait_http("/readyz", 200).await.unwrap();
    let late = party.key_code(&codes.participant).await.unwrap();
    all_hear_each_other(&[&host, &participant, &late]).await.unwrap();
    assert_eq!(party.server.conferences().await.unwrap().len(), 1);
    assert_eq!(party.server.count("conferee", "state = 'left'").await.unwrap(), 0);
}

#[tokio::test]
async fn when_a_mixer_stops_its_conference_moves_to_another_of_the_class_and_nobody_is_lost() {
    let config = "[[mixer]]\nid = \"mixer-a\"\n[[mixer]]\nid = \"mixer-b\"\n".to_owned();
    let party = Party::start_with(&ServerPlan { config, ..ServerPlan::default() }).await.unwrap();
    let codes = party.server.create_room("board", &["--entry", "start"]).unwrap();
    let host = party.key_code(&codes.host).await.unwrap();
    let participant = party.key_code(&codes.participant).await.unwrap();
    all_hear_each_other(&[&host, &participant]).await.unwrap();
    let before = party.server.conferences().await.unwrap();
    party.server.stop_role(&before[0].mixer).unwrap();
    let moved = format!("closed_at IS NULL AND mixer <> '{}' AND epoch = 2", before[0].mixer);
    party.server.wait_count("mix", &moved, 1).await.unwrap();
    host.wait_hears_not(&participant).await.ok();
    all_hear_each_other(&[&host, &participant]).await.unwrap();
    let after = party.server.conferences().await.unwrap();
    assert_eq!(before[0].id, after[0].id);
    let orders: Vec<i64> = party.server.conferees().await.unwrap().iter().map(|row| row.order).collect();
    assert_eq!(orders, [1, 2]);
}
