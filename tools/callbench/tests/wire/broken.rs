//! The meters, shown by a media engine that is broken on purpose: what is wrong is seen, and nothing else.

use std::time::Duration;

use callbench::delay::{DelayPlan, DelayReport};
use callbench::load::{LoadPlan, LoadReport, Room};
use callbench::{BenchConfig, Codec, OpusTelephones};
use partyline_engine::{Fault, Treatment};

use crate::peer::{Habits, Peer};

const CALLERS: usize = 6;
const TALKERS: usize = 2;
/// Runs at most, of which all but the last were void: on a busy machine bench and engine are late.
const RUNS_MAX: usize = 5;
/// 30 ms.
const DELAY_SAMPLES: usize = 240;

async fn peer(fault: Option<Fault>) -> Peer {
    let engine = Some(Treatment { fault, ..Treatment::FULL });
    Peer::start(Habits { engine, ..Habits::default() }).await
}

fn config() -> BenchConfig {
    let mut config = BenchConfig::new([127, 0, 0, 1].into());
    config.raises_priority = false;
    config
}

fn rooms() -> Vec<Room> {
    vec![Room { first: "11".to_owned(), others: "11".to_owned() }]
}

async fn one_load(fault: Option<Fault>, opus: Option<OpusTelephones>) -> LoadReport {
    let peer = peer(fault).await;
    let plan = LoadPlan {
        target: peer.uri("conference"),
        rooms: rooms(),
        callers: CALLERS,
        talkers_per_room: TALKERS,
        calls_per_second: 20.0,
        steady: Duration::from_secs(8),
        server: None,
        digits_after: Duration::from_millis(100),
        entry_max: Duration::from_secs(4),
        opus,
        settle: Duration::from_millis(1_200),
    };
    callbench::load::run(config(), &plan).await.unwrap()
}

/// A load that must look like this.
async fn load(fault: Option<Fault>, is_as_wanted: impl Fn(&LoadReport) -> bool) {
    load_of(fault, None, is_as_wanted).await;
}

/// The same of Opus telephones.
async fn load_of(
    fault: Option<Fault>,
    opus: Option<OpusTelephones>,
    is_as_wanted: impl Fn(&LoadReport) -> bool,
) {
    let mut report = one_load(fault, opus).await;
    for _ in 1..RUNS_MAX {
        if is_as_wanted(&report) || !report.is_void {
            break;
        }
        report = one_load(fault, opus).await;
    }
    assert_eq!((report.run.callers_in, report.failed.len()), (CALLERS, 0), "{report}");
    assert!(is_as_wanted(&report), "{report}");
}

async fn delay(fault: Option<Fault>, is_as_wanted: impl Fn(&DelayReport) -> bool) -> DelayReport {
    for nth in 1.. {
        let peer = peer(fault).await;
        let plan = DelayPlan {
            target: peer.uri("conference"),
            rooms: rooms(),
            callers: CALLERS,
            calls_per_second: 20.0,
            codec: Codec::Pcmu,
            settle: Duration::from_secs(1),
            lasting: Duration::from_secs(6),
        };
        let report = callbench::delay::run(config(), &plan).await.unwrap();
        if is_as_wanted(&report) || !report.is_void || nth == RUNS_MAX {
            assert_eq!((report.callers_in, report.failed.len()), (CALLERS, 0), "{report}");
            assert!(is_as_wanted(&report), "{report}");
            return report;
        }
    }
    unreachable!("the last run is returned")
}

fn heard(report: &LoadReport) -> (u32, u32) {
    (report.hearing.missing, report.hearing.ghosts)
}

#[tokio::test]
async fn an_engine_that_is_sound_is_told_as_one() {
    load(None, |report| heard(report) == (0, 0) && report.loss.lost == 0).await;
}

#[tokio::test]
async fn talkers_who_hear_themselves_are_seen() {
    load(Some(Fault::HearsOneself), |report| heard(report) == (0, TALKERS as u32)).await;
}

#[tokio::test]
async fn opus_telephones_hear_each_other_and_not_themselves_whether_they_pause_or_not() {
    for pauses in [false, true] {
        let opus = Some(OpusTelephones { pauses });
        load_of(None, opus, |report| heard(report) == (0, 0) && report.loss.lost == 0).await;
    }
}

#[tokio::test]
async fn opus_telephones_who_hear_themselves_are_seen() {
    let opus = Some(OpusTelephones::default());
    load_of(Some(Fault::HearsOneself), opus, |report| heard(report) == (0, TALKERS as u32)).await;
}

#[tokio::test]
async fn one_packet_in_two_hundred_is_seen_missing() {
    load(Some(Fault::DropsOneIn(200)), |report| {
        let share = report.loss.lost as f64 / report.loss.expected as f64;
        (0.004..0.007).contains(&share) && report.loss.worst_share > 0.001
    })
    .await;
}

#[tokio::test]
async fn thirty_milliseconds_more_from_mouth_to_ear_are_seen() {
    let is_whole = |report: &DelayReport| report.expected > 20 && report.missed == 0 && report.strange == 0;
    let sound = delay(None, |report| is_whole(report) && report.delay.p50_ms < 25.0).await;
    let more = |report: &DelayReport| report.delay.p50_ms - sound.delay.p50_ms;
    delay(Some(Fault::DelaysBy(DELAY_SAMPLES)), |report| {
        is_whole(report) && (20.0..45.0).contains(&more(report))
    })
    .await;
}
