//! What a killed run left behind is ended; what is older than its retention is removed.

use async_trait::async_trait;
use partyline_conference::{
    ConferenceEnd, EventKind, EventSequence, LeaveReason, OutdialEnd, RoomId, Timestamp,
};

use crate::contract::StoreError;
use crate::db::{Connection, values};
use crate::events;
use crate::records::Retention;
use crate::writer::Write;

/// Ends every conference and attendance, and forgets every lease and reservation.
pub(crate) struct EndLeftovers(pub(crate) Timestamp);

#[async_trait]
impl Write for EndLeftovers {
    /// How many conferences were ended.
    type Answer = u64;
    type Refused = StoreError;

    async fn apply(&self, db: &mut Connection<'_>) -> Result<u64, StoreError> {
        let rooms = db
            .all(
                "SELECT room FROM attendance WHERE ended_at IS NULL \
                 UNION SELECT room FROM conference WHERE ended_at IS NULL \
                 UNION SELECT room FROM mix WHERE closed_at IS NULL",
                values![],
            )
            .await?;
        for row in &rooms {
            self.tell_room(db, row.read("room")?).await?;
        }
        let ended = self.end_all(db).await?;
        db.run("DELETE FROM past; DELETE FROM mixer; DELETE FROM interface_server; DELETE FROM vru").await?;
        Ok(ended)
    }
}

impl EndLeftovers {
    /// The events of what ends in a room, and its next version.
    async fn tell_room(&self, db: &mut Connection<'_>, room: RoomId) -> Result<(), StoreError> {
        let mut kinds = Vec::new();
        let callers = db
            .all(
                "SELECT attendance.id, seat.id AS conferee, seat.conference, seat.joined_at FROM attendance \
                 LEFT JOIN conferee AS seat ON seat.id = attendance.conferee AND seat.state <> 'left' \
                 WHERE attendance.room = $1 AND attendance.ended_at IS NULL \
                 ORDER BY seat.place NULLS FIRST, attendance.arrived_at, attendance.id",
                values![room],
            )
            .await?;
        for row in &callers {
            kinds.push(match row.read("conferee")? {
                Some(conferee) => EventKind::ConfereeLeft {
                    conference: row.read("conference")?,
                    conferee,
                    reason: LeaveReason::VruLost,
                    had_joined: row.read::<Option<Timestamp>>("joined_at")?.is_some(),
                },
                None => EventKind::CallerLeft { attendance: row.read("id")?, reason: LeaveReason::VruLost },
            });
        }
        let outdials = db
            .all(
                "SELECT callee, conference FROM outdial WHERE room = $1 AND ended_at IS NULL \
             ORDER BY started_at, callee",
                values![room],
            )
            .await?;
        for row in &outdials {
            kinds.push(EventKind::OutdialEnded {
                conference: row.read("conference")?,
                callee: row.read("callee")?,
                why: OutdialEnd::Restart,
            });
        }
        let live =
            db.first("SELECT id FROM conference WHERE room = $1 AND ended_at IS NULL", values![room]).await?;
        if let Some(row) = live {
            kinds.push(EventKind::ConferenceEnded {
                conference: row.read("id")?,
                why: ConferenceEnd::Restart,
            });
        }
        let events = u64::try_from(kinds.len()).unwrap_or(u64::MAX);
        let last: EventSequence = db
            .one(
                "UPDATE room SET version = version + 1, sequence = sequence + $2 WHERE id = $1 \
                 RETURNING sequence - $2 AS last_event",
                values![room, events],
            )
            .await?
            .read("last_event")?;
        events::write(db, room, last, self.0, &kinds).await
    }

