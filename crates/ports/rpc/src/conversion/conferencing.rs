//! Messages of `partyline.conferencing.v1.Conferencing`.

use std::fmt;

use partyline_conference::quality::TheirQuality;
use partyline_conference::{
    AsideView, AttemptId, AttendanceId, CallQuality, CallerIdentity, CodecLabel, ConfereeId, ConferenceCode,
    ConferenceId, Controls, DialTarget, Epoch, Generation, HostPin, LeaveReason, LineNoise, MixId, MixerId,
    Mute, NoisyLine, Order, OutdialKind, Refusal, Role, RoomId, Timestamp, VruId,
};

pub use super::commands::{CommandOrder, command_answer, command_reply};
use super::commands::{announce, floor};
pub use super::names::NameToKeep;
use super::{
    ATTEMPTS_MAX, CALL_BYTES_MAX, DISPLAY_BYTES_MAX, NUMBER_BYTES_MAX, ParseError, SOURCE_BYTES_MAX,
    TICKET_BYTES_MAX, bounded, cut, present, read,
};
use crate::address::Address;
use crate::generated::conferencing as wire;

impl fmt::Debug for wire::Hello {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hello")
            .field("attendance_id", &self.attendance_id)
            .field("generation", &self.generation)
            .field("vru_id", &self.vru_id)
            .field("code_digits", &self.code.len())
            .field("host_pin_digits", &self.host_pin.len())
            .finish_non_exhaustive()
    }
}

/// All that the CMS needs to decide where a caller goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hello {
    /// Minted by the VRU, one per call.
    pub attendance: AttendanceId,
    /// Counts the attends of this attendance, from 1.
    pub generation: Generation,
    /// The VRU that has the call.
    pub vru: VruId,
    /// The code entered; `None` for who was called from within a conference, whose attendance names the outdial.
    pub code: Option<ConferenceCode>,
    /// The PIN entered, where the room asks for one.
    pub host_pin: Option<HostPin>,
    /// Who calls.
    pub caller: CallerIdentity,
    /// After a break: the mix that the caller's audio is in now.
    pub joined: Option<JoinedMix>,
    /// After a break: why the caller has left meanwhile.
    pub left: Option<LeaveReason>,
    /// After a break: how the call sounded, where the caller has left.
    pub quality: Option<CallQuality>,
}

/// A mix at one of its placements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JoinedMix {
    /// The mix.
    pub mix: MixId,
    /// The placement.
    pub epoch: Epoch,
}

/// What a VRU says on an Attend stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttendUp {
    /// First of all.
    Hello(Box<Hello>),
    /// The caller's audio is up in this mix.
    Joined(JoinedMix),
    /// How the call sounded, before it is over.
    Quality(CallQuality),
    /// The caller's line makes noise that the mix hears.
    Noisy(LineNoise),
    /// The caller has left, for good.
    Left(LeaveReason),
}

/// Where to join a mix, and the right to.
#[derive(Clone, PartialEq, Eq)]
pub struct MixTicket {
    /// The mix.
    pub mix: MixId,
    /// The mixer that carries it.
    pub mixer: MixerId,
    /// Where the mixer answers RPCs.
    pub address: Address,
    /// The placement.
    pub epoch: Epoch,
    /// The signed ticket, as the mixer wants it.
    pub ticket: Vec<u8>,
}

impl fmt::Debug for MixTicket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MixTicket")
            .field("mix", &self.mix)
            .field("mixer", &self.mixer)
            .field("address", &self.address)
            .field("epoch", &self.epoch)
            .field("ticket_bytes", &self.ticket.len())
            .finish()
    }
}

/// A seat in a conference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// The conference's unique identifier.
    pub conference: ConferenceId,
    /// The conferee's identifier, fixed at entry.
    pub conferee: ConfereeId,
    /// The order of entry.
    pub order: Order,
    /// The role.
    pub role: Role,
    /// Whether nobody else sits in the conference.
    pub is_alone: bool,
    /// Whether a conferee who is alone hears music.
    pub music: bool,
    /// Whether the conference is locked.
    pub is_locked: bool,
    /// What else the caller's keys go by.
    pub controls: Controls,
    /// Where the audio is.
    pub mix: MixTicket,
    /// Whom the caller has called and is not done with.
    pub called: Option<AsideView>,
}

