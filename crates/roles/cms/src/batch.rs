//! One batch: snapshot → rules → conditional commit, again while others are quicker.

use std::sync::Arc;
use std::time::{Duration, Instant};

use partyline_conference::rules::decide;
use partyline_conference::{
    AttendanceId, Change, ConfereeId, ConferenceId, Decision, FreshIds, Intent, MixId, MixerId, Refusal,
    RoomId, RoomSnapshot, RoomVersion,
};
use partyline_rpc::mixing::SetLeg;
use partyline_store::{CommitError, RoomCommit, StoreError};

use crate::clock;
use crate::effects::Effects;
use crate::office::Office;
use crate::rooms::{Outcome, Unavailable};

/// How often a batch is decided anew. Each loss means that another interface server has moved the room on.
const ATTEMPTS_MAX: u32 = 24;
/// Longest pause between two attempts, so that two interface servers don't lose in step.
const PAUSE_MAX: Duration = Duration::from_millis(16);

impl Office {
    /// Decides a batch and commits it, or says why not. Carries the effects to mixers and VRUs.
    pub(crate) async fn decide_and_commit(
        self: &Arc<Self>,
        room: RoomId,
        mut intents: Vec<Intent>,
    ) -> Result<Outcome, Unavailable> {
        let mut outcome = Outcome::default();
        let mut mixers_are_fresh = false;
        for _ in 0..ATTEMPTS_MAX {
            intents.retain(|intent| self.still_holds(room, intent));
            self.drop_answered_commands(&mut intents, &mut outcome)
                .await
                .map_err(|error| self.failed(room, &error))?;
            let snapshot = self.snapshot(room, &intents).await.map_err(|error| self.failed(room, &error))?;
            let decision = decide(&snapshot, &intents, &fresh_ids(&snapshot, &intents));
            if is_short_of_mixers(&decision) && !mixers_are_fresh {
                // Before anybody is told that there is no mixer: perhaps one has just come.
                mixers_are_fresh = true;
                self.refresh_mixers().await.map_err(|error| self.failed(room, &error))?;
                continue;
            }
            if decision.is_empty() {
                return Ok(outcome);
            }
            match self.commit(&snapshot, decision.clone()).await {
                Ok(effects) => {
                    outcome.answers.extend(decision.answers);
                    self.carry_out(effects);
                    return Ok(outcome);
                }
                Err(CommitError::Store(error)) => return Err(self.failed(room, &error)),
                Err(CommitError::Conflict | CommitError::MixerFull(_) | CommitError::AccountFull) => {
                    metrics::counter!("partyline_cms_commits_lost_total").increment(1);
                    tokio::time::sleep(PAUSE_MAX.mul_f64(rand::random())).await;
                }
            }
        }
        tracing::warn!(%room, "the room changes faster than a batch can be decided");
        Err(Unavailable)
    }

    fn failed(&self, room: RoomId, error: &StoreError) -> Unavailable {
        self.health.failed(Instant::now(), error);
        metrics::counter!("partyline_cms_store_errors_total").increment(1);
        tracing::warn!(%room, %error, "the data store failed; nothing was written");
        Unavailable
    }

    /// Whether what was seen of a mixer or a VRU is so still: it may have waited here for long.
    fn still_holds(&self, room: RoomId, intent: &Intent) -> bool {
        match intent {
            Intent::MixerLost { mixer } | Intent::NoSeat { mixer } => {
                self.live_mixers.lock().is_lost(Instant::now(), mixer)
            }
            Intent::VruLost { attendance } => !self.streams.has(room, *attendance),
            Intent::Attend { .. }
            | Intent::Answered { .. }
            | Intent::Joined { .. }
            | Intent::Left { .. }
            | Intent::Noisy { .. }
            | Intent::Command { .. }
            | Intent::BecomeHost { .. }
            | Intent::MixerCame
            | Intent::Tick => true,
        }
    }

