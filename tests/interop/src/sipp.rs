//! sipp: scenarios of `scenarios/`, with values from an injection file.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::Context;
use tempfile::TempDir;

/// A run of sipp as the calling side.
#[derive(Debug, Clone)]
pub struct Sipp {
    /// The scenario's name: a file of `scenarios/` without its ending.
    pub scenario: &'static str,
    /// Where it calls from: an address of the test's own.
    pub local: Ipv4Addr,
    /// Where it calls.
    pub remote: SocketAddr,
    /// Calls in all.
    pub calls: u32,
    /// Calls begun per second.
    pub calls_per_second: u32,
    /// `u1` for UDP, `t1` for one TCP connection.
    pub transport: &'static str,
    /// `field0` of the calls, taken in turn.
    pub users: Vec<String>,
}

/// How a run ended.
#[derive(Debug)]
pub struct SippRun {
    /// Whether every call went through its whole scenario.
    pub all_succeeded: bool,
    /// What sipp printed and wrote of errors.
    pub output: String,
}

impl Sipp {
    /// Runs to the end of the last call.
    ///
    /// # Errors
    /// When sipp can't be started.
    pub fn run(&self) -> anyhow::Result<SippRun> {
        let folder = TempDir::new()?;
        let injected = self.users.iter().fold("SEQUENTIAL\n".to_owned(), |text, user| text + user + ";\n");
        std::fs::write(folder.path().join("users.csv"), injected)?;
        let scenario =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios").join(self.scenario).with_extension("xml");
        let output = Command::new("sipp")
            .current_dir(folder.path())
            .arg(self.remote.to_string())
            .arg("-sf")
            .arg(scenario)
            .args([
                "-inf",
                "users.csv",
                "-t",
                self.transport,
                "-nostdin",
                "-trace_err",
                "-max_socket",
                "1000",
            ])
            .args(["-i", &self.local.to_string(), "-mi", &self.local.to_string(), "-p", "5060"])
            .args(["-m", &self.calls.to_string(), "-r", &self.calls_per_second.to_string()])
            .args(["-timeout", "120", "-timeout_error"])
            .stdin(Stdio::null())
            .output()
            .context("sipp could not be started (Debian package sip-tester)")?;
        let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.push_str(&String::from_utf8_lossy(&output.stderr));
        for entry in std::fs::read_dir(folder.path())?.filter_map(Result::ok) {
            if entry.path().extension().is_some_and(|ending| ending == "log") {
                text.push_str(&std::fs::read_to_string(entry.path())?);
            }
        }
        Ok(SippRun { all_succeeded: output.status.success(), output: text })
    }
}
