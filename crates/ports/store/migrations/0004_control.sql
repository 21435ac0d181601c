-- What hosts and conferees command: settings of the room for it, the floor and manner of a conference, the voice of a
-- conferee. NULL in `conference` where its hosts changed nothing of the room's settings.
ALTER TABLE room ADD COLUMN unmute_oneself BIGINT NOT NULL DEFAULT 0;
ALTER TABLE room ADD COLUMN deleted_stay_out BIGINT NOT NULL DEFAULT 0;
ALTER TABLE room ADD COLUMN has_waiting_room BIGINT NOT NULL DEFAULT 0;
ALTER TABLE room ADD COLUMN has_roll_call BIGINT NOT NULL DEFAULT 0;

ALTER TABLE conference ADD COLUMN floor TEXT NOT NULL DEFAULT 'open';
ALTER TABLE conference ADD COLUMN announce TEXT;
ALTER TABLE conference ADD COLUMN has_music BIGINT;
ALTER TABLE conference ADD COLUMN continues BIGINT;
ALTER TABLE conference ADD COLUMN extended_to BIGINT;

-- `voice_version` is the version of the room in which one of the five before it was last changed.
ALTER TABLE conferee ADD COLUMN muted_by_oneself BIGINT NOT NULL DEFAULT 0;
ALTER TABLE conferee ADD COLUMN muted_by_host BIGINT NOT NULL DEFAULT 0;
ALTER TABLE conferee ADD COLUMN muted_by_floor BIGINT NOT NULL DEFAULT 0;
ALTER TABLE conferee ADD COLUMN hand_raised_at BIGINT;
ALTER TABLE conferee ADD COLUMN voice_version BIGINT NOT NULL DEFAULT 0;
ALTER TABLE conferee ADD COLUMN has_name BIGINT NOT NULL DEFAULT 0;

-- What is remembered of a caller's number as long as the conference lives.
CREATE TABLE past (
    conference   TEXT NOT NULL,
    number       TEXT NOT NULL,
    was_deleted  BIGINT NOT NULL,
    was_muted    BIGINT NOT NULL,
    PRIMARY KEY (conference, number)
);

-- A command's event: whom in the waiting room it was about, the time that it wanted, why it was refused.
ALTER TABLE event ADD COLUMN subject TEXT;
ALTER TABLE event ADD COLUMN refusal TEXT;
ALTER TABLE event ADD COLUMN until BIGINT;
