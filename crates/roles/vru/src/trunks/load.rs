//! How many calls each trunk has, and how fast they come.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use partyline_conference::TrunkName;
use partyline_trunk::{Limit, RateLimit, Trunk, Trunks};

use crate::clock::now;

/// The loads of all trunks; one entry for each trunk that has had a call.
#[derive(Debug, Clone, Default)]
pub(crate) struct Loads(Arc<Mutex<HashMap<TrunkName, Load>>>);

#[derive(Debug, Default)]
struct Load {
    calls: usize,
    rate: RateLimit,
}

/// A call's place on its trunk; dropping it gives it back.
#[derive(Debug)]
pub(crate) struct LoadPlace {
    loads: Loads,
    name: TrunkName,
}

impl Loads {
    /// Takes a place.
    pub(crate) fn take(&self, trunk: &Trunk, way: &'static str) -> Result<LoadPlace, Limit> {
        let mut loads = self.0.lock();
        let load = loads.entry(trunk.name.clone()).or_default();
        trunk.takes_call(now(), load.calls, &mut load.rate)?;
        load.calls += 1;
        drop(loads);
        let name = trunk.name.to_string();
        metrics::gauge!("partyline_vru_trunk_calls", "trunk" => name.clone()).increment(1.0);
        metrics::counter!("partyline_vru_trunk_calls_total", "trunk" => name, "way" => way).increment(1);
        Ok(LoadPlace { loads: self.clone(), name: trunk.name.clone() })
    }

    /// How many calls a trunk has.
    pub(crate) fn calls(&self, name: &TrunkName) -> usize {
        self.0.lock().get(name).map_or(0, |load| load.calls)
    }

    /// Forgets trunks that are no more and have no calls.
    pub(crate) fn forget_gone(&self, trunks: &Trunks) {
        self.0.lock().retain(|name, load| load.calls > 0 || trunks.named(name).is_some());
    }
}

impl Drop for LoadPlace {
    fn drop(&mut self) {
        if let Some(load) = self.loads.0.lock().get_mut(&self.name) {
            load.calls = load.calls.saturating_sub(1);
        }
        metrics::gauge!("partyline_vru_trunk_calls", "trunk" => self.name.to_string()).decrement(1.0);
    }
}
