//! sipp calls, and the network or the caller does what scenarios of the RFCs are about.

#![expect(clippy::unwrap_used, reason = "a test that fails says where")]

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use partyline_claims::{Phone, ServerPlan};
use partyline_interop::{Dissection, Fate, Message, PEER_HZ, SippCall, SippPlan, Trial, Wire, hears_only};

const RATE_HZ: u32 = 8000;
/// How long anything may take before a test gives up on it; far above what it needs.
const CEILING: Duration = Duration::from_secs(30);
/// Session timers short enough to see.
const BRIEF: &str = "[sip]\nsession_expires = \"30s\"\nsession_min = \"4s\"\n";

/// sipp in a room with a talker.
struct Scene {
    trial: Trial,
    talker: Phone,
    sipp: SippCall,
    local: Ipv4Addr,
    _wire: Option<Wire>,
}

impl Scene {
    async fn of(scenario: &'static str) -> Self {
        Self::with(scenario, "").await
    }

    /// With more configuration.
    async fn with(scenario: &'static str, config: &str) -> Self {
        let trial = trial_with(config).await;
        let (code, talker) = trial.room_with_a_talker().await.unwrap();
        let local = trial.strangers_address();
        let sipp = SippPlan::calling(scenario, local, trial.party.server.sip(), &code).start().unwrap();
        Self { trial, talker, sipp, local, _wire: None }
    }

    /// With a wire between them. The server sends its media straight to sipp.
    async fn over_a_wire(
        scenario: &'static str,
        judge: impl FnMut(&Message) -> Fate + Send + 'static,
    ) -> Self {
        Self::with_a_wire(scenario, "", judge).await
    }

    async fn with_a_wire(
        scenario: &'static str,
        config: &str,
        judge: impl FnMut(&Message) -> Fate + Send + 'static,
    ) -> Self {
        let trial = trial_with(config).await;
        let (code, talker) = trial.room_with_a_talker().await.unwrap();
        let local = trial.strangers_address();
        let wire = Wire::lay(trial.strangers_address(), trial.party.server.sip(), judge).unwrap();
        let sipp = SippPlan::calling(scenario, local, wire.end(), &code).start().unwrap();
        Self { trial, talker, sipp, local, _wire: Some(wire) }
    }

    /// Waits until the talker has heard sipp for so long that sipp has a second of the talker, too.
    async fn both_talk(&self) {
        self.talker.call.wait_hears(PEER_HZ).await.unwrap();
        tokio::time::sleep(Duration::from_millis(1500)).await;
        self.talker.call.wait_hears(PEER_HZ).await.unwrap();
    }

    /// Lets sipp hang up; then looks at all that was sent, and at what sipp heard last.
    async fn end(mut self) -> Dissection {
        self.sipp.cue().unwrap();
        self.sipp.finish().await.unwrap();
        self.trial.party.server.wait_count("conferee", "leave_reason = 'hung_up'", 1).await.unwrap();
        let talker_hz = self.talker.tone_hz;
        let sent = self.trial.finish().await.unwrap();
        let heard = sent.heard_last(self.local, 1).unwrap();
        hears_only(&heard, RATE_HZ, talker_hz, PEER_HZ).unwrap();
        sent
    }
}

async fn trial_with(config: &str) -> Trial {
    let plan = ServerPlan { config: config.to_owned(), has_own_listeners: false };
    Trial::start_with(&plan).await.unwrap()
}

/// A judge that lets all pass and counts some.
fn counting(
    is_counted: impl Fn(&Message) -> bool + Send + 'static,
) -> (Arc<AtomicUsize>, impl FnMut(&Message) -> Fate + Send + 'static) {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let judge = move |message: &Message| {
        counted.fetch_add(usize::from(is_counted(message)), Ordering::Relaxed);
        Fate::Passes
    };
    (count, judge)
}

