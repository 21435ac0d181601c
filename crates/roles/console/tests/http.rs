//! The listener, asked over TCP.

use partyline_console::{Config, Console};
use partyline_telemetry::{Health, Metrics};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

async fn ask(console: &Console, request: &str) -> String {
    let mut stream = TcpStream::connect(console.local_addr()).await.expect("the loopback works");
    stream.write_all(request.as_bytes()).await.expect("the loopback works");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("the loopback works");
    String::from_utf8_lossy(&answer).into_owned()
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
}

// One test: the recorder of metrics is one per process.
#[tokio::test]
async fn readiness_health_and_metrics_are_answered_and_a_stop_frees_the_port() {
    let health = Health::new();
    let metrics = Metrics::install().expect("the loopback works");
    let config = Config { listen: "127.0.0.1:0".parse().unwrap() };
    let console = Console::start(&config, health.clone(), metrics.clone()).await.expect("the loopback works");

    let roles = health.check("roles", "starting");
    let answer = ask(&console, &get("/readyz")).await;
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(answer.contains(r#""reason":"starting""#), "{answer}");
    roles.is_fine();
    assert!(ask(&console, &get("/readyz")).await.starts_with("HTTP/1.1 200"));
    assert!(ask(&console, &get("/healthz")).await.starts_with("HTTP/1.1 200"));
    assert!(ask(&console, &get("/nothing")).await.starts_with("HTTP/1.1 404"));
    assert!(ask(&console, "garbage\r\n\r\n").await.starts_with("HTTP/1.1 400"));
    assert!(ask(&console, &get("/metrics")).await.contains("text/plain"));

    let taken = Console::start(&Config { listen: console.local_addr() }, health, metrics.clone()).await;
    assert!(taken.unwrap_err().to_string().contains("can't listen on 127.0.0.1:"));

    let address = console.local_addr();
    console.stop().await;
    assert!(TcpStream::connect(address).await.is_err());
}
