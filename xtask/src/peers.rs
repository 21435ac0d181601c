//! The programs that tests call with: installed from Debian's packages where that is allowed.

use anyhow::bail;

use crate::run;

/// A program that a task needs, and the Debian package that has it.
pub(crate) struct Peer {
    /// The program.
    pub(crate) program: &'static str,
    /// The package.
    pub(crate) package: &'static str,
}

/// Real SIP peers of the tests.
pub(crate) const SIP_PEERS: &[Peer] = &[
    Peer { program: "sipp", package: "sip-tester" },
    Peer { program: "baresip", package: "baresip-core" },
    Peer { program: "linphonec", package: "linphone-cli" },
    Peer { program: "kamailio", package: "kamailio" },
    Peer { program: "sipsak", package: "sipsak" },
    Peer { program: "svmap", package: "sipvicious" },
    Peer { program: "tshark", package: "tshark" },
];

/// The database server that the store's tests start; Debian keeps its own programs out of the path.
pub(crate) const DATABASE: &[Peer] = &[Peer { program: "pg_ctlcluster", package: "postgresql" }];

/// What libopus is built with.
pub(crate) const BUILD: &[Peer] = &[
    Peer { program: "cmake", package: "cmake" },
    Peer { program: "make", package: "make" },
    Peer { program: "cc", package: "gcc" },
];

/// What the prompts are made with.
pub(crate) const VOICE: &[Peer] =
    &[Peer { program: "text2wave", package: "festival" }, Peer { program: "sox", package: "sox" }];

/// The package of the voice itself, which has no program of its own.
pub(crate) const VOICE_PACKAGE: &str = "festvox-us-slt-hts";

/// Sees to it that the programs are there: installs them as root on Debian, else says exactly what to install.
pub(crate) fn ensure(peers: &[Peer], more_packages: &[&str]) -> anyhow::Result<()> {
    let missing: Vec<&str> =
        peers.iter().filter(|peer| !run::is_installed(peer.program)).map(|peer| peer.package).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let packages: Vec<&str> = missing.into_iter().chain(more_packages.iter().copied()).collect();
    let by_hand = format!("sudo apt-get install --no-install-recommends {}", packages.join(" "));
    if !(run::is_installed("apt-get") && is_root()) {
        bail!("this needs programs that are not installed here. Install them, then try again:\n  {by_hand}");
    }
    run::say(&format!("installing {}", packages.join(" ")));
    // An old package list finds nothing; a failed update may still find what a recent one listed.
    let _ = run::run("apt-get", &["update", "-qq"]);
    let mut install = run::command("apt-get", &["install", "-y", "-qq", "--no-install-recommends"]);
    install.args(&packages).env("DEBIAN_FRONTEND", "noninteractive").stdout(std::process::Stdio::null());
    run::finish(&mut install).map_err(|error| error.context(format!("install by hand: {by_hand}")))
}

fn is_root() -> bool {
    std::process::Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}
