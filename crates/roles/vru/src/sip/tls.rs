//! SIP over TLS: handshakes, bounded in number and time, and who is at the other end.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use partyline_tls::{CertificateError, CertificateKeeper, Look, PeerIdentity, client_config, server_config};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info};

use super::SipInput;
use super::inbox::InboxSender;
use super::streams::Stream;
use crate::config::SipTls;
use crate::guard::Source;
use crate::sources::TurnedAway;

/// A handshake takes two round trips; who takes longer keeps others waiting.
const HANDSHAKE_MAX: Duration = Duration::from_secs(5);
/// Handshakes at once; one more is cut off. Each costs a file descriptor and a few kilobytes.
const HANDSHAKES_MAX: usize = 256;
/// Of these from one source.
const HANDSHAKES_PER_SOURCE_MAX: usize = 32;

/// Our side of TLS.
#[derive(Clone)]
pub(crate) struct TlsSide {
    acceptor: TlsAcceptor,
    keeper: Arc<CertificateKeeper>,
    others: Arc<ClientConfig>,
    /// Whom other issuers vouch for, by the name that they are called by.
    by_name: Arc<HashMap<String, Arc<ClientConfig>>>,
    handshakes: Arc<Handshakes>,
    /// Where handshakes are calculated: not on the thread of the endpoint.
    elsewhere: Handle,
    patience: Duration,
}

impl std::fmt::Debug for TlsSide {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TlsSide").field("certificate", &self.keeper.facts()).finish_non_exhaustive()
    }
}

impl TlsSide {
    /// Reads certificates and makes what connections need; handshakes will run on the present runtime.
    pub(crate) fn open(config: &SipTls) -> Result<Self, CertificateError> {
        let keeper = Arc::new(CertificateKeeper::open(config.certificate.clone(), SystemTime::now())?);
        let server = server_config(Arc::clone(&keeper), &config.clients)?;
        let others = client_config(&config.trust, Some(Arc::clone(&keeper)))?;
        let mut by_name = HashMap::new();
        for (name, trust) in &config.targets {
            by_name.insert(name.clone(), client_config(trust, Some(Arc::clone(&keeper)))?);
        }
        Ok(Self {
            acceptor: TlsAcceptor::from(server),
            keeper,
            others,
            by_name: Arc::new(by_name),
            handshakes: Arc::default(),
            elsewhere: Handle::current(),
            patience: HANDSHAKE_MAX,
        })
    }

    /// Looks for a newer certificate again and again, for as long as it runs.
    pub(crate) async fn keep(self, every: Duration) {
        let mut told = None;
        loop {
            metrics::gauge!("partyline_vru_certificate_seconds_left")
                .set(self.keeper.facts().left(SystemTime::now()).as_secs_f64());
            tokio::time::sleep(every).await;
            let keeper = Arc::clone(&self.keeper);
            let looked = tokio::task::spawn_blocking(move || keeper.look(SystemTime::now())).await;
            match looked {
                Ok(Look::Renewed(facts)) => {
                    told = None;
                    info!(names = ?facts.names, "another certificate is in force");
                    metrics::counter!("partyline_vru_certificates_renewed_total").increment(1);
                }
                Ok(Look::Kept(why)) => {
                    metrics::counter!("partyline_vru_certificates_refused_total").increment(1);
                    let why = why.to_string();
                    if told.as_ref() != Some(&why) {
                        error!(%why, "the new certificate can't be used; the old one stays in force");
                    }
                    told = Some(why);
                }
                Ok(Look::Unchanged) | Err(_) => {}
            }
        }
    }

