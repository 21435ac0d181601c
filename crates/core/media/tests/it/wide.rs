//! Wideband telephones among others: who hears how much of whom.

use std::f32::consts::TAU;
use std::time::Instant;

use partyline_audio::level::{level_dbov, tone_level_dbov};
use partyline_codec::{Codec, Decoder, Encoder, OpusSettings};
use partyline_media::{Attachment, FRAME, LegOutput, Mix, SeatKey, Treatment};
use partyline_rtp::Packet;

use crate::caller::{Caller, Callers, address};
use crate::mix::BOTH;

const LISTENS: Attachment = Attachment { uplink: false, downlink: true };

/// A telephone's coder and decoder, and what was heard on it.
struct Telephone {
    codec: Codec,
    encoder: Encoder,
    decoder: Decoder,
    heard: Vec<i16>,
    payloads: Vec<Vec<u8>>,
}

impl Telephone {
    fn rate_hz(&self) -> u32 {
        self.decoder.sample_rate_hz()
    }
}

/// A mix of telephones.
struct Room {
    mix: Mix,
    callers: Callers,
    telephones: Vec<Telephone>,
    now: Instant,
    tick: usize,
}

impl Room {
    fn new(codecs: &[Codec], treatment: Treatment) -> Self {
        let now = Instant::now();
        let telephone = |&codec: &Codec| Telephone {
            codec,
            encoder: Encoder::at_rate(codec, 48_000, &OpusSettings::parse("maxaveragebitrate=64000")),
            decoder: Decoder::new(codec),
            heard: Vec::new(),
            payloads: Vec::new(),
        };
        Self {
            mix: Mix::new(codecs.len(), treatment),
            callers: Callers(codecs.iter().map(|&codec| Caller::new(codec, now)).collect()),
            telephones: codecs.iter().map(telephone).collect(),
            now,
            tick: 0,
        }
    }

    fn seat(&mut self, seat: usize, attachment: Attachment) {
        self.mix.attach(SeatKey(seat as u32), attachment).unwrap();
    }

    fn leave(&mut self, seat: usize) {
        self.mix.detach(SeatKey(seat as u32), &mut self.callers.0[seat].leg);
    }

    /// A frame: each says a sine of this pitch, or nothing.
    fn tick(&mut self, said_hz: &[Option<f32>]) {
        for ((caller, telephone), hz) in self.callers.0.iter_mut().zip(&mut self.telephones).zip(said_hz) {
            let rate_hz = telephone.rate_hz();
            let count = rate_hz as usize / 50;
            let said: Vec<i16> = (0..count)
                .map(|n| {
                    let time = (self.tick * count + n) as f32 / rate_hz as f32;
                    hz.map_or(0, |hz| (8_000.0 * (TAU * hz * time).sin()) as i16)
                })
                .collect();
            let mut payload = [0; 512];
            let octets = telephone.encoder.encode(&said, &mut payload);
            let number = telephone.codec.usual_payload_type();
            let packet = caller.packet(number, &payload[..octets], telephone.codec.frame_ticks());
            caller.leg.receive(self.now, address(4_000), &packet);
        }
        self.mix.tick(self.now, &mut self.callers);
        for (caller, telephone) in self.callers.0.iter_mut().zip(&mut self.telephones) {
            if let Some(packet) = caller.sent.pop() {
                let mut samples = [0; 5_760];
                let payload = Packet::parse(&packet).unwrap().payload.to_vec();
                let count = telephone.decoder.decode(&payload, &mut samples);
                telephone.heard.extend_from_slice(&samples[..count]);
                telephone.payloads.push(payload);
            }
        }
        self.now += FRAME;
        self.tick += 1;
    }

    /// How loud a tone was on a telephone in the last second.
    fn heard_dbov(&self, seat: usize, hz: f32) -> f32 {
        let telephone = &self.telephones[seat];
        let second = telephone.heard.len() - telephone.rate_hz() as usize;
        tone_level_dbov(&telephone.heard[second..], telephone.rate_hz(), hz)
    }

