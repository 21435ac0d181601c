//! Limits that span the stages of a journey: entry without a code, the longest call, silence on the line.

use std::time::{Duration, Instant};

use partyline_conference::{CodeMatch, LeaveReason};

use super::{Journey, Media, Stage};
use crate::prompt::Prompt;
use crate::script::Script;
use crate::wish::Ending;

#[derive(Debug, Clone, Copy)]
pub(super) enum CallLimit {
    None,
    WarnAt { warn: Instant, end: Instant },
    EndAt(Instant),
}

#[derive(Debug, Clone, Copy)]
pub(super) enum RtpExpected {
    Always,
    /// After a hold, silence counts from here.
    Since(Instant),
    NotOnHold,
}

impl CallLimit {
    pub(super) const fn deadline(self) -> Option<Instant> {
        match self {
            Self::None => None,
            Self::WarnAt { warn, .. } => Some(warn),
            Self::EndAt(end) => Some(end),
        }
    }
}

/// A warning is worth something only where the limit is longer than two of them.
fn is_worth_warning(limit: Duration, warning: Duration) -> bool {
    limit > warning * 2
}

impl Journey {
    pub(super) fn held_by_caller(&mut self, now: Instant, is_on_hold: bool) {
        if is_on_hold {
            self.rtp_expected = RtpExpected::NotOnHold;
        } else if let RtpExpected::NotOnHold = self.rtp_expected {
            self.rtp_expected = RtpExpected::Since(now);
        }
    }

    pub(super) fn quiet(&mut self, now: Instant, quiet_for: Duration) {
        let is_too_long = match self.rtp_expected {
            RtpExpected::Always => quiet_for >= self.no_rtp_max,
            RtpExpected::Since(since) => quiet_for >= self.no_rtp_max && now >= since + self.no_rtp_max,
            RtpExpected::NotOnHold => false,
        };
        if is_too_long {
            self.leave(now, LeaveReason::NoRtp);
        }
    }

    /// From here on the room's limits hold.
    pub(super) fn take_limits(&mut self, now: Instant, found: &CodeMatch) {
        self.entry_deadline = None;
        self.room = Some(found.room);
        self.account = Some(found.account);
        self.keys = self.key_maps.of(found.account);
        self.no_rtp_max = found.no_rtp_max;
        let warning = self.patience.wait_warning;
        self.wait_warned_at =
            is_worth_warning(found.wait_max, warning).then(|| now + found.wait_max - warning);
        let Some(call_max) = found.call_max else {
            return;
        };
        let began = match self.media {
            Media::Up { since } => since,
            Media::Unanswered | Media::Answering => now,
        };
        let end = began + call_max;
        self.call_limit = if is_worth_warning(call_max, self.patience.call_warning) {
            CallLimit::WarnAt { warn: end.checked_sub(self.patience.call_warning).unwrap_or(end), end }
        } else {
            CallLimit::EndAt(end)
        };
    }

    pub(super) fn check_call_limit(&mut self, now: Instant) {
        match self.call_limit {
            CallLimit::EndAt(end) if end <= now => {
                self.call_limit = CallLimit::None;
                if !matches!(self.stage, Stage::Leaving { .. }) {
                    self.leave(now, LeaveReason::CallTooLong);
                }
            }
            CallLimit::WarnAt { warn, end } if warn <= now => {
                self.call_limit = CallLimit::EndAt(end);
                if let Stage::Attending(_) = self.stage {
                    self.play(Script::say([Prompt::CallEndsSoon]));
                }
            }
            CallLimit::None | CallLimit::EndAt(_) | CallLimit::WarnAt { .. } => {}
        }
    }

    pub(super) fn check_entry_limit(&mut self, now: Instant) {
        let is_leaving = matches!(self.stage, Stage::Leaving { .. });
        if is_leaving || self.entry_deadline.is_none_or(|deadline| now < deadline) {
            return;
        }
        self.entry_deadline = None;
        if self.is_answered() {
            self.say_goodbye(now, Ending::NoCode, vec![Prompt::EntryTooLong]);
        } else {
            self.hang_up(Ending::NoCode);
        }
    }
}
