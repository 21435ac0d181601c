//! Outdials: somebody is called from within a conference, talks in private with who had them called, and is brought in
//! or let go. An outdial is named by the attendance that its callee has once they answer.

use crate::attendance::LeaveReason;
use crate::conference::LiveMix;
use crate::dialling::DialTarget;
use crate::ids::{AttendanceId, ConferenceId, MixId};
use crate::time::Timestamp;

macro_rules! words {
    ($(#[$of_doc:meta])* $of:ident { $($(#[$doc:meta])* $name:ident = $word:literal)+ }) => {
        $(#[$of_doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $of {
            $($(#[$doc])* $name,)+
        }

        impl $of {
            /// Every one.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The word used in the store, the protocol and the console.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)+
                }
            }

            /// Reads the word back; `None` for a word that is none of ours.
            #[must_use]
            pub fn from_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|known| known.as_str() == word)
            }
        }
    };
}

words! {
    /// Whom an outdial calls.
    OutdialKind {
        /// Somebody whom a host wants in the conference.
        Callee = "callee"
        /// The operator.
        Operator = "operator"
    }
}

words! {
    /// How far an outdial has come.
    OutdialState {
        /// The callee is being called.
        Dialling = "dialling"
        /// The callee talks in private with who had them called.
        Aside = "aside"
        /// The callee is in the conference.
        Joined = "joined"
    }
}

words! {
    /// How an outdial ended.
    OutdialEnd {
        /// Who had the callee called let them go, or gave up.
        Dropped = "dropped"
        /// The callee talks with somebody else.
        Busy = "busy"
        /// Nobody answered.
        NoAnswer = "no_answer"
        /// The callee did not want to be called.
        Refused = "refused"
        /// There is no such number, or no way to it.
        Unreachable = "unreachable"
        /// The callee left.
        CalleeLeft = "callee_left"
        /// Who had the callee called left.
        AskerLeft = "asker_left"
        /// The conference ended.
        ConferenceEnded = "conference_ended"
        /// The longest call was reached.
        TooLong = "too_long"
        /// No mixer was left for a talk in private.
        NoMixer = "no_mixer"
        /// There was no seat left.
        Full = "full"
        /// The VRU was lost.
        VruLost = "vru_lost"
        /// A killed process left it behind; the next start ended it.
        Restart = "restart"
    }
}

impl OutdialEnd {
    /// Why its callee leaves, who has answered.
    #[must_use]
    pub const fn leave_reason(self) -> LeaveReason {
        match self {
            Self::CalleeLeft => LeaveReason::HungUp,
            Self::ConferenceEnded => LeaveReason::ConferenceEnded,
            Self::TooLong => LeaveReason::CallTooLong,
            Self::NoMixer => LeaveReason::NoMixer,
            Self::VruLost | Self::Restart => LeaveReason::VruLost,
            Self::Dropped
            | Self::Busy
            | Self::NoAnswer
            | Self::Refused
            | Self::Unreachable
            | Self::AskerLeft
            | Self::Full => LeaveReason::LetGo,
        }
    }

    /// Whether who had the callee called may say so of it.
    #[must_use]
    pub const fn is_for_asker(self) -> bool {
        matches!(self, Self::Dropped | Self::Busy | Self::NoAnswer | Self::Refused | Self::Unreachable)
    }
}

/// An outdial that is not over, as the store knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outdial {
    /// The callee's attendance, from their answer on; it names the outdial.
    pub callee: AttendanceId,
    /// The conference.
    pub conference: ConferenceId,
    /// Who had the callee called.
    pub asker: AttendanceId,
    /// Whom it calls.
    pub kind: OutdialKind,
    /// Where.
    pub to: DialTarget,
    /// How far it has come.
    pub state: OutdialState,
    /// The mix of the two, while they talk in private.
    pub mix: Option<LiveMix>,
    /// When it was begun.
    pub started_at: Timestamp,
    /// When the callee answered.
    pub answered_at: Option<Timestamp>,
    /// When it ends by itself.
    pub until: Timestamp,
}

impl Outdial {
    /// The mix of its talk in private. It has only one in its life.
    #[must_use]
    pub const fn side_mix(callee: AttendanceId) -> MixId {
        MixId::from_bits(callee.bits())
    }

    /// Whether who had the callee called is not done with it: the callee is not in the conference yet.
    #[must_use]
    pub const fn is_pending(&self) -> bool {
        !matches!(self.state, OutdialState::Joined)
    }
}

/// What who had somebody called is told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AsideView {
    /// The callee.
    pub callee: AttendanceId,
    /// Whom it calls.
    pub kind: OutdialKind,
    /// Where.
    pub to: DialTarget,
    /// Whether the callee has answered: the mix that is told is that of the two then.
    pub has_answered: bool,
}
