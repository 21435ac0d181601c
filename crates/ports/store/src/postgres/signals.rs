//! Change signals between processes: one connection that tells of our commits and hears of others'.
//!
//! Signals are told after the commit and gathered for a moment, never within the transaction: PostgreSQL lets only one
//! transaction with a signal commit at a time. They are hints. Where some may have been lost, [`ChangeSignal::Anything`]
//! says so, and whoever follows them compares versions besides.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use partyline_conference::{AttendanceId, RoomId, RoomVersion};
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_postgres::{AsyncMessage, Client, Error};

use super::pool::Opener;
use crate::contract::{ChangeSignal, RoomChange, StoreError, Touched};
use crate::session::said;

/// Signals that wait to be told, or that were heard and not looked at; more are replaced by `Anything`.
const WAITING_MAX: usize = 4096;
/// Signals that a slow receiver may be behind before it misses some (it compares versions anyway).
const CHANGES_MAX: usize = 4096;
/// Signals are gathered for so long.
const GATHERING: Duration = Duration::from_millis(20);
/// PostgreSQL takes less than 8,000 octets in one signal.
const PAYLOAD_MAX: usize = 7900;
/// Between two tries to connect.
const PAUSE: Duration = Duration::from_millis(250);
/// Between two tries to have the database back: a connection of ours that was cut off may still hold it.
const CLAIM_PERIOD: Duration = Duration::from_secs(1);
/// How long telling may take: a connection that is slower is opened anew.
const ANSWER_MAX: Duration = Duration::from_secs(5);
/// How long the last signals may take when the store is closed.
const CLOSE_MAX: Duration = Duration::from_secs(1);

const CHANNEL: &str = "partyline_rooms";
/// That one server, and no other, has the database to itself: "Prty" and 2, within PostgreSQL's advisory locks.
const CLAIM: &str = "SELECT pg_try_advisory_lock(1349678201, 2)";

/// What the task is asked for.
enum Order {
    Tell(RoomChange),
    Claim(oneshot::Sender<bool>),
    Close,
}

/// Whether the database is this process's alone.
#[derive(Debug, Default)]
struct Claim {
    is_wanted: AtomicBool,
    is_refused: AtomicBool,
}

