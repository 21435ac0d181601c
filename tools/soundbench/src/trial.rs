//! One talker and one listener in a mix, in virtual time: what is said at one end, and what is heard at the other.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use partyline_codec::{Codec, Decoder, Encoder, OpusSettings};
use partyline_media::{
    Attachment, FRAME, FRAME_SAMPLES, FormatDetails, Leg, LegMedia, Legs, MediaTransport, Mix, RATE_HZ,
    SeatKey, StreamStart, Treatment,
};
use partyline_rtp::{Header, Packet, RtpTime, SeqNo, Ssrc};

use crate::path::{Journey, Path};
use crate::speech;

const TALKER: SeatKey = SeatKey(0);
const LISTENER: SeatKey = SeatKey(1);
/// Octets of the longest packet.
const PACKET_MAX: usize = 1_500;

/// That are heard after the last word.
const TAIL_TICKS: usize = 50;

/// What came of a trial.
#[derive(Debug)]
pub struct Heard {
    /// What the listener heard, from the first tick, at [`RATE_HZ`].
    pub samples: Vec<i16>,
    /// What the talker's jitter buffer added, after each tick.
    pub depths: Vec<Duration>,
    /// What it added at the end.
    pub depth: Duration,
    /// Share of the talker's sound that was made up.
    pub concealed: f32,
}

/// The legs of the mix, and what is sent to the listener.
struct Pair {
    legs: [Leg; 2],
    decoder: Decoder,
    heard: Vec<i16>,
}

impl Legs for Pair {
    fn leg(&mut self, seat: SeatKey) -> Option<&mut Leg> {
        self.legs.get_mut(seat.0 as usize)
    }

    fn send(&mut self, seat: SeatKey, packet: &[u8]) {
        if seat == LISTENER
            && let Ok(packet) = Packet::parse(packet)
        {
            let mut frame = [0; FRAME_SAMPLES];
            self.decoder.decode(packet.payload, &mut frame);
            self.heard.extend(frame);
        }
    }
}

fn remote(seat: SeatKey) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], 4_000 + 2 * seat.0 as u16))
}

fn leg(seat: SeatKey, codec: Codec, now: Instant) -> Leg {
    let mut leg = Leg::new(StreamStart { ssrc: 1 + seat.0, sequence: 0, timestamp: 0 });
    let media = LegMedia {
        remote: remote(seat),
        codec,
        payload_type: codec.usual_payload_type(),
        event_payload_type: None,
        sends: true,
        receives: true,
        transport: MediaTransport::default(),
        details: FormatDetails::default(),
    };
    leg.connect(now, media);
    leg
}

/// The packets of what is said, each with the time at which it is sent.
fn packets(said: &[i16], codec: Codec, path: Path, phase: Duration) -> Vec<(Duration, Vec<u8>)> {
    let wishes = OpusSettings { has_fec: true, playback_max_hz: speech::RATE_HZ, ..OpusSettings::default() };
    let mut encoder = Encoder::at_rate(codec, speech::RATE_HZ, &wishes);
    let said = partyline_audio::resample::resample(
        &partyline_audio::Clip::new(speech::RATE_HZ, said),
        encoder.sample_rate_hz(),
    );
    let (mut sequence, mut timestamp) = (SeqNo(1), RtpTime(1));
    let between = FRAME.as_secs_f64() / (1.0 + f64::from(path.drift_ppm) / 1e6);
    let frames = said.samples().chunks_exact(encoder.sample_rate_hz() as usize / 50);
    let packet = |(nth, frame): (usize, &[i16])| {
        let mut payload = [0; PACKET_MAX];
        let octets = encoder.encode(frame, &mut payload);
        let header = Header {
            marker: nth == 0,
            payload_type: codec.usual_payload_type(),
            sequence,
            timestamp,
            ssrc: Ssrc(77),
        };
        sequence = sequence.next();
        timestamp = timestamp.plus(codec.clock_rate_hz() / 50);
        let mut packet = vec![0; PACKET_MAX];
        let written = header.write(&payload[..octets], &mut packet).expect("there is room for a frame");
        packet.truncate(written);
        (phase + Duration::from_secs_f64(nth as f64 * between), packet)
    };
    frames.enumerate().map(packet).collect()
}

