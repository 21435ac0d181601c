//! What follows from a decision at the mixers. Pure: read off the snapshot and the changes.

use partyline_conference::{
    Announce, AttendanceId, AttendanceState, Change, ConfereeId, ConferenceId, Decision, EventKind, Floor,
    LeaveReason, LiveMix, MixerId, RoomSnapshot, RoomVersion, WaitingKind,
};
use partyline_rpc::mixing::{EndMix, PlaySound, SetLeg, Sound};

/// In a conference of more than so many people nobody is named: a tone tells enough.
const NAMED_MAX: u32 = 10;
/// Most that the mixer is told of for one commit.
const PLAYS_MAX: usize = 32;

/// A conference in which somebody's voice was changed, and where its mix is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct VoicesChanged {
    pub(crate) conference: ConferenceId,
    pub(crate) mix: LiveMix,
    /// The version that changed it.
    pub(crate) version: RoomVersion,
}

/// Somebody has come or left, and the mixer of the conference is to say so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Play {
    pub(crate) mixer: MixerId,
    pub(crate) sound: PlaySound,
    /// Whose name is to be said; the store may have it.
    pub(crate) name_of: Option<AttendanceId>,
}

/// Orders to mixers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Effects {
    /// Placements that are over, with all who were in them.
    pub(crate) ended: Vec<(MixerId, EndMix)>,
    /// Placements that others have taken the place of: callers are on their way there.
    pub(crate) replaced: Vec<(MixerId, EndMix)>,
    /// Callers who left without their VRU saying so to the mixer.
    pub(crate) removed: Vec<(MixerId, SetLeg)>,
    /// The mix of the conference in which somebody's voice was changed.
    pub(crate) voices: Option<VoicesChanged>,
    /// Who has come or left.
    pub(crate) plays: Vec<Play>,
}

impl Effects {
    /// The effects of a decision that was made on this snapshot.
    pub(crate) fn of(snapshot: &RoomSnapshot, decision: &Decision) -> Self {
        let before: Vec<&LiveMix> =
            snapshot.conference.iter().map(|live| &live.mix).chain(snapshot.lobby.as_ref()).collect();
        let side_of = |callee: &AttendanceId| {
            let outdial = snapshot.outdials.iter().find(|outdial| outdial.callee == *callee);
            outdial.and_then(|outdial| outdial.mix.as_ref())
        };
        let sides = snapshot.outdials.iter().filter_map(|outdial| outdial.mix.as_ref());
        let before: Vec<&LiveMix> = before.into_iter().chain(sides).collect();
        let mut effects =
            Self { plays: plays(snapshot, decision), voices: voices(snapshot, decision), ..Self::default() };
        let end = |mix: &LiveMix| (mix.mixer.clone(), EndMix { mix: mix.mix, epoch: mix.epoch });
        for change in &decision.changes {
            if let Change::EndConference { conference, .. } = change {
                let over = snapshot.conference.iter().filter(|live| live.id == *conference);
                effects.ended.extend(over.map(|live| end(&live.mix)));
            } else if let Change::CloseLobby { mix } | Change::Move { mix, .. } = change {
                effects.replaced.extend(before.iter().filter(|live| live.mix == *mix).map(|live| end(live)));
            } else if let Change::JoinOutdial { callee, .. } | Change::EndOutdial { callee, .. } = change {
                effects.replaced.extend(side_of(callee).map(end));
            } else if let Change::Leave { attendance, reason } = change
                && !is_told_by_vru(*reason)
                && let Some(mix) = mix_of(snapshot, *attendance)
            {
                effects.removed.push((mix.mixer.clone(), removal(mix, *attendance)));
            }
        }
        effects
    }

    /// Stamps orders with the version that the commit brought: settings, so that the newest wins, and plays, so that
    /// each has a number that no other of the room has.
    pub(crate) fn stamp(&mut self, version: RoomVersion) {
        for (_, setting) in &mut self.removed {
            setting.version = version.0;
        }
        if let Some(voices) = &mut self.voices {
            voices.version = version;
        }
        for (nth, play) in (0..).zip(&mut self.plays) {
            play.sound.play = version.0.wrapping_mul(PLAYS_MAX as u64).wrapping_add(nth);
        }
    }
}