    async fn snapshot(&self, room: RoomId, intents: &[Intent]) -> Result<RoomSnapshot, StoreError> {
        let about: Vec<ConfereeId> = intents.iter().filter_map(Intent::conferee).collect();
        let mut named: Vec<AttendanceId> = intents.iter().flat_map(Intent::attendances).collect();
        named.extend(self.store.attendances_of(&about).await?);
        named.sort_unstable();
        named.dedup();
        let live = self.live_mixers.lock().ids(Instant::now());
        let mut snapshot = self.store.snapshot(room, clock::now(), &named, &live).await?;
        snapshot.dial_out_rules = Arc::clone(&self.config.dial_out);
        Ok(snapshot)
    }

    async fn commit(&self, snapshot: &RoomSnapshot, decision: Decision) -> Result<Effects, CommitError> {
        let mut effects = Effects::of(snapshot, &decision);
        effects.removed.extend(self.sent_away(snapshot, &decision).await.map_err(CommitError::Store)?);
        let commit = RoomCommit {
            room: snapshot.room.id,
            expected: snapshot.room.version,
            at: snapshot.now,
            decision,
        };
        let version = self.store.commit(commit).await?;
        metrics::counter!("partyline_cms_commits_total").increment(1);
        effects.stamp(version);
        Ok(effects)
    }

    /// All who are sent away at once, to be taken out at the mixer too, as one who is deleted is: it does not wait until
    /// each of their VRUs has heard of it. The commit finds the room as it is read here, or fails.
    async fn sent_away(
        &self,
        snapshot: &RoomSnapshot,
        decision: &Decision,
    ) -> Result<Vec<(MixerId, SetLeg)>, StoreError> {
        let mut sent_away = Vec::new();
        for change in &decision.changes {
            let Change::LeaveOthers { conference, stays, .. } = change else { continue };
            let Some(live) = snapshot.conference.as_ref().filter(|live| live.id == *conference) else {
                continue;
            };
            let seated = self.store.voices(*conference, RoomVersion::default()).await?;
            sent_away.extend(seated.iter().filter(|seat| seat.attendance != *stays).map(|seat| {
                let setting = SetLeg {
                    mix: live.mix.mix,
                    epoch: live.mix.epoch,
                    attendance: seat.attendance,
                    is_muted: false,
                    is_removed: true,
                    version: 0,
                };
                (live.mix.mixer.clone(), setting)
            }));
        }
        Ok(sent_away)
    }

    /// A repeated command gets its first answer and is not decided again.
    async fn drop_answered_commands(
        &self,
        intents: &mut Vec<Intent>,
        outcome: &mut Outcome,
    ) -> Result<(), StoreError> {
        let ids: Vec<_> = intents.iter().filter_map(Intent::command).collect();
        for command in ids {
            if let Some(answer) = self.store.answered_command(command).await? {
                outcome.answers.push((command, answer));
                intents.retain(|intent| intent.command() != Some(command));
            }
        }
        Ok(())
    }
}

fn fresh_ids(snapshot: &RoomSnapshot, intents: &[Intent]) -> FreshIds {
    let newcomers = intents
        .iter()
        .filter(|intent| matches!(intent, Intent::Attend { .. } | Intent::Answered { .. }))
        .count();
    FreshIds {
        conference: ConferenceId::from_bits(rand::random()),
        conference_mix: MixId::from_bits(rand::random()),
        lobby_mix: MixId::from_bits(rand::random()),
        conferees: (0..newcomers + snapshot.waiting.len())
            .map(|_| ConfereeId::from_bits(rand::random()))
            .collect(),
    }
}

/// Whether somebody would be refused, or a conference would wait or end, for want of a mixer.
fn is_short_of_mixers(decision: &Decision) -> bool {
    use partyline_conference::conference::Deadline;
    use partyline_conference::{AttendanceState, ConferenceEnd, OutdialEnd};
    decision.changes.iter().any(|change| {
        matches!(
            change,
            Change::Refuse { refusal: Refusal::NoMixer, .. }
                | Change::Arrive { state: AttendanceState::Refused(Refusal::NoMixer), .. }
                | Change::EndConference { why: ConferenceEnd::NoMixer, .. }
                | Change::EndOutdial { why: OutdialEnd::NoMixer, .. }
                | Change::SetDeadline { deadline: Some(Deadline { why: ConferenceEnd::NoMixer, .. }), .. }
        )
    })
}
