//! A test call: an operator has a number called, a tone or the greeting played, and is told what became of it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use partyline_audio::{Program, Step};
use partyline_call::{Cue, KeySource, Keys, Prompt, Script};
use partyline_conference::TrunkName;
use partyline_engine::{LegEvent, LegReport, PlayId};
use partyline_sip::endpoint::CallEvent;
use tokio::sync::mpsc;

use super::dial::{Dial, DialEnd, DialProgress, OutCall, dial};
use crate::clock::now;
use crate::shared::Shared;
use crate::sip::SipCommands;

/// The test tone: what line tests use.
const TONE_HZ: f32 = 1004.0;
const TONE_DBOV: f32 = -15.0;
/// Keys that are written down.
const KEYS_MAX: usize = 64;

/// What a test call plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TestSound {
    /// A tone of 1004 Hz.
    Tone,
    /// The greeting.
    Prompt,
}

/// A call to test with.
#[derive(Debug, Clone)]
pub struct TestCall {
    /// Whom to call, and how.
    pub dial: Dial,
    /// What is played.
    pub sound: TestSound,
    /// How long it lasts once it is answered.
    pub lasts: Duration,
}

/// What a test call came to.
#[derive(Debug, Clone, PartialEq)]
pub struct TestReport {
    /// The trunk that it went through.
    pub trunk: TrunkName,
    /// The codec.
    pub codec: String,
    /// How long it lasted once it was answered.
    pub lasted: Duration,
    /// Whether the callee hung up before its end.
    pub they_hung_up: bool,
    /// RTP packets that came in.
    pub packets_received: u64,
    /// Those that were missing.
    pub packets_lost: u64,
    /// RTP packets that went out.
    pub packets_sent: u64,
    /// Those that the callee misses, where its RTCP tells.
    pub their_packets_lost: Option<u64>,
    /// How loud the callee was, in dBov; `None` where nothing came.
    pub heard_dbov: Option<f32>,
    /// How good the callee sounded, as an opinion score of 1 to 4.5 (G.107); `None` where nothing came.
    pub mos: Option<f32>,
    /// How good we sounded there, where its RTCP tells.
    pub their_mos: Option<f32>,
    /// How unevenly they came in.
    pub jitter: Duration,
    /// To the callee and back, where its RTCP tells.
    pub round_trip: Option<Duration>,
    /// The keys that the callee pressed.
    pub keys: String,
}

impl TestReport {
    /// What a leg through this trunk has seen.
    fn of_leg(trunk: &TrunkName, report: &LegReport) -> Self {
        Self {
            trunk: trunk.clone(),
            codec: String::new(),
            lasted: Duration::ZERO,
            they_hung_up: false,
            packets_received: report.packets_received,
            packets_lost: report.packets_lost,
            packets_sent: report.packets_sent,
            their_packets_lost: report.theirs.map(|theirs| theirs.packets_lost),
            heard_dbov: report.heard_dbov,
            mos: report.rating().map(|rating| rating.mos),
            their_mos: report.their_rating().map(|rating| rating.mos),
            jitter: report.jitter,
            round_trip: report.round_trip,
            keys: String::new(),
        }
    }
}

/// Has calls made, for an operator. Cheap to clone; of a VRU that has stopped it makes none.
#[derive(Clone)]
pub struct Dialler {
    shared: Arc<Shared>,
    sip: SipCommands,
}

impl std::fmt::Debug for Dialler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dialler").field("vru", &self.shared.config.id).finish_non_exhaustive()
    }
}

impl Dialler {
    pub(crate) const fn new(shared: Arc<Shared>, sip: SipCommands) -> Self {
        Self { shared, sip }
    }

    /// Makes a test call. What is heard of it goes to `progress` while it is made; a full channel loses some of it.
    ///
    /// # Errors
    /// [`DialEnd`] where nobody answered.
    pub async fn test(
        &self,
        wanted: &TestCall,
        progress: &mpsc::Sender<DialProgress>,
    ) -> Result<TestReport, DialEnd> {
        let call = dial(&self.shared, &self.sip, &wanted.dial, progress).await?;
        call.leg.play(PlayId(1), self.program(wanted));
        Ok(self.listen(call, wanted.lasts).await)
    }

    fn program(&self, wanted: &TestCall) -> Program {
        match wanted.sound {
            TestSound::Tone => {
                let tone =
                    Step::Tone { frequency_hz: TONE_HZ, duration: wanted.lasts, level_dbov: TONE_DBOV };
                Program { steps: vec![tone], repeats: false }
            }
            TestSound::Prompt => {
                let cues = vec![Cue::Say(Prompt::Greeting), Cue::Pause(Duration::from_secs(1))];
                let script = Script { cues, repeats: true };
                self.shared.library.program(self.shared.config.language, &script, &HashMap::new())
            }
        }
    }

    async fn listen(&self, mut call: OutCall, lasts: Duration) -> TestReport {
        let began = tokio::time::Instant::now();
        let end = began + lasts;
        let mut keys = String::new();
        let mut they_hung_up = false;
        let mut presses = Keys::default();
        loop {
            let (key, source) = tokio::select! {
                () = tokio::time::sleep_until(end) => break,
                () = self.shared.goodbye.cancelled() => break,
                event = call.events.recv() => match event.map(|event| *event) {
                    Some(CallEvent::Key(key)) => (key, KeySource::Info),
                    Some(CallEvent::Ended(_)) | None => {
                        they_hung_up = true;
                        break;
                    }
                    Some(CallEvent::Changed(agreement)) => {
                        super::dial::reconnect(&call, &agreement);
                        continue;
                    }
                    Some(
                        CallEvent::Incoming(_)
                        | CallEvent::Ringing
                        | CallEvent::Early(_)
                        | CallEvent::Answered(_)
                        | CallEvent::Confirmed(_),
                    ) => continue,
                },
                event = call.leg_events.recv() => match event {
                    Some(LegEvent::Key(key)) => (key, KeySource::TelephoneEvent),
                    Some(LegEvent::Tone(key)) => (key, KeySource::Tone),
                    Some(
                        LegEvent::FirstPacket
                        | LegEvent::PlayEnded(_)
                        | LegEvent::Quiet(_)
                        | LegEvent::Recorded(_)
                        | LegEvent::FirstMixedAudio
                        | LegEvent::SpokeUnheard
                        | LegEvent::Noisy(_)
                        | LegEvent::MixClosed(_),
                    ) => continue,
                    None => break,
                },
            };
            if keys.len() < KEYS_MAX && presses.counts(now(), key, source) {
                keys.push(key);
            }
        }
        let report = call.leg.report().await.unwrap_or_default();
        let trunk = call.trunk.as_ref().expect("test calls go through trunks").name.clone();
        TestReport {
            codec: call.agreement.codec.encoding.clone(),
            lasted: began.elapsed(),
            they_hung_up,
            keys,
            ..TestReport::of_leg(&trunk, &report)
        }
    }
}
