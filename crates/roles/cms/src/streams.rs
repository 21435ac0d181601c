//! Callers' streams that are open at this interface server, by room.
//!
//! **Invariant:** a room is listed here exactly as long as its teller runs (see `telling`).

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use parking_lot::Mutex;
use partyline_conference::{
    AttendanceId, AttendanceView, ConfereeState, Generation, RoomId, RoomVersion, Standing,
};
use tokio::sync::{Notify, watch};

/// What a stream should tell its caller's VRU now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Told {
    /// This holds; the caller's voice since this version of the room.
    Standing(Standing, RoomVersion),
    /// The caller has attended again elsewhere, or must do so; this stream is let go.
    Superseded,
}

/// The open streams.
pub(crate) struct Streams {
    max: usize,
    open: Arc<AtomicUsize>,
    serials: AtomicU64,
    rooms: Mutex<HashMap<RoomId, RoomStreams>>,
}

struct RoomStreams {
    wake: Arc<Notify>,
    callers: HashMap<AttendanceId, Slot>,
    /// The version that all callers here were last told about.
    told: Option<RoomVersion>,
}

struct Slot {
    generation: Generation,
    serial: u64,
    tell: watch::Sender<Option<Told>>,
}

/// One of the streams that may be open at once; given back when dropped.
pub(crate) struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        let open = self.0.fetch_sub(1, Ordering::Relaxed) - 1;
        metrics::gauge!("partyline_cms_streams").set(open as f64);
    }
}

/// A stream that is listed, until dropped.
pub(crate) struct Attached {
    /// What the stream should tell; the channel ends when a newer stream takes its place.
    pub(crate) told: watch::Receiver<Option<Told>>,
    /// Of a room that was not listed before: what wakes the teller that must be started.
    pub(crate) new_room: Option<Arc<Notify>>,
    serial: u64,
}

impl Streams {
    pub(crate) fn new(max: usize) -> Self {
        Self { max, open: Arc::default(), serials: AtomicU64::new(0), rooms: Mutex::default() }
    }

    /// Takes one of the places; `None` where all are taken.
    pub(crate) fn take_place(&self) -> Option<Place> {
        let taken = self.open.fetch_add(1, Ordering::Relaxed);
        let place = Place(Arc::clone(&self.open));
        if taken >= self.max {
            metrics::counter!("partyline_cms_streams_refused_total").increment(1);
            return None;
        }
        metrics::gauge!("partyline_cms_streams").set((taken + 1) as f64);
        Some(place)
    }

    /// Lists a stream. `None` where a stream of a newer generation is open here.
    pub(crate) fn attach(
        &self,
        room: RoomId,
        attendance: AttendanceId,
        generation: Generation,
    ) -> Option<Attached> {
        let mut rooms = self.rooms.lock();
        let is_new = !rooms.contains_key(&room);
        let streams = rooms.entry(room).or_insert_with(|| RoomStreams {
            wake: Arc::default(),
            callers: HashMap::new(),
            told: None,
        });
        if streams.callers.get(&attendance).is_some_and(|slot| slot.generation > generation) {
            return None;
        }
        let (tell, told) = watch::channel(None);
        let serial = self.serials.fetch_add(1, Ordering::Relaxed);
        streams.callers.insert(attendance, Slot { generation, serial, tell });
        Some(Attached { told, new_room: is_new.then(|| Arc::clone(&streams.wake)), serial })
    }

    /// Takes a stream off the list, unless a newer one has its place.
    pub(crate) fn detach(&self, room: RoomId, attendance: AttendanceId, attached: &Attached) {
        let mut rooms = self.rooms.lock();
        let Some(streams) = rooms.get_mut(&room) else { return };
        if streams.callers.get(&attendance).is_some_and(|slot| slot.serial == attached.serial) {
            streams.callers.remove(&attendance);
        }
        if streams.callers.is_empty() {
            // Its teller sees to the rest.
            streams.wake.notify_one();
        }
    }

    /// Wakes the room's teller, if any caller of the room is here.
    pub(crate) fn wake(&self, room: RoomId) {
        if let Some(streams) = self.rooms.lock().get(&room) {
            streams.wake.notify_one();
        }
    }

    /// Wakes every teller.
    pub(crate) fn wake_all(&self) {
        for streams in self.rooms.lock().values() {
            streams.wake.notify_one();
        }
    }

    /// The callers of a room; `None` where there are none any more: the room is no longer listed then.
    pub(crate) fn callers(&self, room: RoomId) -> Option<Vec<AttendanceId>> {
        let mut rooms = self.rooms.lock();
        let callers: Vec<_> = rooms.get(&room)?.callers.keys().copied().collect();
        if callers.is_empty() {
            rooms.remove(&room);
            return None;
        }
        Some(callers)
    }

    /// Whether a caller's stream is open here.
    pub(crate) fn has(&self, room: RoomId, attendance: AttendanceId) -> bool {
        self.rooms.lock().get(&room).is_some_and(|streams| streams.callers.contains_key(&attendance))
    }

