//! Carrying out announcements: a task for each mix that has something to say, for as long as it has.

use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use partyline_conference::{Epoch, MixId};
use partyline_engine::Engine;
use partyline_rpc::mixing::PlaySound;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use crate::announcer::What;
use crate::mixes::{Announcing, Mixes};
use crate::sounds::Sounds;

/// Who says announcements.
pub(crate) struct Crier {
    pub(crate) engine: Engine,
    pub(crate) mixes: Arc<Mutex<Mixes>>,
    pub(crate) sounds: Sounds,
    pub(crate) stopping: CancellationToken,
}

impl Crier {
    /// Takes what is to be announced.
    pub(crate) fn play(self: &Arc<Self>, order: &PlaySound) -> Result<(), Status> {
        let more = self.mixes.lock().play(Instant::now(), order)?;
        if let Some(more) = more {
            tokio::spawn(Arc::clone(self).see_to((order.mix, order.epoch), more));
        }
        Ok(())
    }

    /// Says what a placement of a mix has to be told, until that is nothing. It ends with the placement too.
    async fn see_to(self: Arc<Self>, placement: (MixId, Epoch), more: Arc<Notify>) {
        loop {
            let next = self.mixes.lock().announce(Instant::now(), placement, &self.sounds);
            match next {
                Announcing::Say(key, said) => {
                    count(said.what, said.begins);
                    self.engine.play_to_mix(key, said.program, said.over);
                }
                Announcing::Wait(due) => tokio::select! {
                    () = tokio::time::sleep_until(due.into()) => {}
                    () = more.notified() => {}
                    () = self.stopping.cancelled() => return,
                },
                Announcing::Over => return,
            }
        }
    }
}

fn count(what: What, begins: bool) {
    let word = match what {
        What::Tone(_) => "tone",
        What::Name => "name",
        What::People(..) => "people",
        What::Words(..) => return,
    };
    metrics::counter!("partyline_mixer_announced_total", "what" => word).increment(1);
    if begins && !matches!(what, What::Tone(_)) {
        metrics::counter!("partyline_mixer_announcements_total").increment(1);
    }
}
