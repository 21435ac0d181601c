//! A leg's way into and out of mixes: Join and Leave at the mixers themselves.
//!
//! **Invariant:** at most one Join is under way; every Join that a mixer may have carried out is followed by a Leave
//! once the leg is elsewhere or gone.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use partyline_conference::{Epoch, MixId, VruId};
use partyline_rpc::conferencing::{JoinedMix, MixTicket};
use partyline_rpc::mixing::{JoinMix, LeaveMix, LocalLeg};
use partyline_rpc::{Address, LegName};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::{debug, info};

use crate::proxies::Mixers;

/// Leaves under way at once; a caller who is moved more often within two seconds is not left waiting for them.
const LEAVES_MAX: usize = 8;

/// A place in a mix at a mixer.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seat {
    mix: MixId,
    epoch: Epoch,
    address: Address,
    leg_name: LegName,
}

impl Seat {
    const fn joined(&self) -> JoinedMix {
        JoinedMix { mix: self.mix, epoch: self.epoch }
    }
}

struct Joining {
    seat: Seat,
    answer: Pin<Box<dyn Future<Output = bool> + Send>>,
}

/// How a Join ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct JoinEnd {
    pub(crate) joined: JoinedMix,
    pub(crate) is_in: bool,
}

/// Where a leg was when its mix was closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Closed {
    /// In this mix.
    Seat(JoinedMix),
    /// On its way into this one, whose mixer has not answered.
    Joining(JoinedMix),
    /// Nowhere any more.
    Nothing,
}

/// The link of one leg.
pub(crate) struct MixLink {
    vru: VruId,
    mixers: Mixers,
    answer_max: Duration,
    seat: Option<Seat>,
    joining: Option<Joining>,
    leaves: JoinSet<()>,
    /// The mixes that are being left, until their mixers have heard of it.
    leaving: Vec<(MixId, Address, watch::Receiver<()>)>,
}

impl MixLink {
    pub(crate) fn new(vru: VruId, mixers: Mixers, answer_max: Duration) -> Self {
        Self {
            vru,
            mixers,
            answer_max,
            seat: None,
            joining: None,
            leaves: JoinSet::new(),
            leaving: Vec::new(),
        }
    }

    /// Begins to join, instead of any Join under way.
    pub(crate) fn join(&mut self, ticket: MixTicket, leg_name: LegName, leg: LocalLeg) {
        let seat = Seat { mix: ticket.mix, epoch: ticket.epoch, address: ticket.address.clone(), leg_name };
        if let Some(given_up) = self.joining.take()
            && given_up.seat != seat
        {
            self.send_leave(given_up.seat);
        }
        let mut client = partyline_rpc::clients::mixing(self.mixers.channel(&ticket.address));
        let request = JoinMix { ticket: ticket.ticket, vru: self.vru.clone(), leg_name, leg };
        let answer_max = self.answer_max;
        // Who comes back to a mix must not be taken out of it by the Leave from before.
        let is_same = |(mix, address, _): &&(MixId, Address, watch::Receiver<()>)| {
            *mix == seat.mix && *address == seat.address
        };
        let leaves: Vec<_> = self.leaving.iter().filter(is_same).map(|(_, _, left)| left.clone()).collect();
        let answer = async move {
            for mut left in leaves {
                // Nothing is ever sent: the end of the channel is the end of the Leave.
                let _ = left.changed().await;
            }
            match tokio::time::timeout(answer_max, client.join(tonic::Request::new(request.into()))).await {
                Ok(Ok(_)) => true,
                Ok(Err(status)) => {
                    info!(code = ?status.code(), message = status.message(), "the mixer did not take the leg");
                    false
                }
                Err(_) => {
                    info!("the mixer did not answer");
                    false
                }
            }
        };
        self.joining = Some(Joining { seat, answer: Box::pin(answer) });
    }

    /// Waits for the end of the Join under way; for ever where there is none.
    pub(crate) async fn join_end(&mut self) -> JoinEnd {
        let Some(joining) = &mut self.joining else {
            return std::future::pending().await;
        };
        let is_in = joining.answer.as_mut().await;
        let Some(Joining { seat, .. }) = self.joining.take() else {
            return std::future::pending().await;
        };
        let joined = seat.joined();
        if is_in {
            let before = self.seat.replace(seat.clone());
            if let Some(before) = before
                && (before.mix != seat.mix || before.address != seat.address)
            {
                self.send_leave(before);
            }
        }
        JoinEnd { joined, is_in }
    }

