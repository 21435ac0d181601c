//! The server calls out through a trunk, and sipp answers in each way that carriers do.

#![expect(clippy::unwrap_used, reason = "a test that fails says where")]

use std::net::{Ipv4Addr, SocketAddr};

use callbench::meter::tone_level_dbov;
use partyline_claims::{HEARD_DBOV, ServerPlan};
use partyline_interop::{BaresipPlan, Dissection, Fate, Message, PEER_HZ, SippCall, SippPlan, Trial, Wire};
use serde_json::Value;

const NUMBER: &str = "+18005550123";
/// What a test call plays.
const TEST_HZ: f32 = 1004.0;
const RATE_HZ: u32 = 8000;

/// A server whose trunk leads to an address; `more` is further lines of the trunk.
async fn trial_with_trunk_to(host: SocketAddr, more: &str) -> Trial {
    let config = format!(
        "[sip]\nsession_min = \"4s\"\nsession_expires = \"5s\"\n[[trunk]]\nname = \"carrier\"\ndial_out.hosts = [\"{host}\"]\n\
         dial_out.numbers = [{{ prefix = \"+\", strip = 1 }}]\ndial_out.transport = \"udp\"\n\
         dial_out.caller_number = \"+18005550100\"\n{more}"
    );
    Trial::start_with(&ServerPlan { config, has_own_listeners: false }).await.unwrap()
}

