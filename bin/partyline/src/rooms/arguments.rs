//! What `room create` and `room set` take.

use std::time::Duration;

use clap::{Args, ValueEnum};
use partyline_conference::{
    Announce, CodeError, ConferenceCode, DialTarget, EntryPolicy, HostLeaves, HostPin, LockScope, MixerClass,
    NoisyLines, NumberPrefix, Room, RoomName,
};

use crate::config::values::{Limit, Span, Text};

/// More callers than any mixer of today carries.
const CONFEREES_MAX: i64 = 100_000;

/// `room create`.
#[derive(Debug, Args)]
pub(crate) struct CreateRoom {
    /// The room's name: 1 to 64 characters of a-z, 0-9, '.', '_' and '-'
    #[arg(value_parser = name)]
    pub(crate) name: RoomName,
    /// The code that makes hosts, 4 to 16 digits [default: 8 digits at random]
    #[arg(long, value_name = "N", value_parser = code)]
    pub(crate) host_code: Option<ConferenceCode>,
    /// The code that makes participants, 4 to 16 digits [default: 8 digits at random]
    #[arg(long, value_name = "N", value_parser = code)]
    pub(crate) participant_code: Option<ConferenceCode>,
    /// Asks hosts for this PIN besides, 4 to 16 digits
    #[arg(long, value_name = "PIN", value_parser = pin)]
    pub(crate) host_pin: Option<HostPin>,
    #[command(flatten)]
    pub(crate) settings: RoomSettings,
}

/// `room set`.
#[derive(Debug, Args)]
pub(crate) struct SetRoom {
    /// The room's name
    #[arg(value_parser = name)]
    pub(crate) name: RoomName,
    /// Gives the room another name
    #[arg(long, value_name = "NAME", value_parser = name)]
    pub(crate) rename: Option<RoomName>,
    /// Draws new codes and prints them, this once; the old ones no longer work
    #[arg(long, conflicts_with_all = ["host_code", "participant_code"])]
    pub(crate) new_codes: bool,
    /// Sets the code that makes hosts, 4 to 16 digits
    #[arg(long, value_name = "N", value_parser = code)]
    pub(crate) host_code: Option<ConferenceCode>,
    /// Sets the code that makes participants, 4 to 16 digits
    #[arg(long, value_name = "N", value_parser = code)]
    pub(crate) participant_code: Option<ConferenceCode>,
    /// Asks hosts for this PIN besides, 4 to 16 digits; "none" takes it away
    #[arg(long, value_name = "PIN", value_parser = pin_change)]
    pub(crate) host_pin: Option<PinChange>,
    #[command(flatten)]
    pub(crate) settings: RoomSettings,
}

/// What happens to a room's host PIN.
#[derive(Debug, Clone)]
pub(crate) enum PinChange {
    /// Hosts are asked for this one.
    Set(HostPin),
    /// Hosts are asked for none.
    Remove,
}

