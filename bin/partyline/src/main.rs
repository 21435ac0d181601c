//! `partyline`: composes the roles from the configuration, and is the operator's command line.
//!
//! It holds no product rule: commands read and change the store, `serve` starts roles and stops them.

mod admin;
mod answer;
mod cli;
mod codes;
mod conferences;
mod config;
mod data_dir;
mod database;
mod doctor;
mod moment;
mod orders;
mod prompts;
mod roles;
mod rooms;
mod secrets;
mod serve;
mod sip;
mod store;
mod trunks;

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;
use partyline_store::SqlStore;

use answer::Answer;
use cli::{Cli, Command, ConferenceCommand, ConfigCommand, RoomCommand, SipCommand, TrunkCommand};
use config::{ConfigError, Loaded};
use data_dir::{DataDir, DataDirError};

/// Gives memory back when a storm is over: the system's own allocator keeps what its blocks are strewn over.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Something failed.
const FAILED: u8 = 1;
/// A setting, flag or argument is wrong.
const MISUSED: u8 = 2;
/// An address or the data directory is in use.
const IN_USE: u8 = 3;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(&cli) {
        Ok(code) => code,
        Err(error) => {
            let text = if cli.everywhere.json {
                serde_json::json!({ "error": format!("{error:#}") }).to_string()
            } else {
                format!("partyline: {error:#}")
            };
            // Where standard error is gone too there is nobody left to tell.
            let _ = writeln!(std::io::stderr(), "{text}");
            ExitCode::from(exit_code(&error))
        }
    }
}

fn exit_code(error: &anyhow::Error) -> u8 {
    if error.is::<ConfigError>() {
        return MISUSED;
    }
    let is_held = matches!(error.downcast_ref(), Some(DataDirError::InUse { .. }));
    let is_held = is_held || error.downcast_ref().is_some_and(database::DatabaseError::is_taken);
    if is_held || error.downcast_ref::<serve::StartError>().is_some_and(serve::StartError::is_taken) {
        return IN_USE;
    }
    FAILED
}

