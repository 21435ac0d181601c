//! Servers that stop, come back, or are followed by another, in the midst of commits.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use partyline_conference::RoomVersion;
use partyline_pgserver::{PgServer, Stop};
use partyline_store::{CommitError, PostgresSettings, SqlStore, Store as _, StoreError, StoreReader as _};

use crate::scene::{arrival, arrive, callers, held, keys, make_room, open, server, settings, url};

/// Rooms in which callers arrive one after the other, as fast as they can.
const ROOMS: u128 = 4;

/// Has callers arrive until told to stop; answers how many were acknowledged, of whom each knows the version.
async fn keep_arriving(store: Arc<SqlStore>, of: u128, stop: Arc<AtomicBool>, all: Arc<AtomicU64>) -> u128 {
    let mut arrived = 0;
    while !stop.load(Ordering::Relaxed) {
        let version = RoomVersion(1 + u64::try_from(arrived).unwrap());
        let caller = of * 1_000_000 + arrived + 1;
        // Nothing but this task writes to the room, and the store is patient: each one is acknowledged, in order.
        let next = store.commit(arrival(of, version, caller)).await.unwrap();
        assert_eq!(next, version.next());
        arrived += 1;
        all.fetch_add(1, Ordering::Relaxed);
    }
    arrived
}

/// Waits until so many more callers were acknowledged than now.
async fn wait_for_more(all: &AtomicU64, more: u64) {
    let goal = all.load(Ordering::Relaxed) + more;
    while all.load(Ordering::Relaxed) < goal {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn on_another_thread(work: impl FnOnce() + Send + 'static) {
    tokio::task::spawn_blocking(work).await.unwrap();
}

/// Callers arrive while something happens to the servers; then everybody who was told that they arrived is there, once.
async fn nobody_is_lost(store: Arc<SqlStore>, outage: impl AsyncFnOnce(&AtomicU64)) {
    for of in 1..=ROOMS {
        make_room(&store, of).await;
    }
    let (stop, all) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let tasks: Vec<_> = (1..=ROOMS)
        .map(|of| tokio::spawn(keep_arriving(Arc::clone(&store), of, Arc::clone(&stop), Arc::clone(&all))))
        .collect();
    wait_for_more(&all, 40).await;
    outage(&all).await;
    wait_for_more(&all, 40).await;
    stop.store(true, Ordering::Relaxed);
    for (of, task) in (1..=ROOMS).zip(tasks) {
        let arrived = task.await.unwrap();
        let everybody = callers((1..=arrived).map(|number| of * 1_000_000 + number));
        let held = held(&store, of).await;
        assert_eq!(held.version, 1 + u64::try_from(arrived).unwrap());
        assert_eq!((&held.waiting, &held.told), (&everybody, &everybody));
    }
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_primary_that_restarts_loses_nobody_and_doubles_nobody() {
    let server = Arc::new(server());
    let store = open(&url(&[server.port()], "conferences")).await;
    nobody_is_lost(store, async |all| {
        for how in [Stop::Fast, Stop::Immediate, Stop::Immediate] {
            let server = Arc::clone(&server);
            on_another_thread(move || {
                server.stop(how).unwrap();
                server.run().unwrap();
            })
            .await;
            wait_for_more(all, 10).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failover_to_a_synchronous_standby_loses_nobody_and_doubles_nobody() {
    let primary = Arc::new(server());
    let standby = Arc::new(primary.standby().unwrap());
    let store = open(&url(&[primary.port(), standby.port()], "conferences")).await;
    nobody_is_lost(store, async |_| {
        let (primary, standby) = (Arc::clone(&primary), Arc::clone(&standby));
        on_another_thread(move || {
            primary.stop(Stop::Immediate).unwrap();
            standby.promote().unwrap();
        })
        .await;
    })
    .await;
    assert_eq!(standby.psql("conferences", "SELECT pg_is_in_recovery()").unwrap(), "f");
}

/// A primary that is alone may have kept what its standby has not: nobody is told of it until the standby has it too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_only_the_primary_has_is_not_acknowledged() {
    let primary = server();
    let standby = primary.standby().unwrap();
    let patience = Duration::from_secs(2);
    let address = url(&[primary.port(), standby.port()], "conferences");
    let settings = PostgresSettings { write_max: patience, statement_max: patience, ..settings(&address) };
    let store = SqlStore::connect(settings, keys()).await.unwrap();
    make_room(&store, 1).await;
    arrive(&store, 1, 1, 11).await.unwrap();
    standby.stop(Stop::Immediate).unwrap();
    let refused = arrive(&store, 1, 2, 12).await;
    assert!(matches!(refused, Err(CommitError::Store(StoreError::Unavailable(_)))), "{refused:?}");
    store.close().await;
    primary.stop(Stop::Immediate).unwrap();
    standby.run().unwrap();
    standby.promote().unwrap();
    standby.psql("postgres", "ALTER SYSTEM RESET synchronous_standby_names").unwrap();
    standby.psql("postgres", "SELECT pg_reload_conf()").unwrap();
    let store = open(&address).await;
    assert_eq!(held(&store, 1).await.waiting, callers([11]), "the promoted one never had the other");
    arrive(&store, 1, 2, 12).await.unwrap();
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_away_is_told_at_once_and_found_again() {
    let server: PgServer = server();
    let patience = Duration::from_millis(300);
    let settings =
        PostgresSettings { write_max: patience, ..settings(&url(&[server.port()], "conferences")) };
    let store = SqlStore::connect(settings, keys()).await.unwrap();
    make_room(&store, 1).await;
    server.stop(Stop::Fast).unwrap();
    assert!(matches!(store.health().await, Err(StoreError::Unavailable(_))));
    let refused = arrive(&store, 1, 1, 11).await;
    assert!(matches!(refused, Err(CommitError::Store(StoreError::Unavailable(_)))), "{refused:?}");
    server.run().unwrap();
    store.health().await.unwrap();
    arrive(&store, 1, 1, 12).await.unwrap();
    assert_eq!(held(&store, 1).await.waiting, callers([12]));
    store.close().await;
}
