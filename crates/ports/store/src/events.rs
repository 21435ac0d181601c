//! Events as rows: one flat row per event, the columns that its kind needs filled.

use partyline_conference::{
    CommandAnswer, CommandNote, CommandRefusal, Event, EventKind, EventSequence, RoomId, Timestamp,
};

use crate::contract::{EventPage, StoreError};
use crate::db::{Bind, Connection, Row, Value, values};

/// The columns behind `kind`, in the order in which [`Columns::into_values`] gives them.
#[derive(Default)]
struct Columns {
    attendance: Option<Value>,
    conference: Option<Value>,
    conferee: Option<Value>,
    mix: Option<Value>,
    mixer: Option<Value>,
    role: Option<Value>,
    word: Option<Value>,
    place: Option<Value>,
    epoch: Option<Value>,
    flag: Option<Value>,
    subject: Option<Value>,
    refusal: Option<Value>,
    until: Option<Value>,
}

impl Columns {
    fn into_values(self) -> impl Iterator<Item = Value> {
        let texts =
            [self.attendance, self.conference, self.conferee, self.mix, self.mixer, self.role, self.word];
        let numbers = [self.place, self.epoch, self.flag];
        texts
            .into_iter()
            .map(|text| text.unwrap_or(Value::Text(None)))
            .chain(numbers.into_iter().map(|number| number.unwrap_or(Value::Int(None))))
            .chain([self.subject, self.refusal].into_iter().map(|text| text.unwrap_or(Value::Text(None))))
            .chain([self.until.unwrap_or(Value::Int(None))])
    }
}

macro_rules! columns {
    ($($column:ident: $value:expr),* $(,)?) => {
        Columns { $($column: Some(Bind::value($value)),)* ..Columns::default() }
    };
}

fn kind_word(kind: &EventKind) -> &'static str {
    match kind {
        EventKind::CallerWaits { .. } => "caller_waits",
        EventKind::CallerRefused { .. } => "caller_refused",
        EventKind::CallerLeft { .. } => "caller_left",
        EventKind::ConferenceCreated { .. } => "conference_created",
        EventKind::ConfereePlaced { .. } => "conferee_placed",
        EventKind::ConfereeJoined { .. } => "conferee_joined",
        EventKind::ConfereeAbsent { .. } => "conferee_absent",
        EventKind::LineNoisy { .. } => "line_noisy",
        EventKind::ConfereeLeft { .. } => "conferee_left",
        EventKind::ConferenceMoved { .. } => "conference_moved",
        EventKind::LockChanged { .. } => "lock_changed",
        EventKind::Commanded { answer: Ok(()), .. } => "commanded",
        EventKind::Commanded { answer: Err(_), .. } => COMMAND_REFUSED,
        EventKind::OutdialStarted { .. } => "outdial_started",
        EventKind::OutdialAnswered { .. } => "outdial_answered",
        EventKind::OutdialEnded { .. } => "outdial_ended",
        EventKind::ConferenceEnded { .. } => "conference_ended",
    }
}

fn columns(kind: &EventKind) -> Columns {
    match kind {
        EventKind::CallerWaits { attendance } => columns! { attendance: attendance },
        EventKind::CallerRefused { attendance, refusal } => {
            columns! { attendance: attendance, word: *refusal }
        }
        EventKind::CallerLeft { attendance, reason } => columns! { attendance: attendance, word: *reason },
        EventKind::ConferenceCreated { conference, mix, mixer } => {
            columns! { conference: conference, mix: mix, mixer: mixer }
        }
        EventKind::ConfereePlaced { conference, conferee, attendance, order, role } => columns! {
            conference: conference, conferee: conferee, attendance: attendance, place: *order, role: *role,
        },
        EventKind::ConfereeJoined { conference, conferee, is_first } => {
            columns! { conference: conference, conferee: conferee, flag: *is_first }
        }
        EventKind::ConfereeAbsent { conference, conferee } => {
            columns! { conference: conference, conferee: conferee }
        }
        EventKind::LineNoisy { conference, conferee, noise } => {
            columns! { conference: conference, conferee: conferee, word: *noise }
        }
        EventKind::ConfereeLeft { conference, conferee, reason, had_joined } => {
            columns! { conference: conference, conferee: conferee, word: *reason, flag: *had_joined }
        }
        EventKind::ConferenceMoved { conference, mixer, epoch } => {
            columns! { conference: conference, mixer: mixer, epoch: *epoch }
        }
        EventKind::LockChanged { conference, locked } => columns! { conference: conference, flag: *locked },
        EventKind::Commanded { command, by, answer } => columns! {
            word: command.word, attendance: *by, conferee: command.conferee, subject: command.caller,
            until: command.until, refusal: answer.err(),
        },
        EventKind::OutdialStarted { conference, callee, asker, kind } => {
            columns! { conference: conference, subject: callee, attendance: asker, word: *kind }
        }
        EventKind::OutdialAnswered { conference, callee } => {
            columns! { conference: conference, subject: callee }
        }
        EventKind::OutdialEnded { conference, callee, why } => {
            columns! { conference: conference, subject: callee, word: *why }
        }
        EventKind::ConferenceEnded { conference, why } => columns! { conference: conference, word: *why },
    }
}

