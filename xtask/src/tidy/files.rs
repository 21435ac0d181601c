//! No file is too long to be held in mind.

use std::path::Path;

use walkdir::WalkDir;

/// More lines are a bug.
const LINES_MAX: usize = 800;

/// Folders that hold our Rust source.
pub(super) const SOURCE_FOLDERS: &[&str] = &["crates", "bin", "tools", "tests", "xtask", "fuzz"];

/// Every Rust source file below the source folders, with its text.
pub(super) fn sources(root: &Path) -> anyhow::Result<Vec<(String, String)>> {
    let mut sources = Vec::new();
    for folder in SOURCE_FOLDERS {
        for entry in WalkDir::new(root.join(folder)).into_iter().filter_map(Result::ok) {
            let path = entry.path();
            let is_source = path.extension().is_some_and(|ending| ending == "rs");
            if is_source && !path.components().any(|part| part.as_os_str() == "target") {
                let shown = path.strip_prefix(root).unwrap_or(path).display().to_string();
                sources.push((shown, std::fs::read_to_string(path)?));
            }
        }
    }
    Ok(sources)
}

/// Names files over the limit.
pub(super) fn check(root: &Path) -> anyhow::Result<Vec<String>> {
    let too_long = sources(root)?.into_iter().filter_map(|(path, text)| {
        let lines = text.lines().count();
        (lines > LINES_MAX).then(|| format!("{path} has {lines} lines; {LINES_MAX} is the most"))
    });
    Ok(too_long.collect())
}
