//! `doctor`: what is wrong with a set-up, and what to do about it. It changes nothing.
//!
//! The cheap facts (file descriptors, clock) are those that `/readyz` looks at too.

pub(crate) mod database;
pub(crate) mod machine;
pub(crate) mod network;
mod prompts;
#[cfg(test)]
mod tests;
mod tls;
mod trunks;

use serde_json::{Value, json};

use crate::admin::{Request, ask};
use crate::answer::Answer;
use crate::config::Config;
use crate::data_dir::DataDir;

/// How a fact stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum State {
    /// As it should be.
    Fine,
    /// It works, and not as well as it should, or not everywhere.
    Warning,
    /// It does not work.
    Failing,
}

impl State {
    const fn word(self) -> &'static str {
        match self {
            Self::Fine => "OK",
            Self::Warning => "WARN",
            Self::Failing => "FAIL",
        }
    }
}

/// One fact that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    /// What was looked at.
    pub(crate) check: &'static str,
    /// How it stands.
    pub(crate) state: State,
    /// What was found.
    pub(crate) says: String,
    /// What to do; empty where there is nothing to do.
    pub(crate) advice: String,
}

impl Finding {
    fn fine(check: &'static str, says: impl Into<String>) -> Self {
        Self { check, state: State::Fine, says: says.into(), advice: String::new() }
    }

    fn warning(check: &'static str, says: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { check, state: State::Warning, says: says.into(), advice: advice.into() }
    }

    fn failing(check: &'static str, says: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { check, state: State::Failing, says: says.into(), advice: advice.into() }
    }

    /// The finding as an outcome: only what does not work is an error.
    pub(crate) fn outcome(&self) -> Result<(), String> {
        if self.state == State::Failing { Err(format!("{}; {}", self.says, self.advice)) } else { Ok(()) }
    }
}

/// The server that runs on the data directory, as it tells of itself.
#[derive(Debug, Clone, Default)]
pub(crate) struct RunningServer {
    /// Its process.
    pub(crate) pid: Option<u64>,
    /// Every address that it listens on.
    pub(crate) addresses: Vec<String>,
    /// Its media threads, and how many of them have io_uring.
    pub(crate) media_threads: Option<(u64, u64)>,
}

impl RunningServer {
    fn of(data_dir: Option<&DataDir>) -> Option<Self> {
        let status = ask(data_dir?, &Request::Status).ok()?;
        let addresses = ["sip", "sip_tls", "http"]
            .into_iter()
            .filter_map(|key| status[key].as_array())
            .flatten()
            .filter_map(|address| address.as_str().map(str::to_owned))
            .collect();
        let media = &status["media_io"];
        let media_threads = media["threads"].as_u64().zip(media["io_uring_threads"].as_u64());
        Some(Self { pid: status["pid"].as_u64(), addresses, media_threads })
    }
}

/// Looks at everything.
pub(crate) async fn examine(config: &Config) -> Answer {
    let data_dir = DataDir::existing(&config.data_dir).ok();
    let server = RunningServer::of(data_dir.as_ref());
    let mut findings = vec![server_finding(server.as_ref())];
    findings.push(machine::file_descriptors(config));
    findings.push(machine::clock());
    findings.push(machine::real_time());
    findings.push(machine::media_io(config, server.as_ref()));
    findings.extend(network::listeners(config, server.as_ref()));
    findings.extend(network::rtp(config, server.as_ref()));
    findings.extend(tls::examine(config));
    findings.push(network::public_address(config));
    findings.extend(database::examine(config, data_dir.as_ref()).await);
    findings.extend(prompts::examine(config));
    findings.extend(trunks::examine(config, data_dir.as_ref()));
    answer(&findings)
}

fn server_finding(server: Option<&RunningServer>) -> Finding {
    match server {
        Some(RunningServer { pid: Some(pid), .. }) => {
            Finding::fine("server", format!("runs (process {pid})"))
        }
        Some(RunningServer { pid: None, .. }) => Finding::fine("server", "runs"),
        None => Finding::fine("server", "none runs on this data directory"),
    }
}

fn answer(findings: &[Finding]) -> Answer {
    let mut text = String::new();
    for finding in findings {
        text.push_str(&format!("{:<4} {:<17} {}\n", finding.state.word(), finding.check, finding.says));
        if !finding.advice.is_empty() {
            text.push_str(&format!("{:<22} → {}\n", "", finding.advice));
        }
    }
    let count = |state: State| findings.iter().filter(|finding| finding.state == state).count();
    let (failing, warnings) = (count(State::Failing), count(State::Warning));
    text.push_str(&match (failing, warnings) {
        (0, 0) => "\nAll is well.\n".to_owned(),
        (0, _) => format!("\nIt works; {warnings} to look at.\n"),
        (_, _) => format!("\n{failing} to repair, {warnings} to look at.\n"),
    });
    let json: Vec<Value> = findings
        .iter()
        .map(|finding| {
            json!({
                "check": finding.check,
                "state": finding.state.word(),
                "says": finding.says,
                "advice": finding.advice,
            })
        })
        .collect();
    Answer { text, json: json!({ "healthy": failing == 0, "findings": json }), is_good: failing == 0 }
}
