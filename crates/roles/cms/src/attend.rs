//! One Attend stream: a caller's, from the hello to the goodbye.

use std::sync::Arc;
use std::time::Duration;

use partyline_conference::{
    AttendanceId, CallQuality, Generation, Intent, MixKind, MixView, RoomId, Standing, VruId,
};
use partyline_rpc::conferencing::{AttendDown, AttendUp, Hello, JoinedMix, MixTicket, Placed};
use partyline_rpc::generated::conferencing as wire;
use partyline_rpc::{LegName, TICKET_LIFE, Ticket};
use tokio::sync::mpsc;
use tokio_stream::StreamExt as _;
use tokio_stream::adapters::Map;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

use crate::admission::Admission;
use crate::clock;
use crate::office::Office;
use crate::streams::{Attached, Place, Told};
use crate::telling::mix_of;
use crate::voices::{VoiceTold, Voiced};

/// Longest wait for the hello: a stream without one is nobody's.
const HELLO_MAX: Duration = Duration::from_secs(5);
/// Longest wait for the first decision. Then the VRU attends again, perhaps at an interface server that is quicker.
const FIRST_DECISION_MAX: Duration = Duration::from_secs(10);
/// Streams are let go within this when the server stops, so that not all VRUs ask the others at once.
const SHED_WITHIN: Duration = Duration::from_millis(500);
/// Messages that wait for a slow VRU; newer ones replace what is not sent yet.
const DOWN_QUEUE: usize = 2;

/// What goes down.
type Message = Result<wire::AttendDown, Status>;

/// The same on its way to the wire. It waits in a box: the queue of a stream that is silent for hours holds room for many.
pub(crate) type Down = Map<ReceiverStream<Box<Message>>, fn(Box<Message>) -> Message>;

/// A caller's stream at this interface server.
struct Stream {
    office: Arc<Office>,
    room: RoomId,
    attendance: AttendanceId,
    generation: Generation,
    vru: VruId,
    attached: Attached,
    /// What the mixer knows of the caller's voice.
    voice: VoiceTold,
    _place: Place,
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.office.streams.detach(self.room, self.attendance, &self.attached);
    }
}

impl Office {
    /// Takes a stream: answers (and thereby sends the headers) with the first decision.
    pub(crate) async fn attend(self: &Arc<Self>, mut up: Streaming<wire::AttendUp>) -> Result<Down, Status> {
        if self.stopping.is_cancelled() {
            return Err(stopping());
        }
        let place = self.streams.take_place().ok_or_else(|| Status::unavailable("too many open streams"))?;
        let hello = first_hello(&mut up).await?;
        let admission = self.admit(&hello).await.map_err(|error| {
            tracing::warn!(attendance = %hello.attendance, %error, "the code can't be looked up");
            Status::unavailable("the data store does not answer")
        })?;
        let (room, role) = match admission {
            Admission::Room(room, role) => (room, Some(role)),
            Admission::Called(room) => (room, None),
            Admission::Refused(refusal) => return Ok(only(AttendDown::Refused(refusal))),
        };
        // Before the stream is open: from then on whoever tells the room tells this caller too.
        if hello.generation > Generation(1) {
            self.doubt_mix_of(hello.attendance, hello.joined).await?;
        }
        let attached = self
            .streams
            .attach(room, hello.attendance, hello.generation)
            .ok_or_else(|| Status::aborted("a newer stream of this attendance is open"))?;
        if let Some(wake) = &attached.new_room {
            self.start_teller(room, Arc::clone(wake));
        }
        let mut stream = Stream {
            office: Arc::clone(self),
            room,
            attendance: hello.attendance,
            generation: hello.generation,
            vru: hello.vru.clone(),
            attached,
            voice: VoiceTold::new(hello.generation),
            _place: place,
        };
        let has_left = hello.left.is_some();
        self.keep_quality(hello.attendance, hello.quality).await;
        self.ask(room, intents(hello, role)).await?;
        if has_left {
            return Ok(ended());
        }
        self.streams.nudge(room);
        let first = stream.first_decision().await?;
        let (down, messages) = mpsc::channel(DOWN_QUEUE);
        let is_over = stream.is_over();
        // The channel is empty: this can't fail.
        let _ = down.try_send(Box::new(Ok(first.into())));
        if !is_over {
            self.tasks.spawn(stream.run(up, down));
        }
        Ok(unboxed(messages))
    }
}

impl Office {
    /// Keeps how a call sounded. It is a record, not a rule: where it can't be written, the call goes on without.
    async fn keep_quality(&self, attendance: AttendanceId, quality: Option<CallQuality>) {
        if let Some(quality) = quality
            && let Err(error) = self.store.note_quality(attendance, &quality).await
        {
            tracing::warn!(%attendance, %error, "how a call sounded can't be written down");
        }
    }

