//! Which backend there is to be, and whether it can be had: found out by trying it.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd as _;
use std::str::FromStr;
use std::time::Duration;

use crate::ring::Ring;

/// What a probe sends.
const PROBE: &[u8] = b"partyline";
/// How often a probe looks for it, and how long it waits in between: loopback delivers at once, but promises nothing.
const LOOKS: usize = 200;
const LOOK_EVERY: Duration = Duration::from_millis(1);

/// A backend by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IoKind {
    /// [`PlainIo`](crate::PlainIo).
    Plain,
    /// [`RingIo`](crate::RingIo).
    IoUring,
}

impl IoKind {
    /// Both of them.
    pub const ALL: [Self; 2] = [Self::Plain, Self::IoUring];

    /// `plain` or `io_uring`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::IoUring => "io_uring",
        }
    }
}

impl fmt::Display for IoKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Which backend is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IoChoice {
    /// io_uring where it can be had, plain sockets elsewhere.
    #[default]
    Auto,
    /// This one.
    Only(IoKind),
}

/// No backend has this name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected auto, plain or io_uring")]
pub struct IoChoiceError;

impl FromStr for IoChoice {
    type Err = IoChoiceError;

    fn from_str(text: &str) -> Result<Self, IoChoiceError> {
        if text == "auto" {
            return Ok(Self::Auto);
        }
        IoKind::ALL.into_iter().find(|kind| kind.as_str() == text).map(Self::Only).ok_or(IoChoiceError)
    }
}

impl fmt::Display for IoChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::Only(kind) => kind.as_str(),
        })
    }
}

/// Which backend it is to be, and why it is not the better one.
#[derive(Debug)]
pub struct IoDecision {
    /// The backend.
    pub kind: IoKind,
    /// Why io_uring was wanted and can't be had.
    pub fallback: Option<RingError>,
}

impl IoChoice {
    /// Tries io_uring where it is wanted.
    ///
    /// # Errors
    /// [`RingError`] where only io_uring is wanted, and it can't be had.
    pub fn decide(self) -> Result<IoDecision, RingError> {
        self.decide_by(probe_ring)
    }

    fn decide_by(self, probe: impl FnOnce() -> Result<(), RingError>) -> Result<IoDecision, RingError> {
        let (kind, fallback) = match self {
            Self::Only(IoKind::Plain) => (IoKind::Plain, None),
            Self::Only(IoKind::IoUring) => {
                probe()?;
                (IoKind::IoUring, None)
            }
            Self::Auto => match probe() {
                Ok(()) => (IoKind::IoUring, None),
                Err(error) => (IoKind::Plain, Some(error)),
            },
        };
        Ok(IoDecision { kind, fallback })
    }
}

/// Why io_uring can't be had.
#[derive(Debug, thiserror::Error)]
pub enum RingError {
    /// The system makes no ring for us.
    #[error("{}", refusal(.0))]
    Refused(io::Error),
    /// There is no thread, or there are no sockets on loopback, to try it with.
    #[error("it can't be tried: {0}")]
    Means(io::Error),
    /// A ring was made, and does not carry datagrams as it should.
    #[error("it was tried, and carries no datagrams")]
    Useless,
}

fn refusal(error: &io::Error) -> String {
    let why = match error.raw_os_error() {
        Some(libc::EPERM | libc::EACCES) => {
            "it is forbidden here, by `sysctl kernel.io_uring_disabled` or by a container's seccomp profile"
        }
        Some(libc::ENOSYS) => "the kernel has none, or a container's seccomp profile hides it",
        Some(libc::EINVAL) => "the kernel is older than Linux 6.1",
        Some(libc::ENOMEM) => {
            "there is no memory for it: the limit of locked memory (RLIMIT_MEMLOCK) or of the container"
        }
        Some(libc::EMFILE | libc::ENFILE) => "there are too few file descriptors",
        _ => return error.to_string(),
    };
    format!("{why} ({error})")
}

