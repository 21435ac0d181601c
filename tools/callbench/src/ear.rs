//! What a caller hears: counts of packets, the last seconds of sound, and the moment a tone begins.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use partyline_audio::Resampler;
use partyline_codec::{Codec, Decoder, Encoder};
use partyline_rtp::{Arrival, Packet, Reception, RtpTime, is_rtcp};
use serde::Serialize;

use crate::meter::{RATE_HZ, frame_tone_dbov, tonal_share};
use crate::pulses::PulseEar;

/// The longest packet at 8 kHz: 120 ms.
const PACKET_SAMPLES: usize = 960;
/// A packet that comes so long after the one before is late.
const LATE: Duration = Duration::from_millis(60);
/// Octets of µ-law and A-law silence.
const SILENT: (u8, u8) = (0xFF, 0xD5);

/// A gap in the timestamps longer than this, at 8 kHz, is a new start, not sound that is missing.
const GAP_TICKS_MAX: i32 = 80_000;
/// Quieter than this is no tone.
const TONE_MIN_DBOV: f32 = -40.0;
/// A packet with this share of its energy in the tones holds them; speech over them leaves less.
const TONAL_SHARE_MIN: f32 = 0.5;
/// Any sound louder than this counts as heard.
const SOUND_MIN_DBOV: f32 = -50.0;

/// What a caller has received.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct PacketReport {
    /// Packets of the agreed payload type.
    pub received: u64,
    /// Missing by sequence number.
    pub lost: u64,
    /// Duplicates, stragglers and what was no RTP of this call.
    pub other: u64,
    /// Those that came over 60 ms after the one before: more than a usual jitter buffer holds back.
    pub late: u64,
    /// The longest time between two packets, to 20 ms.
    pub longest_gap: Duration,
    /// Interarrival jitter, to 20 ms.
    pub jitter: Duration,
    /// Packets sent.
    pub sent: u64,
}

/// What an ear may wait for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Awaited {
    /// One of these tones.
    Tones(Vec<f32>),
    /// The end of this one.
    EndOf(f32),
    /// Any sound.
    Sound,
}

impl Awaited {
    /// Packets in a row that show it; the first of them is the moment. More than one, so that a vowel is not taken for
    /// a tone, nor a hole for its end.
    const fn packets(&self) -> u32 {
        match self {
            Self::Tones(_) | Self::Sound => 2,
            Self::EndOf(_) => 5,
        }
    }

    fn is_in(&self, samples: &[i16], level_dbov: f32) -> bool {
        match self {
            Self::Tones(tones) => {
                level_dbov > TONE_MIN_DBOV && tonal_share(samples, RATE_HZ, tones) > TONAL_SHARE_MIN
            }
            Self::EndOf(hz) => frame_tone_dbov(samples, RATE_HZ, *hz) < TONE_MIN_DBOV,
            Self::Sound => level_dbov > SOUND_MIN_DBOV,
        }
    }
}

/// What is waited for, and when it began.
#[derive(Debug)]
struct Watch {
    awaited: Awaited,
    /// Since when, and in how many packets.
    candidate: Option<(Instant, u32)>,
    found: Option<Instant>,
}

/// The receiving half of a leg.
#[derive(Debug)]
pub(crate) struct Ear {
    codec: Codec,
    payload_type: u8,
    reception: Reception,
    /// Decodes what is not kept as it came: codecs other than G.711.
    translator: Option<Translator>,
    /// What was heard, in G.711.
    ring: Box<[u8]>,
    written: usize,
    expected: Option<RtpTime>,
    last_arrival: Option<Instant>,
    first_sound: Option<Instant>,
    longest_gap: Duration,
    late: u64,
    other: u64,
    watch: Option<Watch>,
    pulses: Option<PulseEar>,
    kept: Option<Kept>,
}

/// Packets as they came, which are decoded when somebody asks what was heard: that is seldom, and decoding is dear.
#[derive(Debug)]
struct Kept {
    packets: VecDeque<(RtpTime, Vec<u8>)>,
    packets_max: usize,
}

impl Kept {
    /// Packets before those that are heard, for the decoder to find to the sound.
    const LEAD: usize = 25;

    fn new(memory: Duration) -> Self {
        let packets_max = (memory.as_millis() / 20) as usize + Self::LEAD;
        Self { packets: VecDeque::with_capacity(packets_max), packets_max }
    }

