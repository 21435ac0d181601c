//! What a caller sends: a packet every 20 ms of tone, sound, silence or a key.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use partyline_audio::Resampler;
use partyline_codec::{Codec, Encoder, OpusSettings};
use partyline_rtp::{Header, KeyPress, RtpTime, SeqNo, Ssrc};

use crate::coded::Coded;
use crate::keys::{ENDS, KeyWay, Place};
use crate::meter::RATE_HZ;
use crate::plan::Source;
use crate::pulses::Pulses;
use crate::tone::{FRAME, KeyTone, Oscillator};

/// Octets of the largest packet, with room for what protects it.
pub(crate) const PACKET_OCTETS_MAX: usize = 512;
/// A key is down for 80 ms and up for 60: quick, but no quicker than phones that dial by themselves.
const KEY_FRAMES: u16 = 4;
const PAUSE_FRAMES: u32 = 3;
/// As tones in the sound a finger's: down for 160 ms and up for 100. A way that brings packets late takes bites out of tones, and what
/// is left of a shorter one may be no key.
const TONE_FRAMES: u16 = 8;
const TONE_PAUSE_FRAMES: u32 = 5;
/// By INFO a key follows the one before after as long as it would be down and up.
const INFO_FRAMES: u32 = KEY_FRAMES as u32 + PAUSE_FRAMES;
/// Keys that may wait.
const KEYS_MAX: usize = 256;

/// What is said now.
#[derive(Debug)]
enum Voice {
    Silence,
    Tone(Oscillator),
    Pulses(Pulses),
    Sound { samples: Arc<[i16]>, at: usize },
    Coded { packets: Arc<Coded>, at: usize },
}

/// The sending half of a leg.
#[derive(Debug)]
pub(crate) struct Mouth {
    codec: Codec,
    encoder: Encoder,
    resampler: Option<Resampler>,
    payload_type: u8,
    event_payload_type: Option<u8>,
    voice: Voice,
    level_dbov: f32,
    ssrc: Ssrc,
    sequence: SeqNo,
    timestamp: RtpTime,
    way: KeyWay,
    keys: VecDeque<char>,
    key: Option<KeyPress>,
    key_tone: Option<KeyTone>,
    /// A key that signalling has to tell.
    told: Option<char>,
    /// Where in a key the packet is that was made last; `None` for one of sound.
    place: Option<Place>,
    packet_of_key: usize,
    ends_of_key: u8,
    pause_frames: u32,
    last_key_at: Option<Instant>,
    is_first: bool,
}

impl Mouth {
    /// A mouth that tells keys as telephone-events.
    #[cfg(test)]
    pub(crate) fn new(source: Source, level_dbov: f32) -> Self {
        Self::with_keys(source, level_dbov, KeyWay::Events)
    }

    /// A mouth that tells keys in this way.
    pub(crate) fn with_keys(source: Source, level_dbov: f32, way: KeyWay) -> Self {
        let mut mouth = Self {
            codec: Codec::Pcmu,
            encoder: Encoder::new(Codec::Pcmu),
            resampler: None,
            payload_type: 0,
            event_payload_type: None,
            voice: Voice::Silence,
            level_dbov,
            ssrc: Ssrc(rand::random()),
            sequence: SeqNo(rand::random()),
            timestamp: RtpTime(rand::random()),
            way,
            keys: VecDeque::new(),
            key: None,
            key_tone: None,
            told: None,
            place: None,
            packet_of_key: 0,
            ends_of_key: 0,
            pause_frames: 0,
            last_key_at: None,
            is_first: true,
        };
        mouth.say(source);
        mouth
    }

    pub(crate) fn set_codec(
        &mut self,
        codec: Codec,
        wishes: &OpusSettings,
        payload_type: u8,
        event_payload_type: Option<u8>,
    ) {
        self.codec = codec;
        self.encoder = Encoder::at_rate(codec, RATE_HZ, wishes);
        let coded_hz = self.encoder.sample_rate_hz();
        self.resampler = (coded_hz != RATE_HZ).then(|| Resampler::new(RATE_HZ, coded_hz, FRAME));
        self.payload_type = payload_type;
        self.event_payload_type = event_payload_type;
    }

