//! Bytes at random and mutants of the corpus through each target: the fuzzer's poor relation, on any compiler.
//!
//! `PARTYLINE_SIM_SEEDS` says how many; `PARTYLINE_SIM_SEED` runs one alone.

use std::env;
use std::path::Path;

use partyline_fuzzing::{Lived, TARGETS, live};

/// Seeds in CI, for each target.
const SEEDS: u64 = 300;
/// Longest input that is made of nothing.
const RANDOM_MAX: u64 = 600;

/// A generator that is good enough to bend bytes.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let number = (mixed ^ (mixed >> 31)) % u64::try_from(end.max(1)).expect("a length");
        usize::try_from(number).expect("below a length")
    }

    fn byte(&mut self) -> u8 {
        u8::try_from(self.below(256)).expect("below 256")
    }
}

fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .expect("a corpus")
        .map(|entry| entry.expect("a folder that can be read").path())
        .collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).expect("an input that can be read")).collect()
}

fn input(seed: u64, corpus: &[Vec<u8>]) -> Vec<u8> {
    let mut chance = Chance(seed);
    if chance.below(3) == 0 {
        let length = chance.below(usize::try_from(RANDOM_MAX).expect("small"));
        return (0..length).map(|_| chance.byte()).collect();
    }
    let mut bytes = corpus[chance.below(corpus.len())].clone();
    for _ in 0..=chance.below(6) {
        let place = chance.below(bytes.len());
        match chance.below(6) {
            0 => bytes.truncate(place),
            1 => bytes.insert(place.min(bytes.len()), chance.byte()),
            2 => {
                let other = &corpus[chance.below(corpus.len())];
                let from = chance.below(other.len());
                bytes.truncate(place);
                bytes.extend_from_slice(&other[from..]);
            }
            3 => bytes.extend_from_slice(&corpus[chance.below(corpus.len())]),
            4 => {
                let twice = bytes[place..].to_vec();
                bytes.extend_from_slice(&twice[..twice.len().min(200)]);
            }
            _ => {
                if let Some(byte) = bytes.get_mut(place) {
                    *byte ^= 1 << chance.below(8);
                }
            }
        }
    }
    bytes
}

fn bend(name: &str) {
    let number = |name: &str| env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let (_, target) = TARGETS.iter().find(|(known, _)| *known == name).expect("a target of this name");
    let corpus = corpus(name);
    let seeds = match number("PARTYLINE_SIM_SEED") {
        Some(one) => one..one + 1,
        None => 0..number("PARTYLINE_SIM_SEEDS").unwrap_or(SEEDS),
    };
    for seed in seeds {
        let bytes = input(seed, &corpus);
        if let Err(panic) = std::panic::catch_unwind(|| target(&bytes)) {
            eprintln!("PARTYLINE_SIM_SEED={seed}: {}", bytes.escape_ascii());
            std::panic::resume_unwind(panic);
        }
    }
}

macro_rules! mutants {
    ($($name:ident)*) => {$(
        #[test]
        fn $name() {
            bend(stringify!($name));
        }
    )*};
}

mutants! { message sdp rtp rtcp telephone_event srtp stun digest endpoint }

#[test]
fn the_deeds_of_an_endpoint_get_deep() {
    let corpus = corpus("endpoint");
    let mut all = Lived::default();
    for seed in 0..SEEDS {
        let Lived { incoming, confirmed, answered, changed } = live(&input(seed, &corpus));
        all.incoming += incoming;
        all.confirmed += confirmed;
        all.answered += answered;
        all.changed += changed;
    }
    eprintln!("{all:?}");
    assert!(all.incoming > 0 && all.confirmed > 0 && all.answered > 0 && all.changed > 0, "{all:?}");
}
