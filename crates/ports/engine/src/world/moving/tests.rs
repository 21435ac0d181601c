use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use partyline_audio::{Player, Program, Step};
use partyline_media::{Over, RATE_HZ, Treatment};
use partyline_udp::PlainIo;

use super::*;
use crate::counts::ThreadCounts;
use crate::link::ThreadLink;
use crate::types::EngineError;
use crate::world::tests::{LOCAL, Owner, Surroundings, home, say, tick};

const MIX: MixKey = MixKey(1);

/// Two threads whose ticks the test makes, and what is in their mailboxes.
struct Threads {
    surroundings: Surroundings,
    mailboxes: Vec<Receiver<Command>>,
}

impl Threads {
    fn new(mailbox_max: usize) -> Self {
        let (senders, mailboxes): (Vec<_>, Vec<_>) = (0..2).map(|_| sync_channel(mailbox_max)).unzip();
        let mut surroundings = Surroundings::new();
        surroundings.links =
            senders.into_iter().map(|mailbox| ThreadLink { mailbox, counts: Arc::default() }).collect();
        Self { surroundings, mailboxes }
    }

    fn counts(&self, thread: usize) -> &ThreadCounts {
        &self.surroundings.links[thread].counts
    }

    fn world(&self, thread: usize) -> World<'_, PlainIo> {
        let Surroundings { links, reaper, .. } = &self.surroundings;
        World::new(thread, links, self.counts(thread), reaper, PlainIo::new())
    }

    /// Carries out what is in the mailbox of a thread.
    fn deliver(&self, world: &mut World<'_, PlainIo>) {
        self.mailboxes[world.thread].try_iter().for_each(|command| world.command(command));
    }

    /// A caller in the mix on the first thread.
    fn caller(&self, world: &mut World<'_, PlainIo>, mix: &MixHome, now: Instant) -> (UdpSocket, Owner) {
        let caller = UdpSocket::bind((LOCAL, 0)).unwrap();
        caller.set_nonblocking(true).unwrap();
        let (traveller, owner) = self.surroundings.leg(caller.local_addr().unwrap(), now);
        caller.connect((LOCAL, owner.port)).unwrap();
        self.counts(world.thread).legs.fetch_add(1, Ordering::Relaxed);
        world.command(Command::Adopt(Box::new(traveller)));
        drop(owner.attach(MIX, mix));
        (caller, owner)
    }

    fn legs(&self) -> [usize; 2] {
        [0, 1].map(|thread| self.counts(thread).legs.load(Ordering::Relaxed))
    }
}

fn received(caller: &UdpSocket) -> Vec<u16> {
    let mut packet = [0; 200];
    std::iter::from_fn(|| caller.recv(&mut packet).ok().map(|_| u16::from_be_bytes([packet[2], packet[3]])))
        .collect()
}

fn program() -> Box<Player> {
    let tone = Step::Tone { frequency_hz: 440.0, duration: Duration::from_secs(1), level_dbov: -20.0 };
    Box::new(Player::new(&Program { steps: vec![tone], repeats: false }, RATE_HZ))
}

#[test]
fn a_mix_goes_with_all_its_legs_and_each_packet_is_sent_once() {
    let threads = Threads::new(64);
    let (mut here, mut there, mut now) = (threads.world(0), threads.world(1), Instant::now());
    let home = home(0);
    here.command(Command::OpenMix(MIX, 8, Treatment::FULL, home.clone()));
    let callers: Vec<_> = (0..3).map(|_| threads.caller(&mut here, &home, now)).collect();
    let mut heard = vec![Vec::new(); callers.len()];
    for frame in 0..40_u16 {
        callers.iter().for_each(|(caller, _)| say(caller, frame));
        if frame == 20 {
            here.command(Command::MoveMix(MIX, 1));
        }
        tick(&mut here, now);
        threads.deliver(&mut there);
        tick(&mut there, now);
        now += FRAME;
        for (heard, (caller, _)) in heard.iter_mut().zip(&callers) {
            heard.extend(received(caller));
        }
    }
    assert!(here.is_empty() && here.mix_places.is_empty());
    assert_eq!((threads.legs(), home.legs(), home.place().thread), ([0, 3], 3, 1));
    for heard in heard {
        assert!(heard.windows(2).all(|two| two[0].wrapping_add(1) == two[1]), "{heard:?}");
        // In the frame of the move both threads have ticked in this test.
        assert!((39..=42).contains(&heard.len()), "{}", heard.len());
    }
    let talkers = there.mixes[there.mix_places[&MIX]].mix.talkers().count();
    assert_eq!(talkers, 3, "all are heard as before");
}