    pub(crate) fn say(&mut self, source: Source) {
        self.voice = match source {
            Source::Silence => Voice::Silence,
            Source::Tone(hz) => Voice::Tone(Oscillator::new(hz, self.level_dbov)),
            Source::Pulses(hz) => Voice::Pulses(Pulses::new(hz, self.level_dbov)),
            Source::Sound(samples) => Voice::Sound { samples, at: 0 },
            // Not all at the same place, as what they send costs the server not always the same.
            Source::Coded(packets) => Voice::Coded { packets, at: rand::random_range(0..1_000) },
        };
    }

    /// Presses keys after what is being pressed, and after a pause of so many frames.
    pub(crate) fn press(&mut self, keys: &str, pause_frames: u32) {
        self.pause_frames = self.pause_frames.max(pause_frames);
        let room = KEYS_MAX.saturating_sub(self.keys.len());
        self.keys.extend(keys.chars().take(room));
    }

    /// When the first packet of the last key was sent; `None` while keys wait, or where none was pressed.
    pub(crate) fn last_key_at(&self) -> Option<Instant> {
        self.last_key_at.filter(|_| self.keys.is_empty())
    }

    /// Whether every key has been sent to its end.
    pub(crate) fn has_pressed_all(&self) -> bool {
        self.keys.is_empty() && self.key.is_none() && self.key_tone.is_none()
    }

    /// When pulses began since this was last asked.
    pub(crate) fn take_pulses(&mut self) -> Vec<Instant> {
        match &mut self.voice {
            Voice::Pulses(pulses) => pulses.take(),
            Voice::Silence | Voice::Tone(_) | Voice::Sound { .. } | Voice::Coded { .. } => Vec::new(),
        }
    }

    /// A key that is to be told by signalling, once.
    pub(crate) const fn take_told(&mut self) -> Option<char> {
        self.told.take()
    }

    /// Where in a key the packet is that was made last; `None` for one of sound.
    pub(crate) const fn place(&self) -> Option<Place> {
        self.place
    }

    /// Makes the packet of this 20 ms; its octets, 0 where none is sent.
    pub(crate) fn packet(&mut self, now: Instant, buffer: &mut [u8]) -> usize {
        let timestamp = self.timestamp;
        self.timestamp = timestamp.plus(self.codec.frame_ticks());
        let sequence = self.sequence;
        self.sequence = sequence.next();
        let header = Header {
            marker: std::mem::take(&mut self.is_first),
            payload_type: self.payload_type,
            sequence,
            timestamp,
            ssrc: self.ssrc,
        };
        if let Some(octets) = self.key_packet(now, header, buffer) {
            return octets;
        }
        let mut payload = [0; PACKET_OCTETS_MAX];
        let octets = self.voice(now, &mut payload);
        if octets == 0 {
            // Nothing is sent in a pause, and no number goes with it.
            (self.sequence, self.is_first) = (sequence, header.marker);
            return 0;
        }
        header.write(&payload[..octets], buffer).expect("a buffer holds a 20 ms packet")
    }

    fn key_packet(&mut self, now: Instant, header: Header, buffer: &mut [u8]) -> Option<usize> {
        self.place = None;
        let event_payload_type = match (self.way, self.event_payload_type) {
            (KeyWay::Events, None) => return None,
            (KeyWay::Events, agreed) => agreed,
            (KeyWay::InfoRelay | KeyWay::Info | KeyWay::Tones, _) => None,
        };
        if self.key.is_none() && self.key_tone.is_none() {
            if self.pause_frames > 0 {
                self.pause_frames -= 1;
                return None;
            }
            self.begin_key(now, header.timestamp, self.keys.front().copied()?);
        }
        let payload_type = event_payload_type?;
        let Some(event) = self.key.as_mut().and_then(Iterator::next) else {
            self.key = None;
            self.pause_frames = PAUSE_FRAMES;
            return None;
        };
        self.packet_of_key += 1;
        self.ends_of_key += u8::from(event.payload.is_end);
        self.place = Some(Place { nth: self.packet_of_key - 1, end: self.ends_of_key.min(ENDS) });
        let header = Header { marker: event.marker, payload_type, timestamp: event.timestamp, ..header };
        header.write(&event.payload.to_bytes(), buffer)
    }

