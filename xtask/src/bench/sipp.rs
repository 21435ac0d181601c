//! sipp as the calling side of a measurement.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Context;

/// Where sipp calls from.
const LOCAL: Ipv4Addr = Ipv4Addr::new(127, 77, 0, 3);

/// What it does.
#[derive(Clone, Copy)]
pub(crate) enum Scenario {
    /// INVITE, 200, ACK, BYE, 200: its own.
    WholeCall,
    /// An INVITE, and nothing more.
    InviteOnly,
}

/// What it counted.
#[derive(Debug)]
pub(crate) struct SippFigures {
    pub(crate) successful: u64,
    pub(crate) failed: u64,
    pub(crate) retransmissions: u64,
}

/// Makes so many calls at a rate, and waits for the last.
pub(crate) fn run(
    scenario: Scenario,
    remote: SocketAddr,
    calls: u32,
    calls_per_second: u32,
) -> anyhow::Result<SippFigures> {
    let folder = Folder::new()?;
    let mut sipp = Command::new("sipp");
    sipp.current_dir(&folder.0).arg(remote.to_string());
    match scenario {
        Scenario::WholeCall => sipp.args(["-sn", "uac"]),
        Scenario::InviteOnly => {
            std::fs::write(folder.0.join("scenario.xml"), include_str!("invite_only.xml"))?;
            sipp.args(["-sf", "scenario.xml"])
        }
    };
    sipp.args(["-i", &LOCAL.to_string(), "-p", "5060", "-nostdin", "-buff_size", "4194304"]);
    sipp.args(["-m", &calls.to_string(), "-r", &calls_per_second.to_string(), "-l", "100000"]);
    sipp.args(["-trace_stat", "-stf", "stat.csv", "-fd", "1"]);
    // sipp says by its status whether all calls succeeded, which its figures say better.
    sipp.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    sipp.status().context("sipp could not be started (Debian package sip-tester)")?;
    let table = std::fs::read_to_string(folder.0.join("stat.csv")).context("sipp wrote no figures")?;
    figures(&table).context("sipp's figures can't be read")
}

/// The totals of the last line of sipp's table.
fn figures(table: &str) -> Option<SippFigures> {
    let mut lines = table.lines();
    let heads: Vec<&str> = lines.next()?.split(';').collect();
    let last: Vec<&str> = lines.next_back()?.split(';').collect();
    let total = |name: &str| last.get(heads.iter().position(|head| *head == name)?)?.parse().ok();
    Some(SippFigures {
        successful: total("SuccessfulCall(C)")?,
        failed: total("FailedCall(C)")?,
        retransmissions: total("Retransmissions(C)")?,
    })
}

/// A folder that ends with the run.
struct Folder(PathBuf);

impl Folder {
    fn new() -> std::io::Result<Self> {
        let path: &Path = &std::env::temp_dir();
        let path = path.join(format!("partyline-bench-sipp-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_totals_are_read_by_their_names() {
        let table = "StartTime;SuccessfulCall(P);SuccessfulCall(C);FailedCall(C);Retransmissions(C);\n\
                     a;1;1;0;0;\n\
                     b;2;3;4;5;\n";
        let figures = figures(table).unwrap();
        assert_eq!((figures.successful, figures.failed, figures.retransmissions), (3, 4, 5));
    }
}
