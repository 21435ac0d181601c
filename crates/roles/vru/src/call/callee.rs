//! Somebody is called for a caller, as the CMS lets them: the call while it is made, and the callee's own call once they
//! have answered.
//!
//! **Invariant:** a call that is being made ends with who wanted it; one that was answered is a call like others, which
//! ends by what the CMS says.

use std::sync::Arc;

use partyline_call::{Arrival, CallOut, Fact, Journey, Keys};
use partyline_conference::{AttendanceId, CallerIdentity, OutdialEnd, OutdialKind};
use partyline_trunk::{Application, DialRight};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tracing::info;

use super::mix_link::MixLink;
use super::service::Service;
use super::{Call, Counted, HangUpGuard, Party, Place, Shared, TestLink};
use crate::clock::now;
use crate::outgoing::{Dial, DialEnd, DialProgress, OutCall, dial, dial_address};
use crate::sip::SipCommands;
use crate::trunks::Admitted;

/// What is heard of a call before its end: ringing, and the end.
const HEARD_MAX: usize = 4;
/// What is heard of it through all trunks.
const PROGRESS_MAX: usize = 32;
/// What others see of an operator.
const OPERATOR: &str = "Operator";

/// A call that is being made. Dropping it gives it up.
pub(super) struct CallingOut {
    heard: mpsc::Receiver<Fact>,
    _task: JoinSet<()>,
}

impl CallingOut {
    /// What is heard of it; `None` once nothing more will be.
    pub(super) async fn heard(&mut self) -> Option<Fact> {
        self.heard.recv().await
    }
}

impl Call {
    /// Calls somebody for the caller, instead of anybody who is called so far.
    pub(super) fn call_out(&mut self, wanted: CallOut) {
        info!(call = %self.party.call_id, callee = %wanted.callee, to = %wanted.to, "somebody is called");
        let (facts, heard) = mpsc::channel(HEARD_MAX);
        let mut task = JoinSet::new();
        task.spawn(call_out(Arc::clone(&self.shared), self.sip.commands.clone(), wanted, facts));
        self.calling_out = Some(CallingOut { heard, _task: task });
    }

    /// The call of a callee who has answered.
    fn of_callee(
        shared: Arc<Shared>,
        mut out: OutCall,
        sip: SipCommands,
        wanted: &CallOut,
        place: Place,
    ) -> Self {
        let key = out.take_over();
        let language = out.trunk.as_ref().and_then(|trunk| trunk.language).unwrap_or(shared.config.language);
        let (number, display) = shown(wanted);
        let service = Service {
            application: Application::Conferencing,
            language,
            arrival: Arrival::Unavailable,
            dnis: number.clone(),
        };
        let party = Party {
            call_id: wanted.callee.to_string(),
            number: number.clone(),
            shown: CallerIdentity { number, display, call: String::new() },
            source: out.remote,
            bound: out.bound,
        };
        let journey = Journey::of_callee(now(), shared.config.patience, wanted.terms);
        let brain = Box::new(journey.with_keys(shared.config.keys.clone()).speaking(language));
        let link = MixLink::new(shared.config.id.clone(), shared.mixers.clone(), shared.config.waits.mixer());
        Self {
            key,
            party,
            admitted: Admitted { trunk: out.trunk, _place: out.place },
            service,
            brain,
            attendance_id: wanted.callee,
            sip: HangUpGuard { key, commands: sip, is_over: false },
            sip_events: out.events,
            leg: Some((out.leg, out.leg_events)),
            has_media: true,
            keys: Keys::default(),
            last_pound: None,
            recording: None,
            attendance: None,
            ticket: None,
            link,
            checks: JoinSet::new(),
            test: TestLink::None,
            calling_out: None,
            is_told_goodbye: false,
            is_measured: false,
            quality: None,
            rings_at: None,
            place,
            shared,
        }
    }
}

/// The number and the name that others see.
fn shown(wanted: &CallOut) -> (String, String) {
    match wanted.kind {
        OutdialKind::Callee => (wanted.to.as_str().to_owned(), String::new()),
        OutdialKind::Operator if wanted.to.is_address() => (String::new(), OPERATOR.to_owned()),
        OutdialKind::Operator => (wanted.to.as_str().to_owned(), OPERATOR.to_owned()),
    }
}