    /// How loud all was on a telephone in the last second.
    fn loudness_dbov(&self, seat: usize) -> f32 {
        let telephone = &self.telephones[seat];
        level_dbov(&telephone.heard[telephone.heard.len() - telephone.rate_hz() as usize..])
    }
}

/// What is said above: a sine of 8,000.
const SAID_DBOV: f32 = -15.26;

#[test]
fn five_kilohertz_reach_wideband_telephones_and_no_others() {
    let mut room = Room::new(&[Codec::G722, Codec::G722, Codec::Opus, Codec::Pcmu], Treatment::FULL);
    (0..4).for_each(|seat| room.seat(seat, BOTH));
    (0..150).for_each(|_| room.tick(&[Some(5_000.0), None, None, None]));
    for seat in [1, 2] {
        let level = room.heard_dbov(seat, 5_000.0);
        assert!((level - SAID_DBOV).abs() < 2.0, "{:?}: {level}", room.telephones[seat].codec);
    }
    assert!(room.heard_dbov(3, 3_000.0) < -65.0, "it is not folded down");
    assert!(
        room.loudness_dbov(3) < -50.0,
        "and what the codec adds to it is soft: {}",
        room.loudness_dbov(3)
    );
    assert!(room.loudness_dbov(0) < -60.0, "nor hears the talker themselves");
}

#[test]
fn ten_kilohertz_reach_opus_at_full_band_alone() {
    let mut room = Room::new(&[Codec::Opus, Codec::Opus, Codec::G722, Codec::Pcma], Treatment::PLAIN);
    (0..4).for_each(|seat| room.seat(seat, BOTH));
    (0..150).for_each(|_| room.tick(&[Some(10_000.0), None, None, None]));
    let level = room.heard_dbov(1, 10_000.0);
    assert!((level - SAID_DBOV).abs() < 3.0, "{level}");
    for seat in [2, 3] {
        assert!(room.loudness_dbov(seat) < -60.0, "{:?}", room.telephones[seat].codec);
    }
}

#[test]
fn all_kinds_of_telephones_talk_to_each_other() {
    let codecs = [Codec::Pcmu, Codec::G722, Codec::Opus, Codec::Pcma];
    for talker in 0..4 {
        let mut room = Room::new(&codecs, Treatment::PLAIN);
        (0..4).for_each(|seat| room.seat(seat, BOTH));
        let mut said = [None; 4];
        said[talker] = Some(1_000.0);
        (0..120).for_each(|_| room.tick(&said));
        for listener in (0..4).filter(|&listener| listener != talker) {
            let (tone, all) = (room.heard_dbov(listener, 1_000.0), room.loudness_dbov(listener));
            let names = (codecs[talker], codecs[listener]);
            assert!((tone - SAID_DBOV).abs() < 1.5, "{names:?}: {tone}");
            assert!((all - tone).abs() < 0.5, "{names:?}: nothing else is heard: {all}");
        }
        assert!(room.loudness_dbov(talker) < -60.0);
    }
}

#[test]
fn two_talkers_hear_each_other_at_their_own_rates_and_not_themselves() {
    let mut room = Room::new(&[Codec::Pcmu, Codec::Opus, Codec::G722], Treatment::PLAIN);
    (0..3).for_each(|seat| room.seat(seat, BOTH));
    (0..150).for_each(|_| room.tick(&[Some(700.0), Some(1_900.0), None]));
    let is_near = |level: f32| (level - SAID_DBOV).abs() < 1.5;
    assert!(is_near(room.heard_dbov(0, 1_900.0)) && room.heard_dbov(0, 700.0) < -55.0);
    assert!(is_near(room.heard_dbov(1, 700.0)) && room.heard_dbov(1, 1_900.0) < -50.0);
    assert!(is_near(room.heard_dbov(2, 700.0)) && is_near(room.heard_dbov(2, 1_900.0)));
}

