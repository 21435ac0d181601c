//! Carrying out what follows from a commit at the mixers.

use std::sync::Arc;
use std::time::Duration;

use partyline_conference::MixerId;
use partyline_rpc::Address;
use tonic::Status;

use crate::effects::Effects;
use crate::mixers::Mixers;
use crate::office::Office;

/// How long a mix lives on that others have taken the place of: whoever is in it hears the others until they are moved.
const REPLACED_LIVES: Duration = Duration::from_secs(2);

impl Office {
    /// Carries orders to mixers, beside the callers' way: nobody waits for a tone, and a mixer that is gone has ended
    /// its mixes by itself.
    pub(crate) fn carry_out(self: &Arc<Self>, effects: Effects) {
        if effects == Effects::default() {
            return;
        }
        let office = Arc::clone(self);
        self.tasks.spawn(async move {
            for (mixer, sound) in &effects.sounds {
                office.order(mixer, |mixers, address| mixers.play(address, *sound)).await;
            }
            for (mixer, setting) in &effects.removed {
                office.order(mixer, |mixers, address| mixers.set(address, *setting)).await;
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

    async fn order<'a, F>(&'a self, mixer: &MixerId, order: impl FnOnce(&'a Mixers, Address) -> F)
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
