//! Views: what should hold for callers now, and the short questions of sweeps.

use partyline_conference::{
    Announce, AsideView, AttendanceId, AttendanceState, AttendanceView, ConferenceEnd, Controls, Epoch,
    MixKind, MixView, MixerId, NoisyLine, OutdialState, Role, RoomId, RoomVersion, Standing, Timestamp,
    Voice, VoiceCare, VruId, WaitingKind,
};

use crate::contract::StoreError;
use crate::db::{Column, Connection, LIST_MAX, Row, WithList, padded, values};
use crate::{outdials, rows};

/// Attendances with their seat, its conference and mix, and their room's live lobby.
const VIEWS: &str = "SELECT attendance.*, room.has_music, room.wait_max_ms, room.announce AS room_announce, \
       room.host_leaves, room.unmute_oneself, room.has_roll_call, \
       seat.conference AS seat_conference, seat.place AS seat_place, seat.state AS seat_state, \
       seat.role AS seat_role, seat.muted_by_oneself, seat.muted_by_host, seat.muted_by_floor, \
       seat.hand_raised_at, seat.voice_version, conference.is_locked, conference.floor, conference.announce, \
       conference.has_music AS music, conference.continues, conference.deadline AS ends_at, \
       conference.deadline_why AS ends_why, \
       CASE WHEN seat.role = 'host' THEN (SELECT COUNT(*) FROM conferee AS other \
          WHERE other.conference = seat.conference AND other.state IN ('joined', 'absent') \
          AND other.hand_raised_at IS NOT NULL) ELSE 0 END AS hands, \
       CASE WHEN seat.role = 'host' THEN (SELECT COUNT(*) FROM attendance AS other \
          WHERE other.room = attendance.room AND other.ended_at IS NULL \
          AND other.state = 'waiting_room') ELSE 0 END AS waiting, \
       noisy.id AS noisy_conferee, noisy.attendance AS noisy_attendance, noisy.place AS noisy_place, \
       EXISTS (SELECT 1 FROM recorded_name WHERE recorded_name.attendance = noisy.attendance) AS noisy_has_name, \
       noisy.noise, noisy.noisy_at, \
       noisy.muted_by_oneself + noisy.muted_by_host + noisy.muted_by_floor > 0 AS noisy_is_muted, \
       mix.id AS mix_id, mix.mixer AS mix_mixer, mix.epoch AS mix_epoch, \
       COALESCE(mixer.address, '') AS mix_address, \
       outdial.callee AS aside_callee, outdial.kind AS aside_kind, outdial.number, outdial.state AS aside_state, \
       side.id AS side_id, side.mixer AS side_mixer, side.epoch AS side_epoch, \
       COALESCE(side_mixer.address, '') AS side_address, \
       lobby.id AS lobby_id, lobby.mixer AS lobby_mixer, lobby.epoch AS lobby_epoch, \
       COALESCE(lobby_mixer.address, '') AS lobby_address, \
       CASE WHEN EXISTS (SELECT 1 FROM conferee AS other WHERE other.conference = seat.conference \
          AND other.id <> seat.id AND other.state <> 'left' AND other.state IN ('placed', 'joined')) THEN 0 ELSE 1 END AS is_alone \
     FROM attendance \
     JOIN room ON room.id = attendance.room \
     LEFT JOIN conferee AS seat ON seat.id = attendance.conferee \
     LEFT JOIN conference ON conference.id = seat.conference \
     LEFT JOIN conferee AS noisy ON seat.role = 'host' AND noisy.id = (SELECT other.id FROM conferee AS other \
       WHERE other.conference = seat.conference AND other.state IN ('joined', 'absent') \
       AND other.noisy_at IS NOT NULL ORDER BY other.noisy_at DESC, other.place LIMIT 1) \
     LEFT JOIN mix ON mix.id = conference.mix \
     LEFT JOIN mixer ON mixer.id = mix.mixer \
     LEFT JOIN mix AS lobby \
       ON lobby.room = attendance.room AND lobby.kind = 'lobby' AND lobby.closed_at IS NULL \
     LEFT JOIN mixer AS lobby_mixer ON lobby_mixer.id = lobby.mixer \
     LEFT JOIN outdial ON outdial.ended_at IS NULL AND outdial.state <> 'joined' \
       AND (outdial.asker = attendance.id OR outdial.callee = attendance.id) \
     LEFT JOIN mix AS side ON side.id = outdial.mix \
     LEFT JOIN mixer AS side_mixer ON side_mixer.id = side.mixer \
     WHERE attendance.id IN (LIST)";

