//! What a brain wants done.

use std::time::Duration;

use partyline_conference::{
    AccountId, AttendanceId, Command, ConfereeId, ConferenceCode, ConferenceId, DialTarget, HostPin,
    LeaveReason, MixView, OutdialKind, RecordedName, Refusal, RoomId,
};

use crate::script::{PlayNumber, Script};

/// Names a command or a question of a journey in its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct AskNumber(pub u64);

/// Names a take of a caller's name, so that one that was thrown away is not taken for the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct TakeNumber(pub u64);

/// Something to do. None waits for another: the shell begins each at once, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wish {
    /// Answer the call; `Fact::MediaUp` tells that it is done.
    Answer,
    /// Refuse the call, which is not answered.
    Reject(Rejection),
    /// Hang up, whatever state the call is in.
    HangUp(Ending),
    /// Play this instead of what plays now, over whatever the caller hears.
    Play(PlayNumber, Script),
    /// Stop what plays.
    StopPlaying,
    /// Record the caller's name, in place of the take before, up to its longest, or until the caller has spoken:
    /// `Fact::NameRecorded`.
    RecordName(TakeNumber),
    /// End the take that is being recorded: `Fact::NameRecorded`.
    EndRecording,
    /// Play what the caller has said, as `Play` does.
    PlayName(PlayNumber, RecordedName),
    /// Have the CMS keep the name with the caller, who has been let in.
    KeepName(RecordedName),
    /// Find out what a code selects: `Fact::CodeChecked`.
    LookUpCode {
        /// The code.
        code: ConferenceCode,
        /// The only room whose codes are known there; those of others count as wrong guesses.
        only_room: Option<RoomId>,
    },
    /// Find out whether this is the room's PIN: `Fact::PinChecked`.
    VerifyPin {
        /// The room.
        room: RoomId,
        /// What was keyed.
        pin: HostPin,
    },
    /// Record a try that was refused without asking the CMS.
    ReportRefusal {
        /// Why.
        refusal: Refusal,
        /// The room, where the code selected one.
        room: Option<RoomId>,
    },
    /// Ask the CMS for entry; the stream stays open and brings `Fact::Standing` from now on.
    Attend {
        /// The code.
        code: ConferenceCode,
        /// The PIN, where the room asks for one.
        host_pin: Option<HostPin>,
    },
    /// Tell the CMS that who was called has answered; the stream is as that of `Attend`.
    AttendAsCallee,
    /// Call somebody, whom the CMS lets the caller have called: `Fact::CalleeRings`, `Fact::CalleeFailed`. Who answers has a
    /// journey of their own.
    CallOut(CallOut),
    /// Call them no longer; of who has answered that means nothing.
    StopCallingOut,
    /// Have the CMS tell the standing again, with a fresh ticket.
    AttendAgain,
    /// Put the leg into a mix (out of the one it is in): `Fact::Joined` or `Fact::JoinFailed`.
    JoinMix {
        /// The mix and where it is.
        mix: MixView,
        /// The identifier fixed at entry; `None` in a lobby, where the attendance's stands for it.
        conferee: Option<ConfereeId>,
    },
    /// Take the leg out of the mix that it is in or was being put into.
    LeaveMix,
    /// Have the CMS carry out a command of the caller's: `Fact::CommandAnswered`.
    Command {
        /// Names it in the answer.
        number: AskNumber,
        /// The caller's room.
        room: RoomId,
        /// What should be.
        command: Command,
    },
    /// Find out who is in the conference: `Fact::Roster`.
    ReadRoster {
        /// Names it in the answer.
        number: AskNumber,
        /// The conference.
        conference: ConferenceId,
    },
    /// Find out who waits to be let in: `Fact::Waiting`.
    ReadWaiting {
        /// Names it in the answer.
        number: AskNumber,
        /// The room.
        room: RoomId,
    },
    /// Have the caller hear everybody louder or less loud.
    SetVolume(VolumeSteps),
    /// Tell the CMS that the caller has left, for good.
    Left(LeaveReason),
    /// Ask a line test server for steps: `Fact::Step`.
    StartLineTest,
    /// Send the caller's own audio back, or no longer.
    SetEcho(bool),
    /// Tell the line test server that a step is done.
    StepDone {
        /// Which.
        number: u32,
        /// Whether what the leg measured belongs to it.
        is_measured: bool,
    },
}

