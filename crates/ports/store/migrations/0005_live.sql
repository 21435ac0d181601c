-- Who is in a conference now, however many have left it.
CREATE INDEX conferee_live ON conferee (conference, place) WHERE state <> 'left';
CREATE INDEX conferee_hand ON conferee (conference) WHERE hand_raised_at IS NOT NULL;
