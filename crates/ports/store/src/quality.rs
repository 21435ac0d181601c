//! How conferees' calls sounded: written once their VRU says so, read with their record.

use async_trait::async_trait;
use partyline_conference::{AttendanceId, CallQuality, CodecLabel, quality::TheirQuality};

use crate::contract::StoreError;
use crate::db::{Connection, Row, values};
use crate::writer::Write;

/// Writes what was measured into the records of a caller's conferees. One who never was a conferee has none.
pub(crate) struct NoteQuality {
    pub(crate) attendance: AttendanceId,
    pub(crate) quality: CallQuality,
}

#[async_trait]
impl Write for NoteQuality {
    type Answer = ();
    type Refused = StoreError;

    async fn apply(&self, db: &mut Connection<'_>) -> Result<(), StoreError> {
        let Self { attendance, quality } = self;
        db.execute(
            "UPDATE conferee SET codec = $2, is_secret = $3, packets_received = $4, packets_sent = $5, \
             packets_lost = $6, packets_late = $7, burst_tenths = $8, concealed_permyriad = $9, jitter_us = $10, \
             round_trip_us = $11, mos_hundredths = $12, their_lost = $13, their_jitter_us = $14, \
             their_mos_hundredths = $15 WHERE attendance = $1",
            values![
                *attendance,
                quality.codec.as_str(),
                quality.is_secret,
                quality.packets_received,
                quality.packets_sent,
                quality.packets_lost,
                quality.packets_late,
                quality.burst_tenths,
                quality.concealed_permyriad,
                quality.jitter_us,
                quality.round_trip_us,
                quality.mos_hundredths,
                quality.theirs.map(|theirs| theirs.packets_lost),
                quality.theirs.map(|theirs| theirs.jitter_us),
                quality.theirs.map(|theirs| theirs.mos_hundredths),
            ],
        )
        .await?;
        Ok(())
    }
}

/// What a conferee's row says; `None` where nothing was measured.
pub(crate) fn read(row: &Row) -> Result<Option<CallQuality>, StoreError> {
    let Some(codec) = row.read::<Option<String>>("codec")? else {
        return Ok(None);
    };
    let codec = CodecLabel::new(&codec)
        .ok_or_else(|| StoreError::Damaged("column \"codec\" holds what it should not".to_owned()))?;
    let theirs = match row.read::<Option<u64>>("their_lost")? {
        None => None,
        Some(packets_lost) => Some(TheirQuality {
            packets_lost,
            jitter_us: row.read("their_jitter_us")?,
            mos_hundredths: row.read("their_mos_hundredths")?,
        }),
    };
    Ok(Some(CallQuality {
        codec,
        is_secret: row.read("is_secret")?,
        packets_received: row.read("packets_received")?,
        packets_sent: row.read("packets_sent")?,
        packets_lost: row.read("packets_lost")?,
        packets_late: row.read("packets_late")?,
        burst_tenths: row.read("burst_tenths")?,
        concealed_permyriad: row.read("concealed_permyriad")?,
        jitter_us: row.read("jitter_us")?,
        round_trip_us: row.read("round_trip_us")?,
        mos_hundredths: row.read("mos_hundredths")?,
        theirs,
    }))
}