    /// Makes the handshake of a connection that was accepted, and hands it on; what goes wrong is counted, by source too.
    pub(crate) fn shake(
        &self,
        stream: TcpStream,
        local: SocketAddr,
        remote: SocketAddr,
        inputs: &InboxSender,
        closer: &CancellationToken,
    ) {
        let Some(place) = Handshakes::place(&self.handshakes, remote.ip().into()) else {
            count("crowded");
            inputs.turned_away(TurnedAway::Crowded, remote.ip());
            return;
        };
        let (acceptor, inputs, closer) = (self.acceptor.clone(), inputs.clone(), closer.clone());
        let patience = self.patience;
        self.elsewhere.spawn(closer.run_until_cancelled_owned(async move {
            let shaking = async {
                if says_nothing(&stream).await {
                    return None;
                }
                Some(acceptor.accept(stream).await)
            };
            let shaken = tokio::time::timeout(patience, shaking).await;
            drop(place);
            let Some(shaken) = shaken.transpose() else {
                count("empty");
                return;
            };
            match shaken {
                Ok(Ok(stream)) => {
                    count("done");
                    let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
                    let identity = PeerIdentity::of(chain).map(Arc::new);
                    let stream = Stream::Tls(Box::new(TlsStream::from(stream)));
                    // Only an endpoint that has ended takes none.
                    let _ = inputs.send(SipInput::Accepted { stream, local, remote, identity }).await;
                }
                Ok(Err(why)) => {
                    debug!(%remote, %why, "no TLS");
                    count("refused");
                    inputs.turned_away(TurnedAway::BadHandshake, remote.ip());
                }
                Err(_) => {
                    count("slow");
                    inputs.turned_away(TurnedAway::BadHandshake, remote.ip());
                }
            }
        }));
    }

    /// Opens TLS on a connection of ours, to whom the certificate has to name.
    pub(crate) async fn connect(&self, stream: TcpStream, name: &str) -> Option<Stream> {
        let config = self.by_name.get(name).unwrap_or(&self.others);
        let Ok(server) = ServerName::try_from(name.to_owned()) else {
            debug!(name, "no name that a certificate could bear");
            return None;
        };
        let connecting = TlsConnector::from(Arc::clone(config)).connect(server, stream);
        match tokio::time::timeout(self.patience, connecting).await {
            Ok(Ok(stream)) => Some(Stream::Tls(Box::new(TlsStream::from(stream)))),
            Ok(Err(why)) => {
                info!(name, %why, "no TLS with whom we call");
                metrics::counter!("partyline_vru_tls_calls_failed_total").increment(1);
                None
            }
            Err(_) => {
                metrics::counter!("partyline_vru_tls_calls_failed_total").increment(1);
                None
            }
        }
    }
}

/// Whether they go without a word, as balancers do who look whether the port answers.
async fn says_nothing(stream: &TcpStream) -> bool {
    !stream.peek(&mut [0]).await.is_ok_and(|octets| octets > 0)
}

fn count(end: &'static str) {
    metrics::counter!("partyline_vru_tls_handshakes_total", "end" => end).increment(1);
}

/// The handshakes that go on, by source.
#[derive(Debug, Default)]
struct Handshakes(Mutex<HashMap<Source, usize>>);

/// One of them; gives its place back when it is dropped.
struct HandshakePlace {
    handshakes: Arc<Handshakes>,
    source: Source,
}

impl Handshakes {
    fn place(handshakes: &Arc<Self>, source: Source) -> Option<HandshakePlace> {
        let mut sources = handshakes.0.lock();
        let (all, of_source) = (sources.values().sum::<usize>(), sources.get(&source).copied().unwrap_or(0));
        if all >= HANDSHAKES_MAX || of_source >= HANDSHAKES_PER_SOURCE_MAX {
            return None;
        }
        sources.insert(source.clone(), of_source + 1);
        Some(HandshakePlace { handshakes: Arc::clone(handshakes), source })
    }
}

