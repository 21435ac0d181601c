//! What is behind a leg that is connected.

use std::time::{Duration, Instant};

use partyline_audio::{KeyDetector, LineNoise, LineWatch, NoiseSuppressor, Resampler};
use partyline_rtp::{HEADER_OCTETS, NtpTime};

use super::{ControlPacket, Downlink};
use crate::control::Control;
use crate::frame::{FRAME_SAMPLES, PACKET_OCTETS, RATE_HZ, SILENCE};
use crate::line::{Incoming, LegMedia};
use crate::outgoing::Outgoing;
use crate::reach::Reach;
use crate::report::{LegReport, TheirReport};
use crate::speech::Speech;
use crate::transport::{RtcpRoute, Secrecy};
use crate::treatment::{Conditioner, Treatment};
use crate::uplink::Tempo;

/// How long no packet comes before that is told, and how often it is told again.
const QUIET_STEP: Duration = Duration::from_secs(1);

/// A frame that is quieter holds no key: weaker tones count for none, and a frame may begin with a pause.
const TONE_MIN_DBOV: f32 = -45.0;

/// How long after a tone that may be a key's the sound gets neither longer nor shorter, in frames: half a second, longer than
/// the pause between two keys that somebody presses by machine.
const KEY_FRAMES: u32 = 25;

/// What a leg has of the far side, once there is one.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) media: LegMedia,
    pub(super) incoming: Incoming,
    pub(super) outgoing: Outgoing,
    pub(super) is_bound: bool,
    pub(super) has_heard: bool,
    pub(super) last_heard: Instant,
    pub(super) quiet_told: Duration,
    pub(super) control: Control,
    pub(super) secrecy: Option<Box<Secrecy>>,
    pub(super) reach: Reach,
    /// Another stream had the name of ours, and ours was given another. Once: who sends us our own packets back would
    /// take any name.
    pub(super) has_collided: bool,
    /// Keys in the sound, and whether there were any.
    pub(super) tones: KeyDetector,
    pub(super) has_toned: bool,
    /// Frames for which the sound stays as it is, because of a key.
    pub(super) key_frames: u32,
    pub(super) speech: Speech,
    pub(super) conditioner: Conditioner,
    /// What takes an echo to the rate of what is heard, where it was said at another.
    pub(super) echo: Option<Box<Resampler>>,
    /// What listens for noise on the line, once the caller was heard by others.
    pub(super) line_watch: Option<Box<LineWatch>>,
    /// Whether the telephone has sent a telephone-event.
    pub(super) has_sent_events: bool,
}

/// How long so many ticks are.
const fn time_of(ticks: u64) -> Duration {
    Duration::from_micros(ticks * 1_000_000 / RATE_HZ as u64)
}

impl Session {
    /// Makes of the frame pulled last what is mixed; what is to be told of the line.
    pub(super) fn treat(
        &mut self,
        treatment: Treatment,
        mut suppressor: Option<&mut NoiseSuppressor>,
        is_new: bool,
        voice: &mut [i32],
    ) -> Option<LineNoise> {
        let is_broken = self.incoming.is_broken();
        let frame = self.incoming.native();
        let line_watch = self.line_watch.get_or_insert_with(|| Box::new(LineWatch::new(RATE_HZ)));
        if is_new {
            self.conditioner.resume(frame);
            line_watch.resume();
            suppressor.iter_mut().for_each(|suppressor| suppressor.resume());
        }
        if treatment.is_for_voices() || suppressor.is_some() {
            self.conditioner.condition(frame, treatment, suppressor, is_broken, voice);
        } else {
            voice.iter_mut().zip(frame).for_each(|(sum, &sample)| *sum = sample.into());
        }
        if is_broken {
            line_watch.miss();
            return None;
        }
        line_watch.hear(self.incoming.frame())
    }