/// What an interface server says on an Attend stream: what should hold now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttendDown {
    /// On hold until the host comes.
    Held,
    /// On hold until a host admits them.
    InWaitingRoom,
    /// In the lobby.
    ConnectedForNow(MixTicket),
    /// Was called, and talks in private.
    Aside(MixTicket),
    /// In the conference.
    Placed(Box<Placed>),
    /// Refused; the stream ends.
    Refused(Refusal),
    /// Gone; the VRU says why and hangs up, the stream ends.
    Removed(LeaveReason),
}

fn role_from_word(word: &str) -> Result<Role, ParseError> {
    [Role::Host, Role::Participant]
        .into_iter()
        .find(|role| role.as_str() == word)
        .ok_or(ParseError::Malformed("role"))
}

fn leave_reason(word: &str) -> Result<LeaveReason, ParseError> {
    LeaveReason::from_word(word).ok_or(ParseError::Malformed("reason"))
}

fn refusal(word: &str) -> Result<Refusal, ParseError> {
    Refusal::from_word(word).ok_or(ParseError::Malformed("refusal"))
}

impl TryFrom<wire::Joined> for JoinedMix {
    type Error = ParseError;

    fn try_from(joined: wire::Joined) -> Result<Self, ParseError> {
        Ok(Self { mix: read("mix_id", &joined.mix_id)?, epoch: Epoch(joined.epoch) })
    }
}

impl From<JoinedMix> for wire::Joined {
    fn from(joined: JoinedMix) -> Self {
        Self { mix_id: joined.mix.to_string(), epoch: joined.epoch.0 }
    }
}

impl TryFrom<wire::Hello> for Hello {
    type Error = ParseError;

    fn try_from(hello: wire::Hello) -> Result<Self, ParseError> {
        let host_pin = match hello.host_pin.as_str() {
            "" => None,
            digits => Some(HostPin::parse(digits).map_err(|_| ParseError::Malformed("host_pin"))?),
        };
        let left = match hello.left_reason.as_str() {
            "" => None,
            word => Some(leave_reason(word)?),
        };
        Ok(Self {
            attendance: read("attendance_id", &hello.attendance_id)?,
            generation: Generation(hello.generation),
            vru: read("vru_id", &hello.vru_id)?,
            code: match hello.is_callee {
                true => None,
                false => Some(ConferenceCode::parse(&hello.code).map_err(|_| ParseError::Malformed("code"))?),
            },
            host_pin,
            caller: CallerIdentity {
                number: bounded("caller_number", hello.caller_number, NUMBER_BYTES_MAX)?,
                display: bounded("caller_display", hello.caller_display, DISPLAY_BYTES_MAX)?,
                call: bounded("call_id", hello.call_id, CALL_BYTES_MAX)?,
            },
            joined: hello.joined.map(JoinedMix::try_from).transpose()?,
            left,
            quality: hello.quality.map(quality).transpose()?,
        })
    }
}

impl From<Hello> for wire::Hello {
    fn from(hello: Hello) -> Self {
        Self {
            attendance_id: hello.attendance.to_string(),
            generation: hello.generation.0,
            vru_id: hello.vru.to_string(),
            is_callee: hello.code.is_none(),
            code: hello.code.map(|code| code.reveal().to_owned()).unwrap_or_default(),
            host_pin: hello.host_pin.map(|pin| pin.reveal().to_owned()).unwrap_or_default(),
            caller_number: cut(hello.caller.number, NUMBER_BYTES_MAX),
            caller_display: cut(hello.caller.display, DISPLAY_BYTES_MAX),
            call_id: cut(hello.caller.call, CALL_BYTES_MAX),
            joined: hello.joined.map(Into::into),
            left_reason: hello.left.map(|reason| reason.as_str().to_owned()).unwrap_or_default(),
            quality: hello.quality.map(wire_quality),
        }
    }
}

impl TryFrom<wire::AttendUp> for AttendUp {
    type Error = ParseError;

    fn try_from(message: wire::AttendUp) -> Result<Self, ParseError> {
        use wire::attend_up::Up;
        match present("up", message.up)? {
            Up::Hello(hello) => Ok(Self::Hello(Box::new(hello.try_into()?))),
            Up::Joined(joined) => Ok(Self::Joined(joined.try_into()?)),
            Up::Quality(told) => Ok(Self::Quality(quality(told)?)),
            Up::Noisy(noisy) => Ok(Self::Noisy(noise(&noisy.noise)?)),
            Up::Left(left) => Ok(Self::Left(leave_reason(&left.reason)?)),
        }
    }
}

