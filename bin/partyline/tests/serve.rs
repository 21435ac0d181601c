//! A whole server, started and stopped as people do it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// Ten times what a clean stop may take.
const CEILING: Duration = Duration::from_secs(50);

/// The words of `serve` on free ports.
const SERVE: [&str; 6] = ["serve", "--json", "--sip-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0"];

fn partyline(data_dir: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_partyline"));
    command
        .args(words)
        .arg("--data-dir")
        .arg(data_dir)
        .env("PARTYLINE_LOG__FILTER", "warn")
        .stdin(Stdio::null());
    command
}

fn json(data_dir: &Path, words: &[&str]) -> Result<Value, String> {
    let output = partyline(data_dir, words).arg("--json").output().expect("the binary runs");
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    Ok(serde_json::from_slice(&output.stdout).expect("a command with --json answers in JSON"))
}

/// A server that takes calls, on ports that were free.
struct Server {
    child: Child,
    data_dir: PathBuf,
    /// What it said when it was ready.
    welcome: Value,
}

impl Server {
    fn start(data_dir: &Path) -> Self {
        Self::run(data_dir, &mut partyline(data_dir, &SERVE))
    }

    /// Runs a command of `serve`.
    fn run(data_dir: &Path, command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("the binary runs");
        let mut line = String::new();
        let output = child.stdout.take().expect("the output is piped");
        BufReader::new(output).read_line(&mut line).expect("the output reads");
        let welcome = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
        Self { child, data_dir: data_dir.to_owned(), welcome }
    }

    fn json(&self, words: &[&str]) -> Result<Value, String> {
        json(&self.data_dir, words)
    }

    fn readiness(&self) -> String {
        self.page("/readyz")
    }

    fn page(&self, path: &str) -> String {
        let address = self.welcome["http"].as_str().expect("the welcome names the HTTP address");
        let mut stream = TcpStream::connect(address).expect("the HTTP listener takes connections");
        stream
            .write_all(format!("GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").as_bytes())
            .expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        answer
    }

    fn state(&self, role: &str) -> String {
        let roles = self.json(&["role", "list"]).expect("the roles are listed");
        let found = roles.as_array().into_iter().flatten().find(|known| known["name"] == role);
        found.map(|role| role["state"].as_str().unwrap_or_default().to_owned()).unwrap_or_default()
    }

    /// Tells it to stop; answers with its exit code.
    fn stop(mut self) -> Option<i32> {
        let told = Command::new("kill").arg("-TERM").arg(self.child.id().to_string()).status();
        assert!(told.expect("kill runs").success());
        let until = Instant::now() + CEILING;
        while Instant::now() < until {
            if let Some(status) = self.child.try_wait().expect("the child can be waited for") {
                return status.code();
            }
            std::thread::yield_now();
        }
        panic!("still running {CEILING:?} after SIGTERM");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_first_start_tells_the_codes_of_a_demo_room_and_later_ones_do_not() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = folder.path().join("data");
    let server = Server::start(&data_dir);
    let code =
        server.welcome["demo"]["host_code"].as_str().expect("the first start tells the codes").to_owned();
    assert_eq!(code.len(), 8);
    assert!(server.readiness().starts_with("HTTP/1.1 200"), "{}", server.readiness());
    assert_eq!(server.json(&["room", "show", "demo"]).unwrap()["host_code_ends"], code[6..]);
    assert_eq!(server.stop(), Some(0));

    let again = Server::start(&data_dir);
    assert_eq!(again.welcome["demo"], Value::Null);
    assert_eq!(again.welcome["rooms"], 1);
    assert_eq!(again.stop(), Some(0));
}

#[test]
fn a_room_that_was_made_before_the_first_start_does_not_take_the_demo_rooms_place() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = folder.path().join("data");
    json(&data_dir, &["room", "create", "early"]).unwrap();
    let server = Server::start(&data_dir);
    assert!(server.welcome["demo"]["host_code"].is_string(), "{}", server.welcome);
    assert_eq!(server.welcome["rooms"], 2);
}

#[test]
fn a_second_server_on_the_data_directory_is_refused_and_told_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let second =
        partyline(folder.path(), &["serve", "--sip-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0"])
            .output()
            .unwrap();
    assert_eq!(second.status.code(), Some(3));
    let told = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(told.contains(&format!("(process {})", server.child.id())), "{told}");
    assert!(server.readiness().starts_with("HTTP/1.1 200"));
}

