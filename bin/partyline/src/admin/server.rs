//! The server's side of the admin socket.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;

use super::{REQUEST_BYTES_MAX, Request, Response, short_path};
use crate::data_dir::DataDir;

/// Operators and scripts at once; the next waits.
const CONNECTIONS_MAX: usize = 8;
/// What may wait to be told of one request.
const HEARD_MAX: usize = 64;
/// How long an asker may take to ask, or to read the answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whoever answers requests.
pub(crate) trait Answers: Send + Sync + 'static {
    /// Answers one; what is heard meanwhile goes to `heard`, as far as there is room.
    fn answer(&self, request: Request, heard: mpsc::Sender<Value>) -> impl Future<Output = Response> + Send;
}

/// The listening socket. Dropping it takes it away.
#[derive(Debug)]
pub(crate) struct AdminSocket {
    path: PathBuf,
    task: JoinHandle<()>,
}

impl AdminSocket {
    /// Listens; a socket that a killed server left is replaced (the caller holds the data directory's lock).
    ///
    /// # Errors
    /// What the system said.
    pub(crate) fn open(data_dir: &DataDir, answers: Arc<impl Answers>) -> io::Result<Self> {
        let path = data_dir.admin_socket();
        let draft = path.with_extension("draft");
        let (_folder, short) = short_path(&draft)?;
        let _ = fs::remove_file(&draft);
        let listener = UnixListener::bind(short)?;
        // Nobody can connect before the permissions stand: the name comes last.
        fs::set_permissions(&draft, fs::Permissions::from_mode(0o600))?;
        fs::rename(&draft, &path)?;
        Ok(Self { path, task: tokio::spawn(accept(listener, answers)) })
    }
}

impl Drop for AdminSocket {
    fn drop(&mut self) {
        self.task.abort();
        let _ = fs::remove_file(&self.path);
    }
}

async fn accept(listener: UnixListener, answers: Arc<impl Answers>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let place = Arc::clone(&places).acquire_owned().await.expect("the semaphore is never closed");
        match listener.accept().await {
            Ok((stream, _)) => {
                let answers = Arc::clone(&answers);
                tokio::spawn(async move {
                    if let Err(error) = converse(stream, &*answers).await {
                        tracing::debug!(%error, "an admin connection broke");
                    }
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "the admin socket can't accept");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn converse(mut stream: UnixStream, answers: &impl Answers) -> io::Result<()> {
    let (reader, mut writer) = stream.split();
    let mut line = String::new();
    let mut reader = BufReader::new(reader.take(REQUEST_BYTES_MAX));
    tokio::time::timeout(PATIENCE, reader.read_line(&mut line)).await??;
    let request = match serde_json::from_str::<Request>(&line) {
        Ok(request) => request,
        Err(error) => {
            return say(&mut writer, &Response::Refused(format!("the request does not read: {error}"))).await;
        }
    };
    // A call that somebody makes to listen is over when they have gone; what changes the server is carried through.
    let is_watched = matches!(request, Request::TrunkCall { .. });
    let (heard, mut hearing) = mpsc::channel(HEARD_MAX);
    let mut answer = std::pin::pin!(answers.answer(request, heard));
    let mut more = [0; 1];
    loop {
        tokio::select! {
            biased;
            Some(value) = hearing.recv() => say(&mut writer, &Response::Heard(value)).await?,
            response = &mut answer => {
                while let Ok(value) = hearing.try_recv() {
                    say(&mut writer, &Response::Heard(value)).await?;
                }
                return say(&mut writer, &response).await;
            }
            _ = reader.read(&mut more), if is_watched => return Ok(()),
        }
    }
}

async fn say(writer: &mut (impl AsyncWrite + Unpin), response: &Response) -> io::Result<()> {
    let mut text = serde_json::to_vec(response)?;
    text.push(b'\n');
    tokio::time::timeout(PATIENCE, writer.write_all(&text)).await?
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::{AskError, ask};
    use super::*;

    struct Echo;

    impl Answers for Echo {
        async fn answer(&self, request: Request, heard: mpsc::Sender<Value>) -> Response {
            if matches!(request, Request::Trunks) {
                heard.send(json!("one")).await.unwrap();
                heard.send(json!("two")).await.unwrap();
            }
            std::future::ready(match request {
                Request::StopRole { name } => Response::Refused(format!("there is no role \"{name}\"")),
                other @ (Request::Status
                | Request::Roles
                | Request::StartRole { .. }
                | Request::RoleLog { .. }
                | Request::Trunks
                | Request::Sources { .. }
                | Request::Order { .. }
                | Request::TrunkCall { .. }) => Response::Done(json!(other)),
            })
            .await
        }
    }

    async fn asked(data_dir: &DataDir, request: Request) -> Result<serde_json::Value, AskError> {
        let data_dir = data_dir.clone();
        tokio::task::spawn_blocking(move || ask(&data_dir, &request)).await.expect("asking does not panic")
    }

    #[tokio::test]
    async fn a_server_is_asked_over_its_socket_even_deep_in_the_file_system() {
        let dir = tempfile::tempdir().unwrap();
        let deep = DataDir::existing_or_new(&dir.path().join("d".repeat(120))).unwrap();
        let socket = AdminSocket::open(&deep, Arc::new(Echo)).unwrap();
        let mode = fs::metadata(deep.admin_socket()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(asked(&deep, Request::Roles).await.unwrap(), json!({ "ask": "roles" }));
        let refused = asked(&deep, Request::StopRole { name: "cms-9".into() }).await.unwrap_err();
        assert_eq!(refused.to_string(), "there is no role \"cms-9\"");
        drop(socket);
        assert!(matches!(asked(&deep, Request::Roles).await, Err(AskError::NoServer(_))));
    }

    #[tokio::test]
    async fn what_is_heard_comes_before_the_answer() {
        let dir = tempfile::tempdir().unwrap();
        let data_dir = DataDir::existing(dir.path()).unwrap();
        let _socket = AdminSocket::open(&data_dir, Arc::new(Echo)).unwrap();
        let asking = tokio::task::spawn_blocking(move || {
            let mut heard = Vec::new();
            let answer =
                super::super::ask_and_hear(&data_dir, &Request::Trunks, PATIENCE, |value| heard.push(value));
            (answer, heard)
        });
        let (answer, heard) = asking.await.unwrap();
        assert_eq!((answer.unwrap(), heard), (json!({ "ask": "trunks" }), vec![json!("one"), json!("two")]));
    }

    #[tokio::test]
    async fn garbage_and_endless_lines_are_refused_and_the_next_is_answered() {
        let dir = tempfile::tempdir().unwrap();
        let data_dir = DataDir::existing(dir.path()).unwrap();
        let _socket = AdminSocket::open(&data_dir, Arc::new(Echo)).unwrap();
        for garbage in [b"\xff\xfe\n".to_vec(), b"{}\n".to_vec(), vec![b'x'; 100_000]] {
            let mut stream = UnixStream::connect(data_dir.admin_socket()).await.unwrap();
            // The far side may have hung up already.
            let _ = stream.write_all(&garbage).await;
            let mut answer = Vec::new();
            let _ = stream.read_to_end(&mut answer).await;
        }
        assert!(asked(&data_dir, Request::Status).await.is_ok());
    }
}
