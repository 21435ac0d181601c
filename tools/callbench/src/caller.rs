//! One caller, as a test or a person commands it.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use partyline_codec::Codec;
use partyline_sip::endpoint::CallEnd;
use partyline_sip::sdp::Direction;
use tokio::sync::{mpsc, oneshot, watch};

use crate::ear::{Awaited, PacketReport};
use crate::error::WaitError;
use crate::leg::{Beginnings, LegKey, Look};
use crate::media::{Command as MediaCommand, Media};
use crate::meter::{RATE_HZ, level_dbov, tone_level_dbov, tone_levels_dbov};
use crate::plan::Source;
use crate::progress::Progress;
use crate::signalling::{Command, Flow};
use crate::sound_file::write_sound;

/// A tone in what is heard is above this: 20 dB below what callers send.
const HEARD_DBOV: f32 = -35.0;
/// And one that is not heard is below this.
const UNHEARD_DBOV: f32 = -60.0;
/// The piece of sound that waits look at.
const GLANCE: Duration = Duration::from_millis(400);
/// How often waits look.
const GLANCE_EVERY: Duration = Duration::from_millis(50);
/// Sound that is this old may still be on its way: a packet, and the slot in which it is read.
const ON_ITS_WAY: Duration = Duration::from_millis(60);

/// A call that was made. Dropping it hangs up.
#[derive(Debug)]
pub struct Caller {
    name: String,
    leg: LegKey,
    patience: Duration,
    called: Instant,
    progress: watch::Receiver<Progress>,
    commands: mpsc::Sender<Command>,
    media: Media,
}

impl Caller {
    pub(crate) fn new(
        name: String,
        leg: LegKey,
        patience: Duration,
        progress: watch::Receiver<Progress>,
        commands: mpsc::Sender<Command>,
        media: Media,
    ) -> Self {
        Self { name, leg, patience, called: Instant::now(), progress, commands, media }
    }

    /// How far the call has come.
    #[must_use]
    pub fn progress(&self) -> Progress {
        self.progress.borrow().clone()
    }

    /// Waits for the answer; how long it took from the INVITE.
    ///
    /// # Errors
    /// [`WaitError`] if the call ends first or nobody answers in time.
    pub async fn wait_answered(&self) -> Result<Duration, WaitError> {
        let mut answered = None;
        self.wait_progress("the answer", |progress| {
            if let Progress::Answered { at } = progress {
                answered = Some(*at);
            }
            matches!(progress, Progress::Answered { .. })
        })
        .await?;
        Ok(answered.unwrap_or(self.called).saturating_duration_since(self.called))
    }

    /// Waits until the call is over.
    ///
    /// # Errors
    /// [`WaitError`] if it goes on.
    pub async fn wait_ended(&self) -> Result<CallEnd, WaitError> {
        match self.wait_progress("the call's end", |_| false).await {
            Err(WaitError::Ended { end, .. }) => Ok(end),
            Err(error) => Err(error),
            Ok(()) => Err(WaitError::Stopped),
        }
    }

    /// How the call ended, if it is over.
    #[must_use]
    pub fn ended(&self) -> Option<CallEnd> {
        match &*self.progress.borrow() {
            Progress::Ended(end) => Some(end.clone()),
            Progress::Calling | Progress::Ringing | Progress::Answered { .. } => None,
        }
    }

    /// Answers, where somebody calls and it rings.
    pub fn pick_up(&self) {
        // A stopped bench has hung up already.
        let _ = self.commands.try_send(Command::PickUp(self.leg));
    }

    /// Waits until it rings.
    ///
    /// # Errors
    /// [`WaitError`] if it does not in time, or the call is over.
    pub async fn wait_ringing(&self) -> Result<(), WaitError> {
        self.wait_progress("the ringing", |progress| {
            matches!(progress, Progress::Ringing | Progress::Answered { .. })
        })
        .await
    }

