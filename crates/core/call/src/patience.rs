//! How long each stage of a journey waits.

use std::time::Duration;

/// The waits and limits of a journey. Shorter is brisker and costs slow callers tries; longer keeps lines busy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// For the first key, from the end of the prompt.
    pub first_key_wait: Duration,
    /// For each further key of a code or PIN.
    pub key_wait: Duration,
    /// For each further key of a command in the conference.
    pub command_key_wait: Duration,
    /// For an answer to a command in the conference, or to a question about it.
    pub command_max: Duration,
    /// In a menu, before its keys are spoken; and again as long before it is left.
    pub menu_wait: Duration,
    /// Between one name and the next of a roll call that goes on by itself.
    pub between_names: Duration,
    /// For the longest that is spoken; only where its end is never told.
    pub speech_max: Duration,
    /// Between two reminders to who speaks and is muted.
    pub muted_reminder_every: Duration,
    /// Raised hands and waiting callers within this are told to a host at once.
    pub gathering: Duration,
    /// Wrong codes and PINs in one call.
    pub wrong_max: u32,
    /// Prompts in one call that stay without an answer.
    pub silent_max: u32,
    /// From the start of the call to a right code, all in all.
    pub entry_max: Duration,
    /// For the store to say what a code is.
    pub check_max: Duration,
    /// For a decision before a call whose code was dialled is answered all the same.
    pub answer_wait: Duration,
    /// For a decision before the caller is asked for a moment.
    pub admission_told: Duration,
    /// For a decision before entry is given up.
    pub admission_max: Duration,
    /// Between reminders to who is on hold.
    pub reminder_every: Duration,
    /// How long before the end of the longest wait for a host the caller is warned.
    pub wait_warning: Duration,
    /// Without RTP, until a room says otherwise.
    pub no_rtp_max: Duration,
    /// How long before the end of the longest call the caller is warned.
    pub call_warning: Duration,
    /// Without a mix before the caller is told, and hears music.
    pub mix_lost_told: Duration,
    /// Without a mix before the call is given up.
    pub mix_lost_max: Duration,
    /// For a goodbye to be heard; only where its end is never told.
    pub goodbye_max: Duration,
    /// A line test, all in all.
    pub line_test_max: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        const fn secs(secs: u64) -> Duration {
            Duration::from_secs(secs)
        }
        Self {
            first_key_wait: secs(10),
            key_wait: secs(5),
            command_key_wait: secs(4),
            command_max: secs(8),
            menu_wait: secs(10),
            between_names: Duration::from_millis(1500),
            speech_max: secs(180),
            muted_reminder_every: secs(60),
            gathering: secs(10),
            wrong_max: 3,
            silent_max: 3,
            entry_max: secs(180),
            check_max: secs(5),
            answer_wait: secs(2),
            admission_told: secs(2),
            admission_max: secs(10),
            reminder_every: secs(60),
            wait_warning: secs(60),
            no_rtp_max: secs(60),
            call_warning: secs(60),
            mix_lost_told: secs(2),
            mix_lost_max: secs(60),
            goodbye_max: secs(20),
            line_test_max: secs(180),
        }
    }
}
