//! Rooms: making, changing and finding them, and the codes that select them.

use async_trait::async_trait;
use partyline_conference::{
    AccountId, CodeMatch, ConferenceCode, LockScope, Role, Room, RoomId, RoomName, RoomVersion, VoiceCare,
};

use crate::contract::{RoomChange, StoreError, Touched};
use crate::db::{Bind as _, Connection, Held, Row, Value, WithList, padded, values};
use crate::keys::LookupKeys;
use crate::records::{RoomChanges, RoomSummary};
use crate::rows::{self, room_values};
use crate::snapshot;
use crate::writer::Write;

/// A code as it goes to the store: hashed already.
pub(crate) struct HashedCode {
    role: Role,
    key_id: String,
    hash: String,
    /// What the same code would be under any live key.
    hashes: Vec<String>,
    ends: String,
}

impl HashedCode {
    pub(crate) fn new(keys: &LookupKeys, role: Role, code: &ConferenceCode) -> Self {
        let (key_id, hash) = keys.hash_of_new(code);
        Self {
            role,
            key_id: key_id.to_owned(),
            hash,
            hashes: keys.hashes(code),
            ends: code.last_two().to_owned(),
        }
    }

    /// Gives the code to a room, in place of the one that it had for the role.
    async fn write(&self, db: &mut Connection<'_>, room: RoomId) -> Result<(), StoreError> {
        let mut list = padded(&self.hashes);
        let sql = WithList::new(
            "SELECT 1 AS taken FROM room_code WHERE NOT (room = $1 AND role = $2) AND hash IN (LIST)",
            3,
            list.len(),
        );
        let mut of = values![room, self.role];
        of.append(&mut list);
        if db.first(sql, of).await?.is_some() {
            return Err(StoreError::Taken(CODE));
        }
        db.execute("DELETE FROM room_code WHERE room = $1 AND role = $2", values![room, self.role]).await?;
        db.insert(
            CODE,
            "INSERT INTO room_code (hash, key_id, room, role, ends) VALUES ($1, $2, $3, $4, $5)",
            values![self.hash.as_str(), self.key_id.as_str(), room, self.role, self.ends.as_str()],
        )
        .await
    }
}

const CODE: &str = "conference code";
const NAME: &str = "room name";

/// Makes a room of the default account.
pub(crate) struct CreateRoom {
    pub(crate) settings: Room,
    pub(crate) codes: [HashedCode; 2],
    /// The PIN's hash.
    pub(crate) host_pin: Option<String>,
}

#[async_trait]
impl Write for CreateRoom {
    type Answer = Room;
    type Refused = StoreError;

    async fn apply(&self, db: &mut Connection<'_>) -> Result<Room, StoreError> {
        let account: AccountId =
            db.one("SELECT id FROM account WHERE name = 'default'", values![]).await?.read("id")?;
        db.hold(Held::Account, account.value()).await?;
        let room = Room {
            account,
            version: RoomVersion(1),
            has_host_pin: self.host_pin.is_some(),
            ..self.settings.clone()
        };
        refuse_known_name(db, &room).await?;
        let mut row = room_values(&room);
        row.extend(values![room.id, room.account, self.host_pin.clone()]);
        db.insert("room identifier", INSERT, row).await?;
        for code in &self.codes {
            code.write(db, room.id).await?;
        }
        Ok(room)
    }

    fn changed(&self, _: &Self::Answer) -> Option<RoomChange> {
        Some(RoomChange { room: self.settings.id, touched: Touched::Everybody })
    }
}

const INSERT: &str = "INSERT INTO room (name, version, entry, class, announce, conferees_max, host_leaves, \
     grace_ms, lock_scope, has_music, wait_max_ms, conference_max_ms, call_max_ms, no_rtp_max_ms, \
     unmute_oneself, deleted_stay_out, has_waiting_room, has_roll_call, may_dial_out, dial_out_prefixes, operator, \
     noisy_lines, has_noise_suppression, has_agc, id, account, host_pin, sequence, is_deleted) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, 0, 0)";

const UPDATE: &str = "UPDATE room SET name = $1, version = $2, entry = $3, class = $4, announce = $5, \
     conferees_max = $6, host_leaves = $7, grace_ms = $8, lock_scope = $9, has_music = $10, wait_max_ms = $11, \
     conference_max_ms = $12, call_max_ms = $13, no_rtp_max_ms = $14, \
     unmute_oneself = $15, deleted_stay_out = $16, has_waiting_room = $17, \
     has_roll_call = $18, may_dial_out = $19, dial_out_prefixes = $20, operator = $21, noisy_lines = $22, \
     has_noise_suppression = $23, has_agc = $24 WHERE id = $25";

