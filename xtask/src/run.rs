//! Running other programs, from the root of the repository.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map_or_else(|| PathBuf::from("."), Path::to_path_buf)
}

/// A command that runs in the root. It does not see what `cargo run` tells us of this package: build scripts that ask for
/// it would be run anew, and all that stands on them built anew, by turns with whoever builds by hand.
pub(crate) fn command(program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(root());
    for (name, _) in std::env::vars_os() {
        if is_of_this_package(&name.to_string_lossy()) {
            command.env_remove(name);
        }
    }
    command
}

fn is_of_this_package(variable: &str) -> bool {
    ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_"].iter().any(|start| variable.starts_with(start))
}

/// Runs a program to its end; its failure is an error that names it.
pub(crate) fn run(program: &str, arguments: &[&str]) -> anyhow::Result<()> {
    finish(&mut command(program, arguments))
}

/// Runs a prepared command to its end.
pub(crate) fn finish(command: &mut Command) -> anyhow::Result<()> {
    let shown = format!("{command:?}").replace('"', "");
    let status = command.status().with_context(|| format!("could not start: {shown}"))?;
    if !status.success() {
        bail!("failed ({status}): {shown}");
    }
    Ok(())
}

/// Whether a program is on the path.
pub(crate) fn is_installed(program: &str) -> bool {
    std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(program).is_file()))
}

/// Whether `cargo NAME` works.
pub(crate) fn has_cargo_command(name: &str) -> bool {
    Command::new("cargo")
        .args([name, "--version"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Says a line to whoever runs the task.
#[expect(clippy::print_stdout, reason = "a task talks to the person who runs it")]
pub(crate) fn say(line: &str) {
    println!("{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_knows_nothing_of_the_package_that_starts_it() {
        // Cargo and nextest tell every test of its package.
        assert!(std::env::vars_os().any(|(name, _)| name == "CARGO_PKG_NAME"));
        let hidden: Vec<_> = command("true", &[]).get_envs().map(|(name, _)| name.to_owned()).collect();
        assert!(hidden.iter().any(|name| name == "CARGO_PKG_NAME"));
        assert!(!is_of_this_package("CARGO_TARGET_DIR") && !is_of_this_package("CARGO_BUILD_JOBS"));
    }
}