    fn push(&mut self, packet: &Packet<'_>) {
        let is_full = self.packets.len() == self.packets_max;
        let oldest = if is_full { self.packets.pop_front() } else { None };
        let mut payload = oldest.map_or_else(Vec::new, |(_, payload)| payload);
        payload.clear();
        payload.extend_from_slice(packet.payload);
        self.packets.push_back((packet.timestamp, payload));
    }

    /// What they sound like; what is missing is silent.
    fn samples(&self, codec: Codec) -> Vec<i16> {
        let (mut translator, mut samples) = (Translator::new(codec), Vec::new());
        let ratio = (codec.clock_rate_hz() / RATE_HZ) as i32;
        let mut expected = None;
        for (timestamp, payload) in &self.packets {
            let gap = expected.map_or(0, |expected: RtpTime| timestamp.minus(expected) / ratio);
            samples.resize(samples.len() + gap.clamp(0, GAP_TICKS_MAX) as usize, 0);
            let mut octets = [0; PACKET_SAMPLES];
            let count = translator.translate(payload, &mut octets);
            let at = samples.len();
            samples.resize(at + count, 0);
            Decoder::new(Codec::Pcmu).decode(&octets[..count], &mut samples[at..]);
            expected = Some(timestamp.plus((count as i32 * ratio).unsigned_abs()));
        }
        samples
    }
}

/// Turns packets of a codec into µ-law, which takes half the room of samples and is good enough to measure.
#[derive(Debug)]
struct Translator {
    decoder: Decoder,
    resampler: Option<Resampler>,
}

impl Translator {
    /// For a codec that is not G.711.
    fn new(codec: Codec) -> Self {
        let decoder = Decoder::at_rate(codec, RATE_HZ);
        let coded_hz = decoder.sample_rate_hz();
        let resampler = (coded_hz != RATE_HZ).then(|| Resampler::new(coded_hz, RATE_HZ, 2 * PACKET_SAMPLES));
        Self { decoder, resampler }
    }

    fn translate(&mut self, payload: &[u8], octets: &mut [u8; PACKET_SAMPLES]) -> usize {
        let (mut coded, mut samples) = ([0; 2 * PACKET_SAMPLES], [0; PACKET_SAMPLES]);
        let count = match &mut self.resampler {
            None => self.decoder.decode(payload, &mut samples),
            Some(resampler) => {
                let count = self.decoder.decode(payload, &mut coded);
                resampler.process(&coded[..count], &mut samples)
            }
        };
        Encoder::new(Codec::Pcmu).encode(&samples[..count], octets)
    }
}

impl Ear {
    pub(crate) fn new(memory: Duration) -> Self {
        let octets = (memory.as_millis() as usize * 8).clamp(800, 8_000 * 600);
        Self {
            codec: Codec::Pcmu,
            payload_type: 0,
            reception: Reception::new(8_000),
            translator: None,
            ring: vec![SILENT.0; octets].into_boxed_slice(),
            written: 0,
            expected: None,
            last_arrival: None,
            first_sound: None,
            longest_gap: Duration::ZERO,
            late: 0,
            other: 0,
            watch: None,
            pulses: None,
            kept: None,
        }
    }

    /// Keeps what comes as it is, and decodes it when what was heard is asked for, or while something is waited for.
    pub(crate) fn keep_packets(&mut self, memory: Duration) {
        self.kept = Some(Kept::new(memory));
    }

    pub(crate) fn set_codec(&mut self, codec: Codec, payload_type: u8) {
        if codec != self.codec {
            let (before, is_law) = (self.law(), codec.silence_octet().is_some());
            self.codec = codec;
            self.translator = (!is_law).then(|| Translator::new(codec));
            self.reception.set_clock_rate(codec.clock_rate_hz());
            self.expected = None;
            if self.law() != before {
                self.ring.fill(self.silence());
            }
        }
        self.payload_type = payload_type;
    }

    pub(crate) const fn codec(&self) -> Codec {
        self.codec
    }

    /// The law that the ring is in.
    fn law(&self) -> Codec {
        if self.codec == Codec::Pcma { Codec::Pcma } else { Codec::Pcmu }
    }

    fn silence(&self) -> u8 {
        if self.codec == Codec::Pcma { SILENT.1 } else { SILENT.0 }
    }

    pub(crate) fn watch(&mut self, awaited: Awaited) {
        let is_nothing = matches!(&awaited, Awaited::Tones(tones) if tones.is_empty());
        self.watch = (!is_nothing).then_some(Watch { awaited, candidate: None, found: None });
    }

