//! Trunks with somebody else's programs: Kamailio as a provider's registrar, baresip as a caller who is asked who it is.

#![expect(clippy::unwrap_used, reason = "a test that fails says where")]

use std::net::Ipv4Addr;
use std::time::Duration;

use partyline_claims::{ServerPlan, all_hear_each_other, loopback_of_my_own};
use partyline_interop::{
    BaresipPlan, Credentials, Forwarding, Kamailio, Linphone, PEER_HZ, Subscriber, Trial,
};

const NUMBER: &str = "18005551234";
const PASSWORD: &str = "correct-horse";
/// How long a state may take to be seen; far above what it needs.
const CEILING: Duration = Duration::from_secs(30);

async fn trial(config: String) -> Trial {
    Trial::start_with(&ServerPlan { config, has_own_listeners: false }).await.unwrap()
}

/// Waits until the trunk's registration stands so.
async fn wait_registration(trial: &Trial, wanted: &str) {
    let until = tokio::time::Instant::now() + CEILING;
    loop {
        let trunk = trial.party.server.json(&["trunk", "show", "provider"]).unwrap();
        if trunk["registration"] == wanted {
            return;
        }
        assert!(tokio::time::Instant::now() < until, "it never was {wanted:?}: {trunk}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// A trunk that registers at this registrar with this password, and whose number has a line of its own.
fn provider(registrar: Ipv4Addr, password: &str) -> String {
    format!(
        "[[trunk]]\nname = \"provider\"\nsources = [\"{registrar}\"]\nregister.registrar = \"{registrar}:5060\"\n\
         register.user = \"{NUMBER}\"\nregister.password = \"{password}\"\n"
    )
}

async fn a_call_comes_in_by_the_registration(algorithm: &'static str) {
    let registrar = loopback_of_my_own();
    let subscriber = Subscriber { user: NUMBER, password: PASSWORD, algorithm };
    let kamailio = Kamailio::start(registrar, &Forwarding::Registered(subscriber)).unwrap();
    let mut trial = trial(provider(registrar, PASSWORD)).await;
    trial.is_strangers(registrar);
    wait_registration(&trial, "registered").await;

    let (code, talker) = trial.room_with_a_talker().await.unwrap();
    let uri = format!("sip:{NUMBER}@{}", kamailio.sip());
    let caller = trial.party.key_code_at(&uri, &code).await.unwrap();
    all_hear_each_other(&[&caller, &talker]).await.unwrap();
    let trunk = trial.party.server.json(&["trunk", "show", "provider"]).unwrap();
    assert_eq!(trunk["calls"], 1, "the call is the trunk's: {trunk}");
    caller.call.hang_up();
    trial.party.server.wait_count("conferee", "leave_reason = 'hung_up'", 1).await.unwrap();

    trial.party.server.stop().unwrap();
    let sent = trial.finish().await.unwrap();
    let given_back = sent.count("sip.Method == \"REGISTER\" && sip.Expires == 0").unwrap();
    assert!(given_back > 0, "a server that stops gives its registration back");
}

/// Shows RFC 3261 §10.2: a registration, its credentials in MD5, and a call that comes in by it.
#[tokio::test]
async fn calls_come_in_from_a_provider_where_we_registered_by_md5() {
    a_call_comes_in_by_the_registration("MD5").await;
}

/// Shows RFC 8760 §2.4: the same in SHA-256.
#[tokio::test]
async fn calls_come_in_from_a_provider_where_we_registered_by_sha_256() {
    a_call_comes_in_by_the_registration("SHA-256").await;
}

/// Shows RFC 3261 §22.2: credentials that are refused are not shown again and again.
#[tokio::test]
async fn a_registration_with_a_wrong_password_is_told_to_the_operator() {
    let registrar = loopback_of_my_own();
    let subscriber = Subscriber { user: NUMBER, password: PASSWORD, algorithm: "MD5" };
    let _kamailio = Kamailio::start(registrar, &Forwarding::Registered(subscriber)).unwrap();
    let trial = trial(provider(registrar, "wrong-horse")).await;
    trial.is_strangers(registrar);
    wait_registration(&trial, "refused with 401").await;
    let sent = trial.finish().await.unwrap();
    let tries = sent.count("sip.Method == \"REGISTER\" && sip.Authorization").unwrap();
    assert!(tries <= 3, "{tries} requests with the same wrong password within seconds");
}

/// Asks strangers who they are; the trunk knows one user. This baresip gives up where more than MD5 is offered.
fn users_only() -> String {
    users_by("\"md5\"")
}

/// The same by these digests.
fn users_by(digests: &str) -> String {
    format!(
        "[sip]\nunknown_sources = \"challenge\"\ndigests = [{digests}]\n\
         [[trunk]]\nname = \"desks\"\nusers = [{{ name = \"desk\", password = \"{PASSWORD}\" }}]\n"
    )
}

/// Shows RFC 3261 §22.2: a caller who is asked who it is shows it, and talks.
#[tokio::test]
async fn a_stranger_who_is_asked_shows_a_trunks_user_and_talks() {
    let trial = trial(users_only()).await;
    let mut plan = BaresipPlan::new(trial.strangers_address(), PEER_HZ);
    plan.account = format!(";auth_user=desk;auth_pass={PASSWORD}");
    let uri = trial.party.server.uri("conference");
    let mut phone = plan.call(&uri).unwrap();
    phone.wait_established().await.unwrap();
    let trunk = trial.party.server.json(&["trunk", "show", "desks"]).unwrap();
    assert_eq!(trunk["calls"], 1, "the call is the trunk's: {trunk}");
    phone.quit().await.unwrap();
    trial.party.server.wait_legs(0).await.unwrap();
    let sent = trial.finish().await.unwrap();
    let asked = sent.count("sip.Status-Code == 401 && sip.WWW-Authenticate").unwrap();
    assert_eq!(asked, 1, "it is asked once");
}

/// Asks Linphone, which knows SHA-256, who it is.
async fn linphone_shows_a_trunks_user(digests: &str) {
    let trial = trial(users_by(digests)).await;
    let credentials = Credentials { user: "desk", password: PASSWORD, algorithm: "SHA-256" };
    let mut linphone = Linphone::start_as(trial.strangers_address(), &credentials, PEER_HZ).unwrap();
    linphone.call(&trial.party.server.uri("conference")).await.unwrap();
    let trunk = trial.party.server.json(&["trunk", "show", "desks"]).unwrap();
    assert_eq!(trunk["calls"], 1, "the call is the trunk's: {trunk}");
    linphone.quit().await.unwrap();
    trial.party.server.wait_legs(0).await.unwrap();
    let sent = trial.finish().await.unwrap();
    let shown = "sip.Method == \"INVITE\" && sip.auth.algorithm == \"SHA-256\"";
    assert!(sent.count(shown).unwrap() >= 1, "it shows its user in SHA-256");
    assert_eq!(sent.count("sip.Status-Code == 401").unwrap(), 1, "it is asked once");
}

/// Shows RFC 8760 §2.4: a caller who is asked in SHA-256 alone shows who it is, and talks.
#[tokio::test]
async fn a_stranger_who_is_asked_in_sha_256_shows_a_trunks_user_and_talks() {
    linphone_shows_a_trunks_user("\"sha-256\"").await;
}

/// Shows RFC 8760 §2.4: asked in both, who knows both takes the better one.
#[tokio::test]
async fn a_stranger_who_is_asked_in_both_digests_takes_the_better_one() {
    linphone_shows_a_trunks_user("\"sha-256\", \"md5\"").await;
}

/// Shows RFC 3261 §21.4.2: without the right password there is no call.
#[tokio::test]
async fn a_stranger_with_a_wrong_password_is_not_let_in() {
    let trial = trial(users_only()).await;
    let mut plan = BaresipPlan::new(trial.strangers_address(), PEER_HZ);
    plan.account = ";auth_user=desk;auth_pass=wrong".to_owned();
    let mut phone = plan.call(&trial.party.server.uri("conference")).unwrap();
    phone.wait_printed("session closed").await.unwrap();
    phone.quit().await.unwrap();
    let sent = trial.finish().await.unwrap();
    assert_eq!(sent.count("sip.Status-Code == 200 && sip.CSeq.method == \"INVITE\"").unwrap(), 0);
}

/// Shows RFC 3261 §21.4.4: who is of no trunk is refused, where the operator says so, and who is of one gets in.
#[tokio::test]
async fn where_strangers_are_refused_only_addresses_of_trunks_get_in() {
    let listed = loopback_of_my_own();
    let config = format!(
        "[sip]\nunknown_sources = \"refuse\"\n[[trunk]]\nname = \"office\"\nsources = [\"{listed}\"]\n\
         numbers = [{{ number = \"800*\", application = \"linetest\" }}]\n"
    );
    let trial = trial(config).await;
    trial.is_strangers(listed);
    let mut phone = BaresipPlan::new(listed, PEER_HZ).call(&trial.party.server.uri("80099")).unwrap();
    phone.wait_established().await.unwrap();
    let mut stranger =
        BaresipPlan::new(trial.strangers_address(), PEER_HZ).call(&trial.party.server.uri("80099")).unwrap();
    stranger.wait_printed("403").await.unwrap();
    stranger.quit().await.unwrap();
    phone.quit().await.unwrap();
    trial.party.server.wait_legs(0).await.unwrap();
    let run = "/partyline.linetest.v1.LineTest/Run".to_owned();
    let is_tested = |server: &&&str| trial.party.server.rpcs(server).unwrap().contains(&run);
    assert_eq!(["linetest-1", "linetest-2"].iter().filter(is_tested).count(), 1, "the number leads there");
    trial.finish().await.unwrap();
}
