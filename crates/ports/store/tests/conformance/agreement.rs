//! The rules decide at random on two stores, this one and the reference store: both must stay alike.

use std::sync::Arc;
use std::time::Duration;

use partyline_conference::reference::ReferenceStore;
use partyline_conference::rules::decide;
use partyline_conference::{
    Announce, AttendanceId, AttendanceState, Command, CommandId, ConfereeId, ConferenceId, DialOutRules,
    DialTarget, EntryPolicy, EventSequence, Floor, FreshIds, Generation, HostLeaves, Intent, LeaveReason,
    LineNoise, MixId, MixerId, MixerLoad, OutdialEnd, Role, RoomId, RoomSnapshot, RoomVersion, Standing,
    Timestamp,
};
use partyline_store::{ChangeSignal, RoomChanges, RoomCommit, Store, Touched};
use proptest::prelude::*;

use crate::scene::{NOW, attendance, caller, mixer, mixer_lease, new_room, vru};

/// What happens to one of eight callers, or to the room.
#[derive(Debug, Clone)]
pub(crate) enum Happening {
    Attends { who: u128, is_host: bool, again: u64 },
    Joined { who: u128 },
    Left { who: u128 },
    VruLost { who: u128 },
    Noisy { who: u128, what: usize },
    MixerLost { is_first: bool },
    NoSeat { is_first: bool },
    MixerCame,
    Commands { who: Option<u128>, what: usize, about: u128 },
    KeysCode { who: u128, is_right: bool },
    CalleeAnswers { again: u64 },
    CalleeLeaves,
    CalleeJoins,
    Settings { waiting_room: bool, deleted_stay_out: bool, unmute_oneself: bool },
    Passes { seconds: u64 },
}

/// A room's policies, and batches of what happens in it.
pub(crate) fn stories() -> impl Strategy<Value = (EntryPolicy, HostLeaves, Vec<Vec<Happening>>)> {
    let entry = prop_oneof![Just(EntryPolicy::Start), Just(EntryPolicy::Hold), Just(EntryPolicy::Converse)];
    let leaves = prop_oneof![
        Just(HostLeaves::End),
        Just(HostLeaves::Grace(Duration::from_secs(20))),
        Just(HostLeaves::Continue)
    ];
    (entry, leaves, prop::collection::vec(prop::collection::vec(happening(), 1..5), 1..25))
}

fn happening() -> impl Strategy<Value = Happening> {
    let who = || 1..9u128;
    let settings = (any::<bool>(), any::<bool>(), any::<bool>());
    prop_oneof![
        6 => (who(), any::<bool>(), 1..3u64)
            .prop_map(|(who, is_host, again)| Happening::Attends { who, is_host, again }),
        4 => who().prop_map(|who| Happening::Joined { who }),
        2 => who().prop_map(|who| Happening::Left { who }),
        1 => who().prop_map(|who| Happening::VruLost { who }),
        2 => (who(), 0..3usize).prop_map(|(who, what)| Happening::Noisy { who, what }),
        1 => any::<bool>().prop_map(|is_first| Happening::MixerLost { is_first }),
        1 => any::<bool>().prop_map(|is_first| Happening::NoSeat { is_first }),
        1 => Just(Happening::MixerCame),
        8 => (prop::option::weighted(0.9, who()), 0..COMMANDS, who())
            .prop_map(|(who, what, about)| Happening::Commands { who, what, about }),
        1 => (who(), any::<bool>()).prop_map(|(who, is_right)| Happening::KeysCode { who, is_right }),
        4 => (1..3u64).prop_map(|again| Happening::CalleeAnswers { again }),
        1 => Just(Happening::CalleeLeaves),
        1 => Just(Happening::CalleeJoins),
        1 => settings.prop_map(|(waiting_room, deleted_stay_out, unmute_oneself)| {
            Happening::Settings { waiting_room, deleted_stay_out, unmute_oneself }
        }),
        2 => (1..40u64).prop_map(|seconds| Happening::Passes { seconds }),
    ]
}

