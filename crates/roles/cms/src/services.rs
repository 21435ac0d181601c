//! The gRPC services of an interface server: parse, ask, answer.

use std::sync::Arc;

use partyline_conference::RoomId;
use partyline_rpc::conferencing::{AttemptReport, CommandOrder, NameToKeep, command_reply};
use partyline_rpc::generated::conferencing as wire;
use partyline_rpc::generated::conferencing::conferencing_server::Conferencing;
use partyline_rpc::generated::conferencing::leases_server::Leases;
use partyline_rpc::leases::{MixerRenewal, VruRenewal};
use partyline_store::{Attempt, MixerLease, StoreError, VruLease};
use tonic::{Request, Response, Status, Streaming};

use crate::attend::Down;
use crate::office::Office;

/// Answers `partyline.conferencing.v1.Conferencing`.
pub(crate) struct ConferencingService(pub(crate) Arc<Office>);

/// Answers `partyline.conferencing.v1.Leases`.
pub(crate) struct LeasesService(pub(crate) Arc<Office>);

#[expect(clippy::needless_pass_by_value, reason = "the shape that `map_err` wants")]
fn store_status(error: StoreError) -> Status {
    match error {
        StoreError::Unknown(what) => Status::not_found(format!("no such {what}")),
        StoreError::Unavailable(_) | StoreError::Damaged(_) | StoreError::Taken(_) => {
            tracing::warn!(%error, "the data store failed");
            Status::unavailable("the data store does not answer")
        }
    }
}

#[tonic::async_trait]
impl Conferencing for ConferencingService {
    type AttendStream = Down;

    async fn attend(&self, request: Request<Streaming<wire::AttendUp>>) -> Result<Response<Down>, Status> {
        self.0.attend(request.into_inner()).await.map(Response::new)
    }

    async fn command(
        &self,
        request: Request<wire::CommandRequest>,
    ) -> Result<Response<wire::CommandReply>, Status> {
        let order = CommandOrder::try_from(request.into_inner())?;
        if let Some(answer) = self.0.store.answered_command(order.id).await.map_err(store_status)? {
            return Ok(Response::new(command_reply(answer)));
        }
        tracing::info!(command = %order.id, room = %order.room, what = order.command.word().as_str(), "a command");
        let (id, room) = (order.id, order.room);
        let intent = self.0.intent_of(order).await.map_err(store_status)?;
        let outcome = self.0.ask(room, vec![intent]).await?;
        let answer = outcome.answers.iter().find(|(answered, _)| *answered == id).map(|(_, answer)| *answer);
        answer
            .map(|answer| Response::new(command_reply(answer)))
            .ok_or_else(|| Status::unavailable("the command was not decided; try again"))
    }

    async fn keep_name(
        &self,
        request: Request<wire::KeepNameRequest>,
    ) -> Result<Response<wire::KeepNameReply>, Status> {
        let NameToKeep { attendance, name } = request.into_inner().try_into()?;
        self.0.store.keep_name(attendance, &name).await.map_err(store_status)?;
        Ok(Response::new(wire::KeepNameReply {}))
    }

    async fn report_attempts(
        &self,
        request: Request<wire::ReportAttemptsRequest>,
    ) -> Result<Response<wire::ReportAttemptsReply>, Status> {
        let report = AttemptReport::try_from(request.into_inner())?;
        metrics::counter!("partyline_cms_attempts_overflowed_total").increment(report.overflowed);
        let vru = report.vru;
        let attempts: Vec<Attempt> = report
            .attempts
            .into_iter()
            .map(|refused| Attempt {
                id: refused.id,
                at: refused.at,
                refusal: refused.refusal,
                caller_number: refused.caller_number,
                dnis: refused.dnis,
                source: refused.source,
                vru: vru.clone(),
                room: refused.room,
            })
            .collect();
        self.0.store.record_attempts(&attempts).await.map_err(store_status)?;
        Ok(Response::new(wire::ReportAttemptsReply {}))
    }
}

#[tonic::async_trait]
impl Leases for LeasesService {
    async fn renew_mixer(
        &self,
        request: Request<wire::RenewMixerRequest>,
    ) -> Result<Response<wire::RenewReply>, Status> {
        let renewal = MixerRenewal::try_from(request.into_inner())?;
        let lease = MixerLease {
            id: renewal.id,
            class: renewal.class,
            address: renewal.address.to_string(),
            seats_max: renewal.seats_max,
            reserved: 0,
            counter: renewal.counter,
            instance: renewal.instance,
            is_draining: renewal.is_draining,
        };
        self.0.store.renew_mixer(&lease).await.map_err(store_status)?;
        Ok(Response::new(wire::RenewReply {}))
    }

    async fn renew_vru(
        &self,
        request: Request<wire::RenewVruRequest>,
    ) -> Result<Response<wire::RenewReply>, Status> {
        let renewal = VruRenewal::try_from(request.into_inner())?;
        let lease = VruLease { id: renewal.id, counter: renewal.counter, instance: renewal.instance };
        let gone = self.0.calls_of_an_earlier_instance(&lease).await.map_err(store_status)?;
        self.0.store.renew_vru(&lease).await.map_err(store_status)?;
        self.0.vru_lost(gone).await;
        Ok(Response::new(wire::RenewReply {}))
    }
}

impl Office {
    /// Where a VRU renews its lease for the first time since it started anew: the calls that it had before. It takes
    /// calls only after this renewal, so none of them is of the new instance.
    async fn calls_of_an_earlier_instance(
        &self,
        lease: &VruLease,
    ) -> Result<Vec<(RoomId, partyline_conference::AttendanceId)>, StoreError> {
        let known = self.store.vrus().await?;
        if known.iter().any(|known| known.id == lease.id && known.instance != lease.instance) {
            tracing::info!(vru = %lease.id, "the VRU has started anew");
            return self.store.attendances_of_vru(&lease.id).await;
        }
        Ok(Vec::new())
    }
}
