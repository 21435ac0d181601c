//! Which crate may use which: core ← ports ← roles ← bin, never sideways between roles, no tokio under core.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context;
use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, PackageId};

use crate::run;

/// The allowed edges between our crates. A crate that is not listed here is not allowed to exist.
const ALLOWED: &[(&str, &[&str])] = &[
    // core: brains
    ("partyline-conference", &[]),
    ("partyline-call", &["partyline-conference"]),
    ("partyline-trunk", &["partyline-conference", "partyline-call"]),
    ("partyline-sip", &[]),
    ("partyline-rtp", &[]),
    ("partyline-codec", &[]),
    ("partyline-audio", &[]),
    ("partyline-media", &["partyline-rtp", "partyline-codec", "partyline-audio"]),
    // ports: contracts and mechanics of I/O
    ("partyline-udp", &[]),
    (
        "partyline-engine",
        &["partyline-media", "partyline-rtp", "partyline-codec", "partyline-audio", "partyline-udp"],
    ),
    ("partyline-rpc", &["partyline-conference"]),
    ("partyline-store", &["partyline-conference", "partyline-tls", "partyline-trunk"]),
    ("partyline-telemetry", &[]),
    ("partyline-tls", &[]),
    // roles: shells
    (
        "partyline-vru",
        &[
            "partyline-conference",
            "partyline-call",
            "partyline-trunk",
            "partyline-sip",
            "partyline-audio",
            "partyline-codec",
            "partyline-engine",
            "partyline-rpc",
            "partyline-store",
            "partyline-tls",
            "partyline-udp",
        ],
    ),
    ("partyline-proxy", &["partyline-conference", "partyline-rpc", "partyline-store", "partyline-telemetry"]),
    ("partyline-cms", &["partyline-conference", "partyline-rpc", "partyline-store", "partyline-telemetry"]),
    (
        "partyline-linetest",
        &["partyline-conference", "partyline-rpc", "partyline-store", "partyline-telemetry"],
    ),
    (
        "partyline-mixer",
        &[
            "partyline-conference",
            "partyline-rpc",
            "partyline-engine",
            "partyline-audio",
            "partyline-telemetry",
        ],
    ),
    ("partyline-console", &["partyline-telemetry"]),
    // the binary composes, tools and tests call from outside
    ("partyline", &["*"]),
    (
        "callbench",
        &[
            "partyline-sip",
            "partyline-rtp",
            "partyline-codec",
            "partyline-audio",
            "partyline-udp",
            "partyline-tls",
        ],
    ),
    ("soundbench", &["partyline-media", "partyline-rtp", "partyline-codec", "partyline-audio"]),
    ("partyline-claims", &["callbench", "partyline-rpc", "partyline-conference"]),
    ("partyline-interop", &["callbench", "partyline-claims"]),
    ("partyline-sim", &["partyline-conference", "partyline-call", "partyline-sip"]),
    ("partyline-fuzzing", &["partyline-sip", "partyline-rtp"]),
    ("partyline-pgserver", &[]),
    ("xtask", &[]),
];

/// Asynchronous runtimes and sockets have no place in a brain.
const NOT_UNDER_CORE: &[&str] = &["tokio", "mio", "async-std", "smol", "socket2", "tonic", "rusqlite"];

/// Names every edge that is not allowed, and every crate under core that reaches a runtime.
pub(super) fn check() -> anyhow::Result<Vec<String>> {
    let metadata = MetadataCommand::new()
        .current_dir(run::root())
        .other_options(vec!["--locked".to_owned()])
        .exec()
        .context("cargo metadata")?;
    let allowed: BTreeMap<&str, &[&str]> = ALLOWED.iter().copied().collect();
    let ours: BTreeSet<&str> =
        metadata.workspace_packages().iter().map(|package| package.name.as_str()).collect();
    let mut wrong = Vec::new();
    for package in metadata.workspace_packages() {
        let Some(may_use) = allowed.get(package.name.as_str()) else {
            wrong.push(format!("crate {} is not in the table of allowed edges", package.name));
            continue;
        };
        for dependency in &package.dependencies {
            let name = dependency.name.as_str();
            let is_ours = ours.contains(name) && dependency.kind != DependencyKind::Development;
            if is_ours && !may_use.contains(&"*") && !may_use.contains(&name) {
                wrong.push(format!("{} must not use {name}", package.name));
            }
        }
        if package.manifest_path.as_str().contains("/crates/core/") {
            wrong.extend(
                runtimes_under(&metadata, &package.id)
                    .into_iter()
                    .map(|runtime| format!("{} is a brain, but reaches {runtime}", package.name)),
            );
        }
    }
    Ok(wrong)
}

/// Walks the normal dependencies of a package, to the end.
fn runtimes_under(metadata: &Metadata, start: &PackageId) -> Vec<String> {
    let Some(resolve) = &metadata.resolve else { return vec!["(no dependency graph)".to_owned()] };
    let mut seen = BTreeSet::from([start]);
    let mut open = vec![start];
    let mut found = Vec::new();
    while let Some(id) = open.pop() {
        let Some(node) = resolve.nodes.iter().find(|node| &node.id == id) else { continue };
        for dependency in &node.deps {
            let is_normal = dependency.dep_kinds.iter().any(|kind| kind.kind == DependencyKind::Normal);
            if !is_normal || !seen.insert(&dependency.pkg) {
                continue;
            }
            let name = metadata[&dependency.pkg].name.as_str();
            if NOT_UNDER_CORE.contains(&name) {
                found.push(name.to_owned());
            }
            open.push(&dependency.pkg);
        }
    }
    found
}
