//! A line test over its gRPC stream.

#![expect(clippy::unwrap_used, reason = "a step that fails fails the test")]

use std::sync::Arc;

use partyline_linetest::{Config, LineTestServer};
use partyline_rpc::generated::linetest as wire;
use partyline_rpc::generated::linetest::run_down::Action;
use partyline_rpc::generated::linetest::run_up::Up;
use partyline_rpc::{Network, clients, services};
use partyline_store::{LookupKey, LookupKeys, SqlStore, Store, StoreReader};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Code;

async fn started() -> (Network, Arc<SqlStore>, LineTestServer, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let keys = LookupKeys::new(vec![LookupKey::new("k1", [1; 32])]).unwrap();
    let store = SqlStore::open(&directory.path().join("store.db"), keys).await.unwrap();
    let network = Network::new();
    let shared: Arc<dyn Store> = Arc::clone(&store) as Arc<dyn Store>;
    let server = LineTestServer::start(Config::default(), network.clone(), shared).await.unwrap();
    (network, store, server, directory)
}

fn hello(vru: &str) -> wire::RunUp {
    let hello = wire::RunHello {
        vru_id: vru.to_owned(),
        call_id: "call@test".to_owned(),
        caller_number: "+4930123".to_owned(),
    };
    wire::RunUp { up: Some(Up::Hello(hello)) }
}

#[tokio::test]
async fn a_test_goes_step_by_step_and_its_stream_ends_after_the_goodbye() {
    let (network, _store, server, _directory) = started().await;
    let mut client = clients::line_test(network.channel(&Config::default().address));
    let (up, messages) = mpsc::channel(4);
    up.send(hello("vru-1")).await.unwrap();
    let mut down = client.run(ReceiverStream::new(messages)).await.unwrap().into_inner();

    let mut kinds = Vec::new();
    while let Some(step) = down.message().await.unwrap() {
        kinds.push(match step.action.unwrap() {
            Action::SayDigits(said) => format!("say {}", said.digits),
            Action::Tone(_) => "tone".to_owned(),
            Action::Echo(_) => "echo".to_owned(),
            Action::Report(report) => {
                format!("loss {} delay {}", report.loss_tenths_percent, report.delay_ms)
            }
            Action::Finish(_) => "finish".to_owned(),
        });
        let done = wire::StepDone { step: step.step, packets_received: 999, packets_lost: 1, delay_ms: 60 };
        up.send(wire::RunUp { up: Some(Up::Done(done)) }).await.unwrap();
    }
    assert_eq!(kinds, ["say 4930123", "tone", "echo", "loss 1 delay 60", "finish"]);
    assert_eq!(server.rpc_log().count("LineTest/Run"), 1);
}

#[tokio::test]
async fn what_is_no_hello_is_refused() {
    let (network, _store, _server, _directory) = started().await;
    let mut client = clients::line_test(network.channel(&Config::default().address));
    for wrong in [hello("NO NAME"), wire::RunUp::default()] {
        let refused = client.run(tokio_stream::iter([wrong])).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
    }
}

#[tokio::test]
async fn a_server_is_found_by_its_lease_and_gone_after_its_stop() {
    let (_network, store, server, _directory) = started().await;
    let service = services::name(services::LINETEST);
    assert_eq!(store.interface_servers(&service).await.unwrap().len(), 1);
    server.stop().await;
    assert!(store.interface_servers(&service).await.unwrap().is_empty());
}
