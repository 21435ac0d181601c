-- What becomes of lines that make noise, and what noise a conferee's line made last.
ALTER TABLE room ADD COLUMN noisy_lines TEXT NOT NULL DEFAULT 'tell';
ALTER TABLE conferee ADD COLUMN noise TEXT;
ALTER TABLE conferee ADD COLUMN noisy_at BIGINT;
