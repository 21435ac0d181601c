//! A mixer is lost: what it carried for this room goes to another of the class, one epoch on. With none left to take
//! it, a conference waits for one, and who sits in it waits with a prompt at their VRU.

use std::time::Duration;

use crate::attendance::LeaveReason;
use crate::conference::{ConferenceEnd, Deadline, MixKind};
use crate::ids::MixerId;
use crate::snapshot::RoomSnapshot;

use super::in_hand::RoomInHand;
use super::{deadlines, lobby, outdial, placement, presence};

/// How long a conference without a mixer waits for one. Long enough for a mixer to be started anew, short enough that
/// callers don't hang up before they hear why.
pub const NO_MIXER_MAX: Duration = Duration::from_secs(60);

/// Moves the room's mixes off a mixer. With none left to take it, a conference waits for one, and early callers are
/// held.
pub(super) fn mixer_lost(hand: &mut RoomInHand<'_>, mixer: &MixerId) {
    hand.forget_mixer(mixer);
    if is_conference_on(&hand.facts, mixer) && !give_another(hand) {
        wait_for_one(hand);
    }
    lobby_lost(hand, mixer);
    outdial::mixer_lost(hand, mixer);
}

/// A mixer that lives has no seat for what it was given. With none left to take it, there is nothing to wait for: a
/// conference ends, and early callers are held.
pub(super) fn no_seat(hand: &mut RoomInHand<'_>, mixer: &MixerId) {
    hand.forget_mixer(mixer);
    if is_conference_on(&hand.facts, mixer) && !give_another(hand) {
        hand.end_conference(ConferenceEnd::NoMixer, LeaveReason::NoMixer);
    }
    lobby_lost(hand, mixer);
    outdial::mixer_lost(hand, mixer);
}

/// A conference that waits for a mixer looks again; the one that it was on may be back too.
pub(super) fn look_again(hand: &mut RoomInHand<'_>) {
    if is_waiting(&hand.facts) {
        give_another(hand);
    }
}

/// Whether the conference waits for a mixer.
pub(super) fn is_waiting(facts: &RoomSnapshot) -> bool {
    let deadline = facts.conference.as_ref().and_then(|live| live.deadline);
    deadline.is_some_and(|deadline| deadline.why == ConferenceEnd::NoMixer)
}

/// The conference is carried: if it waited for a mixer it does no more, and its own longest time holds again.
pub(super) fn is_carried(hand: &mut RoomInHand<'_>) {
    if let Some(live) = hand.facts.conference.as_ref().filter(|_| is_waiting(&hand.facts)) {
        let longest = deadlines::conference_end(&hand.facts.room, live);
        hand.set_deadline(longest);
    }
}

fn is_conference_on(facts: &RoomSnapshot, mixer: &MixerId) -> bool {
    facts.conference.as_ref().is_some_and(|live| live.mix.mixer == *mixer)
}

/// Gives the conference to a mixer that takes it, if there is one. Whoever is on the way has the whole time to join
/// there.
fn give_another(hand: &mut RoomInHand<'_>) -> bool {
    let facts = &hand.facts;
    let place =
        facts.conference.as_ref().and_then(|live| placement::place_for_move(facts, &live.mix, live.seated));
    let Some(place) = place else {
        return false;
    };
    hand.move_mix(MixKind::Conference, place);
    hand.put_off_joining(hand.facts.now.after(presence::JOIN_MAX));
    is_carried(hand);
    true
}

/// The conference stays where it is, and nobody is sent away for want of audio, until it has waited too long. An end
/// that comes sooner holds, and so does the grace time of the last host.
fn wait_for_one(hand: &mut RoomInHand<'_>) {
    let deadline = Deadline { at: hand.facts.now.after(NO_MIXER_MAX), why: ConferenceEnd::NoMixer };
    let until_now = hand.facts.conference.as_ref().and_then(|live| live.deadline);
    let is_longest = |known: Deadline| known.why == ConferenceEnd::TooLong && known.at > deadline.at;
    if until_now.is_none_or(is_longest) {
        hand.set_deadline(Some(deadline));
        hand.put_off_joining(deadline.at);
    }
}

fn lobby_lost(hand: &mut RoomInHand<'_>, mixer: &MixerId) {
    let Some(lobby) = hand.facts.lobby.as_ref().filter(|lobby| lobby.mixer == *mixer) else {
        return;
    };
    match placement::place_for_move(&hand.facts, lobby, placement::in_lobby(&hand.facts)) {
        Some(place) => hand.move_mix(MixKind::Lobby, place),
        None => lobby::hold_all(hand),
    }
}
