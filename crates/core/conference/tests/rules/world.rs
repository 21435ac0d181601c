//! One room on the reference store, and callers who come and go.

use std::sync::Arc;
use std::time::Duration;

use partyline_conference::reference::{ReferenceRoom, ReferenceStore};
use partyline_conference::room::{Announce, EntryPolicy, HostLeaves, LockScope, Room, RoomName};
use partyline_conference::{
    AccountId, AttendanceId, AttendanceState, CallerIdentity, Change, Command, CommandAnswer, CommandId,
    ConfereeId, ConferenceId, Controls, Decision, DialOutRules, DialTarget, EventKind, FreshIds, Generation,
    Intent, LeaveReason, LiveConference, MixId, MixerClass, MixerId, MixerLoad, Mute, Order, Refusal, Role,
    RoomId, RoomVersion, Standing, Timestamp, Voice, VruId, WaitingKind, rules,
};

pub(crate) const ROOM: RoomId = RoomId::from_bits(1);

pub(crate) fn room() -> Room {
    Room {
        id: ROOM,
        account: AccountId::from_bits(1),
        name: RoomName::new("demo").unwrap(),
        version: RoomVersion(1),
        entry: EntryPolicy::Hold,
        class: class("standard"),
        announce: Announce::Tone,
        conferees_max: 100,
        host_leaves: HostLeaves::Continue,
        lock: LockScope::AllButHosts,
        music: true,
        wait_max: Room::WAIT_MAX_DEFAULT,
        conference_max: None,
        call_max: None,
        no_rtp_max: Room::NO_RTP_MAX_DEFAULT,
        has_host_pin: false,
        unmute_oneself: false,
        deleted_stay_out: false,
        waiting_room: false,
        roll_call: false,
        dial_out: false,
        dial_out_prefixes: Vec::new(),
        operator: None,
        noisy_lines: partyline_conference::NoisyLines::Tell,
        voices: partyline_conference::VoiceCare::default(),
    }
}

pub(crate) fn class(name: &str) -> MixerClass {
    MixerClass::new(name).unwrap()
}

pub(crate) fn mixer_id(name: &str) -> MixerId {
    MixerId::new(name).unwrap()
}

pub(crate) fn mixer(name: &str, class_name: &str, seats_max: u32) -> MixerLoad {
    MixerLoad { id: mixer_id(name), class: class(class_name), seats_max, reserved: 0 }
}

pub(crate) fn attend(attendance: AttendanceId, generation: u64, role: Role) -> Intent {
    attend_from(&attendance.to_string(), attendance, generation, role)
}

pub(crate) fn attend_from(number: &str, attendance: AttendanceId, generation: u64, role: Role) -> Intent {
    Intent::Attend {
        attendance,
        generation: Generation(generation),
        vru: VruId::new("vru-1").unwrap(),
        role,
        caller: CallerIdentity { number: number.to_owned(), ..CallerIdentity::default() },
    }
}

/// A callee answers.
pub(crate) fn answered(callee: AttendanceId, generation: u64) -> Intent {
    Intent::Answered {
        attendance: callee,
        generation: Generation(generation),
        vru: VruId::new("vru-1").unwrap(),
        caller: CallerIdentity { number: "5551234".to_owned(), ..CallerIdentity::default() },
    }
}

/// Identifiers that no other draw has.
#[derive(Debug, Default)]
pub(crate) struct Draw(u128);

impl Draw {
    pub(crate) fn bits(&mut self) -> u128 {
        self.0 += 1;
        self.0 << 64
    }

    pub(crate) fn fresh(&mut self, callers: usize) -> FreshIds {
        FreshIds {
            conference: ConferenceId::from_bits(self.bits()),
            conference_mix: MixId::from_bits(self.bits()),
            lobby_mix: MixId::from_bits(self.bits()),
            conferees: (0..callers).map(|_| ConfereeId::from_bits(self.bits())).collect(),
        }
    }
}

/// The world of one room.
pub(crate) struct World {
    pub(crate) store: ReferenceStore,
    pub(crate) now: Timestamp,
    pub(crate) live_mixers: Vec<MixerId>,
    pub(crate) last: Decision,
    /// What holds for dialling out.
    pub(crate) dial_out: DialOutRules,
    draw: Draw,
}

impl World {
    /// A room with these settings, and one mixer of its class.
    pub(crate) fn of(settings: impl FnOnce(&mut Room)) -> Self {
        let mut world = Self::without_mixers(settings);
        world.add_mixer(mixer("m1", "standard", 1000));
        world
    }

