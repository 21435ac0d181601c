//! A decision becomes rows: one write against the version that it was made on.

use async_trait::async_trait;
use partyline_conference::{
    AttendanceState, Change, CommandAnswer, CommandId, Decision, EventSequence, RoomId, RoomVersion,
};

use crate::contract::{CommitError, RoomChange, RoomCommit, StoreError, Touched};
use crate::db::{Bind as _, Connection, Held, values};
use crate::writer::Write;
use crate::{control, events, mixes, seats, touched};

/// Carries out a decision.
pub(crate) struct CommitRoom(pub(crate) RoomCommit);

#[async_trait]
impl Write for CommitRoom {
    type Answer = Committed;
    type Refused = CommitError;

    async fn apply(&self, db: &mut Connection<'_>) -> Result<Committed, CommitError> {
        let RoomCommit { room, expected, at, decision } = &self.0;
        let advanced = advance(db, *room, *expected, decision).await?;
        let callers_before = account_callers(db, &advanced.account, decision).await?;
        if callers_before.is_some() {
            // Callers of an account's other rooms may come through other processes: from here on they wait.
            db.hold(Held::Account, advanced.account.as_str().value()).await?;
        }
        for change in &decision.changes {
            apply(db, &self.0, change).await?;
        }
        refuse_above_limit(db, &advanced.account, decision, callers_before).await?;
        events::write(db, *room, advanced.last_event, *at, &decision.events).await?;
        for (id, answer) in &decision.answers {
            record_answer(db, &self.0, *id, answer).await?;
        }
        let version = advanced.version;
        let touched = touched::callers(db, *room, decision)
            .await?
            .map_or(Touched::Everybody, |callers| Touched::Callers { version, callers });
        Ok(Committed { version, touched })
    }

    fn changed(&self, committed: &Committed) -> Option<RoomChange> {
        let change = RoomChange { room: self.0.room, touched: committed.touched.clone() };
        (!self.0.decision.is_empty()).then_some(change)
    }
}

/// What came of a commit.
pub(crate) struct Committed {
    pub(crate) version: RoomVersion,
    touched: Touched,
}

/// A room after its version has moved on.
struct Advanced {
    version: RoomVersion,
    /// The last event before this decision's.
    last_event: EventSequence,
    account: String,
}

async fn advance(
    db: &mut Connection<'_>,
    room: RoomId,
    expected: RoomVersion,
    decision: &Decision,
) -> Result<Advanced, CommitError> {
    let events = u64::try_from(decision.events.len()).unwrap_or(u64::MAX);
    let versions: u32 = if decision.is_empty() { 0 } else { 1 };
    let row = db
        .first(
            "UPDATE room SET version = version + $3, sequence = sequence + $4 \
             WHERE id = $1 AND version = $2 AND is_deleted = 0 \
             RETURNING version, sequence - $4 AS last_event, account",
            values![room, expected, versions, events],
        )
        .await?;
    if let Some(row) = row {
        return Ok(Advanced {
            version: row.read("version")?,
            last_event: row.read("last_event")?,
            account: row.read("account")?,
        });
    }
    let known =
        db.first("SELECT 1 AS known FROM room WHERE id = $1 AND is_deleted = 0", values![room]).await?;
    Err(known.map_or(CommitError::Store(StoreError::Unknown("room")), |_| CommitError::Conflict))
}

async fn apply(db: &mut Connection<'_>, commit: &RoomCommit, change: &Change) -> Result<(), CommitError> {
    match change {
        Change::Arrive { .. }
        | Change::Reattend { .. }
        | Change::Wait { .. }
        | Change::Refuse { .. }
        | Change::Seat { .. }
        | Change::Join { .. }
        | Change::Absent { .. }
        | Change::Return { .. }
        | Change::PutOffJoining { .. }
        | Change::Leave { .. }
        | Change::LeaveAll { .. }
        | Change::LeaveOthers { .. } => seats::apply(db, commit, change).await,
        Change::CreateConference { .. }
        | Change::EndConference { .. }
        | Change::OpenLobby { .. }
        | Change::CloseLobby { .. }
        | Change::Reserve { .. }
        | Change::Move { .. }
        | Change::SetLock { .. }
        | Change::SetDeadline { .. }
        | Change::StartOutdial { .. }
        | Change::OpenSide { .. }
        | Change::JoinOutdial { .. }
        | Change::EndOutdial { .. } => mixes::apply(db, commit, change).await,
        Change::SetRole { .. }
        | Change::SetVoice { .. }
        | Change::Remember { .. }
        | Change::SetFloor { .. }
        | Change::SetManner { .. }
        | Change::Extend { .. }
        | Change::NoteGuesses { .. }
        | Change::NoteNoise { .. } => control::apply(db, commit, change).await,
    }
}

