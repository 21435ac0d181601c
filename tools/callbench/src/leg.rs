//! A caller's media: a connected socket, a mouth and an ear.

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use partyline_codec::{Codec, OpusSettings};
use partyline_sip::sdp::Agreement;
use tokio::sync::mpsc;

use crate::ear::{Ear, PacketReport};
use crate::gait::{Gait, Pace};
use crate::keys::{BadWay, Damage, Fate};
use crate::mouth::{Mouth, PACKET_OCTETS_MAX};
use crate::secrecy::Secrecy;

/// The most of one socket's datagrams that are read at a time.
const BURST_MAX: usize = 64;

/// Names a leg within a bench; never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct LegKey(pub(crate) u64);

/// A key that is pressed by INFO.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KeyToTell {
    pub(crate) leg: LegKey,
    pub(crate) key: char,
}

/// What a leg knows when asked.
#[derive(Debug, Clone, Default)]
pub(crate) struct Look {
    pub(crate) heard: Vec<i16>,
    pub(crate) packets: PacketReport,
    pub(crate) first_sound_at: Option<Instant>,
    pub(crate) watched_at: Option<Instant>,
    pub(crate) last_key_at: Option<Instant>,
    pub(crate) has_pressed_all: bool,
    pub(crate) remote: Option<SocketAddr>,
    pub(crate) is_secret: bool,
    pub(crate) codec: Option<Codec>,
}

/// When pulses began.
#[derive(Debug, Clone, Default)]
pub(crate) struct Beginnings {
    pub(crate) sent: Vec<Instant>,
    pub(crate) heard: Vec<Instant>,
}

/// One caller's media.
#[derive(Debug)]
pub(crate) struct Leg {
    pub(crate) key: LegKey,
    socket: Option<UdpSocket>,
    is_connected: bool,
    may_send: bool,
    sends_rtp: bool,
    mouth: Mouth,
    ear: Ear,
    secrecy: Option<Secrecy>,
    sent: u64,
    bad_way: BadWay,
    pace: Pace,
    /// A packet that goes after the next one.
    held_back: Vec<u8>,
    /// Whom keys are given to that signalling has to tell.
    signalling: mpsc::Sender<KeyToTell>,
}

impl Leg {
    /// A leg on a bound, non-blocking socket, which does nothing until [`Self::connect`].
    pub(crate) fn new(
        key: LegKey,
        socket: UdpSocket,
        (mouth, ear): (Mouth, Ear),
        sends_rtp: bool,
        (damage, gait): (Damage, Gait),
        signalling: mpsc::Sender<KeyToTell>,
    ) -> Self {
        Self {
            key,
            socket: Some(socket),
            is_connected: false,
            may_send: false,
            sends_rtp,
            mouth,
            ear,
            secrecy: None,
            sent: 0,
            bad_way: BadWay::new(damage),
            pace: Pace::new(gait, key.0),
            held_back: Vec::new(),
            signalling,
        }
    }

    /// Takes what offer and answer came to. A socket that can't be connected stays deaf, and the report shows it.
    pub(crate) fn connect(&mut self, agreement: &Agreement) {
        let codec = Codec::by_name(&agreement.codec.encoding, agreement.codec.clock_rate_hz);
        let codec = codec.unwrap_or(Codec::Pcmu);
        let wishes = OpusSettings::parse(&agreement.formats.parameters);
        self.mouth.set_codec(codec, &wishes, agreement.payload_type, agreement.event_payload_type);
        self.ear.set_codec(codec, agreement.formats.receive_payload_type);
        Secrecy::take(&mut self.secrecy, agreement.crypto.as_ref());
        self.may_send = agreement.direction.sends();
        let Some(socket) = &self.socket else {
            return;
        };
        self.is_connected = socket.connect(agreement.remote).is_ok();
    }

    pub(crate) const fn mouth(&mut self) -> &mut Mouth {
        &mut self.mouth
    }

    pub(crate) const fn ear(&mut self) -> &mut Ear {
        &mut self.ear
    }

    /// The call is over: nothing is sent or received any more, what was heard stays.
    pub(crate) fn close(&mut self) {
        self.socket = None;
    }

    /// Whether it should be looked at each millisecond.
    pub(crate) fn is_watching(&self) -> bool {
        self.socket.is_some() && self.is_connected && self.ear.is_watching()
    }

    /// Reads what has arrived.
    pub(crate) fn receive(&mut self, now: Instant) {
        let (Some(socket), true) = (&self.socket, self.is_connected) else {
            return;
        };
        let mut buffer = [0; 2_048];
        for _ in 0..BURST_MAX {
            match socket.recv(&mut buffer) {
                Ok(octets) => match &mut self.secrecy {
                    None => self.ear.take(now, &buffer[..octets]),
                    Some(secrecy) => match secrecy.open(&mut buffer[..octets]) {
                        Ok(octets) => self.ear.take(now, &buffer[..octets]),
                        Err(_) => self.ear.refuse(),
                    },
                },
                // An ICMP refusal is told once and then gone; nothing there ends the burst.
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => {}
                Err(_) => return,
            }
        }
    }

    /// Sends the packets of this 20 ms: one, unless the caller's [`Gait`] is another.
    pub(crate) fn send(&mut self, now: Instant) {
        for _ in 0..self.pace.packets() {
            self.send_one(now);
        }
    }

    fn send_one(&mut self, now: Instant) {
        let (Some(socket), true) = (&self.socket, self.is_connected && self.may_send && self.sends_rtp)
        else {
            return;
        };
        let mut buffer = [0; PACKET_OCTETS_MAX];
        let plain = self.mouth.packet(now, &mut buffer);
        if let Some(key) = self.mouth.take_told() {
            // Where signalling is so far behind, the key is lost, and whoever waits for what it does says so.
            let _ = self.signalling.try_send(KeyToTell { leg: self.key, key });
        }
        if plain == 0 {
            return;
        }
        let fate = self.mouth.place().map_or(Fate::Once, |place| self.bad_way.fate(place));
        let protected =
            self.secrecy.as_mut().map_or(Ok(plain), |secrecy| secrecy.sender.protect(&mut buffer, plain));
        let octets = protected.expect("a buffer holds a 20 ms packet and its tag");
        let packet = &buffer[..octets];
        let mut send = |packet: &[u8]| self.sent += u64::from(socket.send(packet).is_ok());
        match fate {
            Fate::Lost => {}
            Fate::Once => send(packet),
            Fate::Twice => {
                send(packet);
                send(packet);
            }
            Fate::Later => {
                // Two in a row: the first one has been late enough.
                if !self.held_back.is_empty() {
                    send(&std::mem::take(&mut self.held_back));
                }
                self.held_back = packet.to_vec();
                return;
            }
        }
        if !self.held_back.is_empty() {
            send(&std::mem::take(&mut self.held_back));
        }
    }

    pub(crate) fn take_pulses(&mut self) -> Beginnings {
        Beginnings { sent: self.mouth.take_pulses(), heard: self.ear.take_pulses() }
    }

    pub(crate) fn look(&self, now: Instant, window: Duration) -> Look {
        Look {
            heard: self.ear.heard(now, window),
            packets: PacketReport { sent: self.sent, ..self.ear.report() },
            first_sound_at: self.ear.first_sound_at(),
            watched_at: self.ear.watched_at(),
            last_key_at: self.mouth.last_key_at(),
            has_pressed_all: self.mouth.has_pressed_all(),
            is_secret: self.secrecy.is_some(),
            codec: self.is_connected.then(|| self.ear.codec()),
            remote: self.socket.as_ref().and_then(|socket| socket.peer_addr().ok()),
        }
    }
}