fn run(cli: &Cli) -> anyhow::Result<ExitCode> {
    // Variables that are not text can't be ours: our names and values all are.
    let environment: Vec<(String, String)> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.to_string_lossy().into_owned())))
        .collect();
    match &cli.command {
        Command::Config(ConfigCommand::Sample) => return printed(&config::reference::sample()),
        Command::Config(ConfigCommand::Reference) => return printed(&config::reference::markdown()),
        Command::Serve(_)
        | Command::Config(_)
        | Command::Doctor(_)
        | Command::Room(_)
        | Command::Conference(_)
        | Command::Trunk(_)
        | Command::Store(_)
        | Command::Sip(_)
        | Command::Role(_) => {}
    }
    let loaded = config::load(&cli.inputs(environment.clone()))?;
    if let Command::Serve(_) = &cli.command {
        return serve::run(loaded.config, cli.everywhere.json);
    }
    let answer = answer(cli, &loaded, &environment)?;
    answer.print(cli.everywhere.json)?;
    Ok(if answer.is_good { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}

fn printed(text: &str) -> anyhow::Result<ExitCode> {
    answer::print(text)?;
    Ok(ExitCode::SUCCESS)
}

fn answer(cli: &Cli, loaded: &Loaded, environment: &[(String, String)]) -> anyhow::Result<Answer> {
    let data_dir = || DataDir::existing(&loaded.config.data_dir);
    match &cli.command {
        Command::Config(ConfigCommand::Show(_)) => {
            Ok(Answer::new(config::show::text(loaded), config::show::json(loaded)))
        }
        Command::Config(ConfigCommand::Check(_)) => {
            Ok(Answer::new("The settings stand.\n".to_owned(), serde_json::json!({ "valid": true })))
        }
        Command::Config(ConfigCommand::Sample | ConfigCommand::Reference) | Command::Serve(_) => {
            unreachable!("these print by themselves")
        }
        Command::Store(command) => in_runtime(store::command(&loaded.config, command)),
        Command::Sip(SipCommand::Sources { limit }) => Ok(sip::sources(&data_dir()?, *limit)?),
        Command::Role(command) => Ok(roles::command(&data_dir()?, command, cli.everywhere.json)?),
        Command::Doctor(_) => in_runtime(async { Ok(doctor::examine(&loaded.config).await) }),
        Command::Conference(ConferenceCommand::Order(order)) => Ok(orders::command(&data_dir()?, order)?),
        Command::Conference(command) => {
            in_runtime(with_store(loaded, async |store| conference(store, command).await))
        }
        Command::Room(RoomCommand::Create(arguments)) => {
            in_runtime(with_made_store(loaded, async |store| rooms::create(store, arguments).await))
        }
        Command::Trunk(TrunkCommand::Call(arguments)) => {
            Ok(trunks::call(&data_dir()?, arguments, cli.everywhere.json)?)
        }
        Command::Trunk(command @ TrunkCommand::Create { .. }) => {
            in_runtime(with_made_store(loaded, async |store| {
                trunks::command(store, loaded, environment, command, None).await
            }))
        }
        Command::Trunk(command) => {
            // A server that runs says how trunks stand; without one they are what is written of them.
            let server = data_dir().ok().and_then(|dir| admin::ask(&dir, &admin::Request::Trunks).ok());
            in_runtime(with_store(loaded, async |store| {
                trunks::command(store, loaded, environment, command, server.as_ref()).await
            }))
        }
        Command::Room(command) => in_runtime(with_store(loaded, async |store| room(store, command).await)),
    }
}

/// Works on the database, and makes it where there is none.
async fn with_made_store(
    loaded: &Loaded,
    work: impl AsyncFnOnce(&SqlStore) -> anyhow::Result<Answer>,
) -> anyhow::Result<Answer> {
    let data_dir = DataDir::existing_or_new(&loaded.config.data_dir)?;
    // A running server has made its database already, and keeps it up to date. Without one, the lock keeps a server
    // from starting half-way, and the mark has the first start still make its demo room.
    let (store, _lock) = if data_dir.server().is_some() {
        (database::open_existing(&loaded.config, &data_dir).await?, None)
    } else {
        let lock = data_dir.lock()?;
        if data_dir.is_first_start(loaded.config.store.is_some()) {
            data_dir.begin_first_start()?;
        }
        (database::open_or_make(&loaded.config, &data_dir).await?.0, Some(lock))
    };
    let answer = work(&store).await;
    store.close().await;
    answer
}

async fn with_store(
    loaded: &Loaded,
    work: impl AsyncFnOnce(&SqlStore) -> anyhow::Result<Answer>,
) -> anyhow::Result<Answer> {
    let data_dir = DataDir::existing(&loaded.config.data_dir)?;
    let store = database::open_existing(&loaded.config, &data_dir).await?;
    let answer = work(&store).await;
    store.close().await;
    answer
}

async fn room(store: &SqlStore, command: &RoomCommand) -> anyhow::Result<Answer> {
    match command {
        RoomCommand::Create(arguments) => rooms::create(store, arguments).await,
        RoomCommand::List => rooms::list(store).await,
        RoomCommand::Show { name } => rooms::show(store, name).await,
        RoomCommand::Set(arguments) => rooms::set(store, arguments).await,
        RoomCommand::Delete { name } => rooms::delete(store, name).await,
    }
}

async fn conference(store: &SqlStore, command: &ConferenceCommand) -> anyhow::Result<Answer> {
    match command {
        ConferenceCommand::List { live, room, limit } => {
            conferences::list(store, *live, room.as_deref(), *limit).await
        }
        ConferenceCommand::Show { conference } => conferences::show(store, conference).await,
        ConferenceCommand::Order(_) => unreachable!("a running server is asked"),
    }
}

fn in_runtime(work: impl Future<Output = anyhow::Result<Answer>>) -> anyhow::Result<Answer> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(work)
}
