//! Facts about the machine and what it allows this process.

use std::time::{SystemTime, UNIX_EPOCH};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use partyline_engine::{IoChoice, IoDecision, RingError};

use super::{Finding, RunningServer};
use crate::config::Config;
use crate::moment;

/// The database, listeners, in-process connections, HTTP and the admin socket, with room to spare.
pub(crate) const OWN_DESCRIPTORS: u64 = 256;
/// RTP and RTCP.
const DESCRIPTORS_PER_CALL: u64 = 2;
/// No machine with a working clock shows a time before this program was written.
const YEAR_2026_SECONDS: u64 = 1_767_225_600;
/// Nor one after this program is forgotten: certificates and timers overflow long before.
const YEAR_2100_SECONDS: u64 = 4_102_444_800;

/// Raises the soft limit of file descriptors to the hard one; answers with what holds now.
pub(crate) fn raise_file_descriptors() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
        if let Err(error) = setrlimit(Resource::Nofile, raised) {
            tracing::warn!(%error, "the limit of file descriptors can't be raised");
        }
    }
    descriptors_allowed()
}

/// Has the kernel give memory by pages of 4 KiB rather than of 2 MiB. An allocator that spreads a few objects over many large
/// pages holds all of them: an idle server had 41 MB so, and gave less back after a storm.
pub(crate) fn refuse_huge_pages() {
    if let Err(error) = rustix::thread::disable_transparent_huge_pages(true) {
        tracing::warn!(%error, "the kernel gives memory by huge pages: this process will look larger than it is");
    }
}

/// File descriptors that this process may have now.
pub(crate) fn descriptors_allowed() -> u64 {
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// Whether there are file descriptors for the calls that the settings allow. `serve` raises the soft limit by itself, so
/// the hard one counts.
pub(crate) fn file_descriptors(config: &Config) -> Finding {
    file_descriptors_of(getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX), config)
}

fn file_descriptors_of(limit: u64, config: &Config) -> Finding {
    const CHECK: &str = "file descriptors";
    const ADVICE: &str = "raise it: `LimitNOFILE=65536` in the systemd unit, or `ulimit -Hn`";
    let seats: u64 = config.mixers.iter().map(|mixer| u64::from(mixer.seats_max)).sum();
    let calls_wanted = seats.min(u64::from(config.rtp_ports.pairs()));
    let calls = limit.saturating_sub(OWN_DESCRIPTORS) / DESCRIPTORS_PER_CALL;
    if limit <= OWN_DESCRIPTORS {
        return Finding::failing(CHECK, format!("only {limit} are allowed"), ADVICE);
    }
    if calls < calls_wanted {
        let says =
            format!("{limit} are allowed, enough for {calls} calls; the settings allow {calls_wanted}");
        return Finding::warning(CHECK, says, ADVICE);
    }
    Finding::fine(CHECK, format!("{limit} are allowed"))
}

/// Whether the wall clock shows a time that can be.
pub(crate) fn clock() -> Finding {
    clock_of(SystemTime::now())
}

fn clock_of(now: SystemTime) -> Finding {
    const CHECK: &str = "clock";
    let shown = moment::rfc3339(moment::timestamp(now));
    let seconds = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    if (YEAR_2026_SECONDS..YEAR_2100_SECONDS).contains(&seconds) {
        return Finding::fine(CHECK, shown);
    }
    Finding::failing(
        CHECK,
        format!("it shows {shown}"),
        "set it, and keep it right with chrony or systemd-timesyncd",
    )
}

/// Whether media threads may run ahead of other work.
pub(crate) fn real_time() -> Finding {
    const CHECK: &str = "real-time priority";
    /// [capabilities(7)]: CAP_SYS_NICE.
    const CAP_SYS_NICE: u64 = 1 << 23;
    let limit = getrlimit(Resource::Rtprio).current.unwrap_or(u64::MAX);
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let capabilities = status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))
        .and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok())
        .unwrap_or(0);
    if limit > 0 || capabilities & CAP_SYS_NICE != 0 {
        return Finding::fine(CHECK, "allowed");
    }
    Finding::warning(
        CHECK,
        "not allowed: on a busy machine audio and new calls wait for other work",
        "allow it: `LimitRTPRIO=20` and `LimitNICE=-10` in the systemd unit, or run nothing else on the machine",
    )
}

