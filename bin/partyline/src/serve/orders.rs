//! Commands of operators to live conferences, given to an interface server through the proxy: the way of a host's keys,
//! without anybody in the conference who commands.

use std::time::Duration;

use partyline_conference::{
    AttendanceId, Command, CommandAnswer, CommandId, CommandRefusal, ConfereeId, ConferenceEnd, ConferenceId,
    RoomId, Timestamp,
};
use partyline_rpc::conferencing::{CommandOrder, command_answer};
use partyline_rpc::generated::conferencing::CommandRequest;
use partyline_store::{ConferenceRecord, Store, StoreReader};
use serde_json::{Value, json};

use super::role_set::RoleSet;
use super::running;
use crate::admin::Order;
use crate::conferences;
use crate::moment::{self, rfc3339};

/// How often a command is sent: an interface server may be gone, and the next takes over. A repeat changes nothing.
const TRIES: u32 = 3;
/// Between two of them.
const PAUSE: Duration = Duration::from_millis(200);
/// How long one may take.
const ANSWER_MAX: Duration = Duration::from_secs(3);

/// Carries a command out, or says why not.
pub(super) async fn carry_out(roles: &RoleSet, order: &Order) -> Result<Value, String> {
    let store = &*roles.parts().store;
    let live = conferences::live(store, order.conference()).await.map_err(|error| format!("{error:#}"))?;
    let command = command(store, &live, order).await?;
    let (what, until) = (command.word().as_str(), command.note().until);
    let id = CommandId::from_bits(rand::random());
    tracing::info!(command = %id, conference = %live.id, what, "an operator's command");
    let answer = ask(roles, &CommandOrder { id, room: live.room, by: None, command }).await?;
    let mut json = json!({
        "outcome": "done",
        "command": id.to_string(),
        "conference": live.id.to_string(),
        "what": what,
    });
    if let Some(until) = until {
        json["until"] = json!(rfc3339(until));
    }
    if let Err(refusal) = answer {
        json["outcome"] = json!("refused");
        json["refusal"] = json!(refusal.as_str());
        json["why"] = json!(why(refusal));
    }
    Ok(json)
}

async fn ask(roles: &RoleSet, order: &CommandOrder) -> Result<CommandAnswer, String> {
    let channel = roles.parts().network.channel(&running::proxy());
    let mut last = String::new();
    for tried in 0..TRIES {
        if tried > 0 {
            tokio::time::sleep(PAUSE).await;
        }
        let mut client = partyline_rpc::clients::conferencing(channel.clone());
        match tokio::time::timeout(ANSWER_MAX, client.command(CommandRequest::from(order.clone()))).await {
            Ok(Ok(reply)) => return command_answer(reply.get_ref()).map_err(|error| error.to_string()),
            Ok(Err(status)) => last = status.message().to_owned(),
            Err(_) => last = "no answer in time".to_owned(),
        }
    }
    Err(format!("no interface server decides: {last}; `partyline role list` shows what runs"))
}

async fn command(store: &dyn Store, live: &ConferenceRecord, order: &Order) -> Result<Command, String> {
    let conference = live.id;
    Ok(match order {
        Order::Lock(_) => Command::SetLock { locked: true },
        Order::Unlock(_) => Command::SetLock { locked: false },
        Order::End(_) => Command::End,
        Order::Floor { floor, .. } => Command::SetFloor { floor: (*floor).into() },
        Order::Announce { manner, .. } => Command::SetAnnounce { announce: (*manner).into() },
        Order::Mute(one) => {
            Command::SetMuted { conferee: conferee(store, conference, one.order).await?, muted: true }
        }
        Order::Unmute(one) => {
            Command::SetMuted { conferee: conferee(store, conference, one.order).await?, muted: false }
        }
        Order::LowerHand(one) => {
            Command::LowerHand { conferee: conferee(store, conference, one.order).await? }
        }
        Order::Delete(one) => Command::Delete { conferee: conferee(store, conference, one.order).await? },
        Order::DropOthers(one) => {
            Command::DropOthers { stays: Some(conferee(store, conference, one.order).await?) }
        }
        Order::Admit(waiter) => {
            Command::Admit { attendance: who_waits(store, live.room, &waiter.caller).await? }
        }
        Order::TurnAway(waiter) => {
            Command::TurnAway { attendance: who_waits(store, live.room, &waiter.caller).await? }
        }
        Order::Music(whether) => Command::SetMusic { on: whether.switch.is_on() },
        Order::Continue(whether) => Command::SetContinue { on: whether.switch.is_on() },
        Order::MoreTime { more, .. } => {
            Command::ExtendTo { until: end_of(store, live).await?.after(more.0.0) }
        }
    })
}