/// Whether somebody comes who takes a place of the account's.
fn brings_callers(decision: &Decision) -> bool {
    decision.changes.iter().any(|change| match change {
        Change::Arrive { state, .. } => {
            matches!(state, AttendanceState::Waiting(_) | AttendanceState::Seated { .. })
        }
        Change::Reattend { .. }
        | Change::Wait { .. }
        | Change::Refuse { .. }
        | Change::Seat { .. }
        | Change::Join { .. }
        | Change::Absent { .. }
        | Change::Return { .. }
        | Change::PutOffJoining { .. }
        | Change::Leave { .. }
        | Change::LeaveAll { .. }
        | Change::LeaveOthers { .. }
        | Change::CreateConference { .. }
        | Change::EndConference { .. }
        | Change::OpenLobby { .. }
        | Change::CloseLobby { .. }
        | Change::Reserve { .. }
        | Change::Move { .. }
        | Change::SetLock { .. }
        | Change::SetDeadline { .. }
        | Change::SetRole { .. }
        | Change::SetVoice { .. }
        | Change::Remember { .. }
        | Change::SetFloor { .. }
        | Change::SetManner { .. }
        | Change::Extend { .. }
        | Change::StartOutdial { .. }
        | Change::OpenSide { .. }
        | Change::JoinOutdial { .. }
        | Change::EndOutdial { .. }
        | Change::NoteGuesses { .. }
        | Change::NoteNoise { .. } => false,
    })
}

/// The account's callers and limit, where it has a limit and this decision may touch it.
async fn account_callers(
    db: &mut Connection<'_>,
    account: &str,
    decision: &Decision,
) -> Result<Option<(u32, u32)>, StoreError> {
    if !brings_callers(decision) {
        return Ok(None);
    }
    let limit = db.one("SELECT conferees_max FROM account WHERE id = $1", values![account]).await?;
    let Some(max) = limit.read::<Option<u32>>("conferees_max")? else {
        return Ok(None);
    };
    Ok(Some((callers(db, account).await?, max)))
}

/// Callers who wait or sit in any of an account's rooms.
pub(crate) async fn callers(db: &mut Connection<'_>, account: &str) -> Result<u32, StoreError> {
    db.one(
        "SELECT COUNT(*) AS callers FROM attendance JOIN room ON room.id = attendance.room \
         WHERE attendance.ended_at IS NULL AND room.account = $1",
        values![account],
    )
    .await?
    .read("callers")
}

/// The rules counted the account's callers too, but in a snapshot: another room may have been faster.
async fn refuse_above_limit(
    db: &mut Connection<'_>,
    account: &str,
    decision: &Decision,
    before: Option<(u32, u32)>,
) -> Result<(), CommitError> {
    let Some((callers_before, _)) = before else {
        return Ok(());
    };
    match account_callers(db, account, decision).await? {
        Some((callers, max)) if callers > max && callers > callers_before => Err(CommitError::AccountFull),
        Some(_) | None => Ok(()),
    }
}

/// The first answer to a command stands; a repeat writes nothing.
async fn record_answer(
    db: &mut Connection<'_>,
    commit: &RoomCommit,
    id: CommandId,
    answer: &CommandAnswer,
) -> Result<(), StoreError> {
    db.execute(
        "INSERT INTO command (id, room, at, refusal) VALUES ($1, $2, $3, $4) ON CONFLICT (id) DO NOTHING",
        values![id, commit.room, commit.at, answer.err()],
    )
    .await?;
    Ok(())
}

/// The first answer to a command.
pub(crate) async fn answered(
    db: &mut Connection<'_>,
    id: CommandId,
) -> Result<Option<CommandAnswer>, StoreError> {
    let row = db.first("SELECT refusal FROM command WHERE id = $1", values![id]).await?;
    row.map(|row| row.read("refusal"))
        .transpose()
        .map(|answer: Option<Option<_>>| answer.map(|refusal| refusal.map_or(Ok(()), Err)))
}

/// A change that names what is not there (any more): the decision was not made on this room.
pub(crate) fn touched(rows: u64, what: &'static str) -> Result<(), CommitError> {
    if rows == 0 { Err(CommitError::Store(StoreError::Unknown(what))) } else { Ok(()) }
}
