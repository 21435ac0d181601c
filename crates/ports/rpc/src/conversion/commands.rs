//! Commands and their answers.

use std::fmt;

use partyline_conference::{
    Announce, AttendanceId, Command, CommandAnswer, CommandId, CommandRefusal, ConferenceCode, DialTarget,
    Floor, HostPin, OutdialEnd, RoomId, Timestamp,
};

use super::{ParseError, present, read};
use crate::generated::conferencing as wire;

impl fmt::Debug for wire::BecomeHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BecomeHost")
            .field("code_digits", &self.code.len())
            .field("host_pin_digits", &self.host_pin.len())
            .finish()
    }
}

/// A command on its way to a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandOrder {
    /// Unique for ever.
    pub id: CommandId,
    /// The room.
    pub room: RoomId,
    /// Who commands; `None` for the console.
    pub by: Option<AttendanceId>,
    /// What should be.
    pub command: Command,
}

pub(super) fn floor(word: &str) -> Result<Floor, ParseError> {
    Floor::from_word(word).ok_or(ParseError::Malformed("floor"))
}

pub(super) fn announce(word: &str) -> Result<Announce, ParseError> {
    Announce::from_word(word).ok_or(ParseError::Malformed("announce"))
}

fn is_set(field: &'static str, value: bool) -> Result<(), ParseError> {
    if value { Ok(()) } else { Err(ParseError::Malformed(field)) }
}

impl TryFrom<wire::command_request::Command> for Command {
    type Error = ParseError;

    fn try_from(command: wire::command_request::Command) -> Result<Self, ParseError> {
        use wire::command_request::Command as Wire;
        Ok(match command {
            Wire::SetLock(locked) => Self::SetLock { locked },
            Wire::End(is_so) => is_set("end", is_so).map(|()| Self::End)?,
            Wire::SetMuted(mute) => {
                Self::SetMuted { conferee: read("conferee_id", &mute.conferee_id)?, muted: mute.muted }
            }
            Wire::SetFloor(word) => Self::SetFloor { floor: floor(&word)? },
            Wire::SetHand(raised) => Self::SetHand { raised },
            Wire::LowerHand(conferee) => Self::LowerHand { conferee: read("lower_hand", &conferee)? },
            Wire::Delete(conferee) => Self::Delete { conferee: read("delete", &conferee)? },
            Wire::DropOthers(is_so) => {
                is_set("drop_others", is_so).map(|()| Self::DropOthers { stays: None })?
            }
            Wire::DropOthersBut(conferee) => {
                Self::DropOthers { stays: Some(read("drop_others_but", &conferee)?) }
            }
            Wire::SetAnnounce(word) => Self::SetAnnounce { announce: announce(&word)? },
            Wire::SetMusic(on) => Self::SetMusic { on },
            Wire::SetContinue(on) => Self::SetContinue { on },
            Wire::ExtendToMs(until) => Self::ExtendTo { until: Timestamp(until) },
            Wire::Admit(attendance) => Self::Admit { attendance: read("admit", &attendance)? },
            Wire::TurnAway(attendance) => Self::TurnAway { attendance: read("turn_away", &attendance)? },
            Wire::BecomeHost(claim) => become_host(&claim)?,
            Wire::DialOut(number) => {
                let to = DialTarget::number(&number).map_err(|_| ParseError::Malformed("dial_out"))?;
                Self::DialOut { to }
            }
            Wire::CallOperator(is_so) => is_set("call_operator", is_so).map(|()| Self::CallOperator)?,
            Wire::JoinCallee(callee) => Self::JoinCallee { callee: read("join_callee", &callee)? },
            Wire::DropCallee(drop) => Self::DropCallee {
                callee: read("callee_id", &drop.callee_id)?,
                why: OutdialEnd::from_word(&drop.why).ok_or(ParseError::Malformed("why"))?,
            },
        })
    }
}