async fn until_counted(count: &AtomicUsize, least: usize) {
    let until = Instant::now() + CEILING;
    while count.load(Ordering::Relaxed) < least {
        assert!(Instant::now() < until, "{} of {least} after {CEILING:?}", count.load(Ordering::Relaxed));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Steps of a scenario that press keys by INFO, each after the answer to the one before it.
fn keys_by_info(keys: &str, first_cseq: usize) -> String {
    let press = |(nth, key): (usize, char)| {
        format!(
            "<send retrans=\"500\"><![CDATA[
      INFO [next_url] SIP/2.0
      Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
      [routes]
      From: \"Sipp\" <sip:sipp@[local_ip]:[local_port]>;tag=[pid]x[call_number]
      To: <sip:[service]@[remote_ip]:[remote_port]>[peer_tag_param]
      Call-ID: [call_id]
      CSeq: {} INFO
      Max-Forwards: 70
      Content-Type: application/dtmf-relay
      Content-Length: [len]

      Signal={key}
      Duration=160
    ]]></send>\n<recv response=\"200\" />\n<pause milliseconds=\"200\" />\n",
            first_cseq + nth
        )
    };
    keys.chars().enumerate().map(press).collect()
}

fn is(message: &Message, start: &str, method: &str) -> bool {
    message.start == start && message.method == method
}

/// How many times a 200 for an INVITE was sent by the server itself.
fn answers(sent: &Dissection) -> usize {
    let ours = sent.ours();
    sent.count(&format!("{ours} && sip.Status-Code == 200 && sip.CSeq.method == \"INVITE\"")).unwrap()
}

/// Shows RFC 3261 §13.3.1.4: the 200 is sent again until its ACK comes.
#[tokio::test]
async fn a_lost_ack_makes_the_answer_come_again_and_the_call_goes_on() {
    let lost = |message: &Message| match is(message, "ACK", "ACK") && message.repeat == 0 {
        true => Fate::IsLost,
        false => Fate::Passes,
    };
    let scene = Scene::over_a_wire("talk", lost).await;
    scene.both_talk().await;
    let sent = scene.end().await;
    // One to the talker, two or more to sipp.
    assert!(answers(&sent) >= 3, "{} answers", answers(&sent));
}

/// Shows RFC 3261 §13.3.1.4: a 200 that is lost comes again.
#[tokio::test]
async fn a_lost_answer_comes_again() {
    let lost = |message: &Message| match is(message, "200", "INVITE") && message.repeat < 2 {
        true => Fate::IsLost,
        false => Fate::Passes,
    };
    let scene = Scene::over_a_wire("talk", lost).await;
    scene.both_talk().await;
    let sent = scene.end().await;
    assert!(answers(&sent) >= 4, "{} answers", answers(&sent));
}

/// Shows RFC 3261 §17.2.2: a BYE that comes again because its answer was lost is answered again.
#[tokio::test]
async fn a_lost_answer_to_bye_comes_again() {
    let lost = |message: &Message| match is(message, "200", "BYE") && message.repeat == 0 {
        true => Fate::IsLost,
        false => Fate::Passes,
    };
    let scene = Scene::over_a_wire("talk", lost).await;
    scene.both_talk().await;
    let sent = scene.end().await;
    let answered = sent.count("sip.Status-Code == 200 && sip.CSeq.method == \"BYE\"").unwrap();
    assert!(answered >= 2, "{answered} answers to BYE");
}

/// Shows RFC 3261 §17.2: what arrives twice is one request.
#[tokio::test]
async fn a_network_that_doubles_every_message_changes_nothing() {
    let scene = Scene::over_a_wire("talk", |_| Fate::IsDoubled).await;
    scene.both_talk().await;
    assert_eq!(scene.trial.party.server.count("conferee", "state = 'joined'").await.unwrap(), 2);
    assert_eq!(scene.trial.party.server.count("attendance", "1 = 1").await.unwrap(), 2);
    scene.end().await;
}

/// Shows RFC 3261 §13.2.1: an INVITE without an offer is answered with one.
/// Shows RFC 3264 §5: the offer in our 200 is one that sipp can answer in its ACK.
#[tokio::test]
async fn an_offer_in_our_answer_is_answered_in_the_ack_and_both_talk() {
    let scene = Scene::of("delayed_offer").await;
    scene.both_talk().await;
    scene.end().await;
}