/// Somebody to call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallOut {
    /// The attendance that they will have.
    pub callee: AttendanceId,
    /// Whom it calls.
    pub kind: OutdialKind,
    /// Where.
    pub to: DialTarget,
    /// What holds for them.
    pub terms: CalleeTerms,
}

/// What holds for a callee as it holds for callers who key a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CalleeTerms {
    /// The room.
    pub room: RoomId,
    /// Its account: whose keys they have.
    pub account: AccountId,
    /// Hang up when no RTP comes for this long.
    pub no_rtp_max: Duration,
}

/// How loud a caller hears, in steps from what comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct VolumeSteps(pub i8);

impl VolumeSteps {
    /// Less is hard to hear.
    pub const MIN: Self = Self(-4);
    /// More only distorts.
    pub const MAX: Self = Self(2);
    /// What one step is, in dB: little enough to find one's place, and enough to be heard.
    const STEP_DB: i8 = 3;

    /// How loud that is, from what comes.
    #[must_use]
    pub fn db(self) -> f32 {
        f32::from(self.0 * Self::STEP_DB)
    }

    /// A step up or down; `None` where it goes no further.
    #[must_use]
    pub fn moved(self, steps: i8) -> Option<Self> {
        let moved = Self(self.0.saturating_add(steps));
        (Self::MIN..=Self::MAX).contains(&moved).then_some(moved)
    }
}

/// How a call is refused that was not answered. Never as "this VRU takes no calls": carriers would take the
/// whole VRU out for that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rejection {
    /// Why.
    pub refusal: Refusal,
}

/// Why a call is hung up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ending {
    /// Entry was refused.
    Refused(Refusal),
    /// The caller left, or was made to.
    Left(LeaveReason),
    /// Too many wrong codes or PINs in this call.
    TooManyTries,
    /// No code in time.
    NoCode,
    /// The line test is done.
    TestDone,
    /// The line test could not be done.
    TestFailed,
}

impl Ending {
    /// The reason in a few words, for who reads signalling.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Refused(refusal) => match refusal {
                Refusal::UnknownCode => "unknown conference code",
                Refusal::WrongPin => "wrong host PIN",
                Refusal::Locked => "conference is locked",
                Refusal::Full => "conference is full",
                Refusal::AccountLimit => "account limit reached",
                Refusal::NoMixer => "no mixer available",
                Refusal::LockedOut => "too many wrong codes",
                Refusal::Unavailable => "conferencing unavailable",
                Refusal::Deleted => "removed by host",
            },
            Self::Left(reason) => match reason {
                LeaveReason::HungUp => "caller hung up",
                LeaveReason::Keys => "left by keypad",
                LeaveReason::Deleted | LeaveReason::Dropped => "removed by host",
                LeaveReason::LetGo => "no longer called",
                LeaveReason::TurnedAway => "not admitted by host",
                LeaveReason::ConferenceEnded => "conference ended",
                LeaveReason::WaitedTooLong => "no host came",
                LeaveReason::NeverJoined => "audio never came up",
                LeaveReason::VruLost => "lease lost",
                LeaveReason::NoRtp => "no RTP received",
                LeaveReason::CallTooLong => "longest call reached",
                LeaveReason::Shutdown => "service is stopping",
                LeaveReason::NoMixer => "no mixer available",
                LeaveReason::CallFailed => "call failed",
            },
            Self::TooManyTries => "too many tries",
            Self::NoCode => "no conference code",
            Self::TestDone => "line test done",
            Self::TestFailed => "line test unavailable",
        }
    }
}
