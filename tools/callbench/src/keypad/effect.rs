//! From the last key to its effect in the sound, for the commands that people wait for.

use std::fmt;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::{KeypadError, dial, moment, press};
use crate::bench::{Bench, BenchConfig};
use crate::caller::Caller;
use crate::load::{Room, SetUpFigures, is_void};

/// Who is muted sends this.
const TALKER_HZ: f32 = 1_000.0;
/// Who is deleted sends this.
const DELETED_HZ: f32 = 1_800.0;
/// An effect that has not come by then does not come.
const EFFECT_MAX: Duration = Duration::from_secs(5);
/// Between the keys of a menu, so that each is measured alone.
const SETTLE: Duration = Duration::from_millis(400);
/// Quieter than this nobody is spoken to.
const QUIET_DBOV: f32 = -60.0;

/// What to run.
#[derive(Debug, Clone)]
pub struct EffectPlan {
    /// The address to call, `sip:HOST:PORT`.
    pub target: String,
    /// Rooms without announcements; each has a host, and one round after the other.
    pub rooms: Vec<Room>,
    /// Rounds in each room: a mute, an unmute, a lock with a refusal, a deletion.
    pub rounds: usize,
}

/// What a run showed. Times are from the first packet of the last key to the first packet that holds the effect.
#[derive(Debug, Clone, Serialize)]
pub struct EffectReport {
    /// A host mutes one: another hears them no more.
    pub mute: SetUpFigures,
    /// And hears them again.
    pub unmute: SetUpFigures,
    /// A host locks: a participant begins to be told so.
    pub lock_told: SetUpFigures,
    /// From the INVITE of one more caller to their refusal.
    pub refusal: SetUpFigures,
    /// A host deletes one: another hears them no more.
    pub delete: SetUpFigures,
    /// And the one who is deleted begins to be told so.
    pub delete_told: SetUpFigures,
    /// Effects that did not come.
    pub missed: Vec<String>,
    /// The longest time without a packet at those who listen, whatever was commanded and whoever came and went, in ms.
    pub longest_gap_ms: f64,
    /// Packets that they missed.
    pub lost: u64,
    /// Share of the bench's own ticks that were more than 5 ms late.
    pub late_tick_share: f64,
    /// Whether the bench was so late that the run says nothing.
    pub is_void: bool,
}

/// The times of one room.
#[derive(Debug, Default)]
struct Times {
    mute: Vec<Duration>,
    unmute: Vec<Duration>,
    lock_told: Vec<Duration>,
    refusal: Vec<Duration>,
    delete: Vec<Duration>,
    delete_told: Vec<Duration>,
    missed: Vec<String>,
    longest_gap: Duration,
    lost: u64,
}

impl Times {
    /// From a key to its effect, where that came.
    fn took(&mut self, what: &str, pressed: Instant, heard: Option<Instant>) -> Option<Duration> {
        if heard.is_none() {
            self.missed.push(what.to_owned());
        }
        heard.map(|heard| heard.saturating_duration_since(pressed))
    }

    fn append(&mut self, mut other: Self) {
        self.mute.append(&mut other.mute);
        self.unmute.append(&mut other.unmute);
        self.lock_told.append(&mut other.lock_told);
        self.refusal.append(&mut other.refusal);
        self.delete.append(&mut other.delete);
        self.delete_told.append(&mut other.delete_told);
        self.missed.append(&mut other.missed);
        self.longest_gap = self.longest_gap.max(other.longest_gap);
        self.lost += other.lost;
    }
}

/// A conference of a host, somebody who talks and somebody who listens.
struct Stage<'a> {
    bench: &'a Bench,
    target: &'a str,
    room: &'a Room,
    host: Caller,
    talker: Caller,
    listener: Caller,
    /// The order of entry of who comes next.
    next_order: u32,
    times: Times,
}

