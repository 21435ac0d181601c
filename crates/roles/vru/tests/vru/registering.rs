//! Registrations of trunks, against a registrar of few words.

use partyline_trunk::{TrunkSettings, UnknownSources};
use partyline_vru::RegistrationState;

use crate::callee::Callee;
use crate::cluster::{CEILING, Cluster};
use crate::phone::Phone;

async fn start(registrar: &Callee) -> Cluster {
    let text = format!(
        "name = \"provider\"\nregister = {{ registrar = \"{}\", user = \"4711\", password = \"secret\", expires = \"10m\" }}",
        registrar.address(),
    );
    let settings: TrunkSettings = toml::from_str(&text).unwrap();
    Cluster::start_with(|config| {
        config.unknown_sources = UnknownSources::Refuse;
        config.trunks = vec![settings.check().unwrap()];
    })
    .await
}

async fn until(cluster: &Cluster, state: impl Fn(Option<RegistrationState>) -> bool) {
    let waiting = async {
        while !state(cluster.vru.trunks()[0].registration) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(CEILING, waiting).await.expect("the registration stands so");
}

/// Shows RFC 3261 §10.2: a trunk registers, answers the challenge, and takes its registration back at the end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn trunk_registers_is_called_from_there_and_takes_it_back_at_the_end() {
    let registrar = Callee::at("127.0.0.2").await;
    let cluster = start(&registrar).await;
    let sip = cluster.sip();
    // Before the registrar knows us nobody may call from there.
    assert_eq!(Phone::at("127.0.0.2", sip).await.invite("4711").await, 403);
    let first = registrar.asked("REGISTER").await;
    assert!(first.header("To").contains("sip:4711@127.0.0.2"), "{}", first.text);
    let challenge =
        "WWW-Authenticate: Digest realm=\"provider\", nonce=\"n1\", algorithm=MD5, qop=\"auth\"\r\n";
    registrar.answer(&first, "401 Unauthorized", challenge, "").await;
    let second = registrar.asked("REGISTER").await;
    assert!(second.header("Authorization").contains("username=\"4711\""), "{}", second.text);
    registrar.grant(&second, 600).await;
    until(&cluster, |state| matches!(state, Some(RegistrationState::Registered(_)))).await;
    assert_eq!(Phone::at("127.0.0.2", sip).await.invite("4711").await, 200);
    let stopping = tokio::spawn(cluster.vru.stop());
    let goodbye = registrar.asked("REGISTER").await;
    let is_taken_back = goodbye.header("Expires") == "0" || goodbye.header("Contact").contains("expires=0");
    assert!(is_taken_back, "{}", goodbye.text);
    registrar.grant(&goodbye, 0).await;
    tokio::time::timeout(CEILING, stopping).await.expect("the VRU stops").unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refused_registration_is_told_with_its_status() {
    let registrar = Callee::new().await;
    let cluster = start(&registrar).await;
    let asked = registrar.asked("REGISTER").await;
    registrar.answer(&asked, "403 Forbidden", "", "").await;
    until(&cluster, |state| state == Some(RegistrationState::Failed(Some(403)))).await;
}
