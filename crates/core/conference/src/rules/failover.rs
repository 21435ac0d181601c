//! A mixer is lost: what it carried for this room goes to another of the class, one epoch on.

use crate::attendance::LeaveReason;
use crate::conference::{ConferenceEnd, MixKind};
use crate::ids::MixerId;

use super::in_hand::RoomInHand;
use super::{lobby, placement};

/// Moves the room's mixes off a mixer. With none left to take it, a conference ends, and early callers are held.
pub(super) fn mixer_lost(hand: &mut RoomInHand<'_>, mixer: &MixerId) {
    hand.forget_mixer(mixer);
    if let Some(live) = hand.facts.conference.as_ref().filter(|live| live.mix.mixer == *mixer) {
        match placement::place_for_move(&hand.facts, &live.mix, live.seated) {
            Some(place) => hand.move_mix(MixKind::Conference, place),
            None => hand.end_conference(ConferenceEnd::NoMixer, LeaveReason::NoMixer),
        }
    }
    if let Some(lobby) = hand.facts.lobby.as_ref().filter(|lobby| lobby.mixer == *mixer) {
        match placement::place_for_move(&hand.facts, lobby, placement::in_lobby(&hand.facts)) {
            Some(place) => hand.move_mix(MixKind::Lobby, place),
            None => lobby::hold_all(hand),
        }
    }
}