impl EffectPlan {
    /// Runs all rooms at once, on a bench of its own.
    ///
    /// # Errors
    /// [`KeypadError`]; effects that do not come are no error but told.
    pub async fn run(&self, config: BenchConfig) -> Result<EffectReport, KeypadError> {
        if self.rooms.is_empty() {
            return Err(KeypadError::NoRooms);
        }
        let bench = Bench::start(config).await?;
        let rooms = self.rooms.iter().enumerate().map(|(nth, room)| self.one_room(&bench, nth, room));
        let mut times = Times::default();
        for outcome in join_all(rooms.collect()).await {
            times.append(outcome?);
        }
        let ticks = bench.ticks();
        bench.stop().await;
        Ok(EffectReport {
            mute: SetUpFigures::of(times.mute),
            unmute: SetUpFigures::of(times.unmute),
            lock_told: SetUpFigures::of(times.lock_told),
            refusal: SetUpFigures::of(times.refusal),
            delete: SetUpFigures::of(times.delete),
            delete_told: SetUpFigures::of(times.delete_told),
            missed: times.missed,
            longest_gap_ms: times.longest_gap.as_secs_f64() * 1_000.0,
            lost: times.lost,
            late_tick_share: ticks.late_share(),
            is_void: is_void(ticks.late_share()),
        })
    }

    async fn one_room(&self, bench: &Bench, nth: usize, room: &Room) -> Result<Times, KeypadError> {
        // Not all at the same moment.
        tokio::time::sleep(Duration::from_millis(137 * nth as u64)).await;
        let mut stage = Stage::set(bench, &self.target, room).await?;
        for _ in 0..self.rounds {
            stage.mute().await?;
            stage.lock().await?;
            stage.delete().await?;
        }
        let packets = stage.listener.packets().await;
        (stage.times.longest_gap, stage.times.lost) = (packets.longest_gap, packets.lost);
        Ok(stage.times)
    }
}

