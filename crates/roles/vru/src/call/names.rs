//! The caller's own name: recorded from the leg, played back, and brought to the CMS, which keeps it.

use std::sync::Arc;
use std::time::Duration;

use partyline_audio::{Program, Step};
use partyline_call::{Fact, Language, PlayNumber, Script, TakeNumber};
use partyline_conference::{AttendanceId, RecordedName};
use partyline_engine::{PlayId, RecordingId};
use partyline_rpc::conferencing::NameToKeep;
use tonic::Code;
use tracing::{info, warn};

use super::{Call, Shared};
use crate::names;

/// Ways that are tried to have a name kept.
const TRIES: u32 = 4;
/// Between two of them; grows.
const PAUSE: Duration = Duration::from_millis(250);

impl Call {
    pub(super) fn record_name(&mut self, take: TakeNumber) {
        if let Some((leg, _)) = &self.leg {
            leg.record(RecordingId(take.0), RecordedName::SAMPLES_MAX);
            self.recording = Some(take);
        }
    }

    /// A recording has ended by itself; of an earlier one that is no news.
    pub(super) fn recorded(&mut self, recording: RecordingId) {
        if self.recording == Some(TakeNumber(recording.0)) {
            self.end_recording();
        }
    }

    /// Takes what was recorded, once for each take.
    pub(super) fn end_recording(&mut self) {
        if let Some((leg, _)) = &self.leg
            && let Some(take) = self.recording.take()
        {
            let said = leg.take_recording();
            self.checks.spawn(async move {
                Fact::NameRecorded { take, name: said.await.and_then(RecordedName::new) }
            });
        }
    }

    pub(super) fn play_name(&self, play: PlayNumber, name: &RecordedName) {
        if let Some((leg, _)) = &self.leg {
            leg.play(PlayId(play.0), Program { steps: vec![Step::Clip(names::clip(name))], repeats: false });
        }
    }

    /// Brings the name to the CMS, beside the call: it is there before anybody asks for it, or not at all.
    pub(super) fn keep_name(&self, name: RecordedName) {
        let (shared, attendance) = (Arc::clone(&self.shared), self.attendance_id);
        self.shared.spawn(async move { keep(&shared, attendance, name).await });
    }
}

/// What a script sounds like, with the names in it.
pub(super) async fn program(shared: Arc<Shared>, language: Language, script: &Script) -> Program {
    let names = shared.names.of(script, &*shared.store).await;
    shared.library.program(language, script, &names)
}

async fn keep(shared: &Shared, attendance: AttendanceId, name: RecordedName) {
    let told = |outcome: &'static str| {
        metrics::counter!("partyline_vru_names_total", "outcome" => outcome).increment(1);
    };
    let kept = NameToKeep { attendance, name };
    for tried in 0..TRIES {
        if tried > 0 {
            tokio::time::sleep(PAUSE * tried).await;
        }
        let Some((place, channel)) = shared.proxies.current() else { continue };
        let mut client = partyline_rpc::clients::conferencing(channel);
        let asked = client.keep_name(tonic::Request::new(kept.clone().into()));
        match tokio::time::timeout(shared.config.waits.report(), asked).await {
            Ok(Ok(_)) => return told("kept"),
            Ok(Err(status)) if status.code() == Code::NotFound => {
                info!(%attendance, "the caller of a name has gone");
                return told("gone");
            }
            Ok(Err(status)) => info!(%attendance, code = ?status.code(), "a name was not kept"),
            Err(_) => info!(%attendance, "a name was not kept in time"),
        }
        shared.proxies.failed(place);
    }
    warn!(%attendance, "a name is lost: nobody keeps it");
    told("lost");
}