    async fn end_all(&self, db: &mut Connection<'_>) -> Result<u64, StoreError> {
        db.execute(
            "UPDATE attendance SET state = 'left', reason = $2, deadline = NULL, ended_at = $1 \
             WHERE ended_at IS NULL",
            values![self.0, LeaveReason::VruLost],
        )
        .await?;
        db.execute(
            "UPDATE conferee SET state = 'left', left_at = $1, leave_reason = $2 WHERE state <> 'left'",
            values![self.0, LeaveReason::VruLost],
        )
        .await?;
        db.execute(
            "UPDATE outdial SET mix = NULL, ended_at = $1, end_why = $2 WHERE ended_at IS NULL",
            values![self.0, OutdialEnd::Restart],
        )
        .await?;
        db.execute("UPDATE mix SET closed_at = $1, reserved = 0 WHERE closed_at IS NULL", values![self.0])
            .await?;
        db.execute(
            "UPDATE conference SET ended_at = $1, end_why = $2, deadline = NULL, deadline_why = NULL \
             WHERE ended_at IS NULL",
            values![self.0, ConferenceEnd::Restart],
        )
        .await
    }
}

/// Rows that one write of a purge removes at most, so that callers' writes come in between.
const PART_MAX: u32 = 2000;

/// A kind of record that is removed when it is old.
#[derive(Clone, Copy)]
pub(crate) struct Old {
    sql: &'static str,
    before: Timestamp,
}

/// Everything that is older than its retention, conferees before their conferences.
pub(crate) fn old(now: Timestamp, retention: &Retention) -> Vec<Old> {
    const ATTEMPTS: &[&str] =
        &["DELETE FROM attempt WHERE id IN (SELECT id FROM attempt WHERE at < $1 LIMIT $2)"];
    const COMMANDS: &[&str] =
        &["DELETE FROM command WHERE id IN (SELECT id FROM command WHERE at < $1 LIMIT $2)"];
    const EVENTS: &[&str] = &["DELETE FROM event WHERE (room, sequence) IN \
         (SELECT room, sequence FROM event WHERE at < $1 LIMIT $2)"];
    const CONFERENCES: &[&str] = &[
        "DELETE FROM conferee WHERE id IN (SELECT conferee.id FROM conferee \
         JOIN conference ON conference.id = conferee.conference WHERE conference.ended_at < $1 LIMIT $2)",
        "DELETE FROM conference WHERE id IN (SELECT id FROM conference WHERE ended_at < $1 LIMIT $2)",
        "DELETE FROM outdial WHERE callee IN (SELECT callee FROM outdial WHERE ended_at < $1 LIMIT $2)",
        "DELETE FROM mix WHERE id IN (SELECT id FROM mix WHERE closed_at < $1 LIMIT $2)",
        // An attendance that a kept conference shows is kept with it.
        "DELETE FROM recorded_name WHERE attendance IN (SELECT recorded_name.attendance FROM recorded_name \
         JOIN attendance ON attendance.id = recorded_name.attendance WHERE attendance.ended_at < $1 \
         AND NOT EXISTS (SELECT 1 FROM conferee WHERE conferee.attendance = attendance.id) LIMIT $2)",
        "DELETE FROM attendance WHERE id IN (SELECT id FROM attendance WHERE ended_at < $1 \
         AND NOT EXISTS (SELECT 1 FROM conferee WHERE conferee.attendance = attendance.id) LIMIT $2)",
    ];
    let kinds = [
        (retention.attempts, ATTEMPTS),
        (retention.commands, COMMANDS),
        (retention.events, EVENTS),
        (retention.conferences, CONFERENCES),
    ];
    let mut old = Vec::new();
    for (kept, statements) in kinds {
        let Some(kept) = kept else { continue };
        let kept = i64::try_from(kept.as_millis()).unwrap_or(i64::MAX);
        let before = Timestamp(now.0.saturating_sub(kept));
        old.extend(statements.iter().map(|sql| Old { sql, before }));
    }
    old
}

/// Removes some of the old rows of one kind; answers how many.
pub(crate) struct PurgePart(pub(crate) Old);

impl PurgePart {
    /// Whether as many went as one part may have: there may be more.
    pub(crate) fn may_have_left(removed: u64) -> bool {
        removed >= u64::from(PART_MAX)
    }
}

#[async_trait]
impl Write for PurgePart {
    type Answer = u64;
    type Refused = StoreError;

    async fn apply(&self, db: &mut Connection<'_>) -> Result<u64, StoreError> {
        db.execute(self.0.sql, values![self.0.before, PART_MAX]).await
    }
}
