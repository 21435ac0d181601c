//! Commands: unary requests with an absolute target, never "toggle".

use crate::code::{ConferenceCode, HostPin};
use crate::dialling::DialTarget;
use crate::ids::{AttendanceId, ConfereeId};
use crate::outdial::OutdialEnd;
use crate::room::Announce;
use crate::time::Timestamp;
use crate::voice::Floor;

/// What a command wants to be so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// The conference locked, or open. Done on the CMS without the mixer.
    SetLock {
        /// Whether it should be locked.
        locked: bool,
    },
    /// The conference ended for all.
    End,
    /// A conferee muted or heard: oneself, or by a host anybody.
    SetMuted {
        /// Who.
        conferee: ConfereeId,
        /// Whether they should be silent.
        muted: bool,
    },
    /// The floor of the conference.
    SetFloor {
        /// Who should have it.
        floor: Floor,
    },
    /// One's own hand, raised or lowered.
    SetHand {
        /// Whether it should be up.
        raised: bool,
    },
    /// Somebody's hand lowered by a host.
    LowerHand {
        /// Whose.
        conferee: ConfereeId,
    },
    /// A conferee deleted from the conference by a host.
    Delete {
        /// Who.
        conferee: ConfereeId,
    },
    /// Everybody but one sent away.
    DropOthers {
        /// Who stays; none is the commander.
        stays: Option<ConfereeId>,
    },
    /// How entries and exits are told, for this conference.
    SetAnnounce {
        /// How.
        announce: Announce,
    },
    /// Whether who is alone hears music, for this conference.
    SetMusic {
        /// Whether there should be music.
        on: bool,
    },
    /// Whether this conference goes on after its last host has left.
    SetContinue {
        /// Whether it should.
        on: bool,
    },
    /// More time: the conference's longest time ends no sooner than this.
    ExtendTo {
        /// When it may end.
        until: Timestamp,
    },
    /// Who waits in the waiting room, let in. Passes a lock.
    Admit {
        /// Who.
        attendance: AttendanceId,
    },
    /// Who waits in the waiting room, sent away.
    TurnAway {
        /// Who.
        attendance: AttendanceId,
    },
    /// The commander made a host, by the room's host code. An interface server checks the code and hands on its finding
    /// ([`Intent::BecomeHost`](crate::Intent::BecomeHost)), never the code.
    BecomeHost {
        /// The code keyed.
        code: ConferenceCode,
        /// The PIN keyed, where the room asks for one.
        pin: Option<HostPin>,
    },
    /// Somebody called in by a host. The callee's attendance will have the bits of the command's identifier.
    DialOut {
        /// Whom.
        to: DialTarget,
    },
    /// The operator called: into the conference by a host, to talk in private by a participant.
    CallOperator,
    /// Who was called, and talks in private with the commander, brought into the conference.
    JoinCallee {
        /// Who.
        callee: AttendanceId,
    },
    /// Who was called by the commander let go, or called no longer.
    DropCallee {
        /// Who.
        callee: AttendanceId,
        /// Why: what became of the call, or [`OutdialEnd::Dropped`].
        why: OutdialEnd,
    },
}

impl Command {
    /// What of it goes on record: never a code.
    #[must_use]
    pub const fn note(&self) -> CommandNote {
        let word = self.word();
        let note = CommandNote { word, conferee: None, caller: None, until: None };
        match self {
            Self::SetMuted { conferee, .. } | Self::LowerHand { conferee } | Self::Delete { conferee } => {
                CommandNote { conferee: Some(*conferee), ..note }
            }
            Self::Admit { attendance }
            | Self::TurnAway { attendance }
            | Self::JoinCallee { callee: attendance }
            | Self::DropCallee { callee: attendance, .. } => {
                CommandNote { caller: Some(*attendance), ..note }
            }
            Self::DropOthers { stays } => CommandNote { conferee: *stays, ..note },
            Self::ExtendTo { until } => CommandNote { until: Some(*until), ..note },
            Self::SetLock { .. }
            | Self::End
            | Self::SetFloor { .. }
            | Self::SetHand { .. }
            | Self::SetAnnounce { .. }
            | Self::SetMusic { .. }
            | Self::SetContinue { .. }
            | Self::BecomeHost { .. }
            | Self::DialOut { .. }
            | Self::CallOperator => note,
        }
    }

    /// The word of what it wants.
    #[must_use]
    pub const fn word(&self) -> CommandWord {
        match self {
            Self::SetLock { locked: true } => CommandWord::Lock,
            Self::SetLock { locked: false } => CommandWord::Unlock,
            Self::End => CommandWord::End,
            Self::SetMuted { muted: true, .. } => CommandWord::Mute,
            Self::SetMuted { muted: false, .. } => CommandWord::Unmute,
            Self::SetFloor { floor: Floor::Open } => CommandWord::FloorOpen,
            Self::SetFloor { floor: Floor::Muted } => CommandWord::FloorMuted,
            Self::SetFloor { floor: Floor::Lecture } => CommandWord::FloorLecture,
            Self::SetHand { raised: true } => CommandWord::RaiseHand,
            Self::SetHand { raised: false } => CommandWord::LowerOwnHand,
            Self::LowerHand { .. } => CommandWord::LowerHand,
            Self::Delete { .. } => CommandWord::Delete,
            Self::DropOthers { .. } => CommandWord::DropOthers,
            Self::SetAnnounce { announce: Announce::Name } => CommandWord::AnnounceName,
            Self::SetAnnounce { announce: Announce::Tone } => CommandWord::AnnounceTone,
            Self::SetAnnounce { announce: Announce::Silence } => CommandWord::AnnounceSilence,
            Self::SetMusic { on: true } => CommandWord::MusicOn,
            Self::SetMusic { on: false } => CommandWord::MusicOff,
            Self::SetContinue { on: true } => CommandWord::ContinueOn,
            Self::SetContinue { on: false } => CommandWord::ContinueOff,
            Self::ExtendTo { .. } => CommandWord::Extend,
            Self::Admit { .. } => CommandWord::Admit,
            Self::TurnAway { .. } => CommandWord::TurnAway,
            Self::BecomeHost { .. } => CommandWord::BecomeHost,
            Self::DialOut { .. } => CommandWord::DialOut,
            Self::CallOperator => CommandWord::CallOperator,
            Self::JoinCallee { .. } => CommandWord::JoinCallee,
            Self::DropCallee { .. } => CommandWord::DropCallee,
        }
    }
}

