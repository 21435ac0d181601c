//! Codes and PINs: the guess defence, and what the store says. Never a code in a log.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use partyline_call::{CodeAnswer, Fact, PinAnswer};
use partyline_conference::{AttemptId, ConferenceCode, HostPin, Refusal, RoomId, Timestamp};
use partyline_rpc::conferencing::RefusedTry;
use tracing::{info, warn};

use super::{Call, Shared};
use crate::guard::{Source, Verdict};
use crate::sip::now;

impl Call {
    pub(super) fn look_up(&mut self, code: ConferenceCode, only_room: Option<RoomId>) {
        let (shared, source) = (Arc::clone(&self.shared), self.source());
        self.checks.spawn(async move { Fact::CodeChecked(look_up(&shared, source, &code, only_room).await) });
    }

    pub(super) fn verify(&mut self, room: RoomId, pin: HostPin) {
        let (shared, source) = (Arc::clone(&self.shared), self.source());
        self.checks.spawn(async move { Fact::PinChecked(verify(&shared, source, room, &pin).await) });
    }

    fn source(&self) -> Source {
        Source::from(self.incoming.source.ip())
    }

    pub(super) fn report(&self, refusal: Refusal, room: Option<RoomId>) {
        info!(call = %self.incoming.call_id, refusal = refusal.as_str(), "refused");
        metrics::counter!("partyline_vru_refusals_total", "refusal" => refusal.as_str()).increment(1);
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
        self.shared.attempts.add(RefusedTry {
            id: AttemptId::from_bits(rand::random()),
            at: Timestamp::default().after(since),
            refusal,
            caller_number: self.incoming.caller.clone(),
            dnis: self.service.dnis.clone(),
            source: self.incoming.source.ip().to_string(),
            room,
        });
    }
}

async fn look_up(
    shared: &Shared,
    source: Source,
    code: &ConferenceCode,
    only_room: Option<RoomId>,
) -> CodeAnswer {
    if shared.guard.lock().is_locked_out(now(), source) {
        return CodeAnswer::LockedOut;
    }
    let found = tokio::time::timeout(shared.config.waits.store(), shared.store.look_up_code(code)).await;
    match found {
        Ok(Ok(Some(found))) if only_room.is_some_and(|room| room != found.room) => {
            CodeAnswer::Unknown { delay: wrong(shared, source) }
        }
        Ok(Ok(Some(found))) => CodeAnswer::Known(found),
        Ok(Ok(None)) => CodeAnswer::Unknown { delay: wrong(shared, source) },
        Ok(Err(error)) => {
            warn!(%error, "a code could not be looked up");
            CodeAnswer::Unavailable
        }
        Err(_) => {
            warn!("the store did not answer in time");
            CodeAnswer::Unavailable
        }
    }
}

async fn verify(shared: &Shared, source: Source, room: RoomId, pin: &HostPin) -> PinAnswer {
    if shared.guard.lock().is_locked_out(now(), source) {
        return PinAnswer::LockedOut;
    }
    match tokio::time::timeout(shared.config.waits.store(), shared.store.is_host_pin(room, pin)).await {
        Ok(Ok(true)) => PinAnswer::Right,
        Ok(Ok(false)) => PinAnswer::Wrong { delay: wrong(shared, source) },
        Ok(Err(error)) => {
            warn!(%error, "a PIN could not be checked");
            PinAnswer::Unavailable
        }
        Err(_) => {
            warn!("the store did not answer in time");
            PinAnswer::Unavailable
        }
    }
}

/// Counts a wrong code or PIN; how long its answer waits.
fn wrong(shared: &Shared, source: Source) -> Duration {
    let verdict = shared.guard.lock().wrong(now(), source);
    match verdict {
        Verdict::Delay(delay) => {
            info!(%source, delay_ms = delay.as_millis(), "a wrong code or PIN");
            delay
        }
        Verdict::LockedOut => {
            warn!(%source, "too many wrong codes: locked out");
            metrics::counter!("partyline_vru_lockouts_total").increment(1);
            Duration::from_millis(shared.config.guess_defence.delay_max_ms)
        }
    }
}
