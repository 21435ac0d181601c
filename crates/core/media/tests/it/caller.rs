//! A caller made of a leg, packets for it, and a clock that is set by hand.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use partyline_codec::{Codec, Decoder, Encoder};
use partyline_media::{
    FRAME, FRAME_SAMPLES, FormatDetails, Frame, Leg, LegMedia, LegOutput, Legs, MediaTransport,
    PACKET_OCTETS, SeatKey, StreamStart,
};
use partyline_rtp::{Header, Packet, RtpTime, SeqNo, Ssrc};

pub(crate) const EVENT_PAYLOAD_TYPE: u8 = 101;

pub(crate) fn address(port: u16) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], port))
}

pub(crate) fn media(codec: Codec) -> LegMedia {
    LegMedia {
        remote: address(4_000),
        codec,
        payload_type: codec.usual_payload_type(),
        event_payload_type: Some(EVENT_PAYLOAD_TYPE),
        sends: true,
        receives: true,
        transport: MediaTransport::default(),
        details: FormatDetails::default(),
    }
}

/// A leg and its caller.
#[derive(Debug)]
pub(crate) struct Caller {
    pub(crate) leg: Leg,
    pub(crate) codec: Codec,
    pub(crate) now: Instant,
    pub(crate) sequence: SeqNo,
    pub(crate) timestamp: RtpTime,
    pub(crate) sent: Vec<Vec<u8>>,
}

impl Caller {
    pub(crate) fn new(codec: Codec, now: Instant) -> Self {
        let mut leg = Leg::new(StreamStart { ssrc: 0xABCD, sequence: 65_530, timestamp: u32::MAX - 500 });
        leg.connect(now, media(codec));
        Self { leg, codec, now, sequence: SeqNo(100), timestamp: RtpTime(5_000), sent: Vec::new() }
    }

    /// A packet of the caller's, numbered on.
    pub(crate) fn packet(&mut self, payload_type: u8, payload: &[u8], ticks: u32) -> Vec<u8> {
        let header = Header {
            marker: false,
            payload_type,
            sequence: self.sequence,
            timestamp: self.timestamp,
            ssrc: Ssrc(77),
        };
        self.sequence = self.sequence.next();
        self.timestamp = self.timestamp.plus(ticks);
        let mut buffer = vec![0; 12 + payload.len()];
        header.write(payload, &mut buffer).unwrap();
        buffer
    }

    /// Says so many samples in one packet.
    pub(crate) fn say(&mut self, samples: &[i16]) {
        let mut payload = vec![0; samples.len()];
        Encoder::new(self.codec).encode(samples, &mut payload);
        let packet = self.packet(self.codec.usual_payload_type(), &payload, samples.len() as u32);
        self.leg.receive(self.now, address(4_000), &packet);
    }

    /// Says something that gets lost on the way.
    pub(crate) fn lose(&mut self, samples: u32) {
        self.packet(0, &[], samples);
    }

    /// A tick outside of mixes; the packet sent.
    pub(crate) fn tick(&mut self) -> Option<Vec<u8>> {
        let mut packet = [0; PACKET_OCTETS];
        let octets = self.leg.tick_alone(self.now, &mut packet);
        self.now += FRAME;
        octets.map(|octets| packet[..octets].to_vec())
    }

    pub(crate) fn ticks(&mut self, time: Duration) {
        for _ in 0..time.as_millis() / FRAME.as_millis() {
            self.tick();
        }
    }

    pub(crate) fn outputs(&mut self) -> Vec<LegOutput> {
        std::iter::from_fn(|| self.leg.poll_output()).collect()
    }
}

/// What a frame sounds like after a codec.
pub(crate) fn through(codec: Codec, samples: &[i16]) -> Frame {
    let (mut payload, mut frame) = ([0; FRAME_SAMPLES], [0; FRAME_SAMPLES]);
    Encoder::new(codec).encode(samples, &mut payload);
    Decoder::new(codec).decode(&payload, &mut frame);
    frame
}

/// What a packet sounds like.
pub(crate) fn decode(codec: Codec, packet: &[u8]) -> Frame {
    let mut frame = [0; FRAME_SAMPLES];
    Decoder::new(codec).decode(Packet::parse(packet).unwrap().payload, &mut frame);
    frame
}

/// The callers of a mix.
#[derive(Debug, Default)]
pub(crate) struct Callers(pub(crate) Vec<Caller>);

impl Legs for Callers {
    fn leg(&mut self, seat: SeatKey) -> Option<&mut Leg> {
        self.0.get_mut(seat.0 as usize).map(|caller| &mut caller.leg)
    }

    fn send(&mut self, seat: SeatKey, packet: &[u8]) {
        self.0[seat.0 as usize].sent.push(packet.to_vec());
    }
}