/// Makes the call, and hands it on once it is answered.
async fn call_out(shared: Arc<Shared>, sip: SipCommands, wanted: CallOut, facts: mpsc::Sender<Fact>) {
    let callee = wanted.callee;
    let end = match made(&shared, &sip, &wanted, &facts).await {
        Ok((out, place)) => {
            let running = run(Arc::clone(&shared), out, sip, wanted, place);
            shared.spawn(running);
            return;
        }
        Err(end) => end,
    };
    info!(%callee, %end, "nobody was reached");
    // Who wanted it may have gone meanwhile.
    let _ = facts.send(Fact::CalleeFailed { callee, why: why_of(end) }).await;
}

async fn made(
    shared: &Arc<Shared>,
    sip: &SipCommands,
    wanted: &CallOut,
    facts: &mpsc::Sender<Fact>,
) -> Result<(OutCall, Place), DialEnd> {
    let place = Arc::clone(&shared.places).try_acquire_owned().map_err(|_| DialEnd::NoRoom)?;
    let (progress, mut told) = mpsc::channel(PROGRESS_MAX);
    let dialling = async {
        if wanted.to.is_address() {
            return dial_address(shared, sip, wanted.to.as_str(), &progress).await;
        }
        let number = wanted.to.as_str().parse().map_err(|_| DialEnd::NoWay)?;
        let wanted = Dial { number, caller: None, trunk: None, right: DialRight::Outdial };
        dial(shared, sip, &wanted, &progress).await
    };
    tokio::pin!(dialling);
    let mut has_rung = false;
    loop {
        tokio::select! {
            biased;
            Some(heard) = told.recv() => {
                // What the network plays before the answer is a sign that it rings.
                let rings = matches!(heard, DialProgress::Ringing | DialProgress::EarlyMedia);
                if rings && !std::mem::replace(&mut has_rung, true) {
                    let _ = facts.send(Fact::CalleeRings { callee: wanted.callee }).await;
                }
            }
            outcome = &mut dialling => return outcome.map(|out| (out, Arc::new(place))),
        }
    }
}

/// Runs a callee's call to its end.
async fn run(shared: Arc<Shared>, out: OutCall, sip: SipCommands, wanted: CallOut, place: Place) {
    let _counted = Counted::new();
    let callee: AttendanceId = wanted.callee;
    info!(%callee, "who was called has answered");
    let mut call = Call::of_callee(shared, out, sip, &wanted, place);
    call.run().await;
    Box::pin(call.finish()).await;
    info!(%callee, "the call of who was called is over");
}

/// What a failure means to who wanted the call (RFC 3261 §21).
const fn why_of(end: DialEnd) -> OutdialEnd {
    match end {
        DialEnd::Refused(486 | 600) => OutdialEnd::Busy,
        DialEnd::Refused(408 | 487) | DialEnd::NoAnswer => OutdialEnd::NoAnswer,
        DialEnd::Refused(403 | 603 | 607 | 608) => OutdialEnd::Refused,
        DialEnd::Refused(_)
        | DialEnd::Unreachable
        | DialEnd::NoAgreement
        | DialEnd::TrunkFull
        | DialEnd::NoRoom
        | DialEnd::NoWay
        | DialEnd::NoRight
        | DialEnd::Stopping => OutdialEnd::Unreachable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Shows RFC 3261 §21.4.24: who is busy is told apart from who declines.
    #[test]
    fn each_status_says_what_became_of_the_callee() {
        for (status, why) in [
            (486, OutdialEnd::Busy),
            (600, OutdialEnd::Busy),
            (603, OutdialEnd::Refused),
            (408, OutdialEnd::NoAnswer),
            (404, OutdialEnd::Unreachable),
            (503, OutdialEnd::Unreachable),
        ] {
            assert_eq!(why_of(DialEnd::Refused(status)), why, "{status}");
        }
        assert_eq!(why_of(DialEnd::NoAnswer), OutdialEnd::NoAnswer);
    }
}
