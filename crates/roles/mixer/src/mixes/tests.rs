use partyline_conference::{ConfereeId, MixKind, RecordedName, RoomVersion, Timestamp, VruId};

use crate::announcer::What;
use crate::phrases::Phrases;

use super::*;

const MIX: MixId = MixId::from_bits(1);
const KEY: MixKey = MixKey(100);

fn ensure(epoch: u64) -> EnsureMix {
    EnsureMix {
        mix: MIX,
        epoch: Epoch(epoch),
        kind: MixKind::Lobby,
        conference: None,
        seats: 1,
        voices: VoiceCare::default(),
        version: 1,
    }
}

fn ticket(epoch: u64, caller: u128) -> Ticket {
    Ticket {
        mix: MIX,
        epoch: Epoch(epoch),
        attendance: AttendanceId::from_bits(caller),
        leg_name: ConfereeId::from_bits(1000 + caller).into(),
        vru: VruId::new("vru-1").unwrap(),
        is_muted: false,
        voice_version: RoomVersion(0),
        expires_at: Timestamp(0),
    }
}

fn leave(epoch: u64, caller: u128) -> LeaveMix {
    LeaveMix { mix: MIX, epoch: Epoch(epoch), leg_name: ticket(epoch, caller).leg_name }
}

fn set(caller: u128, version: u64, is_muted: bool, is_removed: bool) -> SetLeg {
    SetLeg {
        mix: MIX,
        epoch: Epoch(1),
        attendance: AttendanceId::from_bits(caller),
        is_muted,
        is_removed,
        version,
    }
}

fn with_mix(seats_max: u32) -> (Mixes, Instant) {
    let (mut mixes, now) = (Mixes::new(seats_max), Instant::now());
    mixes.ensure(now, &ensure(1), KEY).unwrap();
    (mixes, now)
}

#[test]
fn a_mix_is_opened_once_and_a_lower_epoch_refused() {
    let (mut mixes, now) = with_mix(10);
    assert_eq!(mixes.ensure(now, &ensure(1), MixKey(101)), Ok(Ensured::default()));
    let moved = Ensured { open: Some(MixKey(102)), close: Some(KEY) };
    assert_eq!(mixes.ensure(now, &ensure(3), MixKey(102)), Ok(moved));
    assert_eq!(mixes.ensure(now, &ensure(2), MixKey(103)), Err(Refused::Stale));
    assert_eq!(mixes.join(&ticket(1, 1), LegId(1)), Err(Refused::Stale));
    assert_eq!(mixes.end(&EndMix { mix: MIX, epoch: Epoch(2) }), Err(Refused::Stale));
}

#[test]
fn a_mix_that_was_ended_is_not_opened_again_by_a_late_order() {
    let (mut mixes, now) = with_mix(10);
    assert_eq!(mixes.end(&EndMix { mix: MIX, epoch: Epoch(1) }), Ok(Some(KEY)));
    assert_eq!(mixes.end(&EndMix { mix: MIX, epoch: Epoch(1) }), Ok(None));
    assert_eq!(mixes.ensure(now, &ensure(1), KEY), Err(Refused::Stale));
    assert!(mixes.ensure(now, &ensure(2), KEY).is_ok());
}

#[test]
fn the_last_seat_is_given_and_the_next_refused() {
    let (mut mixes, now) = with_mix(2);
    mixes.join(&ticket(1, 1), LegId(1)).unwrap();
    mixes.join(&ticket(1, 2), LegId(2)).unwrap();
    assert_eq!(mixes.join(&ticket(1, 3), LegId(3)), Err(Refused::NoSeat));
    let other = EnsureMix { mix: MixId::from_bits(9), ..ensure(1) };
    assert_eq!(mixes.ensure(now, &other, MixKey(9)), Err(Refused::NoSeat));

    assert_eq!(mixes.leave(now, &leave(1, 1)), Some((LegId(1), KEY)));
    assert!(mixes.join(&ticket(1, 3), LegId(3)).is_ok());
}

#[test]
fn a_repeated_join_takes_no_second_seat_and_a_new_leg_replaces_the_old() {
    let (mut mixes, _) = with_mix(1);
    assert_eq!(mixes.join(&ticket(1, 1), LegId(1)).unwrap().replaces, None);
    assert_eq!(mixes.join(&ticket(1, 1), LegId(1)).unwrap().replaces, None);
    assert_eq!(mixes.join(&ticket(1, 1), LegId(2)).unwrap().replaces, Some(LegId(1)));
    assert_eq!(mixes.seats_taken(), 1);
}

#[test]
fn leaving_frees_the_leg_that_is_named_and_no_other_and_a_repeat_is_harmless() {
    let (mut mixes, now) = with_mix(10);
    mixes.join(&ticket(1, 1), LegId(1)).unwrap();
    mixes.join(&ticket(1, 2), LegId(2)).unwrap();

    assert_eq!(mixes.leave(now, &leave(1, 1)), Some((LegId(1), KEY)));
    assert_eq!(mixes.leave(now, &leave(1, 1)), None);
    assert_eq!(mixes.leave(now, &leave(1, 99)), None);
    assert!(mixes.has(&ticket(1, 2), LegId(2)));
    assert_eq!(mixes.seats_taken(), 1);
}