const COMMANDS: usize = 30;

/// Every command, about a conferee, somebody who waits, and a time.
fn commands(
    conferee: ConfereeId,
    attendance: AttendanceId,
    callee: AttendanceId,
    until: Timestamp,
) -> [Command; COMMANDS] {
    [
        Command::SetLock { locked: true },
        Command::SetLock { locked: false },
        Command::End,
        Command::SetMuted { conferee, muted: true },
        Command::SetMuted { conferee, muted: false },
        Command::SetFloor { floor: Floor::Open },
        Command::SetFloor { floor: Floor::Muted },
        Command::SetFloor { floor: Floor::Lecture },
        Command::SetHand { raised: true },
        Command::SetHand { raised: false },
        Command::LowerHand { conferee },
        Command::Delete { conferee },
        Command::DropOthers { stays: None },
        Command::DropOthers { stays: Some(conferee) },
        Command::SetAnnounce { announce: Announce::Name },
        Command::SetMusic { on: true },
        Command::SetMusic { on: false },
        Command::SetContinue { on: true },
        Command::SetContinue { on: false },
        Command::ExtendTo { until },
        Command::Admit { attendance },
        Command::Admit { attendance },
        Command::Admit { attendance },
        Command::TurnAway { attendance },
        Command::DialOut { to: DialTarget::number("5551234").unwrap() },
        Command::DialOut { to: DialTarget::number("5551234").unwrap() },
        Command::CallOperator,
        Command::JoinCallee { callee },
        Command::JoinCallee { callee },
        Command::DropCallee { callee, why: OutdialEnd::Dropped },
    ]
}

struct Both<'s> {
    store: &'s dyn Store,
    reference: ReferenceStore,
    room: RoomId,
    now: Timestamp,
    drawn: u128,
}

/// Tells a story to both stores.
pub(crate) async fn hold(
    store: &dyn Store,
    entry: EntryPolicy,
    leaves: HostLeaves,
    batches: &[Vec<Happening>],
) {
    let mut both = Both::new(store, entry, leaves).await;
    for batch in batches {
        both.now = both.now.after(Duration::from_millis(1));
        both.decide(batch).await;
        both.compare().await;
    }
}

fn live() -> [MixerId; 2] {
    ["m1", "m2"].map(mixer)
}

/// Callers, and callees by the commands that may have begun an outdial.
fn named(drawn: u128) -> Vec<AttendanceId> {
    (1..9).chain(1001..=drawn).map(attendance).collect()
}

impl<'s> Both<'s> {
    async fn new(store: &'s dyn Store, entry: EntryPolicy, leaves: HostLeaves) -> Self {
        let mut reference = ReferenceStore::new(None);
        for (name, seats) in [("m1", 8), ("m2", 3)] {
            let mut lease = mixer_lease(name, "standard", seats);
            lease.address = name.into();
            store.renew_mixer(&lease).await.unwrap();
            reference.put_mixer(MixerLoad {
                id: lease.id,
                class: lease.class,
                seats_max: seats,
                reserved: 0,
            });
        }
        let mut wanted = new_room(7, None);
        wanted.settings.entry = entry;
        wanted.settings.host_leaves = leaves;
        wanted.settings.conferees_max = 5;
        wanted.settings.wait_max = Duration::from_secs(60);
        wanted.settings.conference_max = Some(Duration::from_secs(90));
        wanted.settings.dial_out = true;
        let room = store.create_room(&wanted).await.unwrap();
        reference.put_room(room.clone());
        Self { store, reference, room: room.id, now: NOW, drawn: 1000 }
    }

    fn draw(&mut self) -> u128 {
        self.drawn += 1;
        self.drawn
    }

    fn fresh(&mut self) -> FreshIds {
        FreshIds {
            conference: ConferenceId::from_bits(self.draw()),
            conference_mix: MixId::from_bits(self.draw()),
            lobby_mix: MixId::from_bits(self.draw()),
            conferees: (0..32).map(|_| ConfereeId::from_bits(self.draw())).collect(),
        }
    }