fn become_host(claim: &wire::BecomeHost) -> Result<Command, ParseError> {
    let pin = match claim.host_pin.as_str() {
        "" => None,
        digits => Some(HostPin::parse(digits).map_err(|_| ParseError::Malformed("host_pin"))?),
    };
    let code = ConferenceCode::parse(&claim.code).map_err(|_| ParseError::Malformed("code"))?;
    Ok(Command::BecomeHost { code, pin })
}

impl From<Command> for wire::command_request::Command {
    fn from(command: Command) -> Self {
        match command {
            Command::SetLock { locked } => Self::SetLock(locked),
            Command::End => Self::End(true),
            Command::SetMuted { conferee, muted } => {
                Self::SetMuted(wire::SetMuted { conferee_id: conferee.to_string(), muted })
            }
            Command::SetFloor { floor } => Self::SetFloor(floor.as_str().to_owned()),
            Command::SetHand { raised } => Self::SetHand(raised),
            Command::LowerHand { conferee } => Self::LowerHand(conferee.to_string()),
            Command::Delete { conferee } => Self::Delete(conferee.to_string()),
            Command::DropOthers { stays: None } => Self::DropOthers(true),
            Command::DropOthers { stays: Some(conferee) } => Self::DropOthersBut(conferee.to_string()),
            Command::SetAnnounce { announce } => Self::SetAnnounce(announce.as_str().to_owned()),
            Command::SetMusic { on } => Self::SetMusic(on),
            Command::SetContinue { on } => Self::SetContinue(on),
            Command::ExtendTo { until } => Self::ExtendToMs(until.0),
            Command::Admit { attendance } => Self::Admit(attendance.to_string()),
            Command::TurnAway { attendance } => Self::TurnAway(attendance.to_string()),
            Command::DialOut { to } => Self::DialOut(to.as_str().to_owned()),
            Command::CallOperator => Self::CallOperator(true),
            Command::JoinCallee { callee } => Self::JoinCallee(callee.to_string()),
            Command::DropCallee { callee, why } => Self::DropCallee(wire::DropCallee {
                callee_id: callee.to_string(),
                why: why.as_str().to_owned(),
            }),
            Command::BecomeHost { code, pin } => Self::BecomeHost(wire::BecomeHost {
                code: code.reveal().to_owned(),
                host_pin: pin.map(|pin| pin.reveal().to_owned()).unwrap_or_default(),
            }),
        }
    }
}

impl TryFrom<wire::CommandRequest> for CommandOrder {
    type Error = ParseError;

    fn try_from(request: wire::CommandRequest) -> Result<Self, ParseError> {
        let by = match request.by_attendance_id.as_str() {
            "" => None,
            text => Some(read("by_attendance_id", text)?),
        };
        Ok(Self {
            id: read("command_id", &request.command_id)?,
            room: read("room_id", &request.room_id)?,
            by,
            command: present("command", request.command)?.try_into()?,
        })
    }
}

impl From<CommandOrder> for wire::CommandRequest {
    fn from(order: CommandOrder) -> Self {
        Self {
            command_id: order.id.to_string(),
            room_id: order.room.to_string(),
            by_attendance_id: order.by.map(|by| by.to_string()).unwrap_or_default(),
            command: Some(order.command.into()),
        }
    }
}

/// Writes the answer to a command.
#[must_use]
pub fn command_reply(answer: CommandAnswer) -> wire::CommandReply {
    wire::CommandReply { refusal: answer.err().map_or("", CommandRefusal::as_str).to_owned() }
}

/// Reads the answer to a command.
///
/// # Errors
/// [`ParseError`] for a word that is none of ours.
pub fn command_answer(reply: &wire::CommandReply) -> Result<CommandAnswer, ParseError> {
    match reply.refusal.as_str() {
        "" => Ok(Ok(())),
        word => CommandRefusal::from_word(word).map(Err).ok_or(ParseError::Malformed("refusal")),
    }
}
