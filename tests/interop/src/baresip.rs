//! baresip: a softphone with its own media and its own DTMF, driven over its UDP console.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use anyhow::Context;
use tempfile::TempDir;

const SIP_PORT: u16 = 5062;
const CONSOLE_PORT: u16 = 5555;
/// Telephone speech.
const RATE_HZ: u32 = 8000;
const MODULES: &str = "/usr/lib/baresip/modules";

/// A running baresip on a loopback address of its own, that sends a tone and keeps what it hears.
#[derive(Debug)]
pub struct Baresip {
    child: Child,
    console: UdpSocket,
    folder: TempDir,
}

impl Baresip {
    /// Starts one that will call `target` at once, sending a sine of `tone_hz`.
    ///
    /// # Errors
    /// When it can't be started.
    pub fn call(local: Ipv4Addr, target: &str, tone_hz: f32) -> anyhow::Result<Self> {
        let folder = TempDir::new()?;
        let path = folder.path();
        write_tone(&path.join("tone.wav"), tone_hz)?;
        std::fs::write(path.join("config"), configuration(local, &path.display().to_string()))?;
        std::fs::write(path.join("accounts"), format!("<sip:baresip@{local}>;regint=0\n"))?;
        std::fs::write(path.join("contacts"), "")?;
        let output = std::fs::File::create(path.join("output.txt"))?;
        let child = Command::new("baresip")
            .arg("-f")
            .arg(path)
            .args(["-e", &format!("/dial {target}")])
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .context("baresip could not be started (Debian package baresip-core)")?;
        let console = UdpSocket::bind((local, 0))?;
        console.connect(SocketAddr::from((local, CONSOLE_PORT)))?;
        Ok(Self { child, console, folder })
    }

    /// Presses a key of its console: a digit is sent as DTMF while a call is up.
    ///
    /// # Errors
    /// When the console can't be reached.
    pub fn press(&self, key: char) -> anyhow::Result<()> {
        let mut bytes = [0; 4];
        self.console.send(key.encode_utf8(&mut bytes).as_bytes())?;
        Ok(())
    }

    /// Hangs up, and ends the program.
    ///
    /// # Errors
    /// When the console can't be reached.
    pub fn quit(&mut self) -> anyhow::Result<()> {
        self.console.send(b"/quit\n")?;
        self.child.wait()?;
        Ok(())
    }

    /// What it printed.
    #[must_use]
    pub fn printed(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("output.txt")).unwrap_or_default()
    }

    /// What it has heard, decoded, at 8 kHz. Complete only after [`Baresip::quit`].
    ///
    /// # Errors
    /// When it kept no recording.
    pub fn heard(&self) -> anyhow::Result<Vec<i16>> {
        let recording = self.recording().context("baresip kept no recording")?;
        Ok(hound::WavReader::open(recording)?.into_samples::<i16>().filter_map(Result::ok).collect())
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
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn configuration(local: Ipv4Addr, folder: &str) -> String {
    let modules = ["cons", "g711", "aufile", "aubridge", "sndfile"];
    let loaded: String = modules.iter().map(|module| format!("module {module}.so\n")).collect();
    format!(
        "net_interface {local}\nsip_listen {local}:{SIP_PORT}\ncons_listen {local}:{CONSOLE_PORT}\n\
         audio_source aufile,{folder}/tone.wav\naudio_player aubridge,speaker\naudio_alert aubridge,alert\n\
         ausrc_format s16\nauplay_format s16\nauenc_format s16\naudec_format s16\nsnd_path {folder}\n\
         module_path {MODULES}\n{loaded}module_tmp account.so\nmodule_app menu.so\n"
    )
}

/// A minute of a sine, in the only form that the source module takes.
fn write_tone(path: &std::path::Path, tone_hz: f32) -> anyhow::Result<()> {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: RATE_HZ,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(path, spec)?;
    for sample in 0..60 * RATE_HZ {
        let phase = std::f32::consts::TAU * tone_hz * sample as f32 / RATE_HZ as f32;
        writer.write_sample((8000.0 * phase.sin()) as i16)?;
    }
    Ok(writer.finalize()?)
}
