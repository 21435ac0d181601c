//! Mixers: sets of legs. Who is in one mix on one mixer hears each other.

use std::time::Duration;

use partyline_call::Fact;
use partyline_conference::{Epoch, MixId, MixerId};

use crate::event::{CallIndex, Event};
use crate::parts::Leg;
use crate::world::World;

impl World {
    /// A VRU asks for a leg to be taken.
    pub(crate) fn join(&mut self, call: CallIndex, mixer: MixerId, mix: MixId, epoch: Epoch) {
        if self.calls[call].is_over {
            return;
        }
        let is_up = self.mixers.iter().any(|known| known.id == mixer && known.died_at.is_none());
        let is_old = self.ended_mixes.get(&mix).is_some_and(|ended| *ended >= epoch);
        if !is_up || is_old {
            let at = self.now + Duration::from_millis(if is_up { 2 } else { 300 });
            self.queue.at(at, Event::Tell(call, Fact::JoinFailed { mix, epoch }));
            return;
        }
        self.legs.insert(call, Leg { mixer, mix, epoch });
        self.check_privacy(call);
        self.leg_is_in(call, mix, epoch);
    }

    /// A placement is over: its legs fall out, and nobody joins it any more.
    pub(crate) fn end_mix(&mut self, mixer: &MixerId, mix: MixId, epoch: Epoch) {
        let ended = self.ended_mixes.entry(mix).or_default();
        *ended = epoch.max(*ended);
        self.lose_legs(|leg| leg.mixer == *mixer && leg.mix == mix && leg.epoch <= epoch);
    }

    pub(crate) fn lose_legs(&mut self, is_lost: impl Fn(&Leg) -> bool) {
        let lost: Vec<_> =
            self.legs.iter().filter(|(_, leg)| is_lost(leg)).map(|(call, leg)| (*call, leg.mix)).collect();
        for (call, mix) in lost {
            self.legs.remove(&call);
            if let Some(client) = self.client(call) {
                client.joined = None;
            }
            let at = self.now + self.chance.between_ms(1, 300);
            self.queue.at(at, Event::Tell(call, Fact::MixLost { mix }));
        }
    }
}
