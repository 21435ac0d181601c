//! Conference commands: they read the database itself, beside a running server or without one.

use anyhow::{Context as _, bail};
use partyline_conference::{CallQuality, ConferenceId, Timestamp, WaitingEntry};
use partyline_store::{ConfereeRecord, ConferenceFilter, ConferenceRecord, OutdialRecord, StoreReader};
use serde_json::{Value, json};

use crate::answer::{Answer, table};
use crate::moment::rfc3339;

/// `conference list`.
pub(crate) async fn list(
    store: &dyn StoreReader,
    is_live: bool,
    room: Option<&str>,
    limit: u32,
) -> anyhow::Result<Answer> {
    let room = match room {
        None => None,
        Some(name) => {
            let name = crate::rooms::room_name(name)?;
            let found = store.room_named(&name).await?;
            Some(found.with_context(|| format!("there is no room \"{name}\""))?.room.id)
        }
    };
    let conferences = store.conferences(&ConferenceFilter { room, is_live, limit }).await?;
    let json = Value::Array(conferences.iter().map(json).collect());
    if conferences.is_empty() {
        let live = if is_live { "live " } else { "" };
        return Ok(Answer::new(format!("There are no {live}conferences.\n"), json));
    }
    let rows: Vec<Vec<String>> = conferences
        .iter()
        .map(|conference| {
            vec![
                conference.id.to_string(),
                room_name(conference).to_owned(),
                rfc3339(conference.started_at),
                state(conference),
                conference.seated.to_string(),
                conference.mixer.to_string(),
            ]
        })
        .collect();
    Ok(Answer::new(table(&["CONFERENCE", "ROOM", "STARTED", "STATE", "SEATED", "MIXER"], &rows), json))
}

/// `conference show`.
pub(crate) async fn show(store: &dyn StoreReader, which: &str) -> anyhow::Result<Answer> {
    let conference = find(store, which).await?;
    let waiting = match conference.ended_at {
        None => store.waiting(conference.room).await?,
        Some(_) => Vec::new(),
    };
    let mut json = json(&conference);
    json["waiting"] = waiting.iter().map(waiting_json).collect();
    let mut text = text(&conference);
    if !waiting.is_empty() {
        text.push('\n');
        text.push_str(&waiting_text(&waiting));
    }
    Ok(Answer::new(text, json))
}

/// Who waits to be admitted.
fn waiting_text(waiting: &[WaitingEntry]) -> String {
    let rows: Vec<Vec<String>> = waiting
        .iter()
        .map(|entry| {
            let number = if entry.caller_number.is_empty() { "withheld" } else { &entry.caller_number };
            vec![number.to_owned(), entry.attendance.to_string(), rfc3339(entry.arrived_at)]
        })
        .collect();
    table(&["WAITS", "IDENTIFIER", "SINCE"], &rows)
}

fn waiting_json(entry: &WaitingEntry) -> Value {
    json!({
        "attendance": entry.attendance.to_string(),
        "caller": entry.caller_number,
        "arrived_at": rfc3339(entry.arrived_at),
    })
}

/// The live conference of this identifier, or of the room of this name.
pub(crate) async fn live(store: &dyn StoreReader, which: &str) -> anyhow::Result<ConferenceRecord> {
    let found = find(store, which).await?;
    if let Some(at) = found.ended_at {
        bail!("the conference {} has ended ({})", found.id, rfc3339(at));
    }
    Ok(found)
}

async fn find(store: &dyn StoreReader, which: &str) -> anyhow::Result<ConferenceRecord> {
    let id = match which.parse::<ConferenceId>() {
        Ok(id) => id,
        Err(_) => live_in_room(store, which).await?,
    };
    let found = store.conference(id).await?;
    found.with_context(|| {
        format!("there is no conference {id}; `partyline conference list` shows those there are")
    })
}

async fn live_in_room(store: &dyn StoreReader, name: &str) -> anyhow::Result<ConferenceId> {
    let Ok(name) = partyline_conference::RoomName::new(name) else {
        bail!("\"{name}\" is neither a conference's identifier (26 characters) nor the name of a room");
    };
    let room = store
        .room_named(&name)
        .await?
        .with_context(|| format!("there is no conference and no room \"{name}\""))?;
    room.conference.with_context(|| format!("the room \"{name}\" has no live conference"))
}

fn text(conference: &ConferenceRecord) -> String {
    let lines = [
        ("Conference", conference.id.to_string()),
        ("Room", room_name(conference).to_owned()),
        ("Created by code", format!("…{}", conference.code_ends)),
        ("Mix", format!("{} (placed {} times)", conference.mix, conference.epoch)),
        ("Mixer", conference.mixer.to_string()),
        ("Started", rfc3339(conference.started_at)),
        ("State", state(conference)),
        ("Locked", if conference.is_locked { "yes" } else { "no" }.to_owned()),
        ("Seated", conference.seated.to_string()),
    ];
    let mut text: String = lines.iter().map(|(label, value)| format!("{label:<16} {value}\n")).collect();
    if conference.conferees.is_empty() {
        return text;
    }
    let rows: Vec<Vec<String>> = conference
        .conferees
        .iter()
        .map(|conferee| {
            vec![
                conferee.order.to_string(),
                conferee.role.as_str().to_owned(),
                match &conferee.leave_reason {
                    Some(reason) => format!("{} ({reason})", conferee.state),
                    None => conferee.state.clone(),
                },
                if conferee.caller_number.is_empty() {
                    "withheld".to_owned()
                } else {
                    conferee.caller_number.clone()
                },
                conferee.vru.to_string(),
                rfc3339(conferee.placed_at),
                conferee.quality.map(quality_text).unwrap_or_default(),
            ]
        })
        .collect();
    text.push('\n');
    text.push_str(&table(&["ORDER", "ROLE", "STATE", "CALLER", "VRU", "ENTERED", "QUALITY"], &rows));
    if !conference.outdials.is_empty() {
        text.push('\n');
        text.push_str(&outdials_text(&conference.outdials));
    }
    text
}

