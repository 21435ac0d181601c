//! The rules of trunks: who calls, what a number means, how it is dialled.

#![expect(clippy::unwrap_used, reason = "a test whose scene can't be set up fails there and then")]

mod admission;
mod numbers;
mod outdial;
mod settings;

use partyline_conference::TrunkName;
use partyline_trunk::{Secret, SecretSource, Trunk, TrunkSettings, Trunks};

/// A trunk from the lines of its table.
fn written(text: &str) -> TrunkSettings {
    toml::from_str(text).unwrap_or_else(|error| panic!("{text}\n{error}"))
}

fn trunk(text: &str) -> Trunk {
    let settings = written(text).settled(|source| Ok::<Secret, ()>(source.text().unwrap().clone())).unwrap();
    settings.check().unwrap_or_else(|faults| panic!("{text}\n{faults:?}"))
}

fn trunks(texts: &[&str]) -> Trunks {
    let mut trunks = Trunks::default();
    for text in texts {
        trunks.add(trunk(text)).unwrap();
    }
    trunks
}

fn name(text: &str) -> TrunkName {
    TrunkName::new(text).unwrap()
}

fn no_secret(_: &SecretSource) -> Result<Secret, String> {
    Err("not there".to_owned())
}