/// Makes a ring as media threads do, and has it carry a datagram over loopback.
///
/// # Errors
/// [`RingError`] where a media thread could not work by it.
pub fn probe_ring() -> Result<(), RingError> {
    // The kernel takes a ring down later, and interrupts what its thread then waits for: so not the caller's.
    let prober = std::thread::Builder::new().name("ring-probe".to_owned()).spawn(try_ring);
    prober.map_err(RingError::Means)?.join().unwrap_or(Err(RingError::Useless))
}

fn try_ring() -> Result<(), RingError> {
    let mut ring = Ring::new().map_err(RingError::Refused)?;
    let (here, there) = loopback_sockets().map_err(RingError::Means)?;
    // What waits for nothing has to say so at once.
    let is_silent = ring.receive(&[there.as_raw_fd()]).is_ok() && matches!(ring.received(0), Ok(None));
    if !is_silent || !ring.hold(here.as_raw_fd(), PROBE) || ring.send() != Ok(0) {
        return Err(RingError::Useless);
    }
    for _ in 0..LOOKS {
        ring.receive(&[there.as_raw_fd()]).map_err(|_| RingError::Useless)?;
        match ring.received(0) {
            Ok(Some(PROBE)) => return Ok(()),
            Ok(None) => std::thread::sleep(LOOK_EVERY),
            Ok(Some(_)) | Err(_) => break,
        }
    }
    Err(RingError::Useless)
}

/// Two sockets that are connected to each other.
fn loopback_sockets() -> io::Result<(UdpSocket, UdpSocket)> {
    let bind =
        || UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).or_else(|_| UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)));
    let (here, there): (UdpSocket, UdpSocket) = (bind()?, bind()?);
    let (here_at, there_at): (SocketAddr, SocketAddr) = (here.local_addr()?, there.local_addr()?);
    here.connect(there_at)?;
    there.connect(here_at)?;
    Ok((here, there))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(code: i32) -> RingError {
        RingError::Refused(io::Error::from_raw_os_error(code))
    }

    #[test]
    fn io_uring_is_taken_where_it_can_be_had() {
        for choice in [IoChoice::Auto, IoChoice::Only(IoKind::IoUring)] {
            let decision = choice.decide_by(|| Ok(())).unwrap();
            assert!(decision.kind == IoKind::IoUring && decision.fallback.is_none());
        }
    }

    #[test]
    fn plain_sockets_are_what_is_left_where_it_is_forbidden_and_the_reason_is_kept() {
        let decision = IoChoice::Auto.decide_by(|| Err(refused(libc::EPERM))).unwrap();
        assert_eq!(decision.kind, IoKind::Plain);
        let reason = decision.fallback.unwrap().to_string();
        assert!(reason.contains("seccomp") && reason.contains("io_uring_disabled"), "{reason}");
    }

    #[test]
    fn who_wants_io_uring_only_gets_no_other() {
        let error = IoChoice::Only(IoKind::IoUring).decide_by(|| Err(refused(libc::EINVAL))).unwrap_err();
        assert!(error.to_string().contains("older than Linux 6.1"), "{error}");
    }

    #[test]
    fn who_wants_plain_sockets_is_not_kept_waiting_by_a_probe() {
        let decision = IoChoice::Only(IoKind::Plain).decide_by(|| panic!("nobody asked")).unwrap();
        assert!(decision.kind == IoKind::Plain && decision.fallback.is_none());
    }

    #[test]
    fn choices_read_as_they_are_written() {
        for word in ["auto", "plain", "io_uring"] {
            assert_eq!(word.parse::<IoChoice>().unwrap().to_string(), word);
        }
        for wrong in ["", "Auto", "io-uring", "epoll", "plain "] {
            assert_eq!(wrong.parse::<IoChoice>(), Err(IoChoiceError), "{wrong}");
        }
    }
}
