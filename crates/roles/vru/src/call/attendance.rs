//! One caller's Attend stream, kept up over breaks.
//!
//! **Invariant:** once a hello may have been heard, the task ends only when the CMS has ended the attendance
//! (refused, removed) or has taken *left*; a broken stream never stands for either.

use std::time::Duration;

use partyline_conference::{
    AsideView, AttendanceId, CallQuality, CallerIdentity, ConfereeState, ConferenceCode, Generation, HostPin,
    LeaveReason, LineNoise, MixKind, MixView, Standing, VruId,
};
use partyline_rpc::conferencing::{AttendDown, AttendUp, Hello, JoinedMix, MixTicket};
use partyline_rpc::generated::conferencing as wire;
use tokio::sync::{mpsc, watch};
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;
use tracing::{debug, info};

use crate::config::Waits;
use crate::proxies::Proxies;

/// The first pause before attending again; doubles, with jitter, so that the callers of a dead interface server do not
/// come back all at once.
const PAUSE_FIRST: Duration = Duration::from_millis(50);
/// Joined, noisy, quality and left, and a spare.
const UP_MAX: usize = 5;

/// Who attends.
#[derive(Debug, Clone)]
pub(crate) struct Attendee {
    pub(crate) attendance: AttendanceId,
    pub(crate) vru: VruId,
    /// The code keyed; `None` for who was called.
    pub(crate) code: Option<ConferenceCode>,
    pub(crate) host_pin: Option<HostPin>,
    pub(crate) caller: CallerIdentity,
}

/// What the call wants the CMS to know: always the whole of it, so that nothing can be lost in between.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Word {
    pub(crate) joined: Option<JoinedMix>,
    pub(crate) left: Option<LeaveReason>,
    /// How the call sounded, once it is over.
    pub(crate) quality: Option<CallQuality>,
    /// What noise the line made last, and how often it was heard. Of what is not said before a break nothing is told.
    pub(crate) noisy: Option<(u32, LineNoise)>,
    /// Counts the wishes to be told again.
    pub(crate) again: u64,
}

/// What the CMS has said last.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    pub(crate) standing: Standing,
    pub(crate) ticket: Option<MixTicket>,
}

/// The call's end of an attendance.
#[derive(Debug)]
pub(crate) struct Attendance {
    word: watch::Sender<Word>,
    told: watch::Receiver<Option<Told>>,
}

impl Attendance {
    /// Both ends; the second is to be run.
    pub(crate) fn new(attendee: Attendee, proxies: Proxies, waits: Waits) -> (Self, AttendanceTask) {
        let (word, heard) = watch::channel(Word::default());
        let (tell, told) = watch::channel(None);
        let task = AttendanceTask { attendee, proxies, waits, generation: Generation(0), word: heard, tell };
        (Self { word, told }, task)
    }

    pub(crate) fn joined(&self, joined: Option<JoinedMix>) {
        self.word.send_if_modified(|word| std::mem::replace(&mut word.joined, joined) != joined);
    }

    pub(crate) fn noisy(&self, noise: LineNoise) {
        self.word.send_modify(|word| {
            let times = word.noisy.map_or(0, |(times, _)| times);
            word.noisy = Some((times.wrapping_add(1), noise));
        });
    }

    pub(crate) fn again(&self) {
        self.word.send_modify(|word| word.again += 1);
    }

    /// Said once; a later reason changes nothing.
    pub(crate) fn left(&self, reason: LeaveReason, quality: Option<CallQuality>) {
        self.word.send_modify(|word| {
            if word.left.is_none() {
                word.quality = quality;
            }
            word.left.get_or_insert(reason);
        });
    }

    /// Waits for the next thing said; `None` when nothing more will be.
    pub(crate) async fn told(&mut self) -> Option<Told> {
        loop {
            self.told.changed().await.ok()?;
            if let Some(told) = self.told.borrow_and_update().clone() {
                return Some(told);
            }
        }
    }
}

