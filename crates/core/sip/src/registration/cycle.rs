//! The machine: request, hold, refresh, wait.

use std::time::{Duration, Instant};

/// The first wait after a failure, and what it doubles to ([RFC 5626 §4.5]: all flows failed).
const BASE_WAIT: Duration = Duration::from_secs(30);
/// The longest.
const WAIT_MAX: Duration = Duration::from_secs(1_800);
/// How often the least time of a registrar is given way to before it counts as a failure.
const RAISES_MAX: u8 = 3;

/// What became of a REGISTER, authentication aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Heard {
    /// 2xx, with the time that is granted.
    Granted(Duration),
    /// 423, with the least time that is granted.
    TooBrief(Duration),
    /// Another refusal; `wait` is what Retry-After says.
    Refused { status: u16, wait: Option<Duration> },
    /// No answer, or no transport.
    Nothing,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Send REGISTER for this long (zero takes the registration back), to the target that is current.
    Ask { expires: Duration },
    /// The same, but to the next target.
    AskNext { expires: Duration },
    /// Registered; come back with `due` then.
    Hold { until: Instant, refresh_at: Instant },
    /// It failed; come back with `due` then.
    Wait { status: Option<u16>, retry_at: Instant },
    /// Taken back, or nothing to take back.
    Over,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Asking,
    Held { until: Instant },
    Waiting,
    Leaving,
    Over,
}

/// Where one registration stands.
#[derive(Debug)]
pub(crate) struct Cycle {
    state: State,
    /// What is asked for; 423 raises it.
    expires: Duration,
    /// Until when the registrar knows us, by its last grant.
    held_until: Option<Instant>,
    targets: usize,
    /// Targets that were tried for this request.
    tried: usize,
    /// Failures in a row.
    failures: u32,
    raises: u8,
    /// Whether it is to be taken back as soon as the request under way is answered.
    leaves: bool,
}

impl Cycle {
    /// Begins: the first request goes out at once.
    pub(crate) fn begin(expires: Duration, targets: usize) -> (Self, Step) {
        let cycle = Self {
            state: State::Asking,
            expires,
            held_until: None,
            targets: targets.max(1),
            tried: 1,
            failures: 0,
            raises: 0,
            leaves: false,
        };
        (cycle, Step::Ask { expires })
    }

    /// A request came to its end. `lot` is a random number.
    pub(crate) fn heard(&mut self, now: Instant, heard: Heard, lot: u64) -> Step {
        match self.state {
            State::Leaving => {
                self.state = State::Over;
                Step::Over
            }
            State::Asking if self.leaves => {
                if let Heard::Granted(granted) = heard {
                    self.held_until = Some(now + granted);
                }
                self.state = State::Waiting;
                self.leave(now).unwrap_or(Step::Over)
            }
            State::Asking => self.asked(now, heard, lot),
            // An answer to nothing: what holds goes on.
            State::Held { until } => {
                Step::Hold { until, refresh_at: until.min(now + Duration::from_secs(1)) }
            }
            State::Waiting => Step::Wait { status: None, retry_at: now + BASE_WAIT },
            State::Over => Step::Over,
        }
    }

    fn asked(&mut self, now: Instant, heard: Heard, lot: u64) -> Step {
        match heard {
            Heard::Granted(granted) if !granted.is_zero() => {
                let until = now + granted;
                (self.failures, self.raises, self.tried) = (0, 0, 1);
                (self.state, self.held_until) = (State::Held { until }, Some(until));
                Step::Hold { until, refresh_at: now + refresh_after(granted, lot) }
            }
            Heard::TooBrief(least) if least > self.expires && self.raises < RAISES_MAX => {
                self.raises += 1;
                self.expires = least;
                Step::Ask { expires: least }
            }
            Heard::Granted(_) => self.failed(now, Some(200), None, lot),
            Heard::TooBrief(_) => self.failed(now, Some(423), None, lot),
            // Another server of the same registrar may do better.
            Heard::Nothing => self.failed_here(now, None, None, lot),
            Heard::Refused { status: status @ (408 | 500..=599), wait } => {
                self.failed_here(now, Some(status), wait, lot)
            }
            Heard::Refused { status, wait } => self.failed(now, Some(status), wait, lot),
        }
    }

