//! baresip enters a code by its own DTMF, is heard, and hears the mix.

use std::time::Duration;

use callbench::{Bench, BenchConfig, CallPlan};
use partyline_audio::level::tone_level_dbov;
use partyline_claims::{Server, loopback_of_my_own};
use partyline_interop::Baresip;

const BARESIP_HZ: f32 = 440.0;
const OTHER_HZ: f32 = 1000.0;
/// A tone that is in the mix is far above this, and one that is not is far below.
const AUDIBLE_DBOV: f32 = -35.0;

/// Shows RFC 4733 §2.5: keys of another program are understood, each once.
#[tokio::test]
async fn baresip_enters_the_code_by_its_own_dtmf_and_hears_the_mix() {
    let server = Server::start().unwrap();
    let codes = server.create_room("interop", &["--entry", "start"]).unwrap();
    let bench = Bench::start(BenchConfig::new(loopback_of_my_own().into())).await.unwrap();
    let other = bench.call(CallPlan::new(server.uri(&codes.host)).tone(OTHER_HZ)).await.unwrap();
    other.wait_answered().await.unwrap();

    let mut phone = Baresip::call(loopback_of_my_own(), &server.uri("conference"), BARESIP_HZ).unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    for key in codes.participant.chars().chain(['#']) {
        phone.press(key).unwrap();
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    other.wait_hears(BARESIP_HZ).await.unwrap_or_else(|error| panic!("{error}\n{}", phone.printed()));
    tokio::time::sleep(Duration::from_secs(3)).await;
    phone.quit().unwrap();

    let heard = phone.heard().unwrap();
    let last_two_seconds = &heard[heard.len().saturating_sub(16_000)..];
    let level = tone_level_dbov(last_two_seconds, 8000, OTHER_HZ);
    assert!(level > AUDIBLE_DBOV, "baresip hears the other caller at {level} dBov");
    let own = tone_level_dbov(last_two_seconds, 8000, BARESIP_HZ);
    assert!(own < AUDIBLE_DBOV - 20.0, "baresip hears itself at {own} dBov");
    let joined = "joined_at IS NOT NULL";
    assert_eq!(server.count("conferee", joined).await.unwrap(), 2);
}