/// Settings of a room; what is not named is left as it is.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct RoomSettings {
    /// What participants do who come before any host: start the conference, hold with music, or converse in a lobby
    /// [default: hold]
    #[arg(long, value_enum)]
    entry: Option<EntryWord>,
    /// The class of mixer that carries its conferences [default: standard]
    #[arg(long, value_name = "C", value_parser = class)]
    pub(super) class: Option<MixerClass>,
    /// How entries and exits are told [default: tone]
    #[arg(long, value_enum)]
    announce: Option<AnnounceWord>,
    /// Most callers at once; one seat of these is kept for a host [default: 100]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(2..=CONFEREES_MAX))]
    pub(super) max_conferees: Option<u32>,
    /// What happens when the last host leaves: end, grace[:SECONDS] or continue [default: grace:300]
    #[arg(long, value_name = "end|grace[:SECONDS]|continue", value_parser = host_leaves)]
    host_leaves: Option<HostLeaves>,
    /// Whom a lock keeps out [default: all-but-hosts]
    #[arg(long, value_enum)]
    lock: Option<LockWord>,
    /// Music for who is alone [default: on]
    #[arg(long, value_enum)]
    music: Option<Switch>,
    /// Longest wait for a host, such as 30m [default: 30m]
    #[arg(long, value_name = "TIME", value_parser = Text::<Span>::from_flag)]
    pub(super) wait_max: Option<Text<Span>>,
    /// Longest conference, such as 2h, or "none" [default: none]
    #[arg(long, value_name = "TIME", value_parser = Text::<Limit>::from_flag)]
    pub(super) conference_max: Option<Text<Limit>>,
    /// Longest call, such as 4h, or "none" [default: none]
    #[arg(long, value_name = "TIME", value_parser = Text::<Limit>::from_flag)]
    pub(super) call_max: Option<Text<Limit>>,
    /// Hangs up when no audio comes for so long, such as 60s [default: 60s]
    #[arg(long, value_name = "TIME", value_parser = Text::<Span>::from_flag)]
    pub(super) no_rtp_max: Option<Text<Span>>,
    /// Whether participants whom a host muted may unmute themselves [default: off]
    #[arg(long, value_enum)]
    unmute_oneself: Option<Switch>,
    /// Keeps out who was deleted, by their number, for the rest of the conference [default: off]
    #[arg(long, value_enum)]
    deleted_stay_out: Option<Switch>,
    /// Participants wait until a host admits each of them, also while a conference is on [default: off]
    #[arg(long, value_enum)]
    waiting_room: Option<Switch>,
    /// Whether participants may hear who is in the conference, as hosts may [default: off]
    #[arg(long, value_enum)]
    roll_call: Option<Switch>,
    /// Whether hosts may have others called in, through trunks with `dial_out` [default: off]
    #[arg(long, value_enum)]
    dial_out: Option<Switch>,
    /// What numbers may begin with that hosts have called, such as +49,+43; "any" leaves it to the settings [default: any]
    #[arg(long, value_name = "LIST", value_parser = prefixes)]
    dial_out_prefixes: Option<Prefixes>,
    /// Whom `*0` calls: a number or a SIP address; "default" leaves it to the settings [default: default]
    #[arg(long, value_name = "TARGET", value_parser = operator)]
    operator: Option<OperatorChange>,
    /// Lines that send music on hold, howl or hum: ignore them, tell hosts who it is, or mute participants besides
    /// [default: tell]
    #[arg(long, value_enum)]
    noisy_lines: Option<NoisyWord>,
    /// Takes the noise behind voices away, as of fans and offices; they are heard 6 ms later [default: off]
    #[arg(long, value_enum)]
    noise_suppression: Option<Switch>,
    /// Makes soft and loud talkers as loud as each other (automatic gain control) [default: on]
    #[arg(long, value_enum)]
    agc: Option<Switch>,
}

/// What numbers may begin with; none leaves it to the settings.
#[derive(Debug, Clone)]
pub(crate) struct Prefixes(Vec<NumberPrefix>);

/// Whom a room calls as its operator.
#[derive(Debug, Clone)]
pub(crate) struct OperatorChange(Option<DialTarget>);

