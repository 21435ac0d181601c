//! The command line: what can be asked for, and its help.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use partyline_trunk::DialNumber;
use toml::Value;

use crate::admin::Order;
use crate::config::values::{PortRange, Text};
use crate::config::{FlagValue, Inputs};
use crate::rooms::{CreateRoom, SetRoom};

const AFTER_HELP: &str = "\
Settings come from a TOML file (--config FILE or PARTYLINE_CONFIG), then PARTYLINE_… environment variables, then
flags; the later wins. `sip.listen` is PARTYLINE_SIP__LISTEN. `partyline config sample` prints all of them.

Examples:
  partyline serve
  partyline serve --data-dir /var/lib/partyline --sip-listen 0.0.0.0:5060
  partyline room create standup --entry hold
  partyline conference list --live
  partyline doctor

Exit codes: 0 done; 1 failed; 2 a wrong setting, flag or argument; 3 an address, the data directory or the database is in use.";

/// On-demand audio conferencing that anyone can host.
#[derive(Debug, Parser)]
#[command(name = "partyline", version, about, after_help = AFTER_HELP, max_term_width = 110)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) everywhere: Everywhere,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Debug, Args)]
pub(crate) struct Everywhere {
    /// The TOML file of settings [env: PARTYLINE_CONFIG]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where the database, the secrets and the admin socket are [default: ./partyline-data]
    #[arg(long, global = true, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Answers in JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

/// What can be asked for.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Runs every role in this process until it is told to stop
    #[command(after_help = SERVE_HELP)]
    Serve(Serve),
    /// Shows and checks the settings
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Says what is wrong with this set-up, and what to do
    #[command(after_help = DOCTOR_HELP)]
    Doctor(Serve),
    /// Makes, lists and changes rooms, beside a running server or without one
    #[command(subcommand)]
    Room(RoomCommand),
    /// Lists conferences, live and past, beside a running server or without one; commands live ones
    #[command(subcommand)]
    Conference(ConferenceCommand),
    /// Makes, lists and changes trunks: peers and providers that calls come in from and go out through
    #[command(subcommand)]
    Trunk(TrunkCommand),
    /// Brings the data store up to date, checks it, moves it from a file to a PostgreSQL server
    #[command(subcommand)]
    Store(StoreCommand),
    /// Shows who calls, scans and guesses at a running server
    #[command(subcommand)]
    Sip(SipCommand),
    /// Stops, starts and watches single roles of a running server
    #[command(subcommand)]
    Role(RoleCommand),
}

const SERVE_HELP: &str = "\
The first start makes the data directory, a room \"demo\" with fresh codes, and prints how to call it.
SIGTERM or SIGINT says goodbye to callers and stops within 5 s; a second one stops at once.
With --json, one line of JSON is printed once calls are taken.

Examples:
  partyline serve
  partyline serve --sip-listen 192.0.2.10:5060 --rtp-ports 20000-29999
  PARTYLINE_LOG__FILTER=debug partyline serve --http-listen 127.0.0.1:9090";

const DOCTOR_HELP: &str = "\
Each line is OK, WARN or FAIL; the exit code is 1 where one is FAIL. It changes nothing, and may run beside a server.

Examples:
  partyline doctor
  partyline doctor --config /etc/partyline.toml --json";

/// The settings that have flags.
#[derive(Debug, Clone, Args)]
pub(crate) struct Serve {
    /// Takes calls on this address, UDP and TCP; may be repeated [default: 0.0.0.0:5060]
    #[arg(long, value_name = "ADDR", value_parser = Text::<SocketAddr>::from_flag)]
    sip_listen: Vec<Text<SocketAddr>>,
    /// Takes calls over TLS on this address; may be repeated, and needs a certificate in the settings
    #[arg(long, value_name = "ADDR", value_parser = Text::<SocketAddr>::from_flag)]
    sip_tls_listen: Vec<Text<SocketAddr>>,
    /// UDP ports for audio, both included [default: 16384-32767]
    #[arg(long, value_name = "A-B", value_parser = Text::<PortRange>::from_flag)]
    rtp_ports: Option<Text<PortRange>>,
    /// Answers /readyz, /healthz and /metrics on this address [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR", value_parser = Text::<SocketAddr>::from_flag)]
    http_listen: Option<Text<SocketAddr>>,
}

/// Settings.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Prints what is in force and where each value came from; secrets are masked
    Show(Serve),
    /// Reads all settings and says what is wrong, without starting anything
    Check(Serve),
    /// Prints a sample file with every setting and its default
    Sample,
    /// Prints the reference of settings (Markdown)
    Reference,
}

/// Rooms.
#[derive(Debug, Subcommand)]
pub(crate) enum RoomCommand {
    /// Makes a room and prints its codes, this once
    #[command(after_help = CREATE_HELP)]
    Create(Box<CreateRoom>),
    /// Lists the rooms
    List,
    /// Shows a room
    Show {
        /// The room's name
        name: String,
    },
    /// Changes a room's settings or codes
    #[command(after_help = SET_HELP)]
    Set(Box<SetRoom>),
    /// Takes a room away; refused while callers are in it
    Delete {
        /// The room's name
        name: String,
    },
}

