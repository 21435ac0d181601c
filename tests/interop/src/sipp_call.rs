//! One call of sipp's, that waits in its scenario until the test gives a cue.
//!
//! A cue is a MESSAGE with the call's Call-ID, sent past the server: scenarios have `<recv request="MESSAGE" />`
//! where the test has to look at something first.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tempfile::TempDir;

use crate::sound::{RATE_HZ, to_mu_law, tone};
use crate::trial::PEER_HZ;

/// How long sipp may take to end after its scenario's last step; far above what it needs.
const CEILING: Duration = Duration::from_secs(60);
const SIP_PORT: u16 = 5060;
const CALL_ID: &str = "a-call-with-cues";
/// The files that scenarios play are loops of this length: whole periods of every whole frequency.
const LOOP_SECONDS: u32 = 1;

/// Whom sipp calls, and how; or that it waits to be called.
#[derive(Debug, Clone)]
pub struct SippPlan {
    /// The scenario's name: a file of `scenarios/` without its ending.
    pub scenario: &'static str,
    /// An address of the test's own.
    pub local: Ipv4Addr,
    /// Where its requests go; nothing where it waits to be called.
    pub remote: Option<SocketAddr>,
    /// The user that it calls.
    pub user: String,
    /// `u1` for UDP, `t1` for TCP.
    pub transport: &'static str,
    /// What it sends, where its scenario streams.
    pub tone_hz: f32,
    /// Words of the scenario, in brackets there, and what stands for them.
    pub words: Vec<(&'static str, String)>,
}

/// A running sipp with one call.
#[derive(Debug)]
pub struct SippCall {
    child: Child,
    folder: TempDir,
    cues: UdpSocket,
    cues_given: u32,
    local: Ipv4Addr,
}

impl SippPlan {
    /// Calls over UDP.
    #[must_use]
    pub fn calling(scenario: &'static str, local: Ipv4Addr, remote: SocketAddr, user: &str) -> Self {
        let (user, words) = (user.to_owned(), Vec::new());
        Self { scenario, local, remote: Some(remote), user, transport: "u1", tone_hz: PEER_HZ, words }
    }

    /// Waits to be called, once, over UDP.
    #[must_use]
    pub fn waiting(scenario: &'static str, local: Ipv4Addr) -> Self {
        let words = vec![("contact", format!("{local}:{SIP_PORT}"))];
        Self {
            scenario,
            local,
            remote: None,
            user: "sipp".to_owned(),
            transport: "u1",
            tone_hz: PEER_HZ,
            words,
        }
    }

    /// Over this transport, as sipp's `-t` names it.
    #[must_use]
    pub const fn over(mut self, transport: &'static str) -> Self {
        self.transport = transport;
        self
    }

    /// With this for a word of the scenario.
    #[must_use]
    pub fn word(mut self, word: &'static str, stands_for: impl Into<String>) -> Self {
        self.words.retain(|(known, _)| *known != word);
        self.words.push((word, stands_for.into()));
        self
    }

    /// Starts sipp.
    ///
    /// # Errors
    /// When it can't be started.
    pub fn start(&self) -> anyhow::Result<SippCall> {
        let folder = TempDir::new()?;
        let samples: Vec<u8> = tone(self.tone_hz, LOOP_SECONDS, RATE_HZ).map(to_mu_law).collect();
        std::fs::write(folder.path().join("tone.ul"), samples)?;
        let scenario =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios").join(self.scenario).with_extension("xml");
        let mut scenario = std::fs::read_to_string(scenario)?;
        for (word, stands_for) in &self.words {
            scenario = scenario.replace(&format!("[{word}]"), stands_for);
        }
        std::fs::write(folder.path().join("scenario.xml"), scenario)?;
        let output = File::create(folder.path().join("output.txt"))?;
        let mut sipp = Command::new("sipp");
        sipp.current_dir(folder.path());
        if let Some(remote) = self.remote {
            sipp.arg(remote.to_string()).args(["-cid_str", CALL_ID]);
        }
        let local = self.local.to_string();
        sipp.args(["-sf", "scenario.xml", "-s", &self.user, "-t", self.transport]);
        sipp.args(["-i", &local, "-mi", &local, "-p", &SIP_PORT.to_string()]);
        sipp.args(["-m", "1", "-nostdin", "-trace_err", "-trace_msg", "-timeout", "100", "-timeout_error"]);
        let child = sipp
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .context("sipp could not be started (Debian package sip-tester)")?;
        let cues = UdpSocket::bind((self.local, 0))?;
        let mut call = SippCall { child, folder, cues, cues_given: 0, local: self.local };
        if self.remote.is_none() {
            call.wait_listening()?;
        }
        Ok(call)
    }
}

impl SippCall {
    /// Lets the scenario go on (UDP only).
    ///
    /// # Errors
    /// When it can't be told.
    pub fn cue(&mut self) -> anyhow::Result<()> {
        self.cues_given += 1;
        let (nth, from) = (self.cues_given, self.cues.local_addr()?);
        let cue = format!(
            "MESSAGE sip:sipp@{to} SIP/2.0\r\nVia: SIP/2.0/UDP {from};branch=z9hG4bKcue{nth}\r\n\
             From: <sip:cue@{from}>\r\nTo: <sip:sipp@{to}>\r\nCall-ID: {CALL_ID}\r\nCSeq: {nth} MESSAGE\r\n\
             Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
            to = self.local
        );
        self.cues.send_to(cue.as_bytes(), (self.local, SIP_PORT))?;
        Ok(())
    }

    /// Waits until the scenario is through.
    ///
    /// # Errors
    /// When it failed at some step or does not end, with what sipp wrote of it.
    pub async fn finish(mut self) -> anyhow::Result<()> {
        match self.wait_exit().await? {
            status if status.success() => Ok(()),
            status => bail!("sipp ended with {status}:\n{}", self.written()),
        }
    }

    /// Waits until its socket is taken: then whoever calls is heard.
    fn wait_listening(&mut self) -> anyhow::Result<()> {
        let until = Instant::now() + CEILING;
        while Instant::now() < until {
            if let Some(status) = self.child.try_wait()? {
                bail!("sipp ended with {status} before it was called:\n{}", self.written());
            }
            if UdpSocket::bind((self.local, SIP_PORT)).is_err() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        bail!("sipp does not listen")
    }

    async fn wait_exit(&mut self) -> anyhow::Result<ExitStatus> {
        let until = Instant::now() + CEILING;
        while Instant::now() < until {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        bail!("sipp does not end:\n{}", self.written())
    }

    /// The messages and errors that it wrote.
    #[must_use]
    pub fn written(&self) -> String {
        let Ok(entries) = std::fs::read_dir(self.folder.path()) else {
            return String::new();
        };
        let logs = entries.filter_map(Result::ok).map(|entry| entry.path());
        let logs = logs.filter(|path| path.extension().is_some_and(|ending| ending == "log"));
        logs.filter_map(|path| std::fs::read_to_string(path).ok()).collect()
    }
}

impl Drop for SippCall {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("what sipp wrote:\n{}", self.written());
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
