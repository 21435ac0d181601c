//! What comes in Opus, by libopus, mono: packets and their decoder. Nothing of it allocates once it is built.

use opus::Channels;

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
