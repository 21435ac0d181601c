//! Programs that run once and end: sipsak and the tools of SIPVicious.

use std::process::{Command, Stdio};

use anyhow::Context;

/// Seconds after which a tool that hangs is ended; far above what it needs.
const CEILING_SECONDS: &str = "120";

/// How a tool ended.
#[derive(Debug)]
pub struct ToolRun {
    /// Its exit status; 124 where it had to be ended.
    pub status: Option<i32>,
    /// All that it printed, on both outputs.
    pub printed: String,
}

/// Runs a tool to its end, without stopping the callers of this test.
///
/// # Errors
/// When it can't be started.
pub async fn run_tool(program: &'static str, arguments: &[&str]) -> anyhow::Result<ToolRun> {
    let mut command = Command::new("timeout");
    command.arg(CEILING_SECONDS).arg(program).args(arguments).stdin(Stdio::null());
    let output = tokio::task::spawn_blocking(move || command.output()).await?;
    let output = output.with_context(|| format!("{program} could not be started"))?;
    let mut printed = String::from_utf8_lossy(&output.stdout).into_owned();
    printed.push_str(&String::from_utf8_lossy(&output.stderr));
    Ok(ToolRun { status: output.status.code(), printed })
}
