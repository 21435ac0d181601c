//! Telephones around a server: who hears whom, told by a tone of each caller's own.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use callbench::{Bench, BenchConfig, CallPlan, Caller, Reception, Trust};

use crate::address::loopback_of_my_own;
use crate::server::{Server, ServerPlan};

/// A tone is heard above this. Callers send at −15 dBov.
pub const HEARD_DBOV: f32 = -30.0;
/// The promise of silence between callers.
pub const SILENT_DBOV: f32 = -60.0;
/// Speech is louder than this at its loudest.
const SPOKEN_DBOV: f32 = -35.0;
/// For a prompt to begin; far above what it needs.
const SPEECH_MAX: Duration = Duration::from_secs(20);
/// Tones apart from each other, and above the hold music's highest overtone.
const TONES_HZ: [f32; 8] = [2210.0, 2390.0, 2570.0, 2750.0, 2930.0, 3110.0, 3290.0, 3400.0];
/// The piece of sound that is measured.
const WINDOW: Duration = Duration::from_secs(1);
/// That are measured for silence, at most.
const WINDOWS: usize = 5;

/// A server, and a bench to call it from.
#[derive(Debug)]
pub struct Party {
    /// The server.
    pub server: Server,
    bench: Bench,
    phones: std::cell::Cell<usize>,
}

/// One caller's telephone.
#[derive(Debug)]
pub struct Phone {
    /// The caller's number.
    pub number: String,
    /// The tone that they send.
    pub tone_hz: f32,
    /// The call.
    pub call: Caller,
}

impl Party {
    /// A server with defaults, and a bench.
    ///
    /// # Errors
    /// When either does not start.
    pub async fn start() -> anyhow::Result<Self> {
        Self::start_with(&ServerPlan::default()).await
    }

    /// A server with more configuration, and a bench.
    ///
    /// # Errors
    /// When either does not start.
    pub async fn start_with(plan: &ServerPlan) -> anyhow::Result<Self> {
        let server = Server::start_with(plan)?;
        // Telephones know the server's own certificate, where it made one.
        let certificate = server.folder().join("data/sip-tls/certificate.pem");
        let trust = if certificate.is_file() { Trust::File(certificate) } else { Trust::System };
        let config = BenchConfig { trust, ..BenchConfig::new(loopback_of_my_own().into()) };
        let bench = Bench::start(config).await?;
        Ok(Self { server, bench, phones: std::cell::Cell::new(0) })
    }

    /// A server whose calls out go to the bench, through a trunk named `carrier`, for numbers that begin with 555 or
    /// are the operator's 700. `{bench}` in the configuration stands for the bench's SIP socket.
    ///
    /// # Errors
    /// When either does not start.
    pub async fn with_carrier(config: &str, ring_max: &str) -> anyhow::Result<Self> {
        Self::with_carrier_and(&ServerPlan { config: config.to_owned(), ..ServerPlan::default() }, ring_max)
            .await
    }

    /// The same with a plan of one's own.
    ///
    /// # Errors
    /// When either does not start.
    pub async fn with_carrier_and(plan: &ServerPlan, ring_max: &str) -> anyhow::Result<Self> {
        let bench = Bench::start(BenchConfig::new(loopback_of_my_own().into())).await?;
        let config = plan.config.replace("{bench}", &bench.sip().to_string());
        let config = format!(
            "{config}\n[[trunk]]\nname = \"carrier\"\n[trunk.dial_out]\nhosts = [\"{}\"]\nring_max = \"{ring_max}\"\n\
             caller_number = \"5550100\"\nnumbers = [{{ prefix = \"555\" }}, {{ prefix = \"700\" }}]\n",
            bench.sip()
        );
        let server = Server::start_with(&ServerPlan { config, has_own_listeners: plan.has_own_listeners })?;
        Ok(Self { server, bench, phones: std::cell::Cell::new(0) })
    }

    /// A telephone that takes the next call out of the server.
    ///
    /// # Errors
    /// When it has no socket.
    pub fn expect(&self, reception: Reception) -> anyhow::Result<Phone> {
        let (number, tone_hz, plan) = self.next_phone("sip:nobody@127.0.0.1");
        let call = self.bench.expect(plan, reception)?;
        Ok(Phone { number, tone_hz, call })
    }

    /// The plan of a call to a SIP address from a telephone with a number and tone of its own.
    fn next_phone(&self, uri: &str) -> (String, f32, CallPlan) {
        let nth = self.phones.get();
        self.phones.set(nth + 1);
        let number = format!("555010{nth}");
        let tone_hz = TONES_HZ[nth % TONES_HZ.len()];
        let plan = CallPlan::new(uri).from_user(number.clone()).tone(tone_hz);
        (number, tone_hz, plan)
    }

    /// Calls a SIP address, shaped by `shape`.
    ///
    /// # Errors
    /// When the call can't be made.
    pub async fn call_with(
        &self,
        uri: &str,
        shape: impl FnOnce(CallPlan) -> CallPlan,
    ) -> anyhow::Result<Phone> {
        let (number, tone_hz, plan) = self.next_phone(uri);
        let call = self.bench.call(shape(plan)).await?;
        Ok(Phone { number, tone_hz, call })
    }

