//! Callers who press keys at random for a long time: no leg, mix, call, seat or open row is left, and the memory is back.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;

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
/// What the server counts of what it holds.
const HELD: [&str; 6] = [
    "partyline_legs",
    "partyline_mixes",
    "partyline_vru_calls",
    "partyline_cms_streams",
    "partyline_mixer_legs",
    "partyline_mixer_mixes",
];
/// Rows that are there while something goes on, and only then.
const OPEN_ROWS: [(&str, &str); 7] = [
    ("attendance", "ended_at IS NULL"),
    ("conference", "ended_at IS NULL"),
    ("conferee", "state <> 'left'"),
    ("mix", "closed_at IS NULL"),
    ("mixer", "reserved > 0"),
    ("past", "1 = 1"),
    ("recorded_name", "attendance NOT IN (SELECT id FROM attendance)"),
];

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

fn held(server: &BenchServer) -> anyhow::Result<Vec<(String, f64)>> {
    // What was never counted is none.
    HELD.iter().map(|name| Ok(((*name).to_owned(), server.metric_sum(name)?))).collect()
}

fn open_rows(database: &Path) -> anyhow::Result<Vec<(String, f64)>> {
    let database = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    database.busy_timeout(Duration::from_secs(10))?;
    let mut rows = Vec::new();
    for (table, condition) in OPEN_ROWS {
        let query = format!("SELECT count(*) FROM {table} WHERE {condition}");
        let count: i64 = database.query_row(&query, [], |row| row.get(0)).context(query)?;
        rows.push((table.to_owned(), count as f64));
    }
    Ok(rows)
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
