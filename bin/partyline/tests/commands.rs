//! The command line, run as people run it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// A data directory of one test, and the binary that works on it.
struct Setup {
    folder: tempfile::TempDir,
}

impl Setup {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder can be made") }
    }

    fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn run(&self, words: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_partyline"))
            .args(words)
            .arg("--data-dir")
            .arg(self.data_dir())
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .output()
            .expect("the binary runs")
    }

    fn json(&self, words: &[&str]) -> Value {
        let mut words = words.to_vec();
        words.push("--json");
        let output = self.run(&words);
        assert!(output.status.success(), "{words:?}: {}", errors(&output));
        serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{words:?}: {error}: {}", text(&output)))
    }

    fn refused(&self, words: &[&str], code: i32) -> String {
        let output = self.run(words);
        assert_eq!(output.status.code(), Some(code), "{words:?}: {}{}", text(&output), errors(&output));
        errors(&output)
    }
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn code<'a>(room: &'a Value, key: &str) -> &'a str {
    room[key].as_str().unwrap_or_else(|| panic!("no {key} in {room}"))
}

#[test]
fn a_room_is_made_with_random_codes_listed_without_them_changed_and_deleted() {
    let setup = Setup::new();
    let made = setup.json(&["room", "create", "standup"]);
    let (host, participant) = (code(&made, "host_code"), code(&made, "participant_code"));
    assert_ne!(host, participant);
    for code in [host, participant] {
        assert!(code.len() == 8 && code.bytes().all(|byte| byte.is_ascii_digit()), "{code}");
    }
    let other = setup.json(&["room", "create", "other"]);
    assert_ne!(code(&other, "host_code"), host);

    let rooms = setup.json(&["room", "list"]);
    assert_eq!(rooms.as_array().map(Vec::len), Some(2));
    assert!(!rooms.to_string().contains(host));
    let shown = setup.json(&["room", "show", "standup"]);
    assert_eq!(code(&shown, "host_code_ends"), &host[6..]);
    assert_eq!(shown["entry"], "hold");

    let changed = setup.json(&[
        "room",
        "set",
        "standup",
        "--new-codes",
        "--entry",
        "converse",
        "--host-leaves",
        "grace:90",
    ]);
    assert_ne!(code(&changed, "host_code"), host);
    assert_eq!(
        (changed["entry"].as_str(), changed["host_leaves"].as_str()),
        (Some("converse"), Some("grace:90"))
    );

    setup.json(&["room", "delete", "standup"]);
    let gone = setup.refused(&["room", "show", "standup"], 1);
    assert_eq!(
        gone,
        "partyline: there is no room \"standup\"; `partyline room list` shows those there are\n"
    );
}

#[test]
fn a_trunk_is_made_listed_without_its_passwords_changed_and_deleted() {
    let setup = Setup::new();
    let users = "users=[{ name = \"pbx\", password = \"open sesame\" }]";
    let out = "dial_out={ hosts = [\"sip.example.com\"], numbers = [{ prefix = \"+\" }], user = \"us\", password = \"tell nobody\" }";
    let made =
        setup.json(&["trunk", "create", "carrier", "sources=203.0.113.0/24", users, out, "calls_max=30"]);
    assert_eq!(made["calls_max"], 30);
    setup.json(&["trunk", "set", "carrier", "calls_max=", "trusts_identity=true", "numbers=+1800*"]);
    let shown = setup.json(&["trunk", "show", "carrier"]);
    assert_eq!(shown["trusts_identity"], true);
    assert_eq!(shown["numbers"][0]["number"], "+1800*");
    assert_eq!((shown["calls_max"].is_null(), &shown["is_read_only"]), (true, &Value::Bool(false)));
    let listed = text(&setup.run(&["trunk", "list"]));
    assert!(listed.contains("carrier") && listed.contains("sip.example.com"), "{listed}");
    for printed in
        [made.to_string(), shown.to_string(), listed, text(&setup.run(&["trunk", "show", "carrier"]))]
    {
        assert!(!printed.contains("sesame") && !printed.contains("tell nobody"), "{printed}");
    }
    setup.json(&["trunk", "delete", "carrier"]);
    let gone = setup.refused(&["trunk", "show", "carrier"], 1);
    assert!(gone.contains("there is no trunk \"carrier\""), "{gone}");
}

