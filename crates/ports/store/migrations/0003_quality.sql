-- How a conferee's call sounded, as their VRU measured it: whole numbers in small units. NULL where it never said.
ALTER TABLE conferee ADD COLUMN codec TEXT;
ALTER TABLE conferee ADD COLUMN is_secret BIGINT;
ALTER TABLE conferee ADD COLUMN packets_received BIGINT;
ALTER TABLE conferee ADD COLUMN packets_sent BIGINT;
ALTER TABLE conferee ADD COLUMN packets_lost BIGINT;
ALTER TABLE conferee ADD COLUMN packets_late BIGINT;
ALTER TABLE conferee ADD COLUMN burst_tenths BIGINT;
ALTER TABLE conferee ADD COLUMN concealed_permyriad BIGINT;
ALTER TABLE conferee ADD COLUMN jitter_us BIGINT;
ALTER TABLE conferee ADD COLUMN round_trip_us BIGINT;
ALTER TABLE conferee ADD COLUMN mos_hundredths BIGINT;
ALTER TABLE conferee ADD COLUMN their_lost BIGINT;
ALTER TABLE conferee ADD COLUMN their_jitter_us BIGINT;
ALTER TABLE conferee ADD COLUMN their_mos_hundredths BIGINT;
