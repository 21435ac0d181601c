//! Who looks for a way in, and who sends rubbish: callers in a conference notice nothing.

#![expect(clippy::unwrap_used, reason = "a test that fails says where")]

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use partyline_claims::{ServerPlan, loopback_of_my_own, still_talking};
use partyline_interop::{Trial, run_tool};
use serde_json::Value;

/// Who was turned away, as the server's operator sees it.
fn sources(trial: &Trial) -> Vec<Value> {
    let listed = trial.party.server.json(&["sip", "sources"]).unwrap();
    listed.as_array().cloned().unwrap_or_default()
}

/// One of them.
fn source(trial: &Trial, address: &str) -> Value {
    let all = sources(trial);
    let found = all.iter().find(|one| one["source"] == address);
    found.unwrap_or_else(|| panic!("{address} is not among {all:?}")).clone()
}

const GARBAGE: u32 = 20_000;
/// Datagrams that are sent at once, and the pause after them: the server's sockets are to take most of them.
const VOLLEY: u32 = 20;
const PAUSE: Duration = Duration::from_millis(2);

/// The tools send from the machine's own loopback address.
#[tokio::test]
async fn the_tools_of_sipvicious_get_nowhere_and_disturb_no_caller() {
    let mut trial = Trial::start().await.unwrap();
    let pair = trial.party.talking_pair().await.unwrap();
    let server = trial.party.server.address().to_string();

    let map = run_tool("svmap", &["-P", "25060", &server]).await.unwrap();
    assert!(map.printed.contains("Partyline"), "{}", map.printed);
    for method in ["OPTIONS", "REGISTER", "INVITE"] {
        let extensions =
            ["-P", "25061", "-m", method, "-e", "10000000-10000029", "--maximumtime", "10", &server];
        let war = run_tool("svwar", &extensions).await.unwrap();
        assert_ne!(war.status, Some(124), "svwar {method} hangs: {}", war.printed);
        assert!(!war.printed.contains("reqauth"), "{}", war.printed);
    }
    let crack = ["-P", "25062", "-u", "10000000", "-r", "1-100", "--maximumtime", "10", &server];
    let crack = run_tool("svcrack", &crack).await.unwrap();
    assert_ne!(crack.status, Some(124), "svcrack hangs: {}", crack.printed);
    assert!(!crack.printed.contains("Password"), "{}", crack.printed);

    still_talking(&pair).await.unwrap();
    assert!(trial.party.server.is_running());
    // Every code that svwar dialled was one wrong try more of the same source.
    let tries = "refusal = 'unknown_code' AND source LIKE '127.0.0.1%'";
    assert!(trial.party.server.count("attempt", tries).await.unwrap() > 0);
    // And the operator sees who it was: scans by OPTIONS, registrations that nobody takes, codes that are none.
    let scanner = source(&trial, "127.0.0.1");
    for what in ["questions", "refused", "wrong_codes"] {
        assert!(scanner[what].as_u64().unwrap() > 0, "{what}: {scanner}");
    }
    let guessed = |one: &&Value| one["wrong_codes"].as_u64() > Some(0) || one["questions"].as_u64() > Some(0);
    let all = sources(&trial);
    let guessers: Vec<&Value> = all.iter().filter(guessed).collect();
    assert_eq!(guessers.len(), 1, "who is in a conference is none of them: {guessers:?}");
    trial.finish().await.unwrap();
}

