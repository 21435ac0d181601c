//! The floor: who is silent, who may undo it, and whose hand is up.
//!
//! Three hands silence a conferee: their own, a host's, the floor's. Each is kept apart, so that the floor's opening
//! undoes the floor's muting only. A host's unmuting of one undoes all three: that one is heard then.
//!
//! **Invariant:** nobody is stuck silent: who may not unmute themselves can be unmuted by a host.

use crate::command::{CommandAnswer, CommandRefusal};
use crate::ids::{AttendanceId, ConfereeId};
use crate::snapshot::RoomSnapshot;
use crate::voice::{Floor, MutedBy, Voice};

use super::command::Commander;
use super::in_hand::RoomInHand;

/// Mutes or unmutes a conferee: oneself, or as a host anybody.
pub(super) fn set_muted(
    hand: &mut RoomInHand<'_>,
    by: Commander,
    conferee: ConfereeId,
    muted: bool,
) -> CommandAnswer {
    let target = hand.conferee(conferee);
    let is_oneself = target.is_some() && by.conferee().ok() == target;
    if !is_oneself {
        by.host()?;
    }
    let target = target.ok_or(CommandRefusal::NotThere)?;
    let voice = hand.voice_of(target).ok_or(CommandRefusal::NotThere)?;
    let wanted = match (is_oneself, muted) {
        (true, true) => Voice { muted_by: MutedBy { oneself: true, ..voice.muted_by }, ..voice },
        (true, false) if may_unmute(hand, target, voice) => Voice { muted_by: MutedBy::default(), ..voice },
        (true, false) => return Err(CommandRefusal::Floor),
        (false, true) => Voice { muted_by: MutedBy { host: true, ..voice.muted_by }, ..voice },
        // Who is given the floor has been seen.
        (false, false) => Voice::default(),
    };
    hand.set_voice(target, wanted);
    Ok(())
}

fn may_unmute(hand: &RoomInHand<'_>, attendance: AttendanceId, voice: Voice) -> bool {
    hand.known(attendance)
        .is_some_and(|known| voice.may_unmute(known.role, floor(&hand.facts), hand.facts.room.unmute_oneself))
}

fn floor(facts: &RoomSnapshot) -> Floor {
    facts.conference.as_ref().map(|live| live.floor).unwrap_or_default()
}

/// Gives the conference a floor. Said again, it silences those too who have been unmuted since: "all muted" means all.
pub(super) fn set_floor(hand: &mut RoomInHand<'_>, wanted: Floor) {
    if wanted != Floor::Open || floor(&hand.facts) != Floor::Open {
        hand.set_floor(wanted);
    }
}

/// Raises or lowers one's own hand. A hand that is up already keeps its place in the line.
pub(super) fn set_hand(hand: &mut RoomInHand<'_>, attendance: AttendanceId, raised: bool) -> CommandAnswer {
    let voice = hand.voice_of(attendance).ok_or(CommandRefusal::NotThere)?;
    let now = hand.facts.now;
    let hand_raised_at = raised.then(|| voice.hand_raised_at.unwrap_or(now));
    hand.set_voice(attendance, Voice { hand_raised_at, ..voice });
    Ok(())
}

/// Lowers somebody's hand.
pub(super) fn lower_hand(hand: &mut RoomInHand<'_>, conferee: ConfereeId) -> CommandAnswer {
    let target = hand.conferee(conferee).ok_or(CommandRefusal::NotThere)?;
    set_hand(hand, target, false)
}
