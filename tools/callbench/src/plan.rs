//! What a caller is to do.

use std::sync::Arc;
use std::time::Duration;

use partyline_codec::Codec;
use partyline_sip::endpoint::TransportKind;
use partyline_sip::sdp::MediaSecurity;

use crate::coded::Coded;
use crate::gait::Gait;
use crate::keys::{Damage, KeyWay};

/// A call to make. Built up from [`CallPlan::new`]; every step has a default.
#[derive(Debug, Clone)]
pub struct CallPlan {
    pub(crate) target: String,
    pub(crate) transport: TransportKind,
    pub(crate) from_user: String,
    pub(crate) source: Source,
    pub(crate) level_dbov: f32,
    pub(crate) digits: String,
    pub(crate) digits_after: Duration,
    pub(crate) key_way: KeyWay,
    pub(crate) damage: Damage,
    pub(crate) gait: Gait,
    pub(crate) codecs: Vec<Codec>,
    pub(crate) memory: Duration,
    pub(crate) listens_for: Vec<f32>,
    pub(crate) times_pulses: bool,
    pub(crate) sends_rtp: bool,
    pub(crate) sends_ack: bool,
    pub(crate) delays_offer: bool,
    pub(crate) has_events: bool,
    pub(crate) security: MediaSecurity,
}

/// What becomes of a call that comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reception {
    /// It rings, and is answered once [`Caller::pick_up`](crate::Caller::pick_up) says so.
    Rings,
    /// It is answered at once.
    Answers,
    /// It is refused with this status.
    Refuses(u16),
}

/// What a caller says.
#[derive(Debug, Clone, Default)]
pub(crate) enum Source {
    #[default]
    Silence,
    Tone(f32),
    /// Short tones of this frequency, at odd times.
    Pulses(f32),
    /// Sound at 8 kHz, once; then silence.
    Sound(Arc<[i16]>),
    /// Opus as it is, over and over. What is heard is kept as it came, too, and decoded when somebody asks.
    Coded(Arc<Coded>),
}

/// The transport that a target asks for.
pub(crate) fn transport_of(target: &str) -> TransportKind {
    let target = target.to_ascii_lowercase();
    if target.starts_with("sips:") || target.contains(";transport=tls") {
        TransportKind::Tls
    } else if target.contains(";transport=tcp") {
        TransportKind::Tcp
    } else {
        TransportKind::Udp
    }
}

impl CallPlan {
    /// Calls this address (`sip:CODE@192.0.2.1:5060`, perhaps with `;transport=tcp` or `;transport=tls`, or `sips:`),
    /// silently, in G.711 µ-law.
    #[must_use]
    pub fn new(target: impl Into<String>) -> Self {
        let target = target.into();
        Self {
            transport: transport_of(&target),
            target,
            from_user: "callbench".to_owned(),
            source: Source::Silence,
            level_dbov: -15.0,
            digits: String::new(),
            digits_after: Duration::from_millis(300),
            key_way: KeyWay::Events,
            damage: Damage::None,
            gait: Gait::default(),
            codecs: vec![Codec::Pcmu, Codec::Pcma],
            memory: Duration::from_secs(10),
            listens_for: Vec::new(),
            times_pulses: false,
            sends_rtp: true,
            sends_ack: true,
            delays_offer: false,
            has_events: true,
            security: MediaSecurity::Refuse,
        }
    }

    /// Signals over this transport.
    #[must_use]
    pub const fn transport(mut self, transport: TransportKind) -> Self {
        self.transport = transport;
        self
    }

    /// Calls from this user: the caller's number.
    #[must_use]
    pub fn from_user(mut self, user: impl Into<String>) -> Self {
        self.from_user = user.into();
        self
    }

    /// Sends a sine of this frequency from the answer on, at −15 dBov unless [`Self::level_dbov`] says otherwise.
    #[must_use]
    pub fn tone(mut self, hz: f32) -> Self {
        self.source = Source::Tone(hz);
        self
    }

    /// Sends short tones of this frequency, two in a second at odd times.
    #[must_use]
    pub fn pulses(mut self, hz: f32) -> Self {
        self.source = Source::Pulses(hz);
        self
    }

    /// Takes note of when others' [pulses](Self::pulses) begin.
    #[must_use]
    pub const fn times_pulses(mut self) -> Self {
        self.times_pulses = true;
        self
    }

    /// Sends this sound (8 kHz) from the answer on, once.
    #[must_use]
    pub fn sound(mut self, samples: impl Into<Arc<[i16]>>) -> Self {
        self.source = Source::Sound(samples.into());
        self
    }

    /// Offers Opus at 48 kHz alone, and sends this over and over.
    #[must_use]
    pub(crate) fn coded(mut self, coded: Arc<Coded>) -> Self {
        self.source = Source::Coded(coded);
        self.codec(Codec::Opus)
    }

    /// The level of the tone.
    #[must_use]
    pub const fn level_dbov(mut self, level: f32) -> Self {
        self.level_dbov = level;
        self
    }

    /// Presses these keys after the answer, as telephone-events unless [`Self::key_way`] says otherwise.
    #[must_use]
    pub fn digits(mut self, digits: impl Into<String>) -> Self {
        self.digits = digits.into();
        self
    }

    /// How long after the answer the first key is pressed (300 ms).
    #[must_use]
    pub const fn digits_after(mut self, after: Duration) -> Self {
        self.digits_after = after;
        self
    }

    /// Presses keys in this way, throughout the call.
    #[must_use]
    pub const fn key_way(mut self, way: KeyWay) -> Self {
        self.key_way = way;
        self
    }

    /// Lets this happen to what tells keys, on its way.
    #[must_use]
    pub const fn damage(mut self, damage: Damage) -> Self {
        self.damage = damage;
        self
    }

    /// Sends its packets in this way.
    #[must_use]
    pub const fn gait(mut self, gait: Gait) -> Self {
        self.gait = gait;
        self
    }

    /// Offers this codec only.
    #[must_use]
    pub fn codec(self, codec: Codec) -> Self {
        self.codecs(&[codec])
    }

    /// Offers these codecs, in this order.
    #[must_use]
    pub fn codecs(mut self, codecs: &[Codec]) -> Self {
        self.codecs = codecs.to_vec();
        self
    }

    /// How much of what is heard can be asked for later (10 s). It costs 8,000 octets a second.
    #[must_use]
    pub const fn memory(mut self, memory: Duration) -> Self {
        self.memory = memory;
        self
    }

    /// Takes note of the moment from which one of these tones is heard.
    #[must_use]
    pub fn listens_for(mut self, tones: &[f32]) -> Self {
        self.listens_for = tones.to_vec();
        self
    }

    /// Never sends RTP.
    #[must_use]
    pub const fn without_rtp(mut self) -> Self {
        self.sends_rtp = false;
        self
    }

    /// Never acknowledges the answer (UDP). Give it a [`Self::from_user`] of its own: that is how its ACKs are told
    /// from those of others.
    #[must_use]
    pub const fn without_ack(mut self) -> Self {
        self.sends_ack = false;
        self
    }

    /// Leaves the offer to the callee.
    #[must_use]
    pub const fn delays_offer(mut self) -> Self {
        self.delays_offer = true;
        self
    }

    /// Offers SRTP (`Require`), SRTP or plain RTP (`Prefer`), or plain RTP only (`Refuse`, what is done unasked).
    #[must_use]
    pub const fn security(mut self, security: MediaSecurity) -> Self {
        self.security = security;
        self
    }

    /// Does not offer telephone-event.
    #[must_use]
    pub const fn without_events(mut self) -> Self {
        self.has_events = false;
        self
    }
}