impl From<AttendUp> for wire::AttendUp {
    fn from(message: AttendUp) -> Self {
        use wire::attend_up::Up;
        let up = match message {
            AttendUp::Hello(hello) => Up::Hello((*hello).into()),
            AttendUp::Joined(joined) => Up::Joined(joined.into()),
            AttendUp::Quality(quality) => Up::Quality(wire_quality(quality)),
            AttendUp::Noisy(noise) => Up::Noisy(wire::Noisy { noise: noise.as_str().to_owned() }),
            AttendUp::Left(reason) => Up::Left(wire::Left { reason: reason.as_str().to_owned() }),
        };
        Self { up: Some(up) }
    }
}

fn quality(told: wire::Quality) -> Result<CallQuality, ParseError> {
    Ok(CallQuality {
        codec: CodecLabel::new(&told.codec).ok_or(ParseError::Malformed("codec"))?,
        is_secret: told.is_secret,
        packets_received: told.packets_received,
        packets_sent: told.packets_sent,
        packets_lost: told.packets_lost,
        packets_late: told.packets_late,
        burst_tenths: told.burst_tenths,
        concealed_permyriad: told.concealed_permyriad,
        jitter_us: told.jitter_us,
        round_trip_us: told.round_trip_us,
        mos_hundredths: told.mos_hundredths,
        theirs: told.theirs.map(|theirs| TheirQuality {
            packets_lost: theirs.packets_lost,
            jitter_us: theirs.jitter_us,
            mos_hundredths: theirs.mos_hundredths,
        }),
    })
}

fn wire_quality(quality: CallQuality) -> wire::Quality {
    wire::Quality {
        codec: quality.codec.to_string(),
        is_secret: quality.is_secret,
        packets_received: quality.packets_received,
        packets_sent: quality.packets_sent,
        packets_lost: quality.packets_lost,
        packets_late: quality.packets_late,
        burst_tenths: quality.burst_tenths,
        concealed_permyriad: quality.concealed_permyriad,
        jitter_us: quality.jitter_us,
        round_trip_us: quality.round_trip_us,
        mos_hundredths: quality.mos_hundredths,
        theirs: quality.theirs.map(|theirs| wire::TheirQuality {
            packets_lost: theirs.packets_lost,
            jitter_us: theirs.jitter_us,
            mos_hundredths: theirs.mos_hundredths,
        }),
    }
}

impl TryFrom<wire::MixAddress> for MixTicket {
    type Error = ParseError;

    fn try_from(mix: wire::MixAddress) -> Result<Self, ParseError> {
        if mix.ticket.len() > TICKET_BYTES_MAX {
            return Err(ParseError::TooLong { field: "ticket", bytes_max: TICKET_BYTES_MAX });
        }
        Ok(Self {
            mix: read("mix_id", &mix.mix_id)?,
            mixer: read("mixer_id", &mix.mixer_id)?,
            address: read("mixer_address", &mix.mixer_address)?,
            epoch: Epoch(mix.epoch),
            ticket: mix.ticket,
        })
    }
}

impl From<MixTicket> for wire::MixAddress {
    fn from(mix: MixTicket) -> Self {
        Self {
            mix_id: mix.mix.to_string(),
            mixer_id: mix.mixer.to_string(),
            mixer_address: mix.address.to_string(),
            epoch: mix.epoch.0,
            ticket: mix.ticket,
        }
    }
}

impl TryFrom<wire::Controls> for Controls {
    type Error = ParseError;

    fn try_from(controls: wire::Controls) -> Result<Self, ParseError> {
        Ok(Self {
            mute: Mute::from_word(&controls.mute).ok_or(ParseError::Malformed("mute"))?,
            may_unmute: controls.may_unmute,
            may_roll_call: controls.may_roll_call,
            hand_raised: controls.hand_raised,
            floor: floor(&controls.floor)?,
            announce: announce(&controls.announce)?,
            continues: controls.continues,
            ends_at: controls.ends_at_ms.map(Timestamp),
            hands: controls.hands,
            waiting: controls.waiting,
            noisy: controls.noisy.map(NoisyLine::try_from).transpose()?,
        })
    }
}

