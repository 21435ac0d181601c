//! Kamailio: a proxy in front of the server, that stays in every dialog by Record-Route; or a provider's registrar.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tempfile::TempDir;

/// How long it may take to start; far above what it needs.
const CEILING: Duration = Duration::from_secs(30);
const ASK_EVERY: Duration = Duration::from_millis(200);
const MODULES: &str = "/usr/lib/x86_64-linux-gnu/kamailio/modules/";

/// What Kamailio does with a call that comes in.
#[derive(Debug, Clone)]
pub enum Forwarding {
    /// Sends it to this server over this transport (`udp` or `tcp`).
    To(SocketAddr, &'static str),
    /// Sends it to these in turn, and to another one where the first does not take it.
    Among(Vec<SocketAddr>),
    /// Sends it to who has registered, and has shown this user's password in this digest algorithm.
    Registered(Subscriber),
}

/// Who may register.
#[derive(Debug, Clone, Copy)]
pub struct Subscriber {
    /// The number or name.
    pub user: &'static str,
    /// The password.
    pub password: &'static str,
    /// The digest algorithm, `MD5` or `SHA-256`.
    pub algorithm: &'static str,
}

/// A running Kamailio on a loopback address of its own, on UDP and TCP.
#[derive(Debug)]
pub struct Kamailio {
    child: Child,
    local: Ipv4Addr,
    folder: TempDir,
}

impl Kamailio {
    /// Starts it, and waits until it answers.
    ///
    /// # Errors
    /// When it can't be started, with what it said.
    pub fn start(local: Ipv4Addr, forwarding: &Forwarding) -> anyhow::Result<Self> {
        let folder = TempDir::new()?;
        let path = folder.path();
        std::fs::write(path.join("kamailio.cfg"), configuration(local, forwarding, path))?;
        if let Forwarding::Among(servers) = forwarding {
            let list: String = servers.iter().map(|server| format!("1 sip:{server}\n")).collect();
            std::fs::write(path.join("dispatcher.list"), list)?;
        }
        let output = File::create(path.join("output.txt"))?;
        let child = Command::new("kamailio")
            .args(["-DD", "-E", "-m", "32", "-M", "4", "-f"])
            .arg(path.join("kamailio.cfg"))
            .arg("-Y")
            .arg(path)
            .arg("-P")
            .arg(path.join("pid"))
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .context("kamailio could not be started (Debian package kamailio)")?;
        let mut kamailio = Self { child, local, folder };
        kamailio.wait_ready()?;
        Ok(kamailio)
    }

    /// Where it is called.
    #[must_use]
    pub fn sip(&self) -> SocketAddr {
        SocketAddr::from((self.local, 5060))
    }

    /// Its address.
    #[must_use]
    pub const fn address(&self) -> Ipv4Addr {
        self.local
    }

    /// What it logged.
    #[must_use]
    pub fn printed(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("output.txt")).unwrap_or_default()
    }

    /// A request without a hop left is answered by itself.
    fn wait_ready(&mut self) -> anyhow::Result<()> {
        let socket = UdpSocket::bind((self.local, 0))?;
        socket.set_read_timeout(Some(ASK_EVERY))?;
        let (us, it) = (socket.local_addr()?, self.sip());
        let question = format!(
            "OPTIONS sip:{it} SIP/2.0\r\nVia: SIP/2.0/UDP {us};branch=z9hG4bKready;rport\r\n\
             From: <sip:test@{us}>;tag=ready\r\nTo: <sip:{it}>\r\nCall-ID: ready\r\nCSeq: 1 OPTIONS\r\n\
             Max-Forwards: 0\r\nContent-Length: 0\r\n\r\n"
        );
        let until = Instant::now() + CEILING;
        while Instant::now() < until {
            if let Some(status) = self.child.try_wait()? {
                bail!("kamailio ended with {status}:\n{}", self.printed());
            }
            // Refused until it listens.
            let _ = socket.send_to(question.as_bytes(), it);
            if socket.recv(&mut [0; 2048]).is_ok() {
                return Ok(());
            }
        }
        bail!("kamailio does not answer:\n{}", self.printed())
    }
}

