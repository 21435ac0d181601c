//! Which mix should go to another thread, so that all threads have as much to do.
//!
//! A leg costs much the same whatever mix it is in, so what is made alike is the number of legs. One mix moves at a time,
//! and only where that more than pays for the one packet of each leg that comes a little early or late.

use std::io;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use crate::types::MixKey;

/// How often it is looked at.
const EVERY: Duration = Duration::from_secs(5);
/// Threads may be unequal by so many legs,
const GAP_MIN: usize = 10;
/// or by this part of the legs of the busiest.
const GAP_PART: usize = 10;

/// A mix as it weighs on its thread.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    pub(crate) mix: MixKey,
    pub(crate) thread: usize,
    pub(crate) legs: usize,
}

/// A mix that should move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Move {
    pub(crate) mix: MixKey,
    pub(crate) from: usize,
    pub(crate) to: usize,
}

/// Chooses a mix on the thread with the most legs for the one with the fewest: the largest that does not make that one
/// the busier of the two. None where threads are alike, or nothing that is worth it can move.
pub(crate) fn choose(legs: &[usize], mixes: impl Iterator<Item = Load>) -> Option<Move> {
    let from = (0..legs.len()).max_by_key(|&thread| legs[thread])?;
    let to = (0..legs.len()).min_by_key(|&thread| legs[thread])?;
    let gap = legs[from] - legs[to];
    let allowed = GAP_MIN.max(legs[from] / GAP_PART);
    if gap <= allowed {
        return None;
    }
    let most = gap / 2;
    let least = (gap / GAP_PART).max(1);
    mixes
        .filter(|load| load.thread == from && (least..=most).contains(&load.legs))
        .max_by_key(|load| load.legs)
        .map(|load| Move { mix: load.mix, from, to })
}

/// Ends the balancing when it is dropped.
pub(crate) type Balancing = SyncSender<()>;

/// Calls this every few seconds until it answers no, or what is given back is dropped.
pub(crate) fn start(mut balance: impl FnMut() -> bool + Send + 'static) -> io::Result<Balancing> {
    let (balancing, dropped) = sync_channel::<()>(1);
    std::thread::Builder::new()
        .name("mix-balancer".to_owned())
        .spawn(move || while dropped.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) && balance() {})?;
    Ok(balancing)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn loads(mixes: &[(usize, usize)]) -> impl Iterator<Item = Load> + '_ {
        (0..).zip(mixes).map(|(mix, &(thread, legs))| Load { mix: MixKey(mix), thread, legs })
    }

    #[test]
    fn the_largest_mix_moves_that_does_not_turn_the_scales() {
        let mixes = [(0, 90), (0, 40), (0, 20), (1, 30)];
        let choice = choose(&[150, 30], loads(&mixes));
        assert_eq!(choice, Some(Move { mix: MixKey(1), from: 0, to: 1 }));
    }

    #[test]
    fn threads_that_are_alike_and_one_great_mix_stay_as_they_are() {
        assert_eq!(choose(&[30, 24], loads(&[(0, 3), (0, 27)])), None);
        assert_eq!(choose(&[1_000, 0], loads(&[(0, 1_000)])), None);
        assert_eq!(choose(&[1_000], loads(&[(0, 500)])), None);
        assert_eq!(choose(&[], loads(&[])), None);
    }

    proptest! {
        #[test]
        fn each_move_makes_threads_more_alike_until_there_is_none(
            mixes in proptest::collection::vec((0_usize..4, 0_usize..200), 0..60),
        ) {
            let mut mixes = mixes;
            let squares = |legs: &[usize]| legs.iter().map(|legs| legs * legs).sum::<usize>();
            let legs = |mixes: &[(usize, usize)]| {
                let mut legs = vec![0; 4];
                mixes.iter().for_each(|(thread, count)| legs[*thread] += count);
                legs
            };
            let mut before = squares(&legs(&mixes));
            while let Some(choice) = choose(&legs(&mixes), loads(&mixes)) {
                mixes[choice.mix.0 as usize].0 = choice.to;
                let after = squares(&legs(&mixes));
                prop_assert!(after < before);
                before = after;
            }
        }
    }
}