/// The signals of a store.
pub(super) struct Signals {
    changes: broadcast::Sender<ChangeSignal>,
    orders: mpsc::Sender<Order>,
    overflown: Arc<AtomicBool>,
    claim: Arc<Claim>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Signals {
    pub(super) fn start(opener: Opener) -> Self {
        let (changes, _) = broadcast::channel(CHANGES_MAX);
        let (orders, ordered) = mpsc::channel(WAITING_MAX);
        let (overflown, claim) = (Arc::<AtomicBool>::default(), Arc::<Claim>::default());
        let task = Task {
            opener,
            name: format!("{:016x}", rand::random::<u64>()),
            changes: changes.clone(),
            orders: ordered,
            overflown: Arc::clone(&overflown),
            claim: Arc::clone(&claim),
        };
        Self { changes, orders, overflown, claim, task: Mutex::new(Some(tokio::spawn(task.run()))) }
    }

    pub(super) fn changes(&self) -> broadcast::Receiver<ChangeSignal> {
        self.changes.subscribe()
    }

    /// Tells of a commit, here at once and elsewhere soon.
    pub(super) fn send(&self, change: RoomChange) {
        // Nobody may be listening.
        let _ = self.changes.send(ChangeSignal::Room(change.clone()));
        if self.orders.try_send(Order::Tell(change)).is_err() {
            self.overflown.store(true, Ordering::Relaxed);
        }
    }

    /// Takes the database for this process alone, for as long as its connection lasts, and takes it again after that.
    pub(super) async fn claim(&self) -> Result<bool, StoreError> {
        let unavailable = || StoreError::Unavailable("the database can't be reached".into());
        self.claim.is_wanted.store(true, Ordering::Relaxed);
        let (asker, answer) = oneshot::channel();
        self.orders.send(Order::Claim(asker)).await.map_err(|_| unavailable())?;
        let answer = tokio::time::timeout(ANSWER_MAX, answer).await;
        answer.map_err(|_| unavailable())?.map_err(|_| unavailable())
    }

    /// Whether another process took the database while this one, which had it, was away.
    pub(super) fn is_taken(&self) -> bool {
        self.claim.is_refused.load(Ordering::Relaxed)
    }

    /// Tells what is still to be told, and ends.
    pub(super) async fn close(&self) {
        let Some(task) = self.task.lock().take() else { return };
        let abort = task.abort_handle();
        let closing = async {
            let _ = self.orders.send(Order::Close).await;
            let _ = task.await;
        };
        if tokio::time::timeout(CLOSE_MAX, closing).await.is_err() {
            abort.abort();
        }
    }
}

struct Task {
    opener: Opener,
    /// Whose signals not to hear: our own were told here already.
    name: String,
    changes: broadcast::Sender<ChangeSignal>,
    orders: mpsc::Receiver<Order>,
    overflown: Arc<AtomicBool>,
    claim: Arc<Claim>,
}

/// Why a connection is no longer used.
enum Ended {
    Closed,
    Lost,
}

impl Task {
    async fn run(mut self) {
        let mut is_first = true;
        loop {
            match self.connected(is_first).await {
                Ok(Ended::Closed) => return,
                Ok(Ended::Lost) => is_first = false,
                Err(error) => {
                    tracing::debug!(error = said(&error), "change signals can't be followed yet");
                    if self.orders.is_closed() && self.orders.is_empty() {
                        return;
                    }
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// One connection, until it ends.
    async fn connected(&mut self, is_first: bool) -> Result<Ended, Error> {
        let (heard, mut hearing) = mpsc::channel(WAITING_MAX);
        let missed = Arc::new(AtomicBool::new(false));
        let missing = Arc::clone(&missed);
        let hear = move |message: AsyncMessage| {
            if let AsyncMessage::Notification(signal) = message
                && heard.try_send(signal.payload().to_owned()).is_err()
            {
                missing.store(true, Ordering::Relaxed);
            }
        };
        let (client, received) = self.opener.open(hear).await?;
        let driver = Driver(tokio::spawn(received));
        client.batch_execute(&format!(
            "SET synchronous_commit = off; SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; \
             SET tcp_keepalives_count = 2; LISTEN {CHANNEL}"
        )).await?;
        if self.claim.is_wanted.load(Ordering::Relaxed) {
            self.take_claim(&client).await?;
        }
        if !is_first {
            tracing::info!("the database is followed again; everything is looked at anew");
            let _ = self.changes.send(ChangeSignal::Anything);
            self.tell(&client, &["*".to_owned()]).await?;
        }
        let mut again = tokio::time::interval(CLAIM_PERIOD);
        loop {
            tokio::select! {
                _ = again.tick() => {
                    if self.claim.is_refused.load(Ordering::Relaxed) {
                        self.take_claim(&client).await?;
                    }
                }
                signal = hearing.recv() => match signal {
                    Some(payload) => self.hear(&payload),
                    None => return Ok(Ended::Lost),
                },
                order = self.orders.recv() => match order {
                    Some(Order::Tell(change)) => {
                        tokio::time::sleep(GATHERING).await;
                        if self.gather(&client, change).await? {
                            return Ok(Ended::Closed);
                        }
                    }
                    Some(Order::Claim(asker)) => {
                        let _ = asker.send(self.take_claim(&client).await?);
                    }
                    Some(Order::Close) | None => return Ok(Ended::Closed),
                },
            }
            if missed.swap(false, Ordering::Relaxed) {
                let _ = self.changes.send(ChangeSignal::Anything);
            }
            if driver.0.is_finished() {
                return Ok(Ended::Lost);
            }
        }
    }

    async fn take_claim(&self, client: &Client) -> Result<bool, Error> {
        let is_ours: bool = client.query_one(CLAIM, &[]).await?.try_get(0)?;
        if !is_ours && !self.claim.is_refused.swap(true, Ordering::Relaxed) {
            tracing::error!("another server works on this database");
        }
        if is_ours {
            self.claim.is_refused.store(false, Ordering::Relaxed);
        }
        Ok(is_ours)
    }

    /// Tells of a change and of all that wait behind it; answers whether the store is to be closed.
    async fn gather(&mut self, client: &Client, first: RoomChange) -> Result<bool, Error> {
        let mut words = vec![word(&first)];
        let mut is_closing = false;
        while let Ok(order) = self.orders.try_recv() {
            match order {
                Order::Tell(change) => words.push(word(&change)),
                Order::Claim(asker) => {
                    let _ = asker.send(self.take_claim(client).await?);
                }
                Order::Close => is_closing = true,
            }
        }
        if self.overflown.swap(false, Ordering::Relaxed) {
            words.push("*".to_owned());
        }
        self.tell(client, &words).await?;
        Ok(is_closing)
    }

    async fn tell(&self, client: &Client, words: &[String]) -> Result<(), Error> {
        for payload in payloads(&self.name, words) {
            let told = async { client.execute("SELECT pg_notify($1, $2)", &[&CHANNEL, &payload]).await };
            match tokio::time::timeout(ANSWER_MAX, told).await {
                Ok(told) => drop(told?),
                // Whoever drives it notices that it is of no use: what was not told is told as `Anything` then.
                Err(_) => tracing::warn!("the database does not take change signals"),
            }
        }
        Ok(())
    }

    fn hear(&self, payload: &str) {
        let Some(words) = words_of_others(&self.name, payload) else { return };
        for signal in words {
            let _ = self.changes.send(signal);
        }
    }
}

/// Ends what drives a connection together with whoever uses it.
struct Driver(JoinHandle<()>);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A change as a word: the room, and where it concerns some callers alone the version and them.
fn word(change: &RoomChange) -> String {
    match &change.touched {
        Touched::Everybody => change.room.to_string(),
        Touched::Callers { version, callers } => {
            let callers: Vec<String> = callers.iter().map(AttendanceId::to_string).collect();
            let word = format!("{}/{}/{}", change.room, version.0, callers.join(","));
            if word.len() < PAYLOAD_MAX / 2 { word } else { change.room.to_string() }
        }
    }
}

/// Words in as few signals as they fit into, behind the name of whoever tells them.
fn payloads(name: &str, words: &[String]) -> Vec<String> {
    let mut payloads: Vec<String> = Vec::new();
    for word in words {
        match payloads.last_mut() {
            Some(last) if last.len() + 1 + word.len() <= PAYLOAD_MAX => {
                last.push(' ');
                last.push_str(word);
            }
            _ => payloads.push(format!("{name} {word}")),
        }
    }
    payloads
}

/// What a signal says, unless it is our own. What is not understood may be anything.
fn words_of_others(name: &str, payload: &str) -> Option<Vec<ChangeSignal>> {
    let (teller, words) = payload.split_once(' ').unwrap_or((payload, "*"));
    (teller != name).then(|| words.split(' ').map(signal).collect())
}

fn signal(word: &str) -> ChangeSignal {
    let parts: Vec<&str> = word.split('/').collect();
    let room = parts.first().and_then(|room| room.parse::<RoomId>().ok());
    let change = match (room, parts.as_slice()) {
        (Some(room), [_]) => Some(RoomChange { room, touched: Touched::Everybody }),
        (Some(room), [_, version, callers]) => {
            let callers: Option<Vec<AttendanceId>> = callers
                .split(',')
                .filter(|caller| !caller.is_empty())
                .map(|caller| caller.parse().ok())
                .collect();
            version.parse().ok().zip(callers).map(|(version, callers)| {
                let touched = Touched::Callers { version: RoomVersion(version), callers };
                RoomChange { room, touched }
            })
        }
        _ => None,
    };
    change.map_or(ChangeSignal::Anything, ChangeSignal::Room)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn callers(count: u128) -> RoomChange {
        let callers = (1..=count).map(AttendanceId::from_bits).collect();
        RoomChange {
            room: RoomId::from_bits(7),
            touched: Touched::Callers { version: RoomVersion(3), callers },
        }
    }

    #[test]
    fn what_is_told_is_what_is_heard_elsewhere_and_not_here() {
        let everybody = RoomChange { room: RoomId::from_bits(9), touched: Touched::Everybody };
        let told = payloads("us", &[word(&callers(2)), word(&everybody), word(&callers(0)), "*".into()]);
        assert_eq!(told.len(), 1);
        assert_eq!(words_of_others("us", &told[0]), None);
        let heard = words_of_others("them", &told[0]).unwrap();
        let room = ChangeSignal::Room;
        assert_eq!(heard, [room(callers(2)), room(everybody), room(callers(0)), ChangeSignal::Anything]);
    }

    #[test]
    fn a_change_of_too_many_callers_is_everybodys_and_many_changes_are_several_signals() {
        let many = word(&callers(1000));
        assert_eq!(
            signal(&many),
            ChangeSignal::Room(RoomChange { room: RoomId::from_bits(7), touched: Touched::Everybody })
        );
        let words = vec![word(&callers(100)); 10];
        let told = payloads("us", &words);
        assert!(told.len() > 1 && told.iter().all(|payload| payload.len() <= PAYLOAD_MAX));
        let heard: usize =
            told.iter().filter_map(|payload| words_of_others("them", payload)).map(|words| words.len()).sum();
        assert_eq!(heard, 10);
    }

    #[test]
    fn what_is_not_understood_may_be_anything() {
        for payload in ["them", "them x", "them 0/1", "them ", "them *"] {
            assert_eq!(words_of_others("us", payload).unwrap(), [ChangeSignal::Anything], "{payload}");
        }
    }
}
