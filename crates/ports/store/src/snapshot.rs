//! Snapshots: one consistent reading of a room for a decision.

use std::collections::BTreeMap;
use std::sync::Arc;

use partyline_conference::{
    AccountUse, Attendance, AttendanceId, ConferenceId, LiveConference, LiveMix, MixerId, MixerLoad, Past,
    Room, RoomId, RoomSnapshot, Timestamp, Waiting,
};

use crate::commit::callers;
use crate::contract::StoreError;
use crate::db::{Connection, LIST_MAX, WithList, padded, values};
use crate::{outdials, rows};

/// Most overdue attendances in one snapshot; the next tick sees the rest.
const OVERDUE_MAX: u32 = 256;

/// Columns of an attendance with its seat.
macro_rules! attendances {
    ($where:literal) => {
        concat!(
            "SELECT attendance.*, conferee.conference AS seat_conference, conferee.place AS seat_place, \
             conferee.state AS seat_state, conferee.muted_by_oneself, conferee.muted_by_host, \
             conferee.muted_by_floor, conferee.hand_raised_at FROM attendance \
             LEFT JOIN conferee ON conferee.id = attendance.conferee WHERE ",
            $where
        )
    };
}

/// Reads a room within one read transaction.
pub(crate) async fn read(
    db: &mut Connection<'_>,
    room: RoomId,
    now: Timestamp,
    named: &[AttendanceId],
    live_mixers: &[MixerId],
) -> Result<RoomSnapshot, StoreError> {
    let room = self::room(db, room).await?;
    let outdials = outdials::live(db, room.id).await?;
    let of_outdials = outdials.iter().flat_map(|outdial| [outdial.asker, outdial.callee]);
    let named: Vec<AttendanceId> = named.iter().copied().chain(of_outdials).collect();
    let mut attendances = attendances(db, &named).await?;
    let overdue = overdue(db, &room, now).await?;
    let overdue_ids = overdue.iter().map(|attendance| attendance.id).collect();
    attendances.extend(overdue.into_iter().map(|attendance| (attendance.id, attendance)));
    let conference = conference(db, &room).await?;
    let past = match &conference {
        Some(live) => past(db, live.id).await?,
        None => BTreeMap::new(),
    };
    Ok(RoomSnapshot {
        now,
        conference,
        past,
        lobby: lobby(db, &room).await?,
        waiting: waiting(db, &room).await?,
        attendances,
        overdue: overdue_ids,
        mixers: mixers(db, &room, live_mixers).await?,
        account: account(db, &room).await?,
        dial_out: outdials::use_of_account(db, &room, now).await?,
        dial_out_rules: Arc::default(),
        outdials,
        room,
    })
}

/// A room that is not deleted.
pub(crate) async fn room(db: &mut Connection<'_>, room: RoomId) -> Result<Room, StoreError> {
    let row = db.first("SELECT * FROM room WHERE id = $1 AND is_deleted = 0", values![room]).await?;
    rows::room(&row.ok_or(StoreError::Unknown("room"))?)
}

async fn attendances(
    db: &mut Connection<'_>,
    named: &[AttendanceId],
) -> Result<BTreeMap<AttendanceId, Attendance>, StoreError> {
    let mut known = BTreeMap::new();
    for part in named.chunks(LIST_MAX) {
        let list = padded(part);
        let sql = WithList::new(attendances!("attendance.id IN (LIST)"), 1, list.len());
        for row in db.all(sql, list).await? {
            let attendance = rows::attendance(&row)?;
            known.insert(attendance.id, attendance);
        }
    }
    Ok(known)
}

async fn overdue(
    db: &mut Connection<'_>,
    room: &Room,
    now: Timestamp,
) -> Result<Vec<Attendance>, StoreError> {
    let rows = db
        .all(
            attendances!(
                "attendance.room = $1 AND attendance.ended_at IS NULL AND attendance.deadline <= $2 \
                 ORDER BY attendance.deadline, attendance.id LIMIT $3"
            ),
            values![room.id, now, OVERDUE_MAX],
        )
        .await?;
    rows.iter().map(rows::attendance).collect()
}

