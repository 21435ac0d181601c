//! Connections that are kept secret: TLS with a server whose certificate is checked, passwords, certificates of ours.

use std::sync::Arc;
use std::time::SystemTime;

use partyline_pgserver::{PgServer, USER};
use partyline_store::{ConnectError, PostgresSettings, PostgresTls, SqlStore, StoreReader as _};
use partyline_tls::{CertificateKeeper, CertificateSource, Trust};
use rcgen::{CertificateParams, CertifiedIssuer, DnType, KeyPair};

use crate::scene::{keys, server, settings, url};

struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// A certificate and its key for a name, PEM.
    fn issue(&self, name: &str) -> (String, String) {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    fn pem(&self) -> String {
        self.0.pem()
    }
}

/// Has the server take connections over the network by TLS alone, from who shows what `rule` wants.
fn keep_secret(server: &PgServer, authority: &Authority, name: &str, rule: &str) {
    let (certificate, key) = authority.issue(name);
    let files = [
        ("ssl_cert_file", server.keep("server.pem", &certificate).unwrap()),
        ("ssl_key_file", server.keep("server.key", &key).unwrap()),
        ("ssl_ca_file", server.keep("ca.pem", &authority.pem()).unwrap()),
    ];
    let lines = files.map(|(key, path)| format!("{key} = '{}'\n", path.display())).concat();
    server.configure(&format!("ssl = on\n{lines}"), &format!("hostssl all all 127.0.0.1/32 {rule}")).unwrap();
}

fn with_tls(address: &str, trust: Trust, own: Option<Arc<CertificateKeeper>>) -> PostgresSettings {
    PostgresSettings { tls: PostgresTls::On { trust, own }, ..settings(address) }
}

async fn refusal(settings: PostgresSettings) -> String {
    match SqlStore::connect(settings, keys()).await {
        Err(ConnectError::Unreachable(why)) => why,
        other => panic!("{:?}", other.err()),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_is_shown_to_a_server_whose_certificate_bears_its_name_and_to_no_other() {
    let server = server();
    server.psql("postgres", &format!("ALTER ROLE {USER} PASSWORD 'right'")).unwrap();
    let authority = Authority::new("ours");
    keep_secret(&server, &authority, "127.0.0.1", "scram-sha-256");
    let folder = tempfile::tempdir().unwrap();
    let (ours, theirs) = (folder.path().join("ours.pem"), folder.path().join("theirs.pem"));
    std::fs::write(&ours, authority.pem()).unwrap();
    std::fs::write(&theirs, Authority::new("theirs").pem()).unwrap();
    let address = url(&[server.port()], "conferences");
    let with_password = |trust: Trust, password: &str| {
        let mut settings = with_tls(&address, trust, None);
        settings.url = settings.url.with_password(password);
        settings
    };

    let store = SqlStore::connect(with_password(Trust::File(ours.clone()), "right"), keys()).await.unwrap();
    store.health().await.unwrap();
    let secret = server
        .psql(
            "postgres",
            "SELECT BOOL_AND(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
         WHERE application_name = 'partyline'",
        )
        .unwrap();
    assert_eq!(secret, "t");
    store.close().await;

    let wrong = refusal(with_password(Trust::File(ours.clone()), "wrong")).await;
    assert!(wrong.contains("password authentication failed"), "{wrong}");
    let stranger = refusal(with_password(Trust::File(theirs), "right")).await;
    assert!(stranger.contains("certificate"), "{stranger}");
    let elsewhere = url(&[server.port()], "conferences").replace("127.0.0.1", "localhost");
    let mut by_another_name = with_password(Trust::File(ours), "right");
    by_another_name.url = elsewhere.parse().unwrap();
    let other_name = refusal(by_another_name).await;
    assert!(other_name.contains("certificate"), "{other_name}");
    let mut plain = settings(&address);
    plain.url = plain.url.with_password("right");
    let plain = refusal(plain).await;
    assert!(plain.contains("no encryption"), "{plain}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_of_ours_lets_us_in_without_a_password() {
    let server = server();
    let authority = Authority::new("ours");
    keep_secret(&server, &authority, "127.0.0.1", "cert");
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: String| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let (certificate, key) = authority.issue(USER);
    let source =
        CertificateSource::Files { certificate: file("us.pem", certificate), key: file("us.key", key) };
    let own = Arc::new(CertificateKeeper::open(source, SystemTime::now()).unwrap());
    let trust = Trust::File(file("ca.pem", authority.pem()));
    let address = url(&[server.port()], "conferences");
    let store = SqlStore::connect(with_tls(&address, trust.clone(), Some(own)), keys()).await.unwrap();
    store.health().await.unwrap();
    store.close().await;
    let without = refusal(with_tls(&address, trust, None)).await;
    assert!(without.contains("certificate"), "{without}");
}
