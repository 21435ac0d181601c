//! What is found where the system forbids io_uring, as containers do.

use std::io;

use crate::{IoChoice, IoKind, RingError, RingIo};

/// Has the kernel refuse io_uring to this thread, as the seccomp profiles of containers do [seccomp(2)].
///
/// [seccomp(2)]: https://man7.org/linux/man-pages/man2/seccomp.2.html
#[expect(unsafe_code, reason = "no safe wrapper of seccomp is among our dependencies")]
fn forbid_rings() -> io::Result<()> {
    const SET_UP: u32 = libc::SYS_io_uring_setup as u32;
    const FILTER: libc::c_ulong = libc::SECCOMP_MODE_FILTER as libc::c_ulong;
    const YES: libc::c_ulong = 1;
    const NOTHING: libc::c_ulong = 0;
    let instruction = |code: u32, jt, jf, k| libc::sock_filter { code: code as u16, jt, jf, k };
    let mut filter = [
        // The number of the call is at the beginning of what the filter sees.
        instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        instruction(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, 1, SET_UP),
        instruction(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ERRNO | libc::EPERM as u32),
        instruction(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
    // SAFETY: the program lives through the calls, and they change nothing but what this thread may do.
    let result = unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, YES, NOTHING, NOTHING, NOTHING);
        libc::prctl(libc::PR_SET_SECCOMP, FILTER, &raw const program)
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// A thread of its own, as what is forbidden once stays so.
fn where_it_is_forbidden(look: impl FnOnce() + Send + 'static) {
    let thread = std::thread::spawn(|| {
        forbid_rings().expect("every kernel of ours has seccomp");
        look();
    });
    thread.join().expect("the look did not fail");
}

#[test]
fn plain_sockets_are_what_is_left_where_seccomp_forbids_rings() {
    where_it_is_forbidden(|| {
        assert!(RingIo::new().is_err());
        let decision = IoChoice::Auto.decide().unwrap();
        assert_eq!(decision.kind, IoKind::Plain);
        assert!(decision.fallback.unwrap().to_string().contains("seccomp"));
    });
}

#[test]
fn who_wants_a_ring_only_is_told_why_there_is_none() {
    where_it_is_forbidden(|| {
        let error = IoChoice::Only(IoKind::IoUring).decide().unwrap_err();
        assert!(matches!(error, RingError::Refused(_)), "{error}");
        assert!(IoChoice::Only(IoKind::Plain).decide().is_ok());
    });
}