/// Runs the stream.
#[derive(Debug)]
pub(crate) struct AttendanceTask {
    attendee: Attendee,
    proxies: Proxies,
    waits: Waits,
    generation: Generation,
    word: watch::Receiver<Word>,
    tell: watch::Sender<Option<Told>>,
}

/// How one stream ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StreamEnd {
    /// The attendance is over, and both sides know.
    Over,
    /// Attend again, at once or after a pause.
    Broken { was_heard: bool },
    /// The call wants to be told again.
    Again,
}

impl AttendanceTask {
    pub(crate) async fn run(mut self) {
        let mut pause = PAUSE_FIRST;
        loop {
            self.generation = self.generation.next();
            match self.attend().await {
                StreamEnd::Over => break,
                StreamEnd::Again => pause = PAUSE_FIRST,
                StreamEnd::Broken { was_heard } => {
                    metrics::counter!("partyline_vru_attend_breaks_total").increment(1);
                    if was_heard {
                        pause = PAUSE_FIRST;
                    }
                    tokio::time::sleep(pause.mul_f64(0.5 + rand::random::<f64>())).await;
                    pause = (pause * 2).min(self.waits.attend_pause_max());
                }
            }
        }
        debug!(attendance = %self.attendee.attendance, generation = %self.generation, "the attendance is over");
    }

    /// What the call says now. A call that is gone without a word has left.
    fn latest(&mut self) -> Word {
        let is_gone = self.word.has_changed().is_err();
        let mut word = *self.word.borrow_and_update();
        if is_gone && word.left.is_none() {
            word.left = Some(LeaveReason::CallFailed);
        }
        word
    }

    fn hello(&self, word: Word) -> AttendUp {
        let attendee = self.attendee.clone();
        AttendUp::Hello(Box::new(Hello {
            attendance: attendee.attendance,
            generation: self.generation,
            vru: attendee.vru,
            code: attendee.code,
            host_pin: attendee.host_pin,
            caller: attendee.caller,
            joined: word.joined,
            left: word.left,
            quality: word.quality,
        }))
    }

    /// One stream, from its hello to its end.
    async fn attend(&mut self) -> StreamEnd {
        let word = self.latest();
        let Some((place, channel)) = self.proxies.current() else {
            return StreamEnd::Broken { was_heard: false };
        };
        let (up, messages) = mpsc::channel::<Box<wire::AttendUp>>(UP_MAX);
        up.try_send(Box::new(self.hello(word).into())).expect("an empty channel takes a message");
        let mut client = partyline_rpc::clients::conferencing(channel);
        let opening = client.attend(ReceiverStream::new(messages).map(|message| *message));
        // The conversation that follows is long, and needs none of this room.
        let opening = Box::pin(opening);
        let opened = tokio::time::timeout(self.waits.attend(), opening).await;
        match opened {
            Ok(Ok(response)) => self.converse(up, response.into_inner(), word).await,
            Ok(Err(status)) => {
                info!(attendance = %self.attendee.attendance, code = ?status.code(), "attending failed");
                self.proxies.failed(place);
                StreamEnd::Broken { was_heard: false }
            }
            Err(_) => {
                info!(attendance = %self.attendee.attendance, "no decision in time");
                self.proxies.failed(place);
                StreamEnd::Broken { was_heard: false }
            }
        }
    }

    /// The stream is open: hears standings, says what is new.
    async fn converse(
        &mut self,
        up: mpsc::Sender<Box<wire::AttendUp>>,
        mut down: Streaming<wire::AttendDown>,
        mut said: Word,
    ) -> StreamEnd {
        let mut was_heard = false;
        let mut is_watched = true;
        loop {
            tokio::select! {
                message = down.message() => match message {
                    Ok(Some(message)) => {
                        was_heard = true;
                        if self.heard(message) {
                            return StreamEnd::Over;
                        }
                    }
                    Ok(None) if said.left.is_some() => return StreamEnd::Over,
                    Ok(None) => return StreamEnd::Broken { was_heard },
                    Err(status) => {
                        debug!(attendance = %self.attendee.attendance, code = ?status.code(), "the stream broke");
                        return StreamEnd::Broken { was_heard };
                    }
                },
                changed = self.word.changed(), if is_watched => {
                    is_watched = changed.is_ok();
                    let word = self.latest();
                    match say(&up, said, word) {
                        Ok(()) => said = word,
                        Err(end) => return end,
                    }
                }
                // Once left is said, the CMS ends the stream; one that does not is broken.
                () = tokio::time::sleep(self.waits.attend()), if said.left.is_some() => {
                    return StreamEnd::Broken { was_heard };
                }
            }
        }
    }

