//! Carrying out what follows from a commit at the mixers.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use partyline_conference::MixerId;
use partyline_rpc::Address;
use partyline_rpc::mixing::SetLeg;
use tonic::Status;

use crate::effects::{Effects, VoicesChanged};
use crate::mixers::Mixers;
use crate::office::Office;

/// How long a mix lives on that others have taken the place of: whoever is in it hears the others until they are moved.
const REPLACED_LIVES: Duration = Duration::from_secs(2);

/// Orders about single legs that are on their way at once.
const LEGS_AT_ONCE: usize = 32;

impl Office {
    /// Carries orders to mixers, beside the callers' way: nobody waits for a tone, and a mixer that is gone has ended
    /// its mixes by itself.
    pub(crate) fn carry_out(self: &Arc<Self>, effects: Effects) {
        if effects == Effects::default() {
            return;
        }
        let office = Arc::clone(self);
        self.tasks.spawn(async move {
            // First what silences: people wait for that.
            if let Some(voices) = &effects.voices {
                office.set_voices(voices).await;
            }
            futures::stream::iter(&effects.removed)
                .for_each_concurrent(LEGS_AT_ONCE, |(mixer, setting)| {
                    office.order(mixer, |mixers, address| mixers.set(address, *setting))
                })
                .await;
            for play in effects.plays {
                office.announce(play).await;
            }
            for (mixer, end) in &effects.ended {
                office.order(mixer, |mixers, address| mixers.end(address, *end)).await;
            }
            if effects.replaced.is_empty() {
                return;
            }
            tokio::select! {
                () = tokio::time::sleep(REPLACED_LIVES) => {}
                () = office.stopping.cancelled() => {}
            }
            for (mixer, end) in &effects.replaced {
                office.order(mixer, |mixers, address| mixers.end(address, *end)).await;
            }
        });
    }

    /// Tells the mixer whose voice was changed, many at once. What fails here is made good by the stream of each caller
    /// (see `voices`).
    async fn set_voices(&self, changed: &VoicesChanged) {
        let voices = match self.store.voices(changed.conference, changed.version).await {
            Ok(voices) => voices,
            Err(error) => {
                tracing::warn!(conference = %changed.conference, %error, "whose voice was changed can't be read");
                return;
            }
        };
        let settings = voices.iter().map(|voice| SetLeg {
            mix: changed.mix.mix,
            epoch: changed.mix.epoch,
            attendance: voice.attendance,
            is_muted: voice.is_muted,
            is_removed: false,
            version: voice.version.0,
        });
        futures::stream::iter(settings)
            .for_each_concurrent(LEGS_AT_ONCE, |setting| {
                self.order(&changed.mix.mixer, move |mixers, address| mixers.set(address, setting))
            })
            .await;
    }

    pub(crate) async fn order<'a, F>(&'a self, mixer: &MixerId, order: impl FnOnce(&'a Mixers, Address) -> F)
    where
        F: Future<Output = Result<(), Status>>,
    {
        let Some(address) = self.address_of(mixer) else { return };
        if let Err(status) = order(&self.mixers, address).await {
            tracing::info!(%mixer, %status, "an order to the mixer was not carried out");
        }
    }

    fn address_of(&self, mixer: &MixerId) -> Option<Address> {
        self.live_mixers.lock().address(mixer)
    }
}
