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
    /// Asks for the caller's name, to be said behind a tone.
    SayName => "say_name",
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
    /// On hold until a host lets the caller in; and the reminder.
    InWaitingRoom => "in_waiting_room",
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
    /// Keys that were begun and not ended.
    NotRecognised => "not_recognised",
    /// A host's key, pressed by a participant.
    HostsOnly => "hosts_only",
    /// A key whose service is not there.
    NotAvailable => "not_available",
    /// A command before there is a conference.
    NotYet => "not_yet",
    /// A command was not answered.
    TryAgain => "try_again",
    /// The one whom a command names has left.
    NoLongerHere => "no_longer_here",
    /// A mute that the caller may not undo.
    MayNotUnmute => "may_not_unmute",
    /// The conference can't be made longer.
    NoMoreTime => "no_more_time",
    /// One's own mute.
    YouAreMuted => "you_are_muted",
    /// One's own mute, undone.
    YouAreUnmuted => "you_are_unmuted",
    /// Muted by a host.
    MutedByHost => "muted_by_host",
    /// Unmuted by a host.
    UnmutedByHost => "unmuted_by_host",
    /// All participants are muted, and may unmute themselves.
    FloorMuted => "floor_muted",
    /// All participants are muted, and may not unmute themselves.
    FloorLecture => "floor_lecture",
    /// All participants can speak.
    FloorOpen => "floor_open",
    /// The conference was locked.
    ConferenceLocked => "conference_locked",
    /// The conference was unlocked.
    ConferenceUnlocked => "conference_unlocked",
    /// Callers are announced by name from now on.
    AnnounceNames => "announce_names",
    /// Callers are announced by a tone from now on.
    AnnounceTones => "announce_tones",
    /// Callers are not announced any more.
    AnnounceSilence => "announce_silence",
    /// Who is alone hears music.
    MusicOn => "music_on",
    /// Who is alone hears no music.
    MusicOff => "music_off",
    /// The conference outlasts its hosts.
    ContinuesOn => "continues_on",
    /// The conference does not outlast its hosts.
    ContinuesOff => "continues_off",
    /// The caller became a host.
    YouAreHost => "you_are_host",
    /// Asks for the host code.
    EnterHostCode => "enter_host_code",
    /// One's own hand is raised.
    HandIsRaised => "hand_is_raised",
    /// One's own hand is lowered.
    HandIsLowered => "hand_is_lowered",
    /// To a host: a hand was raised.
    HandsRaised => "hands_raised",
    /// To a host, before a name: whose line makes noise.
    LineNoiseFrom => "line_noise_from",
    /// To a host: somebody waits to be let in.
    SomebodyWaits => "somebody_waits",
    /// Before the minutes until the end.
    ConferenceEndsIn => "conference_ends_in",
    /// Behind "one".
    Minute => "minute",
    /// Behind a number.
    Minutes => "minutes",
    /// The end was put off.
    MoreTimeGiven => "more_time_given",
    /// There is no end to put off.
    EndlessAnyway => "endless_anyway",
    /// One hears louder.
    LouderNow => "louder_now",
    /// One hears less loud.
    QuieterNow => "quieter_now",
    /// One hears as loud as it comes.
    UsualVolumeNow => "usual_volume_now",
    /// The volume goes no further.
    VolumeLimit => "volume_limit",
    /// There is one language only.
    OnlyLanguage => "only_language",
    /// Back from a menu.
    MenuLeft => "menu_left",
    /// The roll call's first words.
    RollCallBegins => "roll_call_begins",
    /// The roll call's last words.
    RollCallEnds => "roll_call_ends",
    /// There is none before.
    RollCallStart => "roll_call_start",
    /// Before an order of entry.
    CallerNumber => "caller_number",
    /// The one who is heard of is who hears it.
    IsYou => "is_you",
    /// The one who is heard of is a host.
    IsHost => "is_host",
    /// The one who is heard of is muted.
    IsMuted => "is_muted",
    /// The one who is heard of has lost the connection.
    IsAway => "is_away",
    /// The one who is heard of has raised a hand.
    HasHandUp => "has_hand_up",
    /// Before a caller's number.
    CallsFrom => "calls_from",
    /// A caller whose number is withheld.
    NumberWithheld => "number_withheld",
    /// Asks for an order of entry.
    EnterOrder => "enter_order",
    /// No conferee has that order of entry.
    NobodyHasIt => "nobody_has_it",
    /// The one who was heard of is muted.
    OneMuted => "one_muted",
    /// The one who was heard of is unmuted.
    OneUnmuted => "one_unmuted",
    /// Before the key that deletes.
    DeleteConfirm => "delete_confirm",
    /// The one who was heard of is deleted.
    OneDeleted => "one_deleted",
    /// The key was not pressed again.
    NobodyDeleted => "nobody_deleted",
    /// One can't be deleted by oneself.
    NotYourself => "not_yourself",
    /// The count: nobody else.
    YouAreAlone => "you_are_alone",
    /// Before the count.
    CountBegins => "count_begins",
    /// Behind the count.
    CountEnds => "count_ends",
    /// Nobody waits, and no hand is raised.
    HandsEmpty => "hands_empty",
    /// There is no further one.
    HandsEnd => "hands_end",
    /// Behind a caller who waits to be let in.
    Waits => "waits",
    /// Behind a conferee with a raised hand.
    RaisesHand => "raises_hand",
    /// The one who waited is let in.
    Admitted => "admitted",
    /// The one who waited is turned away.
    TurnedAway => "turned_away",
    /// The hand is lowered.
    HandLowered => "hand_lowered",
    /// Everybody else was made to leave.
    OthersDropped => "others_dropped",
    /// Asks for a number to call.
    EnterNumber => "enter_number",
    /// The call is being made.
    Calling => "calling",
    /// The callee rings.
    ItRings => "it_rings",
    /// The callee talks with somebody else.
    CalleeBusy => "callee_busy",
    /// The callee did not answer.
    CalleeNoAnswer => "callee_no_answer",
    /// The callee did not want to be called.
    CalleeRefused => "callee_refused",
    /// There is no way to the callee.
    CalleeUnreachable => "callee_unreachable",
    /// The callee hung up, and the talk in private is over.
    CalleeGone => "callee_gone",
    /// The callee was brought in.
    CalleeJoined => "callee_joined",
    /// To a callee who was brought in.
    BroughtIn => "brought_in",
    /// The operator was called in.
    OperatorIsHere => "operator_is_here",
    /// Somebody is called already.
    AlreadyCalling => "already_calling",
    /// A number that may not be called.
    NumberDenied => "number_denied",
    /// An emergency number.
    NumberEmergency => "number_emergency",
    /// Only hosts with a PIN may.
    NotVerified => "not_verified",
    /// As many are called as may be.
    TooManyCalled => "too_many_called",
    /// The account has called for as long as it may today.
    TimeSpent => "time_spent",
    /// The callee has not answered yet.
    CalleeNotYet => "callee_not_yet",
    /// Behind a caller's name, to the whole conference.
    HasJoined => "has_joined",
    /// Behind a caller's name, to the whole conference.
    HasLeft => "has_left",
    /// Behind several names.
    HaveJoined => "have_joined",
    /// Behind several names.
    HaveLeft => "have_left",
    /// Behind a number.
    PeopleHaveJoined => "people_have_joined",
    /// Behind a number.
    PeopleHaveLeft => "people_have_left",
    /// What a command is for, before its keys.
    KeyMute => "key_mute",
    /// What a command is for, before its keys.
    KeyUnmute => "key_unmute",
    /// What a command is for, before its keys.
    KeyHand => "key_hand",
    /// What a command is for, before its keys.
    KeyHands => "key_hands",
    /// What a command is for, before its keys.
    KeyRollCall => "key_roll_call",
    /// What a command is for, before its keys.
    KeyCount => "key_count",
    /// What a command is for, before its keys.
    KeyFloor => "key_floor",
    /// What a command is for, before its keys.
    KeyFloorOpen => "key_floor_open",
    /// What a command is for, before its keys.
    KeyLock => "key_lock",
    /// What a command is for, before its keys.
    KeyUnlock => "key_unlock",
    /// What a command is for, before its keys.
    KeyToggleLock => "key_toggle_lock",
    /// What a command is for, before its keys.
    KeyDeleteLast => "key_delete_last",
    /// What a command is for, before its keys.
    KeyContinue => "key_continue",
    /// What a command is for, before its keys.
    KeyBecomeHost => "key_become_host",
    /// What a command is for, before its keys.
    KeyDialOut => "key_dial_out",
    /// What a command is for, before its keys.
    KeyRecord => "key_record",
    /// What a command is for, before its keys.
    KeySubconference => "key_subconference",
    /// What a command is for, before its keys.
    KeyOperator => "key_operator",
    /// What a command is for, before its keys.
    KeyOptions => "key_options",
    /// What a command is for, before its keys.
    KeyNames => "key_names",
    /// What a command is for, before its keys.
    KeyTones => "key_tones",
    /// What a command is for, before its keys.
    KeySilence => "key_silence",
    /// What a command is for, before its keys.
    KeyLanguage => "key_language",
    /// What a command is for, before its keys.
    KeyVolume => "key_volume",
    /// What a command is for, before its keys.
    KeyMusic => "key_music",
    /// What a command is for, before its keys.
    KeyMoreTime => "key_more_time",
    /// What a command is for, before its keys.
    KeyQuieter => "key_quieter",
    /// What a command is for, before its keys.
    KeyLouder => "key_louder",
    /// What a command is for, before its keys.
    KeyUsualVolume => "key_usual_volume",
    /// What a command is for, before its keys.
    KeyMuteOne => "key_mute_one",
    /// What a command is for, before its keys.
    KeyDeleteOne => "key_delete_one",
    /// What a command is for, before its keys.
    KeyJump => "key_jump",
    /// What a command is for, before its keys.
    KeyAdmit => "key_admit",
    /// What a command is for, before its keys.
    KeyTurnAway => "key_turn_away",
    /// What a command is for, before its keys.
    KeyRepeat => "key_repeat",
    /// What a command is for, before its keys.
    KeyPrevious => "key_previous",
    /// What a command is for, before its keys.
    KeyNext => "key_next",
    /// What a command is for, before its keys.
    KeyJoinCallee => "key_join_callee",
    /// What a command is for, before its keys.
    KeyDropCallee => "key_drop_callee",
    /// What a command is for, before its keys.
    KeyEnd => "key_end",
    /// What a command is for, before its keys.
    KeyDropOthers => "key_drop_others",
    /// What a command is for, before its keys.
    KeyEndForAll => "key_end_for_all",
    /// What a command is for, before its keys.
    KeyLeave => "key_leave",
    /// What a command is for, before its keys.
    KeyHelp => "key_help",
    /// What a command is for, before its keys.
    KeyBack => "key_back",
    /// The longest call is reached in a minute.
    CallEndsSoon => "call_ends_soon",
    /// Deleted by a host.
    LeftDeleted => "left_deleted",
    /// Not let in from the waiting room.
    LeftTurnedAway => "left_turned_away",
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
