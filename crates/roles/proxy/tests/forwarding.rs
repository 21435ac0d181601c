//! The proxy between a VRU and interface servers that only answer by their name.

#![expect(clippy::unwrap_used, reason = "a step that fails fails the test")]

use std::sync::Arc;
use std::time::Duration;

use partyline_conference::InterfaceServerId;
use partyline_proxy::{Config, ProxyServer};
use partyline_rpc::generated::conferencing as wire;
use partyline_rpc::generated::conferencing::leases_server::{Leases, LeasesServer};
use partyline_rpc::generated::linetest as linetest_wire;
use partyline_rpc::generated::linetest::line_test_server::{LineTest, LineTestServer};
use partyline_rpc::{Address, Network, RpcLog, Serving, clients, serve, services};
use partyline_store::{InterfaceServerLease, LookupKey, LookupKeys, SqlStore, Store, StoreReader};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Request, Response, Status, Streaming};

/// A liveness ceiling, far above what anything here takes.
const CEILING: Duration = Duration::from_secs(20);

#[derive(Clone, Copy, PartialEq)]
enum Mood {
    Answers,
    Refuses,
    NeverAnswers,
}

struct Server(Mood);

impl Server {
    async fn answer(&self) -> Result<Response<wire::RenewReply>, Status> {
        match self.0 {
            Mood::Answers => Ok(Response::new(wire::RenewReply {})),
            Mood::Refuses => Err(Status::unavailable("not now")),
            Mood::NeverAnswers => std::future::pending().await,
        }
    }
}

#[tonic::async_trait]
impl Leases for Server {
    async fn renew_mixer(
        &self,
        _: Request<wire::RenewMixerRequest>,
    ) -> Result<Response<wire::RenewReply>, Status> {
        self.answer().await
    }
    async fn renew_vru(
        &self,
        _: Request<wire::RenewVruRequest>,
    ) -> Result<Response<wire::RenewReply>, Status> {
        self.answer().await
    }
}

/// Sends each hello back as a step with as many milliseconds as messages came.
#[tonic::async_trait]
impl LineTest for Server {
    type RunStream = ReceiverStream<Result<linetest_wire::RunDown, Status>>;

    async fn run(
        &self,
        request: Request<Streaming<linetest_wire::RunUp>>,
    ) -> Result<Response<Self::RunStream>, Status> {
        let mut up = request.into_inner();
        let (down, messages) = mpsc::channel(4);
        tokio::spawn(async move {
            let mut step = 0;
            while let Ok(Some(_)) = up.message().await {
                step += 1;
                let _ = down.send(Ok(linetest_wire::RunDown { step, action: None })).await;
            }
            let _ = down.send(Err(Status::data_loss("in the trailers"))).await;
        });
        Ok(Response::new(ReceiverStream::new(messages)))
    }
}

struct Scene {
    network: Network,
    store: Arc<SqlStore>,
    _directory: tempfile::TempDir,
}

impl Scene {
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let keys = LookupKeys::new(vec![LookupKey::new("k1", [1; 32])]).unwrap();
        let store = SqlStore::open(&directory.path().join("store.db"), keys).await.unwrap();
        Self { network: Network::new(), store, _directory: directory }
    }

    async fn lease(&self, service: &'static str, name: &str) {
        let lease = InterfaceServerLease {
            id: InterfaceServerId::new(name).unwrap(),
            service: services::name(service),
            address: format!("mem:{name}"),
            counter: 1,
        };
        self.store.renew_interface_server(&lease).await.unwrap();
    }

    async fn server(&self, service: &'static str, name: &str, mood: Mood) -> (Serving, RpcLog) {
        let log = RpcLog::new(name);
        let incoming = self.network.listen(&Address::memory(name)).unwrap();
        let routes = tonic::service::Routes::new(LeasesServer::new(Server(mood)))
            .add_service(LineTestServer::new(Server(mood)))
            .prepare();
        self.lease(service, name).await;
        (serve(incoming, log.clone(), routes), log)
    }

    async fn proxy(&self) -> ProxyServer {
        self.proxy_with(Config { answer_max_ms: 300, ..Config::default() }).await
    }

    async fn proxy_with(&self, config: Config) -> ProxyServer {
        let store: Arc<dyn StoreReader> = Arc::clone(&self.store) as Arc<dyn StoreReader>;
        ProxyServer::start(config, self.network.clone(), store).await.unwrap()
    }

    async fn renew(&self) -> Result<(), Status> {
        let mut client = clients::leases(self.network.channel(&Address::memory("proxy-1")));
        tokio::time::timeout(CEILING, client.renew_vru(wire::RenewVruRequest::default()))
            .await
            .expect("no request hangs")
            .map(drop)
    }
}

