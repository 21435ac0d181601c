//! Room commands: they work on the database itself, beside a running server or without one.

mod answers;
mod arguments;

use std::time::Duration;

use anyhow::{Context as _, bail};
use partyline_conference::{AccountId, ConferenceCode, HostPin, Role, Room, RoomId, RoomName, RoomVersion};
use partyline_store::{NewRoom, RoomChanges, RoomSummary, Store, StoreError};

pub(crate) use arguments::{CreateRoom, SetRoom};

use crate::answer::Answer;
use crate::codes;
use crate::config::file::standard_class;
use arguments::PinChange;

/// Draws before giving up: two codes that meet are one in a hundred million for each room there is.
const DRAWS_MAX: usize = 16;
/// The end of what a store says is taken when it is a code.
const CODE: &str = "code";

/// The codes of a room, in the clear: shown once.
#[derive(Debug, Clone)]
pub(crate) struct Codes {
    pub(crate) host: ConferenceCode,
    pub(crate) participant: ConferenceCode,
}

/// The settings of a room that says nothing.
pub(crate) fn default_room(name: RoomName) -> Room {
    Room {
        id: RoomId::from_bits(rand::random()),
        account: AccountId::from_bits(0),
        name,
        version: RoomVersion(0),
        entry: partyline_conference::EntryPolicy::Hold,
        class: standard_class().0,
        announce: partyline_conference::Announce::Tone,
        conferees_max: Room::CONFEREES_MAX_DEFAULT,
        host_leaves: partyline_conference::HostLeaves::Grace(Room::GRACE_DEFAULT),
        lock: partyline_conference::LockScope::AllButHosts,
        music: true,
        wait_max: Room::WAIT_MAX_DEFAULT,
        conference_max: None,
        call_max: None,
        no_rtp_max: Room::NO_RTP_MAX_DEFAULT,
        has_host_pin: false,
        unmute_oneself: false,
        deleted_stay_out: false,
        waiting_room: false,
        roll_call: false,
        dial_out: false,
        dial_out_prefixes: Vec::new(),
        operator: None,
        noisy_lines: partyline_conference::NoisyLines::default(),
        voices: partyline_conference::VoiceCare::default(),
    }
}

/// Makes a room; codes that are not given are drawn until they are new.
pub(crate) async fn make(
    store: &dyn Store,
    settings: Room,
    host: Option<ConferenceCode>,
    participant: Option<ConferenceCode>,
    host_pin: Option<HostPin>,
) -> anyhow::Result<(Room, Codes)> {
    let are_given = host.is_some() && participant.is_some();
    for _ in 0..DRAWS_MAX {
        let codes = Codes { host: given_or_drawn(&host)?, participant: given_or_drawn(&participant)? };
        if codes.host == codes.participant {
            if are_given {
                bail!(
                    "the host code and the participant code are the same; expected two codes, as they give two roles"
                );
            }
            continue;
        }
        let room = NewRoom {
            settings: settings.clone(),
            host_code: codes.host.clone(),
            participant_code: codes.participant.clone(),
            host_pin: host_pin.clone(),
        };
        match store.create_room(&room).await {
            Ok(made) => return Ok((made, codes)),
            // A drawn code may have met another; a given one is told, as a second draw would not help it.
            Err(StoreError::Taken(what)) if is_code(what) && !are_given => {}
            Err(StoreError::Taken(what)) => bail!("{}", taken(what, settings.name.as_str())),
            Err(error) => return Err(error.into()),
        }
    }
    bail!("this code is in use already; choose another, or leave it out and one is drawn")
}

fn given_or_drawn(given: &Option<ConferenceCode>) -> anyhow::Result<ConferenceCode> {
    match given {
        Some(code) => Ok(code.clone()),
        None => codes::draw().context("no code could be drawn"),
    }
}

fn taken(what: &str, name: &str) -> String {
    if is_code(what) {
        "this code is in use already; choose another, or leave it out and one is drawn".to_owned()
    } else {
        format!(
            "the {what} \"{name}\" is in use already; choose another, or see `partyline room show {name}`"
        )
    }
}

/// `room create`.
pub(crate) async fn create(store: &dyn Store, arguments: &CreateRoom) -> anyhow::Result<Answer> {
    let mut room = default_room(arguments.name.clone());
    arguments.settings.apply(&mut room);
    let (room, codes) = make(
        store,
        room,
        arguments.host_code.clone(),
        arguments.participant_code.clone(),
        arguments.host_pin.clone(),
    )
    .await?;
    let summary = summary(store, &room.name).await?;
    Ok(answers::created(&summary, &codes))
}

/// `room list`.
pub(crate) async fn list(store: &dyn Store) -> anyhow::Result<Answer> {
    Ok(answers::listed(&store.rooms().await?))
}

/// `room show`.
pub(crate) async fn show(store: &dyn Store, name: &str) -> anyhow::Result<Answer> {
    Ok(answers::shown(&summary(store, &room_name(name)?).await?))
}

