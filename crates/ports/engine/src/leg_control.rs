//! Command of one leg.

use std::sync::{Arc, Weak};
use std::time::Duration;

use partyline_audio::{Player, Program};
use partyline_media::{LegMedia, LegReport, PlayId, RATE_HZ, Recorder, RecordingId};
use tokio::sync::oneshot;

use crate::inbox::{LegCommand, LegInbox};
use crate::shared::Shared;
use crate::types::LegId;

/// How long an answer may take. A media thread answers within two frames; this is for one that hangs.
pub(crate) const ANSWER_MAX: Duration = Duration::from_secs(2);

/// Command of one leg. Dropping it closes the leg: its ports are free again.
#[derive(Debug)]
pub struct LegControl {
    id: LegId,
    local_port: u16,
    inbox: Arc<LegInbox>,
    engine: Weak<Shared>,
}

impl LegControl {
    pub(crate) const fn new(id: LegId, local_port: u16, inbox: Arc<LegInbox>, engine: Weak<Shared>) -> Self {
        Self { id, local_port, inbox, engine }
    }

    pub(crate) const fn set_local_port(&mut self, port: u16) {
        self.local_port = port;
    }

    /// The leg's name.
    #[must_use]
    pub const fn id(&self) -> LegId {
        self.id
    }

    /// The local RTP port.
    #[must_use]
    pub const fn local_port(&self) -> u16 {
        self.local_port
    }

    /// Sets (or changes, after a re-INVITE) the far side and codec. From here on the leg sends every 20 ms.
    pub fn connect(&self, media: LegMedia) {
        self.command(LegCommand::Connect(media));
    }

    /// Signalling has shown that the caller hears us (ACK, or the answer to a call of ours): more may be sent to an
    /// address that has not sent anything yet.
    pub fn confirm(&self) {
        self.command(LegCommand::Confirm);
    }

    /// Plays a program over whatever the caller hears (which is ducked), instead of the one that plays now.
    /// Clips of other rates than [`RATE_HZ`] are resampled in this call: better once, when they are loaded.
    pub fn play(&self, play: PlayId, program: Program) {
        self.command(LegCommand::Play(play, Player::new(&program, RATE_HZ)));
    }

    /// Stops what plays.
    pub fn stop(&self) {
        self.command(LegCommand::Stop);
    }

    /// Sends the caller's own audio back (line test), or no longer.
    pub fn set_echo(&self, echoes: bool) {
        self.command(LegCommand::Echo(echoes));
    }

    /// Records what the caller says while in no mix, so many samples at [`RATE_HZ`] at most, instead of what is
    /// recorded now. It ends by itself when the caller has spoken, or does not.
    pub fn record(&self, recording: RecordingId, samples_max: usize) {
        self.command(LegCommand::Record(Box::new(Recorder::new(recording, samples_max))));
    }

    /// Ends the recording and takes what was said, without the silence around it; `None` where nothing was said, or the
    /// leg does not answer in time.
    pub fn take_recording(&self) -> impl Future<Output = Option<Vec<i16>>> + Send + use<> {
        let (reply, answer) = oneshot::channel();
        self.command(LegCommand::TakeRecording(reply));
        async move { tokio::time::timeout(ANSWER_MAX, answer).await.ok()?.ok()??.finish() }
    }

    /// Sets how loud the caller hears everything but what is played to them alone, in dB from what comes.
    pub fn set_volume(&self, db: f32) {
        self.command(LegCommand::Volume(db));
    }

    /// What the leg has seen; `None` if it does not answer in time.
    pub async fn report(&self) -> Option<LegReport> {
        let (reply, answer) = oneshot::channel();
        self.command(LegCommand::Report(reply));
        tokio::time::timeout(ANSWER_MAX, answer).await.ok()?.ok()
    }

    fn command(&self, command: LegCommand) {
        if !self.inbox.push(command)
            && let Some(engine) = self.engine.upgrade()
        {
            engine.command_dropped();
        }
    }
}

impl Drop for LegControl {
    fn drop(&mut self) {
        self.inbox.close();
        if let Some(engine) = self.engine.upgrade() {
            engine.forget_leg(self.id);
        }
    }
}
