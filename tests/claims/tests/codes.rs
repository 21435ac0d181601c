//! Codes: keyed and dialled, right and wrong, with a PIN, and guessed.

use callbench::CallEnd;
use partyline_claims::{Party, ServerPlan, all_hear_each_other};

#[tokio::test]
async fn three_wrong_codes_are_three_tries_and_goodbye() {
    let party = Party::start().await.unwrap();
    let phone = party.key_code("99999999").await.unwrap();
    party.server.wait_count("attempt", "refusal = 'unknown_code'", 1).await.unwrap();
    phone.call.send_digits("99999998#");
    party.server.wait_count("attempt", "refusal = 'unknown_code'", 2).await.unwrap();
    assert_eq!(phone.call.ended(), None);
    phone.call.send_digits("99999997#");
    assert!(matches!(phone.call.wait_ended().await.unwrap(), CallEnd::TheyHungUp(_)));
    party.server.wait_count("attempt", "refusal = 'unknown_code'", 3).await.unwrap();
    assert_eq!(party.server.count("attendance", "1 = 1").await.unwrap(), 0, "no request left the VRU");
    assert!(!party.server.printed().contains("9999999"), "codes are in no log");
}

#[tokio::test]
async fn a_wrong_dialled_code_is_answered_and_prompted_like_a_keyed_one() {
    let party = Party::start().await.unwrap();
    let codes = party.server.create_room("board", &["--entry", "start"]).unwrap();
    let phone = party.dial_code("99999999").await.unwrap();
    party.server.wait_count("attempt", "refusal = 'unknown_code'", 1).await.unwrap();
    phone.call.send_digits(&format!("{}#", codes.participant));
    party.server.wait_count("conferee", "state = 'joined'", 1).await.unwrap();
}

#[tokio::test]
async fn a_room_with_a_host_pin_takes_hosts_only_with_it() {
    let party = Party::start().await.unwrap();
    let codes = party.server.create_room("safe", &["--entry", "start", "--host-pin", "4711"]).unwrap();
    let wrong = party.key_code(&format!("{}*1234", codes.host)).await.unwrap();
    party.server.wait_count("attempt", "refusal = 'wrong_pin'", 1).await.unwrap();
    wrong.call.hang_up();
    let host = party.key_code(&format!("{}*4711", codes.host)).await.unwrap();
    let participant = party.key_code(&codes.participant).await.unwrap();
    all_hear_each_other(&[&host, &participant]).await.unwrap();
}

#[tokio::test]
async fn a_full_room_refuses_a_dialled_code_with_486_and_keeps_a_seat_for_the_host() {
    let party = Party::start().await.unwrap();
    let codes = party.server.create_room("small", &["--entry", "start", "--max-conferees", "2"]).unwrap();
    let first = party.dial_code(&codes.participant).await.unwrap();
    party.server.wait_count("conferee", "state = 'joined'", 1).await.unwrap();
    let second = party.call_with(&party.server.uri(&codes.participant), |plan| plan).await.unwrap();
    assert_eq!(second.call.wait_ended().await.unwrap(), CallEnd::Refused { status: 486 });
    let host = party.dial_code(&codes.host).await.unwrap();
    all_hear_each_other(&[&first, &host]).await.unwrap();
}

#[tokio::test]
async fn digits_that_never_end_end_the_call_and_nothing_else() {
    let party = Party::start().await.unwrap();
    let codes = party.server.create_room("board", &["--entry", "start"]).unwrap();
    let phone = party.key_code(&codes.host).await.unwrap();
    party.server.wait_count("conferee", "state = 'joined'", 1).await.unwrap();
    let endless =
        party.call_with(&party.server.uri("conference"), |plan| plan.digits("1".repeat(60))).await.unwrap();
    endless.call.wait_answered().await.unwrap();
    endless.call.wait_digits_sent().await.unwrap();
    let next = party.key_code(&codes.participant).await.unwrap();
    all_hear_each_other(&[&phone, &next]).await.unwrap();
}

#[tokio::test]
async fn who_guesses_codes_is_locked_out_and_logged_and_right_codes_from_there_are_refused_too() {
    let config = "[guess_defence]\nfree = 1\nlockout_after = 3\ndelay_max = \"1s\"\n".to_owned();
    let party = Party::start_with(&ServerPlan { config, ..ServerPlan::default() }).await.unwrap();
    let codes = party.server.create_room("board", &["--entry", "start"]).unwrap();
    let guesser = party.key_code("99999991").await.unwrap();
    for (nth, code) in ["99999992#", "99999993#"].iter().enumerate() {
        party.server.wait_count("attempt", "refusal = 'unknown_code'", nth as i64 + 1).await.unwrap();
        guesser.call.send_digits(code);
    }
    guesser.call.wait_ended().await.unwrap();
    let again = party.key_code(&codes.host).await.unwrap();
    party.server.wait_count("attempt", "refusal = 'locked_out'", 1).await.unwrap();
    again.call.wait_ended().await.unwrap();
    assert_eq!(party.server.count("conferee", "1 = 1").await.unwrap(), 0);
    assert!(party.server.printed().to_lowercase().contains("locked out"), "{}", party.server.printed());
}
