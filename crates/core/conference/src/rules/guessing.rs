//! Guessing a room's host code from within: whoever keys wrong ones is locked out, whatever their VRU says.

use std::time::Duration;

use crate::attendance::Guesses;
use crate::command::{CommandAnswer, CommandRefusal};
use crate::ids::AttendanceId;

use super::in_hand::RoomInHand;

/// After so many wrong codes in a row a caller is locked out.
pub const WRONG_MAX: u32 = 3;
/// A wrong code counts for so long, and so long who is locked out stays so. Three tries in ten minutes find a code of
/// six digits in years.
pub const LOCKED_OUT_FOR: Duration = Duration::from_secs(600);

/// Judges a code that a caller has keyed. Who is locked out learns nothing of it.
pub(super) fn judge(hand: &mut RoomInHand<'_>, by: AttendanceId, is_right: bool) -> CommandAnswer {
    let now = hand.facts.now;
    let known = hand.known(by).map(|known| known.guesses).unwrap_or_default();
    let counts = known.wrong > 0 && now < known.last_at.after(LOCKED_OUT_FOR);
    let wrong = if counts { known.wrong } else { 0 };
    if wrong >= WRONG_MAX {
        return Err(CommandRefusal::LockedOut);
    }
    if is_right {
        hand.note_guesses(by, Guesses::default());
        return Ok(());
    }
    hand.note_guesses(by, Guesses { wrong: wrong + 1, last_at: now });
    Err(CommandRefusal::WrongCode)
}
