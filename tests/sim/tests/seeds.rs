//! Seeds: the first so many, and those that failed once. `PARTYLINE_SIM_SEEDS` says how many, `PARTYLINE_SIM_SEED`
//! runs one alone.

use std::collections::BTreeMap;
use std::env;

use partyline_sim::{KeysReport, run, run_calls, run_keys, run_keys_for_an_hour};

/// Seeds in CI.
const SEEDS: u64 = 200;

/// Seeds that failed once; they stay for ever.
fn remembered() -> impl Iterator<Item = u64> {
    include_str!("../seeds.txt").lines().filter_map(|line| line.split('#').next()?.trim().parse().ok())
}

fn seeds() -> Vec<u64> {
    let number = |name: &str| env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    match number("PARTYLINE_SIM_SEED") {
        Some(one) => vec![one],
        None => remembered().chain(0..number("PARTYLINE_SIM_SEEDS").unwrap_or(SEEDS)).collect(),
    }
}

/// Fails with the seeds that failed, each with how to run it again.
fn assert_none_failed(failures: &[(u64, String)]) {
    let told: Vec<_> =
        failures.iter().take(5).map(|(seed, why)| format!("PARTYLINE_SIM_SEED={seed}: {why}")).collect();
    assert!(failures.is_empty(), "{} seeds failed\n{}", failures.len(), told.join("\n\n"));
}

#[test]
fn whatever_goes_wrong_callers_end_up_with_whom_they_should() {
    let (mut failures, mut together) = (Vec::new(), 0);
    for seed in seeds() {
        match run(seed) {
            Ok(report) => together += report.together,
            Err(why) => failures.push((seed, why)),
        }
    }
    assert_none_failed(&failures);
    assert!(together > 0 || seeds().len() == 1, "nobody was there to be looked at");
}

#[test]
fn whatever_keys_are_pressed_nobody_gets_a_power_or_gets_stuck() {
    let (mut failures, mut sum) = (Vec::new(), KeysReport::default());
    for seed in seeds() {
        match run_keys(seed) {
            Ok(report) => sum += &report,
            Err(why) => failures.push((seed, why)),
        }
    }
    assert_none_failed(&failures);
    if seeds().len() > 1 {
        eprintln!("{sum:?}");
        let KeysReport { keys, done, refused, forged, promoted, muted, left, calls, troubles } = sum;
        let counts = [keys, done, refused, forged, promoted, muted, left, calls, troubles];
        assert!(counts.iter().all(|count| *count > 0));
    }
}

/// Two hours are enough here: the short runs are many.
#[test]
fn after_an_hour_of_twenty_callers_and_every_trouble_nothing_is_left_and_nobody_stuck() {
    let hours: Vec<u64> = if env::var_os("PARTYLINE_SIM_SEED").is_some() { seeds() } else { vec![1, 2] };
    let mut failures = Vec::new();
    for seed in hours {
        match run_keys_for_an_hour(seed) {
            Ok(report) => {
                eprintln!("{report:?}");
                assert!(report.calls > 50 && report.keys > 5_000 && report.done > 100, "{report:?}");
            }
            Err(why) => failures.push((seed, why)),
        }
    }
    assert_none_failed(&failures);
}

/// What calls over a bad network have to come to now and then, or the runs are not worth much.
const SAID: &[&str] = &[
    "ACK",
    "BYE",
    "CANCEL",
    "INVITE",
    "NOTIFY",
    "PRACK",
    "REFER",
    "SUBSCRIBE",
    "UPDATE",
    "100",
    "180",
    "183",
    "200",
    "202",
    "302",
    "401",
    "422",
    "480",
    "481",
    "486",
    "487",
    "491",
    "489",
    "503",
    "600",
    "603",
];

/// Shows RFC 3261 §17: over a network that loses up to a third, doubles and reorders, every transaction and dialog ends.
/// Shows RFC 3261 §14: once the network is calm both sides of a call agree who sends, whatever changes crossed.
/// Shows RFC 3261 §13.2.2.4: of the callees of a forked call one is in it in the end, and the others are hung up.
/// Shows RFC 6665 §4.4.1: what is subscribed to within calls ends once, whenever the calls do.
/// Shows RFC 4028 §10: where one side dies without a word the other one ends the call.
#[test]
fn whatever_the_network_does_every_call_ends_once_at_both_sides() {
    let (mut failures, mut answered, mut changed, mut lasting) = (Vec::new(), 0, 0, 0);
    let mut said: BTreeMap<String, usize> = BTreeMap::new();
    for seed in seeds() {
        match run_calls(seed) {
            Ok(report) => {
                answered += report.answered;
                changed += report.changed;
                lasting += report.lasting;
                for (what, times) in report.said {
                    *said.entry(what).or_default() += times;
                }
            }
            Err(why) => failures.push((seed, why)),
        }
    }
    assert_none_failed(&failures);
    if seeds().len() > 1 {
        eprintln!("{answered} answered, {changed} changed, {lasting} lasted; {said:?}");
        assert!(answered > 0 && changed > 0 && lasting > 0);
        let unsaid: Vec<_> = SAID.iter().filter(|what| !said.contains_key(**what)).collect();
        assert!(unsaid.is_empty(), "nobody said {unsaid:?}");
    }
}

#[test]
fn a_run_is_a_function_of_its_seed() {
    for seed in [1, 2, 3] {
        assert_eq!(run(seed), run(seed), "seed {seed}");
        assert_eq!(run_calls(seed), run_calls(seed), "seed {seed}");
        assert_eq!(run_keys(seed), run_keys(seed), "seed {seed}");
    }
}