impl From<Controls> for wire::Controls {
    fn from(controls: Controls) -> Self {
        Self {
            mute: controls.mute.as_str().to_owned(),
            may_unmute: controls.may_unmute,
            may_roll_call: controls.may_roll_call,
            hand_raised: controls.hand_raised,
            floor: controls.floor.as_str().to_owned(),
            announce: controls.announce.as_str().to_owned(),
            continues: controls.continues,
            ends_at_ms: controls.ends_at.map(|at| at.0),
            hands: controls.hands,
            waiting: controls.waiting,
            noisy: controls.noisy.map(Into::into),
        }
    }
}

impl TryFrom<wire::NoisyLine> for NoisyLine {
    type Error = ParseError;

    fn try_from(line: wire::NoisyLine) -> Result<Self, ParseError> {
        Ok(Self {
            conferee: read("conferee_id", &line.conferee_id)?,
            attendance: read("attendance_id", &line.attendance_id)?,
            order: Order(line.order),
            has_name: line.has_name,
            noise: noise(&line.noise)?,
            at: Timestamp(line.at_ms),
            is_muted: line.is_muted,
        })
    }
}

impl From<NoisyLine> for wire::NoisyLine {
    fn from(line: NoisyLine) -> Self {
        Self {
            conferee_id: line.conferee.to_string(),
            attendance_id: line.attendance.to_string(),
            order: line.order.0,
            has_name: line.has_name,
            noise: line.noise.as_str().to_owned(),
            at_ms: line.at.0,
            is_muted: line.is_muted,
        }
    }
}

fn noise(word: &str) -> Result<LineNoise, ParseError> {
    LineNoise::from_word(word).ok_or(ParseError::Malformed("noise"))
}

impl TryFrom<wire::Placed> for Placed {
    type Error = ParseError;

    fn try_from(placed: wire::Placed) -> Result<Self, ParseError> {
        Ok(Self {
            conference: read("conference_id", &placed.conference_id)?,
            conferee: read("conferee_id", &placed.conferee_id)?,
            order: Order(placed.order),
            role: role_from_word(&placed.role)?,
            is_alone: placed.is_alone,
            music: placed.music,
            is_locked: placed.is_locked,
            controls: present("controls", placed.controls)?.try_into()?,
            mix: present("mix", placed.mix)?.try_into()?,
            called: placed.called.map(called).transpose()?,
        })
    }
}

impl From<Placed> for wire::Placed {
    fn from(placed: Placed) -> Self {
        Self {
            conference_id: placed.conference.to_string(),
            conferee_id: placed.conferee.to_string(),
            order: placed.order.0,
            role: placed.role.as_str().to_owned(),
            is_alone: placed.is_alone,
            music: placed.music,
            is_locked: placed.is_locked,
            controls: Some(placed.controls.into()),
            mix: Some(placed.mix.into()),
            called: placed.called.map(wire_called),
        }
    }
}

fn called(called: wire::Called) -> Result<AsideView, ParseError> {
    Ok(AsideView {
        callee: read("callee_id", &called.callee_id)?,
        kind: OutdialKind::from_word(&called.kind).ok_or(ParseError::Malformed("kind"))?,
        to: DialTarget::operator(&called.to).map_err(|_| ParseError::Malformed("to"))?,
        has_answered: called.has_answered,
    })
}

fn wire_called(called: AsideView) -> wire::Called {
    wire::Called {
        callee_id: called.callee.to_string(),
        kind: called.kind.as_str().to_owned(),
        to: called.to.as_str().to_owned(),
        has_answered: called.has_answered,
    }
}

impl TryFrom<wire::AttendDown> for AttendDown {
    type Error = ParseError;

    fn try_from(message: wire::AttendDown) -> Result<Self, ParseError> {
        use wire::attend_down::Down;
        Ok(match present("down", message.down)? {
            Down::Held(wire::Held {}) => Self::Held,
            Down::InWaitingRoom(wire::InWaitingRoom {}) => Self::InWaitingRoom,
            Down::ConnectedForNow(lobby) => Self::ConnectedForNow(present("mix", lobby.mix)?.try_into()?),
            Down::Aside(aside) => Self::Aside(present("mix", aside.mix)?.try_into()?),
            Down::Placed(placed) => Self::Placed(Box::new(placed.try_into()?)),
            Down::Refused(refused) => Self::Refused(refusal(&refused.refusal)?),
            Down::Removed(removed) => Self::Removed(leave_reason(&removed.reason)?),
        })
    }
}

