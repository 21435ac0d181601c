//! The legs of one thread with their sockets: packets and reports go out, events to whoever has the leg.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use partyline_media::{ControlPacket, Leg, LegOutput, Legs, PACKET_OCTETS, PROTECTED_OCTETS, SeatKey};
use partyline_rtp::NtpTime;
use partyline_udp::MediaIo;
use slab::Slab;

use crate::counts::ThreadCounts;
use crate::slots::{ControlDue, LegSlot, event_of};

/// The longest RTCP datagram that is read whole.
const CONTROL_OCTETS: usize = 1_500;
/// Most RTCP datagrams read from a leg at once; they come every few seconds.
const CONTROLS_MAX: usize = 4;

/// The legs and their sockets: what a mix needs while it ticks.
pub(crate) struct Desk<Io> {
    pub(crate) legs: Slab<LegSlot>,
    pub(crate) io: Io,
}

impl<Io: MediaIo> Desk<Io> {
    pub(crate) fn send(&mut self, place: usize, packet: &[u8]) {
        let Some(slot) = self.legs.get_mut(place) else {
            return;
        };
        if !slot.leg.is_secret() {
            self.io.send(slot.socket, slot.leg.destination(), packet);
            return;
        }
        let mut protected = [0; PROTECTED_OCTETS];
        if let Some(octets) = slot.leg.protect(packet, &mut protected) {
            self.io.send(slot.socket, slot.leg.destination(), &protected[..octets]);
        }
    }

    pub(crate) fn tick_alone(&mut self, place: usize, now: Instant) {
        let mut packet = [0; PACKET_OCTETS];
        if let Some(octets) = self.legs[place].leg.tick_alone(now, &mut packet) {
            self.send(place, &packet[..octets]);
        }
    }

    /// Receives and sends RTCP where that is due, and looks how deep the jitter buffer is.
    pub(crate) fn control(&mut self, place: usize, now: Instant, counts: &ThreadCounts) {
        let slot = &mut self.legs[place];
        let due = slot.control.next();
        if due == ControlDue::Nothing {
            return;
        }
        let (wall, mut buffer) = (wall(), [0; CONTROL_OCTETS]);
        for _ in 0..CONTROLS_MAX {
            let Some((octets, source)) = self.io.receive_control(slot.socket, &mut buffer) else {
                break;
            };
            slot.leg.receive_control(now, wall, source, &buffer[..octets]);
        }
        if due == ControlDue::Receive {
            return;
        }
        if slot.mix.is_some() {
            counts.depth(slot.leg.report().depth);
        }
        if let Some(packet) = slot.leg.compose_control(now, wall, &mut buffer) {
            self.send_control(place, packet, &buffer);
        }
    }

    /// Says that a leg ends.
    pub(crate) fn say_goodbye(&mut self, place: usize, now: Instant) {
        let mut buffer = [0; CONTROL_OCTETS];
        if let Some(packet) = self.legs[place].leg.compose_goodbye(now, wall(), &mut buffer) {
            self.send_control(place, packet, &buffer);
            // Its sockets are closed before the tick ends.
            self.io.flush();
        }
    }

    fn send_control(&mut self, place: usize, packet: ControlPacket, buffer: &[u8]) {
        let socket = self.legs[place].socket;
        let ControlPacket { far, octets, is_muxed } = packet;
        if is_muxed {
            self.io.send(socket, Some(far), &buffer[..octets]);
        } else {
            self.io.send_control(socket, far, &buffer[..octets]);
        }
    }

    /// Tells and does what a leg wants told and done.
    pub(crate) fn settle(&mut self, place: usize, counts: &ThreadCounts) {
        let slot = &mut self.legs[place];
        let dropped = slot.leg.take_outputs_dropped();
        if dropped > 0 {
            counts.events_dropped(dropped);
        }
        while let Some(output) = slot.leg.poll_output() {
            match output {
                LegOutput::Bind(source) => {
                    // Where it fails the socket stays open to all, and the leg judges by the source.
                    let _ = self.io.connect(slot.socket, source);
                }
                LegOutput::Unbind => self.io.disconnect(slot.socket),
                LegOutput::FirstPacket
                | LegOutput::Key(_)
                | LegOutput::Tone(_)
                | LegOutput::PlayEnded(_)
                | LegOutput::Quiet(_)
                | LegOutput::Recorded(_)
                | LegOutput::FirstMixedAudio
                | LegOutput::SpokeUnheard
                | LegOutput::Noisy(_) => {}
            }
            if let Some(event) = event_of(output) {
                slot.tell(event, counts);
            }
        }
    }
}

/// The wall clock as RTCP counts it.
pub(crate) fn wall() -> NtpTime {
    NtpTime::from_unix(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

impl<Io: MediaIo> Legs for Desk<Io> {
    fn leg(&mut self, seat: SeatKey) -> Option<&mut Leg> {
        self.legs.get_mut(seat.0 as usize).map(|slot| &mut slot.leg)
    }

    fn send(&mut self, seat: SeatKey, packet: &[u8]) {
        Self::send(self, seat.0 as usize, packet);
    }
}

pub(crate) fn seat_of(place: usize) -> SeatKey {
    SeatKey(u32::try_from(place).expect("no thread has so many legs"))
}
