//! Where a media thread runs and how urgently.

use std::io;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The cores that this process may run on, in ascending order.
#[must_use]
pub fn allowed_cores() -> Vec<usize> {
    let Ok(set) = sched_getaffinity(None) else {
        return Vec::new();
    };
    (0..CpuSet::MAX_CPU).filter(|&core| set.is_set(core)).collect()
}

/// Keeps the calling thread on one core.
///
/// # Errors
/// The system's, for a core that is not there or not allowed.
pub fn pin_this_thread(core: usize) -> io::Result<()> {
    if core >= CpuSet::MAX_CPU {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut set = CpuSet::new();
    set.set(core);
    sched_setaffinity(None, &set).map_err(io::Error::from)
}

/// Gives the calling thread real-time priority (`SCHED_FIFO`, 1 to 99). Threads that it starts do not inherit it.
///
/// # Errors
/// The system's: chiefly that it is not allowed (`CAP_SYS_NICE`, `RLIMIT_RTPRIO`).
#[expect(unsafe_code, reason = "no safe wrapper of sched_setscheduler is among our dependencies")]
pub fn raise_this_thread(priority: u8) -> io::Result<()> {
    let parameters = libc::sched_param { sched_priority: libc::c_int::from(priority) };
    let policy = libc::SCHED_FIFO | libc::SCHED_RESET_ON_FORK;
    // SAFETY: the parameters live through the call, and 0 is the calling thread.
    let result = unsafe { libc::sched_setscheduler(0, policy, &raw const parameters) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Has the calling thread run before others that have no real-time priority, by so many steps of [nice(2)]. Threads that it
/// starts inherit it.
///
/// # Errors
/// The system's: chiefly that it is not allowed (`CAP_SYS_NICE`, `RLIMIT_NICE`).
///
/// [nice(2)]: https://man7.org/linux/man-pages/man2/nice.2.html
pub fn prefer_this_thread(steps: u8) -> io::Result<()> {
    rustix::process::nice(-i32::from(steps)).map(drop).map_err(io::Error::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pinned_thread_has_its_core_alone() {
        let core = *allowed_cores().last().unwrap();
        let cores =
            std::thread::spawn(move || pin_this_thread(core).map(|()| allowed_cores())).join().unwrap();
        assert_eq!(cores.unwrap(), [core]);
    }

    #[test]
    fn a_core_that_is_not_there_is_an_error() {
        assert!(pin_this_thread(usize::MAX).is_err());
    }
}
