//! What was dialled: application, language, room, or a code.

use partyline_call::{Arrival, Language};
use partyline_conference::RoomName;
use partyline_conference::{ConferenceCode, HostPin, RoomId};
use partyline_sip::endpoint::IncomingCall;
use partyline_trunk::{Application, Called, Trunk};
use tracing::warn;

use super::Shared;

/// Longer numbers are cut off in records.
const DNIS_CHARS_MAX: usize = 64;

/// What answers a call.
#[derive(Debug, Clone)]
pub(crate) struct Service {
    pub(crate) application: Application,
    pub(crate) language: Language,
    pub(crate) arrival: Arrival,
    /// The number as records may show it: empty for digits that may be a code.
    pub(crate) dnis: String,
}

impl Service {
    /// What answers a call: what its trunk says of the number, else what the settings say of what was dialled.
    pub(crate) async fn of_call(shared: &Shared, incoming: &IncomingCall, trunk: Option<&Trunk>) -> Self {
        let called =
            Called { request: &incoming.dialled, to: &incoming.to_user, original: incoming.first_dialled() };
        let Some(trunk) = trunk else { return Self::of_dialled(shared, &incoming.dialled).await };
        let language = trunk.language.unwrap_or(shared.config.language);
        match trunk.meaning(&called) {
            Some(meaning) => {
                let (number, entry) = (meaning.number, meaning.entry);
                Self {
                    application: entry.application,
                    language: entry.language.unwrap_or(language),
                    arrival: arrival(shared, entry.code.as_ref(), entry.room.as_ref()).await,
                    dnis: number.as_str().chars().take(DNIS_CHARS_MAX).collect(),
                }
            }
            None => Self::of_dialled(shared, &incoming.dialled).await,
        }
    }

    async fn of_dialled(shared: &Shared, dialled: &str) -> Self {
        // Parameters of the user part (`;phone-context=…`) are not part of the number.
        let dialled = dialled.split(';').next().unwrap_or_default();
        let config = &shared.config;
        let mut service = Self {
            application: Application::Conferencing,
            language: config.language,
            arrival: Arrival::Service { room: None },
            dnis: dialled.chars().take(DNIS_CHARS_MAX).collect(),
        };
        if let Some(number) = config.numbers.get(dialled) {
            service.application = number.application;
            service.language = number.language.unwrap_or(config.language);
            service.arrival = arrival(shared, number.code.as_ref(), number.room.as_ref()).await;
        } else if let Some((code, host_pin)) = code_and_pin(dialled) {
            service.arrival = Arrival::Code { code, host_pin };
            service.dnis.clear();
        }
        service
    }
}

/// Digits that may be a code, with those of a PIN behind `*`, whatever separates them for the eye [RFC 3966 §5.1.1].
fn code_and_pin(dialled: &str) -> Option<(ConferenceCode, Option<HostPin>)> {
    let plain: String = dialled.chars().filter(|char| !matches!(char, '-' | '.' | '(' | ')')).collect();
    let mut parts = plain.split(['*', '#']);
    let code = ConferenceCode::parse(parts.next()?).ok()?;
    Some((code, parts.next().and_then(|pin| HostPin::parse(pin).ok())))
}

/// How callers of a number begin: with the code that stands for it, or with the prompt for one.
async fn arrival(shared: &Shared, code: Option<&ConferenceCode>, room: Option<&RoomName>) -> Arrival {
    match (code, room) {
        (Some(code), _) => Arrival::Code { code: code.clone(), host_pin: None },
        (None, Some(name)) => arrival_of_room(shared, name).await,
        (None, None) => Arrival::Service { room: None },
    }
}

/// A room that is not found takes no code: a number of one room never opens another.
async fn arrival_of_room(shared: &Shared, name: &RoomName) -> Arrival {
    let found = tokio::time::timeout(shared.config.waits.store(), shared.store.room_named(name)).await;
    match found {
        Ok(Ok(Some(summary))) => Arrival::Service { room: Some(summary.room.id) },
        Ok(Ok(None)) => {
            warn!(room = %name, "a dialled number names a room that does not exist");
            Arrival::Service { room: Some(RoomId::from_bits(0)) }
        }
        Ok(Err(_)) | Err(_) => {
            warn!(room = %name, "the room of a dialled number could not be read");
            Arrival::Unavailable
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(dialled: &str) -> Option<(String, Option<String>)> {
        code_and_pin(dialled)
            .map(|(code, pin)| (code.reveal().to_owned(), pin.map(|pin| pin.reveal().to_owned())))
    }

    #[test]
    fn code_is_known_with_separators_and_with_a_pin_behind_it() {
        let code = "12345678".to_owned();
        for dialled in ["12345678", "1234-5678", "(1234)5678", "12.34.56.78", "12345678#"] {
            assert_eq!(read(dialled), Some((code.clone(), None)), "{dialled}");
        }
        for dialled in ["12345678*4321", "1234-5678*4321#", "12345678#4321"] {
            assert_eq!(read(dialled), Some((code.clone(), Some("4321".to_owned()))), "{dialled}");
        }
    }

    #[test]
    fn name_and_international_number_are_no_code() {
        for dialled in ["conference", "+18005551234", "", "*", "123"] {
            assert_eq!(read(dialled), None, "{dialled}");
        }
    }
}
