-- The first schema. Plain types only (TEXT, BIGINT, DOUBLE PRECISION), so that it means the same on SQLite and PostgreSQL.
-- Identifiers are 26 characters of base 32, times milliseconds since 1970 UTC, lengths of time milliseconds,
-- claims (is_…, has_…) 0 or 1, words those of the domain.

CREATE TABLE account (
    id             TEXT PRIMARY KEY NOT NULL,
    name           TEXT NOT NULL UNIQUE,
    conferees_max  BIGINT
);

-- `version` is what every decision commits against; `sequence` is the last event's place in the room's sequence.
CREATE TABLE room (
    id                 TEXT PRIMARY KEY NOT NULL,
    account            TEXT NOT NULL REFERENCES account (id),
    name               TEXT NOT NULL,
    version            BIGINT NOT NULL,
    sequence           BIGINT NOT NULL,
    entry              TEXT NOT NULL,
    class              TEXT NOT NULL,
    announce           TEXT NOT NULL,
    conferees_max      BIGINT NOT NULL,
    host_leaves        TEXT NOT NULL,
    grace_ms           BIGINT NOT NULL,
    lock_scope         TEXT NOT NULL,
    has_music          BIGINT NOT NULL,
    wait_max_ms        BIGINT NOT NULL,
    conference_max_ms  BIGINT,
    call_max_ms        BIGINT,
    no_rtp_max_ms      BIGINT NOT NULL,
    host_pin           TEXT,
    is_deleted         BIGINT NOT NULL
);
CREATE UNIQUE INDEX room_name ON room (account, name) WHERE is_deleted = 0;

-- A code is never stored: `hash` is its HMAC-SHA-256 under the lookup key `key_id`, `ends` its last two digits.
CREATE TABLE room_code (
    hash    TEXT PRIMARY KEY NOT NULL,
    key_id  TEXT NOT NULL,
    room    TEXT NOT NULL REFERENCES room (id),
    role    TEXT NOT NULL,
    ends    TEXT NOT NULL
);
CREATE UNIQUE INDEX room_code_role ON room_code (room, role);

-- `state`: held, lobby, seated, refused, left. `reason` says why it was refused or left.
-- `conferee` is the seat that it has or last had.
CREATE TABLE attendance (
    id              TEXT PRIMARY KEY NOT NULL,
    room            TEXT NOT NULL REFERENCES room (id),
    role            TEXT NOT NULL,
    generation      BIGINT NOT NULL,
    vru             TEXT NOT NULL,
    caller_number   TEXT NOT NULL,
    caller_display  TEXT NOT NULL,
    caller_call     TEXT NOT NULL,
    arrived_at      BIGINT NOT NULL,
    state           TEXT NOT NULL,
    reason          TEXT,
    conferee        TEXT,
    deadline        BIGINT,
    ended_at        BIGINT
);
CREATE INDEX attendance_live ON attendance (room, arrived_at, id) WHERE ended_at IS NULL;
CREATE INDEX attendance_vru ON attendance (vru) WHERE ended_at IS NULL;
CREATE INDEX attendance_due ON attendance (deadline) WHERE ended_at IS NULL AND deadline IS NOT NULL;
CREATE INDEX attendance_ended ON attendance (ended_at) WHERE ended_at IS NOT NULL;

