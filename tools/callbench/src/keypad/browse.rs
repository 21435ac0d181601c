//! A roll call of a large conference, browsed from the first to the last, while the conference goes on.

use std::fmt;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::{KeypadError, dial, moment, press};
use crate::bench::{Bench, BenchConfig};
use crate::caller::Caller;
use crate::ear::PacketReport;
use crate::load::{Room, is_void};
use crate::meter::{RATE_HZ, frame_tone_dbov};

/// Sent throughout by the first participant.
const TALKER_HZ: f32 = 700.0;
/// Sent by the last one in the roll call.
const LAST_HZ: f32 = 2_500.0;
/// A hole in the sound: a frame in which the talker is below this at those who are not spoken to,
const HOLE_DBOV: f32 = -30.0;
/// and at the host, who hears the conference softer while spoken to.
const HOST_HOLE_DBOV: f32 = -50.0;
/// Samples of a frame.
const FRAME: usize = 160;
/// For prompts and entry tones to die away.
const SETTLE: Duration = Duration::from_secs(3);
/// For the last mute to have its effect.
const EFFECT_MAX: Duration = Duration::from_secs(5);

/// What to run.
#[derive(Debug, Clone)]
pub struct BrowsePlan {
    /// The address to call, `sip:HOST:PORT`.
    pub target: String,
    /// A room without announcements that has so many seats.
    pub room: Room,
    /// Conferees, the host among them.
    pub conferees: usize,
    /// The key that goes on to the next is pressed so often.
    pub every: Duration,
}

/// What a run showed, from the first key of the roll call to its last.
#[derive(Debug, Clone, Serialize)]
pub struct BrowseReport {
    /// Conferees who were in.
    pub conferees: usize,
    /// How long the browsing took, in s.
    pub seconds: f64,
    /// Whether the roll call was at the last one in the end, told by their mute.
    pub reached_last: bool,
    /// From the key of that mute to its effect, in ms.
    pub mute_ms: Option<f64>,
    /// Packets that participants should have had by the clock, and missed.
    pub expected: u64,
    /// Missed by participants: by number or by the clock, whichever is more.
    pub lost: u64,
    /// Missed by the host.
    pub host_lost: u64,
    /// The longest time without a packet: of any participant (to 20 ms), of a witness among them and of the host (to 1 ms).
    pub longest_gap_ms: f64,
    /// Of a witness.
    pub witness_gap_ms: f64,
    /// Of the host.
    pub host_gap_ms: f64,
    /// Frames of 20 ms without the talker at the witness, and at the host.
    pub witness_holes: usize,
    /// At the host.
    pub host_holes: usize,
    /// Share of the bench's own ticks that were more than 5 ms late.
    pub late_tick_share: f64,
    /// The latest of them, in ms.
    pub latest_tick_ms: f64,
    /// Whether the bench was so late that the run says nothing.
    pub is_void: bool,
}

impl BrowsePlan {
    /// Runs it on a bench of its own.
    ///
    /// # Errors
    /// [`KeypadError`].
    pub async fn run(&self, config: BenchConfig) -> Result<BrowseReport, KeypadError> {
        let bench = Bench::start(config).await?;
        let cast = self.enter(&bench).await?;
        tokio::time::sleep(SETTLE).await;

        let ticks_before = bench.ticks();
        let before = Window::begin(&cast).await;
        let start = Instant::now();
        let (reached_last, mute_ms) = self.browse(&cast).await?;
        let elapsed = start.elapsed();
        let ticks = bench.ticks();
        let late_tick_share = ticks.since(&ticks_before).late_share();
        let report = before.end(&cast, elapsed).await;
        bench.stop().await;
        Ok(BrowseReport {
            conferees: cast.guests.len() + 1,
            seconds: elapsed.as_secs_f64(),
            reached_last,
            mute_ms,
            late_tick_share,
            latest_tick_ms: ticks.latest.as_secs_f64() * 1_000.0,
            is_void: is_void(late_tick_share),
            ..report
        })
    }

    /// How long a caller has to remember all of it.
    fn memory(&self) -> Duration {
        self.every.saturating_mul(self.conferees as u32) * 2 + 10 * SETTLE
    }

    async fn enter(&self, bench: &Bench) -> Result<Cast, KeypadError> {
        let memory = self.memory();
        let host = dial(bench, &self.target, &self.room.first, |plan| plan.memory(memory)).await?;
        tokio::time::sleep(SETTLE).await;
        let guest = async |tone: Option<f32>, memory: Duration| {
            dial(bench, &self.target, &self.room.others, |plan| {
                let plan = plan.memory(memory);
                match tone {
                    Some(hz) => plan.tone(hz),
                    None => plan,
                }
            })
            .await
        };
        let mut guests = vec![guest(Some(TALKER_HZ), SETTLE).await?];
        host.wait_hears(TALKER_HZ).await?;
        guests.push(guest(None, memory).await?);
        while guests.len() + 2 < self.conferees {
            guests.push(guest(None, Duration::from_secs(1)).await?);
        }
        for guest in &guests[1..] {
            guest.wait_hears(TALKER_HZ).await?;
        }
        guests.push(guest(Some(LAST_HZ), SETTLE).await?);
        guests[1].wait_hears(LAST_HZ).await?;
        Ok(Cast { host, guests })
    }

