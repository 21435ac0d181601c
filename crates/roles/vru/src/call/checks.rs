//! Codes and PINs: the guess defence, and what the store says. Never a code in a log.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use partyline_call::{CodeAnswer, Fact, PinAnswer};
use partyline_conference::{AttemptId, ConferenceCode, HostPin, Refusal, RoomId, Timestamp};
use partyline_rpc::conferencing::RefusedTry;
use tokio::sync::OwnedSemaphorePermit;
use tracing::{info, warn};

use super::{Call, Shared};
use crate::clock::now;
use crate::guard::{Source, Verdict};
use crate::sources::TurnedAway;

impl Call {
    pub(super) fn look_up(&mut self, code: ConferenceCode, only_room: Option<RoomId>) {
        let (shared, guesser) = (Arc::clone(&self.shared), self.guesser());
        self.checks
            .spawn(async move { Fact::CodeChecked(look_up(&shared, guesser, &code, only_room).await) });
    }

    pub(super) fn verify(&mut self, room: RoomId, pin: HostPin) {
        let (shared, guesser) = (Arc::clone(&self.shared), self.guesser());
        self.checks.spawn(async move { Fact::PinChecked(verify(&shared, guesser, room, &pin).await) });
    }

    fn guesser(&self) -> Guesser {
        let address = self.party.source.ip();
        let trunk = self.admitted.trunk.as_deref();
        // Telephones that are known by a password say who calls as they like.
        let tells_callers_apart = trunk.is_some_and(|trunk| trunk.users.is_empty());
        let source = if tells_callers_apart
            || self.shared.config.trusted_sources.iter().any(|network| network.contains(address))
        {
            Source::caller(&self.party.number, &self.service.dnis)
        } else {
            Source::from(address)
        };
        Guesser { source, address }
    }

    pub(super) fn report(&self, refusal: Refusal, room: Option<RoomId>) {
        info!(call = %self.party.call_id, refusal = refusal.as_str(), "refused");
        metrics::counter!("partyline_vru_refusals_total", "refusal" => refusal.as_str()).increment(1);
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
        self.shared.attempts.add(RefusedTry {
            id: AttemptId::from_bits(rand::random()),
            at: Timestamp::default().after(since),
            refusal,
            caller_number: self.party.number.clone(),
            dnis: self.service.dnis.clone(),
            source: self.party.source.ip().to_string(),
            room,
        });
    }
}

/// Who tries: as the guess defence counts them, and where their calls come from.
struct Guesser {
    source: Source,
    address: IpAddr,
}

async fn look_up(
    shared: &Shared,
    guesser: Guesser,
    code: &ConferenceCode,
    only_room: Option<RoomId>,
) -> CodeAnswer {
    let attempt = match Attempt::begin(shared, guesser).await {
        Ok(attempt) => attempt,
        Err(NoTry::LockedOut) => return CodeAnswer::LockedOut,
        Err(NoTry::NotInTime) => return CodeAnswer::Unavailable,
    };
    let found = tokio::time::timeout(shared.config.waits.store(), shared.store.look_up_code(code)).await;
    match found {
        Ok(Ok(Some(found))) if only_room.is_none_or(|room| room == found.room) => CodeAnswer::Known(found),
        Ok(Ok(Some(_) | None)) => CodeAnswer::Unknown { delay: attempt.was_wrong() },
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

async fn verify(shared: &Shared, guesser: Guesser, room: RoomId, pin: &HostPin) -> PinAnswer {
    let attempt = match Attempt::begin(shared, guesser).await {
        Ok(attempt) => attempt,
        Err(NoTry::LockedOut) => return PinAnswer::LockedOut,
        Err(NoTry::NotInTime) => return PinAnswer::Unavailable,
    };
    match tokio::time::timeout(shared.config.waits.store(), shared.store.is_host_pin(room, pin)).await {
        Ok(Ok(true)) => PinAnswer::Right,
        Ok(Ok(false)) => PinAnswer::Wrong { delay: attempt.was_wrong() },
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

/// Why nothing is checked.
enum NoTry {
    /// The source has none left.
    LockedOut,
    /// All that it has left are under way, and take too long.
    NotInTime,
}

/// A try that was taken, and is given back unless it turns out wrong.
struct Attempt<'a> {
    shared: &'a Shared,
    guesser: Guesser,
    taken: Option<OwnedSemaphorePermit>,
}

impl<'a> Attempt<'a> {
    async fn begin(shared: &'a Shared, guesser: Guesser) -> Result<Self, NoTry> {
        let tries = shared.guard.lock().tries(now(), &guesser.source).ok_or(NoTry::LockedOut)?;
        let mut attempt = Self { shared, guesser, taken: None };
        match tokio::time::timeout(shared.config.waits.store(), tries.acquire_owned()).await {
            Ok(Ok(permit)) => attempt.taken = Some(permit),
            // The lockout closes it.
            Ok(Err(_)) => return Err(NoTry::LockedOut),
            Err(_) => return Err(NoTry::NotInTime),
        }
        Ok(attempt)
    }

    /// Counts a wrong code or PIN; how long its answer waits.
    fn was_wrong(mut self) -> Duration {
        if let Some(permit) = self.taken.take() {
            permit.forget();
        }
        let Guesser { source, address } = &self.guesser;
        self.shared.sources.note(TurnedAway::WrongCode, *address);
        let verdict = self.shared.guard.lock().wrong(now(), source);
        match verdict {
            Verdict::Delay(delay) => {
                info!(%source, delay_ms = delay.as_millis(), "a wrong code or PIN");
                delay
            }
            Verdict::LockedOut => {
                warn!(%source, "too many wrong codes: locked out");
                metrics::counter!("partyline_vru_lockouts_total").increment(1);
                Duration::from_millis(self.shared.config.guess_defence.delay_max_ms)
            }
        }
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        drop(self.taken.take());
        self.shared.guard.lock().settled(&self.guesser.source);
    }
}
