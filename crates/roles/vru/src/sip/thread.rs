//! The thread that the SIP task has to itself.
//!
//! A runtime whose workers are busy with calls reads sockets and runs tasks in turn, and a new call would wait unseen
//! until its turn came. The scheduler of the system gives a thread that seldom runs its turn at once. **Invariant:** what
//! may take long (handshakes, look-ups, calls) runs elsewhere.

use std::future::Future;
use std::io;
use std::thread::JoinHandle;

use partyline_udp::prefer_this_thread;
use tokio::runtime::{Builder, EnterGuard, Runtime};
use tokio::sync::oneshot;
use tracing::info;

/// By which the thread goes before others, where the system lets it: about ten times as much of a busy core as one of them.
const STEPS: u8 = 10;

/// A runtime for the thread, before anything runs on it.
#[derive(Debug)]
pub(crate) struct SipRuntime(Option<Runtime>);

impl SipRuntime {
    /// # Errors
    /// Where the system has no file descriptors left.
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self(Some(Builder::new_current_thread().enable_all().build()?)))
    }

    /// Sockets that are bound while this is held wake the thread.
    pub(crate) fn enter(&self) -> EnterGuard<'_> {
        self.runtime().enter()
    }

    fn runtime(&self) -> &Runtime {
        self.0.as_ref().expect("taken only by `run`, which consumes this")
    }

    /// Runs this task, and what it spawns for as long as it runs.
    ///
    /// # Errors
    /// Where the system has no thread left.
    pub(crate) fn run(self, task: impl Future<Output = ()> + Send + 'static) -> io::Result<SipThread> {
        let (ending, ended) = oneshot::channel::<()>();
        let thread = std::thread::Builder::new().name("sip".to_owned()).spawn(move || {
            // Dropped at the end, also at one by panic.
            let _ending = ending;
            if let Err(error) = prefer_this_thread(STEPS) {
                info!(%error, "the SIP thread has no precedence: new calls may wait when the machine is busy");
            }
            self.runtime().block_on(task);
        })?;
        Ok(SipThread { thread, ended })
    }
}

impl Drop for SipRuntime {
    fn drop(&mut self) {
        // A start that fails ends it within another runtime, where tokio lets nobody wait for the end of one.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// The running thread. It ends with its task, not by being dropped.
#[derive(Debug)]
pub(crate) struct SipThread {
    thread: JoinHandle<()>,
    ended: oneshot::Receiver<()>,
}

impl SipThread {
    pub(crate) fn is_finished(&self) -> bool {
        self.thread.is_finished()
    }

    /// Waits for the end of the task.
    pub(crate) async fn ended(&mut self) {
        // Nothing is ever sent: the end is that the sender is gone.
        let _ = (&mut self.ended).await;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::net::UdpSocket;
    use tokio_util::sync::CancellationToken;

    use super::*;

    #[tokio::test]
    async fn a_socket_is_served_while_the_runtime_of_its_binder_does_nothing_else() {
        let sip = SipRuntime::new().unwrap();
        let socket = {
            let _entered = sip.enter();
            let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
            socket.set_nonblocking(true).unwrap();
            UdpSocket::from_std(socket).unwrap()
        };
        let address = socket.local_addr().unwrap();
        let mut thread = sip
            .run(async move {
                let mut buffer = [0; 16];
                let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
                socket.send_to(&buffer[..length], from).await.unwrap();
            })
            .unwrap();
        // This thread blocks: nothing of its runtime can run meanwhile.
        let caller = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        caller.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        caller.send_to(b"hello", address).unwrap();
        let mut buffer = [0; 16];
        assert_eq!(caller.recv(&mut buffer).unwrap(), 5);
        thread.ended().await;
    }

    #[tokio::test]
    async fn one_that_never_ran_may_end_anywhere() {
        let sip = SipRuntime::new().unwrap();
        drop(sip);
    }

    #[tokio::test]
    async fn it_ends_with_its_task_and_what_that_spawned_ends_too() {
        let (sip, closer) = (SipRuntime::new().unwrap(), CancellationToken::new());
        let (kept, lost) = oneshot::channel::<()>();
        let until = closer.clone();
        let mut thread = sip
            .run(async move {
                tokio::spawn(async move {
                    std::future::pending::<()>().await;
                    drop(kept);
                });
                until.cancelled().await;
            })
            .unwrap();
        assert!(!thread.is_finished());
        closer.cancel();
        thread.ended().await;
        assert!(lost.await.is_err());
    }

    #[tokio::test]
    async fn a_task_that_panics_has_ended() {
        let mut thread = SipRuntime::new().unwrap().run(async { panic!("on purpose") }).unwrap();
        thread.ended().await;
        while !thread.is_finished() {
            tokio::task::yield_now().await;
        }
    }
}