    /// Hangs up; [`Self::wait_ended`] tells when that is done.
    pub fn hang_up(&self) {
        // A stopped bench has hung up already.
        let _ = self.commands.try_send(Command::HangUp(self.leg));
    }

    /// Puts the other side on hold, as telephones do today: by `a=sendonly`. Nothing is sent meanwhile.
    ///
    /// # Errors
    /// [`WaitError`] if the call ends, or the other side does not agree.
    pub async fn hold(&self) -> Result<(), WaitError> {
        self.change(Flow::Held, "the hold", |direction| !direction.receives()).await
    }

    /// The same as old telephones do it: by the address 0.0.0.0.
    ///
    /// # Errors
    /// [`WaitError`] if the call ends, or the other side does not agree.
    pub async fn hold_by_address(&self) -> Result<(), WaitError> {
        self.change(Flow::HeldByAddress, "the hold", |direction| !direction.receives()).await
    }

    /// Takes the other side off hold: sends, and is sent to.
    ///
    /// # Errors
    /// [`WaitError`] if the call ends, or the other side does not agree.
    pub async fn resume(&self) -> Result<(), WaitError> {
        self.change(Flow::BothWays, "the call to go on", |direction| direction == Direction::SendRecv).await
    }

    async fn change(
        &self,
        flow: Flow,
        what: &str,
        is_so: impl Fn(Direction) -> bool,
    ) -> Result<(), WaitError> {
        let (done, changed) = oneshot::channel();
        let command = Command::Change { leg: self.leg, flow, done };
        self.commands.send(command).await.map_err(|_| WaitError::Stopped)?;
        let Ok(changed) = tokio::time::timeout(self.patience, changed).await else {
            return Err(self.timed_out(what, "nobody answered".to_owned()));
        };
        match (changed, self.ended()) {
            (Ok(direction), _) if is_so(direction) => Ok(()),
            (Ok(direction), _) => Err(self.timed_out(what, format!("it is {direction:?}"))),
            (Err(_), Some(end)) => {
                Err(WaitError::Ended { caller: self.name.clone(), what: what.to_owned(), end })
            }
            (Err(_), None) => Err(self.timed_out(what, "another change is not through".to_owned())),
        }
    }

    /// Presses keys, one after the other, after those that are being pressed.
    pub fn send_digits(&self, keys: &str) {
        let after = Duration::from_millis(60);
        self.media.tell(MediaCommand::Press { leg: self.leg, keys: keys.to_owned(), after });
    }

    /// Waits until all keys were pressed; when the first packet of the last one was sent.
    ///
    /// # Errors
    /// [`WaitError`] if the call ends first, or telephone-event was not agreed.
    pub async fn wait_digits_sent(&self) -> Result<Option<Instant>, WaitError> {
        let look = self
            .wait_look(
                "all keys to be pressed",
                Duration::ZERO,
                |look| look.has_pressed_all,
                |_| "some still wait".to_owned(),
            )
            .await?;
        Ok(look.last_key_at)
    }

    /// Sends this tone from now on, or silence.
    pub fn set_tone(&self, hz: Option<f32>) {
        let source = hz.map_or(Source::Silence, Source::Tone);
        self.media.tell(MediaCommand::Say(self.leg, source));
    }

    /// Sends this sound (8 kHz) from now on, once.
    pub fn say(&self, samples: impl Into<std::sync::Arc<[i16]>>) {
        self.media.tell(MediaCommand::Say(self.leg, Source::Sound(samples.into())));
    }

    /// Takes note of the moment from which one of these tones is heard: see [`Self::heard_at`].
    pub fn listen_for(&self, tones: &[f32]) {
        self.media.tell(MediaCommand::Watch(self.leg, Awaited::Tones(tones.to_vec())));
    }

    /// Takes note of the moment from which this tone is heard no more: see [`Self::heard_at`].
    pub fn listen_for_end(&self, hz: f32) {
        self.media.tell(MediaCommand::Watch(self.leg, Awaited::EndOf(hz)));
    }