/// By what media threads receive and send: found out anew, and as a running server tells it.
pub(crate) fn media_io(config: &Config, server: Option<&RunningServer>) -> Finding {
    let found = media_io_of(config.media_io, config.media_io.decide());
    let Some((threads, by_ring)) = server.and_then(|server| server.media_threads) else {
        return found;
    };
    let says =
        format!("{}; the running server has io_uring on {by_ring} of {threads} media threads", found.says);
    Finding { says, ..found }
}

fn media_io_of(choice: IoChoice, decision: Result<IoDecision, RingError>) -> Finding {
    const CHECK: &str = "media I/O";
    match decision {
        Ok(IoDecision { kind, fallback: None }) => {
            let says = match choice {
                IoChoice::Auto => format!("{kind}, which works here"),
                IoChoice::Only(_) => format!("{kind}, as rtp.io says"),
            };
            Finding::fine(CHECK, says)
        }
        Ok(IoDecision { kind, fallback: Some(reason) }) => Finding::warning(
            CHECK,
            format!("{kind} sockets, as there is no io_uring: {reason}"),
            "calls cost more so; allow io_uring, or set rtp.io = \"plain\" if that is as it should be",
        ),
        Err(reason) => Finding::failing(
            CHECK,
            format!("rtp.io wants io_uring, and there is none: {reason}"),
            "allow it, or set rtp.io to \"auto\" or \"plain\"",
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use partyline_engine::IoKind;

    use super::super::State;
    use super::*;
    use crate::config::{Inputs, load};

    #[test]
    fn descriptors_are_counted_against_the_calls_that_are_allowed() {
        let config = load(&Inputs::default()).unwrap().config;
        assert_eq!(file_descriptors_of(256, &config).state, State::Failing);
        let few = file_descriptors_of(1024, &config);
        assert_eq!(few.state, State::Warning);
        assert_eq!(few.says, "1024 are allowed, enough for 384 calls; the settings allow 1000");
        assert_eq!(file_descriptors_of(65_536, &config).state, State::Fine);
    }

    #[test]
    fn a_fallback_to_plain_sockets_is_told_with_its_reason_and_fails_only_where_io_uring_must_be() {
        let refused = || RingError::Refused(std::io::Error::from_raw_os_error(1));
        let plain = IoDecision { kind: IoKind::Plain, fallback: Some(refused()) };
        let fallen_back = media_io_of(IoChoice::Auto, Ok(plain));
        assert_eq!(fallen_back.state, State::Warning);
        assert!(fallen_back.says.contains("seccomp"), "{}", fallen_back.says);
        let ring = || Ok(IoDecision { kind: IoKind::IoUring, fallback: None });
        assert_eq!(media_io_of(IoChoice::Auto, ring()).says, "io_uring, which works here");
        let only = IoChoice::Only(IoKind::IoUring);
        assert_eq!(media_io_of(only, ring()).state, State::Fine);
        assert_eq!(media_io_of(only, Err(refused())).state, State::Failing);
    }

    #[test]
    fn a_running_server_tells_how_many_of_its_threads_have_io_uring() {
        let config = load(&Inputs::default()).unwrap().config;
        let server = RunningServer { media_threads: Some((4, 3)), ..RunningServer::default() };
        let says = media_io(&config, Some(&server)).says;
        assert!(says.ends_with("the running server has io_uring on 3 of 4 media threads"), "{says}");
    }

    #[test]
    fn a_clock_of_1970_fails_and_is_shown() {
        let finding = clock_of(UNIX_EPOCH + Duration::from_secs(90));
        assert_eq!(
            (finding.state, finding.says.as_str()),
            (State::Failing, "it shows 1970-01-01T00:01:30.000Z")
        );
        assert_eq!(clock_of(UNIX_EPOCH + Duration::from_secs(YEAR_2026_SECONDS)).state, State::Fine);
    }
}