#[test]
fn who_and_what_looks_for_a_mix_that_has_gone_is_sent_after_it() {
    let threads = Threads::new(64);
    let (mut here, mut there, now) = (threads.world(0), threads.world(1), Instant::now());
    let home = home(0);
    here.command(Command::OpenMix(MIX, 8, Treatment::FULL, home.clone()));
    let (_first, _owner) = threads.caller(&mut here, &home, now);
    tick(&mut here, now);
    here.command(Command::MoveMix(MIX, 1));
    tick(&mut here, now + FRAME);
    // The mix is on its way; this was asked of the thread that it has left.
    let (_late, owner) = threads.caller(&mut here, &home, now);
    while owner.inbox.pop().is_some() {}
    let mut answer = owner.attach(MIX, &home);
    here.command(Command::ToMix(MIX, home.clone(), MixCommand::Play(program(), Over::DuckedTalk)));
    tick(&mut here, now + FRAME * 2);
    threads.deliver(&mut there);
    assert_eq!(answer.try_recv(), Ok(Ok(())));
    let mix = &there.mixes[there.mix_places[&MIX]].mix;
    assert_eq!(mix.len(), 2);
    tick(&mut there, now + FRAME * 3);
    assert_eq!(threads.legs(), [0, 2]);
}

#[test]
fn a_mix_that_is_closed_on_its_way_is_closed_where_it_arrives() {
    let threads = Threads::new(64);
    let (mut here, mut there, now) = (threads.world(0), threads.world(1), Instant::now());
    let home = home(0);
    here.command(Command::OpenMix(MIX, 8, Treatment::FULL, home.clone()));
    let (_caller, mut owner) = threads.caller(&mut here, &home, now);
    tick(&mut here, now);
    here.command(Command::MoveMix(MIX, 1));
    tick(&mut here, now + FRAME);
    home.end();
    threads.deliver(&mut there);
    assert!(owner.is_told(&LegEvent::MixClosed(MIX)));
    assert!(there.mix_places.is_empty() && !there.is_empty(), "the caller goes on without it");
    let mut answer = owner.attach(MIX, &home);
    tick(&mut there, now + FRAME * 2);
    assert_eq!(answer.try_recv(), Ok(Err(EngineError::NoMix)));
}

#[test]
fn a_mix_stays_where_the_other_thread_has_no_room_for_it() {
    let threads = Threads::new(1);
    let (mut here, mut now) = (threads.world(0), Instant::now());
    let home = home(0);
    threads.surroundings.links[1].mailbox.send(Command::Stop).unwrap();
    here.command(Command::OpenMix(MIX, 8, Treatment::FULL, home.clone()));
    let (caller, mut owner) = threads.caller(&mut here, &home, now);
    here.command(Command::MoveMix(MIX, 1));
    for frame in 0..10 {
        say(&caller, frame);
        now += FRAME;
        tick(&mut here, now);
    }
    assert_eq!((threads.legs(), home.legs(), home.place().thread), ([1, 0], 1, 0));
    assert!(!owner.is_told(&LegEvent::MixClosed(MIX)));
    assert_eq!(here.mixes[here.mix_places[&MIX]].mix.talkers().count(), 1);
    here.command(Command::MoveMix(MIX, 9));
    tick(&mut here, now);
    assert_eq!(here.mix_places.len(), 1, "there is no such thread");
}

#[test]
fn who_asks_for_a_mix_before_its_thread_knows_of_it_gets_there() {
    let threads = Threads::new(64);
    let (mut here, now) = (threads.world(0), Instant::now());
    let home = home(0);
    let (_caller, owner) = threads.caller(&mut here, &home, now);
    while owner.inbox.pop().is_some() {}
    // Between the moment when the thread looks into its mailbox and that when it looks into the leg's inbox.
    let open = Command::OpenMix(MIX, 8, Treatment::FULL, home.clone());
    threads.surroundings.links[0].mailbox.send(open).unwrap();
    let mut answer = owner.attach(MIX, &home);
    tick(&mut here, now);
    threads.deliver(&mut here);
    assert_eq!(answer.try_recv(), Ok(Ok(())));
    assert_eq!((threads.legs(), home.legs()), ([1, 0], 1));
}
