//! sipp calls, and the network or the caller does what scenarios of the RFCs are about.

#![expect(clippy::unwrap_used, reason = "a test that fails says where")]

use std::net::Ipv4Addr;
use std::time::Duration;

use partyline_claims::{Phone, ServerPlan};
use partyline_interop::{Dissection, Fate, Message, PEER_HZ, SippCall, SippPlan, Trial, Wire, hears_only};

const RATE_HZ: u32 = 8000;

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
        let trial = Trial::start().await.unwrap();
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
        let trial = Trial::start().await.unwrap();
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
