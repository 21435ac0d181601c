//! Our own source, file by file.

use std::path::Path;

use walkdir::WalkDir;

/// Folders that hold our Rust source.
const SOURCE_FOLDERS: &[&str] = &["crates", "bin", "tools", "tests", "xtask", "fuzz"];

/// Every Rust source file below the source folders, with its text.
pub(crate) fn all(root: &Path) -> anyhow::Result<Vec<(String, String)>> {
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
