//! The name that a caller has said.

use std::fmt;

use partyline_conference::{AttendanceId, RecordedName};

use super::{ParseError, read};
use crate::generated::conferencing as wire;
use crate::generated::mixing::PlayRequest;

/// A voice does not belong into logs.
impl fmt::Debug for wire::KeepNameRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeepNameRequest")
            .field("attendance_id", &self.attendance_id)
            .field("octets", &self.samples.len())
            .finish()
    }
}

/// A voice does not belong into logs.
impl fmt::Debug for PlayRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PlayRequest")
            .field("mix_id", &self.mix_id)
            .field("epoch", &self.epoch)
            .field("play_id", &self.play_id)
            .field("sound", &self.sound)
            .field("conferee_id", &self.conferee_id)
            .field("octets", &self.name.len())
            .finish()
    }
}

/// A name on its way to the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameToKeep {
    /// Whose.
    pub attendance: AttendanceId,
    /// The name.
    pub name: RecordedName,
}

impl TryFrom<wire::KeepNameRequest> for NameToKeep {
    type Error = ParseError;

    fn try_from(request: wire::KeepNameRequest) -> Result<Self, ParseError> {
        let name = RecordedName::from_octets(&request.samples).ok_or(ParseError::Malformed("samples"))?;
        Ok(Self { attendance: read("attendance_id", &request.attendance_id)?, name })
    }
}

impl From<NameToKeep> for wire::KeepNameRequest {
    fn from(kept: NameToKeep) -> Self {
        Self { attendance_id: kept.attendance.to_string(), samples: kept.name.to_octets() }
    }
}
