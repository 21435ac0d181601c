//! Ways to the server that are cut at the worst of times: around a commit.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use partyline_store::Store as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

use crate::scene::{arrive, callers, held, make_room, open, server, url};

/// Where a connection is cut when a commit comes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cut {
    /// The server never hears of it.
    Before,
    /// The server commits; its answer is lost.
    After,
}

/// A way to the server that cuts the next commits.
struct Way {
    port: u16,
    left: Arc<AtomicU32>,
    cuts: Arc<AtomicU64>,
}

impl Way {
    async fn to(server: u16, cut: Cut) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (left, cuts) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU64::new(0)));
        let (of_way, cut_there) = (Arc::clone(&left), Arc::clone(&cuts));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, server)).await else { continue };
                let (from_client, to_client) = client.into_split();
                let (from_server, to_server) = server.into_split();
                let (left, cuts) = (Arc::clone(&of_way), Arc::clone(&cut_there));
                tokio::spawn(async move {
                    let answers = tokio::spawn(carry(from_server, to_client));
                    if let Some((mut to_server, commit)) = until_commit(from_client, to_server, &left).await {
                        cuts.fetch_add(1, Ordering::Relaxed);
                        // No answer reaches the client from here on.
                        answers.abort();
                        if cut == Cut::After {
                            to_server.write_all(&commit).await.unwrap();
                        }
                        // The end of what is sent, so that the server has read the commit before it sees it.
                        let _ = to_server.shutdown().await;
                    }
                });
            }
        });
        Self { port, left, cuts }
    }

    fn cut_next(&self, commits: u32) {
        self.left.store(commits, Ordering::Relaxed);
    }
}

async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
    let _ = tokio::io::copy(&mut from, &mut to).await;
}

/// Carries what a client sends until a commit that is to be cut; answers with it.
async fn until_commit(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    left: &AtomicU32,
) -> Option<(OwnedWriteHalf, Vec<u8>)> {
    let mut buffer = vec![0; 65536];
    loop {
        let length = from.read(&mut buffer).await.ok().filter(|length| *length > 0)?;
        let part = &buffer[..length];
        let is_commit = part.windows(7).any(|word| word == b"COMMIT\0");
        // By itself: nothing but the end of a write is cut while nobody reads.
        if is_commit && part.len() < 20 && left.load(Ordering::Relaxed) > 0 {
            left.fetch_sub(1, Ordering::Relaxed);
            return Some((to, part.to_vec()));
        }
        to.write_all(part).await.ok()?;
    }
}

async fn commits_through(cut: Cut) {
    let server = server();
    let straight = open(&url(&[server.port()], "conferences")).await;
    make_room(&straight, 1).await;
    let way = Way::to(server.port(), cut).await;
    let store = open(&url(&[way.port], "conferences")).await;
    for (place, cuts) in [1, 2, 0, 3].into_iter().enumerate() {
        way.cut_next(cuts);
        let version = 1 + place as u64;
        let next = arrive(&store, 1, version, 10 + place as u128).await.unwrap();
        assert_eq!(next.0, version + 1);
    }
    assert_eq!(way.cuts.load(Ordering::Relaxed), 6);
    let all = callers(10..14);
    let held = held(&straight, 1).await;
    assert_eq!((held.version, held.waiting, held.told), (5, all.clone(), all));
    store.close().await;
    straight.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_never_reached_the_server_is_made_once() {
    commits_through(Cut::Before).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_whose_answer_is_lost_is_known_and_not_made_again() {
    commits_through(Cut::After).await;
}

/// A room that is made has no version that would tell: only the mark knows.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_room_whose_making_was_not_acknowledged_is_there_once_and_not_taken() {
    let server = server();
    let way = Way::to(server.port(), Cut::After).await;
    let store = open(&url(&[way.port], "conferences")).await;
    way.cut_next(2);
    make_room(&store, 1).await;
    assert_eq!(way.cuts.load(Ordering::Relaxed), 2);
    let version = store.room_versions(&[crate::scene::room(1)]).await.unwrap();
    assert_eq!(version.len(), 1);
    store.close().await;
}