    /// The longest gap is that from now on.
    pub(crate) const fn forget_gap(&mut self) {
        self.longest_gap = Duration::ZERO;
    }

    /// Whether the leg should be looked at more often, so that the moment is told well.
    pub(crate) fn is_watching(&self) -> bool {
        self.is_waiting() || self.pulses.is_some()
    }

    fn is_waiting(&self) -> bool {
        self.watch.as_ref().is_some_and(|watch| watch.found.is_none())
    }

    /// Takes note of when pulses begin.
    pub(crate) fn time_pulses(&mut self) {
        self.pulses = Some(PulseEar::new());
    }

    /// When pulses began since this was last asked.
    pub(crate) fn take_pulses(&mut self) -> Vec<Instant> {
        self.pulses.as_mut().map(PulseEar::take).unwrap_or_default()
    }

    pub(crate) fn watched_at(&self) -> Option<Instant> {
        self.watch.as_ref()?.found
    }

    pub(crate) const fn first_sound_at(&self) -> Option<Instant> {
        self.first_sound
    }

    pub(crate) fn report(&self) -> PacketReport {
        let report = self.reception.report();
        PacketReport {
            received: report.received,
            lost: report.lost,
            other: self.other + report.duplicates + report.suspects,
            late: self.late,
            longest_gap: self.longest_gap,
            jitter: report.jitter,
            sent: 0,
        }
    }

    /// Takes note of a datagram that was not authentic.
    pub(crate) const fn refuse(&mut self) {
        self.other += 1;
    }

    pub(crate) fn take(&mut self, now: Instant, datagram: &[u8]) {
        if is_rtcp(datagram) {
            return;
        }
        let packet = match Packet::parse(datagram) {
            Ok(packet) if packet.payload_type == self.payload_type => packet,
            Ok(_) | Err(_) => {
                self.other += 1;
                return;
            }
        };
        match self.reception.accept(now, &packet) {
            Arrival::Started => self.expected = None,
            Arrival::Newest => {}
            Arrival::Reordered | Arrival::Duplicate | Arrival::Suspect => return,
        }
        if let Some(last) = self.last_arrival {
            let gap = now.saturating_duration_since(last);
            self.longest_gap = self.longest_gap.max(gap);
            self.late += u64::from(gap > LATE);
        }
        self.last_arrival = Some(now);
        if let Some(kept) = &mut self.kept {
            kept.push(&packet);
            if !self.is_watching() {
                return;
            }
        }
        let mut translated = [0; PACKET_SAMPLES];
        let octets = match &mut self.translator {
            None => packet.payload,
            Some(translator) => {
                let count = translator.translate(packet.payload, &mut translated);
                &translated[..count]
            }
        };
        self.keep(&packet, octets);
        if self.first_sound.is_none() && self.level_dbov(octets) > SOUND_MIN_DBOV {
            self.first_sound = Some(now);
        }
        if self.is_waiting() {
            self.look(now, octets);
        }
        if let Some(mut pulses) = self.pulses.take() {
            let mut samples = [0; PACKET_SAMPLES];
            let count = Decoder::new(self.law()).decode(octets, &mut samples);
            pulses.hear(now, &samples[..count]);
            self.pulses = Some(pulses);
        }
    }

    fn level_dbov(&self, octets: &[u8]) -> f32 {
        self.law().level_dbov(octets).unwrap_or(partyline_codec::SILENCE_DBOV)
    }

    fn keep(&mut self, packet: &Packet<'_>, octets: &[u8]) {
        let ratio = self.codec.clock_rate_hz() / RATE_HZ;
        if let Some(expected) = self.expected {
            let gap = packet.timestamp.minus(expected) / ratio as i32;
            if (1..GAP_TICKS_MAX).contains(&gap) {
                self.push_silence(gap as usize);
            }
        }
        self.expected = Some(packet.timestamp.plus(octets.len() as u32 * ratio));
        for &octet in octets {
            self.push(octet);
        }
    }

    fn push_silence(&mut self, octets: usize) {
        for _ in 0..octets.min(self.ring.len()) {
            self.push(self.silence());
        }
    }

    fn push(&mut self, octet: u8) {
        let len = self.ring.len();
        self.ring[self.written % len] = octet;
        self.written += 1;
    }