/// Shows RFC 3261 §9.2: a CANCEL before the answer ends the call with 487.
#[tokio::test]
async fn a_call_that_is_taken_back_before_it_is_answered_leaves_nothing_behind() {
    // A wrong code that was dialled is answered late: that is the time in which to take the call back.
    let config = "[guess_defence]\nfree = 0\ndelay = \"5s\"\n".to_owned();
    let trial = Trial::start_with(&ServerPlan { config, has_own_listeners: false }).await.unwrap();
    let (_, talker) = trial.room_with_a_talker().await.unwrap();
    let local = trial.strangers_address();
    let sipp =
        SippPlan::calling("early_cancel", local, trial.party.server.sip(), "1234567890").start().unwrap();
    sipp.finish().await.unwrap();
    trial.party.server.wait_legs(1).await.unwrap();
    assert!(talker.call.ended().is_none());
    let sent = trial.finish().await.unwrap();
    let ours = sent.ours();
    assert_eq!(sent.count(&format!("{ours} && sip.Status-Code == 487")).unwrap(), 1);
    assert_eq!(sent.heard_by(local, None).unwrap().len(), 0, "no audio was ever sent to it");
}

/// Shows RFC 3261 §9.2: a CANCEL that comes after the final answer changes nothing.
#[tokio::test]
async fn a_cancel_that_crosses_the_answer_changes_nothing_and_both_talk() {
    let held = |message: &Message| match message.start.as_str() {
        "CANCEL" => Fate::IsHeld,
        _ => Fate::Passes,
    };
    let scene = Scene::over_a_wire("cancel_crosses_200", held).await;
    scene.both_talk().await;
    scene.end().await;
}

/// Shows RFC 3264 §8.4: hold by `sendonly`, by `inactive` and by the address 0.0.0.0, and resume.
#[tokio::test]
async fn hold_in_each_way_silences_both_and_resume_brings_both_back() {
    let mut scene = Scene::of("hold").await;
    scene.both_talk().await;
    for _ in 0..3 {
        scene.sipp.cue().unwrap();
        scene.talker.call.wait_hears_not(PEER_HZ).await.unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
        scene.sipp.cue().unwrap();
        scene.both_talk().await;
    }
    let (local, server) = (scene.local, scene.trial.party.server.address());
    let sent = scene.end().await;
    for held in [2, 4, 6] {
        let answer = |cseq| {
            sent.moment(&format!(
                "sip.Status-Code == 200 && ip.src == {server} && sip.CSeq == \"{cseq} INVITE\""
            ))
        };
        let (from, to) = (answer(held).unwrap() + 0.1, answer(held + 1).unwrap());
        let span = partyline_interop::Span { from, to };
        let heard = sent.heard_by(local, Some(span)).unwrap().len();
        assert_eq!(heard, 0, "samples sent to a caller who holds us, after INVITE {held}");
    }
}

/// Shows RFC 3311 §5.2: UPDATE without an offer, and with offers that hold and resume.
#[tokio::test]
async fn hold_and_resume_by_update_work_as_by_invite() {
    let mut scene = Scene::of("update").await;
    scene.both_talk().await;
    scene.sipp.cue().unwrap();
    scene.talker.call.wait_hears_not(PEER_HZ).await.unwrap();
    scene.sipp.cue().unwrap();
    scene.both_talk().await;
    scene.end().await;
}