async fn refuse_known_name(db: &mut Connection<'_>, room: &Room) -> Result<(), StoreError> {
    let known = db
        .first(
            "SELECT 1 AS taken FROM room WHERE account = $1 AND name = $2 AND id <> $3 AND is_deleted = 0",
            values![room.account, &room.name, room.id],
        )
        .await?;
    known.map_or(Ok(()), |_| Err(StoreError::Taken(NAME)))
}

/// Changes a room's settings.
pub(crate) struct ChangeRoom {
    pub(crate) room: RoomId,
    pub(crate) changes: RoomChanges,
    /// The new PIN's hash; `Some(None)` takes the PIN away.
    pub(crate) host_pin: Option<Option<String>>,
}

#[async_trait]
impl Write for ChangeRoom {
    type Answer = Room;
    type Refused = StoreError;

    async fn apply(&self, db: &mut Connection<'_>) -> Result<Room, StoreError> {
        db.hold(Held::Room, self.room.value()).await?;
        let mut room = changed(snapshot::room(db, self.room).await?, &self.changes);
        db.hold(Held::Account, room.account.value()).await?;
        refuse_known_name(db, &room).await?;
        let mut row = room_values(&room);
        row.extend(values![room.id]);
        db.execute(UPDATE, row).await?;
        if let Some(pin) = &self.host_pin {
            db.execute("UPDATE room SET host_pin = $2 WHERE id = $1", values![room.id, pin.clone()]).await?;
            room.has_host_pin = pin.is_some();
        }
        Ok(room)
    }

    fn changed(&self, _: &Self::Answer) -> Option<RoomChange> {
        Some(RoomChange { room: self.room, touched: Touched::Everybody })
    }
}

/// The room with what is named changed, and its version moved on.
fn changed(room: Room, changes: &RoomChanges) -> Room {
    Room {
        id: room.id,
        account: room.account,
        name: changes.name.clone().unwrap_or(room.name),
        version: room.version.next(),
        entry: changes.entry.unwrap_or(room.entry),
        class: changes.class.clone().unwrap_or(room.class),
        announce: changes.announce.unwrap_or(room.announce),
        conferees_max: changes.conferees_max.unwrap_or(room.conferees_max),
        host_leaves: changes.host_leaves.unwrap_or(room.host_leaves),
        lock: changes.lock.unwrap_or(room.lock),
        music: changes.music.unwrap_or(room.music),
        wait_max: changes.wait_max.unwrap_or(room.wait_max),
        conference_max: changes.conference_max.unwrap_or(room.conference_max),
        call_max: changes.call_max.unwrap_or(room.call_max),
        no_rtp_max: changes.no_rtp_max.unwrap_or(room.no_rtp_max),
        has_host_pin: room.has_host_pin,
        unmute_oneself: changes.unmute_oneself.unwrap_or(room.unmute_oneself),
        deleted_stay_out: changes.deleted_stay_out.unwrap_or(room.deleted_stay_out),
        waiting_room: changes.waiting_room.unwrap_or(room.waiting_room),
        roll_call: changes.roll_call.unwrap_or(room.roll_call),
        dial_out: changes.dial_out.unwrap_or(room.dial_out),
        dial_out_prefixes: changes.dial_out_prefixes.clone().unwrap_or(room.dial_out_prefixes),
        operator: changes.operator.clone().unwrap_or(room.operator),
        noisy_lines: changes.noisy_lines.unwrap_or(room.noisy_lines),
        voices: VoiceCare {
            noise_suppression: changes.noise_suppression.unwrap_or(room.voices.noise_suppression),
            agc: changes.agc.unwrap_or(room.voices.agc),
        },
    }
}

/// Gives a room a new code.
pub(crate) struct SetCode {
    pub(crate) room: RoomId,
    pub(crate) code: HashedCode,
}

#[async_trait]
impl Write for SetCode {
    type Answer = ();
    type Refused = StoreError;

    async fn apply(&self, db: &mut Connection<'_>) -> Result<(), StoreError> {
        move_on(db, self.room).await?;
        self.code.write(db, self.room).await
    }

    fn changed(&self, _: &Self::Answer) -> Option<RoomChange> {
        Some(RoomChange { room: self.room, touched: Touched::Everybody })
    }
}

async fn move_on(db: &mut Connection<'_>, room: RoomId) -> Result<(), StoreError> {
    let rows = db
        .execute("UPDATE room SET version = version + 1 WHERE id = $1 AND is_deleted = 0", values![room])
        .await?;
    if rows == 0 { Err(StoreError::Unknown("room")) } else { Ok(()) }
}

/// Takes a room away; its codes are free again, its records stay.
pub(crate) struct DeleteRoom(pub(crate) RoomId);

#[async_trait]
impl Write for DeleteRoom {
    type Answer = ();
    type Refused = StoreError;