#[test]
fn a_trunk_that_takes_what_another_has_is_refused_with_both_names() {
    let setup = Setup::new();
    let config = setup.folder.path().join("partyline.toml");
    std::fs::write(&config, "[[trunk]]\nname = \"fixed\"\nsources = [\"192.0.2.0/24\"]\n")
        .expect("a temporary file can be written");
    let config = config.to_str().expect("the path is text").to_owned();
    let with =
        |words: &[&'static str]| [words, &["--config", Box::leak(config.clone().into_boxed_str())]].concat();
    setup.json(&with(&["trunk", "create", "first", "sources=203.0.113.0/24"]));
    for (source, first) in [("sources=203.0.113.0/24", "first"), ("sources=192.0.2.0/24", "fixed")] {
        let error = setup.refused(&with(&["trunk", "create", "second", source]), 1);
        assert!(error.contains(first) && error.contains("second"), "{error}");
    }
    let fixed = setup.refused(&with(&["trunk", "set", "fixed", "calls_max=3"]), 1);
    assert!(fixed.contains("stands in the settings"), "{fixed}");
    let listed = setup.json(&with(&["trunk", "list"]));
    assert_eq!((&listed[0]["name"], &listed[1]["is_read_only"]), (&Value::from("first"), &Value::Bool(true)));
}

#[test]
fn every_setting_of_a_room_can_be_given_when_it_is_made() {
    let words = "room create board --host-code 0042 --participant-code 123456789 --host-pin 4711 --entry start \
        --class large --announce silence --max-conferees 7 --host-leaves end --lock all --music off --wait-max 90s \
        --conference-max 2h --call-max none --unmute-oneself on --deleted-stay-out on --waiting-room on \
        --roll-call on --no-rtp-max 30s --noisy-lines mute --noise-suppression on --agc off";
    let room = Setup::new().json(&words.split_whitespace().collect::<Vec<_>>());
    for (key, value) in [
        ("host_code", Value::from("0042")),
        ("participant_code", "123456789".into()),
        ("has_host_pin", true.into()),
        ("entry", "start".into()),
        ("class", "large".into()),
        ("announce", "silence".into()),
        ("max_conferees", 7.into()),
        ("host_leaves", "end".into()),
        ("lock", "all".into()),
        ("music", false.into()),
        ("unmute_oneself", true.into()),
        ("deleted_stay_out", true.into()),
        ("waiting_room", true.into()),
        ("roll_call", true.into()),
        ("noisy_lines", "mute".into()),
        ("noise_suppression", true.into()),
        ("agc", false.into()),
        ("wait_max_seconds", 90.into()),
        ("conference_max_seconds", 7200.into()),
        ("call_max_seconds", Value::Null),
        ("no_rtp_max_seconds", 30.into()),
    ] {
        assert_eq!(room[key], value, "{key}");
    }
}

#[test]
fn wrong_and_taken_codes_and_names_are_refused_with_the_reason() {
    let setup = Setup::new();
    let none = setup.refused(&["room", "create", "a", "--host-code", ""], 2);
    assert!(none.contains("a code has 4 to 16 digits; this one has 0"), "{none}");
    let forty = setup.refused(&["room", "create", "a", "--host-code", &"1".repeat(40)], 2);
    assert!(forty.contains("a code has 4 to 16 digits; this one has 40"), "{forty}");
    let same =
        setup.refused(&["room", "create", "a", "--host-code", "1234", "--participant-code", "1234"], 1);
    assert!(same.contains("the host code and the participant code are the same"), "{same}");

    setup.json(&["room", "create", "a", "--host-code", "12345678"]);
    let taken = setup.refused(&["room", "create", "b", "--host-code", "12345678"], 1);
    assert!(taken.contains("this code is in use already"), "{taken}");
    let name = setup.refused(&["room", "create", "a"], 1);
    assert!(name.contains("\"a\" is in use already"), "{name}");
    let nothing = setup.refused(&["room", "set", "a"], 1);
    assert!(nothing.contains("nothing to change was named"), "{nothing}");
    assert_eq!(setup.json(&["room", "list"]).as_array().map(Vec::len), Some(1));
}

#[test]
fn without_a_data_directory_or_a_server_commands_say_so() {
    let setup = Setup::new();
    assert!(setup.refused(&["room", "list"], 1).contains("there is no data directory"));
    assert!(setup.refused(&["role", "list"], 1).contains("there is no data directory"));
    setup.json(&["room", "create", "a"]);
    assert!(setup.refused(&["role", "list"], 1).contains("no server runs on the data directory"));
    assert_eq!(setup.json(&["conference", "list"]), Value::Array(Vec::new()));
    assert!(setup.refused(&["conference", "show", "a"], 1).contains("the room \"a\" has no live conference"));
    assert!(setup.refused(&["conference", "show", "A B"], 1).contains("neither a conference's identifier"));
}

#[test]
fn a_damaged_database_is_told_and_left_as_it_is() {
    let setup = Setup::new();
    setup.json(&["room", "create", "a"]);
    let database = setup.data_dir().join("partyline.db");
    let mut bytes = std::fs::read(&database).unwrap();
    let middle = bytes.len() / 2;
    bytes.truncate(middle);
    bytes[16..200].fill(0xa5);
    std::fs::write(&database, &bytes).unwrap();
    for words in [["room", "list"].as_slice(), &["room", "create", "b"], &["serve"]] {
        let told = setup.refused(words, 1);
        assert!(told.contains("it was left as it is"), "{words:?}: {told}");
    }
    assert_eq!(std::fs::read(&database).unwrap(), bytes);
}

#[test]
fn secrets_that_are_missing_or_damaged_are_not_made_anew_over_a_database() {
    let setup = Setup::new();
    setup.json(&["room", "create", "a"]);
    let secrets = setup.data_dir().join("secrets.toml");
    std::fs::write(&secrets, "nonsense").unwrap();
    assert!(setup.refused(&["room", "create", "b"], 1).contains("the secrets are damaged"));
    assert_eq!(std::fs::read_to_string(&secrets).unwrap(), "nonsense");
    std::fs::remove_file(&secrets).unwrap();
    assert!(setup.refused(&["serve"], 1).contains("the secrets are missing"));
    assert!(!secrets.exists());
}

#[test]
fn doctor_answers_in_lines_and_in_json() {
    let setup = Setup::new();
    setup.json(&["room", "create", "a"]);
    let free = ["--sip-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0"];
    let output = setup.run(&[&["doctor"], free.as_slice()].concat());
    assert!(output.status.success(), "{}", text(&output));
    assert!(text(&output).contains("OK   database"), "{}", text(&output));
    let report = setup.json(&[&["doctor"], free.as_slice()].concat());
    assert_eq!(report["healthy"], true);
    let checks: Vec<&str> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|finding| finding["check"].as_str())
        .collect();
    for check in [
        "file descriptors",
        "clock",
        "SIP port",
        "HTTP port",
        "RTP ports",
        "database",
        "prompts",
        "public address",
    ] {
        assert!(checks.contains(&check), "{check} is not in {checks:?}");
    }
}

