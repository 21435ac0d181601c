//! What answers a dialled number.

use std::fmt;

use partyline_call::Language;
use partyline_conference::{ConferenceCode, RoomName};
use serde::de::{self, Deserializer};
use serde::{Deserialize, Serialize, Serializer};

use crate::number::NumberPattern;
use crate::secret::MASK;

/// What can answer a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Application {
    /// Conferences.
    #[default]
    Conferencing,
    /// The line test.
    Linetest,
}

/// A dialled number, or many, and what answers there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NumberSettings {
    /// The number, or how it begins and `*`.
    pub number: NumberPattern,
    /// The application.
    #[serde(default)]
    pub application: Application,
    /// The language; `None` is that of the VRU.
    #[serde(default, with = "language_tag", skip_serializing_if = "Option::is_none")]
    pub language: Option<Language>,
    /// The room that the number belongs to: codes of other rooms are unknown there.
    #[serde(default, with = "room_name", skip_serializing_if = "Option::is_none")]
    pub room: Option<RoomName>,
    /// The code that stands for the number: callers enter without being asked for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<CodeText>,
}

/// A conference code in settings. It is written out masked.
#[derive(Clone, PartialEq, Eq)]
pub struct CodeText(pub ConferenceCode);

impl fmt::Debug for CodeText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for CodeText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(MASK)
    }
}

impl<'de> Deserialize<'de> for CodeText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let digits = String::deserialize(deserializer)?;
        ConferenceCode::parse(&digits)
            .map(Self)
            .map_err(|error| de::Error::custom(format!("the code {error}")))
    }
}

pub(crate) mod language_tag {
    use super::{Deserialize, Deserializer, Language, Serializer, de};

    #[expect(clippy::ref_option, reason = "the shape that serde calls")]
    pub(crate) fn serialize<S: Serializer>(
        language: &Option<Language>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match language {
            Some(language) => serializer.serialize_str(language.tag()),
            None => serializer.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Language>, D::Error> {
        let tag = String::deserialize(deserializer)?;
        Language::from_tag(&tag)
            .map(Some)
            .ok_or_else(|| de::Error::custom("expected a language that prompts are there in: \"en\""))
    }
}

mod room_name {
    use super::{Deserialize, Deserializer, RoomName, Serializer, de};

    #[expect(clippy::ref_option, reason = "the shape that serde calls")]
    pub(super) fn serialize<S: Serializer>(
        room: &Option<RoomName>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match room {
            Some(room) => serializer.serialize_str(room.as_str()),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<RoomName>, D::Error> {
        let name = String::deserialize(deserializer)?;
        RoomName::new(&name)
            .map(Some)
            .map_err(|error| de::Error::custom(format!("expected a room's name: {error}")))
    }
}