    /// Calls the conferencing number and keys a code when the call is answered.
    ///
    /// # Errors
    /// When nobody answers.
    pub async fn key_code(&self, code: &str) -> anyhow::Result<Phone> {
        self.key_code_at(&self.server.uri("conference"), code).await
    }

    /// The same from a telephone shaped by `shape`.
    ///
    /// # Errors
    /// When nobody answers.
    pub async fn key_code_with(
        &self,
        code: &str,
        shape: impl FnOnce(CallPlan) -> CallPlan,
    ) -> anyhow::Result<Phone> {
        let uri = self.server.uri("conference");
        let phone = self.call_with(&uri, |plan| shape(plan.digits(format!("{code}#")))).await?;
        phone.call.wait_answered().await?;
        Ok(phone)
    }

    /// The same at another address of the server.
    ///
    /// # Errors
    /// When nobody answers.
    pub async fn key_code_at(&self, uri: &str, code: &str) -> anyhow::Result<Phone> {
        let phone = self.call_with(uri, |plan| plan.digits(format!("{code}#"))).await?;
        phone.call.wait_answered().await?;
        Ok(phone)
    }

    /// Dials a room's code directly.
    ///
    /// # Errors
    /// When nobody answers.
    pub async fn dial_code(&self, code: &str) -> anyhow::Result<Phone> {
        let phone = self.call_with(&self.server.uri(code), |plan| plan).await?;
        phone.call.wait_answered().await?;
        Ok(phone)
    }

    /// Two callers who hear each other, in a room of their own, while others misbehave.
    ///
    /// # Errors
    /// When they don't hear each other.
    pub async fn talking_pair(&self) -> anyhow::Result<[Phone; 2]> {
        let codes = self.server.create_room("undisturbed", &["--entry", "start"])?;
        let pair = [self.key_code(&codes.host).await?, self.key_code(&codes.participant).await?];
        all_hear_each_other(&[&pair[0], &pair[1]]).await?;
        Ok(pair)
    }
}

/// Whether a pair still hears each other, on the calls that they had.
///
/// # Errors
/// When they don't, or a call has ended.
pub async fn still_talking(pair: &[Phone; 2]) -> anyhow::Result<()> {
    all_hear_each_other(&[&pair[0], &pair[1]]).await?;
    match pair.iter().find_map(|phone| phone.call.ended()) {
        Some(end) => bail!("a call of the undisturbed pair has ended: {end:?}"),
        None => Ok(()),
    }
}

impl Phone {
    /// Waits until this caller hears another.
    ///
    /// # Errors
    /// When they don't.
    pub async fn wait_hears(&self, other: &Self) -> anyhow::Result<()> {
        self.call
            .wait_hears(other.tone_hz)
            .await
            .with_context(|| format!("{} should hear {}", self.number, other.number))
    }

    /// Waits until this caller does not hear another.
    ///
    /// # Errors
    /// When they still do.
    pub async fn wait_hears_not(&self, other: &Self) -> anyhow::Result<()> {
        self.call
            .wait_hears_not(other.tone_hz)
            .await
            .with_context(|| format!("{} should not hear {}", self.number, other.number))
    }

    /// Measures that this caller does not hear another (or themselves).
    ///
    /// A window in which packets came late, or the buffers for them grew, has a break in all tones that are heard, and a
    /// break is heard at every frequency a little: such a window says nothing, and the next one is measured.
    ///
    /// # Errors
    /// When they do in every window.
    pub async fn does_not_hear(&self, other: &Self) -> anyhow::Result<()> {
        let mut heard = 0.0;
        for _ in 0..WINDOWS {
            heard = self.call.hears_from_now(&[other.tone_hz], WINDOW).await[0];
            if heard < SILENT_DBOV {
                return Ok(());
            }
        }
        bail!("{} hears {} at {heard} dBov", self.number, other.number)
    }

    /// Waits until this caller hears something well above silence, while nobody else sends a tone: a prompt.
    ///
    /// # Errors
    /// When it stays silent.
    pub async fn wait_spoken_to(&self) -> anyhow::Result<()> {
        let until = Instant::now() + SPEECH_MAX;
        while self.loudest(Duration::from_millis(200)).await < SPOKEN_DBOV {
            if Instant::now() > until {
                bail!("{} is not spoken to", self.number);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// The level of the loudest 20 ms that this caller has heard in the last `window`, in dBov.
    pub async fn loudest(&self, window: Duration) -> f32 {
        let samples = self.call.samples(window).await;
        samples.chunks_exact(160).map(callbench::meter::level_dbov).fold(-96.0, f32::max)
    }

    /// The level at which this caller has heard another in the last second, in dBov.
    pub async fn level_of(&self, other: &Self) -> f32 {
        self.call.hears(&[other.tone_hz], WINDOW).await[0]
    }
}

/// Waits until each of these callers hears all others, then measures that nobody hears themselves.
///
/// # Errors
/// When somebody does not hear somebody, or hears themselves.
pub async fn all_hear_each_other(phones: &[&Phone]) -> anyhow::Result<()> {
    for listener in phones {
        for talker in phones {
            if listener.number != talker.number {
                listener.wait_hears(talker).await?;
            }
        }
    }
    for phone in phones {
        phone.does_not_hear(phone).await?;
    }
    Ok(())
}
