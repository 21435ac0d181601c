-- Who is called from within conferences. `callee` is the attendance that they have once they answer; `kind`: callee,
-- operator; `state`: dialling, aside, joined. `mix` is that of a talk in private, while it lasts.
CREATE TABLE outdial (
    callee       TEXT PRIMARY KEY NOT NULL,
    room         TEXT NOT NULL REFERENCES room (id),
    conference   TEXT NOT NULL,
    asker        TEXT NOT NULL,
    kind         TEXT NOT NULL,
    number       TEXT NOT NULL,
    state        TEXT NOT NULL,
    mix          TEXT,
    started_at   BIGINT NOT NULL,
    answered_at  BIGINT,
    until        BIGINT NOT NULL,
    ended_at     BIGINT,
    end_why      TEXT
);
CREATE INDEX outdial_live ON outdial (room) WHERE ended_at IS NULL;
CREATE INDEX outdial_asker ON outdial (asker) WHERE ended_at IS NULL;
CREATE INDEX outdial_due ON outdial (until) WHERE ended_at IS NULL;
CREATE INDEX outdial_started ON outdial (started_at);
CREATE INDEX outdial_conference ON outdial (conference);

-- `dial_out_prefixes` parts them by spaces. NULL as the operator leaves it to the settings.
ALTER TABLE room ADD COLUMN may_dial_out BIGINT NOT NULL DEFAULT 0;
ALTER TABLE room ADD COLUMN dial_out_prefixes TEXT NOT NULL DEFAULT '';
ALTER TABLE room ADD COLUMN operator TEXT;