/// Shows RFC 3262 §3: who requires it is rung reliably: the 180 comes again until its PRACK does, however both get lost.
/// Shows RFC 3262 §4: the PRACK of sipp names our 180, and is answered.
#[tokio::test]
async fn a_caller_who_requires_it_is_rung_reliably_and_both_talk() {
    // A wrong code that was dialled is answered late: until then it rings.
    let trial = trial_with("[guess_defence]\nfree = 0\ndelay = \"6s\"\n").await;
    let (code, talker) = trial.room_with_a_talker().await.unwrap();
    let local = trial.strangers_address();
    let lost = |message: &Message| match message.start.as_str() {
        "180" | "PRACK" if message.repeat == 0 => Fate::IsLost,
        _ => Fate::Passes,
    };
    let wire = Wire::lay(trial.strangers_address(), trial.party.server.sip(), lost).unwrap();
    let plan = SippPlan::calling("requires_prack", local, wire.end(), "1234567890");
    let sipp = plan.word("keys", keys_by_info(&format!("{code}#"), 3)).start().unwrap();
    let scene = Scene { trial, talker, sipp, local, _wire: Some(wire) };
    scene.both_talk().await;
    let sent = scene.end().await;
    let rings = format!("{} && sip.Status-Code == 180 && sip.RSeq && sip.Require == \"100rel\"", sent.ours());
    assert!(sent.count(&rings).unwrap() >= 2, "the first one was lost");
}

/// Shows RFC 4028 §9: an interval that is too small is refused with 422, a longer one granted, and each refresh by the
/// caller keeps the call up.
/// Shows RFC 4028 §10: a caller who refreshes no more is hung up.
#[tokio::test]
async fn a_caller_is_up_for_as_long_as_it_refreshes_and_hung_up_when_it_stops() {
    let scene = Scene::with("stops_refreshing", BRIEF).await;
    scene.both_talk().await;
    let Scene { trial, talker, sipp, local, .. } = scene;
    sipp.finish().await.unwrap();
    trial.party.server.wait_count("conferee", "state = 'left'", 1).await.unwrap();
    assert!(talker.call.ended().is_none());
    let talker_hz = talker.tone_hz;
    let sent = trial.finish().await.unwrap();
    hears_only(&sent.heard_last(local, 1).unwrap(), RATE_HZ, talker_hz, PEER_HZ).unwrap();
    let ours = sent.ours();
    let refreshed =
        sent.moment(&format!("{ours} && sip.Status-Code == 200 && sip.CSeq == \"5 UPDATE\"")).unwrap();
    let hung_up =
        sent.moment(&format!("{ours} && sip.Method == \"BYE\" && sip.reason_cause_sip == 408")).unwrap();
    assert!(hung_up - refreshed > 5.9, "{} s after the last refresh", hung_up - refreshed);
}

/// Shows RFC 4028 §7.4: who is to have the session refreshed gets UPDATE in time, again and again.
#[tokio::test]
async fn a_caller_who_wants_it_is_refreshed_by_update_for_as_long_as_the_call_lasts() {
    let (refreshes, judge) = counting(|message| message.is_from_server && message.start == "UPDATE");
    let scene = Scene::with_a_wire("is_refreshed", BRIEF, judge).await;
    until_counted(&refreshes, 3).await;
    scene.both_talk().await;
    let sent = scene.end().await;
    let wished = format!(
        "{} && sip.Method == \"UPDATE\" && sip.Session-Expires contains \"6;refresher=uac\"",
        sent.ours()
    );
    assert!(sent.count(&wished).unwrap() >= 3);
}

/// Shows RFC 3261 §14.2: a change of theirs that crosses ours is refused with 491.
/// Shows RFC 3261 §14.1: a change of ours that gets 491 is made again after a while.
/// Shows RFC 4028 §7.4: who knows no UPDATE is refreshed by an INVITE that changes nothing.
#[tokio::test]
async fn changes_that_cross_get_491_both_and_ours_is_made_again() {
    let (acks, judge) = counting(|message| message.is_from_server && message.start == "ACK");
    let scene = Scene::with_a_wire("glare", BRIEF, judge).await;
    // That of sipp's 491, and that of its 200.
    until_counted(&acks, 2).await;
    scene.both_talk().await;
    let sent = scene.end().await;
    let ours = sent.ours();
    assert_eq!(sent.count(&format!("{ours} && sip.Status-Code == 491")).unwrap(), 1);
    assert!(sent.count(&format!("{ours} && sip.Method == \"INVITE\"")).unwrap() >= 2);
}
