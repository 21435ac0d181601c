//! Placement: which mixer carries a mix, and how many of its seats are reserved for it.

use crate::attendance::WaitingKind;
use crate::conference::{LiveMix, MixKind};
use crate::ids::MixerClass;
use crate::placement::MixerLoad;
use crate::refusal::Refusal;
use crate::snapshot::RoomSnapshot;

use super::in_hand::{Place, RoomInHand};

/// Seats reserved at first. Fewer means more commits while a conference fills, more means mixers that look full
/// while they are not.
pub const CHUNK: u32 = 8;

/// Seats of a talk in private.
const SIDE_SEATS: u32 = 2;

/// The reservation that covers `needed` seats: it starts with a chunk and doubles, up to the room's maximum.
/// `None` where not even `needed` can be had of the `available` ones (those reserved already included).
fn reservation(reserved: u32, needed: u32, room_max: u32, available: u32) -> Option<u32> {
    if needed > available {
        return None;
    }
    let mut seats = reserved.max(CHUNK);
    if needed > reserved && reserved > 0 {
        seats = reserved.saturating_mul(2);
    }
    while seats < needed {
        seats = seats.saturating_mul(2);
    }
    Some(seats.min(room_max).min(available).max(needed))
}

/// The least loaded mixer of the class with this many seats left.
fn least_loaded<'m>(mixers: &'m [MixerLoad], class: &MixerClass, seats: u32) -> Option<&'m MixerLoad> {
    mixers
        .iter()
        .filter(|mixer| mixer.class == *class && mixer.left() > 0 && mixer.left() >= seats)
        .min_by(|a, b| a.cmp_by_load(b))
}

fn roomiest<'m>(mixers: &'m [MixerLoad], class: &MixerClass) -> Option<&'m MixerLoad> {
    mixers
        .iter()
        .filter(|mixer| mixer.class == *class && mixer.left() > 0)
        .min_by(|a, b| b.left().cmp(&a.left()).then_with(|| a.cmp_by_load(b)))
}

/// A place for a new conference that wants this many seats: the lobby's mixer if they fit there (its own seats
/// are free again then), else the least loaded that has them, else as many as there are on the roomiest.
pub(super) fn place_for_conference(facts: &RoomSnapshot, wanted: u32) -> Option<Place> {
    let room = &facts.room;
    let mut mixers = facts.mixers.clone();
    if let Some(lobby) = &facts.lobby {
        for mixer in mixers.iter_mut().filter(|mixer| mixer.id == lobby.mixer) {
            mixer.reserved = mixer.reserved.saturating_sub(lobby.reserved);
        }
    }
    let of_lobby = facts.lobby.as_ref().and_then(|lobby| {
        mixers
            .iter()
            .find(|mixer| mixer.id == lobby.mixer && mixer.class == room.class && mixer.left() >= wanted)
    });
    let mixer = of_lobby
        .or_else(|| least_loaded(&mixers, &room.class, wanted))
        .or_else(|| roomiest(&mixers, &room.class))?;
    let needed = wanted.min(mixer.left());
    let seats = reservation(0, needed, room.conferees_max, mixer.left())?;
    Some(Place { mixer: mixer.id.clone(), seats })
}

/// A place for a lobby of one caller, who will have company.
pub(super) fn place_for_lobby(facts: &RoomSnapshot) -> Option<Place> {
    let mixer = least_loaded(&facts.mixers, &facts.room.class, 1)?;
    let seats = reservation(0, 1, facts.room.conferees_max, mixer.left())?;
    Some(Place { mixer: mixer.id.clone(), seats })
}

/// A place for two who talk in private: beside their conference where there is room, else on the least loaded mixer.
pub(super) fn place_for_side(facts: &RoomSnapshot) -> Option<Place> {
    let beside = facts.conference.as_ref().map(|live| &live.mix.mixer);
    let fits = |mixer: &&MixerLoad| {
        Some(&mixer.id) == beside && mixer.class == facts.room.class && mixer.left() >= SIDE_SEATS
    };
    let mixer = facts
        .mixers
        .iter()
        .find(fits)
        .or_else(|| least_loaded(&facts.mixers, &facts.room.class, SIDE_SEATS))?;
    Some(Place { mixer: mixer.id.clone(), seats: SIDE_SEATS })
}

