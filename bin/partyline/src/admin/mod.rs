//! The admin socket: one JSON line asks a running server, one JSON line answers; what takes long is told of in lines before.
//!
//! It is a Unix socket in the data directory, for the owner of the server only. It carries what the
//! database can't tell or do: the process's roles, calls, commands to conferences.

mod client;
mod order;
mod server;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub(crate) use client::{AskError, ask, ask_and_hear};
pub(crate) use order::{AnnounceWord, FloorWord, Order};
#[cfg(test)]
pub(crate) use order::{Meant, One};
#[cfg(test)]
pub(crate) use order::{SwitchWord, Waiter, Whether};
pub(crate) use server::{AdminSocket, Answers};

use crate::moment;

/// The longest request; the largest real one is a number to call.
const REQUEST_BYTES_MAX: u64 = 4096;

/// What can be asked of a running server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Request {
    /// Who it is and where it listens.
    Status,
    /// Its roles.
    Roles,
    /// Stop a role.
    StopRole { name: String },
    /// Start a role.
    StartRole { name: String },
    /// What a role answered.
    RoleLog { name: String, limit: u32 },
    /// How its trunks stand.
    Trunks,
    /// Who was turned away at its VRUs; the worst so many of each.
    Sources { limit: u32 },
    /// A command to a live conference.
    Order { order: Order },
    /// A test call; what is heard of it is told as it comes. Who asked and goes away ends it.
    TrunkCall { number: String, trunk: Option<String>, from: Option<String>, prompt: bool, seconds: u32 },
}

/// The answer on the wire.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Response {
    /// What was asked for.
    Done(Value),
    /// Why not.
    Refused(String),
    /// What is heard meanwhile; the answer follows.
    Heard(Value),
}

/// A path that fits the 108 bytes that the system has for a socket's, however deep the folder is.
fn short_path(socket: &std::path::Path) -> std::io::Result<(Option<std::fs::File>, std::path::PathBuf)> {
    const SOCKET_PATH_MAX: usize = 100;
    if socket.as_os_str().len() <= SOCKET_PATH_MAX {
        return Ok((None, socket.to_owned()));
    }
    let (Some(folder), Some(name)) = (socket.parent(), socket.file_name()) else {
        return Err(std::io::ErrorKind::InvalidInput.into());
    };
    let folder = std::fs::File::open(folder)?;
    let fd = std::os::fd::AsRawFd::as_raw_fd(&folder);
    let path = std::path::PathBuf::from(format!("/proc/self/fd/{fd}")).join(name);
    Ok((Some(folder), path))
}

/// A log of RPCs as it travels.
pub(crate) fn rpc_log_json(name: &str, log: &partyline_rpc::RpcLog, limit: usize) -> Value {
    let records = log.records();
    let newest = records.len().saturating_sub(limit);
    let rpcs: Vec<Value> = records[newest..]
        .iter()
        .map(|record| {
            serde_json::json!({
                "at": moment::rfc3339(moment::timestamp(record.at)),
                "path": *record.path,
                "status": format!("{:?}", record.status),
                "peer": record.peer.map(|peer| peer.to_string()),
            })
        })
        .collect();
    serde_json::json!({ "role": name, "answered": log.counters(), "rpcs": rpcs })
}