/// The word of a refused command: rows of the first schema have it too, without the reason.
const COMMAND_REFUSED: &str = "command_refused";

fn commanded(row: &Row, answer: CommandAnswer) -> Result<EventKind, StoreError> {
    let command = CommandNote {
        word: row.read("word")?,
        conferee: row.read("conferee")?,
        caller: row.read("subject")?,
        until: row.read("until")?,
    };
    Ok(EventKind::Commanded { command, by: row.read("attendance")?, answer })
}

fn of_outdial(row: &Row, word: &str) -> Result<EventKind, StoreError> {
    let (conference, callee) = (row.read("conference")?, row.read("subject")?);
    Ok(match word {
        "outdial_started" => EventKind::OutdialStarted {
            conference,
            callee,
            asker: row.read("attendance")?,
            kind: row.read("word")?,
        },
        "outdial_answered" => EventKind::OutdialAnswered { conference, callee },
        _ => EventKind::OutdialEnded { conference, callee, why: row.read("word")? },
    })
}

fn kind(row: &Row) -> Result<EventKind, StoreError> {
    let word: String = row.read("kind")?;
    Ok(match word.as_str() {
        "caller_waits" => EventKind::CallerWaits { attendance: row.read("attendance")? },
        "caller_refused" => {
            EventKind::CallerRefused { attendance: row.read("attendance")?, refusal: row.read("word")? }
        }
        "caller_left" => {
            EventKind::CallerLeft { attendance: row.read("attendance")?, reason: row.read("word")? }
        }
        "conference_created" => EventKind::ConferenceCreated {
            conference: row.read("conference")?,
            mix: row.read("mix")?,
            mixer: row.read("mixer")?,
        },
        "conferee_placed" => EventKind::ConfereePlaced {
            conference: row.read("conference")?,
            conferee: row.read("conferee")?,
            attendance: row.read("attendance")?,
            order: row.read("place")?,
            role: row.read("role")?,
        },
        "conferee_joined" => EventKind::ConfereeJoined {
            conference: row.read("conference")?,
            conferee: row.read("conferee")?,
            is_first: row.read("flag")?,
        },
        "conferee_absent" => {
            EventKind::ConfereeAbsent { conference: row.read("conference")?, conferee: row.read("conferee")? }
        }
        "line_noisy" => EventKind::LineNoisy {
            conference: row.read("conference")?,
            conferee: row.read("conferee")?,
            noise: row.read("word")?,
        },
        "conferee_left" => EventKind::ConfereeLeft {
            conference: row.read("conference")?,
            conferee: row.read("conferee")?,
            reason: row.read("word")?,
            had_joined: row.read("flag")?,
        },
        "conference_moved" => EventKind::ConferenceMoved {
            conference: row.read("conference")?,
            mixer: row.read("mixer")?,
            epoch: row.read("epoch")?,
        },
        "lock_changed" => {
            EventKind::LockChanged { conference: row.read("conference")?, locked: row.read("flag")? }
        }
        "commanded" => commanded(row, Ok(()))?,
        COMMAND_REFUSED => {
            let why: Option<CommandRefusal> = row.read("refusal")?;
            commanded(row, Err(why.unwrap_or(CommandRefusal::NotAllowed)))?
        }
        "outdial_started" | "outdial_answered" | "outdial_ended" => of_outdial(row, &word)?,
        "conference_ended" => {
            EventKind::ConferenceEnded { conference: row.read("conference")?, why: row.read("word")? }
        }
        other => return Err(StoreError::Damaged(format!("an event is {other:?}"))),
    })
}

/// Writes events that follow `last` in the room's sequence.
pub(crate) async fn write(
    db: &mut Connection<'_>,
    room: RoomId,
    last: EventSequence,
    at: Timestamp,
    kinds: &[EventKind],
) -> Result<(), StoreError> {
    let mut sequence = last;
    for kind in kinds {
        sequence = sequence.next();
        let mut row = values![room, sequence, at, kind_word(kind)];
        row.extend(columns(kind).into_values());
        db.insert(
            "event",
            "INSERT INTO event (room, sequence, at, kind, attendance, conference, conferee, mix, mixer, role, \
             word, place, epoch, flag, subject, refusal, until) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)",
            row,
        )
        .await?;
    }
    Ok(())
}

/// A room's events behind `after`, at most `limit` (at least one, at most 1000).
pub(crate) async fn read(
    db: &mut Connection<'_>,
    room: RoomId,
    after: EventSequence,
    limit: u32,
) -> Result<EventPage, StoreError> {
    let limit = limit.clamp(1, 1000);
    let rows = db
        .all(
            "SELECT * FROM event WHERE room = $1 AND sequence > $2 ORDER BY sequence LIMIT $3",
            values![room, after, limit + 1],
        )
        .await?;
    let has_more = rows.len() > limit as usize;
    let events = rows
        .iter()
        .take(limit as usize)
        .map(|row| Ok(Event { room, sequence: row.read("sequence")?, at: row.read("at")?, kind: kind(row)? }))
        .collect::<Result<_, StoreError>>()?;
    Ok(EventPage { events, has_more })
}
