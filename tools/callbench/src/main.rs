//! `callbench`: calls a conference from outside, alone or by the hundred, and says what it heard.

mod delay_command;
mod keypad_commands;
mod mingle_command;

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use callbench::floor::FloorPlan;
use callbench::load::{LoadPlan, read_rooms};
use callbench::storm::StormPlan;
use callbench::{
    Answerer, Bench, BenchConfig, CallPlan, Caller, Codec, KeyWay, MediaSecurity, OpusTelephones,
    ProcessMeter, Trust, meter, read_sound, write_sound,
};
use clap::{Args, Parser, Subcommand, ValueEnum};

use delay_command::DelayArguments;
use keypad_commands::KeypadCommand;
use mingle_command::MingleArguments;
use partyline_udp::IoKind;

/// Gives memory back when a storm is over: the system's own allocator keeps what its blocks are strewn over.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Calls a conference from outside, over SIP and RTP, and says what it heard.
#[derive(Parser)]
#[command(version, about, max_term_width = 100)]
struct Cli {
    /// Local address for signalling and media
    #[arg(long, global = true, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST), value_name = "ADDRESS")]
    local: IpAddr,
    /// TLS: the file of certificates (PEM) that vouch for the server; without it whom the system trusts
    #[arg(long, global = true, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// TLS: takes any certificate
    #[arg(long, global = true, conflicts_with = "ca")]
    insecure: bool,
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Make one call
    ///
    /// callbench call sip:conference@127.0.0.1:5060 --code 12345678 --tone 440 --seconds 20 --record heard.wav
    Call(CallArguments),
    /// Make many calls into many rooms, and measure
    ///
    /// callbench load --target sip:127.0.0.1:5060 --rooms rooms.txt --callers 500 --seconds 60 --server-pid 4711
    Load(LoadArguments),
    /// Put callers into conferences, find out what the server carries, and call twice as often
    ///
    /// The exit code is 0 where nobody in a conference noticed, all new callers were answered in time, and service was soon
    /// back to normal.
    ///
    /// callbench storm --target sip:127.0.0.1:5060 --rooms rooms.txt --callers 200 --rate 25 --dial 12345678 --server-pid 4711
    Storm(StormArguments),
    /// Measure how long sound takes from mouth to ear
    ///
    /// callbench delay --target sip:127.0.0.1:5060 --rooms rooms.txt --callers 200 --seconds 30
    Delay(DelayArguments),
    /// Have callers come, talk and go at random, over ways that are late and by clocks that are off
    ///
    /// Each stretch of time is told: the calls, and how long sound takes from mouth to ear between those who stay.
    ///
    /// callbench mingle --target sip:127.0.0.1:5060 --rooms rooms.txt --callers 300 --seconds 3600
    Mingle(MingleArguments),
    /// Press keys, and measure what comes of it
    #[command(subcommand)]
    Keypad(KeypadCommand),
    /// Measure what the kernel's UDP path costs a server that does nothing but receive and send
    ///
    /// callbench floor --backend io_uring --sockets 2000 --seconds 20
    Floor(FloorArguments),
    /// The callers of the floor: they call the ports on standard input until it ends
    #[command(hide = true)]
    FloorCallers,
    /// Answer every call at once, without media, and tell what that costs
    ///
    /// Each line on standard input is answered by the figures of that moment as a line of JSON; the end of it ends the program.
    ///
    /// callbench answer 127.0.0.1:5070
    Answer(AnswerArguments),
}

#[derive(Args)]
struct FloorArguments {
    /// What the server does its I/O by
    #[arg(long, default_value = "plain")]
    backend: BackendArgument,
    /// Sockets, each with a caller who sends and gets 50 packets a second
    #[arg(long, default_value_t = 500)]
    sockets: usize,
    /// Threads that serve them [default: one for each core]
    #[arg(long)]
    threads: Option<usize>,
    /// Length of the measured window
    #[arg(long, default_value_t = 20.0)]
    seconds: f64,
    /// Print the figures as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum BackendArgument {
    Plain,
    #[value(name = "io_uring", alias = "io-uring")]
    IoUring,
}

