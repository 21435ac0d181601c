//! `cargo xtask bench`: the figures of docs/benchmarks.md.

/// What to measure.
#[derive(clap::Args)]
pub(crate) struct Arguments {}

/// Measures.
pub(crate) fn run(_arguments: &Arguments) -> anyhow::Result<()> {
    anyhow::bail!("not here yet")
}
