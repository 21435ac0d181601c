//! Commands: by a conferee, or by the console. Each is answered once, and goes on record whatever came of it.

use crate::attendance::LeaveReason;
use crate::code::Role;
use crate::command::{Command, CommandAnswer, CommandNote, CommandRefusal, CommandWord};
use crate::conference::ConferenceEnd;
use crate::ids::{AttendanceId, CommandId, ConfereeId};

use super::in_hand::RoomInHand;
use super::{floor, guessing, leaving, manner, outdial, waiting_room};

/// Who commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Commander {
    /// The console, with the account's right: it may what a host may.
    Console,
    /// Somebody in the live conference.
    Conferee(AttendanceId, Role),
}

impl Commander {
    /// Lets pass who may command others.
    pub(super) const fn host(self) -> CommandAnswer {
        match self {
            Self::Console | Self::Conferee(_, Role::Host) => Ok(()),
            Self::Conferee(_, Role::Participant) => Err(CommandRefusal::NotAllowed),
        }
    }

    /// The commander as somebody in the conference; the console is not.
    pub(super) const fn conferee(self) -> Result<AttendanceId, CommandRefusal> {
        match self {
            Self::Conferee(attendance, _) => Ok(attendance),
            Self::Console => Err(CommandRefusal::NotAllowed),
        }
    }
}

/// Carries a command out, or refuses it. Its target is absolute: what is so already is a success that changes nothing.
pub(super) fn command(hand: &mut RoomInHand<'_>, id: CommandId, by: Option<AttendanceId>, command: &Command) {
    if hand.has_answered(id) {
        return;
    }
    let answer = commander(hand, by).and_then(|by| carry_out(hand, id, by, command));
    hand.answer(id, by, command.note(), answer);
}

/// A conferee has keyed a code that makes them a host, or not. The order of entry and the seat stay.
pub(super) fn become_host(hand: &mut RoomInHand<'_>, id: CommandId, by: AttendanceId, is_right: bool) {
    if hand.has_answered(id) {
        return;
    }
    let answer = commander(hand, Some(by)).and_then(|_| {
        guessing::judge(hand, by, is_right)?;
        hand.set_role(by, Role::Host);
        leaving::host_is_in(hand);
        Ok(())
    });
    let note = CommandNote { word: CommandWord::BecomeHost, conferee: None, caller: None, until: None };
    hand.answer(id, Some(by), note, answer);
}

fn commander(hand: &RoomInHand<'_>, by: Option<AttendanceId>) -> Result<Commander, CommandRefusal> {
    if hand.facts.conference.is_none() {
        return Err(CommandRefusal::NoConference);
    }
    let Some(by) = by else {
        return Ok(Commander::Console);
    };
    hand.seat_of(by).ok_or(CommandRefusal::NoConference)?;
    let known = hand.known(by).ok_or(CommandRefusal::NoConference)?;
    Ok(Commander::Conferee(by, known.role))
}

fn carry_out(hand: &mut RoomInHand<'_>, id: CommandId, by: Commander, command: &Command) -> CommandAnswer {
    match command {
        Command::SetMuted { conferee, muted } => floor::set_muted(hand, by, *conferee, *muted),
        Command::SetHand { raised } => floor::set_hand(hand, by.conferee()?, *raised),
        Command::CallOperator => outdial::call_operator(hand, id, by),
        Command::DropCallee { callee, why } => outdial::drop_callee(hand, by, *callee, *why),
        // Only an interface server finds out whether a code is right.
        Command::BecomeHost { .. } => Err(CommandRefusal::WrongCode),
        Command::SetLock { .. }
        | Command::End
        | Command::SetFloor { .. }
        | Command::LowerHand { .. }
        | Command::Delete { .. }
        | Command::DropOthers { .. }
        | Command::SetAnnounce { .. }
        | Command::SetMusic { .. }
        | Command::SetContinue { .. }
        | Command::ExtendTo { .. }
        | Command::Admit { .. }
        | Command::TurnAway { .. }
        | Command::DialOut { .. }
        | Command::JoinCallee { .. } => {
            by.host()?;
            carry_out_for_host(hand, id, by, command)
        }
    }
}

fn carry_out_for_host(
    hand: &mut RoomInHand<'_>,
    id: CommandId,
    by: Commander,
    command: &Command,
) -> CommandAnswer {
    match command {
        Command::SetLock { locked } => {
            if hand.facts.conference.as_ref().is_some_and(|live| live.is_locked != *locked) {
                hand.set_lock(*locked);
            }
            Ok(())
        }
        Command::End => {
            hand.end_conference(ConferenceEnd::Ended, LeaveReason::ConferenceEnded);
            Ok(())
        }
        Command::SetFloor { floor } => {
            floor::set_floor(hand, *floor);
            Ok(())
        }
        Command::LowerHand { conferee } => floor::lower_hand(hand, *conferee),
        Command::Delete { conferee } => delete(hand, by, *conferee),
        Command::DropOthers { stays } => drop_others(hand, by, *stays),
        Command::SetAnnounce { announce } => {
            manner::change(hand, |manner| manner.announce = Some(*announce));
            Ok(())
        }
        Command::SetMusic { on } => {
            manner::change(hand, |manner| manner.music = Some(*on));
            Ok(())
        }
        Command::SetContinue { on } => {
            manner::set_continue(hand, *on);
            Ok(())
        }
        Command::ExtendTo { until } => manner::extend(hand, *until),
        Command::Admit { attendance } => waiting_room::admit(hand, *attendance),
        Command::TurnAway { attendance } => waiting_room::turn_away(hand, *attendance),
        Command::DialOut { to } => outdial::dial_out(hand, id, by, to),
        Command::JoinCallee { callee } => outdial::join(hand, by, *callee),
        Command::SetMuted { .. }
        | Command::SetHand { .. }
        | Command::BecomeHost { .. }
        | Command::CallOperator
        | Command::DropCallee { .. } => Err(CommandRefusal::NotAllowed),
    }
}

/// Sends everybody away but one. Where nobody is named the commander stays, so that the console has to name somebody.
fn drop_others(hand: &mut RoomInHand<'_>, by: Commander, stays: Option<ConfereeId>) -> CommandAnswer {
    let stays = match stays {
        Some(conferee) => hand.conferee(conferee).ok_or(CommandRefusal::NotThere)?,
        None => by.conferee()?,
    };
    let had_host = hand.facts.conference.as_ref().is_some_and(|live| live.hosts_seated > 0);
    hand.leave_others(stays, LeaveReason::Dropped);
    if had_host {
        leaving::hosts_left(hand);
    }
    Ok(())
}

/// Deletes a conferee. Oneself one does not delete, one leaves: a slip of the finger in a roll call must not end the
/// conference of its last host.
fn delete(hand: &mut RoomInHand<'_>, by: Commander, conferee: ConfereeId) -> CommandAnswer {
    let target = hand.conferee(conferee).ok_or(CommandRefusal::NotThere)?;
    if by.conferee() == Ok(target) {
        return Err(CommandRefusal::NotAllowed);
    }
    leaving::leave(hand, target, LeaveReason::Deleted);
    Ok(())
}