#[derive(Args)]
struct AnswerArguments {
    /// Where to answer, on UDP
    listen: SocketAddr,
    /// Most calls at once
    #[arg(long, default_value_t = 300_000)]
    calls_max: usize,
}

#[derive(Args)]
struct CallArguments {
    /// Whom to call, such as sip:CODE@127.0.0.1:5060 or sip:conference@host;transport=tcp
    target: String,
    /// Code to enter by keys after the answer (a # is added)
    #[arg(long)]
    code: Option<String>,
    /// More keys to press, as SECONDS=KEYS after the answer; may be given again
    #[arg(long, value_name = "SECONDS=KEYS", value_parser = keys)]
    keys: Vec<(Duration, String)>,
    /// How keys are told: events (RFC 4733), info-relay, info (SIP INFO) or tones (in the sound)
    #[arg(long, value_name = "WAY", default_value = "events")]
    key_way: KeyWay,
    /// WAV file to play after the code, once
    #[arg(long, value_name = "FILE")]
    play: Option<PathBuf>,
    /// WAV file for what is heard (8 kHz; the last ten minutes at most)
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// How long to stay; without it, until the other side hangs up or Ctrl-C
    #[arg(long)]
    seconds: Option<f64>,
    /// Tone to send, in Hz
    #[arg(long, value_name = "HZ")]
    tone: Option<f32>,
    /// Caller's number: the user part of From
    #[arg(long, default_value = "callbench", value_name = "USER")]
    from: String,
    /// How to signal; without it what the target says, and that says UDP if it says nothing
    #[arg(long)]
    transport: Option<TransportArgument>,
    /// Codec to offer, or several in order: --codec opus,pcmu (both of G.711 without it)
    #[arg(long, value_delimiter = ',')]
    codec: Vec<CodecArgument>,
    /// Offer SRTP: refuse, prefer or require it
    #[arg(long, default_value = "refuse", default_missing_value = "require", num_args = 0..=1, value_parser = security)]
    srtp: MediaSecurity,
}

fn security(word: &str) -> Result<MediaSecurity, String> {
    MediaSecurity::from_word(word).ok_or_else(|| "expected refuse, prefer or require".to_owned())
}

#[derive(Clone, Copy, ValueEnum)]
enum TransportArgument {
    Udp,
    Tcp,
    Tls,
}

impl TransportArgument {
    /// A target that says so, unless it says itself how to reach it.
    fn applied_to(self, target: &str) -> String {
        let parameter = match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
        };
        if target.contains(";transport=") {
            target.to_owned()
        } else {
            format!("{target};transport={parameter}")
        }
    }
}

impl Cli {
    fn bench(&self) -> BenchConfig {
        let trust = match &self.ca {
            Some(file) => Trust::File(file.clone()),
            None if self.insecure => Trust::Anyone,
            None => Trust::System,
        };
        BenchConfig { trust, ..BenchConfig::new(self.local) }
    }
}

#[derive(Clone, Copy, ValueEnum)]
enum CodecArgument {
    Opus,
    G722,
    Pcmu,
    Pcma,
}

impl CodecArgument {
    const fn codec(self) -> Codec {
        match self {
            Self::Opus => Codec::Opus,
            Self::G722 => Codec::G722,
            Self::Pcmu => Codec::Pcmu,
            Self::Pcma => Codec::Pcma,
        }
    }
}

#[derive(Clone, Copy, ValueEnum)]
enum LoadCodecArgument {
    Pcmu,
    Opus,
}

