//! PostgreSQL servers for tests: each with a folder of its own, gone with whoever started it.
//!
//! The programs are those of Debian's package `postgresql`. As they refuse root, they run as its user `postgres` there.
//!
//! **Invariant:** a server ends with the value that started it; where its process is killed, a guard ends it.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, bail, ensure};

/// Who owns the servers' databases, and connects without a password.
pub const USER: &str = "partyline";

/// How a server is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// Connections are cut, what is committed is written.
    Fast,
    /// At once, as by a crash.
    Immediate,
}

impl Stop {
    const fn word(self) -> &'static str {
        match self {
            Self::Fast => "fast",
            Self::Immediate => "immediate",
        }
    }
}

/// A server.
pub struct PgServer {
    folder: Folder,
    port: u16,
    _guard: Guard,
}

impl PgServer {
    /// Makes an empty server and starts it, on a Unix socket and on 127.0.0.1.
    ///
    /// # Errors
    /// Where PostgreSQL is not installed or does not start.
    pub fn start() -> anyhow::Result<Self> {
        let folder = Folder::new()?;
        let arguments =
            ["--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C", "--username", USER, "--pgdata"];
        folder.run("initdb", &arguments, &[&folder.data()])?;
        Self::over(folder)
    }

    /// A copy of this server that follows it. With it, a commit here is acknowledged once it is kept there too.
    ///
    /// # Errors
    /// Where the copy can't be made.
    pub fn standby(&self) -> anyhow::Result<Self> {
        let folder = Folder::new()?;
        let from = format!("host={} port={} user={USER} application_name=standby", self.socket(), self.port);
        let arguments = ["--no-sync", "--checkpoint=fast", "--wal-method=stream", "--write-recovery-conf"];
        let more = ["--dbname", &from, "--pgdata"];
        folder.run("pg_basebackup", &[&arguments[..], &more[..]].concat(), &[&folder.data()])?;
        let standby = Self::over(folder)?;
        self.psql("postgres", "ALTER SYSTEM SET synchronous_standby_names = 'standby'")?;
        self.psql("postgres", "SELECT pg_reload_conf()")?;
        Ok(standby)
    }

    fn over(folder: Folder) -> anyhow::Result<Self> {
        let port = free_port()?;
        let settings = format!(
            "port = {port}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = '{}'\n\
             fsync = off\nshared_buffers = 16MB\nmax_connections = 100\nwal_level = replica\n\
             max_wal_senders = 4\nlogging_collector = off\n",
            folder.path().display()
        );
        fs::write(folder.data().join("ours.conf"), settings)?;
        let main = folder.data().join("postgresql.conf");
        let text = fs::read_to_string(&main)?;
        let text = text.lines().filter(|line| !line.starts_with("include = 'ours.conf'"));
        fs::write(&main, text.chain(["include = 'ours.conf'\n"]).collect::<Vec<_>>().join("\n"))?;
        let guard = Guard::of(&folder)?;
        let server = Self { folder, port, _guard: guard };
        server.run()?;
        Ok(server)
    }

    /// Starts the server again after [`Self::stop`]; it is ready when this returns.
    ///
    /// # Errors
    /// Where it does not start.
    pub fn run(&self) -> anyhow::Result<()> {
        let log = self.folder.path().join("log");
        self.folder.run(
            "pg_ctl",
            &["start", "--wait", "--timeout=60", "--silent", "--log"],
            &[&log, Path::new("--pgdata"), &self.folder.data()],
        )
    }

    /// Ends the server.
    ///
    /// # Errors
    /// Where it does not run, or does not end.
    pub fn stop(&self, how: Stop) -> anyhow::Result<()> {
        let mode = format!("--mode={}", how.word());
        self.folder.run("pg_ctl", &["stop", "--wait", "--silent", &mode, "--pgdata"], &[&self.folder.data()])
    }

    /// Makes a standby the primary.
    ///
    /// # Errors
    /// Where it is none.
    pub fn promote(&self) -> anyhow::Result<()> {
        self.folder.run("pg_ctl", &["promote", "--wait", "--silent", "--pgdata"], &[&self.folder.data()])
    }

    /// Adds lines to the settings, and lets `pg_hba.conf` say who may connect over the network; then restarts.
    ///
    /// # Errors
    /// Where it does not come back.
    pub fn configure(&self, settings: &str, network: &str) -> anyhow::Result<()> {
        let file = self.folder.data().join("ours.conf");
        fs::write(&file, fs::read_to_string(&file)? + settings)?;
        fs::write(self.folder.data().join("pg_hba.conf"), format!("local all all trust\n{network}\n"))?;
        self.stop(Stop::Fast)?;
        self.run()
    }

    /// Puts a file that the server alone may read into its folder; answers with its path.
    ///
    /// # Errors
    /// Where it can't be written.
    pub fn keep(&self, name: &str, content: &str) -> anyhow::Result<PathBuf> {
        let path = self.folder.path().join(name);
        fs::write(&path, content)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
        self.folder.give(&path)?;
        Ok(path)
    }