    fn failed_here(&mut self, now: Instant, status: Option<u16>, wait: Option<Duration>, lot: u64) -> Step {
        if self.tried < self.targets {
            self.tried += 1;
            return Step::AskNext { expires: self.expires };
        }
        self.failed(now, status, wait, lot)
    }

    fn failed(&mut self, now: Instant, status: Option<u16>, wait: Option<Duration>, lot: u64) -> Step {
        let own = backoff(self.failures, lot);
        self.failures = self.failures.saturating_add(1);
        (self.raises, self.tried, self.state) = (0, 1, State::Waiting);
        Step::Wait { status, retry_at: now + wait.map_or(own, |wait| wait.max(own)) }
    }

    /// The time of a `Hold` or `Wait` has come.
    pub(crate) fn due(&mut self) -> Step {
        match self.state {
            State::Held { .. } | State::Waiting => {
                self.state = State::Asking;
                Step::Ask { expires: self.expires }
            }
            State::Asking | State::Leaving | State::Over => Step::Over,
        }
    }

    /// The connection that we registered by is gone: nobody reaches us by it any more.
    pub(crate) fn flow_lost(&mut self, now: Instant, lot: u64) -> Option<Step> {
        let State::Held { .. } = self.state else { return None };
        Some(self.failed(now, None, None, lot))
    }

    /// It is not wanted any more. `None` while a request is under way: two at once could be heard in either order
    /// ([RFC 3261 §10.2]).
    pub(crate) fn leave(&mut self, now: Instant) -> Option<Step> {
        match self.state {
            State::Asking => {
                self.leaves = true;
                None
            }
            State::Held { .. } | State::Waiting if self.held_until.is_some_and(|until| until > now) => {
                self.state = State::Leaving;
                Some(Step::Ask { expires: Duration::ZERO })
            }
            State::Held { .. } | State::Waiting | State::Over => {
                self.state = State::Over;
                Some(Step::Over)
            }
            State::Leaving => None,
        }
    }

    /// There are other targets now, from the next round on.
    pub(crate) fn retarget(&mut self, targets: usize) {
        self.targets = targets.max(1);
    }
}

/// When to refresh: between three quarters and nine tenths of the time, so that many that began together drift apart,
/// and a lost refresh can be made up for.
fn refresh_after(granted: Duration, lot: u64) -> Duration {
    let millis = u64::try_from(granted.as_millis()).unwrap_or(u64::MAX);
    Duration::from_millis((millis / 1_000).saturating_mul(750 + lot % 151).max(500))
}

