//! What calls, registrations and trunks say to the endpoint, from their own tasks.

use partyline_sip::auth::Challenge;
use partyline_sip::endpoint::{
    Because, CallError, CallKey, EndpointCounters, OutgoingCall, Registration, RegistrationKey,
};
use partyline_sip::rules::Network;
use partyline_sip::sdp::{Agreement, Capabilities};
use tokio::sync::{mpsc, oneshot};

use super::{PlacedCall, RegistrationEvents};

#[derive(Debug)]
pub(super) enum Command {
    Answer {
        call: CallKey,
        capabilities: Box<Capabilities>,
        reply: oneshot::Sender<Result<Option<Agreement>, CallError>>,
    },
    Ring(CallKey),
    Waits(CallKey),
    Reject {
        call: CallKey,
        status: u16,
        because: Because,
    },
    Challenge {
        call: CallKey,
        challenge: Box<Challenge>,
    },
    Trust(Vec<Network>),
    Register {
        wanted: Box<Registration>,
        reply: oneshot::Sender<Result<RegistrationEvents, CallError>>,
    },
    Unregister(RegistrationKey),
    Call {
        outgoing: Box<OutgoingCall>,
        reply: oneshot::Sender<Result<PlacedCall, CallError>>,
    },
    HangUp {
        call: CallKey,
        because: Because,
    },
    Counters(oneshot::Sender<EndpointCounters>),
    TakeNoMore,
}

/// What calls say to the endpoint. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct SipCommands(pub(super) mpsc::Sender<Command>);

impl SipCommands {
    /// Answers a call; the endpoint's own end counts as "no such call".
    pub(crate) async fn answer(
        &self,
        call: CallKey,
        capabilities: Capabilities,
    ) -> Result<Option<Agreement>, CallError> {
        let (reply, answer) = oneshot::channel();
        let command = Command::Answer { call, capabilities: Box::new(capabilities), reply };
        self.0.send(command).await.map_err(|_| CallError::NoCall)?;
        answer.await.unwrap_or(Err(CallError::NoCall))
    }

    /// Says that a call was heard and will be answered later. Where there is no room for that, nothing is said.
    pub(crate) fn ring(&self, call: CallKey) {
        if self.0.try_send(Command::Ring(call)).is_err() {
            metrics::counter!("partyline_vru_commands_dropped_total").increment(1);
        }
    }

    /// Says that a call waits for its answer on purpose, and not for the machine.
    pub(crate) fn waits(&self, call: CallKey) {
        if self.0.try_send(Command::Waits(call)).is_err() {
            metrics::counter!("partyline_vru_commands_dropped_total").increment(1);
        }
    }

    pub(crate) async fn reject(&self, call: CallKey, status: u16, because: Because) {
        // Only a VRU that has ended takes no commands, and its calls have ended with it.
        let _ = self.0.send(Command::Reject { call, status, because }).await;
    }

    /// Asks a call for a password; it ends by that.
    pub(crate) async fn challenge(&self, call: CallKey, challenge: Challenge) {
        let _ = self.0.send(Command::Challenge { call, challenge: Box::new(challenge) }).await;
    }

    /// Says anew who is trusted.
    pub(crate) async fn trust(&self, trusted: Vec<Network>) {
        let _ = self.0.send(Command::Trust(trusted)).await;
    }

    /// Registers with somebody, until `unregister`.
    pub(crate) async fn register(&self, wanted: Registration) -> Result<RegistrationEvents, CallError> {
        let (reply, begun) = oneshot::channel();
        let command = Command::Register { wanted: Box::new(wanted), reply };
        self.0.send(command).await.map_err(|_| CallError::NoCall)?;
        begun.await.unwrap_or(Err(CallError::NoCall))
    }

    /// Takes a registration back; its end is told.
    pub(crate) async fn unregister(&self, key: RegistrationKey) {
        let _ = self.0.send(Command::Unregister(key)).await;
    }

    /// Calls somebody; the endpoint's own end counts as "no such call".
    pub(crate) async fn call(&self, outgoing: OutgoingCall) -> Result<PlacedCall, CallError> {
        let (reply, placed) = oneshot::channel();
        let command = Command::Call { outgoing: Box::new(outgoing), reply };
        self.0.send(command).await.map_err(|_| CallError::NoCall)?;
        placed.await.unwrap_or(Err(CallError::NoCall))
    }

    pub(crate) async fn hang_up(&self, call: CallKey, because: Because) {
        let _ = self.0.send(Command::HangUp { call, because }).await;
    }

    /// For a call whose task died: there is nobody to wait.
    pub(crate) fn hang_up_now(&self, call: CallKey, because: Because) {
        if self.0.try_send(Command::HangUp { call, because }).is_err() {
            metrics::counter!("partyline_vru_commands_dropped_total").increment(1);
        }
    }

    pub(crate) async fn counters(&self) -> Option<EndpointCounters> {
        let (reply, answer) = oneshot::channel();
        self.0.send(Command::Counters(reply)).await.ok()?;
        answer.await.ok()
    }

    /// From now on new calls are refused: the VRU is being stopped.
    pub(crate) async fn take_no_more(&self) {
        let _ = self.0.send(Command::TakeNoMore).await;
    }
}
