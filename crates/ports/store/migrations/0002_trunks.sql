-- Trunks that were made by command; those of the settings file are not here. `definition` is the trunk as JSON, in the
-- shape of the settings file, read and written whole. Passwords that are shown to others, and codes that stand for a
-- number, are in it as they were given, as they are needed so; of callers' passwords it holds hashes.
CREATE TABLE trunk (
    name        TEXT PRIMARY KEY NOT NULL,
    definition  TEXT NOT NULL,
    changed_at  BIGINT NOT NULL
);

-- One row: it goes up with each change of a trunk, so that who watches reads them only when there is something new.
CREATE TABLE trunk_version (
    version  BIGINT NOT NULL
);
INSERT INTO trunk_version (version) VALUES (0);
