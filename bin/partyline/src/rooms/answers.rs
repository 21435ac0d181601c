//! Rooms as people and JSON read them.

use partyline_conference::{
    Announce, ConferenceCode, EntryPolicy, HostLeaves, LockScope, NumberPrefix, Room,
};
use partyline_store::RoomSummary;
use serde_json::{Value, json};

use super::{Codes, seconds};
use crate::answer::{Answer, table};
use crate::config::values::{Limit, Span};

pub(super) fn created(summary: &RoomSummary, codes: &Codes) -> Answer {
    let room = &summary.room;
    let text = format!(
        "Room \"{}\" is made.\n\n  Host code         {}\n  Participant code  {}\n\n\
         The codes are shown this once: they are kept as hashes. Lost ones are replaced by\n\
         `partyline room set {} --new-codes`.\n",
        room.name,
        codes.host.reveal(),
        codes.participant.reveal(),
        room.name
    );
    let mut json = json(summary);
    json["host_code"] = codes.host.reveal().into();
    json["participant_code"] = codes.participant.reveal().into();
    Answer::new(text, json)
}

pub(super) fn changed(
    summary: &RoomSummary,
    host: Option<&ConferenceCode>,
    participant: Option<&ConferenceCode>,
) -> Answer {
    let mut text = format!("Room \"{}\" is changed.\n", summary.room.name);
    let mut json = json(summary);
    for (label, key, code) in
        [("Host code       ", "host_code", host), ("Participant code", "participant_code", participant)]
    {
        if let Some(code) = code {
            text.push_str(&format!("  {label}  {}\n", code.reveal()));
            json[key] = code.reveal().into();
        }
    }
    if host.or(participant).is_some() {
        text.push_str(
            "\nThe codes are shown this once: they are kept as hashes. The old ones no longer work.\n",
        );
    }
    Answer::new(text, json)
}

pub(super) fn deleted(room: &Room) -> Answer {
    let text =
        format!("Room \"{}\" is deleted. Its records are kept as long as the settings say.\n", room.name);
    Answer::new(text, json!({ "deleted": room.name.as_str(), "id": room.id.to_string() }))
}

pub(super) fn listed(rooms: &[RoomSummary]) -> Answer {
    let json = Value::Array(rooms.iter().map(json).collect());
    if rooms.is_empty() {
        return Answer::new("There are no rooms. `partyline room create NAME` makes one.\n".to_owned(), json);
    }
    let rows: Vec<Vec<String>> = rooms
        .iter()
        .map(|summary| {
            let room = &summary.room;
            vec![
                room.name.to_string(),
                entry(room.entry).to_owned(),
                room.class.to_string(),
                format!("…{}", summary.host_code_ends),
                format!("…{}", summary.participant_code_ends),
                format!("{}/{}", summary.callers, room.conferees_max),
                summary.conference.map_or_else(|| "-".to_owned(), |id| id.to_string()),
            ]
        })
        .collect();
    let header = ["NAME", "ENTRY", "CLASS", "HOST", "PARTICIPANT", "CALLERS", "CONFERENCE"];
    Answer::new(table(&header, &rows), json)
}

