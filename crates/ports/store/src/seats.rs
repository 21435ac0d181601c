//! Changes to attendances and conferees.

use partyline_conference::{
    AttemptId, AttendanceId, AttendanceState, Change, ConferenceId, Generation, LeaveReason, Refusal,
    Timestamp, VruId, WaitingKind,
};

use crate::commit::touched;
use crate::contract::{CommitError, RoomCommit, StoreError};
use crate::db::{Connection, values};
use crate::rows::arrival_words;

/// Carries out a change of an attendance's standing.
pub(crate) async fn apply(
    db: &mut Connection<'_>,
    commit: &RoomCommit,
    change: &Change,
) -> Result<(), CommitError> {
    let mut seats = Seats { db, commit };
    match change {
        Change::Arrive { .. } => seats.arrive(change).await,
        Change::Reattend { attendance, generation, vru } => {
            seats.reattend(*attendance, *generation, vru).await
        }
        Change::Wait { attendance, kind, deadline } => seats.wait(*attendance, *kind, *deadline).await,
        Change::Refuse { attendance, refusal } => seats.refuse(*attendance, *refusal).await,
        Change::Seat { .. } => seats.seat(change).await,
        Change::Join { attendance } => seats.join(*attendance).await,
        Change::Absent { attendance, deadline } => {
            seats.set_state(*attendance, "absent", Some(*deadline)).await
        }
        Change::Return { attendance, deadline } => {
            seats.set_state(*attendance, "placed", Some(*deadline)).await
        }
        Change::PutOffJoining { conference, deadline } => seats.put_off_joining(*conference, *deadline).await,
        Change::Leave { attendance, reason } => seats.leave(*attendance, *reason).await,
        Change::LeaveAll { conference, reason } => seats.leave_all(*conference, None, *reason).await,
        Change::LeaveOthers { conference, stays, reason } => {
            seats.leave_all(*conference, Some(*stays), *reason).await
        }
        Change::CreateConference { .. }
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
        | Change::EndOutdial { .. } => Ok(()),
        Change::NoteGuesses { .. } | Change::NoteNoise { .. } => Ok(()),
    }
}

struct Seats<'a, 'c> {
    db: &'a mut Connection<'c>,
    commit: &'a RoomCommit,
}

impl Seats<'_, '_> {
    async fn arrive(&mut self, change: &Change) -> Result<(), CommitError> {
        let Change::Arrive { attendance, generation, vru, role, caller, at, state, deadline } = change else {
            return Ok(());
        };
        let (word, reason) = arrival_words(state);
        let ended_at = state.is_over().then_some(*at);
        self.db
            .insert(
                "attendance",
                "INSERT INTO attendance (id, room, role, generation, vru, caller_number, caller_display, \
                 caller_call, arrived_at, state, reason, deadline, ended_at) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
                values![
                    attendance,
                    self.commit.room,
                    *role,
                    *generation,
                    vru,
                    caller.number.as_str(),
                    caller.display.as_str(),
                    caller.call.as_str(),
                    *at,
                    word,
                    reason,
                    deadline.filter(|_| !state.is_over()),
                    ended_at,
                ],
            )
            .await?;
        if let AttendanceState::Refused(refusal) = state {
            self.record_attempt(*attendance, *refusal).await?;
        }
        Ok(())
    }

    async fn reattend(
        &mut self,
        attendance: AttendanceId,
        generation: Generation,
        vru: &VruId,
    ) -> Result<(), CommitError> {
        let rows = self
            .db
            .execute(
                "UPDATE attendance SET generation = $3, vru = $4 WHERE id = $1 AND room = $2",
                values![attendance, self.commit.room, generation, vru],
            )
            .await?;
        touched(rows, "attendance")
    }

    async fn wait(
        &mut self,
        attendance: AttendanceId,
        kind: WaitingKind,
        deadline: Option<Timestamp>,
    ) -> Result<(), CommitError> {
        let rows = self
            .db
            .execute(
                "UPDATE attendance SET state = $3, deadline = $4, conferee = NULL \
                 WHERE id = $1 AND room = $2 AND ended_at IS NULL",
                values![attendance, self.commit.room, kind, deadline],
            )
            .await?;
        touched(rows, "attendance")
    }

    async fn refuse(&mut self, attendance: AttendanceId, refusal: Refusal) -> Result<(), CommitError> {
        let rows = self
            .db
            .execute(
                "UPDATE attendance SET state = 'refused', reason = $3, deadline = NULL, ended_at = $4 \
                 WHERE id = $1 AND room = $2 AND (ended_at IS NULL OR state = 'refused')",
                values![attendance, self.commit.room, refusal, self.commit.at],
            )
            .await?;
        touched(rows, "attendance")?;
        self.record_attempt(attendance, refusal).await?;
        Ok(())
    }

    /// One attempt per attendance: its identifier is the attendance's.
    async fn record_attempt(&mut self, attendance: AttendanceId, refusal: Refusal) -> Result<(), StoreError> {
        self.db
            .execute(
                "INSERT INTO attempt (id, at, refusal, caller_number, dnis, source, vru, room) \
                 SELECT $1, $2, $3, caller_number, '', '', vru, room FROM attendance WHERE id = $4 \
                 ON CONFLICT (id) DO NOTHING",
                values![AttemptId::from_bits(attendance.bits()), self.commit.at, refusal, attendance],
            )
            .await?;
        Ok(())
    }

