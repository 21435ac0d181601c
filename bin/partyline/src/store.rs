//! Commands on the data store itself: its tables, its soundness, and its way from a file to a server.

use anyhow::{Context as _, bail};
use partyline_store::{Inventory, SqlStore};
use serde_json::json;

use crate::answer::{Answer, table};
use crate::cli::StoreCommand;
use crate::config::Config;
use crate::data_dir::DataDir;
use crate::database;
use crate::secrets::Secrets;

/// `store migrate`, `check` and `copy`.
pub(crate) async fn command(config: &Config, command: &StoreCommand) -> anyhow::Result<Answer> {
    match command {
        StoreCommand::Migrate => migrate(config).await,
        StoreCommand::Check => check(config).await,
        StoreCommand::Copy => copy(config).await,
    }
}

/// Makes what is missing, as the server would when it starts.
async fn migrate(config: &Config) -> anyhow::Result<Answer> {
    let data_dir = DataDir::existing_or_new(&config.data_dir)?;
    // A file has one server, which brings it up to date itself; a server's database may be migrated beside it.
    let _lock = if config.store.is_none() { Some(data_dir.lock()?) } else { None };
    if data_dir.is_first_start(config.store.is_some()) {
        data_dir.begin_first_start()?;
    }
    let (store, _) = database::open_or_make(config, &data_dir).await?;
    let answer = store.inventory().await.map(|inventory| {
        let text = format!("The data store is at version {}.\n", inventory.version);
        Answer::new(text, json!({ "version": inventory.version }))
    });
    store.close().await;
    Ok(answer?)
}

async fn check(config: &Config) -> anyhow::Result<Answer> {
    let data_dir = DataDir::existing(&config.data_dir)?;
    let store = database::open_existing(config, &data_dir).await?;
    let answer = look(&store).await;
    store.close().await;
    answer
}

async fn look(store: &SqlStore) -> anyhow::Result<Answer> {
    let product = store.product().await?;
    let mut inventory = store.inventory().await?;
    let orphans = store.codes_without_key().await?;
    if orphans > 0 {
        inventory.wrong.push(format!("codes that were made with another lookup key: {orphans}"));
    }
    let Inventory { version, tables, wrong } = inventory;
    let rows: Vec<Vec<String>> =
        tables.iter().map(|(name, rows)| vec![(*name).to_owned(), rows.to_string()]).collect();
    let mut text = format!("{product}, version {version}\n\n{}", table(&["TABLE", "ROWS"], &rows));
    text.push_str(if wrong.is_empty() {
        "\nAll fits together.\n"
    } else {
        "\nThis does not fit together:\n"
    });
    for what in &wrong {
        text.push_str(&format!("  {what}\n"));
    }
    let rows: serde_json::Map<_, _> =
        tables.iter().map(|(name, rows)| ((*name).to_owned(), (*rows).into())).collect();
    let is_good = wrong.is_empty();
    let json = json!({ "product": product, "version": version, "rows": rows, "wrong": wrong });
    Ok(Answer { text, json, is_good })
}

/// From the file in the data folder to the server of the settings. The file stays as it is.
async fn copy(config: &Config) -> anyhow::Result<Answer> {
    let Some(server) = &config.store else {
        bail!("store.url names no database to copy to; set it to where the file's contents should go");
    };
    let data_dir = DataDir::existing(&config.data_dir)?;
    let _lock = data_dir.lock().context("stop the server first: what it writes meanwhile would be lost")?;
    let keys = Secrets::read(data_dir.path())?.lookup_keys();
    let file = SqlStore::open_existing(&data_dir.database(), keys.clone()).await?;
    let copied = async {
        let store = database::connect(server, keys).await?;
        let copied = match store.claim().await {
            Ok(true) => file.copy_to(&store).await.map_err(anyhow::Error::from),
            Ok(false) => Err(anyhow::anyhow!("a server works on {}; stop it first", server.url)),
            Err(error) => Err(error.into()),
        };
        store.close().await;
        copied
    };
    let copied = copied.await;
    file.close().await;
    let copied = copied?;
    let rows: u64 = copied.iter().map(|copied| copied.rows).sum();
    let lines: Vec<Vec<String>> =
        copied.iter().map(|copied| vec![copied.table.to_owned(), copied.rows.to_string()]).collect();
    let text = format!(
        "{}\n{rows} rows are at {} now. The file {} stays as it is, and is not used while store.url is set.\n",
        table(&["TABLE", "ROWS"], &lines),
        server.url,
        data_dir.database().display(),
    );
    let tables: serde_json::Map<_, _> =
        copied.iter().map(|copied| (copied.table.to_owned(), copied.rows.into())).collect();
    Ok(Answer::new(text, json!({ "rows": rows, "tables": tables })))
}
