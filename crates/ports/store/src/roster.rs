//! Who is in a conference, who waits to be let in, and who a conferee is.

use partyline_conference::{
    AttendanceId, ConfereeId, ConferenceId, RoomId, RoomVersion, RosterEntry, WaitingEntry,
};

use crate::contract::StoreError;
use crate::db::{Connection, LIST_MAX, Row, WithList, padded, values};
use crate::records::VoiceChange;
use crate::rows;

/// Who has joined a conference, or is absent, in order of entry.
pub(crate) async fn roster(
    db: &mut Connection<'_>,
    conference: ConferenceId,
) -> Result<Vec<RosterEntry>, StoreError> {
    let rows = db
        .all(
            "SELECT conferee.*, COALESCE(attendance.caller_number, '') AS caller_number, \
               EXISTS (SELECT 1 FROM recorded_name WHERE recorded_name.attendance = conferee.attendance) AS has_name \
             FROM conferee LEFT JOIN attendance ON attendance.id = conferee.attendance \
             WHERE conferee.conference = $1 AND conferee.state <> 'left' AND conferee.state IN ('joined', 'absent') \
             ORDER BY conferee.place",
            values![conference],
        )
        .await?;
    rows.iter().map(entry).collect()
}

fn entry(row: &Row) -> Result<RosterEntry, StoreError> {
    let voice = rows::voice(row)?;
    Ok(RosterEntry {
        conferee: row.read("id")?,
        attendance: row.read("attendance")?,
        order: row.read("place")?,
        role: row.read("role")?,
        state: row.read("state")?,
        mute: voice.mute(),
        hand_raised_at: voice.hand_raised_at,
        caller_number: row.read("caller_number")?,
        has_name: row.read("has_name")?,
        voice_version: row.read("voice_version")?,
    })
}

/// Who is in a room's waiting room, in order of arrival.
pub(crate) async fn waiting(db: &mut Connection<'_>, room: RoomId) -> Result<Vec<WaitingEntry>, StoreError> {
    let rows = db
        .all(
            "SELECT id, arrived_at, caller_number, \
               EXISTS (SELECT 1 FROM recorded_name WHERE recorded_name.attendance = attendance.id) AS has_name \
             FROM attendance \
             WHERE room = $1 AND ended_at IS NULL AND state = 'waiting_room' ORDER BY arrived_at, id",
            values![room],
        )
        .await?;
    rows.iter()
        .map(|row| {
            Ok(WaitingEntry {
                attendance: row.read("id")?,
                arrived_at: row.read("arrived_at")?,
                caller_number: row.read("caller_number")?,
                has_name: row.read("has_name")?,
            })
        })
        .collect()
}

/// Whose voice was changed in this version of the room or later.
pub(crate) async fn voices(
    db: &mut Connection<'_>,
    conference: ConferenceId,
    since: RoomVersion,
) -> Result<Vec<VoiceChange>, StoreError> {
    let rows = db
        .all(
            "SELECT attendance, muted_by_oneself, muted_by_host, muted_by_floor, hand_raised_at, voice_version \
             FROM conferee WHERE conference = $1 AND state <> 'left' AND voice_version >= $2 ORDER BY place",
            values![conference, since],
        )
        .await?;
    rows.iter()
        .map(|row| {
            Ok(VoiceChange {
                attendance: row.read("attendance")?,
                is_muted: rows::voice(row)?.is_muted(),
                version: row.read("voice_version")?,
            })
        })
        .collect()
}

/// The attendances of conferees, fixed at entry; unknown ones are left out.
pub(crate) async fn attendances_of(
    db: &mut Connection<'_>,
    conferees: &[ConfereeId],
) -> Result<Vec<AttendanceId>, StoreError> {
    let mut attendances = Vec::with_capacity(conferees.len());
    for part in conferees.chunks(LIST_MAX) {
        let list = padded(part);
        let sql = WithList::new("SELECT attendance FROM conferee WHERE id IN (LIST)", 1, list.len());
        for row in db.all(sql, list).await? {
            attendances.push(row.read("attendance")?);
        }
    }
    Ok(attendances)
}