/// Runs futures of one bench beside each other, in this task.
async fn join_all<T>(futures: Vec<impl Future<Output = T>>) -> Vec<T> {
    let mut pinned: Vec<_> = futures.into_iter().map(Box::pin).collect();
    let mut done: Vec<Option<T>> = pinned.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (future, outcome) in pinned.iter_mut().zip(&mut done) {
            if outcome.is_none()
                && let std::task::Poll::Ready(value) = future.as_mut().poll(context)
            {
                *outcome = Some(value);
            }
        }
        if done.iter().all(Option::is_some) { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    done.into_iter().flatten().collect()
}

impl<'a> Stage<'a> {
    async fn set(bench: &'a Bench, target: &'a str, room: &'a Room) -> Result<Self, KeypadError> {
        let host = dial(bench, target, &room.first, |plan| plan).await?;
        tokio::time::sleep(SETTLE).await;
        let talker = dial(bench, target, &room.others, |plan| plan.tone(TALKER_HZ)).await?;
        host.wait_hears(TALKER_HZ).await?;
        let listener = dial(bench, target, &room.others, |plan| plan).await?;
        listener.wait_hears(TALKER_HZ).await?;
        listener.forget_gap();
        Ok(Self { bench, target, room, host, talker, listener, next_order: 4, times: Times::default() })
    }

    /// The host goes to one in the roll call.
    async fn go_to(&self, order: u32) -> Result<(), KeypadError> {
        press(&self.host, "*4").await?;
        tokio::time::sleep(SETTLE).await;
        press(&self.host, &format!("0{order}#")).await?;
        tokio::time::sleep(SETTLE).await;
        Ok(())
    }

    /// Back out of the roll call, and until nobody is spoken to.
    async fn leave_menu(&self) -> Result<(), KeypadError> {
        press(&self.host, "#").await?;
        self.host.wait_quieter(QUIET_DBOV, SETTLE).await?;
        Ok(())
    }

    async fn mute(&mut self) -> Result<(), KeypadError> {
        self.talker.set_tone(Some(TALKER_HZ));
        self.listener.wait_hears(TALKER_HZ).await?;
        self.go_to(2).await?;
        self.listener.listen_for_end(TALKER_HZ);
        let pressed = press(&self.host, "1").await?;
        let took = self.heard_at_listener("mute", pressed).await;
        self.times.mute.extend(took);
        tokio::time::sleep(SETTLE).await;
        self.listener.listen_for(&[TALKER_HZ]);
        let pressed = press(&self.host, "1").await?;
        let took = self.heard_at_listener("unmute", pressed).await;
        self.times.unmute.extend(took);
        self.talker.set_tone(None);
        self.leave_menu().await
    }

    /// How long an effect took that the listener waits for.
    async fn heard_at_listener(&mut self, what: &str, pressed: Instant) -> Option<Duration> {
        let heard = moment(&self.listener, EFFECT_MAX).await;
        self.times.took(what, pressed, heard)
    }

    async fn lock(&mut self) -> Result<(), KeypadError> {
        self.listener.wait_quieter(QUIET_DBOV, SETTLE).await?;
        self.listener.listen_for_sound();
        let pressed = press(&self.host, "*7").await?;
        let took = self.heard_at_listener("the lock told", pressed).await;
        self.times.lock_told.extend(took);
        let called = Instant::now();
        let uri = super::uri(self.target, &self.room.others);
        let late = self.bench.call(crate::plan::CallPlan::new(uri)).await?;
        match late.wait_ended().await {
            Ok(crate::CallEnd::Refused { status: 486 }) => self.times.refusal.push(called.elapsed()),
            other => self.times.missed.push(format!("a refusal: {other:?}")),
        }
        press(&self.host, "#7").await?;
        self.listener.wait_quieter(QUIET_DBOV, 2 * SETTLE).await?;
        self.host.wait_quieter(QUIET_DBOV, SETTLE).await?;
        Ok(())
    }

    async fn delete(&mut self) -> Result<(), KeypadError> {
        let guest = dial(self.bench, self.target, &self.room.others, |plan| plan.tone(DELETED_HZ)).await?;
        let order = self.next_order;
        self.next_order += 1;
        self.listener.wait_hears(DELETED_HZ).await?;
        self.go_to(order).await?;
        press(&self.host, "9").await?;
        tokio::time::sleep(SETTLE).await;
        self.listener.listen_for_end(DELETED_HZ);
        guest.listen_for_sound();
        let pressed = press(&self.host, "9").await?;
        let took = self.heard_at_listener("delete", pressed).await;
        self.times.delete.extend(took);
        let heard = moment(&guest, EFFECT_MAX).await;
        let told = self.times.took("the deletion told", pressed, heard);
        self.times.delete_told.extend(told);
        guest.wait_ended().await?;
        self.leave_menu().await
    }
}

impl fmt::Display for EffectReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "mute, at another:             {}", self.mute)?;
        writeln!(f, "unmute, at another:           {}", self.unmute)?;
        writeln!(f, "lock told to a participant:   {}", self.lock_told)?;
        writeln!(f, "INVITE to refusal when locked: {}", self.refusal)?;
        writeln!(f, "delete, at another:           {}", self.delete)?;
        writeln!(f, "delete told to the deleted:   {}", self.delete_told)?;
        writeln!(
            f,
            "those who listen: longest gap {:.0} ms, {} packets lost",
            self.longest_gap_ms, self.lost
        )?;
        for missed in &self.missed {
            writeln!(f, "  did not come: {missed}")?;
        }
        writeln!(f, "bench: {:.3} % of ticks over 5 ms late", self.late_tick_share * 100.0)?;
        if self.is_void {
            writeln!(f, "VOID: the bench itself was late; throw this run away")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_runs_at_once_is_waited_for_in_order() {
        let one = async |ms: u64| {
            tokio::time::sleep(Duration::from_millis(ms)).await;
            ms
        };
        assert_eq!(join_all(vec![one(20), one(1), one(0)]).await, [20, 1, 0]);
    }
}
