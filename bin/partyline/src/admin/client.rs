//! Asking a running server.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use serde_json::Value;

use super::{Request, Response, short_path};
use crate::data_dir::DataDir;

/// A role that is stopped says goodbye to its callers first; more than the server itself allows for it.
const ANSWER_MAX: Duration = Duration::from_secs(15);
/// 4096 answered RPCs of 300 bytes, and room to spare.
const ANSWER_BYTES_MAX: u64 = 8 << 20;

/// No answer, or a refusal.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AskError {
    /// Nobody listens.
    #[error(
        "no server runs on the data directory {0}; start one with `partyline serve`, or name another with --data-dir"
    )]
    NoServer(std::path::PathBuf),
    /// The server went away or does not answer.
    #[error("the server does not answer on its admin socket: {0}")]
    Io(#[from] io::Error),
    /// The answer does not read: the server is of another version.
    #[error("the server answered what this program does not know; are both of one version?")]
    Foreign,
    /// The server says no.
    #[error("{0}")]
    Refused(String),
}

/// Asks the server of a data directory.
///
/// # Errors
/// [`AskError`].
pub(crate) fn ask(data_dir: &DataDir, request: &Request) -> Result<Value, AskError> {
    ask_and_hear(data_dir, request, ANSWER_MAX, |_| {})
}

/// Asks the server of a data directory, and hands over what it tells before it answers. It may be silent for so long.
///
/// # Errors
/// [`AskError`].
pub(crate) fn ask_and_hear(
    data_dir: &DataDir,
    request: &Request,
    silence_max: Duration,
    mut hear: impl FnMut(Value),
) -> Result<Value, AskError> {
    let (_folder, path) = short_path(&data_dir.admin_socket())?;
    let mut stream = match UnixStream::connect(path) {
        Ok(stream) => stream,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
            return Err(AskError::NoServer(data_dir.path().to_owned()));
        }
        Err(error) => return Err(error.into()),
    };
    stream.set_read_timeout(Some(silence_max))?;
    stream.set_write_timeout(Some(ANSWER_MAX))?;
    let mut line = serde_json::to_vec(request).expect("a request can be written");
    line.push(b'\n');
    stream.write_all(&line)?;
    let mut reader = BufReader::new(stream.take(ANSWER_BYTES_MAX));
    loop {
        let mut answer = String::new();
        reader.read_line(&mut answer)?;
        match serde_json::from_str(&answer) {
            Ok(Response::Done(value)) => return Ok(value),
            Ok(Response::Refused(why)) => return Err(AskError::Refused(why)),
            Ok(Response::Heard(value)) => hear(value),
            Err(_) => return Err(AskError::Foreign),
        }
    }
}
