//! Calls of trunks and of strangers.

use md5::{Digest, Md5};
use partyline_rpc::conferencing::Hello;
use partyline_trunk::{Secret, Trunk, TrunkSettings, UnknownSources};

use crate::cluster::{CEILING, Cluster};
use crate::phone::Phone;
use crate::store::CODE;

/// The trunk's address; strangers call from 127.0.0.1.
const PEER: &str = "127.0.0.2";

fn settings(text: &str) -> TrunkSettings {
    let written: TrunkSettings = toml::from_str(text).unwrap();
    written.settled(|source| Ok::<Secret, ()>(source.text().unwrap().clone())).unwrap()
}

pub(crate) fn trunk(text: &str) -> Trunk {
    settings(text).check().unwrap()
}

async fn start(unknown_sources: UnknownSources, trunks: &[&str]) -> Cluster {
    Cluster::start_with(|config| {
        config.unknown_sources = unknown_sources;
        config.trunks = trunks.iter().map(|text| trunk(text)).collect();
    })
    .await
}

/// Calls once, without a word of who it is.
async fn status(cluster: &Cluster, address: &str, user: &str) -> u16 {
    Phone::at(address, cluster.sip()).await.invite(user).await
}

async fn first_hello(cluster: &Cluster) -> Hello {
    cluster.roles.until("hello", |script| script.hellos.first().cloned()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stranger_is_refused_where_strangers_may_not_call_and_a_trunk_is_let_in() {
    let cluster = start(UnknownSources::Refuse, &["name = \"peer\"\nsources = [\"127.0.0.2\"]"]).await;
    assert_eq!(status(&cluster, "127.0.0.1", "conference").await, 403);
    assert_eq!(status(&cluster, PEER, "conference").await, 200);
    let strangers = start(UnknownSources::default(), &[]).await;
    assert_eq!(status(&strangers, "127.0.0.1", "conference").await, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn number_of_a_trunk_leads_to_the_line_test_or_into_a_room() {
    let text = format!(
        "name = \"peer\"\nsources = [\"127.0.0.2\"]\nnumber_plan = {{ country_code = \"49\" }}\n\
         numbers = [{{ number = \"+49301*\", application = \"linetest\" }}, {{ number = \"+49302\", code = \"{CODE}\" }}]"
    );
    let cluster = start(UnknownSources::Refuse, &[&text]).await;
    let mut tester = Phone::at(PEER, cluster.sip()).await;
    assert_eq!(tester.invite("0049301555").await, 200);
    cluster.roles.until("test", |script| (script.steps_done.len() >= 2).then_some(())).await;
    let mut caller = Phone::at(PEER, cluster.sip()).await;
    assert_eq!(caller.invite("0302").await, 200);
    assert_eq!(first_hello(&cluster).await.code.unwrap().reveal(), CODE);
}

/// Shows RFC 5806 §4: a diverted call reaches what the number leads to that was called first.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn diverted_call_reaches_what_was_called_first() {
    let text = format!(
        "name = \"peer\"\nsources = [\"127.0.0.2\"]\nnumbers = [{{ number = \"+18005550100\", code = \"{CODE}\" }}]"
    );
    let cluster = start(UnknownSources::Refuse, &[&text]).await;
    let mut caller = Phone::at(PEER, cluster.sip()).await;
    caller.say("Diversion: <sip:+18005550100@carrier.example>;reason=unconditional\r\n");
    assert_eq!(caller.invite("777").await, 200);
    assert_eq!(first_hello(&cluster).await.code.unwrap().reveal(), CODE);
}

fn md5(text: &str) -> String {
    hex::encode(Md5::digest(text))
}

/// Answers the challenge of the last answer, with MD5 as most telephones do.
fn answer(phone: &mut Phone, user: &str, password: &str, dialled: &str) {
    let challenge = phone.answered_all("WWW-Authenticate");
    let challenge = challenge.iter().find(|value| value.contains("algorithm=MD5")).expect("MD5 is offered");
    let field = |name: &str| {
        let rest = challenge.split_once(&format!("{name}=\"")).expect("the field is there").1;
        rest.split('"').next().unwrap().to_owned()
    };
    let (realm, nonce, uri) = (field("realm"), field("nonce"), format!("sip:{dialled}@x"));
    let secret = md5(&format!("{user}:{realm}:{password}"));
    let response = md5(&format!("{secret}:{nonce}:00000001:c:auth:{}", md5(&format!("INVITE:{uri}"))));
    phone.say(&format!(
        "Authorization: Digest username=\"{user}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{uri}\", \
         response=\"{response}\", algorithm=MD5, cnonce=\"c\", qop=auth, nc=00000001\r\n"
    ));
}

/// Shows RFC 3261 §22.2: who is challenged and knows the password is let in, who does not is challenged again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn challenged_caller_is_let_in_with_the_right_password_only() {
    let cluster = Cluster::start_with(|config| {
        config.unknown_sources = UnknownSources::Challenge;
        config.guess_defence.lockout_after = 3;
        config.trunks =
            vec![trunk("name = \"phones\"\nusers = [{ name = \"alice\", password = \"secret\" }]")];
    })
    .await;
    let mut right = Phone::new(cluster.sip()).await;
    assert_eq!(right.invite("conference").await, 401);
    answer(&mut right, "alice", "secret", "conference");
    assert_eq!(right.invite("conference").await, 200);
    let mut wrong = Phone::new(cluster.sip()).await;
    assert_eq!(wrong.invite("conference").await, 401);
    for expected in [401, 401, 403] {
        answer(&mut wrong, "alice", "guess", "conference");
        assert_eq!(wrong.invite("conference").await, expected);
    }
    // Locked out: not even asked any more.
    assert_eq!(status(&cluster, "127.0.0.1", "conference").await, 403);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn user_of_one_trunk_can_t_call_from_another_that_has_its_own() {
    let cluster = start(
        UnknownSources::Challenge,
        &[
            "name = \"phones\"\nusers = [{ name = \"alice\", password = \"secret\" }]",
            "name = \"pbx\"\nsources = [\"127.0.0.2\"]\nusers = [{ name = \"pbx\", password = \"other\" }]",
        ],
    )
    .await;
    let mut alice = Phone::at(PEER, cluster.sip()).await;
    assert_eq!(alice.invite("conference").await, 401);
    answer(&mut alice, "alice", "secret", "conference");
    assert_eq!(alice.invite("conference").await, 403);
    let mut pbx = Phone::at(PEER, cluster.sip()).await;
    assert_eq!(pbx.invite("conference").await, 401);
    answer(&mut pbx, "pbx", "other", "conference");
    assert_eq!(pbx.invite("conference").await, 200);
}

/// Shows RFC 3325 §5: an asserted identity is believed only of a trunk that is trusted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn asserted_number_is_believed_of_a_trusted_trunk_only() {
    for (trusts, expected) in [(true, "+4930123"), (false, "")] {
        let text = format!("name = \"peer\"\nsources = [\"127.0.0.2\"]\ntrusts_identity = {trusts}");
        let cluster = start(UnknownSources::Refuse, &[&text]).await;
        let mut caller = Phone::at(PEER, cluster.sip()).await;
        caller.say("P-Asserted-Identity: <sip:+4930123@carrier.example>\r\n");
        assert_eq!(caller.invite(CODE).await, 200);
        let number = first_hello(&cluster).await.caller.number;
        if trusts {
            assert_eq!(number, expected);
        } else {
            assert_ne!(number, "+4930123");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn trunk_made_by_command_is_let_in_without_a_restart() {
    let cluster = start(UnknownSources::Refuse, &["name = \"fixed\"\nsources = [\"127.0.0.3\"]"]).await;
    assert_eq!(status(&cluster, PEER, "conference").await, 403);
    cluster.store.create_trunk(settings("name = \"made\"\nsources = [\"127.0.0.2\"]"));
    cluster.store.create_trunk(settings("name = \"clashing\"\nsources = [\"127.0.0.3\"]"));
    let known = async {
        while cluster.vru.trunks().len() < 3 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(CEILING, known).await.expect("the trunks are read");
    assert_eq!(status(&cluster, PEER, "conference").await, 200);
    let clashing = cluster.vru.trunks().into_iter().find(|trunk| trunk.name.as_str() == "clashing").unwrap();
    assert!(clashing.left_out.is_some_and(|why| why.contains("fixed")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn full_trunk_is_busy_until_a_call_ends() {
    let cluster =
        start(UnknownSources::Refuse, &["name = \"peer\"\nsources = [\"127.0.0.2\"]\ncalls_max = 1"]).await;
    let mut first = Phone::at(PEER, cluster.sip()).await;
    assert_eq!(first.invite("conference").await, 200);
    assert_eq!(status(&cluster, PEER, "conference").await, 486);
    assert_eq!(cluster.vru.trunks()[0].calls, 1);
    first.hang_up().await;
    let over = async {
        while cluster.vru.trunks()[0].calls > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(CEILING, over).await.expect("the place is given back");
    assert_eq!(status(&cluster, PEER, "conference").await, 200);
}
