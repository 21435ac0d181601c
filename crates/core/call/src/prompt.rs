//! Every prompt by name. What each says, in which language, is in `prompts/` at the root, not here.
//!
//! **Invariant:** the names here and in each language's file are the same set (a test holds them together).

macro_rules! prompts {
    ($($(#[$doc:meta])* $variant:ident => $name:literal,)+) => {
        /// A recorded piece of speech (or music), from which all that a caller hears is composed.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Prompt {
            $($(#[$doc])* $variant,)+
        }

        impl Prompt {
            /// Every prompt.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name in the prompt files.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }
        }
    };
}

prompts! {
    /// The first words.
    Greeting => "greeting",
    /// Asks for the conference code.
    EnterCode => "enter_code",
    /// Asks for the host's PIN.
    EnterPin => "enter_pin",
    /// No room has this code.
    CodeUnknown => "code_unknown",
    /// The PIN is not the room's.
    PinWrong => "pin_wrong",
    /// No key came in time.
    NothingKeyed => "nothing_keyed",
    /// Digits came, and no `#`.
    PoundMissing => "pound_missing",
    /// The decision takes a moment.
    OneMoment => "one_moment",
    /// The last word.
    Goodbye => "goodbye",
    /// Three wrong codes or PINs.
    TooManyTries => "too_many_tries",
    /// No right code in the longest time.
    EntryTooLong => "entry_too_long",
    /// The conference is locked.
    RefusedLocked => "refused_locked",
    /// The room is full.
    RefusedFull => "refused_full",
    /// The account's limit is reached.
    RefusedAccountLimit => "refused_account_limit",
    /// No mixer has room.
    RefusedNoMixer => "refused_no_mixer",
    /// The store or the CMS can't be reached.
    RefusedUnavailable => "refused_unavailable",
    /// Too many wrong codes from there.
    RefusedLockedOut => "refused_locked_out",
    /// On hold until the host comes.
    WaitingForHost => "waiting_for_host",
    /// Still on hold: the reminder.
    StillWaiting => "still_waiting",
    /// The longest wait is over in a minute.
    WaitEndsSoon => "wait_ends_soon",
    /// Connected with other early callers.
    InLobby => "in_lobby",
    /// The host has come; the wait is over.
    HostIsHere => "host_is_here",
    /// Nobody else is in the conference.
    YouAreFirst => "you_are_first",
    /// The mixer is lost; another is sought.
    Reconnecting => "reconnecting",
    /// The answer to a key that means nothing.
    KeyUnknown => "key_unknown",
    /// The keys, spoken.
    KeysHelp => "keys_help",
    /// The longest call is reached in a minute.
    CallEndsSoon => "call_ends_soon",
    /// Deleted by a host.
    LeftDeleted => "left_deleted",
    /// The conference ended.
    LeftConferenceEnded => "left_conference_ended",
    /// The longest wait is over.
    LeftWaitedTooLong => "left_waited_too_long",
    /// No mixer is left to carry the conference.
    LeftNoMixer => "left_no_mixer",
    /// The longest call is reached.
    LeftCallTooLong => "left_call_too_long",
    /// Anything else that ended the call.
    LeftFailed => "left_failed",
    /// The line test's first words.
    LineTestWelcome => "line_test_welcome",
    /// Before the caller's number.
    LineTestYourNumber => "line_test_your_number",
    /// The caller's number is withheld.
    LineTestNoNumber => "line_test_no_number",
    /// Before the tone.
    LineTestTone => "line_test_tone",
    /// Before the echo.
    LineTestEcho => "line_test_echo",
    /// Before the share of lost packets.
    LineTestLoss => "line_test_loss",
    /// Before the delay.
    LineTestDelay => "line_test_delay",
    /// The line test's last words.
    LineTestDone => "line_test_done",
    /// The `+` of a number.
    DigitPlus => "digit_plus",
    /// The key `*`.
    DigitStar => "digit_star",
    /// The key `#`.
    DigitPound => "digit_pound",
    /// The decimal point.
    Point => "point",
    /// Music for who waits; no speech.
    HoldMusic => "hold_music",
    /// "zero".
    Number0 => "number_0",
    /// "one".
    Number1 => "number_1",
    /// "two".
    Number2 => "number_2",
    /// "three".
    Number3 => "number_3",
    /// "four".
    Number4 => "number_4",
    /// "five".
    Number5 => "number_5",
    /// "six".
    Number6 => "number_6",
    /// "seven".
    Number7 => "number_7",
    /// "eight".
    Number8 => "number_8",
    /// "nine".
    Number9 => "number_9",
    /// "ten".
    Number10 => "number_10",
    /// "eleven".
    Number11 => "number_11",
    /// "twelve".
    Number12 => "number_12",
    /// "thirteen".
    Number13 => "number_13",
    /// "fourteen".
    Number14 => "number_14",
    /// "fifteen".
    Number15 => "number_15",
    /// "sixteen".
    Number16 => "number_16",
    /// "seventeen".
    Number17 => "number_17",
    /// "eighteen".
    Number18 => "number_18",
    /// "nineteen".
    Number19 => "number_19",
    /// "twenty".
    Number20 => "number_20",
    /// "thirty".
    Number30 => "number_30",
    /// "forty".
    Number40 => "number_40",
    /// "fifty".
    Number50 => "number_50",
    /// "sixty".
    Number60 => "number_60",
    /// "seventy".
    Number70 => "number_70",
    /// "eighty".
    Number80 => "number_80",
    /// "ninety".
    Number90 => "number_90",
    /// "hundred".
    NumberHundred => "number_hundred",
    /// "thousand".
    NumberThousand => "number_thousand",
    /// "first".
    Ordinal1 => "ordinal_1",
    /// "second".
    Ordinal2 => "ordinal_2",
    /// "third".
    Ordinal3 => "ordinal_3",
    /// "fourth".
    Ordinal4 => "ordinal_4",
    /// "fifth".
    Ordinal5 => "ordinal_5",
    /// "sixth".
    Ordinal6 => "ordinal_6",
    /// "seventh".
    Ordinal7 => "ordinal_7",
    /// "eighth".
    Ordinal8 => "ordinal_8",
    /// "ninth".
    Ordinal9 => "ordinal_9",
    /// "tenth".
    Ordinal10 => "ordinal_10",
    /// "eleventh".
    Ordinal11 => "ordinal_11",
    /// "twelfth".
    Ordinal12 => "ordinal_12",
    /// "thirteenth".
    Ordinal13 => "ordinal_13",
    /// "fourteenth".
    Ordinal14 => "ordinal_14",
    /// "fifteenth".
    Ordinal15 => "ordinal_15",
    /// "sixteenth".
    Ordinal16 => "ordinal_16",
    /// "seventeenth".
    Ordinal17 => "ordinal_17",
    /// "eighteenth".
    Ordinal18 => "ordinal_18",
    /// "nineteenth".
    Ordinal19 => "ordinal_19",
    /// "twentieth".
    Ordinal20 => "ordinal_20",
    /// "thirtieth".
    Ordinal30 => "ordinal_30",
    /// "fortieth".
    Ordinal40 => "ordinal_40",
    /// "fiftieth".
    Ordinal50 => "ordinal_50",
    /// "sixtieth".
    Ordinal60 => "ordinal_60",
    /// "seventieth".
    Ordinal70 => "ordinal_70",
    /// "eightieth".
    Ordinal80 => "ordinal_80",
    /// "ninetieth".
    Ordinal90 => "ordinal_90",
    /// "hundredth".
    OrdinalHundred => "ordinal_hundred",
    /// "thousandth".
    OrdinalThousand => "ordinal_thousand",
}

impl Prompt {
    /// Reads a name back; `None` for a name that is none of ours.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|prompt| prompt.name() == name)
    }
}

impl std::fmt::Display for Prompt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
