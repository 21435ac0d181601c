//! The keypad measured from outside: how soon keys have their effect in the sound, a long roll call browsed, and random
//! use for as long as is wished.
//!
//! **Invariant:** a moment is told by packets alone: the first one of a key, and the first one in which its effect is heard.

mod browse;
mod effect;
mod fumble;

use std::time::{Duration, Instant};

pub use browse::{BrowsePlan, BrowseReport};
pub use effect::{EffectPlan, EffectReport};
pub use fumble::{FumblePlan, FumbleReport};

use crate::bench::Bench;
use crate::caller::Caller;
use crate::error::{BenchError, WaitError};
use crate::plan::CallPlan;

/// How often a moment is asked for.
const LOOK: Duration = Duration::from_millis(10);

/// A run could not be made, or came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum KeypadError {
    /// The bench.
    #[error(transparent)]
    Bench(#[from] BenchError),
    /// Somebody did not get where they should.
    #[error(transparent)]
    Wait(#[from] WaitError),
    /// No room to call.
    #[error("no rooms are given")]
    NoRooms,
}

/// Where a user part is reached: `target` is `sip:HOST:PORT`, perhaps with a user part of its own.
fn uri(target: &str, user: &str) -> String {
    let (scheme, rest) = target.split_once(':').unwrap_or(("sip", target));
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    format!("{scheme}:{user}@{host}")
}

/// Calls a code directly, and waits until the call is up.
async fn dial(
    bench: &Bench,
    target: &str,
    code: &str,
    shape: impl FnOnce(CallPlan) -> CallPlan,
) -> Result<Caller, KeypadError> {
    let caller = bench.call(shape(CallPlan::new(uri(target, code)))).await?;
    caller.wait_answered().await?;
    Ok(caller)
}

/// Presses keys; when the first packet of the last one was sent.
async fn press(caller: &Caller, keys: &str) -> Result<Instant, KeypadError> {
    caller.send_digits(keys);
    let at = caller.wait_digits_sent().await?;
    Ok(at.unwrap_or_else(Instant::now))
}

/// Waits until what is listened for is so; `None` where it does not come to be in this time.
async fn moment(caller: &Caller, at_most: Duration) -> Option<Instant> {
    let until = Instant::now() + at_most;
    loop {
        let found = caller.heard_at().await;
        if found.is_some() || Instant::now() > until {
            return found;
        }
        tokio::time::sleep(LOOK).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_dialled_at_the_targets_host() {
        assert_eq!(uri("sip:127.0.0.1:5060", "123"), "sip:123@127.0.0.1:5060");
        assert_eq!(uri("sip:conference@h;transport=tcp", "123"), "sip:123@h;transport=tcp");
    }
}
