//! Where a mix is, for whoever looks for it: it may move from thread to thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

/// What the engine knows of a mix, wherever it is; the mix's thread writes most of it.
#[derive(Debug, Clone)]
pub(crate) struct MixHome(Arc<Home>);

#[derive(Debug)]
struct Home {
    /// Its thread looks at this with each tick, so that a mailbox without room for the command delays the end, but
    /// never prevents it.
    is_ending: AtomicBool,
    place: AtomicU64,
    legs: AtomicUsize,
}

/// Where a mix is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MixPlace {
    pub(crate) thread: usize,
    /// The thread's panics when the mix came to it: after another one it is gone.
    pub(crate) panics: u64,
}

impl MixPlace {
    const THREAD_BITS: u32 = 16;

    const fn to_bits(self) -> u64 {
        self.panics << Self::THREAD_BITS | self.thread as u64
    }

    const fn of_bits(bits: u64) -> Self {
        let thread = (bits & ((1 << Self::THREAD_BITS) - 1)) as usize;
        Self { thread, panics: bits >> Self::THREAD_BITS }
    }
}

impl MixHome {
    pub(crate) fn new(place: MixPlace) -> Self {
        Self(Arc::new(Home {
            is_ending: AtomicBool::new(false),
            place: AtomicU64::new(place.to_bits()),
            legs: AtomicUsize::new(0),
        }))
    }

    pub(crate) fn end(&self) {
        self.0.is_ending.store(true, Ordering::Release);
    }

    pub(crate) fn is_ending(&self) -> bool {
        self.0.is_ending.load(Ordering::Acquire)
    }

    pub(crate) fn place(&self) -> MixPlace {
        MixPlace::of_bits(self.0.place.load(Ordering::Acquire))
    }

    /// Notes that it has gone from one place to another, unless it has gone on since.
    pub(crate) fn moved(&self, from: MixPlace, to: MixPlace) {
        let bits = (from.to_bits(), to.to_bits());
        let _ = self.0.place.compare_exchange(bits.0, bits.1, Ordering::AcqRel, Ordering::Relaxed);
    }

    /// How many legs are in.
    pub(crate) fn legs(&self) -> usize {
        self.0.legs.load(Ordering::Relaxed)
    }

    pub(crate) fn has_legs(&self, legs: usize) {
        self.0.legs.store(legs, Ordering::Relaxed);
    }
}