const CREATE_HELP: &str = "\
Codes that are not given are drawn at random (8 digits). They are kept as hashes: note them down now.

Examples:
  partyline room create standup
  partyline room create board --entry hold --announce name --host-leaves grace:300 --host-pin 4711
  partyline room create townhall --class large --max-conferees 500 --host-code 90210355 --participant-code 77341028";

const SET_HELP: &str = "\
Only what is named is changed. New settings hold for callers who come from now on.

Examples:
  partyline room set demo --new-codes
  partyline room set standup --entry start --conference-max none
  partyline room set board --host-pin none --rename directors";

/// Conferences.
#[derive(Debug, Subcommand)]
pub(crate) enum ConferenceCommand {
    /// Lists conferences, newest first
    #[command(
        after_help = "Examples:\n  partyline conference list --live\n  partyline conference list --room demo --limit 10 --json"
    )]
    List {
        /// Only those that go on now
        #[arg(long)]
        live: bool,
        /// Only those of this room
        #[arg(long, value_name = "NAME")]
        room: Option<String>,
        /// At most so many
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        limit: u32,
    },
    /// Shows a conference with its conferees
    Show {
        /// The conference's unique identifier (26 characters), or the name of a room with a live one
        conference: String,
    },
    #[command(flatten)]
    Order(Order),
}

/// Trunks.
#[derive(Debug, Subcommand)]
pub(crate) enum TrunkCommand {
    /// Lists the trunks of the settings and those made by command
    List,
    /// Shows a trunk; its secrets are masked
    Show {
        /// The trunk's name
        name: String,
    },
    /// Makes a trunk
    #[command(after_help = TRUNK_HELP)]
    Create {
        /// The trunk's name: 1 to 64 characters of a-z, 0-9, '.', '_' and '-'
        name: String,
        /// Its settings, with the keys of a [[trunk]] table (see `partyline config reference`)
        #[arg(value_name = "KEY=VALUE", required = true)]
        settings: Vec<String>,
    },
    /// Changes a trunk; KEY= takes a setting back to its default
    #[command(after_help = TRUNK_HELP)]
    Set {
        /// The trunk's name
        name: String,
        /// What changes
        #[arg(value_name = "KEY=VALUE")]
        settings: Vec<String>,
    },
    /// Takes a trunk away; calls that are up go on
    Delete {
        /// The trunk's name
        name: String,
    },
    /// Has a running server call a number, plays a tone, and tells what is heard of it
    #[command(
        after_help = "The exit code is 0 where somebody answered.\n\nExamples:\n  partyline trunk call +18005550199\n  partyline trunk call 600 --trunk carrier --from +18005550100 --seconds 10 --json"
    )]
    Call(CallTrunk),
}

/// `trunk call`.
#[derive(Debug, Args)]
pub(crate) struct CallTrunk {
    /// The number
    pub(crate) number: DialNumber,
    /// Calls through this trunk only [default: all that the number fits, the best first]
    #[arg(long, value_name = "NAME")]
    pub(crate) trunk: Option<String>,
    /// The number that the callee sees [default: the trunk's]
    #[arg(long, value_name = "NUMBER")]
    pub(crate) from: Option<DialNumber>,
    /// Plays a tone of 1004 Hz (so it does without any of the two)
    #[arg(long, conflicts_with = "prompt")]
    pub(crate) tone: bool,
    /// Plays the greeting
    #[arg(long)]
    pub(crate) prompt: bool,
    /// Hangs up so long after the answer
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=300))]
    pub(crate) seconds: u32,
}

const TRUNK_HELP: &str = "\
Lists take commas; tables are written as in the settings file. Passwords are read from `{ env = \"VARIABLE\" }` or
`{ file = \"/path\" }` when the command runs. Those of callers are kept as hashes; those that are shown to others are kept
as they are in the database, which only its owner can read, and are never printed.

Examples:
  partyline trunk create carrier sources=203.0.113.0/24 trusts_identity=true numbers='+1800*,600'
  partyline trunk create pbx users='[{ name = \"pbx\", password = { env = \"PBX_PASSWORD\" } }]'
  partyline trunk set carrier dial_out.hosts=sip.example.com dial_out.numbers=+ dial_out.caller_number=+18005550100
  partyline trunk set carrier numbers='[{ number = \"600\", application = \"linetest\" }]' calls_max=";

/// SIP at a running server.
#[derive(Debug, Subcommand)]
pub(crate) enum SipCommand {
    /// Lists who was turned away since the server started: for rubbish, refused requests, too many calls, wrong codes and passwords
    #[command(
        after_help = "An address of IPv6 stands for its network of 64 bits. 4096 are kept; who was silent longest makes room.\n\nExamples:\n  partyline sip sources\n  partyline sip sources --limit 1000 --json"
    )]
    Sources {
        /// At most so many, the worst first
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=4096))]
        limit: u32,
    },
}

