//! A store that knows two codes and a room's PIN.

use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use partyline_conference::{
    AccountId, Announce, AttendanceId, CodeMatch, ConferenceCode, ConferenceId, EventSequence, HostPin,
    RecordedName, Role, RoomId, RoomName, RosterEntry, ServiceName, Timestamp, WaitingEntry,
};
use partyline_store::{
    ConferenceFilter, ConferenceRecord, EventPage, InterfaceServerLease, MixerLease, RoomSummary, StoreError,
    StoreReader, StoredTrunk, VruLease,
};
use partyline_trunk::TrunkSettings;

pub(crate) const CODE: &str = "12345678";
pub(crate) const LOCKED_CODE: &str = "11112222";
pub(crate) const HOST_CODE: &str = "87654321";
pub(crate) const UNREADABLE_ROOM: &str = "unreadable";
pub(crate) const PIN: &str = "4711";

#[derive(Debug, Default)]
pub(crate) struct Codes {
    trunks: Mutex<(u64, Vec<StoredTrunk>)>,
}

impl Codes {
    /// What `trunk create` does.
    pub(crate) fn create_trunk(&self, settings: TrunkSettings) {
        let (version, trunks) = &mut *self.trunks.lock();
        *version += 1;
        trunks.push(StoredTrunk {
            name: settings.name.clone(),
            settings: Ok(settings),
            changed_at: Timestamp(0),
        });
    }
}

#[async_trait]
impl StoreReader for Codes {
    async fn look_up_code(&self, code: &ConferenceCode) -> Result<Option<CodeMatch>, StoreError> {
        let found = CodeMatch {
            room: RoomId::from_bits(7),
            account: AccountId::from_bits(1),
            role: Role::Participant,
            pin_needed: false,
            is_locked: false,
            announce: Announce::default(),
            no_rtp_max: Duration::from_secs(60),
            wait_max: Duration::from_secs(1800),
            call_max: None,
        };
        Ok(match code.reveal() {
            CODE => Some(found),
            LOCKED_CODE => Some(CodeMatch { is_locked: true, ..found }),
            HOST_CODE => Some(CodeMatch { role: Role::Host, pin_needed: true, ..found }),
            _ => None,
        })
    }

    async fn is_host_pin(&self, _: RoomId, pin: &HostPin) -> Result<bool, StoreError> {
        Ok(pin.reveal() == PIN)
    }

    async fn rooms(&self) -> Result<Vec<RoomSummary>, StoreError> {
        Ok(Vec::new())
    }

    async fn room_named(&self, name: &RoomName) -> Result<Option<RoomSummary>, StoreError> {
        if name.as_str() == UNREADABLE_ROOM { Err(StoreError::Unknown("room")) } else { Ok(None) }
    }

    async fn roster(&self, _: ConferenceId) -> Result<Vec<RosterEntry>, StoreError> {
        Ok(Vec::new())
    }

    async fn recorded_name(&self, _: AttendanceId) -> Result<Option<RecordedName>, StoreError> {
        Ok(None)
    }

    async fn waiting(&self, _: RoomId) -> Result<Vec<WaitingEntry>, StoreError> {
        Ok(Vec::new())
    }

    async fn conferences(&self, _: &ConferenceFilter) -> Result<Vec<ConferenceRecord>, StoreError> {
        Ok(Vec::new())
    }

    async fn conference(&self, _: ConferenceId) -> Result<Option<ConferenceRecord>, StoreError> {
        Ok(None)
    }

    async fn events(&self, _: RoomId, _: EventSequence, _: u32) -> Result<EventPage, StoreError> {
        Ok(EventPage { events: Vec::new(), has_more: false })
    }

    async fn interface_servers(&self, _: &ServiceName) -> Result<Vec<InterfaceServerLease>, StoreError> {
        Ok(Vec::new())
    }

    async fn mixers(&self) -> Result<Vec<MixerLease>, StoreError> {
        Ok(Vec::new())
    }

    async fn vrus(&self) -> Result<Vec<VruLease>, StoreError> {
        Ok(Vec::new())
    }

    async fn trunks_version(&self) -> Result<u64, StoreError> {
        Ok(self.trunks.lock().0)
    }

    async fn trunks(&self) -> Result<Vec<StoredTrunk>, StoreError> {
        Ok(self.trunks.lock().1.clone())
    }

    async fn health(&self) -> Result<(), StoreError> {
        Ok(())
    }
}