pub(super) fn shown(summary: &RoomSummary) -> Answer {
    let room = &summary.room;
    let limit = |limit| Limit(limit).to_string();
    let lines = [
        ("Name", room.name.to_string()),
        ("Identifier", room.id.to_string()),
        ("Account", room.account.to_string()),
        ("Host code", format!("ends with {}", summary.host_code_ends)),
        ("Participant code", format!("ends with {}", summary.participant_code_ends)),
        ("Host PIN", if room.has_host_pin { "asked for" } else { "none" }.to_owned()),
        ("Entry", entry(room.entry).to_owned()),
        ("Mixer class", room.class.to_string()),
        ("Announcements", announce(room.announce).to_owned()),
        ("Most callers", room.conferees_max.to_string()),
        ("When the last host leaves", host_leaves(room.host_leaves)),
        ("A lock keeps out", lock(room.lock).to_owned()),
        ("Music for who is alone", on_off(room.music)),
        ("Longest wait for a host", Span(room.wait_max).to_string()),
        ("Longest conference", limit(room.conference_max)),
        ("Longest call", limit(room.call_max)),
        ("Hang-up without audio", Span(room.no_rtp_max).to_string()),
        ("Muted by a host, may unmute", on_off(room.unmute_oneself)),
        ("Deleted callers stay out", on_off(room.deleted_stay_out)),
        ("Waiting room", on_off(room.waiting_room)),
        ("Roll call for participants", on_off(room.roll_call)),
        ("Hosts may call others in", on_off(room.dial_out)),
        ("Numbers to call begin with", prefixes(room)),
        (
            "Operator",
            room.operator.as_ref().map_or_else(|| "by the settings".to_owned(), ToString::to_string),
        ),
        ("Noisy lines", room.noisy_lines.as_str().to_owned()),
        ("Noise suppression", on_off(room.voices.noise_suppression)),
        ("Automatic gain control", on_off(room.voices.agc)),
        ("Callers now", summary.callers.to_string()),
        ("Conference", summary.conference.map_or_else(|| "none".to_owned(), |id| id.to_string())),
    ];
    let text = lines.iter().map(|(label, value)| format!("{label:<27} {value}\n")).collect();
    Answer::new(text, json(summary))
}

fn json(summary: &RoomSummary) -> Value {
    let room = &summary.room;
    json!({
        "id": room.id.to_string(),
        "account": room.account.to_string(),
        "name": room.name.as_str(),
        "entry": entry(room.entry),
        "class": room.class.as_str(),
        "announce": announce(room.announce),
        "max_conferees": room.conferees_max,
        "host_leaves": host_leaves(room.host_leaves),
        "lock": lock(room.lock),
        "music": room.music,
        "wait_max_seconds": seconds(room.wait_max),
        "conference_max_seconds": room.conference_max.map(seconds),
        "call_max_seconds": room.call_max.map(seconds),
        "no_rtp_max_seconds": seconds(room.no_rtp_max),
        "has_host_pin": room.has_host_pin,
        "unmute_oneself": room.unmute_oneself,
        "deleted_stay_out": room.deleted_stay_out,
        "waiting_room": room.waiting_room,
        "roll_call": room.roll_call,
        "dial_out": room.dial_out,
        "dial_out_prefixes": room.dial_out_prefixes.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "operator": room.operator.as_ref().map(ToString::to_string),
        "noisy_lines": room.noisy_lines.as_str(),
        "noise_suppression": room.voices.noise_suppression,
        "agc": room.voices.agc,
        "host_code_ends": summary.host_code_ends,
        "participant_code_ends": summary.participant_code_ends,
        "conference": summary.conference.map(|id| id.to_string()),
        "callers": summary.callers,
    })
}

fn prefixes(room: &Room) -> String {
    let prefixes: Vec<&str> = room.dial_out_prefixes.iter().map(NumberPrefix::as_str).collect();
    if prefixes.is_empty() { "as the settings allow".to_owned() } else { prefixes.join(", ") }
}

fn on_off(is_on: bool) -> String {
    if is_on { "on" } else { "off" }.to_owned()
}

const fn entry(entry: EntryPolicy) -> &'static str {
    match entry {
        EntryPolicy::Start => "start",
        EntryPolicy::Hold => "hold",
        EntryPolicy::Converse => "converse",
    }
}

const fn announce(announce: Announce) -> &'static str {
    match announce {
        Announce::Name => "name",
        Announce::Tone => "tone",
        Announce::Silence => "silence",
    }
}

const fn lock(lock: LockScope) -> &'static str {
    match lock {
        LockScope::All => "all",
        LockScope::AllButHosts => "all-but-hosts",
    }
}

fn host_leaves(host_leaves: HostLeaves) -> String {
    match host_leaves {
        HostLeaves::End => "end".to_owned(),
        HostLeaves::Grace(time) => format!("grace:{}", seconds(time)),
        HostLeaves::Continue => "continue".to_owned(),
    }
}
