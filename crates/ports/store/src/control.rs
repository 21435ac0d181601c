//! Changes that commands make: roles, voices, the floor and manner of a conference, what is remembered of callers.

use partyline_conference::{
    AttendanceId, Change, ConferenceId, Floor, Guesses, LineNoise, Manner, Past, Role, RoomVersion,
    Timestamp, Voice,
};

use crate::commit::touched;
use crate::contract::{CommitError, RoomCommit};
use crate::db::{Connection, values};

/// Carries out a change of a command.
pub(crate) async fn apply(
    db: &mut Connection<'_>,
    commit: &RoomCommit,
    change: &Change,
) -> Result<(), CommitError> {
    let mut control = Control { db, commit };
    match change {
        Change::SetRole { attendance, role } => control.set_role(*attendance, *role).await,
        Change::SetVoice { attendance, voice } => control.set_voice(*attendance, *voice).await,
        Change::Remember { conference, number, past } => control.remember(*conference, number, *past).await,
        Change::SetFloor { conference, floor } => control.set_floor(*conference, *floor).await,
        Change::SetManner { conference, manner } => control.set_manner(*conference, *manner).await,
        Change::Extend { conference, until } => control.extend(*conference, *until).await,
        Change::NoteGuesses { attendance, guesses } => control.note_guesses(*attendance, *guesses).await,
        Change::NoteNoise { attendance, noise, at } => control.note_noise(*attendance, *noise, *at).await,
        Change::Arrive { .. }
        | Change::Reattend { .. }
        | Change::Wait { .. }
        | Change::Refuse { .. }
        | Change::Seat { .. }
        | Change::Join { .. }
        | Change::Absent { .. }
        | Change::Return { .. }
        | Change::PutOffJoining { .. }
        | Change::Leave { .. }
        | Change::LeaveAll { .. }
        | Change::LeaveOthers { .. }
        | Change::CreateConference { .. }
        | Change::EndConference { .. }
        | Change::OpenLobby { .. }
        | Change::CloseLobby { .. }
        | Change::Reserve { .. }
        | Change::Move { .. }
        | Change::SetLock { .. }
        | Change::SetDeadline { .. }
        | Change::StartOutdial { .. }
        | Change::OpenSide { .. }
        | Change::JoinOutdial { .. }
        | Change::EndOutdial { .. } => Ok(()),
    }
}

struct Control<'a, 'c> {
    db: &'a mut Connection<'c>,
    commit: &'a RoomCommit,
}

impl Control<'_, '_> {
    /// The version that the room has with this commit.
    fn version(&self) -> RoomVersion {
        self.commit.expected.next()
    }

    async fn set_role(&mut self, attendance: AttendanceId, role: Role) -> Result<(), CommitError> {
        let rows = self
            .db
            .execute(
                "UPDATE attendance SET role = $3 WHERE id = $1 AND room = $2 AND state = 'seated'",
                values![attendance, self.commit.room, role],
            )
            .await?;
        touched(rows, "attendance")?;
        let rows = self
            .db
            .execute(
                "UPDATE conferee SET role = $2 \
                 WHERE id = (SELECT conferee FROM attendance WHERE id = $1) AND state <> 'left'",
                values![attendance, role],
            )
            .await?;
        touched(rows, "conferee")
    }

    async fn set_voice(&mut self, attendance: AttendanceId, voice: Voice) -> Result<(), CommitError> {
        let rows = self
            .db
            .execute(
                "UPDATE conferee SET muted_by_oneself = $3, muted_by_host = $4, muted_by_floor = $5, \
                   hand_raised_at = $6, voice_version = $7 \
                 WHERE state <> 'left' AND id = \
                   (SELECT conferee FROM attendance WHERE id = $1 AND room = $2 AND state = 'seated')",
                values![
                    attendance,
                    self.commit.room,
                    voice.muted_by.oneself,
                    voice.muted_by.host,
                    voice.muted_by.floor,
                    voice.hand_raised_at,
                    self.version(),
                ],
            )
            .await?;
        touched(rows, "conferee")
    }

    async fn note_guesses(&mut self, attendance: AttendanceId, guesses: Guesses) -> Result<(), CommitError> {
        let rows = self
            .db
            .execute(
                "UPDATE attendance SET wrong_guesses = $3, guessed_at = $4 WHERE id = $1 AND room = $2",
                values![attendance, self.commit.room, guesses.wrong, guesses.last_at],
            )
            .await?;
        touched(rows, "attendance")
    }

    async fn note_noise(
        &mut self,
        attendance: AttendanceId,
        noise: LineNoise,
        at: Timestamp,
    ) -> Result<(), CommitError> {
        let rows = self
            .db
            .execute(
                "UPDATE conferee SET noise = $3, noisy_at = $4 WHERE state <> 'left' AND id = \
                   (SELECT conferee FROM attendance WHERE id = $1 AND room = $2 AND state = 'seated')",
                values![attendance, self.commit.room, noise, at],
            )
            .await?;
        touched(rows, "conferee")
    }

    async fn remember(
        &mut self,
        conference: ConferenceId,
        number: &str,
        past: Past,
    ) -> Result<(), CommitError> {
        self.db
            .execute("DELETE FROM past WHERE conference = $1 AND number = $2", values![conference, number])
            .await?;
        if past != Past::default() {
            self.db
                .execute(
                    "INSERT INTO past (conference, number, was_deleted, was_muted) VALUES ($1, $2, $3, $4)",
                    values![conference, number, past.was_deleted, past.was_muted],
                )
                .await?;
        }
        Ok(())
    }

    /// Whose voice stays as it was keeps its version, so that mixers are told of no more than has changed.
    async fn set_floor(&mut self, conference: ConferenceId, floor: Floor) -> Result<(), CommitError> {
        let rows = self
            .db
            .execute(
                "UPDATE conference SET floor = $3 WHERE id = $1 AND room = $2 AND ended_at IS NULL",
                values![conference, self.commit.room, floor],
            )
            .await?;
        touched(rows, "conference")?;
        self.db
            .execute(
                "UPDATE conferee SET muted_by_floor = $2, voice_version = $3 \
                 WHERE conference = $1 AND state <> 'left' AND role = 'participant' AND muted_by_floor <> $2",
                values![conference, floor.silences(Role::Participant), self.version()],
            )
            .await?;
        Ok(())
    }

    async fn set_manner(&mut self, conference: ConferenceId, manner: Manner) -> Result<(), CommitError> {
        let rows = self
            .db
            .execute(
                "UPDATE conference SET announce = $3, has_music = $4, continues = $5 \
                 WHERE id = $1 AND room = $2 AND ended_at IS NULL",
                values![conference, self.commit.room, manner.announce, manner.music, manner.continues],
            )
            .await?;
        touched(rows, "conference")
    }

    async fn extend(&mut self, conference: ConferenceId, until: Timestamp) -> Result<(), CommitError> {
        let rows = self
            .db
            .execute(
                "UPDATE conference SET extended_to = $3 WHERE id = $1 AND room = $2 AND ended_at IS NULL",
                values![conference, self.commit.room, until],
            )
            .await?;
        touched(rows, "conference")
    }
}