#[test]
fn a_taken_port_is_named_and_the_next_start_is_still_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let held = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = held.local_addr().unwrap().to_string();
    for words in [
        ["serve", "--sip-listen", &address, "--http-listen", "127.0.0.1:0"],
        ["serve", "--sip-listen", "127.0.0.1:0", "--http-listen", &address],
    ] {
        let output = partyline(folder.path(), &words).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(3), "{told}");
        assert!(told.contains(&format!("can't listen on {address}")) && told.contains("ss -lntup"), "{told}");
    }
    assert!(Server::start(folder.path()).welcome["demo"]["host_code"].is_string());
}

#[test]
fn a_role_is_stopped_and_started_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    assert_eq!(server.state("cms-1"), "running");
    server.json(&["role", "stop", "cms-1"]).unwrap();
    assert_eq!(server.state("cms-1"), "stopped");
    assert!(server.json(&["role", "stop", "cms-1"]).unwrap_err().contains("is stopped already"));
    assert!(server.json(&["role", "stop", "cms-9"]).unwrap_err().contains("there are cms-1, cms-2"));
    server.json(&["role", "start", "cms-1"]).unwrap();
    assert_eq!(server.state("cms-1"), "running");
    let log = server.json(&["role", "log", "proxy"]).unwrap();
    assert!(log["rpcs"].as_array().is_some_and(|rpcs| !rpcs.is_empty()), "{log}");
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn rooms_made_beside_a_running_server_are_there_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    server.json(&["room", "create", "standup"]).unwrap();
    let rooms = server.json(&["room", "list"]).unwrap();
    let names: Vec<&str> =
        rooms.as_array().into_iter().flatten().filter_map(|room| room["name"].as_str()).collect();
    assert_eq!(names, ["demo", "standup"]);
    assert_eq!(server.json(&["conference", "list", "--live"]).unwrap(), Value::Array(Vec::new()));
}

#[test]
fn after_a_kill_the_next_start_takes_calls_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(folder.path());
    server.child.kill().unwrap();
    server.child.wait().unwrap();
    let again = Server::start(folder.path());
    assert!(again.readiness().starts_with("HTTP/1.1 200"));
    assert_eq!(again.stop(), Some(0));
}

/// Has the kernel refuse io_uring to a command, as the seccomp profiles of containers do [seccomp(2)].
///
/// [seccomp(2)]: https://man7.org/linux/man-pages/man2/seccomp.2.html
#[expect(unsafe_code, reason = "no safe wrapper of seccomp is among our dependencies")]
fn without_io_uring(command: &mut Command) -> &mut Command {
    const SET_UP: u32 = libc::SYS_io_uring_setup as u32;
    const FILTER: libc::c_ulong = libc::SECCOMP_MODE_FILTER as libc::c_ulong;
    const YES: libc::c_ulong = 1;
    const NOTHING: libc::c_ulong = 0;
    let forbid = || {
        let instruction = |code: u32, jt, jf, k| libc::sock_filter { code: code as u16, jt, jf, k };
        let mut filter = [
            // The number of the call is at the beginning of what the filter sees.
            instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
            instruction(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, 1, SET_UP),
            instruction(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ERRNO | libc::EPERM as u32),
            instruction(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW),
        ];
        let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
        // SAFETY: the program lives through the calls, which change nothing but what this process may do.
        let result = unsafe {
            libc::prctl(libc::PR_SET_NO_NEW_PRIVS, YES, NOTHING, NOTHING, NOTHING);
            libc::prctl(libc::PR_SET_SECCOMP, FILTER, &raw const program)
        };
        if result == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
    };
    // SAFETY: between fork and exec it makes system calls only, and allocates nothing.
    unsafe { std::os::unix::process::CommandExt::pre_exec(command, forbid) }
}

#[test]
fn where_io_uring_is_forbidden_plain_sockets_carry_the_media_and_doctor_and_metrics_say_so() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::run(folder.path(), without_io_uring(&mut partyline(folder.path(), &SERVE)));
    assert!(server.readiness().starts_with("HTTP/1.1 200"), "{}", server.readiness());
    let until = Instant::now() + CEILING;
    while !server.page("/metrics").contains("partyline_media_io_threads{io=\"io_uring\"} 0\n") {
        assert!(Instant::now() < until, "{}", server.page("/metrics"));
    }
    let output = without_io_uring(&mut partyline(folder.path(), &["doctor"])).output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = told.lines().find(|line| line.contains("media I/O")).unwrap_or_default();
    assert!(line.starts_with("WARN") && line.contains("seccomp"), "{told}");
    assert!(line.contains("the running server has io_uring on 0 of"), "{told}");
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn who_wants_io_uring_only_is_told_at_the_start_that_it_is_forbidden() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = partyline(folder.path(), &SERVE);
    let output = without_io_uring(command.env("PARTYLINE_RTP__IO", "io_uring")).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("io_uring") && told.contains("seccomp") && told.contains("rtp.io"), "{told}");
}
