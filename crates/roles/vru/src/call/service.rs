//! What was dialled: application, language, room, or a code.

use partyline_call::Language;
use partyline_conference::{ConferenceCode, RoomId};
use tracing::warn;

use super::Shared;
use crate::config::Application;

/// What answers a call.
#[derive(Debug, Clone)]
pub(crate) struct Service {
    pub(crate) application: Application,
    pub(crate) language: Language,
    /// The only room whose codes count here.
    pub(crate) room: Option<RoomId>,
    pub(crate) code: Option<ConferenceCode>,
    /// The number as records may show it: empty for digits that may be a code.
    pub(crate) dnis: String,
}

impl Service {
    pub(crate) async fn of_dialled(shared: &Shared, dialled: &str) -> Self {
        // Parameters of the user part (`;phone-context=…`) are not part of the number.
        let dialled = dialled.split(';').next().unwrap_or_default();
        let config = &shared.config;
        let mut service = Self {
            application: Application::Conferencing,
            language: config.language,
            room: None,
            code: None,
            dnis: dialled.chars().take(64).collect(),
        };
        if let Some(number) = config.numbers.get(dialled) {
            service.application = number.application;
            service.language = number.language.unwrap_or(config.language);
            service.code = number.code.clone();
            if let Some(name) = &number.room {
                service.room = Some(room_named(shared, name).await);
            }
        } else if let Ok(code) = ConferenceCode::parse(dialled) {
            service.code = Some(code);
            service.dnis.clear();
        }
        service
    }
}

/// A room that is not found takes no code: a number of one room never opens another.
async fn room_named(shared: &Shared, name: &partyline_conference::RoomName) -> RoomId {
    let found = tokio::time::timeout(shared.config.waits.store(), shared.store.room_named(name)).await;
    match found {
        Ok(Ok(Some(summary))) => summary.room.id,
        Ok(Ok(None)) => {
            warn!(room = %name, "a dialled number names a room that does not exist");
            RoomId::from_bits(0)
        }
        Ok(Err(_)) | Err(_) => {
            warn!(room = %name, "the room of a dialled number could not be read");
            RoomId::from_bits(0)
        }
    }
}
