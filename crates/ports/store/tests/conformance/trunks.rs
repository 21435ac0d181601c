//! Trunks that were made by command.

use partyline_conference::{Timestamp, TrunkName};
use partyline_store::{Store, StoreError};
use partyline_trunk::{Secret, SecretSource, TrunkSettings};

fn trunk(name: &str) -> TrunkSettings {
    let mut settings = TrunkSettings::named(TrunkName::new(name).unwrap());
    settings.sources = vec!["203.0.113.0/24".parse().unwrap()];
    settings
}

async fn names(store: &dyn Store) -> Vec<String> {
    store.trunks().await.unwrap().into_iter().map(|stored| stored.name.to_string()).collect()
}

pub(crate) async fn a_trunk_reads_back_as_it_was_made_with_its_passwords(store: &dyn Store) {
    let mut made = trunk("carrier");
    made.register = Some(
        serde_json::from_str(
            r#"{ "registrar": "sip.example.com", "user": "4711", "password": "tell nobody" }"#,
        )
        .unwrap(),
    );
    store.create_trunk(&made, Timestamp(5)).await.unwrap();
    let stored = store.trunks().await.unwrap().remove(0);
    assert_eq!(stored.changed_at, Timestamp(5));
    let read = stored.settings.unwrap();
    assert_eq!(read, made);
    assert_eq!(read.register.unwrap().password, Some(SecretSource::Text(Secret::new("tell nobody"))));
}

pub(crate) async fn every_change_of_a_trunk_moves_the_version(store: &dyn Store) {
    let mut versions = vec![store.trunks_version().await.unwrap()];
    store.create_trunk(&trunk("b"), Timestamp(1)).await.unwrap();
    versions.push(store.trunks_version().await.unwrap());
    store.create_trunk(&trunk("a"), Timestamp(2)).await.unwrap();
    versions.push(store.trunks_version().await.unwrap());
    let mut changed = trunk("a");
    changed.trusts_identity = true;
    store.replace_trunk(&changed, Timestamp(3)).await.unwrap();
    versions.push(store.trunks_version().await.unwrap());
    assert_eq!(names(store).await, ["a", "b"]);
    assert!(store.trunks().await.unwrap()[0].settings.as_ref().unwrap().trusts_identity);
    store.delete_trunk(&TrunkName::new("a").unwrap()).await.unwrap();
    versions.push(store.trunks_version().await.unwrap());
    assert_eq!(names(store).await, ["b"]);
    assert!(versions.is_sorted_by(|one, other| one < other), "{versions:?}");
}

pub(crate) async fn a_trunk_that_is_there_is_not_made_again_and_one_that_is_not_can_t_be_changed(
    store: &dyn Store,
) {
    store.create_trunk(&trunk("a"), Timestamp(1)).await.unwrap();
    let version = store.trunks_version().await.unwrap();
    assert!(matches!(store.create_trunk(&trunk("a"), Timestamp(2)).await, Err(StoreError::Taken(_))));
    assert!(matches!(store.replace_trunk(&trunk("b"), Timestamp(2)).await, Err(StoreError::Unknown(_))));
    let unknown = TrunkName::new("b").unwrap();
    assert!(matches!(store.delete_trunk(&unknown).await, Err(StoreError::Unknown(_))));
    assert_eq!(store.trunks_version().await.unwrap(), version);
}