CREATE TABLE conference (
    id            TEXT PRIMARY KEY NOT NULL,
    room          TEXT NOT NULL REFERENCES room (id),
    mix           TEXT NOT NULL UNIQUE,
    code_ends     TEXT NOT NULL,
    started_at    BIGINT NOT NULL,
    ended_at      BIGINT,
    end_why       TEXT,
    is_locked     BIGINT NOT NULL,
    next_order    BIGINT NOT NULL,
    deadline      BIGINT,
    deadline_why  TEXT
);
CREATE UNIQUE INDEX conference_live ON conference (room) WHERE ended_at IS NULL;
CREATE INDEX conference_started ON conference (started_at);
CREATE INDEX conference_ended ON conference (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX conference_of_room ON conference (room, started_at);
CREATE INDEX conference_due ON conference (deadline) WHERE ended_at IS NULL AND deadline IS NOT NULL;

-- `state`: placed, joined, absent, left. `attendance` is no reference: it may be purged before the conference.
CREATE TABLE conferee (
    id            TEXT PRIMARY KEY NOT NULL,
    conference    TEXT NOT NULL REFERENCES conference (id),
    attendance    TEXT NOT NULL,
    place         BIGINT NOT NULL,
    role          TEXT NOT NULL,
    state         TEXT NOT NULL,
    placed_at     BIGINT NOT NULL,
    joined_at     BIGINT,
    left_at       BIGINT,
    leave_reason  TEXT
);
CREATE UNIQUE INDEX conferee_place ON conferee (conference, place);
CREATE INDEX conferee_attendance ON conferee (attendance);

-- `kind`: conference, lobby, side. `reserved` seats are part of its mixer's `reserved` until it is closed.
CREATE TABLE mix (
    id          TEXT PRIMARY KEY NOT NULL,
    room        TEXT NOT NULL REFERENCES room (id),
    kind        TEXT NOT NULL,
    conference  TEXT,
    mixer       TEXT NOT NULL,
    epoch       BIGINT NOT NULL,
    reserved    BIGINT NOT NULL,
    opened_at   BIGINT NOT NULL,
    closed_at   BIGINT
);
CREATE UNIQUE INDEX mix_lobby ON mix (room) WHERE closed_at IS NULL AND kind = 'lobby';
CREATE INDEX mix_conference ON mix (conference);
CREATE INDEX mix_mixer ON mix (mixer) WHERE closed_at IS NULL;
CREATE INDEX mix_closed ON mix (closed_at) WHERE closed_at IS NOT NULL;

CREATE TABLE mixer (
    id           TEXT PRIMARY KEY NOT NULL,
    class        TEXT NOT NULL,
    address      TEXT NOT NULL,
    seats_max    BIGINT NOT NULL,
    reserved     BIGINT NOT NULL,
    counter      BIGINT NOT NULL,
    instance     TEXT NOT NULL,
    is_draining  BIGINT NOT NULL
);

CREATE TABLE interface_server (
    service  TEXT NOT NULL,
    id       TEXT NOT NULL,
    address  TEXT NOT NULL,
    counter  BIGINT NOT NULL,
    PRIMARY KEY (service, id)
);

CREATE TABLE vru (
    id        TEXT PRIMARY KEY NOT NULL,
    counter   BIGINT NOT NULL,
    instance  TEXT NOT NULL
);

-- `refusal` is empty where the command was carried out.
CREATE TABLE command (
    id       TEXT PRIMARY KEY NOT NULL,
    room     TEXT NOT NULL,
    at       BIGINT NOT NULL,
    refusal  TEXT
);
CREATE INDEX command_at ON command (at);

-- One row per event; which columns are filled depends on `kind`. `word` is a reason, refusal, command or end.
CREATE TABLE event (
    room        TEXT NOT NULL,
    sequence    BIGINT NOT NULL,
    at          BIGINT NOT NULL,
    kind        TEXT NOT NULL,
    attendance  TEXT,
    conference  TEXT,
    conferee    TEXT,
    mix         TEXT,
    mixer       TEXT,
    role        TEXT,
    word        TEXT,
    place       BIGINT,
    epoch       BIGINT,
    flag        BIGINT,
    PRIMARY KEY (room, sequence)
);
CREATE INDEX event_at ON event (at);

CREATE TABLE attempt (
    id             TEXT PRIMARY KEY NOT NULL,
    at             BIGINT NOT NULL,
    refusal        TEXT NOT NULL,
    caller_number  TEXT NOT NULL,
    dnis           TEXT NOT NULL,
    source         TEXT NOT NULL,
    vru            TEXT NOT NULL,
    room           TEXT
);
CREATE INDEX attempt_at ON attempt (at);

CREATE TABLE api_token (
    id          TEXT PRIMARY KEY NOT NULL,
    account     TEXT NOT NULL REFERENCES account (id),
    name        TEXT NOT NULL,
    hash        TEXT NOT NULL UNIQUE,
    scope       TEXT NOT NULL,
    created_at  BIGINT NOT NULL,
    expires_at  BIGINT,
    revoked_at  BIGINT
);

CREATE TABLE audit (
    id       TEXT PRIMARY KEY NOT NULL,
    at       BIGINT NOT NULL,
    actor    TEXT NOT NULL,
    action   TEXT NOT NULL,
    subject  TEXT NOT NULL,
    detail   TEXT NOT NULL
);
CREATE INDEX audit_at ON audit (at);