impl Drop for HandshakePlace {
    fn drop(&mut self) {
        let mut sources = self.handshakes.0.lock();
        if let Some(count) = sources.get_mut(&self.source) {
            *count -= 1;
            if *count == 0 {
                sources.remove(&self.source);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use partyline_tls::{CertificateSource, ClientCertificates, Trust};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;
    use crate::sip::inbox::Inbox;
    use crate::sources::Sources;

    fn side(patience: Duration) -> (TlsSide, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let names = vec!["vru.test".to_owned()];
        let certificate = CertificateSource::SelfSigned { folder: folder.path().to_owned(), names };
        let config = SipTls {
            listen: Vec::new(),
            certificate,
            clients: ClientCertificates::NotAsked,
            trust: Trust::Anyone,
            targets: [].into(),
            looks_every: Duration::from_secs(60),
        };
        (TlsSide { patience, ..TlsSide::open(&config).unwrap() }, folder)
    }

    /// So many strangers connect and say nothing; one after the other is shaken hands with.
    async fn silent(side: &TlsSide, sources: &Sources, strangers: usize) -> Vec<TcpStream> {
        let (inputs, _inbox) = Inbox::new(sources.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let local = listener.local_addr().unwrap();
        let mut streams = Vec::new();
        for _ in 0..strangers {
            streams.push(TcpStream::connect(local).await.unwrap());
            let (stream, remote) = listener.accept().await.unwrap();
            side.shake(stream, local, remote, &inputs, &CancellationToken::new());
        }
        streams
    }

    fn counted(sources: &Sources, what: TurnedAway) -> u64 {
        sources.all().iter().map(|counts| counts.of(what)).sum()
    }

    #[tokio::test]
    async fn who_says_nothing_in_time_is_cut_off_and_counted_by_source() {
        let (side, _folder) = side(Duration::from_millis(20));
        let sources = Sources::default();
        for mut stream in silent(&side, &sources, 3).await {
            assert_eq!(stream.read(&mut [0; 16]).await.unwrap_or_default(), 0, "it is cut off");
        }
        assert_eq!(counted(&sources, TurnedAway::BadHandshake), 3);
        assert_eq!(sources.all()[0].source, std::net::IpAddr::from([127, 0, 0, 1]));
    }

    #[tokio::test]
    async fn who_looks_whether_the_port_answers_is_not_held_for_an_attacker() {
        let (side, _folder) = side(Duration::from_secs(600));
        let sources = Sources::default();
        let mut looked = silent(&side, &sources, 2).await;
        // One takes their leave, the other is gone at once.
        looked[0].shutdown().await.unwrap();
        looked[1].set_zero_linger().unwrap();
        drop(looked.pop());
        assert_eq!(looked[0].read(&mut [0; 16]).await.unwrap_or_default(), 0);
        while !side.handshakes.0.lock().is_empty() {
            tokio::task::yield_now().await;
        }
        assert_eq!(counted(&sources, TurnedAway::BadHandshake), 0);
    }

    #[tokio::test]
    async fn one_handshake_too_many_of_a_source_is_counted_as_that() {
        let (side, _folder) = side(Duration::from_secs(600));
        let sources = Sources::default();
        let streams = silent(&side, &sources, HANDSHAKES_PER_SOURCE_MAX + 5).await;
        assert_eq!(counted(&sources, TurnedAway::Crowded), 5);
        assert_eq!(counted(&sources, TurnedAway::BadHandshake), 0, "the others have time");
        drop(streams);
    }

    #[test]
    fn handshakes_are_bounded_by_source_and_in_all_and_places_come_back() {
        let handshakes = Arc::new(Handshakes::default());
        let place =
            |last: u8| Handshakes::place(&handshakes, std::net::IpAddr::from([192, 0, 2, last]).into());
        let mut places: Vec<_> = std::iter::from_fn(|| place(1)).collect();
        assert_eq!(places.len(), HANDSHAKES_PER_SOURCE_MAX);
        for source in 2..=255 {
            places.extend(place(source));
        }
        assert_eq!(places.len(), HANDSHAKES_MAX);
        drop(places);
        assert!(place(1).is_some());
        assert!(handshakes.0.lock().is_empty());
    }
}