#[test]
fn doctor_fails_on_a_port_that_another_program_has() {
    let setup = Setup::new();
    let held = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = held.local_addr().unwrap().to_string();
    let output = setup.run(&["doctor", "--sip-listen", "127.0.0.1:0", "--http-listen", &address]);
    assert_eq!(output.status.code(), Some(1));
    let line =
        text(&output).lines().find(|line| line.contains("HTTP port")).map(str::to_owned).unwrap_or_default();
    assert!(line.starts_with("FAIL") && line.contains(&address), "{}", text(&output));
}

#[test]
fn settings_are_shown_with_their_origin_and_wrong_ones_refused_with_their_line() {
    let setup = Setup::new();
    let file = setup.folder.path().join("partyline.toml");
    std::fs::write(&file, "[http]\nlisten = \"127.0.0.1:9090\"\n").unwrap();
    let path = file.to_str().unwrap();
    let shown = setup.json(&["config", "show", "--config", path, "--rtp-ports", "20000-20999"]);
    assert_eq!(shown["config"]["http"]["listen"], "127.0.0.1:9090");
    assert_eq!(shown["origins"]["http.listen"], format!("{path}:2"));
    assert_eq!(shown["origins"]["rtp.ports"], "--rtp-ports");
    assert_eq!(shown["origins"]["sip.listen"], "default");
    assert_eq!(setup.json(&["config", "check", "--config", path])["valid"], true);

    std::fs::write(&file, "[http]\nport = 9090\n").unwrap();
    let refused = setup.refused(&["config", "check", "--config", path], 2);
    assert_eq!(
        refused,
        format!("partyline: {path}:2: unknown field `port`, expected `listen`\n  | port = 9090\n")
    );
    let flag = setup.refused(&["serve", "--rtp-ports", "9-3"], 2);
    assert!(flag.contains("expected two ports from 1024 to 65535"), "{flag}");
}

#[test]
fn what_is_shown_can_be_read_back() {
    let setup = Setup::new();
    let shown = setup.run(&["config", "show"]);
    let file = setup.folder.path().join("shown.toml");
    std::fs::write(&file, &shown.stdout).unwrap();
    assert_eq!(setup.json(&["config", "check", "--config", path_text(&file)])["valid"], true);
}

fn path_text(path: &Path) -> &str {
    path.to_str().expect("temporary paths are text")
}
