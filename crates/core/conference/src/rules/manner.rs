//! The manner of a conference: what its hosts change of the room's settings, and its longest time.

use std::time::Duration;

use crate::command::{CommandAnswer, CommandRefusal};
use crate::conference::{ConferenceEnd, Manner};
use crate::time::Timestamp;

use super::deadlines;
use super::in_hand::RoomInHand;

/// Extensions add up to this at least, however short the room's longest conference is. Longer means that a forgotten
/// conference can be kept up longer.
const EXTENSION_MIN: Duration = Duration::from_secs(60 * 60);

/// Changes the manner of the live conference.
pub(super) fn change(hand: &mut RoomInHand<'_>, change: impl FnOnce(&mut Manner)) {
    let Some(live) = hand.facts.conference.as_ref() else {
        return;
    };
    let mut manner = live.manner;
    change(&mut manner);
    if manner != live.manner {
        hand.set_manner(manner);
    }
}

/// Whether the conference goes on after its last host. If it is to, a grace time that runs already is over.
pub(super) fn set_continue(hand: &mut RoomInHand<'_>, on: bool) {
    change(hand, |manner| manner.continues = Some(on));
    if on
        && let Some(live) = hand.facts.conference.as_ref()
        && live.deadline.is_some_and(|deadline| deadline.why == ConferenceEnd::HostLeft)
    {
        let longest = deadlines::conference_end(&hand.facts.room, live);
        hand.set_deadline(longest);
    }
}

/// Gives the conference more time, up to twice the room's longest (or an hour more, where that is longer). Where it has
/// that time anyway nothing changes.
pub(super) fn extend(hand: &mut RoomInHand<'_>, until: Timestamp) -> CommandAnswer {
    let Some((live, longest)) = hand.facts.conference.as_ref().zip(hand.facts.room.conference_max) else {
        return Ok(());
    };
    if deadlines::conference_end(&hand.facts.room, live).is_none_or(|end| until <= end.at) {
        return Ok(());
    }
    if until > live.started_at.after(longest).after(longest.max(EXTENSION_MIN)) {
        return Err(CommandRefusal::TooLong);
    }
    let was_longest = live.deadline.is_some_and(|deadline| deadline.why == ConferenceEnd::TooLong);
    hand.extend(until);
    if was_longest && let Some(live) = hand.facts.conference.as_ref() {
        let longest = deadlines::conference_end(&hand.facts.room, live);
        hand.set_deadline(longest);
    }
    Ok(())
}
