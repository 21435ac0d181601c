//! Outdials: who is called from within conferences, and the mixes of talks in private.

use partyline_conference::{
    AttendanceId, Change, ConferenceId, DialOutUse, DialTarget, Outdial, OutdialEnd, OutdialKind,
    OutdialState, Room, RoomId, Timestamp,
};

use crate::commit::touched;
use crate::contract::{CommitError, RoomCommit, StoreError};
use crate::db::{Connection, Row, values};
use crate::records::OutdialRecord;
use crate::rows;

/// Carries out a change of an outdial; the mix itself is opened and closed by who calls.
#[expect(clippy::wildcard_enum_match_arm, reason = "the rest are changes of other things")]
pub(crate) async fn apply(
    db: &mut Connection<'_>,
    commit: &RoomCommit,
    change: &Change,
) -> Result<(), CommitError> {
    match change {
        Change::StartOutdial { callee, conference, asker, kind, to, until } => {
            db.insert(
                "outdial",
                "INSERT INTO outdial (callee, room, conference, asker, kind, number, state, started_at, until) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
                values![
                    callee,
                    commit.room,
                    conference,
                    asker,
                    *kind,
                    to.as_str(),
                    OutdialState::Dialling,
                    commit.at,
                    *until,
                ],
            )
            .await?;
            Ok(())
        }
        Change::OpenSide { callee, mix, until, .. } => {
            let rows = db
                .execute(
                    "UPDATE outdial SET state = $3, mix = $4, answered_at = $5, until = $6 \
                     WHERE callee = $1 AND room = $2 AND ended_at IS NULL AND state = 'dialling'",
                    values![callee, commit.room, OutdialState::Aside, mix, commit.at, *until],
                )
                .await?;
            touched(rows, "outdial")
        }
        Change::JoinOutdial { callee, until } => {
            let rows = db
                .execute(
                    "UPDATE outdial SET state = $3, mix = NULL, answered_at = COALESCE(answered_at, $4), until = $5 \
                     WHERE callee = $1 AND room = $2 AND ended_at IS NULL AND state <> 'joined'",
                    values![callee, commit.room, OutdialState::Joined, commit.at, *until],
                )
                .await?;
            touched(rows, "outdial")
        }
        Change::EndOutdial { callee, why } => end(db, commit, *callee, *why).await,
        _ => Ok(()),
    }
}

async fn end(
    db: &mut Connection<'_>,
    commit: &RoomCommit,
    callee: AttendanceId,
    why: OutdialEnd,
) -> Result<(), CommitError> {
    let rows = db
        .execute(
            "UPDATE outdial SET mix = NULL, ended_at = $3, end_why = $4 \
             WHERE callee = $1 AND room = $2 AND ended_at IS NULL",
            values![callee, commit.room, commit.at, why],
        )
        .await?;
    touched(rows, "outdial")
}

/// The mix of a talk in private that is to be closed, if there is one.
pub(crate) async fn side_of(
    db: &mut Connection<'_>,
    callee: AttendanceId,
) -> Result<Option<partyline_conference::MixId>, StoreError> {
    let row =
        db.first("SELECT mix FROM outdial WHERE callee = $1 AND ended_at IS NULL", values![callee]).await?;
    row.map_or(Ok(None), |row| row.read("mix"))
}

/// The outdials of a room that are not over, oldest first.
pub(crate) async fn live(db: &mut Connection<'_>, room: RoomId) -> Result<Vec<Outdial>, StoreError> {
    let rows = db
        .all(
            "SELECT outdial.callee, outdial.conference, outdial.asker, outdial.kind, outdial.number, outdial.state, \
               outdial.started_at, outdial.answered_at, outdial.until, outdial.mix AS side, \
               mix.id AS mix, mix.mixer, mix.epoch, mix.reserved \
             FROM outdial LEFT JOIN mix ON mix.id = outdial.mix \
             WHERE outdial.room = $1 AND outdial.ended_at IS NULL ORDER BY outdial.started_at, outdial.callee",
            values![room],
        )
        .await?;
    rows.iter()
        .map(|row| {
            let has_side = row.read::<Option<String>>("side")?.is_some();
            Ok(Outdial {
                callee: row.read("callee")?,
                conference: row.read("conference")?,
                asker: row.read("asker")?,
                kind: row.read("kind")?,
                to: target(row)?,
                state: row.read("state")?,
                mix: has_side.then(|| rows::live_mix(row)).transpose()?,
                started_at: row.read("started_at")?,
                answered_at: row.read("answered_at")?,
                until: row.read("until")?,
            })
        })
        .collect()
}

/// Where an outdial goes.
pub(crate) fn target(row: &Row) -> Result<DialTarget, StoreError> {
    let number: String = row.read("number")?;
    DialTarget::operator(&number)
        .map_err(|error| StoreError::Damaged(format!("a number to call is {number:?}: {error}")))
}

/// How much the account of a room that may dial out uses of its limits.
pub(crate) async fn use_of_account(
    db: &mut Connection<'_>,
    room: &Room,
    now: Timestamp,
) -> Result<DialOutUse, StoreError> {
    if !room.dial_out {
        return Ok(DialOutUse::default());
    }
    let day = i64::try_from(DialOutUse::DAY.as_millis()).unwrap_or(i64::MAX);
    let row = db
        .one(
            "SELECT (SELECT COUNT(*) FROM outdial JOIN room ON room.id = outdial.room \
                WHERE room.account = $1 AND outdial.kind = $2 AND outdial.ended_at IS NULL) AS callees, \
               (SELECT CAST(COALESCE(SUM(COALESCE(outdial.ended_at, $3) - outdial.answered_at), 0) AS BIGINT) \
                FROM outdial JOIN room ON room.id = outdial.room \
                WHERE room.account = $1 AND outdial.kind = $2 AND outdial.answered_at IS NOT NULL \
                  AND outdial.started_at >= $4) AS spent",
            values![room.account, OutdialKind::Callee, now, Timestamp(now.0.saturating_sub(day))],
        )
        .await?;
    Ok(DialOutUse { callees: row.read("callees")?, spent: row.read("spent")? })
}

/// The room of an outdial, live or over.
pub(crate) async fn room_of(
    db: &mut Connection<'_>,
    callee: AttendanceId,
) -> Result<Option<RoomId>, StoreError> {
    let row = db.first("SELECT room FROM outdial WHERE callee = $1", values![callee]).await?;
    row.map(|row| row.read("room")).transpose()
}

/// Whom a conference has had called, in order.
pub(crate) async fn records(
    db: &mut Connection<'_>,
    conference: ConferenceId,
) -> Result<Vec<OutdialRecord>, StoreError> {
    let rows = db
        .all(
            "SELECT outdial.*, seat.place FROM outdial \
             LEFT JOIN conferee AS seat ON seat.attendance = outdial.asker AND seat.conference = outdial.conference \
             WHERE outdial.conference = $1 ORDER BY outdial.started_at, outdial.callee",
            values![conference],
        )
        .await?;
    rows.iter()
        .map(|row| {
            Ok(OutdialRecord {
                callee: row.read("callee")?,
                asker: row.read("place")?,
                kind: row.read("kind")?,
                to: target(row)?,
                state: row.read("state")?,
                started_at: row.read("started_at")?,
                answered_at: row.read("answered_at")?,
                ended_at: row.read("ended_at")?,
                end: row.read("end_why")?,
            })
        })
        .collect()
}
