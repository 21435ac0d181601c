//! Claims 24, 25 and 26: a participant comes before any host.

use std::time::Duration;

use partyline_claims::{Party, all_hear_each_other};

#[tokio::test]
async fn claim_24_under_start_the_first_participant_makes_the_conference() {
    let party = Party::start().await.unwrap();
    let codes = party.server.create_room("open", &["--entry", "start"]).unwrap();
    let first = party.key_code(&codes.participant).await.unwrap();
    party.server.wait_count("conferee", "state = 'joined'", 1).await.unwrap();
    let second = party.key_code(&codes.participant).await.unwrap();
    all_hear_each_other(&[&first, &second]).await.unwrap();

    let conferences = party.server.conferences().await.unwrap();
    let [conference] = conferences.as_slice() else { panic!("one conference: {conferences:?}") };
    assert!(codes.participant.ends_with(&conference.code_ends));
    assert_eq!(conference.mixer, "mixer-1");
    let conferees = party.server.conferees().await.unwrap();
    assert!(conferees.iter().all(|row| row.role == "participant"));
}

#[tokio::test]
async fn claim_25_under_hold_callers_are_silent_to_each_other_until_the_host_comes() {
    let party = Party::start().await.unwrap();
    let codes = party.server.create_room("formal", &["--entry", "hold"]).unwrap();
    let first = party.key_code(&codes.participant).await.unwrap();
    let second = party.key_code(&codes.participant).await.unwrap();
    party.server.wait_count("attendance", "state = 'held'", 2).await.unwrap();

    // The prompts go by, then there is music, and in it nothing of the other caller.
    first.wait_hears_not(&second).await.unwrap();
    second.wait_hears_not(&first).await.unwrap();
    tokio::time::sleep(Duration::from_secs(7)).await;
    for (listener, talker) in [(&first, &second), (&second, &first)] {
        listener.does_not_hear(talker).await.unwrap();
        let music = listener.call.level(Duration::from_secs(1)).await;
        assert!(music > -50.0, "hold music at {music} dBov");
    }
    assert_eq!(party.server.count("conference", "1 = 1").await.unwrap(), 0);
    assert_eq!(party.server.count("mix", "1 = 1").await.unwrap(), 0, "no mix carries who is held");

    let host = party.key_code(&codes.host).await.unwrap();
    all_hear_each_other(&[&host, &first, &second]).await.unwrap();
    assert_eq!(party.server.conferences().await.unwrap().len(), 1);
}

#[tokio::test]
async fn claim_26_under_converse_early_callers_talk_and_the_host_moves_them_into_a_new_conference() {
    let party = Party::start().await.unwrap();
    let codes = party.server.create_room("social", &["--entry", "converse"]).unwrap();
    let first = party.key_code(&codes.participant).await.unwrap();
    let second = party.key_code(&codes.participant).await.unwrap();
    all_hear_each_other(&[&first, &second]).await.unwrap();

    // They talk in a lobby: no conference, no identifier, no order.
    assert_eq!(party.server.count("attendance", "state = 'lobby'").await.unwrap(), 2);
    assert_eq!(party.server.count("conference", "1 = 1").await.unwrap(), 0);
    assert_eq!(party.server.count("conferee", "1 = 1").await.unwrap(), 0);
    assert_eq!(party.server.count("mix", "kind = 'lobby' AND closed_at IS NULL").await.unwrap(), 1);

    let host = party.key_code(&codes.host).await.unwrap();
    all_hear_each_other(&[&host, &first, &second]).await.unwrap();
    let conferences = party.server.conferences().await.unwrap();
    assert_eq!(conferences.len(), 1);
    assert_eq!(party.server.count("mix", "kind = 'lobby' AND closed_at IS NULL").await.unwrap(), 0);
    assert_eq!(party.server.count("mix", "kind = 'conference' AND closed_at IS NULL").await.unwrap(), 1);

    // All leave; who comes early next time talks again, and the next host's conference has another identifier.
    for phone in [&first, &second, &host] {
        phone.call.hang_up();
    }
    party.server.wait_count("conference", "ended_at IS NOT NULL", 1).await.unwrap();
    let third = party.key_code(&codes.participant).await.unwrap();
    party.server.wait_count("attendance", "state = 'lobby'", 1).await.unwrap();
    let host = party.key_code(&codes.host).await.unwrap();
    all_hear_each_other(&[&host, &third]).await.unwrap();
    let conferences = party.server.conferences().await.unwrap();
    assert_eq!(conferences.len(), 2);
    assert_ne!(conferences[0].id, conferences[1].id);
}
