//! Which keys mean what: a preset for all, and an account's own map.

use partyline_claims::{Meeting, Party, ServerPlan};

#[tokio::test]
async fn another_preset_is_the_keypad_of_all_and_the_keys_of_the_usual_one_are_told_wrong() {
    let config = "[keypad]\nmap = \"confbridge\"\n".to_owned();
    let party = Party::start_with(&ServerPlan { config, has_own_listeners: false }).await.unwrap();
    let meeting = Meeting::at(party, 1, &[]).await.unwrap();
    let [guest] = meeting.guests.as_slice() else { panic!("one guest") };
    guest.call.send_digits("*1");
    meeting.host.wait_hears_not(guest).await.unwrap();
    meeting.host.call.send_digits("*2");
    meeting.server().wait_count("conference", "is_locked = 1", 1).await.unwrap();
    guest.call.send_digits("*1");
    meeting.host.wait_hears(guest).await.unwrap();
    // `*6` makes the others louder here, and mutes nobody.
    guest.call.send_digits("*6");
    meeting.server().wait_count("conferee", "muted_by_oneself = 1", 0).await.unwrap();
    meeting.all_hear_each_other().await.unwrap();
}

#[tokio::test]
async fn an_account_has_a_map_of_its_own() {
    let mut party = Party::start().await.unwrap();
    party.server.create_room("first", &[]).unwrap();
    let shown = party.server.json(&["room", "show", "first"]).unwrap();
    let account = shown["account"].as_str().unwrap();
    let config = format!(
        "[keypad.accounts]\n{account} = \"terse\"\n\n\
         [keypad.maps.terse.conference]\n\"*1\" = \"mute\"\n\"*2\" = \"lock\"\n"
    );
    party.server.stop().unwrap();
    std::fs::write(party.server.folder().join("partyline.toml"), config).unwrap();
    party.server.restart().unwrap();
    let meeting = Meeting::at(party, 1, &[]).await.unwrap();
    let [guest] = meeting.guests.as_slice() else { panic!("one guest") };
    guest.call.send_digits("*1");
    meeting.host.wait_hears_not(guest).await.unwrap();
    meeting.host.call.send_digits("*2");
    meeting.server().wait_count("conference", "is_locked = 1", 1).await.unwrap();
    guest.call.send_digits("*1");
    meeting.host.wait_hears(guest).await.unwrap();
}