    /// From the first to the last, who is muted so that it shows.
    async fn browse(&self, cast: &Cast) -> Result<(bool, Option<f64>), KeypadError> {
        press(&cast.host, "*4").await?;
        tokio::time::sleep(2 * self.every).await;
        let mut next = tokio::time::Instant::now();
        for _ in 1..self.conferees {
            next += self.every;
            tokio::time::sleep_until(next).await;
            cast.host.send_digits("6");
        }
        cast.host.wait_digits_sent().await?;
        tokio::time::sleep(self.every).await;
        cast.witness().listen_for_end(LAST_HZ);
        let pressed = press(&cast.host, "1").await?;
        let effect = moment(cast.witness(), EFFECT_MAX).await;
        let took = effect.map(|at| at.saturating_duration_since(pressed).as_secs_f64() * 1_000.0);
        press(&cast.host, "#").await?;
        Ok((effect.is_some(), took))
    }
}

struct Cast {
    host: Caller,
    guests: Vec<Caller>,
}

impl Cast {
    /// A participant whose packets are read each millisecond, and who remembers everything.
    fn witness(&self) -> &Caller {
        &self.guests[1]
    }
}

/// The packets of everybody when the window began.
struct Window {
    host: PacketReport,
    guests: Vec<(PacketReport, Instant)>,
}

impl Window {
    async fn begin(cast: &Cast) -> Self {
        let mut guests = Vec::with_capacity(cast.guests.len());
        for caller in [cast.witness(), &cast.host] {
            // Nobody sends this; who waits for it is read each millisecond.
            caller.listen_for(&[3_333.0]);
        }
        for guest in &cast.guests {
            guest.forget_gap();
            guests.push((guest.packets().await, Instant::now()));
        }
        cast.host.forget_gap();
        Self { host: cast.host.packets().await, guests }
    }

    async fn end(&self, cast: &Cast, elapsed: Duration) -> BrowseReport {
        let ms = |gap: Duration| gap.as_secs_f64() * 1_000.0;
        let (mut expected, mut lost, mut longest) = (0, 0, Duration::ZERO);
        for (guest, (before, since)) in cast.guests.iter().zip(&self.guests) {
            let packets = guest.packets().await;
            let due = (since.elapsed().as_millis() as u64 / 20).saturating_sub(1);
            let received = packets.received - before.received;
            expected += due;
            lost += (packets.lost.saturating_sub(before.lost)).max(due.saturating_sub(received));
            longest = longest.max(packets.longest_gap);
        }
        let host = cast.host.packets().await;
        let host_due = (elapsed.as_millis() as u64 / 20).saturating_sub(1);
        BrowseReport {
            conferees: 0,
            seconds: 0.0,
            reached_last: false,
            mute_ms: None,
            expected,
            lost,
            host_lost: (host.lost.saturating_sub(self.host.lost))
                .max(host_due.saturating_sub(host.received - self.host.received)),
            longest_gap_ms: ms(longest),
            witness_gap_ms: ms(cast.witness().packets().await.longest_gap),
            host_gap_ms: ms(host.longest_gap),
            witness_holes: holes(&cast.witness().samples(elapsed).await, HOLE_DBOV),
            host_holes: holes(&cast.host.samples(elapsed).await, HOST_HOLE_DBOV),
            late_tick_share: 0.0,
            latest_tick_ms: 0.0,
            is_void: false,
        }
    }
}

/// Frames without the talker. What is at the very end may be on its way.
fn holes(samples: &[i16], below_dbov: f32) -> usize {
    let heard = &samples[..samples.len().saturating_sub(5 * FRAME)];
    heard.chunks_exact(FRAME).filter(|frame| frame_tone_dbov(frame, RATE_HZ, TALKER_HZ) < below_dbov).count()
}

impl fmt::Display for BrowseReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reached = if self.reached_last { "to the last" } else { "NOT to the last" };
        let mute = self.mute_ms.map_or_else(String::new, |ms| format!(", who was muted in {ms:.0} ms"));
        writeln!(f, "{} conferees, browsed {reached} in {:.0} s{mute}", self.conferees, self.seconds)?;
        writeln!(
            f,
            "participants: {} of {} packets lost, longest gap {:.0} ms; a witness: {:.0} ms, {} holes",
            self.lost, self.expected, self.longest_gap_ms, self.witness_gap_ms, self.witness_holes
        )?;
        writeln!(
            f,
            "host: {} packets lost, longest gap {:.0} ms, {} holes",
            self.host_lost, self.host_gap_ms, self.host_holes
        )?;
        writeln!(
            f,
            "bench: {:.3} % of ticks over 5 ms late, the latest {:.1} ms",
            self.late_tick_share * 100.0,
            self.latest_tick_ms
        )?;
        if self.is_void {
            writeln!(f, "VOID: the bench itself was late; throw this run away")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tone::Oscillator;

    #[test]
    fn a_hole_is_a_frame_without_the_talker() {
        let mut sound = vec![0; 100 * FRAME];
        Oscillator::new(TALKER_HZ, -15.0).fill(&mut sound);
        assert_eq!(holes(&sound, HOLE_DBOV), 0);
        sound[10 * FRAME..12 * FRAME].fill(0);
        assert_eq!(holes(&sound, HOLE_DBOV), 2);
        assert_eq!(holes(&[], HOLE_DBOV), 0);
    }
}
