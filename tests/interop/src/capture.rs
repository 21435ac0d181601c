//! What goes over the loopback interface between a test's own addresses, kept by dumpcap.
//!
//! **Invariant:** between [`Capture::start`] and [`Capture::end`] nothing is missed: both ends are marked by a
//! datagram that is waited for in the capture itself.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tempfile::TempDir;

/// How long a mark may take to come back; far above what it needs.
const CEILING: Duration = Duration::from_secs(30);
/// How often the first mark is sent until the capture runs.
const MARK_EVERY: Duration = Duration::from_millis(20);
/// What marks a begin or an end, before the marker's own address: captures of one process see each other's marks.
const MARKS: [(Mark, &str); 2] = [
    (Mark::Begin, "partyline interop: the capture begins"),
    (Mark::End, "partyline interop: the capture ends"),
];

/// A capture that is running.
#[derive(Debug)]
pub struct Capture {
    child: Child,
    folder: TempDir,
    marker: UdpSocket,
    texts: [(Mark, Vec<u8>); 2],
    seen: Receiver<Mark>,
    keeper: Option<JoinHandle<std::io::Result<()>>>,
}

/// A capture that is over: a file, removed with this value.
#[derive(Debug)]
pub struct Captured {
    folder: TempDir,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    Begin,
    End,
}

impl Capture {
    /// Captures what comes from or goes to the addresses that share their first three bytes with `marker`, which is
    /// an address of the test's own; with `more` of libpcap's filter, only that.
    ///
    /// # Errors
    /// When dumpcap is not there or may not capture, with what it said.
    pub fn start(marker: Ipv4Addr, more: Option<&str>) -> anyhow::Result<Self> {
        let folder = TempDir::new()?;
        let [a, b, c, _] = marker.octets();
        let mut filter = format!("net {a}.{b}.{c}.0/24");
        if let Some(more) = more {
            filter.push_str(&format!(" and ({more} or host {marker})"));
        }
        let errors = File::create(folder.path().join("errors.txt"))?;
        let mut child = Command::new("dumpcap")
            .args(["-i", "lo", "-q", "-P", "-B", "32", "-w", "-", "-f", &filter])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()
            .context("dumpcap could not be started (Debian packages tshark and wireshark-common)")?;
        let output = child.stdout.take().context("dumpcap has no output")?;
        let file = File::create(captured_file(folder.path()))?;
        let (tell, seen) = channel();
        let marker = UdpSocket::bind((marker, 0))?;
        let own = marker.local_addr()?;
        marker.connect(own)?;
        let texts = MARKS.map(|(mark, text)| (mark, format!("{text} {own}.").into_bytes()));
        let expected = texts.clone();
        let keeper = std::thread::spawn(move || keep(output, file, &expected, &tell));
        let capture = Self { child, folder, marker, texts, seen, keeper: Some(keeper) };
        capture.wait_mark(Mark::Begin)?;
        Ok(capture)
    }

    /// Sends a mark until it is captured: packets that were sent before it are in the file then.
    fn wait_mark(&self, mark: Mark) -> anyhow::Result<()> {
        let (_, text) = self.texts.iter().find(|(of, _)| *of == mark).context("each mark has a text")?;
        let until = Instant::now() + CEILING;
        while Instant::now() < until {
            self.marker.send(text)?;
            match self.seen.recv_timeout(MARK_EVERY) {
                Ok(seen) if seen == mark => return Ok(()),
                Ok(_) | Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        bail!(
            "these tests look at every packet, and dumpcap may not capture on the loopback interface here: run them \
             as root, or give dumpcap the right (`setcap cap_net_raw,cap_net_admin+ep $(command -v dumpcap)`). \
             It said:\n{}",
            std::fs::read_to_string(self.folder.path().join("errors.txt")).unwrap_or_default()
        )
    }

    /// Ends the capture with all that was sent up to now.
    ///
    /// # Errors
    /// When dumpcap has ended before, or lost packets.
    pub fn end(mut self) -> anyhow::Result<Captured> {
        self.wait_mark(Mark::End)?;
        Command::new("kill").args(["-INT", &self.child.id().to_string()]).status()?;
        self.child.wait()?;
        let keeper = self.keeper.take().context("a capture ends once")?;
        keeper.join().map_err(|_| anyhow::anyhow!("the thread that keeps the capture panicked"))??;
        let said = std::fs::read_to_string(self.folder.path().join("errors.txt"))?;
        if !said.contains("/0 (") {
            bail!("dumpcap lost packets: {said}");
        }
        // The folder outlives the process; what is left of `self` is dropped without it.
        let folder = std::mem::replace(&mut self.folder, TempDir::new()?);
        Ok(Captured { folder })
    }
}

impl Captured {
    /// The file, in libpcap's format.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        captured_file(self.folder.path())
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn captured_file(folder: &Path) -> PathBuf {
    folder.join("captured.pcap")
}

/// Writes all that dumpcap captures to the file, and tells of the marks within.
fn keep(
    mut output: impl Read,
    mut file: File,
    texts: &[(Mark, Vec<u8>)],
    tell: &Sender<Mark>,
) -> std::io::Result<()> {
    let longest = texts.iter().map(|(_, text)| text.len()).max().unwrap_or(0);
    let mut bytes = vec![0; 65_536];
    let mut recent: Vec<u8> = Vec::new();
    loop {
        let length = output.read(&mut bytes)?;
        if length == 0 {
            return file.flush();
        }
        file.write_all(&bytes[..length])?;
        recent.extend_from_slice(&bytes[..length]);
        for (mark, text) in texts {
            if recent.windows(text.len()).any(|window| window == text) {
                // Whoever waited may have given up.
                let _ = tell.send(*mark);
            }
        }
        // A mark may come in two pieces.
        recent.drain(..recent.len().saturating_sub(longest));
    }
}
