//! What calls leave behind in an endpoint: nothing that grows with their number.
#![expect(unsafe_code, reason = "an allocator that counts has to be one")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use partyline_sim::Exchange;

struct Counting;

thread_local! {
    static OCTETS: Cell<isize> = const { Cell::new(0) };
}

fn count(octets: usize, sign: isize) {
    OCTETS.set(OCTETS.get() + sign * isize::try_from(octets).expect("no allocation is that large"));
}

// SAFETY: everything is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 1);
        // SAFETY: as of this function.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(layout.size(), -1);
        // SAFETY: as of this function.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// Ends that have had thousands of calls weigh as much as those that have had a few hundred, to the octet but for the
/// room of a queue that once was longer.
#[test]
fn memory_is_what_it_was_when_all_calls_are_over() {
    const QUEUES: isize = 16 * 1024;
    let mut exchange = Exchange::new(1);
    exchange.calls(300);
    let after_few = OCTETS.get();
    exchange.calls(3_000);
    let more = OCTETS.get() - after_few;
    eprintln!("{after_few} octets after few calls, {more} more after many");
    assert!(more <= QUEUES, "3,000 calls left {more} octets behind");
    assert_eq!(exchange.entries(), 0);
}