#[test]
fn a_failed_join_frees_its_seat_but_not_that_of_a_newer_leg() {
    let (mut mixes, now) = with_mix(10);
    mixes.join(&ticket(1, 1), LegId(1)).unwrap();
    mixes.join(&ticket(1, 1), LegId(2)).unwrap();
    mixes.join_failed(now, &ticket(1, 1), LegId(1));
    assert_eq!(mixes.seats_taken(), 1);
    mixes.join_failed(now, &ticket(1, 1), LegId(2));
    assert_eq!(mixes.seats_taken(), 0);
}

#[test]
fn the_newest_setting_wins_and_holds_for_a_later_join() {
    let (mut mixes, now) = with_mix(10);
    let muted = Attachment { uplink: false, downlink: true };
    mixes.join(&ticket(1, 1), LegId(1)).unwrap();
    assert_eq!(mixes.set(now, &set(1, 5, true, false)), Ok(Some(Setting::Adjust(LegId(1), KEY, muted))));
    assert_eq!(mixes.set(now, &set(1, 4, false, false)), Ok(None));
    assert_eq!(mixes.join(&ticket(1, 1), LegId(2)).unwrap().attachment, muted);
}

#[test]
fn a_ticket_is_a_word_like_any_other_the_newest_wins() {
    let (mut mixes, now) = with_mix(10);
    let (muted, heard) =
        (Attachment { uplink: false, downlink: true }, Attachment { uplink: true, downlink: true });
    let word = |is_muted, version| Ticket { is_muted, voice_version: RoomVersion(version), ..ticket(1, 1) };
    assert_eq!(mixes.join(&word(true, 3), LegId(1)).unwrap().attachment, muted);
    assert_eq!(mixes.set(now, &set(1, 2, false, false)), Ok(None));
    assert_eq!(mixes.join(&word(false, 2), LegId(1)).unwrap().attachment, muted);
    assert_eq!(mixes.wanted((MIX, Epoch(1)), AttendanceId::from_bits(1), LegId(1)), Some(muted));
    assert_eq!(mixes.join(&word(false, 4), LegId(1)).unwrap().attachment, heard);
    assert_eq!(mixes.wanted((MIX, Epoch(1)), AttendanceId::from_bits(1), LegId(9)), None);
    assert_eq!(mixes.wanted((MIX, Epoch(2)), AttendanceId::from_bits(1), LegId(1)), None);
}

#[test]
fn a_removed_caller_does_not_come_back() {
    let (mut mixes, now) = with_mix(10);
    mixes.join(&ticket(1, 1), LegId(1)).unwrap();
    assert_eq!(mixes.set(now, &set(1, 5, false, true)), Ok(Some(Setting::Detach(LegId(1), KEY))));
    assert_eq!(mixes.join(&ticket(1, 1), LegId(1)), Err(Refused::Removed));
    assert_eq!(mixes.set(now, &set(1, 6, false, false)), Ok(None));
    assert_eq!(mixes.join(&ticket(1, 1), LegId(1)), Err(Refused::Removed));
    assert_eq!(mixes.seats_taken(), 0);
}

fn named(play: u64) -> PlaySound {
    let (who, name) = (ConfereeId::from_bits(play.into()), RecordedName::new(vec![1; 8_000]));
    PlaySound { mix: MIX, epoch: Epoch(1), play, sound: Sound::Entry, who: Some(who), name }
}

/// What a mix is told until there is nothing more, however long that takes.
fn told(mixes: &mut Mixes, mut now: Instant) -> Vec<What> {
    let (sounds, mut told) = (Sounds::new(Phrases::default()), Vec::new());
    loop {
        match mixes.announce(now, (MIX, Epoch(1)), &sounds) {
            Announcing::Say(key, said) => {
                assert_eq!(key, KEY);
                told.push(said.what);
            }
            Announcing::Wait(until) => now = until,
            Announcing::Over => return told,
        }
    }
}

#[test]
fn what_is_announced_by_one_number_is_announced_once_and_one_sees_to_it() {
    let (mut mixes, now) = with_mix(10);
    assert!(mixes.play(now, &named(7)).unwrap().is_some());
    assert!(mixes.play(now, &named(7)).unwrap().is_none());
    assert!(mixes.play(now, &named(8)).unwrap().is_none(), "somebody sees to it already");
    assert_eq!(told(&mut mixes, now), [What::Name, What::Name, What::Words(Way::In, 2)]);
    assert!(mixes.play(now, &named(8)).unwrap().is_none(), "a repeat, and nothing to see to");
    assert!(mixes.play(now, &named(9)).unwrap().is_some(), "nobody sees to it any more");
    let stale = PlaySound { epoch: Epoch(0), ..named(10) };
    assert!(matches!(mixes.play(now, &stale), Err(Refused::Stale)));
    let hush = PlaySound { sound: Sound::Hush, who: None, name: None, ..named(11) };
    assert!(mixes.play(now, &hush).unwrap().is_none());
    assert_eq!(told(&mut mixes, now), []);
}

