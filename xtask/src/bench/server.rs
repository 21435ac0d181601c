//! A release server of its own for each measurement.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde_json::Value;

use crate::run;

/// On loopback, away from whatever else listens there.
pub(crate) const ADDRESS: Ipv4Addr = Ipv4Addr::new(127, 77, 0, 1);

/// A server that ends, with its folder, when it is dropped.
pub(crate) struct BenchServer {
    child: Child,
    folder: PathBuf,
    /// From the start of the process to the first 200 of `/readyz`.
    pub(crate) ready_after: Duration,
}

/// A binary of the release build.
pub(crate) fn binary(name: &str) -> PathBuf {
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| run::root().join("target"), PathBuf::from);
    target.join("release").join(name)
}

impl BenchServer {
    /// Starts one with an empty folder, and waits until it is ready.
    pub(crate) fn start() -> anyhow::Result<Self> {
        Self::start_with(&[])
    }

    /// The same with settings, by their names in the environment.
    pub(crate) fn start_with(settings: &[(&str, &str)]) -> anyhow::Result<Self> {
        let folder = std::env::temp_dir().join(format!("partyline-bench-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder)?;
        let log = std::fs::File::create(folder.join("output.txt"))?;
        let started = Instant::now();
        let child = Command::new(binary("partyline"))
            .arg("serve")
            .envs(settings.iter().copied())
            .arg("--data-dir")
            .arg(folder.join("data"))
            .args(["--sip-listen", &format!("{ADDRESS}:5060"), "--http-listen", &format!("{ADDRESS}:8080")])
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        let mut server = Self { child, folder, ready_after: Duration::ZERO };
        while !is_ready() {
            if started.elapsed() > Duration::from_secs(30) || server.child.try_wait()?.is_some() {
                bail!("not ready: {}", std::fs::read_to_string(server.folder.join("output.txt"))?);
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        server.ready_after = started.elapsed();
        Ok(server)
    }

    pub(crate) const fn address(&self) -> Ipv4Addr {
        ADDRESS
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Resident memory, in octets.
    pub(crate) fn resident(&self) -> anyhow::Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid()))?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).context("no VmRSS")?;
        let kilobytes: u64 = line.split_whitespace().nth(1).context("no figure")?.parse()?;
        Ok(kilobytes * 1024)
    }

    /// The legs that the media engine has open.
    pub(crate) fn legs(&self) -> Option<u64> {
        self.metric("partyline_legs").map(|legs| legs as u64)
    }

    /// A metric without labels.
    #[expect(clippy::unused_self, reason = "it is this server that listens there")]
    pub(crate) fn metric(&self, name: &str) -> Option<f64> {
        let metrics = ask("/metrics").ok()?;
        let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
        line.trim().parse().ok()
    }

    /// A metric over all its labels; 0 where nothing was counted yet.
    #[expect(clippy::unused_self, reason = "it is this server that listens there")]
    pub(crate) fn metric_sum(&self, name: &str) -> anyhow::Result<f64> {
        let metrics = ask("/metrics")?;
        let of_it = metrics.lines().filter_map(|line| {
            let rest = line.strip_prefix(name)?;
            rest.starts_with([' ', '{']).then(|| rest.rsplit(' ').next()?.parse::<f64>().ok())?
        });
        Ok(of_it.sum())
    }

    /// Has callbench call the rooms of a file, and reads its report.
    pub(crate) fn callbench(&self, what: &[&str], rooms: &Path, more: &[&str]) -> anyhow::Result<Value> {
        let target = format!("sip:{ADDRESS}:5060");
        let mut bench = run::command(&binary("callbench").display().to_string(), what);
        bench.args(["--json", "--target", &target, "--rooms"]).arg(rooms).args(more);
        let output = bench.output().context("callbench could not be started")?;
        serde_json::from_slice(&output.stdout).with_context(|| {
            format!(
                "callbench: {}{}",
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr)
            )
        })
    }

    /// Where it keeps what it knows.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Its database.
    pub(crate) fn database(&self) -> PathBuf {
        self.folder.join("data/partyline.db")
    }

    /// Makes rooms; a file with a `HOST:PARTICIPANT` pair of codes on each line.
    pub(crate) fn rooms(&self, count: u32) -> anyhow::Result<PathBuf> {
        self.rooms_of("bench", count, &[])
    }

    /// Makes rooms of a name, with more settings; a file as that of [`Self::rooms`].
    pub(crate) fn rooms_of(&self, name: &str, count: u32, settings: &[&str]) -> anyhow::Result<PathBuf> {
        let usual = [("--entry", "start"), ("--announce", "silence")];
        let mut codes = String::new();
        for nth in 0..count {
            let output = Command::new(binary("partyline"))
                .args(["room", "create", &format!("{name}-{nth}")])
                .args(
                    usual
                        .iter()
                        .filter(|(flag, _)| !settings.contains(flag))
                        .flat_map(|(flag, value)| [flag, value]),
                )
                .args(settings)
                .arg("--json")
                .arg("--data-dir")
                .arg(self.folder.join("data"))
                .output()?;
            let room: serde_json::Value = serde_json::from_slice(&output.stdout)
                .with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())?;
            let code = |key: &str| room[key].as_str().map(str::to_owned).context("no code");
            codes.push_str(&format!("{}:{}\n", code("host_code")?, code("participant_code")?));
        }
        let path = self.folder.join(format!("{name}.txt"));
        std::fs::write(&path, codes)?;
        Ok(path)
    }
}

fn is_ready() -> bool {
    ask("/readyz").is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
}

fn ask(path: &str) -> std::io::Result<String> {
    let address = SocketAddr::from((ADDRESS, 8080));
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1))?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

impl Drop for BenchServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