/// What telephones of a room hear, octet for octet, while wideband listeners come and go, or do not.
fn octets(has_guests: bool) -> Vec<Vec<u8>> {
    let codecs = [Codec::Pcmu, Codec::Pcma, Codec::Opus, Codec::G722, Codec::Opus];
    let mut room = Room::new(&codecs, Treatment::FULL);
    room.seat(0, BOTH);
    room.seat(1, BOTH);
    for tick in 0..200 {
        match tick {
            30 if has_guests => room.seat(2, LISTENS),
            60 if has_guests => room.seat(3, BOTH),
            90 if has_guests => room.leave(2),
            120 if has_guests => room.leave(3),
            150 if has_guests => room.seat(4, BOTH),
            _ => {}
        }
        room.tick(&[Some(600.0), None, None, None, None]);
    }
    room.telephones.swap_remove(1).payloads
}

#[test]
fn what_telephones_hear_does_not_change_when_wideband_listeners_come_and_go() {
    assert_eq!(octets(true), octets(false));
}

#[test]
fn a_wideband_listener_hears_no_seam_when_others_come_and_go() {
    let codecs = [Codec::G722, Codec::Opus, Codec::Pcmu, Codec::Opus, Codec::G722];
    let mut room = Room::new(&codecs, Treatment::PLAIN);
    room.seat(0, BOTH);
    room.seat(1, BOTH);
    for tick in 0..300 {
        match tick {
            100 | 220 => room.seat(2, BOTH),
            130 => room.seat(3, BOTH),
            160 => room.seat(4, BOTH),
            190 => room.leave(2),
            200 => room.leave(3),
            210 => room.leave(4),
            _ => {}
        }
        room.tick(&[Some(3_000.0), None, None, None, None]);
    }
    // A sine bends by its level and pitch, and a click by more.
    let heard = &room.telephones[1].heard[48_000..];
    let bend = heard
        .windows(3)
        .map(|three| (f32::from(three[2]) - 2.0 * f32::from(three[1]) + f32::from(three[0])).abs());
    let sharpest = bend.fold(0.0, f32::max);
    let expected = 8_000.0 * (TAU * 3_000.0 / 48_000.0).powi(2);
    assert!(sharpest < expected * 1.5, "{sharpest} of {expected}");
    let quietest = heard.chunks(960).map(level_dbov).fold(0.0, f32::min);
    assert!((quietest - SAID_DBOV).abs() < 2.0, "{quietest}");
}

#[test]
fn who_turns_from_listening_to_talking_and_back_hears_no_seam() {
    for codec in [Codec::G722, Codec::Opus] {
        let mut room = Room::new(&[Codec::Pcmu, codec, codec], Treatment::PLAIN);
        (0..3).for_each(|seat| room.seat(seat, BOTH));
        for tick in 0..600 {
            // The other two talk, and the third in turns, over them.
            let own = (tick / 60 % 2 == 1).then_some(1_100.0);
            room.tick(&[Some(500.0), own, None]);
        }
        let rate_hz = room.telephones[1].rate_hz();
        let heard = &room.telephones[1].heard[rate_hz as usize..];
        let bend = heard
            .windows(3)
            .map(|three| (f32::from(three[2]) - 2.0 * f32::from(three[1]) + f32::from(three[0])).abs());
        let expected = 8_000.0 * (TAU * 500.0 / rate_hz as f32).powi(2);
        let sharpest = bend.fold(0.0, f32::max);
        let room_for_noise = if codec == Codec::G722 { 900.0 } else { 120.0 };
        assert!(sharpest < expected * 1.5 + room_for_noise, "{codec:?}: {sharpest} of {expected}");
        let quietest = heard.chunks(rate_hz as usize / 50).map(level_dbov).fold(0.0, f32::min);
        assert!(quietest > SAID_DBOV - 3.0, "{codec:?}: {quietest}");
        assert!(room.heard_dbov(2, 500.0) > SAID_DBOV - 1.5);
    }
}

#[test]
fn a_wideband_talker_is_told_of_as_others_are() {
    let mut room = Room::new(&[Codec::Opus, Codec::Pcmu], Treatment::FULL);
    room.seat(0, LISTENS);
    room.seat(1, BOTH);
    let mut told = false;
    for _ in 0..60 {
        room.tick(&[Some(800.0), None]);
        told |= room.callers.0[0].outputs().contains(&LegOutput::SpokeUnheard);
    }
    assert!(told, "who is muted is told so, whatever the codec");
    assert!(room.loudness_dbov(1) < -60.0);
}
