//! Rooms: what an account owns and callers dial into.

use std::time::Duration;

use crate::dialling::{DialTarget, NumberPrefix};
use crate::ids::{AccountId, MixerClass, NameError, RoomId, RoomVersion};
use crate::line_noise::NoisyLines;

/// What happens to a participant who comes before any host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EntryPolicy {
    /// The first participant starts the conference.
    Start,
    /// Participants wait, hearing music, until a host comes.
    Hold,
    /// Early callers talk in a lobby, apart from any conference, until a host comes.
    Converse,
}

/// How entries and exits are told to a conference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Announce {
    /// By the caller's recorded name.
    Name,
    /// By a tone.
    #[default]
    Tone,
    /// Not at all.
    Silence,
}

impl Announce {
    /// Every way.
    pub const ALL: [Self; 3] = [Self::Name, Self::Tone, Self::Silence];

    /// The word used in the store, the protocol and the console.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Tone => "tone",
            Self::Silence => "silence",
        }
    }

    /// Reads the word back; `None` for a word that is none of ours.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|way| way.as_str() == word)
    }
}

/// What a room wants done to the voices of those who talk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct VoiceCare {
    /// Takes from them the noise that is behind them.
    pub noise_suppression: bool,
    /// Makes all as loud as each other (automatic gain control).
    pub agc: bool,
}

impl Default for VoiceCare {
    /// Noise stays, as taking it makes voices 6 ms later and costs memory; all are as loud as each other.
    fn default() -> Self {
        Self { noise_suppression: false, agc: true }
    }
}

/// What happens when the last host leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HostLeaves {
    /// The conference ends at once.
    End,
    /// The conference ends after this time, unless a host comes back.
    Grace(Duration),
    /// The conference goes on.
    Continue,
}

/// Whom a lock keeps out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LockScope {
    /// Everybody.
    All,
    /// Everybody but hosts. The default.
    AllButHosts,
}

/// A room's name within its account: the words by which people select it on the command line.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoomName(Box<str>);

impl RoomName {
    /// Takes a name: 1 to 64 characters of a-z, 0-9, `.`, `_`, `-`.
    ///
    /// # Errors
    /// [`NameError`] for any other text.
    pub fn new(text: &str) -> Result<Self, NameError> {
        crate::ids::MixerClass::new(text)?;
        Ok(Self(Box::from(text)))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for RoomName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// A room and its settings (its codes are kept apart, hashed).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Room {
    /// The room's identifier.
    pub id: RoomId,
    /// Its owner.
    pub account: AccountId,
    /// Its name within the account.
    pub name: RoomName,
    /// The version that decisions commit against.
    pub version: RoomVersion,
    /// What happens to early participants.
    pub entry: EntryPolicy,
    /// The class of mixer that its conferences go to.
    pub class: MixerClass,
    /// How entries and exits are told.
    pub announce: Announce,
    /// Most conferees at once, those who wait included. One seat of these is kept for a host.
    pub conferees_max: u32,
    /// What happens when the last host leaves.
    pub host_leaves: HostLeaves,
    /// Whom a lock keeps out.
    pub lock: LockScope,
    /// Whether a conferee who is alone hears music.
    pub music: bool,
    /// Longest wait for a host.
    pub wait_max: Duration,
    /// Longest conference; `None` where there is no limit.
    pub conference_max: Option<Duration>,
    /// Longest call; `None` where there is no limit.
    pub call_max: Option<Duration>,
    /// Hang up when no RTP comes for this long (not while on SIP hold).
    pub no_rtp_max: Duration,
    /// Whether hosts are asked for a PIN besides their code.
    pub has_host_pin: bool,
    /// Whether a participant whom a host muted may unmute themselves.
    pub unmute_oneself: bool,
    /// Whether who was deleted is kept out for the rest of the conference, as far as their number tells.
    pub deleted_stay_out: bool,
    /// Whether participants wait until a host admits each of them, also while a conference is live.
    pub waiting_room: bool,
    /// Whether participants may hear who is in the conference, as hosts may.
    pub roll_call: bool,
    /// Whether hosts may have others called in.
    pub dial_out: bool,
    /// What numbers that hosts call may begin with; empty leaves it to the settings.
    pub dial_out_prefixes: Vec<NumberPrefix>,
    /// The operator; `None` leaves it to the settings.
    pub operator: Option<DialTarget>,
    /// What becomes of lines that make noise.
    pub noisy_lines: NoisyLines,
    /// What is done to voices, as far as the mixer may.
    pub voices: VoiceCare,
}

impl Room {
    /// Longest wait for a host where the room says nothing: half an hour, as people give up sooner.
    pub const WAIT_MAX_DEFAULT: Duration = Duration::from_secs(30 * 60);
    /// Hang-up without RTP where the room says nothing.
    pub const NO_RTP_MAX_DEFAULT: Duration = Duration::from_secs(60);
    /// Most conferees where the room says nothing.
    pub const CONFEREES_MAX_DEFAULT: u32 = 100;
    /// The grace time offered where a room wants one and says no number.
    pub const GRACE_DEFAULT: Duration = Duration::from_secs(5 * 60);
}