/// Sends speech of [`speech::RATE_HZ`] by a way, and listens by G.711. `phase` is how long after a tick of the mix the first packet
/// is sent.
#[must_use]
pub fn run(said: &[i16], codec: Codec, path: Path, phase: Duration, seed: u64) -> Heard {
    let start = Instant::now();
    let mut journey = Journey::new(path, seed);
    let sent = packets(said, codec, path, phase);
    let mut arriving: Vec<(Duration, Vec<u8>)> =
        sent.into_iter().filter_map(|(at, packet)| Some((at + journey.fate()?, packet))).collect();
    arriving.iter_mut().for_each(|(at, _)| *at = journey.unblocked(*at));
    arriving.sort_by_key(|(at, _)| *at);
    let mut mix = Mix::new(2, Treatment::FULL);
    let mut pair = Pair {
        legs: [leg(TALKER, codec, start), leg(LISTENER, Codec::Pcmu, start)],
        decoder: Decoder::new(Codec::Pcmu),
        heard: Vec::new(),
    };
    for (seat, uplink, downlink) in [(TALKER, true, true), (LISTENER, true, true)] {
        mix.attach(seat, Attachment { uplink, downlink }).expect("there is room for two");
    }
    let spoken = said.len().div_ceil(speech::RATE_HZ as usize / 50);
    let ticks = spoken + TAIL_TICKS;
    let mut report = pair.legs[0].report();
    let mut depths = Vec::with_capacity(ticks);
    let mut arriving = arriving.into_iter().peekable();
    for tick in 0..ticks {
        let now = FRAME * tick as u32;
        while let Some((at, packet)) = arriving.next_if(|(at, _)| *at <= now) {
            pair.legs[0].receive(start + at, remote(TALKER), &packet);
        }
        pair.legs[1].receive(start + now, remote(LISTENER), &silence(tick as u16));
        mix.tick(start + now, &mut pair);
        depths.push(pair.legs[0].report().depth);
        // After that nothing comes, which the leg can't know at once.
        if tick + 1 == spoken {
            report = pair.legs[0].report();
        }
    }
    debug_assert_eq!(pair.heard.len(), ticks * (RATE_HZ / 50) as usize);
    Heard { samples: pair.heard, depths, depth: report.depth, concealed: report.concealed_share }
}

/// A packet in which nobody says anything.
fn silence(nth: u16) -> Vec<u8> {
    let header = Header {
        marker: false,
        payload_type: Codec::Pcmu.usual_payload_type(),
        sequence: SeqNo(nth),
        timestamp: RtpTime(u32::from(nth) * FRAME_SAMPLES as u32),
        ssrc: Ssrc(78),
    };
    let mut packet = vec![0; 12 + FRAME_SAMPLES];
    header.write(&[0xFF; FRAME_SAMPLES], &mut packet).expect("there is room for a frame");
    packet
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delay::lags;
    use crate::path::STALL_AT;

    /// Something like speech: a tone whose pitch glides, loud and soft.
    fn speech() -> Vec<i16> {
        let mut angle = 0.0_f32;
        (0..3 * speech::RATE_HZ)
            .map(|n| {
                let time = n as f32 / speech::RATE_HZ as f32;
                angle +=
                    std::f32::consts::TAU * (500.0 + 300.0 * (time * 5.0).sin()) / speech::RATE_HZ as f32;
                (3_000.0 * angle.sin() * (1.2 + (time * 17.0).sin())) as i16
            })
            .collect()
    }

    fn at_8_khz(said: &[i16]) -> Vec<i16> {
        let clip = partyline_audio::Clip::new(speech::RATE_HZ, said);
        partyline_audio::resample::resample(&clip, RATE_HZ).samples().to_vec()
    }

    #[test]
    fn by_a_clean_way_all_is_heard_in_every_codec_within_two_frames() {
        let said = speech();
        for codec in Codec::ALL {
            let heard = run(&said, codec, Path::CLEAN, Duration::from_millis(5), 1);
            let lags = lags(&at_8_khz(&said), &heard.samples);
            assert!(lags.len() > 3, "{codec:?}: {lags:?}");
            assert!(lags.iter().all(|&lag| lag <= 2 * FRAME_SAMPLES), "{codec:?}: {lags:?}");
            assert!(heard.concealed < 0.02, "{codec:?}: {}", heard.concealed);
        }
    }

    #[test]
    fn after_a_stall_of_half_a_second_all_is_heard_and_the_delay_is_gone_in_three_seconds() {
        let said: Vec<i16> = (0..5).flat_map(|_| speech()).collect();
        for (codec, phase_ms) in
            Codec::ALL.into_iter().flat_map(|codec| [3, 10, 17].map(|phase| (codec, phase)))
        {
            let path = Path { stall_ms: 500, ..Path::CLEAN };
            let heard = run(&said, codec, path, Duration::from_millis(phase_ms), 1);
            let over = (STALL_AT + Duration::from_millis(500)).as_millis() as usize / 20;
            let (before, deep) = (heard.depths[over - 30], heard.depths[over + 5]);
            assert!(deep > Duration::from_millis(380), "{codec:?}: {deep:?}");
            let after = heard.depths[over + 150];
            assert!(after <= before + Duration::from_millis(10), "{codec:?}: {after:?} after {before:?}");
            // What was made up while nothing came is all that was.
            assert!(heard.concealed < 0.05, "{codec:?}: {}", heard.concealed);
        }
    }

    #[test]
    fn the_meter_sees_what_is_lost_and_what_is_late() {
        let said = speech();
        let lossy = Path { loss_percent: 10.0, ..Path::CLEAN };
        let heard = run(&said, Codec::Pcmu, lossy, Duration::from_millis(5), 1);
        assert!((0.04..0.2).contains(&heard.concealed), "{}", heard.concealed);
        let late = Path { jitter_ms: 60, ..Path::CLEAN };
        let heard = run(&said, Codec::Pcmu, late, Duration::from_millis(5), 1);
        let lags = lags(&at_8_khz(&said), &heard.samples);
        assert!(lags.last().unwrap() > &(2 * FRAME_SAMPLES), "{lags:?}");
    }
}