impl Drop for Kamailio {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("what kamailio logged:\n{}", self.printed());
        }
        // Its other processes end with the first one only where that may end them.
        let _ = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        let until = Instant::now() + Duration::from_secs(5);
        while Instant::now() < until {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What differs from one forwarding to another.
struct Parts {
    modules: String,
    /// What is done with requests of no dialog first.
    first: &'static str,
    /// How a call's next hop is found.
    choice: String,
    /// More routes.
    routes: &'static str,
}

fn parts(forwarding: &Forwarding, folder: &Path) -> Parts {
    let folder = folder.display();
    match forwarding {
        Forwarding::To(server, transport) => Parts {
            modules: String::new(),
            first: "",
            choice: format!("$du = \"sip:{server};transport={transport}\";"),
            routes: "",
        },
        Forwarding::Among(_) => Parts {
            modules: format!(
                "loadmodule \"dispatcher.so\"\nmodparam(\"dispatcher\", \"list_file\", \"{folder}/dispatcher.list\")\n\
                 modparam(\"dispatcher\", \"xavp_dst\", \"_dsdst_\")\nmodparam(\"dispatcher\", \"flags\", 2)\n\
                 modparam(\"dispatcher\", \"ds_ping_interval\", 1)\nmodparam(\"dispatcher\", \"ds_probing_mode\", 1)\n\
                 modparam(\"dispatcher\", \"ds_ping_method\", \"OPTIONS\")\n"
            ),
            first: "",
            choice: "if (!ds_select_dst(\"1\", \"4\")) { sl_send_reply(\"503\", \"Nobody there\"); exit; }\n\
                     t_on_failure(\"NEXT\");"
                .to_owned(),
            routes: "failure_route[NEXT] {\n if (t_is_canceled()) { exit; }\n\
                     if (t_check_status(\"503\") || t_branch_timeout()) { if (ds_next_dst()) { t_relay(); exit; } }\n}\n",
        },
        Forwarding::Registered(Subscriber { user, password, algorithm }) => Parts {
            modules: format!(
                "loadmodule \"auth.so\"\nloadmodule \"usrloc.so\"\nloadmodule \"registrar.so\"\n\
                 modparam(\"auth\", \"algorithm\", \"{algorithm}\")\nmodparam(\"usrloc\", \"db_mode\", 0)\n\
                 modparam(\"auth\", \"qop\", \"auth\")\n\
                 route[REGISTER] {{\n\
                 if ($tU != \"{user}\" || !pv_www_authenticate(\"provider.example\", \"{password}\", \"0\")) {{\n\
                 www_challenge(\"provider.example\", \"1\"); exit;\n }}\n\
                 save(\"location\"); exit;\n}}\n"
            ),
            first: "if (is_method(\"REGISTER\")) { route(REGISTER); }",
            choice: "if (!lookup(\"location\")) { sl_send_reply(\"404\", \"Not Registered\"); exit; }"
                .to_owned(),
            routes: "",
        },
    }
}

fn configuration(local: Ipv4Addr, forwarding: &Forwarding, folder: &Path) -> String {
    let Parts { modules, first, choice, routes } = parts(forwarding, folder);
    format!(
        "#!KAMAILIO\ndebug=2\nlog_stderror=yes\nfork=yes\nchildren=2\ntcp_children=2\nauto_aliases=no\ndns=no\n\
         rev_dns=no\ndns_srv_lb=no\nlisten=udp:{local}:5060\nlisten=tcp:{local}:5060\ntcp_source_ipv4={local}\nmpath=\"{MODULES}\"\n\
         loadmodule \"tm.so\"\nloadmodule \"tmx.so\"\nloadmodule \"sl.so\"\nloadmodule \"rr.so\"\nloadmodule \"pv.so\"\n\
         loadmodule \"maxfwd.so\"\nloadmodule \"textops.so\"\nloadmodule \"siputils.so\"\n\
         modparam(\"tm\", \"fr_timer\", 1500)\n{modules}\
         request_route {{\n\
         if (!mf_process_maxfwd_header(\"10\")) {{ sl_send_reply(\"483\", \"Too Many Hops\"); exit; }}\n\
         if (is_method(\"CANCEL\")) {{ if (t_check_trans()) {{ t_relay(); }} exit; }}\n\
         if (has_totag()) {{\n if (loose_route()) {{ t_relay(); exit; }}\n\
         if (is_method(\"ACK\")) {{ if (t_check_trans()) {{ t_relay(); }} exit; }}\n\
         sl_send_reply(\"404\", \"Not Here\"); exit;\n }}\n\
         {first}\nt_check_trans();\nrecord_route();\n{choice}\nt_relay();\n}}\n{routes}"
    )
}
