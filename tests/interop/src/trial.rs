//! One trial of the server against somebody else's program: a server, callers of our own, and every packet captured.
//!
//! **Invariant:** no trial ends well without tshark's word on what we sent: a [`Trial`] that is dropped before
//! [`Trial::finish`] fails its test.

use std::cell::RefCell;
use std::net::Ipv4Addr;

use anyhow::bail;
use callbench::meter::tone_level_dbov;
use partyline_claims::{HEARD_DBOV, Party, Phone, ServerPlan, loopback_of_my_own};

use crate::capture::Capture;
use crate::dissection::Dissection;
use crate::sound::Recording;

/// What programs under trial send: below all tones of our own callers, and above music and speech.
pub const PEER_HZ: f32 = 2050.0;
/// A tone that is not sent. A break in another (a late packet) is heard at every frequency a little, but below this.
const UNHEARD_DBOV: f32 = -50.0;

/// A server under trial.
#[derive(Debug)]
pub struct Trial {
    /// The server, and a bench of callers.
    pub party: Party,
    capture: Option<Capture>,
    strangers: RefCell<Vec<Ipv4Addr>>,
}

impl Trial {
    /// Starts with the server's defaults.
    ///
    /// # Errors
    /// When the server does not start, or nothing can be captured here.
    pub async fn start() -> anyhow::Result<Self> {
        Self::start_with(&ServerPlan::default()).await
    }

    /// Starts with more configuration.
    ///
    /// # Errors
    /// When the server does not start, or nothing can be captured here.
    pub async fn start_with(plan: &ServerPlan) -> anyhow::Result<Self> {
        Self::captured(plan, None).await
    }

    /// Starts with the server's defaults and captures SIP alone: for more calls than tshark reads in good time.
    ///
    /// # Errors
    /// When the server does not start, or nothing can be captured here.
    pub async fn start_without_media() -> anyhow::Result<Self> {
        Self::captured(&ServerPlan::default(), Some("port 5060")).await
    }

    async fn captured(plan: &ServerPlan, more: Option<&str>) -> anyhow::Result<Self> {
        let capture = Capture::start(loopback_of_my_own(), more)?;
        let party = Party::start_with(plan).await?;
        Ok(Self { party, capture: Some(capture), strangers: RefCell::default() })
    }

    /// An address for a program of somebody else's: what comes from it is not ours to answer for.
    #[must_use]
    pub fn strangers_address(&self) -> Ipv4Addr {
        let address = loopback_of_my_own();
        self.is_strangers(address);
        address
    }

    /// Says that an address is that of somebody else's program.
    pub fn is_strangers(&self, address: Ipv4Addr) {
        self.strangers.borrow_mut().push(address);
    }

    /// A room that everybody may start, and a host who is in it, sending a tone; it ends when the host leaves.
    ///
    /// # Errors
    /// When either can't be had.
    pub async fn room_with_a_talker(&self) -> anyhow::Result<(String, Phone)> {
        let codes =
            self.party.server.create_room("interop", &["--entry", "start", "--host-leaves", "end"])?;
        let talker = self.party.dial_code(&codes.host).await?;
        self.party.server.wait_count("conferee", "state = 'joined'", 1).await?;
        Ok((codes.participant, talker))
    }

    /// Ends the trial: tshark decodes all that was captured, and finds nothing wrong with what we sent.
    ///
    /// # Errors
    /// With what it complains of.
    pub async fn finish(self) -> anyhow::Result<Dissection> {
        self.finish_but_for(None).await
    }

    /// The same, where packets that pass a display filter are not judged: refusals repeat what others wrote.
    ///
    /// # Errors
    /// With what it complains of.
    pub async fn finish_but_for(mut self, filter: Option<&'static str>) -> anyhow::Result<Dissection> {
        let Some(capture) = self.capture.take() else {
            bail!("a trial ends once");
        };
        let strangers = self.strangers.take();
        tokio::task::spawn_blocking(move || {
            let dissection = Dissection::new(capture.end()?, strangers);
            let complaints = dissection.complaints(filter)?;
            if !complaints.is_empty() {
                bail!("tshark complains of what we sent:\n{}", complaints.join("\n"));
            }
            Ok(dissection)
        })
        .await?
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        assert!(
            self.capture.is_none() || std::thread::panicking(),
            "a trial ended without a look at what was sent: `finish` is missing"
        );
    }
}

/// Checks what a program heard in its last two seconds: the talker's tone, and not its own.
///
/// # Errors
/// With the level that is wrong.
pub fn hears_only_in(heard: &Recording, talker_hz: f32, own_hz: f32) -> anyhow::Result<()> {
    hears_only(heard.last(2), heard.rate_hz, talker_hz, own_hz)
}

/// The same of samples.
///
/// # Errors
/// With the level that is wrong.
pub fn hears_only(heard: &[i16], rate_hz: u32, talker_hz: f32, own_hz: f32) -> anyhow::Result<()> {
    let level = tone_level_dbov(heard, rate_hz, talker_hz);
    if level < HEARD_DBOV {
        bail!("it hears the talker at {level} dBov");
    }
    let own = tone_level_dbov(heard, rate_hz, own_hz);
    if own > UNHEARD_DBOV {
        let pieces = heard.chunks(rate_hz as usize / 10);
        let levels: Vec<String> =
            pieces.map(|piece| format!("{:.0}", tone_level_dbov(piece, rate_hz, own_hz))).collect();
        bail!("it hears itself at {own} dBov (by tenths of a second: {})", levels.join(" "));
    }
    Ok(())
}