    /// Makes an empty database, or one like `template`.
    ///
    /// # Errors
    /// Where it can't be made.
    pub fn database(&self, name: &str, template: &str) -> anyhow::Result<()> {
        self.psql("postgres", &format!("CREATE DATABASE {name} TEMPLATE {template}")).map(|_| ())
    }

    /// What a statement answers, as text.
    ///
    /// # Errors
    /// What the server says.
    pub fn psql(&self, database: &str, sql: &str) -> anyhow::Result<String> {
        let port = self.port.to_string();
        let socket = self.socket();
        let output = self
            .folder
            .command("psql")?
            .args(["-X", "-q", "-t", "-A", "-v", "ON_ERROR_STOP=1", "-h", &socket, "-p", &port])
            .args(["-U", USER, "-d", database, "-c", sql])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .output()?;
        ensure!(output.status.success(), "psql: {}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// Where the server listens on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// A URL for a database over the Unix socket.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!("postgresql://{USER}@{}:{}/{database}", self.socket().replace('/', "%2F"), self.port)
    }

    fn socket(&self) -> String {
        self.folder.path().display().to_string()
    }
}

impl Drop for PgServer {
    fn drop(&mut self) {
        // One that was stopped already is as it should be.
        let _ = self.stop(Stop::Immediate);
    }
}

fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// A folder that belongs to whom the server runs as.
struct Folder {
    folder: tempfile::TempDir,
    owner: Option<(u32, u32)>,
}

impl Folder {
    fn new() -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("pg").tempdir_in("/tmp")?;
        let is_root = fs::metadata("/proc/self")?.uid() == 0;
        let owner = if is_root { Some(account("postgres")?) } else { None };
        let folder = Self { folder, owner };
        folder.give(folder.path())?;
        Ok(folder)
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn data(&self) -> PathBuf {
        self.path().join("data")
    }

    fn give(&self, path: &Path) -> anyhow::Result<()> {
        if let Some((user, group)) = self.owner {
            chown(path, Some(user), Some(group))?;
        }
        Ok(())
    }

    /// A program of PostgreSQL's, as whoever owns the folder.
    fn command(&self, program: &str) -> anyhow::Result<Command> {
        let mut command = Command::new(programs()?.join(program));
        command.current_dir(self.path()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        if let Some((user, group)) = self.owner {
            command.uid(user).gid(group);
        }
        Ok(command)
    }

    fn run(&self, program: &str, arguments: &[&str], paths: &[&Path]) -> anyhow::Result<()> {
        let said = self.path().join(format!("{program}.said"));
        let file = fs::File::create(&said)?;
        self.give(&said)?;
        let mut command = self.command(program)?;
        // Not to ours: a server that lives on would keep it open.
        let status = command.args(arguments).args(paths).stderr(file).status().context(program.to_owned())?;
        if !status.success() {
            let log = fs::read_to_string(self.path().join("log")).unwrap_or_default();
            bail!("{program}: {}\n{log}", fs::read_to_string(&said).unwrap_or_default());
        }
        Ok(())
    }
}

/// Ends the server and removes its folder when this process is gone, however it went.
struct Guard(Child);

impl Guard {
    fn of(folder: &Folder) -> anyhow::Result<Self> {
        let script = "tail --pid=\"$1\" -s 0.5 -f /dev/null; \"$2\" stop --mode=immediate --silent --pgdata \"$3/data\"; rm -rf \"$3\"";
        let mut command = Command::new("sh");
        command.args(["-c", script, "guard", &std::process::id().to_string()]);
        command.arg(programs()?.join("pg_ctl")).arg(folder.path()).current_dir("/");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        if let Some((user, group)) = folder.owner {
            command.uid(user).gid(group);
        }
        Ok(Self(command.spawn()?))
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // The whole group: the shell, and what it waits by.
        let group = format!("-{}", self.0.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).stderr(Stdio::null()).status();
        let _ = self.0.wait();
    }
}

/// A user's number and group, as `/etc/passwd` has them.
fn account(name: &str) -> anyhow::Result<(u32, u32)> {
    let users = fs::read_to_string("/etc/passwd")?;
    let fields = users.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let Some(user) = fields.into_iter().find(|fields| fields.first() == Some(&name)) else {
        bail!("there is no user {name}: install Debian's package postgresql");
    };
    match user.as_slice() {
        [_, _, user, group, ..] => Ok((user.parse()?, group.parse()?)),
        _ => bail!("the user {name} has no numbers"),
    }
}

/// Where PostgreSQL's programs are: Debian keeps them out of the path, by version.
fn programs() -> anyhow::Result<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").context("install Debian's package postgresql")?;
    let newest = versions
        .filter_map(|version| Some(version.ok()?.path().join("bin")))
        .filter(|programs| programs.join("initdb").is_file())
        .max_by_key(|programs| {
            programs.parent().and_then(|version| version.file_name()?.to_str()?.parse::<u32>().ok())
        });
    newest.context("install Debian's package postgresql")
}
