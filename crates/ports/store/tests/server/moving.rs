//! From a file to a server: everything comes along, or nothing does.

use std::time::Duration;

use partyline_conference::{EventSequence, RoomVersion, TrunkName};
use partyline_store::{CopyError, SqlStore, Store as _, StoreReader as _};
use partyline_trunk::TrunkSettings;

use crate::scene::{NOW, arrive, held, keys, make_room, open, room, server, url};

/// A file with two rooms, one of them deleted, a past conference's callers, and a trunk.
async fn file(folder: &std::path::Path) -> std::sync::Arc<SqlStore> {
    let file = SqlStore::open(&folder.join("partyline.db"), keys()).await.unwrap();
    for number in [1, 2] {
        make_room(&file, number).await;
    }
    for caller in 1..=250 {
        arrive(&file, 1, u64::try_from(caller).unwrap(), caller).await.unwrap();
    }
    file.delete_room(room(2)).await.unwrap();
    let trunk: TrunkSettings =
        serde_json::from_value(serde_json::json!({ "name": "provider", "sources": ["192.0.2.1"] })).unwrap();
    file.create_trunk(&trunk, NOW).await.unwrap();
    file
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_is_copied_whole_to_an_empty_database_and_to_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let file = file(folder.path()).await;
    let server = server();
    let store = open(&url(&[server.port()], "conferences")).await;
    assert!(matches!(file.copy_to(&store).await, Err(CopyError::Live)));
    file.end_leftovers(NOW.after(Duration::from_secs(60))).await.unwrap();

    let copied = file.copy_to(&store).await.unwrap();
    let rows = |table: &str| copied.iter().find(|copied| copied.table == table).unwrap().rows;
    assert_eq!((rows("room"), rows("attendance"), rows("event"), rows("room_code")), (2, 250, 500, 2));
    let (before, after) = (file.inventory().await.unwrap(), store.inventory().await.unwrap());
    assert_eq!(before, after);
    assert_eq!(after.wrong, Vec::<String>::new());

    assert_eq!(store.rooms().await.unwrap(), file.rooms().await.unwrap());
    assert_eq!(held(&store, 1).await, held(&file, 1).await);
    let code = partyline_conference::ConferenceCode::parse("10000001").unwrap();
    assert_eq!(store.look_up_code(&code).await.unwrap(), file.look_up_code(&code).await.unwrap());
    assert_eq!(store.look_up_code(&code).await.unwrap().unwrap().room, room(1));
    let events = async |store: &SqlStore| store.events(room(1), EventSequence(0), 1000).await.unwrap();
    assert_eq!(events(&store).await, events(&file).await);
    assert_eq!(store.trunks().await.unwrap()[0].name, TrunkName::new("provider").unwrap());
    assert_eq!(store.trunks_version().await.unwrap(), file.trunks_version().await.unwrap());

    // It goes on from where the file ended.
    let version = store.room_versions(&[room(1)]).await.unwrap()[0].1;
    arrive(&store, 1, version.0, 1001).await.unwrap();
    assert_eq!(held(&store, 1).await.version, version.next().0);
    assert_ne!(version, RoomVersion(1));

    assert!(matches!(file.copy_to(&store).await, Err(CopyError::NotEmpty(2))));
    assert!(matches!(store.copy_to(&file).await, Err(CopyError::Direction)));
    store.close().await;
    file.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_that_is_cut_off_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = file(folder.path()).await;
    file.end_leftovers(NOW).await.unwrap();
    let server = server();
    let store = open(&url(&[server.port()], "conferences")).await;
    // The last of the tables takes no row: all before it are taken back.
    server.psql("conferences", "DROP TABLE outdial").unwrap();
    assert!(matches!(file.copy_to(&store).await, Err(CopyError::Store(_))));
    let left =
        "SELECT (SELECT COUNT(*) FROM room) + (SELECT COUNT(*) FROM event) + (SELECT COUNT(*) FROM trunk)";
    assert_eq!(server.psql("conferences", left).unwrap(), "0");
    assert_eq!(server.psql("conferences", "SELECT COUNT(*) FROM account").unwrap(), "1");
    store.close().await;
    file.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_fit_together_is_told() {
    let server = server();
    let store = open(&url(&[server.port()], "conferences")).await;
    make_room(&store, 1).await;
    arrive(&store, 1, 1, 11).await.unwrap();
    assert_eq!(store.inventory().await.unwrap().wrong, Vec::<String>::new());
    server.psql("conferences", "UPDATE room SET sequence = 0").unwrap();
    server.psql("conferences", "DELETE FROM room_code WHERE role = 'host'").unwrap();
    server.psql("conferences", "UPDATE attendance SET state = 'seated'").unwrap();
    let wrong = store.inventory().await.unwrap().wrong;
    assert_eq!(
        wrong,
        [
            "rooms whose last event is beyond their sequence: 1",
            "callers with a seat that nobody sits in: 1",
            "rooms without a code for each role: 1",
        ]
    );
    store.close().await;
}