/// When the conference ends by itself. What has no such end needs no more time.
async fn end_of(store: &dyn Store, live: &ConferenceRecord) -> Result<Timestamp, String> {
    let snapshot =
        store.snapshot(live.room, moment::now(), &[], &[]).await.map_err(|error| error.to_string())?;
    let deadline = snapshot.conference.filter(|found| found.id == live.id).and_then(|found| found.deadline);
    // Without a mixer it waits for one, and has all its time when there is one again.
    let deadline = deadline.filter(|deadline| deadline.why != ConferenceEnd::NoMixer);
    deadline
        .map(|deadline| deadline.at)
        .ok_or_else(|| format!("the conference {} has no end of its own, and needs no more time", live.id))
}

/// Who in the waiting room is meant.
async fn who_waits(store: &dyn StoreReader, room: RoomId, caller: &str) -> Result<AttendanceId, String> {
    let waiting = store.waiting(room).await.map_err(|error| error.to_string())?;
    let meant: Vec<AttendanceId> = match caller.parse::<AttendanceId>() {
        Ok(id) => waiting.iter().map(|entry| entry.attendance).filter(|found| *found == id).collect(),
        Err(_) => {
            let theirs = waiting.iter().filter(|entry| entry.caller_number == caller && !caller.is_empty());
            theirs.map(|entry| entry.attendance).collect()
        }
    };
    match meant[..] {
        [one] => Ok(one),
        [] => Err(format!(
            "nobody in the waiting room is {caller}; `partyline conference show` lists who waits"
        )),
        [_, _, ..] => Err(format!(
            "{} callers in the waiting room have the number {caller}; `partyline conference show` lists their identifiers",
            meant.len()
        )),
    }
}

/// The identifier, fixed at entry, of whoever has this order of entry.
async fn conferee(
    store: &dyn StoreReader,
    conference: ConferenceId,
    order: u32,
) -> Result<ConfereeId, String> {
    let roster = store.roster(conference).await.map_err(|error| error.to_string())?;
    let found = roster.iter().find(|entry| entry.order.0 == order);
    found.map(|entry| entry.conferee).ok_or_else(|| {
        format!("nobody of order of entry {order} is in the conference {conference}; `partyline conference show {conference}` lists who is")
    })
}

/// A refusal, for people.
const fn why(refusal: CommandRefusal) -> &'static str {
    match refusal {
        CommandRefusal::NotAllowed => "that is for callers in the conference alone",
        CommandRefusal::NoConference => "the conference is over",
        CommandRefusal::NotThere => "they are not in the conference any more",
        CommandRefusal::Floor => "they may not speak as the conference is now",
        CommandRefusal::WrongCode => "the code is wrong",
        CommandRefusal::LockedOut => "too many codes were wrong: try again later",
        CommandRefusal::TooLong => "the conference may not last that long",
        CommandRefusal::Full => "there is no seat for them",
        CommandRefusal::NotOffered => "nobody can be called from this room",
        CommandRefusal::NumberDenied => "this number may not be called",
        CommandRefusal::Emergency => "this is an emergency number",
        CommandRefusal::NotVerified => "only hosts who have shown a PIN may do that",
        CommandRefusal::TooManyCalled => "no more people can be called right now",
        CommandRefusal::TimeSpent => "the account has called for as long as it may today",
        CommandRefusal::CallsAlready => "somebody is being called already",
        CommandRefusal::NotAnswered => "they have not answered yet",
    }
}
