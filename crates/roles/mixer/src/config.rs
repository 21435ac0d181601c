//! Settings of a mixer.

use partyline_conference::{MixerClass, MixerId, VoiceCare};
use partyline_engine::Treatment;
use partyline_rpc::Address;
use serde::{Deserialize, Serialize};

/// Settings of one mixer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Its name, unique among mixers.
    #[serde(with = "partyline_rpc::text")]
    pub id: MixerId,
    /// Its class: rooms name the class that their conferences go to.
    #[serde(with = "partyline_rpc::text")]
    pub class: MixerClass,
    /// Where it answers.
    pub address: Address,
    /// Most legs at once. Declare what the machine carries well: more callers are refused, none is mixed badly.
    pub seats_max: u32,
    /// Whether the hum and the offset of lines are taken from voices.
    pub hum_filter: bool,
    /// Whether all talkers are made as loud as each other, in rooms that want it.
    pub agc: bool,
    /// Whether noise is taken from voices, in rooms that want it.
    pub noise_suppression: bool,
    /// Whether there is a soft noise while nobody talks.
    pub comfort_noise: bool,
}

impl Config {
    /// What is done to voices of what a room wants.
    pub(crate) const fn care(&self, wanted: VoiceCare) -> VoiceCare {
        VoiceCare {
            noise_suppression: self.noise_suppression && wanted.noise_suppression,
            agc: self.agc && wanted.agc,
        }
    }

    /// What a mix does to sound where this is done to voices.
    pub(crate) const fn treatment(&self, care: VoiceCare) -> Treatment {
        let mut treatment = Treatment::PLAIN;
        treatment.has_hum_filter = self.hum_filter;
        treatment.has_agc = care.agc;
        treatment.has_comfort_noise = self.comfort_noise;
        treatment
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            id: MixerId::new("mixer-1").expect("a plain word"),
            class: MixerClass::new("standard").expect("a plain word"),
            address: Address::memory("mixer-1"),
            seats_max: 1_000,
            hum_filter: true,
            agc: true,
            noise_suppression: true,
            comfort_noise: true,
        }
    }
}