    pub(crate) fn without_mixers(settings: impl FnOnce(&mut Room)) -> Self {
        Self::of_account(None, settings)
    }

    pub(crate) fn of_account(callers_max: Option<u32>, settings: impl FnOnce(&mut Room)) -> Self {
        let mut store = ReferenceStore::new(callers_max);
        let mut room = room();
        settings(&mut room);
        store.put_room(room);
        Self {
            store,
            now: Timestamp(0),
            live_mixers: Vec::new(),
            last: Decision::default(),
            dial_out: DialOutRules::default(),
            draw: Draw::default(),
        }
    }

    pub(crate) fn add_mixer(&mut self, mixer: MixerLoad) {
        self.live_mixers.push(mixer.id.clone());
        self.store.put_mixer(mixer);
    }

    pub(crate) fn change_room(&mut self, change: impl FnOnce(&mut Room)) {
        let mut room = self.room().room.clone();
        change(&mut room);
        self.store.put_room(room);
    }

    /// Decides and commits a batch; an empty decision needs no commit.
    pub(crate) fn decide(&mut self, intents: &[Intent]) {
        let named = self.store.named(intents);
        let mut snapshot = self.store.snapshot(ROOM, self.now, &named, &self.live_mixers).unwrap();
        snapshot.dial_out_rules = Arc::new(self.dial_out.clone());
        let fresh = self.draw.fresh(intents.len() + snapshot.waiting.len());
        self.last = rules::decide(&snapshot, intents, &fresh);
        if !self.last.is_empty() {
            self.store.commit(ROOM, snapshot.room.version, self.now, &self.last).unwrap();
        }
    }

    pub(crate) fn new_caller(&mut self) -> AttendanceId {
        AttendanceId::from_bits(self.draw.bits())
    }

    pub(crate) fn attends(&mut self, role: Role) -> AttendanceId {
        let caller = self.new_caller();
        self.decide(&[attend(caller, 1, role)]);
        caller
    }

    pub(crate) fn host(&mut self) -> AttendanceId {
        self.attends(Role::Host)
    }

    pub(crate) fn participant(&mut self) -> AttendanceId {
        self.attends(Role::Participant)
    }

    /// A participant who calls from this number.
    pub(crate) fn participant_from(&mut self, number: &str) -> AttendanceId {
        let caller = self.new_caller();
        self.decide(&[attend_from(number, caller, 1, Role::Participant)]);
        caller
    }

    pub(crate) fn attends_again(&mut self, caller: AttendanceId, generation: u64) {
        let role = self.store.attendance(caller).unwrap().role;
        self.decide(&[attend(caller, generation, role)]);
    }

    /// The caller's newest generation says that audio is up in the conference's mix.
    pub(crate) fn joins(&mut self, caller: AttendanceId) {
        let mix = self.conference().mix.clone();
        let generation = self.store.attendance(caller).unwrap().generation;
        self.decide(&[Intent::Joined { attendance: caller, generation, mix: mix.mix, epoch: mix.epoch }]);
    }

    pub(crate) fn leaves(&mut self, caller: AttendanceId) {
        let generation = self.store.attendance(caller).unwrap().generation;
        self.decide(&[Intent::Left { attendance: caller, generation, reason: LeaveReason::HungUp }]);
    }

    pub(crate) fn vru_is_lost_of(&mut self, caller: AttendanceId) {
        self.decide(&[Intent::VruLost { attendance: caller }]);
    }

    pub(crate) fn mixer_is_lost(&mut self, name: &str) {
        self.live_mixers.retain(|live| live.as_str() != name);
        self.decide(&[Intent::MixerLost { mixer: mixer_id(name) }]);
    }

    /// Time goes by, and an interface server looks what is due.
    pub(crate) fn passes(&mut self, time: Duration) {
        self.now = self.now.after(time);
        self.decide(&[Intent::Tick]);
    }

    pub(crate) fn commands(&mut self, by: Option<AttendanceId>, command: Command) -> CommandAnswer {
        let id = CommandId::from_bits(self.draw.bits());
        self.decide(&[Intent::Command { id, by, command }]);
        self.store.answered_command(id).unwrap()
    }

    /// A command whose identifier is told besides.
    pub(crate) fn commands_by_name(
        &mut self,
        by: AttendanceId,
        command: Command,
    ) -> (AttendanceId, CommandAnswer) {
        let bits = self.draw.bits();
        let id = CommandId::from_bits(bits);
        self.decide(&[Intent::Command { id, by: Some(by), command }]);
        (AttendanceId::from_bits(bits), self.store.answered_command(id).unwrap())
    }

