//! Calls over TLS, and what else comes to its port.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use partyline_sip::endpoint::TransportKind;
use partyline_tls::{
    CertificateFacts, CertificateKeeper, CertificateSource, ClientCertificates, Trust, client_config,
};
use partyline_vru::{SipTls, StartError, TurnedAway};
use rustls::pki_types::ServerName;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::cluster::{CEILING, Cluster};

/// A certificate of somebody's own making, in a folder of its own.
pub(crate) struct Papers {
    folder: TempDir,
    pub(crate) keeper: Arc<CertificateKeeper>,
}

impl Papers {
    pub(crate) fn of(name: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let names = vec![name.to_owned(), "127.0.0.1".to_owned()];
        let source = CertificateSource::SelfSigned { folder: folder.path().to_owned(), names };
        let keeper = Arc::new(CertificateKeeper::open(source, SystemTime::now()).unwrap());
        Self { folder, keeper }
    }

    pub(crate) fn certificate(&self) -> std::path::PathBuf {
        self.folder.path().join("certificate.pem")
    }

    pub(crate) fn files(&self) -> CertificateSource {
        CertificateSource::Files { certificate: self.certificate(), key: self.folder.path().join("key.pem") }
    }

    /// Puts these into the place of others.
    fn replace(&self, others: &Path) {
        for name in ["certificate.pem", "key.pem"] {
            std::fs::copy(self.folder.path().join(name), others.join(name)).unwrap();
        }
    }
}

async fn start(papers: &Papers, clients: ClientCertificates) -> Cluster {
    Cluster::start_with(|config| config.tls = Some(tls_of(papers, clients))).await
}

pub(crate) fn tls_of(papers: &Papers, clients: ClientCertificates) -> SipTls {
    SipTls {
        listen: vec!["127.0.0.1:0".parse().unwrap()],
        certificate: papers.files(),
        clients,
        trust: Trust::Anyone,
        targets: [].into(),
        looks_every: Duration::from_millis(20),
    }
}

fn tls_address(cluster: &Cluster) -> SocketAddr {
    let mut addresses = cluster.vru.sip_addresses().iter();
    addresses.find(|address| address.transport == TransportKind::Tls).unwrap().local
}

/// A telephone on TLS.
struct TlsPhone {
    stream: TlsStream<TcpStream>,
    local: SocketAddr,
    heard: String,
    to: String,
}

impl TlsPhone {
    /// Connects from an address, trusting one certificate, showing another.
    async fn connect(
        cluster: &Cluster,
        from: &str,
        trusted: &Path,
        own: Option<&Papers>,
    ) -> std::io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::new(from.parse::<IpAddr>().unwrap(), 0))?;
        let stream = socket.connect(tls_address(cluster)).await?;
        let local = stream.local_addr()?;
        let own = own.map(|papers| Arc::clone(&papers.keeper));
        let config = client_config(&Trust::File(trusted.to_owned()), own).unwrap();
        let name = ServerName::try_from("127.0.0.1").unwrap();
        let stream = TlsConnector::from(config).connect(name, stream).await?;
        Ok(Self { stream, local, heard: String::new(), to: "<sip:conference@127.0.0.1>".to_owned() })
    }

    /// Whom the certificate that was shown names.
    fn shown(&self) -> Vec<String> {
        let chain = self.stream.get_ref().1.peer_certificates().unwrap();
        CertificateFacts::of(&chain[0]).unwrap().names
    }

    async fn say(&mut self, method: &str, cseq: u32, body: &str) -> std::io::Result<()> {
        let Self { local, to, .. } = self;
        let message = format!(
            "{method} sip:conference@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TLS {local};branch=z9hG4bK{method}{cseq}\r\n\
             Max-Forwards: 70\r\nFrom: <sip:tls@{local}>;tag=t1\r\nTo: {to}\r\nCall-ID: {}@tls\r\n\
             CSeq: {cseq} {method}\r\nContact: <sip:tls@{local};transport=tls>\r\nContent-Type: application/sdp\r\n\
             Content-Length: {}\r\n\r\n{body}",
            local.port(),
            body.len()
        );
        self.stream.write_all(message.as_bytes()).await
    }

    /// The final answer to a method.
    async fn answer(&mut self, method: &str) -> std::io::Result<String> {
        let mut buffer = vec![0; 8192];
        loop {
            let end = format!(" {method}\r\n");
            let found = self
                .heard
                .split("SIP/2.0 ")
                .skip(1)
                .find(|answer| answer.contains(&end) && !answer.starts_with('1'));
            if let Some(found) = found {
                let found = found.to_owned();
                self.heard.clear();
                return Ok(found);
            }
            let read = tokio::time::timeout(CEILING, self.stream.read(&mut buffer)).await;
            let length = read.expect("an answer")?;
            if length == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            self.heard.push_str(&String::from_utf8_lossy(&buffer[..length]));
        }
    }

    /// Calls, and answers with what came back.
    async fn call(&mut self) -> std::io::Result<String> {
        let offer = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\n";
        self.say("INVITE", 1, offer).await?;
        let answer = self.answer("INVITE").await?;
        self.to = answer.lines().find_map(|line| line.strip_prefix("To: ")).unwrap_or_default().to_owned();
        self.say("ACK", 1, "").await?;
        Ok(answer)
    }

    async fn hang_up(&mut self) -> std::io::Result<String> {
        self.say("BYE", 2, "").await?;
        self.answer("BYE").await
    }
}

