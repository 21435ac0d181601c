//! One who comes and goes.

use std::f32::consts::TAU;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::{MinglePlan, Tally};
use crate::bench::Bench;
use crate::caller::Caller;
use crate::gait::Gait;
use crate::load::Room;
use crate::meter::RATE_HZ;
use crate::plan::CallPlan;

/// All have come after this.
const ARRIVAL_MS: u64 = 20_000;
/// An answer has come by then, or the call has failed.
const ANSWER_MAX: Duration = Duration::from_secs(20);
/// The call is over so soon after it was hung up, or it has failed.
const END_MAX: Duration = Duration::from_secs(10);
/// How long a stay is: most are short, a few are long.
const STAYS_MS: [(u64, u64); 4] = [(5_000, 20_000), (20_000, 90_000), (20_000, 90_000), (90_000, 600_000)];
/// How long somebody listens before they say something again.
const LISTENS_MS: (u64, u64) = (4_000, 60_000);
/// How long it takes until they call again.
const AWAY_MS: (u64, u64) = (300, 6_000);
/// How often a caller looks whether they are still connected.
const LOOK: Duration = Duration::from_millis(200);
/// Clocks are off by up to this.
const DRIFT_PPM_MAX: i32 = 150;

pub(super) struct Guest {
    target: String,
    rooms: Vec<Room>,
    nth: usize,
    bench: Arc<Bench>,
    tally: Arc<Mutex<Tally>>,
    random: StdRng,
    /// What they say.
    words: Arc<[i16]>,
}

impl Guest {
    pub(super) fn new(plan: &MinglePlan, nth: usize, bench: Arc<Bench>, tally: Arc<Mutex<Tally>>) -> Self {
        let mut random = StdRng::seed_from_u64(plan.seed.wrapping_mul(1_000_003).wrapping_add(nth as u64));
        let words = words(random.random_range(90.0..220.0), random.random_range(1_500..5_000));
        let (target, rooms) = (plan.target.clone(), plan.rooms.clone());
        Self { target, rooms, nth, bench, tally, random, words }
    }

    pub(super) async fn run(mut self, until: Instant) {
        self.pause((0, ARRIVAL_MS), until).await;
        while Instant::now() < until {
            self.tally.lock().calls += 1;
            match self.one_call(until).await {
                Ok(()) => self.tally.lock().left += 1,
                Err(reason) => self.tally.lock().fail(format!("caller {}: {reason}", self.nth)),
            }
            self.pause(AWAY_MS, until).await;
        }
    }

    async fn pause(&mut self, (from_ms, to_ms): (u64, u64), until: Instant) {
        let pause = Duration::from_millis(self.random.random_range(from_ms..to_ms));
        tokio::time::sleep(pause.min(until.saturating_duration_since(Instant::now()))).await;
    }

    async fn one_call(&mut self, until: Instant) -> Result<(), String> {
        let room = &self.rooms[self.random.random_range(0..self.rooms.len())];
        let code = if self.random.random_range(0..10) == 0 { &room.first } else { &room.others };
        let plan = CallPlan::new(&self.target)
            .from_user(format!("guest{}", self.nth))
            .digits(format!("{code}#"))
            .memory(Duration::from_millis(100))
            .gait(self.gait());
        let caller = self.bench.call(plan).await.map_err(|error| error.to_string())?;
        match tokio::time::timeout(ANSWER_MAX, caller.wait_answered()).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => return Err(error.to_string()),
            Err(_) => {
                caller.hang_up();
                return Err("no answer".to_owned());
            }
        }
        self.tally.lock().on += 1;
        let stayed = self.stay(&caller, until).await;
        self.tally.lock().on -= 1;
        stayed?;
        caller.hang_up();
        match tokio::time::timeout(END_MAX, caller.wait_ended()).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(format!("after the hang-up: {error}")),
            Err(_) => Err("not let go".to_owned()),
        }
    }

    /// Half have a good way, the others packets that are late; most clocks are off.
    fn gait(&mut self) -> Gait {
        Gait {
            drift_ppm: self.random.random_range(-DRIFT_PPM_MAX..=DRIFT_PPM_MAX),
            late_percent: if self.random.random_range(0..2) == 0 {
                0
            } else {
                self.random.random_range(1..10)
            },
        }
    }

    /// Says something now and then, until it is time to go.
    async fn stay(&mut self, caller: &Caller, until: Instant) -> Result<(), String> {
        let (from_ms, to_ms) = STAYS_MS[self.random.random_range(0..STAYS_MS.len())];
        let stay = Duration::from_millis(self.random.random_range(from_ms..to_ms));
        let leaves_at = (Instant::now() + stay).min(until);
        let mut speaks_at = Instant::now() + Duration::from_millis(self.random.random_range(1_000..10_000));
        while Instant::now() < leaves_at {
            if let Some(end) = caller.ended() {
                return Err(format!("the call has ended: {end:?}"));
            }
            if Instant::now() >= speaks_at {
                caller.say(Arc::clone(&self.words));
                let listens = self.random.random_range(LISTENS_MS.0..LISTENS_MS.1);
                speaks_at = Instant::now() + Duration::from_millis(listens);
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }
}

/// Something like a voice of a pitch, for so long: syllables with their overtones.
fn words(pitch_hz: f32, lasting_ms: u32) -> Arc<[i16]> {
    let sample = |n: u32| {
        let time = n as f32 / RATE_HZ as f32;
        let turn = TAU * pitch_hz * time + 3.0 * (time * 5.0).sin();
        let loud = (TAU * 2.0 * time).sin().max(0.0);
        let voice: f32 = (1..12).map(|k| (turn * k as f32).sin() / k as f32).sum();
        (loud * voice * 3_000.0) as i16
    };
    (0..lasting_ms * (RATE_HZ / 1_000)).map(sample).collect()
}
