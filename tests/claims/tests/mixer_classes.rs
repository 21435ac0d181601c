//! Claims 2 to 4: the room's code determines the class of mixer, and its conferences go to mixers of that class only.

#![expect(clippy::unwrap_used, reason = "a test that fails says where")]

use partyline_claims::{Party, ServerPlan, all_hear_each_other};

fn two_classes() -> ServerPlan {
    let config = r#"
        [[mixer]]
        id = "mixer-small"
        class = "standard"
        seats_max = 50

        [[mixer]]
        id = "mixer-big"
        class = "large"
        seats_max = 500
    "#;
    ServerPlan { config: config.to_owned(), ..ServerPlan::default() }
}

async fn mixer_of(party: &Party, room: &str) -> Option<String> {
    let conferences = party.server.conferences().await.unwrap();
    conferences.into_iter().find(|conference| conference.room == room).map(|conference| conference.mixer)
}

#[tokio::test]
async fn claim_2_the_code_determines_the_class_of_mixer() {
    let party = Party::start_with(&two_classes()).await.unwrap();
    let codes = party.server.create_room("town-hall", &["--entry", "start", "--class", "large"]).unwrap();
    let _host = party.key_code(&codes.host).await.unwrap();
    party.server.wait_count("conferee", "state = 'joined'", 1).await.unwrap();
    assert_eq!(mixer_of(&party, "town-hall").await.as_deref(), Some("mixer-big"));
}

#[tokio::test]
async fn claim_3_two_codes_of_two_classes_select_two_mixers() {
    let party = Party::start_with(&two_classes()).await.unwrap();
    let small = party.server.create_room("standup", &["--entry", "start", "--class", "standard"]).unwrap();
    let big = party.server.create_room("town-hall", &["--entry", "start", "--class", "large"]).unwrap();
    let in_small =
        [party.key_code(&small.host).await.unwrap(), party.key_code(&small.participant).await.unwrap()];
    let in_big = [party.key_code(&big.host).await.unwrap(), party.key_code(&big.participant).await.unwrap()];
    all_hear_each_other(&[&in_small[0], &in_small[1]]).await.unwrap();
    all_hear_each_other(&[&in_big[0], &in_big[1]]).await.unwrap();
    in_small[0].wait_hears_not(&in_big[0]).await.unwrap();
    assert_eq!(mixer_of(&party, "standup").await.as_deref(), Some("mixer-small"));
    assert_eq!(mixer_of(&party, "town-hall").await.as_deref(), Some("mixer-big"));
}

#[tokio::test]
async fn claim_4_with_no_mixer_of_the_class_left_callers_are_refused_and_never_put_on_another_class() {
    let party = Party::start_with(&two_classes()).await.unwrap();
    let big = party.server.create_room("town-hall", &["--entry", "start", "--class", "large"]).unwrap();
    let small = party.server.create_room("standup", &["--entry", "start", "--class", "standard"]).unwrap();
    party.server.stop_role("mixer-big").unwrap();

    let refused = party.key_code(&big.participant).await.unwrap();
    party.server.wait_count("attempt", "refusal = 'no_mixer'", 1).await.unwrap();
    refused.call.wait_ended().await.unwrap();
    assert_eq!(mixer_of(&party, "town-hall").await, None);

    let taken = party.key_code(&small.participant).await.unwrap();
    party.server.wait_count("conferee", "state = 'joined'", 1).await.unwrap();
    assert_eq!(mixer_of(&party, "standup").await.as_deref(), Some("mixer-small"));
    taken.call.hang_up();

    // Back again, it takes its rooms again.
    party.server.start_role("mixer-big").unwrap();
    let _host = party.key_code(&big.host).await.unwrap();
    party
        .server
        .wait_count(
            "conference",
            "ended_at IS NULL AND room = (SELECT id FROM room WHERE name = 'town-hall')",
            1,
        )
        .await
        .unwrap();
    assert_eq!(mixer_of(&party, "town-hall").await.as_deref(), Some("mixer-big"));
}

#[tokio::test]
async fn claim_4_a_dialled_code_without_a_mixer_is_refused_with_480_before_the_answer() {
    let party = Party::start_with(&two_classes()).await.unwrap();
    let big = party.server.create_room("town-hall", &["--entry", "start", "--class", "large"]).unwrap();
    party.server.stop_role("mixer-big").unwrap();
    let phone = party.call_with(&party.server.uri(&big.participant), |plan| plan).await.unwrap();
    let end = phone.call.wait_ended().await.unwrap();
    assert_eq!(end, callbench::CallEnd::Refused { status: 480 });
}
