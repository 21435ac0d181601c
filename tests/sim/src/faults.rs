//! What dies, and comes back.

use crate::calls::CALM_AT;
use crate::event::{Event, Fault};
use crate::world::World;

impl World {
    /// Draws what will go wrong before the calm.
    pub(crate) fn schedule_faults(&mut self) {
        for _ in 0..self.chance.below(4) {
            let at = self.chance.between_ms(1_000, 55_000);
            let server = self.chance.index(self.servers.len());
            self.queue.at(at, Event::Fault(Fault::ServerDies(server)));
            let back = (at + self.chance.between_ms(500, 8_000)).min(CALM_AT);
            self.queue.at(back, Event::Fault(Fault::ServerIsBack(server)));
        }
        for _ in 0..self.chance.below(3) {
            let at = self.chance.between_ms(1_000, 50_000);
            let mixer = self.chance.index(self.mixers.len());
            self.queue.at(at, Event::Fault(Fault::MixerDies(mixer)));
            let back = (at + self.chance.between_ms(500, 15_000)).min(CALM_AT);
            self.queue.at(back, Event::Fault(Fault::MixerIsBack(mixer)));
        }
        if self.chance.percent(25) {
            let at = self.chance.between_ms(5_000, 55_000);
            let vru = self.chance.index(self.vrus.len());
            self.queue.at(at, Event::Fault(Fault::VruDies(vru)));
        }
        self.queue.at(CALM_AT, Event::Fault(Fault::Calm));
    }

    pub(crate) fn fault(&mut self, fault: &Fault) {
        match fault {
            Fault::ServerDies(server) => {
                for stream in self.servers[*server].die() {
                    self.cut(stream);
                }
            }
            Fault::ServerIsBack(server) => self.servers[*server].is_down = false,
            Fault::MixerDies(mixer) => {
                let id = self.mixers[*mixer].id.clone();
                self.mixers[*mixer].died_at.get_or_insert(self.now);
                self.lose_legs(|leg| leg.mixer == id);
            }
            Fault::MixerIsBack(mixer) => self.mixers[*mixer].died_at = None,
            Fault::VruDies(vru) => self.vru_dies(*vru),
            Fault::Calm => {
                for server in &mut self.servers {
                    server.is_down = false;
                }
                for mixer in &mut self.mixers {
                    mixer.died_at = None;
                }
            }
        }
    }

    /// Its calls are gone with it, and nobody says *left*.
    fn vru_dies(&mut self, vru: usize) {
        self.vrus[vru].is_up = false;
        self.vrus[vru].died_at = Some(self.now);
        for call in 0..self.calls.len() {
            if self.calls[call].plan.vru == vru {
                self.calls[call].is_over = true;
                self.legs.remove(&call);
                if let Some(stream) = self.client(call).and_then(|client| client.stream.take()) {
                    self.drop_stream(stream);
                }
            }
        }
    }
}
