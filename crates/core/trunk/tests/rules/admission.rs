//! Who may call.

use std::net::{IpAddr, Ipv4Addr};

use partyline_trunk::{Admission, CallSource, Clash, SourceNetwork, Trunks, UnknownSources};
use proptest::prelude::*;

use crate::{trunk, trunks};

fn source(address: &str) -> CallSource<'static> {
    CallSource { address: address.parse().unwrap(), tls_peers: &[], user: None }
}

/// The outcome in a word: the trunk's name, or what happens.
fn admitted(trunks: &Trunks, unknown: UnknownSources, source: &CallSource<'_>) -> String {
    match trunks.admit(unknown, source) {
        Admission::Trunk(trunk) => trunk.name.to_string(),
        Admission::Unknown => "unknown".to_owned(),
        Admission::Challenge(Some(trunk)) => format!("challenge of {}", trunk.name),
        Admission::Challenge(None) => "challenge".to_owned(),
        Admission::Refuse => "refused".to_owned(),
    }
}

#[test]
fn smallest_network_that_holds_the_source_decides() {
    let trunks = trunks(&[
        "name = \"carrier\"\nsources = [\"203.0.113.0/24\", \"2001:db8::/32\"]",
        "name = \"sbc\"\nsources = [\"203.0.113.7\"]",
    ]);
    let of = |address| admitted(&trunks, UnknownSources::Allow, &source(address));
    assert_eq!(of("203.0.113.8"), "carrier");
    assert_eq!(of("203.0.113.7"), "sbc");
    assert_eq!(of("::ffff:203.0.113.7"), "sbc");
    assert_eq!(of("2001:db8:1::5"), "carrier");
    assert_eq!(of("198.51.100.1"), "unknown");
}

#[test]
fn unknown_source_is_let_in_challenged_or_refused_as_the_setting_says() {
    let trunks = trunks(&["name = \"carrier\"\nsources = [\"203.0.113.0/24\"]"]);
    let stranger = source("198.51.100.1");
    assert_eq!(admitted(&trunks, UnknownSources::default(), &stranger), "unknown");
    assert_eq!(admitted(&trunks, UnknownSources::Challenge, &stranger), "challenge");
    assert_eq!(admitted(&trunks, UnknownSources::Refuse, &stranger), "refused");
    assert_eq!(admitted(&trunks, UnknownSources::Refuse, &source("203.0.113.9")), "carrier");
}

#[test]
fn names_of_a_certificate_say_more_than_an_address() {
    let trunks = trunks(&[
        "name = \"network\"\nsources = [\"203.0.113.0/24\"]",
        "name = \"sbc\"\ntls_peers = [\"SBC.example.com\"]",
    ]);
    let peers = ["other.example".to_owned(), "sbc.Example.com".to_owned()];
    let shown = CallSource { tls_peers: &peers, ..source("203.0.113.1") };
    assert_eq!(admitted(&trunks, UnknownSources::Refuse, &shown), "sbc");
}

#[test]
fn user_finds_its_trunk_from_anywhere_unless_the_trunk_has_sources() {
    let trunks = trunks(&[
        "name = \"phones\"\nusers = [{ name = \"alice\", password = \"a\" }]",
        "name = \"pbx\"\nsources = [\"203.0.113.0/24\"]\nusers = [{ name = \"pbx\", password = \"b\" }]",
    ]);
    let of =
        |address, user| admitted(&trunks, UnknownSources::Challenge, &CallSource { user, ..source(address) });
    assert_eq!(of("198.51.100.1", None), "challenge");
    assert_eq!(of("198.51.100.1", Some("alice")), "phones");
    assert_eq!(of("198.51.100.1", Some("pbx")), "refused");
    assert_eq!(of("198.51.100.1", Some("mallory")), "refused");
    assert_eq!(of("203.0.113.1", None), "challenge of pbx");
    assert_eq!(of("203.0.113.1", Some("pbx")), "pbx");
    assert_eq!(of("203.0.113.1", Some("alice")), "refused");
}

#[test]
fn two_trunks_that_a_call_could_belong_to_are_refused_with_both_names() {
    let first = "name = \"first\"\nsources = [\"203.0.113.0/24\"]\ntls_peers = [\"a.example\"]\nusers = [{ name = \"u\", password = \"p\" }]";
    for (second, what) in [
        ("sources = [\"203.0.113.77/24\"]", "203.0.113.0/24"),
        ("tls_peers = [\"A.example\"]", "a.example"),
        ("users = [{ name = \"u\", password = \"q\" }]", "user \"u\""),
    ] {
        let mut trunks = trunks(&[first]);
        let clash = trunks.add(trunk(&format!("name = \"second\"\n{second}"))).unwrap_err().to_string();
        assert!(clash.contains(what) && clash.contains("first") && clash.contains("second"), "{clash}");
        assert_eq!(trunks.len(), 1);
    }
    let twice = trunks(&[first]).add(trunk("name = \"first\"\nsources = [\"192.0.2.1\"]"));
    assert!(matches!(twice, Err(Clash::Name(_))));
}

proptest! {
    #[test]
    fn found_trunk_is_the_one_that_looking_at_every_network_finds(
        networks in prop::collection::btree_set((0_u32..64, 24_u8..=32), 1..12),
        low in 0_u8..64,
    ) {
        let mut trunks = Trunks::default();
        let mut known: Vec<(SourceNetwork, String)> = Vec::new();
        for (place, (low, bits)) in networks.into_iter().enumerate() {
            let network = SourceNetwork::around(IpAddr::from((0x0a00_0000 + low).to_be_bytes()), bits);
            let name = format!("t{place}");
            if trunks.add(trunk(&format!("name = \"{name}\"\nsources = [\"{network}\"]"))).is_ok() {
                known.push((network, name));
            }
        }
        let address = IpAddr::from(Ipv4Addr::new(10, 0, 0, low));
        let holding = known.iter().filter(|(network, _)| network.contains(address));
        let expected = holding.max_by_key(|(network, _)| network.prefix_bits()).map(|(_, name)| name.as_str());
        prop_assert_eq!(trunks.of_address(address).map(|trunk| trunk.name.as_str()), expected);
    }
}
