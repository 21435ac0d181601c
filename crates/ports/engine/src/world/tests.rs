use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use partyline_codec::Codec;
use partyline_media::{FRAME, FormatDetails, LegMedia, MediaTransport, StreamStart};
use partyline_rtp::{Header, RtpTime, SeqNo, Ssrc};
use partyline_udp::{PlainIo, PortPairs};
use tokio::sync::{mpsc, oneshot};

use super::*;
use crate::home::MixPlace;
use crate::inbox::LegInbox;
use crate::types::LegId;

pub(crate) const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const BOTH: Attachment = Attachment { uplink: true, downlink: true };

/// What is around the world of one thread, whose ticks the test makes itself.
pub(crate) struct Surroundings {
    pub(crate) links: Vec<ThreadLink>,
    pub(crate) counts: ThreadCounts,
    pub(crate) ports: PortPairs,
    pub(crate) reaper: Reaper,
    pub(crate) closed: Receiver<Box<Traveller>>,
}

/// A leg as its owner sees it.
pub(crate) struct Owner {
    pub(crate) inbox: Arc<LegInbox>,
    pub(crate) events: mpsc::Receiver<LegEvent>,
    pub(crate) port: u16,
}

impl Surroundings {
    pub(crate) fn new() -> Self {
        let (reaper, closed) = crate::reaper::channel();
        let ports = PortPairs::new(20_000, 59_999).unwrap();
        Self { links: Vec::new(), counts: ThreadCounts::default(), ports, reaper, closed }
    }

    fn world(&self) -> World<'_, PlainIo> {
        World::new(0, &self.links, &self.counts, &self.reaper, PlainIo::new())
    }

    /// A leg that is sent to this address.
    pub(crate) fn leg(&self, remote: SocketAddr, now: Instant) -> (Traveller, Owner) {
        let sockets = self.ports.open(LOCAL).unwrap();
        let mut leg = partyline_media::Leg::new(StreamStart { ssrc: 1, sequence: 2, timestamp: 3 });
        leg.connect(
            now,
            LegMedia {
                remote,
                codec: Codec::Pcmu,
                payload_type: 0,
                event_payload_type: None,
                sends: true,
                receives: true,
                transport: MediaTransport::default(),
                details: FormatDetails::default(),
            },
        );
        let (sender, events) = mpsc::channel(16);
        let owner = Owner { inbox: Arc::default(), events, port: sockets.port() };
        let inbox = Arc::clone(&owner.inbox);
        let traveller = Traveller { id: LegId(1), leg, sockets, inbox, events: sender, destination: None };
        (traveller, owner)
    }
}

impl Owner {
    pub(crate) fn attach(&self, mix: MixKey, home: &MixHome) -> oneshot::Receiver<Result<(), EngineError>> {
        let (reply, answer) = oneshot::channel();
        assert!(self.inbox.push(LegCommand::Attach { mix, home: home.clone(), attachment: BOTH, reply }));
        answer
    }

    pub(crate) fn is_told(&mut self, event: &LegEvent) -> bool {
        std::iter::from_fn(|| self.events.try_recv().ok()).any(|told| told == *event)
    }
}

/// That of a mix on a thread that has not panicked.
pub(crate) fn home(thread: usize) -> MixHome {
    MixHome::new(MixPlace { thread, panics: 0 })
}

/// A frame: all phases once.
pub(crate) fn tick(world: &mut World<'_, PlainIo>, now: Instant) {
    (0..PHASES).for_each(|phase| world.tick(now, phase, 0));
}

pub(crate) fn say(caller: &UdpSocket, number: u16) {
    let header = Header {
        marker: false,
        payload_type: 0,
        sequence: SeqNo(number),
        timestamp: RtpTime(u32::from(number) * 160),
        ssrc: Ssrc(7),
    };
    let mut packet = [0; 172];
    let octets = header.write(&[0x55; 160], &mut packet).unwrap();
    assert_eq!(caller.send(&packet[..octets]).unwrap(), octets);
}

#[test]
fn a_stall_of_the_thread_leaves_no_delay_behind() {
    let surroundings = Surroundings::new();
    let (mut world, mut now) = (surroundings.world(), Instant::now());
    let caller = UdpSocket::bind((LOCAL, 0)).unwrap();
    let (traveller, owner) = surroundings.leg(caller.local_addr().unwrap(), now);
    caller.connect((LOCAL, owner.port)).unwrap();
    world.command(Command::Adopt(Box::new(traveller)));
    let mut number = 0;
    for (packets, frames_missed) in [(1, 0); 20].into_iter().chain([(9, 8)]).chain([(1, 0); 40]) {
        for _ in 0..packets {
            say(&caller, number);
            number += 1;
        }
        now += FRAME * packets;
        world.tick(now, 0, frames_missed);
    }
    let report = world.desk.legs[0].leg.report();
    assert_eq!(report.packets_received, u64::from(number));
    assert!(report.depth <= Duration::from_millis(40), "{:?}", report.depth);
}

