//! The gRPC service of a mixer: parse, check, order the engine.

use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use partyline_conference::{AttendanceId, Epoch, MixId, Timestamp};
use partyline_engine::{Attachment, Engine, EngineError, LegId, MixKey};
use partyline_rpc::generated::mixing as wire;
use partyline_rpc::generated::mixing::mixing_server::Mixing;
use partyline_rpc::mixing::{EndMix, EnsureMix, JoinMix, LeaveMix, PlaySound, SetLeg};
use partyline_rpc::{Ticket, TicketVerifier};
use tonic::{Request, Response, Status};

use crate::announcing::Crier;
use crate::config::Config;
use crate::mixes::{CareDue, Mixes, Setting, care_at_first};

/// Legs that have left and that the engine has not taken out yet.
const LEAVING_MAX: usize = 64;

type Answer = Result<Response<wire::Done>, Status>;

/// What the tasks of one mixer share.
pub(crate) struct Desk {
    pub(crate) config: Config,
    pub(crate) engine: Engine,
    pub(crate) verifier: TicketVerifier,
    pub(crate) mixes: Arc<Mutex<Mixes>>,
    pub(crate) crier: Arc<Crier>,
}

/// Answers `partyline.mixing.v1.Mixing`.
pub(crate) struct MixingService(pub(crate) Arc<Desk>);

