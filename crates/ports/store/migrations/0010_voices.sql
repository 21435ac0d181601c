-- What a room wants done to voices: the noise behind them taken away, all as loud as each other.
ALTER TABLE room ADD COLUMN has_noise_suppression BIGINT NOT NULL DEFAULT 0;
ALTER TABLE room ADD COLUMN has_agc BIGINT NOT NULL DEFAULT 1;
