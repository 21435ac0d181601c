//! What a leg has seen, and how good it must have sounded.

use std::time::Duration;

use partyline_codec::Codec;
use partyline_rtp::{CodecImpairment, Conditions, Rating};

/// How much a telephone is taken to buffer, which nobody tells us.
const THEIR_BUFFER: Duration = Duration::from_millis(40);
/// A packet is as long as this, and was collected before it was sent.
const PACKET: Duration = Duration::from_millis(20);

/// What a leg has seen, from its start.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct LegReport {
    /// The codec; `None` before there was one.
    pub codec: Option<Codec>,
    /// Whether packets are protected by SRTP.
    pub is_secret: bool,
    /// Valid RTP packets received.
    pub packets_received: u64,
    /// Packets missing by sequence number.
    pub packets_lost: u64,
    /// How often packets were missing, however many in a row.
    pub loss_runs: u64,
    /// Packets that came, but after their time was played.
    pub packets_late: u64,
    /// RTP packets sent.
    pub packets_sent: u64,
    /// Packets not sent, because nobody was ever heard from where they were to go.
    pub packets_withheld: u64,
    /// Datagrams dropped as not RTP, not authentic, not from the latched source, or late.
    pub datagrams_dropped: u64,
    /// Of these, those that were not authentic: plain RTP where SRTP is due, forged, or seen before.
    pub not_authentic: u64,
    /// Share of the time played that was made up, because nothing was there: 0 to 1.
    pub concealed_share: f32,
    /// How loud all that came was, in dBov by the mean of its power; `None` where nothing came.
    pub heard_dbov: Option<f32>,
    /// Interarrival jitter, RFC 3550 §6.4.1.
    pub jitter: Duration,
    /// The jitter buffer's depth now.
    pub depth: Duration,
    /// By how much the sound was made longer in all so that the jitter buffer got deeper, and shorter so that it got
    /// less deep.
    pub lengthened: Duration,
    /// See `lengthened`.
    pub shortened: Duration,
    /// Round trip by RTCP, where known.
    pub round_trip: Option<Duration>,
    /// What the other side said last of our stream.
    pub theirs: Option<TheirReport>,
}

/// What the other side says of the stream that it gets.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TheirReport {
    /// Packets that it misses.
    pub packets_lost: u64,
    /// Its jitter.
    pub jitter: Duration,
}

impl LegReport {
    /// Share of the caller's packets that were not heard: lost or too late; 0 to 1.
    #[must_use]
    pub fn loss_share(&self) -> f32 {
        share(self.packets_lost + self.packets_late, self.packets_received + self.packets_lost)
    }

    /// Packets lost in a row, in the mean; 0 where none was.
    #[must_use]
    pub fn burst_packets(&self) -> f32 {
        if self.loss_runs == 0 { 0.0 } else { self.packets_lost as f32 / self.loss_runs as f32 }
    }

    /// How good the caller sounded to us; `None` where nothing came.
    #[must_use]
    pub fn rating(&self) -> Option<Rating> {
        let codec = impairment(self.codec?);
        (self.packets_received > 0).then(|| {
            Rating::of(&Conditions {
                codec,
                loss_share: self.loss_share(),
                burst_packets: self.burst_packets(),
                delay: self.one_way() + PACKET + self.depth,
            })
        })
    }

    /// How good we sounded to the caller, as far as it tells; `None` where it does not.
    #[must_use]
    pub fn their_rating(&self) -> Option<Rating> {
        let (codec, theirs) = (impairment(self.codec?), self.theirs?);
        (self.packets_sent > 0).then(|| {
            Rating::of(&Conditions {
                codec,
                loss_share: share(theirs.packets_lost, self.packets_sent),
                burst_packets: 1.0,
                delay: self.one_way() + PACKET + THEIR_BUFFER.max(theirs.jitter * 2),
            })
        })
    }

    fn one_way(&self) -> Duration {
        self.round_trip.unwrap_or_default() / 2
    }
}

fn share(part: u64, of: u64) -> f32 {
    if of == 0 { 0.0 } else { (part as f32 / of as f32).min(1.0) }
}

fn impairment(codec: Codec) -> CodecImpairment {
    match codec {
        Codec::Pcmu | Codec::Pcma => CodecImpairment::G711,
        Codec::G722 => CodecImpairment::G722,
        Codec::Opus => CodecImpairment::OPUS,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clean_call_is_rated_well_and_a_lossy_one_worse() {
        let clean = LegReport {
            codec: Some(Codec::Pcmu),
            packets_received: 1_000,
            packets_sent: 1_000,
            round_trip: Some(Duration::from_millis(30)),
            theirs: Some(TheirReport { packets_lost: 0, jitter: Duration::ZERO }),
            ..LegReport::default()
        };
        assert!(clean.rating().is_some_and(|rating| rating.mos > 4.3));
        assert!(clean.their_rating().is_some_and(|rating| rating.mos > 4.2));
        let lossy =
            LegReport { packets_received: 900, packets_lost: 60, packets_late: 40, loss_runs: 20, ..clean };
        assert!((lossy.loss_share() - 100.0 / 960.0).abs() < 1e-6);
        assert!((lossy.burst_packets() - 3.0).abs() < 1e-6);
        assert!(lossy.rating().is_some_and(|rating| rating.mos < 3.5));
    }

    #[test]
    fn nothing_heard_is_not_rated() {
        let silent = LegReport { codec: Some(Codec::Pcmu), packets_sent: 5, ..LegReport::default() };
        assert_eq!((silent.rating(), silent.their_rating()), (None, None));
        assert_eq!(silent.loss_share(), 0.0);
    }
}
