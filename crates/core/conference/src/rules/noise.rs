//! Lines that make noise of their own.

use crate::attendance::AttendanceState;
use crate::code::Role;
use crate::conference::ConfereeState;
use crate::ids::{AttendanceId, Generation};
use crate::line_noise::{LineNoise, NoisyLines};
use crate::voice::{MutedBy, Voice};

use super::in_hand::RoomInHand;

/// A VRU says that the caller's line makes noise. Only what a conference hears is told; a host is never muted for it,
/// as nobody else could undo that.
pub(super) fn noisy(
    hand: &mut RoomInHand<'_>,
    attendance: AttendanceId,
    generation: Generation,
    noise: LineNoise,
) {
    let way = hand.facts.room.noisy_lines;
    let Some(known) = hand.known(attendance).filter(|known| known.generation == generation) else {
        return;
    };
    let (state, role) = (known.state, known.role);
    let AttendanceState::Seated { state: ConfereeState::Joined, conferee, .. } = state else {
        return;
    };
    let Some(voice) = hand.voice_of(attendance).filter(|voice| !voice.is_muted()) else {
        return;
    };
    if way == NoisyLines::Ignore {
        return;
    }
    hand.note_noise(attendance, conferee, noise);
    if way == NoisyLines::Mute && role == Role::Participant {
        hand.set_voice(attendance, Voice { muted_by: MutedBy { host: true, ..voice.muted_by }, ..voice });
    }
}