fn done() -> Answer {
    Ok(Response::new(wire::Done {}))
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

fn engine_status(error: EngineError) -> Status {
    let text = error.to_string();
    match error {
        EngineError::NoLeg | EngineError::NoMix => Status::not_found(text),
        EngineError::MixFull => Status::resource_exhausted(text),
        EngineError::Unresponsive => Status::unavailable(text),
    }
}

impl Desk {
    async fn ensure(&self, order: &EnsureMix) -> Result<(), Status> {
        let order = EnsureMix { voices: self.config.care(order.voices), ..*order };
        self.open(&order)?;
        self.care((order.mix, order.epoch)).await
    }

    fn open(&self, order: &EnsureMix) -> Result<(), Status> {
        let mut mixes = self.mixes.lock();
        let ensured = mixes.ensure(Instant::now(), order, MixKey(rand::random()))?;
        if let Some(key) = ensured.close {
            self.engine.close_mix(key);
        }
        if let Some(key) = ensured.open {
            tracing::info!(mix = %order.mix, epoch = %order.epoch, conference = ?order.conference, "a mix opens");
            // Seats are counted here; a leg that has left may be in the engine's mix for a moment still.
            let legs_max =
                usize::try_from(self.config.seats_max).unwrap_or(usize::MAX).saturating_add(LEAVING_MAX);
            let treatment = self.config.treatment(care_at_first(order.voices));
            if let Err(error) = self.engine.open_mix(key, legs_max, treatment) {
                mixes.open_failed(order.mix);
                return Err(engine_status(error));
            }
        }
        self.measure(&mixes);
        Ok(())
    }

    /// Has the engine treat the voices of a mix as is wanted by now, whichever of two orders is carried out first.
    async fn care(&self, placement: (MixId, Epoch)) -> Result<(), Status> {
        loop {
            let due = self.mixes.lock().care_due(placement);
            let Some(CareDue { key, given, wanted }) = due else { return Ok(()) };
            let suppresses = wanted.noise_suppression;
            if suppresses != given.noise_suppression {
                let engine = self.engine.clone();
                // It takes longer than a task may.
                let suppressed =
                    tokio::task::spawn_blocking(move || engine.suppress_noise(key, suppresses)).await;
                suppressed.map_err(|error| Status::internal(error.to_string()))?.map_err(engine_status)?;
            }
            if wanted.agc != given.agc {
                self.engine.treat_mix(key, self.config.treatment(wanted)).map_err(engine_status)?;
            }
            tracing::info!(mix = %placement.0, ?wanted, "voices are treated in another way");
            self.mixes.lock().care_given(placement, wanted);
        }
    }

    fn end(&self, order: &EndMix) -> Result<(), Status> {
        let mut mixes = self.mixes.lock();
        if let Some(key) = mixes.end(order)? {
            tracing::info!(mix = %order.mix, epoch = %order.epoch, "a mix ends");
            self.engine.close_mix(key);
        }
        self.measure(&mixes);
        Ok(())
    }

    async fn set(&self, order: &SetLeg) -> Result<(), Status> {
        let setting = self.mixes.lock().set(Instant::now(), order)?;
        match setting {
            Some(Setting::Adjust(leg, key, attachment)) => {
                self.adjust(leg, key, attachment).await?;
                self.settle((order.mix, order.epoch, key), order.attendance, leg, attachment).await
            }
            Some(Setting::Detach(leg, key)) => {
                self.engine.detach(leg, key);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Changes how a leg is attached. A leg that is not in the mix is on its way there (its join sees to it then), or
    /// away.
    async fn adjust(&self, leg: LegId, key: MixKey, attachment: Attachment) -> Result<(), Status> {
        match self.engine.adjust(leg, key, attachment).await {
            Ok(()) | Err(EngineError::NoMix | EngineError::NoLeg) => Ok(()),
            Err(error) => Err(engine_status(error)),
        }
    }

    /// Two orders for one leg may reach the engine in another order than that in which they were taken here: whoever
    /// was carried out looks whether it is still what should hold.
    async fn settle(
        &self,
        (mix, epoch, key): (MixId, Epoch, MixKey),
        attendance: AttendanceId,
        leg: LegId,
        mut attachment: Attachment,
    ) -> Result<(), Status> {
        loop {
            let wanted = self.mixes.lock().wanted((mix, epoch), attendance, leg);
            match wanted {
                Some(wanted) if wanted != attachment => {
                    self.adjust(leg, key, wanted).await?;
                    attachment = wanted;
                }
                Some(_) | None => return Ok(()),
            }
        }
    }

    /// Checks a ticket against what the VRU says besides.
    fn admit(&self, join: &JoinMix) -> Result<Ticket, Status> {
        let ticket = self.verifier.verify(&join.ticket, now()).map_err(|error| {
            metrics::counter!("partyline_mixer_tickets_refused_total").increment(1);
            Status::permission_denied(error.to_string())
        })?;
        if ticket.vru != join.vru || ticket.leg_name != join.leg_name {
            return Err(Status::permission_denied("the ticket is another caller's"));
        }
        if join.leg.engine != self.engine.id().0 {
            return Err(Status::invalid_argument("the leg is of another process's engine"));
        }
        Ok(ticket)
    }

    async fn join(&self, join: &JoinMix) -> Result<(), Status> {
        let ticket = self.admit(join)?;
        let leg = LegId(join.leg.leg);
        let joining = self.mixes.lock().join(&ticket, leg)?;
        if let Some(replaced) = joining.replaces {
            self.engine.detach(replaced, joining.key);
        }
        let attached = self.engine.attach(leg, joining.key, joining.attachment).await;
        if let Err(error) = attached {
            self.mixes.lock().join_failed(Instant::now(), &ticket, leg);
            return Err(engine_status(error));
        }
        let placement = (ticket.mix, ticket.epoch, joining.key);
        self.settle(placement, ticket.attendance, leg, joining.attachment).await?;
        let mixes = self.mixes.lock();
        if !mixes.has(&ticket, leg) {
            // It was told to leave while the engine took it in.
            self.engine.detach(leg, joining.key);
        }
        self.measure(&mixes);
        tracing::debug!(mix = %ticket.mix, attendance = %ticket.attendance, leg = leg.0, "a leg comes in");
        Ok(())
    }

    fn leave(&self, order: &LeaveMix) {
        let mut mixes = self.mixes.lock();
        if let Some((leg, key)) = mixes.leave(Instant::now(), order) {
            self.engine.detach(leg, key);
            tracing::debug!(mix = %order.mix, name = %order.leg_name, leg = leg.0, "a leg leaves");
        }
        self.measure(&mixes);
    }

    /// Closes what has been empty for long.
    pub(crate) fn forget_empty(&self) {
        let mut mixes = self.mixes.lock();
        for key in mixes.forget_empty(Instant::now()) {
            tracing::warn!("a mix was empty for long and is closed; the order to end it was lost");
            self.engine.close_mix(key);
        }
        self.measure(&mixes);
    }

    /// Closes everything.
    pub(crate) fn close_all(&self) {
        for key in self.mixes.lock().clear() {
            self.engine.close_mix(key);
        }
    }

    fn measure(&self, mixes: &Mixes) {
        metrics::gauge!("partyline_mixer_legs").set(mixes.seats_taken() as f64);
        metrics::gauge!("partyline_mixer_mixes").set(mixes.len() as f64);
    }
}

#[tonic::async_trait]
impl Mixing for MixingService {
    async fn ensure(&self, request: Request<wire::EnsureRequest>) -> Answer {
        self.0.ensure(&EnsureMix::try_from(request.into_inner())?).await?;
        done()
    }

    async fn end(&self, request: Request<wire::EndRequest>) -> Answer {
        self.0.end(&EndMix::try_from(request.into_inner())?)?;
        done()
    }

    async fn set(&self, request: Request<wire::SetRequest>) -> Answer {
        self.0.set(&SetLeg::try_from(request.into_inner())?).await?;
        done()
    }

    async fn play(&self, request: Request<wire::PlayRequest>) -> Answer {
        self.0.crier.play(&PlaySound::try_from(request.into_inner())?)?;
        done()
    }

    async fn join(&self, request: Request<wire::JoinRequest>) -> Answer {
        self.0.join(&JoinMix::try_from(request.into_inner())?).await?;
        done()
    }

    async fn leave(&self, request: Request<wire::LeaveRequest>) -> Answer {
        self.0.leave(&LeaveMix::try_from(request.into_inner())?);
        done()
    }
}
