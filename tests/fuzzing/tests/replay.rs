//! The committed corpus, and every input that once failed, through the targets again.

use std::path::{Path, PathBuf};

use partyline_fuzzing::TARGETS;

/// What the whole corpus may weigh.
const CORPUS_OCTETS_MAX: u64 = 2 * 1024 * 1024;

fn inputs(target: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let mut inputs: Vec<_> = std::fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.expect("a folder that can be read").path())
        .collect();
    inputs.sort();
    inputs
}

fn replay(name: &str) {
    let (_, target) = TARGETS.iter().find(|(known, _)| *known == name).expect("a target of this name");
    let inputs = inputs(name);
    assert!(!inputs.is_empty(), "{name} has no corpus");
    for input in inputs {
        // A failure names the input.
        eprintln!("{}", input.display());
        target(&std::fs::read(&input).expect("an input that can be read"));
    }
}

macro_rules! replays {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                replay(stringify!($name));
            }
        )*

        #[test]
        fn every_target_is_replayed() {
            let names: Vec<_> = TARGETS.iter().map(|(name, _)| *name).collect();
            assert_eq!(names, [$(stringify!($name)),*]);
        }
    };
}

replays! { message sdp rtp rtcp telephone_event srtp stun digest endpoint }

#[test]
fn the_corpus_is_small() {
    let octets: u64 = TARGETS
        .iter()
        .flat_map(|(name, _)| inputs(name))
        .map(|input| input.metadata().expect("a file").len())
        .sum();
    assert!(octets <= CORPUS_OCTETS_MAX, "{octets} octets; `cargo xtask fuzz --minimise` makes less of them");
}

#[test]
fn every_target_is_known_to_the_fuzzer() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
    let manifest = std::fs::read_to_string(fuzz.join("Cargo.toml")).expect("fuzz/Cargo.toml");
    for (name, _) in TARGETS {
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name} is not in fuzz/Cargo.toml");
        assert!(fuzz.join("fuzz_targets").join(format!("{name}.rs")).is_file(), "{name} has no file");
    }
}
