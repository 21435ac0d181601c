//! sipsak asks what the server can do, and whether that is true; floods it, and sends what is broken.

#![expect(clippy::unwrap_used, reason = "a test that fails says where")]

use std::net::Ipv4Addr;

use partyline_claims::still_talking;
use partyline_interop::{ToolRun, Trial, run_tool};

/// Every method of RFC 3261 and its extensions that is answered outside a dialog without starting a call.
const METHODS: [&str; 12] = [
    "BYE",
    "CANCEL",
    "REGISTER",
    "OPTIONS",
    "SUBSCRIBE",
    "NOTIFY",
    "PUBLISH",
    "INFO",
    "REFER",
    "MESSAGE",
    "UPDATE",
    "PRACK",
];

struct Asker {
    local: Ipv4Addr,
    uri: String,
    folder: tempfile::TempDir,
}

impl Asker {
    fn new(trial: &Trial) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { local: trial.strangers_address(), uri: trial.party.server.uri("conference"), folder }
    }

    async fn run(&self, arguments: &[&str]) -> ToolRun {
        let local = format!("--local-ip={}", self.local);
        let mut all = vec![local.as_str(), "-s", &self.uri];
        all.extend(arguments);
        run_tool("sipsak", &all).await.unwrap()
    }

    /// Sends a request that is written here; the response.
    async fn ask(&self, method: &str, more: &str, body: &str) -> String {
        let (local, uri, file) = (self.local, &self.uri, self.folder.path().join(method));
        let nth = std::fs::read_dir(self.folder.path()).unwrap().count();
        let request = format!(
            "{method} {uri} SIP/2.0\nVia: SIP/2.0/UDP {local}:5060;branch=z9hG4bK{method}{nth};rport\n\
             From: <sip:sipsak@{local}>;tag=x{nth}\nTo: <{uri}>\nCall-ID: {method}{nth}@{local}\n\
             CSeq: 1 {method}\nContact: <sip:sipsak@{local}>\nMax-Forwards: 70\n{more}Content-Length: {}\n\n{body}",
            body.len()
        );
        let file = file.with_extension(nth.to_string());
        std::fs::write(&file, request).unwrap();
        let run = self.run(&["-vv", "-l", "5060", "-f", file.to_str().unwrap()]).await;
        let response = run.printed.rfind("SIP/2.0 ").map(|_| run.printed.clone());
        response.unwrap_or_else(|| panic!("{method} was not answered: {}", run.printed))
    }
}

/// The status of the last response that sipsak printed.
fn status(printed: &str) -> u16 {
    let lines = printed.lines().map(str::trim);
    let statuses = lines.filter_map(|line| line.strip_prefix("SIP/2.0 ")?.get(..3)?.parse().ok());
    statuses.max().unwrap_or_else(|| panic!("no status in {printed}"))
}

fn listed<'a>(printed: &'a str, header: &str) -> Vec<&'a str> {
    let value = printed.lines().find_map(|line| line.trim().strip_prefix(header)?.strip_prefix(':'));
    let value = value.unwrap_or_else(|| panic!("no {header} in {printed}"));
    value.split(',').map(str::trim).filter(|item| !item.is_empty()).collect()
}

/// Shows RFC 3261 §11.2: what the answer to OPTIONS lists is what is done.
/// Shows RFC 3261 §8.2.1: 405 for what is known and not allowed.
/// Shows RFC 3261 §8.2.2.3: 420 names what is required and not supported.
/// Shows RFC 3261 §8.2.3: 415 names the types that are taken.
#[tokio::test]
async fn the_answer_to_options_is_true() {
    let trial = Trial::start().await.unwrap();
    let sipsak = Asker::new(&trial);
    let answer = sipsak.run(&["-vv"]).await;
    assert_eq!(answer.status, Some(0), "{}", answer.printed);
    let response = answer.printed.split("received from").last().unwrap();
    let (allowed, supported) = (listed(response, "Allow"), listed(response, "Supported"));
    for method in ["INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "INFO", "UPDATE"] {
        assert!(allowed.contains(&method), "{method} is not in {allowed:?}");
    }
    for method in METHODS {
        let answered = status(&sipsak.ask(method, "", "").await);
        // RFC 6665 refuses the event or the subscription, not the method; and nobody may refer.
        let is_refused = answered == 405
            || matches!((method, answered), ("SUBSCRIBE", 489) | ("NOTIFY", 481) | ("REFER", 403));
        assert_eq!(is_refused, !allowed.contains(&method), "{method} was answered with {answered}");
    }
    assert_eq!(status(&sipsak.ask("JUGGLE", "", "").await), 501);

    for option in &supported {
        let answered = status(&sipsak.ask("OPTIONS", &format!("Require: {option}\n"), "").await);
        assert_ne!(answered, 420, "{option} is said to be supported");
    }
    let refused = sipsak.ask("OPTIONS", "Require: teleportation\n", "").await;
    assert_eq!((status(&refused), listed(&refused, "Unsupported")), (420, vec!["teleportation"]));

    let refused = sipsak.ask("INVITE", "Content-Type: text/plain\n", "Hello?\n").await;
    assert_eq!(status(&refused), 415, "{refused}");
    // What an INVITE may carry is a part of what requests may carry.
    let (taken, told) = (listed(&refused, "Accept"), listed(response, "Accept"));
    assert!(taken.contains(&"application/sdp"), "{taken:?}");
    assert!(taken.iter().all(|kind| told.contains(kind)), "{taken:?} is more than {told:?}");
    trial.finish().await.unwrap();
}

#[tokio::test]
async fn a_flood_of_options_and_broken_requests_disturb_no_caller() {
    let mut trial = Trial::start().await.unwrap();
    let sipsak = Asker::new(&trial);
    let pair = trial.party.talking_pair().await.unwrap();
    for _ in 0..10 {
        sipsak.run(&["-F", "-e", "500"]).await;
    }
    still_talking(&pair).await.unwrap();
    // Each run breaks more and more octets of its request, until it is not answered any more.
    for _ in 0..3 {
        sipsak.run(&["-R", "-D", "2"]).await;
    }
    still_talking(&pair).await.unwrap();
    assert!(trial.party.server.is_running());
    assert_eq!(status(&sipsak.run(&["-vv"]).await.printed), 200, "service goes on");
    trial.finish_but_for(Some("sip.Status-Code >= 400")).await.unwrap();
}
