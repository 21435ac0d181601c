//! What keys can ask for, and where.

use partyline_conference::Role;

use crate::prompt::Prompt;

/// Where keys are pressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Menu {
    /// None: the caller confers. Commands begin with `*` or `#`; other keys do nothing.
    Conference,
    /// Options of the conference and of one's own call.
    Options,
    /// The volume at which one hears.
    Volume,
    /// The roll call.
    RollCall,
    /// Who waits to be let in, and raised hands.
    Hands,
    /// The end for others or for all.
    Ending,
    /// Somebody is called, or talks in private with the caller. Keys that it has not are those of the conference.
    Aside,
}

impl Menu {
    /// Every menu.
    pub const ALL: [Self; 7] = [
        Self::Conference,
        Self::Options,
        Self::Volume,
        Self::RollCall,
        Self::Hands,
        Self::Ending,
        Self::Aside,
    ];

    /// Whether people talk meanwhile, so that commands begin with `*` or `#` and digits do nothing.
    #[must_use]
    pub const fn is_talk(self) -> bool {
        matches!(self, Self::Conference | Self::Aside)
    }

    /// The word by which settings name it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Conference => "conference",
            Self::Options => "options",
            Self::Volume => "volume",
            Self::RollCall => "roll_call",
            Self::Hands => "hands",
            Self::Ending => "ending",
            Self::Aside => "aside",
        }
    }

    /// Reads the word back; `None` for a word that names no menu.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|menu| menu.name() == name)
    }
}

/// Whose a command is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    Hosts,
    Participants,
    Everybodys,
}

