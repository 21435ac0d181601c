//! Announcing who has come or left: the mixer is told, with the name where the store has it.

use std::sync::Arc;
use std::time::Duration;

use partyline_conference::{AttendanceId, RecordedName};
use partyline_rpc::mixing::Sound;

use crate::effects::Play;
use crate::office::Office;

/// A name comes by a request of its own, beside the entry: where it is not there yet, it is looked for again so often.
const LOOKS: u32 = 4;
/// Between two looks. All of them take less than anybody would notice.
const PAUSE: Duration = Duration::from_millis(80);
/// A store that answers no sooner has other sorrows: a tone is heard.
const READ_MAX: Duration = Duration::from_millis(500);

impl Office {
    /// Has the mixer say who has come or left. What needs a name waits for it beside everything else.
    pub(crate) async fn announce(self: &Arc<Self>, play: Play) {
        let Play { mixer, mut sound, name_of } = play;
        let Some(attendance) = name_of else {
            return self.order(&mixer, |mixers, address| mixers.play(address, sound)).await;
        };
        let office = Arc::clone(self);
        self.tasks.spawn(async move {
            sound.name = office.name_of(attendance, sound.sound).await;
            office.order(&mixer, |mixers, address| mixers.play(address, sound)).await;
        });
    }

    async fn name_of(&self, attendance: AttendanceId, sound: Sound) -> Option<RecordedName> {
        // Whoever leaves has brought their name long ago, if at all.
        let looks = if sound == Sound::Entry { LOOKS } else { 1 };
        for look in 0..looks {
            if look > 0 {
                tokio::time::sleep(PAUSE).await;
            }
            match tokio::time::timeout(READ_MAX, self.store.recorded_name(attendance)).await {
                Ok(Ok(None)) => {}
                Ok(Ok(name)) => return name,
                Ok(Err(error)) => {
                    tracing::warn!(%attendance, %error, "a name to be announced could not be read");
                    return None;
                }
                Err(_) => return None,
            }
        }
        None
    }
}
