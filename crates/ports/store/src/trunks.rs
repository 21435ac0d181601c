//! Trunks that were made by command: kept whole, with a version that moves on with each change.

use async_trait::async_trait;
use partyline_conference::{Timestamp, TrunkName};
use partyline_trunk::TrunkSettings;

use crate::contract::StoreError;
use crate::db::{Connection, Row, values};
use crate::records::StoredTrunk;
use crate::writer::Write;

const TRUNK: &str = "trunk";

/// Which change a write is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TrunkWrite {
    /// The trunk must not be there yet.
    Create,
    /// The trunk must be there.
    Replace,
}

/// Writes a trunk whole.
pub(crate) struct PutTrunk {
    pub(crate) settings: TrunkSettings,
    pub(crate) at: Timestamp,
    pub(crate) write: TrunkWrite,
}

#[async_trait]
impl Write for PutTrunk {
    type Answer = ();
    type Refused = StoreError;

    async fn apply(&self, db: &mut Connection<'_>) -> Result<(), StoreError> {
        let row = values![&self.settings.name, self.settings.document(), self.at];
        match self.write {
            TrunkWrite::Create => {
                let sql = "INSERT INTO trunk (name, definition, changed_at) VALUES ($1, $2, $3)";
                db.insert("trunk name", sql, row).await?;
            }
            TrunkWrite::Replace => {
                let sql = "UPDATE trunk SET definition = $2, changed_at = $3 WHERE name = $1";
                if db.execute(sql, row).await? == 0 {
                    return Err(StoreError::Unknown(TRUNK));
                }
            }
        }
        move_on(db).await
    }
}

/// Takes a trunk away.
pub(crate) struct DeleteTrunk(pub(crate) TrunkName);

#[async_trait]
impl Write for DeleteTrunk {
    type Answer = ();
    type Refused = StoreError;

    async fn apply(&self, db: &mut Connection<'_>) -> Result<(), StoreError> {
        if db.execute("DELETE FROM trunk WHERE name = $1", values![&self.0]).await? == 0 {
            return Err(StoreError::Unknown(TRUNK));
        }
        move_on(db).await
    }
}

async fn move_on(db: &mut Connection<'_>) -> Result<(), StoreError> {
    db.execute("UPDATE trunk_version SET version = version + 1", values![]).await.map(|_| ())
}

/// The version of all trunks together.
pub(crate) async fn version(db: &mut Connection<'_>) -> Result<u64, StoreError> {
    db.one("SELECT version FROM trunk_version", values![]).await?.read("version")
}

/// All trunks, by name.
pub(crate) async fn all(db: &mut Connection<'_>) -> Result<Vec<StoredTrunk>, StoreError> {
    db.all("SELECT name, definition, changed_at FROM trunk ORDER BY name", values![])
        .await?
        .iter()
        .map(stored)
        .collect()
}

fn stored(row: &Row) -> Result<StoredTrunk, StoreError> {
    let definition: String = row.read("definition")?;
    Ok(StoredTrunk {
        name: row.read("name")?,
        settings: TrunkSettings::from_document(&definition),
        changed_at: row.read("changed_at")?,
    })
}
