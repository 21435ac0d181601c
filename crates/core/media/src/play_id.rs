//! The name of a program.

/// Names a program played to a leg, so that its end can be told from another's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PlayId(pub u64);
