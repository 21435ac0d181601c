//! `cargo xtask tidy`: what a compiler does not check about the structure.

mod architecture;
mod cycles;
mod edges;
mod files;
mod spoken;

use anyhow::bail;

use crate::{docs, run};

/// Runs every check and names all that is wrong.
pub(crate) fn run() -> anyhow::Result<()> {
    let root = run::root();
    let mut wrong = Vec::new();
    wrong.extend(edges::check()?);
    wrong.extend(files::check(&root)?);
    wrong.extend(cycles::check(&root)?);
    wrong.extend(architecture::check(&root)?);
    wrong.extend(docs::check(&root)?);
    wrong.extend(spoken::check()?);
    if wrong.is_empty() {
        return Ok(());
    }
    for line in &wrong {
        run::say(line);
    }
    bail!("{} things are not tidy", wrong.len());
}