    /// A host has a number called; the callee.
    pub(crate) fn dials(&mut self, by: AttendanceId, number: &str) -> (AttendanceId, CommandAnswer) {
        let to = DialTarget::number(number).unwrap();
        self.commands_by_name(by, Command::DialOut { to })
    }

    /// The callee answers.
    pub(crate) fn answers(&mut self, callee: AttendanceId) {
        self.decide(&[answered(callee, 1)]);
    }

    /// Mutes or unmutes a caller.
    pub(crate) fn mutes(
        &mut self,
        by: Option<AttendanceId>,
        whom: AttendanceId,
        muted: bool,
    ) -> CommandAnswer {
        let conferee = self.conferee(whom);
        self.commands(by, Command::SetMuted { conferee, muted })
    }

    /// A caller keys a code that is the host's, or is not.
    pub(crate) fn becomes_host(&mut self, by: AttendanceId, is_right: bool) -> CommandAnswer {
        let id = CommandId::from_bits(self.draw.bits());
        self.decide(&[Intent::BecomeHost { id, by, is_right }]);
        self.store.answered_command(id).unwrap()
    }

    /// The voice of who sits in the conference.
    pub(crate) fn voice(&self, caller: AttendanceId) -> Voice {
        match self.state(caller) {
            AttendanceState::Seated { voice, .. } => voice,
            other => panic!("no seat but {other:?}"),
        }
    }

    pub(crate) fn mute(&self, caller: AttendanceId) -> Mute {
        self.voice(caller).mute()
    }

    pub(crate) fn conferee(&self, caller: AttendanceId) -> ConfereeId {
        match self.state(caller) {
            AttendanceState::Seated { conferee, .. } => conferee,
            other => panic!("no seat but {other:?}"),
        }
    }

    /// What a caller is told of what their keys go by.
    pub(crate) fn controls(&self, caller: AttendanceId) -> Controls {
        match self.store.view(caller).unwrap().standing {
            Standing::Placed { controls, .. } => controls,
            other => panic!("not placed but {other:?}"),
        }
    }

    pub(crate) fn room(&self) -> &ReferenceRoom {
        self.store.room(ROOM).unwrap()
    }

    pub(crate) fn has_conference(&self) -> bool {
        self.room().conference().is_some()
    }

    pub(crate) fn conference(&self) -> &LiveConference {
        self.room().conference().expect("a live conference")
    }

    pub(crate) fn state(&self, caller: AttendanceId) -> AttendanceState {
        self.store.attendance(caller).unwrap().state
    }

    /// The conference and the order in which a caller sits.
    pub(crate) fn seat(&self, caller: AttendanceId) -> Option<(ConferenceId, Order)> {
        match self.state(caller) {
            AttendanceState::Seated { conference, order, .. } => Some((conference, order)),
            AttendanceState::Waiting(_) | AttendanceState::Refused(_) | AttendanceState::Left(_) => None,
        }
    }

    pub(crate) fn order(&self, caller: AttendanceId) -> u32 {
        self.seat(caller).expect("a seat").1.0
    }

    pub(crate) fn is_waiting(&self, caller: AttendanceId, kind: WaitingKind) -> bool {
        self.state(caller) == AttendanceState::Waiting(kind)
    }

    pub(crate) fn refusal(&self, caller: AttendanceId) -> Option<Refusal> {
        match self.state(caller) {
            AttendanceState::Refused(refusal) => Some(refusal),
            AttendanceState::Seated { .. } | AttendanceState::Waiting(_) | AttendanceState::Left(_) => None,
        }
    }

    pub(crate) fn left_by(&self, caller: AttendanceId) -> Option<LeaveReason> {
        match self.state(caller) {
            AttendanceState::Left(reason) => Some(reason),
            AttendanceState::Seated { .. } | AttendanceState::Waiting(_) | AttendanceState::Refused(_) => {
                None
            }
        }
    }

    pub(crate) fn reserved_on(&self, name: &str) -> u32 {
        self.store.mixers().find(|mixer| mixer.id.as_str() == name).unwrap().reserved
    }

    pub(crate) fn reserved(&self) -> u32 {
        self.store.mixers().map(|mixer| mixer.reserved).sum()
    }

    pub(crate) fn has_told(&self, event: &EventKind) -> bool {
        self.last.events.contains(event)
    }

    pub(crate) fn has_changed(&self, is_it: impl Fn(&Change) -> bool) -> bool {
        self.last.changes.iter().any(is_it)
    }
}
