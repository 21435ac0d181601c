//! Voices at the mixer: what a caller's stream makes good where whoever decided could not.
//!
//! A ticket carries the voice to a placement; what changes later is told to the mixer, by the interface server that
//! decided and by the one that has the caller's stream. Both name the version of the change, so that the mixer takes
//! each once, and an older word never.

use std::sync::Arc;
use std::time::Duration;

use partyline_conference::{AttendanceId, Epoch, Generation, MixId, MixView, RoomVersion};
use partyline_rpc::mixing::SetLeg;
use tonic::Code;

use crate::office::Office;

/// Orders to a mixer that does not take them; then it is lost, and the next placement's tickets carry the voice.
const ATTEMPTS_MAX: u32 = 8;
/// Pause after the first of them; it grows with each.
const PAUSE: Duration = Duration::from_millis(50);

/// Whether a caller is silent, since a version of the room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Voiced {
    pub(crate) is_muted: bool,
    pub(crate) version: RoomVersion,
}

/// What the mixer was told of one caller's voice, as far as their stream knows.
#[derive(Debug)]
pub(crate) struct VoiceTold {
    /// The caller may have joined before this stream: what the mixer knows is not known.
    is_resumed: bool,
    placement: Option<(MixId, Epoch)>,
    version: RoomVersion,
}

impl VoiceTold {
    pub(crate) fn new(generation: Generation) -> Self {
        Self { is_resumed: generation > Generation(1), placement: None, version: RoomVersion::default() }
    }

    /// Whether the mixer must be told of this version, rather than by the ticket that takes the caller there.
    pub(crate) fn is_news(&mut self, mix: &MixView, version: RoomVersion) -> bool {
        let placement = Some((mix.mix, mix.epoch));
        let is_first = self.placement.is_none();
        let is_same = self.placement == placement;
        let is_news = if is_same { version > self.version } else { is_first && self.is_resumed };
        (self.placement, self.version) = (placement, version);
        is_news
    }
}

impl Office {
    /// Sees that the mixer knows a caller's voice.
    pub(crate) fn set_voice(self: &Arc<Self>, attendance: AttendanceId, mix: &MixView, voice: Voiced) {
        let (office, view) = (Arc::clone(self), mix.clone());
        let setting = SetLeg {
            mix: mix.mix,
            epoch: mix.epoch,
            attendance,
            is_muted: voice.is_muted,
            is_removed: false,
            version: voice.version.0,
        };
        self.tasks.spawn(async move {
            let Ok(address) = view.address.parse::<partyline_rpc::Address>() else { return };
            for attempt in 1..=ATTEMPTS_MAX {
                let Err(status) = office.mixers.set(address.clone(), setting).await else { return };
                tracing::info!(%attendance, mixer = %view.mixer, attempt, %status, "a voice was not set");
                if matches!(status.code(), Code::FailedPrecondition | Code::NotFound) {
                    return;
                }
                tokio::select! {
                    () = tokio::time::sleep(PAUSE * attempt) => {}
                    () = office.stopping.cancelled() => return,
                }
            }
            metrics::counter!("partyline_cms_voices_not_set_total").increment(1);
        });
    }
}

#[cfg(test)]
mod tests {
    use partyline_conference::{MixKind, MixerId};

    use super::*;

    fn mix(epoch: u64) -> MixView {
        MixView {
            mix: MixId::from_bits(1),
            kind: MixKind::Conference,
            mixer: MixerId::new("m").unwrap(),
            address: "mem:m".to_owned(),
            epoch: Epoch(epoch),
        }
    }

    #[test]
    fn a_newcomers_voice_goes_with_the_ticket_and_only_a_change_is_told() {
        let mut told = VoiceTold::new(Generation(1));
        assert!(!told.is_news(&mix(1), RoomVersion(3)));
        assert!(!told.is_news(&mix(1), RoomVersion(3)));
        assert!(told.is_news(&mix(1), RoomVersion(4)));
        assert!(!told.is_news(&mix(1), RoomVersion(4)));
    }

    #[test]
    fn on_another_placement_the_ticket_carries_the_voice() {
        let mut told = VoiceTold::new(Generation(1));
        told.is_news(&mix(1), RoomVersion(3));
        assert!(!told.is_news(&mix(2), RoomVersion(5)));
        assert!(told.is_news(&mix(2), RoomVersion(6)));
    }

    #[test]
    fn of_who_attends_again_the_mixer_is_told_once() {
        let mut told = VoiceTold::new(Generation(2));
        assert!(told.is_news(&mix(1), RoomVersion(3)));
        assert!(!told.is_news(&mix(1), RoomVersion(3)));
    }
}
