//! Telephone-events: keys as packets, received and sent [RFC 4733].
//!
//! **Invariant:** a key counts once, at the first packet that is seen of it, however many follow and
//! whichever of them are lost.

use crate::types::RtpTime;

/// The longest that one event's duration can say; a longer key goes on in a new segment [§2.5.1.3].
const SEGMENT_TICKS: u16 = 0xFFFF;
/// A packet of an earlier event that comes this late (in ticks) is a straggler; earlier still is a new clock.
const STRAGGLER_TICKS: i32 = 80_000;
/// How often the last packet of an event is sent in all [§2.5.1.4].
const END_PACKETS: u8 = 3;
/// The volume that we send keys with, in −dBm0.
const KEY_VOLUME: u8 = 10;

/// The key of an event code; `None` for flash, tones and the like.
#[must_use]
pub const fn key_of_event(event: u8) -> Option<char> {
    match event {
        0..=9 => Some((b'0' + event) as char),
        10 => Some('*'),
        11 => Some('#'),
        12..=15 => Some((b'A' + event - 12) as char),
        _ => None,
    }
}

/// The event code of a key.
#[must_use]
pub const fn event_of_key(key: char) -> Option<u8> {
    match key {
        '0'..='9' => Some(key as u8 - b'0'),
        '*' => Some(10),
        '#' => Some(11),
        'A'..='D' => Some(key as u8 - b'A' + 12),
        'a'..='d' => Some(key as u8 - b'a' + 12),
        _ => None,
    }
}

/// The payload of a telephone-event packet [§2.3].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventPayload {
    /// The event code.
    pub event: u8,
    /// Whether the event is over.
    pub is_end: bool,
    /// Volume in −dBm0, 0 to 63.
    pub volume: u8,
    /// How long it has lasted since its timestamp, in ticks.
    pub duration_ticks: u16,
}

impl EventPayload {
    /// Octets of a payload.
    pub const OCTETS: usize = 4;

    /// Reads a payload; `None` if it is cut short. What follows the first event is left alone.
    #[must_use]
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let &[event, flags, d0, d1] = payload.first_chunk::<{ Self::OCTETS }>()?;
        Some(Self {
            event,
            is_end: flags & 0x80 != 0,
            volume: flags & 0x3F,
            duration_ticks: u16::from_be_bytes([d0, d1]),
        })
    }

    /// The octets of a payload.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; Self::OCTETS] {
        let [d0, d1] = self.duration_ticks.to_be_bytes();
        [self.event, (self.volume & 0x3F) | if self.is_end { 0x80 } else { 0 }, d0, d1]
    }
}

/// Counts keys in a stream of telephone-events.
#[derive(Debug, Clone, Default)]
pub struct EventReceiver {
    last: Option<Seen>,
}

/// The event that was seen last.
#[derive(Debug, Clone, Copy)]
struct Seen {
    event: u8,
    timestamp: RtpTime,
    duration_ticks: u16,
    is_over: bool,
}

impl EventReceiver {
    /// A receiver that has seen nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self { last: None }
    }

    /// Forgets what was seen: another stream starts, with another clock.
    pub const fn reset(&mut self) {
        self.last = None;
    }

    /// Takes a telephone-event packet; the key, if it is the first packet seen of one.
    pub fn handle(&mut self, timestamp: RtpTime, payload: &[u8]) -> Option<char> {
        let payload = EventPayload::parse(payload)?;
        let key = key_of_event(payload.event)?;
        if let Some(last) = &mut self.last {
            let since = timestamp.minus(last.timestamp);
            if since == 0 {
                last.duration_ticks = last.duration_ticks.max(payload.duration_ticks);
                last.is_over |= payload.is_end;
                return None;
            }
            if since < 0 && since > -STRAGGLER_TICKS {
                return None;
            }
            if last.goes_on_at(since, payload.event) {
                *last = Seen::new(timestamp, payload);
                return None;
            }
        }
        self.last = Some(Seen::new(timestamp, payload));
        Some(key)
    }
}

impl Seen {
    const fn new(timestamp: RtpTime, payload: EventPayload) -> Self {
        Self {
            event: payload.event,
            timestamp,
            duration_ticks: payload.duration_ticks,
            is_over: payload.is_end,
        }
    }

    /// Whether an event this much later is the next segment of a key held long.
    fn goes_on_at(&self, since: i32, event: u8) -> bool {
        !self.is_over && event == self.event && since == i32::from(SEGMENT_TICKS)
    }
}

/// A telephone-event packet to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventPacket {
    /// The marker bit: set on the first.
    pub marker: bool,
    /// The timestamp: that of the key's start, on all.
    pub timestamp: RtpTime,
    /// The payload.
    pub payload: EventPayload,
}

/// A key being pressed: makes its packets one by one, the last one three times.
#[derive(Debug, Clone)]
pub struct KeyPress {
    event: u8,
    started: RtpTime,
    step_ticks: u16,
    total_ticks: u16,
    elapsed_ticks: u16,
    ends_sent: u8,
}

impl KeyPress {
    /// Presses a key at a time for so many ticks, with a packet every `step_ticks`; `None` if it is no key.
    #[must_use]
    pub const fn new(key: char, started: RtpTime, total_ticks: u16, step_ticks: u16) -> Option<Self> {
        let Some(event) = event_of_key(key) else {
            return None;
        };
        let step_ticks = if step_ticks == 0 { 1 } else { step_ticks };
        Some(Self { event, started, step_ticks, total_ticks, elapsed_ticks: 0, ends_sent: 0 })
    }
}

impl Iterator for KeyPress {
    type Item = EventPacket;