/// Whom the conference has had called.
fn outdials_text(outdials: &[OutdialRecord]) -> String {
    let rows: Vec<Vec<String>> = outdials
        .iter()
        .map(|outdial| {
            vec![
                outdial.to.to_string(),
                outdial.kind.as_str().to_owned(),
                outdial.asker.map_or_else(|| "-".to_owned(), |order| order.to_string()),
                match outdial.end {
                    Some(end) => format!("{} ({})", outdial.state.as_str(), end.as_str()),
                    None => outdial.state.as_str().to_owned(),
                },
                rfc3339(outdial.started_at),
                moment(outdial.answered_at).unwrap_or_else(|| "-".to_owned()),
                moment(outdial.ended_at).unwrap_or_else(|| "-".to_owned()),
            ]
        })
        .collect();
    table(&["CALLED", "AS", "BY", "STATE", "BEGUN", "ANSWERED", "ENDED"], &rows)
}

fn outdial_json(outdial: &OutdialRecord) -> Value {
    json!({
        "attendance": outdial.callee.to_string(),
        "to": outdial.to.as_str(),
        "kind": outdial.kind.as_str(),
        "by_order": outdial.asker.map(|order| order.0),
        "state": outdial.state.as_str(),
        "started_at": rfc3339(outdial.started_at),
        "answered_at": moment(outdial.answered_at),
        "ended_at": moment(outdial.ended_at),
        "end": outdial.end.map(partyline_conference::OutdialEnd::as_str),
    })
}

fn room_name(conference: &ConferenceRecord) -> &str {
    if conference.room_name.is_empty() { "(deleted)" } else { &conference.room_name }
}

fn state(conference: &ConferenceRecord) -> String {
    match (&conference.ended_at, &conference.end) {
        (None, _) => "live".to_owned(),
        (Some(at), Some(end)) => format!("ended {} ({end})", rfc3339(*at)),
        (Some(at), None) => format!("ended {}", rfc3339(*at)),
    }
}

fn moment(at: Option<Timestamp>) -> Option<String> {
    at.map(rfc3339)
}

fn json(conference: &ConferenceRecord) -> Value {
    json!({
        "id": conference.id.to_string(),
        "room_id": conference.room.to_string(),
        "room": conference.room_name,
        "code_ends": conference.code_ends,
        "mix": conference.mix.to_string(),
        "mixer": conference.mixer.as_str(),
        "epoch": conference.epoch.0,
        "started_at": rfc3339(conference.started_at),
        "ended_at": moment(conference.ended_at),
        "end": conference.end,
        "is_live": conference.ended_at.is_none(),
        "is_locked": conference.is_locked,
        "seated": conference.seated,
        "conferees": conference.conferees.iter().map(conferee_json).collect::<Vec<_>>(),
        "outdials": conference.outdials.iter().map(outdial_json).collect::<Vec<_>>(),
    })
}

fn conferee_json(conferee: &ConfereeRecord) -> Value {
    json!({
        "id": conferee.id.to_string(),
        "order": conferee.order.0,
        "role": conferee.role.as_str(),
        "state": conferee.state,
        "caller": conferee.caller_number,
        "vru": conferee.vru.as_str(),
        "placed_at": rfc3339(conferee.placed_at),
        "joined_at": moment(conferee.joined_at),
        "left_at": moment(conferee.left_at),
        "leave_reason": conferee.leave_reason,
        "quality": conferee.quality.map(quality_json),
    })
}

/// A line of what matters: how good it sounded, and what it suffered from.
fn quality_text(quality: CallQuality) -> String {
    let mos = quality
        .mos_hundredths
        .map_or("nothing heard".to_owned(), |mos| format!("MOS {:.2}", hundredths(mos)));
    let theirs = quality
        .theirs
        .map(|theirs| format!(", theirs {:.2}", hundredths(theirs.mos_hundredths)))
        .unwrap_or_default();
    let expected = (quality.packets_received + quality.packets_lost).max(1) as f64;
    let lost = (quality.packets_lost + quality.packets_late) as f64 * 100.0 / expected;
    let secret = if quality.is_secret { " SRTP" } else { "" };
    format!(
        "{mos}{theirs}; {}{secret}, {lost:.1}% lost, jitter {:.1} ms",
        quality.codec,
        f64::from(quality.jitter_us) / 1_000.0
    )
}

fn hundredths(mos: u32) -> f64 {
    f64::from(mos) / 100.0
}

fn quality_json(quality: CallQuality) -> Value {
    let ms = |us: u32| f64::from(us) / 1_000.0;
    json!({
        "codec": quality.codec.as_str(),
        "srtp": quality.is_secret,
        "packets_received": quality.packets_received,
        "packets_sent": quality.packets_sent,
        "packets_lost": quality.packets_lost,
        "packets_late": quality.packets_late,
        "burst_packets": f64::from(quality.burst_tenths) / 10.0,
        "concealed_percent": f64::from(quality.concealed_permyriad) / 100.0,
        "jitter_ms": ms(quality.jitter_us),
        "round_trip_ms": quality.round_trip_us.map(ms),
        "mos": quality.mos_hundredths.map(hundredths),
        "theirs": quality.theirs.map(|theirs| json!({
            "packets_lost": theirs.packets_lost,
            "jitter_ms": ms(theirs.jitter_us),
            "mos": hundredths(theirs.mos_hundredths),
        })),
    })
}