    /// Puts what should hold before the caller's stream. Nothing happens where it was told so already.
    pub(crate) fn tell(&self, view: AttendanceView) {
        let rooms = self.rooms.lock();
        let Some(slot) = rooms.get(&view.room).and_then(|streams| streams.callers.get(&view.attendance))
        else {
            return;
        };
        let is_over = matches!(view.standing, Standing::Refused(_) | Standing::Removed(_));
        let told =
            if view.generation > slot.generation || (view.generation == slot.generation && view.is_missed) {
                // Elsewhere, or thought lost though the VRU is here: it attends again, and says where the caller is.
                Told::Superseded
            } else if view.generation == slot.generation || is_over {
                Told::Standing(as_told(view.standing), view.voice_version)
            } else {
                // This stream's hello is not committed yet.
                return;
            };
        slot.tell.send_if_modified(|now| {
            let differs = now.as_ref() != Some(&told);
            if differs {
                *now = Some(told);
            }
            differs
        });
    }

    /// Remembers the version that all callers of the room were told about.
    pub(crate) fn has_told(&self, room: RoomId, version: RoomVersion) {
        if let Some(streams) = self.rooms.lock().get_mut(&room) {
            streams.told = Some(version);
        }
    }

    /// The rooms that have callers here, with the version that they were told about.
    pub(crate) fn rooms(&self) -> Vec<(RoomId, Option<RoomVersion>)> {
        self.rooms.lock().iter().map(|(room, streams)| (*room, streams.told)).collect()
    }
}

/// A standing without what a VRU is not told: whether the audio is up, it knows best.
fn as_told(standing: Standing) -> Standing {
    match standing {
        Standing::Placed {
            conference,
            conferee,
            order,
            role,
            state: _,
            is_alone,
            music,
            is_locked,
            controls,
            mix,
        } => Standing::Placed {
            conference,
            conferee,
            order,
            role,
            state: ConfereeState::Joined,
            is_alone,
            music,
            is_locked,
            controls,
            mix,
        },
        other @ (Standing::Held
        | Standing::InWaitingRoom
        | Standing::ConnectedForNow(_)
        | Standing::Refused(_)
        | Standing::Removed(_)) => other,
    }
}

#[cfg(test)]
mod tests {
    use partyline_conference::{CallerIdentity, LeaveReason, VruId};

    use super::*;

    const ROOM: RoomId = RoomId::from_bits(1);
    const CALLER: AttendanceId = AttendanceId::from_bits(2);

    fn view(generation: u64, standing: Standing) -> AttendanceView {
        AttendanceView {
            attendance: CALLER,
            room: ROOM,
            generation: Generation(generation),
            vru: VruId::new("vru-1").unwrap(),
            caller: CallerIdentity::default(),
            is_missed: false,
            voice_version: RoomVersion(0),
            standing,
        }
    }

    #[test]
    fn the_same_standing_is_told_once() {
        let streams = Streams::new(10);
        let mut stream = streams.attach(ROOM, CALLER, Generation(1)).unwrap();
        streams.tell(view(1, Standing::Held));
        assert!(stream.told.has_changed().unwrap());
        stream.told.mark_unchanged();
        streams.tell(view(1, Standing::Held));
        assert!(!stream.told.has_changed().unwrap());
    }

    #[test]
    fn an_older_generation_is_let_go_and_a_newer_stream_takes_its_place() {
        let streams = Streams::new(10);
        let older = streams.attach(ROOM, CALLER, Generation(1)).unwrap();
        streams.tell(view(2, Standing::Held));
        assert_eq!(*older.told.borrow(), Some(Told::Superseded));

        let newer = streams.attach(ROOM, CALLER, Generation(2)).unwrap();
        assert!(older.told.has_changed().is_err());
        assert!(streams.attach(ROOM, CALLER, Generation(1)).is_none());
        streams.detach(ROOM, CALLER, &older);
        assert!(streams.has(ROOM, CALLER));
        streams.detach(ROOM, CALLER, &newer);
        assert!(!streams.has(ROOM, CALLER));
        assert_eq!(streams.callers(ROOM), None);
    }

    #[test]
    fn what_holds_for_an_earlier_generation_waits_for_the_new_hello_unless_all_is_over() {
        let streams = Streams::new(10);
        let stream = streams.attach(ROOM, CALLER, Generation(3)).unwrap();
        streams.tell(view(2, Standing::Held));
        assert_eq!(*stream.told.borrow(), None);
        let over = Standing::Removed(LeaveReason::Deleted);
        streams.tell(view(2, over.clone()));
        assert_eq!(*stream.told.borrow(), Some(Told::Standing(over, RoomVersion(0))));
    }

    #[test]
    fn who_is_thought_lost_though_their_stream_is_open_attends_again() {
        let streams = Streams::new(10);
        let stream = streams.attach(ROOM, CALLER, Generation(2)).unwrap();
        let missed = |generation| AttendanceView { is_missed: true, ..view(generation, Standing::Held) };
        streams.tell(missed(1));
        assert_eq!(*stream.told.borrow(), None, "its hello is on the way");
        streams.tell(missed(2));
        assert_eq!(*stream.told.borrow(), Some(Told::Superseded));
    }

    #[test]
    fn the_last_place_is_given_and_the_next_refused() {
        let streams = Streams::new(1);
        let place = streams.take_place();
        assert!(place.is_some());
        assert!(streams.take_place().is_none());
        drop(place);
        assert!(streams.take_place().is_some());
    }
}
