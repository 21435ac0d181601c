//! The real binary under test.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde_json::Value;
use tempfile::TempDir;

use crate::address::loopback_of_my_own;

/// How long anything may take before a test gives up on it; far above what it needs.
const CEILING: Duration = Duration::from_secs(30);

/// How a server is set up.
#[derive(Debug, Clone, Default)]
pub struct ServerPlan {
    /// More lines for the configuration file.
    pub config: String,
    /// Whether the configuration says where calls come in; else they come in on the server's own address.
    pub has_own_listeners: bool,
}

/// A running `partyline serve`, with a data folder and a loopback address of its own.
#[derive(Debug)]
pub struct Server {
    child: Child,
    address: Ipv4Addr,
    folder: TempDir,
    has_own_listeners: bool,
}

/// The codes of a room, as `room create --json` prints them.
#[derive(Debug, Clone)]
pub struct RoomCodes {
    /// The host's code.
    pub host: String,
    /// The participants' code.
    pub participant: String,
}

/// The binary that the workspace built beside this test.
fn binary() -> PathBuf {
    let test = std::env::current_exe().expect("a running test has a path");
    let built =
        test.ancestors().nth(2).expect("tests are built in a folder below the binaries").join("partyline");
    assert!(built.is_file(), "{} is missing: `cargo build -p partyline` first", built.display());
    built
}

impl Server {
    /// Starts a server with defaults, and waits until it takes calls.
    ///
    /// # Errors
    /// When it ends instead of getting ready, with what it printed.
    pub fn start() -> anyhow::Result<Self> {
        Self::start_with(&ServerPlan::default())
    }

