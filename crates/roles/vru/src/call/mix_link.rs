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
