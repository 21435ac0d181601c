//! Names as roll calls play them, and as a host hears who wants something: read from the store, and remembered while they are
//! asked for.
//!
//! What a caller has said does not change any more once a roll call lists it. **Invariant:** only so many are kept, and
//! nobody waits long for one: in place of a name that can't be read in time comes the number.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;
use partyline_audio::Clip;
use partyline_call::{Cue, Script};
use partyline_conference::{AttendanceId, RecordedName};
use partyline_store::StoreReader;
use tracing::warn;

/// Names that are remembered: 20 MB where all are as long as may be, and a large conference browsed twice reads none again.
const NAMES_MAX: usize = 256;
/// Who hears a roll call waits this long for a name.
const READ_MAX: Duration = Duration::from_millis(500);

/// The names that were asked for lately.
#[derive(Debug, Default)]
pub(crate) struct Names(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    clips: HashMap<AttendanceId, (Clip, u64)>,
    asked: u64,
}

/// A name as it is played.
pub(crate) fn clip(name: &RecordedName) -> Clip {
    Clip::new(RecordedName::RATE_HZ, std::sync::Arc::clone(name.samples()))
}

impl Names {
    /// The names in a script, as far as they are known.
    pub(crate) async fn of(&self, script: &Script, store: &dyn StoreReader) -> HashMap<AttendanceId, Clip> {
        let mut names = HashMap::new();
        for cue in &script.cues {
            if let Cue::Name { attendance, .. } = cue
                && let Some(clip) = self.one(*attendance, store).await
            {
                names.insert(*attendance, clip);
            }
        }
        names
    }

    async fn one(&self, attendance: AttendanceId, store: &dyn StoreReader) -> Option<Clip> {
        if let Some(clip) = self.0.lock().find(attendance) {
            return Some(clip);
        }
        let read = match tokio::time::timeout(READ_MAX, store.recorded_name(attendance)).await {
            Ok(Ok(found)) => found?,
            Ok(Err(error)) => {
                warn!(%attendance, %error, "a name could not be read");
                return None;
            }
            Err(_) => {
                warn!(%attendance, "a name was not read in time");
                return None;
            }
        };
        let clip = clip(&read);
        self.0.lock().keep(attendance, clip.clone());
        Some(clip)
    }
}

impl Kept {
    fn find(&mut self, attendance: AttendanceId) -> Option<Clip> {
        self.asked += 1;
        let (clip, last) = self.clips.get_mut(&attendance)?;
        *last = self.asked;
        Some(clip.clone())
    }

    fn keep(&mut self, attendance: AttendanceId, clip: Clip) {
        if self.clips.len() >= NAMES_MAX
            && let Some(oldest) = self.clips.iter().min_by_key(|(_, (_, last))| *last).map(|(id, _)| *id)
        {
            self.clips.remove(&oldest);
            metrics::counter!("partyline_vru_names_forgotten_total").increment(1);
        }
        self.clips.insert(attendance, (clip, self.asked));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_names_are_kept_and_who_was_not_asked_for_makes_room() {
        let mut kept = Kept::default();
        let attendance = |number: usize| AttendanceId::from_bits(number as u128);
        for number in 0..NAMES_MAX {
            kept.find(attendance(number));
            kept.keep(attendance(number), Clip::new(8_000, vec![1]));
        }
        assert!(kept.find(attendance(0)).is_some());
        kept.keep(attendance(1_000), Clip::new(8_000, vec![1]));
        assert_eq!(kept.clips.len(), NAMES_MAX);
        assert!(kept.find(attendance(0)).is_some() && kept.find(attendance(1_000)).is_some());
        assert!(kept.find(attendance(1)).is_none());
    }
}
