//! Forwarding one request: by the service in its path, undecoded, in bounded time.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use hyper::body::{Body as HttpBody, Bytes, Frame, Incoming, SizeHint};
use hyper::{Request, Response, Uri};
use partyline_rpc::services;
use tonic::Status;
use tonic::body::Body;

use crate::backend::{Backend, Failure, Open, Pending};
use crate::balance::choose;
use crate::config::Config;
use crate::directory::Directory;

/// How often a request is sent on, where it certainly was not processed before.
const ATTEMPTS_MAX: u32 = 2;

/// The service of the proxy: every path of every service.
#[derive(Clone)]
pub(crate) struct Forwarding {
    directory: Arc<Directory>,
    answer_max: Duration,
    streams: Arc<Places>,
    requests: Arc<Places>,
}

/// How many of one kind may be open at once.
struct Places {
    gauge: &'static str,
    max: usize,
    open: AtomicUsize,
}

impl Places {
    fn new(gauge: &'static str, max: usize) -> Arc<Self> {
        Arc::new(Self { gauge, max, open: AtomicUsize::new(0) })
    }
}

/// One of the places; given back when dropped.
struct Place(Arc<Places>);

impl Place {
    fn take(places: &Arc<Places>) -> Option<Self> {
        let taken = places.open.fetch_add(1, Ordering::Relaxed);
        let place = Self(Arc::clone(places));
        metrics::gauge!(places.gauge).set((taken + 1) as f64);
        (taken < places.max).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let open = self.0.open.fetch_sub(1, Ordering::Relaxed) - 1;
        metrics::gauge!(self.0.gauge).set(open as f64);
    }
}

impl Forwarding {
    pub(crate) fn new(directory: Arc<Directory>, config: &Config) -> Self {
        let streams = Places::new("partyline_proxy_streams", config.streams_max);
        let requests = Places::new("partyline_proxy_requests", config.requests_max);
        Self { directory, answer_max: config.answer_max(), streams, requests }
    }

    async fn forward(self, request: Request<Body>) -> Response<Body> {
        let path = request.uri().path().to_owned();
        match self.answer(&path, request).await {
            Ok(answer) => answer,
            Err(status) => {
                tracing::info!(path, %status, "a request is not forwarded");
                metrics::counter!("partyline_proxy_refused_total").increment(1);
                status.into_http()
            }
        }
    }

    async fn answer(&self, path: &str, request: Request<Body>) -> Result<Response<Body>, Status> {
        let Some(service) = services::of_path(path) else {
            return Err(Status::unimplemented(format!("{} is no service of this product", bounded(path))));
        };
        let Some(servers) = self.directory.servers(service) else {
            return Err(Status::unimplemented(format!("unknown service {}", bounded(service))));
        };
        let places = if services::is_stream(path) { &self.streams } else { &self.requests };
        let place = Place::take(places).ok_or_else(|| Status::unavailable("too many open streams"))?;
        let answer = self.send(service, servers, addressed(request)?);
        let (answer, backend) = tokio::time::timeout(self.answer_max, answer).await.unwrap_or_else(|_| {
            Err(Status::unavailable(format!("no server of {service} answered in time")))
        })?;
        let counted = (place, Open::at(&backend));
        Ok(answer.map(|body| Body::new(Forwarded { body, _counted: counted })))
    }

    async fn send(
        &self,
        service: &str,
        mut servers: Vec<Arc<Backend>>,
        mut request: Request<Body>,
    ) -> Result<(Response<Incoming>, Arc<Backend>), Status> {
        for _ in 0..ATTEMPTS_MAX {
            let now = Instant::now();
            let loads: Vec<_> = servers.iter().map(|server| server.load(now)).collect();
            let Some(chosen) =
                choose(&loads, (rand::random_range(0..1 << 16), rand::random_range(0..1 << 16)))
            else {
                break;
            };
            let backend = servers.swap_remove(chosen);
            let pending = Unanswered { pending: Some(Pending::at(&backend)), backend: &backend };
            match backend.send(request).await {
                Ok(answer) => {
                    pending.answered(is_failure(&answer));
                    return Ok((answer, backend));
                }
                Err(Failure::NotSent(again)) => request = *again,
                Err(Failure::Broken) => {
                    return Err(Status::unavailable(format!("the server of {service} broke off")));
                }
            }
        }
        Err(Status::unavailable(format!("no server of {service} takes requests")))
    }
}

/// A request that waits for its answer. Dropped without one (a time-out, a break), it counts as a failure of its server.
struct Unanswered<'a> {
    pending: Option<Pending>,
    backend: &'a Arc<Backend>,
}

impl Unanswered<'_> {
    fn answered(mut self, is_failure: bool) {
        self.pending = None;
        if is_failure { self.backend.failed() } else { self.backend.succeeded() }
    }
}

impl Drop for Unanswered<'_> {
    fn drop(&mut self) {
        if self.pending.is_some() {
            self.backend.failed();
        }
    }
}

/// Whether an answer says that its server can't serve now.
fn is_failure(answer: &Response<Incoming>) -> bool {
    answer.status().is_server_error()
        || answer.headers().get("grpc-status").is_some_and(|status| status.as_bytes() == b"14")
}

/// The request as an HTTP/2 client sends it: the path as it came, a scheme and an authority before it.
fn addressed(request: Request<Body>) -> Result<Request<Body>, Status> {
    let (mut parts, body) = request.into_parts();
    let path = parts.uri.path_and_query().cloned();
    parts.uri = Uri::builder()
        .scheme("http")
        .authority("partyline")
        .path_and_query(path.ok_or_else(|| Status::unimplemented("a request without a path"))?)
        .build()
        .map_err(|_| Status::invalid_argument("the path can't be forwarded"))?;
    parts.extensions.clear();
    parts.headers.remove(http::header::HOST);
    Ok(Request::from_parts(parts, body))
}

fn bounded(text: &str) -> &str {
    &text[..text.floor_char_boundary(100)]
}

impl tower::Service<Request<Body>> for Forwarding {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let forwarding = self.clone();
        Box::pin(async move { Ok(forwarding.forward(request).await) })
    }
}

/// An answer on its way back, counted until its end.
struct Forwarded {
    body: Incoming,
    _counted: (Place, Open),
}

impl HttpBody for Forwarded {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
