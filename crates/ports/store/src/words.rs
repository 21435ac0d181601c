//! The words by which the domain's choices are kept in rows.

use partyline_conference::{
    Announce, CommandRefusal, CommandWord, ConfereeState, ConferenceEnd, EntryPolicy, Floor, LeaveReason,
    LineNoise, LockScope, MixKind, NoisyLines, OutdialEnd, OutdialKind, OutdialState, Refusal, Role,
    WaitingKind,
};

/// A choice that is kept as a word.
pub(crate) trait Word: Copy + PartialEq + Sized + 'static {
    /// Every choice; each has a word of its own.
    const ALL: &'static [Self];

    /// The word.
    fn word(self) -> &'static str;

    /// Reads the word back; `None` for a word that is none of ours.
    fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|choice| choice.word() == word)
    }
}

macro_rules! words {
    ($($of:ident { $($choice:ident = $word:literal)+ })+) => {$(
        impl Word for $of {
            const ALL: &'static [Self] = &[$(Self::$choice),+];

            fn word(self) -> &'static str {
                match self {
                    $(Self::$choice => $word,)+
                }
            }
        }
    )+};
}

words! {
    EntryPolicy { Start = "start" Hold = "hold" Converse = "converse" }
    LockScope { All = "all" AllButHosts = "all_but_hosts" }
    WaitingKind { Held = "held" Lobby = "lobby" WaitingRoom = "waiting_room" Aside = "aside" }
    MixKind { Conference = "conference" Lobby = "lobby" Side = "side" }
    ConfereeState { Placed = "placed" Joined = "joined" Absent = "absent" }
}

macro_rules! words_of_its_own {
    ($($of:ident)+) => {$(
        impl Word for $of {
            const ALL: &'static [Self] = &Self::ALL;

            fn word(self) -> &'static str {
                self.as_str()
            }
        }
    )+};
}

words_of_its_own! { Announce CommandRefusal Floor LeaveReason LineNoise NoisyLines Refusal }

macro_rules! words_of_lists {
    ($($of:ident)+) => {$(
        impl Word for $of {
            const ALL: &'static [Self] = Self::ALL;

            fn word(self) -> &'static str {
                self.as_str()
            }
        }
    )+};
}

words_of_lists! { CommandWord OutdialEnd OutdialKind OutdialState }

impl Word for Role {
    const ALL: &'static [Self] = &[Self::Host, Self::Participant];

    fn word(self) -> &'static str {
        self.as_str()
    }
}

impl Word for ConferenceEnd {
    const ALL: &'static [Self] =
        &[Self::LastLeft, Self::HostLeft, Self::Ended, Self::TooLong, Self::NoMixer, Self::Restart];

    fn word(self) -> &'static str {
        self.as_str()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn each_word_reads_back<W: Word + std::fmt::Debug>() {
        for choice in W::ALL {
            assert_eq!(W::from_word(choice.word()), Some(*choice));
        }
        assert_eq!(W::from_word("nonsense"), None);
    }

    #[test]
    fn words_read_back_as_what_they_were() {
        each_word_reads_back::<EntryPolicy>();
        each_word_reads_back::<Announce>();
        each_word_reads_back::<LockScope>();
        each_word_reads_back::<WaitingKind>();
        each_word_reads_back::<MixKind>();
        each_word_reads_back::<ConfereeState>();
        each_word_reads_back::<CommandRefusal>();
        each_word_reads_back::<CommandWord>();
        each_word_reads_back::<Floor>();
        each_word_reads_back::<LineNoise>();
        each_word_reads_back::<NoisyLines>();
        each_word_reads_back::<Role>();
        each_word_reads_back::<ConferenceEnd>();
        each_word_reads_back::<Refusal>();
        each_word_reads_back::<LeaveReason>();
        each_word_reads_back::<OutdialEnd>();
        each_word_reads_back::<OutdialKind>();
        each_word_reads_back::<OutdialState>();
    }
}
