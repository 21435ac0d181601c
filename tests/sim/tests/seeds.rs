//! Seeds: the first so many, and those that failed once. `PARTYLINE_SIM_SEEDS` says how many, `PARTYLINE_SIM_SEED`
//! runs one alone.

use std::env;

use partyline_sim::run;

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

#[test]
fn whatever_goes_wrong_callers_end_up_with_whom_they_should() {
    let mut failures = Vec::new();
    let mut together = 0;
    for seed in seeds() {
        match run(seed) {
            Ok(report) => together += report.together,
            Err(why) => failures.push((seed, why)),
        }
    }
    let told: Vec<_> =
        failures.iter().take(5).map(|(seed, why)| format!("PARTYLINE_SIM_SEED={seed}: {why}")).collect();
    assert!(failures.is_empty(), "{} seeds failed\n{}", failures.len(), told.join("\n\n"));
    assert!(together > 0, "nobody was there to be looked at");
}

#[test]
fn a_run_is_a_function_of_its_seed() {
    for seed in [1, 2, 3] {
        assert_eq!(run(seed), run(seed), "seed {seed}");
    }
}