/// Shows RFC 3261 §26.2.1: a call over TLS is taken, and goes on over TLS.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn call_over_tls_is_answered_over_tls() {
    let papers = Papers::of("vru.example.org");
    let cluster = start(&papers, ClientCertificates::NotAsked).await;
    let mut phone = TlsPhone::connect(&cluster, "127.0.0.1", &papers.certificate(), None).await.unwrap();
    let answer = phone.call().await.unwrap();
    assert!(answer.starts_with("200 "), "{answer}");
    let contact = format!("Contact: <sip:{};transport=tls>", tls_address(&cluster));
    assert!(answer.contains(&contact), "{answer}");
    assert!(phone.hang_up().await.unwrap().starts_with("200 "));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn new_certificate_is_shown_to_newcomers_while_calls_go_on_and_a_broken_one_is_not() {
    let (old, new) = (Papers::of("old.example.org"), Papers::of("new.example.org"));
    let cluster = start(&old, ClientCertificates::NotAsked).await;
    let mut early = TlsPhone::connect(&cluster, "127.0.0.1", &old.certificate(), None).await.unwrap();
    assert!(early.call().await.unwrap().starts_with("200 "));
    assert_eq!(early.shown()[0], "old.example.org");
    new.replace(old.folder.path());
    let renewed = async {
        // Until the files are looked at the old certificate is shown, which the newcomer does not trust.
        while TlsPhone::connect(&cluster, "127.0.0.1", &new.certificate(), None).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(CEILING, renewed).await.expect("the new certificate is taken");
    assert!(early.hang_up().await.unwrap().starts_with("200 "), "the call went on");
    std::fs::write(old.certificate(), "nonsense").unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let late = TlsPhone::connect(&cluster, "127.0.0.1", &new.certificate(), None).await.unwrap();
    assert_eq!(late.shown()[0], "new.example.org");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_and_silence_on_the_port_of_tls_keep_nobody_out() {
    let papers = Papers::of("vru.example.org");
    let cluster = start(&papers, ClientCertificates::NotAsked).await;
    let mut strangers = Vec::new();
    for number in 0..48 {
        let mut stream = TcpStream::connect(tls_address(&cluster)).await.unwrap();
        if number % 2 == 0 {
            // One that was cut off already is no matter.
            let _ = stream.write_all(b"OPTIONS sip:x SIP/2.0\r\n\r\n").await;
        }
        strangers.push(stream);
    }
    let mut phone = TlsPhone::connect(&cluster, "127.0.0.2", &papers.certificate(), None).await.unwrap();
    assert!(phone.call().await.unwrap().starts_with("200 "));
    // Who spoke no TLS was cut off.
    let mut rest = Vec::new();
    let ended = tokio::time::timeout(CEILING, strangers[0].read_to_end(&mut rest)).await;
    assert!(ended.is_ok());
}

/// What a source was turned away for, as soon as it is as often as this.
async fn turned_away(cluster: &Cluster, source: &str, what: TurnedAway, times: u64) {
    let source: IpAddr = source.parse().unwrap();
    let counted = || {
        let sources = cluster.vru.sources();
        sources.iter().find(|counts| counts.source == source).map_or(0, |counts| counts.of(what))
    };
    let waiting = async {
        while counted() < times {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let waited = tokio::time::timeout(CEILING, waiting).await;
    assert!(waited.is_ok() && counted() == times, "{source}: {:?}", cluster.vru.sources());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_brings_no_tls_or_no_good_certificate_is_counted_by_source() {
    let (papers, carrier, stranger) =
        (Papers::of("vru.example.org"), Papers::of("sbc.example.net"), Papers::of("sbc.example.net"));
    let cluster = start(&papers, ClientCertificates::Required(carrier.certificate())).await;
    for garbage in [&b"OPTIONS sip:x SIP/2.0\r\n\r\n"[..], &[0xA5; 700], b"\x16\x03\x01\x00\x05hello"] {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.3:0".parse().unwrap()).unwrap();
        let mut stream = socket.connect(tls_address(&cluster)).await.unwrap();
        stream.write_all(garbage).await.unwrap();
        // Until it is cut off; some garbage is answered with an alert.
        let _ = tokio::time::timeout(CEILING, stream.read_to_end(&mut Vec::new())).await.expect("an end");
    }
    turned_away(&cluster, "127.0.0.3", TurnedAway::BadHandshake, 3).await;
    for own in [None, Some(&stranger)] {
        let phone = TlsPhone::connect(&cluster, "127.0.0.4", &papers.certificate(), own).await;
        if let Ok(mut phone) = phone {
            assert!(phone.call().await.is_err());
        }
    }
    turned_away(&cluster, "127.0.0.4", TurnedAway::BadHandshake, 2).await;
    let mut known =
        TlsPhone::connect(&cluster, "127.0.0.5", &papers.certificate(), Some(&carrier)).await.unwrap();
    assert!(known.call().await.unwrap().starts_with("200 "));
    let innocent: IpAddr = "127.0.0.5".parse().unwrap();
    assert!(cluster.vru.sources().iter().all(|counts| counts.source != innocent));
}

/// Shows RFC 3261 §26.3.1: a server may ask its peers for certificates, and refuse those it does not know.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_must_show_a_certificate_is_let_in_by_it_and_by_nothing_else() {
    let (papers, carrier, stranger) =
        (Papers::of("vru.example.org"), Papers::of("sbc.example.net"), Papers::of("sbc.example.net"));
    let cluster = start(&papers, ClientCertificates::Required(carrier.certificate())).await;
    let calls = async |own: Option<&Papers>| {
        // In TLS 1.3 the refusal comes with the first that is read.
        let mut phone = TlsPhone::connect(&cluster, "127.0.0.1", &papers.certificate(), own).await?;
        phone.call().await
    };
    assert!(calls(Some(&carrier)).await.unwrap().starts_with("200 "));
    assert!(calls(None).await.is_err());
    assert!(calls(Some(&stranger)).await.is_err());

    let cluster = start(&papers, ClientCertificates::Requested(carrier.certificate())).await;
    let mut phone = TlsPhone::connect(&cluster, "127.0.0.1", &papers.certificate(), None).await.unwrap();
    assert!(phone.call().await.unwrap().starts_with("200 "), "it may show none");
}

/// Shows RFC 5922 §7.1: a trunk is known by the names in the certificate that it shows.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn trunk_is_known_by_its_certificate_where_strangers_are_refused() {
    let (papers, carrier) = (Papers::of("vru.example.org"), Papers::of("sbc.example.net"));
    let cluster = Cluster::start_with(|config| {
        config.unknown_sources = partyline_trunk::UnknownSources::Refuse;
        config.trunks = vec![crate::trunks::trunk("name = \"carrier\"\ntls_peers = [\"sbc.example.net\"]")];
        config.tls = Some(tls_of(&papers, ClientCertificates::Requested(carrier.certificate())));
    })
    .await;
    let trusted = papers.certificate();
    let mut known = TlsPhone::connect(&cluster, "127.0.0.1", &trusted, Some(&carrier)).await.unwrap();
    assert!(known.call().await.unwrap().starts_with("200 "));
    let mut stranger = TlsPhone::connect(&cluster, "127.0.0.1", &trusted, None).await.unwrap();
    assert!(stranger.call().await.unwrap().starts_with("403 "));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn vru_without_its_certificate_does_not_start() {
    let cluster = Cluster::start().await;
    let nowhere = CertificateSource::Files { certificate: "nowhere.pem".into(), key: "nowhere.pem".into() };
    let config = partyline_vru::Config {
        sip_listen: vec!["127.0.0.1:0".parse().unwrap()],
        tls: Some(SipTls {
            listen: vec!["127.0.0.1:0".parse().unwrap()],
            certificate: nowhere,
            clients: ClientCertificates::NotAsked,
            trust: Trust::Anyone,
            targets: [].into(),
            looks_every: Duration::from_secs(5),
        }),
        ..partyline_vru::Config::default()
    };
    let started = partyline_vru::Vru::start(
        config,
        partyline_rpc::Network::new(),
        cluster.engine.clone(),
        Arc::new(crate::store::Codes::default()),
        partyline_vru::PromptLibrary::new(),
        vec![],
    );
    assert!(matches!(started, Err(StartError::Certificate(_))));
}