/// A place for a mix that lost its mixer: one that takes its whole reservation, else one that takes who is in it.
pub(super) fn place_for_move(facts: &RoomSnapshot, mix: &LiveMix, seated: u32) -> Option<Place> {
    let class = &facts.room.class;
    let mut mixers = facts.mixers.clone();
    for mixer in mixers.iter_mut().filter(|mixer| mixer.id == mix.mixer) {
        // It is back: what it had reserved for the mix is the mix's still.
        mixer.reserved = mixer.reserved.saturating_sub(mix.reserved);
    }
    let mixer =
        least_loaded(&mixers, class, mix.reserved).or_else(|| least_loaded(&mixers, class, seated))?;
    Some(Place { mixer: mixer.id.clone(), seats: mix.reserved.min(mixer.left()) })
}

/// Callers in the lobby.
pub(super) fn in_lobby(facts: &RoomSnapshot) -> u32 {
    let callers = facts.waiting.iter().filter(|caller| caller.kind == WaitingKind::Lobby).count();
    u32::try_from(callers).unwrap_or(u32::MAX)
}

/// Sees that a mix has a reserved seat for one more, where its mixer has one.
pub(super) fn make_room_in(hand: &mut RoomInHand<'_>, kind: MixKind) -> Result<(), Refusal> {
    let facts = &hand.facts;
    let (mix, taken) = match kind {
        MixKind::Conference => {
            let live = facts.conference.as_ref().ok_or(Refusal::NoMixer)?;
            (&live.mix, live.seated)
        }
        MixKind::Lobby => (facts.lobby.as_ref().ok_or(Refusal::NoMixer)?, in_lobby(facts)),
        MixKind::Side => return Ok(()),
    };
    let needed = taken.saturating_add(1);
    if needed <= mix.reserved {
        return Ok(());
    }
    let mixer = facts.mixers.iter().find(|mixer| mixer.id == mix.mixer).ok_or(Refusal::NoMixer)?;
    let available = mix.reserved.saturating_add(mixer.left());
    let seats =
        reservation(mix.reserved, needed, facts.room.conferees_max, available).ok_or(Refusal::NoMixer)?;
    let more = seats - mix.reserved;
    hand.reserve(kind, more);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::MixerId;

    #[test]
    fn a_reservation_starts_with_a_chunk_and_doubles_up_to_the_rooms_maximum() {
        assert_eq!(reservation(0, 1, 100, 500), Some(8));
        assert_eq!(reservation(8, 9, 100, 500), Some(16));
        assert_eq!(reservation(64, 65, 100, 500), Some(100));
        assert_eq!(reservation(0, 40, 100, 500), Some(64));
        assert_eq!(reservation(0, 1, 5, 500), Some(5));
    }

    #[test]
    fn a_reservation_takes_what_the_mixer_has_left_and_no_more() {
        assert_eq!(reservation(8, 9, 100, 11), Some(11));
        assert_eq!(reservation(8, 9, 100, 9), Some(9));
        assert_eq!(reservation(8, 9, 100, 8), None);
        assert_eq!(reservation(0, 1, 100, 0), None);
    }

    fn mixer(name: &str, class: &str, seats_max: u32, reserved: u32) -> MixerLoad {
        MixerLoad {
            id: MixerId::new(name).unwrap(),
            class: MixerClass::new(class).unwrap(),
            seats_max,
            reserved,
        }
    }

    #[test]
    fn the_least_loaded_of_the_class_is_chosen_however_idle_another_class_is() {
        let standard = MixerClass::new("standard").unwrap();
        let mixers = [
            mixer("a", "standard", 100, 50),
            mixer("b", "standard", 1000, 400),
            mixer("c", "large", 1000, 0),
            mixer("d", "standard", 4, 0),
        ];
        assert_eq!(least_loaded(&mixers, &standard, 10).unwrap().id.as_str(), "b");
        assert_eq!(least_loaded(&mixers, &standard, 2).unwrap().id.as_str(), "d");
        assert_eq!(least_loaded(&mixers, &standard, 601), None);
        assert_eq!(roomiest(&mixers, &standard).unwrap().id.as_str(), "b");
    }

    #[test]
    fn a_full_mixer_is_nobodys_choice_even_for_no_seats() {
        let standard = MixerClass::new("standard").unwrap();
        assert_eq!(least_loaded(&[mixer("a", "standard", 8, 8)], &standard, 0), None);
    }
}