    /// The mix that the leg was in is closed; whose that was. Mixers open mixes under names of their own, so it is
    /// the seat's, as that is left only once another mix has taken the leg; without a seat, it is that of the Join.
    pub(crate) fn closed(&mut self) -> Closed {
        if let Some(seat) = self.seat.take() {
            return Closed::Seat(seat.joined());
        }
        match self.joining.take() {
            Some(Joining { seat, .. }) => {
                let joined = seat.joined();
                self.send_leave(seat);
                Closed::Joining(joined)
            }
            None => Closed::Nothing,
        }
    }

    /// Leaves whatever the leg is in, or is being put into.
    pub(crate) fn leave(&mut self) {
        let joining = self.joining.take().map(|joining| joining.seat);
        let seat = self.seat.take();
        if joining != seat
            && let Some(joining) = joining
        {
            self.send_leave(joining);
        }
        if let Some(seat) = seat {
            self.send_leave(seat);
        }
    }

    fn send_leave(&mut self, seat: Seat) {
        while self.leaves.try_join_next().is_some() {}
        self.leaving.retain(|(_, _, left)| left.has_changed().is_ok());
        if self.leaves.len() >= LEAVES_MAX {
            metrics::counter!("partyline_vru_leaves_dropped_total").increment(1);
            return;
        }
        let mut client = partyline_rpc::clients::mixing(self.mixers.channel(&seat.address));
        let answer_max = self.answer_max;
        let (under_way, left) = watch::channel(());
        self.leaving.push((seat.mix, seat.address.clone(), left));
        self.leaves.spawn(async move {
            let _under_way = under_way;
            let request = LeaveMix { mix: seat.mix, epoch: seat.epoch, leg_name: seat.leg_name };
            match tokio::time::timeout(answer_max, client.leave(tonic::Request::new(request.into()))).await {
                Ok(Ok(_)) => {}
                Ok(Err(status)) => debug!(code = ?status.code(), "the mixer had nothing to let go"),
                Err(_) => info!("the mixer did not hear of a leave in time"),
            }
        });
    }