/// A room's version and what it wants done to voices, and what should hold for these callers of it at that version.
pub(crate) async fn of_room(
    db: &mut Connection<'_>,
    room: RoomId,
    attendances: &[AttendanceId],
) -> Result<(Option<(RoomVersion, VoiceCare)>, Vec<AttendanceView>), StoreError> {
    let sql = "SELECT version, has_noise_suppression, has_agc FROM room WHERE is_deleted = 0 AND id = $1";
    let known = match db.first(sql, values![room]).await? {
        Some(row) => Some((row.read("version")?, rows::voices(&row)?)),
        None => None,
    };
    Ok((known, read(db, attendances).await?))
}

/// What should hold for each of these callers. Unknown ones are left out.
pub(crate) async fn read(
    db: &mut Connection<'_>,
    attendances: &[AttendanceId],
) -> Result<Vec<AttendanceView>, StoreError> {
    let mut views = Vec::with_capacity(attendances.len());
    for part in attendances.chunks(LIST_MAX) {
        let list = padded(part);
        for row in db.all(WithList::new(VIEWS, 1, list.len()), list).await? {
            views.push(view(&row)?);
        }
    }
    Ok(views)
}

fn view(row: &Row) -> Result<AttendanceView, StoreError> {
    let known = rows::attendance(row)?;
    let is_missed = known.is_missed(row.read("wait_max_ms")?);
    Ok(AttendanceView {
        attendance: known.id,
        room: known.room,
        generation: known.generation,
        vru: known.vru,
        caller: known.caller,
        is_missed,
        voice_version: match known.state {
            AttendanceState::Seated { .. } => row.read("voice_version")?,
            AttendanceState::Waiting(_) | AttendanceState::Refused(_) | AttendanceState::Left(_) => {
                RoomVersion::default()
            }
        },
        standing: standing(row)?,
    })
}

fn standing(row: &Row) -> Result<Standing, StoreError> {
    Ok(match rows::attendance_state(row)? {
        AttendanceState::Waiting(WaitingKind::Held) => Standing::Held,
        AttendanceState::Waiting(WaitingKind::WaitingRoom) => Standing::InWaitingRoom,
        AttendanceState::Waiting(WaitingKind::Lobby) => {
            other_mix(row, &LOBBY)?.map_or(Standing::Held, Standing::ConnectedForNow)
        }
        AttendanceState::Waiting(WaitingKind::Aside) => {
            // Each is written with the other.
            other_mix(row, &SIDE)?.map_or(Standing::Held, Standing::Aside)
        }
        AttendanceState::Seated { conference, conferee, order, state, voice } => Standing::Placed {
            conference,
            conferee,
            order,
            role: row.read("seat_role")?,
            state,
            is_alone: row.read("is_alone")?,
            music: row.read::<Option<bool>>("music")?.map_or_else(|| row.read("has_music"), Ok)?,
            is_locked: row.read("is_locked")?,
            controls: controls(row, voice)?,
            mix: match other_mix(row, &SIDE)? {
                Some(side) => side,
                None => MixView {
                    mix: row.read("mix_id")?,
                    kind: MixKind::Conference,
                    mixer: row.read("mix_mixer")?,
                    address: row.read("mix_address")?,
                    epoch: row.read("mix_epoch")?,
                },
            },
            aside: aside(row)?.map(Box::new),
        },
        AttendanceState::Refused(refusal) => Standing::Refused(refusal),
        AttendanceState::Left(reason) => Standing::Removed(reason),
    })
}

fn controls(row: &Row, voice: Voice) -> Result<Controls, StoreError> {
    let role: Role = row.read("seat_role")?;
    let floor = row.read("floor")?;
    let announce: Option<Announce> = row.read("announce")?;
    let continues: Option<bool> = row.read("continues")?;
    let why: Option<ConferenceEnd> = row.read("ends_why")?;
    let ends_at: Option<Timestamp> = row.read("ends_at")?;
    Ok(Controls {
        mute: voice.mute(),
        may_unmute: voice.may_unmute(role, floor, row.read("unmute_oneself")?),
        may_roll_call: role == Role::Host || row.read("has_roll_call")?,
        hand_raised: voice.hand_raised_at.is_some(),
        floor,
        announce: announce.map_or_else(|| row.read("room_announce"), Ok)?,
        continues: match continues {
            Some(continues) => continues,
            None => row.read::<String>("host_leaves")? == "continue",
        },
        ends_at: ends_at.filter(|_| why != Some(ConferenceEnd::NoMixer)),
        hands: row.read("hands")?,
        waiting: row.read("waiting")?,
        noisy: noisy(row)?,
    })
}