    fn look(&mut self, now: Instant, octets: &[u8]) {
        let (law, level_dbov) = (self.law(), self.level_dbov(octets));
        let Some(watch) = &mut self.watch else {
            return;
        };
        let mut samples = [0; PACKET_SAMPLES];
        let count = Decoder::new(law).decode(octets, &mut samples);
        if !watch.awaited.is_in(&samples[..count], level_dbov) {
            watch.candidate = None;
            return;
        }
        let (since, packets) = watch.candidate.map_or((now, 1), |(since, packets)| (since, packets + 1));
        watch.candidate = Some((since, packets));
        watch.found = (packets >= watch.awaited.packets()).then_some(since);
    }

    /// The last sound, up to now: what has stopped coming is silence.
    pub(crate) fn heard(&self, now: Instant, window: Duration) -> Vec<i16> {
        let wanted = (window.as_millis() as usize * 8).min(self.ring.len());
        let stopped = self.last_arrival.map_or(wanted, |last| {
            let late = now.saturating_duration_since(last).saturating_sub(Duration::from_millis(60));
            (late.as_millis() as usize * 8).min(wanted)
        });
        if let Some(kept) = &self.kept {
            let all = kept.samples(self.codec);
            let there = (wanted - stopped).min(all.len());
            let mut samples = vec![0; wanted];
            samples[wanted - stopped - there..wanted - stopped].copy_from_slice(&all[all.len() - there..]);
            return samples;
        }
        let there = (wanted - stopped).min(self.written);
        let octets: Vec<u8> =
            (self.written - there..self.written).map(|at| self.ring[at % self.ring.len()]).collect();
        let mut samples = vec![0; wanted];
        Decoder::new(self.law()).decode(&octets, &mut samples[wanted - stopped - there..]);
        samples
    }
}

#[cfg(test)]
mod tests {
    use partyline_codec::OpusSettings;

    use super::*;
    use crate::coded::Coded;
    use crate::meter::tone_level_dbov;
    use crate::mouth::Mouth;
    use crate::plan::Source;

    fn datagrams(source: Source, count: usize) -> Vec<Vec<u8>> {
        let (mut mouth, now) = (Mouth::new(source, -15.0), Instant::now());
        (0..count)
            .map(|_| {
                let mut buffer = [0; 512];
                let octets = mouth.packet(now, &mut buffer);
                buffer[..octets].to_vec()
            })
            .collect()
    }

    fn play(ear: &mut Ear, start: Instant, datagrams: &[Vec<u8>], lost: &[usize]) -> Instant {
        for (n, datagram) in datagrams.iter().enumerate() {
            if !lost.contains(&n) {
                ear.take(start + Duration::from_millis(20 * n as u64), datagram);
            }
        }
        start + Duration::from_millis(20 * datagrams.len() as u64)
    }

    #[test]
    fn packets_that_are_taken_away_are_counted_and_heard_as_holes() {
        let sent = datagrams(Source::Tone(1000.0), 100);
        let (mut whole, mut broken, start) =
            (Ear::new(Duration::from_secs(2)), Ear::new(Duration::from_secs(2)), Instant::now());
        let end = play(&mut whole, start, &sent, &[]);
        play(&mut broken, start, &sent, &[20, 21, 60]);
        assert_eq!((whole.report().received, whole.report().lost), (100, 0));
        assert_eq!((broken.report().received, broken.report().lost), (97, 3));
        assert_eq!(broken.report().longest_gap, Duration::from_millis(60));
        let silent = |ear: &Ear| {
            ear.heard(end, Duration::from_secs(2)).chunks(160).filter(|c| c.iter().all(|&s| s == 0)).count()
        };
        assert_eq!((silent(&whole), silent(&broken)), (0, 3));
    }

    #[test]
    fn a_tone_is_heard_at_its_level_until_packets_stop() {
        let (mut ear, start) = (Ear::new(Duration::from_secs(1)), Instant::now());
        let end = play(&mut ear, start, &datagrams(Source::Tone(700.0), 50), &[]);
        let level = |at| tone_level_dbov(&ear.heard(at, Duration::from_millis(500)), 8000, 700.0);
        assert!((level(end) + 15.0).abs() < 0.2, "{}", level(end));
        assert!(level(end + Duration::from_secs(1)) < -100.0);
    }