    /// Takes note of the moment from which anything is heard: see [`Self::heard_at`].
    pub fn listen_for_sound(&self) {
        self.media.tell(MediaCommand::Watch(self.leg, Awaited::Sound));
    }

    /// The longest gap between packets is that from now on.
    pub fn forget_gap(&self) {
        self.media.tell(MediaCommand::ForgetGap(self.leg));
    }

    /// When what is listened for was first so, to a millisecond.
    pub async fn heard_at(&self) -> Option<Instant> {
        self.look(Duration::ZERO).await.watched_at
    }

    /// When any sound above −50 dBov was first heard, to 20 ms.
    pub async fn first_heard_at(&self) -> Option<Instant> {
        self.look(Duration::ZERO).await.first_sound_at
    }

    /// When the first packet of the last key was sent, once all are.
    pub async fn last_key_at(&self) -> Option<Instant> {
        self.look(Duration::ZERO).await.last_key_at
    }

    /// The level in dBov at which each of these tones was heard in the last `window`.
    pub async fn hears(&self, tones: &[f32], window: Duration) -> Vec<f32> {
        let heard = self.look(window).await.heard;
        tone_levels_dbov(&heard, RATE_HZ, tones)
    }

    /// The level in dBov at which each of these tones is heard in the `window` that begins now: as [`Self::hears`],
    /// but nothing of what was before gets in.
    pub async fn hears_from_now(&self, tones: &[f32], window: Duration) -> Vec<f32> {
        tokio::time::sleep(window + ON_ITS_WAY).await;
        self.hears(tones, window).await
    }

    /// The level in dBov of all that is heard in the `window` that begins now.
    pub async fn level_from_now(&self, window: Duration) -> f32 {
        tokio::time::sleep(window + ON_ITS_WAY).await;
        self.level(window).await
    }

    /// The level in dBov of all that was heard in the last `window`.
    pub async fn level(&self, window: Duration) -> f32 {
        level_dbov(&self.look(window).await.heard)
    }

    /// What was heard in the last `window`, at 8 kHz; no longer than the plan's memory.
    pub async fn samples(&self, window: Duration) -> Vec<i16> {
        self.look(window).await.heard
    }

    /// The codec that was agreed on; `None` before.
    pub async fn codec(&self) -> Option<Codec> {
        self.look(Duration::ZERO).await.codec
    }

    /// Whether the caller's media is SRTP.
    pub async fn is_secret(&self) -> bool {
        self.look(Duration::ZERO).await.is_secret
    }

    /// Where its media goes; nothing before the answer and after the end.
    pub async fn media_goes_to(&self) -> Option<SocketAddr> {
        self.look(Duration::ZERO).await.remote
    }

    /// Packets received, lost and sent.
    pub async fn packets(&self) -> PacketReport {
        self.look(Duration::ZERO).await.packets
    }

    /// Writes what was heard in the last `window` to a WAV file.
    ///
    /// # Errors
    /// Where the file can't be written.
    pub async fn record(&self, path: &Path, window: Duration) -> Result<(), hound::Error> {
        write_sound(path, &self.samples(window).await)
    }

    /// Waits until this tone is heard (above −35 dBov).
    ///
    /// # Errors
    /// [`WaitError`] with the level that was heard instead.
    pub async fn wait_hears(&self, hz: f32) -> Result<(), WaitError> {
        self.wait_level(&format!("{hz} Hz to be heard"), hz, |level| level > HEARD_DBOV).await
    }

    /// Waits until this tone is not heard (below −60 dBov).
    ///
    /// # Errors
    /// [`WaitError`] with the level that was heard instead.
    pub async fn wait_hears_not(&self, hz: f32) -> Result<(), WaitError> {
        self.wait_level(&format!("{hz} Hz to end"), hz, |level| level < UNHEARD_DBOV).await
    }

