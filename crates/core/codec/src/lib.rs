//! Audio codecs behind one encoder and decoder pair.
//!
//! It knows no packets, time or rooms. **Invariant:** decoding never fails: any bytes give samples.

mod g711;

/// Samples of one 20 ms frame at 8 kHz: the frame that every G.711 leg is driven by.
pub const FRAME_SAMPLES_8K: usize = 160;

/// The lowest level that is told apart from silence, in dBov (the floor of RFC 6464).
pub const SILENCE_DBOV: f32 = -127.0;

/// A codec that can be agreed on with a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Codec {
    /// G.711 µ-law, 8 kHz.
    Pcmu,
    /// G.711 A-law, 8 kHz.
    Pcma,
}

impl Codec {
    /// The codec of an RTP encoding name (any case) and clock rate, if it is one of ours.
    #[must_use]
    pub fn by_name(encoding: &str, clock_rate_hz: u32) -> Option<Self> {
        [Self::Pcmu, Self::Pcma].into_iter().find(|codec| {
            codec.name().eq_ignore_ascii_case(encoding) && codec.clock_rate_hz() == clock_rate_hz
        })
    }

    /// The encoding name in SDP, in upper case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pcmu => "PCMU",
            Self::Pcma => "PCMA",
        }
    }

    /// The static payload type of RFC 3551.
    #[must_use]
    pub const fn static_payload_type(self) -> u8 {
        match self {
            Self::Pcmu => 0,
            Self::Pcma => 8,
        }
    }

    /// Ticks of the RTP timestamp in a second.
    #[must_use]
    pub const fn clock_rate_hz(self) -> u32 {
        match self {
            Self::Pcmu | Self::Pcma => 8_000,
        }
    }

    /// Audio samples in a second (not always the RTP clock: G.722 counts 8,000 and plays 16,000).
    #[must_use]
    pub const fn sample_rate_hz(self) -> u32 {
        match self {
            Self::Pcmu | Self::Pcma => 8_000,
        }
    }

    /// Samples in a 20 ms frame.
    #[must_use]
    pub const fn frame_samples(self) -> usize {
        (self.sample_rate_hz() / 50) as usize
    }

    /// Octets of payload in a 20 ms frame.
    #[must_use]
    pub const fn frame_octets(self) -> usize {
        match self {
            Self::Pcmu | Self::Pcma => FRAME_SAMPLES_8K,
        }
    }

    /// The payload octet that decodes to silence; a run of it is a silent payload.
    #[must_use]
    pub const fn silence_octet(self) -> u8 {
        match self {
            Self::Pcmu => g711::MULAW_SILENCE,
            Self::Pcma => g711::ALAW_SILENCE,
        }
    }

    /// Fills a payload with silence.
    pub fn fill_silence(self, payload: &mut [u8]) {
        payload.fill(self.silence_octet());
    }

    /// The mean square of the samples in a payload, 1.0 being full scale (32768²), without decoding it.
    /// Zero for an empty payload.
    #[must_use]
    pub fn mean_square(self, payload: &[u8]) -> f32 {
        if payload.is_empty() {
            return 0.0;
        }
        let energy = match self {
            Self::Pcmu => g711::mulaw_energy(payload),
            Self::Pcma => g711::alaw_energy(payload),
        };
        energy / payload.len() as f32
    }

    /// The loudness of a payload in dBov (RMS against full scale, so that the loudest sine is −3.01),
    /// never under [`SILENCE_DBOV`], without decoding it.
    #[must_use]
    pub fn level_dbov(self, payload: &[u8]) -> f32 {
        dbov_of_mean_square(self.mean_square(payload))
    }
}

/// Turns a mean square (1.0 is full scale) into dBov, never under [`SILENCE_DBOV`].
#[must_use]
pub fn dbov_of_mean_square(mean_square: f32) -> f32 {
    if mean_square > 0.0 { (10.0 * mean_square.log10()).max(SILENCE_DBOV) } else { SILENCE_DBOV }
}

/// The loudness of samples in dBov (RMS against full scale), never under [`SILENCE_DBOV`].
#[must_use]
pub fn level_dbov_of_samples(samples: &[i16]) -> f32 {
    if samples.is_empty() {
        return SILENCE_DBOV;
    }
    let energy: f64 = samples.iter().map(|&s| (f64::from(s) / 32768.0).powi(2)).sum();
    dbov_of_mean_square((energy / samples.len() as f64) as f32)
}

/// Turns samples into payload. One per stream: codecs that have a memory keep it here.
#[derive(Debug, Clone)]
pub struct Encoder {
    state: State,
}

/// Turns payload into samples. One per stream: codecs that have a memory keep it here.
#[derive(Debug, Clone)]
pub struct Decoder {
    state: State,
}

/// What a codec remembers between frames: G.711 nothing.
#[derive(Debug, Clone)]
enum State {
    Pcmu,
    Pcma,
}

impl State {
    const fn new(codec: Codec) -> Self {
        match codec {
            Codec::Pcmu => Self::Pcmu,
            Codec::Pcma => Self::Pcma,
        }
    }

    const fn codec(&self) -> Codec {
        match self {
            Self::Pcmu => Codec::Pcmu,
            Self::Pcma => Codec::Pcma,
        }
    }
}

impl Encoder {
    /// An encoder at the start of a stream.
    #[must_use]
    pub const fn new(codec: Codec) -> Self {
        Self { state: State::new(codec) }
    }

    /// Its codec.
    #[must_use]
    pub const fn codec(&self) -> Codec {
        self.state.codec()
    }

    /// Encodes as many samples as the payload has room for; returns the octets written.
    pub fn encode(&mut self, samples: &[i16], payload: &mut [u8]) -> usize {
        let count = samples.len().min(payload.len());
        let (samples, payload) = (&samples[..count], &mut payload[..count]);
        match self.state {
            State::Pcmu => g711::mulaw_encode(samples, payload),
            State::Pcma => g711::alaw_encode(samples, payload),
        }
        count
    }
}

impl Decoder {
    /// A decoder at the start of a stream.
    #[must_use]
    pub const fn new(codec: Codec) -> Self {
        Self { state: State::new(codec) }
    }

    /// Its codec.
    #[must_use]
    pub const fn codec(&self) -> Codec {
        self.state.codec()
    }

    /// Decodes as much payload as there is room for; returns the samples written.
    pub fn decode(&mut self, payload: &[u8], samples: &mut [i16]) -> usize {
        let count = samples.len().min(payload.len());
        let (payload, samples) = (&payload[..count], &mut samples[..count]);
        match self.state {
            State::Pcmu => g711::mulaw_decode(payload, samples),
            State::Pcma => g711::alaw_decode(payload, samples),
        }
        count
    }
}
