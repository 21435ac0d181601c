//! The engine as its users see it: it starts the threads and knows where mixes are.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use parking_lot::Mutex;
use partyline_audio::{Player, Program};
use partyline_media::{Attachment, Leg, Over, RATE_HZ, StreamStart, Suppressors, Treatment};
use partyline_udp::{IoDecision, OpenPairError, PortPairs};
use tokio::sync::{mpsc, oneshot};

use crate::counts::EngineStats;
use crate::home::{MixHome, MixPlace};
use crate::inbox::{LegCommand, LegInbox, Reply};
use crate::leg_control::{ANSWER_MAX, LegControl};
use crate::link::{Command, MixCommand, ThreadLink};
use crate::shared::Shared;
use crate::slots::Traveller;
use crate::types::{
    EngineConfig, EngineError, EngineId, LegEvent, LegId, MixKey, OpenLegError, Scheduling, StartError,
};

use crate::{balance, reaper, thread};

/// Most events of a leg that wait for its VRU.
const EVENTS_MAX: usize = 64;

/// Most mixes at once: more than a machine has callers for.
const MIXES_MAX: usize = 65_536;

/// Most threads: more than any machine has cores for.
const THREADS_MAX: usize = 4_096;

/// Engines are numbered within the process.
static ENGINES: AtomicU64 = AtomicU64::new(1);

/// The media engine. Cheap to clone; the threads end with the last clone.
#[derive(Debug, Clone)]
pub struct Engine {
    shared: Arc<Shared>,
}

impl Engine {
    /// Starts the threads, pinned and with real-time priority where that is allowed.
    ///
    /// # Errors
    /// [`StartError`] for an empty port range, where the system gives no thread, or where only io_uring is wanted and
    /// can't be had.
    pub fn start(config: &EngineConfig) -> Result<Self, StartError> {
        Self::start_scheduled(config, Scheduling::default())
    }

    /// Starts the threads and says how they are scheduled.
    ///
    /// # Errors
    /// As [`Engine::start`].
    pub fn start_scheduled(config: &EngineConfig, scheduling: Scheduling) -> Result<Self, StartError> {
        let (first, last) = config.rtp_ports;
        let ports = PortPairs::new(first, last).map_err(|_| StartError::Ports { first, last })?;
        let cores = partyline_udp::allowed_cores();
        let count = config.threads.unwrap_or(cores.len()).clamp(1, THREADS_MAX);
        let reaper = reaper::start().map_err(StartError::Thread)?;
        let io = config.io.decide().map_err(StartError::IoUring)?;
        let threads =
            thread::start(count, &cores, scheduling, io.kind, &reaper).map_err(StartError::Thread)?;
        let engine = Self::of(config, ports, io, threads);
        if count > 1 {
            let shared = Arc::downgrade(&engine.shared);
            let balancing = balance::start(move || {
                shared.upgrade().is_some_and(|shared| {
                    shared.balance();
                    true
                })
            });
            engine.shared.balancing.lock().replace(balancing.map_err(StartError::Thread)?);
        }
        Ok(engine)
    }

