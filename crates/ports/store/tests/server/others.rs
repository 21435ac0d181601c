//! Several processes on one database.

use std::sync::Arc;
use std::time::Duration;

use partyline_pgserver::Stop;
use partyline_store::{
    ChangeSignal, CommitError, ConnectError, RoomChange, SqlStore, Store as _, StoreError, StoreReader as _,
    Touched,
};

use crate::scene::{arrive, callers, held, keys, make_room, open, room, server, settings, url};

/// A ceiling for what hangs.
async fn in_time<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), work).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_who_decide_on_one_version_are_told_apart() {
    let server = server();
    let address = url(&[server.port()], "conferences");
    let stores = [open(&address).await, open(&address).await];
    make_room(&stores[0], 1).await;
    for round in 0..20_u64 {
        let version = 1 + round;
        let caller = u128::from(10 + 2 * round);
        let (one, other) =
            tokio::join!(arrive(&stores[0], 1, version, caller), arrive(&stores[1], 1, version, caller + 1));
        let (won, lost) = if one.is_ok() { (one, other) } else { (other, one) };
        assert_eq!(won.unwrap().0, version + 1);
        assert!(matches!(lost, Err(CommitError::Conflict)), "{lost:?}");
    }
    let held = held(&stores[1], 1).await;
    assert_eq!((held.version, held.waiting.len(), held.told.len()), (21, 20, 20));
    for store in stores {
        store.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_accounts_limit_holds_over_rooms_and_processes() {
    let server = server();
    let address = url(&[server.port()], "conferences");
    let stores = [open(&address).await, open(&address).await];
    for number in 1..=6 {
        make_room(&stores[0], number).await;
    }
    server.psql("conferences", "UPDATE account SET conferees_max = 3").unwrap();
    let arrivals = (1..=6_u128).map(|number| {
        let store = Arc::clone(&stores[usize::from(number % 2 == 0)]);
        tokio::spawn(async move { arrive(&store, number, 1, number).await })
    });
    let mut seated = 0;
    for arrival in arrivals.collect::<Vec<_>>() {
        match arrival.await.unwrap() {
            Ok(_) => seated += 1,
            Err(CommitError::AccountFull) => {}
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(seated, 3);
    assert_eq!(server.psql("conferences", "SELECT COUNT(*) FROM attendance").unwrap(), "3");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_of_one_process_is_signalled_to_the_others_and_a_lost_way_says_that_anything_may_have_changed()
 {
    let server = server();
    let address = url(&[server.port()], "conferences");
    let (teller, hearer) = (open(&address).await, open(&address).await);
    let mut changes = hearer.changes();
    make_room(&teller, 1).await;
    let made = ChangeSignal::Room(RoomChange { room: room(1), touched: Touched::Everybody });
    assert_eq!(in_time(changes.recv()).await.unwrap(), made);
    let mut own = teller.changes();
    arrive(&teller, 1, 1, 11).await.unwrap();
    let ChangeSignal::Room(arrived) = in_time(changes.recv()).await.unwrap() else { panic!("it was lost") };
    assert_eq!(arrived.room, room(1));
    assert_eq!(own.try_recv().unwrap(), ChangeSignal::Room(arrived), "those of one's own are there at once");
    server.stop(Stop::Fast).unwrap();
    server.run().unwrap();
    assert_eq!(in_time(changes.recv()).await.unwrap(), ChangeSignal::Anything);
    // Whoever tells may be back later than whoever hears, and then says so.
    arrive(&teller, 1, 2, 12).await.unwrap();
    in_time(async {
        loop {
            if let ChangeSignal::Room(change) = changes.recv().await.unwrap() {
                assert_eq!(change.room, room(1));
                return;
            }
        }
    })
    .await;
    teller.close().await;
    hearer.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_that_start_at_once_make_the_schema_once() {
    let server = server();
    let address = url(&[server.port()], "conferences");
    let stores = futures::future::join_all((0..4).map(|_| open(&address))).await;
    make_room(&stores[0], 1).await;
    for store in &stores {
        assert_eq!(store.rooms().await.unwrap().len(), 1);
        store.close().await;
    }
    let accounts = server.psql("conferences", "SELECT COUNT(*) FROM account").unwrap();
    assert_eq!(accounts, "1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_claims_the_database_until_it_ends_and_a_restart_does_not_give_it_away() {
    let server = server();
    let address = url(&[server.port()], "conferences");
    let (first, second) = (open(&address).await, open(&address).await);
    assert!(first.claim().await.unwrap());
    assert!(!second.claim().await.unwrap());
    server.stop(Stop::Fast).unwrap();
    server.run().unwrap();
    // Both take it again when they are back: one of them is told that it has lost it.
    in_time(async {
        while [first.health().await.is_ok(), second.health().await.is_ok()].iter().all(|is_fine| *is_fine) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    first.close().await;
    second.close().await;
    let third = open(&address).await;
    assert!(in_time(third.claim()).await.unwrap());
    third.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_foreign_an_empty_and_a_newer_database_are_left_as_they_are() {
    let server = server();
    let address = url(&[server.port()], "conferences");
    let existing = async || SqlStore::connect_existing(settings(&address), keys()).await.err();
    assert!(matches!(existing().await, Some(ConnectError::Missing)));
    server.psql("conferences", "CREATE TABLE invoice (id BIGINT)").unwrap();
    let foreign = SqlStore::connect(settings(&address), keys()).await.err();
    assert!(matches!(foreign, Some(ConnectError::Foreign)), "{foreign:?}");
    server.psql("conferences", "DROP TABLE invoice").unwrap();
    let store = open(&address).await;
    assert!(store.product().await.unwrap().starts_with("PostgreSQL 1"));
    store.close().await;
    assert!(existing().await.is_none());
    server.psql("conferences", "INSERT INTO schema_version (version) VALUES (1000)").unwrap();
    let newer = SqlStore::connect(settings(&address), keys()).await.err();
    assert!(matches!(newer, Some(ConnectError::Newer { found: 1000, .. })), "{newer:?}");
    server.psql("conferences", "DELETE FROM schema_version WHERE version > 5").unwrap();
    assert!(matches!(existing().await, Some(ConnectError::Older { found: 5, .. })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_zero_in_a_callers_name_is_no_reason_to_turn_them_away() {
    let server = server();
    let store = open(&url(&[server.port()], "conferences")).await;
    make_room(&store, 1).await;
    let mut commit = crate::scene::arrival(1, partyline_conference::RoomVersion(1), 11);
    if let Some(partyline_conference::Change::Arrive { caller, .. }) = commit.decision.changes.first_mut() {
        caller.display = "Zero\0inside".into();
    }
    store.commit(commit).await.unwrap();
    assert_eq!(held(&store, 1).await.waiting, callers([11]));
    let shown = server.psql("conferences", "SELECT caller_display FROM attendance").unwrap();
    assert_eq!(shown, "Zero\u{fffd}inside");
    store.close().await;
    assert!(matches!(store.health().await, Err(StoreError::Unavailable(_))));
}
