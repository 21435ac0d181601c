//! Trunk commands: they work on the database itself, beside a running server or without one. Trunks of the settings
//! file are shown beside those of the database, and changed in the file only.

mod answers;
mod call;
mod words;

use anyhow::{Context as _, bail};
use partyline_conference::TrunkName;
use partyline_store::{Store, StoreError};
use partyline_trunk::{Fault, Trunk, TrunkSettings, Trunks};
use serde_json::Value;

pub(crate) use call::{call, failed_json};

use crate::answer::Answer;
use crate::cli::TrunkCommand;
use crate::config::Loaded;
use crate::config::trunks::read_secret;
use crate::moment;

/// Where a trunk was written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// In the settings file: commands leave it alone.
    Settings,
    /// In the database, by command.
    Command,
}

/// A trunk with what is known of it.
struct Listed {
    name: TrunkName,
    origin: Origin,
    /// The trunk, or why it does not read.
    settings: Result<TrunkSettings, String>,
    /// How it stands at the running server, if one runs and knows it.
    standing: Option<Standing>,
}

/// How a trunk stands at a running server.
struct Standing {
    calls: u64,
    /// Why it is left out.
    left_out: Option<String>,
    /// How its registration stands.
    registration: Option<String>,
}

/// Carries out a command that needs no running server.
pub(crate) async fn command(
    store: &dyn Store,
    loaded: &Loaded,
    environment: &[(String, String)],
    command: &TrunkCommand,
    server: Option<&Value>,
) -> anyhow::Result<Answer> {
    match command {
        TrunkCommand::Call(_) => unreachable!("a call is made by the running server"),
        TrunkCommand::List => Ok(answers::listed(&listed(store, loaded, server).await?)),
        TrunkCommand::Show { name } => {
            let name = trunk_name(name)?;
            let found = listed(store, loaded, server).await?.into_iter().find(|trunk| trunk.name == name);
            found.map(|trunk| answers::shown(&trunk)).with_context(|| unknown(&name))
        }
        TrunkCommand::Create { name, settings } => {
            let name = trunk_name(name)?;
            refuse_of_settings(loaded, &name)?;
            let made =
                changed(store, loaded, environment, &TrunkSettings::named(name.clone()), settings).await?;
            match store.create_trunk(&made, moment::now()).await {
                Ok(()) => Ok(answers::written("made", &made)),
                Err(StoreError::Taken(_)) => {
                    bail!(
                        "the trunk \"{name}\" is there already; change it with `partyline trunk set {name}`"
                    )
                }
                Err(error) => Err(error.into()),
            }
        }
        TrunkCommand::Set { name, settings } => {
            let name = trunk_name(name)?;
            refuse_of_settings(loaded, &name)?;
            if settings.is_empty() {
                bail!("nothing to change was named; see `partyline trunk set --help`");
            }
            let before = stored(store, &name).await?;
            let changed = changed(store, loaded, environment, &before, settings).await?;
            store.replace_trunk(&changed, moment::now()).await?;
            Ok(answers::written("changed", &changed))
        }
        TrunkCommand::Delete { name } => {
            let name = trunk_name(name)?;
            refuse_of_settings(loaded, &name)?;
            match store.delete_trunk(&name).await {
                Ok(()) => Ok(answers::deleted(&name)),
                Err(StoreError::Unknown(_)) => bail!("{}", unknown(&name)),
                Err(error) => Err(error.into()),
            }
        }
    }
}

fn trunk_name(name: &str) -> anyhow::Result<TrunkName> {
    TrunkName::new(name).with_context(|| format!("\"{name}\" is not the name of a trunk"))
}

fn unknown(name: &TrunkName) -> String {
    format!("there is no trunk \"{name}\"; `partyline trunk list` shows those there are")
}

fn refuse_of_settings(loaded: &Loaded, name: &TrunkName) -> anyhow::Result<()> {
    if loaded.file.trunk.iter().any(|trunk| trunk.name == *name) {
        bail!("the trunk \"{name}\" stands in the settings ([[trunk]]); change it there");
    }
    Ok(())
}

/// How a running server says that a trunk stands: the sum of its VRUs.
fn standing(server: Option<&Value>, name: &TrunkName) -> Option<Standing> {
    let all = server?.as_array()?.iter();
    let of_vrus: Vec<&Value> = all.filter(|status| status["name"] == name.as_str()).collect();
    let text = |key: &str| of_vrus.iter().find_map(|status| status[key].as_str()).map(str::to_owned);
    let calls = of_vrus.iter().filter_map(|status| status["calls"].as_u64()).sum();
    (!of_vrus.is_empty()).then(|| Standing {
        calls,
        left_out: text("left_out"),
        registration: text("registration"),
    })
}

async fn listed(store: &dyn Store, loaded: &Loaded, server: Option<&Value>) -> anyhow::Result<Vec<Listed>> {
    let of_settings = loaded.file.trunk.iter().map(|trunk| Listed {
        name: trunk.name.clone(),
        origin: Origin::Settings,
        settings: Ok(trunk.clone()),
        standing: standing(server, &trunk.name),
    });
    let of_store = store.trunks().await?.into_iter().map(|stored| Listed {
        standing: standing(server, &stored.name),
        name: stored.name,
        origin: Origin::Command,
        settings: stored.settings.map_err(|error| error.to_string()),
    });
    let mut listed: Vec<Listed> = of_settings.chain(of_store).collect();
    listed.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(listed)
}

async fn stored(store: &dyn Store, name: &TrunkName) -> anyhow::Result<TrunkSettings> {
    let found = store.trunks().await?.into_iter().find(|stored| stored.name == *name);
    let stored = found.with_context(|| unknown(name))?;
    stored.settings.with_context(|| format!("the trunk \"{name}\" does not read; delete it and make it anew"))
}

/// The trunk with what was typed, once it holds together and takes nothing of another's.
async fn changed(
    store: &dyn Store,
    loaded: &Loaded,
    environment: &[(String, String)],
    before: &TrunkSettings,
    typed: &[String],
) -> anyhow::Result<TrunkSettings> {
    let settled = words::changed(before, typed)?.settled(|source| read_secret(source, environment))?;
    let trunk = settled.check().map_err(|faults| anyhow::anyhow!("{}", told(&faults)))?;
    let mut others = Trunks::default();
    let of_store = store.trunks().await?.into_iter().filter_map(|stored| stored.settings.ok()?.check().ok());
    for other in
        loaded.config.trunks.iter().cloned().chain(of_store).filter(|other: &Trunk| other.name != trunk.name)
    {
        // What clashes among the others is theirs to tell.
        let _ = others.add(other);
    }
    others.add(trunk)?;
    Ok(settled)
}

fn told(faults: &[Fault]) -> String {
    let told = |fault: &Fault| if fault.key.is_empty() { fault.text.clone() } else { fault.to_string() };
    faults.iter().map(told).collect::<Vec<_>>().join("; ")
}
