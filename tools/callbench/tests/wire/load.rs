//! The figures of a load, each proved by breaking what it measures.

use std::time::Duration;

use callbench::load::{LoadPlan, LoadReport, Room, run};
use callbench::{BenchConfig, ProcessMeter};

use crate::peer::{Habits, Peer};

const CALLERS: usize = 9;

async fn load(habits: Habits) -> LoadReport {
    let peer = Peer::start(Habits { mixes: true, ..habits }).await;
    let mut config = BenchConfig::new([127, 0, 0, 1].into());
    config.raises_priority = false;
    let room = |code: &str| Room { first: code.to_owned(), others: code.to_owned() };
    let plan = LoadPlan {
        target: peer.uri("conference"),
        rooms: vec![room("11"), room("22"), room("33")],
        callers: CALLERS,
        talkers_per_room: 2,
        calls_per_second: 20.0,
        steady: Duration::from_secs(2),
        server: Some(ProcessMeter::new(std::process::id())),
        digits_after: Duration::from_millis(100),
        entry_max: Duration::from_secs(4),
        settle: Duration::from_millis(1_200),
    };
    run(config, &plan).await.unwrap()
}

#[tokio::test]
async fn a_sound_conference_is_told_as_one() {
    let report = load(Habits::default()).await;
    assert_eq!((report.run.callers_in, report.failed.len()), (CALLERS, 0), "{report}");
    assert_eq!(report.answer.count, CALLERS, "{report}");
    let hearing = report.hearing;
    assert_eq!((hearing.listeners, hearing.pairs), (CALLERS, 12), "{report}");
    assert_eq!((hearing.missing, hearing.ghosts), (0, 0), "{report}");
    assert!(report.loss.worst_share < 0.03, "{report}");
    assert!(report.server.unwrap().cpu_us_per_participant_second > 0.0, "{report}");
}

#[tokio::test]
async fn a_talker_left_out_of_the_mix_is_missed_by_all_others_of_the_room() {
    let report = load(Habits { forgets_a_talker: true, ..Habits::default() }).await;
    assert_eq!((report.hearing.missing, report.hearing.ghosts), (6, 0), "{report}");
}

#[tokio::test]
async fn rooms_that_run_into_each_other_are_heard() {
    let report = load(Habits { mixes_rooms_up: true, ..Habits::default() }).await;
    assert_eq!((report.hearing.missing, report.hearing.ghosts), (0, 9 * 4), "{report}");
}

#[tokio::test]
async fn packets_that_are_never_sent_are_lost_by_every_conferee() {
    let report = load(Habits { drops_every: Some(20), ..Habits::default() }).await;
    let share = report.loss.lost as f64 / report.loss.expected as f64;
    assert!((0.03..0.15).contains(&share), "{report}");
    assert!((report.loss.conferees_above_limit_share - 1.0).abs() < 1e-9, "{report}");
}
