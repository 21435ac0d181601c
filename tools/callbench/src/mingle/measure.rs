//! Those who stay: one sends pulses, the others hear them.

use std::time::{Duration, Instant};

use super::{MingleError, MingleReport};
use crate::bench::Bench;
use crate::caller::Caller;
use crate::delay::Heard;
use crate::gait::Gait;
use crate::load::{Room, SetUpFigures};
use crate::plan::CallPlan;

/// What is pulsed.
const PULSE_HZ: f32 = 1_000.0;
/// What begins so close to an end of a stretch may have its other half beyond it.
const MARGIN: Duration = Duration::from_millis(500);
/// Prompts and entry tones die away for so long.
const SETTLE: Duration = Duration::from_secs(8);
/// Who is in a measured room: who pulses first. One of those who listen has a clock that is off, so that the sound that we get of them
/// would show it if it were not followed.
const GAITS: [Gait; 3] = [
    Gait { drift_ppm: 100, late_percent: 0 },
    Gait { drift_ppm: 0, late_percent: 0 },
    Gait { drift_ppm: -100, late_percent: 5 },
];

pub(super) struct Measuring {
    rooms: Vec<Vec<Caller>>,
    /// Since when pulses are noted.
    since: Instant,
    lost: u64,
}

impl Measuring {
    /// Brings them in.
    pub(super) async fn call(bench: &Bench, target: &str, rooms: &[Room]) -> Result<Self, MingleError> {
        let mut all = Vec::with_capacity(rooms.len());
        for (nth, room) in rooms.iter().enumerate() {
            let mut callers = Vec::with_capacity(GAITS.len());
            for (who, gait) in GAITS.into_iter().enumerate() {
                let code = if who == 0 { &room.first } else { &room.others };
                let plan = CallPlan::new(target)
                    .from_user(format!("measure{nth}x{who}"))
                    .digits(format!("{code}#"))
                    .memory(Duration::from_millis(100))
                    .gait(gait)
                    .times_pulses();
                let caller = bench.call(if who == 0 { plan.pulses(PULSE_HZ) } else { plan }).await?;
                caller.wait_answered().await?;
                caller.wait_digits_sent().await?;
                callers.push(caller);
            }
            all.push(callers);
        }
        tokio::time::sleep(SETTLE).await;
        Ok(Self { rooms: all, since: Instant::now(), lost: 0 })
    }

    fn callers(&self) -> impl Iterator<Item = &Caller> {
        self.rooms.iter().flatten()
    }

    /// What is noted counts from here on.
    pub(super) async fn begin(&mut self) {
        let mut lost = 0;
        for caller in self.callers() {
            caller.take_pulses().await;
            caller.forget_gap();
            lost += caller.packets().await.lost;
        }
        (self.since, self.lost) = (Instant::now(), lost);
    }

    /// What the time since the last report was like.
    pub(super) async fn report(&mut self) -> Result<MingleReport, MingleError> {
        let window = self.since + MARGIN..Instant::now().max(self.since + 2 * MARGIN) - MARGIN;
        let (mut lost, mut longest_gap, mut heard) = (0, Duration::ZERO, Heard::default());
        for room in &self.rooms {
            let mut beginnings = Vec::with_capacity(room.len());
            for caller in room {
                // Who was thrown out has no answer, and says why.
                caller.wait_answered().await?;
                let packets = caller.packets().await;
                lost += packets.lost;
                longest_gap = longest_gap.max(packets.longest_gap);
                beginnings.push(caller.take_pulses().await);
                caller.forget_gap();
            }
            heard = heard.and(Heard::in_room(&beginnings, &window));
        }
        let report = MingleReport {
            missed: heard.missed,
            delay: SetUpFigures::of(heard.delays),
            lost: lost.saturating_sub(self.lost),
            longest_gap_ms: longest_gap.as_secs_f64() * 1_000.0,
            ..MingleReport::default()
        };
        (self.since, self.lost) = (Instant::now(), lost);
        Ok(report)
    }

    pub(super) async fn hang_up(self) -> Result<(), MingleError> {
        for caller in self.callers() {
            caller.hang_up();
            caller.wait_ended().await?;
        }
        Ok(())
    }
}
