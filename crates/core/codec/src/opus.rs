//! Opus by libopus, mono: the door to the C library. Nothing of it allocates once it is built.

use opus::{Application, Bandwidth, Bitrate, Channels, Signal};

use crate::opus_settings::OpusSettings;

/// How hard the encoder tries, of 10. Speech gains little above 5 and costs twice as much at 10.
const COMPLEXITY: i32 = 5;
/// The loss that packets carry spare copies for, in percent, where the far side uses them.
const LOSS_PERCENT: i32 = 10;
/// Longest packet, in 8,000ths of a second [RFC 6716 §3.2.5].
const PACKET_MAX: usize = 960;

/// How long a packet plays, in 8,000ths of a second.
pub(crate) fn eight_thousandths(packet: &[u8]) -> Option<u32> {
    let count = opus::packet::get_nb_samples(packet, 8_000).ok()?;
    (1..=PACKET_MAX).contains(&count).then_some(count as u32)
}

/// How much a packet's spare copy can hold, in 8,000ths of a second: as much as a frame of its own.
pub(crate) fn spare(packet: &[u8]) -> Option<u32> {
    let frame = opus::packet::get_samples_per_frame(packet, 8_000).ok()?;
    has_spare(packet).then_some(frame as u32)
}

/// Encodes frames.
#[derive(Debug)]
pub(crate) struct Encoder(opus::Encoder);

impl Encoder {
    /// An encoder at one of Opus's rates, as the far side wishes.
    pub(crate) fn new(sample_rate_hz: u32, wishes: &OpusSettings) -> Self {
        let mut encoder = opus::Encoder::new(sample_rate_hz, Channels::Mono, Application::Voip)
            .expect("the rate is one of Opus's, and lack of memory ends us before");
        let bandwidth = match wishes.playback_max_hz {
            0..=8_000 => Bandwidth::Narrowband,
            8_001..=12_000 => Bandwidth::Mediumband,
            12_001..=16_000 => Bandwidth::Wideband,
            16_001..=24_000 => Bandwidth::Superwideband,
            24_001.. => Bandwidth::Fullband,
        };
        let bits = Bitrate::Bits(wishes.bitrate_for(sample_rate_hz) as i32);
        // Each of these is within its range; an older library that lacks one goes on without it.
        let _ = encoder.set_complexity(COMPLEXITY);
        let _ = encoder.set_signal(Signal::Voice);
        let _ = encoder.set_max_bandwidth(bandwidth);
        let _ = encoder.set_bitrate(bits);
        let _ = encoder.set_vbr(!wishes.is_cbr);
        let _ = encoder.set_inband_fec(wishes.has_fec);
        let _ = encoder.set_packet_loss_perc(if wishes.has_fec { LOSS_PERCENT } else { 0 });
        let _ = encoder.set_dtx(wishes.has_dtx);
        Self(encoder)
    }

    /// Encodes a frame; nothing where its length is none of Opus's.
    pub(crate) fn encode(&mut self, samples: &[i16], payload: &mut [u8]) -> usize {
        self.0.encode(samples, payload).unwrap_or(0)
    }
}

/// Decodes packets.
#[derive(Debug)]
pub(crate) struct Decoder {
    decoder: opus::Decoder,
    sample_rate_hz: u32,
}

impl Decoder {
    pub(crate) fn new(sample_rate_hz: u32) -> Self {
        let decoder = opus::Decoder::new(sample_rate_hz, Channels::Mono)
            .expect("the rate is one of Opus's, and lack of memory ends us before");
        Self { decoder, sample_rate_hz }
    }

    /// Samples in 2.5 ms, the shortest that Opus knows.
    const fn step(&self) -> usize {
        (self.sample_rate_hz / 400) as usize
    }

    /// Decodes a packet; what is none counts as a lost frame.
    pub(crate) fn decode(&mut self, packet: &[u8], samples: &mut [i16]) -> usize {
        if !packet.is_empty()
            && let Ok(count) = self.decoder.decode(packet, samples, false)
        {
            return count;
        }
        let frame = samples.len().min(self.step() * 8);
        self.conceal(&mut samples[..frame]);
        frame
    }

    /// Makes up samples.
    pub(crate) fn conceal(&mut self, samples: &mut [i16]) {
        // The library makes up at most 120 ms at a time.
        for piece in samples.chunks_mut(self.step() * 48) {
            let whole = piece.len() / self.step() * self.step();
            let (made, rest) = piece.split_at_mut(whole);
            if made.is_empty() || self.decoder.decode(&[], made, false).is_err() {
                made.fill(0);
            }
            rest.fill(0);
        }
    }

    /// Fills in what was lost before a packet by the spare copy in it.
    pub(crate) fn recover(&mut self, next: &[u8], samples: &mut [i16]) -> bool {
        let is_whole = !samples.is_empty() && samples.len().is_multiple_of(self.step());
        is_whole && has_spare(next) && self.decoder.decode(next, samples, true).is_ok()
    }
}

/// Whether a packet carries a spare copy of what was before it: SILK frames can [RFC 6716 §4.2.4].
fn has_spare(packet: &[u8]) -> bool {
    // Configurations 16 and up are CELT alone [RFC 6716 §3.1].
    let is_silk = packet.first().is_some_and(|toc| toc >> 3 < 16);
    is_silk && packet.len() > 2
}