    /// A caller who attends again and has no audio in their mix may have lost it with the mixer: before they are sent
    /// there again, the mixer is asked.
    async fn doubt_mix_of(&self, attendance: AttendanceId, joined: Option<JoinedMix>) -> Result<(), Status> {
        let views = self.store.views(&[attendance]).await.map_err(|error| {
            tracing::warn!(%attendance, %error, "where the caller stands can't be read");
            Status::unavailable("the data store does not answer")
        })?;
        let mix = views.first().and_then(|view| mix_of(&view.standing)).map(|(mix, _)| mix);
        if let Some(mix) = mix
            && joined.is_none_or(|joined| (joined.mix, joined.epoch) != (mix.mix, mix.epoch))
        {
            self.mixers.doubt(mix.mix);
        }
        Ok(())
    }
}

/// What a hello asks of its room; without a role it is that of who was called.
fn intents(hello: Hello, role: Option<partyline_conference::Role>) -> Vec<Intent> {
    let Hello { attendance, generation, vru, caller, joined, left, code: _, host_pin: _, quality: _ } = hello;
    let mut intents = vec![match role {
        Some(role) => Intent::Attend { attendance, generation, vru, role, caller },
        None => Intent::Answered { attendance, generation, vru, caller },
    }];
    if let Some(joined) = joined {
        intents.push(Intent::Joined { attendance, generation, mix: joined.mix, epoch: joined.epoch });
    }
    if let Some(reason) = left {
        intents.push(Intent::Left { attendance, generation, reason });
    }
    intents
}

async fn first_hello(up: &mut Streaming<wire::AttendUp>) -> Result<Hello, Status> {
    let first = tokio::time::timeout(HELLO_MAX, up.message())
        .await
        .map_err(|_| Status::deadline_exceeded("no hello came"))??
        .ok_or_else(|| Status::invalid_argument("no hello came"))?;
    match AttendUp::try_from(first)? {
        AttendUp::Hello(hello) => Ok(*hello),
        AttendUp::Joined(_) | AttendUp::Quality(_) | AttendUp::Noisy(_) | AttendUp::Left(_) => {
            Err(Status::invalid_argument("the first message is no hello"))
        }
    }
}

fn stopping() -> Status {
    Status::unavailable("the interface server is stopping")
}

fn superseded() -> Status {
    Status::aborted("a newer stream of this attendance is open")
}

fn unboxed(messages: mpsc::Receiver<Box<Message>>) -> Down {
    ReceiverStream::new(messages).map(|message| *message)
}

/// A stream of one message.
fn only(message: AttendDown) -> Down {
    let (down, messages) = mpsc::channel(1);
    // The channel is empty: this can't fail.
    let _ = down.try_send(Box::new(Ok(message.into())));
    unboxed(messages)
}

/// A stream that has ended well.
fn ended() -> Down {
    unboxed(mpsc::channel(1).1)
}

/// What came of one turn of a stream.
enum Turn {
    GoesOn,
    Ends(Option<Status>),
}

impl Stream {
    async fn first_decision(&mut self) -> Result<AttendDown, Status> {
        let stopping_now = self.office.stopping.clone();
        tokio::select! {
            changed = tokio::time::timeout(FIRST_DECISION_MAX, self.attached.told.changed()) => match changed {
                Ok(Ok(())) => self.message(),
                Ok(Err(_)) => Err(superseded()),
                Err(_) => Err(Status::unavailable("no decision could be made in time")),
            },
            () = stopping_now.cancelled() => Err(stopping()),
        }
    }

    /// Whether what was told last is the end.
    fn is_over(&self) -> bool {
        matches!(
            &*self.attached.told.borrow(),
            Some(Told::Standing(standing, _))
                if matches!(**standing, Standing::Refused(_) | Standing::Removed(_))
        )
    }

