//! Changes to conferences, lobbies and what is reserved for them on mixers.
//!
//! **Invariant:** a mixer's `reserved` is the sum of what its live mixes have reserved.

use partyline_conference::conference::Deadline;
use partyline_conference::{Change, ConferenceEnd, ConferenceId, Epoch, MixId, MixKind, MixerId, Role};

use crate::commit::touched;
use crate::contract::{CommitError, RoomCommit, StoreError};
use crate::db::{Connection, values};
use crate::outdials;

/// Carries out a change of a conference, a lobby or their mixes.
pub(crate) async fn apply(
    db: &mut Connection<'_>,
    commit: &RoomCommit,
    change: &Change,
) -> Result<(), CommitError> {
    let mut mixes = Mixes { db, commit };
    match change {
        Change::CreateConference { conference, mix, mixer, by, deadline } => {
            mixes.create_conference(*conference, *mix, *by, *deadline).await?;
            mixes.open(*mix, MixKind::Conference, Some(*conference), mixer).await
        }
        Change::EndConference { conference, why } => mixes.end_conference(*conference, *why).await,
        Change::OpenLobby { mix, mixer } => mixes.open(*mix, MixKind::Lobby, None, mixer).await,
        Change::CloseLobby { mix } => mixes.close(*mix).await,
        Change::Reserve { mix, mixer, seats } => mixes.reserve(*mix, mixer, *seats).await,
        Change::Move { mix, kind: _, to, epoch, reserved } => {
            mixes.relocate(*mix, to, *epoch, *reserved).await
        }
        Change::StartOutdial { .. } => outdials::apply(mixes.db, commit, change).await,
        Change::OpenSide { mix, mixer, .. } => {
            mixes.open(*mix, MixKind::Side, None, mixer).await?;
            outdials::apply(mixes.db, commit, change).await
        }
        Change::JoinOutdial { callee, .. } | Change::EndOutdial { callee, .. } => {
            if let Some(side) = outdials::side_of(mixes.db, *callee).await? {
                mixes.close(side).await?;
            }
            outdials::apply(mixes.db, commit, change).await
        }
        Change::SetLock { conference, locked } => mixes.set_lock(*conference, *locked).await,
        Change::SetDeadline { conference, deadline } => mixes.set_deadline(*conference, *deadline).await,
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
        | Change::SetRole { .. }
        | Change::SetVoice { .. }
        | Change::Remember { .. }
        | Change::SetFloor { .. }
        | Change::SetManner { .. }
        | Change::Extend { .. }
        | Change::NoteGuesses { .. }
        | Change::NoteNoise { .. } => Ok(()),
    }
}

struct Mixes<'a, 'c> {
    db: &'a mut Connection<'c>,
    commit: &'a RoomCommit,
}

impl Mixes<'_, '_> {
    async fn set_lock(&mut self, conference: ConferenceId, locked: bool) -> Result<(), CommitError> {
        let rows = self
            .db
            .execute(
                "UPDATE conference SET is_locked = $3 WHERE id = $1 AND room = $2 AND ended_at IS NULL",
                values![conference, self.commit.room, locked],
            )
            .await?;
        touched(rows, "conference")
    }

    async fn set_deadline(
        &mut self,
        conference: ConferenceId,
        deadline: Option<Deadline>,
    ) -> Result<(), CommitError> {
        let rows = self
            .db
            .execute(
                "UPDATE conference SET deadline = $3, deadline_why = $4 \
                 WHERE id = $1 AND room = $2 AND ended_at IS NULL",
                values![
                    conference,
                    self.commit.room,
                    deadline.map(|deadline| deadline.at),
                    deadline.map(|deadline| deadline.why)
                ],
            )
            .await?;
        touched(rows, "conference")
    }

    async fn create_conference(
        &mut self,
        conference: ConferenceId,
        mix: MixId,
        by: Role,
        deadline: Option<Deadline>,
    ) -> Result<(), CommitError> {
        let made = self
            .db
            .insert(
                "conference",
                "INSERT INTO conference (id, room, mix, code_ends, started_at, is_locked, next_order, deadline, \
                 deadline_why) VALUES ($1, $2, $3, \
                   COALESCE((SELECT ends FROM room_code WHERE room = $2 AND role = $4), ''), $5, 0, 1, $6, $7)",
                values![
                    conference,
                    self.commit.room,
                    mix,
                    by,
                    self.commit.at,
                    deadline.map(|deadline| deadline.at),
                    deadline.map(|deadline| deadline.why),
                ],
            )
            .await;
        match made {
            // The index of live conferences (the version should have told before).
            Err(StoreError::Taken(_)) => Err(CommitError::Conflict),
            other => Ok(other?),
        }
    }