#[test]
fn a_closed_leg_is_left_to_the_reaper() {
    let surroundings = Surroundings::new();
    let (mut world, now) = (surroundings.world(), Instant::now());
    let (traveller, owner) = surroundings.leg(SocketAddr::from((LOCAL, 9)), now);
    world.command(Command::Adopt(Box::new(traveller)));
    owner.inbox.close();
    tick(&mut world, now);
    assert!(world.is_empty());
    assert_eq!(surroundings.ports.taken(), 1, "its sockets are not closed by the media thread");
    drop(surroundings.closed.try_recv().unwrap());
    assert_eq!(surroundings.ports.taken(), 0);
}

#[test]
fn closed_legs_for_whom_the_reaper_has_no_room_wait_for_another_frame() {
    let mut surroundings = Surroundings::new();
    (surroundings.reaper, surroundings.closed) = sync_channel(1);
    let (mut world, now) = (surroundings.world(), Instant::now());
    for _ in 0..3 {
        let (traveller, owner) = surroundings.leg(SocketAddr::from((LOCAL, 9)), now);
        world.command(Command::Adopt(Box::new(traveller)));
        owner.inbox.close();
    }
    for left in [2, 1, 0] {
        tick(&mut world, now);
        assert_eq!(world.desk.legs.len(), left);
        drop(surroundings.closed.try_recv().unwrap());
        assert_eq!(surroundings.ports.taken(), left);
    }
}

#[test]
fn a_leg_is_adjusted_in_the_mix_that_it_is_in_and_moved_to_no_other() {
    let surroundings = Surroundings::new();
    let (mut world, mut now) = (surroundings.world(), Instant::now());
    let caller = UdpSocket::bind((LOCAL, 0)).unwrap();
    let (traveller, owner) = surroundings.leg(caller.local_addr().unwrap(), now);
    world.command(Command::Adopt(Box::new(traveller)));
    for mix in [MixKey(1), MixKey(2)] {
        world.command(Command::OpenMix(mix, 8, Treatment::FULL, home(0)));
    }
    let mut joined = owner.attach(MixKey(1), &home(0));
    let muted = Attachment { uplink: false, downlink: true };
    let adjust = |mix| {
        let (reply, answer) = oneshot::channel();
        assert!(owner.inbox.push(LegCommand::Adjust { mix, attachment: muted, reply }));
        answer
    };
    let (mut here, mut there) = (adjust(MixKey(1)), adjust(MixKey(2)));
    now += Duration::from_millis(20);
    tick(&mut world, now);
    assert_eq!(joined.try_recv(), Ok(Ok(())));
    assert_eq!(here.try_recv(), Ok(Ok(())));
    assert_eq!(there.try_recv(), Ok(Err(EngineError::NoMix)));
    let here = world.mix_places[&MixKey(1)];
    assert_eq!(world.desk.legs[0].mix, Some(here), "it stays where it is");
}

#[test]
fn a_leg_that_cannot_be_handed_over_is_told_that_it_is_in_no_mix() {
    let mut surroundings = Surroundings::new();
    let (mailboxes, _full): (Vec<_>, Vec<_>) = (0..2).map(|_| sync_channel(1)).unzip();
    surroundings.links =
        mailboxes.into_iter().map(|mailbox| ThreadLink { mailbox, counts: Arc::default() }).collect();
    surroundings.links[1].mailbox.send(Command::Stop).unwrap();
    let (mut world, now) = (surroundings.world(), Instant::now());
    world.command(Command::OpenMix(MixKey(1), 5, Treatment::FULL, home(0)));
    let (traveller, mut owner) = surroundings.leg(SocketAddr::from((LOCAL, 9)), now);
    world.command(Command::Adopt(Box::new(traveller)));
    let mut answer = owner.attach(MixKey(1), &home(0));
    tick(&mut world, now);
    assert_eq!(answer.try_recv(), Ok(Ok(())));
    let mut answer = owner.attach(MixKey(2), &home(1));
    tick(&mut world, now + FRAME);
    assert_eq!(answer.try_recv(), Ok(Err(EngineError::Unresponsive)));
    assert!(owner.is_told(&LegEvent::MixClosed(MixKey(1))));
    assert!(!world.is_empty(), "the leg goes on where it was");
}