    async fn snapshot(&self) -> RoomSnapshot {
        self.store.snapshot(self.room, self.now, &named(self.drawn), &live()).await.unwrap()
    }

    async fn decide(&mut self, batch: &[Happening]) {
        let mut intents = Vec::new();
        for happening in batch {
            intents.extend(self.intent(happening).await);
        }
        let mut snapshot = self.snapshot().await;
        let operator = Some(DialTarget::operator("sip:desk@example.org").unwrap());
        snapshot.dial_out_rules = Arc::new(DialOutRules { operator, ..DialOutRules::default() });
        let decision = decide(&snapshot, &intents, &self.fresh());
        if decision.is_empty() {
            return;
        }
        let expected = snapshot.room.version;
        let told = self.reference.commit(self.room, expected, self.now, &decision).unwrap();
        let commit = RoomCommit { room: self.room, expected, at: self.now, decision };
        let (before, mut changes) =
            (self.store.views(&named(self.drawn)).await.unwrap(), self.store.changes());
        assert_eq!(self.store.commit(commit).await.unwrap(), told);
        let ChangeSignal::Room(change) = changes.recv().await.unwrap() else { panic!("signals were lost") };
        assert_eq!(change.room, self.room);
        // What changed the room before may be signalled only now: that it concerns everybody is true of it.
        let Touched::Callers { version, callers } = change.touched else { return };
        assert_eq!(version, told);
        for view in self.store.views(&named(self.drawn)).await.unwrap() {
            assert!(callers.contains(&view.attendance) || before.contains(&view), "nobody tells {view:?}");
        }
    }