    #[test]
    fn opus_is_heard_from_the_packets_that_were_kept_and_what_is_lost_is_silent() {
        let (mut ear, start) = (Ear::new(Duration::from_secs(1)), Instant::now());
        ear.keep_packets(Duration::from_secs(1));
        ear.set_codec(Codec::Opus, 111);
        let coded = Coded::tone(700.0, -15.0);
        let mut mouth = Mouth::new(Source::Coded(coded), -15.0);
        mouth.set_codec(Codec::Opus, &OpusSettings::default(), 111, None);
        let sent: Vec<Vec<u8>> = (0..200)
            .map(|_| {
                let mut buffer = [0; 512];
                let octets = mouth.packet(start, &mut buffer);
                buffer[..octets].to_vec()
            })
            .collect();
        let end = play(&mut ear, start, &sent, &(160..185).collect::<Vec<_>>());
        let heard = ear.heard(end, Duration::from_secs(1));
        let level = |samples: &[i16]| tone_level_dbov(samples, RATE_HZ, 700.0);
        assert!((level(&heard[..1_500]) + 15.0).abs() < 1.0, "{}", level(&heard[..1_500]));
        assert!(level(&heard[1_700..5_500]) < -60.0, "{}", level(&heard[1_700..5_500]));
        assert!((level(&heard[6_500..]) + 15.0).abs() < 1.0, "{}", level(&heard[6_500..]));
        assert_eq!((ear.report().received, ear.report().lost), (175, 25));
    }

    #[test]
    fn the_moment_of_a_tone_is_its_first_packet() {
        let (mut ear, start) = (Ear::new(Duration::from_secs(1)), Instant::now());
        ear.watch(Awaited::Tones(vec![900.0, 1500.0]));
        let middle = play(&mut ear, start, &datagrams(Source::Tone(444.0), 10), &[]);
        assert_eq!(ear.watched_at(), None);
        assert!(ear.is_watching());
        let mut ear = Ear::new(Duration::from_secs(1));
        ear.watch(Awaited::Tones(vec![900.0, 1500.0]));
        play(&mut ear, start, &datagrams(Source::Silence, 10), &[]);
        let tone = datagrams(Source::Tone(1500.0), 10);
        let silent = datagrams(Source::Silence, 1);
        ear.take(middle, &silent[0]);
        // another stream: its second packet starts it
        play(&mut ear, middle, &tone, &[]);
        assert_eq!(ear.watched_at(), Some(middle + Duration::from_millis(20)));
        assert!(!ear.is_watching());
    }

    #[test]
    fn the_moment_of_a_tones_end_is_the_first_packet_without_it_and_a_hole_is_no_end() {
        let (mut ear, start) = (Ear::new(Duration::from_secs(1)), Instant::now());
        ear.watch(Awaited::EndOf(1500.0));
        let mut mouth = Mouth::new(Source::Tone(1500.0), -15.0);
        let mut said = Vec::new();
        for nth in 0..60 {
            // A hole of 80 ms, and then the end.
            if nth == 20 || nth == 40 {
                mouth.say(Source::Silence);
            } else if nth == 24 {
                mouth.say(Source::Tone(1500.0));
            }
            let mut buffer = [0; 512];
            let octets = mouth.packet(start, &mut buffer);
            said.push(buffer[..octets].to_vec());
        }
        play(&mut ear, start, &said, &[]);
        assert_eq!(ear.watched_at(), Some(start + Duration::from_millis(20 * 40)));
    }

    #[test]
    fn the_moment_of_any_sound_is_its_first_packet() {
        let (mut ear, start) = (Ear::new(Duration::from_secs(1)), Instant::now());
        let mut mouth = Mouth::new(Source::Silence, -15.0);
        ear.watch(Awaited::Sound);
        let mut said = Vec::new();
        for nth in 0..20 {
            if nth == 10 {
                mouth.say(Source::Tone(333.0));
            }
            let mut buffer = [0; 512];
            let octets = mouth.packet(start, &mut buffer);
            said.push(buffer[..octets].to_vec());
        }
        play(&mut ear, start, &said, &[]);
        assert_eq!(ear.watched_at(), Some(start + Duration::from_millis(20 * 10)));
    }

    #[test]
    fn garbage_is_counted_and_not_heard() {
        let (mut ear, now) = (Ear::new(Duration::from_secs(1)), Instant::now());
        ear.take(now, b"");
        ear.take(now, &[0xFF; 172]);
        assert_eq!((ear.report().received, ear.report().other), (0, 2));
    }
}