    /// Starts a server with more configuration, and waits until it takes calls.
    ///
    /// # Errors
    /// When it ends instead of getting ready, with what it printed.
    pub fn start_with(plan: &ServerPlan) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let address = loopback_of_my_own();
        std::fs::write(folder.path().join("partyline.toml"), &plan.config)?;
        let child = spawn(folder.path(), address, plan.has_own_listeners)?;
        let mut server = Self { child, address, folder, has_own_listeners: plan.has_own_listeners };
        server.wait_ready()?;
        Ok(server)
    }

    /// Starts again in the same folder, after [`Server::kill`] or [`Server::stop`].
    ///
    /// # Errors
    /// When it does not get ready.
    pub fn restart(&mut self) -> anyhow::Result<()> {
        self.child = spawn(self.folder.path(), self.address, self.has_own_listeners)?;
        self.wait_ready()
    }

    /// The address that it listens on.
    #[must_use]
    pub const fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// Where SIP is answered.
    #[must_use]
    pub fn sip(&self) -> SocketAddr {
        SocketAddr::from((self.address, 5060))
    }

    /// The SIP address of a user part.
    #[must_use]
    pub fn uri(&self, user: &str) -> String {
        format!("sip:{user}@{}", self.sip())
    }

    /// The folder that holds its configuration and data.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The database file.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        self.folder.path().join("data/partyline.db")
    }

    /// The process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Everything that it printed and logged so far.
    #[must_use]
    pub fn printed(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("output.txt")).unwrap_or_default()
    }

    /// Whether the process is alive.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    fn wait_ready(&mut self) -> anyhow::Result<()> {
        let until = Instant::now() + CEILING;
        while Instant::now() < until {
            if let Some(status) = self.child.try_wait()? {
                bail!("serve ended with {status}:\n{}", self.printed());
            }
            if matches!(self.http("/readyz"), Ok((200, _))) {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        bail!("not ready after {CEILING:?}: {:?}\n{}", self.http("/readyz"), self.printed())
    }

    /// Asks the HTTP listener; answers with status and body.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn http(&self, path: &str) -> anyhow::Result<(u16, String)> {
        let address = SocketAddr::from((self.address, 8080));
        let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(5))?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let status = answer.split(' ').nth(1).and_then(|word| word.parse().ok()).context("no HTTP answer")?;
        let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body).to_owned();
        Ok((status, body))
    }

    /// Waits until a page answers with this status.
    ///
    /// # Errors
    /// When it still answers with another after the ceiling.
    pub async fn wait_http(&self, path: &str, wanted: u16) -> anyhow::Result<()> {
        let until = Instant::now() + CEILING;
        loop {
            let (status, body) = self.http(path)?;
            if status == wanted {
                return Ok(());
            }
            if Instant::now() > until {
                bail!("{path} answers {status} instead of {wanted}: {body}");
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until the media engine says that it has so many legs open: a leg that leaks is never given back.
    ///
    /// # Errors
    /// When there are still more or fewer after the ceiling.
    pub async fn wait_legs(&self, wanted: u64) -> anyhow::Result<()> {
        let until = Instant::now() + CEILING;
        loop {
            let (_, metrics) = self.http("/metrics")?;
            let line = metrics.lines().find(|line| line.starts_with("partyline_legs "));
            let found = line.and_then(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
            if found == Some(wanted as f64) {
                return Ok(());
            }
            if Instant::now() > until {
                bail!("{found:?} legs instead of {wanted}");
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// A command of the binary beside this server, ready to be run.
    #[must_use]
    pub fn command_line(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command.args(arguments).arg("--config").arg(self.folder.path().join("partyline.toml"));
        command.arg("--data-dir").arg(self.folder.path().join("data")).stdin(Stdio::null());
        command
    }

    /// Runs a command of the binary beside this server; answers with what it printed.
    ///
    /// # Errors
    /// When it fails, with what it printed.
    pub fn command(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let output = self.command_line(arguments).output()?;
        if !output.status.success() {
            bail!(
                "{arguments:?} failed ({}):\n{}{}",
                output.status,
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr)
            );
        }
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Runs a command with `--json`.
    ///
    /// # Errors
    /// When it fails, or prints something else.
    pub fn json(&self, arguments: &[&str]) -> anyhow::Result<Value> {
        let mut arguments = arguments.to_vec();
        arguments.push("--json");
        let printed = self.command(&arguments)?;
        serde_json::from_str(&printed).with_context(|| format!("{arguments:?} printed no JSON: {printed}"))
    }

    /// Makes a room; `settings` are further arguments of `room create`.
    ///
    /// # Errors
    /// When the command fails.
    pub fn create_room(&self, name: &str, settings: &[&str]) -> anyhow::Result<RoomCodes> {
        let mut arguments = vec!["room", "create", name];
        arguments.extend(settings);
        let room = self.json(&arguments)?;
        let code = |key: &str| {
            room[key]
                .as_str()
                .map(str::to_owned)
                .with_context(|| format!("room create printed no {key}: {room}"))
        };
        Ok(RoomCodes { host: code("host_code")?, participant: code("participant_code")? })
    }

    /// Really stops one role, by its name.
    ///
    /// # Errors
    /// When there is no such role.
    pub fn stop_role(&self, name: &str) -> anyhow::Result<()> {
        self.command(&["role", "stop", name]).map(drop)
    }

    /// Starts a stopped role again.
    ///
    /// # Errors
    /// When there is no such role, or it can't start.
    pub fn start_role(&self, name: &str) -> anyhow::Result<()> {
        self.command(&["role", "start", name]).map(drop)
    }

    /// The names of the roles, running or not.
    ///
    /// # Errors
    /// When the server does not say.
    pub fn roles(&self) -> anyhow::Result<Vec<String>> {
        let roles = self.json(&["role", "list"])?;
        let entries = roles.as_array().with_context(|| format!("no roles: {roles}"))?;
        Ok(entries.iter().filter_map(|entry| entry["name"].as_str().map(str::to_owned)).collect())
    }

    /// The paths of the RPCs that a role answered, oldest first.
    ///
    /// # Errors
    /// When there is no such role.
    pub fn rpcs(&self, role: &str) -> anyhow::Result<Vec<String>> {
        let log = self.json(&["role", "log", role])?;
        let entries = log["rpcs"].as_array().with_context(|| format!("no RPC log: {log}"))?;
        Ok(entries.iter().filter_map(|entry| entry["path"].as_str().map(str::to_owned)).collect())
    }

    /// Sends SIGTERM and waits for the clean end.
    ///
    /// # Errors
    /// When it does not end within the ceiling.
    pub fn stop(&mut self) -> anyhow::Result<ExitStatus> {
        self.signal(libc::SIGTERM);
        let until = Instant::now() + CEILING;
        while Instant::now() < until {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        bail!("still running {CEILING:?} after SIGTERM:\n{}", self.printed())
    }

    /// Sends SIGKILL, as a power cut would.
    ///
    /// # Errors
    /// When the process can't be waited for.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    #[expect(unsafe_code, reason = "the standard library sends no signal but SIGKILL")]
    fn signal(&self, signal: libc::c_int) {
        let pid = libc::pid_t::try_from(self.child.id()).expect("a process id fits");
        // SAFETY: the child is ours and not yet waited for, so the id is its own.
        unsafe { libc::kill(pid, signal) };
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let printed = self.printed();
            let tail: Vec<&str> = printed.lines().rev().take(60).collect();
            eprintln!("what the server printed last:");
            tail.iter().rev().for_each(|line| eprintln!("  {line}"));
        }
    }
}

fn spawn(folder: &Path, address: Ipv4Addr, has_own_listeners: bool) -> anyhow::Result<Child> {
    let output = File::options().create(true).append(true).open(folder.join("output.txt"))?;
    let mut serve = Command::new(binary());
    serve.arg("serve").arg("--config").arg(folder.join("partyline.toml"));
    serve.arg("--data-dir").arg(folder.join("data"));
    serve.args(["--http-listen", &format!("{address}:8080")]);
    if !has_own_listeners {
        serve.args(["--sip-listen", &format!("{address}:5060")]);
    }
    let child = serve
        .env("PARTYLINE_LOG__FILTER", "info")
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output)
        .spawn()
        .context("could not start the binary")?;
    Ok(child)
}