    fn begin_key(&mut self, now: Instant, timestamp: RtpTime, key: char) {
        self.keys.pop_front();
        self.last_key_at = Some(now);
        match self.way {
            KeyWay::Events => {
                let frame_ticks = self.codec.frame_ticks() as u16;
                self.key = KeyPress::new(key, timestamp, KEY_FRAMES * frame_ticks, frame_ticks);
                (self.packet_of_key, self.ends_of_key) = (0, 0);
            }
            KeyWay::InfoRelay | KeyWay::Info => {
                self.told = Some(key);
                self.pause_frames = INFO_FRAMES - 1;
            }
            KeyWay::Tones => self.key_tone = KeyTone::new(key, TONE_FRAMES),
        }
    }

    fn voice(&mut self, now: Instant, payload: &mut [u8]) -> usize {
        let mut samples = [0; FRAME];
        let is_key = self.key_tone.as_mut().map(|tone| tone.fill(&mut samples));
        if is_key == Some(false) {
            self.key_tone = None;
            self.pause_frames = TONE_PAUSE_FRAMES;
        }
        if let (Voice::Coded { packets, at }, false) = (&mut self.voice, is_key == Some(true)) {
            let packet = if self.codec == Codec::Opus { packets.packet(*at) } else { &[] };
            *at += 1;
            payload[..packet.len()].copy_from_slice(packet);
            return packet.len();
        }
        match &mut self.voice {
            // A key is all that is heard of the telephone while it is down.
            _ if is_key == Some(true) => {}
            Voice::Silence | Voice::Coded { .. } => {}
            Voice::Tone(oscillator) => oscillator.fill(&mut samples),
            Voice::Pulses(pulses) => pulses.fill(now, &mut samples),
            Voice::Sound { samples: sound, at } => {
                let rest = sound.get(*at..).unwrap_or(&[]);
                let count = rest.len().min(FRAME);
                samples[..count].copy_from_slice(&rest[..count]);
                *at += count;
            }
        }
        let payload = &mut payload[..self.codec.frame_octets_max()];
        let Some(resampler) = &mut self.resampler else {
            return self.encoder.encode(&samples, payload);
        };
        let mut coded = [0; 6 * FRAME];
        let count = resampler.process(&samples, &mut coded);
        self.encoder.encode(&coded[..count], payload)
    }
}

#[cfg(test)]
mod tests {
    use partyline_codec::Decoder;
    use partyline_rtp::{EventReceiver, Packet};

    use super::*;
    use crate::meter::tone_level_dbov;

    fn packets(mouth: &mut Mouth, count: usize) -> Vec<Vec<u8>> {
        let now = Instant::now();
        (0..count)
            .map(|_| {
                let mut buffer = [0; PACKET_OCTETS_MAX];
                let octets = mouth.packet(now, &mut buffer);
                buffer[..octets].to_vec()
            })
            .collect()
    }

