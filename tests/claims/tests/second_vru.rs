//! Claim 5: a second caller arrives at a second VRU.

use partyline_claims::{Party, ServerPlan, all_hear_each_other, loopback_of_my_own};

#[tokio::test]
async fn claim_5_callers_of_two_vrus_are_in_one_conference_and_hear_each_other() {
    let (first_vru, second_vru) = (loopback_of_my_own(), loopback_of_my_own());
    let config = format!(
        "[[vru]]\nid = \"vru-north\"\nsip_listen = [\"{first_vru}:5060\"]\n\
         [[vru]]\nid = \"vru-south\"\nsip_listen = [\"{second_vru}:5060\"]\n"
    );
    let party = Party::start_with(&ServerPlan { config, has_own_listeners: true }).await.unwrap();
    let codes = party.server.create_room("joint", &["--entry", "start"]).unwrap();
    let north = party.key_code_at(&format!("sip:conference@{first_vru}:5060"), &codes.host).await.unwrap();
    party.server.wait_count("conferee", "state = 'joined'", 1).await.unwrap();
    let south =
        party.key_code_at(&format!("sip:conference@{second_vru}:5060"), &codes.participant).await.unwrap();
    all_hear_each_other(&[&north, &south]).await.unwrap();

    assert_eq!(party.server.conferences().await.unwrap().len(), 1);
    let conferees = party.server.conferees().await.unwrap();
    let vrus: Vec<&str> = conferees.iter().map(|row| row.vru.as_str()).collect();
    assert_eq!(vrus, ["vru-north", "vru-south"]);
}

#[tokio::test]
async fn callers_on_the_machine_itself_hear_each_other_where_calls_come_in_on_all_addresses() {
    // Port 0 takes any free port: on all addresses there is no loopback address of one's own.
    let config = "[sip]\nlisten = [\"0.0.0.0:0\"]\n".to_owned();
    let party = Party::start_with(&ServerPlan { config, has_own_listeners: true }).await.unwrap();
    let codes = party.server.create_room("local", &["--entry", "start"]).unwrap();
    let roles = party.server.json(&["role", "list"]).unwrap();
    let vru = roles.as_array().unwrap().iter().find(|row| row["name"] == "vru-1").unwrap();
    let (_, port) = vru["address"].as_str().unwrap().rsplit_once(':').unwrap();
    let uri = format!("sip:conference@127.0.0.1:{port}");
    let first = party.key_code_at(&uri, &codes.host).await.unwrap();
    let second = party.key_code_at(&uri, &codes.participant).await.unwrap();
    all_hear_each_other(&[&first, &second]).await.unwrap();
}