async fn conference(db: &mut Connection<'_>, room: &Room) -> Result<Option<LiveConference>, StoreError> {
    let row = db
        .first(
            "SELECT conference.*, mix.mixer, mix.epoch, mix.reserved, \
               (SELECT COUNT(*) FROM conferee \
                WHERE conferee.conference = conference.id AND conferee.state <> 'left') AS seated, \
               (SELECT COUNT(*) FROM conferee \
                WHERE conferee.conference = conference.id AND conferee.state <> 'left' \
                  AND conferee.role = 'host') AS hosts \
             FROM conference JOIN mix ON mix.id = conference.mix \
             WHERE conference.room = $1 AND conference.ended_at IS NULL",
            values![room.id],
        )
        .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    Ok(Some(LiveConference {
        id: row.read("id")?,
        mix: rows::live_mix(&row)?,
        is_locked: row.read("is_locked")?,
        next_order: row.read("next_order")?,
        seated: row.read("seated")?,
        hosts_seated: row.read("hosts")?,
        started_at: row.read("started_at")?,
        deadline: rows::deadline(&row)?,
        floor: row.read("floor")?,
        manner: rows::manner(&row)?,
        extended_to: row.read("extended_to")?,
    }))
}

async fn past(db: &mut Connection<'_>, of: ConferenceId) -> Result<BTreeMap<String, Past>, StoreError> {
    let rows =
        db.all("SELECT number, was_deleted, was_muted FROM past WHERE conference = $1", values![of]).await?;
    rows.iter()
        .map(|row| {
            let past = Past { was_deleted: row.read("was_deleted")?, was_muted: row.read("was_muted")? };
            Ok((row.read("number")?, past))
        })
        .collect()
}

async fn lobby(db: &mut Connection<'_>, room: &Room) -> Result<Option<LiveMix>, StoreError> {
    let row = db
        .first(
            "SELECT id AS mix, mixer, epoch, reserved FROM mix \
             WHERE room = $1 AND kind = 'lobby' AND closed_at IS NULL",
            values![room.id],
        )
        .await?;
    row.as_ref().map(rows::live_mix).transpose()
}

async fn waiting(db: &mut Connection<'_>, room: &Room) -> Result<Vec<Waiting>, StoreError> {
    let rows = db
        .all(
            "SELECT id, state, role, deadline FROM attendance \
             WHERE room = $1 AND ended_at IS NULL AND state IN ('held', 'lobby', 'waiting_room', 'aside') ORDER BY arrived_at, id",
            values![room.id],
        )
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Waiting {
                attendance: row.read("id")?,
                kind: row.read("state")?,
                role: row.read("role")?,
                deadline: row.read("deadline")?,
            })
        })
        .collect()
}

/// Mixers that may carry more: those of the room's class, and those that carry its mixes already (the class of a room
/// with a live conference may have been changed).
async fn mixers(
    db: &mut Connection<'_>,
    room: &Room,
    live: &[MixerId],
) -> Result<Vec<MixerLoad>, StoreError> {
    let rows = db
        .all(
            "SELECT id, class, seats_max, reserved FROM mixer WHERE is_draining = 0 \
               AND (class = $1 OR id IN (SELECT mixer FROM mix WHERE room = $2 AND closed_at IS NULL)) \
             ORDER BY id",
            values![&room.class, room.id],
        )
        .await?;
    let mut mixers = Vec::new();
    for row in &rows {
        let id: MixerId = row.read("id")?;
        if live.contains(&id) {
            mixers.push(MixerLoad {
                id,
                class: row.read("class")?,
                seats_max: row.read("seats_max")?,
                reserved: row.read("reserved")?,
            });
        }
    }
    Ok(mixers)
}

async fn account(db: &mut Connection<'_>, room: &Room) -> Result<AccountUse, StoreError> {
    let row = db.one("SELECT conferees_max FROM account WHERE id = $1", values![room.account]).await?;
    let callers_max = row.read("conferees_max")?;
    // Who calls in all rooms of an account is not counted for nothing.
    let callers = match callers_max {
        Some(_) => callers(db, &room.account.to_string()).await?,
        None => 0,
    };
    Ok(AccountUse { callers, callers_max })
}