macro_rules! command_words {
    ($($(#[$doc:meta])* $name:ident = $word:literal)+) => {
        /// What a command wanted, as records name it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum CommandWord {
            $($(#[$doc])* $name,)+
        }

        impl CommandWord {
            /// Every word.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The word used in the store and the console.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)+
                }
            }
        }
    };
}

command_words! {
    /// Locked.
    Lock = "lock"
    /// Open to newcomers.
    Unlock = "unlock"
    /// Ended for all.
    End = "end"
    /// A conferee silent.
    Mute = "mute"
    /// A conferee heard.
    Unmute = "unmute"
    /// Everybody may speak.
    FloorOpen = "floor_open"
    /// All muted, who may unmute themselves.
    FloorMuted = "floor_muted"
    /// A lecture.
    FloorLecture = "floor_lecture"
    /// One's own hand up.
    RaiseHand = "raise_hand"
    /// One's own hand down.
    LowerOwnHand = "lower_own_hand"
    /// Another's hand down.
    LowerHand = "lower_hand"
    /// A conferee deleted.
    Delete = "delete"
    /// Everybody else sent away.
    DropOthers = "drop_others"
    /// Entries and exits told by name.
    AnnounceName = "announce_name"
    /// Entries and exits told by tone.
    AnnounceTone = "announce_tone"
    /// Entries and exits not told.
    AnnounceSilence = "announce_silence"
    /// Music for who is alone.
    MusicOn = "music_on"
    /// No music.
    MusicOff = "music_off"
    /// Goes on after the last host.
    ContinueOn = "continue_on"
    /// Ends after the last host.
    ContinueOff = "continue_off"
    /// More time.
    Extend = "extend"
    /// Let in from the waiting room.
    Admit = "admit"
    /// Sent away from the waiting room.
    TurnAway = "turn_away"
    /// A participant made a host.
    BecomeHost = "become_host"
    /// Somebody called in.
    DialOut = "dial_out"
    /// The operator called.
    CallOperator = "call_operator"
    /// Who was called brought in.
    JoinCallee = "join_callee"
    /// Who was called let go.
    DropCallee = "drop_callee"
}

/// A command as it goes on record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CommandNote {
    /// What it wanted.
    pub word: CommandWord,
    /// The conferee that it was about.
    pub conferee: Option<ConfereeId>,
    /// The caller in the waiting room, or the callee, that it was about.
    pub caller: Option<AttendanceId>,
    /// The time that it wanted.
    pub until: Option<Timestamp>,
}

/// Why a command was not carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CommandRefusal {
    /// Only a host may.
    NotAllowed,
    /// There is no live conference, or the commander is not in it.
    NoConference,
    /// Whom it is about is not there (any more).
    NotThere,
    /// It is a lecture, or a host muted this one: they may not unmute themselves.
    Floor,
    /// The code is not this room's host code, or the PIN is wrong.
    WrongCode,
    /// Too many codes were wrong: for a while none is right.
    LockedOut,
    /// The conference may not last that long.
    TooLong,
    /// There is no seat for whom it would let in.
    Full,
    /// Nobody is called from this room, or there is no operator.
    NotOffered,
    /// This number may not be called.
    NumberDenied,
    /// This is an emergency number: nobody is called in from there.
    Emergency,
    /// Only hosts who have shown a PIN may.
    NotVerified,
    /// As many are called as may be.
    TooManyCalled,
    /// The account has called for as long as it may today.
    TimeSpent,
    /// The commander has somebody called already.
    CallsAlready,
    /// The callee has not answered yet.
    NotAnswered,
}

impl CommandRefusal {
    /// Every refusal.
    pub const ALL: [Self; 16] = [
        Self::NotAllowed,
        Self::NoConference,
        Self::NotThere,
        Self::Floor,
        Self::WrongCode,
        Self::LockedOut,
        Self::TooLong,
        Self::Full,
        Self::NotOffered,
        Self::NumberDenied,
        Self::Emergency,
        Self::NotVerified,
        Self::TooManyCalled,
        Self::TimeSpent,
        Self::CallsAlready,
        Self::NotAnswered,
    ];

    /// The word used in the store, the protocol and the console.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotAllowed => "not_allowed",
            Self::NoConference => "no_conference",
            Self::NotThere => "not_there",
            Self::Floor => "floor",
            Self::WrongCode => "wrong_code",
            Self::LockedOut => "locked_out",
            Self::TooLong => "too_long",
            Self::Full => "full",
            Self::NotOffered => "not_offered",
            Self::NumberDenied => "number_denied",
            Self::Emergency => "emergency",
            Self::NotVerified => "not_verified",
            Self::TooManyCalled => "too_many_called",
            Self::TimeSpent => "time_spent",
            Self::CallsAlready => "calls_already",
            Self::NotAnswered => "not_answered",
        }
    }

    /// Reads the word back; `None` for a word that is none of ours.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|refusal| refusal.as_str() == word)
    }
}

/// The answer to a command; a repeat of the command gets the first one.
pub type CommandAnswer = Result<(), CommandRefusal>;