impl From<AttendDown> for wire::AttendDown {
    fn from(message: AttendDown) -> Self {
        use wire::attend_down::Down;
        let down = match message {
            AttendDown::Held => Down::Held(wire::Held {}),
            AttendDown::InWaitingRoom => Down::InWaitingRoom(wire::InWaitingRoom {}),
            AttendDown::ConnectedForNow(mix) => {
                Down::ConnectedForNow(wire::ConnectedForNow { mix: Some(mix.into()) })
            }
            AttendDown::Aside(mix) => Down::Aside(wire::Aside { mix: Some(mix.into()) }),
            AttendDown::Placed(placed) => Down::Placed((*placed).into()),
            AttendDown::Refused(refusal) => {
                Down::Refused(wire::Refused { refusal: refusal.as_str().to_owned() })
            }
            AttendDown::Removed(reason) => {
                Down::Removed(wire::Removed { reason: reason.as_str().to_owned() })
            }
        };
        Self { down: Some(down) }
    }
}

/// A try that a VRU refused by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedTry {
    /// Drawn by the VRU; reports are deduplicated by it.
    pub id: AttemptId,
    /// When.
    pub at: Timestamp,
    /// Why.
    pub refusal: Refusal,
    /// The caller's number.
    pub caller_number: String,
    /// The number dialled.
    pub dnis: String,
    /// The source address.
    pub source: String,
    /// The room, where the code selected one.
    pub room: Option<RoomId>,
}

/// A VRU's report of refused tries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptReport {
    /// The VRU.
    pub vru: VruId,
    /// The tries; at most [`ATTEMPTS_MAX`].
    pub attempts: Vec<RefusedTry>,
    /// Tries that the VRU had no place for since its last report.
    pub overflowed: u64,
}

impl TryFrom<wire::Attempt> for RefusedTry {
    type Error = ParseError;

    fn try_from(attempt: wire::Attempt) -> Result<Self, ParseError> {
        let room = match attempt.room_id.as_str() {
            "" => None,
            text => Some(read("room_id", text)?),
        };
        Ok(Self {
            id: read("attempt_id", &attempt.attempt_id)?,
            at: Timestamp(attempt.at_ms),
            refusal: refusal(&attempt.refusal)?,
            caller_number: bounded("caller_number", attempt.caller_number, NUMBER_BYTES_MAX)?,
            dnis: bounded("dnis", attempt.dnis, NUMBER_BYTES_MAX)?,
            source: bounded("source", attempt.source, SOURCE_BYTES_MAX)?,
            room,
        })
    }
}

impl From<RefusedTry> for wire::Attempt {
    fn from(attempt: RefusedTry) -> Self {
        Self {
            attempt_id: attempt.id.to_string(),
            at_ms: attempt.at.0,
            refusal: attempt.refusal.as_str().to_owned(),
            caller_number: cut(attempt.caller_number, NUMBER_BYTES_MAX),
            dnis: cut(attempt.dnis, NUMBER_BYTES_MAX),
            source: cut(attempt.source, SOURCE_BYTES_MAX),
            room_id: attempt.room.map(|room| room.to_string()).unwrap_or_default(),
        }
    }
}

impl TryFrom<wire::ReportAttemptsRequest> for AttemptReport {
    type Error = ParseError;

    fn try_from(report: wire::ReportAttemptsRequest) -> Result<Self, ParseError> {
        if report.attempts.len() > ATTEMPTS_MAX {
            return Err(ParseError::Malformed("attempts"));
        }
        Ok(Self {
            vru: read("vru_id", &report.vru_id)?,
            attempts: report.attempts.into_iter().map(RefusedTry::try_from).collect::<Result<_, _>>()?,
            overflowed: report.overflowed,
        })
    }
}

impl From<AttemptReport> for wire::ReportAttemptsRequest {
    fn from(report: AttemptReport) -> Self {
        Self {
            vru_id: report.vru.to_string(),
            attempts: report.attempts.into_iter().take(ATTEMPTS_MAX).map(Into::into).collect(),
            overflowed: report.overflowed,
        }
    }
}