#[tokio::test]
async fn requests_go_to_both_servers_of_their_service_and_to_no_other() {
    let scene = Scene::new().await;
    let (_a, a_log) = scene.server("conferencing", "a", Mood::Answers).await;
    let (_b, b_log) = scene.server("conferencing", "b", Mood::Answers).await;
    let (_c, c_log) = scene.server("linetest", "c", Mood::Answers).await;
    let proxy = scene.proxy().await;

    let requests = (0..100).map(|_| scene.renew());
    for answer in futures::future::join_all(requests).await {
        answer.unwrap();
    }

    let (a, b) = (a_log.count("Leases/RenewVru"), b_log.count("Leases/RenewVru"));
    assert_eq!(a + b, 100);
    assert!(a > 10 && b > 10, "{a} and {b}");
    assert_eq!(c_log.records().len(), 0);
    assert_eq!(proxy.rpc_log().count("Leases/RenewVru"), 100);
}

#[tokio::test]
async fn a_stream_passes_both_ways_with_its_trailers() {
    let scene = Scene::new().await;
    let (_server, _log) = scene.server("linetest", "c", Mood::Answers).await;
    let _proxy = scene.proxy().await;
    let mut client = clients::line_test(scene.network.channel(&Address::memory("proxy-1")));
    let (up, messages) = mpsc::channel(4);
    up.send(linetest_wire::RunUp::default()).await.unwrap();

    let mut down = client.run(ReceiverStream::new(messages)).await.unwrap().into_inner();
    assert_eq!(down.message().await.unwrap().unwrap().step, 1);
    up.send(linetest_wire::RunUp::default()).await.unwrap();
    assert_eq!(down.message().await.unwrap().unwrap().step, 2);
    drop(up);
    assert_eq!(down.message().await.unwrap_err().code(), Code::DataLoss);
}

#[tokio::test]
async fn leases_are_renewed_however_many_streams_are_open() {
    let scene = Scene::new().await;
    let (_a, _) = scene.server("conferencing", "a", Mood::Answers).await;
    let (_c, _) = scene.server("linetest", "c", Mood::Answers).await;
    let _proxy = scene.proxy_with(Config { streams_max: 1, ..Config::default() }).await;
    let mut client = clients::line_test(scene.network.channel(&Address::memory("proxy-1")));
    let (up, messages) = mpsc::channel(4);
    up.send(linetest_wire::RunUp::default()).await.unwrap();
    let mut down = client.run(ReceiverStream::new(messages)).await.unwrap().into_inner();
    assert_eq!(down.message().await.unwrap().unwrap().step, 1);

    let (_up, messages) = mpsc::channel::<linetest_wire::RunUp>(4);
    let refused = client.run(ReceiverStream::new(messages)).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable);
    scene.renew().await.unwrap();
}

#[tokio::test]
async fn an_unknown_service_is_refused_by_name_and_one_without_servers_as_unavailable() {
    let scene = Scene::new().await;
    let _proxy = scene.proxy().await;
    let mixing = clients::mixing(scene.network.channel(&Address::memory("proxy-1")));
    let refused =
        mixing.clone().end(partyline_rpc::generated::mixing::EndRequest::default()).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unimplemented);
    assert!(refused.message().contains("mixing"), "{refused}");

    assert_eq!(scene.renew().await.unwrap_err().code(), Code::Unavailable);
}

#[tokio::test]
async fn a_server_that_does_not_listen_costs_no_request() {
    let scene = Scene::new().await;
    let (_a, log) = scene.server("conferencing", "a", Mood::Answers).await;
    scene.lease("conferencing", "gone").await;
    let _proxy = scene.proxy().await;
    for _ in 0..20 {
        scene.renew().await.unwrap();
    }
    assert_eq!(log.count("Leases/RenewVru"), 20);
}

#[tokio::test]
async fn a_server_that_refuses_again_and_again_is_left_alone() {
    let scene = Scene::new().await;
    let (_a, _) = scene.server("conferencing", "a", Mood::Answers).await;
    let (_b, refusing) = scene.server("conferencing", "b", Mood::Refuses).await;
    let _proxy = scene.proxy().await;
    for _ in 0..60 {
        let _ = scene.renew().await;
    }
    // Three ejected it; more only after a pause of a second and longer.
    let asked = refusing.count("Leases/RenewVru");
    assert!((1..30).contains(&asked), "{asked}");
}

#[tokio::test]
async fn a_server_that_never_answers_is_given_up_in_time() {
    let scene = Scene::new().await;
    let (_a, _) = scene.server("conferencing", "a", Mood::NeverAnswers).await;
    let _proxy = scene.proxy().await;
    assert_eq!(scene.renew().await.unwrap_err().code(), Code::Unavailable);
}

#[tokio::test]
async fn a_server_that_comes_later_is_found() {
    let scene = Scene::new().await;
    let _proxy = scene.proxy().await;
    assert!(scene.renew().await.is_err());
    let (_a, _) = scene.server("conferencing", "late", Mood::Answers).await;
    tokio::time::timeout(CEILING, async {
        while scene.renew().await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
    .expect("the new server is found");
}
