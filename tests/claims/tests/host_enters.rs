//! Claims 1, 27 and 28: a host enters.

use partyline_claims::{Party, all_hear_each_other};

#[tokio::test]
async fn claim_1_a_host_who_comes_after_participants_finds_a_new_conference_with_all_of_them() {
    let party = Party::start().await.unwrap();
    let codes = party.server.create_room("board", &["--entry", "hold"]).unwrap();
    let first = party.key_code(&codes.participant).await.unwrap();
    party.server.wait_count("attendance", "state = 'held'", 1).await.unwrap();
    let second = party.key_code(&codes.participant).await.unwrap();
    party.server.wait_count("attendance", "state = 'held'", 2).await.unwrap();
    assert_eq!(party.server.conferences().await.unwrap(), []);

    let host = party.key_code(&codes.host).await.unwrap();
    all_hear_each_other(&[&host, &first, &second]).await.unwrap();

    // The store holds code, unique identifier and mixer together.
    let conferences = party.server.conferences().await.unwrap();
    let [conference] = conferences.as_slice() else { panic!("one conference: {conferences:?}") };
    assert_eq!(conference.room, "board");
    assert!(codes.host.ends_with(&conference.code_ends), "{conference:?}");
    assert_eq!(conference.mixer, "mixer-1");
    assert_eq!(conference.id.len(), 26);

    // The host first, then who waited, by arrival.
    let conferees = party.server.conferees().await.unwrap();
    let seen: Vec<(i64, &str, &str)> =
        conferees.iter().map(|row| (row.order, row.role.as_str(), row.caller.as_str())).collect();
    assert_eq!(
        seen,
        [
            (1, "host", host.number.as_str()),
            (2, "participant", first.number.as_str()),
            (3, "participant", second.number.as_str()),
        ]
    );
    assert!(conferees.iter().all(|row| row.conference == conference.id));
}

#[tokio::test]
async fn claim_1_the_request_goes_through_the_proxy_and_the_mixer_knows_the_conference_before_any_leg_joins()
{
    let party = Party::start().await.unwrap();
    let codes = party.server.create_room("board", &["--entry", "hold"]).unwrap();
    let participant = party.key_code(&codes.participant).await.unwrap();
    party.server.wait_count("attendance", "state = 'held'", 1).await.unwrap();
    let host = party.key_code(&codes.host).await.unwrap();
    all_hear_each_other(&[&host, &participant]).await.unwrap();

    let attend = "/partyline.conferencing.v1.Conferencing/Attend";
    let forwarded = party.server.rpcs("proxy").unwrap();
    assert_eq!(forwarded.iter().filter(|path| *path == attend).count(), 2, "one request per caller");
    let answered: usize = ["cms-1", "cms-2"]
        .iter()
        .map(|name| party.server.rpcs(name).unwrap().iter().filter(|path| *path == attend).count())
        .sum();
    assert_eq!(answered, 2);

    let mixing = party.server.rpcs("mixer-1").unwrap();
    let position = |method: &str| mixing.iter().position(|path| path.ends_with(method));
    assert!(position("Mixing/Ensure").is_some());
    assert!(position("Mixing/Ensure") < position("Mixing/Join"), "{mixing:?}");
}

#[tokio::test]
async fn claim_27_a_host_who_comes_to_a_live_conference_enters_it_on_its_mixer() {
    let party = Party::start().await.unwrap();
    let codes = party.server.create_room("standup", &["--entry", "start"]).unwrap();
    let participant = party.key_code(&codes.participant).await.unwrap();
    party.server.wait_count("conferee", "state = 'joined'", 1).await.unwrap();
    let before = party.server.conferences().await.unwrap();

    let host = party.key_code(&codes.host).await.unwrap();
    all_hear_each_other(&[&host, &participant]).await.unwrap();

    let after = party.server.conferences().await.unwrap();
    assert_eq!(before, after, "the same conference, identifier and mixer");
    let conferees = party.server.conferees().await.unwrap();
    let roles: Vec<&str> = conferees.iter().map(|row| row.role.as_str()).collect();
    assert_eq!(roles, ["participant", "host"], "in order of entry");
    assert!(conferees.iter().all(|row| row.conference == after[0].id));
}

#[tokio::test]
async fn claim_27_for_participants_whoever_dials_the_code_directly_enters_the_live_conference() {
    let party = Party::start().await.unwrap();
    let codes = party.server.create_room("standup", &["--entry", "hold"]).unwrap();
    let host = party.dial_code(&codes.host).await.unwrap();
    let participant = party.dial_code(&codes.participant).await.unwrap();
    all_hear_each_other(&[&host, &participant]).await.unwrap();
    assert_eq!(party.server.conferences().await.unwrap().len(), 1);
}

#[tokio::test]
async fn claim_28_a_host_who_comes_first_makes_a_conference_and_is_in_it_alone() {
    let party = Party::start().await.unwrap();
    let codes = party.server.create_room("quiet", &["--entry", "hold"]).unwrap();
    let host = party.key_code(&codes.host).await.unwrap();
    party.server.wait_count("conferee", "state = 'joined'", 1).await.unwrap();

    let conferences = party.server.conferences().await.unwrap();
    assert_eq!(conferences.len(), 1);
    assert!(!conferences[0].is_over);
    assert_eq!(conferences[0].mixer, "mixer-1");
    let conferees = party.server.conferees().await.unwrap();
    assert_eq!((conferees[0].order, conferees[0].role.as_str()), (1, "host"));
    assert_eq!(conferees[0].caller, host.number);
}
