//! baresip: a softphone with its own media and its own DTMF, driven over its UDP console.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tempfile::TempDir;

use crate::sound::{RATE_HZ, Recording, write_tone};

/// How long anything may take before a test gives up on it; far above what it needs.
const CEILING: Duration = Duration::from_secs(30);
const SIP_PORT: u16 = 5062;
const CONSOLE_PORT: u16 = 5555;
const MODULES: &str = "/usr/lib/baresip/modules";

/// How a baresip is set up.
#[derive(Debug, Clone)]
pub struct BaresipPlan {
    /// A loopback address of the test's own.
    pub local: Ipv4Addr,
    /// Its number or name.
    pub user: &'static str,
    /// What it sends.
    pub tone_hz: f32,
    /// The codec's module, which is all that it offers.
    pub codec: &'static str,
    /// The codec's sampling rate, of what is sent and what is kept.
    pub rate_hz: u32,
    /// More modules.
    pub modules: Vec<&'static str>,
    /// More parameters of its account, each with its semicolon.
    pub account: String,
    /// More lines of its configuration.
    pub config: String,
}

/// A running baresip, that sends a tone and keeps what it hears.
#[derive(Debug)]
pub struct Baresip {
    child: Child,
    console: UdpSocket,
    folder: TempDir,
}

impl BaresipPlan {
    /// One that speaks G.711.
    #[must_use]
    pub fn new(local: Ipv4Addr, tone_hz: f32) -> Self {
        let (account, config) = (String::new(), String::new());
        Self {
            local,
            user: "baresip",
            tone_hz,
            codec: "g711",
            rate_hz: RATE_HZ,
            modules: Vec::new(),
            account,
            config,
        }
    }

    /// Starts it; it calls at once.
    ///
    /// # Errors
    /// When it can't be started.
    pub fn call(&self, target: &str) -> anyhow::Result<Baresip> {
        self.start(&["-e", &format!("/dial {target}")], "")
    }

    /// Starts it, to answer whoever calls.
    ///
    /// # Errors
    /// When it can't be started.
    pub fn answer(&self) -> anyhow::Result<Baresip> {
        self.start(&[], ";answermode=auto")
    }

    /// Where it can be called.
    #[must_use]
    pub fn uri(&self) -> String {
        format!("sip:{}@{}:{SIP_PORT}", self.user, self.local)
    }

    fn start(&self, arguments: &[&str], account: &str) -> anyhow::Result<Baresip> {
        let folder = TempDir::new()?;
        let (path, local) = (folder.path(), self.local);
        write_tone(&path.join("tone.wav"), self.tone_hz, 60, self.rate_hz)?;
        std::fs::write(path.join("config"), self.configuration(path))?;
        let account = format!("<sip:{}@{local}>;regint=0{account}{}\n", self.user, self.account);
        std::fs::write(path.join("accounts"), account)?;
        std::fs::write(path.join("contacts"), "")?;
        let output = std::fs::File::create(path.join("output.txt"))?;
        let child = Command::new("baresip")
            .arg("-f")
            .arg(path)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .context("baresip could not be started (Debian package baresip-core)")?;
        let console = UdpSocket::bind((local, 0))?;
        console.connect(SocketAddr::from((local, CONSOLE_PORT)))?;
        Ok(Baresip { child, console, folder })
    }

    fn configuration(&self, folder: &Path) -> String {
        let (local, folder) = (self.local, folder.display());
        let modules = [self.codec, "cons", "aufile", "aubridge", "sndfile"];
        let modules = modules.iter().chain(&self.modules);
        let loaded: String = modules.map(|module| format!("module {module}.so\n")).collect();
        format!(
            "net_interface {local}\nsip_listen {local}:{SIP_PORT}\ncons_listen {local}:{CONSOLE_PORT}\n\
             audio_source aufile,{folder}/tone.wav\naudio_player aubridge,speaker\naudio_alert aubridge,alert\n\
             ausrc_format s16\nauplay_format s16\nauenc_format s16\naudec_format s16\nsnd_path {folder}\n\
             {}module_path {MODULES}\n{loaded}module_tmp account.so\nmodule_app menu.so\n",
            self.config
        )
    }
}

impl Baresip {
    /// Waits until its call is up.
    ///
    /// # Errors
    /// When it does not come up, with what it printed.
    pub async fn wait_established(&self) -> anyhow::Result<()> {
        self.wait_printed("Call established").await
    }

    /// Waits until it has printed something.
    ///
    /// # Errors
    /// When it does not.
    pub async fn wait_printed(&self, text: &str) -> anyhow::Result<()> {
        let until = Instant::now() + CEILING;
        while !self.printed().contains(text) {
            if Instant::now() > until {
                bail!("baresip never printed {text:?}");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// Presses keys of its console, at a person's pace: digits are sent as DTMF while a call is up.
    ///
    /// # Errors
    /// When the console can't be reached.
    pub async fn press(&self, keys: &str) -> anyhow::Result<()> {
        for key in keys.chars() {
            self.console.send(key.encode_utf8(&mut [0; 4]).as_bytes())?;
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        Ok(())
    }

    /// Runs a command of its console.
    ///
    /// # Errors
    /// When the console can't be reached.
    pub fn command(&self, command: &str) -> anyhow::Result<()> {
        self.console.send(format!("/{command}\n").as_bytes())?;
        Ok(())
    }

    /// Hangs up, and ends the program.
    ///
    /// # Errors
    /// When the console can't be reached, or it does not end.
    pub async fn quit(&mut self) -> anyhow::Result<()> {
        self.command("quit")?;
        let until = Instant::now() + CEILING;
        while self.child.try_wait()?.is_none() {
            if Instant::now() > until {
                bail!("baresip does not end");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// What it printed.
    #[must_use]
    pub fn printed(&self) -> String {
        let printed = std::fs::read(self.folder.path().join("output.txt")).unwrap_or_default();
        String::from_utf8_lossy(&printed).into_owned()
    }

    /// What it has heard, decoded. Complete only after [`Baresip::quit`].
    ///
    /// # Errors
    /// When it kept no recording.
    pub fn heard(&self) -> anyhow::Result<Recording> {
        Ok(Recording::read(&self.recording().context("baresip kept no recording")?)?)
    }

    fn recording(&self) -> Option<PathBuf> {
        std::fs::read_dir(self.folder.path()).ok()?.filter_map(Result::ok).map(|entry| entry.path()).find(
            |path| {
                path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.ends_with("-dec.wav"))
            },
        )
    }
}

impl Drop for Baresip {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("what baresip printed:\n{}", self.printed());
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
