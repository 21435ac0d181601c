//! Dialling out: who may, through which trunks, and when the next one is tried.

use std::sync::Arc;

use partyline_conference::TrunkName;

use crate::number::DialNumber;
use crate::trunk::{DialOut, Trunk};
use crate::trunks::Trunks;

/// Who wants to dial out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DialRight {
    /// The operator, over the server's own socket.
    Operator,
    /// The CMS, which has let a caller have this number called: made of what it says, never of what a caller keys.
    Outdial,
    /// A caller, of a trunk or of none. Being let in gives nobody a right to call others at our cost.
    Caller,
}

/// Who asked may not dial out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("callers may not dial out")]
pub struct NoRight;

/// One way to a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    /// Through this trunk, which has a way out.
    pub trunk: Arc<Trunk>,
    /// The number as it is sent.
    pub number: String,
}

impl Way {
    /// How calls go out there.
    #[must_use]
    pub fn dial_out(&self) -> &DialOut {
        self.trunk.dial_out.as_ref().expect("a way is made of a trunk that has one")
    }
}

/// How an attempt through one trunk ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was refused by this status.
    Refused(u16),
    /// Nobody was reached: no address, no connection, or no answer at all.
    Unreachable,
    /// The callee rang, and nobody answered.
    NoAnswer,
}

impl Outcome {
    /// Whether another trunk may do better: where this one failed, not where the callee said no. Who does not take our
    /// password has failed, too.
    #[must_use]
    pub const fn is_the_trunks(self) -> bool {
        match self {
            Self::Refused(status) => matches!(status, 401 | 407 | 408 | 500..600),
            Self::Unreachable => true,
            Self::NoAnswer => false,
        }
    }
}

impl Trunks {
    /// The ways to a number, in the order in which they are tried: the longest prefix first, then the lowest priority,
    /// then by name. `wanted` leaves one trunk only.
    ///
    /// # Errors
    /// [`NoRight`] for who may not dial out.
    pub fn ways(
        &self,
        right: DialRight,
        number: &DialNumber,
        wanted: Option<&TrunkName>,
    ) -> Result<Vec<Way>, NoRight> {
        match right {
            DialRight::Operator | DialRight::Outdial => {}
            DialRight::Caller => return Err(NoRight),
        }
        let trunks = self.iter().filter(|trunk| wanted.is_none_or(|wanted| trunk.name == *wanted));
        let mut ways: Vec<(usize, u16, Way)> = trunks
            .filter_map(|trunk| {
                let out = trunk.dial_out.as_ref()?;
                let number =
                    trunk.number_plan.as_ref().map_or_else(|| number.clone(), |plan| plan.normalise(number));
                let (prefix, number) = out.fitting(&number)?;
                Some((prefix, out.priority, Way { trunk: Arc::clone(trunk), number }))
            })
            .collect();
        // The sort keeps the order by name of what is alike.
        ways.sort_by_key(|(prefix, priority, _)| (std::cmp::Reverse(*prefix), *priority));
        Ok(ways.into_iter().map(|(_, _, way)| way).collect())
    }
}

impl DialOut {
    /// The length of the longest prefix that the number has, and the number as it is sent.
    fn fitting(&self, number: &DialNumber) -> Option<(usize, String)> {
        let fitting =
            self.rules.iter().filter_map(|rule| Some((rule.prefix.len(), rule.apply(number.as_str())?)));
        fitting.max_by_key(|(prefix, _)| *prefix)
    }
}
