//! Whom a commit concerns: most concern one caller, and need not have everybody in the room read again.

use partyline_conference::{AttendanceId, AttendanceState, Change, Decision, EventKind, RoomId};

use crate::contract::StoreError;
use crate::db::{Connection, values};

/// With so many in a conference or fewer, each who comes or goes changes whether somebody is alone.
const FEW: u32 = 2;

/// Whose standing may be another after a decision that was carried out; `None` for everybody's.
pub(crate) async fn callers(
    db: &mut Connection<'_>,
    room: RoomId,
    decision: &Decision,
) -> Result<Option<Vec<AttendanceId>>, StoreError> {
    let Some(callers) = named(decision) else {
        return Ok(None);
    };
    let row = db
        .first(
            "SELECT (SELECT COUNT(*) FROM (SELECT 1 FROM conferee WHERE conferee.conference = conference.id \
                AND conferee.state <> 'left' AND conferee.state <> 'absent' LIMIT 3) AS few) AS present, \
               EXISTS (SELECT 1 FROM conferee WHERE conferee.conference = conference.id \
                AND conferee.hand_raised_at IS NOT NULL) AS hands \
             FROM conference WHERE conference.room = $1 AND conference.ended_at IS NULL",
            values![room],
        )
        .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    let concerns_all = row.read::<u32>("present")? <= FEW || row.read::<bool>("hands")?;
    Ok((!concerns_all).then_some(callers))
}

/// The callers that a decision names, where it changes nothing that others are told.
fn named(decision: &Decision) -> Option<Vec<AttendanceId>> {
    let is_quiet = |event: &EventKind| {
        matches!(
            event,
            EventKind::ConfereePlaced { .. }
                | EventKind::ConfereeJoined { .. }
                | EventKind::ConfereeLeft { .. }
                | EventKind::CallerRefused { .. }
        )
    };
    if !decision.events.iter().all(is_quiet) {
        return None;
    }
    let mut callers = Vec::new();
    for change in &decision.changes {
        match change {
            Change::Arrive { attendance, state, .. } => match state {
                AttendanceState::Waiting(_) => return None,
                AttendanceState::Seated { .. } | AttendanceState::Refused(_) | AttendanceState::Left(_) => {
                    callers.push(*attendance);
                }
            },
            // Who sits down without having come just now has waited, which hosts are told.
            Change::Seat { attendance, .. } if !callers.contains(attendance) => return None,
            Change::Reattend { attendance, .. }
            | Change::Seat { attendance, .. }
            | Change::Join { attendance }
            | Change::Leave { attendance, .. } => callers.push(*attendance),
            Change::Reserve { .. } | Change::Remember { .. } => {}
            Change::Wait { .. }
            | Change::Refuse { .. }
            | Change::Absent { .. }
            | Change::Return { .. }
            | Change::PutOffJoining { .. }
            | Change::LeaveAll { .. }
            | Change::LeaveOthers { .. }
            | Change::SetRole { .. }
            | Change::SetVoice { .. }
            | Change::CreateConference { .. }
            | Change::EndConference { .. }
            | Change::OpenLobby { .. }
            | Change::CloseLobby { .. }
            | Change::Move { .. }
            | Change::SetLock { .. }
            | Change::SetDeadline { .. }
            | Change::SetFloor { .. }
            | Change::SetManner { .. }
            | Change::Extend { .. }
            | Change::StartOutdial { .. }
            | Change::OpenSide { .. }
            | Change::JoinOutdial { .. }
            | Change::EndOutdial { .. } => return None,
            Change::NoteGuesses { .. } | Change::NoteNoise { .. } => return None,
        }
    }
    callers.sort_unstable();
    callers.dedup();
    Some(callers)
}
