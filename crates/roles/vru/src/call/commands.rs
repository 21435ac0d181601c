//! Commands of a caller to the CMS, and questions about the conference to the store: each answered once, in bounded time.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use partyline_call::{AskNumber, Fact};
use partyline_conference::{Command, CommandAnswer, CommandId, ConferenceId, RoomId, Timestamp};
use partyline_rpc::conferencing::{CommandOrder, command_answer};
use tracing::{info, warn};

use super::{Call, Shared};

/// Ways that are tried: a proxy or an interface server may be gone, and the next takes over within this.
const TRIES: u32 = 3;
/// Between two of them.
const PAUSE: Duration = Duration::from_millis(100);

impl Call {
    /// Sends a command. A repeat is known by its identifier and changes nothing, so that it can be tried again.
    pub(super) fn command(&mut self, number: AskNumber, room: RoomId, command: Command) {
        let id = CommandId::from_bits(rand::random());
        info!(
            call = %self.party.call_id, attendance = %self.attendance_id, command = %id,
            what = command.word().as_str(), "a command"
        );
        let order = CommandOrder { id, room, by: Some(self.attendance_id), command };
        let shared = Arc::clone(&self.shared);
        self.checks
            .spawn(async move { Fact::CommandAnswered { number, answer: answer(&shared, order).await } });
    }

    pub(super) fn read_roster(&mut self, number: AskNumber, conference: ConferenceId) {
        let shared = Arc::clone(&self.shared);
        self.checks.spawn(async move {
            let reading = shared.store.roster(conference);
            Fact::Roster { number, entries: read(&shared, "roster", reading).await }
        });
    }

    pub(super) fn read_waiting(&mut self, number: AskNumber, room: RoomId) {
        let shared = Arc::clone(&self.shared);
        self.checks.spawn(async move {
            let reading = shared.store.waiting(room);
            Fact::Waiting { number, entries: read(&shared, "waiting room", reading).await }
        });
    }
}

/// The wall clock's time.
pub(super) fn wall_clock() -> Fact {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    Fact::WallClock(Timestamp::default().after(since))
}

async fn read<T, E: std::fmt::Display>(
    shared: &Shared,
    what: &str,
    reading: impl Future<Output = Result<T, E>>,
) -> Option<T> {
    match tokio::time::timeout(shared.config.waits.store(), reading).await {
        Ok(Ok(found)) => Some(found),
        Ok(Err(error)) => {
            warn!(%error, "the {what} could not be read");
            None
        }
        Err(_) => {
            warn!("the store did not answer in time");
            None
        }
    }
}

async fn answer(shared: &Shared, order: CommandOrder) -> Option<CommandAnswer> {
    let what = order.command.word().as_str();
    for tried in 0..TRIES {
        if tried > 0 {
            tokio::time::sleep(PAUSE).await;
        }
        let (place, channel) = shared.proxies.current()?;
        let mut client = partyline_rpc::clients::conferencing(channel);
        let asked = client.command(tonic::Request::new(order.clone().into()));
        match tokio::time::timeout(shared.config.waits.report(), asked).await {
            Ok(Ok(reply)) => {
                let answer = command_answer(reply.get_ref()).ok()?;
                let outcome = answer.err().map_or("done", |refusal| refusal.as_str());
                metrics::counter!("partyline_vru_commands_total", "what" => what, "answer" => outcome)
                    .increment(1);
                return Some(answer);
            }
            Ok(Err(status)) => info!(command = %order.id, code = ?status.code(), "a command failed"),
            Err(_) => info!(command = %order.id, "a command was not answered in time"),
        }
        shared.proxies.failed(place);
    }
    metrics::counter!("partyline_vru_commands_total", "what" => what, "answer" => "unavailable").increment(1);
    None
}
