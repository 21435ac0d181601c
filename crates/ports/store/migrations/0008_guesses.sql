-- What a caller has keyed wrong to become a host, in a row, and when last.
ALTER TABLE attendance ADD COLUMN wrong_guesses BIGINT NOT NULL DEFAULT 0;
ALTER TABLE attendance ADD COLUMN guessed_at BIGINT NOT NULL DEFAULT 0;
