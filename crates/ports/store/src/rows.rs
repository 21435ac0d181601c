//! Rows of the tables as values of the domain.

use std::time::Duration;

use partyline_conference::conference::Deadline;
use partyline_conference::{
    Attendance, AttendanceState, CallerIdentity, ConferenceEnd, DialTarget, Guesses, HostLeaves, LiveMix,
    Manner, MutedBy, NumberPrefix, Room, Voice, VoiceCare, WaitingKind,
};

use crate::contract::StoreError;
use crate::db::{Row, Value, values};
use crate::words::Word;

/// A room's settings as values `$1` to `$24`: name, version, entry, class, announce, conferees_max, host_leaves,
/// grace_ms, lock_scope, has_music, wait_max_ms, conference_max_ms, call_max_ms, no_rtp_max_ms,
/// unmute_oneself, deleted_stay_out, has_waiting_room, has_roll_call, may_dial_out, dial_out_prefixes, operator,
/// noisy_lines, has_noise_suppression, has_agc.
pub(crate) fn room_values(room: &Room) -> Vec<Value> {
    let (host_leaves, grace) = match room.host_leaves {
        HostLeaves::End => ("end", Duration::ZERO),
        HostLeaves::Grace(grace) => ("grace", grace),
        HostLeaves::Continue => ("continue", Duration::ZERO),
    };
    values![
        &room.name,
        room.version,
        room.entry,
        &room.class,
        room.announce,
        room.conferees_max,
        host_leaves,
        grace,
        room.lock,
        room.music,
        room.wait_max,
        room.conference_max,
        room.call_max,
        room.no_rtp_max,
        room.unmute_oneself,
        room.deleted_stay_out,
        room.waiting_room,
        room.roll_call,
        room.dial_out,
        room.dial_out_prefixes.iter().map(NumberPrefix::as_str).collect::<Vec<_>>().join(" "),
        room.operator.as_ref().map(|operator| operator.as_str().to_owned()),
        room.noisy_lines,
        room.voices.noise_suppression,
        room.voices.agc,
    ]
}

/// A row with all columns of `room`.
pub(crate) fn room(row: &Row) -> Result<Room, StoreError> {
    let host_leaves = match row.read::<String>("host_leaves")?.as_str() {
        "end" => HostLeaves::End,
        "grace" => HostLeaves::Grace(row.read("grace_ms")?),
        "continue" => HostLeaves::Continue,
        other => return Err(StoreError::Damaged(format!("a room's last host leaving is {other:?}"))),
    };
    Ok(Room {
        id: row.read("id")?,
        account: row.read("account")?,
        name: row.read("name")?,
        version: row.read("version")?,
        entry: row.read("entry")?,
        class: row.read("class")?,
        announce: row.read("announce")?,
        conferees_max: row.read("conferees_max")?,
        host_leaves,
        lock: row.read("lock_scope")?,
        music: row.read("has_music")?,
        wait_max: row.read("wait_max_ms")?,
        conference_max: row.read("conference_max_ms")?,
        call_max: row.read("call_max_ms")?,
        no_rtp_max: row.read("no_rtp_max_ms")?,
        has_host_pin: row.read::<Option<String>>("host_pin")?.is_some(),
        unmute_oneself: row.read("unmute_oneself")?,
        deleted_stay_out: row.read("deleted_stay_out")?,
        waiting_room: row.read("has_waiting_room")?,
        roll_call: row.read("has_roll_call")?,
        dial_out: row.read("may_dial_out")?,
        dial_out_prefixes: dial_out_prefixes(row)?,
        operator: operator(row)?,
        noisy_lines: row.read("noisy_lines")?,
        voices: voices(row)?,
    })
}

/// What a room wants done to voices, of a row with its columns.
pub(crate) fn voices(row: &Row) -> Result<VoiceCare, StoreError> {
    Ok(VoiceCare { noise_suppression: row.read("has_noise_suppression")?, agc: row.read("has_agc")? })
}

fn dial_out_prefixes(row: &Row) -> Result<Vec<NumberPrefix>, StoreError> {
    let text: String = row.read("dial_out_prefixes")?;
    let read = |prefix: &str| {
        NumberPrefix::new(prefix)
            .map_err(|_| StoreError::Damaged(format!("a prefix of numbers is {prefix:?}")))
    };
    text.split_whitespace().map(read).collect()
}

