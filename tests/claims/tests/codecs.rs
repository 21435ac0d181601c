//! Callers with different telephones in one conference: Opus, G.722 and G.711, negotiated by SIP.

use callbench::Codec;
use partyline_claims::{Party, all_hear_each_other};

#[tokio::test]
async fn callers_in_opus_g722_and_g711_hear_each_other() {
    let party = Party::start().await.unwrap();
    let codes = party.server.create_room("board", &["--entry", "start"]).unwrap();
    let mut phones = Vec::new();
    for codec in Codec::ALL {
        let phone = party.key_code_with(&codes.participant, |plan| plan.codec(codec)).await.unwrap();
        assert_eq!(phone.call.codec().await, Some(codec));
        phones.push(phone);
    }
    let phones: Vec<_> = phones.iter().collect();
    all_hear_each_other(&phones).await.unwrap();
}

#[tokio::test]
async fn a_caller_with_many_codecs_gets_the_one_that_the_server_likes_best() {
    let party = Party::start().await.unwrap();
    let codes = party.server.create_room("board", &["--entry", "start"]).unwrap();
    let all = [Codec::Pcma, Codec::Pcmu, Codec::G722, Codec::Opus];
    let phone = party.key_code_with(&codes.participant, |plan| plan.codecs(&all)).await.unwrap();
    assert_eq!(phone.call.codec().await, Some(Codec::Opus));
    let old = party.key_code_with(&codes.participant, |plan| plan.codecs(&all[..3])).await.unwrap();
    assert_eq!(old.call.codec().await, Some(Codec::G722));
    let offered_by_us =
        party.key_code_with(&codes.participant, |plan| plan.codecs(&all).delays_offer()).await.unwrap();
    all_hear_each_other(&[&phone, &old, &offered_by_us]).await.unwrap();
}
