//! Records as people read them: conferences with their conferees, and refused tries.

use async_trait::async_trait;
use partyline_conference::ConferenceId;

use crate::contract::StoreError;
use crate::db::{Connection, Row, values};
use crate::records::{Attempt, ConfereeRecord, ConferenceFilter, ConferenceRecord, OutdialRecord};
use crate::writer::Write;
use crate::{outdials, quality};

/// What a filter without a limit lists.
const LIMIT_DEFAULT: u32 = 100;
/// Most conferences in one answer.
const LIMIT_MAX: u32 = 10_000;

macro_rules! conferences {
    ($rest:literal) => {
        concat!(
            "SELECT conference.*, mix.mixer, mix.epoch, \
               CASE WHEN room.is_deleted = 0 THEN room.name ELSE '' END AS room_name, \
               (SELECT COUNT(*) FROM conferee \
                WHERE conferee.conference = conference.id AND conferee.state <> 'left') AS seated \
             FROM conference JOIN mix ON mix.id = conference.mix JOIN room ON room.id = conference.room ",
            $rest
        )
    };
}

/// Conferences, newest first.
pub(crate) async fn conferences(
    db: &mut Connection<'_>,
    filter: &ConferenceFilter,
) -> Result<Vec<ConferenceRecord>, StoreError> {
    let limit = if filter.limit == 0 { LIMIT_DEFAULT } else { filter.limit.min(LIMIT_MAX) };
    let rows = match (filter.room, filter.is_live) {
        (None, false) => {
            db.all(
                conferences!("ORDER BY conference.started_at DESC, conference.id LIMIT $1"),
                values![limit],
            )
            .await?
        }
        (None, true) => {
            db.all(
                conferences!(
                    "WHERE conference.ended_at IS NULL \
                     ORDER BY conference.started_at DESC, conference.id LIMIT $1"
                ),
                values![limit],
            )
            .await?
        }
        (Some(room), false) => {
            db.all(
                conferences!(
                    "WHERE conference.room = $2 ORDER BY conference.started_at DESC, conference.id LIMIT $1"
                ),
                values![limit, room],
            )
            .await?
        }
        (Some(room), true) => {
            db.all(
                conferences!("WHERE conference.room = $2 AND conference.ended_at IS NULL LIMIT $1"),
                values![limit, room],
            )
            .await?
        }
    };
    rows.iter().map(|row| record(row, Vec::new(), Vec::new())).collect()
}

/// One conference with its conferees in order of entry.
pub(crate) async fn conference(
    db: &mut Connection<'_>,
    id: ConferenceId,
) -> Result<Option<ConferenceRecord>, StoreError> {
    let Some(row) = db.first(conferences!("WHERE conference.id = $1"), values![id]).await? else {
        return Ok(None);
    };
    let seats = db
        .all(
            "SELECT conferee.*, COALESCE(attendance.caller_number, '') AS caller_number, attendance.vru \
             FROM conferee JOIN attendance ON attendance.id = conferee.attendance \
             WHERE conferee.conference = $1 ORDER BY conferee.place",
            values![id],
        )
        .await?;
    let conferees = seats.iter().map(conferee).collect::<Result<_, _>>()?;
    record(&row, conferees, outdials::records(db, id).await?).map(Some)
}

fn record(
    row: &Row,
    conferees: Vec<ConfereeRecord>,
    outdials: Vec<OutdialRecord>,
) -> Result<ConferenceRecord, StoreError> {
    Ok(ConferenceRecord {
        id: row.read("id")?,
        room: row.read("room")?,
        room_name: row.read("room_name")?,
        code_ends: row.read("code_ends")?,
        mix: row.read("mix")?,
        mixer: row.read("mixer")?,
        epoch: row.read("epoch")?,
        started_at: row.read("started_at")?,
        ended_at: row.read("ended_at")?,
        end: row.read("end_why")?,
        is_locked: row.read("is_locked")?,
        conferees,
        outdials,
        seated: row.read("seated")?,
    })
}

fn conferee(row: &Row) -> Result<ConfereeRecord, StoreError> {
    Ok(ConfereeRecord {
        id: row.read("id")?,
        order: row.read("place")?,
        role: row.read("role")?,
        state: row.read("state")?,
        caller_number: row.read("caller_number")?,
        vru: row.read("vru")?,
        placed_at: row.read("placed_at")?,
        joined_at: row.read("joined_at")?,
        left_at: row.read("left_at")?,
        leave_reason: row.read("leave_reason")?,
        quality: quality::read(row)?,
    })
}

/// Records refused tries, each once.
pub(crate) struct RecordAttempts(pub(crate) Vec<Attempt>);

#[async_trait]
impl Write for RecordAttempts {
    type Answer = ();
    type Refused = StoreError;

    async fn apply(&self, db: &mut Connection<'_>) -> Result<(), StoreError> {
        for attempt in &self.0 {
            db.execute(
                "INSERT INTO attempt (id, at, refusal, caller_number, dnis, source, vru, room) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (id) DO NOTHING",
                values![
                    attempt.id,
                    attempt.at,
                    attempt.refusal,
                    attempt.caller_number.as_str(),
                    attempt.dnis.as_str(),
                    attempt.source.as_str(),
                    &attempt.vru,
                    attempt.room,
                ],
            )
            .await?;
        }
        Ok(())
    }
}

/// Refused tries, newest first.
pub(crate) async fn attempts(db: &mut Connection<'_>, limit: u32) -> Result<Vec<Attempt>, StoreError> {
    let rows = db
        .all("SELECT * FROM attempt ORDER BY at DESC, id LIMIT $1", values![limit.clamp(1, LIMIT_MAX)])
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Attempt {
                id: row.read("id")?,
                at: row.read("at")?,
                refusal: row.read("refusal")?,
                caller_number: row.read("caller_number")?,
                dnis: row.read("dnis")?,
                source: row.read("source")?,
                vru: row.read("vru")?,
                room: row.read("room")?,
            })
        })
        .collect()
}