    /// Listens for keys in the sound: always where the telephone has no telephone-events, else while it is in no mix and
    /// has sent none, and from the first tone on.
    pub(super) fn hear_tones(&mut self, level_dbov: f32, is_alone: bool) -> Option<char> {
        if !self.may_hear_tones(is_alone) {
            if self.tones.is_down() {
                self.tones = KeyDetector::new();
            }
            self.key_frames = 0;
            return None;
        }
        self.key_frames =
            if self.tones.is_hearing() { KEY_FRAMES } else { self.key_frames.saturating_sub(1) };
        if self.incoming.is_broken() {
            self.tones.miss();
            return None;
        }
        if level_dbov < TONE_MIN_DBOV {
            self.tones.hear_silence(FRAME_SAMPLES);
            return None;
        }
        let key = self.tones.hear(&self.incoming.frame()[..FRAME_SAMPLES]);
        self.has_toned |= key.is_some();
        key
    }

    const fn may_hear_tones(&self, is_alone: bool) -> bool {
        let has_no_events = self.media.event_payload_type.is_none();
        has_no_events || self.has_toned || (is_alone && !self.has_sent_events)
    }

    /// How freely the sound may get longer or shorter.
    pub(super) const fn tempo(&self, is_alone: bool) -> Tempo {
        if self.key_frames > 0 {
            Tempo::Kept
        } else if self.may_hear_tones(is_alone) {
            Tempo::Wary
        } else {
            Tempo::Free
        }
    }

    /// Takes what was agreed anew; whether the source is open again.
    pub(super) fn change(&mut self, now: Instant, media: LegMedia) -> bool {
        let has_moved = self.has_moved(&media);
        self.incoming.change(&self.media, &media);
        if has_moved {
            self.reach.moved();
        }
        self.change_keys(&media, has_moved);
        self.outgoing.change(media.codec, &media.details.opus);
        self.echo = None;
        self.media = media;
        self.last_heard = now;
        self.quiet_told = Duration::ZERO;
        !self.incoming.is_latched() && std::mem::replace(&mut self.is_bound, false)
    }

    fn change_keys(&mut self, media: &LegMedia, has_moved: bool) {
        match (&mut self.secrecy, media.transport.keys.as_deref()) {
            (_, None) => self.secrecy = None,
            (Some(secrecy), Some(keys)) => secrecy.change(keys),
            (none, Some(keys)) => {
                *none = Some(Box::new(Secrecy::new(keys)));
                // The counters begin anew, which is safe for a stream that was never protected.
                self.rename();
            }
        }
        // Another telephone may be there, which knows no rollover counter of ours.
        if self.secrecy.is_some() && has_moved {
            self.rename();
        }
    }

    /// Whether signalling now names an address that nothing comes from yet.
    fn has_moved(&self, media: &LegMedia) -> bool {
        let is_somewhere = !media.remote.ip().is_unspecified();
        is_somewhere && media.remote != self.media.remote && media.remote != self.incoming.destination()
    }

    fn rename(&mut self) {
        self.outgoing.rename();
        self.control.forget_ours();
    }

    /// Gives our stream another name where the caller's has the same one [RFC 3550 §8.2].
    pub(super) fn avoid_collision(&mut self) {
        let is_same = self.incoming.reception.ssrc() == Some(self.outgoing.ssrc());
        if is_same && !std::mem::replace(&mut self.has_collided, true) {
            self.rename();
        }
    }

    pub(super) fn compose_control(
        &mut self,
        now: Instant,
        wall: NtpTime,
        leaves: bool,
        buffer: &mut [u8],
    ) -> Option<ControlPacket> {
        if self.has_no_far_side() || !self.reach.is_open() {
            return None;
        }
        let destination = self.incoming.destination();
        let transport = &self.media.transport;
        let is_muxed = transport.rtcp == RtcpRoute::Muxed;
        let named = transport.control_address(destination, self.media.remote)?;
        let heard = self.control.source.filter(|source| !is_muxed && source.ip() == destination.ip());
        let block = self.incoming.reception.report_block();
        let sender = self.outgoing.sender_info(wall);
        let ssrc = self.outgoing.ssrc();
        let octets = self.control.write(now, ssrc, sender.as_ref(), block, leaves, buffer).ok()?;
        let octets = match &mut self.secrecy {
            None => octets,
            Some(secrecy) => secrecy.protect_control(buffer, octets)?,
        };
        Some(ControlPacket { far: heard.unwrap_or(named), octets, is_muxed })
    }

