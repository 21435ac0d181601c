-- The name that a caller has said at entry: base64 of 16-bit samples at 8 kHz, the lower octet first. Who has one is
-- told by this table alone.
CREATE TABLE recorded_name (
    attendance  TEXT PRIMARY KEY NOT NULL,
    samples     TEXT NOT NULL
);

ALTER TABLE conferee DROP COLUMN has_name;