#[derive(Args)]
struct StormArguments {
    #[command(flatten)]
    load: LoadArguments,
    /// What the storm dials, in turn: codes, or the number of the code prompt
    #[arg(long, num_args = 1.., default_value = "conference", value_name = "USER")]
    dial: Vec<String>,
    /// The first address that the storm comes from
    #[arg(long, default_value = "127.0.0.1", value_name = "ADDRESS")]
    first_source: IpAddr,
    /// So many addresses that follow each other (on loopback all are there)
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=200))]
    sources: u8,
    /// Seconds that the storm lasts
    #[arg(long, default_value_t = 15.0, value_name = "SECONDS")]
    lasting: f64,
    /// Seconds that a caller stays who is taken in the storm
    #[arg(long, default_value_t = 1.0, value_name = "SECONDS")]
    stay: f64,
    /// The storm's rate as a multiple of what the server carries
    #[arg(long, default_value_t = 2.0)]
    times: f64,
    /// Calls a second that the server carries [default: found out]
    #[arg(long, value_name = "CPS")]
    carried: Option<f64>,
}

#[derive(Args)]
struct LoadArguments {
    /// Whom to call, such as sip:127.0.0.1:5060 (then the user part is "conference")
    #[arg(long)]
    target: String,
    /// Rooms: codes, HOST:PARTICIPANT pairs of codes, or files with one of these a line
    #[arg(long, num_args = 1.., required = true, value_name = "CODE|FILE")]
    rooms: Vec<String>,
    /// Callers over all rooms
    #[arg(long, default_value_t = 100)]
    callers: usize,
    /// Callers in each room who send a tone (the first ones)
    #[arg(long, default_value_t = 2)]
    talkers_per_room: usize,
    /// Calls begun each second
    #[arg(long, default_value_t = 10.0, value_name = "CPS")]
    rate: f64,
    /// Length of the measured window, after everybody is in
    #[arg(long, default_value_t = 60.0)]
    seconds: f64,
    /// Process of the server, whose CPU time and memory are then told
    #[arg(long, value_name = "PID")]
    server_pid: Option<u32>,
    /// First key so many milliseconds after the answer
    #[arg(long, default_value_t = 300, value_name = "MS")]
    keys_after: u64,
    /// Wait so many seconds for prompts and tones to end, between the last entry and the window
    #[arg(long, default_value_t = 4.0, value_name = "SECONDS")]
    settle: f64,
    /// What all callers speak and hear: G.711, or Opus at 48 kHz (coded once beforehand, and said over and over)
    #[arg(long, default_value = "pcmu")]
    codec: LoadCodecArgument,
    /// Opus: callers who don't talk send next to nothing (DTX)
    #[arg(long)]
    dtx: bool,
    /// Signal over TCP
    #[arg(long, conflicts_with = "transport")]
    tcp: bool,
    /// How to signal
    #[arg(long)]
    transport: Option<TransportArgument>,
    /// Print the figures as JSON
    #[arg(long)]
    json: bool,
}

fn keys(text: &str) -> Result<(Duration, String), String> {
    let (after, keys) = text.split_once('=').ok_or("expected SECONDS=KEYS, such as 5=*6")?;
    let after = after.parse().ok().and_then(|s| Duration::try_from_secs_f64(s).ok());
    let after = after.ok_or("expected a number of seconds before =")?;
    if keys.is_empty() || !keys.chars().all(|key| partyline_rtp::event_of_key(key).is_some()) {
        return Err("keys are 0-9, *, # and A-D".to_owned());
    }
    Ok((after, keys.to_owned()))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    let bench = cli.bench();
    match cli.what {
        What::Call(arguments) => call(bench, arguments).await,
        What::Load(arguments) => load(bench, arguments).await,
        What::Storm(arguments) => storm(bench, arguments).await,
        What::Delay(arguments) => delay_command::delay(bench, arguments).await,
        What::Mingle(arguments) => mingle_command::mingle(bench, arguments).await,
        What::Keypad(command) => keypad_commands::run(bench, command).await,
        What::Floor(arguments) => floor(cli.local, &arguments),
        What::FloorCallers => callbench::floor::call(cli.local),
        What::Answer(arguments) => answer(&arguments),
    }
}

