//! The other side of calls of ours over TLS.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use partyline_tls::{ClientCertificates, server_config};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::callee::{Asked, Us, described};
use crate::cluster::CEILING;
use crate::tls::Papers;

/// A peer that waits for connections, with a certificate.
pub(crate) struct SecuredCallee {
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

/// A connection to it.
pub(crate) struct Line {
    stream: TlsStream<TcpStream>,
    remote: SocketAddr,
    read: Vec<u8>,
    us: Us,
}

impl SecuredCallee {
    pub(crate) async fn new(papers: &Papers) -> Self {
        let server = server_config(Arc::clone(&papers.keeper), &ClientCertificates::NotAsked).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self { listener, acceptor: TlsAcceptor::from(server) }
    }

    pub(crate) fn port(&self) -> u16 {
        self.listener.local_addr().unwrap().port()
    }

    /// The next connection, or what the other side says against the certificate.
    pub(crate) async fn line(&self) -> io::Result<Line> {
        let waiting = async {
            let (stream, remote) = self.listener.accept().await?;
            let stream = self.acceptor.accept(stream).await?;
            let contact = format!("sip:callee@127.0.0.1:{};transport=tls", self.port());
            Ok(Line { stream, remote, read: Vec::new(), us: Us { contact, tag: "t".to_owned() } })
        };
        tokio::time::timeout(CEILING, waiting).await.expect("a connection")
    }

    /// Whether somebody has connected of whom nobody took notice.
    pub(crate) async fn is_called(&self) -> bool {
        tokio::select! {
            biased;
            accepted = self.listener.accept() => accepted.is_ok(),
            () = std::future::ready(()) => false,
        }
    }
}

impl Line {
    /// The name that the other side asked for.
    pub(crate) fn asked_for(&self) -> Option<&str> {
        self.stream.get_ref().1.server_name()
    }

    /// The next request of this method; what else comes is passed over.
    pub(crate) async fn asked(&mut self, method: &str) -> Asked {
        loop {
            let asked = self.message().await;
            if asked.method() == method {
                return asked;
            }
        }
    }

    async fn message(&mut self) -> Asked {
        loop {
            if let Some(length) = whole(&self.read) {
                let rest = self.read.split_off(length);
                let message = std::mem::replace(&mut self.read, rest);
                return Asked::new(String::from_utf8(message).unwrap(), self.remote);
            }
            let mut buffer = [0; 8192];
            let read = tokio::time::timeout(CEILING, self.stream.read(&mut buffer)).await;
            let length = read.expect("a message").unwrap();
            assert_ne!(length, 0, "the other side is gone");
            self.read.extend_from_slice(&buffer[..length]);
        }
    }

    pub(crate) async fn answer(&mut self, asked: &Asked, status: &str, body: &str) {
        let response = self.us.response(asked, status, "", body);
        self.stream.write_all(response.as_bytes()).await.unwrap();
    }

    /// Answers a call with 200, and waits for the ACK.
    pub(crate) async fn accept(&mut self, invite: &Asked) {
        self.answer(invite, "200 OK", &described("127.0.0.1:40000".parse().unwrap())).await;
        self.asked("ACK").await;
    }

    /// Answers the BYE.
    pub(crate) async fn let_go(&mut self) {
        let bye = self.asked("BYE").await;
        self.answer(&bye, "200 OK", "").await;
    }
}

/// The length of the message in front, once it is there.
fn whole(bytes: &[u8]) -> Option<usize> {
    let text = String::from_utf8_lossy(bytes);
    let (head, _) = text.split_once("\r\n\r\n")?;
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length:"))?;
    let all = head.len() + 4 + length.trim().parse::<usize>().unwrap();
    (bytes.len() >= all).then_some(all)
}
