//! What a brain is told.

use std::time::Duration;

use partyline_conference::{
    AttendanceId, CodeMatch, CommandAnswer, Epoch, LeaveReason, MixId, OutdialEnd, RecordedName, RosterEntry,
    Standing, Timestamp, WaitingEntry,
};

use crate::script::PlayNumber;
use crate::wish::{AskNumber, TakeNumber};

/// Something that is so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// The call is answered and both sides agreed on media: the caller can hear and be heard.
    MediaUp,
    /// A key was pressed, counted once: `0`-`9`, `*`, `#` (`A`-`D` mean nothing here).
    Key(char),
    /// This play came to its end by itself.
    PlayEnded(PlayNumber),
    /// What became of `LookUpCode`.
    CodeChecked(CodeAnswer),
    /// What became of `VerifyPin`.
    PinChecked(PinAnswer),
    /// Where the caller stands, as the CMS says; may be told any number of times.
    Standing(Standing),
    /// The wall clock's time now, by which standings say when a conference ends. Told before each.
    WallClock(Timestamp),
    /// What became of a command; `None` where the CMS could not be reached.
    CommandAnswered {
        /// Which.
        number: AskNumber,
        /// The answer.
        answer: Option<CommandAnswer>,
    },
    /// Who is in the conference, in order of entry; `None` where the store did not answer.
    Roster {
        /// The question.
        number: AskNumber,
        /// The answer.
        entries: Option<Vec<RosterEntry>>,
    },
    /// Who waits to be let in, in order of arrival; `None` where the store did not answer.
    Waiting {
        /// The question.
        number: AskNumber,
        /// The answer.
        entries: Option<Vec<WaitingEntry>>,
    },
    /// A take of the caller's name has ended, by itself or as it was wished.
    NameRecorded {
        /// Which.
        take: TakeNumber,
        /// What was said; `None` where it was nothing, or too little.
        name: Option<RecordedName>,
    },
    /// The caller spoke and was not heard, being muted.
    SpokeWhileMuted,
    /// Who is called rings.
    CalleeRings {
        /// Who.
        callee: AttendanceId,
    },
    /// Nobody answered who was called, or nobody was reached.
    CalleeFailed {
        /// Who.
        callee: AttendanceId,
        /// What became of it.
        why: OutdialEnd,
    },
    /// The leg is in this mix.
    Joined {
        /// The mix.
        mix: MixId,
        /// Its placement.
        epoch: Epoch,
    },
    /// The mixer did not take the leg, or did not answer.
    JoinFailed {
        /// The mix.
        mix: MixId,
        /// Its placement.
        epoch: Epoch,
    },
    /// The leg fell out of this mix, because the mixer closed it or is gone.
    MixLost {
        /// The mix.
        mix: MixId,
    },
    /// No RTP has come for this long while it was expected.
    Quiet(Duration),
    /// Whether the caller has put the call on hold.
    OnHold(bool),
    /// The VRU is shut down.
    Shutdown,
    /// The call is over: the caller hung up, or the network failed. Nothing follows.
    Ended(LeaveReason),
    /// The next step of a line test.
    Step(TestStep),
    /// The line test's stream ended or broke.
    StepsEnded,
}

/// What a code turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CodeAnswer {
    /// It selects a room and a role.
    Known(CodeMatch),
    /// No room has it. The guess defence wants this long to go by before the caller is told.
    Unknown {
        /// How long.
        delay: Duration,
    },
    /// The guess defence takes no codes from there now, right or wrong.
    LockedOut,
    /// The store did not answer.
    Unavailable,
}

/// What a PIN turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PinAnswer {
    /// The room's.
    Right,
    /// Not the room's.
    Wrong {
        /// How long the guess defence wants the caller to wait.
        delay: Duration,
    },
    /// The guess defence takes no more tries from there now.
    LockedOut,
    /// The store did not answer.
    Unavailable,
}

/// One step of a line test, as its server orders it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestStep {
    /// Names it in the answer.
    pub number: u32,
    /// What to do.
    pub action: TestAction,
}

/// What a line test does to its caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TestAction {
    /// Says the caller's number, digit by digit; empty where it is withheld.
    SayNumber(String),
    /// Plays a tone.
    Tone {
        /// Hz.
        frequency_hz: u32,
        /// How long.
        duration: Duration,
    },
    /// Sends the caller's own audio back, and measures.
    Echo {
        /// How long.
        duration: Duration,
    },
    /// Tells what was measured.
    Report {
        /// Packets lost, in tenths of a percent.
        loss_tenths_percent: u32,
        /// Delay in milliseconds.
        delay_ms: u32,
    },
    /// Says goodbye and hangs up.
    Finish,
}