/// `room delete`.
pub(crate) async fn delete(store: &dyn Store, name: &str) -> anyhow::Result<Answer> {
    let room = summary(store, &room_name(name)?).await?.room;
    match store.delete_room(room.id).await {
        Ok(()) => Ok(answers::deleted(&room)),
        Err(StoreError::Taken(_)) => {
            bail!("callers are in the room \"{name}\"; it can be deleted when they have left")
        }
        Err(error) => Err(error.into()),
    }
}

/// `room set`.
pub(crate) async fn set(store: &dyn Store, arguments: &SetRoom) -> anyhow::Result<Answer> {
    let before = summary(store, &arguments.name).await?;
    let changes = changes(arguments);
    if arguments.changes_nothing() {
        bail!("nothing to change was named; see `partyline room set --help`");
    }
    let room = match store.change_room(before.room.id, &changes).await {
        Ok(room) => room,
        Err(StoreError::Taken(what)) => {
            let name = arguments.rename.as_ref().unwrap_or(&arguments.name);
            bail!("{}", taken(what, name.as_str()))
        }
        Err(error) => return Err(error.into()),
    };
    let host = new_code(store, &room, Role::Host, arguments.host_code.as_ref(), arguments.new_codes).await?;
    let participant =
        new_code(store, &room, Role::Participant, arguments.participant_code.as_ref(), arguments.new_codes)
            .await;
    let participant = match (participant, &host) {
        (Ok(code), _) => code,
        (Err(error), None) => return Err(error),
        (Err(error), Some(host)) => {
            let host = host.reveal();
            return Err(
                error.context(format!("the host code was changed to {host}, the participant code was not"))
            );
        }
    };
    Ok(answers::changed(&summary(store, &room.name).await?, host.as_ref(), participant.as_ref()))
}

/// Draws new codes for both roles.
pub(crate) async fn renew_codes(store: &dyn Store, room: &Room) -> anyhow::Result<Codes> {
    let host = new_code(store, room, Role::Host, None, true).await?;
    let participant = new_code(store, room, Role::Participant, None, true).await?;
    let (Some(host), Some(participant)) = (host, participant) else { bail!("no codes were drawn") };
    Ok(Codes { host, participant })
}

fn changes(arguments: &SetRoom) -> RoomChanges {
    let settings = &arguments.settings;
    RoomChanges {
        name: arguments.rename.clone(),
        entry: settings.entry(),
        class: settings.class.clone(),
        announce: settings.announce(),
        conferees_max: settings.max_conferees,
        host_leaves: settings.host_leaves(),
        lock: settings.lock(),
        music: settings.music(),
        wait_max: settings.wait_max.map(|span| span.0.0),
        conference_max: settings.conference_max.map(|limit| limit.0.0),
        call_max: settings.call_max.map(|limit| limit.0.0),
        no_rtp_max: settings.no_rtp_max.map(|span| span.0.0),
        host_pin: arguments.host_pin.clone().map(|change| match change {
            PinChange::Set(pin) => Some(pin),
            PinChange::Remove => None,
        }),
        unmute_oneself: settings.unmute_oneself(),
        deleted_stay_out: settings.deleted_stay_out(),
        waiting_room: settings.waiting_room(),
        roll_call: settings.roll_call(),
        dial_out: settings.dial_out(),
        dial_out_prefixes: settings.dial_out_prefixes(),
        operator: settings.operator(),
        noisy_lines: settings.noisy_lines(),
        noise_suppression: settings.noise_suppression(),
        agc: settings.agc(),
    }
}

async fn new_code(
    store: &dyn Store,
    room: &Room,
    role: Role,
    given: Option<&ConferenceCode>,
    is_drawn: bool,
) -> anyhow::Result<Option<ConferenceCode>> {
    if given.is_none() && !is_drawn {
        return Ok(None);
    }
    for _ in 0..DRAWS_MAX {
        let code = given_or_drawn(&given.cloned())?;
        match store.set_code(room.id, role, &code).await {
            Ok(()) => return Ok(Some(code)),
            Err(StoreError::Taken(_)) if given.is_none() => {}
            Err(StoreError::Taken(_)) => break,
            Err(error) => return Err(error.into()),
        }
    }
    bail!("the {} code: {}", role.as_str(), taken(CODE, room.name.as_str()))
}

/// Reads a room's name as it was typed.
pub(crate) fn room_name(name: &str) -> anyhow::Result<RoomName> {
    RoomName::new(name).with_context(|| format!("\"{name}\" is not the name of a room"))
}

/// The room of this name.
pub(crate) async fn summary(store: &dyn Store, name: &RoomName) -> anyhow::Result<RoomSummary> {
    let found = store.room_named(name).await?;
    found.with_context(|| format!("there is no room \"{name}\"; `partyline room list` shows those there are"))
}

/// Whole seconds of a setting.
const fn seconds(time: Duration) -> u64 {
    time.as_secs()
}

fn is_code(what: &str) -> bool {
    what.ends_with(CODE)
}
