//! What a role answered: a bounded log and counters, for operators and for tests of who asked whom.

use std::collections::{BTreeMap, VecDeque};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::SystemTime;

use http::{Request, Response};
use parking_lot::Mutex;
use tonic::Code;

use crate::network::Peer;

/// Answers kept. A figure of 200 calls a second fits 20 s of one-RPC-per-call roles.
const RECORDS_MAX: usize = 4096;
/// Distinct paths counted; others, of foreign requests, are counted together.
const PATHS_MAX: usize = 64;
/// Stands for the paths that are not counted one by one.
const OTHER: &str = "other";

/// One answered RPC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RpcRecord {
    /// When it was answered: a unary RPC by its end, a stream by its headers.
    pub at: SystemTime,
    /// `/package.Service/Method`.
    pub path: Arc<str>,
    /// The other end, where it is another machine's.
    pub peer: Option<std::net::SocketAddr>,
    /// With what; a stream that was opened counts as [`Code::Ok`].
    pub status: Code,
}

/// The log of one role. Cheap to clone; it survives a stop of the role if its owner keeps it.
#[derive(Debug, Clone)]
pub struct RpcLog {
    role: Arc<str>,
    answered: Arc<Mutex<Answered>>,
}

#[derive(Debug, Default)]
struct Answered {
    records: VecDeque<RpcRecord>,
    counters: BTreeMap<Arc<str>, u64>,
}

impl RpcLog {
    /// An empty log of a role's name, which labels its metrics.
    #[must_use]
    pub fn new(role: &str) -> Self {
        Self { role: Arc::from(role), answered: Arc::default() }
    }

    /// The newest answers, oldest first; at most 4096.
    #[must_use]
    pub fn records(&self) -> Vec<RpcRecord> {
        self.answered.lock().records.iter().cloned().collect()
    }

    /// How many were answered since the start, by path.
    #[must_use]
    pub fn counters(&self) -> BTreeMap<String, u64> {
        self.answered.lock().counters.iter().map(|(path, count)| (path.to_string(), *count)).collect()
    }

    /// How many of one method were answered: `Mixing/Join` counts `/partyline.mixing.v1.Mixing/Join`.
    #[must_use]
    pub fn count(&self, method: &str) -> u64 {
        let answered = self.answered.lock();
        let named = |path: &str| path.strip_suffix(method).is_some_and(|head| head.ends_with(['.', '/']));
        answered.counters.iter().filter(|(path, _)| named(path)).map(|(_, count)| count).sum()
    }

    /// Adds an answer.
    pub fn record(&self, path: &str, peer: Option<std::net::SocketAddr>, status: Code) {
        let mut answered = self.answered.lock();
        let path = answered.path(path);
        metrics::counter!(
            "partyline_rpc_answered_total",
            "role" => self.role.to_string(),
            "path" => path.to_string(),
            "status" => format!("{status:?}"),
        )
        .increment(1);
        *answered.counters.entry(Arc::clone(&path)).or_default() += 1;
        if answered.records.len() == RECORDS_MAX {
            answered.records.pop_front();
        }
        answered.records.push_back(RpcRecord { at: SystemTime::now(), path, peer, status });
    }
}

impl Answered {
    fn path(&self, path: &str) -> Arc<str> {
        if let Some((known, _)) = self.counters.get_key_value(path) {
            return Arc::clone(known);
        }
        if self.counters.len() < PATHS_MAX && path.len() <= 256 { Arc::from(path) } else { Arc::from(OTHER) }
    }
}

/// Records what a service answers.
#[derive(Debug, Clone)]
pub struct RpcLogLayer {
    log: RpcLog,
}

impl RpcLogLayer {
    /// A layer that records in this log.
    #[must_use]
    pub const fn new(log: RpcLog) -> Self {
        Self { log }
    }
}

impl<S> tower::Layer<S> for RpcLogLayer {
    type Service = Recorded<S>;

    fn layer(&self, inner: S) -> Recorded<S> {
        Recorded { inner, log: self.log.clone() }
    }
}

/// A service whose answers are recorded.
#[derive(Debug, Clone)]
pub struct Recorded<S> {
    inner: S,
    log: RpcLog,
}

impl<S, B, R> tower::Service<Request<B>> for Recorded<S>
where
    S: tower::Service<Request<B>, Response = Response<R>>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let log = self.log.clone();
        let path = request.uri().path().to_owned();
        let peer = request.extensions().get::<Peer>().and_then(|peer| peer.0);
        let answer = self.inner.call(request);
        Box::pin(async move {
            let answer = answer.await?;
            log.record(&path, peer, status_of(&answer));
            Ok(answer)
        })
    }
}

/// An answer that fails at once has its status in the headers; any other is good so far.
fn status_of<R>(answer: &Response<R>) -> Code {
    answer.headers().get("grpc-status").map_or(Code::Ok, |value| Code::from_bytes(value.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_log_keeps_the_newest_and_counts_all() {
        let log = RpcLog::new("test");
        for _ in 0..RECORDS_MAX {
            log.record("/p.S/Old", None, Code::Ok);
        }
        log.record("/p.S/New", None, Code::Unavailable);

        let records = log.records();
        assert_eq!(records.len(), RECORDS_MAX);
        assert_eq!(&*records.last().unwrap().path, "/p.S/New");
        assert_eq!(log.counters()["/p.S/Old"], RECORDS_MAX as u64);
        assert_eq!(log.count("S/New"), 1);
        assert_eq!(log.count("ew"), 0);
    }

    #[test]
    fn foreign_paths_do_not_grow_the_counters() {
        let log = RpcLog::new("test");
        for number in 0..1000 {
            log.record(&format!("/foreign/{number}"), None, Code::Unimplemented);
        }
        assert!(log.counters().len() <= PATHS_MAX + 1);
        assert_eq!(log.counters().values().sum::<u64>(), 1000);
    }
}
