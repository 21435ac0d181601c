//! Test calls of operators, and how trunks stand: what the admin socket tells of them.

use std::time::Duration;

use partyline_conference::TrunkName;
use partyline_trunk::DialRight;
use partyline_vru::{Dial, DialProgress, Dialler, TestCall, TestReport, TestSound, TrunkOrigin, TrunkStatus};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::trunks::failed_json;

/// What is heard of a call is a dozen words.
const PROGRESS_MAX: usize = 64;
/// Longer tests are calls.
const SECONDS_MAX: u32 = 300;

/// A call as it was asked for.
pub(crate) struct Wanted {
    pub(crate) number: String,
    pub(crate) trunk: Option<String>,
    pub(crate) from: Option<String>,
    pub(crate) prompt: bool,
    pub(crate) seconds: u32,
}

/// Makes a test call; it is the operator who asks, as nobody else can open the socket.
pub(crate) async fn call(
    dialler: Dialler,
    wanted: Wanted,
    heard: &mpsc::Sender<Value>,
) -> Result<Value, String> {
    let number = |text: &str| text.parse().map_err(|error| format!("\"{text}\": {error}"));
    let test = TestCall {
        dial: Dial {
            number: number(&wanted.number)?,
            caller: wanted.from.as_deref().map(number).transpose()?,
            trunk: wanted
                .trunk
                .map(|name| TrunkName::new(&name).map_err(|error| format!("\"{name}\": {error}")))
                .transpose()?,
            right: DialRight::Operator,
        },
        sound: if wanted.prompt { TestSound::Prompt } else { TestSound::Tone },
        lasts: Duration::from_secs(u64::from(wanted.seconds.clamp(1, SECONDS_MAX))),
    };
    let (progress, mut told) = mpsc::channel(PROGRESS_MAX);
    let mut testing = std::pin::pin!(dialler.test(&test, &progress));
    let outcome = loop {
        tokio::select! {
            biased;
            Some(progress) = told.recv() => drop(heard.try_send(progress_json(&progress))),
            outcome = &mut testing => break outcome,
        }
    };
    while let Ok(progress) = told.try_recv() {
        drop(heard.try_send(progress_json(&progress)));
    }
    Ok(match outcome {
        Ok(report) => report_json(&report),
        Err(why) => failed_json(why),
    })
}

fn progress_json(progress: &DialProgress) -> Value {
    match progress {
        DialProgress::Trying { trunk, target } => {
            json!({ "heard": "trying", "trunk": trunk.as_str(), "target": target })
        }
        DialProgress::Ringing => json!({ "heard": "ringing" }),
        DialProgress::EarlyMedia => json!({ "heard": "early_media" }),
        DialProgress::Answered { codec } => json!({ "heard": "answered", "codec": codec }),
        DialProgress::Failed { trunk, why } => {
            let mut failed = failed_json(*why);
            failed["heard"] = "failed".into();
            failed["trunk"] = trunk.as_str().into();
            failed
        }
    }
}

fn report_json(report: &TestReport) -> Value {
    let ms = |time: Duration| time.as_secs_f64() * 1000.0;
    // A tenth says all; what is beyond it is the noise of a conversion.
    let rounded = |value: f32, places: i32| {
        let scale = 10_f64.powi(places);
        (f64::from(value) * scale).round() / scale
    };
    json!({
        "outcome": "answered",
        "trunk": report.trunk.as_str(),
        "codec": report.codec,
        "lasted_ms": ms(report.lasted),
        "they_hung_up": report.they_hung_up,
        "packets_received": report.packets_received,
        "packets_lost": report.packets_lost,
        "packets_sent": report.packets_sent,
        "their_packets_lost": report.their_packets_lost,
        "heard_dbov": report.heard_dbov.map(|level| rounded(level, 1)),
        "mos": report.mos.map(|mos| rounded(mos, 2)),
        "their_mos": report.their_mos.map(|mos| rounded(mos, 2)),
        "jitter_ms": ms(report.jitter),
        "round_trip_ms": report.round_trip.map(ms),
        "keys": report.keys,
    })
}

/// How a trunk stands at one VRU.
pub(crate) fn status_json(vru: &str, status: &TrunkStatus) -> Value {
    json!({
        "vru": vru,
        "name": status.name.as_str(),
        "written_in": match status.origin {
            TrunkOrigin::Settings => "settings",
            TrunkOrigin::Command => "command",
        },
        "left_out": status.left_out,
        "calls": status.calls,
        "registration": status.registration.map(|state| state.to_string()),
    })
}