    async fn open(
        &mut self,
        mix: MixId,
        kind: MixKind,
        conference: Option<ConferenceId>,
        mixer: &MixerId,
    ) -> Result<(), CommitError> {
        let opened = self
            .db
            .insert(
                "mix",
                "INSERT INTO mix (id, room, kind, conference, mixer, epoch, reserved, opened_at) \
                 VALUES ($1, $2, $3, $4, $5, $6, 0, $7)",
                values![mix, self.commit.room, kind, conference, mixer, Epoch(1), self.commit.at],
            )
            .await;
        match opened {
            // The index of live lobbies.
            Err(StoreError::Taken(_)) => Err(CommitError::Conflict),
            other => Ok(other?),
        }
    }

    /// Ends a conference that all have left: nobody may sit in one that has ended.
    async fn end_conference(
        &mut self,
        conference: ConferenceId,
        why: ConferenceEnd,
    ) -> Result<(), CommitError> {
        let seated = self
            .db
            .first(
                "SELECT 1 AS seated FROM conferee WHERE conference = $1 AND state <> 'left'",
                values![conference],
            )
            .await?;
        if seated.is_some() {
            return Err(CommitError::Store(StoreError::Taken("conference")));
        }
        let row = self
            .db
            .first(
                "UPDATE conference SET ended_at = $3, end_why = $4, deadline = NULL, deadline_why = NULL \
                 WHERE id = $1 AND room = $2 AND ended_at IS NULL RETURNING mix",
                values![conference, self.commit.room, self.commit.at, why],
            )
            .await?;
        let row = row.ok_or(StoreError::Unknown("conference"))?;
        self.db.execute("DELETE FROM past WHERE conference = $1", values![conference]).await?;
        self.close(row.read("mix")?).await
    }

    /// Closes a live mix; what it had reserved is free again. The row keeps nothing reserved.
    async fn close(&mut self, mix: MixId) -> Result<(), CommitError> {
        self.give_back(mix).await?;
        let rows = self
            .db
            .execute(
                "UPDATE mix SET closed_at = $3, reserved = 0 WHERE id = $1 AND room = $2 AND closed_at IS NULL",
                values![mix, self.commit.room, self.commit.at],
            )
            .await?;
        touched(rows, "mix")
    }

    /// Takes the mix's reservation off its mixer.
    async fn give_back(&mut self, mix: MixId) -> Result<(), StoreError> {
        self.db
            .execute(
                "UPDATE mixer SET reserved = reserved - \
                   (SELECT reserved FROM mix WHERE id = $1 AND room = $2 AND closed_at IS NULL) \
                 WHERE id = (SELECT mixer FROM mix WHERE id = $1 AND room = $2 AND closed_at IS NULL)",
                values![mix, self.commit.room],
            )
            .await?;
        Ok(())
    }

    /// Takes seats on a mixer, if it has that many.
    async fn take(&mut self, mixer: &MixerId, seats: u32) -> Result<(), CommitError> {
        let rows = self
            .db
            .execute(
                "UPDATE mixer SET reserved = reserved + $2 WHERE id = $1 AND reserved + $2 <= seats_max",
                values![mixer, seats],
            )
            .await?;
        if rows == 0 { Err(CommitError::MixerFull(mixer.clone())) } else { Ok(()) }
    }

    async fn reserve(&mut self, mix: MixId, mixer: &MixerId, seats: u32) -> Result<(), CommitError> {
        self.take(mixer, seats).await?;
        let rows = self
            .db
            .execute(
                "UPDATE mix SET reserved = reserved + $4 \
                 WHERE id = $1 AND room = $2 AND mixer = $3 AND closed_at IS NULL",
                values![mix, self.commit.room, mixer, seats],
            )
            .await?;
        touched(rows, "mix")
    }

    async fn relocate(
        &mut self,
        mix: MixId,
        to: &MixerId,
        epoch: Epoch,
        reserved: u32,
    ) -> Result<(), CommitError> {
        self.give_back(mix).await?;
        self.take(to, reserved).await?;
        let rows = self
            .db
            .execute(
                "UPDATE mix SET mixer = $3, epoch = $4, reserved = $5 \
                 WHERE id = $1 AND room = $2 AND epoch + 1 = $4 AND closed_at IS NULL",
                values![mix, self.commit.room, to, epoch, reserved],
            )
            .await?;
        touched(rows, "mix")
    }
}