/// Has the server call; what the command says in the end, also of calls that came to nothing.
async fn call_out(trial: &Trial, seconds: &'static str) -> Value {
    let mut command =
        trial.party.server.command_line(&["trunk", "call", NUMBER, "--seconds", seconds, "--json"]);
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

/// An address for sipp, known before the trial that leads there.
fn address() -> Ipv4Addr {
    partyline_claims::loopback_of_my_own()
}

/// The server heard the callee's tone, which is at −15 dBov, and says how well.
fn callee_was_heard(outcome: &Value) {
    assert_eq!(outcome["outcome"], "answered", "{outcome}");
    assert!(outcome["packets_received"].as_u64().unwrap() > 50, "{outcome}");
    let heard_dbov = outcome["heard_dbov"].as_f64().unwrap();
    assert!((-18.0..-12.0).contains(&heard_dbov), "{outcome}");
    assert!(outcome["packets_lost"].is_u64() && outcome["mos"].as_f64().unwrap() >= 1.0, "{outcome}");
}

/// sipp heard the test tone, and the server sipp's.
fn both_were_heard(outcome: &Value, sent: &Dissection, sipp: Ipv4Addr) {
    callee_was_heard(outcome);
    let heard = sent.heard_last(sipp, 1).unwrap();
    let level = tone_level_dbov(&heard, RATE_HZ, TEST_HZ);
    assert!(level > HEARD_DBOV, "sipp hears the test tone at {level} dBov");
}

/// sipp is called in this scenario.
async fn called(scenario: &'static str, more: &str) -> (Value, Dissection, Ipv4Addr) {
    called_for(scenario, more, "3").await
}

/// The same, for so many seconds.
async fn called_for(
    scenario: &'static str,
    more: &str,
    seconds: &'static str,
) -> (Value, Dissection, Ipv4Addr) {
    let local = address();
    let trial = trial_with_trunk_to((local, 5060).into(), more).await;
    trial.is_strangers(local);
    let sipp = SippPlan::waiting(scenario, local).start().unwrap();
    let outcome = call_out(&trial, seconds).await;
    sipp.finish().await.unwrap();
    trial.party.server.wait_legs(0).await.unwrap();
    (outcome, trial.finish().await.unwrap(), local)
}

/// Shows RFC 3261 §13.2.2: 180, then 200, then a call until we hang up.
#[tokio::test]
async fn a_callee_who_rings_and_answers_is_talked_to() {
    let (outcome, sent, sipp) = called("called_answers", "").await;
    both_were_heard(&outcome, &sent, sipp);
    assert!(
        outcome["progress"].as_array().unwrap().iter().any(|word| word["heard"] == "ringing"),
        "{outcome}"
    );
}

/// Shows RFC 3960 §3: media that comes before the answer does no harm.
#[tokio::test]
async fn a_callee_with_early_media_is_talked_to_after_the_answer() {
    let (outcome, sent, sipp) = called("called_early_media", "").await;
    both_were_heard(&outcome, &sent, sipp);
}

/// Shows RFC 3261 §22.2: a callee who asks for a password by 401 is shown one.
#[tokio::test]
async fn a_callee_who_asks_by_401_is_shown_the_password() {
    let password = "dial_out.user = \"us\"\ndial_out.password = \"correct horse\"\n";
    let (outcome, sent, sipp) = called("called_asks_401", password).await;
    both_were_heard(&outcome, &sent, sipp);
}

/// Shows RFC 3261 §22.3: a proxy that asks for a password by 407 is shown one.
#[tokio::test]
async fn a_proxy_that_asks_by_407_is_shown_the_password() {
    let password = "dial_out.user = \"us\"\ndial_out.password = \"correct horse\"\n";
    let (outcome, sent, sipp) = called("called_asks_407", password).await;
    both_were_heard(&outcome, &sent, sipp);
}

async fn refused_with(refusal: &'static str) -> Value {
    let local = address();
    let trial = trial_with_trunk_to((local, 5060).into(), "").await;
    trial.is_strangers(local);
    let sipp = SippPlan::waiting("called_refuses", local).word("refusal", refusal).start().unwrap();
    let outcome = call_out(&trial, "3").await;
    sipp.finish().await.unwrap();
    trial.party.server.wait_legs(0).await.unwrap();
    trial.finish().await.unwrap();
    outcome
}

/// Shows RFC 3261 §21.4.20: a callee who is not there any more ends the attempt.
#[tokio::test]
async fn a_callee_who_refuses_with_481_is_told_as_refused() {
    let outcome = refused_with("481 Call/Transaction Does Not Exist").await;
    assert_eq!((&outcome["outcome"], &outcome["status"]), (&"refused".into(), &481.into()), "{outcome}");
}

/// Shows RFC 3261 §21.4.26: nothing in our offer suits the callee.
#[tokio::test]
async fn a_callee_who_refuses_with_488_is_told_as_refused() {
    let outcome = refused_with("488 Not Acceptable Here").await;
    assert_ne!(outcome["outcome"], "answered", "{outcome}");
    assert!(outcome["status"] == 488 || outcome["outcome"] == "no_common_codec", "{outcome}");
}

/// Shows RFC 3261 §21.5.4: a carrier that is overloaded ends the attempt where there is no other.
#[tokio::test]
async fn a_carrier_that_is_overloaded_is_told() {
    let outcome = refused_with("503 Service Unavailable").await;
    assert!(outcome["status"] == 503 || outcome["outcome"] == "unreachable", "{outcome}");
}

/// Shows RFC 3261 §21.4.24: busy is busy, not a failure.
#[tokio::test]
async fn a_busy_callee_is_told_as_busy() {
    let outcome = refused_with("486 Busy Here").await;
    assert_eq!(outcome["outcome"], "busy", "{outcome}");
}

/// Shows RFC 3261 §9.1: a callee who rings for too long is given up by CANCEL, and the 487 is acknowledged.
#[tokio::test]
async fn a_callee_who_never_answers_is_given_up() {
    let (outcome, sent, sipp) = called("called_never_answers", "dial_out.ring_max = \"2s\"\n").await;
    assert_eq!(outcome["outcome"], "no_answer", "{outcome}");
    assert_eq!(sent.heard_by(sipp, None).unwrap().len(), 0);
}

/// Shows RFC 3261 §8.1.3.4: a 3xx is followed to the contact that it names, where the trunk says so.
#[tokio::test]
async fn a_callee_who_has_moved_is_called_where_they_are() {
    let (local, elsewhere) = (address(), address());
    let trial = trial_with_trunk_to((local, 5060).into(), "dial_out.follows_redirects = true\n").await;
    trial.is_strangers(local);
    trial.is_strangers(elsewhere);
    let moved = SippPlan::waiting("called_redirects", local).word("elsewhere", format!("{elsewhere}:5060"));
    let moved = moved.start().unwrap();
    let there = SippPlan::waiting("called_answers", elsewhere).start().unwrap();
    let outcome = call_out(&trial, "3").await;
    moved.finish().await.unwrap();
    there.finish().await.unwrap();
    let sent = trial.finish().await.unwrap();
    both_were_heard(&outcome, &sent, elsewhere);
}

/// sipp answers in this scenario beyond a wire, and is called for so many seconds.
async fn called_over_a_wire_in(
    scenario: &'static str,
    seconds: &'static str,
    judge: impl FnMut(&Message) -> Fate + Send + 'static,
) -> (Value, Dissection) {
    let (local, end) = (address(), address());
    let trial = trial_with_trunk_to((end, 5060).into(), "").await;
    trial.is_strangers(local);
    trial.is_strangers(end);
    let wire = Wire::lay_to(end, trial.party.server.sip(), Some((local, 5060).into()), judge).unwrap();
    let plan = SippPlan::waiting(scenario, local).word("contact", wire.end().to_string());
    let sipp: SippCall = plan.start().unwrap();
    let outcome = call_out(&trial, seconds).await;
    sipp.finish().await.unwrap();
    trial.party.server.wait_legs(0).await.unwrap();
    let sent = trial.finish().await.unwrap();
    both_were_heard(&outcome, &sent, local);
    (outcome, sent)
}

async fn called_over_a_wire(judge: impl FnMut(&Message) -> Fate + Send + 'static) -> Dissection {
    called_over_a_wire_in("called_answers", "4", judge).await.1
}

/// Shows RFC 3261 §13.2.2.4: every 200 that comes again is acknowledged again.
#[tokio::test]
async fn a_lost_ack_is_sent_again_for_each_answer_that_comes_again() {
    let sent = called_over_a_wire(|message| match message.start == "ACK" && message.repeat == 0 {
        true => Fate::IsLost,
        false => Fate::Passes,
    });
    let sent = sent.await;
    assert!(sent.count(&format!("{} && sip.Method == \"ACK\"", sent.ours())).unwrap() >= 2);
}

/// Shows RFC 3261 §13.2.2.4: a 200 that is lost twice still makes a call.
#[tokio::test]
async fn a_lost_answer_of_a_callee_comes_again_and_makes_a_call() {
    called_over_a_wire(|message| {
        let is_answer = message.start == "200" && message.method == "INVITE";
        if is_answer && message.repeat < 2 { Fate::IsLost } else { Fate::Passes }
    })
    .await;
}

/// Shows RFC 3261 §17.1: a callee behind a network that doubles every message gets one call.
#[tokio::test]
async fn a_network_that_doubles_every_message_makes_one_call() {
    called_over_a_wire(|_| Fate::IsDoubled).await;
}

/// Shows RFC 3262 §4: a 183 that has to be acknowledged is, by PRACK, however both get lost, and its media is heard.
#[tokio::test]
async fn a_callee_who_rings_reliably_gets_its_prack_and_is_heard_before_the_answer() {
    let lost = |message: &Message| match message.start.as_str() {
        "183" | "PRACK" if message.repeat == 0 => Fate::IsLost,
        _ => Fate::Passes,
    };
    let (outcome, sent) = called_over_a_wire_in("called_rings_reliably", "4", lost).await;
    let progress = outcome["progress"].as_array().unwrap();
    assert!(progress.iter().any(|word| word["heard"] == "early_media"), "{outcome}");
    let pracks = sent.count(&format!("{} && sip.Method == \"PRACK\" && sip.RAck", sent.ours())).unwrap();
    assert!(pracks >= 2, "the first one was lost");
}

/// Shows RFC 4028 §7.3: a callee who refuses a session timer as too short is called again with a longer one.
/// Shows RFC 4028 §7.4: a callee who has us refresh the session gets UPDATE in time.
#[tokio::test]
async fn a_callee_gets_the_session_timer_that_it_wants_and_is_refreshed() {
    let (outcome, sent, sipp) = called_for("called_wants_longer_sessions", "", "10").await;
    both_were_heard(&outcome, &sent, sipp);
    assert!(sent.count(&format!("{} && sip.Method == \"UPDATE\"", sent.ours())).unwrap() >= 2);
}

/// baresip is called, with this trunk and this phone.
async fn baresip_answers(trunk: &str, shape: impl FnOnce(BaresipPlan) -> BaresipPlan) -> (Value, Dissection) {
    let local = address();
    let mut plan = BaresipPlan::new(local, PEER_HZ);
    plan.user = NUMBER.trim_start_matches('+');
    let plan = shape(plan);
    let trial = trial_with_trunk_to((local, 5062).into(), trunk).await;
    trial.is_strangers(local);
    let mut phone = plan.answer().unwrap();
    phone.wait_printed("Populated").await.unwrap();
    let outcome = call_out(&trial, "4").await;
    callee_was_heard(&outcome);
    phone.quit().await.unwrap();
    let heard = phone.heard().unwrap();
    let level = tone_level_dbov(heard.middle(), heard.rate_hz, TEST_HZ);
    assert!(level > HEARD_DBOV, "baresip hears the test tone at {level} dBov");
    // tshark reads what is encrypted as if it were RTCP.
    (outcome, trial.finish_but_for(Some("srtcp")).await.unwrap())
}

/// Shows RFC 3264 §6: baresip answers our offer.
#[tokio::test]
async fn baresip_answers_a_call_of_ours_and_hears_it() {
    baresip_answers("", |plan| plan).await;
}

/// Shows RFC 4568 §5.1: keys that we offer are taken, and baresip's are used towards it.
#[tokio::test]
async fn baresip_that_insists_on_srtp_answers_a_call_of_ours_where_the_trunk_requires_it() {
    let (_, sent) = baresip_answers("media_security = \"require\"\n", |mut plan| {
        plan.modules.push("srtp");
        plan.account = ";mediaenc=srtp-mand".to_owned();
        plan
    })
    .await;
    let offers = format!("{} && sip.Method == \"INVITE\" && sdp.media_attr contains \"crypto\"", sent.ours());
    assert!(sent.count(&offers).unwrap() >= 1);
}

/// Shows RFC 7587 §7: baresip takes the Opus that we offer, and both hear each other.
#[tokio::test]
async fn baresip_answers_a_call_of_ours_in_opus() {
    let (outcome, _) = baresip_answers("codecs = [\"OPUS\"]\n", |mut plan| {
        (plan.codec, plan.rate_hz) = ("opus", 48_000);
        plan.config = "opus_stereo no\nopus_sprop_stereo no\n".to_owned();
        plan
    })
    .await;
    assert_eq!(outcome["codec"], "opus", "{outcome}");
}

/// Shows RFC 3551 §4.5.2: baresip takes the G.722 that we offer, and both hear each other.
#[tokio::test]
async fn baresip_answers_a_call_of_ours_in_g722() {
    let (outcome, _) = baresip_answers("codecs = [\"G722\"]\n", |mut plan| {
        (plan.codec, plan.rate_hz) = ("g722", 16_000);
        plan
    })
    .await;
    assert_eq!(outcome["codec"], "G722", "{outcome}");
}