    async fn apply(&self, db: &mut Connection<'_>) -> Result<(), StoreError> {
        move_on(db, self.0).await?;
        let used = db
            .first(
                "SELECT 1 AS used FROM conference WHERE room = $1 AND ended_at IS NULL \
                 UNION SELECT 1 AS used FROM attendance WHERE room = $1 AND ended_at IS NULL",
                values![self.0],
            )
            .await?;
        if used.is_some() {
            return Err(StoreError::Taken("room"));
        }
        db.execute("UPDATE room SET is_deleted = 1 WHERE id = $1", values![self.0]).await?;
        db.execute("DELETE FROM room_code WHERE room = $1", values![self.0]).await?;
        Ok(())
    }

    fn changed(&self, _: &Self::Answer) -> Option<RoomChange> {
        Some(RoomChange { room: self.0, touched: Touched::Everybody })
    }
}

/// What a code selects, by the hashes that it has under the live keys.
pub(crate) async fn look_up(
    db: &mut Connection<'_>,
    hashes: &[String],
) -> Result<Option<CodeMatch>, StoreError> {
    let list: Vec<Value> = padded(hashes);
    let sql = WithList::new(
        "SELECT room_code.role, room.id, room.account, room.lock_scope, room.host_pin, room.no_rtp_max_ms, \
           room.wait_max_ms, room.call_max_ms, COALESCE(conference.is_locked, 0) AS is_locked, \
           COALESCE(conference.announce, room.announce) AS announce \
         FROM room_code JOIN room ON room.id = room_code.room \
         LEFT JOIN conference ON conference.room = room.id AND conference.ended_at IS NULL \
         WHERE room.is_deleted = 0 AND room_code.hash IN (LIST)",
        1,
        list.len(),
    );
    db.first(sql, list).await?.as_ref().map(code_match).transpose()
}

fn code_match(row: &Row) -> Result<CodeMatch, StoreError> {
    let role: Role = row.read("role")?;
    let keeps_out = match row.read("lock_scope")? {
        LockScope::All => true,
        LockScope::AllButHosts => role != Role::Host,
    };
    Ok(CodeMatch {
        room: row.read("id")?,
        account: row.read("account")?,
        role,
        pin_needed: role == Role::Host && row.read::<Option<String>>("host_pin")?.is_some(),
        is_locked: keeps_out && row.read("is_locked")?,
        announce: row.read("announce")?,
        no_rtp_max: row.read("no_rtp_max_ms")?,
        wait_max: row.read("wait_max_ms")?,
        call_max: row.read("call_max_ms")?,
    })
}

/// A room's PIN hash, if it asks for a PIN.
pub(crate) async fn host_pin(db: &mut Connection<'_>, room: RoomId) -> Result<Option<String>, StoreError> {
    let row = db.first("SELECT host_pin FROM room WHERE id = $1 AND is_deleted = 0", values![room]).await?;
    row.ok_or(StoreError::Unknown("room"))?.read("host_pin")
}

/// How many codes were hashed under none of these keys.
pub(crate) async fn codes_without_key(db: &mut Connection<'_>, keys: &[String]) -> Result<u64, StoreError> {
    let list = padded(keys);
    let sql =
        WithList::new("SELECT COUNT(*) AS codes FROM room_code WHERE key_id NOT IN (LIST)", 1, list.len());
    db.one(sql, list).await?.read("codes")
}

macro_rules! summaries {
    ($where:literal) => {
        concat!(
            "SELECT room.*, COALESCE(host.ends, '') AS host_ends, COALESCE(other.ends, '') AS other_ends, \
               conference.id AS conference, \
               (SELECT COUNT(*) FROM attendance \
                WHERE attendance.room = room.id AND attendance.ended_at IS NULL) AS callers \
             FROM room JOIN account ON account.id = room.account \
             LEFT JOIN room_code AS host ON host.room = room.id AND host.role = 'host' \
             LEFT JOIN room_code AS other ON other.room = room.id AND other.role = 'participant' \
             LEFT JOIN conference ON conference.room = room.id AND conference.ended_at IS NULL \
             WHERE room.is_deleted = 0 ",
            $where,
            " ORDER BY account.name, room.name"
        )
    };
}

/// All rooms, by account and name.
pub(crate) async fn all(db: &mut Connection<'_>) -> Result<Vec<RoomSummary>, StoreError> {
    db.all(summaries!(""), values![]).await?.iter().map(summary).collect()
}

/// A room of the default account by its name.
pub(crate) async fn named(
    db: &mut Connection<'_>,
    name: &RoomName,
) -> Result<Option<RoomSummary>, StoreError> {
    let row = db.first(summaries!("AND account.name = 'default' AND room.name = $1"), values![name]).await?;
    row.as_ref().map(summary).transpose()
}

fn summary(row: &Row) -> Result<RoomSummary, StoreError> {
    Ok(RoomSummary {
        room: rows::room(row)?,
        host_code_ends: row.read("host_ends")?,
        participant_code_ends: row.read("other_ends")?,
        conference: row.read("conference")?,
        callers: row.read("callers")?,
    })
}