fn operator(row: &Row) -> Result<Option<DialTarget>, StoreError> {
    let text: Option<String> = row.read("operator")?;
    let read = |text: String| {
        DialTarget::operator(&text).map_err(|_| StoreError::Damaged(format!("an operator is {text:?}")))
    };
    text.map(read).transpose()
}

/// The words `state` and `reason` of who arrives. Who is to be seated waits until the seat follows.
pub(crate) fn arrival_words(state: &AttendanceState) -> (&'static str, Option<&'static str>) {
    match state {
        AttendanceState::Waiting(kind) => (kind.word(), None),
        AttendanceState::Seated { .. } => (WaitingKind::Held.word(), None),
        AttendanceState::Refused(refusal) => (REFUSED, Some(refusal.word())),
        AttendanceState::Left(reason) => (LEFT, Some(reason.word())),
    }
}

/// The word of a seated attendance.
const SEATED: &str = "seated";
/// The word of a refused attendance.
const REFUSED: &str = "refused";
/// The word of an attendance, or conferee, that has left.
const LEFT: &str = "left";

/// An attendance's state from a row of `attendance` joined with its `conferee` as `seat_…`.
pub(crate) fn attendance_state(row: &Row) -> Result<AttendanceState, StoreError> {
    let word: String = row.read("state")?;
    Ok(match word.as_str() {
        SEATED => AttendanceState::Seated {
            conference: row.read("seat_conference")?,
            conferee: row.read("conferee")?,
            order: row.read("seat_place")?,
            state: row.read("seat_state")?,
            voice: voice(row)?,
        },
        REFUSED => AttendanceState::Refused(row.read("reason")?),
        LEFT => AttendanceState::Left(row.read("reason")?),
        other => AttendanceState::Waiting(
            WaitingKind::from_word(other)
                .ok_or_else(|| StoreError::Damaged(format!("an attendance is {other:?}")))?,
        ),
    })
}

/// A voice from a row with the columns of a `conferee` that are its.
pub(crate) fn voice(row: &Row) -> Result<Voice, StoreError> {
    let muted_by = MutedBy {
        oneself: row.read("muted_by_oneself")?,
        host: row.read("muted_by_host")?,
        floor: row.read("muted_by_floor")?,
    };
    Ok(Voice { muted_by, hand_raised_at: row.read("hand_raised_at")? })
}

/// A conference's manner from a row with the columns of a `conference` that are its.
pub(crate) fn manner(row: &Row) -> Result<Manner, StoreError> {
    Ok(Manner {
        announce: row.read("announce")?,
        music: row.read("has_music")?,
        continues: row.read("continues")?,
    })
}

/// Who calls, from a row of `attendance`.
pub(crate) fn caller(row: &Row) -> Result<CallerIdentity, StoreError> {
    Ok(CallerIdentity {
        number: row.read("caller_number")?,
        display: row.read("caller_display")?,
        call: row.read("caller_call")?,
    })
}

/// An attendance from a row of `attendance` joined with its `conferee` as `seat_…`.
pub(crate) fn attendance(row: &Row) -> Result<Attendance, StoreError> {
    Ok(Attendance {
        id: row.read("id")?,
        room: row.read("room")?,
        role: row.read("role")?,
        generation: row.read("generation")?,
        vru: row.read("vru")?,
        caller: caller(row)?,
        arrived_at: row.read("arrived_at")?,
        state: attendance_state(row)?,
        deadline: row.read("deadline")?,
        guesses: Guesses { wrong: row.read("wrong_guesses")?, last_at: row.read("guessed_at")? },
    })
}

/// A placed mix from a row of `mix`.
pub(crate) fn live_mix(row: &Row) -> Result<LiveMix, StoreError> {
    Ok(LiveMix {
        mix: row.read("mix")?,
        mixer: row.read("mixer")?,
        epoch: row.read("epoch")?,
        reserved: row.read("reserved")?,
    })
}

/// A conference's own end from a row of `conference`.
pub(crate) fn deadline(row: &Row) -> Result<Option<Deadline>, StoreError> {
    let Some(at) = row.read("deadline")? else {
        return Ok(None);
    };
    let why: ConferenceEnd = row.read("deadline_why")?;
    Ok(Some(Deadline { at, why }))
}
