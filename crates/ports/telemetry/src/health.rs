//! The health registry: named checks, each fine or failing with a reason.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// What is fine and what is not, of one process. Cheap to clone; all clones see the same.
#[derive(Debug, Clone, Default)]
pub struct Health {
    checks: Arc<Mutex<BTreeMap<String, Option<String>>>>,
}

/// One named fact of the registry. Dropping it takes the fact out of the report.
#[derive(Debug)]
pub struct Check {
    name: String,
    health: Health,
}

/// A fact that keeps the process from being ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failing {
    /// The check's name.
    pub check: String,
    /// Why it fails, in a sentence for an operator.
    pub reason: String,
}

/// The whole picture at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HealthReport {
    /// Names of the checks that are fine, in alphabetical order.
    pub fine: Vec<String>,
    /// The others, in alphabetical order.
    pub failing: Vec<Failing>,
}

impl HealthReport {
    /// Whether nothing fails.
    #[must_use]
    pub const fn is_ready(&self) -> bool {
        self.failing.is_empty()
    }
}

impl Health {
    /// A registry without any check; it is ready.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a check that fails for `reason` until it is told otherwise. A name that is in use is taken over.
    #[must_use]
    pub fn check(&self, name: &str, reason: &str) -> Check {
        let check = Check { name: name.to_owned(), health: self.clone() };
        check.fails(reason);
        check
    }

    /// How everything stands now.
    #[must_use]
    pub fn report(&self) -> HealthReport {
        let mut report = HealthReport::default();
        for (name, reason) in self.checks.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            match reason {
                None => report.fine.push(name.clone()),
                Some(reason) => report.failing.push(Failing { check: name.clone(), reason: reason.clone() }),
            }
        }
        report
    }

    fn set(&self, name: &str, reason: Option<String>) {
        let mut checks = self.checks.lock().unwrap_or_else(PoisonError::into_inner);
        checks.insert(name.to_owned(), reason);
    }
}

impl Check {
    /// The fact holds.
    pub fn is_fine(&self) {
        self.health.set(&self.name, None);
    }

    /// The fact does not hold, for this reason.
    pub fn fails(&self, reason: &str) {
        self.health.set(&self.name, Some(reason.to_owned()));
    }

    /// Takes the outcome of a test.
    pub fn set<E: std::fmt::Display>(&self, outcome: Result<(), E>) {
        self.health.set(&self.name, outcome.err().map(|error| error.to_string()));
    }
}

impl Drop for Check {
    fn drop(&mut self) {
        let mut checks = self.health.checks.lock().unwrap_or_else(PoisonError::into_inner);
        checks.remove(&self.name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_fails_until_it_is_told_to_be_fine() {
        let health = Health::new();
        let database = health.check("database", "not opened yet");
        assert_eq!(
            health.report().failing,
            [Failing { check: "database".into(), reason: "not opened yet".into() }]
        );
        database.is_fine();
        assert!(health.report().is_ready());
        assert_eq!(health.report().fine, ["database"]);
    }

    #[test]
    fn one_failing_check_among_many_makes_the_whole_not_ready() {
        let health = Health::new();
        let clock = health.check("clock", "unknown");
        let ports = health.check("ports", "unknown");
        clock.set(Ok::<(), String>(()));
        ports.set(Err("5060 is taken"));
        assert!(!health.report().is_ready());
        ports.set(Ok::<(), String>(()));
        assert!(health.report().is_ready());
        clock.fails("the year is 1970");
        assert!(!health.report().is_ready());
    }

    #[test]
    fn a_dropped_check_no_longer_counts() {
        let health = Health::new();
        let check = health.check("roles", "starting");
        drop(check);
        assert!(health.report().is_ready());
    }
}