    #[test]
    fn a_tone_goes_out_at_its_level_without_a_break() {
        for codec in Codec::ALL {
            let mut mouth = Mouth::new(Source::Tone(1234.5), -15.0);
            mouth.set_codec(codec, &OpusSettings::default(), codec.usual_payload_type(), None);
            let mut decoder = Decoder::at_rate(codec, RATE_HZ);
            let mut sound = Vec::new();
            for datagram in packets(&mut mouth, 50) {
                let packet = Packet::parse(&datagram).unwrap();
                assert_eq!(packet.payload_type, codec.usual_payload_type());
                let mut samples = [0; 6 * FRAME];
                let count = decoder.decode(packet.payload, &mut samples);
                sound.extend_from_slice(&samples[..count]);
            }
            let (rate_hz, settled) = (decoder.sample_rate_hz(), sound.len() / 10);
            let level = tone_level_dbov(&sound[settled..], rate_hz, 1234.5);
            let room = if codec == Codec::Opus { 1.0 } else { 0.1 };
            assert!((level + 15.0).abs() < room, "{codec:?}: {level}");
        }
    }

    #[test]
    fn keys_go_out_one_by_one_and_each_counts_once() {
        let mut mouth = Mouth::new(Source::Silence, -15.0);
        mouth.set_codec(Codec::Pcmu, &OpusSettings::default(), 0, Some(101));
        mouth.press("1123#", 5);
        let mut receiver = EventReceiver::new();
        let mut keys = String::new();
        let mut sequence = None;
        for datagram in packets(&mut mouth, 120) {
            let packet = Packet::parse(&datagram).unwrap();
            assert!(sequence.is_none_or(|last: SeqNo| last.next() == packet.sequence));
            sequence = Some(packet.sequence);
            if packet.payload_type == 101 {
                keys.extend(receiver.handle(packet.timestamp, packet.payload));
            }
        }
        assert_eq!(keys, "1123#");
        assert!(mouth.has_pressed_all());
        assert!(mouth.last_key_at().is_some());
    }

    #[test]
    fn each_packet_of_a_key_knows_its_place() {
        let mut mouth = Mouth::new(Source::Silence, -15.0);
        mouth.set_codec(Codec::Pcmu, &OpusSettings::default(), 0, Some(101));
        mouth.press("12", 0);
        let mut places = Vec::new();
        for _ in 0..20 {
            packets(&mut mouth, 1);
            places.extend(mouth.place().map(|place| (place.nth, place.end)));
        }
        let key = [(0, 0), (1, 0), (2, 0), (3, 1), (4, 2), (5, 3)];
        assert_eq!(places, [key, key].concat());
    }

    #[test]
    fn keys_for_signalling_are_told_one_by_one_and_sound_goes_on() {
        let mut mouth = Mouth::with_keys(Source::Silence, -15.0, KeyWay::Info);
        mouth.press("*6", 0);
        let mut told = Vec::new();
        for frame in 0..20 {
            assert_eq!(packets(&mut mouth, 1)[0].len(), 172);
            told.extend(mouth.take_told().map(|key| (frame, key)));
        }
        assert_eq!(told, [(0, '*'), (7, '6')]);
        assert!(mouth.has_pressed_all());
    }

    #[test]
    fn keys_as_tones_are_heard_as_such_one_by_one() {
        let mut mouth = Mouth::with_keys(Source::Silence, -15.0, KeyWay::Tones);
        mouth.set_codec(Codec::Pcmu, &OpusSettings::default(), 0, None);
        mouth.press("159D*0#", 2);
        let (mut decoder, mut detector) = (Decoder::new(Codec::Pcmu), partyline_audio::KeyDetector::new());
        let mut keys = String::new();
        for datagram in packets(&mut mouth, 120) {
            let mut samples = [0; FRAME];
            decoder.decode(Packet::parse(&datagram).unwrap().payload, &mut samples);
            keys.extend(detector.hear(&samples));
        }
        assert_eq!(keys, "159D*0#");
        assert!(mouth.has_pressed_all());
    }

    #[test]
    fn without_telephone_event_no_key_is_sent() {
        let mut mouth = Mouth::new(Source::Silence, -15.0);
        mouth.press("1", 0);
        assert!(packets(&mut mouth, 20).iter().all(|p| p.len() == 172));
        assert!(!mouth.has_pressed_all());
    }
}