    /// The packet of the next step; `None` when the key is up and that was said three times.
    fn next(&mut self) -> Option<EventPacket> {
        if self.ends_sent == END_PACKETS {
            return None;
        }
        let marker = self.elapsed_ticks == 0 && self.ends_sent == 0;
        self.elapsed_ticks = self.elapsed_ticks.saturating_add(self.step_ticks).min(self.total_ticks);
        let is_end = self.elapsed_ticks == self.total_ticks;
        self.ends_sent += u8::from(is_end);
        Some(EventPacket {
            marker,
            timestamp: self.started,
            payload: EventPayload {
                event: self.event,
                is_end,
                volume: KEY_VOLUME,
                duration_ticks: self.elapsed_ticks,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn press(key: char, at: u32) -> Vec<EventPacket> {
        KeyPress::new(key, RtpTime(at), 800, 160).unwrap().collect()
    }

    fn keys(packets: &[EventPacket]) -> String {
        let mut receiver = EventReceiver::new();
        packets.iter().filter_map(|p| receiver.handle(p.timestamp, &p.payload.to_bytes())).collect()
    }

    /// Shows RFC 4733 §2.2.2: the first packet of a key is marked.
    /// Shows RFC 4733 §2.5.1.4: the last packet of a key is sent three times.
    #[test]
    fn a_key_has_one_marker_and_three_ends() {
        let packets = press('5', 1000);
        assert_eq!(packets.len(), 7);
        assert!(packets[0].marker && packets[1..].iter().all(|p| !p.marker));
        let ends: Vec<_> = packets.iter().filter(|p| p.payload.is_end).collect();
        assert_eq!(ends.len(), 3);
        assert!(ends.iter().all(|p| p.payload.duration_ticks == 800));
    }

    /// Shows RFC 4733 §2.5.2: packets of one timestamp are one key.
    #[test]
    fn all_packets_of_a_key_are_one_key() {
        assert_eq!(keys(&press('#', 77)), "#");
    }

    /// Shows RFC 4733 §3.2: sixteen keys have the codes 0 to 15.
    #[test]
    fn every_key_is_told_as_itself() {
        let all = "0123456789*#ABCD";
        let packets: Vec<_> =
            all.chars().enumerate().flat_map(|(n, key)| press(key, n as u32 * 2000)).collect();
        assert_eq!(keys(&packets), all);
    }

    #[test]
    fn the_same_key_twice_is_two_keys() {
        assert_eq!(keys(&[press('1', 0), press('1', 1600)].concat()), "11");
    }

    /// Shows RFC 4733 §2.5.1.3: a key longer than the duration field goes on in segments.
    #[test]
    fn a_key_held_longer_than_a_segment_is_one_key() {
        let first = EventPayload { event: 3, is_end: false, volume: 10, duration_ticks: SEGMENT_TICKS };
        let second = EventPayload { duration_ticks: 160, ..first };
        let end = EventPayload { is_end: true, ..second };
        let mut receiver = EventReceiver::new();
        assert_eq!(receiver.handle(RtpTime(5), &first.to_bytes()), Some('3'));
        let goes_on = RtpTime(5).plus(u32::from(SEGMENT_TICKS));
        assert_eq!(receiver.handle(goes_on, &second.to_bytes()), None);
        assert_eq!(receiver.handle(goes_on, &end.to_bytes()), None);
    }

    #[test]
    fn a_duration_that_wraps_within_a_key_is_still_one_key() {
        let at = RtpTime(u32::MAX - 3);
        let payload = |duration_ticks| EventPayload { event: 9, is_end: false, volume: 0, duration_ticks };
        let mut receiver = EventReceiver::new();
        assert_eq!(receiver.handle(at, &payload(65_500).to_bytes()), Some('9'));
        assert_eq!(receiver.handle(at, &payload(120).to_bytes()), None);
    }

    #[test]
    fn a_straggler_of_the_key_before_is_no_key() {
        let (one, two) = (press('1', 0), press('2', 1600));
        assert_eq!(keys(&[&one[..5], &two[..2], &one[5..], &two[2..]].concat()), "12");
    }

    #[test]
    fn flash_and_cut_payloads_are_no_keys() {
        let mut receiver = EventReceiver::new();
        assert_eq!(receiver.handle(RtpTime(0), &[16, 0, 0, 0]), None);
        assert_eq!(receiver.handle(RtpTime(0), &[1, 0, 0]), None);
        assert_eq!(receiver.handle(RtpTime(0), &[]), None);
    }

    proptest! {
        /// Shows RFC 4733 §2.6: a key survives the loss of any packets but all of them.
        #[test]
        fn keys_survive_any_loss_that_leaves_a_packet_of_each(
            typed in "[0-9*#]{1,12}",
            start in any::<u32>(),
            lost in proptest::collection::vec(any::<bool>(), 7 * 12),
            kept in proptest::collection::vec(0usize..7, 12),
        ) {
            let mut packets = Vec::new();
            for (n, key) in typed.chars().enumerate() {
                let at = start.wrapping_add(n as u32 * 1600);
                packets.extend(press(key, at).into_iter().enumerate()
                    .filter(|&(m, _)| m == kept[n] || !lost[n * 7 + m]).map(|(_, p)| p));
            }
            prop_assert_eq!(keys(&packets), typed);
        }

        #[test]
        fn any_payload_is_taken(at in any::<u32>(), payload in proptest::collection::vec(any::<u8>(), 0..8)) {
            let mut receiver = EventReceiver::new();
            let first = receiver.handle(RtpTime(at), &payload);
            prop_assert_eq!(receiver.handle(RtpTime(at), &payload), None);
            prop_assert_eq!(first.is_some(), payload.len() >= 4 && payload[0] < 16);
        }
    }
}