fn noisy(row: &Row) -> Result<Option<NoisyLine>, StoreError> {
    let Some(conferee) = row.read("noisy_conferee")? else {
        return Ok(None);
    };
    Ok(Some(NoisyLine {
        conferee,
        attendance: row.read("noisy_attendance")?,
        order: row.read("noisy_place")?,
        has_name: row.read("noisy_has_name")?,
        noise: row.read("noise")?,
        at: row.read("noisy_at")?,
        is_muted: row.read("noisy_is_muted")?,
    }))
}

/// The columns of a mix beside the conference's.
struct Columns {
    kind: MixKind,
    mix: &'static str,
    mixer: &'static str,
    address: &'static str,
    epoch: &'static str,
}

const LOBBY: Columns = Columns {
    kind: MixKind::Lobby,
    mix: "lobby_id",
    mixer: "lobby_mixer",
    address: "lobby_address",
    epoch: "lobby_epoch",
};

const SIDE: Columns = Columns {
    kind: MixKind::Side,
    mix: "side_id",
    mixer: "side_mixer",
    address: "side_address",
    epoch: "side_epoch",
};

fn other_mix(row: &Row, columns: &Columns) -> Result<Option<MixView>, StoreError> {
    let Some(mix) = row.read(columns.mix)? else {
        return Ok(None);
    };
    Ok(Some(MixView {
        mix,
        kind: columns.kind,
        mixer: row.read(columns.mixer)?,
        address: row.read(columns.address)?,
        epoch: row.read::<Epoch>(columns.epoch)?,
    }))
}

fn aside(row: &Row) -> Result<Option<AsideView>, StoreError> {
    let Some(callee) = row.read("aside_callee")? else {
        return Ok(None);
    };
    Ok(Some(AsideView {
        callee,
        kind: row.read("aside_kind")?,
        to: outdials::target(row)?,
        has_answered: row.read::<OutdialState>("aside_state")? == OutdialState::Aside,
    }))
}

/// Rooms in which a deadline is past.
pub(crate) async fn rooms_due(db: &mut Connection<'_>, now: Timestamp) -> Result<Vec<RoomId>, StoreError> {
    let rows = db
        .all(
            "SELECT room FROM attendance WHERE ended_at IS NULL AND deadline <= $1 \
             UNION SELECT room FROM conference WHERE ended_at IS NULL AND deadline <= $1 \
             UNION SELECT room FROM outdial WHERE ended_at IS NULL AND until <= $1",
            values![now],
        )
        .await?;
    column(&rows, "room")
}

/// The versions of rooms; deleted and unknown ones are left out.
pub(crate) async fn room_versions(
    db: &mut Connection<'_>,
    rooms: &[RoomId],
) -> Result<Vec<(RoomId, RoomVersion)>, StoreError> {
    let mut versions = Vec::with_capacity(rooms.len());
    for part in rooms.chunks(LIST_MAX) {
        let list = padded(part);
        let sql = WithList::new(
            "SELECT id, version FROM room WHERE is_deleted = 0 AND id IN (LIST)",
            1,
            list.len(),
        );
        for row in db.all(sql, list).await? {
            versions.push((row.read("id")?, row.read("version")?));
        }
    }
    Ok(versions)
}

/// Live attendances of a VRU with their rooms.
pub(crate) async fn attendances_of_vru(
    db: &mut Connection<'_>,
    vru: &VruId,
) -> Result<Vec<(RoomId, AttendanceId)>, StoreError> {
    let rows = db
        .all(
            "SELECT room, id FROM attendance WHERE vru = $1 AND ended_at IS NULL ORDER BY room, arrived_at, id",
            values![vru],
        )
        .await?;
    rows.iter().map(|row| Ok((row.read("room")?, row.read("id")?))).collect()
}

/// Rooms with a live mix on a mixer.
pub(crate) async fn rooms_on_mixer(
    db: &mut Connection<'_>,
    mixer: &MixerId,
) -> Result<Vec<RoomId>, StoreError> {
    let rows = db
        .all("SELECT DISTINCT room FROM mix WHERE mixer = $1 AND closed_at IS NULL", values![mixer])
        .await?;
    column(&rows, "room")
}

fn column<T: Column>(rows: &[Row], name: &str) -> Result<Vec<T>, StoreError> {
    rows.iter().map(|row| row.read(name)).collect()
}