async fn call(config: BenchConfig, arguments: CallArguments) -> anyhow::Result<()> {
    let bench = Bench::start(config).await?;
    let stay = arguments.seconds.map(Duration::try_from_secs_f64).transpose().context("--seconds")?;
    let memory = if arguments.record.is_some() { Duration::from_secs(600) } else { Duration::from_secs(10) };
    let target =
        arguments.transport.map_or(arguments.target.clone(), |how| how.applied_to(&arguments.target));
    let mut plan = CallPlan::new(target).from_user(arguments.from.clone()).memory(memory);
    plan = plan.security(arguments.srtp).key_way(arguments.key_way);
    if let Some(code) = &arguments.code {
        plan = plan.digits(format!("{}#", code.trim_end_matches('#')));
    }
    if let Some(hz) = arguments.tone {
        plan = plan.tone(hz);
    }
    if !arguments.codec.is_empty() {
        let codecs: Vec<Codec> = arguments.codec.iter().map(|argument| argument.codec()).collect();
        plan = plan.codecs(&codecs);
    }
    let sound = arguments.play.as_deref().map(read_sound).transpose()?;
    let caller = bench.call(plan).await?;
    let took = caller.wait_answered().await?;
    say(&format!("answered after {:.1} ms", took.as_secs_f64() * 1000.0))?;
    if arguments.code.is_some() {
        caller.wait_digits_sent().await?;
        say("the code is entered")?;
    }
    if let Some(sound) = sound {
        caller.say(sound);
    }
    stay_on(&caller, stay, &arguments.keys).await;
    tell_heard(&caller, arguments.record.as_deref()).await?;
    caller.hang_up();
    bench.stop().await;
    Ok(())
}

