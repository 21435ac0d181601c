//! Messages of `partyline.mixing.v1.Mixing`.

use partyline_conference::{
    AttendanceId, ConfereeId, ConferenceId, Epoch, MixId, MixKind, RecordedName, VoiceCare, VruId,
};

use super::{ParseError, TICKET_BYTES_MAX, present, read};
use crate::generated::mixing as wire;
use crate::ticket::LegName;

/// A mix exists with this placement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EnsureMix {
    /// The mix.
    pub mix: MixId,
    /// The placement.
    pub epoch: Epoch,
    /// What it is.
    pub kind: MixKind,
    /// The unique identifier of the conference that it carries; `None` for a lobby or a side mix.
    pub conference: Option<ConferenceId>,
    /// Seats reserved for it, as far as is known.
    pub seats: u32,
    /// What the room wants done to voices.
    pub voices: VoiceCare,
    /// The room's version when that was read; an older one changes nothing.
    pub version: u64,
}

/// A mix is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndMix {
    /// The mix.
    pub mix: MixId,
    /// The placement that is over.
    pub epoch: Epoch,
}

/// What should hold for one leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SetLeg {
    /// The mix.
    pub mix: MixId,
    /// The placement.
    pub epoch: Epoch,
    /// Whose leg.
    pub attendance: AttendanceId,
    /// Whether the caller is not heard.
    pub is_muted: bool,
    /// Whether the caller was removed, for the life of the mix.
    pub is_removed: bool,
    /// The room's version when it was decided; an older one changes nothing.
    pub version: u64,
}

/// What a whole mix hears of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sound {
    /// Somebody has come.
    Entry,
    /// Somebody has left.
    Exit,
    /// Nothing any more: what waits to be announced is not.
    Hush,
}

impl Sound {
    /// The word used in the protocol.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Entry => "entry",
            Self::Exit => "exit",
            Self::Hush => "hush",
        }
    }
}

/// Something that all in a mix should hear of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaySound {
    /// The mix.
    pub mix: MixId,
    /// The placement.
    pub epoch: Epoch,
    /// A repeat with the same number plays nothing.
    pub play: u64,
    /// Which.
    pub sound: Sound,
    /// Who it is; `None` for several.
    pub who: Option<ConfereeId>,
    /// Their name; `None` for a tone.
    pub name: Option<RecordedName>,
}

/// A leg of the media engine of the mixer's own process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalLeg {
    /// The engine.
    pub engine: u64,
    /// The leg in it.
    pub leg: u64,
}

/// A leg comes in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JoinMix {
    /// The signed ticket.
    pub ticket: Vec<u8>,
    /// The VRU that says so.
    pub vru: VruId,
    /// What Leave will name.
    pub leg_name: LegName,
    /// The leg.
    pub leg: LocalLeg,
}

/// The disconnect message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaveMix {
    /// The mix.
    pub mix: MixId,
    /// The placement that was joined.
    pub epoch: Epoch,
    /// Which leg.
    pub leg_name: LegName,
}

const KINDS: [(MixKind, &str); 3] =
    [(MixKind::Conference, "conference"), (MixKind::Lobby, "lobby"), (MixKind::Side, "side")];

impl TryFrom<wire::EnsureRequest> for EnsureMix {
    type Error = ParseError;

    fn try_from(request: wire::EnsureRequest) -> Result<Self, ParseError> {
        let (kind, _) =
            KINDS.into_iter().find(|(_, word)| *word == request.kind).ok_or(ParseError::Malformed("kind"))?;
        let conference = match request.conference_id.as_str() {
            "" if kind == MixKind::Conference => return Err(ParseError::Missing("conference_id")),
            "" => None,
            text => Some(read("conference_id", text)?),
        };
        Ok(Self {
            mix: read("mix_id", &request.mix_id)?,
            epoch: Epoch(request.epoch),
            kind,
            conference,
            seats: request.seats,
            voices: VoiceCare { noise_suppression: request.noise_suppression, agc: !request.agc_off },
            version: request.version,
        })
    }
}

impl From<EnsureMix> for wire::EnsureRequest {
    fn from(ensure: EnsureMix) -> Self {
        let kind = match ensure.kind {
            MixKind::Conference => "conference",
            MixKind::Lobby => "lobby",
            MixKind::Side => "side",
        };
        Self {
            mix_id: ensure.mix.to_string(),
            epoch: ensure.epoch.0,
            kind: kind.to_owned(),
            conference_id: ensure.conference.map(|id| id.to_string()).unwrap_or_default(),
            seats: ensure.seats,
            noise_suppression: ensure.voices.noise_suppression,
            agc_off: !ensure.voices.agc,
            version: ensure.version,
        }
    }
}

