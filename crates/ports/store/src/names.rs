//! The names that callers have said: one for each attendance, as text, because columns of octets differ between databases.

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use partyline_conference::{AttendanceId, RecordedName};

use crate::contract::StoreError;
use crate::db::{Connection, values};
use crate::writer::Write;

/// Keeps a name with its attendance, while that lasts; the last one counts.
pub(crate) struct KeepName {
    pub(crate) attendance: AttendanceId,
    pub(crate) name: RecordedName,
}

#[async_trait]
impl Write for KeepName {
    type Answer = ();
    type Refused = StoreError;

    async fn apply(&self, db: &mut Connection<'_>) -> Result<(), StoreError> {
        let found = db
            .first("SELECT id FROM attendance WHERE id = $1 AND ended_at IS NULL", values![self.attendance])
            .await?;
        if found.is_none() {
            return Err(StoreError::Unknown("caller"));
        }
        db.execute(
            "INSERT INTO recorded_name (attendance, samples) VALUES ($1, $2) \
             ON CONFLICT (attendance) DO UPDATE SET samples = excluded.samples",
            values![self.attendance, STANDARD.encode(self.name.to_octets())],
        )
        .await?;
        Ok(())
    }
}

/// The name that a caller has said, if they have; also after they left, as long as they are on record.
pub(crate) async fn of_attendance(
    db: &mut Connection<'_>,
    attendance: AttendanceId,
) -> Result<Option<RecordedName>, StoreError> {
    let row =
        db.first("SELECT samples FROM recorded_name WHERE attendance = $1", values![attendance]).await?;
    let Some(row) = row else { return Ok(None) };
    let octets = STANDARD.decode(row.read::<String>("samples")?).ok();
    let name = octets.and_then(|octets| RecordedName::from_octets(&octets));
    name.map(Some)
        .ok_or_else(|| StoreError::Damaged("column \"samples\" holds what it should not".to_owned()))
}