    /// Tells the call; whether that was the last word.
    fn heard(&self, message: wire::AttendDown) -> bool {
        match AttendDown::try_from(message) {
            Ok(down) => {
                let told = told(down);
                let is_last = matches!(told.standing, Standing::Refused(_) | Standing::Removed(_));
                self.tell.send_replace(Some(told));
                is_last
            }
            Err(error) => {
                info!(attendance = %self.attendee.attendance, %error, "a standing could not be read");
                metrics::counter!("partyline_vru_standings_unread_total").increment(1);
                false
            }
        }
    }
}

/// Says what changed.
fn say(up: &mpsc::Sender<Box<wire::AttendUp>>, said: Word, word: Word) -> Result<(), StreamEnd> {
    if word.again != said.again && word.left.is_none() {
        return Err(StreamEnd::Again);
    }
    let broken = StreamEnd::Broken { was_heard: true };
    if let Some(joined) = word.joined
        && word.joined != said.joined
    {
        up.try_send(Box::new(AttendUp::Joined(joined).into())).map_err(|_| broken)?;
    }
    if let Some((_, noise)) = word.noisy
        && word.noisy != said.noisy
    {
        up.try_send(Box::new(AttendUp::Noisy(noise).into())).map_err(|_| broken)?;
    }
    if let Some(reason) = word.left
        && said.left.is_none()
    {
        if let Some(quality) = word.quality {
            up.try_send(Box::new(AttendUp::Quality(quality).into())).map_err(|_| broken)?;
        }
        up.try_send(Box::new(AttendUp::Left(reason).into())).map_err(|_| broken)?;
    }
    Ok(())
}

fn told(down: AttendDown) -> Told {
    match down {
        AttendDown::Held => Told { standing: Standing::Held, ticket: None },
        AttendDown::InWaitingRoom => Told { standing: Standing::InWaitingRoom, ticket: None },
        AttendDown::ConnectedForNow(ticket) => {
            Told { standing: Standing::ConnectedForNow(view(&ticket, MixKind::Lobby)), ticket: Some(ticket) }
        }
        AttendDown::Aside(ticket) => {
            Told { standing: Standing::Aside(view(&ticket, MixKind::Side)), ticket: Some(ticket) }
        }
        AttendDown::Placed(placed) => Told {
            standing: Standing::Placed {
                conference: placed.conference,
                conferee: placed.conferee,
                order: placed.order,
                role: placed.role,
                // The protocol does not say; what the caller's own audio does is known here.
                state: ConfereeState::Placed,
                is_alone: placed.is_alone,
                music: placed.music,
                is_locked: placed.is_locked,
                controls: placed.controls,
                mix: view(&placed.mix, kind_of(placed.called.as_ref())),
                aside: placed.called.clone().map(Box::new),
            },
            ticket: Some(placed.mix),
        },
        AttendDown::Refused(refusal) => Told { standing: Standing::Refused(refusal), ticket: None },
        AttendDown::Removed(reason) => Told { standing: Standing::Removed(reason), ticket: None },
    }
}

/// Who talks in private is in another mix than the conference's.
fn kind_of(called: Option<&AsideView>) -> MixKind {
    match called {
        Some(called) if called.has_answered => MixKind::Side,
        Some(_) | None => MixKind::Conference,
    }
}

fn view(ticket: &MixTicket, kind: MixKind) -> MixView {
    MixView {
        mix: ticket.mix,
        kind,
        mixer: ticket.mixer.clone(),
        address: ticket.address.to_string(),
        epoch: ticket.epoch,
    }
}
