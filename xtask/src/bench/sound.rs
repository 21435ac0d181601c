//! How speech sounds through the media engine over bad ways: `soundbench` says and listens, PESQ judges.

use crate::run;

/// The judges' Python packages, of which nothing else here is in need.
const PACKAGES: [&str; 4] = ["pesq==0.0.4", "scipy", "numpy", "setuptools"];

/// Runs all trials, and prints their table.
pub(super) fn run() -> anyhow::Result<()> {
    run::run("cargo", &["build", "--release", "--package", "soundbench"])?;
    let into = run::root().join("target/sound");
    let into = into.display().to_string();
    run::run(&super::server::binary("soundbench").display().to_string(), &["--into", &into])?;
    let python = run::root().join("target/pesq/bin/python");
    let python = python.display().to_string();
    if !std::path::Path::new(&python).is_file() {
        run::run("python3", &["-m", "venv", "target/pesq"])?;
    }
    run::run(&python, &[&["-m", "pip", "install", "--quiet"][..], &PACKAGES].concat())?;
    run::run(&python, &["tools/soundbench/score.py", &into])
}
