//! Telling: what should hold is read from the store after a commit, by whoever made it, and put before the callers'
//! streams that are open here. Level-triggered: it can be done any number of times.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use partyline_conference::{ConferenceId, Intent, MixKind, MixView, RoomId, Standing};
use partyline_store::StoreError;
use tokio::sync::Notify;

use crate::mixers::EnsureError;
use crate::office::Office;
use crate::streams::Due;

/// Pause before a room is read again after the store failed.
const STORE_PAUSE: Duration = Duration::from_millis(300);

impl Office {
    /// Has a room's callers here told what holds now.
    pub(crate) fn tell(&self, room: RoomId) {
        self.streams.wake(room);
    }

    /// Starts the teller of a room that has its first caller here. It ends with the last one.
    pub(crate) fn start_teller(self: &Arc<Self>, room: RoomId, wake: Arc<Notify>) {
        let office = Arc::clone(self);
        self.tasks.spawn(async move {
            loop {
                tokio::select! {
                    () = wake.notified() => {}
                    () = office.stopping.cancelled() => return,
                }
                let Some(due) = office.streams.due(room) else { return };
                if let Err(error) = office.tell_once(room, &due).await {
                    tracing::warn!(%room, %error, "callers can't be told where they stand yet");
                    tokio::time::sleep(STORE_PAUSE.mul_f64(0.5 + rand::random::<f64>())).await;
                    office.streams.wake(room);
                }
            }
        });
    }

    async fn tell_once(self: &Arc<Self>, room: RoomId, due: &Due) -> Result<(), StoreError> {
        if due.callers.is_empty() {
            // Others are told elsewhere.
            due.version.inspect(|version| self.streams.has_told(room, *version));
            return Ok(());
        }
        let (known, views) = self.store.room_views(room, &due.callers).await?;
        let version = due.version.or(known.map(|(version, _)| version));
        let voices = known.unwrap_or_default();
        let mut lost = BTreeMap::new();
        let mut is_stale = false;
        for view in views {
            if let Some((mix, conference)) = mix_of(&view.standing) {
                if lost.contains_key(&mix.mixer) {
                    continue;
                }
                // The mixer has the mix, and a conference's unique identifier, before the VRU is told of it.
                match self.mixers.ensure(mix, conference, voices).await {
                    Ok(()) => {}
                    Err(EnsureError::Stale) => {
                        is_stale = true;
                        continue;
                    }
                    Err(error @ (EnsureError::Lost | EnsureError::NoSeat)) => {
                        lost.insert(mix.mixer.clone(), error);
                        continue;
                    }
                }
            }
            self.streams.tell(view);
        }
        if let Some(version) = version.filter(|_| lost.is_empty() && !is_stale) {
            self.streams.has_told(room, version);
        }
        for (mixer, error) in lost {
            tracing::warn!(%room, %mixer, %error, "the room leaves a mixer that can't carry it");
            self.live_mixers.lock().avoid(Instant::now(), mixer.clone());
            // Where this fails, the versions that are compared every 2 s bring us back here.
            let intent = match error {
                EnsureError::NoSeat => Intent::NoSeat { mixer },
                EnsureError::Lost | EnsureError::Stale => Intent::MixerLost { mixer },
            };
            let _ = self.ask(room, vec![intent]).await;
        }
        Ok(())
    }
}

/// The mix that a standing sends a caller to, with the conference that it carries.
pub(crate) fn mix_of(standing: &Standing) -> Option<(&MixView, Option<ConferenceId>)> {
    match standing {
        Standing::ConnectedForNow(mix) | Standing::Aside(mix) => Some((mix, None)),
        Standing::Placed { mix, conference, .. } => {
            Some((mix, Some(*conference).filter(|_| mix.kind == MixKind::Conference)))
        }
        Standing::Held | Standing::InWaitingRoom | Standing::Refused(_) | Standing::Removed(_) => None,
    }
}