    /// How long nothing came, where that is to be told now.
    pub(super) fn quiet(&mut self, now: Instant) -> Option<Duration> {
        if !self.media.receives {
            self.last_heard = now;
            return None;
        }
        let quiet = now.saturating_duration_since(self.last_heard);
        if quiet < self.quiet_told + QUIET_STEP {
            return None;
        }
        self.quiet_told = quiet;
        Some(quiet)
    }

    /// Whether signalling named no address: nothing is to be sent, RTCP neither [RFC 3264 §8.4].
    const fn has_no_far_side(&self) -> bool {
        self.media.remote.ip().is_unspecified()
    }

    const fn may_send(&self) -> bool {
        self.media.sends && !self.has_no_far_side()
    }

    /// Makes the packet of this tick, or lets its time pass where nothing may be sent.
    pub(super) fn send(&mut self, downlink: Downlink<'_>, packet: &mut [u8; PACKET_OCTETS]) -> Option<usize> {
        let may_send = self.may_send() && self.reach.take();
        let octets = if may_send {
            self.encode(downlink, &mut packet[HEADER_OCTETS..])
        } else {
            self.outgoing.leave(downlink.shared());
            0
        };
        if octets == 0 {
            self.outgoing.pause(1);
            return None;
        }
        Some(self.outgoing.head(self.media.payload_type, octets, packet))
    }

    fn encode(&mut self, downlink: Downlink<'_>, payload: &mut [u8]) -> usize {
        match (downlink, self.media.codec.silence_octet()) {
            (Downlink::Silence, Some(octet)) => {
                payload[..FRAME_SAMPLES].fill(octet);
                FRAME_SAMPLES
            }
            (Downlink::Silence, None) => {
                let samples = self.outgoing.rate().samples();
                self.outgoing.encode(&SILENCE[..samples], None, payload)
            }
            (Downlink::Shared(shared), _) => self.outgoing.encode_shared(shared, payload),
            (Downlink::Own(frame, shared), _) => self.outgoing.encode(frame, shared, payload),
        }
    }

    /// Sends back what came, octet by octet, where that can be; `None` where it has to be decoded.
    pub(super) fn send_back(&mut self, packet: &mut [u8; PACKET_OCTETS]) -> Option<usize> {
        let (codec, heard) = self.incoming.payload()?;
        if codec != self.media.codec || !self.may_send() || !self.reach.is_open() {
            return None;
        }
        self.reach.take();
        packet[HEADER_OCTETS..HEADER_OCTETS + FRAME_SAMPLES].copy_from_slice(heard);
        Some(self.outgoing.head(self.media.payload_type, FRAME_SAMPLES, packet))
    }

    pub(super) fn report(&self) -> LegReport {
        let reception = self.incoming.reception.report();
        let buffered = self.incoming.jitter_counters();
        let clock_rate_hz = f64::from(self.media.codec.clock_rate_hz());
        LegReport {
            codec: Some(self.media.codec),
            is_secret: self.secrecy.is_some(),
            packets_received: reception.received,
            packets_lost: reception.lost,
            loss_runs: reception.loss_runs,
            packets_late: buffered.late,
            packets_sent: self.outgoing.packets,
            packets_withheld: self.reach.withheld,
            datagrams_dropped: self.incoming.datagrams_dropped(),
            not_authentic: self.secrecy.as_ref().map_or(0, |secrecy| secrecy.refused()),
            concealed_share: buffered.missing_ticks as f32 / buffered.given_ticks.max(1) as f32,
            heard_dbov: self.incoming.heard_dbov(),
            jitter: reception.jitter,
            depth: time_of(u64::from(self.incoming.depth_ticks())),
            lengthened: time_of(buffered.stretched_ticks),
            shortened: time_of(buffered.compressed_ticks),
            round_trip: self.control.round_trip,
            theirs: self.control.theirs.map(|block| TheirReport {
                packets_lost: u64::from(block.lost.max(0).cast_unsigned()),
                jitter: Duration::from_secs_f64(f64::from(block.jitter_ticks) / clock_rate_hz),
            }),
        }
    }
}