    /// What should hold now, with a fresh ticket where one is needed.
    fn message(&mut self) -> Result<AttendDown, Status> {
        let told = self.attached.told.borrow_and_update().clone();
        let (standing, voice_version) = match told {
            Some(Told::Standing(standing, voice_version)) => (*standing, voice_version),
            Some(Told::Superseded) => return Err(superseded()),
            None => return Err(Status::internal("woken without a decision")),
        };
        Ok(match standing {
            Standing::Held => AttendDown::Held,
            Standing::InWaitingRoom => AttendDown::InWaitingRoom,
            Standing::ConnectedForNow(mix) => {
                AttendDown::ConnectedForNow(self.ticket(mix, self.attendance.into(), Voiced::default())?)
            }
            Standing::Aside(mix) => {
                AttendDown::Aside(self.ticket(mix, self.attendance.into(), Voiced::default())?)
            }
            Standing::Placed {
                conference,
                conferee,
                order,
                role,
                state: _,
                is_alone,
                music,
                is_locked,
                controls,
                mix,
                aside: called,
            } => {
                // In private nobody is silenced by what holds in the conference.
                let is_aside = mix.kind == MixKind::Side;
                let voice = Voiced { is_muted: controls.mute.is_muted(), version: voice_version };
                let voice = if is_aside { Voiced::default() } else { voice };
                if self.voice.is_news(&mix, voice.version) && !is_aside {
                    self.office.set_voice(self.attendance, &mix, voice);
                }
                let mix = self.ticket(mix, conferee.into(), voice)?;
                AttendDown::Placed(Box::new(Placed {
                    conference,
                    conferee,
                    order,
                    role,
                    is_alone,
                    music,
                    is_locked,
                    controls,
                    mix,
                    called: called.map(|called| *called),
                }))
            }
            Standing::Refused(refusal) => AttendDown::Refused(refusal),
            Standing::Removed(reason) => AttendDown::Removed(reason),
        })
    }

    fn ticket(&self, view: MixView, leg_name: LegName, voice: Voiced) -> Result<MixTicket, Status> {
        let address = view.address.parse().map_err(|_| Status::unavailable("the mixer has no address"))?;
        let ticket = Ticket {
            mix: view.mix,
            epoch: view.epoch,
            attendance: self.attendance,
            leg_name,
            vru: self.vru.clone(),
            is_muted: voice.is_muted,
            voice_version: voice.version,
            expires_at: clock::now().after(TICKET_LIFE),
        };
        let ticket = self.office.signer.sign(&ticket);
        Ok(MixTicket { mix: view.mix, mixer: view.mixer, address, epoch: view.epoch, ticket })
    }

    /// Runs until the caller has left, was sent away, or the stream breaks.
    async fn run(mut self, mut up: Streaming<wire::AttendUp>, down: mpsc::Sender<Box<Message>>) {
        let stopping_now = self.office.stopping.clone();
        loop {
            let turn = tokio::select! {
                changed = self.attached.told.changed() => match changed {
                    Ok(()) => self.pass_on(&down).await,
                    Err(_) => Turn::Ends(Some(superseded())),
                },
                message = up.message() => self.take(message).await,
                () = down.closed() => Turn::Ends(None),
                () = stopping_now.cancelled() => {
                    tokio::time::sleep(SHED_WITHIN.mul_f64(rand::random())).await;
                    Turn::Ends(Some(stopping()))
                }
            };
            if let Turn::Ends(status) = turn {
                if let Some(status) = status {
                    tracing::debug!(attendance = %self.attendance, room = %self.room, %status, "a stream ends");
                    let _ = down.try_send(Box::new(Err(status)));
                }
                return;
            }
        }
    }

    async fn pass_on(&mut self, down: &mpsc::Sender<Box<Message>>) -> Turn {
        match self.message() {
            Ok(message) => {
                let is_sent = down.send(Box::new(Ok(message.into()))).await.is_ok();
                if is_sent && !self.is_over() { Turn::GoesOn } else { Turn::Ends(None) }
            }
            Err(status) => Turn::Ends(Some(status)),
        }
    }

    async fn take(&self, message: Result<Option<wire::AttendUp>, Status>) -> Turn {
        let message = match message {
            Ok(Some(message)) => message,
            // A broken stream never means that the caller has left: the VRU attends again, or its lease is lost.
            Ok(None) => return Turn::Ends(Some(Status::cancelled("the stream ended without a goodbye"))),
            Err(_) => return Turn::Ends(None),
        };
        let (attendance, generation) = (self.attendance, self.generation);
        let intent = match AttendUp::try_from(message) {
            Ok(AttendUp::Joined(joined)) => {
                Intent::Joined { attendance, generation, mix: joined.mix, epoch: joined.epoch }
            }
            Ok(AttendUp::Quality(quality)) => {
                self.office.keep_quality(attendance, Some(quality)).await;
                return Turn::GoesOn;
            }
            Ok(AttendUp::Noisy(noise)) => Intent::Noisy { attendance, generation, noise },
            Ok(AttendUp::Left(reason)) => Intent::Left { attendance, generation, reason },
            Ok(AttendUp::Hello(_)) => {
                return Turn::Ends(Some(Status::invalid_argument("a second hello on one stream")));
            }
            Err(error) => return Turn::Ends(Some(error.into())),
        };
        let has_left = matches!(intent, Intent::Left { .. });
        match self.office.ask(self.room, vec![intent]).await {
            Ok(_) if has_left => Turn::Ends(None),
            Ok(_) => Turn::GoesOn,
            // The VRU attends again and says it again.
            Err(unavailable) => Turn::Ends(Some(unavailable.into())),
        }
    }
}