/// Shows RFC 3261 §22.1: strangers are asked for a password, and no guess of theirs is one. The tool knows MD5 only.
#[tokio::test]
async fn svcrack_guesses_no_password_and_our_own_trunk_is_never_asked() {
    let [a, b, c, _] = loopback_of_my_own().octets();
    let config = format!(
        "[sip]\nunknown_sources = \"challenge\"\ndigests = [\"md5\"]\n[[trunk]]\nname = \"office\"\nsources = [\"{a}.{b}.{c}.0/24\"]\n\
         [[trunk]]\nname = \"pbx\"\nusers = [{{ name = \"1000\", password = \"correct horse\" }}]\n"
    );
    let plan = ServerPlan { config, has_own_listeners: false };
    let mut trial = Trial::start_with(&plan).await.unwrap();
    let pair = trial.party.talking_pair().await.unwrap();
    let server = trial.party.server.address().to_string();
    let crack = ["-P", "25063", "-m", "INVITE", "-u", "1000", "-r", "1-20", "--maximumtime", "10", &server];
    let crack = run_tool("svcrack", &crack).await.unwrap();
    assert_ne!(crack.status, Some(124), "svcrack hangs: {}", crack.printed);
    assert!(!crack.printed.contains("Password"), "{}", crack.printed);
    still_talking(&pair).await.unwrap();
    assert!(trial.party.server.is_running());
    let guesser = source(&trial, "127.0.0.1");
    assert!(guesser["wrong_passwords"].as_u64().unwrap() > 0, "{guesser}");
    let sent = trial.finish().await.unwrap();
    let asked = sent.count("sip.Status-Code in {401, 407} && ip.dst == 127.0.0.1").unwrap();
    assert!(asked > 0, "svcrack was never asked for a password: {}", crack.printed);
    assert_eq!(sent.count("sip.Status-Code in {401, 407} && ip.dst != 127.0.0.1").unwrap(), 0);
    assert_eq!(sent.count("sip.Status-Code == 200 && ip.dst == 127.0.0.1").unwrap(), 0, "nobody got in");
}

/// A few numbers that look like none (xorshift); the same in every run.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    fn octets(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.next() as u8).collect()
    }

    /// A good message with some of its octets changed, left out or doubled.
    fn spoiled(&mut self, good: &[u8]) -> Vec<u8> {
        let mut bytes = good.to_vec();
        for _ in 0..=self.below(8) {
            let at = self.below(bytes.len());
            match self.below(3) {
                0 => bytes[at] = self.next() as u8,
                1 => drop(bytes.remove(at)),
                _ => bytes.insert(at, bytes[at]),
            }
        }
        bytes
    }
}

#[tokio::test]
async fn twenty_thousand_datagrams_of_garbage_change_nothing() {
    let mut trial = Trial::start().await.unwrap();
    let pair = trial.party.talking_pair().await.unwrap();
    let stranger = UdpSocket::bind((trial.strangers_address(), 0)).unwrap();
    let (us, sip) = (stranger.local_addr().unwrap(), trial.party.server.sip());
    let invite = format!(
        "INVITE sip:conference@{sip} SIP/2.0\r\nVia: SIP/2.0/UDP {us};branch=z9hG4bKx;rport\r\n\
         From: <sip:noise@{us}>;tag=n\r\nTo: <sip:conference@{sip}>\r\nCall-ID: noise\r\nCSeq: 1 INVITE\r\n\
         Contact: <sip:noise@{us}>\r\nMax-Forwards: 70\r\nContent-Type: application/sdp\r\n\
         Content-Length: 122\r\n\r\nv=0\r\no=- 1 1 IN IP4 {us}\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
         m=audio 4000 RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\n"
    );
    let mut rtp = vec![0x80, 0x00];
    rtp.extend([0x5A; 170]);
    let mut doors: Vec<SocketAddr> = vec![sip];
    for phone in &pair {
        doors.push(phone.call.media_goes_to().await.unwrap());
    }
    let mut noise = Noise(0x5EED);
    for nth in 0..GARBAGE {
        let length = noise.below(1_400);
        let datagram = match nth % 4 {
            0 => noise.octets(length),
            1 | 2 => noise.spoiled(invite.as_bytes()),
            _ => noise.spoiled(&rtp),
        };
        let door = if nth % 4 == 3 { doors[1 + noise.below(2)] } else { doors[noise.below(3) / 2] };
        // A full socket buffer is the network's loss.
        let _ = stranger.send_to(&datagram, door);
        if nth % VOLLEY == 0 {
            tokio::time::sleep(PAUSE).await;
        }
    }
    still_talking(&pair).await.unwrap();
    assert!(trial.party.server.is_running());
    assert_eq!(trial.party.server.count("conferee", "state = 'joined'").await.unwrap(), 2);
    let (status, _) = trial.party.server.http("/readyz").unwrap();
    assert_eq!(status, 200, "it takes calls");
    let noisy = source(&trial, &us.ip().to_string());
    for what in ["garbage", "refused"] {
        assert!(noisy[what].as_u64().unwrap() > 100, "{what}: {noisy}");
    }
    trial.finish_but_for(Some("sip.Status-Code >= 400")).await.unwrap();
}
