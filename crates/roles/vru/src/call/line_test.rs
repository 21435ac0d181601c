//! The stream of one line test.

use std::time::Duration;

use partyline_call::{Fact, TestAction, TestStep};
use partyline_engine::LegReport;
use partyline_rpc::generated::linetest as wire;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;
use tracing::info;

use crate::proxies::Proxies;

/// A step done, and a spare.
const UP_MAX: usize = 4;
/// Our frame, once each way, belongs to what a caller hears as delay.
const FRAMES: Duration = Duration::from_millis(40);
/// For the server to take the last word and end the stream.
const FINISH_MAX: Duration = Duration::from_secs(1);

/// The call's end of a line test.
#[derive(Debug)]
pub(crate) struct TestStream {
    up: mpsc::Sender<wire::RunUp>,
    opening: Option<ReceiverStream<wire::RunUp>>,
    down: Option<Streaming<wire::RunDown>>,
    proxies: Proxies,
    answer_max: Duration,
}

impl TestStream {
    pub(crate) fn new(hello: wire::RunHello, proxies: Proxies, answer_max: Duration) -> Self {
        let (up, messages) = mpsc::channel(UP_MAX);
        let hello = wire::RunUp { up: Some(wire::run_up::Up::Hello(hello)) };
        up.try_send(hello).expect("an empty channel takes a message");
        Self { up, opening: Some(ReceiverStream::new(messages)), down: None, proxies, answer_max }
    }

    /// Waits for the next step, or the end. Safe to cancel once the stream is open; `open` is to be awaited before.
    pub(crate) async fn next(&mut self) -> Fact {
        let Some(down) = &mut self.down else {
            return Fact::StepsEnded;
        };
        loop {
            match down.message().await {
                Ok(Some(message)) => {
                    if let Some(step) = step(message) {
                        return Fact::Step(step);
                    }
                }
                Ok(None) => return Fact::StepsEnded,
                Err(status) => {
                    info!(code = ?status.code(), "the line test broke");
                    return Fact::StepsEnded;
                }
            }
        }
    }

    /// Opens the stream.
    pub(crate) async fn open(mut self) -> Self {
        let (Some(messages), Some((place, channel))) = (self.opening.take(), self.proxies.current()) else {
            return self;
        };
        let mut client = partyline_rpc::clients::line_test(channel);
        match tokio::time::timeout(self.answer_max, client.run(messages)).await {
            Ok(Ok(response)) => self.down = Some(response.into_inner()),
            Ok(Err(status)) => {
                info!(code = ?status.code(), "no line test");
                self.proxies.failed(place);
            }
            Err(_) => {
                info!("no line test in time");
                self.proxies.failed(place);
            }
        }
        self
    }

    pub(crate) fn done(&self, number: u32, report: Option<LegReport>) {
        let report = report.unwrap_or_default();
        let delay = report.depth + report.round_trip.unwrap_or_default() + FRAMES;
        let done = wire::StepDone {
            step: number,
            packets_received: report.packets_received,
            packets_lost: report.packets_lost,
            delay_ms: u32::try_from(delay.as_millis()).unwrap_or(u32::MAX),
        };
        // A server that does not take it has ended the stream, which `next` tells.
        let _ = self.up.try_send(wire::RunUp { up: Some(wire::run_up::Up::Done(done)) });
    }

    /// Says no more, and waits until the server has heard what was said: dropping a stream takes back what is on its way.
    pub(crate) async fn finish(self) {
        let Self { up, down, .. } = self;
        drop(up);
        let ending = async {
            if let Some(mut down) = down {
                while let Ok(Some(_)) = down.message().await {}
            }
        };
        let _ = tokio::time::timeout(FINISH_MAX, ending).await;
    }
}

fn step(message: wire::RunDown) -> Option<TestStep> {
    use wire::run_down::Action;
    let action = match message.action? {
        Action::SayDigits(say) => TestAction::SayNumber(say.digits.chars().take(40).collect()),
        Action::Tone(tone) => TestAction::Tone {
            frequency_hz: tone.frequency_hz,
            duration: Duration::from_millis(u64::from(tone.duration_ms)),
        },
        Action::Echo(echo) => {
            TestAction::Echo { duration: Duration::from_millis(u64::from(echo.duration_ms)) }
        }
        Action::Report(report) => {
            TestAction::Report { loss_tenths_percent: report.loss_tenths_percent, delay_ms: report.delay_ms }
        }
        Action::Finish(_) => TestAction::Finish,
    };
    Some(TestStep { number: message.step, action })
}