    async fn seat(&mut self, change: &Change) -> Result<(), CommitError> {
        let Change::Seat { attendance, conference, conferee, order, role, voice, deadline } = change else {
            return Ok(());
        };
        let rows = self
            .db
            .execute(
                "UPDATE conference SET next_order = $3 \
                 WHERE id = $1 AND room = $2 AND ended_at IS NULL AND next_order <= $4",
                values![conference, self.commit.room, order.next(), *order],
            )
            .await?;
        touched(rows, "conference")?;
        self.db
            .insert(
                "conferee",
                "INSERT INTO conferee (id, conference, attendance, place, role, state, placed_at, \
                 muted_by_oneself, muted_by_host, muted_by_floor, hand_raised_at, voice_version) \
                 VALUES ($1, $2, $3, $4, $5, 'placed', $6, $7, $8, $9, $10, $11)",
                values![
                    conferee,
                    conference,
                    attendance,
                    *order,
                    *role,
                    self.commit.at,
                    voice.muted_by.oneself,
                    voice.muted_by.host,
                    voice.muted_by.floor,
                    voice.hand_raised_at,
                    self.commit.expected.next(),
                ],
            )
            .await?;
        let rows = self
            .db
            .execute(
                "UPDATE attendance SET state = 'seated', conferee = $3, deadline = $4 \
                 WHERE id = $1 AND room = $2 AND ended_at IS NULL",
                values![attendance, self.commit.room, conferee, *deadline],
            )
            .await?;
        touched(rows, "attendance")
    }

    async fn set_state(
        &mut self,
        attendance: AttendanceId,
        state: &'static str,
        deadline: Option<Timestamp>,
    ) -> Result<(), CommitError> {
        let rows = self
            .db
            .execute(
                "UPDATE attendance SET deadline = $3 WHERE id = $1 AND room = $2 AND state = 'seated'",
                values![attendance, self.commit.room, deadline],
            )
            .await?;
        touched(rows, "attendance")?;
        let rows = self
            .db
            .execute(
                "UPDATE conferee SET state = $2 \
                 WHERE id = (SELECT conferee FROM attendance WHERE id = $1) AND state <> 'left'",
                values![attendance, state],
            )
            .await?;
        touched(rows, "conferee")
    }

    /// The first time that audio came up stays on record.
    async fn join(&mut self, attendance: AttendanceId) -> Result<(), CommitError> {
        self.set_state(attendance, "joined", None).await?;
        self.db
            .execute(
                "UPDATE conferee SET joined_at = COALESCE(joined_at, $2) \
                 WHERE id = (SELECT conferee FROM attendance WHERE id = $1)",
                values![attendance, self.commit.at],
            )
            .await?;
        Ok(())
    }

    async fn put_off_joining(
        &mut self,
        conference: ConferenceId,
        deadline: Timestamp,
    ) -> Result<(), CommitError> {
        self.db
            .execute(
                "UPDATE attendance SET deadline = $3 \
                 WHERE room = $2 AND state = 'seated' AND ended_at IS NULL AND conferee IN \
                   (SELECT id FROM conferee WHERE conference = $1 AND state = 'placed')",
                values![conference, self.commit.room, deadline],
            )
            .await?;
        Ok(())
    }

    async fn leave(&mut self, attendance: AttendanceId, reason: LeaveReason) -> Result<(), CommitError> {
        let rows = self
            .db
            .execute(
                "UPDATE attendance SET state = 'left', reason = $3, deadline = NULL, ended_at = $4 \
                 WHERE id = $1 AND room = $2 AND ended_at IS NULL",
                values![attendance, self.commit.room, reason, self.commit.at],
            )
            .await?;
        touched(rows, "attendance")?;
        self.db
            .execute(
                "UPDATE conferee SET state = 'left', left_at = $2, leave_reason = $3 \
                 WHERE id = (SELECT conferee FROM attendance WHERE id = $1) AND state <> 'left'",
                values![attendance, self.commit.at, reason],
            )
            .await?;
        Ok(())
    }

    /// All leave, or all but one.
    async fn leave_all(
        &mut self,
        conference: ConferenceId,
        stays: Option<AttendanceId>,
        reason: LeaveReason,
    ) -> Result<(), CommitError> {
        // No attendance has an empty identifier.
        let stays = stays.map(|stays| stays.to_string()).unwrap_or_default();
        self.db
            .execute(
                "UPDATE attendance SET state = 'left', reason = $3, deadline = NULL, ended_at = $4 \
                 WHERE room = $2 AND ended_at IS NULL AND id <> $5 AND conferee IN \
                   (SELECT id FROM conferee WHERE conference = $1 AND state <> 'left')",
                values![conference, self.commit.room, reason, self.commit.at, stays.as_str()],
            )
            .await?;
        self.db
            .execute(
                "UPDATE conferee SET state = 'left', left_at = $2, leave_reason = $3 \
                 WHERE conference = $1 AND state <> 'left' AND attendance <> $4",
                values![conference, self.commit.at, reason, stays.as_str()],
            )
            .await?;
        Ok(())
    }
}