    fn of(config: &EngineConfig, ports: PortPairs, io: IoDecision, threads: Vec<ThreadLink>) -> Self {
        let shared = Shared {
            id: EngineId(ENGINES.fetch_add(1, Ordering::Relaxed)),
            ports,
            io,
            legs_max: config.legs_max,
            threads,
            legs: Mutex::default(),
            mixes: Mutex::default(),
            next_leg: AtomicU64::new(1),
            legs_open: AtomicUsize::new(0),
            commands_dropped: AtomicU64::new(0),
            balancing: Mutex::default(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// This engine's name.
    #[must_use]
    pub fn id(&self) -> EngineId {
        self.shared.id
    }

    /// What media threads do their I/O by, and why it is not io_uring where that was wanted. Threads that had to go back to
    /// plain sockets since are told by [`Engine::stats`].
    #[must_use]
    pub fn io(&self) -> &IoDecision {
        &self.shared.io
    }

    /// Opens a leg: a socket on `local` at a free port of the range. It sends nothing until `connect`.
    /// The leg closes when its [`LegControl`] is dropped. The events end before that if the leg is lost with its
    /// thread.
    ///
    /// # Errors
    /// [`OpenLegError`] where no leg, port or socket is left.
    pub fn open_leg(&self, local: IpAddr) -> Result<(LegControl, mpsc::Receiver<LegEvent>), OpenLegError> {
        let id = self.shared.reserve_leg()?;
        let inbox = Arc::new(LegInbox::default());
        self.shared.legs.lock().insert(id, Arc::clone(&inbox));
        // From here on the control's drop gives everything back.
        let mut control = LegControl::new(id, 0, Arc::clone(&inbox), Arc::downgrade(&self.shared));
        let sockets = self.shared.ports.open(local).map_err(|error| match error {
            OpenPairError::NoneFree => OpenLegError::NoPort,
            OpenPairError::Socket(error) => OpenLegError::Socket(error),
        })?;
        control.set_local_port(sockets.port());
        let (events, receiver) = mpsc::channel(EVENTS_MAX);
        let start = StreamStart { ssrc: rand::random(), sequence: rand::random(), timestamp: rand::random() };
        let traveller = Traveller { id, leg: Leg::new(start), sockets, inbox, events, destination: None };
        let link = self.shared.idlest();
        link.counts.legs.fetch_add(1, Ordering::Relaxed);
        if link.mailbox.try_send(Command::Adopt(Box::new(traveller))).is_err() {
            crate::counts::take_one(&link.counts.legs);
            return Err(OpenLegError::Unresponsive);
        }
        Ok((control, receiver))
    }

    /// Opens a mix for at most `legs_max` legs. A known key changes nothing.
    ///
    /// # Errors
    /// [`EngineError::Unresponsive`], also for more mixes than any machine could tick.
    pub fn open_mix(&self, mix: MixKey, legs_max: usize, treatment: Treatment) -> Result<(), EngineError> {
        let mut mixes = self.shared.mixes.lock();
        if mixes.get(&mix).is_some_and(|home| self.shared.is_there(home)) {
            return Ok(());
        }
        if mixes.len() >= MIXES_MAX {
            return Err(EngineError::Unresponsive);
        }
        let thread = self.shared.idlest_for_mix(&mixes);
        let link = &self.shared.threads[thread];
        let home = MixHome::new(MixPlace { thread, panics: link.counts.panics() });
        let open = Command::OpenMix(mix, legs_max, treatment, home.clone());
        link.mailbox.try_send(open).map_err(|_| EngineError::Unresponsive)?;
        mixes.insert(mix, home);
        Ok(())
    }

    /// Closes a mix; its legs stay open, out of any mix, and are told `MixClosed`.
    pub fn close_mix(&self, mix: MixKey) {
        let home = self.shared.mixes.lock().remove(&mix);
        if let Some(home) = home {
            home.end();
            // A full mailbox belongs to a thread that is awake and sees that the end is asked for.
            let _ = self.shared.threads[home.place().thread].mailbox.try_send(Command::CloseMix(mix));
        }
    }

    /// Sends a mix with all its legs from the thread with the most legs to the one with the fewest, where that makes
    /// them more alike; whether one is on its way. The engine does this by itself every few seconds.
    pub fn balance(&self) -> bool {
        self.shared.balance()
    }

    /// Treats the sound of a mix in another way from now on.
    ///
    /// # Errors
    /// [`EngineError`] where the mix is unknown or its thread does not answer.
    pub fn treat_mix(&self, mix: MixKey, treatment: Treatment) -> Result<(), EngineError> {
        self.shared.tell_mix(mix, MixCommand::Treat(treatment))
    }

    /// Takes noise from the voices of a mix from now on, or leaves it in them. To begin takes 10 ms or more of the caller's
    /// thread: what learns noise is made in this call.
    ///
    /// # Errors
    /// [`EngineError`] where the mix is unknown or its thread does not answer.
    pub fn suppress_noise(&self, mix: MixKey, is_wanted: bool) -> Result<(), EngineError> {
        self.shared.tell_mix(mix, MixCommand::SuppressNoise(is_wanted.then(Suppressors::new)))
    }

    /// Puts a leg into a mix (out of the one it was in), or changes its place in it. Answers once the mix has it.
    ///
    /// # Errors
    /// [`EngineError`] where the leg or mix is unknown or the mix is full.
    pub async fn attach(&self, leg: LegId, mix: MixKey, attachment: Attachment) -> Result<(), EngineError> {
        let home = self.shared.home_of(mix).ok_or(EngineError::NoMix)?;
        self.ask_leg(leg, |reply| LegCommand::Attach { mix, home, attachment, reply }).await
    }

    /// Changes how a leg is attached to the mix that it is in. It is moved nowhere: answers `NoMix` where it is in
    /// another one, or in none (any more).
    ///
    /// # Errors
    /// [`EngineError`]; nothing was changed then.
    pub async fn adjust(&self, leg: LegId, mix: MixKey, attachment: Attachment) -> Result<(), EngineError> {
        self.ask_leg(leg, |reply| LegCommand::Adjust { mix, attachment, reply }).await
    }

    async fn ask_leg(
        &self,
        leg: LegId,
        command: impl FnOnce(Reply) -> LegCommand,
    ) -> Result<(), EngineError> {
        let inbox = self.shared.inbox(leg).ok_or(EngineError::NoLeg)?;
        let (reply, answer) = oneshot::channel();
        if !inbox.push(command(reply)) {
            if inbox.is_closed() {
                return Err(EngineError::NoLeg);
            }
            self.shared.command_dropped();
            return Err(EngineError::Unresponsive);
        }
        match tokio::time::timeout(ANSWER_MAX, answer).await {
            Ok(Ok(result)) => result,
            // The leg was closed with the command in its inbox.
            Ok(Err(_)) if inbox.is_closed() => Err(EngineError::NoLeg),
            Ok(Err(_)) | Err(_) => Err(EngineError::Unresponsive),
        }
    }

    /// Takes a leg out of this mix, if it is in it; no other leg is touched.
    pub fn detach(&self, leg: LegId, mix: MixKey) {
        if let Some(inbox) = self.shared.inbox(leg)
            && !inbox.push(LegCommand::Detach(mix))
        {
            self.shared.command_dropped();
        }
    }

    /// Plays a program to all in a mix, over what they hear; one at a time, later ones queue up (16 at most).
    /// Clips of other rates than [`RATE_HZ`] are resampled in this call.
    pub fn play_to_mix(&self, mix: MixKey, program: Program, over: Over) {
        let player = Box::new(Player::new(&program, RATE_HZ));
        self.shared.send_to_mix(mix, MixCommand::Play(player, over));
    }

    /// Plays a program again and again to a mix while just one leg is in it (music for who is alone); `None` ends that.
    pub fn set_solo_program(&self, mix: MixKey, program: Option<Program>) {
        let player =
            program.map(|program| Box::new(Player::new(&Program { repeats: true, ..program }, RATE_HZ)));
        self.shared.send_to_mix(mix, MixCommand::SetSolo(player));
    }

    /// Legs open now.
    #[must_use]
    pub fn legs(&self) -> usize {
        self.shared.legs_open.load(Ordering::Relaxed)
    }

    /// Mixes open now.
    #[must_use]
    pub fn mixes(&self) -> usize {
        self.shared.mixes.lock().len()
    }

    /// How late the last ticks began, of the thread that was latest.
    #[must_use]
    pub fn lateness(&self) -> std::time::Duration {
        self.shared.threads.iter().map(|link| link.counts.lateness()).max().unwrap_or_default()
    }

    /// What the engine has done and how punctually.
    #[must_use]
    pub fn stats(&self) -> EngineStats {
        let mut stats = EngineStats {
            legs: self.legs(),
            mixes: self.mixes(),
            commands_dropped: self.shared.commands_dropped.load(Ordering::Relaxed),
            ..EngineStats::default()
        };
        self.shared.threads.iter().for_each(|link| link.counts.add_to(&mut stats));
        stats
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::sync::mpsc::sync_channel;
    use std::time::Instant;

    use partyline_udp::{IoChoice, IoKind, PlainIo};

    use super::*;
    use crate::counts::ThreadCounts;
    use crate::world::{PHASES, World};

    #[tokio::test]
    async fn a_mix_ends_though_its_thread_has_no_room_for_the_command() {
        let config =
            EngineConfig { threads: Some(1), rtp_ports: (20_000, 59_999), legs_max: 1, io: IoChoice::Auto };
        let (mailbox, commands) = sync_channel(1);
        let links = vec![ThreadLink { mailbox, counts: Arc::default() }];
        let ports = PortPairs::new(20_000, 59_999).unwrap();
        let io = IoDecision { kind: IoKind::Plain, fallback: None };
        let engine = Engine::of(&config, ports, io, links.clone());
        let (counts, (reaper, _closed)) = (ThreadCounts::default(), reaper::channel());
        let mut world = World::new(0, &links, &counts, &reaper, PlainIo::new());
        let tick = |world: &mut World<'_, PlainIo>| {
            commands.try_iter().for_each(|command| world.command(command));
            (0..PHASES).for_each(|phase| world.tick(Instant::now(), phase, 0));
        };

        let mix = MixKey(1);
        engine.open_mix(mix, 5, Treatment::FULL).unwrap();
        tick(&mut world);
        let (leg, mut events) = engine.open_leg(Ipv4Addr::LOCALHOST.into()).unwrap();
        let attachment = Attachment { uplink: true, downlink: true };
        let (attached, ()) =
            tokio::join!(engine.attach(leg.id(), mix, attachment), async { tick(&mut world) });
        assert_eq!(attached, Ok(()));

        links[0].mailbox.send(Command::Stop).unwrap();
        engine.close_mix(mix);
        assert_eq!(engine.mixes(), 0);
        tick(&mut world);
        assert_eq!(events.try_recv(), Ok(LegEvent::MixClosed(mix)));

        engine.open_mix(mix, 5, Treatment::FULL).unwrap();
        let (attached, ()) =
            tokio::join!(engine.attach(leg.id(), mix, attachment), async { tick(&mut world) });
        assert_eq!(attached, Ok(()), "a mix of the same name is another one");
    }
}
