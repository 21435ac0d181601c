//! linphonec: Linphone on a console, with files for a sound card.

use std::fs::File;
use std::io::Write;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tempfile::TempDir;

use crate::sound::{RATE_HZ, Recording, write_tone};

/// How long anything may take before a test gives up on it; far above what it needs.
const CEILING: Duration = Duration::from_secs(30);

/// How it sends keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeysBy {
    /// Telephone-events in RTP.
    Rfc4733,
    /// INFO requests.
    Info,
}

/// Who it says that it is, where it is asked.
#[derive(Debug, Clone, Copy)]
pub struct Credentials<'a> {
    /// The user, of From too.
    pub user: &'a str,
    /// The password.
    pub password: &'a str,
    /// The digest algorithm that the password is for, `MD5` or `SHA-256`: challenges of another are not answered.
    pub algorithm: &'a str,
}

/// A running linphonec on a loopback address of its own.
#[derive(Debug)]
pub struct Linphone {
    child: Child,
    console: ChildStdin,
    folder: TempDir,
    keys: KeysBy,
}

impl Linphone {
    /// Starts one that will send a sine of `tone_hz` when a call is up.
    ///
    /// # Errors
    /// When it can't be started.
    pub fn start(local: Ipv4Addr, keys: KeysBy, tone_hz: f32) -> anyhow::Result<Self> {
        Self::start_configured(&configuration(local, keys, "linphone"), keys, tone_hz)
    }

    /// The same for one that shows who it is; it sends keys as telephone-events.
    ///
    /// # Errors
    /// When it can't be started.
    pub fn start_as(local: Ipv4Addr, credentials: &Credentials<'_>, tone_hz: f32) -> anyhow::Result<Self> {
        let Credentials { user, password, algorithm } = credentials;
        let configuration = configuration(local, KeysBy::Rfc4733, user)
            + &format!("[auth_info_0]\nusername={user}\npasswd={password}\nalgorithm={algorithm}\n");
        Self::start_configured(&configuration, KeysBy::Rfc4733, tone_hz)
    }

    fn start_configured(configuration: &str, keys: KeysBy, tone_hz: f32) -> anyhow::Result<Self> {
        let folder = TempDir::new()?;
        let path = folder.path();
        // Without the folder of its database it opens no port, and says nothing.
        std::fs::create_dir_all(path.join(".local/share/linphone"))?;
        write_tone(&path.join("tone.wav"), tone_hz, 60, RATE_HZ)?;
        std::fs::write(path.join("linphonerc"), configuration)?;
        let output = File::create(path.join("output.txt"))?;
        let mut child = Command::new("linphonec")
            .env("HOME", path)
            .arg("-c")
            .arg(path.join("linphonerc"))
            .args(["-d", "5", "-l"])
            .arg(path.join("log.txt"))
            .stdin(Stdio::piped())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .context("linphonec could not be started (Debian package linphone-cli)")?;
        let console = child.stdin.take().context("linphonec has no console")?;
        let mut linphone = Self { child, console, folder, keys };
        linphone.tell("soundcard use files")?;
        linphone.tell(&format!("play {}", linphone.folder.path().join("tone.wav").display()))?;
        linphone.tell(&format!("record {}", linphone.recording().display()))?;
        Ok(linphone)
    }

    /// Calls, and waits until the call is up.
    ///
    /// # Errors
    /// When nobody answers.
    pub async fn call(&mut self, target: &str) -> anyhow::Result<()> {
        self.tell(&format!("call {target}"))?;
        self.wait_printed("Media streams established").await
    }

    /// Presses keys, each when the one before was played and, sent by INFO, answered: while lines wait on its console
    /// linphonec looks at nothing else.
    ///
    /// # Errors
    /// When the console is closed, or a key is not sent.
    pub async fn press(&mut self, keys: &str) -> anyhow::Result<()> {
        for (before, key) in keys.chars().enumerate() {
            self.tell(&key.to_string())?;
            self.wait_written("playDtmf", || occurrences(&self.log(), "playDtmf") > before).await?;
            if self.keys == KeysBy::Info {
                // The request, and the response with the same CSeq.
                self.wait_written("INFO", || occurrences(&self.log(), " INFO\n") > 2 * before + 1).await?;
            }
            // A telephone-event takes its time, and people do too.
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        Ok(())
    }

    /// Hangs up, waits until that is through, and ends the program.
    ///
    /// # Errors
    /// When it does not end.
    pub async fn quit(&mut self) -> anyhow::Result<()> {
        self.tell("terminate")?;
        self.wait_printed("ended").await?;
        self.tell("quit")?;
        let until = Instant::now() + CEILING;
        while self.child.try_wait()?.is_none() {
            if Instant::now() > until {
                bail!("linphonec does not end:\n{}", self.printed());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// What it has heard. Complete only after [`Linphone::quit`].
    ///
    /// # Errors
    /// When it kept no recording.
    pub fn heard(&self) -> anyhow::Result<Recording> {
        Recording::read(&self.recording()).context("linphonec kept no recording")
    }

    /// What it printed.
    #[must_use]
    pub fn printed(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("output.txt")).unwrap_or_default()
    }

    async fn wait_printed(&self, text: &str) -> anyhow::Result<()> {
        self.wait_written(text, || self.printed().contains(text)).await
    }

    async fn wait_written(&self, what: &str, is_written: impl Fn() -> bool) -> anyhow::Result<()> {
        let until = Instant::now() + CEILING;
        while !is_written() {
            if Instant::now() > until {
                bail!("linphonec never came to {what:?}:\n{}", self.printed());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    fn log(&self) -> String {
        let log = std::fs::read(self.folder.path().join("log.txt")).unwrap_or_default();
        String::from_utf8_lossy(&log).replace('\r', "")
    }

    fn recording(&self) -> PathBuf {
        self.folder.path().join("heard.wav")
    }

    fn tell(&mut self, command: &str) -> anyhow::Result<()> {
        Ok(writeln!(self.console, "{command}")?)
    }
}

impl Drop for Linphone {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("what linphonec printed:\n{}", self.printed());
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn occurrences(text: &str, of: &str) -> usize {
    text.matches(of).count()
}

fn configuration(local: Ipv4Addr, keys: KeysBy, user: &str) -> String {
    let (by_info, by_event) = (u8::from(keys == KeysBy::Info), u8::from(keys == KeysBy::Rfc4733));
    format!(
        "[sip]\nbind_address={local}\nsip_port=5060\nsip_tcp_port=5060\nsip_tls_port=0\nuse_ipv6=0\n\
         ipv6_migration_done=1\nuse_info={by_info}\nuse_rfc2833={by_event}\n\
         contact=\"linphone\" <sip:{user}@{local}>\n[rtp]\naudio_rtp_port=-1\nbind_address={local}\n\
         [sound]\nechocancellation=0\nremote_ring=\n"
    )
}