/// The data store.
#[derive(Debug, Subcommand)]
pub(crate) enum StoreCommand {
    /// Makes the tables or brings them up to date, as `serve` does when it starts; safe to run at several places at once
    Migrate,
    /// Counts what is stored and says what does not fit together; the exit code is 1 where something does not
    Check,
    /// Brings everything from the file in the data folder to the empty database of `store.url`: whole, or not at all
    #[command(after_help = COPY_HELP)]
    Copy,
}

const COPY_HELP: &str = "\
Stop the server first. Start it again with store.url set, on the same data folder: its secrets.toml has the key under
which codes are found. The file stays as it is.

Example:
  PARTYLINE_STORE__URL=postgresql://partyline@db1,db2/partyline partyline store copy --data-dir /var/lib/partyline";

/// Roles of a running server.
#[derive(Debug, Subcommand)]
pub(crate) enum RoleCommand {
    /// Lists the roles of the running server
    List,
    /// Really stops one role: its listeners, connections and leases
    #[command(after_help = "Example:\n  partyline role stop cms-1")]
    Stop {
        /// The role's name, as `role list` tells it
        name: String,
    },
    /// Starts a role that was stopped
    Start {
        /// The role's name
        name: String,
    },
    /// Shows the RPCs that a role answered
    #[command(after_help = "Example:\n  partyline role log mixer-1 --limit 20 --json")]
    Log {
        /// The role's name
        name: String,
        /// The newest so many [default: 50; with --json all that are kept]
        #[arg(long, value_parser = clap::value_parser!(u32).range(0..=4096))]
        limit: Option<u32>,
    },
}

impl Cli {
    /// The layers of settings that this command line asks for.
    pub(crate) fn inputs(&self, environment: Vec<(String, String)>) -> Inputs {
        let mut flags = Vec::new();
        if let Some(dir) = &self.everywhere.data_dir {
            let value = Value::String(dir.to_string_lossy().into_owned());
            flags.push(FlagValue { flag: "--data-dir", key: "data_dir", value });
        }
        match &self.command {
            Command::Serve(serve)
            | Command::Doctor(serve)
            | Command::Config(ConfigCommand::Show(serve) | ConfigCommand::Check(serve)) => {
                flags.extend(serve.flags())
            }
            Command::Config(ConfigCommand::Sample | ConfigCommand::Reference)
            | Command::Room(_)
            | Command::Conference(_)
            | Command::Trunk(_)
            | Command::Store(_)
            | Command::Sip(_)
            | Command::Role(_) => {}
        }
        Inputs { file: self.everywhere.config.clone(), environment, flags }
    }
}

impl Serve {
    fn flags(&self) -> Vec<FlagValue> {
        let text = |value: String| Value::String(value);
        let mut flags = Vec::new();
        if !self.sip_listen.is_empty() {
            let value =
                Value::Array(self.sip_listen.iter().map(|address| text(address.0.to_string())).collect());
            flags.push(FlagValue { flag: "--sip-listen", key: "sip.listen", value });
        }
        if !self.sip_tls_listen.is_empty() {
            let value =
                Value::Array(self.sip_tls_listen.iter().map(|address| text(address.0.to_string())).collect());
            flags.push(FlagValue { flag: "--sip-tls-listen", key: "sip.tls.listen", value });
        }
        if let Some(ports) = self.rtp_ports {
            flags.push(FlagValue { flag: "--rtp-ports", key: "rtp.ports", value: text(ports.0.to_string()) });
        }
        if let Some(listen) = self.http_listen {
            flags.push(FlagValue {
                flag: "--http-listen",
                key: "http.listen",
                value: text(listen.0.to_string()),
            });
        }
        flags
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_holds_together() {
        use clap::CommandFactory as _;
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_takes_the_file_and_the_data_directory() {
        for command in [
            "serve",
            "config show",
            "config check",
            "config sample",
            "doctor",
            "room list",
            "room create x",
            "conference list",
            "conference mute x 3",
            "conference floor x lecture",
            "conference admit x 5550123",
            "conference drop-others x 1",
            "conference music x off",
            "conference more-time x",
            "conference more-time x 2h",
            "trunk list",
            "trunk call 600",
            "trunk create x sources=192.0.2.1",
            "sip sources --limit 5",
            "role list",
            "role log x",
        ] {
            let words = format!("partyline {command} --config a.toml --data-dir /b --json");
            let cli =
                Cli::try_parse_from(words.split(' ')).unwrap_or_else(|error| panic!("{words}: {error}"));
            let inputs = cli.inputs(Vec::new());
            assert_eq!(inputs.file, Some(PathBuf::from("a.toml")));
            assert_eq!(inputs.flags[0].value, Value::String("/b".into()));
        }
    }
}
