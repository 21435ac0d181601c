//! Leases of mixers, interface servers and VRUs: rows whose counter is renewed each second.

use async_trait::async_trait;
use partyline_conference::ServiceName;

use crate::contract::StoreError;
use crate::db::{Connection, values};
use crate::records::{InterfaceServerLease, MixerLease, VruLease};
use crate::writer::Write;

/// Renews a mixer. What is reserved on it is not the mixer's to say: it stays what its live mixes hold.
pub(crate) struct RenewMixer(pub(crate) MixerLease);

#[async_trait]
impl Write for RenewMixer {
    type Answer = ();
    type Refused = StoreError;

    async fn apply(&self, db: &mut Connection<'_>) -> Result<(), StoreError> {
        let lease = &self.0;
        db.execute(
            "INSERT INTO mixer (id, class, address, seats_max, reserved, counter, instance, is_draining) \
             VALUES ($1, $2, $3, $4, \
               (SELECT CAST(COALESCE(SUM(reserved), 0) AS BIGINT) FROM mix WHERE mixer = $1 AND closed_at IS NULL), $5, $6, $7) \
             ON CONFLICT (id) DO UPDATE SET class = excluded.class, address = excluded.address, \
               seats_max = excluded.seats_max, counter = excluded.counter, instance = excluded.instance, \
               is_draining = excluded.is_draining",
            values![
                &lease.id,
                &lease.class,
                lease.address.as_str(),
                lease.seats_max,
                lease.counter,
                lease.instance.as_str(),
                lease.is_draining,
            ],
        )
        .await?;
        Ok(())
    }
}

/// Renews an interface server.
pub(crate) struct RenewInterfaceServer(pub(crate) InterfaceServerLease);

#[async_trait]
impl Write for RenewInterfaceServer {
    type Answer = ();
    type Refused = StoreError;

    async fn apply(&self, db: &mut Connection<'_>) -> Result<(), StoreError> {
        let lease = &self.0;
        db.execute(
            "INSERT INTO interface_server (service, id, address, counter) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (service, id) DO UPDATE SET address = excluded.address, counter = excluded.counter",
            values![&lease.service, &lease.id, lease.address.as_str(), lease.counter],
        )
        .await?;
        Ok(())
    }
}

/// Takes an interface server away, unless it has renewed itself since this was read.
pub(crate) struct RetireInterfaceServer(pub(crate) InterfaceServerLease);

#[async_trait]
impl Write for RetireInterfaceServer {
    type Answer = ();
    type Refused = StoreError;

    async fn apply(&self, db: &mut Connection<'_>) -> Result<(), StoreError> {
        let lease = &self.0;
        db.execute(
            "DELETE FROM interface_server WHERE service = $1 AND id = $2 AND counter <= $3",
            values![&lease.service, &lease.id, lease.counter],
        )
        .await?;
        Ok(())
    }
}

/// Renews a VRU.
pub(crate) struct RenewVru(pub(crate) VruLease);

#[async_trait]
impl Write for RenewVru {
    type Answer = ();
    type Refused = StoreError;

    async fn apply(&self, db: &mut Connection<'_>) -> Result<(), StoreError> {
        let lease = &self.0;
        db.execute(
            "INSERT INTO vru (id, counter, instance) VALUES ($1, $2, $3) \
             ON CONFLICT (id) DO UPDATE SET counter = excluded.counter, instance = excluded.instance",
            values![&lease.id, lease.counter, lease.instance.as_str()],
        )
        .await?;
        Ok(())
    }
}

/// The interface servers of a service.
pub(crate) async fn interface_servers(
    db: &mut Connection<'_>,
    service: &ServiceName,
) -> Result<Vec<InterfaceServerLease>, StoreError> {
    let rows =
        db.all("SELECT * FROM interface_server WHERE service = $1 ORDER BY id", values![service]).await?;
    rows.iter()
        .map(|row| {
            Ok(InterfaceServerLease {
                id: row.read("id")?,
                service: row.read("service")?,
                address: row.read("address")?,
                counter: row.read("counter")?,
            })
        })
        .collect()
}

/// All mixers.
pub(crate) async fn mixers(db: &mut Connection<'_>) -> Result<Vec<MixerLease>, StoreError> {
    let rows = db.all("SELECT * FROM mixer ORDER BY id", values![]).await?;
    rows.iter()
        .map(|row| {
            Ok(MixerLease {
                id: row.read("id")?,
                class: row.read("class")?,
                address: row.read("address")?,
                seats_max: row.read("seats_max")?,
                reserved: row.read("reserved")?,
                counter: row.read("counter")?,
                instance: row.read("instance")?,
                is_draining: row.read("is_draining")?,
            })
        })
        .collect()
}

/// All VRUs.
pub(crate) async fn vrus(db: &mut Connection<'_>) -> Result<Vec<VruLease>, StoreError> {
    let rows = db.all("SELECT * FROM vru ORDER BY id", values![]).await?;
    rows.iter()
        .map(|row| {
            Ok(VruLease {
                id: row.read("id")?,
                counter: row.read("counter")?,
                instance: row.read("instance")?,
            })
        })
        .collect()
}
