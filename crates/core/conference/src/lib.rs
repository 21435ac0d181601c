//! The product's rules: who enters what, where, in what role.
//!
//! This is the one place where a product rule is read or changed. It is *not* a place for SIP,
//! RTP, SQL, protobuf, tasks or the clock: rules are functions of facts, and answer with a value
//! or a typed refusal.
//!
//! **Invariant:** a decision is a pure function of one [`RoomSnapshot`] and a batch of
//! [`Intent`]s; applying it twice, or on another version of the room, is the store's to refuse.

pub mod account;
pub mod attendance;
pub mod code;
pub mod command;
pub mod conference;
pub mod decision;
pub mod dialling;
pub mod event;
pub mod ids;
pub mod intent;
pub mod lease;
pub mod line_noise;
pub mod name;
pub mod outdial;
pub mod placement;
pub mod quality;
pub mod reference;
pub mod refusal;
pub mod room;
pub mod rules;
pub mod snapshot;
pub mod time;
pub mod view;
pub mod voice;

pub use account::{Account, AccountUse};
pub use attendance::{
    Attendance, AttendanceState, CallerIdentity, Guesses, LeaveReason, Waiting, WaitingKind,
};
pub use code::{CodeError, CodeMatch, ConferenceCode, HostPin, Role};
pub use command::{Command, CommandAnswer, CommandNote, CommandRefusal, CommandWord};
pub use conference::{ConfereeState, ConferenceEnd, LiveConference, LiveMix, Manner, MixKind, Past};
pub use decision::{Change, Decision};
pub use dialling::{
    DialHabits, DialOutRules, DialOutUse, DialTarget, DiallingHosts, NotDialled, NumberFault, NumberPrefix,
};
pub use event::{Event, EventKind};
pub use ids::{
    AccountId, AttemptId, AttendanceId, CommandId, ConfereeId, ConferenceId, Epoch, EventSequence,
    Generation, IdError, InterfaceServerId, MixId, MixerClass, MixerId, NameError, Order, RoomId,
    RoomVersion, ServiceName, TrunkName, VruId,
};
pub use intent::{FreshIds, Intent};
pub use lease::LeaseWatch;
pub use line_noise::{LineNoise, NoisyLine, NoisyLines};
pub use name::RecordedName;
pub use outdial::{AsideView, Outdial, OutdialEnd, OutdialKind, OutdialState};
pub use placement::MixerLoad;
pub use quality::{CallQuality, CodecLabel};
pub use refusal::Refusal;
pub use room::{Announce, EntryPolicy, HostLeaves, LockScope, Room, RoomName, VoiceCare};
pub use snapshot::RoomSnapshot;
pub use time::Timestamp;
pub use view::{AttendanceView, Controls, MixView, RosterEntry, Standing, WaitingEntry};
pub use voice::{Floor, Mute, MutedBy, Voice};