/// Stays until the time is over, the other side hangs up, or somebody presses Ctrl-C.
async fn stay_on(caller: &Caller, stay: Option<Duration>, keys: &[(Duration, String)]) {
    let mut keys: Vec<_> = keys.iter().collect();
    keys.sort_by_key(|(after, _)| *after);
    let start = tokio::time::Instant::now();
    let press = async {
        for (after, keys) in keys {
            tokio::time::sleep_until(start + *after).await;
            caller.send_digits(keys);
        }
        std::future::pending::<()>().await;
    };
    let time_is_up = async {
        match stay {
            Some(stay) => tokio::time::sleep(stay).await,
            None => std::future::pending().await,
        }
    };
    let they_hung_up = async { while caller.wait_ended().await.is_err() {} };
    tokio::select! {
        () = press => {}
        () = time_is_up => {}
        () = they_hung_up => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

async fn tell_heard(caller: &Caller, record: Option<&std::path::Path>) -> anyhow::Result<()> {
    let packets = caller.packets().await;
    say(&format!(
        "{} packets received, {} lost, {} sent; longest gap {} ms, jitter {:.1} ms",
        packets.received,
        packets.lost,
        packets.sent,
        packets.longest_gap.as_millis(),
        packets.jitter.as_secs_f64() * 1000.0
    ))?;
    let heard = caller.samples(Duration::from_secs(600)).await;
    let last = &heard[heard.len().saturating_sub(80_000)..];
    say(&format!("heard at {:.1} dBov in the last ten seconds", meter::level_dbov(last)))?;
    if let Some(end) = caller.ended() {
        say(&format!("ended: {end:?}"))?;
    }
    if let Some(path) = record {
        write_sound(path, &heard).with_context(|| format!("writing {}", path.display()))?;
    }
    Ok(())
}

async fn load(config: BenchConfig, arguments: LoadArguments) -> anyhow::Result<()> {
    let plan = arguments.plan()?;
    let report = callbench::load::run(config, &plan).await?;
    if arguments.json {
        say(&serde_json::to_string_pretty(&report)?)?;
    } else {
        say(report.to_string().trim_end())?;
    }
    if report.is_void {
        bail!("the load maker was late: this run says nothing");
    }
    Ok(())
}

fn floor(local: IpAddr, arguments: &FloorArguments) -> anyhow::Result<()> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
    let plan = FloorPlan {
        local,
        io: match arguments.backend {
            BackendArgument::Plain => IoKind::Plain,
            BackendArgument::IoUring => IoKind::IoUring,
        },
        sockets: arguments.sockets,
        threads: arguments.threads.unwrap_or(cores),
        window: Duration::try_from_secs_f64(arguments.seconds).context("--seconds")?,
    };
    let report = callbench::floor::measure(&plan, &std::env::current_exe()?)?;
    if arguments.json {
        say(&serde_json::to_string_pretty(&report)?)?;
    } else {
        say(report.to_string().trim_end())?;
    }
    Ok(())
}

impl LoadArguments {
    fn plan(&self) -> anyhow::Result<LoadPlan> {
        if self.callers == 0 || self.rate.is_nan() || self.rate <= 0.0 {
            bail!("--callers and --rate must be above 0");
        }
        let transport = self.transport.or(self.tcp.then_some(TransportArgument::Tcp));
        Ok(LoadPlan {
            target: with_user(&self.target, transport),
            rooms: read_rooms(&self.rooms)?,
            callers: self.callers,
            talkers_per_room: self.talkers_per_room,
            calls_per_second: self.rate,
            steady: Duration::try_from_secs_f64(self.seconds).context("--seconds")?,
            server: self.server_pid.map(ProcessMeter::new),
            digits_after: Duration::from_millis(self.keys_after),
            entry_max: Duration::from_secs(30),
            opus: match self.codec {
                LoadCodecArgument::Pcmu => None,
                LoadCodecArgument::Opus => Some(OpusTelephones { pauses: self.dtx }),
            },
            settle: Duration::try_from_secs_f64(self.settle).context("--settle")?,
        })
    }
}

async fn storm(config: BenchConfig, arguments: StormArguments) -> anyhow::Result<()> {
    if [arguments.times, arguments.carried.unwrap_or(1.0)].iter().any(|rate| rate.is_nan() || *rate <= 0.0) {
        bail!("--times and --carried must be above 0");
    }
    let plan = StormPlan {
        load: arguments.load.plan()?,
        dials: arguments.dial,
        sources: arguments.sources,
        first_source: arguments.first_source,
        stay: Duration::try_from_secs_f64(arguments.stay).context("--stay")?,
        lasting: Duration::try_from_secs_f64(arguments.lasting).context("--lasting")?,
        times: arguments.times,
        carried_per_second: arguments.carried,
    };
    let report = callbench::storm::run(config, &plan).await?;
    if arguments.load.json {
        say(&serde_json::to_string_pretty(&report)?)?;
    } else {
        say(report.to_string().trim_end())?;
    }
    if !report.is_passed() {
        bail!("not all that was wanted was seen");
    }
    Ok(())
}

fn answer(arguments: &AnswerArguments) -> anyhow::Result<()> {
    let answerer = Answerer::bind(arguments.listen, arguments.calls_max)
        .with_context(|| format!("{} can't be used", arguments.listen))?;
    let (ask, questions) = std::sync::mpsc::channel();
    std::thread::spawn(move || std::io::stdin().lines().map_while(Result::ok).try_for_each(|_| ask.send(())));
    Ok(answerer.run(&questions, &mut std::io::stdout())?)
}

/// A target without a user part calls the conferencing application.
fn with_user(target: &str, transport: Option<TransportArgument>) -> String {
    let target = match target.strip_prefix("sip:") {
        Some(host) if !host.contains('@') => format!("sip:conference@{host}"),
        Some(_) | None => target.to_owned(),
    };
    transport.map_or(target.clone(), |transport| transport.applied_to(&target))
}

fn say(line: &str) -> std::io::Result<()> {
    writeln!(std::io::stdout(), "{line}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_a_time_and_keys() {
        assert_eq!(keys("2.5=*6"), Ok((Duration::from_millis(2_500), "*6".to_owned())));
        for wrong in ["*6", "x=1", "1=", "1=z", "-1=5", "inf=1"] {
            assert!(keys(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_target_without_a_user_is_the_conferencing_application() {
        assert_eq!(with_user("sip:127.0.0.1:5060", None), "sip:conference@127.0.0.1:5060");
        assert_eq!(with_user("sip:7@h", Some(TransportArgument::Tls)), "sip:7@h;transport=tls");
    }

    #[test]
    fn the_command_line_is_sound() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }
}
