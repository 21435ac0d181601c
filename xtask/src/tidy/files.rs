//! No file is too long to be held in mind.

use std::path::Path;

use crate::sources;
/// More lines are a bug.
const LINES_MAX: usize = 800;

/// Names files over the limit.
pub(super) fn check(root: &Path) -> anyhow::Result<Vec<String>> {
    let too_long = sources::all(root)?.into_iter().filter_map(|(path, text)| {
        let lines = text.lines().count();
        (lines > LINES_MAX).then(|| format!("{path} has {lines} lines; {LINES_MAX} is the most"))
    });
    Ok(too_long.collect())
}
