//! What is quick to say about the source.

use crate::{peers, run, tidy};

/// Formatting, lints, structure, licences.
pub(crate) fn all() -> anyhow::Result<()> {
    peers::ensure(peers::BUILD, &[])?;
    format()?;
    lints()?;
    tidy::run()?;
    licences()
}

/// `cargo fmt --check`.
pub(crate) fn format() -> anyhow::Result<()> {
    run::run("cargo", &["fmt", "--all", "--check"])
}

/// Clippy over everything; a warning is an error.
pub(crate) fn lints() -> anyhow::Result<()> {
    run::run("cargo", &["clippy", "--quiet", "--workspace", "--all-targets", "--", "--deny", "warnings"])
}

/// Licences, sources and banned crates, by cargo-deny and `deny.toml`.
pub(crate) fn licences() -> anyhow::Result<()> {
    if !run::has_cargo_command("deny") {
        run::say("installing cargo-deny (once)");
        run::run("cargo", &["install", "--quiet", "--locked", "cargo-deny"])?;
    }
    run::run("cargo", &["deny", "--log-level", "error", "check", "bans", "licenses", "sources"])
}