/// Whether the VRU itself takes the leg out of the mix. Of the others it may know nothing, or be no more.
const fn is_told_by_vru(reason: LeaveReason) -> bool {
    !matches!(reason, LeaveReason::Deleted | LeaveReason::NeverJoined | LeaveReason::VruLost)
}

/// The mix that a caller sat in.
fn mix_of(snapshot: &RoomSnapshot, attendance: AttendanceId) -> Option<&LiveMix> {
    match snapshot.attendances.get(&attendance)?.state {
        AttendanceState::Seated { .. } => snapshot.conference.as_ref().map(|live| &live.mix),
        AttendanceState::Waiting(WaitingKind::Lobby) => snapshot.lobby.as_ref(),
        AttendanceState::Waiting(WaitingKind::Held | WaitingKind::WaitingRoom | WaitingKind::Aside)
        | AttendanceState::Refused(_)
        | AttendanceState::Left(_) => None,
    }
}

fn removal(mix: &LiveMix, attendance: AttendanceId) -> SetLeg {
    SetLeg { mix: mix.mix, epoch: mix.epoch, attendance, is_muted: false, is_removed: true, version: 0 }
}

/// Who enters brings their voice with their ticket; a change of it is told to the mixer.
fn voices(snapshot: &RoomSnapshot, decision: &Decision) -> Option<VoicesChanged> {
    let is_voice = |change: &Change| matches!(change, Change::SetVoice { .. } | Change::SetFloor { .. });
    decision.changes.iter().any(is_voice).then_some(())?;
    let conference = snapshot.conference.as_ref()?.id;
    let mix = conference_mix_after(snapshot, decision)?;
    Some(VoicesChanged { conference, mix, version: RoomVersion::default() })
}

/// How entries and exits are told once the decision holds: whatever it changes of that holds for it too.
fn announced(snapshot: &RoomSnapshot, decision: &Decision) -> Announce {
    let live = snapshot.conference.as_ref();
    let mut floor = live.map(|live| live.floor).unwrap_or_default();
    let mut manner = live.map(|live| live.manner).unwrap_or_default();
    for change in &decision.changes {
        if let Change::SetFloor { floor: wanted, .. } = change {
            floor = *wanted;
        } else if let Change::SetManner { manner: wanted, .. } = change {
            manner = *wanted;
        }
    }
    // A lecture is not disturbed.
    if floor == Floor::Lecture { Announce::Silence } else { manner.announce(&snapshot.room) }
}

fn plays(snapshot: &RoomSnapshot, decision: &Decision) -> Vec<Play> {
    let Some((live, mix)) = snapshot.conference.as_ref().zip(conference_mix_after(snapshot, decision)) else {
        return Vec::new();
    };
    let play = |sound, who: Option<ConfereeId>| Play {
        mixer: mix.mixer.clone(),
        sound: PlaySound { mix: mix.mix, epoch: mix.epoch, play: 0, sound, who, name: None },
        name_of: None,
    };
    let announce = announced(snapshot, decision);
    if announce == Announce::Silence {
        // What the mixer gathers still is not announced either.
        let was_told = announced(snapshot, &Decision::default()) != Announce::Silence;
        return if was_told { vec![play(Sound::Hush, None)] } else { Vec::new() };
    }
    let people: Vec<(Sound, ConfereeId)> = decision.events.iter().filter_map(who_is_told_of).collect();
    let is_by_name = announce == Announce::Name && live.seated <= NAMED_MAX && people.len() <= PLAYS_MAX;
    if is_by_name {
        let named = |(sound, who): (Sound, ConfereeId)| Play {
            name_of: attendance_of(snapshot, who),
            ..play(sound, Some(who))
        };
        return people.into_iter().map(named).collect();
    }
    // However many come or go at once, one tone tells of them.
    [Sound::Entry, Sound::Exit]
        .into_iter()
        .filter(|sound| people.iter().any(|(told, _)| told == sound))
        .map(|sound| play(sound, None))
        .collect()
}

