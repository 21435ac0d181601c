//! Callers who press keys at random for a long time: no leg, mix, call, seat or open row is left, and the memory is back.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde_json::Value;

use super::left::{held, open_rows};
use super::wait_gone;
use crate::bench::server::BenchServer;
use crate::run;

const CALLERS: u32 = 20;
/// Rooms of every manner, so that every menu has something in it.
const ROOMS: [&[&str]; 4] = [
    &["--announce", "tone", "--roll-call", "on"],
    &["--waiting-room", "on", "--deleted-stay-out", "on"],
    &["--announce", "name", "--unmute-oneself", "on", "--host-leaves", "end"],
    &["--entry", "hold", "--lock", "all", "--host-leaves", "grace:30"],
];
/// Caches fill and threads take their stacks in the first round: what is resident after it is what has to come back.
const FIRST_ROUND: Duration = Duration::from_secs(60);
/// After each round all is looked at.
const ROUND: Duration = Duration::from_secs(300);
/// More than after the first round, in octets: the page caches of the data store (five connections, 2 MB each), which fill
/// as it grows, and what an allocator keeps of a busier moment.
const GROWTH_MAX: u64 = 16_000_000;
/// Wrong codes are pressed on purpose; here they need not be guarded against.
const SETTINGS: [(&str, &str); 1] = [("PARTYLINE_GUESS_DEFENCE__TRUSTED_SOURCES", "127.0.0.0/8")];

/// Uses a server for so long.
pub(super) fn run(lasting: Duration) -> anyhow::Result<()> {
    let server = BenchServer::start_with(&SETTINGS)?;
    let mut codes = String::new();
    for (nth, settings) in ROOMS.into_iter().enumerate() {
        codes.push_str(&std::fs::read_to_string(server.rooms_of(&format!("soak-{nth}"), 1, settings)?)?);
    }
    let rooms = server.folder().join("soak.txt");
    std::fs::write(&rooms, codes)?;
    let until = Instant::now() + lasting;
    let mut baseline = None;
    for round in 0.. {
        let left = until.saturating_duration_since(Instant::now());
        let seconds = if round == 0 { FIRST_ROUND } else { ROUND }.min(left).as_secs().max(1);
        let report = fumble(&server, &rooms, seconds, round)?;
        wait_gone(|| held(&server))?;
        wait_gone(|| open_rows(&server.database()))?;
        let resident = server.resident()?;
        run::say(&format!("round {round}, {seconds} s: {report}, resident {:.1} MB", resident as f64 / 1e6));
        let baseline = *baseline.get_or_insert(resident);
        ensure!(
            resident <= baseline + GROWTH_MAX,
            "{resident} octets resident, {baseline} after the first round"
        );
        if Instant::now() >= until {
            break;
        }
    }
    still_works(&server, &rooms)
}

fn fumble(server: &BenchServer, rooms: &Path, seconds: u64, seed: u64) -> anyhow::Result<Value> {
    let (callers, seconds, seed) = (CALLERS.to_string(), seconds.to_string(), seed.to_string());
    let more = ["--callers", &callers, "--seconds", &seconds, "--seed", &seed];
    let report = server.callbench(&["keypad", "fumble"], rooms, &more)?;
    let none = |name: &str| report[name].as_u64() == Some(0);
    let is_clean = none("unanswered") && none("not_let_go") && report["strange"] == Value::Array(Vec::new());
    ensure!(is_clean && !none("answered"), "a caller met with what should not be: {report}");
    Ok(report)
}

/// A host and others meet in the first room as on the first day.
fn still_works(server: &BenchServer, rooms: &Path) -> anyhow::Result<()> {
    let first = std::fs::read_to_string(rooms)?.lines().next().context("no rooms")?.to_owned();
    let one = server.folder().join("one.txt");
    std::fs::write(&one, first)?;
    let report = crate::bench::call(server, &one, 5, 5, 5)?;
    ensure!(
        report["failed"] == Value::Array(Vec::new()) && report["hearing"]["missing"] == 0,
        "callers do not meet any more: {report}"
    );
    Ok(())
}
