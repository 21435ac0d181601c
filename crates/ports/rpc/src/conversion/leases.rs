//! Messages of `partyline.conferencing.v1.Leases`.

use partyline_conference::{MixerClass, MixerId, VruId};

use super::{INSTANCE_BYTES_MAX, ParseError, bounded, cut, read};
use crate::address::Address;
use crate::generated::conferencing as wire;

/// A mixer lives, and says what it offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MixerRenewal {
    /// The mixer.
    pub id: MixerId,
    /// Its class.
    pub class: MixerClass,
    /// Where it answers RPCs.
    pub address: Address,
    /// Seats that it declares.
    pub seats_max: u32,
    /// One more than the last time.
    pub counter: u64,
    /// New at each start.
    pub instance: String,
    /// Whether it is being stopped and takes nothing new.
    pub is_draining: bool,
}

/// A VRU lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VruRenewal {
    /// The VRU.
    pub id: VruId,
    /// One more than the last time.
    pub counter: u64,
    /// New at each start.
    pub instance: String,
}

impl TryFrom<wire::RenewMixerRequest> for MixerRenewal {
    type Error = ParseError;

    fn try_from(renewal: wire::RenewMixerRequest) -> Result<Self, ParseError> {
        Ok(Self {
            id: read("mixer_id", &renewal.mixer_id)?,
            class: read("mixer_class", &renewal.mixer_class)?,
            address: read("address", &renewal.address)?,
            seats_max: renewal.seats_max,
            counter: renewal.counter,
            instance: bounded("instance", renewal.instance, INSTANCE_BYTES_MAX)?,
            is_draining: renewal.draining,
        })
    }
}

impl From<MixerRenewal> for wire::RenewMixerRequest {
    fn from(renewal: MixerRenewal) -> Self {
        Self {
            mixer_id: renewal.id.to_string(),
            mixer_class: renewal.class.to_string(),
            address: renewal.address.to_string(),
            seats_max: renewal.seats_max,
            counter: renewal.counter,
            instance: cut(renewal.instance, INSTANCE_BYTES_MAX),
            draining: renewal.is_draining,
        }
    }
}

impl TryFrom<wire::RenewVruRequest> for VruRenewal {
    type Error = ParseError;

    fn try_from(renewal: wire::RenewVruRequest) -> Result<Self, ParseError> {
        Ok(Self {
            id: read("vru_id", &renewal.vru_id)?,
            counter: renewal.counter,
            instance: bounded("instance", renewal.instance, INSTANCE_BYTES_MAX)?,
        })
    }
}

impl From<VruRenewal> for wire::RenewVruRequest {
    fn from(renewal: VruRenewal) -> Self {
        Self {
            vru_id: renewal.id.to_string(),
            counter: renewal.counter,
            instance: cut(renewal.instance, INSTANCE_BYTES_MAX),
        }
    }
}