impl TryFrom<wire::EndRequest> for EndMix {
    type Error = ParseError;

    fn try_from(request: wire::EndRequest) -> Result<Self, ParseError> {
        Ok(Self { mix: read("mix_id", &request.mix_id)?, epoch: Epoch(request.epoch) })
    }
}

impl From<EndMix> for wire::EndRequest {
    fn from(end: EndMix) -> Self {
        Self { mix_id: end.mix.to_string(), epoch: end.epoch.0 }
    }
}

impl TryFrom<wire::SetRequest> for SetLeg {
    type Error = ParseError;

    fn try_from(request: wire::SetRequest) -> Result<Self, ParseError> {
        Ok(Self {
            mix: read("mix_id", &request.mix_id)?,
            epoch: Epoch(request.epoch),
            attendance: read("attendance_id", &request.attendance_id)?,
            is_muted: request.is_muted,
            is_removed: request.is_removed,
            version: request.version,
        })
    }
}

impl From<SetLeg> for wire::SetRequest {
    fn from(set: SetLeg) -> Self {
        Self {
            mix_id: set.mix.to_string(),
            epoch: set.epoch.0,
            attendance_id: set.attendance.to_string(),
            is_muted: set.is_muted,
            is_removed: set.is_removed,
            version: set.version,
        }
    }
}

impl TryFrom<wire::PlayRequest> for PlaySound {
    type Error = ParseError;

    fn try_from(request: wire::PlayRequest) -> Result<Self, ParseError> {
        let sound = [Sound::Entry, Sound::Exit, Sound::Hush]
            .into_iter()
            .find(|sound| sound.as_str() == request.sound)
            .ok_or(ParseError::Malformed("sound"))?;
        let who = match request.conferee_id.as_str() {
            "" => None,
            text => Some(read("conferee_id", text)?),
        };
        let name = match request.name.as_slice() {
            [] => None,
            _ if who.is_none() => return Err(ParseError::Missing("conferee_id")),
            octets => Some(RecordedName::from_octets(octets).ok_or(ParseError::Malformed("name"))?),
        };
        Ok(Self {
            mix: read("mix_id", &request.mix_id)?,
            epoch: Epoch(request.epoch),
            play: request.play_id,
            sound,
            who,
            name,
        })
    }
}

impl From<PlaySound> for wire::PlayRequest {
    fn from(play: PlaySound) -> Self {
        Self {
            mix_id: play.mix.to_string(),
            epoch: play.epoch.0,
            play_id: play.play,
            sound: play.sound.as_str().to_owned(),
            conferee_id: play.who.map(|who| who.to_string()).unwrap_or_default(),
            name: play.name.map(|name| name.to_octets()).unwrap_or_default(),
        }
    }
}

impl TryFrom<wire::JoinRequest> for JoinMix {
    type Error = ParseError;

    fn try_from(request: wire::JoinRequest) -> Result<Self, ParseError> {
        use wire::join_request::Media;
        if request.ticket.len() > TICKET_BYTES_MAX {
            return Err(ParseError::TooLong { field: "ticket", bytes_max: TICKET_BYTES_MAX });
        }
        let Media::Local(local) = present("media", request.media)?;
        Ok(Self {
            ticket: request.ticket,
            vru: read("vru_id", &request.vru_id)?,
            leg_name: read("conferee_id", &request.conferee_id)?,
            leg: LocalLeg { engine: local.engine_id, leg: local.leg_id },
        })
    }
}

impl From<JoinMix> for wire::JoinRequest {
    fn from(join: JoinMix) -> Self {
        use wire::join_request::Media;
        Self {
            ticket: join.ticket,
            vru_id: join.vru.to_string(),
            conferee_id: join.leg_name.to_string(),
            media: Some(Media::Local(wire::LocalLeg { engine_id: join.leg.engine, leg_id: join.leg.leg })),
        }
    }
}

impl TryFrom<wire::LeaveRequest> for LeaveMix {
    type Error = ParseError;

    fn try_from(request: wire::LeaveRequest) -> Result<Self, ParseError> {
        Ok(Self {
            mix: read("mix_id", &request.mix_id)?,
            epoch: Epoch(request.epoch),
            leg_name: read("conferee_id", &request.conferee_id)?,
        })
    }
}

impl From<LeaveMix> for wire::LeaveRequest {
    fn from(leave: LeaveMix) -> Self {
        Self { mix_id: leave.mix.to_string(), epoch: leave.epoch.0, conferee_id: leave.leg_name.to_string() }
    }
}