    async fn intent(&mut self, happening: &Happening) -> Option<Intent> {
        Some(match happening {
            Happening::Attends { who, is_host, again } => Intent::Attend {
                attendance: attendance(*who),
                generation: Generation(*again),
                vru: vru(),
                role: if *is_host { Role::Host } else { Role::Participant },
                // Some share a number.
                caller: caller(*who % 5),
            },
            Happening::Joined { who } => {
                let view = self.store.views(&[attendance(*who)]).await.unwrap().pop()?;
                let Standing::Placed { mix, .. } = view.standing else { return None };
                Intent::Joined {
                    attendance: attendance(*who),
                    generation: view.generation,
                    mix: mix.mix,
                    epoch: mix.epoch,
                }
            }
            Happening::Left { who } => Intent::Left {
                attendance: attendance(*who),
                generation: Generation(2),
                reason: LeaveReason::HungUp,
            },
            Happening::VruLost { who } => Intent::VruLost { attendance: attendance(*who) },
            Happening::Noisy { who, what } => {
                let view = self.store.views(&[attendance(*who)]).await.unwrap().pop()?;
                Intent::Noisy {
                    attendance: attendance(*who),
                    generation: view.generation,
                    noise: LineNoise::ALL[*what],
                }
            }
            Happening::MixerLost { is_first } => {
                Intent::MixerLost { mixer: mixer(if *is_first { "m1" } else { "m2" }) }
            }
            Happening::NoSeat { is_first } => {
                Intent::NoSeat { mixer: mixer(if *is_first { "m1" } else { "m2" }) }
            }
            Happening::MixerCame => Intent::MixerCame,
            Happening::Commands { who, what, about } => self.command(*who, *what, *about),
            Happening::CalleeAnswers { .. } | Happening::CalleeLeaves | Happening::CalleeJoins => {
                return self.of_callee(happening).await;
            }
            Happening::KeysCode { who, is_right } => Intent::BecomeHost {
                id: CommandId::from_bits(self.draw()),
                by: attendance(*who),
                is_right: *is_right,
            },
            Happening::Settings { waiting_room, deleted_stay_out, unmute_oneself } => {
                self.set_room(*waiting_room, *deleted_stay_out, *unmute_oneself).await;
                return None;
            }
            Happening::Passes { seconds } => {
                self.now = self.now.after(Duration::from_secs(*seconds));
                Intent::Tick
            }
        })
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the rest are not of callees")]
    async fn of_callee(&self, happening: &Happening) -> Option<Intent> {
        let callee = self.callee();
        Some(match happening {
            Happening::CalleeAnswers { again } => Intent::Answered {
                attendance: callee,
                generation: Generation(*again),
                vru: vru(),
                caller: caller(9),
            },
            Happening::CalleeLeaves => {
                Intent::Left { attendance: callee, generation: Generation(2), reason: LeaveReason::HungUp }
            }
            _ => {
                let view = self.store.views(&[callee]).await.unwrap().pop()?;
                let Standing::Placed { mix, .. } = view.standing else { return None };
                Intent::Joined {
                    attendance: callee,
                    generation: view.generation,
                    mix: mix.mix,
                    epoch: mix.epoch,
                }
            }
        })
    }

    /// Who is called, or was last.
    fn callee(&self) -> AttendanceId {
        let outdials = self.reference.room(self.room).unwrap().outdials();
        outdials.first().map_or(attendance(self.drawn), |outdial| outdial.callee)
    }

    fn command(&mut self, who: Option<u128>, what: usize, about: u128) -> Intent {
        let conferee = match self.reference.attendance(attendance(about)).map(|row| row.state) {
            Some(AttendanceState::Seated { conferee, .. }) => conferee,
            Some(_) | None => ConfereeId::from_bits(9999),
        };
        let until = self.now.after(Duration::from_secs(100));
        let command = commands(conferee, attendance(about), self.callee(), until)[what].clone();
        Intent::Command { id: CommandId::from_bits(self.draw()), by: who.map(attendance), command }
    }

    async fn set_room(&mut self, waiting_room: bool, deleted_stay_out: bool, unmute_oneself: bool) {
        let changes = RoomChanges {
            waiting_room: Some(waiting_room),
            deleted_stay_out: Some(deleted_stay_out),
            unmute_oneself: Some(unmute_oneself),
            ..RoomChanges::default()
        };
        let room = self.store.change_room(self.room, &changes).await.unwrap();
        self.reference.put_room(room);
    }

    async fn compare(&self) {
        let mut here = self.snapshot().await;
        let mut there = self.reference.snapshot(self.room, self.now, &named(self.drawn), &live()).unwrap();
        // Which of the overdue comes first is nobody's concern.
        here.overdue.sort_unstable();
        there.overdue.sort_unstable();
        // Of two who came in one instant the identifier says who is first.
        let rows = &there.attendances;
        there.waiting.sort_by_key(|caller| (rows[&caller.attendance].arrived_at, caller.attendance));
        assert_eq!(here, there);
        for who in named(self.drawn) {
            let view = self.store.views(&[who]).await.unwrap().pop();
            assert_eq!(view, self.reference.view(who));
        }
        let events = self.store.events(self.room, EventSequence(0), 1000).await.unwrap().events;
        let room = self.reference.room(self.room).unwrap();
        assert_eq!(events, room.events());
        assert_eq!(self.store.waiting(self.room).await.unwrap(), room.waiting_room());
        if let Some(live) = room.conference() {
            assert_eq!(self.store.roster(live.id).await.unwrap(), room.roster());
            let voices = self.store.voices(live.id, RoomVersion(0)).await.unwrap();
            assert_eq!(voices.len(), live.seated as usize);
            for voice in voices {
                let view = self.reference.view(voice.attendance).unwrap();
                let Standing::Placed { controls, .. } = view.standing else { panic!("{view:?}") };
                assert_eq!((voice.is_muted, voice.version), (controls.mute.is_muted(), view.voice_version));
            }
        }
        let due = self.store.rooms_due(self.now).await.unwrap();
        assert_eq!(!due.is_empty(), room.is_due(self.now));
    }
}