/// Who has come or left, as others should hear of it.
fn who_is_told_of(event: &EventKind) -> Option<(Sound, ConfereeId)> {
    // Who is first is told so by their VRU, and nobody else is there to hear of them.
    if let EventKind::ConfereeJoined { conferee, is_first: false, .. } = event {
        return Some((Sound::Entry, *conferee));
    }
    if let EventKind::ConfereeLeft { conferee, had_joined: true, .. } = event {
        return Some((Sound::Exit, *conferee));
    }
    None
}

fn attendance_of(snapshot: &RoomSnapshot, wanted: ConfereeId) -> Option<AttendanceId> {
    let is_it = |state: &AttendanceState| matches!(state, AttendanceState::Seated { conferee, .. } if *conferee == wanted);
    snapshot.attendances.values().find(|known| is_it(&known.state)).map(|known| known.id)
}

/// Where the conference that was live before is carried now; `None` if it is over. (Nobody has joined a conference in
/// the commit that creates it.)
fn conference_mix_after(snapshot: &RoomSnapshot, decision: &Decision) -> Option<LiveMix> {
    let live = snapshot.conference.as_ref()?;
    let mut mix = live.mix.clone();
    for change in &decision.changes {
        if let Change::EndConference { conference, .. } = change {
            if *conference == live.id {
                return None;
            }
        } else if let Change::Move { mix: moved, to, epoch, .. } = change
            && *moved == mix.mix
        {
            mix.mixer = to.clone();
            mix.epoch = *epoch;
        }
    }
    Some(mix)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use partyline_conference::{
        AccountId, AccountUse, ConferenceEnd, ConferenceId, EntryPolicy, Epoch, HostLeaves, LiveConference,
        LockScope, Manner, MixId, MixKind, MixerClass, Order, Room, RoomId, RoomName, Timestamp,
    };

    use super::*;

    fn mixer(name: &str) -> MixerId {
        MixerId::new(name).unwrap()
    }

    fn snapshot(announce: Announce) -> RoomSnapshot {
        let room = Room {
            id: RoomId::from_bits(1),
            account: AccountId::from_bits(1),
            name: RoomName::new("r").unwrap(),
            version: RoomVersion(7),
            entry: EntryPolicy::Start,
            class: MixerClass::new("standard").unwrap(),
            announce,
            conferees_max: 10,
            host_leaves: HostLeaves::Continue,
            lock: LockScope::AllButHosts,
            music: false,
            wait_max: Duration::from_secs(60),
            conference_max: None,
            call_max: None,
            no_rtp_max: Duration::from_secs(60),
            has_host_pin: false,
            unmute_oneself: false,
            deleted_stay_out: false,
            waiting_room: false,
            roll_call: false,
            dial_out: false,
            dial_out_prefixes: Vec::new(),
            operator: None,
            noisy_lines: partyline_conference::NoisyLines::default(),
            voices: partyline_conference::VoiceCare::default(),
        };
        let mix = LiveMix { mix: MixId::from_bits(5), mixer: mixer("m-1"), epoch: Epoch(1), reserved: 8 };
        RoomSnapshot {
            now: Timestamp(0),
            room,
            conference: Some(LiveConference {
                id: ConferenceId::from_bits(4),
                mix,
                is_locked: false,
                next_order: Order(3),
                seated: 2,
                hosts_seated: 1,
                started_at: Timestamp(0),
                deadline: None,
                floor: Floor::Open,
                manner: Manner::default(),
                extended_to: None,
            }),
            lobby: None,
            waiting: Vec::new(),
            past: BTreeMap::new(),
            attendances: BTreeMap::new(),
            overdue: Vec::new(),
            mixers: Vec::new(),
            account: AccountUse::default(),
            outdials: Vec::new(),
            dial_out: Default::default(),
            dial_out_rules: Default::default(),
        }
    }

    fn joined(is_first: bool) -> EventKind {
        EventKind::ConfereeJoined {
            conference: ConferenceId::from_bits(4),
            conferee: ConfereeId::from_bits(1),
            is_first,
        }
    }

    fn left() -> EventKind {
        EventKind::ConfereeLeft {
            conference: ConferenceId::from_bits(4),
            conferee: ConfereeId::from_bits(1),
            reason: LeaveReason::HungUp,
            had_joined: true,
        }
    }

    #[test]
    fn many_who_join_at_once_are_one_tone_and_the_first_is_none() {
        let three = Decision { events: vec![joined(false); 3], ..Decision::default() };
        assert_eq!(Effects::of(&snapshot(Announce::Tone), &three).plays.len(), 1);
        let first = Decision { events: vec![joined(true)], ..Decision::default() };
        assert!(Effects::of(&snapshot(Announce::Tone), &first).plays.is_empty());
    }

    #[test]
    fn a_silent_room_plays_nothing() {
        let decision = Decision { events: vec![joined(false), left()], ..Decision::default() };
        assert_eq!(Effects::of(&snapshot(Announce::Silence), &decision), Effects::default());
    }

    #[test]
    fn what_a_host_says_of_announcements_wins_over_the_room_and_a_lecture_is_not_disturbed() {
        let decision = Decision { events: vec![joined(false), left()], ..Decision::default() };
        let with = |room, announce, floor| {
            let mut snapshot = snapshot(room);
            let live = snapshot.conference.as_mut().unwrap();
            (live.manner.announce, live.floor) = (announce, floor);
            Effects::of(&snapshot, &decision).plays.len()
        };
        assert_eq!(with(Announce::Tone, Some(Announce::Silence), Floor::Open), 0);
        assert_eq!(with(Announce::Silence, Some(Announce::Tone), Floor::Muted), 2);
        assert_eq!(with(Announce::Tone, None, Floor::Lecture), 0);
    }

    #[test]
    fn a_voice_that_changes_is_told_where_the_conference_is_then() {
        let mute = Change::SetVoice { attendance: AttendanceId::from_bits(1), voice: Default::default() };
        let moved = Change::Move {
            mix: MixId::from_bits(5),
            kind: MixKind::Conference,
            to: mixer("m-2"),
            epoch: Epoch(2),
            reserved: 8,
        };
        let lock = Change::SetLock { conference: ConferenceId::from_bits(4), locked: true };
        let of = |changes| {
            let mut effects =
                Effects::of(&snapshot(Announce::Tone), &Decision { changes, ..Decision::default() });
            effects.stamp(RoomVersion(8));
            effects.voices.map(|voices| (voices.mix.mixer, voices.version))
        };
        assert_eq!(of(vec![mute.clone()]), Some((mixer("m-1"), RoomVersion(8))));
        assert_eq!(of(vec![mute, moved]), Some((mixer("m-2"), RoomVersion(8))));
        assert_eq!(of(vec![lock]), None, "a lock is no matter of the mixer's");
    }

    #[test]
    fn each_sound_has_a_number_of_its_own() {
        let decision = Decision { events: vec![joined(false), left()], ..Decision::default() };
        let mut effects = Effects::of(&snapshot(Announce::Name), &decision);
        effects.stamp(RoomVersion(8));
        let mut next = Effects::of(&snapshot(Announce::Name), &decision);
        next.stamp(RoomVersion(9));
        let mut numbers: Vec<u64> =
            effects.plays.iter().chain(&next.plays).map(|play| play.sound.play).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), 4);
    }

    #[test]
    fn a_moved_mix_ends_where_it_was_and_sounds_where_it_is() {
        let moved = Change::Move {
            mix: MixId::from_bits(5),
            kind: MixKind::Conference,
            to: mixer("m-2"),
            epoch: Epoch(2),
            reserved: 8,
        };
        let decision = Decision { changes: vec![moved], events: vec![left()], ..Decision::default() };
        let effects = Effects::of(&snapshot(Announce::Tone), &decision);
        assert_eq!(effects.replaced, [(mixer("m-1"), EndMix { mix: MixId::from_bits(5), epoch: Epoch(1) })]);
        assert_eq!(effects.plays[0].mixer, mixer("m-2"));
        assert_eq!(effects.plays[0].sound.epoch, Epoch(2));
    }

    #[test]
    fn a_conference_that_ends_ends_its_mix_and_plays_nothing() {
        let end =
            Change::EndConference { conference: ConferenceId::from_bits(4), why: ConferenceEnd::LastLeft };
        let decision = Decision { changes: vec![end], events: vec![left()], ..Decision::default() };
        let effects = Effects::of(&snapshot(Announce::Tone), &decision);
        assert_eq!(effects.ended.len(), 1);
        assert!(effects.plays.is_empty());
    }
}