macro_rules! key_commands {
    ($($(#[$doc:meta])* $variant:ident => $name:literal, $whose:ident, [$($menu:ident)+], $help:ident;)+) => {
        /// What keys can ask for.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum KeyCommand {
            $($(#[$doc])* $variant,)+
        }

        impl KeyCommand {
            /// Every command.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word by which settings name it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// The menus that it can stand in.
            #[must_use]
            pub const fn menus(self) -> &'static [Menu] {
                match self { $(Self::$variant => &[$(Menu::$menu),+],)+ }
            }

            /// What is said of it before its keys: "To mute or unmute yourself, press".
            #[must_use]
            pub const fn spoken(self) -> Prompt {
                match self { $(Self::$variant => Prompt::$help,)+ }
            }

            const fn whose(self) -> Whose {
                match self { $(Self::$variant => Whose::$whose,)+ }
            }
        }
    };
}

key_commands! {
    /// Mute oneself, or no longer.
    Mute => "mute", Everybodys, [Conference], KeyMute;
    /// Unmute oneself.
    Unmute => "unmute", Everybodys, [Conference], KeyUnmute;
    /// Raise or lower one's hand.
    Hand => "hand", Participants, [Conference], KeyHand;
    /// Who waits to be let in, and raised hands, one by one.
    Hands => "hands", Hosts, [Conference], KeyHands;
    /// Who is here, one by one.
    RollCall => "roll_call", Everybodys, [Conference], KeyRollCall;
    /// How many are here.
    Count => "count", Everybodys, [Conference], KeyCount;
    /// All muted, then a lecture, then open.
    Floor => "floor", Hosts, [Conference], KeyFloor;
    /// Open at once.
    FloorOpen => "floor_open", Hosts, [Conference], KeyFloorOpen;
    /// Lock.
    Lock => "lock", Hosts, [Conference], KeyLock;
    /// Unlock.
    Unlock => "unlock", Hosts, [Conference], KeyUnlock;
    /// Lock, or unlock.
    ToggleLock => "toggle_lock", Hosts, [Conference], KeyToggleLock;
    /// Delete who entered last.
    DeleteLast => "delete_last", Hosts, [Conference], KeyDeleteLast;
    /// Go on or end when the last host leaves.
    Continue => "continue", Hosts, [Conference], KeyContinue;
    /// Become a host by the host code.
    BecomeHost => "become_host", Participants, [Conference], KeyBecomeHost;
    /// Call somebody in.
    DialOut => "dial_out", Hosts, [Conference], KeyDialOut;
    /// Record, or no longer.
    Record => "record", Hosts, [Conference], KeyRecord;
    /// Split the conference.
    Subconference => "subconference", Hosts, [Conference], KeySubconference;
    /// Call the operator.
    Operator => "operator", Everybodys, [Conference], KeyOperator;
    /// The options.
    Options => "options", Everybodys, [Conference], KeyOptions;
    /// Announce by name.
    Names => "names", Hosts, [Options], KeyNames;
    /// Announce by a tone.
    Tones => "tones", Hosts, [Options], KeyTones;
    /// Announce nobody.
    Silence => "silence", Hosts, [Options], KeySilence;
    /// Be spoken to in another language.
    Language => "language", Everybodys, [Options], KeyLanguage;
    /// The volume at which one hears.
    Volume => "volume", Everybodys, [Options], KeyVolume;
    /// Music to who is alone, or none.
    Music => "music", Hosts, [Options], KeyMusic;
    /// More time.
    MoreTime => "more_time", Hosts, [Options], KeyMoreTime;
    /// Hear less loud.
    Quieter => "quieter", Everybodys, [Conference Volume], KeyQuieter;
    /// Hear louder.
    Louder => "louder", Everybodys, [Conference Volume], KeyLouder;
    /// Hear as loud as it comes.
    UsualVolume => "usual_volume", Everybodys, [Conference Volume], KeyUsualVolume;
    /// Mute or unmute the one who is heard of.
    MuteOne => "mute_one", Hosts, [RollCall], KeyMuteOne;
    /// Delete the one who is heard of; pressed twice.
    DeleteOne => "delete_one", Hosts, [RollCall], KeyDeleteOne;
    /// Go to an order of entry.
    Jump => "jump", Everybodys, [RollCall], KeyJump;
    /// Let in who waits, unmute who has raised a hand.
    Admit => "admit", Hosts, [Hands], KeyAdmit;
    /// Turn away who waits, lower a hand.
    TurnAway => "turn_away", Hosts, [Hands], KeyTurnAway;
    /// The same again.
    Repeat => "repeat", Everybodys, [RollCall Hands], KeyRepeat;
    /// The one before.
    Previous => "previous", Everybodys, [RollCall], KeyPrevious;
    /// The next one.
    Next => "next", Everybodys, [RollCall Hands], KeyNext;
    /// Bring in who was called.
    JoinCallee => "join_callee", Hosts, [Aside], KeyJoinCallee;
    /// Let go who was called.
    DropCallee => "drop_callee", Everybodys, [Aside], KeyDropCallee;
    /// The end for others or for all.
    End => "end", Hosts, [Conference], KeyEnd;
    /// Everybody else leaves.
    DropOthers => "drop_others", Hosts, [Ending], KeyDropOthers;
    /// The conference ends.
    EndForAll => "end_for_all", Hosts, [Ending], KeyEndForAll;
    /// Leave the conference, or the wait for it.
    Leave => "leave", Everybodys, [Conference], KeyLeave;
    /// Hear the keys.
    Help => "help", Everybodys, [Conference Options Volume RollCall Hands Ending Aside], KeyHelp;
    /// Leave the menu.
    Back => "back", Everybodys, [Options Volume RollCall Hands Ending], KeyBack;
}

impl KeyCommand {
    /// Reads the word back; `None` for a word that names no command.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|command| command.name() == name)
    }

    /// Whether this role has the command. Who may do what it asks for is the CMS's to say.
    #[must_use]
    pub const fn is_for(self, role: Role) -> bool {
        match (self.whose(), role) {
            (Whose::Everybodys, _)
            | (Whose::Hosts, Role::Host)
            | (Whose::Participants, Role::Participant) => true,
            (Whose::Hosts, Role::Participant) | (Whose::Participants, Role::Host) => false,
        }
    }

    /// Whether one role has both commands.
    pub(super) fn meets(self, other: Self) -> bool {
        [Role::Host, Role::Participant].into_iter().any(|role| self.is_for(role) && other.is_for(role))
    }

    /// Whether it means something to a caller who waits.
    #[must_use]
    pub const fn is_for_waiting(self) -> bool {
        matches!(self, Self::Leave | Self::Help)
    }
}