#[test]
fn announcements_end_with_their_placement() {
    let (mut mixes, now) = with_mix(10);
    mixes.play(now, &named(7)).unwrap();
    mixes.ensure(now, &ensure(2), MixKey(101)).unwrap();
    assert_eq!(told(&mut mixes, now), []);
}

#[test]
fn names_that_wait_in_all_mixes_are_bounded_and_the_rest_are_tones() {
    let (mut mixes, now) = (Mixes::new(2_000), Instant::now());
    for nth in 0..NAMES_MAX as u128 + 5 {
        let mix = MixId::from_bits(10 + nth);
        mixes.ensure(now, &EnsureMix { mix, seats: 0, ..ensure(1) }, MixKey(nth)).unwrap();
        mixes.play(now, &PlaySound { mix, ..named(1) }).unwrap();
    }
    let waiting: usize = mixes.mixes.values().map(|mix| mix.announcer.names()).sum();
    assert_eq!(waiting, NAMES_MAX);
}

#[test]
fn a_mix_that_is_empty_for_long_is_forgotten_and_one_with_a_leg_is_not() {
    let (mut mixes, now) = with_mix(10);
    mixes.join(&ticket(1, 1), LegId(1)).unwrap();
    assert!(mixes.forget_empty(now + 2 * EMPTY_MAX).is_empty());
    let left_at = now + EMPTY_MAX;
    mixes.leave(left_at, &leave(1, 1));
    assert!(mixes.forget_empty(left_at + EMPTY_MAX / 2).is_empty());
    assert_eq!(mixes.forget_empty(left_at + EMPTY_MAX), [KEY]);
    assert_eq!(mixes.len(), 0);
}

#[test]
fn a_mix_that_the_engine_did_not_open_can_be_asked_for_again() {
    let (mut mixes, now) = with_mix(10);
    mixes.open_failed(MIX);
    assert_eq!(mixes.len(), 0);
    let again = Ensured { open: Some(MixKey(101)), close: None };
    assert_eq!(mixes.ensure(now, &ensure(1), MixKey(101)), Ok(again));
}

#[test]
fn a_leg_on_its_way_from_the_lobby_to_the_conference_has_one_seat() {
    let (mut mixes, now) = with_mix(2);
    let conference = MixId::from_bits(2);
    mixes.ensure(now, &EnsureMix { mix: conference, ..ensure(1) }, MixKey(101)).unwrap();
    let there = |caller| Ticket { mix: conference, ..ticket(1, caller) };
    mixes.join(&ticket(1, 1), LegId(1)).unwrap();
    mixes.join(&ticket(1, 2), LegId(2)).unwrap();

    assert!(mixes.join(&there(1), LegId(1)).is_ok());
    assert_eq!(mixes.join(&there(3), LegId(3)), Err(Refused::NoSeat));
    assert_eq!(mixes.seats_taken(), 2);
    mixes.leave(now, &leave(1, 1));
    assert_eq!(mixes.seats_taken(), 2, "it sits in the conference");
    mixes.end(&EndMix { mix: conference, epoch: Epoch(1) }).unwrap();
    assert_eq!(mixes.seats_taken(), 1);
}

#[test]
fn what_is_done_to_voices_is_due_until_it_is_given_and_by_the_newest_word() {
    let (mut mixes, now) = with_mix(10);
    let placement = (MIX, Epoch(1));
    assert_eq!(mixes.care_due(placement), None);
    let plain = VoiceCare { noise_suppression: true, agc: false };
    let word = |voices, version| EnsureMix { voices, version, ..ensure(1) };
    assert_eq!(mixes.ensure(now, &word(plain, 5), MixKey(101)), Ok(Ensured::default()));
    mixes.ensure(now, &word(VoiceCare::default(), 4), MixKey(101)).unwrap();
    let due = CareDue { key: KEY, given: VoiceCare::default(), wanted: plain };
    assert_eq!(mixes.care_due(placement), Some(due));
    // Meanwhile the room has thought better of it.
    mixes.ensure(now, &word(VoiceCare::default(), 6), MixKey(101)).unwrap();
    mixes.care_given(placement, plain);
    let back = CareDue { key: KEY, given: plain, wanted: VoiceCare::default() };
    assert_eq!(mixes.care_due(placement), Some(back));
    mixes.care_given(placement, VoiceCare::default());
    assert_eq!(mixes.care_due(placement), None);
    // A new placement opens with the gain as it should be; noise is taken away after that.
    mixes.ensure(now, &EnsureMix { epoch: Epoch(2), ..word(plain, 7) }, MixKey(102)).unwrap();
    let given = VoiceCare { noise_suppression: false, agc: false };
    assert_eq!(mixes.care_due((MIX, Epoch(2))), Some(CareDue { key: MixKey(102), given, wanted: plain }));
    assert_eq!(mixes.care_due(placement), None);
}