#[derive(Debug, Clone, Copy, ValueEnum)]
enum EntryWord {
    Start,
    Hold,
    Converse,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum AnnounceWord {
    Name,
    Tone,
    Silence,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum NoisyWord {
    Ignore,
    Tell,
    Mute,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum LockWord {
    All,
    AllButHosts,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Switch {
    On,
    Off,
}

impl Switch {
    const fn is_on(self) -> bool {
        matches!(self, Self::On)
    }
}

impl RoomSettings {
    pub(super) fn entry(&self) -> Option<EntryPolicy> {
        self.entry.map(|word| match word {
            EntryWord::Start => EntryPolicy::Start,
            EntryWord::Hold => EntryPolicy::Hold,
            EntryWord::Converse => EntryPolicy::Converse,
        })
    }

    pub(super) fn announce(&self) -> Option<Announce> {
        self.announce.map(|word| match word {
            AnnounceWord::Name => Announce::Name,
            AnnounceWord::Tone => Announce::Tone,
            AnnounceWord::Silence => Announce::Silence,
        })
    }

    pub(super) const fn host_leaves(&self) -> Option<HostLeaves> {
        self.host_leaves
    }

    pub(super) fn lock(&self) -> Option<LockScope> {
        self.lock.map(|word| match word {
            LockWord::All => LockScope::All,
            LockWord::AllButHosts => LockScope::AllButHosts,
        })
    }

    pub(super) fn music(&self) -> Option<bool> {
        self.music.map(Switch::is_on)
    }

    pub(super) fn unmute_oneself(&self) -> Option<bool> {
        self.unmute_oneself.map(Switch::is_on)
    }

    pub(super) fn deleted_stay_out(&self) -> Option<bool> {
        self.deleted_stay_out.map(Switch::is_on)
    }

    pub(super) fn waiting_room(&self) -> Option<bool> {
        self.waiting_room.map(Switch::is_on)
    }

    pub(super) fn roll_call(&self) -> Option<bool> {
        self.roll_call.map(Switch::is_on)
    }

    pub(super) fn dial_out(&self) -> Option<bool> {
        self.dial_out.map(Switch::is_on)
    }

    pub(super) fn dial_out_prefixes(&self) -> Option<Vec<NumberPrefix>> {
        self.dial_out_prefixes.as_ref().map(|prefixes| prefixes.0.clone())
    }

    pub(super) fn noisy_lines(&self) -> Option<NoisyLines> {
        self.noisy_lines.map(|word| match word {
            NoisyWord::Ignore => NoisyLines::Ignore,
            NoisyWord::Tell => NoisyLines::Tell,
            NoisyWord::Mute => NoisyLines::Mute,
        })
    }

    pub(super) fn noise_suppression(&self) -> Option<bool> {
        self.noise_suppression.map(Switch::is_on)
    }

    pub(super) fn agc(&self) -> Option<bool> {
        self.agc.map(Switch::is_on)
    }

    pub(super) fn operator(&self) -> Option<Option<DialTarget>> {
        self.operator.as_ref().map(|change| change.0.clone())
    }

    /// Puts what is named into a new room.
    pub(super) fn apply(&self, room: &mut Room) {
        room.entry = self.entry().unwrap_or(room.entry);
        room.class = self.class.clone().unwrap_or_else(|| room.class.clone());
        room.announce = self.announce().unwrap_or(room.announce);
        room.conferees_max = self.max_conferees.unwrap_or(room.conferees_max);
        room.host_leaves = self.host_leaves().unwrap_or(room.host_leaves);
        room.lock = self.lock().unwrap_or(room.lock);
        room.music = self.music().unwrap_or(room.music);
        room.wait_max = self.wait_max.map_or(room.wait_max, |span| span.0.0);
        room.conference_max = self.conference_max.map_or(room.conference_max, |limit| limit.0.0);
        room.call_max = self.call_max.map_or(room.call_max, |limit| limit.0.0);
        room.no_rtp_max = self.no_rtp_max.map_or(room.no_rtp_max, |span| span.0.0);
        room.unmute_oneself = self.unmute_oneself().unwrap_or(room.unmute_oneself);
        room.deleted_stay_out = self.deleted_stay_out().unwrap_or(room.deleted_stay_out);
        room.waiting_room = self.waiting_room().unwrap_or(room.waiting_room);
        room.roll_call = self.roll_call().unwrap_or(room.roll_call);
        room.dial_out = self.dial_out().unwrap_or(room.dial_out);
        if let Some(prefixes) = self.dial_out_prefixes() {
            room.dial_out_prefixes = prefixes;
        }
        room.noisy_lines = self.noisy_lines().unwrap_or(room.noisy_lines);
        room.voices.noise_suppression = self.noise_suppression().unwrap_or(room.voices.noise_suppression);
        room.voices.agc = self.agc().unwrap_or(room.voices.agc);
        if let Some(operator) = self.operator() {
            room.operator = operator;
        }
    }

    fn names_nothing(&self) -> bool {
        let Self {
            entry,
            class,
            announce,
            max_conferees,
            host_leaves,
            lock,
            music,
            wait_max,
            conference_max,
            call_max,
            no_rtp_max,
            unmute_oneself,
            deleted_stay_out,
            waiting_room,
            roll_call,
            dial_out,
            dial_out_prefixes,
            operator,
            noisy_lines,
            noise_suppression,
            agc,
        } = self;
        entry.is_none()
            && class.is_none()
            && announce.is_none()
            && max_conferees.is_none()
            && host_leaves.is_none()
            && lock.is_none()
            && music.is_none()
            && wait_max.is_none()
            && conference_max.is_none()
            && call_max.is_none()
            && no_rtp_max.is_none()
            && unmute_oneself.is_none()
            && deleted_stay_out.is_none()
            && waiting_room.is_none()
            && roll_call.is_none()
            && dial_out.is_none()
            && dial_out_prefixes.is_none()
            && operator.is_none()
            && noisy_lines.is_none()
            && noise_suppression.is_none()
            && agc.is_none()
    }
}

impl SetRoom {
    /// Whether no change was named.
    pub(super) fn changes_nothing(&self) -> bool {
        self.settings.names_nothing()
            && self.rename.is_none()
            && !self.new_codes
            && self.host_code.is_none()
            && self.participant_code.is_none()
            && self.host_pin.is_none()
    }
}

fn name(text: &str) -> Result<RoomName, String> {
    RoomName::new(text).map_err(|error| error.to_string())
}

fn class(text: &str) -> Result<MixerClass, String> {
    MixerClass::new(text).map_err(|error| error.to_string())
}

// The code itself is a secret: the message says how it is wrong, and clap quotes what was typed to who typed it.
fn code(text: &str) -> Result<ConferenceCode, String> {
    ConferenceCode::parse(text).map_err(|error| wrong_digits("a code", &error))
}

fn pin(text: &str) -> Result<HostPin, String> {
    HostPin::parse(text).map_err(|error| wrong_digits("a PIN", &error))
}

fn wrong_digits(what: &str, error: &CodeError) -> String {
    match error {
        CodeError::Length { digits } => format!(
            "{what} has {} to {} digits; this one has {digits}",
            ConferenceCode::DIGITS_MIN,
            ConferenceCode::DIGITS_MAX
        ),
        CodeError::NotDigits => format!("{what} is made of the digits 0 to 9 only"),
    }
}

fn pin_change(text: &str) -> Result<PinChange, String> {
    if text == "none" { Ok(PinChange::Remove) } else { pin(text).map(PinChange::Set) }
}

fn prefixes(text: &str) -> Result<Prefixes, String> {
    if text == "any" {
        return Ok(Prefixes(Vec::new()));
    }
    let read = |prefix: &str| {
        NumberPrefix::new(prefix.trim())
            .map_err(|_| "expected \"any\", or what numbers begin with, such as +49,+43".to_owned())
    };
    text.split(',').map(read).collect::<Result<_, _>>().map(Prefixes)
}

fn operator(text: &str) -> Result<OperatorChange, String> {
    if text == "default" {
        return Ok(OperatorChange(None));
    }
    let target = DialTarget::operator(text);
    target.map(|target| OperatorChange(Some(target))).map_err(|_| {
        "expected \"default\", a number or a SIP address, such as +4930100 or sip:desk@example.org".to_owned()
    })
}

fn host_leaves(text: &str) -> Result<HostLeaves, String> {
    const EXPECTED: &str =
        "expected \"end\", \"continue\", \"grace\" or \"grace:SECONDS\" with 1 to 86400 seconds";
    match text.split_once(':') {
        None if text == "end" => Ok(HostLeaves::End),
        None if text == "continue" => Ok(HostLeaves::Continue),
        None if text == "grace" => Ok(HostLeaves::Grace(Room::GRACE_DEFAULT)),
        Some(("grace", seconds)) => match seconds.parse::<u64>() {
            Ok(seconds @ 1..=86_400) => Ok(HostLeaves::Grace(Duration::from_secs(seconds))),
            Ok(_) | Err(_) => Err(EXPECTED.to_owned()),
        },
        None | Some(_) => Err(EXPECTED.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_no_and_of_forty_digits_are_told_how_many_are_allowed() {
        assert_eq!(code("").unwrap_err(), "a code has 4 to 16 digits; this one has 0");
        assert_eq!(code(&"1".repeat(40)).unwrap_err(), "a code has 4 to 16 digits; this one has 40");
        assert_eq!(code("12ab").unwrap_err(), "a code is made of the digits 0 to 9 only");
        assert!(code("0042").is_ok());
    }

    #[test]
    fn numbers_and_operators_that_are_none_are_refused() {
        assert_eq!(prefixes("+49, 030").unwrap().0.len(), 2);
        assert!(prefixes("any").unwrap().0.is_empty());
        assert!(operator("default").unwrap().0.is_none());
        assert!(operator("sip:desk@example.org").unwrap().0.is_some());
        for wrong in ["", "abc", "+49,", "+4 9"] {
            assert!(prefixes(wrong).is_err(), "{wrong}");
            assert!(operator(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_happens_when_the_last_host_leaves_is_one_of_three() {
        assert_eq!(host_leaves("grace:90"), Ok(HostLeaves::Grace(Duration::from_secs(90))));
        assert_eq!(host_leaves("end"), Ok(HostLeaves::End));
        for wrong in ["", "grace:", "grace:0", "grace:-1", "grace:99999999", "end:5", "stay"] {
            assert!(host_leaves(wrong).is_err(), "{wrong}");
        }
    }
}