    /// Waits until all that is heard is below this level for `window`.
    ///
    /// # Errors
    /// [`WaitError`] with the level that was heard instead.
    pub async fn wait_quieter(&self, than_dbov: f32, window: Duration) -> Result<(), WaitError> {
        let what = format!("less than {than_dbov} dBov for {window:?}");
        let instead = |look: &Look| format!("it heard {:.1} dBov", level_dbov(&look.heard));
        self.wait_look(&what, window, |look| level_dbov(&look.heard) < than_dbov, instead).await.map(drop)
    }

    async fn wait_level(&self, what: &str, hz: f32, is_so: impl Fn(f32) -> bool) -> Result<(), WaitError> {
        let level = |look: &Look| tone_level_dbov(&look.heard, RATE_HZ, hz);
        let instead = |look: &Look| {
            let all = level_dbov(&look.heard);
            format!("it heard it at {:.1} dBov, {all:.1} in all; {:?}", level(look), look.packets)
        };
        self.wait_look(what, GLANCE, |look| is_so(level(look)), instead).await.map(drop)
    }

    async fn wait_look(
        &self,
        what: &str,
        window: Duration,
        is_so: impl Fn(&Look) -> bool,
        instead: impl Fn(&Look) -> String,
    ) -> Result<Look, WaitError> {
        let start = Instant::now();
        loop {
            let look = self.look(window).await;
            if is_so(&look) {
                return Ok(look);
            }
            if let Some(end) = self.ended() {
                return Err(WaitError::Ended { caller: self.name.clone(), what: what.to_owned(), end });
            }
            if start.elapsed() > self.patience {
                return Err(self.timed_out(what, instead(&look)));
            }
            tokio::time::sleep(GLANCE_EVERY).await;
        }
    }

    async fn wait_progress(
        &self,
        what: &str,
        mut is_so: impl FnMut(&Progress) -> bool,
    ) -> Result<(), WaitError> {
        let mut progress = self.progress.clone();
        let settled = progress.wait_for(|progress| is_so(progress) || matches!(progress, Progress::Ended(_)));
        let Ok(settled) = tokio::time::timeout(self.patience, settled).await else {
            return Err(self.timed_out(what, format!("it is {:?}", self.progress())));
        };
        match &*settled.map_err(|_| WaitError::Stopped)? {
            Progress::Ended(end) => {
                Err(WaitError::Ended { caller: self.name.clone(), what: what.to_owned(), end: end.clone() })
            }
            Progress::Calling | Progress::Ringing | Progress::Answered { .. } => Ok(()),
        }
    }

    fn timed_out(&self, what: &str, instead: String) -> WaitError {
        WaitError::TimedOut {
            caller: self.name.clone(),
            what: what.to_owned(),
            waited: self.patience,
            instead,
        }
    }

    /// When pulses were sent and heard to begin, since this was last asked.
    pub(crate) async fn take_pulses(&self) -> Beginnings {
        let (reply, beginnings) = oneshot::channel();
        if !self.media.tell(MediaCommand::TakePulses { leg: self.leg, reply }) {
            return Beginnings::default();
        }
        beginnings.await.unwrap_or_default()
    }

    /// What the leg knows now; nothing where the thread does not answer.
    pub(crate) async fn look(&self, window: Duration) -> Look {
        let (reply, look) = oneshot::channel();
        if !self.media.tell(MediaCommand::Look { leg: self.leg, window, reply }) {
            return Look::default();
        }
        look.await.unwrap_or_default()
    }
}

/// Who hears whom, in the `window` that begins now: for each listener, the level in dBov of each tone.
pub async fn who_hears_whom(listeners: &[&Caller], tones: &[f32], window: Duration) -> Vec<Vec<f32>> {
    tokio::time::sleep(window + ON_ITS_WAY).await;
    let mut levels = Vec::with_capacity(listeners.len());
    for listener in listeners {
        levels.push(listener.hears(tones, window).await);
    }
    levels
}

impl Drop for Caller {
    fn drop(&mut self) {
        self.hang_up();
        self.media.tell(MediaCommand::Remove(self.leg));
    }
}
