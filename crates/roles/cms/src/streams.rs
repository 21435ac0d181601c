//! Callers' streams that are open at this interface server, by room.
//!
//! **Invariant:** a room is listed here exactly as long as its teller runs (see `telling`).

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use parking_lot::Mutex;
use partyline_conference::{
    AttendanceId, AttendanceView, ConfereeState, Generation, RoomId, RoomVersion, Standing,
};
use partyline_store::{RoomChange, Touched};
use tokio::sync::{Notify, watch};

/// What a stream should tell its caller's VRU now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Told {
    /// This holds; the caller's voice since this version of the room.
    Standing(Box<Standing>, RoomVersion),
    /// The caller has attended again elsewhere, or must do so; this stream is let go.
    Superseded,
}

/// Changes of a room that wait for its teller; with more of them, everybody is told.
const CHANGES_MAX: usize = 64;

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
    news: News,
}

/// What a room's teller has not told yet.
enum News {
    /// Anything may be new.
    Anything,
    /// In these versions, these callers.
    Callers(BTreeMap<RoomVersion, Vec<AttendanceId>>),
}

/// What a teller should read and tell.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Due {
    /// Of these callers.
    pub(crate) callers: Vec<AttendanceId>,
    /// The version that all callers here are told of by that; `None` for the one that is read.
    pub(crate) version: Option<RoomVersion>,
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
            news: News::Anything,
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

    /// Has everybody of the room told anew who is here.
    pub(crate) fn wake(&self, room: RoomId) {
        if let Some(streams) = self.rooms.lock().get_mut(&room) {
            streams.news = News::Anything;
            streams.wake.notify_one();
        }
    }

    /// The same for every room.
    pub(crate) fn wake_all(&self) {
        for streams in self.rooms.lock().values_mut() {
            streams.news = News::Anything;
            streams.wake.notify_one();
        }
    }

    /// Has callers of the room told who have been told nothing yet.
    pub(crate) fn nudge(&self, room: RoomId) {
        if let Some(streams) = self.rooms.lock().get(&room) {
            streams.wake.notify_one();
        }
    }

    /// Has those told whom a change concerns.
    pub(crate) fn changed(&self, change: &RoomChange) {
        if let Some(streams) = self.rooms.lock().get_mut(&change.room) {
            streams.news.add(&change.touched);
            streams.wake.notify_one();
        }
    }

    /// What the room's teller should tell now; `None` where no caller is here any more: the room is no longer listed then.
    pub(crate) fn due(&self, room: RoomId) -> Option<Due> {
        let mut rooms = self.rooms.lock();
        let streams = rooms.get_mut(&room)?;
        if streams.callers.is_empty() {
            rooms.remove(&room);
            return None;
        }
        Some(streams.due())
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
                Told::Standing(Box::new(as_told(view.standing)), view.voice_version)
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

impl News {
    fn add(&mut self, touched: &Touched) {
        match (&mut *self, touched) {
            (Self::Callers(changes), Touched::Callers { version, callers })
                if changes.len() < CHANGES_MAX =>
            {
                changes.insert(*version, callers.clone());
            }
            (Self::Callers(_), _) => *self = Self::Anything,
            (Self::Anything, _) => {}
        }
    }
}

impl RoomStreams {
    fn due(&mut self) -> Due {
        let news = std::mem::replace(&mut self.news, News::Callers(BTreeMap::new()));
        let all = Due { callers: self.callers.keys().copied().collect(), version: None };
        let (News::Callers(changes), Some(told)) = (news, self.told) else {
            return all;
        };
        // Each version that came since then must be known; what came before was told already.
        let mut version = told;
        let mut due = HashSet::new();
        for (changed, callers) in changes.range(told.next()..) {
            if *changed != version.next() {
                return all;
            }
            version = *changed;
            due.extend(callers.iter().copied());
        }
        let is_due =
            |(caller, slot): &(&AttendanceId, &Slot)| due.contains(*caller) || slot.tell.borrow().is_none();
        let callers = self.callers.iter().filter(is_due).map(|(caller, _)| *caller).collect();
        Due { callers, version: Some(version) }
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
            aside,
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
            aside,
        },
        other @ (Standing::Held
        | Standing::InWaitingRoom
        | Standing::ConnectedForNow(_)
        | Standing::Aside(_)
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
        assert_eq!(streams.due(ROOM), None);
    }

    #[test]
    fn what_holds_for_an_earlier_generation_waits_for_the_new_hello_unless_all_is_over() {
        let streams = Streams::new(10);
        let stream = streams.attach(ROOM, CALLER, Generation(3)).unwrap();
        streams.tell(view(2, Standing::Held));
        assert_eq!(*stream.told.borrow(), None);
        let over = Standing::Removed(LeaveReason::Deleted);
        streams.tell(view(2, over.clone()));
        assert_eq!(*stream.told.borrow(), Some(Told::Standing(Box::new(over), RoomVersion(0))));
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

    const OTHER: AttendanceId = AttendanceId::from_bits(3);

    fn change(version: u64, callers: &[AttendanceId]) -> RoomChange {
        let touched = Touched::Callers { version: RoomVersion(version), callers: callers.to_vec() };
        RoomChange { room: ROOM, touched }
    }

    /// Two callers who were told of version 5, and nothing more to tell.
    fn told() -> (Streams, [Attached; 2]) {
        let streams = Streams::new(10);
        let attached = [CALLER, OTHER].map(|caller| streams.attach(ROOM, caller, Generation(1)).unwrap());
        assert_eq!(streams.due(ROOM).unwrap().version, None, "nobody was told anything yet");
        for attendance in [CALLER, OTHER] {
            streams.tell(AttendanceView { attendance, ..view(1, Standing::Held) });
        }
        streams.has_told(ROOM, RoomVersion(5));
        (streams, attached)
    }

    #[test]
    fn only_those_are_read_whom_the_versions_since_then_concern() {
        let (streams, _attached) = told();
        streams.changed(&change(4, &[CALLER]));
        streams.changed(&change(7, &[CALLER, AttendanceId::from_bits(9)]));
        streams.changed(&change(6, &[]));
        let due = Due { callers: vec![CALLER], version: Some(RoomVersion(7)) };
        assert_eq!(streams.due(ROOM), Some(due));
        streams.has_told(ROOM, RoomVersion(7));
        streams.changed(&change(8, &[AttendanceId::from_bits(9)]));
        let none = Due { callers: vec![], version: Some(RoomVersion(8)) };
        assert_eq!(streams.due(ROOM), Some(none));
    }

    #[test]
    fn who_is_new_is_read_though_nothing_changed() {
        let (streams, _attached) = told();
        let new = AttendanceId::from_bits(4);
        let _stream = streams.attach(ROOM, new, Generation(1)).unwrap();
        assert_eq!(streams.due(ROOM), Some(Due { callers: vec![new], version: Some(RoomVersion(5)) }));
    }

    #[test]
    fn all_are_read_where_a_version_is_missing_or_a_change_concerns_everybody() {
        let everybody = RoomChange { room: ROOM, touched: Touched::Everybody };
        for change in [change(7, &[CALLER]), everybody] {
            let (streams, _attached) = told();
            streams.changed(&change);
            let due = streams.due(ROOM).unwrap();
            assert_eq!((due.callers.len(), due.version), (2, None));
        }
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