/// The wait after so many failures before: doubled each time, and between half of it and all by lot
/// ([RFC 5626 §4.5]).
fn backoff(failures: u32, lot: u64) -> Duration {
    let bound =
        BASE_WAIT.saturating_mul(1_u32.checked_shl(failures.min(16)).unwrap_or(u32::MAX)).min(WAIT_MAX);
    let half = bound / 2;
    half + half.mul_f64(f64::from(u32::try_from(lot % 1_001).unwrap_or(0)) / 1_000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);

    #[expect(clippy::disallowed_methods, reason = "a beginning of virtual time; no other clock is read")]
    fn begun(targets: usize) -> (Cycle, Instant) {
        let (cycle, step) = Cycle::begin(HOUR, targets);
        assert_eq!(step, Step::Ask { expires: HOUR });
        (cycle, Instant::now())
    }

    #[test]
    fn a_grant_is_refreshed_before_it_ends_and_not_by_all_at_once() {
        let mut refreshes = Vec::new();
        for lot in 0..200 {
            let (mut cycle, now) = begun(1);
            let Step::Hold { until, refresh_at } = cycle.heard(now, Heard::Granted(HOUR), lot) else {
                panic!("not held")
            };
            assert_eq!(until, now + HOUR);
            let part = (refresh_at - now).as_secs_f64() / HOUR.as_secs_f64();
            assert!((0.749..0.901).contains(&part), "{part}");
            refreshes.push(refresh_at);
            assert_eq!(cycle.due(), Step::Ask { expires: HOUR });
        }
        refreshes.dedup();
        assert!(refreshes.len() > 100);
    }

    /// Shows RFC 5626 §4.5: waits double from 30 s to half an hour, each between half of it and all.
    #[test]
    fn waits_double_to_half_an_hour() {
        let (mut cycle, mut now) = begun(1);
        let mut bound = 30.0;
        for round in 0..20_u64 {
            let heard =
                if round % 2 == 0 { Heard::Nothing } else { Heard::Refused { status: 403, wait: None } };
            let Step::Wait { retry_at, .. } = cycle.heard(now, heard, round * 331) else { panic!("no wait") };
            let wait = (retry_at - now).as_secs_f64();
            assert!((bound / 2.0..=bound).contains(&wait), "{wait} of {bound}");
            bound = (bound * 2.0_f64).min(1_800.0);
            now = retry_at;
            assert_eq!(cycle.due(), Step::Ask { expires: HOUR });
        }
        assert!(matches!(cycle.heard(now, Heard::Granted(HOUR), 0), Step::Hold { .. }));
        assert_eq!(cycle.due(), Step::Ask { expires: HOUR });
        let Step::Wait { retry_at, .. } = cycle.heard(now, Heard::Nothing, 0) else { panic!("no wait") };
        assert!(retry_at - now <= BASE_WAIT, "a success forgets the failures before");
    }

    #[test]
    fn a_registrar_that_asks_for_quiet_gets_it() {
        let (mut cycle, now) = begun(1);
        let wait = Some(Duration::from_secs(900));
        let step = cycle.heard(now, Heard::Refused { status: 503, wait }, 0);
        assert_eq!(step, Step::Wait { status: Some(503), retry_at: now + Duration::from_secs(900) });
    }

    /// Shows RFC 3261 §10.2.8: a registrar that wants longer times gets them, but not for ever longer ones.
    #[test]
    fn too_brief_is_raised_a_few_times() {
        let (mut cycle, now) = begun(1);
        for hours in 2..5 {
            assert_eq!(
                cycle.heard(now, Heard::TooBrief(HOUR * hours), 0),
                Step::Ask { expires: HOUR * hours }
            );
        }
        assert!(matches!(
            cycle.heard(now, Heard::TooBrief(HOUR * 9), 0),
            Step::Wait { status: Some(423), .. }
        ));
        let (mut cycle, now) = begun(1);
        assert!(matches!(cycle.heard(now, Heard::TooBrief(HOUR), 0), Step::Wait { status: Some(423), .. }));
    }

    #[test]
    fn each_target_is_tried_before_waiting() {
        let (mut cycle, now) = begun(3);
        let busy = Heard::Refused { status: 503, wait: None };
        assert_eq!(cycle.heard(now, Heard::Nothing, 0), Step::AskNext { expires: HOUR });
        assert_eq!(cycle.heard(now, busy, 0), Step::AskNext { expires: HOUR });
        assert!(matches!(cycle.heard(now, busy, 0), Step::Wait { status: Some(503), .. }));
        assert_eq!(cycle.due(), Step::Ask { expires: HOUR });
        let refused = Heard::Refused { status: 403, wait: None };
        assert!(
            matches!(cycle.heard(now, refused, 0), Step::Wait { status: Some(403), .. }),
            "that is final"
        );
    }

    #[test]
    fn what_the_registrar_knows_is_taken_back_and_nothing_else() {
        let (mut cycle, now) = begun(1);
        cycle.heard(now, Heard::Granted(HOUR), 0);
        let take_back = Step::Ask { expires: Duration::ZERO };
        assert_eq!(cycle.leave(now), Some(take_back));
        assert_eq!(cycle.heard(now, Heard::Nothing, 0), Step::Over);
        let (mut cycle, now) = begun(1);
        cycle.heard(now, Heard::Nothing, 0);
        assert_eq!(cycle.leave(now), Some(Step::Over));
        let (mut cycle, now) = begun(1);
        assert_eq!(cycle.leave(now), None, "its answer comes first");
        assert_eq!(cycle.heard(now, Heard::Granted(HOUR), 0), take_back);
        let (mut cycle, now) = begun(1);
        assert_eq!(cycle.leave(now), None);
        assert_eq!(cycle.heard(now, Heard::Nothing, 0), Step::Over);
    }
}