    /// Waits until the mixers have heard of every leave.
    pub(crate) async fn finish(mut self) {
        self.leave();
        while self.leaves.join_next().await.is_some() {}
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use parking_lot::Mutex;
    use partyline_conference::{AttendanceId, MixerId};
    use partyline_rpc::generated::mixing as wire;
    use partyline_rpc::generated::mixing::mixing_server::{Mixing, MixingServer};
    use partyline_rpc::{Network, RpcLog, Serving, serve};
    use tonic::{Request, Response, Status};

    use super::*;

    const VERY_LONG: Duration = Duration::from_secs(600);

    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    enum Heard {
        Join(u64),
        Leave(u64),
        Left(u64),
    }

    /// A mixer that notes what it hears, and answers a Leave only when it is let.
    #[derive(Clone)]
    struct SlowMixer {
        heard: Arc<Mutex<Vec<Heard>>>,
        changed: Arc<watch::Sender<()>>,
        lets_go: Arc<watch::Sender<bool>>,
    }

    impl SlowMixer {
        fn note(&self, heard: Heard) {
            self.heard.lock().push(heard);
            self.changed.send_replace(());
        }

        async fn until(&self, wanted: Heard) {
            let mut changed = self.changed.subscribe();
            while !self.heard.lock().contains(&wanted) {
                changed.changed().await.unwrap();
            }
        }

        fn joins(&self) -> usize {
            self.heard.lock().iter().filter(|heard| matches!(heard, Heard::Join(_))).count()
        }
    }

    type Answer = Result<Response<wire::Done>, Status>;

    #[tonic::async_trait]
    impl Mixing for SlowMixer {
        async fn ensure(&self, _: Request<wire::EnsureRequest>) -> Answer {
            Err(Status::unimplemented("of the CMS"))
        }

        async fn end(&self, _: Request<wire::EndRequest>) -> Answer {
            Err(Status::unimplemented("of the CMS"))
        }

        async fn set(&self, _: Request<wire::SetRequest>) -> Answer {
            Err(Status::unimplemented("of the CMS"))
        }

        async fn play(&self, _: Request<wire::PlayRequest>) -> Answer {
            Err(Status::unimplemented("of the CMS"))
        }

        async fn join(&self, request: Request<wire::JoinRequest>) -> Answer {
            let leg = JoinMix::try_from(request.into_inner())?.leg;
            self.note(Heard::Join(leg.leg));
            Ok(Response::new(wire::Done {}))
        }

        async fn leave(&self, request: Request<wire::LeaveRequest>) -> Answer {
            let epoch = LeaveMix::try_from(request.into_inner())?.epoch.0;
            self.note(Heard::Leave(epoch));
            let mut lets_go = self.lets_go.subscribe();
            lets_go.wait_for(|is_let| *is_let).await.map_err(|_| Status::aborted("over"))?;
            self.note(Heard::Left(epoch));
            Ok(Response::new(wire::Done {}))
        }
    }

    /// A link to two addresses of one slow mixer.
    fn link() -> (MixLink, SlowMixer, Vec<Serving>) {
        let network = Network::new();
        let mixer = SlowMixer {
            heard: Arc::default(),
            changed: Arc::new(watch::channel(()).0),
            lets_go: Arc::new(watch::channel(false).0),
        };
        let serving = ["here", "there"].map(|name| {
            let routes = tonic::service::Routes::new(MixingServer::new(mixer.clone()));
            serve(network.listen(&Address::memory(name)).unwrap(), RpcLog::new(name), routes)
        });
        let link = MixLink::new(VruId::new("vru").unwrap(), Mixers::new(network), VERY_LONG);
        (link, mixer, serving.into())
    }

    fn ticket(mix: u128, address: &str, epoch: u64) -> MixTicket {
        MixTicket {
            mix: MixId::from_bits(mix),
            mixer: MixerId::new(address).unwrap(),
            address: Address::memory(address),
            epoch: Epoch(epoch),
            ticket: vec![1],
        }
    }

    /// Begins to join as a leg of its own number, by which the mixer tells the Joins apart.
    fn begin(link: &mut MixLink, ticket: MixTicket, leg: u64) {
        let name = LegName::from(AttendanceId::from_bits(7));
        link.join(ticket, name, LocalLeg { engine: 1, leg });
    }

    async fn join(link: &mut MixLink, ticket: MixTicket, leg: u64) {
        begin(link, ticket, leg);
        assert!(link.join_end().await.is_in);
    }

    /// Whether a Join would have reached the mixer by now: everything here is on one thread, and gets its turns.
    async fn is_held_back(link: &mut MixLink, mixer: &SlowMixer) -> bool {
        let before = mixer.joins();
        let turns = async {
            for _ in 0..2_000 {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            _ = link.join_end() => false,
            () = turns => mixer.joins() == before,
        }
    }

    #[tokio::test]
    async fn who_comes_back_to_a_mix_joins_only_once_it_has_been_left() {
        let (mut link, mixer, _serving) = link();
        join(&mut link, ticket(1, "here", 1), 1).await;
        join(&mut link, ticket(2, "here", 1), 2).await;
        mixer.until(Heard::Leave(1)).await;
        begin(&mut link, ticket(1, "here", 1), 3);
        assert!(is_held_back(&mut link, &mixer).await, "{:?}", mixer.heard.lock());
        mixer.lets_go.send_replace(true);
        assert_eq!(link.join_end().await.joined, JoinedMix { mix: MixId::from_bits(1), epoch: Epoch(1) });
        let heard = mixer.heard.lock().clone();
        let place = |wanted| heard.iter().position(|heard| *heard == wanted);
        assert!(place(Heard::Left(1)) < place(Heard::Join(3)), "{heard:?}");
        assert!(place(Heard::Join(3)).is_some(), "{heard:?}");
    }

    #[tokio::test]
    async fn another_mix_and_another_mixer_wait_for_no_leave() {
        for (mix, address) in [(3, "here"), (1, "there")] {
            let (mut link, mixer, _serving) = link();
            join(&mut link, ticket(1, "here", 1), 1).await;
            link.leave();
            mixer.until(Heard::Leave(1)).await;
            join(&mut link, ticket(mix, address, 1), 2).await;
            assert!(!mixer.heard.lock().contains(&Heard::Left(1)));
        }
    }

    #[tokio::test]
    async fn a_leave_that_nobody_answers_holds_a_join_back_for_no_longer_than_its_time() {
        let (mut link, mixer, _serving) = link();
        join(&mut link, ticket(1, "here", 1), 1).await;
        link.answer_max = Duration::from_millis(20);
        link.leave();
        link.answer_max = VERY_LONG;
        join(&mut link, ticket(1, "here", 2), 2).await;
        assert!(!mixer.heard.lock().contains(&Heard::Left(1)));
        assert_eq!(link.seat.as_ref().map(Seat::joined).map(|joined| joined.epoch), Some(Epoch(2)));
    }

    #[tokio::test]
    async fn whoever_goes_waits_until_every_mix_is_left() {
        let (mut link, mixer, _serving) = link();
        join(&mut link, ticket(1, "here", 1), 1).await;
        join(&mut link, ticket(2, "there", 2), 2).await;
        mixer.until(Heard::Leave(1)).await;
        let finish = tokio::spawn(link.finish());
        mixer.until(Heard::Leave(2)).await;
        assert!(!finish.is_finished());
        mixer.lets_go.send_replace(true);
        finish.await.unwrap();
        let heard = mixer.heard.lock();
        assert!([Heard::Left(1), Heard::Left(2)].iter().all(|left| heard.contains(left)), "{heard:?}");
    }
}
