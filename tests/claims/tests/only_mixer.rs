//! A server with one mixer, which is stopped and started under its callers.

use partyline_claims::{Party, all_hear_each_other};

#[tokio::test]
async fn callers_are_together_again_in_their_conference_when_its_only_mixer_is_back() {
    let party = Party::start().await.unwrap();
    let codes = party.server.create_room("board", &["--entry", "start"]).unwrap();
    let host = party.key_code(&codes.host).await.unwrap();
    let participant = party.key_code(&codes.participant).await.unwrap();
    all_hear_each_other(&[&host, &participant]).await.unwrap();
    let before = party.server.conferences().await.unwrap();

    party.server.stop_role(&before[0].mixer).unwrap();
    party.server.wait_count("conference", "deadline_why = 'no_mixer'", 1).await.unwrap();
    host.wait_hears_not(&participant).await.unwrap();
    party.server.start_role(&before[0].mixer).unwrap();
    all_hear_each_other(&[&host, &participant]).await.unwrap();

    let after = party.server.conferences().await.unwrap();
    assert_eq!((after.len(), &after[0].id), (1, &before[0].id));
    assert_eq!(
        party.server.count("conference", "ended_at IS NULL AND deadline_why IS NULL").await.unwrap(),
        1
    );
    let orders: Vec<i64> = party.server.conferees().await.unwrap().iter().map(|row| row.order).collect();
    assert_eq!(orders, [1, 2]);
}

#[tokio::test]
async fn callers_are_together_again_when_their_mixer_starts_anew_in_a_moment() {
    let party = Party::start().await.unwrap();
    let codes = party.server.create_room("board", &["--entry", "start"]).unwrap();
    let host = party.key_code(&codes.host).await.unwrap();
    let participant = party.key_code(&codes.participant).await.unwrap();
    all_hear_each_other(&[&host, &participant]).await.unwrap();
    let before = party.server.conferences().await.unwrap();

    party.server.stop_role(&before[0].mixer).unwrap();
    party.server.start_role(&before[0].mixer).unwrap();
    host.wait_hears_not(&participant).await.ok();
    all_hear_each_other(&[&host, &participant]).await.unwrap();
    let after = party.server.conferences().await.unwrap();
    assert_eq!((after.len(), &after[0].id), (1, &before[0].id));
    assert_eq!(party.server.count("conferee", "state = 'left'").await.unwrap(), 0);
}
