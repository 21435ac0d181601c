//! `cargo xtask docs`: docs/sip.md, made from what the tests say that they show.
//!
//! A test says so in doc lines directly above its test attribute; nothing in the page is written by hand but its
//! introduction, which stands beside it. `cargo xtask tidy` fails while page and tests differ.

mod claims;
mod page;

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use cargo_metadata::MetadataCommand;

use crate::{run, sources};
use claims::{Claim, claims_of};

/// The page that is made.
const PAGE: &str = "docs/sip.md";
/// What is written by hand above its tables.
const INTRODUCTION: &str = "docs/sip.introduction.md";

/// Writes the page.
pub(crate) fn run() -> anyhow::Result<()> {
    let root = run::root();
    let (page, wrong) = made(&root)?;
    for line in &wrong {
        run::say(line);
    }
    if !wrong.is_empty() {
        bail!("{} lines about an RFC can't be read; {PAGE} is as it was", wrong.len());
    }
    std::fs::write(root.join(PAGE), page).with_context(|| format!("{PAGE} can't be written"))
}

/// Names lines that can't be read, and a page that is not what the tests say.
pub(crate) fn check(root: &Path) -> anyhow::Result<Vec<String>> {
    let (page, mut wrong) = made(root)?;
    if std::fs::read_to_string(root.join(PAGE)).ok().as_deref() != Some(page.as_str()) {
        wrong.push(format!("{PAGE} is not what the tests say: run `cargo xtask docs`"));
    }
    Ok(wrong)
}

/// The page as it should be, and what is wrong in the tests.
fn made(root: &Path) -> anyhow::Result<(String, Vec<String>)> {
    let packages = packages(root)?;
    let mut claims: Vec<Claim> = Vec::new();
    let mut wrong = Vec::new();
    for (path, text) in sources::all(root)? {
        let (found, refused) = claims_of(&path, &text);
        claims.extend(found);
        wrong.extend(refused);
    }
    let introduction = std::fs::read_to_string(root.join(INTRODUCTION))
        .with_context(|| format!("{INTRODUCTION} can't be read"))?;
    Ok((page::page(&introduction, claims, &packages), wrong))
}

/// The folders of the packages, relative to the root, with their names.
fn packages(root: &Path) -> anyhow::Result<Vec<(PathBuf, String)>> {
    let metadata = MetadataCommand::new().current_dir(root).no_deps().exec()?;
    let folder = |package: &cargo_metadata::Package| {
        let folder = package.manifest_path.parent()?.as_std_path();
        Some((folder.strip_prefix(root).ok()?.to_path_buf(), package.name.to_string()))
    };
    Ok(metadata.packages.iter().filter_map(folder).collect())
}
