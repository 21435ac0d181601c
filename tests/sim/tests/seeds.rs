//! Seeds: the first so many, and those that failed once. `PARTYLINE_SIM_SEEDS` says how many, `PARTYLINE_SIM_SEED`
//! runs one alone.

use std::env;

use partyline_sim::{run, run_calls};

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

/// Shows RFC 3261 §17: over a network that loses up to a third, doubles and reorders, every transaction and dialog ends.
/// Shows RFC 3261 §14: once the network is calm both sides of a call agree who sends, whatever changes crossed.
#[test]
fn whatever_the_network_does_every_call_ends_once_at_both_sides() {
    let (mut failures, mut answered, mut changed, mut lasting) = (Vec::new(), 0, 0, 0);
    for seed in seeds() {
        match run_calls(seed) {
            Ok(report) => {
                answered += report.answered;
                changed += report.changed;
                lasting += report.lasting;
            }
            Err(why) => failures.push((seed, why)),
        }
    }
    assert_none_failed(&failures);
    let happened = answered > 0 && changed > 0 && lasting > 0;
    assert!(happened || seeds().len() == 1, "{answered} answered, {changed} changed, {lasting} lasted");
}

#[test]
fn a_run_is_a_function_of_its_seed() {
    for seed in [1, 2, 3] {
        assert_eq!(run(seed), run(seed), "seed {seed}");
        assert_eq!(run_calls(seed), run_calls(seed), "seed {seed}");
    }
}
