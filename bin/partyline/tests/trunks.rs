//! Trunks of a running server, made and tried as operators do it.

use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;

/// Ten times and more what anything here takes.
const CEILING: Duration = Duration::from_secs(60);

fn partyline(data_dir: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_partyline"));
    command.args(words).arg("--data-dir").arg(data_dir).arg("--json").stdin(Stdio::null());
    command.env("PARTYLINE_LOG__FILTER", "warn");
    command
}

fn run(data_dir: &Path, words: &[&str]) -> (Output, Value) {
    let output = partyline(data_dir, words).output().expect("the binary runs");
    let json = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
    (output, json)
}

/// A server that lets in nobody but its trunks.
struct Server(Child, SocketAddr);

impl Server {
    fn start(data_dir: &Path) -> Self {
        let words = ["serve", "--sip-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0"];
        let mut command = partyline(data_dir, &words);
        command.env("PARTYLINE_SIP__UNKNOWN_SOURCES", "refuse");
        let mut child = command.stdout(Stdio::piped()).spawn().expect("the binary runs");
        let output = child.stdout.take().expect("the output is piped");
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line).expect("the output reads");
        let welcome: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
        let sip = welcome["sip"][0].as_str().and_then(|sip| sip.parse().ok()).expect("an address");
        Self(child, sip)
    }

    /// What a call without media is answered with.
    fn status(&self, from: &str) -> u16 {
        let socket = UdpSocket::bind((from, 0)).expect("a loopback address");
        socket.set_read_timeout(Some(CEILING)).expect("a time");
        let local = socket.local_addr().expect("bound");
        let sip = self.1;
        let port = local.port();
        let body = format!(
            "v=0\r\no=- 1 1 IN IP4 {from}\r\ns=-\r\nc=IN IP4 {from}\r\nt=0 0\r\nm=audio {port} RTP/AVP 0\r\n"
        );
        let branch = format!("z9hG4bK{port}{}", rand_of_time());
        let invite = format!(
            "INVITE sip:linetest@{sip} SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch={branch}\r\nMax-Forwards: 70\r\n\
             From: <sip:t@{local}>;tag=a\r\nTo: <sip:linetest@{sip}>\r\nCall-ID: {branch}@{from}\r\nCSeq: 1 INVITE\r\n\
             Contact: <sip:t@{local}>\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        socket.send_to(invite.as_bytes(), sip).expect("it is sent");
        loop {
            let mut buffer = [0; 4096];
            let length = socket.recv(&mut buffer).expect("an answer");
            let answer = String::from_utf8_lossy(&buffer[..length]).into_owned();
            let status: u16 =
                answer.strip_prefix("SIP/2.0 ").and_then(|rest| rest.get(..3)?.parse().ok()).unwrap_or(0);
            if status >= 200 {
                return status;
            }
        }
    }
}

/// Another number each time, for branches.
fn rand_of_time() -> u128 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_nanos())
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Answers one INVITE with this status, and what belongs to it until the call is over.
fn callee(status: &'static str) -> (SocketAddr, JoinHandle<()>) {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a loopback address");
    socket.set_read_timeout(Some(CEILING)).expect("a time");
    let address = socket.local_addr().expect("bound");
    let is_up = status.starts_with("200");
    let answering = std::thread::spawn(move || {
        loop {
            let mut buffer = [0; 8192];
            let (length, from) = socket.recv_from(&mut buffer).expect("a request");
            let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
            let kept: Vec<&str> = text
                .lines()
                .filter(|line| {
                    ["Via:", "From:", "To:", "Call-ID:", "CSeq:"].iter().any(|name| line.starts_with(name))
                })
                .collect();
            let is_new = text.starts_with("INVITE");
            let status = if is_new { status } else { "200 OK" };
            let body = if is_new && status.starts_with("200") {
                "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0\r\n"
            } else {
                ""
            };
            if text.starts_with("ACK") {
                // That of a refusal is the end of it.
                if is_up {
                    continue;
                }
                return;
            }
            let head = kept.join("\r\n");
            let head = if is_new { tagged(&head) } else { head };
            let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
            let answer = format!(
                "SIP/2.0 {status}\r\n{head}\r\nContact: <sip:c@{address}>\r\n{kind}Content-Length: {}\r\n\r\n{body}",
                body.len()
            );
            socket.send_to(answer.as_bytes(), from).expect("it is sent");
            if text.starts_with("BYE") {
                return;
            }
        }
    });
    (address, answering)
}

/// The headers with a tag at To.
fn tagged(head: &str) -> String {
    let lines: Vec<String> = head
        .split("\r\n")
        .map(|line| if line.starts_with("To:") { format!("{line};tag=c") } else { line.to_owned() })
        .collect();
    lines.join("\r\n")
}

#[test]
fn a_trunk_made_beside_a_running_server_lets_its_calls_in_without_a_restart() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let server = Server::start(folder.path());
    assert_eq!(server.status("127.0.0.2"), 403);
    let (made, _) = run(folder.path(), &["trunk", "create", "peer", "sources=127.0.0.2"]);
    assert!(made.status.success());
    let until = Instant::now() + CEILING;
    while run(folder.path(), &["trunk", "show", "peer"]).1["calls"].is_null() {
        assert!(Instant::now() < until, "the server never heard of the trunk");
    }
    assert_eq!(server.status("127.0.0.2"), 200);
    assert_eq!(server.status("127.0.0.3"), 403);
}

#[test]
fn an_operator_has_a_number_called_through_a_trunk_and_hears_what_became_of_it() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let _server = Server::start(folder.path());
    let (address, answering) = callee("200 OK");
    let host = format!("dial_out.hosts={address}");
    let (made, _) = run(folder.path(), &["trunk", "create", "out", &host, "dial_out.numbers=+"]);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let until = Instant::now() + CEILING;
    while run(folder.path(), &["trunk", "show", "out"]).1["calls"].is_null() {
        assert!(Instant::now() < until, "the server never heard of the trunk");
    }
    let (answered, outcome) = run(folder.path(), &["trunk", "call", "+4930123", "--seconds", "1"]);
    assert!(answered.status.success(), "{outcome}");
    assert_eq!((&outcome["outcome"], &outcome["trunk"]), (&Value::from("answered"), &Value::from("out")));
    assert!(outcome["packets_sent"].as_u64().is_some_and(|sent| sent > 10), "{outcome}");
    assert_eq!(outcome["progress"][0]["heard"], "trying");
    answering.join().expect("the callee is done");

    let (busy, answering) = callee("486 Busy Here");
    let host = format!("dial_out.hosts={busy}");
    assert!(run(folder.path(), &["trunk", "create", "busy", &host, "dial_out.numbers=9"]).0.status.success());
    let until = Instant::now() + CEILING;
    while run(folder.path(), &["trunk", "show", "busy"]).1["calls"].is_null() {
        assert!(Instant::now() < until, "the server never heard of the trunk");
    }
    let (refused, outcome) = run(folder.path(), &["trunk", "call", "911"]);
    assert_eq!(refused.status.code(), Some(1));
    assert_eq!(outcome["outcome"], "busy");
    answering.join().expect("the callee is done");
    let (nowhere, outcome) = run(folder.path(), &["trunk", "call", "110"]);
    assert_eq!((nowhere.status.code(), &outcome["outcome"]), (Some(1), &Value::from("no_way")));
}
