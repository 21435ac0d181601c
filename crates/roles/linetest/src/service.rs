//! The gRPC service of the line test: one stream per call.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use partyline_conference::VruId;
use partyline_rpc::generated::linetest as wire;
use partyline_rpc::generated::linetest::line_test_server::LineTest;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::{Request, Response, Status, Streaming};

use crate::script::{Measures, Script};

/// Longest wait for the hello.
const HELLO_MAX: Duration = Duration::from_secs(5);
/// How much longer than it plays a step may take: prompts before it, and a slow line.
const STEP_SLACK: Duration = Duration::from_secs(60);
/// Longest caller's number that is read.
const NUMBER_BYTES_MAX: usize = 64;

/// Answers `partyline.linetest.v1.LineTest`.
#[derive(Clone)]
pub(crate) struct LineTestService {
    pub(crate) measures: Measures,
    pub(crate) streams_max: usize,
    pub(crate) open: Arc<AtomicUsize>,
    pub(crate) stopping: CancellationToken,
    pub(crate) tasks: TaskTracker,
}

/// One of the tests that may run at once; given back when dropped.
struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

type Down = ReceiverStream<Result<wire::RunDown, Status>>;

#[tonic::async_trait]
impl LineTest for LineTestService {
    type RunStream = Down;

    async fn run(&self, request: Request<Streaming<wire::RunUp>>) -> Result<Response<Down>, Status> {
        let taken = self.open.fetch_add(1, Ordering::Relaxed);
        let place = Place(Arc::clone(&self.open));
        if taken >= self.streams_max {
            metrics::counter!("partyline_linetest_refused_total").increment(1);
            return Err(Status::unavailable("too many line tests at once"));
        }
        let mut up = request.into_inner();
        let hello = tokio::time::timeout(HELLO_MAX, first_hello(&mut up))
            .await
            .map_err(|_| Status::deadline_exceeded("no hello came"))??;
        metrics::counter!("partyline_linetest_runs_total").increment(1);
        tracing::info!(vru = hello.vru_id, call = hello.call_id, "a line test begins");

        let mut script = Script::new(self.measures, &hello.caller_number);
        let (down, steps) = mpsc::channel(1);
        if let Some(first) = script.begin() {
            // The channel is empty: this can't fail.
            let _ = down.try_send(Ok(first));
        }
        let service = self.clone();
        self.tasks.spawn(async move {
            let _place = place;
            service.carry_on(script, up, down).await;
        });
        Ok(Response::new(ReceiverStream::new(steps)))
    }
}

async fn first_hello(up: &mut Streaming<wire::RunUp>) -> Result<wire::RunHello, Status> {
    use wire::run_up::Up;
    match up.message().await?.and_then(|message| message.up) {
        Some(Up::Hello(hello)) => {
            VruId::new(&hello.vru_id)
                .map_err(|error| Status::invalid_argument(format!("vru_id: {error}")))?;
            if hello.caller_number.len() > NUMBER_BYTES_MAX {
                return Err(Status::invalid_argument("caller_number is too long"));
            }
            Ok(hello)
        }
        Some(Up::Done(_)) | None => Err(Status::invalid_argument("the first message is no hello")),
    }
}

impl LineTestService {
    fn step_max(&self) -> Duration {
        let longest = self.measures.tone_ms.max(self.measures.echo_ms);
        Duration::from_millis(u64::from(longest)) + STEP_SLACK
    }

    /// Sends the next step after each that is done, until the script is over or the stream breaks.
    async fn carry_on(
        &self,
        mut script: Script,
        mut up: Streaming<wire::RunUp>,
        down: mpsc::Sender<Result<wire::RunDown, Status>>,
    ) {
        loop {
            let next = tokio::select! {
                message = tokio::time::timeout(self.step_max(), up.message()) => {
                    message.map_or_else(|_| Err(Status::deadline_exceeded("a step was never done")), |message| {
                        next_step(&mut script, message)
                    })
                }
                () = down.closed() => return,
                () = self.stopping.cancelled() => Err(Status::unavailable("the line test is stopping")),
            };
            let (message, goes_on) = match next {
                Ok(Next::Step(step)) => (Ok(step), true),
                Ok(Next::Wait) => continue,
                Ok(Next::Over) => return,
                Err(status) => (Err(status), false),
            };
            if down.send(message).await.is_err() || !goes_on {
                return;
            }
        }
    }
}

enum Next {
    Step(wire::RunDown),
    Wait,
    Over,
}

fn next_step(script: &mut Script, message: Result<Option<wire::RunUp>, Status>) -> Result<Next, Status> {
    use wire::run_up::Up;
    let Some(message) = message? else { return Ok(Next::Over) };
    match message.up {
        Some(Up::Done(report)) => {
            let is_last = script.is_finishing();
            match script.done(report).map_err(|error| Status::invalid_argument(error.to_string()))? {
                Some(step) => Ok(Next::Step(step)),
                None if is_last => Ok(Next::Over),
                None => Ok(Next::Wait),
            }
        }
        Some(Up::Hello(_)) | None => Err(Status::invalid_argument("only done steps may follow the hello")),
    }
}
